//! What a component imports and exports, reflected into types that the plan can compare.
//!
//! wasmtime's types belong to one component each, and types that mention resources never compare
//! equal across components. A `Surface` therefore copies a component's types into plain data
//! (`crate::types`), in which every resource and every exported function is a number, local to the
//! surface. `check.rs` later finds out which numbers of two components stand for the same resource.
//!
//! The numbers outlive a component: `Surface::numbered_as` renumbers the surface of a replacement
//! after its predecessor's, so that endpoints and handles that refer to numbers keep their meaning.
//!
//! Reflecting spells out every use of a type, and a small component can nest its types so that
//! there are exponentially many uses. `MOST_SPELLED_OUT` bounds the work.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use wasmtime::component::types::{self, ComponentExtern, ComponentItem, Type};
use wasmtime::component::{Component, ResourceType};
use wasmtime::{Engine, ensure};

use super::Plan;
use super::abilities::Abilities;
use super::carried::CarriedResource;
use super::companion::Companion;
#[cfg(all(feature = "compile", feature = "component-model-async"))]
use super::companion::{COMPONENT, is_own_import};
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
    /// The name of the exported interface that introduces the resource with this number.
    pub(crate) fn interface_of_resource(&self, number: usize) -> Option<&str> {
        let has_it = |export: &&Named| {
            let mut found = false;
            export.item.each_resource(&mut |it| found |= it.index as usize == number);
            found && matches!(export.item, Item::Instance(_))
        };
        self.exports.iter().find(has_it).map(|export| &*export.name)
    }

    /// Reflects `component`. With `linked`, its imports are satisfied already and are left out: the
    /// resources that it imports belong to the host.
    ///
    /// # Errors
    ///
    /// If its types are too large when every use of one is spelled out, or if its compiled image
    /// cannot be read.
    pub(crate) fn reflect(component: &Component, linked: bool) -> wasmtime::Result<Self> {
        let surface = Self::of(component, linked, None)?;
        Ok(Self { abilities: Abilities::of(component)?, ..surface })
    }

    /// Reflects a component whose abilities are known.
    ///
    /// # Errors
    ///
    /// If its types are too large when every use of one is spelled out.
    #[cfg(feature = "compile")]
    pub(crate) fn with_abilities(
        component: &Component,
        abilities: Abilities,
    ) -> wasmtime::Result<Self> {
        let surface = Self::of(component, false, None)?;
        Ok(Self { abilities, ..surface })
    }

    /// Reflects a component that was compiled with a companion.
    ///
    /// # Errors
    ///
    /// As [`reflect`](Self::reflect).
    #[cfg(all(feature = "compile", feature = "component-model-async"))]
    pub(crate) fn accompanied(
        component: &Component,
        companion: Companion,
        abilities: Abilities,
    ) -> wasmtime::Result<Self> {
        let mut surface = Self::of(component, false, Some(COMPONENT))?;
        surface.imports.retain(|import| !is_own_import(&import.name));
        Ok(Self { abilities, companion: Some(Arc::new(companion)), ..surface })
    }

    /// Reflects the imports of `component`, and its exports or, with `inside`, the exports of its
    /// exported instance of that name.
    fn of(component: &Component, linked: bool, inside: Option<&str>) -> wasmtime::Result<Self> {
        let engine = component.engine();
        let ty = component.component_type();
        let mut reflector = Reflector {
            engine,
            origin: if linked { ResourceOrigin::Host } else { ResourceOrigin::Imported },
            known: Vec::new(),
            resources: Vec::new(),
            path: Vec::new(),
            funcs: Vec::new(),
            names: HashSet::new(),
            spelled_out: 0,
        };
        // Imports come first: a resource that appears among them is not defined by the component.
        let imports = ty.imports(engine).map(|(name, it)| reflector.named(name, it));
        let imports = imports.collect::<wasmtime::Result<_>>()?;
        reflector.origin = ResourceOrigin::Defined;
        reflector.funcs.clear();
        let inside = inside.and_then(|name| ty.get_export(engine, name)).map(|it| it.ty);
        let mut named = |(name, it)| reflector.named(name, it);
        let exports = match inside {
            Some(ComponentItem::ComponentInstance(ty)) => {
                ty.exports(engine).map(&mut named).collect::<wasmtime::Result<_>>()?
            }
            _ => ty.exports(engine).map(&mut named).collect::<wasmtime::Result<_>>()?,
        };
        Ok(Self {
            imports: if linked { Vec::new() } else { imports },
            exports,
            funcs: reflector.funcs,
            resources: reflector.resources,
            inside: None,
            lacks_types: false,
            untrusted: BTreeSet::new(),
            introducers: OnceLock::new(),
            abilities: Abilities::default(),
            companion: None,
        })
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

    /// This surface, with the functions and resources that it has in common with `predecessor`
    /// numbered as there. Functions and resources that only one of the two has keep numbers of
    /// their own, so no number is used twice.
    pub(crate) fn numbered_as(&self, predecessor: &Self) -> Self {
        let mut numbers = Numbers {
            funcs: HashMap::new(),
            taken_funcs: HashSet::new(),
            resources: HashMap::new(),
            taken_resources: HashSet::new(),
            next_func: predecessor.funcs.len(),
            next_resource: predecessor.resources.len(),
        };
        let successors = Successors::among(&self.exports);
        for old in &predecessor.exports {
            if let Some(new) = successors.of(&old.name) {
                numbers.pair(&old.item, &self.exports[new].item);
            }
        }
        let successors = Successors::among(&self.imports);
        for old in &predecessor.imports {
            if let Some(new) = successors.of(&old.name) {
                numbers.pair_resources(&old.item, &self.imports[new].item);
            }
        }
        let mut funcs = predecessor.funcs.clone();
        for (index, func) in self.funcs.iter().enumerate() {
            let ty = Arc::new(func.ty.renumber(&mut |it| numbers.resource(it)));
            put(&mut funcs, numbers.func(index), ExportedFunc { path: func.path.clone(), ty });
        }
        let mut resources = predecessor.resources.clone();
        for (index, def) in (0..).zip(&self.resources) {
            let number = numbers.resource(&Resource::new(def.name.clone(), index));
            put(&mut resources, number as usize, def.clone());
        }
        // A resource that only the predecessor imported has no provider any more.
        let kept: HashSet<u32> = numbers.resources.values().copied().collect();
        for (number, def) in (0..).zip(&mut resources) {
            let is_kept = kept.contains(&number);
            if def.origin == ResourceOrigin::Imported && !is_kept {
                def.origin = ResourceOrigin::Host;
            }
        }
        let mut all = |items: &[Named]| items.iter().map(|it| numbers.named(it)).collect();
        let (imports, exports) = (all(&self.imports), all(&self.exports));
        let (inside, lacks_types) = (self.inside.clone(), self.lacks_types);
        let (abilities, companion) = (self.abilities, self.companion.clone());
        let untrusted = self.untrusted.clone();
        Self {
            imports,
            exports,
            funcs,
            resources,
            inside,
            lacks_types,
            untrusted,
            introducers: OnceLock::new(),
            abilities,
            companion,
        }
    }
}

