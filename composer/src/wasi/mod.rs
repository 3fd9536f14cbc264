//! What a component gets of WASI: [`Wasi`] makes stores and a linker with a configuration of their own.

// [`Wasi`]: what a component gets of WASI, as stores and a linker with that configuration.
//
// `settings.rs` is the configuration, from which every new store gets its context; `state.rs` the
// data of such a store; `stdio.rs` where standard streams come from and go to. By default a
// component gets nothing but clocks and randomness.

mod carriers;
#[cfg(feature = "http")]
pub mod http;
mod settings;
mod state;
mod stdio;

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use wasmtime::component::Linker;
use wasmtime::{Engine, Store, StoreLimits};
use wasmtime_wasi_config::WasiConfig;

pub use settings::Access;
pub use state::WasiState;
pub use stdio::{Captured, Input, Output};

#[cfg(feature = "fuse")]
use crate::compose::Composer;
use crate::compose::{ComponentSource, ComposableComponent};
use crate::error::{Cause, WasiError};
#[cfg(feature = "fuse")]
use crate::fuse::Group;
use settings::{Network, WasiSettings};

/// What a component gets of the host: WASI with an environment, arguments, directories, standard
/// streams and configuration of its own, limits, and functions of yours.
///
/// Its components can import WASI 0.2, WASI 0.3 (with the feature `component-model-async`, on an
/// engine that runs async functions; wasmtime 48 calls its own implementation of it experimental)
/// and `wasi:config/store`. They have only what is configured here: by default no variables,
/// arguments, directories or network, and their output is discarded. They always have clocks and
/// randomness.
///
/// WASI is part of the component's linker. So, as for every import, another component of the
/// composition that exports one of its interfaces (a virtual file system, a stopped clock) takes
/// precedence over the host, and the import hint `host` forces the host.
///
/// Components that have a `Wasi` each can pass on what the host gave them: streams, files and directories, and
/// sockets move from store to store, and an open file or directory is also lent. With it goes what it may do by itself (a
/// directory that is read-only stays that); everything else is decided by the `Wasi` of who has it. A `pollable` stays
/// where it is. More can be added, by [`ComposableComponent::carrying`].
///
/// Every store of the component (after a restart, or for several instances) is made from the same
/// settings: directories are opened again, input begins again, and output continues to go to the
/// same place. A guest that calls `exit` traps, with `wasmtime_wasi::I32Exit` as the cause.
///
/// `T` is data of your own, made anew for each store.
///
/// # Examples
///
/// ```
/// use wasm_runtime_composer::wasi::{Access, Captured};
/// use wasm_runtime_composer::{Composer, ComposableDescriptor, Wasi};
/// # use wasmtime::Engine;
/// # let folder = std::env::temp_dir();
/// # let engine = Engine::default();
/// # const PLUGIN: &str = "(component)";
/// let printed = Captured::new(64 * 1024);
/// let plugin = Wasi::new(&engine)
///     .env("LOG", "debug")
///     .arg("plugin")
///     .preopen_dir(folder, "/data", Access::ReadOnly)?
///     .config("greeting", "hello")
///     .stdout(&printed)
///     .component(PLUGIN);             // or a `Path`, bytes, a compiled component
///
/// let mut composer = Composer::new();
/// composer.add(ComposableDescriptor::new("plugin", plugin));
/// # composer.plan()?;
/// # Ok::<_, wasm_runtime_composer::CompositionError>(())
/// ```
pub struct Wasi<T: 'static = ()> {
    linker: Linker<WasiState<T>>,
    settings: WasiSettings,
    data: Arc<dyn Fn() -> T + Send + Sync>,
    prepare: Vec<Prepare<T>>,
}

/// Prepares a new store.
type Prepare<T> = Arc<dyn Fn(Store<WasiState<T>>) -> Store<WasiState<T>> + Send + Sync>;

impl Wasi {
    /// Describes what components of `engine` get, without data of your own.
    pub fn new(engine: &Engine) -> Self {
        Self::with_data(engine, || ())
    }
}

