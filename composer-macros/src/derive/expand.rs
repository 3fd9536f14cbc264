//! Prints the implementations for a type. This pass cannot fail: everything that can be wrong has
//! been checked before.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::spanned::Spanned;
use syn::{Generics, Type};

use crate::expand::located;

use super::model::{Case, Field, Model, Shape};

/// All implementations.
pub(crate) fn expand(model: &Model) -> TokenStream {
    let component_type = component_type(model);
    let into_value = into_value(model);
    let to_value = to_value(model);
    // A type that borrows cannot be made from a value.
    let from_value = model.generics.lifetimes().next().is_none().then(|| from_value(model));
    quote! {
        #component_type
        #into_value
        #to_value
        #from_value
    }
}

fn component_type(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let (check, describe) = (check(model, By::Value), describe(model, By::Value));
    implementation(
        model,
        "ComponentType",
        &quote! {
            fn check(
                ty: &#krate::types::ValueType,
            ) -> ::core::result::Result<(), #krate::error::TypeDifference> {
                #check
            }

            fn describe(
                types: &#krate::__private::value::HostTypes,
            ) -> ::core::result::Result<#krate::types::ValueType, #krate::__private::Unexpected> {
                #describe
            }
        },
    )
}

fn into_value(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let into = convert(model, By::Value);
    implementation(
        model,
        "IntoComponentValue",
        &quote! {
            fn into_value(self) -> #krate::__private::Value {
                #into
            }
        },
    )
}

