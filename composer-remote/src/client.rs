//! What a remote component asks of a transport.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use wasm_runtime_composer::ValueType;
use wasm_runtime_composer::provider::Value;

use crate::codec::Outflow;
use crate::error::RemoteError;
use crate::types::RemoteFunction;

/// How calls of a [`RemoteComponent`](crate::RemoteComponent) reach it: made of a [`Wrpc`](crate::Wrpc)
/// or a `Nats`.
#[derive(Clone)]
pub struct Transport {
    pub(crate) caller: Arc<dyn Caller>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({} to {})", self.caller.name(), self.caller.at())
    }
}

/// A call on its way.
pub(crate) type Calling<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Value>, RemoteError>> + Send + 'a>>;

/// Makes calls over a network.
pub(crate) trait Caller: Send + Sync + 'static {
    /// What the transport is called.
    fn name(&self) -> &'static str;

    /// Where calls go, as errors have it.
    fn at(&self) -> String;

    /// What is wrong with how it was made, for whoever composes.
    fn problem(&self) -> Option<String> {
        None
    }

    /// Whether the transport carries a type; those inside of it are asked for by themselves.
    fn carries(&self, ty: &ValueType) -> bool;

    /// How many calls may be on their way at a time, if nobody says otherwise.
    fn concurrency(&self) -> usize;

    /// How many bytes the arguments of a call, or its result, may take.
    fn call_bytes(&self) -> usize;

    /// Makes a call. Dropping it gives the call up.
    fn call<'a>(&'a self, request: &'a Request, outflows: Vec<Outflow>) -> Calling<'a>;

    /// What it means that the call has had no answer in its time.
    fn expired(&self, request: &Request) -> RemoteError {
        RemoteError::TimedOut {
            function: request.function.full_name(),
            at: request.at(&|| self.at()),
            after: request.after,
            sent: request.is_sent(),
        }
    }
}

/// One call, to be made once.
pub(crate) struct Request {
    pub(crate) function: Arc<RemoteFunction>,
    /// The arguments.
    pub(crate) bytes: Arc<[u8]>,
    /// When the caller gives up.
    pub(crate) deadline: Instant,
    /// The time that there was for it.
    pub(crate) after: Duration,
    sent: AtomicBool,
    /// What the transport has to know of the time when it was sent.
    #[cfg(feature = "nats")]
    pub(crate) mark: std::sync::atomic::AtomicU64,
    at: Mutex<Option<String>>,
}

impl Request {
    pub(crate) fn new(
        function: Arc<RemoteFunction>,
        bytes: Arc<[u8]>,
        deadline: Instant,
        after: Duration,
    ) -> Self {
        Self {
            function,
            bytes,
            deadline,
            after,
            sent: AtomicBool::new(false),
            #[cfg(feature = "nats")]
            mark: Default::default(),
            at: Mutex::new(None),
        }
    }

    /// Says that from now on the function may run, at a certain place.
    pub(crate) fn set_sent(&self, at: &str) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(at.to_owned());
        self.sent.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// Where the call was sent to, or otherwise what `place` says.
    pub(crate) fn at(&self, place: &dyn Fn() -> String) -> String {
        self.at.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_else(place)
    }
}
