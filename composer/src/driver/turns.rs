//! Watches a store's event loop from outside and from inside.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use crate::error::RunLimit;

/// Counts how often a store's event loop is polled, and how often in a row without its coming round.
///
/// wasmtime's `run_concurrent` gives way to the executor when no work is ready in the store, or
/// when the one item that it works on waits. So from one turn to the next it has emptied its queue,
/// or has worked on at least one item of it. A guest that computes, on an engine that interrupts
/// it, gives way at every tick of the epoch, and meanwhile the loop does not come round.
#[derive(Default)]
pub(super) struct Turns {
    polls: AtomicUsize,
    /// Polls since the loop came round.
    held: AtomicUsize,
}

impl Turns {
    /// Runs `event_loop`, which is pinned already, and counts its turns. Gives it up when it was held for
    /// more than `limit` of them in a row.
    pub(super) fn count<F>(
        &self,
        limit: Option<u32>,
        mut event_loop: F,
    ) -> impl Future<Output = wasmtime::Result<F::Output>>
    where
        F: Future + Unpin,
    {
        std::future::poll_fn(move |cx| {
            let held = self.held.load(Ordering::Relaxed);
            // One task counts.
            self.polls.store(self.polls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            self.held.store(held + 1, Ordering::Relaxed);
            if let Some(ticks) = limit
                && held > ticks as usize
            {
                return Poll::Ready(Err(wasmtime::Error::new(RunLimit { ticks })));
            }
            Pin::new(&mut event_loop).poll(cx).map(Ok)
        })
    }

    /// Runs the part of the loop that is polled whenever it comes round.
    #[cfg(feature = "component-model-async")]
    pub(super) fn come_round<F>(&self, mut inside: F) -> impl Future<Output = F::Output>
    where
        F: Future + Unpin,
    {
        std::future::poll_fn(move |cx| {
            self.held.store(0, Ordering::Relaxed);
            Pin::new(&mut inside).poll(cx)
        })
    }

    /// How often the event loop was polled.
    #[cfg(feature = "component-model-async")]
    pub(super) fn passed(&self) -> usize {
        self.polls.load(Ordering::Relaxed)
    }

    /// Waits, inside the event loop, until it has been polled `n` more times.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn pass(&self, n: usize) {
        let end = self.polls.load(Ordering::Relaxed) + n;
        std::future::poll_fn(|cx| {
            if self.polls.load(Ordering::Relaxed) >= end {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
