//! [`Retry`]: a layer that repeats failed calls.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;

use super::call::{Call, Returned};
use super::deny::Names;
use super::service::{LayerFuture, Next};
use crate::error::CompositionError;

/// A layer that repeats calls of idempotent functions if the component fails: if it traps, is not
/// running, is implemented in Rust or remotely and returns an error, or does not answer within its
/// descriptor's deadline.
///
/// Only the named functions are called again, since a call that failed may have had its effect
/// before it failed. They are named as for [`Deny`](super::Deny). A component that trapped only
/// comes back if the [`RestartPolicy`](crate::RestartPolicy) of its descriptor says so. The `err`
/// case of a `result` is not a failure, and neither is an error of a layer. Calls with handles,
/// streams or futures among their arguments are not repeated.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wasm_runtime_composer::layer::Retry;
///
/// // After 10 ms, and after another 20.
/// let retry = Retry::these(["acme:kv/store#get"], 2).with_delay(Duration::from_millis(10));
/// ```
#[derive(Clone, Debug)]
pub struct Retry {
    names: Names,
    retries: u32,
    delay: Duration,
}

impl Retry {
    /// Repeats calls of the given functions and interfaces, up to `retries` times.
    pub fn these<'a>(names: impl IntoIterator<Item = &'a str>, retries: u32) -> Self {
        Self { names: Names::new(names), retries, delay: Duration::ZERO }
    }

    /// Waits for `delay` before the first repetition, and twice as long before each further one. By
    /// default calls are repeated at once.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl Layer<Next> for Retry {
    type Service = Retrying;

    fn layer(&self, next: Next) -> Retrying {
        Retrying { retry: Arc::new(self.clone()), next }
    }
}

/// The [`Service`] of [`Retry`].
#[derive(Clone, Debug)]
pub struct Retrying {
    retry: Arc<Retry>,
    next: Next,
}

impl Service<Call> for Retrying {
    type Response = Returned;
    type Error = CompositionError;
    type Future = LayerFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), CompositionError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut call: Call) -> LayerFuture {
        if !self.retry.names.include(&call) {
            return Service::call(&mut self.next, call);
        }
        let Self { retry, next } = self.clone();
        Box::pin(async move {
            let mut delay = retry.delay;
            for _ in 0..retry.retries {
                let Some(again) = call.try_clone() else { break };
                match next.call(call).await {
                    Err(error) if is_failure(&error) => call = again,
                    answer => return answer,
                }
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                    delay = delay.saturating_mul(2);
                }
            }
            next.call(call).await
        })
    }
}

/// Whether the component is at fault, rather than the caller.
fn is_failure(error: &CompositionError) -> bool {
    matches!(
        error,
        CompositionError::Trap { .. }
            | CompositionError::Unavailable { .. }
            | CompositionError::Timeout { .. }
            | CompositionError::Host { .. }
    )
}
