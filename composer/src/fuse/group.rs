//! A group: components that share a store, as one component of another composition.
//!
//! It is fused when the composition around is first planned or composed, and the result is kept.
//! The wiring inside does not depend on the group's id, so clones under other ids share it; only
//! for problems is it found again, with the ids that the user knows.

use std::sync::{Arc, LazyLock, Mutex};

use wasmtime::Engine;

use super::cache::{Cache, CacheKey, Keyed, OfEngine, key_of};
use super::{binary, fuse};
use crate::compose::{self, Composer, Level, Loaded, Origin, PartContent, compile};
use crate::error::{Cause, FuseError, PlanProblem};
use crate::plan::Plan;
use crate::plan::item::{Inside, Named, OpenInside, Successors, Surface};
use crate::plan::resolution::{Offered, Resolution, Source};
use crate::sync::lock;

/// Components to be fused, and the result once they have been.
pub(crate) struct Group {
    level: Arc<Level>,
    state: Mutex<GroupState>,
}

#[derive(Default)]
struct GroupState {
    /// The surfaces of the components, kept so that a later attempt need not reflect them again.
    reflected: Vec<Arc<Reflected>>,
    /// Without and with what makes cancelling cooperative.
    outcomes: [Option<Result<Arc<Fused>, FuseError>>; 2],
}

/// The surface of a component that is given as a binary.
struct Reflected {
    engine: Engine,
    surface: Arc<Surface>,
}

/// The result of fusing a group.
struct Fused {
    loaded: Loaded,
    /// Kept alive for other groups of the same components, which find them in the cache.
    _reflected: Vec<Arc<Reflected>>,
}

static REFLECTED: LazyLock<Cache<Reflected>> = LazyLock::new(Cache::default);
static FUSED: LazyLock<Cache<Fused>> = LazyLock::new(Cache::default);

impl OfEngine for Reflected {
    fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl OfEngine for Fused {
    fn engine(&self) -> &Engine {
        self.loaded.component.engine()
    }
}

/// A wiring, and the binaries of its leaves.
struct WiredGroup {
    resolution: Resolution,
    binaries: Vec<Vec<u8>>,
    keys: Vec<CacheKey>,
}

impl Group {
    pub(crate) fn new(composer: Composer) -> Self {
        Self { level: Arc::new(composer.into_level()), state: Mutex::default() }
    }

    /// Resolves the group. The ids of its components begin with `group`, unless that is empty.
    fn wire(
        &self,
        engine: &Engine,
        group: &str,
        reflected: &mut Vec<Arc<Reflected>>,
    ) -> Result<WiredGroup, Vec<PlanProblem>> {
        let prefix = if group.is_empty() { String::new() } else { format!("{group}/") };
        let mut problems = Vec::new();
        self.level.settings_of_one(&prefix, group, &mut problems);
        for component in self.level.compositions(&prefix) {
            problems.push(problem(group, FuseError::NoBinary { component }));
        }
        let (mut binaries, mut keys) = (Vec::new(), Vec::new());
        let resolution = self.level.resolve_together(&prefix, &mut |single, component| {
            let binary = match binary(single, component) {
                Ok(binary) => binary,
                Err(FuseError::Load { component, source }) => {
                    return Err(vec![PlanProblem::Load { component, source }]);
                }
                Err(error) => return Err(vec![problem(group, error)]),
            };
            let key = key_of(&binary);
            match reflect(engine, &binary, key, reflected) {
                Ok(surface) => {
                    binaries.push(binary);
                    keys.push(key);
                    Ok(surface)
                }
                Err(source) => {
                    let component = component.to_owned();
                    Err(vec![PlanProblem::Load { component, source }])
                }
            }
        });
        match resolution {
            Ok(resolution) if problems.is_empty() => Ok(WiredGroup { resolution, binaries, keys }),
            Ok(_) => Err(problems),
            Err(of_wiring) => {
                problems.extend(of_wiring);
                Err(problems)
            }
        }
    }
}

impl Origin for Group {
    fn load(
        &self,
        engine: &Engine,
        path: &str,
        cooperates: bool,
    ) -> Result<Loaded, Vec<PlanProblem>> {
        let mut state = lock(&self.state);
        let GroupState { reflected, outcomes } = &mut *state;
        let outcome = &mut outcomes[usize::from(cooperates)];
        if outcome.is_none() {
            // Without the group's id, as clones may have other ids. If there are problems, it is
            // resolved again to name them with the id.
            let wired = self.wire(engine, "", reflected).map_err(|problems| {
                let named = self.wire(engine, path, reflected);
                named.err().unwrap_or(problems)
            })?;
            *outcome = Some(wired.load(engine, reflected, cooperates));
        }
        match outcome {
            Some(Ok(fused)) => Ok(fused.loaded.clone()),
            Some(Err(error)) => Err(vec![problem(path, error.within(path))]),
            // Unreachable: the outcome has been set above.
            None => Err(Vec::new()),
        }
    }

