//! Puts another component in the place of one that runs.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::composer::off_thread;
use super::composition::{Composition, Shared, Wired};
use super::descriptor::{Composable, ComposableDescriptor, ImportRules, Level, Part, PartContent};
use super::level::{Groups, Substitution, isolated};
use super::wiring::{Ready, StartedComponents, Wiring};
use crate::error::{CompositionError, PlanError, PlanProblem, StartError};
use crate::layer::{CallLayer, NumberedLayer};
use crate::plan::Plan;
use crate::plan::containment::{Containment, Wish, is_for, split, target};
use crate::plan::filter::{Filter, carried};
use crate::plan::item::Surface;
use crate::plan::name::{is_compatible, nearest};
use crate::plan::replacement::resolve_replacement;
use crate::plan::resolution::ImportHint;
use crate::run::{Dispatcher, EventSender, Replaced, Running};
use crate::value::handle::LiveHandles;
use tokio::sync::OwnedMutexGuard;

impl Composition {
    /// Puts `composable` in the place of the component `id`, while everything else runs on.
    ///
    /// `id` is the component's id as [`plan`](Self::plan) shows it, and `composable` a single
    /// component: a [`ComposableComponent`](crate::ComposableComponent) or
    /// [`ComposableInstance`](crate::ComposableInstance), with filters or without. It must export
    /// what other components and Rust use of the old one, with the same types, under the same names
    /// or in compatible versions; it may export more. Its imports are satisfied as when composing,
    /// by hints of the old descriptor too, and its settings are those of the old descriptor.
    ///
    /// Replacements of one composition happen one after the other, each starting its component in the
    /// meantime. Nothing happens before the returned [`Replacement`] is awaited. Then the new component is
    /// checked and started; up to there nothing changes if anything fails. From one moment to the
    /// next, calls go to the new instance: those that wait in the old one's inbox too, in their
    /// order. Calls that run end on the old instance, and so do calls that bring handles of its
    /// resources, for as long as it lives: until no such handle is held any more, or as
    /// [`Replacement::retiring_within`] says. A component that has ended can be replaced too.
    ///
    /// # Errors
    ///
    /// - [`CompositionError::Plan`] if there is no component `id`, or the new one does not fit.
    /// - [`CompositionError::Start`] if the new one could not be started, or the composition was
    ///   closed meanwhile.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future before it is ready ends what it started; nothing has changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wasm_runtime_composer::{
    /// #     ComposableComponent, ComposableDescriptor, Composer, CompositionError,
    /// # };
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), CompositionError> {
    /// # let engine = wasmtime::Engine::default();
    /// # let counter = |number: u32| {
    /// #     let text = format!(r#"(component
    /// #         (core module $m (func (export "n") (result i32) i32.const {number}))
    /// #         (core instance $i (instantiate $m))
    /// #         (func (export "number") (result u32) (canon lift (core func $i "n"))))"#);
    /// #     let (linker, engine) = (wasmtime::component::Linker::<()>::new(&engine), engine.clone());
    /// #     ComposableComponent::new(text, linker, move || wasmtime::Store::new(&engine, ()))
    /// # };
    /// # let mut composer = Composer::new();
    /// # composer.add(ComposableDescriptor::new("counter", counter(1)));
    /// # let composition = composer.compose().await?;
    /// let number = composition.typed::<(), u32>(None, "number")?;
    /// assert_eq!(number.call(()).await?, 1);
    /// composition.replace("counter", counter(2)).await?;
    /// assert_eq!(number.call(()).await?, 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn replace(&self, id: impl Into<String>, composable: impl Composable) -> Replacement<'_> {
        Replacement::new(&self.shared, id.into(), composable.into_part())
    }
}

/// A component on its way into a composition that runs; made by
/// [`Composition::replace`](crate::Composition::replace). Awaiting it replaces the component.
#[must_use = "nothing is replaced before this is awaited"]
pub struct Replacement<'a> {
    shared: &'a Shared,
    request: Request,
    within: Option<Duration>,
}

/// What is to be put where, and what is to hold for it.
struct Request {
    id: String,
    part: Part,
    rules: ImportRules,
    /// The names of what is not to hold any more.
    dropped: Vec<String>,
    drops_filters: bool,
}

