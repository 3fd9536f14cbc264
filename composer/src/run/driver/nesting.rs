//! Whether a guest runs below on this thread's stack.
//!
//! A host function that calls a component stands on the stack of the guest that called it, which may have
//! little left. What it calls must not take its stack from there too.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;

thread_local! {
    static GUESTS: Cell<usize> = const { Cell::new(0) };
}

/// A guest that may be running, until this is dropped.
pub(super) struct Guest(());

impl Guest {
    #[inline]
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
    #[inline]
    fn drop(&mut self) {
        GUESTS.set(GUESTS.get() - 1);
    }
}

/// Runs what guests run in. It is pinned already: what is moved into an async function takes its room twice.
pub(crate) fn with_guests<F>(mut future: F) -> impl Future<Output = F::Output>
where
    F: Future + Unpin,
{
    poll_fn(move |cx| {
        let _guest = Guest::enter();
        Pin::new(&mut future).poll(cx)
    })
}
