//! How the exports of accessors are looked up, and their types required.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::Type;
use syn::spanned::Spanned;

use super::located;
use crate::model::{Function, Interface};

/// `accessors.function(("run_add", false), (None, "run-add"), [parameter::<i32>().check], &returned::<i32>())`
pub(super) fn lookup(
    krate: &TokenStream,
    accessors: &Ident,
    interface: Option<&Interface>,
    function: &Function,
) -> TokenStream {
    let Function { name, export, is_async, params, .. } = function;
    let (accessor, within) = match interface {
        None => (name.to_string(), quote!(::core::option::Option::None)),
        Some(interface) => {
            let full_name = &interface.interface;
            let accessor = format!("{}().{name}", interface.name);
            (accessor, quote!(::core::option::Option::Some(#full_name)))
        }
    };
    let checks = params.iter().map(|(_, ty)| {
        let parameter = parameter(krate, ty);
        quote!(#parameter.check)
    });
    let returned = returned(krate, function);
    quote! {
        #accessors.function(
            (#accessor, #is_async),
            (#within, #export),
            [#(#checks),*],
            &#returned,
        )
    }
}

/// The expression that requires a parameter's type to be a component value. The same tokens are
/// used in two places, so the compiler reports a wrong type once, at the type.
pub(super) fn parameter(krate: &TokenStream, ty: &Type) -> TokenStream {
    let function = located(&quote!(#krate::__private::parameter), ty.span());
    quote!(#function::<#ty>())
}

/// The same for the type that is returned.
pub(super) fn returned(krate: &TokenStream, function: &Function) -> TokenStream {
    let (output, span) = match &function.output {
        Some(ty) => (ty.to_token_stream(), ty.span()),
        None => (quote!(()), function.name.span()),
    };
    let function = located(&quote!(#krate::__private::returned), span);
    quote!(#function::<#output>())
}

pub(super) fn output(function: &Function) -> TokenStream {
    match &function.output {
        Some(ty) => ty.to_token_stream(),
        None => quote!(()),
    }
}
