//! Turns a type into a model. Mistakes are reported.
//!
//! The shape follows from the Rust type: a struct is a record, a tuple or flags, an enum is an enum
//! or a variant, and attributes choose where the type alone does not tell.

use std::collections::BTreeSet;

use proc_macro2::Span;
use quote::ToTokens;
use syn::{
    Attribute, Data, DataEnum, DataStruct, DeriveInput, Fields, Ident, Index, Member, Type, Variant,
};

use super::attrs::{self, TypeAttrs};
use super::model::{Case, Field, Model, Shape};
use crate::names;
use crate::report::Report;

/// The most flags that the component model allows.
const MOST_FLAGS: usize = 32;

/// Checks the whole type, whatever mistakes it has.
pub(crate) fn check(input: DeriveInput, report: &mut Report) -> Model {
    let attrs = TypeAttrs::new(&input.attrs, report);
    let shape = match input.data {
        Data::Struct(data) => struct_shape(&input.ident, data, &attrs, report),
        Data::Enum(data) => enum_shape(&input.ident, data, &attrs, report),
        Data::Union(data) => {
            let message = "a union is no value of the component model; use a struct or an enum";
            report.error(data.union_token, message);
            Shape::Broken
        }
    };
    let shape = if report.is_empty() { shape } else { Shape::Broken };
    Model { krate: attrs.krate(), name: input.ident, generics: input.generics, shape }
}

fn struct_shape(name: &Ident, data: DataStruct, attrs: &TypeAttrs, report: &mut Report) -> Shape {
    let is_record = matches!(data.fields, Fields::Named(_));
    let fields = fields(data.fields, attrs, report);
    if fields.is_empty() {
        let message = format!("`{name}` has no fields; a record or tuple has at least one");
        report.error(name, message);
        return Shape::Broken;
    }
    if let Some(span) = attrs.transparent {
        return transparent(span, fields, report);
    }
    if let Some(span) = attrs.flags {
        check_flags(span, is_record, &fields, report);
        return Shape::Flags(fields);
    }
    if is_record { Shape::Record(fields) } else { Shape::Tuple(fields) }
}

fn transparent(span: Span, fields: Vec<Field>, report: &mut Report) -> Shape {
    match <[Field; 1]>::try_from(fields) {
        Ok([field]) => Shape::Transparent(Box::new(field)),
        Err(fields) => {
            let message = format!("`transparent` is for one field, found {}", fields.len());
            report.error_at(span, message);
            Shape::Broken
        }
    }
}

fn check_flags(span: Span, is_record: bool, fields: &[Field], report: &mut Report) {
    if !is_record {
        report.error_at(span, "`flags` is for a struct with named fields, one for each flag");
    }
    if fields.len() > MOST_FLAGS {
        let message = format!("there are at most {MOST_FLAGS} flags, found {}", fields.len());
        report.error_at(span, message);
    }
    for field in fields {
        let is_bool = matches!(&field.ty, Type::Path(ty) if ty.path.is_ident("bool"));
        if !is_bool {
            let found = field.ty.to_token_stream();
            report.error(&field.ty, format!("a flag is a `bool`, found `{found}`"));
        }
    }
}

fn fields(fields: Fields, attrs: &TypeAttrs, report: &mut Report) -> Vec<Field> {
    // The fields of a tuple, and the field of a transparent struct, have no names in the component
    // model.
    let named = matches!(fields, Fields::Named(_)) && attrs.transparent.is_none();
    let mut known = BTreeSet::new();
    let mut checked = Vec::new();
    for (index, field) in fields.into_iter().enumerate() {
        let given = attrs::name(&field.attrs, report);
        let (member, name) = match field.ident {
            Some(ident) if named => {
                let name = name(&ident, given.as_ref(), names::kebab(&ident), report);
                unique(&ident, &name, "field", &mut known, report);
                (Member::Named(ident), name)
            }
            ident => {
                if let Some(given) = given {
                    report.error(given, "this field has no name in the component model");
                }
                let member = match ident {
                    Some(ident) => Member::Named(ident),
                    None => Member::Unnamed(Index::from(index)),
                };
                (member, String::new())
            }
        };
        checked.push(Field { member, ty: field.ty, name });
    }
    checked
}

fn enum_shape(name: &Ident, data: DataEnum, attrs: &TypeAttrs, report: &mut Report) -> Shape {
    for (span, attr) in [(attrs.transparent, "transparent"), (attrs.flags, "flags")] {
        if let Some(span) = span {
            report.error_at(span, format!("`{attr}` is for a struct"));
        }
    }
    if data.variants.is_empty() {
        let message = format!("`{name}` has no variants; an enum has at least one");
        report.error(name, message);
    }
    let mut known = BTreeSet::new();
    let cases: Vec<Case> =
        data.variants.into_iter().map(|variant| case(variant, &mut known, report)).collect();
    if !attrs.is_variant && cases.iter().all(|case| case.types.is_empty()) {
        Shape::Enum(cases)
    } else {
        Shape::Variant(cases)
    }
}

fn case(variant: Variant, known: &mut BTreeSet<String>, report: &mut Report) -> Case {
    let given = attrs::name(&variant.attrs, report);
    let derived = names::kebab_of_camel(&variant.ident);
    let name = name(&variant.ident, given.as_ref(), derived, report);
    unique(&variant.ident, &name, "variant", known, report);
    let variant_name = &variant.ident;
    match &variant.fields {
        Fields::Named(fields) => {
            let message = format!(
                "a variant carries one value; put the fields into a struct of their own, \
                 `{variant_name}(…)`"
            );
            report.error(fields, message);
        }
        Fields::Unnamed(fields) if fields.unnamed.is_empty() => {
            report.error(fields, "a variant that carries nothing has no parentheses");
        }
        Fields::Unnamed(_) | Fields::Unit => {}
    }
    for field in &variant.fields {
        refuse(&field.attrs, report);
    }
    let types = variant.fields.into_iter().map(|field| field.ty).collect();
    Case { variant: variant.ident, name, types }
}

/// Reports attributes on the fields of a variant, which have no names in the component model.
fn refuse(attrs: &[Attribute], report: &mut Report) {
    if let Some(attr) = attrs.iter().find(|attr| attr.path().is_ident("component")) {
        report.error(attr, "what a variant carries takes no attributes");
    }
}

/// The name of `ident` in the component model.
fn name(
    ident: &Ident,
    given: Option<&syn::LitStr>,
    derived: String,
    report: &mut Report,
) -> String {
    match given {
        Some(literal) => {
            let name = literal.value();
            if !names::is_kebab(&name) {
                report.error(literal, format!("`{name}` is not in kebab case"));
            }
            name
        }
        None => {
            if !names::is_kebab(&derived) {
                let message = format!(
                    "`{ident}` gives no name in kebab case; rename it, or add \
                     `#[component(name = \"…\")]`"
                );
                report.error(ident, message);
            }
            derived
        }
    }
}

fn unique(
    ident: &Ident,
    name: &str,
    kind: &str,
    known: &mut BTreeSet<String>,
    report: &mut Report,
) {
    // In the component model, names that differ only in case are equal.
    if !known.insert(name.to_ascii_lowercase()) {
        report.error(ident, format!("another {kind} is named `{name}` too; rename one"));
    }
}
