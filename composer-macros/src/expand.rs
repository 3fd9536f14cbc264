//! Prints a model. Nothing can go wrong here.
//!
//! What is printed calls the public interface of the runtime crate, and for accessors its
//! `__private`. Besides, it names only `::core`: everything else may be shadowed where it lands.

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Visibility};

use crate::model::{
    Component, Contain, FilterKind, Form, Function, Fused, Header, Hint, Host, HostFunction,
    Interface, Layer, Model, Setting, Value,
};

/// The expression or the items.
pub(crate) fn expand(model: &Model) -> TokenStream {
    match &model.form {
        Form::Expression => expression(model),
        Form::Item(header) => item(model, header),
    }
}

/// A block that evaluates the components and gives the future. The types are declared in a block
/// of their own, where the user's expressions do not see them.
fn expression(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let vis = Visibility::Inherited;
    let ty = Composed { model, name: &format_ident!("__Composed"), vis: &vis };
    let (name, items) = (ty.name, ty.items(&[], TokenStream::new()));
    let composer = local("composer");
    let setup = setup(model, &composer, |component| value(krate, component).unwrap_or_default());
    quote! {{
        let mut #composer = #krate::Composer::new();
        #setup
        {
            #items
            async move { #composer.compose().await.and_then(#name::__bind) }
        }
    }}
}

fn item(model: &Model, header: &Header) -> TokenStream {
    let ty = Composed { model, name: &header.name, vis: &header.vis };
    ty.items(&header.attrs, compose(model, &header.vis))
}

/// The associated function `compose` of the item form.
fn compose(model: &Model, vis: &Visibility) -> TokenStream {
    let krate = &model.krate;
    let (mut params, mut generics) = (Vec::new(), Vec::new());
    for component in &model.components {
        let name = &component.name;
        if component.value.is_some() {
            continue;
        }
        let Some(group) = &component.group else {
            params.push(quote!(#name: impl #krate::Composable));
            continue;
        };
        let data = format_ident!("__Data{}", generics.len());
        generics.push(quote!(#data: ::core::marker::Send + 'static));
        params.push(quote! {
            #name: (
                #krate::__private::Linker<#data>,
                impl ::core::ops::Fn() -> #krate::__private::Store<#data>
                    + ::core::marker::Send + ::core::marker::Sync + 'static,
            )
        });
        let names = group.components.iter().map(|component| &component.name);
        params.extend(names.map(|name| quote!(#name: impl #krate::Composable)));
    }
    let generics = (!generics.is_empty()).then(|| quote!(<#(#generics),*>));
    let composer = local("composer");
    let setup = setup(model, &composer, |component| {
        value(krate, component).unwrap_or_else(|| component.name.to_token_stream())
    });
    quote! {
        /// Wires and starts the components given, and finds the export of every accessor.
        ///
        /// # Errors
        ///
        /// If the components cannot be wired or started, or if an accessor does not fit the
        /// export that it is for.
        ///
        /// # Cancel safety
        ///
        /// Dropping the future ends what was started; no component of it runs on.
        #vis async fn compose #generics(
            #(#params),*
        ) -> ::core::result::Result<Self, #krate::CompositionError> {
            let mut #composer = #krate::Composer::new();
            #setup
            #composer.compose().await.and_then(Self::__bind)
        }
    }
}

/// Adds components and hints to `composer`.
fn setup(
    model: &Model,
    composer: &Ident,
    value: impl Fn(&Component) -> TokenStream,
) -> TokenStream {
    let krate = &model.krate;
    let components = model.components.iter().map(|component| {
        let value = match &component.group {
            None => value(component),
            Some(group) => fused(krate, value(component), group, &value),
        };
        let descriptor = descriptor(krate, component, value);
        quote!(#composer.add(#descriptor);)
    });
    let hints = export_hints(composer, &model.export_hints);
    let cycles = model.allow_cycles.then(|| quote!(#composer.allow_cycles();));
    let layers = model.layers.iter().map(|layer| {
        let span = Span::mixed_site().located_at(layer.span());
        quote_spanned!(span=> #composer.with_layer(#layer);)
    });
    quote!(#(#components)* #hints #cycles #(#layers)*)
}

/// What a component is, if it is said in the block.
fn value(krate: &TokenStream, component: &Component) -> Option<TokenStream> {
    Some(match component.value.as_ref()? {
        Value::Given(value) => value.to_token_stream(),
        Value::Host(host) => interface_in_rust(krate, host),
    })
}

fn interface_in_rust(krate: &TokenStream, host: &Host) -> TokenStream {
    // What is wrong with a function shall be seen in it.
    let span = Span::mixed_site().located_at(host.span);
    let begin = match &host.interface {
        Some(name) => quote_spanned!(span=> #krate::HostInterface::new(#name)),
        None => quote_spanned!(span=> #krate::HostInterface::root()),
    };
    let functions =
        host.functions.iter().map(|function| host_function(krate, function, &host.shared));
    quote_spanned!(span=> #begin #(#functions)*)
}

fn host_function(krate: &TokenStream, function: &HostFunction, shared: &[Ident]) -> TokenStream {
    let HostFunction { name, is_async, params, param_names, output, export, body } = function;
    let span = Span::mixed_site().located_at(name.span());
    let (names, types): (Vec<_>, Vec<_>) = params.iter().cloned().unzip();
    let output = match output {
        Some(ty) => ty.to_token_stream(),
        None => quote!(()),
    };
    let clones = quote! {
        #(
            #[allow(unused_variables, reason = "not every function needs all that they share")]
            let #shared = ::core::clone::Clone::clone(&#shared);
        )*
    };
    let (method, closure) = if *is_async {
        // The first of the two says what `?` and `return` are to give.
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

/// A group, fused for the linker and the stores of `place`.
fn fused(
    krate: &TokenStream,
    place: TokenStream,
    group: &Fused,
    value: &impl Fn(&Component) -> TokenStream,
) -> TokenStream {
    // What is wrong with the place shall be seen there.
    let span = Span::mixed_site().located_at(place.span());
    let (composer, given) = (local("group"), local("place"));
    let components = group.components.iter().map(|component| {
        let descriptor = descriptor(krate, component, value(component));
        quote!(#composer.add(#descriptor);)
    });
    let hints = export_hints(&composer, &group.export_hints);
    let function = located(&quote!(#krate::__private::fused), span);
    quote_spanned! {span=> {
        let #given = #place;
        let mut #composer = #krate::Composer::new();
        #(#components)*
        #hints
        #function(#composer, #given)
    }}
}

fn descriptor(krate: &TokenStream, component: &Component, value: TokenStream) -> TokenStream {
    // What is wrong with the value shall be seen at the value.
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
    quote_spanned! {span=>
        #krate::ComposableDescriptor::new(#id, #value)
            #(#hints)* #(#contained)* #(#layers)* #(#settings)*
    }
}

/// The type of the composition and all that belongs to it.
struct Composed<'m> {
    model: &'m Model,
    name: &'m Ident,
    vis: &'m Visibility,
}

impl Composed<'_> {
    fn items(&self, attrs: &[Attribute], compose: TokenStream) -> TokenStream {
        let (krate, name) = (&self.model.krate, self.name);
        let lints = lints();
        let definition = self.definition(attrs);
        let functions =
            self.model.functions.iter().map(|it| self.accessor(it, quote!(&self), quote!(self)));
        let handles = self.model.interfaces.iter().map(|it| self.handle_accessor(it));
        let bind = self.bind();
        let interfaces = self.model.interfaces.iter().map(|it| self.interface(it));
        let text = name.to_string();
        quote! {
            #definition

            #lints
            impl #name {
                #compose
                #(#functions)*
                #(#handles)*
                #bind
            }

            impl ::core::ops::Deref for #name {
                type Target = #krate::Composition;

                fn deref(&self) -> &Self::Target {
                    &self.__composition
                }
            }

            impl ::core::fmt::Debug for #name {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_tuple(#text).field(&self.__composition).finish()
                }
            }

            #(#interfaces)*
        }
    }

    fn definition(&self, attrs: &[Attribute]) -> TokenStream {
        let (krate, name, vis) = (&self.model.krate, self.name, self.vis);
        let fields = self.model.all_functions().map(|(_, function)| {
            let (cfgs, field) = (&function.cfgs, field(function));
            quote!(#(#cfgs)* #field: #krate::__private::Accessor,)
        });
        quote! {
            #(#attrs)*
            #[derive(::core::clone::Clone)]
            #vis struct #name {
                __composition: #krate::Composition,
                #(#fields)*
            }
        }
    }

    /// The one place where exports are looked up.
    fn bind(&self) -> TokenStream {
        let krate = &self.model.krate;
        let (composition, accessors) = (local("composition"), local("accessors"));
        let result = quote!(::core::result::Result<Self, #krate::CompositionError>);
        if self.model.all_functions().next().is_none() {
            return quote! {
                fn __bind(#composition: #krate::Composition) -> #result {
                    ::core::result::Result::Ok(Self { __composition: #composition })
                }
            };
        }
        let lookups = self.model.all_functions().map(|(interface, function)| {
            let (cfgs, field) = (&function.cfgs, lookup_local(function));
            let lookup = lookup(&accessors, interface, function);
            quote!(#(#cfgs)* let #field = #lookup;)
        });
        let fields = self.model.all_functions().map(|(_, function)| {
            let (cfgs, field, local) = (&function.cfgs, field(function), lookup_local(function));
            quote!(#(#cfgs)* #field: #local,)
        });
        quote! {
            fn __bind(#composition: #krate::Composition) -> #result {
                let mut #accessors = #krate::__private::Accessors::new(&#composition);
                #(#lookups)*
                #accessors.finish()?;
                ::core::result::Result::Ok(Self { __composition: #composition, #(#fields)* })
            }
        }
    }

    /// The method that calls a function. `composed` is where its field is.
    fn accessor(
        &self,
        function: &Function,
        receiver: TokenStream,
        composed: TokenStream,
    ) -> TokenStream {
        let (krate, vis) = (&self.model.krate, self.vis);
        let Function { cfgs, attrs, name, .. } = function;
        let docs = docs(attrs, || format!(" Calls the export `{}`.", function.export));
        let (names, types): (Vec<_>, Vec<_>) = function.params.iter().cloned().unzip();
        let output = output(function);
        let field = field(function);
        // What is wrong with the result's type shall be seen there.
        let span = function.output.as_ref().map_or_else(|| name.span(), Spanned::span);
        let call = located(&quote!(#composed.#field.call((#(#names,)*)).await), span);
        quote! {
            #docs
            #(#cfgs)*
            #(#attrs)*
            #vis async fn #name(
                #receiver,
                #(#names: #types),*
            ) -> ::core::result::Result<#output, #krate::CompositionError> {
                #call
            }
        }
    }

    /// The method that gives an interface's handle.
    fn handle_accessor(&self, interface: &Interface) -> TokenStream {
        let vis = self.vis;
        let Interface { cfgs, attrs, name, .. } = interface;
        let docs = docs(attrs, || format!(" The functions of `{}`.", interface.interface));
        let handle = self.handle(interface);
        quote! {
            #docs
            #(#cfgs)*
            #(#attrs)*
            #vis fn #name(&self) -> #handle<'_> {
                #handle { __composed: self }
            }
        }
    }

    /// The handle of an interface. Its methods take it by value, so that their futures may outlive
    /// the expression that got it.
    fn interface(&self, interface: &Interface) -> TokenStream {
        let (name, vis, lints) = (self.name, self.vis, lints());
        let handle = self.handle(interface);
        let (cfgs, full_name) = (&interface.cfgs, &interface.interface);
        let docs = format!(" The functions of `{full_name}` of a [`{name}`].");
        let functions = interface
            .functions
            .iter()
            .map(|it| self.accessor(it, quote!(self), quote!(self.__composed)));
        quote! {
            #[doc = #docs]
            #(#cfgs)*
            #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
            #vis struct #handle<'a> {
                __composed: &'a #name,
            }

            #(#cfgs)*
            #lints
            impl #handle<'_> {
                #(#functions)*
            }
        }
    }

    fn handle(&self, interface: &Interface) -> Ident {
        let span = interface.name.span().resolved_at(self.name.span());
        Ident::new(&format!("{}{}", self.name, interface.suffix), span)
    }
}

/// `accessors.function::<(i32,), i32>("run_add", None, "run-add", false)`
fn lookup(accessors: &Ident, interface: Option<&Interface>, function: &Function) -> TokenStream {
    let Function { name, export, is_async, params, .. } = function;
    let (accessor, within) = match interface {
        None => (name.to_string(), quote!(::core::option::Option::None)),
        Some(interface) => {
            let full_name = &interface.interface;
            let accessor = format!("{}().{name}", interface.name);
            (accessor, quote!(::core::option::Option::Some(#full_name)))
        }
    };
    let types = params.iter().map(|(_, ty)| ty);
    let output = output(function);
    // What is wrong with a type shall be seen there or, of a parameter, at the accessor's name.
    let span = Span::mixed_site().located_at(name.span());
    let types = quote_spanned!(span=> (#(#types,)*));
    let find = located(&quote!(#accessors.function::), name.span());
    quote!(#find<#types, #output>(#accessor, #within, #export, #is_async))
}

fn output(function: &Function) -> TokenStream {
    match &function.output {
        Some(ty) => ty.to_token_stream(),
        None => quote!(()),
    }
}

/// The same tokens, as if they stood at `span`: errors are shown there.
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

/// What is documented nowhere gets a sentence.
fn docs(attrs: &[Attribute], sentence: impl FnOnce() -> String) -> Option<TokenStream> {
    if attrs.iter().any(|attr| attr.path().is_ident("doc")) {
        return None;
    }
    let sentence = sentence();
    Some(quote!(#[doc = #sentence]))
}

/// An accessor says what the composition must export, called or not; its name and parameters are the
/// component's choice; and it may be left out by a `cfg`, as may all of them.
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

fn field(function: &Function) -> Ident {
    format_ident!("__accessor_{}", function.index)
}

fn lookup_local(function: &Function) -> Ident {
    local(&format!("accessor_{}", function.index))
}

/// A variable that the user's code cannot see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
