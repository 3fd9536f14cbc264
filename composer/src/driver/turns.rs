//! Lets code inside a store's event loop wait until the loop has run dry.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

/// Counts how often an event loop is polled.
///
/// wasmtime's `run_concurrent` gives way to the executor when no work is ready in the store, or
/// when the one item that it works on waits. So from one turn to the next it has emptied its queue,
/// or has worked on at least one item of it.
#[derive(Default)]
pub(super) struct Turns(AtomicUsize);

impl Turns {
    /// Runs `event_loop` and counts its turns.
    pub(super) async fn count<F: Future>(&self, event_loop: F) -> F::Output {
        let mut event_loop = pin!(event_loop);
        std::future::poll_fn(|cx| {
            self.0.fetch_add(1, Ordering::Relaxed);
            event_loop.as_mut().poll(cx)
        })
        .await
    }

    /// Waits, inside the event loop, until it has been polled `n` more times.
    pub(super) async fn pass(&self, n: usize) {
        let end = self.0.load(Ordering::Relaxed) + n;
        std::future::poll_fn(|cx| {
            if self.0.load(Ordering::Relaxed) >= end {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}
