//! Why handles of a resource that the host defines cannot cross.

use std::fmt;

use super::{listed, plain};

/// Why handles of a resource that the host defines cannot cross, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostResourceReason {
    /// A component does not carry it.
    #[non_exhaustive]
    NotCarried {
        /// The ids of those components: the importer, the provider, or both.
        by: Vec<String>,
    },
    /// The two carry it in different forms.
    #[non_exhaustive]
    Forms {
        /// The Rust type of the importer's form.
        consumer: String,
        /// The Rust type of the provider's form.
        provider: String,
    },
    /// The handle is borrowed, and a component carries the resource without lending it.
    #[non_exhaustive]
    NotLent {
        /// The ids of those components: the importer, the provider, or both.
        by: Vec<String>,
    },
}

impl fmt::Display for HostResourceReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCarried { by } => write!(
                f,
                "`{}` {} not carry it; if it can move, say how with `carrying`",
                listed(by, "` and `"),
                do_or_does(by)
            ),
            Self::Forms { consumer, provider } => write!(
                f,
                "the importer carries it as `{}`, the provider as `{}`; use the same form on both \
                 sides",
                plain(consumer),
                plain(provider)
            ),
            Self::NotLent { by } => write!(
                f,
                "the handle is borrowed, and `{}` {} not lend it; if its Rust type is `Clone`, \
                 say `lending` instead of `carrying`",
                listed(by, "` and `"),
                do_or_does(by)
            ),
        }
    }
}

fn do_or_does(by: &[String]) -> &'static str {
    if by.len() == 1 { "does" } else { "do" }
}

/// How two components are placed in one store.
pub(super) struct Together<'a>(pub(super) &'a str, pub(super) &'a str);

impl fmt::Display for Together<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(one, other) = self;
        write!(
            f,
            "place `{}` and `{}` in one store, with `Composer::fused`",
            plain(one),
            plain(other)
        )?;
        // Components of different levels cannot be in one group as they are.
        if one.contains('/') || other.contains('/') {
            return Ok(());
        }
        let name = |id: &str| id.replace('-', "_");
        let (one, other) = (name(one), name(other));
        let (one, other) = (plain(&one), plain(&other));
        write!(f, " or, in `compose!`, `fused both {{ component {one}; component {other}; }}`")
    }
}
