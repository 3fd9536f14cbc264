//! Why components do not make a chain.

use std::fmt;

use super::{Nearest, plain};

/// Why a component cannot stand where it does in a chain, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainProblem {
    /// There is no such component on the level of the chain.
    #[non_exhaustive]
    Unknown {
        /// The component with the most similar id, if one is similar.
        nearest: Option<String>,
    },
    /// It is in the chain before.
    Repeated,
    /// It is followed by another one, and does not import the interface.
    #[non_exhaustive]
    DoesNotImport {
        /// The import with the most similar name, if one is similar.
        nearest: Option<String>,
    },
    /// It does not export the interface.
    #[non_exhaustive]
    DoesNotExport {
        /// Whether it exports the interface, and a filter hides it.
        hidden: bool,
        /// The export with the most similar name, if one is similar.
        nearest: Option<String>,
    },
}

impl fmt::Display for ChainProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { nearest } => {
                write!(f, "which was not added{}", Nearest(nearest.as_deref()))
            }
            Self::Repeated => {
                f.write_str("which is in it already; add the component twice, under two ids")
            }
            Self::DoesNotImport { nearest } => write!(
                f,
                "which does not import it, and so cannot be followed by another; put it at the \
                 end, or leave it out{}",
                Nearest(nearest.as_deref())
            ),
            Self::DoesNotExport { hidden: true, .. } => {
                f.write_str("which hides it from others; drop the filter, or leave it out")
            }
            Self::DoesNotExport { hidden: false, nearest } => write!(
                f,
                "which does not export it, and so cannot be called by the one before; leave it \
                 out{}",
                Nearest(nearest.as_deref())
            ),
        }
    }
}

/// Names the chain of an interface.
pub(super) struct ChainOf<'a>(pub(super) &'a str);

impl fmt::Display for ChainOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the chain of `{}`", plain(self.0))
    }
}
