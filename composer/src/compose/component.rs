//! A component in a store of its own.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};

use wasmtime::component::{InstancePre, Linker};
use wasmtime::{Engine, Store};

use super::descriptor::{Part, PartContent, sealed};
use super::settings::RunSettings;
#[cfg(feature = "fuse")]
use super::source::Origin;
use super::source::{ComponentSource, Source};
use super::startable::{AnyComponent, LinkError, LinkPlan, Linked, Loaded, Starting};
use crate::error::{Cause, PlanProblem, StartError, discard, panicked};
use crate::link::{self, Unsatisfied};
use crate::plan::carried::CarriedResource;
use crate::plan::item::Surface;
use crate::run::{Border, Bounds, CarrierSet, Driver, DriverHandle, Renew, Renewed, with_guests};

/// A component, the linker with what the host gives it, and the constructor of its store.
///
/// `T` is the data of the store and any type: nothing of this library has to be implemented for
/// it. What the linker defines (WASI, host functions) keeps working, and satisfies the imports
/// that no other component of the composition does.
pub struct ComposableComponent<T: 'static> {
    inner: Arc<ComponentInner<T>>,
}

struct ComponentInner<T: 'static> {
    source: Source,
    linker: Linker<T>,
    store: MakeStore<T>,
    /// Whether cancelling is to mean the same as inside of one store.
    cooperates: bool,
    carriers: CarrierSet<T>,
    loaded: OnceLock<Result<Loaded, Cause>>,
    /// The same, with what the component carries noted in its surface.
    carrying: OnceLock<Loaded>,
}

type MakeStore<T> = Arc<dyn Fn() -> wasmtime::Result<Store<T>> + Send + Sync>;

impl ComposableComponent<()> {
    /// Describes a component that is given nothing by the host: its linker is empty, and its stores, which hold no data,
    /// are made for `engine`.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::ComposableComponent;
    ///
    /// let engine = wasmtime::Engine::default();
    /// let component = ComposableComponent::with_engine(&engine, "(component)");
    /// ```
    pub fn with_engine(engine: &Engine, component: impl Into<ComponentSource>) -> Self {
        let (linker, engine) = (Linker::new(engine), engine.clone());
        Self::new(component, linker, move || Store::new(&engine, ()))
    }
}

impl<T: Send + 'static> ComposableComponent<T> {
    /// Describes a component.
    ///
    /// `component` is given as bytes, as a path or compiled. Bytes and files are compiled with the
    /// linker's engine when the composition is planned or composed, and once only. `store` makes a
    /// new store, for the same engine.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::ComposableComponent;
    /// use wasmtime::component::Linker;
    /// use wasmtime::{Engine, Store};
    ///
    /// let engine = Engine::default();
    /// let linker: Linker<u32> = Linker::new(&engine);
    /// let component = ComposableComponent::new("(component)", linker, move || Store::new(&engine, 7));
    /// ```
    pub fn new(
        component: impl Into<ComponentSource>,
        linker: Linker<T>,
        store: impl Fn() -> Store<T> + Send + Sync + 'static,
    ) -> Self {
        Self::with_store(component, linker, move || Ok(store()))
    }

    /// Describes a component whose store may be impossible to make.
    pub(crate) fn with_store(
        component: impl Into<ComponentSource>,
        linker: Linker<T>,
        store: impl Fn() -> wasmtime::Result<Store<T>> + Send + Sync + 'static,
    ) -> Self {
        let ComponentSource(source) = component.into();
        Self::of(source, linker, Arc::new(store))
    }

    /// The component that `origin` makes.
    #[cfg(feature = "fuse")]
    pub(crate) fn from_origin(
        origin: impl Origin + 'static,
        linker: Linker<T>,
        store: impl Fn() -> wasmtime::Result<Store<T>> + Send + Sync + 'static,
    ) -> Self {
        Self::of(Source::Made(Arc::new(origin)), linker, Arc::new(store))
    }

    /// Has cancelling of calls mean between this component and others what it means inside of one store.
    ///
    /// A guest may give up an async call that it has made (`subtask.cancel`). In the component model that is a
    /// request: the callee is told, answers as it likes, and until it has, the caller waits. It then hears whether
    /// the call had returned, with its result, or was cancelled. wasmtime drops at once what a host does for a
    /// guest, and calls between stores are that: so without this the caller hears at once that its call is
    /// cancelled, while the callee is told and finishes by itself.
    ///
    /// With this, the component hears what comes of the calls that it cancels; and of calls to it that are
    /// cancelled it is told even if it does not import `task.cancel`. Every call of an async function that it
    /// imports is then made by a task of its own in the component's store, which is why it has to be asked for.
    /// What stays different is in the book, under *Between stores*.
    ///
    /// Without effect on a component that is given compiled, and on one that instantiates or exports something, or
    /// defines a resource type, before its last import. `wasm-tools component new` writes the imports first.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::ComposableComponent;
    /// use wasmtime::component::Linker;
    /// use wasmtime::{Engine, Store};
    ///
    /// let engine = Engine::default();
    /// let linker: Linker<()> = Linker::new(&engine);
    /// let component = ComposableComponent::new("(component)", linker, move || Store::new(&engine, ()))
    ///     .with_cooperative_cancel();
    /// ```
    #[cfg(all(feature = "compile", feature = "component-model-async"))]
    #[must_use]
    pub fn with_cooperative_cancel(self) -> Self {
        let mut inner = self.into_inner();
        inner.cooperates = true;
        (inner.loaded, inner.carrying) = (OnceLock::new(), OnceLock::new());
        Self { inner: Arc::new(inner) }
    }

    fn of(source: Source, linker: Linker<T>, store: MakeStore<T>) -> Self {
        let inner = ComponentInner {
            source,
            linker,
            store,
            cooperates: false,
            carriers: CarrierSet::default(),
            loaded: OnceLock::new(),
            carrying: OnceLock::new(),
        };
        Self { inner: Arc::new(inner) }
    }

    fn into_inner(self) -> ComponentInner<T> {
        let ComponentInner { source, linker, store, cooperates, carriers, loaded, .. } =
            &*self.inner;
        ComponentInner {
            carrying: OnceLock::new(),
            source: source.clone(),
            linker: linker.clone(),
            store: store.clone(),
            cooperates: *cooperates,
            carriers: carriers.clone(),
            loaded: loaded.clone(),
        }
    }

    /// The component with more carriers.
    pub(crate) fn with_carriers(self, add: impl FnOnce(&mut CarrierSet<T>)) -> Self {
        let mut inner = self.into_inner();
        add(&mut inner.carriers);
        Self { inner: Arc::new(inner) }
    }
}

