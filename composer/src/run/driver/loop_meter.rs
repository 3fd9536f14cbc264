//! Watches a store's event loop from outside and from inside.

use std::cell::Cell;
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::task::AtomicWaker;

use crate::error::RunLimit;

/// Counts how often a store's event loop is polled, and how often in a row it gave way without waiting and
/// without coming round.
///
/// wasmtime's `run_concurrent` gives way to the executor when no work is ready in the store, or
/// when the one item that it works on waits. So from one turn to the next it has emptied its queue,
/// or has worked on at least one item of it. A guest that computes, on an engine that interrupts
/// it, gives way at every tick of the epoch, and meanwhile the loop does not come round.
#[derive(Default)]
pub(super) struct LoopMeter {
    polls: AtomicUsize,
    /// Ticks since the loop came round, or waited.
    held: AtomicUsize,
}

impl LoopMeter {
    /// Runs `event_loop`, which is pinned already, and counts its turns. Gives it up when it was held for
    /// more than `limit` ticks in a row.
    pub(super) fn count<F>(
        &self,
        limit: Option<&RunLimited>,
        mut event_loop: F,
    ) -> impl Future<Output = wasmtime::Result<F::Output>>
    where
        F: Future + Unpin,
    {
        std::future::poll_fn(move |cx| {
            // One task counts.
            self.polls.store(self.polls.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
            let Some(limit) = limit else {
                return Pin::new(&mut event_loop).poll(cx).map(Ok);
            };
            let (polled, ticked) = limit.poll(cx, |cx| Pin::new(&mut event_loop).poll(cx));
            if polled.is_pending() {
                let held = if ticked { self.held.load(Ordering::Relaxed) + 1 } else { 0 };
                self.held.store(held, Ordering::Relaxed);
                if held > limit.ticks as usize {
                    let ticks = limit.ticks;
                    return Poll::Ready(Err(wasmtime::Error::new(RunLimit { ticks })));
                }
            }
            polled.map(Ok)
        })
    }

    /// Runs the part of the loop that is polled whenever it comes round.
    #[cfg(feature = "component-model-async")]
    pub(super) fn each_turn<F>(&self, mut inside: F) -> impl Future<Output = F::Output>
    where
        F: Future + Unpin,
    {
        std::future::poll_fn(move |cx| {
            self.held.store(0, Ordering::Relaxed);
            Pin::new(&mut inside).poll(cx)
        })
    }

    /// Waits, inside the event loop, until it has been polled `n` more times.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn wait_polls(&self, n: usize) {
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

/// A limit for what computes, and what tells a tick of the epoch from all else that has a task polled.
///
/// A guest that is interrupted wakes its own task before it gives way, while it is polled. Anything else that
/// wakes the task, a message or a timer that is over, does so from elsewhere.
pub(crate) struct RunLimited {
    ticks: u32,
    wakes: Arc<SelfWakes>,
    waker: Waker,
}

#[derive(Default)]
struct SelfWakes {
    task: AtomicWaker,
    /// Whether the task was woken by itself since it began to be polled.
    woken: AtomicBool,
}

thread_local! {
    /// The task that is being polled, if it has a limit.
    static POLLED: Cell<*const SelfWakes> = const { Cell::new(ptr::null()) };
}

impl RunLimited {
    pub(crate) fn new(ticks: u32) -> Self {
        let wakes = Arc::new(SelfWakes::default());
        Self { ticks, waker: wakes.clone().into(), wakes }
    }

    /// Polls, and tells whether what was polled has woken itself.
    fn poll<R>(&self, cx: &Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> R) -> (R, bool) {
        self.wakes.task.register(cx.waker());
        self.wakes.woken.store(false, Ordering::Relaxed);
        let polled = {
            let _polled = Polled(POLLED.replace(Arc::as_ptr(&self.wakes)));
            poll(&mut Context::from_waker(&self.waker))
        };
        (polled, self.wakes.woken.load(Ordering::Relaxed))
    }
}

/// The task that was polled before another, and is again when this is dropped.
struct Polled(*const SelfWakes);

impl Drop for Polled {
    fn drop(&mut self) {
        POLLED.set(self.0);
    }
}

impl Wake for SelfWakes {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if POLLED.get() == Arc::as_ptr(self) {
            self.woken.store(true, Ordering::Relaxed);
        }
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;

    use super::*;

    #[test]
    fn ticks_are_what_wakes_itself_and_nothing_else() {
        let limit = RunLimited::new(3);
        let loop_meter = LoopMeter::default();
        let mut nobody = Context::from_waker(Waker::noop());
        // Whether the next poll is a tick.
        let ticks = Cell::new(true);
        let computing = poll_fn(|cx| {
            if ticks.get() {
                cx.waker().wake_by_ref();
            }
            Poll::<()>::Pending
        });
        let mut counted = pin!(loop_meter.count(Some(&limit), computing));
        let mut pending = |times| {
            (0..times).all(|_| {
                limit.waker.wake_by_ref();
                counted.as_mut().poll(&mut nobody).is_pending()
            })
        };
        assert!(pending(3));
        // It waits, and is polled for others' sake.
        ticks.set(false);
        assert!(pending(100));
        ticks.set(true);
        assert!(pending(3));
        assert!(!pending(1));
    }
}
