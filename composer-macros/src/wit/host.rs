//! Prints what implements an interface in Rust: a trait with its functions, and the function that makes a
//! `HostInterface` of a value of that trait.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use wit_parser::{Function, FunctionKind, TypeDefKind, TypeId};

use super::client::{Names, docs_or, is_async};
use super::scope::{Scope, Unit};
use super::types::{Style, docs};
use crate::names;

/// Functions that are implemented in Rust have this many parameters at most.
const MOST_PARAMS: usize = 12;

impl Scope<'_> {
    /// Why the unit cannot be implemented in Rust.
    pub(crate) fn host_problem(&self, unit: Unit) -> Option<String> {
        let functions = self.host_functions(unit);
        functions.into_iter().find_map(|function| {
            let name = &function.name;
            let types = || function.params.iter().map(|it| &it.ty).chain(&function.result);
            if let Some(what) = types().find_map(|ty| self.untyped(ty)) {
                return Some(format!("`{name}` has {what}, for which there is no Rust type"));
            }
            if types().any(|ty| !self.has_only_resources_of(unit, ty)) {
                let which = match unit {
                    Unit::Interface(_) => "resources of another interface, and a host has those of its own alone",
                    Unit::World(_) => "resources, which functions at the root of a host cannot have",
                };
                return Some(format!("`{name}` has {which}"));
            }
            let count = function.params.len();
            (count > MOST_PARAMS)
                .then(|| format!("`{name}` has {count} parameters, and a function in Rust has {MOST_PARAMS} at most"))
        })
    }

    /// The trait and its function. The unit has no problem.
    pub(super) fn host(&self, unit: Unit) -> TokenStream {
        let krate = self.krate;
        let here = self.module(unit);
        let functions = self.host_functions(unit);
        let resources: Vec<TypeId> = match unit {
            Unit::Interface(_) => self
                .types(unit)
                .into_iter()
                .map(|(_, id)| id)
                .filter(|id| matches!(self.resolve.types[*id].kind, TypeDefKind::Resource))
                .collect(),
            Unit::World(_) => Vec::new(),
        };
        let associated = resources.iter().map(|id| {
            let (name, docs) = (self.type_ident(*id), docs(&self.resolve.types[*id].docs));
            quote!(#docs type #name: ::core::marker::Send + ::core::marker::Sync + 'static;)
        });
        let mut names = Names::new(&functions);
        let named: Vec<(Ident, &Function)> = functions
            .iter()
            .map(|function| (names.name(self.resolve, function), *function))
            .collect();
        let signatures = named.iter().map(|(name, function)| self.signature(&here, name, function));
        let (begin, what) = match unit {
            Unit::Interface(id) => {
                let name = self.interface_name(id).unwrap_or_default();
                (quote!(#krate::HostInterface::new(#name)), format!("`{name}`"))
            }
            Unit::World(_) => {
                (quote!(#krate::HostInterface::root()), "the functions at the root".to_owned())
            }
        };
        let declared = resources.iter().map(|id| {
            let name = self.type_ident(*id);
            let wit = self.resolve.types[*id].name.as_deref().unwrap_or_default();
            quote!(.resource::<__H::#name>(#wit))
        });
        let wrapped = named.iter().map(|(name, function)| self.wrapped(&here, name, function));
        let shared = shared();
        let failing = match self.options.trappable {
            true => " An error that is returned is a failure of the call, as a panic is.",
            false => " A panic is a failure of the call.",
        };
        let docs = format!(
            " What implements {what} in Rust; [`host`] makes it composable. Calls overlap, and a future whose \
             caller has gone is dropped.{failing}"
        );
        let host_docs =
            format!(" {what} as `host` implements it, to be composed like a component.");
        quote! {
            #[doc = #docs]
            pub trait Host: ::core::marker::Send + ::core::marker::Sync + 'static {
                #(#associated)*
                #(#signatures)*
            }

            #[doc = #host_docs]
            pub fn host<__H: Host>(host: __H) -> #krate::HostInterface {
                let #shared = ::std::sync::Arc::new(host);
                #begin #(#declared)* #(#wrapped)*
            }
        }
    }

    /// Whether the function is one that may wait.
    fn waits(&self, function: &Function) -> bool {
        is_async(function) || self.options.is_async
    }

    fn output(&self, here: &[String], function: &Function, this: &TokenStream) -> TokenStream {
        let krate = self.krate;
        let output = self.optional(here, function.result.as_ref(), Style::host(this));
        match self.options.trappable {
            true => quote!(#krate::__private::wit::Result<#output>),
            false => output,
        }
    }

    fn host_params(
        &self,
        here: &[String],
        function: &Function,
        this: &TokenStream,
    ) -> Vec<(Ident, TokenStream)> {
        let is_method =
            matches!(function.kind, FunctionKind::Method(_) | FunctionKind::AsyncMethod(_));
        let params = function.params.iter().enumerate().map(|(i, param)| {
            // WIT calls it `self`.
            let name = match i == 0 && is_method {
                true => this_of(function),
                false => names::ident_of_wit(&param.name),
            };
            (name, self.ty(here, &param.ty, Style::host(this)))
        });
        params.collect()
    }

    fn signature(&self, here: &[String], name: &Ident, function: &Function) -> TokenStream {
        let this = quote!(Self);
        let params = self.host_params(here, function, &this);
        let params = params.iter().map(|(name, ty)| quote!(#name: #ty));
        let output = self.output(here, function, &this);
        let docs = docs_or(function, || format!(" Implements `{}`.", function.name));
        let output = match self.waits(function) {
            true => quote!(impl ::core::future::Future<Output = #output> + ::core::marker::Send),
            false => output,
        };
        quote!(#docs fn #name(&self, #(#params),*) -> #output;)
    }

    fn wrapped(&self, here: &[String], name: &Ident, function: &Function) -> TokenStream {
        let this = quote!(__H);
        let params = self.host_params(here, function, &this);
        let (idents, types): (Vec<_>, Vec<_>) = params.into_iter().unzip();
        let wit = &function.name;
        let host = shared();
        let clone = quote!(let #host = ::std::sync::Arc::clone(&#host););
        let (method, closure) = match (is_async(function), self.waits(function)) {
            (_, false) => {
                ("func_wrap", quote!(move |#(#idents: #types),*| __H::#name(&#host, #(#idents),*)))
            }
            (is_async, true) => {
                let method = if is_async { "func_wrap_concurrent" } else { "func_wrap_async" };
                let closure = quote! {
                    move |#(#idents: #types),*| {
                        #clone
                        async move { __H::#name(&#host, #(#idents),*).await }
                    }
                };
                (method, closure)
            }
        };
        let method = format_ident!("{method}");
        let names = function.params.iter().map(|it| &it.name);
        let params = (!function.params.is_empty()).then(|| quote!(.with_params(&[#(#names),*])));
        quote!(.#method(#wit, { #clone #closure }) #params)
    }
}

/// The variable of the value that implements everything; no parameter has its name.
fn shared() -> Ident {
    Ident::new("host", Span::mixed_site())
}

/// The name of the parameter that a method is called of, `this` unless another has it.
fn this_of(function: &Function) -> Ident {
    let mut name = "this".to_owned();
    while function.params.iter().any(|it| names::snake_of_wit(&it.name) == name) {
        name.push('_');
    }
    Ident::new(&name, Span::call_site())
}
