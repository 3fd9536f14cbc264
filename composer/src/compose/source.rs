//! Where a component comes from.

use std::fmt;
#[cfg(feature = "compile")]
use std::path::PathBuf;
#[cfg(feature = "compile")]
use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::Component;

#[cfg(feature = "compile")]
use super::compile::{compile, read};
#[cfg(feature = "fuse")]
use super::descriptor::Level;
use super::startable::Loaded;
#[cfg(feature = "fuse")]
use crate::error::PlanProblem;
use crate::plan::item::Surface;

/// Where a component comes from: its bytes, a file, or a compiled [`Component`].
///
/// Bytes and files need the feature `compile`, on by default. They may be the binary or the text format.
#[derive(Clone)]
pub struct ComponentSource(pub(super) Source);

#[derive(Clone)]
pub(super) enum Source {
    #[cfg(feature = "compile")]
    Bytes(Arc<[u8]>),
    #[cfg(feature = "compile")]
    File(PathBuf),
    Compiled(Component),
    /// It is put together of others when it is loaded.
    #[cfg(feature = "fuse")]
    Made(Arc<dyn Origin>),
}

/// What a component is put together of.
#[cfg(feature = "fuse")]
pub(crate) trait Origin: Send + Sync {
    /// Makes the component and compiles it, if that was not done before.
    ///
    /// # Errors
    ///
    /// What keeps it from being made, said of a component with the id `path`.
    fn load(
        &self,
        engine: &Engine,
        path: &str,
        cooperates: bool,
    ) -> Result<Loaded, Vec<PlanProblem>>;

    /// Whether it is made, or cannot be.
    fn is_loaded(&self, cooperates: bool) -> bool;

    /// The components that it is put together of.
    fn level(&self) -> &Arc<Level>;
}

impl Source {
    /// Compiles and reflects the component. `cooperates` says whether cancelling is to mean the same as inside of one
    /// store; what is given compiled stays as it is.
    pub(super) fn load(&self, engine: &Engine, cooperates: bool) -> wasmtime::Result<Loaded> {
        #[cfg(not(feature = "compile"))]
        let _ = (engine, cooperates);
        match self {
            #[cfg(feature = "compile")]
            Self::Bytes(bytes) => compile(engine, bytes, cooperates),
            #[cfg(feature = "compile")]
            Self::File(path) => compile(engine, &read(path)?, cooperates),
            Self::Compiled(component) => {
                let surface = Surface::reflect(component, false)?;
                Ok(Loaded::new(component.clone(), surface))
            }
            #[cfg(feature = "fuse")]
            Self::Made(_) => Err(wasmtime::Error::msg("its origin compiles it")),
        }
    }

    /// The component's binary, if it is known.
    #[cfg(any(feature = "fuse", feature = "wac"))]
    pub(super) fn binary(&self) -> wasmtime::Result<Option<Vec<u8>>> {
        let bytes = match self {
            Self::Bytes(bytes) => bytes.to_vec(),
            Self::File(path) => read(path)?,
            Self::Compiled(_) => return Ok(None),
            #[cfg(feature = "fuse")]
            Self::Made(_) => return Ok(None),
        };
        // The text format is as good.
        let binary = wat::parse_bytes(&bytes).map_err(wasmtime::Error::new)?;
        Ok(Some(binary.into_owned()))
    }
}

#[cfg(feature = "wac")]
impl ComponentSource {
    /// The component's binary, if it is known.
    pub(crate) fn binary(&self) -> wasmtime::Result<Option<Vec<u8>>> {
        self.0.binary()
    }
}

impl fmt::Debug for ComponentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "compile")]
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            #[cfg(feature = "compile")]
            Self::File(path) => path.fmt(f),
            Self::Compiled(_) => f.write_str("compiled"),
            #[cfg(feature = "fuse")]
            Self::Made(origin) => origin.level().fmt(f),
        }
    }
}

impl From<Component> for ComponentSource {
    fn from(component: Component) -> Self {
        Self(Source::Compiled(component))
    }
}

impl From<&Component> for ComponentSource {
    fn from(component: &Component) -> Self {
        Self(Source::Compiled(component.clone()))
    }
}

/// Components that are to be compiled.
#[cfg(feature = "compile")]
mod uncompiled {
    use std::path::{Path, PathBuf};

    use super::{ComponentSource, Source};

    impl From<Vec<u8>> for ComponentSource {
        fn from(bytes: Vec<u8>) -> Self {
            Self(Source::Bytes(bytes.into()))
        }
    }

    impl From<&[u8]> for ComponentSource {
        fn from(bytes: &[u8]) -> Self {
            Self(Source::Bytes(bytes.into()))
        }
    }

    impl<const N: usize> From<&[u8; N]> for ComponentSource {
        fn from(bytes: &[u8; N]) -> Self {
            Self(Source::Bytes(bytes.as_slice().into()))
        }
    }

    impl From<&str> for ComponentSource {
        /// A component in the text format.
        fn from(text: &str) -> Self {
            Self(Source::Bytes(text.as_bytes().into()))
        }
    }

    impl From<String> for ComponentSource {
        /// A component in the text format.
        fn from(text: String) -> Self {
            Self(Source::Bytes(text.into_bytes().into()))
        }
    }

    impl From<PathBuf> for ComponentSource {
        /// A file with a component.
        fn from(path: PathBuf) -> Self {
            Self(Source::File(path))
        }
    }

    impl From<&Path> for ComponentSource {
        /// A file with a component.
        fn from(path: &Path) -> Self {
            Self(Source::File(path.to_owned()))
        }
    }
}
