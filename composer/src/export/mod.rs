//! [`ExportFunc`]: an exported function, called from Rust with `Val`s.
//!
//! Callers in Rust are one side of a border, like stores: their handles are in a table
//! (`value/handle/held.rs`), of which `Val`s only carry names. `caller.rs` has what all callers of
//! a composition share, `held.rs` converts arguments and results and moves handles in and out of
//! the table. `held_streams.rs` is the table of streams and futures, `streams.rs` how callers read and pass them, and
//! `typed.rs` is the same function
//! with Rust types instead of `Val`s.
//!
//! Invariant: arguments are taken completely or not at all. All handles are checked before the
//! first is moved, so a call that fails to start leaves its arguments with the caller.

mod caller;
mod held;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod held_streams;
#[cfg(not(all(feature = "codec", feature = "component-model-async")))]
#[path = "held_streams_disabled.rs"]
mod held_streams;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod streams;
mod typed;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Val;

use crate::error::{ArgumentError, CompositionError, HandleError, LookupError};
use crate::plan::item::ExportedFunc;
use crate::run::{CallContext, Caller, Deadline, Endpoint, InPlaceCaller};
use crate::types::{FunctionType, Resource};
use crate::value::handle::ResourceKind;
use crate::value::{HandleType, Handles, Value, ValueError, each_handle, from_val};
use caller::CallerSide;
pub(crate) use caller::Gate;
use held::{Checking, HeldHandles, to_val};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) use held_streams::StreamKind;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub use streams::{ValFuture, ValStream};
pub use typed::TypedFunc;
pub(crate) use typed::{call, check_signature};

/// A function that a [`Composition`](crate::Composition) exports.
///
/// Cheap to clone. It does not keep its composition alive: once the composition has ended, calls
/// fail with [`CompositionError::Unavailable`].
#[derive(Clone)]
pub struct ExportFunc {
    inner: Arc<FuncInner>,
    deadline: Option<Duration>,
}

struct FuncInner {
    endpoint: Endpoint,
    ty: Arc<FunctionType>,
    /// Whether values of parameters or result contain handles.
    has_handles: bool,
    side: Arc<CallerSide>,
}

impl ExportFunc {
    /// The function at `endpoint`. `kinds` has the identity of each resource in its type.
    pub(crate) fn new(
        endpoint: Endpoint,
        exported: &ExportedFunc,
        kinds: Arc<[Option<ResourceKind>]>,
        gate: Gate,
    ) -> Result<Self, LookupError> {
        let ty = exported.ty.clone();
        let host = ty.find_resource(&mut |it| kinds[it.index as usize].is_none());
        let host = host.map(|it| ("resource".to_owned(), it.name().to_owned()));
        let unlent = ty.find_borrowed(&mut |it| {
            let kind = kinds[it.index as usize].as_ref();
            kind.and_then(ResourceKind::carried).is_some_and(|carried| !carried.lends)
        });
        let unlent = unlent.map(|it| ("borrowed resource".to_owned(), it.name().to_owned()));
        let uncarried = ty.uncarried().map(|it| (it.place, it.ty));
        if let Some((place, found)) = uncarried.or(host).or(unlent) {
            return Err(LookupError::Uncarried { function: exported.full_name(), place, found });
        }
        let ty = match kinds.iter().flatten().any(|kind| kind.carried().is_some()) {
            true => Arc::new(ty.map_resources(&mut |it| {
                let kind = kinds[it.index as usize].as_ref();
                let form = kind.and_then(ResourceKind::carried).map(|it| Arc::new(it.form));
                Resource { form, ..it.clone() }
            })),
            false => ty,
        };
        let has_handles = ty.has_handles();
        let (dispatcher, func) = (endpoint.dispatcher.clone(), endpoint.func);
        let side = Arc::new(CallerSide { kinds, gate, dispatcher, func });
        Ok(Self { inner: Arc::new(FuncInner { endpoint, ty, has_handles, side }), deadline: None })
    }

    /// The same function, with a deadline for each call, after which the caller gets
    /// [`CompositionError::Timeout`]. If the component's descriptor has a shorter deadline, that
    /// one applies.
    ///
    /// At the deadline a call that has not started is withdrawn. An async call that runs is treated
    /// as if its caller had dropped it (see [`call`](Self::call)). A sync call that runs holds the
    /// component's store: when it has held the store for as long as the deadline, the store is
    /// ended as by a trap. A guest that computes without yielding can only be interrupted by the
    /// engine; see `Config::epoch_interruption`. Calling with a deadline needs a tokio runtime with
    /// a timer.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The function's type.
    pub fn ty(&self) -> &FunctionType {
        &self.inner.ty
    }

