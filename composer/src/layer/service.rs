//! The link to `tower`: layers and services as its traits, and their type-erased form.
//!
//! The type of a layer's service is erased when it is added, so that layers of different types are
//! in one list. Each call clones the service and uses the clone for `poll_ready` and `call`, so calls
//! are concurrent.

use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::call::{Call, Returned};
use crate::error::CompositionError;

/// The error of any layer.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The future of a call.
pub type LayerFuture<E = CompositionError> =
    Pin<Box<dyn Future<Output = Result<Returned, E>> + Send>>;

/// The rest of a call's way after a layer: the next layer, or the component.
///
/// As a [`Service`], it is always ready.
#[derive(Clone)]
pub struct Next(());

impl Next {
    /// Makes the call and returns its result.
    ///
    /// # Errors
    ///
    /// The component's error, as [`ExportFunc::call`](crate::ExportFunc::call) has it, or the error
    /// of a further layer: [`CompositionError::Layer`] unless the layer passed on an error of this
    /// library.
    ///
    /// # Cancel safety
    ///
    /// As [`ExportFunc::call`](crate::ExportFunc::call): dropping the future withdraws a call that
    /// has not started.
    pub async fn call(&self, call: Call) -> Result<Returned, CompositionError> {
        call.go_on().await
    }
}

impl Next {
    /// Lets the call go on, as a future of one type.
    pub(super) fn pass(self, call: Call) -> LayerFuture {
        Box::pin(call.go_on())
    }
}

impl Service<Call> for Next {
    type Response = Returned;
    type Error = CompositionError;
    type Future = LayerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CompositionError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> LayerFuture {
        Box::pin(call.go_on())
    }
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Next")
    }
}

/// A layer of calls: any [`Layer`] over [`Next`] whose service takes [`Call`]s and gives what they [`Returned`].
///
/// The service is cloned for every call, and used by several tasks at the same time. Its errors may be any.
///
/// This trait is implemented for all such layers, and cannot be implemented otherwise.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no layer of calls",
    label = "expected a layer whose service takes `Call` and gives `Returned`",
    note = "a layer is a `tower_layer::Layer<Next>`; its service is a `Service<Call, Response = Returned>`, which \
            is `Clone + Send + Sync + 'static`, with a future that is `Send`",
    note = "`layer::from_fn(|call, next| async move {{ next.call(call).await }})` makes a layer of a function"
)]
pub trait CallLayer: sealed::Sealed {
    #[doc(hidden)]
    fn erase(self) -> ErasedLayer;
}

#[diagnostic::do_not_recommend]
impl<L> CallLayer for L
where
    L: Layer<Next>,
    L::Service: Service<Call, Response = Returned, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    fn erase(self) -> ErasedLayer {
        ErasedLayer(Arc::new(self.layer(Next(()))))
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "sealed: no name, no implementation")]
    pub trait Sealed {}

    impl<L> Sealed for L {}
}

/// A layer's service.
#[derive(Clone)]
#[doc(hidden)]
#[expect(unnameable_types, reason = "a hidden method speaks of it")]
pub struct ErasedLayer(Arc<dyn Erased>);

impl ErasedLayer {
    pub(super) fn call(&self, call: Call) -> LayerFuture<BoxError> {
        self.0.pass(call)
    }
}

impl fmt::Debug for ErasedLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErasedLayer")
    }
}

trait Erased: Send + Sync {
    fn pass(&self, call: Call) -> LayerFuture<BoxError>;
}

impl<S> Erased for S
where
    S: Service<Call, Response = Returned, Error: Into<BoxError>, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    fn pass(&self, call: Call) -> LayerFuture<BoxError> {
        let mut service = self.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
            service.call(call).await.map_err(Into::into)
        })
    }
}

/// A layer made from a function, which is called with each [`Call`] and with [`Next`], to let the
/// call pass.
///
/// Several tasks may call the function at the same time. To fail with an error of its own, it uses
/// [`Call::refuse`].
///
/// # Examples
///
/// ```
/// use wasm_runtime_composer::CompositionError;
/// use wasm_runtime_composer::layer::{Call, Next, Returned, from_fn};
///
/// async fn read_only(call: Call, next: Next) -> Result<Returned, CompositionError> {
///     match call.function() {
///         "set" | "delete" => Err(call.refuse("the store is read-only")),
///         _ => next.call(call).await,
///     }
/// }
///
/// let layer = from_fn(read_only);
/// ```
pub fn from_fn<F, R>(function: F) -> FromFnLayer<F>
where
    F: Fn(Call, Next) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<Returned, CompositionError>> + Send + 'static,
{
    FromFnLayer { function }
}

/// A [`Layer`] that [`from_fn`] makes.
#[derive(Clone, Copy)]
pub struct FromFnLayer<F> {
    function: F,
}

impl<F: Clone> Layer<Next> for FromFnLayer<F> {
    type Service = FromFn<F>;

    fn layer(&self, next: Next) -> FromFn<F> {
        FromFn { function: self.function.clone(), next }
    }
}

impl<F> fmt::Debug for FromFnLayer<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFnLayer").finish_non_exhaustive()
    }
}

/// The [`Service`] of a [`FromFnLayer`].
#[derive(Clone)]
pub struct FromFn<F> {
    function: F,
    next: Next,
}

impl<F, R> Service<Call> for FromFn<F>
where
    F: Fn(Call, Next) -> R,
    R: Future<Output = Result<Returned, CompositionError>>,
{
    type Response = Returned;
    type Error = CompositionError;
    type Future = R;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CompositionError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> R {
        (self.function)(call, self.next.clone())
    }
}

impl<F> fmt::Debug for FromFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromFn").finish_non_exhaustive()
    }
}
