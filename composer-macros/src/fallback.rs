//! The expansion of a block with mistakes, which must not cause errors elsewhere.

use proc_macro2::TokenStream;
use quote::quote;

use crate::expand;
use crate::model::{Form, Model};
use crate::report::Failure;

/// The errors, together with everything of the block that can be declared.
///
/// If that is not everything the user meant, other code may use what is missing, and should not
/// cause errors of its own. The compiler accepts any use of the type that it gives to
/// `compile_error!`. So a broken expression has that type, with the declarations beside it for
/// editors, and the type of a broken item has a parameter with such an error as its argument.
pub(crate) fn expand(model: &Model, failure: &Failure) -> TokenStream {
    let Failure { errors, lossy } = failure;
    match &model.form {
        // Both in the place of an expression and in that of an item a single macro invocation is
        // allowed, without braces.
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
