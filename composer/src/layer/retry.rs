//! [`RetryLayer`]: a layer that repeats failed calls.

use std::time::Duration;

use super::call::Call;
use super::deny::Names;
use super::intercept::{Intercept, layers};
use super::service::{LayerFuture, Next};
use crate::error::CompositionError;

/// A layer that repeats calls of idempotent functions if the component fails: if it traps, is not
/// running, is implemented in Rust or remotely and returns an error, or does not answer within its
/// descriptor's deadline.
///
/// Only the named functions are called again, since a call that failed may have had its effect
/// before it failed. They are named as for [`DenyLayer`](super::DenyLayer). A component that trapped only
/// comes back if the [`RestartPolicy`](crate::RestartPolicy) of its descriptor says so. The `err`
/// case of a `result` is not a failure, and neither is an error of a layer. Calls with handles,
/// streams or futures among their arguments are not repeated.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wasm_runtime_composer::layer::RetryLayer;
///
/// // After 10 ms, and after another 20.
/// let retry = RetryLayer::functions(["acme:kv/store#get"], 2).with_delay(Duration::from_millis(10));
/// ```
#[derive(Clone, Debug)]
pub struct RetryLayer {
    names: Names,
    retries: u32,
    delay: Duration,
}

impl RetryLayer {
    /// Repeats calls of the given functions and interfaces, up to `retries` times.
    pub fn functions<'a>(names: impl IntoIterator<Item = &'a str>, retries: u32) -> Self {
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

layers!(RetryLayer);

impl Intercept for RetryLayer {
    fn intercept(&self, mut call: Call, next: Next) -> LayerFuture {
        if !self.names.include(&call) {
            return next.pass(call);
        }
        let retry = self.clone();
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
