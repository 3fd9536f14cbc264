//! [`Composer`]: gathers components and hints, plans the wiring and starts it.

use std::collections::HashMap;
use std::sync::Arc;

use crate::composable::{
    ComposableDescriptor, Link, LinkError, Linked, Part, PartContent, RunSettings, Settings,
    Startable,
};
use crate::composition::{Composition, LiveLeaf, Wired};
use crate::driver::{DEFAULT_CAPACITY, DriverHandle, RestartPolicy};
use crate::error::{Cause, CompositionError, LookupError, PlanError, PlanProblem, StartError};
use crate::events::Teller;
use crate::link::{Places, Post, StoreSide, Tasks, Waits, Wire};
use crate::plan::Plan;
use crate::plan::containment::{Carrier, Wish};
use crate::plan::explain::Explanation;
use crate::plan::item::{OpenInside, ResourceDef, Surface};
use crate::plan::name::nearest;
use crate::plan::resolve::{Assembly, Content, Home, Leaf, Node, Resolution, Source, resolve};
use crate::shutdown::{Running, end_all};
use crate::transfer::{DEFAULT_LIMIT, LiveHandles, Proxies, ResourceKind};

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
    pub(crate) descriptors: Vec<ComposableDescriptor>,
    export_hints: Vec<(String, String)>,
    allow_cycles: bool,
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

    /// Lets components import from each other in a circle, which is an error otherwise.
    ///
    /// A call that would never end, because what it waits for waits for the caller, is
    /// [`CompositionError::WaitCycle`], found before the call is queued: a component cannot be called
    /// again while a sync import holds it, whether the call comes back through others or two
    /// chains of calls cross each other. Components in a circle are started one after the other, each
    /// before its consumers where the circle lets that be; one that calls another that has not been
    /// started yet, while it is being started itself, gets
    /// [`CompositionError::Unavailable`].
    ///
    /// Of a composer in another one, circles inside it are allowed.
    pub fn allow_cycles(&mut self) -> &mut Self {
        self.allow_cycles = true;
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

    /// Tells who satisfies the import `import` of the component `consumer`, and why everybody else who
    /// exports it does not. It can be asked whether planning succeeds or not.
    ///
    /// `consumer` is the component's id as [`plan`](Self::plan) shows it, and `import` the import's name
    /// as the component has it. Components are compiled as by `plan`.
    ///
    /// # Errors
    ///
    /// - [`CompositionError::Lookup`] if there is no such component or import.
    /// - [`CompositionError::Plan`] if a component cannot be loaded.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer, HostInterface};
    /// # use wasmtime::component::Linker;
    /// # use wasmtime::{Engine, Store};
    /// # let engine = Engine::default();
    /// # let linker = Linker::<()>::new(&engine);
    /// # let text = r#"(component (import "n" (func (result s32))))"#;
    /// # let consumer = ComposableComponent::new(text, linker, move || Store::new(&engine, ()));
    /// let number = |n: i32| HostInterface::root().func_wrap("n", move || n);
    /// let mut composer = Composer::new();
    /// composer.add(ComposableDescriptor::new("disk", number(1)));
    /// composer.add(ComposableDescriptor::new("memory", number(2)));
    /// composer.add(ComposableDescriptor::new("consumer", consumer).with_import_hint("n", "memory"));
    /// assert_eq!(
    ///     composer.explain("consumer", "n")?.to_string(),
    ///     "`n`, imported by `consumer`, comes from `memory`: a hint says so\n  \
    ///      not `n` of `disk`: the hint names another"
    /// );
    /// # Ok::<_, wasm_runtime_composer::CompositionError>(())
    /// ```
    pub fn explain(&self, consumer: &str, import: &str) -> Result<Explanation, CompositionError> {
        let resolution = self.resolve()?;
        let ids = resolution.leaves.iter().map(|leaf| &*leaf.id);
        let Some(leaf) = resolution.leaves.iter().find(|leaf| *leaf.id == *consumer) else {
            let nearest = nearest(consumer, ids).map(str::to_owned);
            return Err(LookupError::NoComponent { id: consumer.to_owned(), nearest }.into());
        };
        let imports = || leaf.surface.imports.iter().map(|named| &*named.name);
        let Some(index) = imports().position(|name| name == import) else {
            let nearest = nearest(import, imports()).map(str::to_owned);
            let (component, import) = (consumer.to_owned(), import.to_owned());
            return Err(LookupError::NotImported { component, import, nearest }.into());
        };
        Ok(resolution.explain(leaf, index, self.hints_at(consumer, import)))
    }

    /// Whether a hint of the component `path`, or of a composer around it, is for `import`.
    fn hints_at(&self, path: &str, import: &str) -> bool {
        let (id, inside) = match path.split_once('/') {
            Some((id, inside)) => (id, Some(inside)),
            None => (path, None),
        };
        self.descriptors.iter().filter(|descriptor| descriptor.id == id).any(|descriptor| {
            let hinted = descriptor.import_hints.iter().any(|(name, _)| name == import);
            let within = match (&descriptor.part.content, inside) {
                (PartContent::Group(composer), Some(inside)) => composer.hints_at(inside, import),
                _ => false,
            };
            hinted || within
        })
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
    pub async fn compose(mut self) -> Result<Composition, CompositionError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        // Closing needs the timer. A runtime without one should be noticed now and not then.
        drop(tokio::time::sleep(std::time::Duration::ZERO));
        self.compile(&runtime).await;
        let resolution = self.resolve()?;
        let plan = Plan::new(&resolution);
        let mut wiring = self.wiring(resolution);
        let ready = wiring.link()?;

        let mut starting = Starting::new(runtime);
        for ready in ready {
            if let Err(error) = starting.start(ready).await {
                starting.end().await;
                return Err(error.into());
            }
        }
        let mut nested = Vec::new();
        self.take_composed(&mut nested);
        let Wiring { resolution, leaves, live, events, waits, .. } = wiring;
        let wired = Wired { plan: Arc::new(plan), resolution, leaves, waits };
        Ok(Composition::new(self, wired, live, events, nested, starting.take()))
    }

    /// Compiles what is not compiled yet. Failures are kept and found again when planning.
    async fn compile(&self, runtime: &tokio::runtime::Handle) {
        let mut parts = Vec::new();
        self.leaf_parts(Settings::default(), &mut parts);
        let mut jobs = Vec::new();
        for part in parts {
            if let LeafContent::Single(single) = part.content {
                // What fails has its names when planning.
                jobs.push(runtime.spawn_blocking(move || drop(single.surface(""))));
            }
        }
        for job in jobs {
            // A panic in the compiler comes again, and is seen, when the component is reflected.
            let _ = job.await;
        }
    }

    fn resolve(&self) -> Result<Resolution, PlanError> {
        let resolution = resolve(self.assembly("", None, &mut isolated), "");
        // With a component missing, what the others lack says nothing.
        if resolution.is_broken {
            return Err(PlanError::new(resolution.problems));
        }
        Ok(resolution)
    }

    fn wiring(&self, resolution: Resolution) -> Wiring {
        let mut parts = Vec::new();
        self.leaf_parts(Settings::default(), &mut parts);
        Wiring::new(resolution, parts)
    }

    /// What is to be resolved, with `change` in the place of the component that it is for, and what
    /// `find` gives for each other component, in their order.
    pub(crate) fn assembly<'a>(
        &'a self,
        prefix: &str,
        change: Option<&'a Change<'_>>,
        find: &mut dyn FnMut(&'a dyn Startable, &str) -> Found<'a>,
    ) -> Assembly<'a> {
        let nodes = self.descriptors.iter().map(|descriptor| {
            let path = format!("{prefix}{}", descriptor.id);
            if let Some(change) = change.filter(|change| change.path == path) {
                return Node {
                    id: &descriptor.id,
                    problems: descriptor.settings.problems(&path, &change.part.content),
                    content: Content::Leaf(change.surface.clone()),
                    filters: &change.part.filters,
                    import_hints: change.import_hints,
                    containments: change.containments,
                };
            }
            let problems = descriptor.settings.problems(&path, &descriptor.part.content);
            let content = match &descriptor.part.content {
                PartContent::Single(single) => match find(&**single, &path) {
                    Found::Surface(surface) => Content::Leaf(surface),
                    Found::Composer(composer) => {
                        Content::Group(composer.assembly(&format!("{path}/"), change, find))
                    }
                    Found::Problems(problems) => Content::Broken(problems),
                },
                PartContent::Group(composer) => {
                    Content::Group(composer.assembly(&format!("{path}/"), change, find))
                }
                PartContent::Composed(nested) => Content::Leaf(nested.leaf.surface.clone()),
            };
            Node {
                id: &descriptor.id,
                problems,
                content,
                filters: &descriptor.part.filters,
                import_hints: &descriptor.import_hints,
                containments: &descriptor.containments,
            }
        });
        Assembly {
            nodes: nodes.collect(),
            export_hints: &self.export_hints,
            allow_cycles: self.allow_cycles,
        }
    }
}

