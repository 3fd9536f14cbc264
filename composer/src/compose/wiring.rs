//! From a resolution to running components: each is linked with those that it calls, and started.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use super::fault::{self, Fault, together};
use super::level::{PlannedComponent, PlannedContent};
use super::live::LiveComponent;
use super::settings::{RunSettings, Settings};
use super::startable::{AnyComponent, LinkError, LinkPlan, Linked};
use crate::error::{PlanError, PlanProblem, StartError};
use crate::layer::{ErasedLayer, LayerMap, Route};
use crate::link::Wire;
use crate::pending::{Callees, Deadlocks, Links, OutgoingCalls};
use crate::plan::OpenImport;
use crate::plan::containment::Carrier;
use crate::plan::item::{Item, ResourceDef, Surface};
use crate::plan::resolution::{Leaf, Offer, Resolution, ResourceHome, Source};
use crate::run::{
    Border, Carriers, DEFAULT_CAPACITY, Dispatcher, DriverHandle, Endpoint, EventSender,
    OverdueLoans, RestartPolicy, Running, RunningCalls, WaitGraph, end_all,
};
use crate::value::handle::{DEFAULT_LIMIT, LiveHandles, Proxies, ResourceKind};

/// A resolution on its way to running components: who is called where is known, and nothing has
/// been started.
pub(crate) struct Wiring {
    pub(crate) resolution: Resolution,
    pub(crate) leaves: Vec<LiveComponent>,
    pub(crate) live: LiveHandles,
    pub(crate) events: EventSender,
    /// Who waits for whom, if that can go in a cycle.
    pub(crate) waits: Option<WaitGraph>,
    pub(crate) deadlocks: Deadlocks,
    pub(crate) layering: Arc<LayerMap>,
    /// What is to be started, by the index of the leaf.
    waiting: HashMap<usize, Unstarted>,
}

struct Unstarted {
    single: Arc<dyn AnyComponent>,
    /// One for each instance.
    drivers: Vec<Arc<DriverHandle>>,
    running: RunSettings,
}

impl Unstarted {
    fn new(
        single: Arc<dyn AnyComponent>,
        leaf: &Leaf,
        settings: Settings,
        events: &EventSender,
    ) -> Self {
        let capacity = settings.inbox_capacity.unwrap_or(DEFAULT_CAPACITY);
        // A lifetime that comes from a composer around is only for components that can be made anew.
        let lifetime = settings.lifetime.filter(|_| single.is_renewable());
        let settings = Settings { lifetime, ..settings };
        let driver = || {
            let (id, surface) = (leaf.id.clone(), leaf.surface.clone());
            DriverHandle::new(id, surface, capacity, settings.lifetime, events.clone())
        };
        let drivers = std::iter::repeat_with(driver).take(settings.instances()).collect();
        let policy = settings.restart.unwrap_or(RestartPolicy::never());
        let running = RunSettings { policy, bounds: settings.bounds() };
        Self { single, drivers, running }
    }
}

impl Wiring {
    pub(crate) fn new(
        resolution: Resolution,
        parts: Vec<PlannedComponent>,
        layering: LayerMap,
        deadlocks: Deadlocks,
    ) -> Self {
        let live = LiveHandles::default();
        let waits = resolution.allows_cycles().then(WaitGraph::default);
        let events = EventSender::default();
        // A resource that is passed on is the one of its home, so what each defines comes first.
        let defined: Vec<_> = parts
            .iter()
            .enumerate()
            .map(|(index, part)| match &part.content {
                PlannedContent::Composed(live) => live.kinds.clone(),
                PlannedContent::Single(_) => kinds(&resolution, index, None),
            })
            .collect();
        let mut waiting = HashMap::new();
        let mut leaves: Vec<LiveComponent> = Vec::with_capacity(parts.len());
        for (index, (leaf, part)) in resolution.leaves.iter().zip(parts).enumerate() {
            let layers = layering.between(None, &leaf.id).into();
            leaves.push(match part.content {
                PlannedContent::Composed(live) => LiveComponent {
                    // A document may take parts of it.
                    surface: leaf.surface.clone(),
                    ..live.inside(part.settings.deadline, layers)
                },
                PlannedContent::Single(single) => {
                    let unstarted = Unstarted::new(single, leaf, part.settings, &events);
                    let dispatcher = Dispatcher::new(leaf.id.clone(), unstarted.drivers.clone());
                    waiting.insert(index, unstarted);
                    let kinds = kinds_passed_on(&resolution, index, |leaf| &defined[leaf]);
                    let surface = leaf.surface.clone();
                    LiveComponent::new(surface, dispatcher, kinds, part.settings, layers)
                }
            });
        }
        let layering = Arc::new(layering);
        Self { resolution, leaves, live, events, waits, deadlocks, layering, waiting }
    }

