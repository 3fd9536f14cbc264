//! Every public error. [`CompositionError`] is the one that `?` needs; the others sit inside it.

mod call;
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
/// [`Unavailable`](Self::Unavailable) mean that the provider is gone, every other variant that the
/// composition goes on as it was.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompositionError {
    /// The components cannot be wired: the caller's mistake, found before any store exists.
    #[error(transparent)]
    Plan(#[from] PlanError),

    /// A component could not be started; those already started have been ended.
    #[error(transparent)]
    Start(#[from] StartError),

    /// The components cannot be fused into one.
    #[error(transparent)]
    Fuse(#[from] FuseError),

    /// A component cannot be given what it is to have of WASI.
    #[cfg(feature = "wasi")]
    #[error(transparent)]
    Wasi(#[from] WasiError),

    /// No such function is offered by the composition.
    #[error(transparent)]
    Lookup(#[from] LookupError),

    /// A function is not of the Rust types that it was to be called with.
    #[error(transparent)]
    Typed(#[from] TypedError),

    /// The arguments do not fit the function; it was not called and nothing was moved.
    #[error(transparent)]
    Argument(#[from] ArgumentError),

    /// A handle cannot be dropped.
    #[error(transparent)]
    Handle(#[from] HandleError),

    /// The rest of a stream or future cannot be read: its writer's component has ended.
    #[error(transparent)]
    Stream(#[from] StreamLost),

    /// A component made more calls than it may have waiting. It traps.
    #[error(
        "component `{component}` has {limit} calls of other components waiting, which is the most \
         that it may have; it must await some before it makes more, or have a higher `with_calls_in_flight`",
        component = plain(.component)
    )]
    #[non_exhaustive]
    Flood {
        /// The component that makes the calls.
        component: String,
        /// How many calls of one component may wait at a time.
        limit: usize,
    },

    /// More bytes would wait on behalf of a component than it may have waiting: arguments of its calls that
    /// are not answered, results that it has not taken, and what it writes to streams. If it would have made a
    /// call, or written to a stream, it traps; a result that is too much is dropped, and its call has failed.
    #[error(
        "component `{component}` has {waiting} bytes waiting in calls and streams, and {bytes} more would \
         be more than the {limit} that it may have; it must await some calls before it makes more, or have \
         a higher `with_bytes_in_flight`"
    )]
    #[non_exhaustive]
    FloodOfBytes {
        /// The component that makes the calls.
        component: String,
        /// How many bytes wait, in bytes of the host's memory.
        waiting: usize,
        /// How many more there would be.
        bytes: usize,
        /// How many may wait at a time.
        limit: usize,
    },

    /// A call between components that import from each other in a cycle would never end: what it
    /// waits for waits for the caller. It was not queued. The component that made it traps.
    #[error(
        "calling `{function}` of component `{component}` would never end: {}",
        Chain(.chain), function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    WaitCycle {
        /// The component that was to be called.
        component: String,
        /// The exported function that was to be called, as `interface#function`.
        function: String,
        /// Who waits for whom: the caller first, then what it would wait for, and last what waits for
        /// the caller.
        chain: Vec<WaitStep>,
    },

    /// A value is not of the type that was checked: an implementation of
    /// [`FromComponentValue`](crate::FromComponentValue) by hand is wrong.
    #[error("the result of `{function}` cannot be converted: {problem}", function = plain(.function))]
    #[non_exhaustive]
    Conversion {
        /// The function that returned the value, as `interface#function`.
        function: String,
        /// What was expected and what was found.
        problem: String,
    },

    /// The guest trapped, or a host function that it called failed or panicked, in this very call.
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

    /// A function that is implemented outside of any component, in Rust or on another machine,
    /// failed or panicked. It goes on taking calls.
    #[error("`{function}` of `{component}` failed", function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    Host {
        /// The id of what implements the function.
        component: String,
        /// The function that was called, as `interface#function`.
        function: String,
        /// What failed.
        #[source]
        source: Cause,
    },

    /// A [layer](crate::layer) did not let the call pass, or what it returned.
    #[error("a layer failed the call of `{function}` of `{component}`", function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    Layer {
        /// The component that the call was to go to.
        component: String,
        /// The exported function that was called, as `interface#function`.
        function: String,
        /// What the layer says.
        #[source]
        source: Cause,
    },

    /// The component, or the composition, ended before the call was answered.
    #[error(
        "component `{component}` {} `{function}`",
        if *.started { "stopped before answering" } else { "is not running and cannot be asked for" }, component = plain(.component), function = plain(.function))]
    #[non_exhaustive]
    Unavailable {
        /// The component that was to answer.
        component: String,
        /// The exported function that was called, as `interface#function`.
        function: String,
        /// Whether the call may have run in part: `false` means that it never reached the guest.
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

/// An error with its causes.
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

/// Nothing that is waited for can come any more: the cause of a [`CompositionError::Trap`], above
/// wasmtime's own, `Trap::AsyncDeadlock`.
///
/// Calls and the ends of streams and futures are waited for by components of which none can go on without
/// another one of them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing that is waited for can come any more: {}", listed(.waits, ", "))]
#[non_exhaustive]
pub struct Deadlock {
    /// Who waits for whom, and for what, a sentence each.
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

/// Why a component runs no longer.
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
        /// What was running, as far as it is known.
        function: String,
        /// The trap, with its backtrace.
        #[source]
        source: Cause,
    },

    /// A sync call took longer than its deadline, or a resource's destructor did. It held the component's
    /// store, so nothing but the store's end could end it.
    #[error("component `{component}` was ended in `{function}`, which ran beyond its deadline", component = plain(.component), function = plain(.function))]
    #[non_exhaustive]
    Expired {
        /// The component whose store ended.
        component: String,
        /// The exported function that was running, as `interface#function`, or that it was a destructor.
        function: String,
    },

    /// The component ended and could not be started again.
    #[error("component `{component}` could not be started again", component = plain(.component))]
    #[non_exhaustive]
    NotRestarted {
        /// The component whose store ended.
        component: String,
        /// Why the new one could not be started.
        #[source]
        source: Box<StartError>,
    },

    /// The component has no store yet: it was called by one that is started before it, while that one
    /// was being started.
    #[error("the component was not started yet")]
    NotStarted,

    /// Another component took its place.
    #[error("the component was replaced")]
    Replaced,

    /// The tokio runtime that ran the component was shut down.
    #[error("the tokio runtime that ran the component was shut down")]
    RuntimeShutdown,
}

/// What wasmtime, a host function or a guest's trap reported; cheap to clone.
///
/// Prints the outermost level; the rest is in [`source`](std::error::Error::source).
#[derive(Clone)]
pub struct Cause {
    error: Arc<wasmtime::Error>,
}

impl Cause {
    pub(crate) fn new(error: wasmtime::Error) -> Self {
        Self { error: Arc::new(error) }
    }

    /// The underlying error, anywhere in the chain, if it is an `E`: a [`wasmtime::Trap`], say, a
    /// [`CompositionError`] of the component that was called, or a host function's own error.
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
    /// The levels of the error, outermost first. wasmtime wraps a trap in its backtrace, over
    /// several lines; that stands in `backtrace`, and what went wrong is below it.
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

/// The guest computed for too long, as
/// [`ComposableDescriptor::with_run_limit`](crate::ComposableDescriptor::with_run_limit) says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the guest computed for more than {ticks} ticks of its engine's epoch in a row")]
#[non_exhaustive]
pub struct RunLimit {
    /// The limit.
    pub ticks: u32,
}

/// Something went on in the component for too long that nobody waited for, as
/// [`ComposableDescriptor::with_grace`](crate::ComposableDescriptor::with_grace) says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the guest went on for {grace:?} with what nobody waits for any more; it must end what is given up, or \
     have a longer `with_grace`"
)]
#[non_exhaustive]
pub struct GraceOver {
    /// The time that it had.
    pub grace: Duration,
}

/// A stream or a future of another component was lost: the component ended, or was started again or
/// replaced, before it had written the end of it. Whoever goes on reading it gets this.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("component `{component}` {}", Lost(.reason.as_deref()), component = plain(.component))]
#[non_exhaustive]
pub struct StreamLost {
    /// The component that wrote it.
    pub component: String,
    /// Why it was given up, if its writer has not ended.
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

/// A [`HostInterface`](crate::HostInterface) was not declared as it must be; the cause of
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

/// What a wrong name was probably meant to be.
struct Nearest<'a>(Option<&'a str>);

impl fmt::Display for Nearest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "; did you mean `{}`?", plain(name)),
            None => Ok(()),
        }
    }
}

/// "both `a` and `b`", "`a`, `b` and `c`".
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
