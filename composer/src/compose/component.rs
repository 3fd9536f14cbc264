//! A component in a store of its own.

#[cfg(feature = "compile")]
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
#[cfg(feature = "compile")]
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{Engine, Store};

#[cfg(feature = "fuse")]
use super::descriptor::Level;
use super::descriptor::{Part, PartContent, sealed};
use super::settings::RunSettings;
use super::startable::{AnyComponent, LinkError, LinkPlan, Linked, Starting};
#[cfg(all(feature = "compile", feature = "component-model-async"))]
use crate::companion::{Accompanied, Known, look};
#[cfg(feature = "compile")]
use crate::error::panic_message;
use crate::error::{Cause, PlanProblem, StartError, discard, panicked};
use crate::link;
#[cfg(all(feature = "compile", feature = "component-model-async"))]
use crate::plan::abilities::Abilities;
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
}

type MakeStore<T> = Arc<dyn Fn() -> wasmtime::Result<Store<T>> + Send + Sync>;

/// A compiled component.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) component: Component,
    pub(crate) surface: Arc<Surface>,
}

/// Where a component comes from: its bytes, a file, or a compiled [`Component`].
///
/// Bytes and files need the feature `compile`, on by default. They may be the binary or the text format.
#[derive(Clone)]
pub struct ComponentSource(Source);

/// How every WebAssembly binary begins.
#[cfg(feature = "compile")]
const WASM: &[u8] = b"\0asm";
/// How the binary of a core module begins.
#[cfg(feature = "compile")]
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// The version of a component's binary.
#[cfg(feature = "compile")]
const COMPONENT: &[u8] = b"\x0d\0\x01\0";

#[derive(Clone)]
enum Source {
    #[cfg(feature = "compile")]
    Bytes(Arc<[u8]>),
    #[cfg(feature = "compile")]
    File(PathBuf),
    Compiled(Component),
    /// It is put together of others when it is loaded.
    #[cfg(feature = "fuse")]
    Made(Arc<dyn Origin>),
}

/// What a component is put together of.
#[cfg(feature = "fuse")]
pub(crate) trait Origin: Send + Sync {
    /// Makes the component and compiles it, if that was not done before.
    ///
    /// # Errors
    ///
    /// What keeps it from being made, said of a component with the id `path`.
    fn load(
        &self,
        engine: &Engine,
        path: &str,
        cooperates: bool,
    ) -> Result<Loaded, Vec<PlanProblem>>;

    /// Whether it is made, or cannot be.
    fn is_loaded(&self, cooperates: bool) -> bool;

    /// The components that it is put together of.
    fn level(&self) -> &Arc<Level>;
}

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
        (inner.cooperates, inner.loaded) = (true, OnceLock::new());
        Self { inner: Arc::new(inner) }
    }

    fn of(source: Source, linker: Linker<T>, store: MakeStore<T>) -> Self {
        let (carriers, loaded) = (CarrierSet::default(), OnceLock::new());
        let inner = ComponentInner { source, linker, store, cooperates: false, carriers, loaded };
        Self { inner: Arc::new(inner) }
    }

    fn into_inner(self) -> ComponentInner<T> {
        let ComponentInner { source, linker, store, cooperates, carriers, loaded } = &*self.inner;
        ComponentInner {
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
        let mut loaded = self.load_uncarried(path)?;
        if !self.carriers.carried().is_empty() {
            Arc::make_mut(&mut loaded.surface).carry(self.carriers.carried());
        }
        Ok(loaded)
    }

    fn load_uncarried(&self, path: &str) -> Result<Loaded, Vec<PlanProblem>> {
        #[cfg(feature = "fuse")]
        if let Source::Made(origin) = &self.source {
            return origin.load(self.linker.engine(), path, self.cooperates);
        }
        let load = |source| vec![PlanProblem::Load { component: path.to_owned(), source }];
        self.loaded.get_or_init(|| self.compile()).clone().map_err(load)
    }

    fn compile(&self) -> Result<Loaded, Cause> {
        let loaded = match &self.source {
            #[cfg(feature = "compile")]
            Source::Bytes(bytes) => compile(self.linker.engine(), bytes, self.cooperates),
            #[cfg(feature = "compile")]
            Source::File(path) => {
                read(path).and_then(|bytes| compile(self.linker.engine(), &bytes, self.cooperates))
            }
            Source::Compiled(component) => {
                let surface = Surface::reflect(component, false);
                surface.map(|surface| Loaded::new(component.clone(), surface))
            }
            #[cfg(feature = "fuse")]
            Source::Made(_) => Err(wasmtime::Error::msg("its origin compiles it")),
        };
        loaded.map_err(Cause::new)
    }
}

impl Loaded {
    pub(crate) fn new(component: Component, surface: Surface) -> Self {
        Self { component, surface: Arc::new(surface) }
    }
}

/// Compiles a binary, or text, with a companion where one makes a difference. `cooperates` says whether cancelling
/// is to mean the same as inside of one store.
#[cfg(feature = "compile")]
pub(crate) fn compile(engine: &Engine, bytes: &[u8], cooperates: bool) -> wasmtime::Result<Loaded> {
    without_panic(|| compile_binary(engine, &binary(bytes)?, cooperates))
}

