//! Prints what calls an interface: a client with its functions, and a type for each of its resources with its methods.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};
use wit_parser::{Function, FunctionKind, Resolve, TypeDefKind, TypeId};

use super::scope::{Scope, Selection, Unit};
use super::types::{Style, docs};
use crate::names;

/// Names of Rust for functions, each once: functions of a resource that have the name of another get an underscore.
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    pub(super) fn new(functions: &[&Function]) -> Self {
        let free = functions.iter().filter(|it| resource_of(it).is_none());
        Self { taken: free.map(|it| free_name(it)).collect() }
    }

    /// `bucket` for a constructor, and `bucket_merge` for another function of a resource.
    pub(super) fn name(&mut self, resolve: &Resolve, function: &Function) -> Ident {
        let Some(resource) = resource_of(function) else {
            return Ident::new(&free_name(function), Span::call_site());
        };
        let resource =
            names::snake_of_wit(resolve.types[resource].name.as_deref().unwrap_or_default());
        let mut name = match function.kind {
            FunctionKind::Constructor(_) => resource,
            _ => {
                let item = names::snake_of_wit(function.item_name());
                format!("{}_{item}", resource.trim_end_matches('_'))
            }
        };
        while name == NEW || !self.taken.insert(name.clone()) {
            name.push('_');
        }
        Ident::new(&name, Span::call_site())
    }
}

/// The name of a client's own constructor.
const NEW: &str = "new";

fn free_name(function: &Function) -> String {
    let name = names::snake_of_wit(&function.name);
    if name == NEW { format!("{NEW}_") } else { name }
}

/// The resource that a function is of.
pub(super) fn resource_of(function: &Function) -> Option<TypeId> {
    match function.kind {
        FunctionKind::Freestanding | FunctionKind::AsyncFreestanding => None,
        FunctionKind::Method(it)
        | FunctionKind::AsyncMethod(it)
        | FunctionKind::Static(it)
        | FunctionKind::AsyncStatic(it)
        | FunctionKind::Constructor(it) => Some(it),
    }
}

fn is_method(function: &Function) -> bool {
    matches!(function.kind, FunctionKind::Method(_) | FunctionKind::AsyncMethod(_))
}

pub(super) fn is_async(function: &Function) -> bool {
    matches!(
        function.kind,
        FunctionKind::AsyncFreestanding
            | FunctionKind::AsyncMethod(_)
            | FunctionKind::AsyncStatic(_)
    )
}

