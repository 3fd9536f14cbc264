//! What bounds the code of a component, beyond the deadlines that its callers have.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::time::{Sleep, sleep};

use super::loop_meter::{LoopMeter, RunLimited};
use crate::error::panicked;

/// How long code of a component may run, beside calls and in them.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// How many ticks of the epoch the guest may compute in a row.
    pub(crate) run_limit: Option<u32>,
    /// How long making the instance may take, with the start functions in it.
    pub(crate) start: Duration,
    /// How long a resource's destructor may take.
    pub(crate) destructor: Duration,
    /// How long a call that was given up, and work between calls, may go on.
    pub(crate) grace: Option<Duration>,
}

impl Bounds {
    /// Runs what makes an instance; nothing comes of it if it takes too long. A panic in it is an error.
    pub(crate) async fn starting<R>(
        self,
        instance: impl Future<Output = wasmtime::Result<R>>,
    ) -> Option<wasmtime::Result<R>> {
        let limit = self.run_limit.map(RunLimited::new);
        let loop_meter = LoopMeter::default();
        let instance = pin!(AssertUnwindSafe(instance).catch_unwind());
        let counted = pin!(loop_meter.count(limit.as_ref(), instance));
        let ended = within(self.start, counted).await?;
        Some(ended.and_then(|ended| ended.unwrap_or_else(|panic| Err(panicked(panic)))))
    }
}

/// A destructor took too long.
#[derive(Debug, thiserror::Error)]
#[error("a resource's destructor ran for longer than {0:?}")]
pub(super) struct DestructorLate(pub(super) Duration);

/// What `future` comes to; nothing if it has to wait, and that takes longer than `time`.
pub(super) async fn within<F>(time: Duration, mut future: F) -> Option<F::Output>
where
    F: Future + Unpin,
{
    // What need not wait needs no timer.
    let mut over: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => {
            let over = over.get_or_insert_with(|| Box::pin(sleep(time)));
            over.as_mut().poll(cx).map(|()| None)
        }
    })
    .await
}
