//! What stands for a block with mistakes, so that they do not set off errors elsewhere.

use proc_macro2::TokenStream;
use quote::quote;

use crate::expand;
use crate::model::{Form, Model};
use crate::report::Failure;

/// The errors, and what could be made of the block.
///
/// If that is not all that was meant, other code may use what is missing. An expression then is of
/// the type that the compiler gives to `compile_error!`: everything can be done with it in silence.
/// There is no such type for items.
pub(crate) fn expand(model: &Model, failure: &Failure) -> TokenStream {
    let Failure { errors, lossy } = failure;
    let rest = expand::expand(model);
    match &model.form {
        Form::Expression if *lossy => quote!({ #(#errors)* }),
        Form::Expression => quote!({ #(#errors)* #rest }),
        Form::Item(_) => quote!(#(#errors)* #rest),
    }
}
