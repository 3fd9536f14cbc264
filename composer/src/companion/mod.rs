//! A companion: a small component beside another one in its store, through which the host calls it
//! as a guest in the same store would.
//!
//! wasmtime's host entry points do not behave like calls between components of one store in two
//! cases: a call of a sync function waits while the instance holds its async calls back
//! (backpressure), and an async call that has started cannot be cancelled. A caller in the same
//! store has neither restriction. Where this makes a difference, a component given as a binary is
//! compiled together with a companion that is written here: both are instantiated inside one outer
//! component, which has the imports of the first. The host calls the component directly in all
//! other cases.
//!
//! `outline.rs` reads what must be known of the binary, `budget.rs` and `size.rs` bound how large
//! its types may be. `types.rs` writes the outer component and repeats types in the companion;
//! `sync.rs`, `cancel.rs` and `imports.rs` write the companion's functions, one kind each, the last
//! two with `subtask.rs`; `core.rs`, `memory.rs`, `flat.rs`, `frees.rs`, `handles.rs` and `layout.rs`
//! are for core code and the canonical ABI.
//!
//! A component that cannot have a companion (an unusual layout, types that are too large, handles
//! inside other values) runs without, with the two restrictions above.

mod budget;
mod cancel;
mod core;
mod flat;
mod frees;
mod handles;
mod imports;
mod interface;
mod layout;
mod memory;
mod outline;
mod size;
mod subtask;
mod sync;
mod types;

use std::collections::HashMap;

use wasm_encoder::{ComponentBuilder, ComponentExportKind};
use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentEntityType, ComponentFuncTypeId, ComponentInstanceTypeId,
    ResourceId,
};
use wasmtime::Engine;
use wasmtime::component::Component;

use self::budget::Budget;
use self::outline::{Imported, Outline};
use self::size::Size;
use self::types::{Around, Types};
use crate::plan::abilities::Abilities;
use crate::plan::companion::{CANCEL, COMPONENT, Companion, SYNC};
use crate::plan::reflect::ensure_small;

/// What a component's binary tells about it.
pub(crate) struct Known {
    pub(crate) abilities: Abilities,
    /// The component with a companion, if one makes a difference and can be written.
    pub(crate) accompanied: Option<Accompanied>,
}

/// A component with its companion.
pub(crate) struct Accompanied {
    pub(crate) binary: Vec<u8>,
    pub(crate) companion: Companion,
}

/// An exported function.
struct Exported {
    path: Vec<String>,
    ty: ComponentFuncTypeId,
    /// Its index in the outer component.
    around: u32,
}

/// Looks at the binary of a component; nothing if it is none, or if it can do nothing of what is looked for.
/// `cooperates` says whether cancelling is to mean the same as inside of one store.
///
/// # Errors
///
/// If its types are so large that it would not be reflected when it is compiled, which may take very long.
pub(crate) fn look(
    engine: &Engine,
    binary: &[u8],
    cooperates: bool,
) -> wasmtime::Result<Option<Known>> {
    if !engine.get_concurrency_support() {
        return Ok(None);
    }
    let Some(outline) = Outline::read(binary) else { return Ok(None) };
    let size = outline.imports.iter().filter_map(|it| outline.import(it.name));
    let size = size.chain(outline.exports.iter().filter_map(|name| outline.export(name)));
    ensure_small(Size::of(outline.types(), size))?;
    let abilities = Abilities { suspends: outline.suspends, keeps_out: outline.keeps_out };
    Ok(Some(Known { abilities, accompanied: accompany(engine, binary, &outline, cooperates) }))
}