impl ImportRules {
    /// Of these rules those that stay when `new` ones come to them, less those of the `dropped` names.
    fn kept(descriptor: &ComposableDescriptor, new: &Self, dropped: &[String]) -> Self {
        let is_dropped = |name: &str| dropped.iter().any(|it| it == name || it == split(name).0);
        let mut import_hints = descriptor.rules.import_hints.clone();
        // What is said now counts before what was said.
        let is_new = |hint: &ImportHint| {
            new.import_hints.iter().any(|it| is_compatible(&it.import, &hint.import))
        };
        import_hints.retain(|hint| !is_dropped(&hint.import) && !is_new(hint));
        let mut containments = descriptor.rules.containments.clone();
        let is_new = |wish: &Wish| {
            let (import, function) = target(wish);
            let mut new = new.containments.iter().map(target);
            new.any(|it| it.1 == function && is_compatible(it.0, import))
        };
        containments.retain(|wish| !is_dropped(&wish.0) && !is_new(wish));
        let mut import_layers = descriptor.rules.import_layers.clone();
        import_layers.retain(|(name, _)| !is_dropped(name));
        Self { import_hints, containments, import_layers }
    }

    fn with(mut self, mut new: Self) -> Self {
        self.import_hints.append(&mut new.import_hints);
        self.containments.append(&mut new.containments);
        self.import_layers.append(&mut new.import_layers);
        self
    }

    /// What is said of imports that the component does not have.
    fn problems(&self, id: &str, surface: &Surface) -> Vec<PlanProblem> {
        let holds = |name: &str, function: Option<&str>| {
            let mut held = surface.imports.iter().filter(|it| it.rank_for(name).is_some());
            held.any(|it| is_for(&it.item, function))
        };
        let meant = |name: &str| {
            nearest(name, surface.imports.iter().map(|it| &*it.name)).map(str::to_owned)
        };
        let component = || id.to_owned();
        let mut problems = Vec::new();
        for ImportHint { import, .. } in &self.import_hints {
            if !surface.imports.iter().any(|it| it.rank_for(import).is_some()) {
                let (import, nearest) = (import.clone(), meant(import));
                problems.push(PlanProblem::HintNotImported {
                    component: component(),
                    import,
                    nearest,
                });
            }
        }
        for wish in &self.containments {
            let (import, function) = target(wish);
            if !holds(import, function) {
                let (name, nearest) = (wish.0.clone(), meant(import));
                problems.push(PlanProblem::ContainedNotImported {
                    component: component(),
                    name,
                    nearest,
                });
            }
        }
        for (name, _) in &self.import_layers {
            let (import, function) = split(name);
            if !holds(import, function) {
                let (name, nearest) = (name.clone(), meant(import));
                problems.push(PlanProblem::LayeredNotImported {
                    component: component(),
                    name,
                    nearest,
                });
            }
        }
        problems
    }
}

impl<'a> Replacement<'a> {
    pub(crate) fn new(shared: &'a Shared, id: String, part: Part) -> Self {
        let (rules, dropped) = (ImportRules::default(), Vec::new());
        let request = Request { id, part, rules, dropped, drops_filters: false };
        Self { shared, request, within: None }
    }

    /// Decides that the import `import` of the new component is satisfied by the component
    /// `provider`, or, for `host`, by its own linker.
    ///
    /// Hints, containment and layers of the old component's imports stay, and hold for the new one's imports of
    /// compatible versions; of those that it does not import, they hold for whoever replaces it. A new component
    /// that imports another version for which none of its rules holds is refused, with
    /// [`PlanProblem::ReplacementLosesRule`].
    pub fn with_import_hint(
        mut self,
        import: impl Into<String>,
        provider: impl Into<String>,
    ) -> Self {
        self.request.rules.hint(import.into(), provider.into(), None);
        self
    }

    /// Contains failures of whoever provides `import` to the new component, as
    /// [`ComposableDescriptor::with_containment`] does.
    pub fn with_containment(mut self, import: impl Into<String>, containment: Containment) -> Self {
        self.request.rules.containments.push((import.into(), containment));
        self
    }

    /// Puts a layer on an import of the new component, as [`ComposableDescriptor::with_import_layer`] does. Those
    /// that are on it already are met before.
    pub fn with_import_layer(mut self, import: impl Into<String>, layer: impl CallLayer) -> Self {
        let layer = NumberedLayer::new(layer.erase());
        self.request.rules.import_layers.push((import.into(), layer));
        self
    }

    /// Drops the hints, the containment and the layers that the old component has under the name `import`, an
    /// import's or `interface#function`; an interface's name stands for its functions, too. Without this they
    /// stay.
    pub fn without_rules_on(mut self, import: impl Into<String>) -> Self {
        self.request.dropped.push(import.into());
        self
    }

