//! The wiring of a composition as data: what [`Composer::plan`](crate::Composer::plan) and
//! [`Composer::explain`](crate::Composer::explain) return.
//!
//! A [`Plan`] says which component provides each import, and what the composition exports; it is found
//! without starting anything. An [`Explanation`] says why an import is satisfied as it is.

// How components are wired: pure rules, without a store, a task or an engine beyond its types.
//
// Everything that can be decided from types alone is decided here, so that a composition either
// has all its problems reported at once or starts with a wiring that is known to be right. Nothing
// in this room has side effects: the same descriptors always give the same plan, and the tests
// need no runtime.
//
// The steps, in their order: `item.rs` reflects a component into a `Surface`, in which functions
// and resources are numbers; `resolve/` matches imports with exports by name (`name.rs`), level by
// level, and applies filters (`filter.rs`), hints, containments and layers; `order.rs` sorts
// providers before consumers; `check.rs` compares the types along each edge and finds the
// component that defines each resource, with `matching.rs` comparing one import with one export.
// `bound.rs` is what documents say of components.
// `replacement.rs` does the same for a single component of a wiring that exists.
//
// `explain.rs`, `draw.rs`, `written.rs` and `difference.rs` tell users what was decided.
// `abilities.rs` and `companion.rs` hold facts about compiled code that later rooms need.
//
// Invariant: all problems are found before anything is started, and finding one does not stop the
// search for others.

pub(crate) mod abilities;
#[cfg_attr(not(feature = "wac"), allow(dead_code, reason = "only documents bind components"))]
pub(crate) mod bound;
pub(crate) mod carried;
mod check;
#[cfg_attr(
    not(feature = "component-model-async"),
    expect(dead_code, reason = "only components with async functions have one")
)]
pub(crate) mod companion;
pub(crate) mod containment;
mod difference;
pub(crate) mod draw;
pub mod explain;
pub(crate) mod filter;
pub(crate) mod item;
mod matching;
pub(crate) mod name;
mod numbers;
mod open;
mod order;
pub(crate) mod reflect;
pub(crate) mod replacement;
pub(crate) mod resolution;
pub(crate) mod resolve;
mod written;

pub use containment::Containment;
pub use explain::Explanation;
pub use open::OpenImport;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::error::{listed, plain};
use crate::types::{FunctionType, ValueType};
use resolution::{Leaf, Offer, Offered, Resolution, ResourceHome, Source};
use written::Definitions;

use item::{Item, Named, Successors};

/// The wiring of a composition, found without instantiating anything.
///
/// Prints as text; [`to_dot`](Self::to_dot) and [`to_mermaid`](Self::to_mermaid) draw it.
#[derive(Clone, Debug)]
pub struct Plan {
    components: Vec<String>,
    /// The ids of fused groups. The ids of the components inside a group begin with the group's id
    /// and a `/`.
    fused: Vec<String>,
    edges: Vec<PlanEdge>,
    exports: Vec<Export>,
    open: Vec<OpenImport>,
}

/// How one import is satisfied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanEdge {
    /// The component that imports.
    pub consumer: String,
    /// The import's name.
    pub import: String,
    /// The component that provides it; `None` if the importer's own linker does.
    pub provider: Option<String>,
    /// The name under which the provider exports it. It differs from the import's name if a
    /// compatible version or a hint was used; it is `interface#resource` if the import is a
    /// resource type of another import. `None` if the importer's own linker provides it.
    pub export: Option<String>,
    /// The resources of the host that move along it, from store to store.
    pub carries: Vec<String>,
}

/// A name that a composition offers to Rust and to compositions around it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Export {
    /// The export's name: a function's, or an interface's with its version.
    pub name: String,
    /// The components that offer it: more than one if no export hint chooses, and then it can
    /// neither be called nor imported.
    pub providers: Vec<String>,
    /// The functions of the export: all of the interface, or the single one if the export is a
    /// function.
    pub functions: Vec<ExportFunction>,
    /// The named types of the export's interface (of the whole component for a function), in the
    /// order of their declaration.
    types: Arc<[(String, ValueType)]>,
    /// The export's type as text, if the export is itself a type.
    ty: Option<String>,
    /// What the component itself calls it, if that is another name.
    own_name: Option<String>,
    /// The components that arrows point to in drawings. For an ambiguous export these are the
    /// components themselves, while `providers` has the nested compositions that contain them.
    drawn_to: Vec<String>,
}

