//! [`Composer`]: gathers components and hints, plans the wiring and starts it.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::composable::{
    ComposableDescriptor, Link, LinkError, Linked, LoadError, PartContent, RunSettings, Settings,
    Startable,
};
use crate::composition::{Composition, LiveLeaf};
use crate::driver::{DEFAULT_CAPACITY, DriverHandle, Inbox, RestartPolicy};
use crate::error::{Cause, CompositionError, PlanError, PlanProblem, StartError};
use crate::events::Teller;
use crate::link::{Endpoint, OUTGOING_CALLS, StoreSide, Wire};
use crate::plan::Plan;
use crate::plan::resolve::{Assembly, Content, Home, Leaf, Node, Resolution, Source, resolve};
use crate::shutdown::{Running, end_all};
use crate::transfer::{LiveHandles, Proxies, ResourceKind};

/// Gathers components and wires them into a [`Composition`].
///
/// Each import of each component is satisfied by, in this order: the component that a hint names;
/// a visible export of the same name of another component; the highest version of the same
/// interface that is compatible; the component's own linker. A component never satisfies its own
/// import, and a name that two components offer equally well needs a hint.
///
/// A composer that is added to another one instead of being composed is wired by itself first;
/// the imports that it leaves open become imports of the outer composition.
///
/// # Examples
///
/// Of two components that export the same, a hint chooses:
///
/// ```
/// # use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
/// # use wasmtime::component::Linker;
/// # use wasmtime::{Engine, Store};
/// # let component = |text: &str| {
/// #     let engine = Engine::default();
/// #     ComposableComponent::new(text, Linker::new(&engine), move || Store::new(&engine, ()))
/// # };
/// # let producer = || component(r#"(component
/// #     (core module $m (func (export "n") (result i32) i32.const 2))
/// #     (core instance $i (instantiate $m))
/// #     (func (export "n") (result s32) (canon lift (core func $i "n"))))"#);
/// # let (disk, memory) = (producer(), producer());
/// # let consumer = component(r#"(component (import "n" (func (result s32))))"#);
/// let mut composer = Composer::new();
/// composer.add(ComposableDescriptor::new("disk", disk));
/// composer.add(ComposableDescriptor::new("memory", memory));
/// composer.add(ComposableDescriptor::new("consumer", consumer).with_import_hint("n", "memory"));
/// composer.with_export_hint("n", "disk");
///
/// let plan = composer.plan()?;
/// assert_eq!(plan.edges()[0].provider.as_deref(), Some("memory"));
/// # Ok::<_, wasm_runtime_composer::CompositionError>(())
/// ```
#[derive(Debug, Default)]
pub struct Composer {
    descriptors: Vec<ComposableDescriptor>,
    export_hints: Vec<(String, String)>,
}

impl Composer {
    /// A composer without components.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component. What is wrong with it is said when planning or composing.
    pub fn add(&mut self, descriptor: ComposableDescriptor) -> &mut Self {
        self.descriptors.push(descriptor);
        self
    }

    /// Decides that the public export `export` is the one of component `provider`, where several
    /// components offer it.
    pub fn with_export_hint(
        &mut self,
        export: impl Into<String>,
        provider: impl Into<String>,
    ) -> &mut Self {
        self.export_hints.push((export.into(), provider.into()));
        self
    }

    /// Finds the wiring without instantiating anything.
    ///
    /// Components given as bytes or files are compiled, on this thread; composing later does not
    /// compile them again.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Plan`], with everything that keeps the components from being wired.
    pub fn plan(&self) -> Result<Plan, CompositionError> {
        let resolution = self.resolve()?;
        let plan = Plan::new(&resolution);
        self.wiring(resolution).link()?;
        Ok(plan)
    }