/// What a component is when its composer is resolved.
pub(crate) enum Found<'a> {
    Surface(Arc<Surface>),
    /// Several, by a wiring of their own.
    #[cfg_attr(not(feature = "fuse"), expect(dead_code, reason = "only groups to be fused are"))]
    Composer(&'a Composer),
    /// Nothing, for these reasons.
    Problems(Vec<PlanProblem>),
}

/// Components that have a store each.
pub(crate) fn isolated<'a>(single: &'a dyn Startable, path: &str) -> Found<'a> {
    match single.surface(path) {
        Ok(surface) => Found::Surface(surface),
        Err(problems) => Found::Problems(problems),
    }
}

/// Something else in the place of one component.
pub(crate) struct Change<'a> {
    pub(crate) path: &'a str,
    pub(crate) part: &'a Part,
    pub(crate) surface: Arc<Surface>,
    pub(crate) import_hints: &'a [(String, String)],
    pub(crate) containments: &'a [Wish],
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
    fn take_composed(&mut self, composed: &mut Vec<Composition>) {
        for descriptor in &mut self.descriptors {
            match &mut descriptor.part.content {
                PartContent::Single(_) => {}
                PartContent::Group(composer) => composer.take_composed(composed),
                PartContent::Composed(nested) => composed.extend(nested.composition.take()),
            }
        }
    }

    /// What was added as `path`: ids from the outermost level down, joined by `/`.
    pub(crate) fn descriptor(&mut self, path: &str) -> Option<&mut ComposableDescriptor> {
        let (id, inside) = match path.split_once('/') {
            Some((id, inside)) => (id, Some(inside)),
            None => (path, None),
        };
        let found = self.descriptors.iter_mut().find(|descriptor| descriptor.id == id)?;
        let Some(inside) = inside else { return Some(found) };
        match &mut found.part.content {
            PartContent::Group(composer) => composer.descriptor(inside),
            PartContent::Single(_) | PartContent::Composed(_) => None,
        }
    }
}

