//! The service of the layers that this library has.

use std::fmt;
use std::task::{Context, Poll};

use tower_service::Service;

use super::call::{Call, Returned};
use super::service::{LayerFuture, Next};
use crate::error::CompositionError;

/// What a layer does with each call.
#[doc(hidden)]
pub trait Intercept: Clone + Send + Sync + 'static {
    fn intercept(&self, call: Call, next: Next) -> LayerFuture;
}

/// The [`Service`] of each layer that this library has: `L` is the layer.
#[derive(Clone)]
pub struct Intercepted<L> {
    layer: L,
    next: Next,
}

impl<L: Intercept> Intercepted<L> {
    pub(super) fn new(layer: &L, next: Next) -> Self {
        Self { layer: layer.clone(), next }
    }
}

impl<L: Intercept> Service<Call> for Intercepted<L> {
    type Response = Returned;
    type Error = CompositionError;
    type Future = LayerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CompositionError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> LayerFuture {
        self.layer.intercept(call, self.next.clone())
    }
}

impl<L: fmt::Debug> fmt::Debug for Intercepted<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Intercepted").field(&self.layer).finish()
    }
}

/// Makes types that intercept calls into layers.
macro_rules! layers {
    ($($layer:ty),*) => {$(
        impl tower_layer::Layer<$crate::layer::Next> for $layer {
            type Service = $crate::layer::Intercepted<Self>;

            fn layer(&self, next: $crate::layer::Next) -> Self::Service {
                $crate::layer::Intercepted::new(self, next)
            }
        }
    )*};
}
pub(super) use layers;
