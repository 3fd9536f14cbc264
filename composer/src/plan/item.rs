//! What a component imports and exports, reflected into types that the plan can compare.
//!
//! wasmtime's types belong to one component each, and types that mention resources never compare
//! equal across components. A `Surface` therefore copies a component's types into plain data
//! (`crate::types`), in which every resource and every exported function is a number, local to the
//! surface (`reflect.rs`). `check.rs` later finds out which numbers of two components stand for the same resource, and
//! `numbers.rs` keeps the numbers when a component is replaced.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use super::Plan;
use super::abilities::Abilities;
use super::bound::Part;
use super::carried::CarriedResource;
use super::companion::Companion;
use super::name::{Name, Rank, base};
use crate::types::{FunctionType, Resource, ValueType};

/// The imports and exports of one component.
#[derive(Clone, Default, Debug)]
pub(crate) struct Surface {
    pub(crate) imports: Vec<Named>,
    pub(crate) exports: Vec<Named>,
    /// Every exported function; [`Item::Func`] of an export points into it.
    pub(crate) funcs: Vec<ExportedFunc>,
    /// Every resource that occurs; [`Resource::index`] points into it.
    pub(crate) resources: Vec<ResourceDef>,
    /// What the last exports are, which the component itself does not have: see `bound.rs`.
    pub(crate) parts: Vec<Part>,
    /// The wiring inside, if this component was fused of several.
    pub(crate) inside: Option<Arc<Inside>>,
    /// Whether named types may be missing among the exports. Implementations in Rust and on other
    /// machines declare only functions and resources, so an import's named types are not looked for
    /// in them.
    pub(crate) lacks_types: bool,
    /// The names of the exports that come from components which are not trusted.
    pub(crate) untrusted: BTreeSet<String>,
    /// What the component's code can ask of the engine. All `false` for implementations in Rust.
    pub(crate) abilities: Abilities,
    /// The index of the first import that introduces each resource, by the resource's number;
    /// computed at first use.
    pub(crate) introducers: OnceLock<HashMap<u32, usize>>,
    /// The companion: the component in the same store through which this one is called as a guest
    /// would call it. See the room `companion`.
    pub(crate) companion: Option<Arc<Companion>>,
}

/// What a component was fused of.
#[derive(Debug)]
pub(crate) struct Inside {
    /// The wiring, with ids as they are inside.
    pub(crate) plan: Plan,
    /// The indices of the imports that hints inside leave to the linker: no other component may
    /// satisfy them.
    pub(crate) hosted: Vec<usize>,
    /// The imports that no component inside the group satisfies.
    pub(crate) open: Vec<OpenInside>,
}

/// An import that no component of a group satisfies.
#[derive(Debug)]
pub(crate) struct OpenInside {
    /// The index of the group's import that it became.
    pub(crate) import: usize,
    /// The component that imports it, and under which name.
    pub(crate) component: String,
    pub(crate) name: String,
    /// The ids of the components that export it but hide it with a filter.
    pub(crate) hidden_by: Vec<String>,
    /// The ids of the components that export an incompatible version, each with the export's name.
    pub(crate) other_versions: Vec<(String, String)>,
    /// The ids of the components that export it but are not trusted.
    pub(crate) untrusted: Vec<String>,
    /// The ids of the composers in which several components export it, each with the id of one of
    /// those.
    pub(crate) undecided_in: Vec<(String, String)>,
}

/// An import or an export, or an item of one that is an instance.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// The interface that the import is an instance of, if the import has a name of its own.
    pub(crate) implements: Option<String>,
    pub(crate) item: Item,
}

/// How well a rule (a hint, a containment or a layer for some import) fits another import, and
/// whether it fits the import's name (`true`) or only the interface that the import says it is
/// (`false`).
pub(crate) type Fit = (Rank, bool);

impl Named {
    /// How well a rule for the import `rule` fits this import: by its name, or by the interface
    /// that it says it is. Between equal ranks the fit by name is the greater.
    pub(crate) fn rank_for(&self, rule: &str) -> Option<Fit> {
        let wanted = Name::parse(rule);
        let rank = |name: &str, own| Some((Name::parse(name).rank_for(&wanted)?, own));
        let interface = self.implements.as_deref().and_then(|name| rank(name, false));
        rank(&self.name, true).max(interface)
    }

