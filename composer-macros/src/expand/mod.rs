//! Prints a model. This pass cannot fail: everything that can be wrong has been checked before.
//!
//! The printed code calls the public interface of the runtime crate, and its `__private` for
//! accessors. Everything else it names through `::core`, as any other name may be shadowed where
//! the code is expanded. Spans decide where the compiler shows errors of types, so tokens that
//! check a user's value are given the span of that value (`located`).
//!
//! `components.rs` prints what is added to a composer, `composed.rs` the type of the composition, `accessors.rs` the
//! methods that call, `lookup.rs` how their exports are found; `fields.rs` has the names of what is declared.

mod accessors;
mod components;
mod composed;
mod fields;
mod lookup;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Visibility};

use self::components::{setup, value};
use self::composed::Composed;
use self::fields::parts_of;
use crate::model::{Form, Header, Model};

/// The expression or the items.
pub(crate) fn expand(model: &Model) -> TokenStream {
    match &model.form {
        Form::Expression => expression(model),
        Form::Item(header) => item(model, header),
        Form::Unknown => TokenStream::new(),
    }
}

/// A block that evaluates the components and returns the future. The types are declared in an inner
/// block, which the user's expressions cannot see.
fn expression(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let (vis, shown) = (Visibility::Inherited, format_ident!("__Composed"));
    let ty = Composed::new(model, &shown, &vis);
    let (name, items) = (&ty.name, ty.items(&[], TokenStream::new()));
    let composer = local("composer");
    let setup = setup(model, &composer, |component| value(krate, component));
    let modules = &model.modules;
    let expanded = quote! {
        #modules
        let mut #composer = #krate::Composer::new();
        #setup
        {
            #items
            #krate::__private::composing(
                async move { #composer.compose().await.and_then(#name::__bind) }
            )
        }
    };
    let mut block = Group::new(Delimiter::Brace, expanded);
    // If the block stands where an item is expected, the compiler reports its braces; the span
    // leads to the first component instead.
    if let Some(first) = model.components.first() {
        block.set_span(Span::mixed_site().located_at(first.name.span()));
    }
    block.into_token_stream()
}

fn item(model: &Model, header: &Header) -> TokenStream {
    let ty = Composed::new(model, &header.name, &header.vis);
    let parts = ty.parts();
    let items = ty.items(&header.attrs, ty.compose());
    let modules = &model.modules;
    quote!(#modules #items #parts)
}

/// The items of a block in which something could not be declared. The type has a parameter, for
/// which the erroneous expression `error` is the argument: the compiler then does not report other
/// uses of the type.
pub(crate) fn broken_item(model: &Model, header: &Header, error: &TokenStream) -> TokenStream {
    let ty = Composed::broken(model, header);
    let parts = ty.parts();
    let items = ty.items(&header.attrs, ty.compose());
    let (vis, name, shown) = (ty.vis, &ty.name, ty.shown);
    let value = format_ident!("__BROKEN_{}", shown.unraw().to_string().to_uppercase());
    let handles = model.interfaces.iter().map(|interface| {
        let (cfgs, handle) = (&interface.cfgs, ty.handle(interface));
        let shown = ty.handle_of(shown, interface);
        quote!(#(#cfgs)* #[doc(hidden)] #vis type #shown<'a> = #handle<'a, { #value }>;)
    });
    let parts_alias = (!model.arguments.is_empty()).then(|| {
        let (inner, shown) = (parts_of(name), parts_of(shown));
        let params = ty.part_params();
        quote!(#[doc(hidden)] #vis type #shown<#(#params),*> = #inner<#(#params,)* { #value }>;)
    });
    let modules = &model.modules;
    quote! {
        #modules
        const #value: ::core::primitive::usize = #error;
        #[doc(hidden)]
        #vis type #shown = #name<{ #value }>;
        #(#handles)*
        #parts_alias
        #items
        #parts
    }
}

/// The same tokens with the span `span`, where the compiler then shows errors.
pub(crate) fn located(tokens: &TokenStream, span: Span) -> TokenStream {
    let at_span = |token: TokenTree| {
        let here = token.span().located_at(span);
        let mut token = match token {
            TokenTree::Group(group) => {
                TokenTree::Group(Group::new(group.delimiter(), located(&group.stream(), span)))
            }
            token => token,
        };
        token.set_span(here);
        token
    };
    tokens.clone().into_iter().map(at_span).collect()
}

/// Generates a sentence of documentation if the user gave none.
fn docs(attrs: &[Attribute], sentence: impl FnOnce() -> String) -> Option<TokenStream> {
    if attrs.iter().any(|attr| attr.path().is_ident("doc")) {
        return None;
    }
    let sentence = sentence();
    Some(quote!(#[doc = #sentence]))
}

/// Lints that do not apply to accessors: an accessor states what the composition must export even
/// if it is never called, its name and parameters follow the component, and a `cfg` may remove it,
/// or all of them.
fn lints() -> TokenStream {
    quote! {
        #[allow(
            dead_code,
            unused_mut,
            clippy::too_many_arguments,
            clippy::wrong_self_convention,
            reason = "generated after what a component exports"
        )]
    }
}

/// A variable that the user's code cannot see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