impl<T: 'static> ComponentInner<T> {
    /// Compiles the component if that was not done before. `path` is its id in what is said of it.
    fn load(&self, path: &str) -> Result<Loaded, Vec<PlanProblem>> {
        if let Some(loaded) = self.carrying.get() {
            return Ok(loaded.clone());
        }
        let mut loaded = self.load_uncarried(path)?;
        if self.carriers.carried().is_empty() {
            return Ok(loaded);
        }
        Arc::make_mut(&mut loaded.surface).carry(self.carriers.carried());
        Ok(self.carrying.get_or_init(|| loaded).clone())
    }

    fn load_uncarried(&self, path: &str) -> Result<Loaded, Vec<PlanProblem>> {
        #[cfg(feature = "fuse")]
        if let Source::Made(origin) = &self.source {
            return origin.load(self.linker.engine(), path, self.cooperates);
        }
        let load = |source| vec![PlanProblem::Load { component: path.to_owned(), source }];
        let engine = self.linker.engine();
        let compile = || self.source.load(engine, self.cooperates).map_err(Cause::new);
        self.loaded.get_or_init(compile).clone().map_err(load)
    }
}

impl<T: Send + 'static> AnyComponent for ComponentInner<T> {
    fn surface(&self, path: &str) -> Result<Arc<Surface>, Vec<PlanProblem>> {
        if let Source::Compiled(compiled) = &self.source
            && !Engine::same(compiled.engine(), self.linker.engine())
        {
            return Err(vec![PlanProblem::EngineMismatch { component: path.to_owned() }]);
        }
        self.load(path).map(|loaded| loaded.surface)
    }

    fn has_surface(&self) -> bool {
        #[cfg(feature = "fuse")]
        if let Source::Made(origin) = &self.source {
            return origin.is_loaded(self.cooperates);
        }
        self.loaded.get().is_some()
    }

    #[cfg(any(feature = "fuse", feature = "wac"))]
    fn binary(&self) -> Result<Option<Vec<u8>>, Cause> {
        self.source.binary().map_err(Cause::new)
    }

    fn stack_for_others(&self) -> usize {
        let engine = self.linker.engine();
        engine.get_async_stack_size().saturating_sub(engine.get_max_wasm_stack())
    }

    fn is_restartable(&self) -> bool {
        true
    }

    fn link(self: Arc<Self>, link: LinkPlan) -> Result<Box<dyn Linked>, LinkError> {
        let failed = |error| LinkError::Failed(Cause::new(error));
        let Loaded { component, surface } =
            self.load(&link.border.id).map_err(LinkError::Broken)?;
        let carriers = self.carriers.of(&link.border.surface);
        let border = Arc::new(Border { carriers, ..link.border });
        let mut linker = self.linker.clone();
        if let Some(companion) = &surface.companion {
            link::define_for_companion(&mut linker, &border, companion).map_err(failed)?;
        }
        let hosted = linker.clone();
        link::define(&mut linker, &border, &link.wires).map_err(failed)?;
        let error = match linker.instantiate_pre(&component) {
            Ok(pre) => {
                let carriers = &self.carriers;
                let mistyped = link::mistyped(&linker, &component, &border, carriers, |_| true);
                let mistyped = mistyped.map_err(failed)?;
                if !mistyped.is_empty() {
                    return Err(LinkError::Broken(carried_as_others(&border.id, &mistyped)));
                }
                return Ok(Box::new(LinkedComponent { pre, border, inner: self.clone() }));
            }
            Err(error) => error,
        };
        let Unsatisfied { imports, is_all, filled } =
            link::unsatisfied(&hosted, &component, &surface, &link.from_linker);
        if imports.is_empty() {
            return Err(failed(error));
        }
        let mut others = Vec::new();
        if let Some(filled) = filled {
            // What stands in for an interface has resources of its own.
            let is_defined = |name: &str| {
                let mut hosted = link.from_linker.iter();
                let import = hosted.find(|import| surface.imports[**import].name == name);
                import.is_some_and(|import| !imports.iter().any(|(lacking, _)| lacking == import))
            };
            let carriers = &self.carriers;
            let mistyped = link::mistyped(&filled, &component, &border, carriers, is_defined);
            others = carried_as_others(&border.id, &mistyped.map_err(failed)?);
        }
        Err(LinkError::Unsatisfied { imports, is_all, others })
    }
}