    /// A wiring that runs, but for one leaf, which `single` takes over.
    pub(crate) fn replacing(
        resolution: Resolution,
        mut leaves: Vec<LiveComponent>,
        (index, single): (usize, Arc<dyn AnyComponent>),
        live: LiveHandles,
        events: EventSender,
        (waits, deadlocks, layering): (Option<WaitGraph>, Deadlocks, Arc<LayerMap>),
    ) -> Self {
        let leaf = &resolution.leaves[index];
        let it = Unstarted::new(single, leaf, leaves[index].settings, &events);
        if let Some(dispatcher) = leaves[index].dispatcher.clone() {
            let former = &leaves[index];
            let defined = kinds(&resolution, index, Some(former));
            let kinds = kinds_passed_on(&resolution, index, |leaf| match leaf == index {
                true => &defined,
                false => &leaves[leaf].kinds,
            });
            let (settings, layers) = (former.settings, former.layers.clone());
            let surface = leaf.surface.clone();
            leaves[index] = LiveComponent::new(surface, dispatcher, kinds, settings, layers);
        }
        let waiting = HashMap::from([(index, it)]);
        Self { resolution, leaves, live, events, waits, deadlocks, layering, waiting }
    }

    /// Links every component that is to be started, providers first.
    pub(crate) fn link(&mut self) -> Result<Vec<Ready>, PlanError> {
        let (ready, faults) = self.link_each();
        if faults.is_empty() {
            return Ok(ready);
        }
        let problems = faults.into_iter().flat_map(|fault| fault.problems(&self.resolution));
        Err(PlanError::new(together(problems.collect())))
    }

    /// Links every component as [`link`](Self::link) does, to find the imports that neither a component nor the
    /// importer's linker satisfies; these have no source afterwards. What else is wrong is an error.
    pub(crate) fn open_imports(&mut self) -> Result<Vec<OpenImport>, PlanError> {
        let (_, faults) = self.link_each();
        let (open, wrong): (Vec<_>, Vec<_>) = faults.into_iter().partition(Fault::is_open);
        if !wrong.is_empty() {
            let problems = wrong.into_iter().flat_map(|fault| fault.problems(&self.resolution));
            return Err(PlanError::new(together(problems.collect())));
        }
        let mut missing = Vec::new();
        for fault in open {
            if let Fault::Lacking { leaf, import, lacking, .. } = fault {
                missing.extend(fault::missing(&self.resolution, leaf, import, lacking));
                self.resolution.leaves[leaf].sources[import] = Source::Nobody;
            }
        }
        Ok(together(missing).into_iter().filter_map(OpenImport::new).collect())
    }

    /// Links every component that is to be started, providers first, and tells all that is wrong.
    fn link_each(&mut self) -> (Vec<Ready>, Vec<Fault>) {
        let problems = std::mem::take(&mut self.resolution.problems);
        let resolved = problems.is_empty();
        let mut faults: Vec<Fault> = problems.into_iter().map(Fault::Other).collect();
        let mut ready = Vec::new();
        for index in self.resolution.order.clone() {
            let Some(Unstarted { single, drivers, running }) = self.waiting.remove(&index) else {
                continue;
            };
            let ways = self.ways(index);
            for handle in drivers {
                let link = self.link_of(index, handle.clone(), &ways, single.stack_for_others());
                self.deadlocks.add(handle.watched());
                // A `ComposableInstance` ran before, and may wait for what nobody here sees.
                if single.is_restartable()
                    && !handle.has_lifetime()
                    && self.is_woken_by_others_alone(index, &link, &ways)
                {
                    handle.watched().link(self.links_of(index, &link, &ways));
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
                    LinkError::Broken(broken) => {
                        faults.extend(broken.into_iter().map(Fault::Other));
                    }
                    LinkError::Failed(source) => {
                        let component = handle.id().to_owned();
                        faults.push(Fault::Other(PlanProblem::Load { component, source }));
                    }
                    LinkError::Unsatisfied { imports, is_all, others } => {
                        faults.extend(imports.into_iter().map(|(import, lacking)| {
                            Fault::Lacking { leaf: index, import, lacking, is_all }
                        }));
                        faults.extend(others.into_iter().map(Fault::Other));
                    }
                }
                // Every instance of the component would give the same problems.
                break;
            }
        }
        (ready, faults)
    }

