//! What stands for a block with mistakes, so that they do not set off errors elsewhere.

use proc_macro2::TokenStream;
use quote::quote;

use crate::expand;
use crate::model::{Form, Model};
use crate::report::Failure;

/// The errors, and what could be made of the block.
///
/// If that is not all that was meant, other code may use what is missing. The block then is of the
/// type that the compiler gives to `compile_error!`: everything can be done with it in silence.
pub(crate) fn expand(model: &Model, failure: &Failure) -> TokenStream {
    let Failure { errors, lossy } = failure;
    match &model.form {
        Form::Expression if *lossy => quote!({ #(#errors)* }),
        Form::Expression => {
            let value = expand::expand(model);
            quote!({ #(#errors)* #value })
        }
        Form::Item(header) if *lossy => {
            let (vis, name) = (&header.vis, &header.name);
            let (first, rest) = errors.split_first().expect("a failure has an error");
            quote! {
                #vis type #name = #first;
                #(#rest)*
            }
        }
        Form::Item(_) => {
            let items = expand::expand(model);
            quote!(#(#errors)* #items)
        }
    }
}
