//! A call that its caller may cancel and still wait for: cancelling asks the callee, which answers as it likes.

use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use crate::sync::lock;

/// What both sides of a call know of its being cancelled.
pub(crate) struct Cancel(Mutex<CancelState>);

struct CancelState {
    stage: Stage,
    /// Of those who wait for the next stage.
    wakers: Vec<Waker>,
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
        Self(Mutex::new(CancelState { stage: Stage::Queued, wakers: Vec::new() }))
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

    /// Waits until the call is cancelled, or over.
    pub(crate) fn poll_asked(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, |stage| matches!(stage, Stage::Asked | Stage::Over))
    }

    /// Waits until the call is over.
    pub(crate) fn poll_over(&self, cx: &Context<'_>) -> Poll<()> {
        self.poll(cx, |stage| stage == Stage::Over)
    }

    fn advance(&self, next: impl FnOnce(Stage) -> Stage) {
        let mut inner = lock(&self.0);
        inner.stage = next(inner.stage);
        let wakers = std::mem::take(&mut inner.wakers);
        drop(inner);
        // The lock is gone: a task that is woken may ask at once.
        wakers.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, cx: &Context<'_>, is_due: impl FnOnce(Stage) -> bool) -> Poll<()> {
        let mut inner = lock(&self.0);
        if is_due(inner.stage) {
            return Poll::Ready(());
        }
        if !inner.wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
            inner.wakers.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
