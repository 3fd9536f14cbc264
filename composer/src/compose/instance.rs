//! An instance that runs already.

use std::fmt;
use std::sync::{Arc, Mutex};

use wasmtime::Store;
use wasmtime::component::{Component, Instance};

use super::descriptor::{Part, PartContent, sealed};
use super::settings::RunSettings;
use super::startable::{AnyComponent, LinkError, LinkPlan, Linked, Starting};
use crate::error::{Cause, PlanProblem, StartError};
use crate::plan::item::Surface;
use crate::run::{Border, CarrierSet, Driver, DriverHandle};
use crate::sync::lock;

/// A running instance and its store, to be composed with others. `T` is the data of the store.
///
/// Its imports are satisfied already; what it exports can satisfy others' imports. Handles of
/// resources that the host defined in its store cannot leave it, unless they are [carried](Self::carrying).
pub struct ComposableInstance<T: 'static> {
    component: Component,
    running: (Instance, Store<T>),
    carriers: CarrierSet<T>,
}

impl<T: Send + 'static> ComposableInstance<T> {
    /// Takes over `instance`, which lives in `store`.
    ///
    /// From now on the composition runs the store. Host functions that the instance was linked
    /// with keep working.
    ///
    /// # Panics
    ///
    /// If `store` does not own `instance`.
    pub fn from_existing(instance: Instance, store: Store<T>) -> Self {
        let component = instance.instance_pre(&store).component().clone();
        Self { component, running: (instance, store), carriers: CarrierSet::default() }
    }

    /// The instance with more carriers.
    pub(super) fn with_carriers(mut self, add: impl FnOnce(&mut CarrierSet<T>)) -> Self {
        add(&mut self.carriers);
        self
    }
}

impl<T: 'static> fmt::Debug for ComposableInstance<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ComposableInstance(..)")
    }
}

impl<T: Send + 'static> sealed::IntoPart for ComposableInstance<T> {
    fn into_part(self) -> Part {
        let Self { component, running, carriers } = self;
        let surface = Surface::reflect(&component, true).map(|mut surface| {
            surface.carry(carriers.carried());
            Arc::new(surface)
        });
        let surface = surface.map_err(Cause::new);
        let running = Mutex::new(Some(running));
        PartContent::Single(Arc::new(Existing { surface, running, carriers })).into()
    }
}

struct Existing<T: 'static> {
    surface: Result<Arc<Surface>, Cause>,
    /// Taken when the driver starts.
    running: Mutex<Option<(Instance, Store<T>)>>,
    carriers: CarrierSet<T>,
}

impl<T: Send + 'static> AnyComponent for Existing<T> {
    fn surface(&self, path: &str) -> Result<Arc<Surface>, Vec<PlanProblem>> {
        let load = |source| vec![PlanProblem::Load { component: path.to_owned(), source }];
        self.surface.clone().map_err(load)
    }

    fn is_restartable(&self) -> bool {
        false
    }

    fn link(self: Arc<Self>, link: LinkPlan) -> Result<Box<dyn Linked>, LinkError> {
        let carriers = self.carriers.of(&link.border.surface);
        let border = Arc::new(Border { carriers, ..link.border });
        Ok(Box::new(LinkedInstance { existing: self, border }))
    }
}

struct LinkedInstance<T: 'static> {
    existing: Arc<Existing<T>>,
    border: Arc<Border>,
}

impl<T: Send + 'static> Linked for LinkedInstance<T> {
    fn start(self: Box<Self>, handle: Arc<DriverHandle>, settings: RunSettings) -> Starting {
        let running = &self.existing.running;
        let running = lock(running).take();
        Box::pin(async move {
            // A composer is composed once, and its instances are in no other.
            let (instance, store) = running
                .ok_or_else(|| StartError::InstanceTaken { component: handle.id().to_owned() })?;
            let driver = Driver::new(store, &instance, handle, self.border, settings.bounds);
            Ok(driver.in_event_loop().spawn())
        })
    }
}
