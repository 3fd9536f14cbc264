//! What a component imports and exports, reflected into types that the plan can compare.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use wasmtime::component::types::{self, ComponentExtern, ComponentItem, Type};
use wasmtime::component::{Component, ResourceType};
use wasmtime::{Engine, ensure};

use super::Plan;
use super::abilities::Abilities;
use super::companion::Companion;
#[cfg(all(feature = "compile", feature = "component-model-async"))]
use super::companion::{COMPONENT, is_own_import};
use super::name::{Name, Rank, base};
use crate::types::{FunctionType, Resource, ValueType};

/// The imports and exports of one component.
#[derive(Default, Debug)]
pub(crate) struct Surface {
    pub(crate) imports: Vec<Named>,
    pub(crate) exports: Vec<Named>,
    /// Every exported function; [`Item::Func`] of an export points into it.
    pub(crate) funcs: Vec<ExportedFunc>,
    /// Every resource that occurs; [`Resource::index`] points into it.
    pub(crate) resources: Vec<ResourceDef>,
    /// Of components fused into this one: how they are wired.
    pub(crate) inside: Option<Arc<Inside>>,
    /// Whether the types that have a name may be missing among the exports, as nobody has told them: of
    /// what is implemented outside of components only functions and resources are known.
    pub(crate) lacks_types: bool,
    /// The names of exports that are those of components which are not trusted.
    pub(crate) untrusted: BTreeSet<String>,
    /// What the component's code can ask of the engine; nothing of what is implemented in Rust.
    pub(crate) abilities: Abilities,
    /// The index of the first import that introduces a resource, by the resource's number; found when it is
    /// asked for.
    pub(crate) introducers: OnceLock<HashMap<u32, usize>>,
    /// What is beside the component in its store, and calls it as a guest does.
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
    /// What is open inside.
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
    /// Components that export it but whose filter hides it.
    pub(crate) hidden_by: Vec<String>,
    /// Components that export it in a version that is not compatible, with their exports.
    pub(crate) other_versions: Vec<(String, String)>,
    /// Components that export it but are not trusted.
    pub(crate) untrusted: Vec<String>,
    /// Composers inside of which several components export it, with one of them.
    pub(crate) undecided_in: Vec<(String, String)>,
}

/// An import or an export, or an item of one that is an instance.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// Of an import with a name of its own: the interface that it is.
    pub(crate) implements: Option<String>,
    pub(crate) item: Item,
}

/// How well what is said of one import holds for another, and whether it does for the name or only for the
/// interface.
pub(crate) type Fit = (Rank, bool);

impl Named {
    /// How well what is said of the import `rule` holds for this one: for its name, or for the interface
    /// that it says it is. What is said of the very name comes first.
    pub(crate) fn rank_for(&self, rule: &str) -> Option<Fit> {
        let wanted = Name::parse(rule);
        let rank = |name: &str, own| Some((Name::parse(name).rank_for(&wanted)?, own));
        let interface = self.implements.as_deref().and_then(|name| rank(name, false));
        rank(&self.name, true).max(interface)
    }

    /// The names less their versions under which something can be said of this import.
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

    /// Whether nothing has to be supplied for this item: types alone, at any depth.
    pub(crate) fn is_types_alone(&self) -> bool {
        match self {
            Self::Type(_) => true,
            Self::Instance(items) => items.iter().all(|named| named.item.is_types_alone()),
            Self::Func { .. } | Self::Resource(_) | Self::Code(_) => false,
        }
    }

    /// Whether there is more in this item than types, at any depth.
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

/// A resource type that an import is, of another import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Derived<'a> {
    /// The index of the import that introduces it.
    pub(crate) import: usize,
    /// The names that lead to it there, none if the import itself is it.
    pub(crate) path: Vec<&'a str>,
}

/// The names that lead to a resource in an item.
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

/// Items that are looked for by their names, one after the other.
pub(crate) enum Items<'a> {
    Few(&'a [Named]),
    Many(HashMap<&'a str, &'a Item>),
}

impl<'a> Items<'a> {
    pub(crate) fn of(items: &'a [Named]) -> Self {
        match items.len() {
            0..16 => Self::Few(items),
            // The first of a name counts, if there could be two.
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
}

impl ResourceDef {
    /// Whether the component itself defines it.
    pub(crate) fn is_defined(&self) -> bool {
        self.origin == ResourceOrigin::Defined
    }
}

/// Who defines a resource, seen from the component that mentions it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceOrigin {
    /// The component itself.
    Defined,
    /// Whoever satisfies the import that introduces it.
    Imported,
    /// The host, in the store of an instance that was running already.
    Host,
}

impl Surface {
    /// The exported interface that the resource with this number is in.
    pub(crate) fn interface_of_resource(&self, number: usize) -> Option<&str> {
        let has_it = |export: &&Named| {
            let mut found = false;
            export.item.each_resource(&mut |it| found |= it.index as usize == number);
            found && matches!(export.item, Item::Instance(_))
        };
        self.exports.iter().find(has_it).map(|export| &*export.name)
    }

