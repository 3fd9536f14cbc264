//! [`Serve`]: offers the exports of a composition to callers on other machines.
//!
//! A server looks functions up in a [`Table`], which is made once from the public exports, and
//! calls them as a caller in Rust would: a caller that is gone is a future that is dropped.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use wasm_runtime_composer::provider::{self, Value};
use wasm_runtime_composer::types::{FunctionType, ValueType};
use wasm_runtime_composer::{Composition, ExportFunc};

use crate::error::ServeError;
use crate::limits::message_of;
use crate::types::{full_name, uncarried_type};

/// Offers the public exports of a composition to callers on other machines.
pub trait Serve {
    /// Takes calls of the composition's public exports with `server`: a
    /// [`WrpcServer`](crate::WrpcServer) or a `NatsServer`. Once this returns, calls are taken
    /// until the [`Serving`] is closed or dropped.
    ///
    /// # Errors
    ///
    /// - [`ServeError::Uncarried`] if a function has a type that the transport does not carry.
    /// - [`ServeError::NotExported`] if there is nothing to serve.
    /// - [`ServeError::Listen`] and [`ServeError::Subscribe`] if calls cannot reach the server.
    /// - [`ServeError::Composition`] if an export cannot be called.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, no calls are taken.
    fn serve(
        &self,
        server: impl Into<Server> + Send,
    ) -> impl Future<Output = Result<Serving, ServeError>> + Send;
}

impl Serve for Composition {
    async fn serve(&self, server: impl Into<Server> + Send) -> Result<Serving, ServeError> {
        server.into().0.start(self).await
    }
}

/// A server that takes calls: made from a [`WrpcServer`](crate::WrpcServer) or a `NatsServer`.
#[derive(Debug)]
pub struct Server(Box<dyn Start>);

/// A server that does not take calls yet.
pub(crate) trait Start: fmt::Debug + Send {
    /// Begins to take calls of the composition's exports.
    fn start(self: Box<Self>, composition: &Composition) -> Starting<'_>;
}

/// A server that is about to take calls.
pub(crate) type Starting<'a> =
    Pin<Box<dyn Future<Output = Result<Serving, ServeError>> + Send + 'a>>;

#[cfg(any(feature = "wrpc", feature = "nats"))]
impl Server {
    pub(crate) fn new(server: impl Start + 'static) -> Self {
        Self(Box::new(server))
    }
}

/// Takes calls until it is dropped or closed.
///
/// It keeps the composition alive. Dropping it stops taking calls and gives up the calls in
/// progress, as if their callers had gone.
pub struct Serving {
    addresses: Vec<String>,
    /// When calls in progress have to end; `None` while calls are taken.
    closing: watch::Sender<Option<Instant>>,
    task: JoinHandle<()>,
    closed: watch::Receiver<bool>,
    _composition: Composition,
}

impl Serving {
    /// Spawns `serve` as a task, which ends when the watch tells it to.
    pub(crate) fn start<F>(
        composition: &Composition,
        addresses: Vec<String>,
        serve: impl FnOnce(watch::Receiver<Option<Instant>>) -> F,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (closing, close) = watch::channel(None);
        let (done, closed) = watch::channel(false);
        let serving = serve(close);
        let task = tokio::spawn(async move {
            serving.await;
            // Fails if no one waits for the end, which is fine.
            let _ = done.send(true);
        });
        Self { addresses, closing, task, closed, _composition: composition.clone() }
    }