    /// The names without versions by which rules can mean this import.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &str> {
        let interface = self.implements.as_deref().map(base);
        let own = base(&self.name);
        interface.filter(|it| *it != own).into_iter().chain([own])
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    Func {
        ty: Arc<FunctionType>,
        /// Of an exported function: its place in [`Surface::funcs`].
        index: usize,
    },
    Instance(Vec<Named>),
    Resource(Resource),
    Type(ValueType),
    /// A core module or a component, which only the importer's own linker can supply.
    Code(&'static str),
}

impl Item {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Func { .. } => "function",
            Self::Instance(_) => "interface",
            Self::Resource(_) => "resource",
            Self::Type(_) => "type",
            Self::Code(kind) => kind,
        }
    }

    /// Whether this item holds only types, at any depth, so that nothing has to be supplied for it.
    pub(crate) fn is_types_alone(&self) -> bool {
        match self {
            Self::Type(_) => true,
            Self::Instance(items) => items.iter().all(|named| named.item.is_types_alone()),
            Self::Func { .. } | Self::Resource(_) | Self::Code(_) => false,
        }
    }

    /// Whether this item holds a function, a module or a component, at any depth.
    fn is_to_be_supplied(&self) -> bool {
        match self {
            Self::Func { .. } | Self::Code(_) => true,
            Self::Instance(items) => items.iter().any(|named| named.item.is_to_be_supplied()),
            Self::Resource(_) | Self::Type(_) => false,
        }
    }

    /// Visits every resource that this item introduces.
    pub(crate) fn each_resource(&self, visit: &mut dyn FnMut(&Resource)) {
        match self {
            Self::Resource(resource) => visit(resource),
            Self::Instance(items) => {
                for named in items {
                    named.item.each_resource(visit);
                }
            }
            Self::Func { .. } | Self::Type(_) | Self::Code(_) => {}
        }
    }
}

/// Where an import that is a resource type gets it from: another import of the same component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Derived<'a> {
    /// The index of the import that introduces it.
    pub(crate) import: usize,
    /// The names that lead from that import to the resource; empty if the import is the resource.
    pub(crate) path: Vec<&'a str>,
}

/// Appends to `path` the names that lead from `item` to the resource `index`. Returns whether the
/// resource was found.
fn path_to<'a>(item: &'a Item, index: u32, path: &mut Vec<&'a str>) -> bool {
    match item {
        Item::Resource(resource) => resource.index == index,
        Item::Instance(items) => items.iter().any(|named| {
            path.push(&named.name);
            let found = path_to(&named.item, index, path);
            if !found {
                path.pop();
            }
            found
        }),
        Item::Func { .. } | Item::Type(_) | Item::Code(_) => false,
    }
}

/// The item called `name` among `items`.
pub(crate) fn find<'a>(items: &'a [Named], name: &str) -> Option<&'a Item> {
    items.iter().find(|named| named.name == name).map(|named| &named.item)
}

/// Items to look up by name. A map is only built if there are many, as building it costs more than
/// a few scans.
pub(crate) enum Items<'a> {
    Few(&'a [Named]),
    Many(HashMap<&'a str, &'a Item>),
}

impl<'a> Items<'a> {
    pub(crate) fn of(items: &'a [Named]) -> Self {
        match items.len() {
            0..16 => Self::Few(items),
            // Built in reverse order, so that the first item of a name wins, as it does in a scan.
            _ => Self::Many(items.iter().rev().map(|it| (&*it.name, &it.item)).collect()),
        }
    }

    pub(crate) fn find(&self, name: &str) -> Option<&'a Item> {
        match self {
            Self::Few(items) => find(items, name),
            Self::Many(items) => items.get(name).copied(),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ExportedFunc {
    /// Names of the instances around the function, then its own.
    pub(crate) path: Vec<String>,
    pub(crate) ty: Arc<FunctionType>,
}

impl ExportedFunc {
    /// `interface#function`, or the function's name if it is exported at the root.
    pub(crate) fn full_name(&self) -> String {
        self.path.join("#")
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ResourceDef {
    pub(crate) name: Arc<str>,
    pub(crate) origin: ResourceOrigin,
    /// The imported interface that introduces it.
    pub(crate) interface: Option<Arc<str>>,
    /// How it moves to other stores, if the host defines it.
    pub(crate) carried: Option<Arc<CarriedResource>>,
}

impl ResourceDef {
    /// A resource that the component itself defines.
    pub(crate) fn defined(name: Arc<str>) -> Self {
        Self { name, origin: ResourceOrigin::Defined, interface: None, carried: None }
    }

    /// Whether the component itself defines it.
    pub(crate) fn is_defined(&self) -> bool {
        self.origin == ResourceOrigin::Defined
    }
}

/// Where a resource type is defined, seen from the component that mentions it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceOrigin {
    /// The component itself.
    Defined,
    /// The provider of the import that introduces it.
    Imported,
    /// The host, for instance that of an instance which ran before it was composed.
    Host,
}

impl Surface {
    /// Notes which of the resources that come from the host are carried. Of several carriers of one resource the last
    /// counts.
    pub(crate) fn carry(&mut self, carried: &[Arc<CarriedResource>]) {
        for def in &mut self.resources {
            if def.origin != ResourceOrigin::Defined {
                let carrier = carried
                    .iter()
                    .rev()
                    .find(|it| it.is_named(def.interface.as_deref(), &def.name));
                def.carried = carrier.cloned();
            }
        }
    }

    /// The name of the exported interface that introduces the resource with this number.
    pub(crate) fn interface_of_resource(&self, number: usize) -> Option<&str> {
        let has_it = |export: &&Named| {
            let mut found = false;
            export.item.each_resource(&mut |it| found |= it.index as usize == number);
            found && matches!(export.item, Item::Instance(_))
        };
        self.exports.iter().find(has_it).map(|export| &*export.name)
    }
}

impl Surface {
    /// The name of an exported function, as `interface#function`.
    pub(crate) fn function_name(&self, func: usize) -> String {
        self.funcs.get(func).map_or_else(String::new, ExportedFunc::full_name)
    }

    /// Everything that is imported, then everything that is exported.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Named> {
        self.imports.iter().chain(&self.exports)
    }

    /// For an import that is a resource type: the import before it that introduces the same
    /// resource.
    pub(crate) fn derived_from(&self, import: usize) -> Option<Derived<'_>> {
        let Item::Resource(Resource { index, .. }) = self.imports.get(import)?.item else {
            return None;
        };
        self.introduced(index, import)
    }

    /// The import before the one with the index `before` that introduces a resource.
    fn introduced(&self, resource: u32, before: usize) -> Option<Derived<'_>> {
        let import = self.introducer(resource).filter(|import| *import < before)?;
        let mut path = Vec::new();
        path_to(&self.imports[import].item, resource, &mut path);
        Some(Derived { import, path })
    }

