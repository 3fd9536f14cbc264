//! Components that cannot be started, or fused.

#[cfg(feature = "wasi")]
use std::path::PathBuf;

use super::Cause;
use super::plan::Circle;

/// A component of a composition could not be started.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum StartError {
    /// The store belongs to another engine than the component.
    #[error(
        "the store made for component `{component}` belongs to another engine than its linker; \
         make both with the same `Engine`"
    )]
    #[non_exhaustive]
    EngineMismatch { component: String },

    /// The component's store could not be made: a directory that it is to have is gone, say.
    #[error("no store can be made for component `{component}`")]
    #[non_exhaustive]
    Store {
        component: String,
        #[source]
        source: Cause,
    },

    /// Instantiating failed, or the component's start function trapped.
    #[error("component `{component}` cannot be instantiated")]
    #[non_exhaustive]
    Instantiate {
        component: String,
        #[source]
        source: Cause,
    },

    /// The instance was taken over by another composition.
    #[error("instance `{component}` already runs in another composition")]
    #[non_exhaustive]
    InstanceTaken { component: String },

    /// The composition was closed before the component could be started in it.
    #[error("component `{component}` cannot be started: its composition was closed")]
    #[non_exhaustive]
    Closed { component: String },

    /// There is no tokio runtime to run the components on.
    #[error("composing needs a tokio runtime; call `compose` inside one")]
    NoRuntime,
}

/// A component cannot be given what it is to have of WASI, or of the host.
#[cfg(feature = "wasi")]
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum WasiError {
    /// A directory that a component is to have cannot be opened.
    #[error(
        "`{}` cannot be given to a component as `{guest}`: expected a directory that can be opened",
        .host.display()
    )]
    #[non_exhaustive]
    Directory {
        host: PathBuf,
        guest: String,
        #[source]
        source: Cause,
    },

    /// A host function cannot be defined in the linker: the name is taken, say.
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
         running or implemented in Rust; give it as bytes or as a file, or leave it out of what is fused"
    )]
    #[non_exhaustive]
    NoBinary { component: String },

    /// The component cannot be read.
    #[error("component `{component}` cannot be read to be fused")]
    #[non_exhaustive]
    Load {
        component: String,
        #[source]
        source: Cause,
    },

    /// Two components do not go together inside one.
    #[error("`{import}`, imported by `{consumer}`, cannot be fused with what `{provider}` exports")]
    #[non_exhaustive]
    Connect {
        consumer: String,
        import: String,
        provider: String,
        #[source]
        source: Cause,
    },

    /// A public export cannot be one of the fused component.
    #[error("`{export}`, exported by `{component}`, cannot be exported from the fused component")]
    #[non_exhaustive]
    Export {
        export: String,
        component: String,
        #[source]
        source: Cause,
    },

    /// Components that import from each other in a circle, which is allowed between stores alone.
    #[error(
        "components that import from each other in a circle cannot be fused: {}; leave one of them out \
         of what is fused",
        Circle(.components)
    )]
    #[non_exhaustive]
    Cycle {
        /// Each imports from the next, the last from the first.
        components: Vec<String>,
    },

    /// Two components have one import, which the fused component has once, and only one of them leaves
    /// it to the linker.
    #[error(
        "a hint leaves `{import}` to the linker for `{hinted}`, but not for `{open}`, and components \
         that are fused import it together; give both the hint, or none"
    )]
    #[non_exhaustive]
    HintedApart { import: String, hinted: String, open: String },

    /// What was fused is no component, or none that the engine takes.
    #[error("what the components are fused into is not valid")]
    #[non_exhaustive]
    Encode {
        #[source]
        source: Cause,
    },
}

#[cfg(feature = "fuse")]
impl FuseError {
    /// The same, said of a group with the id `path`.
    pub(crate) fn within(&self, path: &str) -> Self {
        let mut error = self.clone();
        let ids = match &mut error {
            Self::NoBinary { component }
            | Self::Load { component, .. }
            | Self::Export { component, .. } => vec![component],
            Self::Connect { consumer, provider, .. } => vec![consumer, provider],
            Self::HintedApart { hinted, open, .. } => vec![hinted, open],
            Self::Cycle { components } => components.iter_mut().collect(),
            Self::Encode { .. } => Vec::new(),
        };
        ids.into_iter().for_each(|id| *id = format!("{path}/{id}"));
        error
    }
}
