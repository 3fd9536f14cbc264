//! [`MetricsLayer`]: a layer that reports calls to the recorder of the crate `metrics`.

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use tokio::time::Instant;

use super::call::{Call, Returned};
use super::intercept::{Intercept, layers};
use super::service::{LayerFuture, Next};
use crate::error::CompositionError;

/// Counts the calls that have ended.
const CALLS: &str = "composer_calls_total";
/// The duration of calls, in seconds.
const TIME: &str = "composer_call_duration_seconds";

/// A layer that counts and times calls through the facade of the crate [`metrics`], with feature `metrics`.
///
/// | name | kind | labels |
/// |---|---|---|
/// | `composer_calls_total` | counter | `consumer` (empty for Rust), `provider`, `function`, `outcome` |
/// | `composer_call_duration_seconds` | histogram | `consumer`, `provider`, `function` |
///
/// `outcome` is `ok`, `err` for the error of a `result`, `failed` or `abandoned`. The state of
/// components at a moment, for instance how many calls wait for them, is reported by
/// [`Snapshot::record_metrics`](crate::snapshot::Snapshot::record_metrics).
///
/// # Examples
///
/// ```
/// use wasm_runtime_composer::Composer;
/// use wasm_runtime_composer::layer::MetricsLayer;
///
/// let mut composer = Composer::new();
/// composer.with_layer(MetricsLayer::new());
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct MetricsLayer {}

impl MetricsLayer {
    /// Describes the metrics to the recorder that is installed now. A recorder that is installed
    /// later gets the metrics without descriptions.
    pub fn new() -> Self {
        describe_counter!(CALLS, Unit::Count, "Calls of components that have ended");
        describe_histogram!(TIME, Unit::Seconds, "How long calls of components took");
        Self {}
    }
}

layers!(MetricsLayer);

impl Intercept for MetricsLayer {
    fn intercept(&self, call: Call, next: Next) -> LayerFuture {
        let mut measured = Measured {
            consumer: call.consumer().unwrap_or_default().to_owned(),
            provider: call.provider().to_owned(),
            function: call.name().to_owned(),
            since: Instant::now(),
            outcome: "abandoned",
        };
        Box::pin(async move {
            let answer = next.call(call).await;
            measured.note(&answer);
            answer
        })
    }
}

/// Reports a call when it is dropped, whatever its outcome.
struct Measured {
    consumer: String,
    provider: String,
    function: String,
    since: Instant,
    outcome: &'static str,
}

impl Measured {
    fn note(&mut self, answer: &Result<Returned, CompositionError>) {
        self.outcome = match answer {
            Ok(returned) if returned.is_err() => "err",
            Ok(_) => "ok",
            Err(_) => "failed",
        };
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let time = self.since.elapsed();
        let labels = [
            ("consumer", std::mem::take(&mut self.consumer)),
            ("provider", std::mem::take(&mut self.provider)),
            ("function", std::mem::take(&mut self.function)),
        ];
        histogram!(TIME, &labels).record(time);
        let [consumer, provider, function] = labels;
        let labels = [consumer, provider, function, ("outcome", self.outcome.to_owned())];
        counter!(CALLS, &labels).increment(1);
    }
}
