//! What a component's linker lacks of its imports.
//!
//! wasmtime checks imports in their order and stops at the first that fails. To look at each by itself, with all others
//! replaced, would take time in proportion to the square of their number, and an uploaded component can have very
//! many. So the names are looked at first, which tells what is missing altogether; the others are checked together, as
//! often as one of them fails, and not more than [`MOST_WRONG`] times.

use std::collections::HashMap;

use wasmtime::bail;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

use crate::plan::item::{Item, Named, Surface, find};
use crate::plan::name::Name;
use crate::types::FunctionType;

/// So many imports are told of that a linker defines in another way than they are needed.
const MOST_WRONG: usize = 64;

/// What a linker does not define of an import.
pub(crate) struct Lacking {
    /// What of an interface, if it defines something of that.
    pub(crate) items: Vec<String>,
    /// What is wrong with what it defines, if it is not missing.
    pub(crate) wrong: Option<wasmtime::Error>,
}

/// What a component's linker lacks.
pub(crate) struct Unsatisfied<T: 'static> {
    /// By the index of the import, in their order.
    pub(crate) imports: Vec<(usize, Lacking)>,
    /// Whether it lacks nothing else.
    pub(crate) is_all: bool,
    /// If it has something that is needed, and lacks nothing else: the linker, with stand-ins for what it lacks and
    /// for all that it need not have.
    pub(crate) filled: Option<Linker<T>>,
}

/// Which of the imports `from_linker` of `component` its linker lacks.
pub(crate) fn unsatisfied<T: Send + 'static>(
    linker: &Linker<T>,
    component: &Component,
    surface: &Surface,
    from_linker: &[usize],
) -> Unsatisfied<T> {
    let mut missing = missing(linker, surface, from_linker);
    missing.sort_unstable();
    let is_missing = |import: usize| (import, Lacking { items: Vec::new(), wrong: None });
    let mut imports: Vec<_> = missing.iter().copied().map(is_missing).collect();
    if missing.len() == from_linker.len() {
        return Unsatisfied { imports, is_all: true, filled: None };
    }
    let (wrong, filled) = wrong(linker, component, surface, from_linker, &missing);
    imports.extend(wrong);
    imports.sort_by_key(|(import, _)| *import);
    Unsatisfied { imports, is_all: filled.is_some(), filled }
}

/// What is wrong with the imports `from_linker` that are not `missing`, and the linker with stand-ins if that is all.
fn wrong<T: Send + 'static>(
    linker: &Linker<T>,
    component: &Component,
    surface: &Surface,
    from_linker: &[usize],
    missing: &[usize],
) -> (Vec<(usize, Lacking)>, Option<Linker<T>>) {
    let mut probe = LinkerProbe::new(linker, component, surface, from_linker);
    for import in missing {
        probe.replace(*import);
    }
    let mut lacking = Vec::new();
    for _ in 0..MOST_WRONG {
        let Err(error) = probe.check() else { break };
        // Of what is replaced, a core module still fails, as nothing stands in for that.
        let Some(import) = probe.failed(&error) else { break };
        lacking.push((import, probe.lacking(import, error)));
        probe.replace(import);
    }
    let is_all = probe.check().is_ok();
    (lacking, is_all.then_some(probe.replaced))
}

/// Which of the imports have names that the linker does not know, in no version that would do.
fn missing<T: Send + 'static>(
    linker: &Linker<T>,
    surface: &Surface,
    from_linker: &[usize],
) -> Vec<usize> {
    let mut strict = linker.clone();
    strict.allow_shadowing(false);
    let name = |import: usize| &*surface.imports[import].name;
    let unknown = from_linker.iter().copied();
    let unknown: Vec<_> = unknown.filter(|it| !defines(&mut strict.root(), name(*it))).collect();
    // Another version serves too.
    let (versioned, mut missing): (Vec<usize>, Vec<usize>) =
        unknown.into_iter().partition(|import| Name::parse(name(*import)).has_others());
    missing.extend(without_other_versions(linker, surface, versioned));
    missing
}

