//! Whether a guest runs below, on this thread, of whoever asks.
//!
//! A host function that calls a component stands on the stack of the guest that called it, which may have
//! little left. What it calls must not take its stack from there too.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;

thread_local! {
    static GUESTS: Cell<usize> = const { Cell::new(0) };
}

/// A guest that may be running, until this is dropped.
pub(super) struct Guest(());

impl Guest {
    pub(super) fn enter() -> Self {
        GUESTS.set(GUESTS.get() + 1);
        Self(())
    }

    /// Whether one runs on this thread.
    pub(super) fn is_running() -> bool {
        GUESTS.get() > 0
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        GUESTS.set(GUESTS.get() - 1);
    }
}

/// Runs what guests run in.
pub(crate) async fn with_guests<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let _guest = Guest::enter();
        future.as_mut().poll(cx)
    })
    .await
}
