//! Errors of components that cannot be started, of WASI configuration, and of fusing.
//!
//! Their causes come from wasmtime or the encoder; the errors add which component it was, and what
//! the user can do.

use std::fmt;
#[cfg(feature = "wasi")]
use std::path::PathBuf;
use std::time::Duration;

use super::plan::CyclePath;
use super::{Cause, plain};

/// A component of a composition could not be started.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum StartError {
    /// The store belongs to another engine than the component.
    #[error(
        "the store made for component `{component}` belongs to another engine than its linker; \
         make both with the same `Engine`", component = plain(.component))]
    #[non_exhaustive]
    EngineMismatch { component: String },

    /// The component's store cannot be made, for instance because a directory that it is given does
    /// not exist.
    #[error("no store can be made for component `{component}`", component = plain(.component))]
    #[non_exhaustive]
    Store {
        component: String,
        #[source]
        source: Cause,
    },

    /// Instantiating failed, or the component's start function trapped.
    #[error("component `{component}` cannot be instantiated", component = plain(.component))]
    #[non_exhaustive]
    Instantiate {
        component: String,
        #[source]
        source: Cause,
    },

    /// Starting the component took too long: its start functions, or the calls that they make.
    #[error(
        "component `{component}` was not started within {after:?}; it may need a longer \
         `with_start_deadline`", component = plain(.component)
    )]
    #[non_exhaustive]
    Timeout {
        component: String,
        /// The time that was allowed.
        after: Duration,
    },

    /// The instance already belongs to another composition.
    #[error("instance `{component}` already runs in another composition", component = plain(.component))]
    #[non_exhaustive]
    InstanceTaken { component: String },

    /// The composition was closed before the component could be started in it.
    #[error("component `{component}` cannot be started: its composition was closed", component = plain(.component))]
    #[non_exhaustive]
    Closed { component: String },

    /// There is no tokio runtime to run the components on.
    #[error("composing needs a tokio runtime; call `compose` inside one")]
    NoRuntime,
}

/// WASI cannot be provided to a component as configured.
#[cfg(feature = "wasi")]
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum WasiError {
    /// A directory that a component is given cannot be opened.
    #[error(
        "`{}` cannot be given to a component as `{guest}`: expected a directory that can be opened",
        .host.display(), guest = plain(.guest))]
    #[non_exhaustive]
    Directory {
        host: PathBuf,
        guest: String,
        #[source]
        source: Cause,
    },

    /// A host function cannot be defined in the linker, for instance because the name is taken.
    #[error("the linker of a component with WASI cannot be completed")]
    #[non_exhaustive]
    Define {
        #[source]
        source: Cause,
    },
}

/// Components cannot be fused into one.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum FuseError {
    /// The component is given compiled, runs already, or is implemented in Rust.
    #[error(
        "component `{component}` cannot be fused: its binary is not known, as it is given compiled, \
         running or implemented in Rust; give it as bytes or as a file, or leave it out of what is fused", component = plain(.component))]
    #[non_exhaustive]
    NoBinary { component: String },

    /// The component cannot be read.
    #[error("component `{component}` cannot be read to be fused", component = plain(.component))]
    #[non_exhaustive]
    Load {
        component: String,
        #[source]
        source: Cause,
    },

    /// An import and the export that satisfies it cannot be connected inside one component.
    #[error("`{import}`, imported by `{consumer}`, cannot be fused with what `{provider}` exports", import = plain(.import), consumer = plain(.consumer), provider = plain(.provider))]
    #[non_exhaustive]
    Connect {
        consumer: String,
        import: String,
        provider: String,
        #[source]
        source: Cause,
    },

    /// A public export cannot be an export of the fused component.
    #[error("`{export}`, exported by `{component}`, cannot be exported from the fused component", export = plain(.export), component = plain(.component))]
    #[non_exhaustive]
    Export {
        export: String,
        component: String,
        #[source]
        source: Cause,
    },

    /// Components that import from each other in a cycle, which is possible only between stores.
    #[error(
        "components that import from each other in a cycle cannot be fused: {}; leave one of them out \
         of what is fused",
        CyclePath(.components)
    )]
    #[non_exhaustive]
    Cycle {
        /// Each imports from the next, the last from the first.
        components: Vec<String>,
    },

    /// Two components share an import, which the fused component has only once, and only one of
    /// them has a hint that leaves it to the linker.
    #[error(
        "a hint leaves `{import}` to the linker for `{hinted}`, but not for `{open}`, and components \
         that are fused import it together; give both the hint, or none", import = plain(.import), hinted = plain(.hinted), open = plain(.open))]
    #[non_exhaustive]
    HintedApart { import: String, hinted: String, open: String },

    /// The type of a public function, or a public type, has no name outside of the fused component.
    #[error(
        "`{export}`, exported by `{component}`, cannot be exported from the fused component: its type \
         `{ty}` must be exported too, and {}",
        if *.hidden { "a filter hides it" } else { "no component exports it under a name" }, export = plain(.export), component = plain(.component))]
    #[non_exhaustive]
    UnnamedType {
        export: String,
        component: String,
        /// The type, as in WIT.
        ty: String,
        /// Whether the component exports the type, but a filter or an export hint keeps it inside.
        hidden: bool,
    },

    /// Two components import the same name with types that no single import of the fused component
    /// can satisfy.
    #[error(
        "`{import}` is imported by `{first}` and by `{second}`, with types of which no one import can be \
         both; leave one of the two out of what is fused, or provide `{import}` inside", import = plain(.import), first = plain(.first), second = plain(.second))]
    #[non_exhaustive]
    Imports {
        import: String,
        first: String,
        second: String,
        #[source]
        source: Cause,
    },

    /// A component cannot be part of the fused component.
    #[error(
        "component `{component}` cannot be fused{}; leave it out of what is fused",
        Import(.import.as_deref()), component = plain(.component))]
    #[non_exhaustive]
    Component {
        component: String,
        /// An open import of the component that cannot be an import of the fused component, if that
        /// is the reason.
        import: Option<String>,
        #[source]
        source: Cause,
    },

    /// The result of fusing is not a valid component, or the engine does not support it.
    #[error("what the components are fused into is not valid")]
    #[non_exhaustive]
    Encode {
        #[source]
        source: Cause,
    },
}

struct Import<'a>(Option<&'a str>);

impl fmt::Display for Import<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |import| {
            write!(
                f,
                " unless a component inside provides `{}`, which borrows a resource at the root",
                plain(import)
            )
        })
    }
}

#[cfg(feature = "fuse")]
impl FuseError {
    /// The same error, for a group with the id `path`.
    pub(crate) fn within(&self, path: &str) -> Self {
        let mut error = self.clone();
        let ids = match &mut error {
            Self::NoBinary { component }
            | Self::Load { component, .. }
            | Self::Component { component, .. }
            | Self::UnnamedType { component, .. }
            | Self::Export { component, .. } => vec![component],
            Self::Imports { first, second, .. } => vec![first, second],
            Self::Connect { consumer, provider, .. } => vec![consumer, provider],
            Self::HintedApart { hinted, open, .. } => vec![hinted, open],
            Self::Cycle { components } => components.iter_mut().collect(),
            Self::Encode { .. } => Vec::new(),
        };
        ids.into_iter().for_each(|id| *id = format!("{path}/{id}"));
        error
    }
}
