//! Components with the type of their stores' data forgotten: reflected, linked, started.

use std::pin::Pin;
use std::sync::Arc;

use tokio::task::JoinHandle;
use wasmtime::component::Component;

use super::settings::RunSettings;
use crate::error::{Cause, PlanProblem, StartError};
use crate::link::{Lacking, Wire};
use crate::plan::item::Surface;
use crate::run::{Border, DriverHandle};

/// A compiled component.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) component: Component,
    pub(crate) surface: Arc<Surface>,
}

impl Loaded {
    pub(crate) fn new(component: Component, surface: Surface) -> Self {
        Self { component, surface: Arc::new(surface) }
    }
}

/// A component, with the type of its store's data forgotten.
pub(crate) trait AnyComponent: Send + Sync {
    /// What the component imports and exports. Compiles it if that was not done before.
    ///
    /// # Errors
    ///
    /// What keeps that from being known, said of a component with the id `path`.
    fn surface(&self, path: &str) -> Result<Arc<Surface>, Vec<PlanProblem>>;

    /// Whether [`surface`](Self::surface) has nothing to compile or to reflect any more.
    fn has_surface(&self) -> bool {
        true
    }

    /// The component's binary, if it is known.
    #[cfg(any(feature = "fuse", feature = "wac"))]
    fn binary(&self) -> Result<Option<Vec<u8>>, Cause> {
        Ok(None)
    }

    /// How much stack its guests leave to what they call: nothing, if it makes no calls.
    fn stack_for_others(&self) -> usize {
        0
    }

    /// Whether its store can be made anew.
    fn is_restartable(&self) -> bool;

    /// Whether instances of it can be made one after the other.
    fn is_renewable(&self) -> bool {
        self.is_restartable()
    }

    /// Links the component, without a store.
    fn link(self: Arc<Self>, link: LinkPlan) -> Result<Box<dyn Linked>, LinkError>;
}

/// Why a component cannot be linked.
pub(crate) enum LinkError {
    /// Its linker lacks something.
    Unsatisfied {
        /// What it lacks, by the index of the import.
        imports: Vec<(usize, Lacking)>,
        /// Whether that is all that it lacks.
        is_all: bool,
        /// What else is wrong.
        others: Vec<PlanProblem>,
    },
    /// It has no surface.
    Broken(Vec<PlanProblem>),
    Failed(Cause),
}

/// How a component is to be linked.
pub(crate) struct LinkPlan {
    pub(crate) border: Border,
    pub(crate) wires: Vec<Wire>,
    /// Imports that the linker must satisfy.
    pub(crate) from_linker: Vec<usize>,
}

/// A component that waits for its store.
pub(crate) trait Linked: Send {
    /// Makes the store and the instance, and starts the driver.
    fn start(self: Box<Self>, handle: Arc<DriverHandle>, running: RunSettings) -> Starting;
}

/// A component that is being started; its driver's task comes of it.
pub(crate) type Starting = Pin<Box<dyn Future<Output = Result<JoinHandle<()>, StartError>> + Send>>;