/// A resolution on its way to running components: who is called where is known, and nothing has
/// been started.
pub(crate) struct Wiring {
    pub(crate) resolution: Resolution,
    pub(crate) leaves: Vec<LiveLeaf>,
    pub(crate) live: LiveHandles,
    pub(crate) events: Teller,
    /// Who waits for whom, if that can go in a circle.
    pub(crate) waits: Option<Waits>,
    /// What is to be started, by the index of the leaf.
    waiting: HashMap<usize, Waiting>,
}

struct Waiting {
    single: Arc<dyn Startable>,
    /// One for each instance.
    drivers: Vec<Arc<DriverHandle>>,
    running: RunSettings,
}

impl Waiting {
    fn new(single: Arc<dyn Startable>, leaf: &Leaf, settings: Settings, events: &Teller) -> Self {
        let capacity = settings.inbox_capacity.unwrap_or(DEFAULT_CAPACITY);
        let pair =
            || DriverHandle::new(leaf.id.clone(), leaf.surface.clone(), capacity, events.clone());
        // That there is none is a problem of the plan.
        let instances = settings.instances.unwrap_or(1).max(1);
        let drivers = std::iter::repeat_with(pair).take(instances).collect();
        let policy = settings.restart.unwrap_or(RestartPolicy::never());
        let running = RunSettings { policy, run_limit: settings.run_limit };
        Self { single, drivers, running }
    }
}