/// Implemented under the condition that every part can be passed by reference: streams, for
/// instance, cannot.
fn to_value(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let by = By::Reference;
    let (check, describe, to) = (check(model, by), describe(model, by), convert(model, by));
    let body = quote! {
        fn check_ref(
            ty: &#krate::types::ValueType,
        ) -> ::core::result::Result<(), #krate::error::TypeDifference> {
            #check
        }

        fn describe_ref(
            types: &#krate::__private::value::HostTypes,
        ) -> ::core::result::Result<#krate::types::ValueType, #krate::__private::Unexpected> {
            #describe
        }

        fn to_value(&self) -> #krate::__private::Value {
            #to
        }
    };
    let mut conditional = bounded(&model.generics, &quote!(#krate::typed::ToComponentValue));
    let mut seen = BTreeSet::new();
    for ty in model.shape.types() {
        if seen.insert(ty.to_token_stream().to_string()) {
            // Without the lifetime the compiler would reject a condition that does not hold,
            // instead of leaving the implementation out.
            let part = syn::parse_quote!(for<'__part> #ty: #krate::typed::ToComponentValue);
            conditional.make_where_clause().predicates.push(part);
        }
    }
    implement(model, "ToComponentValue", &conditional, &body)
}

fn from_value(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let from = from(model);
    implementation(
        model,
        "FromComponentValue",
        &quote! {
            fn from_value(
                value: #krate::__private::Value,
            ) -> ::core::result::Result<Self, #krate::__private::Unexpected> {
                #from
            }
        },
    )
}

/// Implements a trait under the condition that the type parameters implement it.
fn implementation(model: &Model, name: &str, body: &TokenStream) -> TokenStream {
    let (krate, ident) = (&model.krate, format_ident!("{name}"));
    let generics = bounded(&model.generics, &quote!(#krate::typed::#ident));
    implement(model, name, &generics, body)
}

fn implement(model: &Model, name: &str, generics: &Generics, body: &TokenStream) -> TokenStream {
    let (krate, ty, name) = (&model.krate, &model.name, format_ident!("{name}"));
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::typed::#name for #ty #ty_generics #where_clause {
            #body
        }
    }
}

fn bounded(generics: &Generics, bound: &TokenStream) -> Generics {
    let mut bounded = generics.clone();
    if generics.type_params().next().is_some() {
        let clause = bounded.make_where_clause();
        for param in generics.type_params() {
            let name = &param.ident;
            clause.predicates.push(syn::parse_quote!(#name: #bound));
        }
    }
    bounded
}

/// How a value is passed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Value,
    Reference,
}

impl By {
    /// The type of a part of type `ty`.
    fn ty(self, ty: &impl ToTokens) -> TokenStream {
        match self {
            Self::Value => quote!(#ty),
            Self::Reference => quote!(&#ty),
        }
    }

    /// The type of a case's payload: several types are a tuple.
    fn payload(self, types: &[Type]) -> Option<TokenStream> {
        match types {
            [] => None,
            [one] => Some(self.ty(one)),
            several => {
                let several = several.iter().map(|ty| self.ty(ty));
                Some(quote!((#(#several),*)))
            }
        }
    }
}

/// The body of `ComponentType::check` or `ToComponentValue::check_ref`.
fn check(model: &Model, by: By) -> TokenStream {
    let (krate, rust) = (&model.krate, model.name.to_string());
    let value = quote!(#krate::__private::value);
    match &model.shape {
        Shape::Record(fields) => {
            let fields = fields.iter().map(|Field { name, ty, .. }| {
                let check = check_of(krate, &by.ty(ty));
                quote!((#name, #check))
            });
            quote!(#value::check_record(ty, #rust, &[#(#fields),*]))
        }
        Shape::Tuple(fields) => {
            let checks = fields.iter().map(|field| check_of(krate, &by.ty(&field.ty)));
            quote!(#value::check_tuple(ty, #rust, &[#(#checks),*]))
        }
        Shape::Transparent(field) => {
            let check = check_of(krate, &by.ty(&field.ty));
            quote!(#check(ty))
        }
        Shape::Flags(fields) => {
            let names = fields.iter().map(|field| &field.name);
            quote!(#value::check_flags(ty, #rust, &[#(#names),*]))
        }
        Shape::Enum(cases) => {
            let names = cases.iter().map(|case| &case.name);
            quote!(#value::check_enum(ty, #rust, &[#(#names),*]))
        }
        Shape::Variant(cases) => {
            let cases = cases.iter().map(|case| check_case(krate, case, by));
            quote!(#value::check_variant(ty, #rust, &[#(#cases),*]))
        }
        Shape::Broken => unreachable(),
    }
}

fn check_case(krate: &TokenStream, case: &Case, by: By) -> TokenStream {
    let name = &case.name;
    match by.payload(&case.types) {
        None => quote!((#name, ::core::option::Option::None)),
        Some(ty) => {
            let check = check_of(krate, &ty);
            quote!((#name, ::core::option::Option::Some(#check)))
        }
    }
}

fn check_of(krate: &TokenStream, ty: &impl ToTokens) -> TokenStream {
    quote!(<#ty as #krate::typed::ComponentType>::check)
}

/// The body of `ComponentType::describe` or `ToComponentValue::describe_ref`.
fn describe(model: &Model, by: By) -> TokenStream {
    let krate = &model.krate;
    let value = quote!(#krate::__private::value);
    match &model.shape {
        Shape::Record(fields) => {
            let fields = fields.iter().map(|Field { name, ty, .. }| {
                let describe = describe_of(krate, &by.ty(ty));
                quote!((#name, #describe))
            });
            quote!(#value::describe_record(types, &[#(#fields),*]))
        }
        Shape::Tuple(fields) => {
            let fields = fields.iter().map(|field| describe_of(krate, &by.ty(&field.ty)));
            quote!(#value::describe_tuple(types, &[#(#fields),*]))
        }
        Shape::Transparent(field) => {
            let describe = describe_of(krate, &by.ty(&field.ty));
            quote!(#describe(types))
        }
        Shape::Flags(fields) => {
            let names = fields.iter().map(|field| &field.name);
            quote!({
                let _ = types;
                #value::describe_flags(&[#(#names),*])
            })
        }
        Shape::Enum(cases) => {
            let names = cases.iter().map(|case| &case.name);
            quote!({
                let _ = types;
                #value::describe_enum(&[#(#names),*])
            })
        }
        Shape::Variant(cases) => {
            let cases = cases.iter().map(|Case { name, types, .. }| match by.payload(types) {
                None => quote!((#name, ::core::option::Option::None)),
                Some(ty) => {
                    let describe = describe_of(krate, &ty);
                    quote!((#name, ::core::option::Option::Some(#describe)))
                }
            });
            quote!(#value::describe_variant(types, &[#(#cases),*]))
        }
        Shape::Broken => unreachable(),
    }
}

fn describe_of(krate: &TokenStream, ty: &impl ToTokens) -> TokenStream {
    quote!(<#ty as #krate::typed::ComponentType>::describe)
}

/// The span at which errors about a type are shown.
fn at(ty: &Type) -> Span {
    ty.span()
}

/// The body of `IntoComponentValue::into_value` or `ToComponentValue::to_value`.
fn convert(model: &Model, by: By) -> TokenStream {
    let krate = &model.krate;
    let value = quote!(#krate::__private::value);
    match &model.shape {
        Shape::Record(fields) | Shape::Tuple(fields) => {
            let values = fields.iter().map(|field| member_of(krate, field, by));
            quote!(#value::fields([#(#values),*]))
        }
        Shape::Transparent(field) => member_of(krate, field, by),
        Shape::Flags(fields) => {
            let bits = fields.iter().zip(0_u32..).map(|(Field { member, .. }, bit)| {
                quote!((self.#member as ::core::primitive::u32) << #bit)
            });
            quote!(#value::flags(#(#bits)|*))
        }
        Shape::Enum(cases) | Shape::Variant(cases) => {
            let arms = cases.iter().zip(0_u32..).map(|(case, index)| into_case(krate, case, index));
            quote!(match self { #(#arms)* })
        }
        Shape::Broken => unreachable(),
    }
}

fn member_of(krate: &TokenStream, Field { member, ty, .. }: &Field, by: By) -> TokenStream {
    let value = quote!(self.#member);
    into_of(krate, ty, by.ty(&value))
}

/// Binds the payload of a case, by value or by reference, and converts it.
fn into_case(krate: &TokenStream, case: &Case, index: u32) -> TokenStream {
    let variant = &case.variant;
    let parts = parts(case);
    let case_of = quote!(#krate::__private::value::case);
    let Some(first) = case.types.first() else {
        return quote!(Self::#variant => #case_of(#index, ::core::option::Option::None),);
    };
    let payload = match parts.as_slice() {
        [part] => into_of(krate, first, quote!(#part)),
        parts => into_of(krate, first, quote!((#(#parts),*))),
    };
    quote! {
        Self::#variant(#(#parts),*) => {
            #case_of(#index, ::core::option::Option::Some(#payload))
        }
    }
}

fn into_of(krate: &TokenStream, ty: &Type, value: TokenStream) -> TokenStream {
    located(&quote!(#krate::typed::IntoComponentValue::into_value(#value)), at(ty))
}

/// The body of `FromComponentValue::from_value`.
fn from(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let value = quote!(#krate::__private::value);
    let ok = quote!(::core::result::Result::Ok);
    match &model.shape {
        Shape::Record(fields) | Shape::Tuple(fields) => {
            let count = fields.len();
            let fields = fields.iter().map(|Field { member, ty, .. }| {
                let next = located(&quote!(fields.next()?), at(ty));
                quote!(#member: #next)
            });
            quote! {
                let mut fields = #value::Fields::new(value, #count)?;
                #ok(Self { #(#fields),* })
            }
        }
        Shape::Transparent(field) => {
            let member = &field.member;
            quote!(#ok(Self { #member: #krate::typed::FromComponentValue::from_value(value)? }))
        }
        Shape::Flags(fields) => {
            let fields = fields
                .iter()
                .zip(0_u32..)
                .map(|(Field { member, .. }, bit)| quote!(#member: (bits >> #bit) & 1 == 1));
            quote! {
                let bits = #value::take_flags(value)?;
                #ok(Self { #(#fields),* })
            }
        }
        Shape::Enum(cases) | Shape::Variant(cases) => {
            let arms = cases.iter().zip(0_u32..).map(|(case, index)| from_case(krate, case, index));
            quote! {
                let (case, payload) = #value::take_case(value)?;
                match case {
                    #(#arms)*
                    _ => ::core::result::Result::Err(#value::unexpected_case(case)),
                }
            }
        }
        Shape::Broken => unreachable(),
    }
}

fn from_case(krate: &TokenStream, case: &Case, index: u32) -> TokenStream {
    let variant = &case.variant;
    let value = quote!(#krate::__private::value);
    let ok = quote!(::core::result::Result::Ok);
    let parts = parts(case);
    let body = match parts.as_slice() {
        [] => quote! {
            #value::no_payload(payload)?;
            #ok(Self::#variant)
        },
        parts => {
            let pattern = match parts {
                [part] => quote!(#part),
                parts => quote!((#(#parts),*)),
            };
            let payload =
                case.types.first().map(|ty| located(&quote!(#value::payload(payload)?), at(ty)));
            quote! {
                let #pattern = #payload;
                #ok(Self::#variant(#(#parts),*))
            }
        }
    };
    quote!(#index => { #body })
}

/// A variable for each part of a case's payload.
fn parts(case: &Case) -> Vec<Ident> {
    let name = |index| Ident::new(&format!("part_{index}"), Span::mixed_site());
    (0..case.types.len()).map(name).collect()
}

/// The body of functions that are never called, since the program does not compile.
fn unreachable() -> TokenStream {
    quote!(::core::unreachable!())
}
