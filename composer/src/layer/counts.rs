//! [`CountLayer`]: how often each component calls each other one.
//!
//! The outcome of a call is counted when its `CountedCall` is dropped, so calls that their callers
//! give up are counted as well.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use super::call::Call;
use super::intercept::{Intercept, layers};
use super::service::{LayerFuture, Next};
use crate::sync::lock;

/// A layer that counts calls, by consumer, provider and export.
///
/// Clones share their counts: add one to the composition and keep another to read them.
///
/// # Examples
///
/// ```
/// # use wasm_runtime_composer::{ComposableDescriptor, Composer, CompositionError, HostInterface};
/// use wasm_runtime_composer::layer::CountLayer;
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), CompositionError> {
/// # let clock = HostInterface::root().func_wrap("now", || 0u64);
/// let counts = CountLayer::new();
/// let mut composer = Composer::new();
/// composer.add(ComposableDescriptor::new("clock", clock));
/// composer.with_layer(counts.clone());
/// let composition = composer.compose().await?;
///
/// composition.typed::<(), u64>(None, "now")?.call(()).await?;
/// let edges = counts.edges();
/// assert_eq!((edges[0].consumer.as_deref(), &*edges[0].provider), (None, "clock"));
/// assert_eq!((edges[0].calls, edges[0].failures), (1, 0));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct CountLayer {
    edges: Arc<Mutex<BTreeMap<EdgeKey, EdgeCounts>>>,
}

/// Consumer, provider and export of a call.
type EdgeKey = (Option<String>, String, String);

/// The calls along one edge of a composition.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EdgeCounts {
    /// The component that made the calls; `None` for calls from Rust.
    pub consumer: Option<String>,
    /// The component that they went to.
    pub provider: String,
    /// The provider's export: the interface of the functions that were called, or a function at the
    /// root.
    pub export: String,
    /// How many calls have ended, successfully or not.
    pub calls: u64,
    /// How many of them failed, or returned the `err` case of a `result`.
    pub failures: u64,
    /// How many were given up by their callers.
    pub abandoned: u64,
    /// How many are in progress.
    pub running: u64,
    /// The total duration of the calls that have ended.
    pub time: Duration,
}

impl CountLayer {
    /// Creates empty counts.
    pub fn new() -> Self {
        Self::default()
    }

    /// The counts so far, sorted by consumer, provider and export.
    pub fn edges(&self) -> Vec<EdgeCounts> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<EdgeKey, EdgeCounts>> {
        lock(&self.edges)
    }
}

layers!(CountLayer);

impl Intercept for CountLayer {
    fn intercept(&self, call: Call, next: Next) -> LayerFuture {
        let counts = self.clone();
        Box::pin(async move {
            let mut counted = CountedCall::new(counts, &call);
            let answer = next.call(call).await;
            counted.failed = Some(match &answer {
                Ok(returned) => returned.is_err(),
                Err(_) => true,
            });
            answer
        })
    }
}

/// A call in progress. Dropping it counts the call's end.
struct CountedCall {
    counts: CountLayer,
    edge: EdgeKey,
    since: Instant,
    /// Whether the call failed; `None` until it has an outcome, so that a drop before counts as
    /// abandoned.
    failed: Option<bool>,
}

impl CountedCall {
    fn new(counts: CountLayer, call: &Call) -> Self {
        let own = |text: &str| text.to_owned();
        let (consumer, provider) = (call.consumer().map(own), call.provider().to_owned());
        let export = call.interface().unwrap_or_else(|| call.function()).to_owned();
        let edge = (consumer.clone(), provider.clone(), export.clone());
        counts
            .lock()
            .entry(edge.clone())
            .or_insert_with(|| EdgeCounts {
                consumer,
                provider,
                export,
                calls: 0,
                failures: 0,
                abandoned: 0,
                running: 0,
                time: Duration::ZERO,
            })
            .running += 1;
        Self { counts, edge, since: Instant::now(), failed: None }
    }
}

impl Drop for CountedCall {
    fn drop(&mut self) {
        if let Some(counts) = self.counts.lock().get_mut(&self.edge) {
            counts.running -= 1;
            counts.calls += 1;
            counts.failures += u64::from(self.failed == Some(true));
            counts.abandoned += u64::from(self.failed.is_none());
            counts.time += self.since.elapsed();
        }
    }
}
