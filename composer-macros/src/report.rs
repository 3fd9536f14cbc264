//! Gathers errors, so that the user sees all mistakes at once.
//!
//! A mistake is either harmless (`error`: everything is declared as it was meant) or a loss
//! (`loss`: something is not declared). After a loss `fallback` prevents errors about what is
//! missing.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;
use syn::Error;

/// The errors so far.
#[derive(Default)]
pub(crate) struct Report {
    errors: Vec<Error>,
    lossy: bool,
}

impl Report {
    /// Notes a mistake at `tokens` after which everything can still be declared as it was meant.
    pub(crate) fn error(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.errors.push(Error::new_spanned(tokens, message));
    }

    /// Notes such a mistake at a span.
    pub(crate) fn error_at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.errors.push(Error::new(span, message));
    }

    /// Notes a mistake because of which something cannot be declared.
    pub(crate) fn loss(&mut self, error: Error) {
        self.errors.push(error);
        self.lossy = true;
    }

    /// Notes a mistake that makes all others pointless, and drops those.
    pub(crate) fn instead(&mut self, error: Error) {
        self.errors.clear();
        self.loss(error);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// The number of mistakes so far.
    pub(crate) fn count(&self) -> usize {
        self.errors.len()
    }

    /// Fails with all mistakes, if there are any.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        if self.errors.is_empty() {
            return Ok(());
        }
        let errors = self.errors.iter().map(Error::to_compile_error).collect();
        Err(Failure { errors, lossy: self.lossy })
    }
}

/// Adds an error to those that are told with it.
#[cfg(feature = "wit")]
pub(crate) fn also(errors: &mut Option<Error>, error: Error) {
    match errors {
        Some(errors) => errors.combine(error),
        None => *errors = Some(error),
    }
}

/// The mistakes of an invocation.
pub(crate) struct Failure {
    /// One invocation of `compile_error!` for each mistake; never empty.
    pub(crate) errors: Vec<TokenStream>,
    /// Whether something that the user meant is not declared.
    pub(crate) lossy: bool,
}
