//! Exports that no guest implements.

use std::error::Error;
use std::pin::Pin;

use crate::error::Cause;
use crate::value::Value;

/// Implements exported functions.
pub trait Provider: Send + Sync + 'static {
    /// Calls the function number `func` with arguments of its type.
    ///
    /// What is returned must not block its thread. It is polled by any task, by another one later on,
    /// and dropped when its caller gives the call up.
    fn call(&self, func: usize, args: Vec<Value>) -> ProviderFuture;
}

/// A call of a [`Provider`].
pub type ProviderFuture =
    Pin<Box<dyn Future<Output = Result<Option<Value>, ProviderError>> + Send>>;

/// Why a [`Provider`]'s call failed: the source of a [`CompositionError::Host`](crate::CompositionError::Host).
#[derive(Debug)]
pub struct ProviderError(wasmtime::Error);

impl ProviderError {
    /// That a call failed with `error`.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Self {
        Self(wasmtime::Error::new(error))
    }

    pub(crate) fn into_cause(self) -> Cause {
        Cause::new(self.0)
    }
}

impl From<wasmtime::Error> for ProviderError {
    fn from(error: wasmtime::Error) -> Self {
        Self(error)
    }
}
