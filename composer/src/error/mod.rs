//! Every error. [`CompositionError`] is the one that `?` needs; the others are inside of it.
//!
//! There is one enum for each operation that can fail, so a signature tells what can go wrong. A message states what was
//! expected and what was found, and ends with what to do about it; causes are in
//! [`source`](std::error::Error::source). All errors are [`Clone`], as one cause may end many calls.

// `document.rs` has those of WAC documents, `plan/` of planning, `start.rs` of starting and fusing, `call.rs` of looking up
// and passing, `typed.rs` of Rust
// types. Names come from components and peers, so every name in a message is escaped (`text.rs`). What wasmtime reports is
// shared in a `Cause`; `panic.rs` turns panics of the application's code into errors.

mod call;
mod chain;
#[cfg(feature = "wac")]
mod document;
mod hosted;
mod panic;
mod plan;
mod start;
mod text;
mod typed;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Trap, WasmBacktrace};

pub use call::{ArgumentError, HandleError, LookupError};
pub use chain::ChainProblem;
#[cfg(feature = "wac")]
pub use document::{DocumentError, DocumentPosition};
pub use hosted::HostResourceReason;
#[cfg(feature = "compile")]
pub(crate) use panic::panic_message;
pub(crate) use panic::{bug, discard, panicked};
pub use plan::{ImportRule, PlanError, PlanProblem};
#[cfg(feature = "wasi")]
pub use start::WasiError;
pub use start::{FuseError, StartError};
pub(crate) use text::{is_plain, listed, plain, plain_lines};
pub(crate) use typed::rust_name;
pub use typed::{TypeDifference, TypedError, TypedProblem};