/// The problems that resources are carried as what they are not in the linker of the component `id`.
fn carried_as_others(id: &str, carried: &[Arc<CarriedResource>]) -> Vec<PlanProblem> {
    let problem = |it: &Arc<CarriedResource>| PlanProblem::CarriedAsOther {
        component: id.to_owned(),
        interface: it.interface.to_string(),
        resource: it.name.to_string(),
    };
    carried.iter().map(problem).collect()
}

/// A component whose imports are all satisfied.
struct LinkedComponent<T: 'static> {
    pre: InstancePre<T>,
    border: Arc<Border>,
    inner: Arc<ComponentInner<T>>,
}

impl<T: Send + 'static> LinkedComponent<T> {
    async fn instantiate(&self, bounds: Bounds) -> Result<Renewed<T>, StartError> {
        let component = || self.border.id.to_string();
        let store = catch_unwind(AssertUnwindSafe(|| (self.inner.store)()));
        let store = store.unwrap_or_else(|panic| Err(panicked(panic)));
        let mut store = store.map_err(|error| StartError::Store {
            component: component(),
            source: Cause::new(error),
        })?;
        if !Engine::same(store.engine(), self.pre.engine()) {
            return Err(StartError::EngineMismatch { component: component() });
        }
        #[cfg(feature = "http")]
        self.inner.carriers.attach(store.data_mut(), &self.border);
        let error = match bounds.starting(self.pre.instantiate_async(&mut store)).await {
            Some(Ok(instance)) => return Ok((store, instance)),
            Some(Err(error)) => {
                StartError::Instantiate { component: component(), source: Cause::new(error) }
            }
            None => StartError::Timeout { component: component(), after: bounds.start },
        };
        discard(store);
        Err(error)
    }
}

impl<T: Send + 'static> Renew<T> for LinkedComponent<T> {
    fn renew(
        &self,
        bounds: Bounds,
    ) -> Pin<Box<dyn Future<Output = Result<Renewed<T>, StartError>> + Send + '_>> {
        Box::pin(async move { with_guests(pin!(self.instantiate(bounds))).await })
    }
}

impl<T: Send + 'static> Linked for LinkedComponent<T> {
    fn start(self: Box<Self>, handle: Arc<DriverHandle>, running: RunSettings) -> Starting {
        Box::pin(async move {
            let RunSettings { policy, bounds } = running;
            let (store, instance) = self.renew(bounds).await?;
            let driver = Driver::new(store, &instance, handle, self.border.clone(), bounds);
            Ok(driver.restarting(self, policy).spawn())
        })
    }
}

impl<T: Send + 'static> sealed::IntoPart for ComposableComponent<T> {
    fn into_part(self) -> Part {
        #[cfg(feature = "fuse")]
        let fused = match &self.inner.source {
            Source::Made(origin) => Some(origin.level().clone()),
            _ => None,
        };
        Part {
            #[cfg(feature = "fuse")]
            fused,
            ..PartContent::Single(self.inner).into()
        }
    }
}

impl<T: 'static> Clone for ComposableComponent<T> {
    /// Describes the same component once more; it is compiled once for all clones.
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone() }
    }
}

impl<T: 'static> fmt::Debug for ComposableComponent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ComposableComponent").field("component", &self.inner.source).finish()
    }
}
