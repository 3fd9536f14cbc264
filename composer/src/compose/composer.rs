//! [`Composer`]: gathers components and hints, plans the wiring and starts it.

use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use super::composition::{Composition, Wired};
use super::descriptor::{ComposableDescriptor, Level, Part, PartContent, sealed};
use super::level::{Groups, PlannedContent, isolated};
use super::settings::Settings;
use super::startable::AnyComponent;
use super::wiring::{Ready, StartedComponents, Wiring};
use crate::error::{CompositionError, LookupError, PlanError, PlanProblem, StartError};
use crate::layer::{CallLayer, LayerMap};
use crate::pending::Deadlocks;
use crate::plan::Plan;
use crate::plan::explain::Explanation;
use crate::plan::name::nearest;
use crate::plan::resolution::{Resolution, Source};
use crate::plan::resolve::resolve;

/// Gathers components and wires them into a [`Composition`].
///
/// Each import of each component is satisfied by, in this order: the component that a hint names;
/// a visible export of the same name of another component; the highest version of the same
/// interface that is compatible; for an import with a name of its own, the interface that it says it
/// implements; the component's own linker. A component never satisfies its own
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
/// # use wasmtime::Engine;
/// # let component = |text: &str| {
/// #     let engine = Engine::default();
/// #     ComposableComponent::with_engine(&engine, text)
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
    pub(crate) level: Level,
    traps_on_idle: bool,
}

impl Composer {
    /// A composer without components.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a component. What is wrong with it is said when planning or composing.
    pub fn add(&mut self, descriptor: ComposableDescriptor) -> &mut Self {
        self.level.add(descriptor);
        self
    }

    /// Decides that the public export `export` is the one of component `provider`, where several
    /// components offer it.
    pub fn with_export_hint(
        &mut self,
        export: impl Into<String>,
        provider: impl Into<String>,
    ) -> &mut Self {
        self.level.export_hints.push((export.into(), provider.into()));
        self
    }

    /// Puts components one behind the other: each imports `interface` from the next, and the first one's is the public
    /// export.
    ///
    /// That is how middlewares stand in front of a service, all of which export the same interface. It stands for
    /// import hints and an export hint; a name that many components provide needs no other ones. The components
    /// may be added before or after.
    ///
    /// Planning fails with [`PlanProblem::Chain`](crate::error::PlanProblem::Chain) for a component that was not
    /// added, and for one that does not import the interface (but the last) or does not export it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use std::path::Path;
    /// # use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
    /// # let engine = wasmtime::Engine::default();
    /// # let plugin = |file: &str| ComposableComponent::with_engine(&engine, Path::new(file));
    /// let mut composer = Composer::new();
    /// composer.add(ComposableDescriptor::new("loud", plugin("loud.wasm")));
    /// composer.add(ComposableDescriptor::new("polite", plugin("polite.wasm")));
    /// composer.add(ComposableDescriptor::new("greeter", plugin("greeter.wasm")));
    /// // `loud` calls `polite`, which calls `greeter`.
    /// composer.chain("acme:talk/greeter@1.0.0", ["loud", "polite", "greeter"]);
    /// # composer.plan()?;
    /// # Ok::<_, wasm_runtime_composer::CompositionError>(())
    /// ```
    pub fn chain(
        &mut self,
        interface: impl Into<String>,
        ids: impl IntoIterator<Item = impl Into<String>>,
    ) -> &mut Self {
        self.level.chain(interface.into(), ids.into_iter().map(Into::into).collect());
        self
    }

    /// Lets components import from each other in a cycle, which is an error otherwise.
    ///
    /// A call that would never end, because what it waits for waits for the caller, is
    /// [`CompositionError::WaitCycle`], found before the call is queued: a component cannot be called
    /// again while a sync import holds it, whether the call comes back through others or two
    /// chains of calls cross each other. Components in a cycle are started one after the other, each
    /// before its consumers where the cycle lets that be; one that calls another that has not been
    /// started yet, while it is being started itself, gets
    /// [`CompositionError::Unavailable`].
    ///
    /// Of a composer in another one, cycles inside it are allowed.
    pub fn allow_cycles(&mut self) -> &mut Self {
        self.level.allow_cycles = true;
        self
    }

    /// Has calls fail that wait when no component has anything to do, as wasmtime's `call_async` does: they trap with
    /// [`Deadlock`](crate::error::Deadlock) as the cause.
    ///
    /// Without it that is only so where nothing could help: components wait for each other, for answers or for
    /// streams and futures, and their calls keep all others out. Elsewhere a call that comes later may bring about
    /// what those in progress wait for. Say this where none does. Components that call functions of their linker
    /// are left alone in any case, as those may wait for anything, and so is everything while a component that
    /// is implemented in Rust takes part.
    ///
    /// It counts for the composition; of a composer in another one it is not heard.
    pub fn trap_on_idle(&mut self) -> &mut Self {
        self.traps_on_idle = true;
        self
    }

