//! A type after checking: its shape in the component model, with the names of its parts.

use proc_macro2::TokenStream;
use syn::{Generics, Ident, Member, Type};

/// The type and its shape in the component model.
pub(crate) struct Model {
    /// The path of the runtime crate.
    pub(crate) krate: TokenStream,
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) shape: Shape,
}

pub(crate) enum Shape {
    Record(Vec<Field>),
    /// A tuple. The names of its fields are not used.
    Tuple(Vec<Field>),
    /// The component type of its only field.
    Transparent(Box<Field>),
    /// Fields that are all of type `bool`.
    Flags(Vec<Field>),
    /// Cases without a payload.
    Enum(Vec<Case>),
    Variant(Vec<Case>),
    /// A type with mistakes, of which nothing is known.
    Broken,
}

impl Shape {
    /// The types of its parts.
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
    /// The types of the payload. Several are passed as a tuple.
    pub(crate) types: Vec<Type>,
}
