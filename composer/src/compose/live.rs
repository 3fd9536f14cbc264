//! Components that run, as a composition knows them.

use std::sync::Arc;
use std::time::Duration;

use super::settings::Settings;
use crate::layer::{ErasedLayer, Route};
use crate::plan::item::Surface;
use crate::run::{Dispatcher, Endpoint, shorter};
use crate::value::handle::ResourceKind;

/// A component that runs, or a composition as if it were one.
#[derive(Clone)]
pub(crate) struct LiveComponent {
    pub(crate) surface: Arc<Surface>,
    /// Where each of the surface's functions is called.
    pub(crate) endpoints: Arc<[Endpoint]>,
    /// What each of the surface's resources is; `None` where the host defines it.
    pub(crate) kinds: Arc<[Option<ResourceKind>]>,
    /// Where it can be replaced, if it is one component.
    pub(crate) dispatcher: Option<Arc<Dispatcher>>,
    pub(crate) settings: Settings,
    /// The layers that a call from outside of the composition meets.
    pub(crate) layers: Arc<[ErasedLayer]>,
}

impl LiveComponent {
    /// A single component.
    pub(crate) fn new(
        surface: Arc<Surface>,
        dispatcher: Arc<Dispatcher>,
        kinds: Arc<[Option<ResourceKind>]>,
        settings: Settings,
        layers: Arc<[ErasedLayer]>,
    ) -> Self {
        let deadline = settings.deadline;
        let endpoints = (0..surface.funcs.len())
            .map(|func| Endpoint { dispatcher: dispatcher.clone(), func, deadline, detour: None })
            .collect();
        Self { surface, endpoints, kinds, dispatcher: Some(dispatcher), settings, layers }
    }

    /// Where callers outside of the composition reach a function of the component `id`.
    pub(crate) fn endpoint(&self, id: &Arc<str>, func: usize) -> Endpoint {
        let provider = (id, &self.surface.funcs[func]);
        Route::around(&self.endpoints[func], &self.layers, None, provider)
    }

    /// The same inside of another composition, with a deadline and layers for calls from outside.
    pub(crate) fn inside(mut self, deadline: Option<Duration>, layers: Arc<[ErasedLayer]>) -> Self {
        let endpoints = self.endpoints.iter().cloned().map(|mut endpoint| {
            endpoint.deadline = shorter(endpoint.deadline, deadline);
            endpoint
        });
        self.endpoints = endpoints.collect();
        self.layers = layers;
        self
    }
}