    /// Calls the function.
    ///
    /// `params` are the arguments, in order. `results` has one value if the function has a result
    /// and none otherwise; its content before the call does not matter. Handles passed as `own` are
    /// moved: the caller no longer has them once the call has been queued. Handles passed as
    /// `borrow` are lent until the call ends. Handles in the result belong to the caller, who
    /// passes them on or drops them with
    /// [`Composition::drop_handles`](crate::Composition::drop_handles); the others end with the
    /// composition.
    ///
    /// A component's inbox has room for a limited number of calls; calls beyond it wait for room,
    /// in order. Calls of an `async func` overlap; calls of other functions run one at a time.
    /// Calls made one after the other start in that order. If the component is idle and its calls
    /// are short, a call of a function that is not async and has no deadline runs on the caller's
    /// task, up to its first wait.
    ///
    /// Streams and futures for arguments are made with
    /// [`Composition::stream_val`](crate::Composition::stream_val) and
    /// [`Composition::future_val`](crate::Composition::future_val). Those in the result are taken
    /// with [`Composition::take_stream`](crate::Composition::take_stream) and
    /// [`Composition::take_future`](crate::Composition::take_future), or passed on as they are.
    ///
    /// # Errors
    ///
    /// - [`CompositionError::Argument`] if the arguments or the slice for results do not fit. The
    ///   function was not called and no handle was moved.
    /// - [`CompositionError::Trap`] if the guest trapped in this call.
    /// - [`CompositionError::Unavailable`] if the component or the composition has ended, before
    ///   the call or while it ran.
    /// - [`CompositionError::Timeout`] if the call has a deadline and it has passed.
    /// - [`CompositionError::Handle`] if an `own` argument is still lent to a call that was
    ///   withdrawn.
    ///
    /// # Cancel safety
    ///
    /// The call is queued, or begun, when this future is first polled. Dropping the future
    /// withdraws a call that has not started, and drops the handles that were moved into it. If the
    /// call has started, the guest is told if it can be: an async function that supports
    /// cancellation, of a component that was given as bytes or as a file. Any other call runs to
    /// its end, and its result is discarded, with the handles in it. Lent handles stay lent until
    /// the call has ended.
    pub async fn call(&self, params: &[Val], results: &mut [Val]) -> Result<(), CompositionError> {
        let inner = &self.inner;
        let args = inner.args(params, results)?;
        let value = inner.call(args, self.deadline).await?;
        if let (Some(ty), Some(value), [slot]) = (&inner.ty.result, value, results) {
            *slot = to_val(&inner.side, ty, value)?;
        }
        Ok(())
    }
}

impl ExportFunc {
    /// Calls the function with values whose types were checked while composing.
    pub(crate) async fn call_checked(
        &self,
        mut args: Vec<Value>,
    ) -> Result<Option<Value>, CompositionError> {
        let inner = &self.inner;
        if !inner.has_handles {
            return inner.call(args, self.deadline).await;
        }
        for ((name, ty), arg) in inner.ty.params.iter().zip(&mut args) {
            let mut pass_in = |ty: HandleType<'_>, handle: &mut _| inner.side.pass_in(ty, handle);
            each_handle(ty, arg, &mut pass_in).map_err(|source: HandleError| {
                let path = vec![format!("parameter `{name}`")];
                ArgumentError::Handle { function: inner.side.function(), path, source }
            })?;
        }
        let mut value = inner.call(args, self.deadline).await?;
        if let (Some(ty), Some(value)) = (&inner.ty.result, &mut value) {
            each_handle(ty, value, &mut |ty, handle| inner.side.pass_out(ty, handle))?;
        }
        Ok(value)
    }

    /// The component that exports the function.
    pub(crate) fn component(&self) -> &str {
        self.inner.endpoint.dispatcher.id()
    }

    /// The function's name, as `interface#function`.
    pub(crate) fn name(&self) -> String {
        self.inner.side.function()
    }
}

impl FuncInner {
    async fn call(
        &self,
        mut args: Vec<Value>,
        deadline: Option<Duration>,
    ) -> Result<Option<Value>, CompositionError> {
        if self.side.gate.is_shut() {
            return Err(self.endpoint.dispatcher.closed(self.endpoint.func));
        }
        let in_place = (!self.ty.is_async).then_some(InPlaceCaller::Rust);
        if let (Some(caller), None) = (in_place, deadline)
            && let Some(started) = self.endpoint.run_in_place(&mut args, caller)
        {
            return started.wait().await;
        }
        let caller = Caller::Rust { context: CallContext::default() };
        let deadline = deadline.and_then(Deadline::after);
        self.endpoint.call(args, caller, deadline, in_place).await
    }

    fn args(&self, params: &[Val], results: &[Val]) -> Result<Vec<Value>, ArgumentError> {
        let (expected, found) = (self.ty.params.len(), params.len());
        if expected != found {
            let function = self.side.function();
            return Err(ArgumentError::ParameterCount { function, expected, found });
        }
        let (expected, found) = (usize::from(self.ty.result.is_some()), results.len());
        if expected != found {
            let function = self.side.function();
            return Err(ArgumentError::ResultCount { function, expected, found });
        }
        if !self.has_handles {
            return self.values(params, &mut HeldHandles::new(&self.side));
        }
        loop {
            // No handle is taken before all arguments are known to fit.
            let mut checking = Checking::new(&self.side);
            self.values(params, &mut checking)?;
            // If a handle has been taken by another call in the meantime, the next check reports
            // it.
            if let Some(mut taken) = checking.take() {
                return self.values(params, &mut taken);
            }
        }
    }

    fn values(
        &self,
        params: &[Val],
        handles: &mut impl Handles,
    ) -> Result<Vec<Value>, ArgumentError> {
        let params = self.ty.params.iter().zip(params);
        params
            .map(|((name, ty), val)| {
                from_val(ty, val, handles).map_err(|error| self.parameter_error(name, error))
            })
            .collect()
    }

    fn parameter_error(&self, name: &str, error: ValueError) -> ArgumentError {
        error.in_argument(&self.side.function(), format!("parameter `{name}`"))
    }
}

impl fmt::Debug for ExportFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportFunc")
            .field("component", &self.inner.endpoint.dispatcher.id())
            .field("function", &self.inner.side.function())
            .field("ty", &format_args!("{}", self.inner.ty))
            .finish()
    }
}
