//! [`RemoteComponent`]: what is composed in place of a component on another machine.
//!
//! It encodes the arguments once, waits for the call's turn, and has the transport make the call.
//! Only calls of idempotent functions are repeated. The deadline is a timeout around all of it, so
//! giving up is dropping a future.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};
use wasm_runtime_composer::provider::{
    IntoPart, Part, Provided, Provider, ProviderError, ProviderFuture, Value,
};

use crate::client::{Request, Transport};
use crate::codec::{EncodeError, Encoder, Outflow};
use crate::error::{RemoteError, TypesError, Uncarried};
use crate::limits;
use crate::types::{RemoteExports, RemoteFunction};

/// A component on another machine, or on several machines with the same component.
/// It is composed like a local component: its exports satisfy imports of others and can be exports
/// of the composition, and their types are checked while composing. No connection is made before
/// the first call, so the component need not be running yet.
///
/// A function with streams or futures is refused while composing if the transport cannot carry
/// them. A function with resources is always refused, as a resource lives in the store that made
/// it.
///
/// A call that fails is a [`RemoteError`]. A component that makes such a call traps, as with any
/// import that fails, unless its descriptor
/// [contains](wasm_runtime_composer::ComposableDescriptor::with_containment) the failure.
#[derive(Clone, Debug)]
pub struct RemoteComponent {
    exports: RemoteExports,
    transport: Transport,
    deadline: Duration,
    concurrency: Option<usize>,
    idempotent: Vec<String>,
    attempts: u32,
}

impl RemoteComponent {
    /// A component with these exports, reached over `transport`: a [`Wrpc`](crate::Wrpc) or a `Nats`.
    pub fn new(exports: RemoteExports, transport: impl Into<Transport>) -> Self {
        Self {
            exports,
            transport: transport.into(),
            deadline: limits::DEADLINE,
            concurrency: None,
            idempotent: Vec::new(),
            attempts: 3,
        }
    }

    /// Sets how long a call may take, including connecting, waiting for its turn and repetitions;
    /// 30 seconds by default. After that the caller gets [`RemoteError::TimedOut`], or
    /// [`RemoteError::ConnectionLost`] if no answer can come any more.
    ///
    /// The elements of streams in the result are not part of the call.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how many calls may be in progress at a time, at least 1; further calls wait for their
    /// turn. By default 256 over wRPC, where each call has a connection of its own, and 1024 over
    /// NATS.
    #[must_use]
    pub fn with_concurrency(mut self, calls: usize) -> Self {
        self.concurrency = Some(calls.max(1));
        self
    }

    /// Declares that calling `function` twice has no other effect than calling it once, so that a
    /// call may be repeated if it is lost. The name is that of a function, `interface#function`, or
    /// an interface, for all of its functions. Composing fails if there is no such export.
    ///
    /// A call that failed according to the peer is not repeated, and neither is one with streams or
    /// futures in its arguments.
    #[must_use]
    pub fn with_idempotent(mut self, function: impl Into<String>) -> Self {
        self.idempotent.push(function.into());
        self
    }

    /// Sets how often a call of an idempotent function is made at most, at least once; 3 times by
    /// default. Each attempt gets an equal share of the remaining time.
    #[must_use]
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts.max(1);
        self
    }

    /// The functions by number, each with whether it is idempotent.
    fn with_idempotence(&self, functions: Vec<RemoteFunction>) -> Result<Vec<Remote>, TypesError> {
        for name in &self.idempotent {
            if !functions.iter().any(|function| is_meant(function, name)) {
                return Err(TypesError::Select {
                    what: "the remote component".to_owned(),
                    wanted: format!("function `{name}`, said to be idempotent"),
                    known: functions.iter().map(RemoteFunction::full_name).collect(),
                });
            }
        }
        let remote = |function: RemoteFunction| Remote {
            is_idempotent: self.idempotent.iter().any(|name| is_meant(&function, name)),
            function: Arc::new(function),
        };
        Ok(functions.into_iter().map(remote).collect())
    }
}

/// Whether `name` means the function: it is the function's own name or its interface's.
fn is_meant(function: &RemoteFunction, name: &str) -> bool {
    function.interface.as_deref() == Some(name) || function.full_name() == name
}