/// Replaces the item at `index`, or appends it if `index` is past the end.
fn put<T>(items: &mut Vec<T>, index: usize, item: T) {
    match items.get_mut(index) {
        Some(place) => *place = item,
        None => items.push(item),
    }
}

/// Maps the old numbers of a surface's functions and resources to new ones.
struct Numbers {
    funcs: HashMap<usize, usize>,
    /// The numbers of the predecessor that have been given away; each is given once.
    taken_funcs: HashSet<usize>,
    resources: HashMap<u32, u32>,
    taken_resources: HashSet<u32>,
    next_func: usize,
    next_resource: usize,
}

impl Numbers {
    /// Gives the functions and resources of `new` the numbers of those of the same name in `old`.
    fn pair(&mut self, old: &Item, new: &Item) {
        match (old, new) {
            (Item::Func { index: old, .. }, Item::Func { index: new, .. })
                if !self.taken_funcs.contains(old) =>
            {
                if let Entry::Vacant(entry) = self.funcs.entry(*new) {
                    self.taken_funcs.insert(*entry.insert(*old));
                }
            }
            (Item::Instance(old), Item::Instance(new)) => {
                let new = Items::of(new);
                for named in old {
                    if let Some(new) = new.find(&named.name) {
                        self.pair(&named.item, new);
                    }
                }
            }
            (Item::Resource(old), Item::Resource(new))
                if !self.taken_resources.contains(&old.index) =>
            {
                if let Entry::Vacant(entry) = self.resources.entry(new.index) {
                    self.taken_resources.insert(*entry.insert(old.index));
                }
            }
            _ => {}
        }
    }