    /// Wires the components and starts each in a store of its own, providers before their
    /// consumers.
    ///
    /// Components given as bytes or files are compiled in parallel, off the async threads. Each
    /// component gets a task on the tokio runtime that this is called in.
    ///
    /// # Errors
    ///
    /// - [`CompositionError::Plan`], with everything that keeps the components from being wired;
    ///   no store exists by then.
    /// - [`CompositionError::Start`] if a component cannot be instantiated; those that were
    ///   started have been ended.
    ///
    /// # Panics
    ///
    /// If the tokio runtime has no timer (`enable_time`), or if a store's constructor panics.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends what was started; no component of it runs on.
    pub async fn compose(self) -> Result<Composition, CompositionError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        // Closing needs the timer. A runtime without one should be noticed now and not then.
        drop(tokio::time::sleep(std::time::Duration::ZERO));
        self.compile(&runtime).await;
        let resolution = self.resolve()?;
        let plan = Plan::new(&resolution);
        let mut wiring = self.wiring(resolution);
        let ready = wiring.link()?;

        let mut starting = Starting { running: Vec::new(), runtime };
        for Ready { linked, handle, inbox, running } in ready {
            match linked.start(handle.clone(), inbox, running).await {
                Ok(task) => starting.running.push(Running { handle, task }),
                Err(error) => {
                    // On a task of its own, so that it comes to its end also if nobody waits for it.
                    let running = starting.take();
                    let _ = starting.runtime.spawn(end_all(running)).await;
                    return Err(error.into());
                }
            }
        }
        let mut nested = Vec::new();
        self.into_composed(&mut nested);
        let Wiring { resolution, leaves, live, events, .. } = wiring;
        let running = starting.take();
        Ok(Composition::new(plan, resolution.exports, leaves, live, events, nested, running))
    }

    /// Compiles what is not compiled yet. Failures are kept and found again when planning.
    async fn compile(&self, runtime: &tokio::runtime::Handle) {
        let mut parts = Vec::new();
        self.leaf_parts(Settings::default(), &mut parts);
        let mut jobs = Vec::new();
        for part in parts {
            if let LeafContent::Single(single) = part.content {
                jobs.push(runtime.spawn_blocking(move || drop(single.surface())));
            }
        }
        for job in jobs {
            // A panic in the compiler comes again, and is seen, when the component is reflected.
            let _ = job.await;
        }
    }

    fn resolve(&self) -> Result<Resolution, PlanError> {
        let resolution = resolve(self.assembly(""));
        // With a component missing, what the others lack says nothing.
        let missing = |problem: &PlanProblem| {
            matches!(problem, PlanProblem::Load { .. } | PlanProblem::EngineMismatch { .. })
        };
        if resolution.problems.iter().any(missing) {
            return Err(PlanError::new(resolution.problems));
        }
        Ok(resolution)
    }

    fn wiring(&self, resolution: Resolution) -> Wiring {
        let mut parts = Vec::new();
        self.leaf_parts(Settings::default(), &mut parts);
        Wiring::new(resolution, parts)
    }

    fn assembly(&self, prefix: &str) -> Assembly<'_> {
        let nodes = self.descriptors.iter().map(|descriptor| {
            let path = format!("{prefix}{}", descriptor.id);
            let problems = descriptor.settings_problems(&path);
            let content = match &descriptor.part.content {
                PartContent::Single(single) => match single.surface() {
                    Ok(surface) => Content::Leaf(surface),
                    Err(LoadError::OtherEngine) => {
                        Content::Broken(PlanProblem::EngineMismatch { component: path })
                    }
                    Err(LoadError::Failed(source)) => {
                        Content::Broken(PlanProblem::Load { component: path, source })
                    }
                },
                PartContent::Group(composer) => {
                    Content::Group(composer.assembly(&format!("{path}/")))
                }
                PartContent::Composed(nested) => Content::Leaf(nested.leaf.surface.clone()),
            };
            Node {
                id: &descriptor.id,
                problems,
                content,
                filters: &descriptor.part.filters,
                import_hints: &descriptor.import_hints,
            }
        });
        Assembly { nodes: nodes.collect(), export_hints: &self.export_hints }
    }
}