    /// Puts a [layer](crate::layer) around every component: every call of a component goes through it, from
    /// another one or from Rust. Of a composer in another one these are the calls that go to components of it.
    /// The layer that was added first is met first.
    pub fn with_layer(&mut self, layer: impl CallLayer) -> &mut Self {
        self.level.layers.push(layer.erase());
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

    /// Finds the wiring as [`plan`](Self::plan) does, where imports may be open: those that no component exports and the
    /// importer's linker does not define. They are the plan's [`open_imports`](Plan::open_imports).
    ///
    /// This is to look at components before the host has everything that they need. Composing them needs all of it.
    /// An import that a hint leaves to the linker can be open, too, and so can an interface of which a linker defines a
    /// part.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Plan`], with everything else that keeps the components from being wired; what a linker defines
    /// with another type, for instance. If a linker lacks so much that not all of it can be told, that is an error as it
    /// is when planning.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
    /// # use wasmtime::Engine;
    /// # let engine = Engine::default();
    /// # let text = r#"(component (import "acme:log/sink@1.0.0" (instance (export "write" (func)))))"#;
    /// # let web = ComposableComponent::with_engine(&engine, text);
    /// let mut composer = Composer::new();
    /// composer.add(ComposableDescriptor::new("web", web));
    /// assert!(composer.plan().is_err());
    ///
    /// let plan = composer.plan_with_open_imports()?;
    /// let [open] = plan.open_imports() else { panic!("it imports one interface") };
    /// assert_eq!((&*open.import, &*open.consumers), ("acme:log/sink@1.0.0", &["web".to_owned()][..]));
    /// # Ok::<_, wasm_runtime_composer::CompositionError>(())
    /// ```
    pub fn plan_with_open_imports(&self) -> Result<Plan, CompositionError> {
        let mut wiring = self.wiring(self.resolve()?);
        let open = wiring.open_imports()?;
        Ok(Plan::new(&wiring.resolution).with_open_imports(open))
    }

    /// Tells who satisfies the import `import` of the component `consumer`, and why everybody else who
    /// exports it does not. It can be asked whether planning succeeds or not.
    ///
    /// `consumer` is the component's id as [`plan`](Self::plan) shows it, and `import` the import's name
    /// as the component has it. Components are compiled as by `plan`. A fused group is one component; of
    /// those inside of it, their own composer can tell.
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
            // Of what is inside of a fused group, that is what there is.
            let is_around =
                |id: &&str| consumer.strip_prefix(*id).is_some_and(|it| it.starts_with('/'));
            let group = ids.clone().find(is_around);
            let nearest = group.or_else(|| nearest(consumer, ids)).map(str::to_owned);
            return Err(LookupError::NoComponent { id: consumer.to_owned(), nearest }.into());
        };
        let imports = || leaf.surface.imports.iter().map(|named| &*named.name);
        let Some(index) = imports().position(|name| name == import) else {
            let nearest = nearest(import, imports()).map(str::to_owned);
            let (component, import) = (consumer.to_owned(), import.to_owned());
            return Err(LookupError::NotImported { component, import, nearest }.into());
        };
        let hinted = self.level.hints_at(consumer, &leaf.surface.imports[index]);
        let lacking = matches!(leaf.sources[index], Source::Linker { hinted: false })
            && self.lacks(consumer, import)?;
        Ok(resolution.explain(leaf, index, hinted, lacking))
    }

    /// Whether nobody provides an import of the component `consumer`, and its linker does not either.
    fn lacks(&self, consumer: &str, import: &str) -> Result<bool, CompositionError> {
        let linked = self.wiring(self.resolve()?).link();
        let problems = linked.as_ref().err().map_or(&[][..], PlanError::problems);
        Ok(problems.iter().any(|problem| {
            matches!(problem, PlanProblem::Unsatisfied { linkers, import: name, .. }
                if name == import && linkers.iter().any(|id| id == consumer))
        }))
    }

    /// Wires the components and starts each in a store of its own, providers before their
    /// consumers.
    ///
    /// Components given as bytes or files are compiled in parallel, and all is planned, off the async threads. Each
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
    /// Dropping the future ends what was started; no component of it runs on. What is being compiled or planned at that
    /// time is brought to its end in the background.
    pub async fn compose(self) -> Result<Composition, CompositionError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        // Closing needs the timer. A runtime without one should be noticed now and not then.
        drop(tokio::time::sleep(std::time::Duration::ZERO));
        let compiling = Compiling::of(&self.level);
        compiling.help(&runtime);
        let here = compiling.share();
        // Planning waits for components that other threads still compile.
        let planned = off_thread(&runtime, move || here.run().then(|| self.planned())).await?;
        // Dropping it earlier would stop the other threads.
        drop(compiling);
        let planned = planned.ok_or(StartError::NoRuntime)??;
        let Planned { mut level, plan, wiring, ready } = planned;

        let mut starting = StartedComponents::new(runtime);
        for ready in ready {
            if let Err(error) = starting.start(ready).await {
                starting.end().await;
                return Err(error.into());
            }
        }
        let mut nested = Vec::new();
        level.take_composed(&mut nested);
        // It is kept for replacements.
        level.descriptors.shrink_to_fit();
        let Wiring { resolution, leaves, live, events, waits, deadlocks, layering, .. } = wiring;
        let wired = Wired { plan, resolution, leaves, waits, deadlocks, layering };
        Ok(Composition::new(level, wired, live, events, nested, starting.take()))
    }

    /// The components that were added, and what was said of them.
    #[cfg(feature = "fuse")]
    pub(crate) fn into_level(self) -> Level {
        self.level
    }

    /// Finds the wiring and links everything, for which nothing has to be waited for.
    fn planned(self) -> Result<Planned, PlanError> {
        let resolution = self.resolve()?;
        let plan = Arc::new(Plan::new(&resolution));
        let mut wiring = self.wiring(resolution);
        let ready = wiring.link()?;
        Ok(Planned { level: self.level, plan, wiring, ready })
    }

    fn resolve(&self) -> Result<Resolution, PlanError> {
        let assembly = self.level.assembly("", None, Groups::Closed, &mut isolated);
        let mut resolution = resolve(assembly, "");
        self.level.check_chains("", &mut resolution.problems);
        // With a component missing, what the others lack says nothing.
        if resolution.is_broken {
            return Err(PlanError::new(resolution.problems));
        }
        Ok(resolution)
    }

    fn wiring(&self, resolution: Resolution) -> Wiring {
        let mut parts = Vec::new();
        self.level.leaf_parts(Settings::default(), &mut parts);
        let mut layering = LayerMap::default();
        self.level.layering("", &mut layering);
        Wiring::new(resolution, parts, layering, Deadlocks::new(self.traps_on_idle))
    }
}