impl<T: Send + 'static> Wasi<T> {
    /// Describes what components of `engine` get, with `data` called for the data of each store. Host
    /// functions find it in [`WasiState::data`].
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::error::WasiError;
    /// use wasm_runtime_composer::Wasi;
    /// use wasmtime::Engine;
    ///
    /// #[derive(Default)]
    /// struct Visits(u32);
    ///
    /// let wasi = Wasi::with_data(&Engine::default(), Visits::default).with_linker(|linker| {
    ///     linker.root().func_wrap("visit", |mut store, (): ()| {
    ///         let Visits(visits) = &mut store.data_mut().data;
    ///         *visits += 1;
    ///         Ok((*visits,))
    ///     })
    /// })?;
    /// # let _ = wasi;
    /// # Ok::<_, WasiError>(())
    /// ```
    pub fn with_data(engine: &Engine, data: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self {
            linker: linker(engine),
            settings: WasiSettings::default(),
            data: Arc::new(data),
            prepare: Vec::new(),
        }
    }

    /// Sets an environment variable, in place of one of the same name.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.set_env(name.into(), value.into());
        self
    }

    /// Sets the environment variables that this process has at the moment. Variables that are not
    /// Unicode are left out, as WASI cannot express them.
    #[must_use]
    pub fn inherit_env(mut self) -> Self {
        for (name, value) in std::env::vars_os() {
            if let (Ok(name), Ok(value)) = (name.into_string(), value.into_string()) {
                self.settings.set_env(name, value);
            }
        }
        self
    }

    /// Adds a command line argument. The first is the name of the program, by convention.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.settings.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.settings.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Gives the component the directory `host`, with everything in it, under the name `guest`. It
    /// replaces another directory of that name. Nothing outside the directory can be reached,
    /// neither by `..` nor by symbolic links.
    ///
    /// The directory is opened for each store. If it does not exist any more, starting fails with
    /// [`StartError::Store`](crate::error::StartError::Store). A relative path is resolved now, from the
    /// current directory of the process.
    ///
    /// # Errors
    ///
    /// [`WasiError::Directory`] if `host` is no directory that can be opened.
    pub fn preopen_dir(
        mut self,
        host: impl AsRef<Path>,
        guest: impl Into<String>,
        access: Access,
    ) -> Result<Self, WasiError> {
        self.settings.add_directory(host.as_ref(), guest.into(), access)?;
        Ok(self)
    }

    /// Sets a value that the component can look up in `wasi:config/store`. It replaces another
    /// value of the same key.
    #[must_use]
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.config.insert(key.into(), value.into());
        self
    }

    /// Sets what the component reads as standard input. By default it is empty.
    #[must_use]
    pub fn stdin(mut self, input: impl Into<Input>) -> Self {
        self.settings.stdin = input.into();
        self
    }

    /// Sets where standard output goes. By default it is discarded.
    #[must_use]
    pub fn stdout(mut self, output: impl Into<Output>) -> Self {
        self.settings.stdout = output.into();
        self
    }

    /// Sets where standard error goes. By default it is discarded.
    #[must_use]
    pub fn stderr(mut self, output: impl Into<Output>) -> Self {
        self.settings.stderr = output.into();
        self
    }

    /// Gives the component standard input, output and error of this process.
    #[must_use]
    pub fn inherit_stdio(self) -> Self {
        self.stdin(Input::inherit()).stdout(Output::inherit()).stderr(Output::inherit())
    }

    /// Allows the component TCP and UDP with every address that this process can reach, and to look
    /// up names: `inherit_network` of wasmtime's `WasiCtxBuilder`.
    #[must_use]
    pub fn allow_network(mut self) -> Self {
        self.settings.network = Network::All;
        self
    }

    /// Allows the component TCP and UDP with the addresses for which `allowed` returns `true`:
    /// remote addresses that it connects to, sends to and receives from, and local addresses that
    /// it binds and listens on. Names cannot be looked up.
    #[must_use]
    pub fn allow_addresses(
        mut self,
        allowed: impl Fn(SocketAddr) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.settings.network = Network::Some(Arc::new(allowed));
        self
    }

    /// Lets the component send HTTP requests, by `client`. Without one, requests are refused with
    /// `HTTP-request-denied`.
    ///
    /// A client is any [`Service`](tower_service::Service) of requests, for instance [`http::client`], one of
    /// hyper-util with TLS, or a stack of layers of `tower-http`. It is cloned for each request.
    ///
    /// Of the timeouts that a guest gives to a request, that of the first byte counts from when it is sent, with that of
    /// connecting added; the latter by itself has no effect, as a client does not tell when it is connected.
    ///
    /// Components that serve HTTP, and middlewares, need no client.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::{Wasi, wasi::http};
    /// # use wasmtime::Engine;
    ///
    /// let wasi = Wasi::new(&Engine::default())
    ///     .http(http::client())
    ///     .allow_requests(|request| request.uri().host() == Some("api.example.com"));
    /// # let _ = wasi;
    /// ```
    #[cfg(feature = "http")]
    #[must_use]
    pub fn http<S, B>(mut self, client: S) -> Self
    where
        S: tower_service::Service<::http::Request<http::Body>, Response = ::http::Response<B>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: Send,
        B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.settings.outgoing.set_client(client);
        self
    }

    /// Allows the component those requests alone for which `allowed` returns `true`; the others are refused with
    /// `HTTP-request-denied`, before the client sees them. It is given the request without its body.
    ///
    /// A name that is allowed can stand for any address. Where that matters, give [`http`](Self::http) a client whose
    /// connector looks at addresses.
    #[cfg(feature = "http")]
    #[must_use]
    pub fn allow_requests(
        mut self,
        allowed: impl Fn(&::http::Request<()>) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.settings.outgoing.set_allowed(allowed);
        self
    }

    /// Limits the memories, tables and instances of each store. Beyond a limit, growing fails for
    /// the guest or traps, as the limits say.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wasm_runtime_composer::Wasi;
    /// use wasmtime::{Engine, StoreLimitsBuilder};
    ///
    /// let wasi = Wasi::new(&Engine::default())
    ///     .limits(StoreLimitsBuilder::new().memory_size(16 << 20).build());
    /// # let _ = wasi;
    /// ```
    #[must_use]
    pub fn limits(mut self, limits: StoreLimits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Adds the application's own functions to the linker, with `define`. The linker already has
    /// WASI; `linker.allow_shadowing(true)` allows replacing parts of it.
    ///
    /// # Errors
    ///
    /// [`WasiError::Define`] with what `define` returned.
    pub fn with_linker<R>(
        mut self,
        define: impl FnOnce(&mut Linker<WasiState<T>>) -> wasmtime::Result<R>,
    ) -> Result<Self, WasiError> {
        match define(&mut self.linker) {
            Ok(_) => Ok(self),
            Err(error) => Err(WasiError::Define { source: Cause::new(error) }),
        }
    }

    /// Prepares each new store with `prepare`, after the settings here: for instance its fuel, or
    /// [`EpochTicker::yielding`](crate::EpochTicker::yielding).
    #[must_use]
    pub fn with_store(
        mut self,
        prepare: impl Fn(Store<WasiState<T>>) -> Store<WasiState<T>> + Send + Sync + 'static,
    ) -> Self {
        self.prepare.push(Arc::new(prepare));
        self
    }

    /// Describes a component with this configuration. One `Wasi` can describe any number of
    /// components, each with stores of its own.
    pub fn component(
        &self,
        component: impl Into<ComponentSource>,
    ) -> ComposableComponent<WasiState<T>> {
        let this = self.clone();
        ComposableComponent::with_store(component, self.linker.clone(), move || this.store())
            .with_carriers(carriers::add)
    }

    /// Places the components of `group` together, as [`Composer::fused`] does, as one component
    /// with this configuration.
    #[cfg(feature = "fuse")]
    pub fn fused(&self, group: Composer) -> ComposableComponent<WasiState<T>> {
        let this = self.clone();
        ComposableComponent::from_origin(Group::new(group), self.linker.clone(), move || {
            this.store()
        })
        .with_carriers(carriers::add)
    }

    fn store(&self) -> wasmtime::Result<Store<WasiState<T>>> {
        let state = self.settings.state((self.data)())?;
        let mut store = Store::new(self.linker.engine(), state);
        store.limiter(|state| &mut state.limits);
        Ok(self.prepare.iter().fold(store, |store, prepare| prepare(store)))
    }
}

