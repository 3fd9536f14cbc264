//! The components of a composer, each with its hints, filters, layers and settings, and what they are.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::{local, located};
use crate::model::{
    By, Chain, Component, Contain, FilterKind, Fused, Hint, Host, HostFunction, Implemented, Layer,
    Model, Setting, Shared, Value,
};

/// Adds components and hints to `composer`. Components without a value, which is a mistake, are
/// left out.
pub(super) fn setup(
    model: &Model,
    composer: &Ident,
    value: impl Fn(&Component) -> Option<TokenStream>,
) -> TokenStream {
    let krate = &model.krate;
    let components = model.components.iter().filter_map(|component| {
        let value = match &component.group {
            None => value(component)?,
            Some(group) => fused(krate, value(component)?, group, &value),
        };
        let descriptor = descriptor(krate, component, value);
        Some(quote!(#composer.add(#descriptor);))
    });
    let hints = export_hints(composer, &model.export_hints);
    let chains = chains(composer, &model.chains);
    let cycles = model.allow_cycles.then(|| quote!(#composer.allow_cycles();));
    let layers = model.layers.iter().map(|layer| {
        let span = Span::mixed_site().located_at(layer.span());
        quote_spanned!(span=> #composer.with_layer(#layer);)
    });
    quote!(#(#components)* #hints #chains #cycles #(#layers)*)
}

/// The value of a component, if the block gives it.
pub(super) fn value(krate: &TokenStream, component: &Component) -> Option<TokenStream> {
    Some(match component.value.as_ref()? {
        Value::Given(value) => value.to_token_stream(),
        Value::Host(host) => interface_in_rust(krate, host),
        Value::Implemented(Implemented { host, by }) => {
            // That a value does not implement the trait is shown at the value.
            let (by, span) = match by {
                By::Value(value) => (value.to_token_stream(), value.span()),
                By::Type(ty) => (component.name.to_token_stream(), ty.span()),
            };
            let host = located(host, span);
            quote!(#host(#by))
        }
    })
}

fn interface_in_rust(krate: &TokenStream, host: &Host) -> TokenStream {
    // Errors about a function are shown at the function.
    let span = Span::mixed_site().located_at(host.span);
    let begin = match &host.interface {
        Some(name) => quote_spanned!(span=> #krate::HostInterface::new(#name)),
        None => quote_spanned!(span=> #krate::HostInterface::root()),
    };
    let clones = clones(&host.shared);
    let functions = host.functions.iter().map(|function| host_function(krate, function, &clones));
    quote_spanned!(span=> #begin #(#functions)*)
}

/// Clones the shared values for one function.
fn clones(shared: &[Shared]) -> TokenStream {
    let clones = shared.iter().map(|Shared { name, ty }| {
        let ty = ty.iter();
        quote! {
            #[allow(unused_variables, reason = "not every function needs all that they share")]
            let #name #(: #ty)* = ::core::clone::Clone::clone(&#name);
        }
    });
    quote!(#(#clones)*)
}

fn host_function(
    krate: &TokenStream,
    function: &HostFunction,
    clones: &TokenStream,
) -> TokenStream {
    let HostFunction { name, is_async, params, param_names, output, export, body } = function;
    let span = Span::mixed_site().located_at(name.span());
    let (names, types): (Vec<_>, Vec<_>) = params.iter().cloned().unzip();
    let output = match output {
        Some(ty) => ty.to_token_stream(),
        None => quote!(()),
    };
    let (method, closure) = if *is_async {
        // The unreachable `return` in front tells the compiler the type that `?` and `return` in
        // the body must have.
        let closure = quote! {
            move |#(#names: #types),*| {
                #clones
                async move {
                    if let ::core::option::Option::Some(never) = #krate::__private::returns::<#output>() {
                        return never;
                    }
                    #(#body)*
                }
            }
        };
        ("func_wrap_concurrent", closure)
    } else {
        ("func_wrap", quote!(move |#(#names: #types),*| -> #output { #(#body)* }))
    };
    let method = Ident::new(method, span);
    let params = (!param_names.is_empty()).then(|| quote!(.with_params(&[#(#param_names),*])));
    quote_spanned!(span=> .#method(#export, { #clones #closure }) #params)
}

fn export_hints(composer: &Ident, hints: &[Hint]) -> TokenStream {
    let hints = hints.iter().map(|hint| {
        let (name, target) = (&hint.name, &hint.target);
        quote!(#composer.with_export_hint(#name, #target);)
    });
    quote!(#(#hints)*)
}

fn chains(composer: &Ident, chains: &[Chain]) -> TokenStream {
    let chains = chains
        .iter()
        .map(|Chain { interface, ids }| quote!(#composer.chain(#interface, [#(#ids),*]);));
    quote!(#(#chains)*)
}

/// A group, fused with the linker and the stores of `place`.
fn fused(
    krate: &TokenStream,
    place: TokenStream,
    group: &Fused,
    value: &impl Fn(&Component) -> Option<TokenStream>,
) -> TokenStream {
    // Errors about the place are shown at the place.
    let span = Span::mixed_site().located_at(place.span());
    let (composer, given) = (local("group"), local("place"));
    let components = group.components.iter().filter_map(|component| {
        let descriptor = descriptor(krate, component, value(component)?);
        Some(quote!(#composer.add(#descriptor);))
    });
    let hints = export_hints(&composer, &group.export_hints);
    let chains = chains(&composer, &group.chains);
    let function = located(&quote!(#krate::__private::fused), span);
    quote_spanned! {span=> {
        let #given = #place;
        let mut #composer = #krate::Composer::new();
        #(#components)*
        #hints
        #chains
        #function(#composer, #given)
    }}
}

fn descriptor(krate: &TokenStream, component: &Component, value: TokenStream) -> TokenStream {
    // Errors about the value are shown at the value.
    let span = Span::mixed_site().located_at(value.span());
    let krate = &located(krate, span);
    let value = match &component.filter {
        None => value,
        Some(filter) => {
            let names = &filter.names;
            let method = match filter.kind {
                FilterKind::Expose => Ident::new("exposing", span),
                FilterKind::Hide => Ident::new("hiding", span),
            };
            quote_spanned!(span=> #krate::ExportFilter::#method(#value, &[#(#names),*]))
        }
    };
    let id = &component.id;
    let hints = component.import_hints.iter().map(|hint| {
        let (name, target) = (&hint.name, &hint.target);
        match &hint.export {
            Some(export) => quote!(.with_import_hint_as(#name, #target, #export)),
            None => quote!(.with_import_hint(#name, #target)),
        }
    });
    let contained = component.contained.iter().map(|Contain { import, case }| {
        let how = match case {
            Some(case) => quote!(case(#case)),
            None => quote!(message()),
        };
        quote!(.with_containment(#import, #krate::Containment::#how))
    });
    let layers = component.layers.iter().map(|Layer { value, on }| match on {
        Some(import) => quote_spanned!(value.span()=> .with_import_layer(#import, #value)),
        None => quote_spanned!(value.span()=> .with_layer(#value)),
    });
    let settings = component.settings.iter().map(|Setting { name, value }| {
        let method = format_ident!("with_{name}", span = Span::mixed_site());
        quote_spanned!(value.span()=> .#method(#value))
    });
    let untrusted = component.is_untrusted.then(|| quote!(.untrusted()));
    quote_spanned! {span=>
        #krate::ComposableDescriptor::new(#id, #value)
            #(#hints)* #(#contained)* #(#layers)* #untrusted #(#settings)*
    }
}
