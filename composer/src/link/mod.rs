//! Fills a component's linker with functions and resources of other components.

mod func;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod future;
mod post;
mod store;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod stream;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) use future::Futures;
pub(crate) use post::{Post, Ran};
pub(crate) use store::{Loans, StoreHandles, StoreSide};
pub(crate) use waits::{Tasks, Wait, WaitId, Waiter, Waits};

use crate::driver::{Caller, InPlaceCaller};
use crate::error::CompositionError;
use crate::layer::{Layered, Route};
use crate::plan::companion::BEGUN;
use crate::plan::containment::Carrier;
use crate::plan::item::{ExportedFunc, Item, Named, Surface, find};
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

/// Defines in `linker` what a component's companion tells that a call has begun.
pub(crate) fn define_begun<T: Send + 'static>(
    linker: &mut Linker<T>,
    side: &Arc<StoreSide>,
) -> wasmtime::Result<()> {
    let begun = side.begun.clone();
    linker.allow_shadowing(true);
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
            func::define(linker, &import.name, ty.clone(), side.clone(), endpoint, contained)
        }
        (Item::Instance(needed), Item::Instance(offered)) => {
            let mut linker = linker.instance(&import.name)?;
            for named in needed {
                // The plan has found every item that is needed.
                if let Some(offered) = find(offered, &named.name) {
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

/// What a linker does not define of an import.
#[derive(Debug, thiserror::Error)]
#[error("a matching implementation was not found in the linker")]
pub(crate) struct Lacking {
    /// What of an interface, if it defines something of that.
    pub(crate) items: Vec<String>,
    /// What is wrong with what it defines, if it is not missing.
    pub(crate) wrong: Option<wasmtime::Error>,
}

/// Which of the imports `from_linker` of `component` its linker lacks, each with a [`Lacking`].
pub(crate) fn unsatisfied<T: Send + 'static>(
    linker: &Linker<T>,
    component: &Component,
    surface: &Surface,
    from_linker: &[usize],
) -> Vec<(usize, wasmtime::Error)> {
    // wasmtime checks imports in their order and stops at the first that fails. So each import is
    // looked at with everything replaced by stand-ins but what was found before it.
    let mut probe = Probe { linker, component, surface, found: Vec::new() };
    let mut lacking = Vec::new();
    for &import in from_linker {
        probe.found.push(import);
        if let Err(error) = probe.check(None) {
            let lacks = probe.lacking(import, error);
            probe.found.pop();
            lacking.push((import, wasmtime::Error::new(lacks)));
        }
    }
    lacking
}

/// A component with its linker, looked at by some of its imports.
struct Probe<'a, T: 'static> {
    linker: &'a Linker<T>,
    component: &'a Component,
    surface: &'a Surface,
    /// The imports that are not replaced by stand-ins.
    found: Vec<usize>,
}

impl<T: Send + 'static> Probe<'_, T> {
    /// Whether the linker has what is looked at; of an interface only the item `only` if that is given.
    fn check(&self, only: Option<(usize, &str)>) -> wasmtime::Result<()> {
        let imports = &self.surface.imports;
        let mut probe = self.linker.clone();
        probe.allow_shadowing(true);
        for (index, named) in imports.iter().enumerate().filter(|(i, _)| !self.found.contains(i)) {
            // A stand-in that cannot be defined shows as the failure of its own import.
            let _ = stand_in(&mut probe.root(), named, &imports[..index]);
        }
        if let Some((import, item)) = only
            && let Item::Instance(items) = &imports[import].item
            && let Ok(mut instance) = probe.instance(&imports[import].name)
        {
            for named in items.iter().filter(|named| named.name != item) {
                // A resource that the linker has stays the one that its functions are of.
                if !matches!(named.item, Item::Resource(_)) {
                    let _ = stand_in(&mut instance, named, &imports[..import]);
                }
            }
        }
        probe.substituted_component_type(self.component).map(drop)
    }

    /// What the linker lacks of the import that was found last, which failed with `error`.
    fn lacking(&self, import: usize, error: wasmtime::Error) -> Lacking {
        let is_missing = |error: &wasmtime::Error| {
            error
                .chain()
                .last()
                .is_some_and(|it| it.to_string().ends_with("implementation is missing"))
        };
        let Item::Instance(items) = &self.surface.imports[import].item else {
            let wrong = (!is_missing(&error)).then_some(error);
            return Lacking { items: Vec::new(), wrong };
        };
        let needed = items.iter().filter(|named| !named.item.is_types_alone());
        let needed: Vec<_> = needed.collect();
        let failures = needed.iter().filter_map(|named| {
            let error = self.check(Some((import, &named.name))).err()?;
            Some((format!("{} `{}`", named.item.kind(), named.name), error))
        });
        let mut failures: Vec<_> = failures.collect();
        if let Some(wrong) = failures.iter().position(|(_, error)| !is_missing(error)) {
            let (item, error) = failures.swap_remove(wrong);
            return Lacking { items: vec![item], wrong: Some(error) };
        }
        // Without its resource, no function can be looked at by itself.
        let is_all = failures.len() == needed.len() || failures.is_empty();
        let items = failures.into_iter().map(|(item, _)| item).collect();
        Lacking { items: if is_all { Vec::new() } else { items }, wrong: None }
    }
}

/// What stands in for a resource that is not looked at.
struct StandIn;

fn stand_in<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    named: &Named,
    earlier: &[Named],
) -> wasmtime::Result<()> {
    match &named.item {
        Item::Func { ty, .. } => func::stand_in(linker, &named.name, ty),
        Item::Instance(items) => {
            let mut linker = linker.instance(&named.name)?;
            items.iter().try_for_each(|named| stand_in(&mut linker, named, earlier))
        }
        Item::Resource(resource) => {
            // An earlier import's resource must be that one or nothing.
            let mut known = false;
            for named in earlier {
                named.item.each_resource(&mut |it| known |= it.index == resource.index);
            }
            if known {
                return Ok(());
            }
            linker.resource(&named.name, ResourceType::host::<StandIn>(), |_, _| Ok(()))
        }
        Item::Type(_) | Item::Code(_) => Ok(()),
    }
}
