//! `#[derive(ComponentValue)]`: `check` turns the type into a `model`, `expand` prints the
//! implementations.

mod attrs;
mod check;
mod expand;
mod model;

use proc_macro2::TokenStream;
use quote::quote;
use syn::DeriveInput;

use crate::report::Report;

/// The implementations for a type. If there are errors, implementations that do nothing are printed
/// beside them, so that uses of the type do not cause further errors.
pub(crate) fn component_value(input: TokenStream) -> TokenStream {
    let input: DeriveInput = match syn::parse2(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut report = Report::default();
    let model = check::check(input, &mut report);
    let impls = expand::expand(&model);
    match report.finish() {
        Ok(()) => impls,
        Err(failure) => {
            let errors = failure.errors;
            quote!(#(#errors)* #impls)
        }
    }
}