/// Puts a companion beside a component where one makes a difference and is possible.
fn accompany(
    engine: &Engine,
    binary: &[u8],
    outline: &Outline<'_>,
    cooperates: bool,
) -> Option<Accompanied> {
    if !outline.imports_are_apart {
        return None;
    }
    let parsed = outline.types();
    let overlaps = outline.has_async_exports();
    // A call that waits to be let in is over when it is cancelled, whether or not its callee would hear of it.
    let hears_of_cancel = outline.hears_of_cancel || cooperates && overlaps;
    let cancels = cooperates && outline.cancels;
    if !(outline.holds_back || hears_of_cancel || cancels || overlaps) {
        return None;
    }
    let mut companion = Companion { holds_back: outline.holds_back, ..Companion::default() };
    let mut around = Around::new(&outline.prefix, outline.counts);
    let mut found = Found {
        outline,
        budget: Budget::new(parsed),
        resources: HashMap::new(),
        funcs: Vec::new(),
    };
    for import in &outline.imports {
        found.import(import, &mut around)?;
    }
    let mut args: Vec<_> = outline.imports.iter().map(|it| (it.name, it.kind, it.index)).collect();
    if cancels {
        companion.imports = found.pass_on(&mut args, &mut around)?;
    }
    let component = around.instance(binary, args);
    for name in &outline.exports {
        let ty = outline.export(name)?;
        found.export(component, &[], name, ty, &mut around)?;
    }
    let Found { resources, funcs, .. } = found;

    let is_async = |func: &&Exported| parsed[func.ty].async_;
    let overlaps = funcs.iter().any(|func| is_async(&func));
    let mut beside = Vec::new();
    let named = |names: Vec<(&Exported, String)>| {
        names.into_iter().map(|(func, name)| (func.path.clone(), name)).collect()
    };
    if outline.holds_back || overlaps {
        let mut types = Types::new(parsed, &resources);
        let sync = funcs.iter().filter(|func| !is_async(func));
        companion.sync = named(sync::write(&mut types, &mut around, parsed, sync));
        if !companion.sync.is_empty() {
            beside.push((SYNC, types));
        }
    }
    if outline.holds_back || hears_of_cancel {
        let mut types = Types::new(parsed, &resources);
        let cancel = funcs.iter().filter(is_async);
        companion.cancels_in_passing = cancels_in_passing(engine);
        let cancel = (cancel, companion.cancels_in_passing);
        companion.cancel = named(cancel::write(&mut types, &mut around, parsed, cancel));
        if !companion.cancel.is_empty() {
            beside.push((CANCEL, types));
        }
    }
    if beside.is_empty() && companion.imports.is_empty() {
        return None;
    }
    around.export(COMPONENT, component);
    for (name, types) in beside {
        let instance = around.beside(types);
        around.export(name, instance);
    }
    Some(Accompanied { binary: around.finish(), companion })
}

/// Whether the engine supports the async `subtask.cancel`, which does not wait for the callee.
fn cancels_in_passing(engine: &Engine) -> bool {
    let mut probe = ComponentBuilder::default();
    probe.subtask_cancel(true);
    Component::new(engine, probe.finish()).is_ok()
}

/// The resources and functions of a component, as they are aliased in the outer component.
struct Found<'a> {
    outline: &'a Outline<'a>,
    budget: Budget<'a>,
    /// The index of each resource in the outer component.
    resources: HashMap<ResourceId, u32>,
    funcs: Vec<Exported>,
}

impl Found<'_> {
    fn import(&mut self, import: &Imported<'_>, around: &mut Around) -> Option<()> {
        match self.outline.import(import.name)? {
            ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(id), .. } => {
                self.resources.entry(id.resource()).or_insert(import.index);
            }
            ComponentEntityType::Instance(ty) => {
                self.resources_in(import.index, ty, around)?;
            }
            _ => {}
        }
        Some(())
    }

    /// Aliases the resources that an instance exports.
    fn resources_in(
        &mut self,
        instance: u32,
        ty: ComponentInstanceTypeId,
        around: &mut Around,
    ) -> Option<()> {
        let types = self.outline.types();
        for (name, item) in &types[ty].exports {
            self.budget.item()?;
            if let ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(id), .. } =
                &item.ty
            {
                let named = self.resources.entry(id.resource());
                named.or_insert_with(|| around.alias(instance, ComponentExportKind::Type, name));
            }
        }
        Some(())
    }

    /// Looks at the values of a function.
    fn values(&mut self, ty: ComponentFuncTypeId) -> Option<()> {
        self.budget.item()?;
        let func = &self.outline.types()[ty];
        func.params
            .iter()
            .map(|(_, ty)| ty)
            .chain(&func.result)
            .try_for_each(|ty| self.budget.value(ty))
    }

    fn export(
        &mut self,
        instance: u32,
        path: &[String],
        name: &str,
        ty: ComponentEntityType,
        around: &mut Around,
    ) -> Option<()> {
        self.budget.item()?;
        let path = || path.iter().cloned().chain([name.to_owned()]).collect::<Vec<_>>();
        match ty {
            ComponentEntityType::Func(ty) => {
                self.values(ty)?;
                let index = around.alias(instance, ComponentExportKind::Func, name);
                self.funcs.push(Exported { path: path(), ty, around: index });
            }
            ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(id), .. } => {
                let named = self.resources.entry(id.resource());
                named.or_insert_with(|| around.alias(instance, ComponentExportKind::Type, name));
            }
            ComponentEntityType::Instance(ty) => {
                let inner = around.alias(instance, ComponentExportKind::Instance, name);
                let types = self.outline.types();
                for (name, item) in &types[ty].exports {
                    self.export(inner, &path(), name, item.ty, around)?;
                }
            }
            _ => {}
        }
        Some(())
    }
}