/// Those of which the linker has no other version; none if that cannot be found out at once, as then they are
/// found one after the other.
#[cfg(feature = "compile")]
fn without_other_versions<T: Send + 'static>(
    linker: &Linker<T>,
    surface: &Surface,
    imports: Vec<usize>,
) -> Vec<usize> {
    if imports.is_empty() {
        return imports;
    }
    let name = |import: usize| &*surface.imports[import].name;
    // Only wasmtime knows how to look a version up. It does so where it defines what is unknown, so it is asked to
    // define one name of each version track; of those that are defined afterwards, it had none.
    let mut tracks: HashMap<_, Vec<usize>> = HashMap::new();
    for import in imports {
        tracks.entry(Name::parse(name(import)).base_and_track()).or_default().push(import);
    }
    let tracks: Vec<Vec<usize>> = tracks.into_values().collect();
    let mut asking = wasm_encoder::ComponentBuilder::default();
    let (index, mut ty) = asking.type_function(None);
    ty.params([] as [(&str, wasm_encoder::ComponentValType); 0]).result(None);
    for its in &tracks {
        asking.import(name(its[0]), wasm_encoder::ComponentTypeRef::Func(index));
    }
    let mut asked = linker.clone();
    let defined = Component::new(asked.engine(), asking.finish())
        .and_then(|asking| asked.define_unknown_imports_as_traps(&asking));
    if defined.is_err() {
        return Vec::new();
    }
    asked.allow_shadowing(false);
    let missing = tracks.into_iter().filter(|its| defines(&mut asked.root(), name(its[0])));
    missing.flatten().collect()
}

#[cfg(not(feature = "compile"))]
fn without_other_versions<T>(_: &Linker<T>, _: &Surface, _: Vec<usize>) -> Vec<usize> {
    Vec::new()
}

/// A component with its linker, where stand-ins replace what is not looked at.
struct LinkerProbe<'a, T: 'static> {
    linker: &'a Linker<T>,
    /// The linker with the stand-ins.
    replaced: Linker<T>,
    component: &'a Component,
    surface: &'a Surface,
    /// By their names, the imports that are looked at.
    looked_at: HashMap<&'a str, usize>,
}

impl<'a, T: Send + 'static> LinkerProbe<'a, T> {
    fn new(
        linker: &'a Linker<T>,
        component: &'a Component,
        surface: &'a Surface,
        from_linker: &[usize],
    ) -> Self {
        let imports = &surface.imports;
        let looked_at = from_linker.iter().map(|import| (&*imports[*import].name, *import));
        let looked_at: HashMap<_, _> = looked_at.collect();
        let mut replaced = linker.clone();
        replaced.allow_shadowing(true);
        let mut probe = Self { linker, replaced, component, surface, looked_at };
        for (import, named) in imports.iter().enumerate() {
            if !probe.looked_at.contains_key(&*named.name) {
                probe.replace(import);
            }
        }
        probe
    }

    /// Puts a stand-in in the place of an import.
    fn replace(&mut self, import: usize) {
        let named = &self.surface.imports[import];
        self.looked_at.remove(&*named.name);
        // A stand-in that cannot be defined shows as the failure of its own import.
        let _ = stand_in(&mut self.replaced.root(), named, &|resource| {
            self.surface.is_introduced_before(resource, import)
        });
    }

    fn check(&self) -> wasmtime::Result<()> {
        self.replaced.substituted_component_type(self.component).map(drop)
    }

    /// The import that a check failed at, of those that are looked at.
    fn failed(&self, error: &wasmtime::Error) -> Option<usize> {
        let text = error.to_string();
        let (_, name) = text.split_once('`')?;
        let end = "`, but a matching implementation was not found in the linker";
        self.looked_at.get(name.strip_suffix(end)?).copied()
    }

    /// What the linker lacks of an import that it knows, and that failed with `error`.
    fn lacking(&self, import: usize, error: wasmtime::Error) -> Lacking {
        let named = &self.surface.imports[import];
        let whole = |error: wasmtime::Error| Lacking {
            items: Vec::new(),
            wrong: (!is_missing(&error)).then_some(error),
        };
        let Item::Instance(items) = &named.item else { return whole(error) };
        let item = |error: &wasmtime::Error| {
            let name = failed_item(error)?;
            let item = find(items, &name)?;
            Some(format!("{} `{name}`", item.kind()))
        };
        let mut strict = self.linker.clone();
        strict.allow_shadowing(false);
        if !defines(&mut strict.root(), &named.name) {
            // Only the first is known of what another version lacks.
            let items = item(&error).into_iter().collect();
            return Lacking { items, wrong: (!is_missing(&error)).then_some(error) };
        }
        let needed = items.iter().filter(|it| match &it.item {
            Item::Resource(resource) => !self.surface.is_introduced_before(resource.index, import),
            item => !item.is_types_alone(),
        });
        let needed: Vec<&Named> = needed.collect();
        let mut strict = self.linker.clone();
        strict.allow_shadowing(false);
        let Ok(mut instance) = strict.instance(&named.name) else { return whole(error) };
        let missing: Vec<_> =
            needed.iter().filter(|it| !defines(&mut instance, &it.name)).collect();
        if missing.is_empty() {
            return Lacking { items: item(&error).into_iter().collect(), wrong: Some(error) };
        }
        // Without its resource, no function can be looked at.
        if !missing.iter().any(|it| matches!(it.item, Item::Resource(_)))
            && let Some(error) = self.wrong_beside(import, &missing)
        {
            return Lacking { items: item(&error).into_iter().collect(), wrong: Some(error) };
        }
        let is_all = missing.len() == needed.len();
        let names = missing.iter().map(|it| format!("{} `{}`", it.item.kind(), it.name));
        Lacking { items: if is_all { Vec::new() } else { names.collect() }, wrong: None }
    }

    /// What is wrong with an interface beside what is missing of it.
    fn wrong_beside(&self, import: usize, missing: &[&&Named]) -> Option<wasmtime::Error> {
        let mut beside = self.replaced.clone();
        let name = &self.surface.imports[import].name;
        let mut instance = beside.instance(name).ok()?;
        for named in missing {
            let _ = stand_in(&mut instance, named, &|_| false);
        }
        let error = beside.substituted_component_type(self.component).err()?;
        (self.failed(&error) == Some(import)).then_some(error)
    }
}