/// Where a leaf of the resolution comes from, in the order in which the resolver meets them.
struct LeafPart {
    content: LeafContent,
    settings: Settings,
}

enum LeafContent {
    Single(Arc<dyn Startable>),
    Composed(LiveLeaf),
}

impl Composer {
    fn leaf_parts(&self, outer: Settings, parts: &mut Vec<LeafPart>) {
        for descriptor in &self.descriptors {
            let settings = descriptor.settings.within(outer);
            let content = match &descriptor.part.content {
                PartContent::Single(single) => LeafContent::Single(single.clone()),
                PartContent::Composed(nested) => LeafContent::Composed(nested.leaf.clone()),
                PartContent::Group(composer) => {
                    composer.leaf_parts(settings, parts);
                    continue;
                }
            };
            parts.push(LeafPart { content, settings });
        }
    }

    /// The compositions inside, which live on in the one around them.
    fn into_composed(self, composed: &mut Vec<Composition>) {
        for descriptor in self.descriptors {
            match descriptor.part.content {
                PartContent::Single(_) => {}
                PartContent::Group(composer) => composer.into_composed(composed),
                PartContent::Composed(nested) => composed.push(nested.composition),
            }
        }
    }
}

/// A resolution on its way to running components: who is called where is known, and nothing has
/// been started.
struct Wiring {
    resolution: Resolution,
    leaves: Vec<LiveLeaf>,
    live: LiveHandles,
    events: Teller,
    /// What is to be started, by the index of the leaf.
    waiting: HashMap<usize, Waiting>,
}

struct Waiting {
    single: Arc<dyn Startable>,
    handle: Arc<DriverHandle>,
    inbox: Inbox,
    running: RunSettings,
}

impl Wiring {
    fn new(resolution: Resolution, parts: Vec<LeafPart>) -> Self {
        let live = LiveHandles::default();
        let events = Teller::new();
        let mut waiting = HashMap::new();
        let mut leaves: Vec<LiveLeaf> = Vec::with_capacity(parts.len());
        for (index, (leaf, part)) in resolution.leaves.iter().zip(parts).enumerate() {
            let Settings { deadline, inbox_capacity, restart, run_limit } = part.settings;
            leaves.push(match part.content {
                LeafContent::Composed(leaf) => leaf.with_deadline(deadline),
                LeafContent::Single(single) => {
                    let surface = leaf.surface.clone();
                    let capacity = inbox_capacity.unwrap_or(DEFAULT_CAPACITY);
                    let (handle, inbox) = DriverHandle::pair(
                        leaf.id.clone(),
                        surface.clone(),
                        capacity,
                        events.clone(),
                    );
                    let endpoints = (0..surface.funcs.len())
                        .map(|func| Endpoint { driver: handle.clone(), func, deadline })
                        .collect();
                    let kinds = defined_kinds(leaf, index);
                    let policy = restart.unwrap_or(RestartPolicy::never());
                    let running = RunSettings { policy, run_limit };
                    waiting.insert(index, Waiting { single, handle, inbox, running });
                    LiveLeaf { surface, endpoints, kinds }
                }
            });
        }
        // A resource that is passed on is the one of its home.
        for (index, leaf) in resolution.leaves.iter().enumerate() {
            if waiting.contains_key(&index) {
                let kinds = leaf.resources.iter().map(|home| match *home {
                    Home::Component { leaf, resource } => {
                        leaves[leaf].kinds[resource as usize].clone()
                    }
                    Home::Host | Home::Unknown => None,
                });
                let kinds = kinds.collect();
                leaves[index].kinds = kinds;
            }
        }
        Self { resolution, leaves, live, events, waiting }
    }