    fn is_loaded(&self, cooperates: bool) -> bool {
        // The lock is held while they are being fused.
        self.state.try_lock().is_ok_and(|state| state.outcomes[usize::from(cooperates)].is_some())
    }

    fn level(&self) -> &Arc<Level> {
        &self.level
    }
}

fn problem(group: &str, source: FuseError) -> PlanProblem {
    PlanProblem::Fuse { component: group.to_owned(), source }
}

/// The surface of a component. If it must be compiled for that, the result is cached.
fn reflect(
    engine: &Engine,
    binary: &[u8],
    key: CacheKey,
    reflected: &mut Vec<Arc<Reflected>>,
) -> Result<Arc<Surface>, Cause> {
    let found = match REFLECTED.get(&key, engine) {
        Some(found) => found,
        None => {
            let surface = Arc::new(compose::reflect(engine, binary).map_err(Cause::new)?);
            let new = Arc::new(Reflected { engine: engine.clone(), surface });
            REFLECTED.add(key, &new);
            new
        }
    };
    if !reflected.iter().any(|kept| Arc::ptr_eq(kept, &found)) {
        reflected.push(found.clone());
    }
    Ok(found.surface.clone())
}

impl WiredGroup {
    fn load(
        &self,
        engine: &Engine,
        reflected: &[Arc<Reflected>],
        cooperates: bool,
    ) -> Result<Arc<Fused>, FuseError> {
        let key = self.key(cooperates);
        if let Some(fused) = FUSED.get(&key, engine) {
            return Ok(fused);
        }
        let binary = fuse(&self.resolution, &self.binaries)?;
        let invalid = |error| FuseError::Encode { source: Cause::new(error) };
        let mut loaded = compile(engine, &binary, cooperates).map_err(invalid)?;
        let plan = Plan::new(&self.resolution);
        let hosted = hosted(&self.resolution, &loaded.surface)?;
        let open = open(&self.resolution, &loaded.surface);
        // Always exclusive here: it has just been made.
        if let Some(surface) = Arc::get_mut(&mut loaded.surface) {
            let untrusted = self.resolution.exports.iter().filter(|it| it.is_untrusted);
            surface.untrusted = untrusted.map(|it| it.name.clone()).collect();
            surface.inside = Some(Arc::new(Inside { plan, hosted, open }));
        }
        let fused = Arc::new(Fused { loaded, _reflected: reflected.to_vec() });
        FUSED.add(key, &fused);
        Ok(fused)
    }