/// Does what the compiler has a part in. It is not to panic, whatever it is given; if it does, that is an error of
/// what it was given.
#[cfg(feature = "compile")]
fn without_panic<T>(work: impl FnOnce() -> wasmtime::Result<T>) -> wasmtime::Result<T> {
    // What it leaves half done is of this component alone.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic_message(panic);
        Err(wasmtime::Error::msg(format!("the compiler panicked: {message}")))
    })
}

#[cfg(feature = "compile")]
fn compile_binary(engine: &Engine, binary: &[u8], cooperates: bool) -> wasmtime::Result<Loaded> {
    #[cfg(not(feature = "component-model-async"))]
    let _ = cooperates;
    #[cfg(feature = "component-model-async")]
    let abilities = match look(engine, binary, cooperates)? {
        Some(Known { accompanied: Some(accompanied), abilities }) => {
            if let Some(loaded) = with_companion(engine, accompanied, abilities) {
                return Ok(loaded);
            }
            Some(abilities)
        }
        known => known.map(|known| known.abilities),
    };
    #[cfg(not(feature = "component-model-async"))]
    let abilities = None;
    let component = Component::new(engine, binary)?;
    let surface = match abilities {
        Some(abilities) => Surface::with_abilities(&component, abilities)?,
        None => Surface::reflect(&component, false)?,
    };
    Ok(Loaded::new(component, surface))
}

/// What a binary, or text, imports and exports.
#[cfg(feature = "fuse")]
pub(crate) fn reflect(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Surface> {
    without_panic(|| Surface::reflect(&Component::new(engine, binary(bytes)?)?, false))
}

/// The binary form of a component.
#[cfg(feature = "compile")]
fn binary(bytes: &[u8]) -> wasmtime::Result<Cow<'_, [u8]>> {
    if let Some(mistake) = mistake(bytes) {
        return Err(wasmtime::Error::msg(mistake));
    }
    wat::parse_bytes(bytes).map_err(wasmtime::Error::new)
}

/// Compiles a component with its companion. What the engine has against it is not what it has against the component
/// by itself.
#[cfg(all(feature = "compile", feature = "component-model-async"))]
fn with_companion(
    engine: &Engine,
    Accompanied { binary, companion }: Accompanied,
    abilities: Abilities,
) -> Option<Loaded> {
    let component = Component::new(engine, binary).ok()?;
    let surface = Surface::accompanied(&component, companion, abilities).ok()?;
    Some(Loaded::new(component, surface))
}

#[cfg(feature = "compile")]
fn read(path: &Path) -> wasmtime::Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        wasmtime::Error::new(error).context(format!("failed to read `{}`", path.display()))
    })
}

/// What bytes are instead of a component, where that is easily told.
#[cfg(feature = "compile")]
fn mistake(bytes: &[u8]) -> Option<String> {
    let found = |what: &str| Some(format!("expected a WebAssembly component, found {what}"));
    if bytes.starts_with(CORE_MODULE) {
        return found(&core_module(bytes));
    }
    if bytes.starts_with(WASM) {
        return match bytes.get(WASM.len()..CORE_MODULE.len()) {
            None => found("the first bytes of a WebAssembly binary; the file is cut off"),
            Some(COMPONENT) => None,
            Some(version) => found(&format!(
                "a WebAssembly binary of another version (`{version:02x?}`); build it with current tools"
            )),
        };
    }
    let binaries: [(&[u8], &str); 12] = [
        (
            b"\x7fELF",
            "an ELF file: a native program or library, or a component that is compiled already",
        ),
        (b"MZ", "a Windows program or library"),
        (b"\xcf\xfa\xed\xfe", "a macOS program or library"),
        (b"\xca\xfe\xba\xbe", "a macOS program or library"),
        (b"!<arch>\n", "a library archive (`.a`, `.rlib`)"),
        (b"PK\x03\x04", "a zip archive; unpack it"),
        (b"\x1f\x8b", "a gzip file; unpack it"),
        (b"\x28\xb5\x2f\xfd", "a zstd file; unpack it"),
        (b"\x89PNG", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"%PDF", "a PDF document"),
    ];
    if let Some((_, what)) = binaries.iter().find(|(start, _)| bytes.starts_with(start)) {
        return found(what);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return found("a tar archive; unpack it");
    }
    match str::from_utf8(bytes) {
        Ok(text) => found(&no_component(text)?),
        Err(_) => found("bytes that are neither a WebAssembly binary nor text"),
    }
}