    /// Links every component that is to be started, providers first.
    fn link(&mut self) -> Result<Vec<Ready>, PlanError> {
        let mut problems = std::mem::take(&mut self.resolution.problems);
        let resolved = problems.is_empty();
        let mut ready = Vec::new();
        for index in self.resolution.order.clone() {
            let Some(Waiting { single, handle, inbox, running }) = self.waiting.remove(&index)
            else {
                continue;
            };
            match single.link(self.link_of(index, handle.clone())) {
                Ok(linked) => ready.push(Ready { linked, handle, inbox, running }),
                // What the plan knows to be wrong cannot be linked either.
                Err(LinkError::Failed(_)) if !resolved => {}
                Err(LinkError::Failed(source)) => {
                    let component = handle.id().to_owned();
                    problems.push(PlanProblem::Load { component, source });
                }
                Err(LinkError::Unsatisfied(imports)) => {
                    let unsatisfied = imports
                        .into_iter()
                        .map(|(import, source)| self.unsatisfied(index, import, source));
                    problems.extend(unsatisfied);
                }
            }
        }
        if problems.is_empty() { Ok(ready) } else { Err(PlanError::new(problems)) }
    }

    /// The problem that nobody provides an import.
    fn unsatisfied(&self, leaf: usize, index: usize, source: Cause) -> PlanProblem {
        let leaf = &self.resolution.leaves[leaf];
        let named = &leaf.surface.imports[index];
        let (component, import, kind) =
            (leaf.id.to_string(), named.name.clone(), named.item.kind());
        if leaf.sources[index] == (Source::Linker { hinted: true }) {
            return PlanProblem::NotInLinker { component, import, kind, source };
        }
        let hidden_by = self.resolution.hiding(&component, &import);
        let other_versions = self.resolution.other_versions(&component, &import);
        PlanProblem::Unsatisfied { component, import, kind, hidden_by, other_versions, source }
    }

    fn link_of(&self, index: usize, handle: Arc<DriverHandle>) -> Link {
        let leaf = &self.resolution.leaves[index];
        let mut wires = Vec::new();
        let mut from_linker = Vec::new();
        for (import, source) in leaf.sources.iter().enumerate() {
            match source {
                Source::Export(offer) => wires.push(Wire {
                    import,
                    provider: self.leaves[offer.leaf].surface.clone(),
                    export: offer.export,
                    endpoints: self.leaves[offer.leaf].endpoints.clone(),
                }),
                Source::Linker { .. } => from_linker.push(import),
                Source::Nobody => {}
            }
        }
        let side = StoreSide {
            surface: leaf.surface.clone(),
            kinds: self.leaves[index].kinds.clone(),
            proxies: Proxies::default(),
            home: handle,
            live: self.live.clone(),
            epoch: Arc::default(),
            id: leaf.id.clone(),
            outgoing: Arc::new(Semaphore::new(OUTGOING_CALLS)),
        };
        Link { side, wires, from_linker }
    }
}

/// A component that waits for its store.
struct Ready {
    linked: Box<dyn Linked>,
    handle: Arc<DriverHandle>,
    inbox: Inbox,
    running: RunSettings,
}

/// New identities for the resources that a component defines.
fn defined_kinds(leaf: &Leaf, index: usize) -> Arc<[Option<ResourceKind>]> {
    let kinds = leaf.resources.iter().zip(&leaf.surface.resources);
    kinds
        .map(|(home, def)| match home {
            Home::Component { leaf, .. } if *leaf == index => Some(ResourceKind::new(&def.name)),
            _ => None,
        })
        .collect()
}

/// What was started before composing came to its end; ended if it does not come there.
struct Starting {
    running: Vec<Running>,
    runtime: tokio::runtime::Handle,
}

impl Starting {
    fn take(&mut self) -> Vec<Running> {
        std::mem::take(&mut self.running)
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let running = self.take();
        if !running.is_empty() {
            self.runtime.spawn(end_all(running));
        }
    }
}
