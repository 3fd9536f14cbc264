//! Fills a component's linker with functions and resources of other components.
//!
//! Each import becomes a function of the linker that makes a call of the provider's [`Endpoint`](crate::run::Endpoint).
//! A function whose values the codec can walk is `direct`: it reads its arguments out of the importer's memory and writes
//! its result there, without a `Val`. All others are `vals`. Both make the call by `func`, which tries to run it in place
//! and otherwise sends a message.
//!
//! Calls that a guest makes one after the other arrive in that order, so a function hands in its call before it first
//! waits. A resource becomes a type of the importer's store whose destructor releases the handle; as in a store that both
//! share, a drop is over when the destructor is, but for components in a cycle, where the one that drops may be what the
//! other waits for.

#[cfg_attr(not(feature = "codec"), path = "direct_disabled.rs")]
mod direct;
mod func;
mod lacking;
mod mistyped;
mod vals;

use std::sync::Arc;

use wasmtime::component::{Linker, LinkerInstance, ResourceType};

pub(crate) use lacking::{Lacking, Unsatisfied, unsatisfied};
pub(crate) use mistyped::mistyped;

use func::ImportedFunc;

use crate::plan::companion::{BEGUN, Companion};
use crate::plan::containment::Carrier;
use crate::plan::item::{Item, Items, Named, Surface};
use crate::run::{Border, Endpoint, RunningCalls};
use crate::value::handle::Proxy;

/// An import, and the export that satisfies it.
pub(crate) struct Wire {
    pub(crate) import: usize,
    pub(crate) provider: Arc<Surface>,
    pub(crate) export: usize,
    pub(crate) connect: Box<Connect>,
}

/// Where a function of an import is called, and how its failures are contained: by the function's name, if the import
/// is an interface, and the provider's number of it.
pub(crate) type Connect = dyn Fn(Option<&str>, usize) -> (Endpoint, Option<Carrier>) + Send + Sync;

/// Defines in `linker` what a component's companion calls.
pub(crate) fn define_for_companion<T: Send + 'static>(
    linker: &mut Linker<T>,
    border: &Arc<Border>,
    companion: &Companion,
) -> wasmtime::Result<()> {
    let start_order = border.start_order.clone();
    linker.allow_shadowing(true);
    if !companion.imports.is_empty() {
        border.subtasks.define(linker)?;
    }
    linker.root().func_wrap(BEGUN, move |_, (number,): (u32,)| {
        start_order.has_begun(number);
        Ok(())
    })
}

/// Defines in `linker` what `wires` provide, over what it defines already.
pub(crate) fn define<T: Send + 'static>(
    linker: &mut Linker<T>,
    border: &Arc<Border>,
    wires: &[Wire],
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    for wire in wires {
        let import = &border.surface.imports[wire.import];
        let export = &wire.provider.exports[wire.export].item;
        item(&mut linker.root(), import, export, border, wire, None)?;
    }
    Ok(())
}

fn item<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    import: &Named,
    export: &Item,
    border: &Arc<Border>,
    wire: &Wire,
    interface: Option<&Named>,
) -> wasmtime::Result<()> {
    match (&import.item, export) {
        (Item::Func { ty, .. }, Item::Func { index, .. }) => {
            let function = interface.map(|_| &*import.name);
            let (endpoint, contained) = (wire.connect)(function, *index);
            let path: Vec<_> =
                interface.into_iter().chain([import]).map(|it| it.name.clone()).collect();
            let func = ImportedFunc::new(&path, ty.clone(), border.clone(), endpoint, contained);
            let func = Arc::new(func);
            direct::define(linker, &import.name, &func)
                .unwrap_or_else(|| vals::define(linker, &import.name, func))
        }
        (Item::Instance(needed), Item::Instance(offered)) => {
            let mut linker = linker.instance(&import.name)?;
            let offered = Items::of(offered);
            for named in needed {
                // The plan has found every item that is needed.
                if let Some(offered) = offered.find(&named.name) {
                    item(&mut linker, named, offered, border, wire, Some(import))?;
                }
            }
            Ok(())
        }
        // The linker's own resource, named by another interface too.
        (Item::Resource(resource), _) if border.is_hosted(resource) => Ok(()),
        (Item::Resource(_), Item::Resource(_)) => {
            let (proxies, outgoing) = (border.proxies.clone(), border.outgoing.clone());
            let ty = ResourceType::host::<Proxy>();
            // Where components import from each other in a cycle, the destructor may have to wait for who
            // drops the handle.
            let waits = !border.running_calls.as_ref().is_some_and(RunningCalls::are_in_cycles);
            // Dropping the handle releases the resource in its home. As in one store, it is over when the
            // destructor is.
            linker.resource_async(&import.name, ty, move |_, rep| {
                let released = proxies.remove(rep).map(|own| own.release(outgoing.number()));
                // The search for deadlocks has to know that it waits.
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