    /// The layers on an import, by the function's name.
    fn layers_of(&self, leaf: &Leaf, import: usize) -> Vec<(Option<String>, ErasedLayer)> {
        let layered = leaf.layered.iter().filter(|it| it.import == import);
        let found = layered.filter_map(|it| {
            Some((it.function.clone(), self.layering.of_import(it.layer)?.clone()))
        });
        found.collect()
    }

    /// How a component's imports reach what other components export.
    fn ways(&self, index: usize) -> Vec<Way> {
        let leaf = &self.resolution.leaves[index];
        let exports = leaf.sources.iter().enumerate().filter_map(|(import, source)| match source {
            Source::Export(offer) => Some((import, offer)),
            Source::Linker { .. } | Source::Nobody => None,
        });
        let way = |(import, offer): (usize, &Offer)| {
            let provider = self.resolution.leaves[offer.leaf].id.clone();
            Way {
                import,
                export: offer.export,
                surface: self.leaves[offer.leaf].surface.clone(),
                endpoints: self.leaves[offer.leaf].endpoints.clone(),
                layers: self.layers_of(leaf, import),
                between: self.layering.between(Some(&leaf.id), &provider),
                contained: contained_of(leaf, import),
                consumer: leaf.id.clone(),
                provider,
            }
        };
        exports.map(way).collect()
    }

    /// Whether a component's store can be woken by nothing but other components: it calls no functions of its
    /// linker, and there is neither a deadline nor a layer on the way to what it calls.
    fn is_woken_by_others_alone(&self, index: usize, link: &LinkPlan, ways: &[Way]) -> bool {
        let surface = &self.resolution.leaves[index].surface;
        let mut hosted = link.from_linker.iter().map(|import| &surface.imports[*import].item);
        hosted.all(Item::is_types_alone) && ways.iter().all(Way::is_direct)
    }

    fn links_of(&self, index: usize, link: &LinkPlan, ways: &[Way]) -> Links {
        let mut providers: Vec<Weak<dyn Callees>> = Vec::new();
        for endpoint in ways.iter().flat_map(|way| way.endpoints.iter()) {
            let dispatcher: Weak<Dispatcher> = Arc::downgrade(&endpoint.dispatcher);
            if !providers.iter().any(|it| it.ptr_eq(&(dispatcher.clone() as Weak<dyn Callees>))) {
                providers.push(dispatcher);
            }
        }
        Links {
            outgoing: link.border.outgoing.clone(),
            providers,
            keeps_out: self.resolution.leaves[index].surface.keeps_out(),
        }
    }

    fn link_of(
        &self,
        index: usize,
        handle: Arc<DriverHandle>,
        ways: &[Way],
        stack: usize,
    ) -> LinkPlan {
        let leaf = &self.resolution.leaves[index];
        let sources = leaf.sources.iter().enumerate();
        let from_linker = sources.filter(|(_, source)| matches!(source, Source::Linker { .. }));
        let from_linker = from_linker.map(|(import, _)| import).collect();
        let wires: Vec<_> = ways.iter().cloned().map(Way::into_wire).collect();
        let border = Border {
            surface: leaf.surface.clone(),
            kinds: self.leaves[index].kinds.clone(),
            carriers: Carriers::default(),
            overdue: OverdueLoans::default(),
            proxies: Proxies::new(
                leaf.id.clone(),
                self.leaves[index].settings.handle_limit.unwrap_or(DEFAULT_LIMIT),
            ),
            counts: handle.counts(&self.live),
            store: handle.store().clone(),
            running_calls: (self.waits.is_some() || !self.layering.is_empty())
                .then(|| RunningCalls::new(self.waits.clone(), handle.driver_id())),
            watched: handle.watched().clone(),
            start_order: Arc::default(),
            subtasks: Arc::default(),
            home: handle,
            id: leaf.id.clone(),
            calls_others: wires
                .iter()
                .any(|wire| !leaf.surface.imports[wire.import].item.is_types_alone()),
            stack,
            outgoing: OutgoingCalls::new(
                leaf.id.clone(),
                self.leaves[index].settings.calls_in_flight,
                self.leaves[index].settings.bytes_in_flight,
            ),
            futures: Default::default(),
            endings: Default::default(),
        };
        LinkPlan { border, wires, from_linker }
    }
}

