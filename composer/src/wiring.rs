//! From a resolution to running components: each is linked with those that it calls, and started.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Weak};

use crate::composable::{Link, LinkError, Linked, RunSettings, Settings, Startable};
use crate::composer::{LeafContent, LeafPart};
use crate::composition::LiveLeaf;
use crate::driver::{DEFAULT_CAPACITY, DriverHandle, RestartPolicy};
use crate::error::{Cause, PlanError, PlanProblem, StartError};
use crate::events::Teller;
use crate::layer::{Layered, Layering};
use crate::link::{Lacking, Post, StoreSide, Tasks, Waits, Wire};
use crate::plan::containment::Carrier;
use crate::plan::item::{Item, OpenInside, ResourceDef};
use crate::plan::resolve::{Home, Leaf, Resolution, Source};
use crate::shutdown::{Running, end_all};
use crate::transfer::{
    Callees, DEFAULT_LIMIT, Deadlocks, Links, LiveHandles, Outgoing, Proxies, ResourceKind,
};

/// A resolution on its way to running components: who is called where is known, and nothing has
/// been started.
pub(crate) struct Wiring {
    pub(crate) resolution: Resolution,
    pub(crate) leaves: Vec<LiveLeaf>,
    pub(crate) live: LiveHandles,
    pub(crate) events: Teller,
    /// Who waits for whom, if that can go in a circle.
    pub(crate) waits: Option<Waits>,
    pub(crate) deadlocks: Deadlocks,
    pub(crate) layering: Arc<Layering>,
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
        let running = RunSettings { policy, bounds: settings.bounds() };
        Self { single, drivers, running }
    }
}

impl Wiring {
    pub(crate) fn new(
        resolution: Resolution,
        parts: Vec<LeafPart>,
        layering: Layering,
        deadlocks: Deadlocks,
    ) -> Self {
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
        for (live, leaf) in leaves.iter_mut().zip(&resolution.leaves) {
            live.layers = layering.between(None, &leaf.id).into();
        }
        let layering = Arc::new(layering);
        Self { resolution, leaves, live, events, waits, deadlocks, layering, waiting }
    }

