//! A call that its caller may cancel and still wait for: cancelling asks the callee, which answers as it likes.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::sync::lock;

/// What both sides of a call know of its being cancelled.
pub(crate) struct Cancel(Mutex<CancelState>);

struct CancelState {
    stage: Stage,
    /// Of those who wait for a stage, one for each `Waiter`.
    wakers: [Option<Waker>; 3],
}

/// Who waits for a stage of a call. Each is one task at a time: the waker of the last poll counts.
#[derive(Clone, Copy)]
pub(crate) enum Waiter {
    Callee,
    Caller,
    /// What the caller's companion asks to cancel the call, which it does once.
    Canceller,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No guest has the call.
    Queued,
    Begun,
    /// It has begun, and the callee is to be told that it is cancelled.
    Asked,
    /// The caller has been answered, or waits no more. What has not begun is not to.
    Over,
}

impl Cancel {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(CancelState { stage: Stage::Queued, wakers: [const { None }; 3] }))
    }

    /// Whether a callee may begin the call, which it does then.
    pub(crate) fn begins(&self) -> bool {
        let mut inner = lock(&self.0);
        if inner.stage == Stage::Queued {
            inner.stage = Stage::Begun;
        }
        inner.stage != Stage::Over
    }

    /// Cancels the call. One that has not begun is over with that.
    pub(crate) fn ask(&self) {
        self.advance(|stage| match stage {
            Stage::Queued => Stage::Over,
            Stage::Begun => Stage::Asked,
            Stage::Asked | Stage::Over => stage,
        });
    }

    /// Notes that the caller has been answered, or waits no more.
    pub(crate) fn end(&self) {
        self.advance(|_| Stage::Over);
    }

    /// Whether the call has begun and is cancelled.
    pub(crate) fn is_asked(&self) -> bool {
        lock(&self.0).stage == Stage::Asked
    }

    /// Waits until the call is cancelled, or over, as its callee.
    pub(crate) fn poll_asked(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, Waiter::Callee, |stage| matches!(stage, Stage::Asked | Stage::Over))
    }

    /// Waits until the call is over.
    pub(crate) fn poll_over(&self, cx: &Context<'_>, waiter: Waiter) -> Poll<()> {
        self.poll(cx, waiter, |stage| stage == Stage::Over)
    }

    fn advance(&self, next: impl FnOnce(Stage) -> Stage) {
        let mut inner = lock(&self.0);
        inner.stage = next(inner.stage);
        let wakers = std::mem::take(&mut inner.wakers);
        drop(inner);
        // The lock is gone: a task that is woken may ask at once.
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn poll(
        &self,
        cx: &Context<'_>,
        waiter: Waiter,
        is_due: impl FnOnce(Stage) -> bool,
    ) -> Poll<()> {
        let mut inner = lock(&self.0);
        if is_due(inner.stage) {
            return Poll::Ready(());
        }
        // One place for each of `Waiter`.
        let waker = &mut inner.wakers[waiter as usize];
        match waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_waiter_that_moves_leaves_no_waker_and_is_woken_where_it_is() {
        let cancel = Cancel::new();
        assert!(cancel.begins());
        let moved: Vec<Arc<Counter>> = (0..100).map(|_| Arc::default()).collect();
        for counter in &moved {
            let waker = counter.clone().into();
            let cx = Context::from_waker(&waker);
            assert!(cancel.poll_asked(&cx).is_pending());
            assert!(cancel.poll_over(&cx, Waiter::Caller).is_pending());
            assert!(cancel.poll_over(&cx, Waiter::Canceller).is_pending());
        }
        let held = |counter: &Arc<Counter>| Arc::strong_count(counter) - 1;
        assert_eq!(moved.iter().map(held).sum::<usize>(), 3);
        cancel.end();
        let woken = |counter: &Arc<Counter>| counter.0.load(Ordering::Relaxed);
        assert_eq!(moved.last().map(woken), Some(3));
        assert_eq!(moved.iter().map(woken).sum::<usize>(), 3);
    }
}
