//! Which exports of a component others can see.

use std::fmt;
use std::sync::Arc;

use super::name::names;

#[derive(Clone)]
pub(crate) enum Filter {
    Expose(Vec<String>),
    Hide(Vec<String>),
    Accept(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Filter {
    pub(crate) fn lets_through(&self, export: &str) -> bool {
        match self {
            Self::Expose(list) => list.iter().any(|pattern| names(pattern, export)),
            Self::Hide(list) => !list.iter().any(|pattern| names(pattern, export)),
            Self::Accept(accept) => accept(export),
        }
    }

    /// The names written out in this filter: each must be an export's.
    pub(crate) fn patterns(&self) -> &[String] {
        match self {
            Self::Expose(list) | Self::Hide(list) => list,
            Self::Accept(_) => &[],
        }
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expose(list) => f.debug_tuple("Expose").field(list).finish(),
            Self::Hide(list) => f.debug_tuple("Hide").field(list).finish(),
            Self::Accept(_) => f.write_str("Accept(..)"),
        }
    }
}
