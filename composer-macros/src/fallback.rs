//! What stands for a block with mistakes, so that they do not set off errors elsewhere.

use proc_macro2::TokenStream;
use quote::quote;

use crate::expand;
use crate::model::{Form, Model};
use crate::report::Failure;

/// The errors, and what could be made of the block.
///
/// If that is not all that was meant, other code may use what is missing: of the type that the compiler
/// gives to `compile_error!` everything can be used in silence. An expression is of that type then, with
/// the rest beside it for editors; of an item the type has a parameter that is such an error.
pub(crate) fn expand(model: &Model, failure: &Failure) -> TokenStream {
    let Failure { errors, lossy } = failure;
    match &model.form {
        // In the place of an expression and in that of an item there can be one macro, and no braces.
        Form::Unknown => quote!(#(#errors)*),
        Form::Expression => {
            let rest = expand::expand(model);
            match lossy {
                true => quote!({ if true { #(#errors)* } else #rest }),
                false => quote!({ #(#errors)* #rest }),
            }
        }
        Form::Item(header) if *lossy => {
            expand::broken_item(model, header, &quote!({ #(#errors)* }))
        }
        Form::Item(_) => {
            let rest = expand::expand(model);
            quote!(#(#errors)* #rest)
        }
    }
}
