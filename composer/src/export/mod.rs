//! [`ExportFunc`]: an exported function, called from Rust with `Val`s.

mod held;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod streams;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::Val;

use crate::composition::{Gate, LiveLeaf};
use crate::driver::{Caller, InPlaceCaller};
use crate::error::{ArgumentError, CompositionError, HandleError, LookupError};
use crate::layer::CallContext;
use crate::link::{Endpoint, Ran};
use crate::transfer::{Guard, ResourceKind};
use crate::types::{FunctionType, Resource, ValueType};
use crate::value::{
    Faulty, Handle, HandleType, Handles, Value, ValueError, each_handle, from_val, into_val,
};
use held::{Checking, HeldHandles};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) use streams::HeldStreams;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub use streams::{ValFuture, ValStream};

/// A function that a [`Composition`](crate::Composition) exports.
///
/// Cheap to clone. It does not keep its composition alive: once that has ended, calls give
/// [`CompositionError::Unavailable`].
#[derive(Clone)]
pub struct ExportFunc {
    inner: Arc<Inner>,
    deadline: Option<Duration>,
}

struct Inner {
    endpoint: Endpoint,
    ty: Arc<FunctionType>,
    /// Whether parameters or result hold handles.
    has_handles: bool,
    kinds: Arc<[Option<ResourceKind>]>,
    gate: Gate,
}

impl ExportFunc {
    pub(crate) fn new(
        (id, leaf): (&Arc<str>, &LiveLeaf),
        func: usize,
        gate: Gate,
    ) -> Result<Self, LookupError> {
        let exported = &leaf.surface.funcs[func];
        let ty = exported.ty.clone();
        let host = ty.find_resource(&|it| leaf.kinds[it.index as usize].is_none());
        let host = host.map(|it| ("resource".to_owned(), it.name().to_owned()));
        let uncarried = ty.uncarried().map(|it| (it.place, it.ty));
        if let Some((place, found)) = uncarried.or(host) {
            return Err(LookupError::Uncarried { function: exported.full_name(), place, found });
        }
        let has_handles = ty.has_handles();
        let (endpoint, kinds) = (leaf.endpoint(id, func), leaf.kinds.clone());
        let inner = Inner { endpoint, ty, has_handles, kinds, gate };
        Ok(Self { inner: Arc::new(inner), deadline: None })
    }

    /// The same function, with a deadline for each call: past it the caller gets
    /// [`CompositionError::Timeout`]. A shorter one of the component's descriptor counts instead.
    ///
    /// A call that waits is withdrawn then, and an async one that runs is left to end by itself, as
    /// if the caller had gone. Calling needs a tokio runtime with a timer then. A sync call that runs
    /// holds the component's store: when it has held it for as long as the deadline, the store is
    /// ended as by a trap. A guest that computes without end gives way to nothing but its engine: see
    /// `Config::epoch_interruption`.
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
    /// `params` are the arguments in order. `results` has room for what the function returns, one
    /// value or none; what it held before does not matter. Handles given as `own` arguments are
    /// moved: they are gone when the call has been queued. Handles given as `borrow` are lent until
    /// the call ends. Handles in the result are the caller's, to be passed on or ended with
    /// [`Composition::drop_handles`](crate::Composition::drop_handles); those that are not end with
    /// the composition.
    ///
    /// A component's inbox has room for a number of calls; beyond it, calls wait for room in their
    /// order. Calls of an `async func` overlap; others run one at a time. Calls made one after the other
    /// start in that order. A call of another function, without a deadline, of a component that is idle
    /// and whose calls are short runs on the caller's task, up to its first wait.
    ///
    /// Streams and futures for arguments are made by
    /// [`Composition::stream_val`](crate::Composition::stream_val) and
    /// [`Composition::future_val`](crate::Composition::future_val), and those in the result taken by
    /// [`Composition::take_stream`](crate::Composition::take_stream) and
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
    /// The call is queued, or begun, when this future is first polled. Dropping the future withdraws
    /// a call that has not started, and the handles moved into it are dropped. Of a call that has started,
    /// a guest is told that can be (an async function of a component that is given as bytes or as a file and
    /// asks for cancellation); any other runs to its end. What still comes of it is discarded, and the handles
    /// in it are dropped. Lent handles are lent until then.
    pub async fn call(&self, params: &[Val], results: &mut [Val]) -> Result<(), CompositionError> {
        let inner = &self.inner;
        let args = inner.args(params, results)?;
        let value = inner.call(args, self.deadline).await?;
        if let (Some(ty), Some(value), [slot]) = (&inner.ty.result, value, results) {
            *slot = inner.result(ty, value)?;
        }
        Ok(())
    }
}

impl ExportFunc {
    /// Calls the function with values that were checked against its type while composing.
    pub(crate) async fn call_checked(
        &self,
        mut args: Vec<Value>,
    ) -> Result<Option<Value>, CompositionError> {
        let inner = &self.inner;
        if !inner.has_handles {
            return inner.call(args, self.deadline).await;
        }
        for ((name, ty), arg) in inner.ty.params.iter().zip(&mut args) {
            let mut pass_in = |ty: HandleType<'_>, handle: &mut _| inner.pass_in(ty, handle);
            each_handle(ty, arg, &mut pass_in).map_err(|source: HandleError| {
                let path = vec![format!("parameter `{name}`")];
                ArgumentError::Handle { function: inner.function(), path, source }
            })?;
        }
        let mut value = inner.call(args, self.deadline).await?;
        if let (Some(ty), Some(value)) = (&inner.ty.result, &mut value) {
            each_handle(ty, value, &mut |ty, handle| inner.pass_out(ty, handle))?;
        }
        Ok(value)
    }

