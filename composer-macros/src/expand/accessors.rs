//! The methods of a composition that call.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use super::composed::Composed;
use super::fields::{angled, client_field, field, service_field};
use super::lookup::{output, parameter, returned};
use super::{docs, lints};
use crate::model::{Client, Function, Interface, Service};

impl Composed<'_> {
    /// The method that calls a function. `composed` is the expression that has its field.
    pub(super) fn accessor(
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
    pub(super) fn handle_accessor(&self, interface: &Interface) -> TokenStream {
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
    pub(super) fn service_accessor(&self, service: &Service) -> TokenStream {
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

    /// The method that returns a client made of WIT.
    pub(super) fn client_accessor(&self, client: &Client) -> TokenStream {
        let vis = self.vis;
        let Client { cfgs, attrs, name, interface, ty, .. } = client;
        let docs = docs(attrs, || format!(" The functions of `{interface}`."));
        let field = client_field(client);
        quote! {
            #docs
            #(#cfgs)*
            #(#attrs)*
            #vis fn #name(&self) -> &#ty {
                &self.#field
            }
        }
    }

    /// The handle of an interface. Its methods take it by value, so that their futures may outlive
    /// the expression that returned it.
    pub(super) fn interface(&self, interface: &Interface) -> TokenStream {
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

    pub(super) fn handle(&self, interface: &Interface) -> Ident {
        self.handle_of(&self.name, interface)
    }

    pub(super) fn handle_of(&self, composed: &Ident, interface: &Interface) -> Ident {
        let span = interface.name.span().resolved_at(self.shown.span());
        Ident::new(&format!("{composed}{}", interface.suffix), span)
    }
}