/// A linker with all of WASI.
fn linker<T: Send + 'static>(engine: &Engine) -> Linker<WasiState<T>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)
        .and_then(|()| {
            wasmtime_wasi_config::add_to_linker(&mut linker, |state: &mut WasiState<T>| {
                WasiConfig::new(&state.config)
            })
        })
        // Defining fails only for names that are taken.
        .expect("a new linker takes every name");
    #[cfg(feature = "http")]
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)
        .expect("nothing else is called wasi:http");
    #[cfg(feature = "component-model-async")]
    {
        let mut complete = linker.clone();
        // An engine without async functions refuses some of them; it cannot run components that
        // import those either.
        let added = wasmtime_wasi::p3::add_to_linker(&mut complete);
        #[cfg(feature = "http")]
        let added = added.and_then(|()| wasmtime_wasi_http::p3::add_to_linker(&mut complete));
        if added.is_ok() {
            linker = complete;
        }
    }
    linker
}

impl<T: 'static> Clone for Wasi<T> {
    fn clone(&self) -> Self {
        Self {
            linker: self.linker.clone(),
            settings: self.settings.clone(),
            data: self.data.clone(),
            prepare: self.prepare.clone(),
        }
    }
}

impl<T: 'static> fmt::Debug for Wasi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wasi").field("settings", &self.settings).finish_non_exhaustive()
    }
}