    /// As [`with_import_hint`](Self::with_import_hint), of what `provider` exports under another name: see
    /// [`ComposableDescriptor::with_import_hint_as`](crate::ComposableDescriptor::with_import_hint_as).
    pub fn with_import_hint_as(
        mut self,
        import: impl Into<String>,
        provider: impl Into<String>,
        export: impl Into<String>,
    ) -> Self {
        self.request.rules.hint(import.into(), provider.into(), Some(export.into()));
        self
    }

    /// Shows what the new component shows by its own [filters](crate::ExportFilter), whatever those of the old one
    /// hid.
    ///
    /// Without this, what was hidden of the old component stays hidden, in all compatible versions. What the old
    /// one did not export is shown as the filters of the new one have it, or if it has none, those of the old one.
    /// The filters of composers around it stay in any case.
    pub fn without_former_filters(mut self) -> Self {
        self.request.drops_filters = true;
        self
    }

    /// Ends the old instance when this time has passed since the replacement, even if calls run in
    /// it or handles of its resources are held. Such calls get
    /// [`CompositionError::Unavailable`], and using such handles is an error from then on. Without it
    /// the old instance lives until it is not needed any more, or the composition ends.
    pub fn retiring_within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    async fn run(self) -> Result<(), CompositionError> {
        let Self { shared, request, within } = self;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let level = shared.level.clone().lock_owned().await;
        let wired = shared.wired();
        let (live, events) = (shared.lifetime.own_live().clone(), shared.events.clone());
        let prepare = move || request.prepare(level, &wired, live, events);
        let mut prepared = off_thread(&runtime, prepare).await??;
        let mut starting = StartedComponents::new(runtime);
        for ready in std::mem::take(&mut prepared.ready) {
            if let Err(error) = starting.start(ready).await {
                starting.end().await;
                return Err(error.into());
            }
        }
        let component = prepared.request.id.clone();
        let Some(unwanted) = prepared.commit(shared, starting.take(), within) else {
            return Ok(());
        };
        // The composition was closed meanwhile: nothing looks after its components any more.
        starting.adopt(unwanted);
        starting.end().await;
        Err(StartError::Closed { component }.into())
    }
}

/// A replacement that fits, and was not started yet.
struct Prepared {
    level: OwnedMutexGuard<Level>,
    request: Request,
    dispatcher: Arc<Dispatcher>,
    /// With the paths that they are of.
    filters: Vec<(String, Vec<Filter>)>,
    plan: Arc<Plan>,
    wiring: Wiring,
    ready: Vec<Ready>,
}

impl Prepared {
    /// Gives the component's place to `successors`, which run. Nothing here waits, and nothing can fail: from one moment
    /// to the next, calls reach them. A composition that has been closed does not take them, and they come back.
    fn commit(
        mut self,
        shared: &Shared,
        successors: Vec<Running>,
        within: Option<Duration>,
    ) -> Option<Vec<Running>> {
        let Wiring { resolution, leaves, waits, deadlocks, layering, .. } = self.wiring;
        let Request { id, part, rules, .. } = self.request;
        let (dispatcher, plan, order) = (self.dispatcher, self.plan, resolution.order.clone());
        let handles: Vec<_> = successors.iter().map(|it| it.handle.clone()).collect();
        let former = dispatcher.replace(handles.clone());
        shared.set_wired(Wired { plan, resolution, leaves, waits, deadlocks, layering });
        let mut of_old = None;
        if let Some(descriptor) = self.level.descriptor(&id) {
            let part = std::mem::replace(&mut descriptor.part, part);
            let rules = std::mem::replace(&mut descriptor.rules, rules);
            of_old = Some((part, rules));
        }
        for (path, filters) in self.filters {
            if let Some(descriptor) = self.level.descriptor(&path) {
                descriptor.part.filters = filters;
            }
        }
        drop(self.level);
        // What the application has put into these may do anything when it is dropped.
        drop(of_old);
        if let Some(first) = handles.first() {
            first.send_replaced();
        }
        let replaced = Box::new(Replaced { dispatcher, former, within, successors, order });
        shared.replaced.send(replaced).err().map(|closed| closed.0.successors)
    }
}

/// That one thing is wrong.
fn problem(problem: PlanProblem) -> PlanError {
    PlanError::new(vec![problem])
}

/// Where a new component is to go.
struct Site {
    /// The index of the component that is there.
    leaf: usize,
    dispatcher: Arc<Dispatcher>,
}