/// How calls of one import reach the component that provides it.
#[derive(Clone)]
struct Way {
    import: usize,
    export: usize,
    consumer: Arc<str>,
    provider: Arc<str>,
    surface: Arc<Surface>,
    /// By the provider's number of the function.
    endpoints: Arc<[Endpoint]>,
    /// The layers on the import: on a function, or without a name on all of them.
    layers: Vec<(Option<String>, ErasedLayer)>,
    /// The layers that calls meet after those.
    between: Vec<ErasedLayer>,
    /// The functions whose failures are contained, without a name if the import is one.
    contained: Vec<(Option<String>, Carrier)>,
}

impl Way {
    /// Whether there is neither a deadline nor a layer on it, nor anything to wait for but what is called.
    fn is_direct(&self) -> bool {
        let mut endpoints = self.endpoints.iter();
        self.layers.is_empty()
            && self.between.is_empty()
            && endpoints.all(|it| it.deadline.is_none() && !it.dispatcher.has_lifetime())
    }

    fn into_wire(self) -> Wire {
        let (import, export, provider) = (self.import, self.export, self.surface.clone());
        let connect = Box::new(move |function: Option<&str>, index| self.connect(function, index));
        Wire { import, provider, export, connect }
    }

    /// Where a function of the import is called, and how its failures are contained.
    fn connect(&self, function: Option<&str>, index: usize) -> (Endpoint, Option<Carrier>) {
        let on_import = self.layers.iter();
        let on_import = on_import.filter(|(name, _)| name.is_none() || name.as_deref() == function);
        let chain = on_import.map(|(_, layer)| layer).chain(&self.between).cloned().collect();
        let provider = (&self.provider, &self.surface.funcs[index]);
        let endpoint =
            Route::around(&self.endpoints[index], &chain, Some(&self.consumer), provider);
        let contained = self.contained.iter().find(|(name, _)| name.as_deref() == function);
        (endpoint, contained.map(|(_, carrier)| *carrier))
    }
}

/// A component that waits for its store.
pub(crate) struct Ready {
    leaf: usize,
    linked: Box<dyn Linked>,
    handle: Arc<DriverHandle>,
    running: RunSettings,
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
    before: Option<&LiveComponent>,
) -> Arc<[Option<ResourceKind>]> {
    let leaf = &resolution.leaves[index];
    let homes = leaf.resources.iter().zip(&leaf.surface.resources).enumerate();
    homes
        .map(|(number, (home, def))| {
            let here = matches!(home, ResourceHome::Component { leaf, .. } if *leaf == index);
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

/// The identities of a component's resources, where `defined` tells those that a component defines.
fn kinds_passed_on<'a>(
    resolution: &Resolution,
    index: usize,
    defined: impl Fn(usize) -> &'a Arc<[Option<ResourceKind>]>,
) -> Arc<[Option<ResourceKind>]> {
    let homes = resolution.leaves[index].resources.iter();
    homes
        .map(|home| match home {
            ResourceHome::Component { leaf, resource } => {
                defined(*leaf)[*resource as usize].clone()
            }
            ResourceHome::Carried(carried) => Some(ResourceKind::Carried(carried.clone())),
            ResourceHome::Host | ResourceHome::Unknown => None,
        })
        .collect()
}

/// What has been started and has no composition yet; ended if it gets none.
pub(crate) struct StartedComponents {
    running: Vec<Running>,
    runtime: tokio::runtime::Handle,
}

impl StartedComponents {
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

impl Drop for StartedComponents {
    fn drop(&mut self) {
        let running = self.take();
        if !running.is_empty() {
            self.runtime.spawn(end_all(running));
        }
    }
}