    /// The components with their ids, and how they are wired.
    fn key(&self, cooperates: bool) -> CacheKey {
        let mut keyed = Keyed::default();
        keyed.with(&[u8::from(cooperates)]);
        for (leaf, key) in self.resolution.leaves.iter().zip(&self.keys) {
            keyed.with(leaf.id.as_bytes()).with(key);
            leaf.surface.parts.iter().for_each(|part| _ = keyed.with(part.name().as_bytes()));
            for source in &leaf.sources {
                match source {
                    Source::Export(offer) => {
                        keyed.with(&[offer.leaf, offer.export].map(usize::to_le_bytes).concat());
                    }
                    Source::Linker { hinted } => _ = keyed.with(&[u8::from(*hinted)]),
                    Source::Nobody => _ = keyed.with(&[]),
                }
            }
        }
        for export in &self.resolution.exports {
            let Offered::By(offer) = export.offered else { continue };
            let offer = [offer.leaf, offer.export].map(usize::to_le_bytes).concat();
            keyed.with(export.name.as_bytes()).with(&offer);
            keyed.with(&[u8::from(export.is_untrusted)]);
        }
        keyed.key()
    }
}

/// The imports of the fused component that hints inside leave to the linker.
fn hosted(resolution: &Resolution, fused: &Surface) -> Result<Vec<usize>, FuseError> {
    // By the index of the import: a component whose hint leaves it to the linker, and one without
    // such a hint.
    let mut apart = vec![[None, None]; fused.imports.len()];
    let imports = Successors::among(&fused.imports);
    for leaf in &resolution.leaves {
        for (named, source) in leaf.surface.imports.iter().zip(&leaf.sources) {
            let Source::Linker { hinted } = source else { continue };
            // Compatible versions that are open inside are one import.
            let Some(import) = imports.of(&named.name) else { continue };
            apart[import][usize::from(!hinted)].get_or_insert(&leaf.id);
        }
    }
    let mut hosted = Vec::new();
    for (import, ids) in apart.into_iter().enumerate() {
        match ids {
            [Some(hinted), Some(open)] => {
                let import = fused.imports[import].name.clone();
                let (hinted, open) = (hinted.to_string(), open.to_string());
                return Err(FuseError::HintedApart { import, hinted, open });
            }
            [Some(_), None] => hosted.push(import),
            [None, _] => {}
        }
    }
    Ok(hosted)
}

/// The imports that no component inside satisfies, by the imports of the fused component.
fn open(resolution: &Resolution, fused: &Surface) -> Vec<OpenInside> {
    let mut open = Vec::new();
    let imports = Successors::among(&fused.imports);
    for leaf in &resolution.leaves {
        for (Named { name, .. }, source) in leaf.surface.imports.iter().zip(&leaf.sources) {
            let Source::Linker { .. } = source else { continue };
            let Some(import) = imports.of(name) else { continue };
            open.push(OpenInside {
                import,
                component: leaf.id.to_string(),
                name: name.clone(),
                hidden_by: resolution.hiding(&leaf.id, name),
                other_versions: resolution.other_versions(&leaf.id, name),
                untrusted: resolution.untrusted(&leaf.id, name),
                undecided_in: resolution.undecided_in(&leaf.id, name),
            });
        }
    }
    open
}

impl Level {
    /// Reports settings of single components, which cannot apply inside one store.
    fn settings_of_one(&self, prefix: &str, group: &str, problems: &mut Vec<PlanProblem>) {
        if !self.layers.is_empty() {
            problems.push(PlanProblem::NotInOneStore {
                component: prefix.strip_suffix('/').unwrap_or(group).to_owned(),
                group: group.to_owned(),
                setting: "a layer",
                is_for_group: true,
            });
        }
        for descriptor in &self.descriptors {
            let component = format!("{prefix}{}", descriptor.id);
            let settings = &descriptor.settings;
            let of_group = [
                ("a deadline", settings.deadline.is_some()),
                ("an inbox capacity", settings.inbox_capacity.is_some()),
                ("a handle limit", settings.handle_limit.is_some()),
                ("a limit of calls in flight", settings.calls_in_flight.is_some()),
                ("a limit of bytes in flight", settings.bytes_in_flight.is_some()),
                ("a number of instances", settings.instances.is_some()),
                ("a restart policy", settings.restart.is_some()),
                ("a run limit", settings.run_limit.is_some()),
                ("a deadline for starting", settings.start_deadline.is_some()),
                ("a grace", settings.grace.is_some()),
                ("a layer", !descriptor.layers.is_empty()),
            ];
            let of_group = of_group.into_iter().filter(|(_, is_set)| *is_set);
            let all = of_group.map(|(setting, _)| (setting, true));
            let of_imports = [
                ("containment", !descriptor.rules.containments.is_empty()),
                ("a layer on an import", !descriptor.rules.import_layers.is_empty()),
            ];
            let of_imports = of_imports.into_iter().filter(|(_, is_set)| *is_set);
            for (setting, is_for_group) in
                all.chain(of_imports.map(|(setting, _)| (setting, false)))
            {
                problems.push(PlanProblem::NotInOneStore {
                    component: component.clone(),
                    group: group.to_owned(),
                    setting,
                    is_for_group,
                });
            }
            if let Some(level) = descriptor.part.level() {
                level.settings_of_one(&format!("{component}/"), group, problems);
            }
        }
    }