/// A function of an [`Export`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExportFunction {
    /// The function's name as [`Composition::get_func`](crate::Composition::get_func) takes it.
    pub name: String,
    /// The function's type.
    pub ty: Arc<FunctionType>,
}

impl Plan {
    pub(crate) fn new(resolution: &Resolution) -> Self {
        let mut plan = Self {
            components: Vec::new(),
            fused: Vec::new(),
            edges: Vec::new(),
            exports: exports(resolution),
            open: Vec::new(),
        };
        for leaf in &resolution.leaves {
            match &leaf.surface.inside {
                Some(inside) => plan.add_fused(resolution, leaf, &inside.plan),
                None => plan.add(resolution, leaf),
            }
        }
        plan
    }

    fn add(&mut self, resolution: &Resolution, leaf: &Leaf) {
        self.components.push(leaf.id.to_string());
        for (import_index, named) in leaf.surface.imports.iter().enumerate() {
            let found = provider(resolution, leaf, import_index);
            let Some((provider, export)) = found else { continue };
            let (consumer, import) = (leaf.id.to_string(), named.name.clone());
            let carries = carries(leaf, import_index);
            self.edges.push(PlanEdge { consumer, import, provider, export, carries });
        }
    }

    /// Adds the components that `leaf` was fused of, wired by the plan `inside`, as if they were
    /// not fused.
    fn add_fused(&mut self, resolution: &Resolution, leaf: &Leaf, inside: &Self) {
        let path = |id: &String| format!("{}/{id}", leaf.id);
        let open = Successors::among(&leaf.surface.imports);
        self.fused.push(leaf.id.to_string());
        self.components.extend(inside.components.iter().map(path));
        for edge in &inside.edges {
            // The fused component has a single import for all compatible versions that its parts
            // import.
            let open = || open.of(&edge.import);
            let found = |import| Some((provider(resolution, leaf, import)?, carries(leaf, import)));
            let ((provider, export), carries) = match &edge.provider {
                Some(id) => ((Some(path(id)), edge.export.clone()), Vec::new()),
                None => match open().and_then(found) {
                    Some(found) => found,
                    None => continue,
                },
            };
            let (consumer, import) = (path(&edge.consumer), edge.import.clone());
            self.edges.push(PlanEdge { consumer, import, provider, export, carries });
        }
    }

    /// The ids of the components. A component of a nested composition or of a fused group has the
    /// id `outer/inner`.
    pub fn components(&self) -> &[String] {
        &self.components
    }

    /// The id of the fused group that `component` is in, if it is in one. The group is one component
    /// when it runs: its id is the one in errors and events, and the one to replace.
    pub fn fused_into(&self, component: &str) -> Option<&str> {
        let is_inside = |group: &&String| {
            component.strip_prefix(&***group).is_some_and(|rest| rest.starts_with('/'))
        };
        self.fused.iter().find(is_inside).map(String::as_str)
    }

    /// The ids of the fused groups. Each is a prefix of the ids of the group's components.
    pub fn fused(&self) -> &[String] {
        &self.fused
    }

    /// How every import is satisfied. An import that holds only types needs no provider and has no
    /// edge, and neither has one that is [open](Self::open_imports). An import that is a resource type of another import has the same provider as that
    /// import; its export is `interface#resource` there.
    pub fn edges(&self) -> &[PlanEdge] {
        &self.edges
    }

    /// What the composition offers, sorted by name.
    pub fn exports(&self) -> &[Export] {
        &self.exports
    }
}

impl Export {
    /// Whether several components offer the name and no export hint chooses.
    pub fn is_ambiguous(&self) -> bool {
        self.providers.len() > 1
    }