/// Why composing, calling or closing failed.
///
/// A caller can tell without reading text what went wrong: [`Trap`](Self::Trap) and
/// [`Unavailable`](Self::Unavailable) mean that the provider has ended; after every other error the
/// composition goes on as before.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompositionError {
    /// The components cannot be wired. Found before any store exists; usually the mistake of the
    /// caller.
    #[error(transparent)]
    Plan(#[from] PlanError),

    /// A component could not be started; those already started have been ended.
    #[error(transparent)]
    Start(#[from] StartError),

    /// The components cannot be fused into one.
    #[error(transparent)]
    Fuse(#[from] FuseError),

    /// A WAC document is no composition.
    #[cfg(feature = "wac")]
    #[error(transparent)]
    Document(#[from] DocumentError),

    /// A component's WASI cannot be provided as configured.
    #[cfg(feature = "wasi")]
    #[error(transparent)]
    Wasi(#[from] WasiError),

    /// The composition does not offer such a function.
    #[error(transparent)]
    Lookup(#[from] LookupError),

    /// A function's type does not match the Rust types with which it was to be called.
    #[error(transparent)]
    Typed(#[from] TypedError),

    /// The arguments do not fit the function. It was not called, and no handle was moved.
    #[error(transparent)]
    Argument(#[from] ArgumentError),

    /// A handle cannot be used as asked.
    #[error(transparent)]
    Handle(#[from] HandleError),

    /// The rest of a stream or future cannot be read: its writer's component has ended.
    #[error(transparent)]
    Stream(#[from] StreamLost),

    /// A component made more calls than it may have outstanding at a time. The component traps.
    #[error(
        "component `{component}` has {limit} calls of other components waiting, which is the most \
         that it may have; it must await some before it makes more, or have a higher `with_calls_in_flight`",
        component = plain(.component)
    )]
    #[non_exhaustive]
    Flood {
        /// The component that makes the calls.
        component: String,
        /// The most calls that the component may have outstanding.
        limit: usize,
    },

    /// More bytes would be outstanding on behalf of a component than it may have: arguments of its
    /// calls without an answer, results that it has not taken, and elements that it writes to
    /// streams. If a call or a write exceeds the limit, the component traps; if a result does, the
    /// result is dropped and the call fails.
    #[error(
        "component `{component}` has {waiting} bytes waiting in calls and streams, and {bytes} more would \
         be more than the {limit} that it may have; it must await some calls before it makes more, or have \
         a higher `with_bytes_in_flight`"
    )]
    #[non_exhaustive]
    FloodOfBytes {
        /// The component that makes the calls.
        component: String,
        /// How many bytes are outstanding, measured in the host's memory.
        waiting: usize,
        /// How many bytes would be added.
        bytes: usize,
        /// The most bytes that may be outstanding.
        limit: usize,
    },

    /// A call between components that import from each other in a cycle would never end: the callee
    /// waits, perhaps through others, for the caller. The call was not queued, and the component
    /// that made it traps.
    #[error(
        "calling `{function}` of component `{component}` would never end: {}",
        Chain(.chain), function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    WaitCycle {
        /// The component that was to be called.
        component: String,
        /// The exported function that was to be called, as `interface#function`.
        function: String,
        /// Which component waits for which: first the caller and what it would wait for, last the
        /// step that waits for the caller.
        chain: Vec<WaitStep>,
    },

    /// A result cannot be converted although its type was checked: a handwritten implementation of
    /// [`FromComponentValue`](crate::typed::FromComponentValue) is wrong.
    #[error("the result of `{function}` cannot be converted: {problem}", function = plain(.function))]
    #[non_exhaustive]
    Conversion {
        /// The function that returned the value, as `interface#function`.
        function: String,
        /// What was expected and what was found.
        problem: String,
    },

    /// The guest trapped during this call, or a host function that it called failed or panicked.
    /// The component's store has ended.
    #[error("component `{component}` trapped in `{function}`", component = plain(.component), function = plain(.function))]
    #[non_exhaustive]
    Trap {
        /// The component whose store ended.
        component: String,
        /// The exported function that was running, as `interface#function`.
        function: String,
        /// The trap, with its backtrace.
        #[source]
        source: Cause,
    },

    /// A function that no component implements, but Rust or another machine, failed or panicked.
    /// Its provider continues to take calls.
    #[error("`{function}` of `{component}` failed", function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    Host {
        /// The id of the provider.
        component: String,
        /// The function that was called, as `interface#function`.
        function: String,
        /// What failed.
        #[source]
        source: Cause,
    },

    /// A [layer](crate::layer) refused the call or its result.
    #[error("a layer failed the call of `{function}` of `{component}`", function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    Layer {
        /// The component that the call was for.
        component: String,
        /// The exported function that was called, as `interface#function`.
        function: String,
        /// The layer's reason.
        #[source]
        source: Cause,
    },

    /// The component, or the composition, ended before the call was answered.
    #[error(
        "component `{component}` {} `{function}`",
        if *.started { "stopped before answering" } else { "is not running and cannot be asked for" }, component = plain(.component), function = plain(.function))]
    #[non_exhaustive]
    Unavailable {
        /// The component that should have answered.
        component: String,
        /// The exported function that was called, as `interface#function`.
        function: String,
        /// Whether the guest may have executed part of the call. `false` means that the call never
        /// reached it.
        started: bool,
        /// Why the component ended.
        #[source]
        source: StopReason,
    },

    /// The component that made the call cancelled it, and the callee has acknowledged that. Layers see it; the guest
    /// hears it as the component model says.
    #[error("the call of `{function}` of component `{component}` was cancelled", component = plain(.component), function = plain(.function))]
    #[non_exhaustive]
    Cancelled {
        /// The component that was called.
        component: String,
        /// The exported function that was called, as `interface#function`.
        function: String,
    },

    /// Something was not done in the time given: a call, or closing.
    #[error("component `{component}` {} {after:?}", Waited(.function.as_deref()), component = plain(.component))]
    #[non_exhaustive]
    Timeout {
        /// The component that was waited for.
        component: String,
        /// The exported function that was called, as `interface#function`; `None` for closing.
        function: Option<String>,
        /// The time that was given.
        after: Duration,
    },
}

/// The text of an error and all its causes.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// No component of a group can go on: the cause of a [`CompositionError::Trap`], above wasmtime's
/// own `Trap::AsyncDeadlock`.
///
/// Each of them waits only for others of the group: for answers of calls, or for the other ends of
/// streams and futures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing that is waited for can come any more: {}", listed(.waits, ", "))]
#[non_exhaustive]
pub struct Deadlock {
    /// Which component waits for which, and for what; a sentence each.
    pub waits: Vec<String>,
    #[source]
    trap: Trap,
}

impl Deadlock {
    pub(crate) fn new(waits: Vec<String>) -> Self {
        Self { waits, trap: Trap::AsyncDeadlock }
    }
}

/// One component waiting for another, in [`CompositionError::WaitCycle`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WaitStep {
    /// The component that waits.
    pub waiting: String,
    /// The component that it waits for.
    pub component: String,
    /// The exported function that it waits for, as `interface#function`.
    pub function: String,
}