    /// Gives the resources that `new` imports the numbers of those of the same name in `old`.
    fn pair_resources(&mut self, old: &Item, new: &Item) {
        match (old, new) {
            (Item::Instance(old), Item::Instance(new)) => {
                let new = Items::of(new);
                for named in old {
                    if let Some(new) = new.find(&named.name) {
                        self.pair_resources(&named.item, new);
                    }
                }
            }
            (Item::Resource(_), Item::Resource(_)) => self.pair(old, new),
            _ => {}
        }
    }

    fn func(&mut self, index: usize) -> usize {
        *self.funcs.entry(index).or_insert_with(|| {
            self.next_func += 1;
            self.next_func - 1
        })
    }

    fn resource(&mut self, resource: &Resource) -> u32 {
        *self.resources.entry(resource.index).or_insert_with(|| {
            self.next_resource += 1;
            (self.next_resource - 1) as u32
        })
    }

    fn named(&mut self, named: &Named) -> Named {
        let item = match &named.item {
            Item::Func { ty, index } => {
                let ty = Arc::new(ty.renumber(&mut |it| self.resource(it)));
                Item::Func { ty, index: self.funcs.get(index).copied().unwrap_or(*index) }
            }
            Item::Instance(items) => {
                Item::Instance(items.iter().map(|named| self.named(named)).collect())
            }
            Item::Resource(resource) => {
                Item::Resource(Resource::new(resource.name.clone(), self.resource(resource)))
            }
            Item::Type(ty) => Item::Type(ty.renumber(&mut |it| self.resource(it))),
            Item::Code(kind) => Item::Code(kind),
        };
        Named { name: named.name.clone(), implements: named.implements.clone(), item }
    }
}

/// Walks the types of one component.
struct Reflector<'a> {
    engine: &'a Engine,
    /// The origin of resources that are met for the first time.
    origin: ResourceOrigin,
    /// The engine's identity of each of `resources`.
    known: Vec<ResourceType>,
    resources: Vec<ResourceDef>,
    path: Vec<String>,
    funcs: Vec<ExportedFunc>,
    /// Interned names of enums and flags: types with equal names share one list.
    names: HashSet<Arc<[Arc<str>]>>,
    /// How many types and names have been visited. A type is visited at each of its uses, so a
    /// small component can have very many.
    spelled_out: usize,
}

/// The upper limit of `Reflector::spelled_out`. Components written by people have some ten
/// thousand.
const MOST_SPELLED_OUT: usize = 1 << 22;

/// Fails if more than [`MOST_SPELLED_OUT`] types and names have been visited.
pub(crate) fn ensure_small(spelled_out: usize) -> wasmtime::Result<()> {
    ensure!(
        spelled_out <= MOST_SPELLED_OUT,
        "its types are too large: with every use spelled out, they are more than {MOST_SPELLED_OUT}"
    );
    Ok(())
}

