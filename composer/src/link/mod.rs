//! Fills a component's linker with functions and resources of other components.

mod func;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod future;
mod lacking;
mod post;
mod store;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod stream;
#[cfg(feature = "component-model-async")]
mod subtasks;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Linker, LinkerInstance, ResourceType};

#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) use future::Futures;
pub(crate) use lacking::{Lacking, unsatisfied};
pub(crate) use post::{Post, Ran};
pub(crate) use store::{Loans, StoreHandles, StoreSide};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) use stream::Endings;
#[cfg(feature = "component-model-async")]
pub(crate) use subtasks::Subtasks;
pub(crate) use waits::{Tasks, Wait, WaitId, Waiter, Waits};

use crate::driver::{Caller, InPlaceCaller};
use crate::error::CompositionError;
use crate::layer::{Layered, Route};
use crate::plan::companion::{BEGUN, Companion};
use crate::plan::containment::Carrier;
use crate::plan::item::{ExportedFunc, Item, Items, Named, Surface};
use crate::transfer::Proxy;
use crate::value::Value;

/// An exported function of a component that runs.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) post: Arc<Post>,
    /// Index into the component's exported functions.
    pub(crate) func: usize,
    /// The longest that any call may take.
    pub(crate) deadline: Option<Duration>,
    /// The layers on the way to it.
    pub(crate) layers: Option<Arc<Route>>,
}

impl Endpoint {
    /// The same function, through layers.
    pub(crate) fn through(
        &self,
        chain: &Arc<[Layered]>,
        consumer: Option<&Arc<str>>,
        (provider, func): (&Arc<str>, &ExportedFunc),
    ) -> Self {
        if chain.is_empty() {
            return self.clone();
        }
        let (consumer, provider) = (consumer.cloned(), provider.clone());
        let route = Route::new(consumer, provider, func, chain.clone(), self.clone());
        // The deadline is that of the function alone.
        Self { layers: Some(route), deadline: None, ..self.clone() }
    }

    /// Runs a call of a sync function in place, if the component is idle, nothing that it calls can
    /// wait, no deadline has to be kept, and no layer has to be met. Otherwise `args` stay as they are.
    pub(crate) fn run_in_place(&self, args: &mut Vec<Value>, caller: InPlaceCaller) -> Option<Ran> {
        self.direct()?.run_in_place(self.func, args, caller)
    }

    /// Where the function is called, if no deadline has to be kept and no layer has to be met on the way.
    fn direct(&self) -> Option<&Post> {
        (self.deadline.is_none() && self.layers.is_none()).then_some(&*self.post)
    }

    /// Calls the function; the shorter deadline counts.
    pub(crate) async fn call(
        &self,
        args: Vec<Value>,
        caller: Caller,
        deadline: Option<Duration>,
        in_place: Option<InPlaceCaller>,
    ) -> Result<Option<Value>, CompositionError> {
        let within = self.deadline.into_iter().chain(deadline).min();
        if let Some(route) = &self.layers {
            return Box::pin(route.clone().call(args, caller, within, in_place)).await;
        }
        self.post.call(self.func, args, caller, within, in_place).await
    }
}

/// An import, and the export that satisfies it.
pub(crate) struct Wire {
    pub(crate) import: usize,
    pub(crate) provider: Arc<Surface>,
    pub(crate) export: usize,
    /// By the provider's number of the function.
    pub(crate) endpoints: Arc<[Endpoint]>,
    /// The provider's id.
    pub(crate) id: Arc<str>,
    /// The layers on the import: on a function, or without a name on all of them.
    pub(crate) layers: Vec<(Option<String>, Layered)>,
    /// The layers that calls meet after those.
    pub(crate) between: Vec<Layered>,
    /// The functions whose failures are contained, without a name if the import is one.
    pub(crate) contained: Vec<(Option<String>, Carrier)>,
}

/// Defines in `linker` what a component's companion calls.
pub(crate) fn define_for_companion<T: Send + 'static>(
    linker: &mut Linker<T>,
    side: &Arc<StoreSide>,
    companion: &Companion,
) -> wasmtime::Result<()> {
    let begun = side.begun.clone();
    linker.allow_shadowing(true);
    #[cfg(feature = "component-model-async")]
    if !companion.imports.is_empty() {
        side.subtasks.define(linker)?;
    }
    #[cfg(not(feature = "component-model-async"))]
    let _ = companion;
    linker.root().func_wrap(BEGUN, move |_, (number,): (u32,)| {
        begun.has_begun(number);
        Ok(())
    })
}

/// Defines in `linker` what `wires` provide, over what it defines already.
pub(crate) fn define<T: Send + 'static>(
    linker: &mut Linker<T>,
    side: &Arc<StoreSide>,
    wires: &[Wire],
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    for wire in wires {
        let import = &side.surface.imports[wire.import];
        let export = &wire.provider.exports[wire.export].item;
        item(&mut linker.root(), import, export, side, wire, None)?;
    }
    Ok(())
}

fn item<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    import: &Named,
    export: &Item,
    side: &Arc<StoreSide>,
    wire: &Wire,
    interface: Option<&Named>,
) -> wasmtime::Result<()> {
    match (&import.item, export) {
        (Item::Func { ty, .. }, Item::Func { index, .. }) => {
            let function = interface.map(|_| &*import.name);
            let on_import = wire
                .layers
                .iter()
                .filter(|(name, _)| name.is_none() || name.as_deref() == function);
            let chain = on_import.map(|(_, layer)| layer).chain(&wire.between).cloned().collect();
            let provider = (&wire.id, &wire.provider.funcs[*index]);
            let endpoint = wire.endpoints[*index].through(&chain, Some(&side.id), provider);
            let contained = wire.contained.iter().find(|(name, _)| name.as_deref() == function);
            let contained = contained.map(|(_, carrier)| *carrier);
            let path: Vec<_> =
                interface.into_iter().chain([import]).map(|it| it.name.clone()).collect();
            func::define(linker, &path, ty.clone(), side.clone(), endpoint, contained)
        }
        (Item::Instance(needed), Item::Instance(offered)) => {
            let mut linker = linker.instance(&import.name)?;
            let offered = Items::of(offered);
            for named in needed {
                // The plan has found every item that is needed.
                if let Some(offered) = offered.find(&named.name) {
                    item(&mut linker, named, offered, side, wire, Some(import))?;
                }
            }
            Ok(())
        }
        // The linker's own resource, named by another interface too.
        (Item::Resource(resource), _) if side.is_hosted(resource) => Ok(()),
        (Item::Resource(_), Item::Resource(_)) => {
            let (proxies, outgoing) = (side.proxies.clone(), side.outgoing.clone());
            let ty = ResourceType::host::<Proxy>();
            // Where components import from each other in a circle, the destructor may have to wait for who
            // drops the handle.
            let waits = !side.tasks.as_ref().is_some_and(Tasks::are_in_circles);
            // Dropping the handle releases the resource in its home. As in one store, it is over when the
            // destructor is.
            linker.resource_async(&import.name, ty, move |_, rep| {
                let released = proxies.remove(rep).map(|own| own.release(outgoing.number()));
                // Who looks for deadlocks has to know that it waits.
                let place = outgoing.take(0).ok();
                Box::new(async move {
                    // One that is lent ends with the loan.
                    if let (true, Ok(done)) = (waits, released?) {
                        // Whether it ran, or was lost with its store.
                        let _ = done.await;
                    }
                    drop(place);
                    Ok(())
                })
            })
        }
        _ => Ok(()),
    }
}
