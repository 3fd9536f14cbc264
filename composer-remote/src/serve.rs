//! [`Serve`]: the exports of a composition, offered to others.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use wasm_runtime_composer::provider::{self, Value};
use wasm_runtime_composer::{Composition, ExportFunc, FunctionType, ValueType};

use crate::error::ServeError;
use crate::limits::message_of;
use crate::types::{full_name, uncarried_type};

/// Offers the public exports of a composition to callers on other machines.
pub trait Serve {
    /// Takes calls of the composition's public exports by `server`: a [`WrpcServer`](crate::WrpcServer)
    /// or a `NatsServer`. It takes them when this returns, until the [`Serving`] is closed or dropped.
    ///
    /// # Errors
    ///
    /// - [`ServeError::Uncarried`] if a function has a type that the transport does not carry.
    /// - [`ServeError::NotExported`] if there is nothing to serve.
    /// - [`ServeError::Listen`] and [`ServeError::Subscribe`] if there can be no calls.
    /// - [`ServeError::Composition`] if an export cannot be called.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes no calls.
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

/// What takes calls: made of a [`WrpcServer`](crate::WrpcServer) or a `NatsServer`.
#[derive(Debug)]
pub struct Server(Box<dyn Start>);

/// A server that has not begun to take calls.
pub(crate) trait Start: fmt::Debug + Send {
    /// Takes calls of the composition's exports.
    fn start(self: Box<Self>, composition: &Composition) -> Starting<'_>;
}

/// A server on its way to taking calls.
pub(crate) type Starting<'a> =
    Pin<Box<dyn Future<Output = Result<Serving, ServeError>> + Send + 'a>>;

#[cfg(any(feature = "wrpc", feature = "nats"))]
impl Server {
    pub(crate) fn new(server: impl Start + 'static) -> Self {
        Self(Box::new(server))
    }
}

/// Calls are taken while this lives.
///
/// It keeps the composition alive. Dropping it takes no more calls, and gives up those that run, as if
/// their callers had gone.
pub struct Serving {
    addresses: Vec<String>,
    /// When calls that run have to end; nothing while calls are taken.
    closing: watch::Sender<Option<Instant>>,
    task: JoinHandle<()>,
    closed: watch::Receiver<bool>,
    _composition: Composition,
}

impl Serving {
    /// Starts `serve` on a task of its own, which it ends when the watch says so.
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
            // Nobody has to be waiting.
            let _ = done.send(true);
        });
        Self { addresses, closing, task, closed, _composition: composition.clone() }
    }

    /// Where calls are taken: addresses with their ports, paths of sockets, or subjects.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Takes no more calls, lets those that run end within the time given, and gives up the others.
    /// Closing again waits for the same end; a shorter time then counts. The composition goes on.
    ///
    /// # Cancel safety
    ///
    /// When this future was polled once no more calls are taken, whether it is polled further or not.
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
        // An error means that the task is gone, and with it all that it served.
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

/// Waits until calls that run have to end, which may become sooner, once it is said at all.
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

/// Waits until no more calls are to be taken.
pub(crate) async fn closing(closing: &mut watch::Receiver<Option<Instant>>) {
    // An error means that nobody holds the `Serving` any more.
    let _ = closing.wait_for(Option::is_some).await;
}

/// A function that is served.
#[derive(Clone)]
pub(crate) struct Served {
    func: ExportFunc,
    /// The name as errors have it.
    pub(crate) name: String,
}

impl Served {
    pub(crate) fn ty(&self) -> &FunctionType {
        self.func.ty()
    }

    /// Calls the function, and waits for `limit` at most. What failed is told in words, for the caller.
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

/// What is served, by interface (nothing for functions of the world) and function.
pub(crate) struct Table {
    functions: HashMap<Option<String>, HashMap<String, Served>>,
}

impl Table {
    /// The public exports of a composition, those called `only` if there is such a choice.
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
            // One that is offered ambiguously is not offered; nobody could call it here either.
            if export.providers.len() > 1 {
                continue;
            }
            for function in &export.functions {
                // A function of the world is listed as an export of its own name; so is that of an
                // instance which has a plain name, and a function of that name.
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

    /// The function of a name; an empty interface is the world.
    pub(crate) fn get(&self, interface: &str, function: &str) -> Option<&Served> {
        let interface = (!interface.is_empty()).then(|| interface.to_owned());
        self.functions.get(&interface)?.get(function)
    }

    /// All functions, each with its interface and its name.
    #[cfg(feature = "nats")]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Option<&str>, &str, &Served)> {
        self.functions.iter().flat_map(|(interface, functions)| {
            functions.iter().map(|(name, served)| (interface.as_deref(), &**name, served))
        })
    }

    /// Why there is no such function, for whoever asked.
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
