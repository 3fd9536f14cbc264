//! The type of a composition, the struct of its parts, and how both come about.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::ext::IdentExt;
use syn::{Attribute, Visibility};

use super::components::{setup, value};
use super::fields::{
    angled, client_field, client_local, field, lookup_local, parts_of, service_field, service_local,
};
use super::lookup::lookup;
use super::{lints, local, located};
use crate::model::{Argument, ArgumentKind, Client, Header, Model};
use crate::names;

/// The type of the composition, with its accessors.
pub(super) struct Composed<'m> {
    pub(super) model: &'m Model,
    pub(super) name: Ident,
    /// The name as the user declared it.
    pub(super) shown: &'m Ident,
    pub(super) vis: &'m Visibility,
    /// Whether the type has the parameter of a broken block.
    pub(super) is_broken: bool,
}

impl<'m> Composed<'m> {
    pub(super) fn new(model: &'m Model, shown: &'m Ident, vis: &'m Visibility) -> Self {
        Self { model, name: shown.clone(), shown, vis, is_broken: false }
    }

    pub(super) fn broken(model: &'m Model, header: &'m Header) -> Self {
        let name = format_ident!("__Broken{}", header.name);
        Self { model, name, shown: &header.name, vis: &header.vis, is_broken: true }
    }

    /// The parameter in declarations.
    pub(super) fn param(&self) -> Option<TokenStream> {
        self.is_broken.then(|| quote!(const __BROKEN: ::core::primitive::usize))
    }

    /// The parameter in uses.
    pub(super) fn arg(&self) -> Option<TokenStream> {
        self.is_broken.then(|| quote!(__BROKEN))
    }
}

impl Composed<'_> {
    pub(super) fn items(&self, attrs: &[Attribute], compose: TokenStream) -> TokenStream {
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
        let clients = self.model.clients.iter().map(|it| self.client_accessor(it));
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
                #(#clients)*
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
    pub(super) fn compose(&self) -> TokenStream {
        let (model, krate, vis) = (self.model, &self.model.krate, self.vis);
        let params = model.arguments.iter().map(|Argument { name, kind }| match kind {
            ArgumentKind::Component => quote!(#name: impl #krate::Composable),
            ArgumentKind::Place => quote!(#name: impl #krate::__private::Place),
            ArgumentKind::Shared(ty) | ArgumentKind::Implementation(ty) => quote!(#name: #ty),
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
    pub(super) fn part_params(&self) -> Vec<Ident> {
        let is_open =
            |it: &&Argument| matches!(it.kind, ArgumentKind::Component | ArgumentKind::Place);
        let count = self.model.arguments.iter().filter(is_open).count();
        (0..count).map(|index| format_ident!("__Part{index}")).collect()
    }

    /// The arguments of `compose` as a struct with a field for each.
    pub(super) fn parts(&self) -> Option<TokenStream> {
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
                ArgumentKind::Shared(ty) | ArgumentKind::Implementation(ty) => {
                    let docs = match kind {
                        ArgumentKind::Implementation(_) => {
                            format!(" What implements `{}`, in Rust.", names::kebab(name))
                        }
                        _ => format!(" What functions in Rust share as `{}`.", name.unraw()),
                    };
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
        let clients = self.model.clients.iter().map(|client| {
            let Client { cfgs, ty, .. } = client;
            let field = client_field(client);
            quote!(#(#cfgs)* #field: #ty,)
        });
        quote! {
            #(#attrs)*
            #[derive(::core::clone::Clone)]
            #vis struct #name #param {
                __composition: #krate::Composition,
                #(#fields)*
                #(#services)*
                #(#clients)*
            }
        }
    }

    /// Looks up the exports of all accessors.
    fn bind(&self) -> TokenStream {
        let krate = &self.model.krate;
        let (composition, accessors) = (local("composition"), local("accessors"));
        let result = quote!(::core::result::Result<Self, #krate::CompositionError>);
        let model = self.model;
        let has_functions = model.all_functions().next().is_some();
        if !has_functions && model.services.is_empty() && model.clients.is_empty() {
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
        let looked_up = self.model.clients.iter().map(|client| {
            let (Client { cfgs, ty, .. }, local) = (client, client_local(client));
            quote!(#(#cfgs)* let #local = <#ty>::__find(&mut #accessors);)
        });
        let bound = self.model.clients.iter().map(|client| {
            let (cfgs, local) = (&client.cfgs, client_local(client));
            quote!(#(#cfgs)* #local.__bind(&#composition);)
        });
        let clients = self.model.clients.iter().map(|client| {
            let (cfgs, field, local) = (&client.cfgs, client_field(client), client_local(client));
            quote!(#(#cfgs)* #field: #local,)
        });
        quote! {
            fn __bind(#composition: #krate::Composition) -> #result {
                let mut #accessors = #krate::__private::Accessors::new(&#composition);
                #(#lookups)*
                #(#found)*
                #(#looked_up)*
                #accessors.finish()?;
                #(#bound)*
                ::core::result::Result::Ok(Self {
                    __composition: #composition,
                    #(#fields)*
                    #(#services)*
                    #(#clients)*
                })
            }
        }
    }
}
