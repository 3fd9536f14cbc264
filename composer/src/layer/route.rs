//! Which layers a call passes, and how it goes from one to the next.
//!
//! The chain of layers between a consumer and a provider is put together once, when the consumer is
//! linked; an endpoint with layers has a `Route` as its detour, and one without is called directly.
//! A call carries the number of layers that it has passed, so `Next` needs no state, and a layer
//! may make the same call several times.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::timeout_at;

use super::call::{Call, Returned};
use super::service::ErasedLayer;
use crate::error::CompositionError;
use crate::plan::item::ExportedFunc;
use crate::run::{Called, Caller, Deadline, Depth, Detour, Endpoint, InPlaceCaller};
use crate::types::FunctionType;
use crate::value::Value;

/// An exported function with the layers that a caller's calls pass.
pub(crate) struct Route {
    pub(super) consumer: Option<Arc<str>>,
    pub(super) provider: Arc<str>,
    /// The full name, `interface#function`.
    pub(super) name: String,
    pub(super) ty: Arc<FunctionType>,
    /// The layers, outermost first.
    chain: Arc<[ErasedLayer]>,
    /// The function itself, or, for a nested composition, its own route inside.
    target: Endpoint,
}

impl Route {
    /// The function `target` of the component `provider`, reached by `consumer` through the layers
    /// of `chain`.
    pub(crate) fn around(
        target: &Endpoint,
        chain: &Arc<[ErasedLayer]>,
        consumer: Option<&Arc<str>>,
        (provider, func): (&Arc<str>, &ExportedFunc),
    ) -> Endpoint {
        if chain.is_empty() {
            return target.clone();
        }
        let (name, ty) = (func.full_name(), func.ty.clone());
        let (consumer, provider) = (consumer.cloned(), provider.clone());
        let route =
            Self { consumer, provider, name, ty, chain: chain.clone(), target: target.clone() };
        // The component's deadline applies to the function alone, not to the layers.
        Endpoint { detour: Some(Arc::new(route)), deadline: None, ..target.clone() }
    }

    pub(super) fn interface(&self) -> Option<&str> {
        self.name.split_once('#').map(|(interface, _)| interface)
    }

    pub(super) fn function(&self) -> &str {
        self.name.split_once('#').map_or(&self.name, |(_, function)| function)
    }
}

impl Detour for Route {
    fn call(
        self: Arc<Self>,
        args: Vec<Value>,
        caller: Caller,
        deadline: Option<Deadline>,
        in_place: Option<InPlaceCaller>,
    ) -> Called {
        Box::pin(async move {
            let in_place = in_place.map(|caller| (caller, Depth::here()));
            let call = Call { route: self.clone(), args, caller, deadline, in_place, met: 0 };
            let Some(Deadline { until, after }) = deadline else {
                return Ok(call.go_on().await?.value);
            };
            match timeout_at(until, call.go_on()).await {
                Ok(returned) => Ok(returned?.value),
                Err(_) => {
                    let component = self.provider.to_string();
                    let function = Some(self.name.clone());
                    Err(CompositionError::Timeout { component, function, after })
                }
            }
        })
    }
}

impl Call {
    /// Passes the call to the next layer, or to the component after the last one.
    pub(super) async fn go_on(mut self) -> Result<Returned, CompositionError> {
        let route = self.route.clone();
        if let Some(layer) = route.chain.get(self.met) {
            self.met += 1;
            return layer.call(self).await.map_err(|error| route.error(error));
        }
        let Self { mut args, caller, deadline, in_place, .. } = self;
        // A layer may make the call from a deeper stack than the guest did, or on another task.
        // Then the callee must not run on this stack.
        let in_place = in_place.filter(|(caller, depth)| match caller {
            InPlaceCaller::Guest { .. } => depth.is_near(),
            InPlaceCaller::Rust => true,
        });
        let in_place = in_place.map(|(caller, _)| caller);
        let target = &route.target;
        // The component's driver must know the caller's deadline as well, to end a call that holds
        // its store.
        let ran = in_place.filter(|_| deadline.is_none());
        let value = match ran.and_then(|caller| target.run_in_place(&mut args, caller)) {
            Some(started) => started.wait().await?,
            None => target.call(args, caller, deadline, in_place).await?,
        };
        Ok(Returned { route, value })
    }
}

/// A layer on an import, with the number by which the plan refers to it.
#[derive(Clone, Debug)]
pub(crate) struct NumberedLayer {
    pub(crate) number: u64,
    pub(crate) layer: ErasedLayer,
}

impl NumberedLayer {
    pub(crate) fn new(layer: ErasedLayer) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        // Relaxed, as the numbers only have to differ.
        Self { number: NUMBERS.fetch_add(1, Ordering::Relaxed), layer }
    }
}

/// All layers of a composition.
#[derive(Clone, Debug, Default)]
pub(crate) struct LayerMap {
    /// Layers around components and composers, by path: for calls that come from outside of them.
    around: HashMap<String, Vec<ErasedLayer>>,
    /// Layers of composers, by path (empty for the outermost): for calls of the components inside.
    within: HashMap<String, Vec<ErasedLayer>>,
    imports: HashMap<u64, ErasedLayer>,
}

impl LayerMap {
    pub(crate) fn add_around(&mut self, path: String, layers: &[ErasedLayer]) {
        if !layers.is_empty() {
            self.around.insert(path, layers.to_vec());
        }
    }

    pub(crate) fn add_within(&mut self, path: &str, layers: &[ErasedLayer]) {
        if !layers.is_empty() {
            self.within.insert(path.to_owned(), layers.to_vec());
        }
    }

    pub(crate) fn add_imports<'a>(&mut self, layers: impl Iterator<Item = &'a NumberedLayer>) {
        self.imports.extend(layers.map(|it| (it.number, it.layer.clone())));
    }

    /// This map, with a component's `former` import layers replaced by `layers`.
    pub(crate) fn with_imports<'a>(
        &self,
        former: impl Iterator<Item = &'a NumberedLayer>,
        layers: impl Iterator<Item = &'a NumberedLayer>,
    ) -> Self {
        let mut layering = self.clone();
        former.for_each(|it| _ = layering.imports.remove(&it.number));
        layering.add_imports(layers);
        layering
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.around.is_empty() && self.within.is_empty() && self.imports.is_empty()
    }

    /// The layers that a call of `consumer` to `provider` passes, after those on its import.
    pub(crate) fn between(&self, consumer: Option<&str>, provider: &str) -> Vec<ErasedLayer> {
        let mut met = Vec::new();
        if self.around.is_empty() && self.within.is_empty() {
            return met;
        }
        met.extend(self.within.get("").into_iter().flatten().cloned());
        let ends = provider.match_indices('/').map(|(end, _)| end).chain([provider.len()]);
        for path in ends.map(|end| &provider[..end]) {
            let from_inside = consumer
                .and_then(|consumer| consumer.strip_prefix(path))
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            if !from_inside {
                met.extend(self.around.get(path).into_iter().flatten().cloned());
            }
            met.extend(self.within.get(path).into_iter().flatten().cloned());
        }
        met
    }

    /// The import layer with some number.
    pub(crate) fn of_import(&self, number: u64) -> Option<&ErasedLayer> {
        self.imports.get(&number)
    }
}