struct Chain<'a>(&'a [WaitStep]);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, WaitStep { waiting, component, function }) in self.0.iter().enumerate() {
            let waits = if index == 0 { "would wait" } else { ", and" };
            let (waiting, component, function) =
                (plain(waiting), plain(component), plain(function));
            match index {
                0 => write!(f, "`{waiting}` {waits} for `{function}` of `{component}`")?,
                _ => write!(f, "{waits} `{waiting}` waits for `{function}` of `{component}`")?,
            }
        }
        Ok(())
    }
}

struct Waited<'a>(Option<&'a str>);

impl fmt::Display for Waited<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(function) => write!(f, "did not answer `{}` within", plain(function)),
            None => f.write_str("was still busy after"),
        }
    }
}

/// Why a component has stopped.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopReason {
    /// The composition was closed, or its last handle dropped.
    #[error("the composition was closed")]
    Closed,

    /// The component trapped, in another call or between calls.
    #[error("component `{component}` trapped in `{function}`", component = plain(.component), function = plain(.function))]
    #[non_exhaustive]
    Trapped {
        /// The component whose store ended.
        component: String,
        /// The function that was running, as far as it is known.
        function: String,
        /// The trap, with its backtrace.
        #[source]
        source: Cause,
    },

    /// A sync call, or a resource's destructor, took longer than its deadline. It held the
    /// component's store, so only ending the store could end it.
    #[error("component `{component}` was ended in `{function}`, which ran beyond its deadline", component = plain(.component), function = plain(.function))]
    #[non_exhaustive]
    Expired {
        /// The component whose store ended.
        component: String,
        /// The exported function that was running, as `interface#function`, or a text saying that
        /// it was a destructor.
        function: String,
    },

    /// The component ended and could not be started again.
    #[error("component `{component}` could not be started again", component = plain(.component))]
    #[non_exhaustive]
    NotRestarted {
        /// The component whose store ended.
        component: String,
        /// Why the new store could not be started.
        #[source]
        source: Box<StartError>,
    },

    /// The component has no store yet: a component that is started before it called it while it was
    /// itself being started.
    #[error("the component was not started yet")]
    NotStarted,

    /// Another component has replaced it.
    #[error("the component was replaced")]
    Replaced,

    /// The tokio runtime that ran the component was shut down.
    #[error("the tokio runtime that ran the component was shut down")]
    RuntimeShutdown,
}

/// An error reported by wasmtime, a host function or a guest's trap; cheap to clone.
///
/// Prints the outermost level; the others are in [`source`](std::error::Error::source).
#[derive(Clone)]
pub struct Cause {
    error: Arc<wasmtime::Error>,
}

impl Cause {
    pub(crate) fn new(error: wasmtime::Error) -> Self {
        Self { error: Arc::new(error) }
    }