impl Wiring {
    fn new(resolution: Resolution, parts: Vec<LeafPart>) -> Self {
        let live = LiveHandles::default();
        let waits = resolution.allows_cycles().then(Waits::default);
        let events = Teller::default();
        let mut waiting = HashMap::new();
        let mut leaves: Vec<LiveLeaf> = Vec::with_capacity(parts.len());
        for (index, (leaf, part)) in resolution.leaves.iter().zip(parts).enumerate() {
            leaves.push(match part.content {
                LeafContent::Composed(leaf) => leaf.with_deadline(part.settings.deadline),
                LeafContent::Single(single) => {
                    let it = Waiting::new(single, leaf, part.settings, &events);
                    let handles = it.drivers.clone();
                    let post = Post::new(leaf.id.clone(), handles);
                    waiting.insert(index, it);
                    let kinds = kinds(&resolution, index, None);
                    LiveLeaf::new(leaf.surface.clone(), post, kinds, part.settings)
                }
            });
        }
        // A resource that is passed on is the one of its home.
        for index in waiting.keys() {
            let passed_on = kinds_passed_on(&resolution, *index, &leaves);
            leaves[*index].kinds = passed_on;
        }
        Self { resolution, leaves, live, events, waits, waiting }
    }

    /// A wiring that runs, but for one leaf, which `single` takes over.
    pub(crate) fn replacing(
        resolution: Resolution,
        mut leaves: Vec<LiveLeaf>,
        (index, single): (usize, Arc<dyn Startable>),
        live: LiveHandles,
        events: Teller,
        waits: Option<Waits>,
    ) -> Self {
        let leaf = &resolution.leaves[index];
        let it = Waiting::new(single, leaf, leaves[index].settings, &events);
        if let Some(post) = leaves[index].post.clone() {
            let kinds = kinds(&resolution, index, Some(&leaves[index]));
            leaves[index] =
                LiveLeaf::new(leaf.surface.clone(), post, kinds, leaves[index].settings);
            leaves[index].kinds = kinds_passed_on(&resolution, index, &leaves);
        }
        let waiting = HashMap::from([(index, it)]);
        Self { resolution, leaves, live, events, waits, waiting }
    }

    /// Links every component that is to be started, providers first.
    pub(crate) fn link(&mut self) -> Result<Vec<Ready>, PlanError> {
        let mut problems = std::mem::take(&mut self.resolution.problems);
        let resolved = problems.is_empty();
        let mut ready = Vec::new();
        for index in self.resolution.order.clone() {
            let Some(Waiting { single, drivers, running }) = self.waiting.remove(&index) else {
                continue;
            };
            for handle in drivers {
                let linked = single.clone().link(self.link_of(index, handle.clone()));
                let error = match linked {
                    Ok(linked) => {
                        ready.push(Ready { leaf: index, linked, handle, running });
                        continue;
                    }
                    Err(error) => error,
                };
                match error {
                    // What the plan knows to be wrong cannot be linked either.
                    LinkError::Failed(_) if !resolved => {}
                    LinkError::Broken(broken) => problems.extend(broken),
                    LinkError::Failed(source) => {
                        let component = handle.id().to_owned();
                        problems.push(PlanProblem::Load { component, source });
                    }
                    LinkError::Unsatisfied(imports) => {
                        for (import, source) in imports {
                            problems.extend(self.unsatisfied(index, import, source));
                        }
                    }
                }
                // The others lack the same.
                break;
            }
        }
        if problems.is_empty() { Ok(ready) } else { Err(PlanError::new(problems)) }
    }

    /// The problem that nobody provides an import: of what is fused, for each component that has it.
    fn unsatisfied(&self, leaf: usize, index: usize, source: Cause) -> Vec<PlanProblem> {
        let leaf = &self.resolution.leaves[leaf];
        let named = &leaf.surface.imports[index];
        let (component, import, kind) =
            (leaf.id.to_string(), named.name.clone(), named.item.kind());
        if leaf.sources[index] == (Source::Linker { hinted: true }) {
            return vec![PlanProblem::NotInLinker { component, import, kind, source }];
        }
        let hidden_by = self.resolution.hiding(&component, &import);
        let other_versions = self.resolution.other_versions(&component, &import);
        let linker = component.clone();
        let problem = PlanProblem::Unsatisfied {
            component,
            linker,
            import,
            kind,
            hidden_by,
            other_versions,
            source,
        };
        match &leaf.surface.inside {
            None => vec![problem],
            Some(inside) => inside_of(&problem, inside.open.iter().filter(|it| it.import == index)),
        }
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
                    contained: contained_of(leaf, import),
                }),
                Source::Linker { .. } => from_linker.push(import),
                Source::Nobody => {}
            }
        }
        let side = StoreSide {
            surface: leaf.surface.clone(),
            kinds: self.leaves[index].kinds.clone(),
            proxies: Proxies::new(
                leaf.id.clone(),
                self.leaves[index].settings.handle_limit.unwrap_or(DEFAULT_LIMIT),
            ),
            live: self.live.clone(),
            uses: handle.uses().clone(),
            epoch: handle.epoch().clone(),
            tasks: self.waits.clone().map(|waits| Tasks::new(waits, handle.number())),
            home: handle,
            id: leaf.id.clone(),
            calls_others: wires
                .iter()
                .any(|wire| !leaf.surface.imports[wire.import].item.is_types_alone()),
            // Whoever links the component knows its engine.
            stack: 0,
            outgoing: Places::default(),
        };
        Link { side, wires, from_linker }
    }
}

