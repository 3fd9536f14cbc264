//! Prints a model. This pass cannot fail: everything that can be wrong has been checked before.
//!
//! The printed code calls the public interface of the runtime crate, and its `__private` for
//! accessors. Everything else it names through `::core`, as any other name may be shadowed where
//! the code is expanded. Spans decide where the compiler shows errors of types, so tokens that
//! check a user's value are given the span of that value (`located`).

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Type, Visibility};

use crate::check::PARTS;
use crate::model::{
    Argument, ArgumentKind, Chain, Component, Contain, FilterKind, Form, Function, Fused, Header,
    Hint, Host, HostFunction, Interface, Layer, Model, Service, Setting, Shared, Value,
};
use crate::names;

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
    let expanded = quote! {
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
    quote!(#items #parts)
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
    quote! {
        const #value: ::core::primitive::usize = #error;
        #[doc(hidden)]
        #vis type #shown = #name<{ #value }>;
        #(#handles)*
        #parts_alias
        #items
        #parts
    }
}

/// Adds components and hints to `composer`. Components without a value, which is a mistake, are
/// left out.
fn setup(
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
fn value(krate: &TokenStream, component: &Component) -> Option<TokenStream> {
    Some(match component.value.as_ref()? {
        Value::Given(value) => value.to_token_stream(),
        Value::Host(host) => interface_in_rust(krate, host),
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

/// The type of the composition, with its accessors.
struct Composed<'m> {
    model: &'m Model,
    name: Ident,
    /// The name as the user declared it.
    shown: &'m Ident,
    vis: &'m Visibility,
    /// Whether the type has the parameter of a broken block.
    is_broken: bool,
}

impl<'m> Composed<'m> {
    fn new(model: &'m Model, shown: &'m Ident, vis: &'m Visibility) -> Self {
        Self { model, name: shown.clone(), shown, vis, is_broken: false }
    }

    fn broken(model: &'m Model, header: &'m Header) -> Self {
        let name = format_ident!("__Broken{}", header.name);
        Self { model, name, shown: &header.name, vis: &header.vis, is_broken: true }
    }

    /// The parameter in declarations.
    fn param(&self) -> Option<TokenStream> {
        self.is_broken.then(|| quote!(const __BROKEN: ::core::primitive::usize))
    }

    /// The parameter in uses.
    fn arg(&self) -> Option<TokenStream> {
        self.is_broken.then(|| quote!(__BROKEN))
    }
}

impl Composed<'_> {
    fn items(&self, attrs: &[Attribute], compose: TokenStream) -> TokenStream {
        let (krate, name) = (&self.model.krate, &self.name);
        let (param, arg) = (self.param().map(angled), self.arg().map(angled));
        let mut lints = lints();
        if self.is_broken {
            lints.extend(quote!(#[allow(unused_variables, reason = "what uses them is missing")]));
        }
        let definition = self.definition(attrs);
        let functions =
            self.model.functions.iter().map(|it| self.accessor(it, quote!(&self), quote!(self)));
        let handles = self.model.interfaces.iter().map(|it| self.handle_accessor(it));
        let services = self.model.services.iter().map(|it| self.service_accessor(it));
        let bind = self.bind();
        let interfaces = self.model.interfaces.iter().map(|it| self.interface(it));
        let text = self.shown.to_string();
        quote! {
            #definition

            #lints
            impl #param #name #arg {
                #compose
                #(#functions)*
                #(#handles)*
                #(#services)*
                #bind
            }

            impl #param ::core::ops::Deref for #name #arg {
                type Target = #krate::Composition;

                fn deref(&self) -> &Self::Target {
                    &self.__composition
                }
            }

            impl #param ::core::fmt::Debug for #name #arg {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_tuple(#text).field(&self.__composition).finish()
                }
            }

            #(#interfaces)*
        }
    }

    /// The associated function `compose` of the item form. It exists for at most one component:
    /// several would be told apart only by their order, so exchanging two arguments would silently
    /// exchange their hints and limits.
    fn compose(&self) -> TokenStream {
        let (model, krate, vis) = (self.model, &self.model.krate, self.vis);
        let params = model.arguments.iter().map(|Argument { name, kind }| match kind {
            ArgumentKind::Component => quote!(#name: impl #krate::Composable),
            ArgumentKind::Place => quote!(#name: impl #krate::__private::Place),
            ArgumentKind::Shared(ty) => quote!(#name: #ty),
        });
        let composer = local("composer");
        let setup = setup(model, &composer, |component| {
            Some(value(krate, component).unwrap_or_else(|| component.name.to_token_stream()))
        });
        let body = quote! {
            let mut #composer = #krate::Composer::new();
            #setup
            #composer.compose().await.and_then(Self::__bind)
        };
        let params = quote!(#(#params),*);
        let result = quote!(::core::result::Result<Self, #krate::CompositionError>);
        if model.arguments.len() > 1 {
            return quote! {
                async fn __compose(#params) -> #result {
                    #body
                }
            };
        }
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
            #vis async fn compose(#params) -> #result {
                #body
            }
        }
    }

    /// The type parameters of the parts: one for each part that is any type with a trait.
    fn part_params(&self) -> Vec<Ident> {
        let is_open = |it: &&Argument| !matches!(it.kind, ArgumentKind::Shared(_));
        let count = self.model.arguments.iter().filter(is_open).count();
        (0..count).map(|index| format_ident!("__Part{index}")).collect()
    }

    /// The arguments of `compose` as a struct with a field for each.
    fn parts(&self) -> Option<TokenStream> {
        let (krate, vis, name, shown) = (&self.model.krate, self.vis, &self.name, self.shown);
        let arguments = &self.model.arguments;
        if arguments.is_empty() {
            return None;
        }
        let parts = parts_of(name);
        let (mut names, mut declared, mut fields) = (Vec::new(), Vec::new(), Vec::new());
        let mut params = self.part_params().into_iter();
        for Argument { name, kind } in arguments {
            let (what, bound) = match kind {
                ArgumentKind::Component => ("The component", quote!(#krate::Composable)),
                ArgumentKind::Place => (
                    "The linker, and the constructor of stores, of",
                    quote!(#krate::__private::Place),
                ),
                ArgumentKind::Shared(ty) => {
                    let docs = format!(" What functions in Rust share as `{}`.", name.unraw());
                    names.push(name);
                    fields.push(quote!(#[doc = #docs] #vis #name: #ty));
                    continue;
                }
            };
            let docs = format!(" {what} `{}`.", names::kebab(name));
            let param = params.next();
            names.push(name);
            fields.push(quote!(#[doc = #docs] #vis #name: #param));
            declared.push((param, bound));
        }
        let (args, bounds): (Vec<_>, Vec<_>) = declared.into_iter().unzip();
        let self_args = self.arg().map(angled);
        let (param, arg) = (self.param(), self.arg());
        let bounded = &args;
        let bare = quote!(<#(#args,)* #param>);
        let args = quote!(<#(#args,)* #arg>);
        let text = parts_of(shown).to_string();
        let docs = format!(
            " What a [`{shown}`] is composed of, each by its name: `{text} {{ {} }}.compose().await?`.",
            names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        );
        let composes = if arguments.len() > 1 { "__compose" } else { "compose" };
        let composes = format_ident!("{composes}");
        let lints = lints();
        Some(quote! {
            #[doc = #docs]
            #[allow(dead_code, reason = "the components may be given without their names")]
            #vis struct #parts #bare {
                #(#fields,)*
            }

            #lints
            impl #bare #parts #args {
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
                #vis async fn compose(
                    self,
                ) -> ::core::result::Result<#name #self_args, #krate::CompositionError>
                where
                    #(#bounded: #bounds,)*
                {
                    let Self { #(#names),* } = self;
                    #name::#composes(#(#names),*).await
                }
            }

            impl #bare ::core::fmt::Debug for #parts #args {
                fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                    f.debug_struct(#text).finish_non_exhaustive()
                }
            }
        })
    }

    fn definition(&self, attrs: &[Attribute]) -> TokenStream {
        let (krate, name, vis) = (&self.model.krate, &self.name, self.vis);
        let param = self.param().map(angled);
        let fields = self.model.all_functions().map(|(_, function)| {
            let (cfgs, field) = (&function.cfgs, field(function));
            quote!(#(#cfgs)* #field: #krate::__private::Accessor,)
        });
        let services = self.model.services.iter().map(|service| {
            let (cfgs, field) = (&service.cfgs, service_field(service));
            quote!(#(#cfgs)* #field: #krate::__private::HttpService,)
        });
        quote! {
            #(#attrs)*
            #[derive(::core::clone::Clone)]
            #vis struct #name #param {
                __composition: #krate::Composition,
                #(#fields)*
                #(#services)*
            }
        }
    }

    /// Looks up the exports of all accessors.
    fn bind(&self) -> TokenStream {
        let krate = &self.model.krate;
        let (composition, accessors) = (local("composition"), local("accessors"));
        let result = quote!(::core::result::Result<Self, #krate::CompositionError>);
        if self.model.all_functions().next().is_none() && self.model.services.is_empty() {
            return quote! {
                fn __bind(#composition: #krate::Composition) -> #result {
                    ::core::result::Result::Ok(Self { __composition: #composition })
                }
            };
        }
        let lookups = self.model.all_functions().map(|(interface, function)| {
            let (cfgs, field) = (&function.cfgs, lookup_local(function));
            let lookup = lookup(krate, &accessors, interface, function);
            quote!(#(#cfgs)* let #field = #lookup;)
        });
        let fields = self.model.all_functions().map(|(_, function)| {
            let (cfgs, field, local) = (&function.cfgs, field(function), lookup_local(function));
            quote!(#(#cfgs)* #field: #local,)
        });
        let found = self.model.services.iter().map(|service| {
            let (cfgs, local, name) =
                (&service.cfgs, service_local(service), service.name.to_string());
            // An error about the feature is shown at the keyword.
            let http = located(&quote!(#krate::__private::http), service.span);
            quote!(#(#cfgs)* let #local = #accessors.service(#name, #http(&#composition));)
        });
        let services = self.model.services.iter().map(|service| {
            let (cfgs, field, local) =
                (&service.cfgs, service_field(service), service_local(service));
            quote!(#(#cfgs)* #field: #krate::__private::found(#local)?,)
        });
        quote! {
            fn __bind(#composition: #krate::Composition) -> #result {
                let mut #accessors = #krate::__private::Accessors::new(&#composition);
                #(#lookups)*
                #(#found)*
                #accessors.finish()?;
                ::core::result::Result::Ok(Self {
                    __composition: #composition,
                    #(#fields)*
                    #(#services)*
                })
            }
        }
    }

    /// The method that calls a function. `composed` is the expression that has its field.
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
        let values = function.params.iter().map(|(name, ty)| {
            let parameter = parameter(krate, ty);
            quote!((#parameter.into)(#name))
        });
        let returned = returned(krate, function);
        quote! {
            #docs
            #(#cfgs)*
            #(#attrs)*
            #vis async fn #name(
                #receiver,
                #(#names: #types),*
            ) -> ::core::result::Result<#output, #krate::CompositionError> {
                #composed.#field.call([#(#values),*], #returned).await
            }
        }
    }

    /// The method that returns an interface's handle.
    fn handle_accessor(&self, interface: &Interface) -> TokenStream {
        let vis = self.vis;
        let Interface { cfgs, attrs, name, .. } = interface;
        let docs = docs(attrs, || format!(" The functions of `{}`.", interface.interface));
        let (handle, arg) = (self.handle(interface), self.arg());
        quote! {
            #docs
            #(#cfgs)*
            #(#attrs)*
            #vis fn #name(&self) -> #handle<'_, #arg> {
                #handle { __composed: self }
            }
        }
    }

    /// The method that returns the composition as an HTTP service.
    fn service_accessor(&self, service: &Service) -> TokenStream {
        let (krate, vis) = (&self.model.krate, self.vis);
        let Service { cfgs, attrs, name, .. } = service;
        let docs = docs(attrs, || " The composition as an HTTP service.".to_owned());
        let field = service_field(service);
        quote! {
            #docs
            #(#cfgs)*
            #(#attrs)*
            #vis fn #name(&self) -> #krate::__private::HttpService {
                ::core::clone::Clone::clone(&self.#field)
            }
        }
    }

    /// The handle of an interface. Its methods take it by value, so that their futures may outlive
    /// the expression that returned it.
    fn interface(&self, interface: &Interface) -> TokenStream {
        let (name, vis, lints) = (&self.name, self.vis, lints());
        let (param, arg) = (self.param(), self.arg());
        let (impl_param, ty_arg) = (param.clone().map(angled), arg.clone().map(angled));
        let handle = self.handle(interface);
        let (cfgs, full_name) = (&interface.cfgs, &interface.interface);
        let docs = format!(" The functions of `{full_name}` of a [`{}`].", self.shown);
        let functions = interface
            .functions
            .iter()
            .map(|it| self.accessor(it, quote!(self), quote!(self.__composed)));
        quote! {
            #[doc = #docs]
            #(#cfgs)*
            #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
            #vis struct #handle<'a, #param> {
                __composed: &'a #name #ty_arg,
            }

            #(#cfgs)*
            #lints
            impl #impl_param #handle<'_, #arg> {
                #(#functions)*
            }
        }
    }

    fn handle(&self, interface: &Interface) -> Ident {
        self.handle_of(&self.name, interface)
    }

    fn handle_of(&self, composed: &Ident, interface: &Interface) -> Ident {
        let span = interface.name.span().resolved_at(self.shown.span());
        Ident::new(&format!("{composed}{}", interface.suffix), span)
    }
}

fn angled(params: TokenStream) -> TokenStream {
    quote!(<#params>)
}

/// The name of the parts' struct of the type `name`.
fn parts_of(name: &Ident) -> Ident {
    format_ident!("{name}{PARTS}")
}

/// `accessors.function(("run_add", false), (None, "run-add"), [parameter::<i32>().check], &returned::<i32>())`
fn lookup(
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
fn parameter(krate: &TokenStream, ty: &Type) -> TokenStream {
    let function = located(&quote!(#krate::__private::parameter), ty.span());
    quote!(#function::<#ty>())
}

/// The same for the type that is returned.
fn returned(krate: &TokenStream, function: &Function) -> TokenStream {
    let (output, span) = match &function.output {
        Some(ty) => (ty.to_token_stream(), ty.span()),
        None => (quote!(()), function.name.span()),
    };
    let function = located(&quote!(#krate::__private::returned), span);
    quote!(#function::<#output>())
}

fn output(function: &Function) -> TokenStream {
    match &function.output {
        Some(ty) => ty.to_token_stream(),
        None => quote!(()),
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

fn field(function: &Function) -> Ident {
    format_ident!("__accessor_{}", function.index)
}

fn service_field(service: &Service) -> Ident {
    format_ident!("__service_{}", service.index)
}

fn service_local(service: &Service) -> Ident {
    local(&format!("service_{}", service.index))
}

fn lookup_local(function: &Function) -> Ident {
    local(&format!("accessor_{}", function.index))
}

/// A variable that the user's code cannot see.
fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}
