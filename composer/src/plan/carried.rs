//! Resources that the host defines and that move from one store to another.
//!
//! Such a resource belongs to no component: each store has a table of its own for it, and a carrier of each component
//! takes the value out of one table and puts it into another. So the resources of two components are the same if both
//! carry a resource of the same interface, name and form: the Rust type that the value has on its way.

use std::sync::Arc;

use super::name::is_compatible;
use crate::types::Form;

/// A resource that the host defines, as a component carries it.
#[derive(Clone, Debug)]
pub(crate) struct CarriedResource {
    pub(crate) interface: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) form: Form,
    /// Whether a borrowed handle can be lent to another store.
    pub(crate) lends: bool,
}

impl CarriedResource {
    /// Whether the two are the same resource, of whatever form: of compatible versions of one interface.
    pub(crate) fn is_of(&self, other: &Self) -> bool {
        self.name == other.name && is_compatible(&self.interface, &other.interface)
    }

    /// Whether it is the resource `name` of `interface`, of a compatible version.
    pub(crate) fn is_named(&self, interface: Option<&str>, name: &str) -> bool {
        *self.name == *name && interface.is_some_and(|it| is_compatible(&self.interface, it))
    }
}

/// Handles of the one can become handles of the other.
impl PartialEq for CarriedResource {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form && self.is_of(other)
    }
}

impl Eq for CarriedResource {}