    /// A wiring that runs, but for one leaf, which `single` takes over.
    pub(crate) fn replacing(
        resolution: Resolution,
        mut leaves: Vec<LiveLeaf>,
        (index, single): (usize, Arc<dyn Startable>),
        live: LiveHandles,
        events: Teller,
        (waits, deadlocks, layering): (Option<Waits>, Deadlocks, Arc<Layering>),
    ) -> Self {
        let leaf = &resolution.leaves[index];
        let it = Waiting::new(single, leaf, leaves[index].settings, &events);
        if let Some(post) = leaves[index].post.clone() {
            let kinds = kinds(&resolution, index, Some(&leaves[index]));
            let layers = leaves[index].layers.clone();
            leaves[index] =
                LiveLeaf::new(leaf.surface.clone(), post, kinds, leaves[index].settings);
            leaves[index].layers = layers;
            leaves[index].kinds = kinds_passed_on(&resolution, index, &leaves);
        }
        let waiting = HashMap::from([(index, it)]);
        Self { resolution, leaves, live, events, waits, deadlocks, layering, waiting }
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
                let link = self.link_of(index, handle.clone());
                self.deadlocks.add(handle.watched());
                // Nobody knows what an instance waits for that runs already.
                if single.is_restartable() && self.is_woken_by_others_alone(index, &link) {
                    handle.watched().link(self.links_of(index, &link));
                }
                let linked = single.clone().link(link);
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
                        for (import, lacking) in imports {
                            problems.extend(self.unsatisfied(index, import, lacking));
                        }
                    }
                }
                // The others lack the same.
                break;
            }
        }
        if problems.is_empty() { Ok(ready) } else { Err(PlanError::new(together(problems))) }
    }

    /// The problem that nobody provides an import: of what is fused, for each component that has it.
    fn unsatisfied(&self, leaf: usize, index: usize, lacking: Lacking) -> Vec<PlanProblem> {
        let leaf = &self.resolution.leaves[leaf];
        let named = &leaf.surface.imports[index];
        let (component, import, kind) =
            (leaf.id.to_string(), named.name.clone(), named.item.kind());
        let Lacking { items, wrong: source } = lacking;
        let source = source.as_ref().map(wrong);
        if leaf.sources[index] == (Source::Linker { hinted: true }) {
            return vec![PlanProblem::NotInLinker { component, import, kind, items, source }];
        }
        let hidden_by = self.resolution.hiding(&component, &import);
        let other_versions = self.resolution.other_versions(&component, &import);
        let undecided_in = self.resolution.undecided_in(&component, &import);
        let untrusted = self.resolution.untrusted(&component, &import);
        let linkers = vec![component.clone()];
        let components = vec![component];
        let problem = PlanProblem::Unsatisfied {
            components,
            linkers,
            import,
            kind,
            items,
            hidden_by,
            other_versions,
            undecided_in,
            untrusted,
            source,
        };
        match &leaf.surface.inside {
            None => vec![problem],
            Some(inside) => inside_of(&problem, inside.open.iter().filter(|it| it.import == index)),
        }
    }

    /// The layers on an import, by the function's name.
    fn layers_of(&self, leaf: &Leaf, import: usize) -> Vec<(Option<String>, Layered)> {
        let layered = leaf.layered.iter().filter(|it| it.import == import);
        let found = layered.filter_map(|it| {
            Some((it.function.clone(), self.layering.of_import(it.layer)?.clone()))
        });
        found.collect()
    }

    /// Whether a component's store can be woken by nothing but other components: it calls no functions of its
    /// linker, and there is neither a deadline nor a layer on the way to what it calls.
    fn is_woken_by_others_alone(&self, index: usize, link: &Link) -> bool {
        let surface = &self.resolution.leaves[index].surface;
        let mut hosted = link.from_linker.iter().map(|import| &surface.imports[*import].item);
        let is_direct = |wire: &Wire| {
            let mut endpoints = wire.endpoints.iter();
            wire.layers.is_empty()
                && wire.between.is_empty()
                && endpoints.all(|it| it.deadline.is_none())
        };
        hosted.all(Item::is_types_alone) && link.wires.iter().all(is_direct)
    }

    fn links_of(&self, index: usize, link: &Link) -> Links {
        let mut providers: Vec<Weak<dyn Callees>> = Vec::new();
        for wire in &link.wires {
            for endpoint in wire.endpoints.iter() {
                let post: Weak<Post> = Arc::downgrade(&endpoint.post);
                if !providers.iter().any(|it| it.ptr_eq(&(post.clone() as Weak<dyn Callees>))) {
                    providers.push(post);
                }
            }
        }
        Links {
            outgoing: link.side.outgoing.clone(),
            providers,
            keeps_out: self.resolution.leaves[index].surface.keeps_out(),
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
                    id: self.resolution.leaves[offer.leaf].id.clone(),
                    layers: self.layers_of(leaf, import),
                    between: self
                        .layering
                        .between(Some(&leaf.id), &self.resolution.leaves[offer.leaf].id),
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
            own_live: handle.live().clone(),
            uses: handle.uses().clone(),
            epoch: handle.epoch().clone(),
            tasks: (self.waits.is_some() || !self.layering.is_empty())
                .then(|| Tasks::new(self.waits.clone(), handle.number())),
            watched: handle.watched().clone(),
            begun: Arc::default(),
            #[cfg(feature = "component-model-async")]
            subtasks: Arc::default(),
            home: handle,
            id: leaf.id.clone(),
            calls_others: wires
                .iter()
                .any(|wire| !leaf.surface.imports[wire.import].item.is_types_alone()),
            // Whoever links the component knows its engine.
            stack: 0,
            outgoing: Outgoing::new(
                leaf.id.clone(),
                self.leaves[index].settings.calls_in_flight,
                self.leaves[index].settings.bytes_in_flight,
            ),
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            futures: Default::default(),
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            endings: Default::default(),
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

/// Problems where those of one import that nobody provides are one, for all its importers.
fn together(problems: Vec<PlanProblem>) -> Vec<PlanProblem> {
    let mut together: Vec<PlanProblem> = Vec::with_capacity(problems.len());
    let mut by_import: HashMap<(String, Vec<String>), usize> = HashMap::new();
    for mut problem in problems {
        // What is wrong in a linker is told of each.
        if let PlanProblem::Unsatisfied { import, items, source: None, .. } = &problem {
            match by_import.entry((import.clone(), items.clone())) {
                Entry::Occupied(known) => {
                    if let Some(known) = together.get_mut(*known.get()) {
                        join(known, &mut problem);
                        continue;
                    }
                }
                Entry::Vacant(new) => _ = new.insert(together.len()),
            }
        }
        together.push(problem);
    }
    together
}

/// Adds the importers of one missing import to those of another.
fn join(known: &mut PlanProblem, other: &mut PlanProblem) {
    let (
        PlanProblem::Unsatisfied {
            components,
            linkers,
            hidden_by,
            other_versions,
            undecided_in,
            untrusted,
            ..
        },
        PlanProblem::Unsatisfied {
            components: more_components,
            linkers: more_linkers,
            hidden_by: more_hidden_by,
            other_versions: more_versions,
            undecided_in: more_undecided,
            untrusted: more_untrusted,
            ..
        },
    ) = (known, other)
    else {
        return;
    };
    fn add<T: PartialEq>(to: &mut Vec<T>, more: &mut Vec<T>) {
        for it in more.drain(..) {
            if !to.contains(&it) {
                to.push(it);
            }
        }
    }
    add(components, more_components);
    add(linkers, more_linkers);
    add(hidden_by, more_hidden_by);
    add(other_versions, more_versions);
    add(undecided_in, more_undecided);
    add(untrusted, more_untrusted);
}

/// What is wrong with what a linker defines, in the engine's words.
fn wrong(error: &wasmtime::Error) -> Cause {
    let levels: Vec<_> = error.chain().map(ToString::to_string).collect();
    Cause::new(wasmtime::Error::msg(levels.join(": ")))
}

/// The problem that nobody provides what is `open` inside of the fused component that has it.
fn inside_of<'a>(
    problem: &PlanProblem,
    open: impl Iterator<Item = &'a OpenInside>,
) -> Vec<PlanProblem> {
    let within = |it: &OpenInside| {
        let mut problem = problem.clone();
        if let PlanProblem::Unsatisfied {
            components,
            import,
            hidden_by,
            other_versions,
            undecided_in,
            untrusted,
            linkers,
            ..
        } = &mut problem
        {
            let linker = linkers.first().cloned().unwrap_or_default();
            let path = |id: &String| format!("{linker}/{id}");
            *components = vec![path(&it.component)];
            import.clone_from(&it.name);
            hidden_by.extend(it.hidden_by.iter().map(path));
            other_versions.extend(it.other_versions.iter().map(|(id, it)| (path(id), it.clone())));
            untrusted.extend(it.untrusted.iter().map(path));
            undecided_in.extend(it.undecided_in.iter().map(|(id, it)| (path(id), it.clone())));
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
            here.then(|| {
                known.unwrap_or_else(|| {
                    let interface = leaf.surface.interface_of_resource(number);
                    ResourceKind::new(interface, &def.name)
                })
            })
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