impl Request {
    /// Finds the component that is to be replaced.
    fn site(&self, level: &mut Level, wired: &Wired) -> Result<Site, PlanError> {
        let component = self.id.clone();
        let not_replaceable =
            |component, reason| Err(problem(PlanProblem::NotReplaceable { component, reason }));
        let leaves = &wired.resolution.leaves;
        let Some(leaf) = leaves.iter().position(|leaf| *leaf.id == *component) else {
            if level.descriptor(&component).is_some() {
                let reason = "it is a composer; replace a component inside, by its id with a `/`";
                return not_replaceable(component, reason);
            }
            if wired.plan.fused_into(&component).is_some() {
                let reason = "it is fused with others into one component; replace that one";
                return not_replaceable(component, reason);
            }
            let replaceable =
                wired.leaves.iter().zip(leaves).filter(|(live, _)| live.dispatcher.is_some());
            let ids = replaceable.map(|(_, leaf)| &*leaf.id);
            let nearest = nearest(&component, ids).map(str::to_owned);
            return Err(problem(PlanProblem::NothingToReplace { component, nearest }));
        };
        let Some(dispatcher) = wired.leaves[leaf].dispatcher.clone() else {
            let reason = "it is a composition; replace a component of it, through a handle to it";
            return not_replaceable(component, reason);
        };
        Ok(Site { leaf, dispatcher })
    }

    /// Checks and links the new component, with what stays of the old one.
    fn prepare(
        mut self,
        mut level: OwnedMutexGuard<Level>,
        wired: &Wired,
        live: LiveHandles,
        events: EventSender,
    ) -> Result<Prepared, CompositionError> {
        let id = self.id.clone();
        let Site { leaf, dispatcher } = self.site(&mut level, wired)?;
        let PartContent::Single(single) = &self.part.content else {
            let reason = "a component can only be replaced by a single component";
            return Err(problem(PlanProblem::NotReplaceable { component: id, reason }).into());
        };
        let single = single.clone();
        let surface = single.surface(&id).map_err(PlanError::new)?;
        let surface = Arc::new(surface.numbered_as(&wired.leaves[leaf].surface));

        let mut problems = self.rules.problems(&id, &surface);
        let mut former = Vec::new();
        if let Some(descriptor) = level.descriptor(&id) {
            former.clone_from(&descriptor.rules.import_layers);
            let kept = ImportRules::kept(descriptor, &self.rules, &self.dropped);
            self.rules = kept.with(std::mem::take(&mut self.rules));
        }
        let layers = |layers: &[(String, NumberedLayer)]| {
            let layers: Vec<_> = layers.iter().map(|(_, layer)| layer.clone()).collect();
            layers
        };
        let (former, layers) = (layers(&former), layers(&self.rules.import_layers));
        let layering = Arc::new(wired.layering.with_imports(former.iter(), layers.iter()));
        let mut filters = Vec::new();
        let around = id.match_indices('/').map(|(end, _)| &id[..end]);
        for path in around.chain([&*id]) {
            let is_it = path == id;
            let former = level.descriptor(path).map(|it| it.part.filters.clone());
            let former = former.filter(|_| !(is_it && self.drops_filters)).unwrap_or_default();
            let own = if is_it { &self.part.filters[..] } else { &[] };
            let carried = carried(&former, wired.resolution.offers_of(path), own);
            filters.push((path.to_owned(), carried));
        }
        let change = Substitution {
            path: &id,
            part: &self.part,
            filters: &filters,
            surface: surface.clone(),
            import_hints: &self.rules.import_hints,
            containments: &self.rules.containments,
            import_layers: self
                .rules
                .import_layers
                .iter()
                .map(|(name, it)| (&**name, it.number))
                .collect(),
        };
        let assembly = level.assembly("", Some(&change), Groups::Closed, &mut isolated);
        let mut resolution = resolve_replacement(assembly, &wired.resolution, leaf);
        resolution.problems.append(&mut problems);
        let plan = Arc::new(Plan::new(&resolution));
        let leaves = wired.leaves.clone();
        let kept = (wired.waits.clone(), wired.deadlocks.clone(), layering);
        let mut wiring = Wiring::replacing(resolution, leaves, (leaf, single), live, events, kept);
        let ready = wiring.link()?;
        Ok(Prepared { level, request: self, dispatcher, filters, plan, wiring, ready })
    }
}

impl<'a> IntoFuture for Replacement<'a> {
    type Output = Result<(), CompositionError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Replacement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replacement")
            .field("id", &self.request.id)
            .field("part", &self.request.part)
            .finish()
    }
}