impl RemoteComponent {
    fn into_provided(self) -> Provided {
        let caller = &self.transport.caller;
        if let Some(problem) = caller.problem() {
            return Provided::refused(std::io::Error::new(
                std::io::ErrorKind::InvalidInput,
                problem,
            ));
        }
        let provided = self.exports.provided(caller.name(), &|ty| caller.carries(ty));
        let (exports, functions) = match provided {
            Ok(provided) => provided,
            Err(uncarried) => return Provided::refused(Uncarried(uncarried)),
        };
        let functions = match self.with_idempotence(functions) {
            Ok(functions) => functions,
            Err(error) => return Provided::refused(error),
        };
        let calls = self.concurrency.unwrap_or_else(|| caller.concurrency());
        let caller = Remotes {
            functions,
            transport: self.transport,
            deadline: self.deadline,
            attempts: self.attempts,
            turns: Semaphore::new(calls.min(Semaphore::MAX_PERMITS)),
        };
        Provided::new(exports, Arc::new(caller).provider())
    }
}

impl IntoPart for RemoteComponent {
    fn into_part(self) -> Part {
        self.into_provided().into_part()
    }
}

struct Remote {
    function: Arc<RemoteFunction>,
    is_idempotent: bool,
}

/// The functions of a remote component.
struct Remotes {
    functions: Vec<Remote>,
    transport: Transport,
    deadline: Duration,
    attempts: u32,
    turns: Semaphore,
}

struct RemoteProvider(Arc<Remotes>);

impl Provider for RemoteProvider {
    fn call(&self, func: usize, args: Vec<Value>) -> ProviderFuture {
        let remotes = self.0.clone();
        Box::pin(async move { remotes.call(func, args).await.map_err(ProviderError::new) })
    }
}

/// The pause before the second attempt if the first certainly did not run; it doubles for each
/// further one.
const PAUSE: Duration = Duration::from_millis(20);

impl Remotes {
    fn provider(self: Arc<Self>) -> RemoteProvider {
        RemoteProvider(self)
    }

    async fn call(&self, func: usize, args: Vec<Value>) -> Result<Option<Value>, RemoteError> {
        let start = Instant::now();
        let end = start.checked_add(self.deadline).unwrap_or_else(|| start + FOREVER);
        // The numbers are those of the list that `Provided::new` was given.
        let remote = &self.functions[func];
        let (bytes, mut outflows) = self.encode(&remote.function, args)?;
        let request =
            |end| Request::new(remote.function.clone(), bytes.clone(), end, self.deadline);
        let caller = &*self.transport.caller;
        let Ok(turn) = timeout_at(end, self.turns.acquire()).await else {
            return Err(caller.expired(&request(end)));
        };
        let attempts = if remote.is_idempotent && outflows.is_empty() { self.attempts } else { 1 };
        let mut lost = None;
        for left in (0..attempts).rev() {
            let now = Instant::now();
            let until = now + end.saturating_duration_since(now) / (left + 1);
            let request = request(until);
            let calling = caller.call(&request, std::mem::take(&mut outflows));
            let error = match timeout_at(until, calling).await {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => error,
                Err(_) => caller.expired(&request),
            };
            let is_last = left == 0 || !error.is_passing();
            let has_run = error.may_have_run();
            // Whether the function may have run depends on all attempts, so the error of the first
            // one that may have run is kept.
            if has_run || lost.is_none() || is_last {
                lost = Some(match lost {
                    Some(earlier) if !has_run && RemoteError::may_have_run(&earlier) => earlier,
                    _ => error,
                });
            }
            if is_last {
                break;
            }
            if !has_run {
                sleep(PAUSE * 2_u32.saturating_pow(attempts - left - 1)).await;
            }
        }
        drop(turn);
        // Only reached after at least one failed attempt.
        Err(lost.unwrap_or_else(|| caller.expired(&request(end))))
    }

    fn encode(
        &self,
        function: &RemoteFunction,
        args: Vec<Value>,
    ) -> Result<(Arc<[u8]>, Vec<Outflow>), RemoteError> {
        let mut encoder = Encoder::new(self.transport.caller.call_bytes());
        for (index, ((_, ty), arg)) in (0..).zip(function.ty.params().zip(args)) {
            encoder.value(index, ty, arg).map_err(|error| self.not_encoded(function, error))?;
        }
        let (bytes, outflows) = encoder.finish();
        Ok((bytes.into(), outflows))
    }

    fn not_encoded(&self, function: &RemoteFunction, error: EncodeError) -> RemoteError {
        let (function, at) = (function.full_name(), self.transport.caller.at());
        match error {
            EncodeError::TooLarge { limit } => {
                RemoteError::TooLarge { function, at, size: None, limit }
            }
            // Types were compared by the plan, so this is a fault of the peer or of this library.
            error @ EncodeError::Type { .. } => {
                RemoteError::Protocol { function, at, problem: error.to_string() }
            }
        }
    }
}

/// Stands for deadlines that are too far away for the clock.
const FOREVER: Duration = Duration::from_secs(30 * 24 * 60 * 60);