    /// The addresses at which calls are taken: TCP addresses with their ports, paths of sockets, or
    /// subjects.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Stops taking calls, lets those in progress end within the given time, and gives up the
    /// others. Closing again waits for the same end; a shorter time then applies. The composition
    /// itself goes on.
    ///
    /// # Cancel safety
    ///
    /// Once this future has been polled, no more calls are taken, whether it is polled further or
    /// not.
    pub async fn close(&self, within: Duration) {
        let now = Instant::now();
        let end = now.checked_add(within).unwrap_or_else(|| now + Duration::from_secs(86400));
        self.closing.send_if_modified(|current| {
            let sooner = current.is_none_or(|current| end < current);
            if sooner {
                *current = Some(end);
            }
            sooner
        });
        // An error means that the task has ended.
        let _ = self.closed.clone().wait_for(|closed| *closed).await;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Serving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serving").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// Waits until the end of the time for calls in progress. The time begins with the first `close`,
/// and a further one may shorten it.
pub(crate) async fn cut(mut closing: watch::Receiver<Option<Instant>>) {
    loop {
        let end = *closing.borrow_and_update();
        let Some(end) = end else {
            if closing.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            () = tokio::time::sleep_until(end) => return,
            changed = closing.changed() => if changed.is_err() { return },
        }
    }
}

/// Waits until calls must no longer be taken.
pub(crate) async fn closing(closing: &mut watch::Receiver<Option<Instant>>) {
    // An error means that the `Serving` has been dropped.
    let _ = closing.wait_for(Option::is_some).await;
}

/// A function that is served.
#[derive(Clone)]
pub(crate) struct Served {
    func: ExportFunc,
    /// The name as errors show it.
    pub(crate) name: String,
}

impl Served {
    pub(crate) fn ty(&self) -> &FunctionType {
        self.func.ty()
    }

    /// Calls the function and waits for at most `limit`. A failure is a message for the caller.
    pub(crate) async fn call(
        &self,
        args: Vec<Value>,
        limit: Duration,
    ) -> Result<Option<Value>, String> {
        match timeout(limit, provider::call(&self.func, args)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(message_of(&error)),
            Err(_) => Err(format!("`{}` did not end within {limit:?}", self.name)),
        }
    }
}

/// The functions that are served, by interface (`None` for functions of the world) and name.
pub(crate) struct Table {
    functions: HashMap<Option<String>, HashMap<String, Served>>,
}

impl Table {
    /// The public exports of a composition; with `only`, those of these names.
    pub(crate) fn new(
        composition: &Composition,
        only: Option<&[String]>,
        transport: &'static str,
        carries: &dyn Fn(&ValueType) -> bool,
    ) -> Result<Self, ServeError> {
        let exports = composition.exports();
        let known = || exports.iter().map(|export| export.name.clone()).collect();
        for name in only.unwrap_or_default() {
            if !exports.iter().any(|export| export.name == *name) {
                let wanted = format!("`{name}`");
                return Err(ServeError::NotExported { wanted, known: known() });
            }
        }
        let mut functions: HashMap<_, HashMap<_, _>> = HashMap::new();
        for export in &exports {
            if only.is_some_and(|only| !only.contains(&export.name)) {
                continue;
            }
            // An export that several components offer cannot be called, so it is not served.
            if export.providers.len() > 1 {
                continue;
            }
            for function in &export.functions {
                // A function of the world is an export with the function's own name. So is an
                // instance with a plain name that has a function of the same name; only looking the
                // function up tells which it is.
                let of_world = match function.name == export.name {
                    true => composition.get_func(None, &function.name).ok(),
                    false => None,
                };
                let interface = of_world.is_none().then(|| export.name.clone());
                let name = full_name(interface.as_deref(), &function.name);
                if let Some((place, ty)) = uncarried_type(&function.ty, carries) {
                    return Err(ServeError::Uncarried { function: name, place, ty, transport });
                }
                let func = match of_world {
                    Some(func) => func,
                    None => composition.get_func(interface.as_deref(), &function.name)?,
                };
                let served = Served { func, name };
                functions.entry(interface).or_default().insert(function.name.clone(), served);
            }
        }
        if functions.is_empty() {
            return Err(ServeError::NotExported { wanted: "function".to_owned(), known: known() });
        }
        Ok(Self { functions })
    }

    /// Finds a function. The empty interface is the world.
    pub(crate) fn get(&self, interface: &str, function: &str) -> Option<&Served> {
        let interface = (!interface.is_empty()).then(|| interface.to_owned());
        self.functions.get(&interface)?.get(function)
    }

    /// All functions, each with its interface and name.
    #[cfg(feature = "nats")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Option<&str>, &str, &Served)> {
        self.functions.iter().flat_map(|(interface, functions)| {
            functions.iter().map(|(name, served)| (interface.as_deref(), &**name, served))
        })
    }

    /// The message for a caller that there is no such function.
    #[cfg(feature = "wrpc")]
    pub(crate) fn missing(&self, interface: &str, function: &str) -> String {
        let interface = (!interface.is_empty()).then(|| interface.to_owned());
        let name = full_name(interface.as_deref(), function);
        match self.functions.contains_key(&interface) {
            true => format!("there is no function `{name}` in what is served here"),
            false => {
                let mut known: Vec<_> = self.functions.keys().flatten().map(|it| &**it).collect();
                known.sort_unstable();
                let known = known.join("`, `");
                format!("`{name}` is not served here; served are `{known}`")
            }
        }
    }
}

/// Shared by all calls of a server.
pub(crate) type SharedTable = Arc<Table>;