impl Scope<'_> {
    /// The client of a unit, and its resources with their methods.
    pub(super) fn client(&self, unit: Unit, selection: &Selection) -> TokenStream {
        let krate = self.krate;
        let here = self.module(unit);
        let functions = self.client_functions(unit, selection);
        let interface = match unit {
            Unit::Interface(id) => self.interface_name(id),
            Unit::World(_) => None,
        };
        let mut names = Names::new(&functions);
        let (mut fields, mut lookups, mut methods) = (Vec::new(), Vec::new(), Vec::new());
        for (index, function) in functions.iter().enumerate() {
            let field = format_ident!("f{index}");
            lookups.push(self.lookup(&here, &field, interface.as_deref(), function));
            if !is_method(function) {
                let name = names.name(self.resolve, function);
                methods.push(self.method(&here, &name, function, &quote!(self.0.#field)));
            }
            fields.push(field);
        }
        let what = match &interface {
            Some(interface) => format!("the functions of `{interface}`"),
            None => "the functions at the root".to_owned(),
        };
        let client_docs = format!(
            " Calls {what} of a composition. Cheap to clone; it does not keep the composition alive.\n\n \
             # Errors\n\n A call fails as that of an `ExportFunc`, with a `CompositionError`; what a \
             function itself returns as an error is a `Result` within.\n\n # Cancel safety\n\n That of a \
             call of an `ExportFunc`."
        );
        let new_docs = format!(
            " Looks up {what} and checks their types.\n\n # Errors\n\n If one is missing or of another \
             type; the error has all of them."
        );
        quote! {
            #[doc(hidden)]
            #[derive(::core::fmt::Debug)]
            pub struct __Functions {
                #(#fields: #krate::__private::Accessor,)*
            }

            #[doc = #client_docs]
            #[derive(::core::clone::Clone, ::core::fmt::Debug)]
            pub struct Client(::std::sync::Arc<__Functions>);

            impl Client {
                #[doc = #new_docs]
                pub fn new(
                    composition: &#krate::Composition,
                ) -> ::core::result::Result<Self, #krate::CompositionError> {
                    let mut accessors = #krate::__private::Accessors::new(composition);
                    let client = Self::__find(&mut accessors);
                    accessors.finish()?;
                    client.__bind(composition);
                    ::core::result::Result::Ok(client)
                }

                #[doc(hidden)]
                pub fn __find(accessors: &mut #krate::__private::Accessors<'_>) -> Self {
                    Self(::std::sync::Arc::new(__Functions { #(#lookups)* }))
                }

                #[doc(hidden)]
                pub fn __bind(&self, composition: &#krate::Composition) {
                    #krate::__private::wit::bind(composition, &self.0);
                }

                #(#methods)*
            }
        }
    }

    /// The unit's resources, each with the methods that are called by `functions`.
    pub(super) fn resources(&self, unit: Unit, client: Option<&Selection>) -> TokenStream {
        let functions =
            client.map(|selection| self.client_functions(unit, selection)).unwrap_or_default();
        let bound = match client {
            Some(_) => quote!(__Functions),
            None => quote!(()),
        };
        let resources = self.types(unit).into_iter().filter(|(_, id)| {
            matches!(self.resolve.types[*id].kind, TypeDefKind::Resource)
                && !self.is_mapped_type(*id)
        });
        let resources = resources.map(|(_, id)| self.resource(unit, id, &functions, &bound));
        quote!(#(#resources)*)
    }

    fn resource(
        &self,
        unit: Unit,
        id: TypeId,
        functions: &[&Function],
        bound: &TokenStream,
    ) -> TokenStream {
        let krate = self.krate;
        let here = self.module(unit);
        let def = &self.resolve.types[id];
        let (name, docs) = (self.type_ident(id), docs(&def.docs));
        let methods = functions
            .iter()
            .enumerate()
            .filter(|(_, it)| is_method(it) && resource_of(it) == Some(id));
        let methods = methods.map(|(index, function)| {
            let field = format_ident!("f{index}");
            let name = names::ident_of_wit(function.item_name());
            self.method(&here, &name, function, &quote!(self.0.functions()?.#field))
        });
        let wit = def.name.as_deref().unwrap_or_default();
        let calls = match functions.is_empty() {
            // Where there is no client there are no methods.
            true => "",
            false => " Its methods fail, and are given up, as those of [`Client`] are.",
        };
        let about = format!(
            " An owned handle of the resource `{wit}`: dropped with it, lent as a reference, moved as a value.{calls}"
        );
        quote! {
            #docs
            #[doc = ""]
            #[doc = #about]
            pub struct #name(#krate::__private::wit::Bound<#bound>);

            impl #name {
                #(#methods)*
            }

            #krate::__private::wit::resource!(#name, #bound);
        }
    }

    /// `field: accessors.function(..),`
    fn lookup(
        &self,
        here: &[String],
        field: &Ident,
        interface: Option<&str>,
        function: &Function,
    ) -> TokenStream {
        let krate = self.krate;
        let name = &function.name;
        let module = here.last().map(String::as_str).unwrap_or_default();
        let accessor = format!("{module}::{name}");
        let interface = match interface {
            Some(interface) => quote!(::core::option::Option::Some(#interface)),
            None => quote!(::core::option::Option::None),
        };
        let checks = self
            .params(here, function)
            .into_iter()
            .map(|(_, ty)| quote!(#krate::__private::parameter::<#ty>().check));
        let result = self.optional(here, function.result.as_ref(), Style::RESULT);
        let is_async = is_async(function);
        quote! {
            #field: accessors.function(
                (#accessor, #is_async),
                (#interface, #name),
                [#(#checks),*],
                &#krate::__private::returned::<#result>(),
            ),
        }
    }

    /// The names and types of a function's parameters. A method's first is the handle.
    fn params(&self, here: &[String], function: &Function) -> Vec<(Ident, TokenStream)> {
        let krate = self.krate;
        let params = function.params.iter().enumerate().map(|(i, param)| {
            let ty = match i == 0 && is_method(function) {
                true => quote!(&#krate::OwnedResource),
                false => self.ty(here, &param.ty, Style::PARAM),
            };
            (names::ident_of_wit(&param.name), ty)
        });
        params.collect()
    }

    fn method(
        &self,
        here: &[String],
        name: &Ident,
        function: &Function,
        accessor: &TokenStream,
    ) -> TokenStream {
        let krate = self.krate;
        let params = self.params(here, function);
        let result = self.optional(here, function.result.as_ref(), Style::RESULT);
        let skipped = usize::from(is_method(function));
        let declared = params.iter().skip(skipped).map(|(name, ty)| quote!(#name: #ty));
        let values = params.iter().enumerate().map(|(i, (name, ty))| {
            let parameter = quote!(#krate::__private::parameter::<#ty>());
            match i < skipped {
                true => quote!((#parameter.into)(self.0.handle())),
                false => quote!((#parameter.into)(#name)),
            }
        });
        let docs = docs_or(function, || format!(" Calls `{}`.", function.name));
        quote! {
            #docs
            pub async fn #name(
                &self,
                #(#declared),*
            ) -> ::core::result::Result<#result, #krate::CompositionError> {
                #accessor.call([#(#values),*], #krate::__private::returned::<#result>()).await
            }
        }
    }
}

pub(super) fn docs_or(function: &Function, sentence: impl FnOnce() -> String) -> TokenStream {
    if function.docs.contents.is_some() {
        return docs(&function.docs);
    }
    let sentence = sentence();
    quote!(#[doc = #sentence])
}