impl sealed::IntoPart for Composer {
    fn into_part(self) -> Part {
        PartContent::Group(self.level).into()
    }
}

/// A wiring before anything is started.
struct Planned {
    level: Level,
    plan: Arc<Plan>,
    wiring: Wiring,
    ready: Vec<Ready>,
}

/// The components that are to be compiled. Dropping it stops the threads that compile; failures are kept, and found
/// again when planning.
struct Compiling {
    open: Arc<[Arc<dyn AnyComponent>]>,
    next: Arc<AtomicUsize>,
}

/// A share in compiling, on a thread of its own.
struct Share {
    open: Weak<[Arc<dyn AnyComponent>]>,
    next: Arc<AtomicUsize>,
}

impl Compiling {
    fn of(level: &Level) -> Self {
        let mut parts = Vec::new();
        level.leaf_parts(Settings::default(), &mut parts);
        let open = parts.into_iter().filter_map(|part| match part.content {
            PlannedContent::Single(single) if !single.has_surface() => Some(single),
            _ => None,
        });
        Self { open: open.collect(), next: Arc::default() }
    }

    fn share(&self) -> Share {
        Share { open: Arc::downgrade(&self.open), next: self.next.clone() }
    }

    /// Has other threads compile beside the one that plans. More than there are processors would take memory and no
    /// less time.
    fn help(&self, runtime: &tokio::runtime::Handle) {
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        for _ in 1..threads.min(self.open.len()) {
            let share = self.share();
            // Planning waits for what it compiles, not for the thread.
            drop(runtime.spawn_blocking(move || share.run()));
        }
    }
}

impl Share {
    /// Compiles what no other thread does, and tells whether composing still waits for it.
    fn run(&self) -> bool {
        while let Some(open) = self.open.upgrade() {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(single) = open.get(next).cloned() else { return true };
            drop(open);
            // An error is kept; planning asks again, and adds the id of the component.
            drop(single.surface(""));
        }
        false
    }
}

/// Does `work`, which may take long, off the async threads. A panic of it goes on here. It does not end with the
/// future.
pub(crate) async fn off_thread<T: Send + 'static>(
    runtime: &tokio::runtime::Handle,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StartError> {
    match runtime.spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is shutting down.
            Err(_) => Err(StartError::NoRuntime),
        },
    }
}
