//! Finds carriers that are made for another Rust type than that which the linker gives the resource.

use std::sync::Arc;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use crate::plan::carried::CarriedResource;
use crate::run::{Border, CarrierSet};

/// The resources of the host whose carriers do not fit what `linker` defines, in the interfaces that `is_defined` tells.
/// Without this, the first handle that is passed would trap its guest.
pub(crate) fn mistyped<T: 'static>(
    linker: &Linker<T>,
    component: &Component,
    border: &Border,
    carriers: &CarrierSet<T>,
    is_defined: impl Fn(&str) -> bool,
) -> wasmtime::Result<Vec<Arc<CarriedResource>>> {
    let mut found = Vec::new();
    if carriers.carried().is_empty() {
        return Ok(found);
    }
    let (engine, ty) = (component.engine(), linker.substituted_component_type(component)?);
    for (interface, import) in ty.imports(engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        if !is_defined(interface) {
            continue;
        }
        for (name, item) in instance.exports(engine) {
            let ComponentItem::Resource(ty) = item.ty else { continue };
            let defs = border.surface.resources.iter().zip(&*border.kinds);
            let def = defs.filter_map(|(def, kind)| {
                kind.as_ref()?.carried()?;
                (def.interface.as_deref() == Some(interface) && *def.name == *name)
                    .then_some(def.carried.as_ref()?)
            });
            found.extend(def.filter(|it| carriers.ty(it).is_some_and(|own| own != ty)).cloned());
        }
    }
    Ok(found)
}