    /// Whether an import before the one with the index `before` introduces a resource.
    pub(crate) fn is_introduced_before(&self, resource: u32, before: usize) -> bool {
        self.introducer(resource).is_some_and(|import| import < before)
    }

    /// The index of the first import that introduces a resource.
    fn introducer(&self, resource: u32) -> Option<usize> {
        let introducers = self.introducers.get_or_init(|| {
            let mut introducers = HashMap::new();
            for (import, named) in self.imports.iter().enumerate() {
                named.item.each_resource(&mut |it| {
                    introducers.entry(it.index).or_insert(import);
                });
            }
            introducers
        });
        introducers.get(&resource).copied()
    }

    /// Whether an import needs no provider: it holds only types, and their resources are introduced
    /// by imports before it.
    pub(crate) fn needs_nobody(&self, import: usize) -> bool {
        let Some(Named { item, .. }) = self.imports.get(import) else { return false };
        if item.is_to_be_supplied() {
            return false;
        }
        let mut is_known = true;
        item.each_resource(&mut |resource| {
            is_known = is_known && self.introduced(resource.index, import).is_some();
        });
        is_known
    }
}

/// Items by their names without versions, to find the one that takes the place of another.
pub(crate) struct Successors<'a> {
    items: &'a [Named],
    by_base: HashMap<&'a str, Vec<usize>>,
}

impl<'a> Successors<'a> {
    pub(crate) fn among(items: &'a [Named]) -> Self {
        let mut by_base: HashMap<_, Vec<usize>> = HashMap::new();
        for (index, named) in items.iter().enumerate() {
            by_base.entry(base(&named.name)).or_default().push(index);
        }
        Self { items, by_base }
    }

    /// The index of the item that takes the place of `name`: the item of that very name, or else
    /// the one of the highest compatible version.
    pub(crate) fn of(&self, name: &str) -> Option<usize> {
        let wanted = Name::parse(name);
        let those = self.by_base.get(wanted.base()).into_iter().flatten().copied();
        let ranked =
            those.filter_map(|it| Some((Name::parse(&self.items[it].name).rank_for(&wanted)?, it)));
        ranked.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, index)| index)
    }
}

impl Surface {
    /// Whether the guest may have work to do while none of its exports is being called: it may hold
    /// streams or futures, or wait for async functions that it imports.
    pub(crate) fn works_between_calls(&self) -> bool {
        fn works(named: &Named) -> bool {
            match &named.item {
                Item::Func { ty, .. } => ty.is_async || ty.find_stream().is_some(),
                Item::Instance(items) => items.iter().any(works),
                Item::Resource(_) | Item::Type(_) | Item::Code(_) => false,
            }
        }
        self.imports.iter().any(works) || self.funcs.iter().any(|it| it.ty.find_stream().is_some())
    }

    /// Whether a call into the component makes all other calls wait until it has returned.
    pub(crate) fn keeps_out(&self) -> bool {
        self.abilities.keeps_out
            && self.funcs.iter().all(|it| it.ty.is_async)
            && !self.resources.iter().any(ResourceDef::is_defined)
    }
}