    /// The component that exports the function.
    pub(crate) fn component(&self) -> &str {
        self.inner.endpoint.post.id()
    }

    /// The function's name, as `interface#function`.
    pub(crate) fn name(&self) -> String {
        self.inner.function()
    }
}

impl Inner {
    async fn call(
        &self,
        mut args: Vec<Value>,
        deadline: Option<Duration>,
    ) -> Result<Option<Value>, CompositionError> {
        if self.gate.is_shut() {
            return Err(self.endpoint.post.closed(self.endpoint.func));
        }
        let in_place = (!self.ty.is_async).then_some(InPlaceCaller::Rust);
        if let (Some(caller), None) = (in_place, deadline)
            && let Some(ran) = self.endpoint.run_in_place(&mut args, caller)
        {
            return match ran {
                Ran::Ended(result) => result,
                Ran::Trapped(trapped) => trapped.answer().await,
            };
        }
        let caller = Caller::Rust { context: CallContext::default() };
        self.endpoint.call(args, caller, deadline, in_place).await
    }

    /// Takes a handle out of the caller's table, to move it or to lend it.
    fn pass_in(
        self: &Arc<Self>,
        ty: HandleType<'_>,
        handle: &mut Handle,
    ) -> Result<(), HandleError> {
        let resource = match ty {
            HandleType::Own(resource) | HandleType::Borrow(resource) => resource,
            HandleType::Stream(payload) | HandleType::Future(payload) => {
                return self.pass_elements(payload, handle, Self::pass_in);
            }
        };
        match handle {
            Handle::Held(guard) => {
                let guard = guard.take().ok_or(HandleError::NotHeld)?;
                let own = guard.take()?;
                check_kind(&self.kinds, resource, own.kind())?;
                *handle = Handle::Own(own);
                Ok(())
            }
            Handle::Lent(lent) => check_kind(&self.kinds, resource, lent.kind()),
            Handle::Raw(_) | Handle::Own(_) | Handle::Stream(_) | Handle::Object(_) => {
                Err(HandleError::NotHeld)
            }
        }
    }

    /// Puts a handle into the caller's table, to go with its owner.
    fn pass_out(
        self: &Arc<Self>,
        ty: HandleType<'_>,
        handle: &mut Handle,
    ) -> Result<(), HandleError> {
        if let HandleType::Stream(payload) | HandleType::Future(payload) = ty {
            return self.pass_elements(payload, handle, Self::pass_out);
        }
        match std::mem::replace(handle, Handle::Held(None)) {
            Handle::Own(own) => {
                *handle = Handle::Held(Some(Guard::new(&self.gate.held, own)?));
                Ok(())
            }
            _ => Err(HandleError::NotHeld),
        }
    }

    /// Has the handles in the elements of a stream pass, when they do.
    fn pass_elements(
        self: &Arc<Self>,
        payload: Option<&ValueType>,
        handle: &mut Handle,
        pass: fn(&Arc<Self>, HandleType<'_>, &mut Handle) -> Result<(), HandleError>,
    ) -> Result<(), HandleError> {
        let Handle::Stream(end) = handle else { return Err(HandleError::NotHeld) };
        if let Some(payload) = payload.filter(|payload| payload.has_handles()).cloned() {
            let this = self.clone();
            end.through(move |value| {
                each_handle(&payload, value, &mut |ty, handle| pass(&this, ty, handle))
            });
        }
        Ok(())
    }

    fn function(&self) -> String {
        self.endpoint.post.function_name(self.endpoint.func)
    }

    fn args(
        self: &Arc<Self>,
        params: &[Val],
        results: &[Val],
    ) -> Result<Vec<Value>, ArgumentError> {
        let (expected, found) = (self.ty.params.len(), params.len());
        if expected != found {
            let function = self.function();
            return Err(ArgumentError::ParameterCount { function, expected, found });
        }
        let (expected, found) = (usize::from(self.ty.result.is_some()), results.len());
        if expected != found {
            let function = self.function();
            return Err(ArgumentError::ResultCount { function, expected, found });
        }
        if !self.has_handles {
            return self.values(params, &mut HeldHandles::new(self));
        }
        loop {
            // Nothing is taken before it is known that all fits.
            let mut checking = Checking::new(self);
            self.values(params, &mut checking)?;
            // If something was taken by somebody else meanwhile, what it was is found at the next try.
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
        error.in_argument(&self.function(), format!("parameter `{name}`"))
    }

    fn result(self: &Arc<Self>, ty: &ValueType, value: Value) -> Result<Val, CompositionError> {
        into_val(ty, value, &mut HeldHandles::new(self)).map_err(|error| match error.fault {
            Faulty::Handle(error) => error.into(),
            // The component's own store gave this value; no other type can be in it.
            _ => HandleError::NotHeld.into(),
        })
    }
}

impl fmt::Debug for ExportFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExportFunc")
            .field("component", &self.inner.endpoint.post.id())
            .field("function", &self.inner.function())
            .field("ty", &format_args!("{}", self.inner.ty))
            .finish()
    }
}

/// Compares the kind of a handle with the one that stands at its place in the function's type.
fn check_kind(
    kinds: &[Option<ResourceKind>],
    resource: &Resource,
    found: &ResourceKind,
) -> Result<(), HandleError> {
    if kinds.get(resource.index as usize).and_then(Option::as_ref) == Some(found) {
        return Ok(());
    }
    if resource.name() == found.name() {
        // The same resource in another composition is another one.
        return Err(HandleError::NotHeld);
    }
    let (expected, found) = (resource.name().to_owned(), found.name().to_owned());
    Err(HandleError::OtherResource { expected, found })
}