    /// The underlying error, anywhere in the chain, if it is an `E`: for instance a
    /// [`wasmtime::Trap`], a [`CompositionError`] of the component that was called, or a host
    /// function's own error.
    pub fn downcast_ref<E: std::error::Error + Send + Sync + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref::<E>()
    }

    /// The stack of the guest when it trapped, innermost frame first, if wasmtime recorded one.
    pub fn backtrace(&self) -> Option<&WasmBacktrace> {
        self.error.downcast_ref::<WasmBacktrace>()
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&plain_lines(format_args!("{:?}", self.error)), f)
    }
}

impl Cause {
    /// The levels of the error, outermost first. The outermost level of a trap is wasmtime's
    /// backtrace, several lines long; it is skipped here, as `backtrace` returns it.
    fn levels(&self) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
        self.error.chain().skip(usize::from(self.backtrace().is_some()))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.levels().next() {
            Some(level) => plain_lines(level).fmt(f),
            None => plain_lines(&*self.error).fmt(f),
        }
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.levels().nth(1)
    }
}

/// The guest computed for longer than
/// [`ComposableDescriptor::with_run_limit`](crate::ComposableDescriptor::with_run_limit) allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guest computed for more than {ticks} ticks of its engine's epoch in a row")]
#[non_exhaustive]
pub struct RunLimit {
    /// The limit, in ticks of the engine's epoch.
    pub ticks: u32,
}

/// The component went on working without a call in progress for longer than
/// [`ComposableDescriptor::with_grace`](crate::ComposableDescriptor::with_grace) allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the guest went on for {grace:?} with what nobody waits for any more; it must end what is given up, or \
     have a longer `with_grace`"
)]
#[non_exhaustive]
pub struct GraceOver {
    /// The time that was allowed.
    pub grace: Duration,
}

/// A stream or future of another component was lost: the component ended, was restarted or was
/// replaced before it had written the end. Readers get this error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("component `{component}` {}", Lost(.reason.as_deref()), component = plain(.component))]
#[non_exhaustive]
pub struct StreamLost {
    /// The component that wrote it.
    pub component: String,
    /// Why the stream was given up, if the writer has not ended.
    pub reason: Option<String>,
}

struct Lost<'a>(Option<&'a str>);

impl fmt::Display for Lost<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("has ended before the end of what it wrote"),
            Some(reason) => write!(f, "wrote something that was given up: {reason}"),
        }
    }
}

/// A [`HostInterface`](crate::HostInterface) was declared wrongly; the cause of
/// [`PlanProblem::Load`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}, `{item}`: it {problem}", Interface(.interface.as_deref()))]
#[non_exhaustive]
pub struct HostInterfaceError {
    /// The interface; `None` for functions at the root.
    pub interface: Option<String>,
    /// The function or resource.
    pub item: String,
    /// What is wrong with it.
    pub problem: String,
}

struct Interface<'a>(Option<&'a str>);

impl fmt::Display for Interface<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "the interface `{}` implemented in Rust", plain(name)),
            None => f.write_str("the functions implemented in Rust"),
        }
    }
}

/// A host function panicked; the text is the panic's message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a host function panicked: {message}")]
#[non_exhaustive]
pub struct HostPanic {
    /// The panic's message, if it was text.
    pub message: String,
}

/// The name that a wrong name was probably meant to be.
struct Nearest<'a>(Option<&'a str>);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean `{}`?", plain(name)),
            None => Ok(()),
        }
    }
}

/// Writes "both `a` and `b`" or "`a`, `b` and `c`".
pub(crate) struct All<'a>(pub(crate) &'a [String]);

impl fmt::Display for All<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [a, b] => write!(f, "both `{}` and `{}`", plain(a), plain(b)),
            [first @ .., last] => write!(f, "`{}` and `{}`", listed(first, "`, `"), plain(last)),
            [] => Ok(()),
        }
    }
}