/// A component that waits for its store.
pub(crate) struct Ready {
    leaf: usize,
    linked: Box<dyn Linked>,
    handle: Arc<DriverHandle>,
    running: RunSettings,
}

/// The problem that nobody provides what is `open` inside of the fused component that has it.
fn inside_of<'a>(
    problem: &PlanProblem,
    open: impl Iterator<Item = &'a OpenInside>,
) -> Vec<PlanProblem> {
    let within = |it: &OpenInside| {
        let mut problem = problem.clone();
        if let PlanProblem::Unsatisfied {
            component,
            import,
            hidden_by,
            other_versions,
            linker,
            ..
        } = &mut problem
        {
            let path = |id: &String| format!("{linker}/{id}");
            *component = path(&it.component);
            import.clone_from(&it.name);
            hidden_by.extend(it.hidden_by.iter().map(path));
            other_versions.extend(it.other_versions.iter().map(|(id, it)| (path(id), it.clone())));
        }
        problem
    };
    open.map(within).collect()
}

/// What is contained of an import, by the function's name. What comes first counts.
fn contained_of(leaf: &Leaf, import: usize) -> Vec<(Option<String>, Carrier)> {
    let contained = leaf.contained.iter().filter(|it| it.import == import);
    contained.map(|it| (it.function.clone(), it.carrier)).collect()
}

/// Identities for the resources that a component defines: those that they had in the component
/// before it, where one is replaced, or new ones.
fn kinds(
    resolution: &Resolution,
    index: usize,
    before: Option<&LiveLeaf>,
) -> Arc<[Option<ResourceKind>]> {
    let leaf = &resolution.leaves[index];
    let homes = leaf.resources.iter().zip(&leaf.surface.resources).enumerate();
    homes
        .map(|(number, (home, def))| {
            let here = matches!(home, Home::Component { leaf, .. } if *leaf == index);
            let known = before.filter(|before| {
                before.surface.resources.get(number).is_some_and(ResourceDef::is_defined)
            });
            let known = known.and_then(|before| before.kinds.get(number).cloned().flatten());
            here.then(|| known.unwrap_or_else(|| ResourceKind::new(&def.name)))
        })
        .collect()
}

/// The identities of a component's resources, where `leaves` know those that they define.
fn kinds_passed_on(
    resolution: &Resolution,
    index: usize,
    leaves: &[LiveLeaf],
) -> Arc<[Option<ResourceKind>]> {
    let homes = resolution.leaves[index].resources.iter();
    homes
        .map(|home| match *home {
            Home::Component { leaf, resource } => leaves[leaf].kinds[resource as usize].clone(),
            Home::Host | Home::Unknown => None,
        })
        .collect()
}

/// What has been started and has no composition yet; ended if it gets none.
pub(crate) struct Starting {
    running: Vec<Running>,
    runtime: tokio::runtime::Handle,
}

impl Starting {
    pub(crate) fn new(runtime: tokio::runtime::Handle) -> Self {
        Self { running: Vec::new(), runtime }
    }

    pub(crate) async fn start(&mut self, ready: Ready) -> Result<(), StartError> {
        let Ready { leaf, linked, handle, running } = ready;
        let task = linked.start(handle.clone(), running).await?;
        self.running.push(Running { leaf, handle, task });
        Ok(())
    }

    /// Takes in what was started before.
    pub(crate) fn adopt(&mut self, running: Vec<Running>) {
        self.running.extend(running);
    }

    pub(crate) fn take(&mut self) -> Vec<Running> {
        std::mem::take(&mut self.running)
    }

    /// Ends what was started, on a task of its own, so that it comes to its end also if nobody
    /// waits for it.
    pub(crate) async fn end(mut self) {
        let running = self.take();
        let _ = self.runtime.spawn(end_all(running)).await;
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