impl Reflector<'_> {
    fn spell_out(&mut self, number: usize) -> wasmtime::Result<()> {
        self.spelled_out += number;
        ensure_small(self.spelled_out)
    }

    fn named(&mut self, name: &str, it: ComponentExtern<'_>) -> wasmtime::Result<Named> {
        let implements = it.implements.map(str::to_owned);
        Ok(Named { name: name.to_owned(), implements, item: self.item(name, it.ty)? })
    }

    fn item(&mut self, name: &str, item: ComponentItem) -> wasmtime::Result<Item> {
        self.spell_out(1)?;
        Ok(match item {
            ComponentItem::ComponentFunc(ty) => {
                let ty = Arc::new(self.func(&ty)?);
                let mut path = self.path.clone();
                path.push(name.to_owned());
                self.funcs.push(ExportedFunc { path, ty: ty.clone() });
                Item::Func { ty, index: self.funcs.len() - 1 }
            }
            ComponentItem::ComponentInstance(ty) => {
                self.path.push(name.to_owned());
                let items = ty.exports(self.engine).map(|(name, it)| self.named(name, it));
                let items = items.collect::<wasmtime::Result<_>>()?;
                self.path.pop();
                Item::Instance(items)
            }
            ComponentItem::Resource(ty) => Item::Resource(self.resource(ty, Some(name))),
            ComponentItem::Type(ty) => Item::Type(self.value(&ty)?),
            ComponentItem::Module(_) => Item::Code("core module"),
            ComponentItem::Component(_) => Item::Code("component"),
            ComponentItem::CoreFunc(_) => Item::Code("core function"),
        })
    }

    fn func(&mut self, ty: &types::ComponentFunc) -> wasmtime::Result<FunctionType> {
        let params = ty.params().map(|(name, ty)| Ok((name.into(), self.value(&ty)?)));
        Ok(FunctionType {
            is_async: ty.async_(),
            params: params.collect::<wasmtime::Result<_>>()?,
            // The component model has at most one result; the list is a remnant.
            result: ty.results().next().map(|ty| self.value(&ty)).transpose()?,
        })
    }

    /// The resource that `ty` stands for. `name` is given where an item names it.
    fn resource(&mut self, ty: ResourceType, name: Option<&str>) -> Resource {
        let index = self.known.iter().position(|known| *known == ty).unwrap_or_else(|| {
            self.known.push(ty);
            let name = name.unwrap_or("resource").into();
            let interface = self.path.last().filter(|_| self.origin != ResourceOrigin::Defined);
            let interface = interface.map(|it| it.as_str().into());
            let origin = self.origin;
            self.resources.push(ResourceDef { name, origin, interface, carried: None });
            self.known.len() - 1
        });
        Resource::new(self.resources[index].name.clone(), index as u32)
    }

    /// The names of an enum or of flags.
    fn names<'a>(
        &mut self,
        names: impl ExactSizeIterator<Item = &'a str>,
    ) -> wasmtime::Result<Arc<[Arc<str>]>> {
        self.spell_out(names.len())?;
        let names: Arc<[Arc<str>]> = names.map(Into::into).collect();
        if let Some(known) = self.names.get(&names) {
            return Ok(known.clone());
        }
        self.names.insert(names.clone());
        Ok(names)
    }

    fn shared(&mut self, ty: &Type) -> wasmtime::Result<Arc<ValueType>> {
        self.value(ty).map(Arc::new)
    }

    fn value(&mut self, ty: &Type) -> wasmtime::Result<ValueType> {
        self.spell_out(1)?;
        Ok(match ty {
            Type::Bool => ValueType::Bool,
            Type::S8 => ValueType::S8,
            Type::U8 => ValueType::U8,
            Type::S16 => ValueType::S16,
            Type::U16 => ValueType::U16,
            Type::S32 => ValueType::S32,
            Type::U32 => ValueType::U32,
            Type::S64 => ValueType::S64,
            Type::U64 => ValueType::U64,
            Type::Float32 => ValueType::F32,
            Type::Float64 => ValueType::F64,
            Type::Char => ValueType::Char,
            Type::String => ValueType::String,
            Type::List(ty) => ValueType::List(self.shared(&ty.ty())?),
            Type::FixedLengthList(ty) => {
                ValueType::FixedLengthList(self.shared(&ty.ty())?, ty.len())
            }
            Type::Map(ty) => {
                ValueType::Map(Arc::new((self.value(&ty.key())?, self.value(&ty.value())?)))
            }
            Type::Record(ty) => {
                let fields = ty.fields().map(|it| Ok((it.name.into(), self.value(&it.ty)?)));
                ValueType::Record(fields.collect::<wasmtime::Result<_>>()?)
            }
            Type::Tuple(ty) => {
                let types = ty.types().map(|ty| self.value(&ty));
                ValueType::Tuple(types.collect::<wasmtime::Result<_>>()?)
            }
            Type::Variant(ty) => {
                self.spell_out(ty.cases().len())?;
                let cases = ty.cases().map(|it| Ok((it.name.into(), self.optional(it.ty)?)));
                ValueType::Variant(cases.collect::<wasmtime::Result<_>>()?)
            }
            Type::Enum(ty) => ValueType::Enum(self.names(ty.names())?),
            Type::Option(ty) => ValueType::Option(self.shared(&ty.ty())?),
            Type::Result(ty) => {
                ValueType::Result(Arc::new((self.optional(ty.ok())?, self.optional(ty.err())?)))
            }
            Type::Flags(ty) => ValueType::Flags(self.names(ty.names())?),
            Type::Own(ty) => ValueType::Own(self.resource(*ty, None)),
            Type::Borrow(ty) => ValueType::Borrow(self.resource(*ty, None)),
            Type::Stream(ty) => ValueType::Stream(self.optional(ty.ty())?.map(Arc::new)),
            Type::Future(ty) => ValueType::Future(self.optional(ty.ty())?.map(Arc::new)),
            Type::ErrorContext => ValueType::ErrorContext,
        })
    }

    fn optional(&mut self, ty: Option<Type>) -> wasmtime::Result<Option<ValueType>> {
        ty.map(|ty| self.value(&ty)).transpose()
    }
}