    /// The ids of the compositions inside, which are already running and cannot be fused.
    pub(super) fn compositions(&self, prefix: &str) -> Vec<String> {
        let mut found = Vec::new();
        for descriptor in &self.descriptors {
            let component = format!("{prefix}{}", descriptor.id);
            if let Some(level) = descriptor.part.level() {
                found.extend(level.compositions(&format!("{component}/")));
            } else if let PartContent::Composed(_) = descriptor.part.content {
                found.push(component);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use wasmtime::Store;
    use wasmtime::component::Linker;

    use super::*;
    use crate::{ComposableComponent, ComposableDescriptor};

    const TWO: &str = r#"(component
        (core module $m (func (export "n") (result i32) i32.const 2))
        (core instance $i (instantiate $m))
        (func (export "two") (result s32) (canon lift (core func $i "n"))))"#;
    const TWICE: &str = r#"(component
        (import "two" (func $two (result s32)))
        (core func $two (canon lower (func $two)))
        (core module $m (import "" "two" (func $two (result i32)))
            (func (export "four") (result i32) (i32.add (call $two) (call $two))))
        (core instance $i (instantiate $m (with "" (instance (export "two" (func $two))))))
        (func (export "four") (result s32) (canon lift (core func $i "four"))))"#;

    fn group(parts: [(&str, &str); 2]) -> Group {
        let mut composer = Composer::new();
        for (id, text) in parts {
            // The linkers of the parts are not used, so neither is their engine.
            let engine = Engine::default();
            let linker = Linker::<()>::new(&engine);
            let part = ComposableComponent::new(text, linker, move || Store::new(&engine, ()));
            composer.add(ComposableDescriptor::new(id, part));
        }
        Group::new(composer)
    }

    fn four() -> Group {
        group([("two", TWO), ("twice", TWICE)])
    }

    /// The address range of the compiled code.
    fn code(group: &Group, engine: &Engine) -> std::ops::Range<*const u8> {
        match group.load(engine, "group", false) {
            Ok(loaded) => loaded.component.image_range(),
            Err(problems) => panic!("{problems:?}"),
        }
    }

    fn reflected(group: &Group) -> Vec<Arc<Reflected>> {
        group.state.lock().expect("nothing panics").reflected.clone()
    }

    #[test]
    fn the_same_group_is_compiled_once_for_an_engine() {
        let (engine, other_engine) = (Engine::default(), Engine::default());
        let (first, second) = (four(), four());
        let compiled = code(&first, &engine);
        assert_eq!(compiled, code(&first, &engine));
        assert_eq!(compiled, code(&second, &engine));
        for (first, second) in reflected(&first).iter().zip(&reflected(&second)) {
            assert!(Arc::ptr_eq(first, second), "a part was compiled again");
        }
        assert_ne!(compiled, code(&four(), &other_engine));
        assert_ne!(compiled, code(&group([("zwei", TWO), ("twice", TWICE)]), &engine));
        let changed = TWO.replace("const 2", "const 3");
        assert_ne!(compiled, code(&group([("two", &changed), ("twice", TWICE)]), &engine));
    }

    #[test]
    fn what_nobody_has_is_not_kept() {
        let engine = Engine::default();
        let group = four();
        code(&group, &engine);
        let (parts, fused) = {
            let state = group.state.lock().expect("nothing panics");
            let fused = state.outcomes[0].as_ref().and_then(|outcome| outcome.as_ref().ok());
            let parts: Vec<_> = state.reflected.iter().map(Arc::downgrade).collect();
            (parts, fused.map(Arc::downgrade).expect("it is fused"))
        };
        drop(group);
        assert_eq!(fused.strong_count(), 0);
        assert!(parts.iter().all(|part| part.strong_count() == 0));
    }
}