    /// Reflects `component`. With `linked`, its imports are satisfied already and are left out:
    /// what it imports belongs to the host.
    ///
    /// # Errors
    ///
    /// If its types are too large when every use of one is spelled out, or what it was compiled to cannot
    /// be read.
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

    /// Reflects what `component` imports, and exports, or what its export `inside` exports.
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
        // Imports first: a resource that appears in them is not the component's own.
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

    /// Where an import comes from that is equal to a resource type of an import before it.
    pub(crate) fn derived_from(&self, import: usize) -> Option<Derived<'_>> {
        let Item::Resource(Resource { index, .. }) = self.imports.get(import)?.item else {
            return None;
        };
        self.introduced(index, import)
    }

    /// Where a resource is introduced, in imports before the one with the index `before`.
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

    /// Whether nobody has to supply an import: it holds types alone, of itself or of imports before it.
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

/// Items by what their names are less the versions.
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

    /// Which item takes the place of one called `name`: the one of that name, or else the highest compatible
    /// version.
    pub(crate) fn of(&self, name: &str) -> Option<usize> {
        let wanted = Name::parse(name);
        let those = self.by_base.get(wanted.base()).into_iter().flatten().copied();
        let ranked =
            those.filter_map(|it| Some((Name::parse(&self.items[it].name).rank_for(&wanted)?, it)));
        ranked.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, index)| index)
    }
}

impl Surface {
    /// Whether something can go on in the component's store while no call of it runs: streams, futures,
    /// and what async imports were given to do.
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

    /// Whether a call of the component keeps all others out until it has returned.
    pub(crate) fn keeps_out(&self) -> bool {
        self.abilities.keeps_out
            && self.funcs.iter().all(|it| it.ty.is_async)
            && !self.resources.iter().any(ResourceDef::is_defined)
    }

    /// This surface with the numbers of `predecessor` for the functions and resources that both
    /// export. What only one of them has keeps a number of its own.
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
            let number = numbers.resource(&Resource { name: def.name.clone(), index });
            put(&mut resources, number as usize, def.clone());
        }
        // What only the predecessor imported is nobody's any more.
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

/// Replaces the item at `index`, or adds it behind the last.
fn put<T>(items: &mut Vec<T>, index: usize, item: T) {
    match items.get_mut(index) {
        Some(place) => *place = item,
        None => items.push(item),
    }
}

/// New numbers for the functions and resources of a surface, by their old ones.
struct Numbers {
    funcs: HashMap<usize, usize>,
    /// The old numbers that have been given.
    taken_funcs: HashSet<usize>,
    resources: HashMap<u32, u32>,
    taken_resources: HashSet<u32>,
    next_func: usize,
    next_resource: usize,
}

impl Numbers {
    /// Gives what `new` exports the numbers of `old`.
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

    /// Gives the resources that `new` imports the numbers of those of `old`.
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
            Item::Resource(resource) => Item::Resource(Resource {
                name: resource.name.clone(),
                index: self.resource(resource),
            }),
            Item::Type(ty) => Item::Type(ty.renumber(&mut |it| self.resource(it))),
            Item::Code(kind) => Item::Code(kind),
        };
        Named { name: named.name.clone(), implements: named.implements.clone(), item }
    }
}

/// Walks the types of one component.
struct Reflector<'a> {
    engine: &'a Engine,
    /// Whose the resources are that were not met before.
    origin: ResourceOrigin,
    /// The engine's identity of each of `resources`.
    known: Vec<ResourceType>,
    resources: Vec<ResourceDef>,
    path: Vec<String>,
    funcs: Vec<ExportedFunc>,
    /// The names of enums and flags, once for each type that has them.
    names: HashSet<Arc<[Arc<str>]>>,
    /// How many types and names have been visited. A type is visited wherever it is used, so a small
    /// component can have very many.
    spelled_out: usize,
}

/// What `Reflector::spelled_out` may come to; components that people write have some ten thousand.
const MOST_SPELLED_OUT: usize = 1 << 22;

/// Refuses types that come to more than [`MOST_SPELLED_OUT`].
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

    /// The resource that `ty` stands for; `name` where an item gives it one.
    fn resource(&mut self, ty: ResourceType, name: Option<&str>) -> Resource {
        let index = self.known.iter().position(|known| *known == ty).unwrap_or_else(|| {
            self.known.push(ty);
            let name = name.unwrap_or("resource").into();
            self.resources.push(ResourceDef { name, origin: self.origin });
            self.known.len() - 1
        });
        Resource { name: self.resources[index].name.clone(), index: index as u32 }
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