    fn definitions(&self) -> Definitions<'_> {
        Definitions::new(self.types.iter().map(|(name, ty)| (&**name, ty)))
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut edges: HashMap<&str, Vec<&PlanEdge>> = HashMap::new();
        self.edges.iter().for_each(|it| edges.entry(&it.consumer).or_default().push(it));
        let mut open: HashMap<&str, Vec<&OpenImport>> = HashMap::new();
        for import in &self.open {
            import.consumers.iter().for_each(|id| open.entry(id).or_default().push(import));
        }
        writeln!(f, "components")?;
        for id in &self.components {
            writeln!(f, "  {}", plain(id))?;
            for edge in edges.get(&**id).into_iter().flatten() {
                write!(f, "    imports {} from ", plain(&edge.import))?;
                match (&edge.provider, &edge.export) {
                    (Some(provider), Some(export)) if *export == edge.import => {
                        write!(f, "{}", plain(provider))?;
                    }
                    (Some(provider), Some(export)) => {
                        write!(f, "{} as {}", plain(provider), plain(export))?;
                    }
                    _ => write!(f, "its linker")?,
                }
                match &edge.carries[..] {
                    [] => writeln!(f)?,
                    carries => writeln!(f, ", carrying {}", listed(carries, ", "))?,
                }
            }
            for open in open.get(&**id).into_iter().flatten() {
                writeln!(f, "    imports {}, which is open", plain(&open.import))?;
            }
        }
        if !self.fused.is_empty() {
            writeln!(f, "fused")?;
            self.fused.iter().try_for_each(|group| writeln!(f, "  {}", plain(group)))?;
        }
        writeln!(f, "exports")?;
        for export in &self.exports {
            let (name, by) = (plain(&export.name), listed(&export.providers, ", "));
            let own = export
                .own_name
                .as_deref()
                .map_or_else(String::new, |name| format!(" as {}", plain(name)));
            match export.functions.as_slice() {
                _ if export.is_ambiguous() => {
                    writeln!(f, "  {name}: offered by {by}, chosen by no hint")?;
                }
                [only] if only.name == export.name => {
                    let types = export.definitions();
                    writeln!(f, "  {name}: {} from {by}{own}", types.names().func(&only.ty))?;
                }
                functions => {
                    match &export.ty {
                        Some(ty) => writeln!(f, "  {name}: {ty} from {by}{own}")?,
                        None => writeln!(f, "  {name} from {by}{own}")?,
                    }
                    let mut types = export.definitions();
                    functions.iter().for_each(|function| types.uses(&function.ty));
                    for function in functions {
                        let ty = types.names().func(&function.ty);
                        writeln!(f, "    {}: {ty}", plain(&function.name))?;
                    }
                    for line in types.lines() {
                        writeln!(f, "    {line}")?;
                    }
                }
            }
        }
        if !self.open.is_empty() {
            writeln!(f, "open imports")?;
        }
        for open in &self.open {
            open.to_string().lines().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}

/// The component that satisfies an import of `leaf`, and the export that it satisfies it with; both
/// are `None` if the importer's own linker does. The whole result is `None` if the import needs no
/// provider.
fn provider(
    resolution: &Resolution,
    leaf: &Leaf,
    import: usize,
) -> Option<(Option<String>, Option<String>)> {
    match leaf.sources[import] {
        Source::Export(offer) => {
            let export = &resolution.leaves[offer.leaf].surface.exports[offer.export];
            Some((Some(provider_id(resolution, offer)), Some(export.name.clone())))
        }
        Source::Linker { .. } => Some((None, None)),
        Source::Nobody => {
            // A resource type of another import comes from the provider of that import.
            let derived = leaf.surface.derived_from(import)?;
            let (id, export) = provider(resolution, leaf, derived.import)?;
            let names = export.iter().map(String::as_str).chain(derived.path.iter().copied());
            let export = export.is_some().then(|| names.collect::<Vec<_>>().join("#"));
            Some((id, export))
        }
    }
}

/// The names of the host's resources whose handles another component passes by an import, or is passed.
fn carries(leaf: &Leaf, import: usize) -> Vec<String> {
    fn visit(item: &Item, leaf: &Leaf, names: &mut Vec<String>) {
        match item {
            Item::Func { ty, .. } => ty.each_resource(&mut |resource| {
                let home = leaf.resources.get(resource.index as usize);
                if let Some(ResourceHome::Carried(carried)) = home
                    && !names.iter().any(|name| **name == *carried.name)
                {
                    names.push(carried.name.to_string());
                }
            }),
            Item::Instance(items) => items.iter().for_each(|it| visit(&it.item, leaf, names)),
            Item::Resource(_) | Item::Type(_) | Item::Code(_) => {}
        }
    }
    let mut names = Vec::new();
    if let Source::Export(_) = leaf.sources[import] {
        visit(&leaf.surface.imports[import].item, leaf, &mut names);
    }
    names
}

/// The id of the component that makes an offer. For a fused group, the component inside the group.
fn provider_id(resolution: &Resolution, offer: Offer) -> String {
    let leaf = &resolution.leaves[offer.leaf];
    let name = &leaf.surface.exports[offer.export].name;
    let inside = leaf.surface.inside.as_ref().and_then(|inside| {
        let export = inside.plan.exports.iter().find(|export| export.name == *name)?;
        export.providers.first()
    });
    match inside {
        Some(id) => format!("{}/{id}", leaf.id),
        None => leaf.id.to_string(),
    }
}

/// The public exports of a resolved composition.
fn exports(resolution: &Resolution) -> Vec<Export> {
    let leaf = |offer: &Offer| &resolution.leaves[offer.leaf];
    // All functions at the root of a component share its types.
    let mut of_root: HashMap<usize, Arc<[(String, ValueType)]>> = HashMap::new();
    let public = resolution.exports.iter().map(|export| {
        let name = export.name.clone();
        match &export.offered {
            Offered::By(offer) => {
                let surface = &leaf(offer).surface;
                let own_name = &surface.exports[offer.export].name;
                let own_name = (*own_name != name).then(|| own_name.clone());
                let functions = functions(&name, &surface.exports[offer.export].item);
                let types = match &surface.exports[offer.export].item {
                    Item::Func { .. } => {
                        let all = || types(surface.items()).into();
                        of_root.entry(offer.leaf).or_insert_with(all).clone()
                    }
                    _ => types([&surface.exports[offer.export]].into_iter()).into(),
                };
                let ty = type_of(&surface.exports[offer.export]);
                let providers = vec![provider_id(resolution, *offer)];
                let drawn_to = providers.clone();
                Export { name, drawn_to, providers, functions, types, ty, own_name }
            }
            Offered::Ambiguously(offers) => Export {
                name,
                providers: offers.iter().map(|(id, _)| id.clone()).collect(),
                functions: Vec::new(),
                types: Arc::default(),
                ty: None,
                own_name: None,
                drawn_to: offers.iter().map(|(_, offer)| provider_id(resolution, *offer)).collect(),
            },
        }
    });
    public.collect()
}

/// The types that have a name in `items`.
fn types<'a>(items: impl Iterator<Item = &'a Named>) -> Vec<(String, ValueType)> {
    fn gather(named: &Named, types: &mut Vec<(String, ValueType)>) {
        match &named.item {
            Item::Type(ty) => types.push((named.name.clone(), ty.clone())),
            Item::Instance(items) => items.iter().for_each(|named| gather(named, types)),
            Item::Func { .. } | Item::Resource(_) | Item::Code(_) => {}
        }
    }
    let mut types = Vec::new();
    items.for_each(|named| gather(named, &mut types));
    types
}

/// The type of an export as text, if the export is a type.
fn type_of(export: &Named) -> Option<String> {
    match &export.item {
        Item::Type(ty) => Some(ty.to_string()),
        Item::Resource(_) => Some("resource".to_owned()),
        Item::Func { .. } | Item::Instance(_) | Item::Code(_) => None,
    }
}

/// The functions of what is exported as `name`.
fn functions(name: &str, export: &Item) -> Vec<ExportFunction> {
    let function = |name: &str, item: &Item| match item {
        Item::Func { ty, .. } => Some(ExportFunction { name: name.to_owned(), ty: ty.clone() }),
        _ => None,
    };
    match export {
        Item::Instance(items) => {
            items.iter().filter_map(|named| function(&named.name, &named.item)).collect()
        }
        item => function(name, item).into_iter().collect(),
    }
}
