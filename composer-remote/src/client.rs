//! What a remote component needs of a transport.
//!
//! A [`Caller`] makes a call once and reports whether it may have run; deadlines, repetitions and
//! types are the same for all transports and are in `component.rs`.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use wasm_runtime_composer::provider::Value;
use wasm_runtime_composer::types::ValueType;

use crate::codec::Outflow;
use crate::error::RemoteError;
use crate::sync::lock;
use crate::types::RemoteFunction;

/// How calls of a [`RemoteComponent`](crate::RemoteComponent) are made: from a
/// [`Wrpc`](crate::Wrpc) or a `Nats`.
#[derive(Clone)]
pub struct Transport {
    pub(crate) caller: Arc<dyn Caller>,
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({} to {})", self.caller.name(), self.caller.at())
    }
}

/// A call in progress.
pub(crate) type Calling<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Value>, RemoteError>> + Send + 'a>>;

/// Makes calls over a network.
pub(crate) trait Caller: Send + Sync + 'static {
    /// The transport's name.
    fn name(&self) -> &'static str;

    /// The destination of calls, as errors name it.
    fn at(&self) -> String;

    /// What is wrong with the transport's configuration, which composing reports.
    fn problem(&self) -> Option<String> {
        None
    }

    /// Whether the transport can carry a type. The types inside of it are asked for separately.
    fn carries(&self, ty: &ValueType) -> bool;

    /// The most calls that are in progress at a time, unless the user sets another number.
    fn concurrency(&self) -> usize;

    /// The most bytes that the arguments of a call, or its result, may have.
    fn call_bytes(&self) -> usize;

    /// Makes a call. Dropping the future gives the call up.
    fn call<'a>(&'a self, request: &'a Request, outflows: Vec<Outflow>) -> Calling<'a>;

    /// The error for a call that was not answered in time.
    fn expired(&self, request: &Request) -> RemoteError {
        RemoteError::TimedOut {
            function: request.function.full_name(),
            at: request.at(&|| self.at()),
            after: request.after,
            sent: request.is_sent(),
        }
    }
}

/// A single attempt of a call.
pub(crate) struct Request {
    pub(crate) function: Arc<RemoteFunction>,
    /// The encoded arguments.
    pub(crate) bytes: Arc<[u8]>,
    /// When this attempt is given up.
    pub(crate) deadline: Instant,
    /// The time that the attempt has.
    pub(crate) after: Duration,
    sent: AtomicBool,
    /// For the transport: the state of its connection when the call was sent.
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

    /// Notes that the call has been sent to `at`, so the function may run from now on.
    pub(crate) fn set_sent(&self, at: &str) {
        *lock(&self.at) = Some(at.to_owned());
        self.sent.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.sent.load(Ordering::Relaxed)
    }

    /// Where the call was sent to; `place` if it has not been sent.
    pub(crate) fn at(&self, place: &dyn Fn() -> String) -> String {
        lock(&self.at).clone().unwrap_or_else(place)
    }
}