/// What a text is instead of a component in the text format.
#[cfg(feature = "compile")]
fn no_component(text: &str) -> Option<String> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let begins =
        |with: &str| start.get(..with.len()).is_some_and(|it| it.eq_ignore_ascii_case(with));
    let is_path =
        [".wasm", ".wat"].iter().any(|end| text.ends_with(end)) && !text.contains(['(', '\n']);
    let what = if start.is_empty() {
        if text.is_empty() { "nothing: it is empty" } else { "white space alone" }
    } else if is_path {
        return Some(format!(
            "the text `{text}`; a file is given as a path, `Path::new({text:?})`"
        ));
    } else if start.starts_with("(module") {
        "a core module in the text format; `wasm-tools component new` makes a component of one"
    } else if start.starts_with(['(', ';']) {
        return None;
    } else if start.starts_with(['{', '[']) {
        "JSON"
    } else if begins("<!doctype html") || begins("<html") {
        "HTML: an error page of a download, perhaps"
    } else if start.starts_with('<') {
        "XML"
    } else if start.starts_with("version https://git-lfs") {
        "a pointer of Git LFS in its place; fetch the file with `git lfs pull`"
    } else if ["package ", "interface ", "world "].iter().any(|it| start.starts_with(it)) {
        "WIT: it describes interfaces, which a component implements"
    } else if start.starts_with("#!") {
        "a script"
    } else {
        let line: String = start.lines().next().unwrap_or_default().chars().take(40).collect();
        return Some(format!("text that is not in its text format: `{}`", line.trim_end()));
    };
    Some(what.to_owned())
}

/// How a core module becomes a component.
#[cfg(feature = "compile")]
fn core_module(bytes: &[u8]) -> String {
    let imports = |name: &[u8]| bytes.windows(name.len()).any(|it| it == name);
    let how = match imports(b"wasi_snapshot_preview1") {
        true => {
            "it imports `wasi_snapshot_preview1`, so `wasm-tools component new module.wasm --adapt \
             wasi_snapshot_preview1.command.wasm -o component.wasm`, with the adapter of a release of \
             wasmtime (`.reactor.wasm` for a library), makes a component of it; or compile for the target \
             `wasm32-wasip2`"
        }
        false => {
            "`wasm-tools component new module.wasm -o component.wasm` makes a component of one that was \
             built for a WIT world"
        }
    };
    format!("a core module; {how}")
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

    #[cfg(feature = "fuse")]
    fn binary(&self) -> Result<Option<Vec<u8>>, Cause> {
        let bytes = match &self.source {
            Source::Bytes(bytes) => bytes.to_vec(),
            Source::File(path) => {
                std::fs::read(path).map_err(|error| Cause::new(wasmtime::Error::new(error)))?
            }
            Source::Compiled(_) | Source::Made(_) => return Ok(None),
        };
        // The text format is as good.
        match wat::parse_bytes(&bytes) {
            Ok(binary) => Ok(Some(binary.into_owned())),
            Err(error) => Err(Cause::new(wasmtime::Error::new(error))),
        }
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
                let mistyped = link::mistyped(&linker, &component, &border, &self.carriers);
                let mistyped = mistyped.map_err(failed)?;
                if !mistyped.is_empty() {
                    return Err(LinkError::Broken(carried_as_others(&border.id, &mistyped)));
                }
                return Ok(Box::new(LinkedComponent { pre, border, inner: self.clone() }));
            }
            Err(error) => error,
        };
        let lacking = link::unsatisfied(&hosted, &component, &surface, &link.from_linker);
        if lacking.is_empty() {
            return Err(failed(error));
        }
        Err(LinkError::Unsatisfied(lacking))
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

impl fmt::Debug for ComponentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "compile")]
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            #[cfg(feature = "compile")]
            Self::File(path) => path.fmt(f),
            Self::Compiled(_) => f.write_str("compiled"),
            #[cfg(feature = "fuse")]
            Self::Made(origin) => origin.level().fmt(f),
        }
    }
}

impl From<Component> for ComponentSource {
    fn from(component: Component) -> Self {
        Self(Source::Compiled(component))
    }
}

impl From<&Component> for ComponentSource {
    fn from(component: &Component) -> Self {
        Self(Source::Compiled(component.clone()))
    }
}

#[cfg(feature = "compile")]
impl From<Vec<u8>> for ComponentSource {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Source::Bytes(bytes.into()))
    }
}

#[cfg(feature = "compile")]
impl From<&[u8]> for ComponentSource {
    fn from(bytes: &[u8]) -> Self {
        Self(Source::Bytes(bytes.into()))
    }
}

#[cfg(feature = "compile")]
impl<const N: usize> From<&[u8; N]> for ComponentSource {
    fn from(bytes: &[u8; N]) -> Self {
        Self(Source::Bytes(bytes.as_slice().into()))
    }
}

#[cfg(feature = "compile")]
impl From<&str> for ComponentSource {
    /// A component in the text format.
    fn from(text: &str) -> Self {
        Self(Source::Bytes(text.as_bytes().into()))
    }
}

#[cfg(feature = "compile")]
impl From<String> for ComponentSource {
    /// A component in the text format.
    fn from(text: String) -> Self {
        Self(Source::Bytes(text.into_bytes().into()))
    }
}

#[cfg(feature = "compile")]
impl From<PathBuf> for ComponentSource {
    /// A file with a component.
    fn from(path: PathBuf) -> Self {
        Self(Source::File(path))
    }
}

#[cfg(feature = "compile")]
impl From<&Path> for ComponentSource {
    /// A file with a component.
    fn from(path: &Path) -> Self {
        Self(Source::File(path.to_owned()))
    }
}
