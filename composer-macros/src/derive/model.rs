//! A type after checking.

use proc_macro2::TokenStream;
use syn::{Generics, Ident, Member, Type};

/// The type and what it is in the component model.
pub(crate) struct Model {
    /// The path of the runtime crate.
    pub(crate) krate: TokenStream,
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) shape: Shape,
}

pub(crate) enum Shape {
    Record(Vec<Field>),
    /// A tuple; its fields' names mean nothing.
    Tuple(Vec<Field>),
    /// What its only field is.
    Transparent(Box<Field>),
    /// Fields that are all of type `bool`.
    Flags(Vec<Field>),
    /// Cases without a payload.
    Enum(Vec<Case>),
    Variant(Vec<Case>),
    /// Of a type with mistakes nothing is known.
    Broken,
}

impl Shape {
    /// The types that it is made of.
    pub(crate) fn types(&self) -> Vec<&Type> {
        match self {
            Self::Record(fields) | Self::Tuple(fields) => fields.iter().map(|it| &it.ty).collect(),
            Self::Transparent(field) => vec![&field.ty],
            Self::Enum(cases) | Self::Variant(cases) => {
                cases.iter().flat_map(|it| &it.types).collect()
            }
            Self::Flags(_) | Self::Broken => Vec::new(),
        }
    }
}

pub(crate) struct Field {
    pub(crate) member: Member,
    pub(crate) ty: Type,
    /// The name in the component model.
    pub(crate) name: String,
}

pub(crate) struct Case {
    pub(crate) variant: Ident,
    /// The name in the component model.
    pub(crate) name: String,
    /// What it carries; several types are carried as a tuple.
    pub(crate) types: Vec<Type>,
}