/// Whether there is something of this very name, in a linker without shadowing that is not needed any more.
fn defines<T: Send + 'static>(linker: &mut LinkerInstance<'_, T>, name: &str) -> bool {
    linker.func_new(name, |_, _, _, _| bail!("stand-in")).is_err()
}

fn is_missing(error: &wasmtime::Error) -> bool {
    error.chain().last().is_some_and(|it| it.to_string().ends_with("implementation is missing"))
}

/// The name of what an interface's check failed at.
fn failed_item(error: &wasmtime::Error) -> Option<String> {
    let text = error.chain().nth(1)?.to_string();
    let name = text.strip_prefix("instance export `")?.strip_suffix("` has the wrong type")?;
    Some(name.to_owned())
}

/// What stands in for a resource that is not looked at.
struct StandIn;

/// Defines what stands in for an import, where an earlier one may have introduced a resource.
fn stand_in<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    named: &Named,
    is_known: &dyn Fn(u32) -> bool,
) -> wasmtime::Result<()> {
    match &named.item {
        Item::Func { ty, .. } => stand_in_func(linker, &named.name, ty),
        Item::Instance(items) => {
            let mut linker = linker.instance(&named.name)?;
            items.iter().try_for_each(|named| stand_in(&mut linker, named, is_known))
        }
        // An earlier import's resource must be that one or nothing.
        Item::Resource(resource) if is_known(resource.index) => Ok(()),
        Item::Resource(_) => {
            linker.resource(&named.name, ResourceType::host::<StandIn>(), |_, _| Ok(()))
        }
        Item::Type(_) | Item::Code(_) => Ok(()),
    }
}

/// Defines a function that satisfies the type check and is never called.
fn stand_in_func<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    ty: &FunctionType,
) -> wasmtime::Result<()> {
    #[cfg(feature = "component-model-async")]
    if ty.is_async {
        return linker
            .func_new_concurrent(name, |_, _, _, _| Box::pin(async { bail!("stand-in") }));
    }
    #[cfg(not(feature = "component-model-async"))]
    let _ = ty;
    linker.func_new(name, |_, _, _, _| bail!("stand-in"))
}
