//! What ends while the event loop of its store is polled: streams, and bodies of HTTP messages.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::error::StreamLost;
use crate::sync::lock;

/// What ended while the store's event loop was polled: whether it has ended, or is lost with the store, is known when
/// that is over.
#[derive(Default)]
pub(crate) struct Endings {
    /// Whether the event loop is polled ([`POLLED`]), and something ended ([`ENDED`]). Others may drop streams of
    /// the store at the same time: [`ENDED`] is set under the lock of `waiting`.
    state: AtomicU8,
    waiting: Mutex<Vec<Tell>>,
    /// Whether the store is about to be dropped, as the event loop or a call has failed. By the event loop it is set
    /// while the state is [`POLLED`].
    failed: AtomicBool,
}

/// Tells someone how something has ended.
type Tell = Box<dyn FnOnce(Result<(), StreamLost>) + Send>;

const POLLED: u8 = 1;
const ENDED: u8 = 2;

impl Endings {
    /// Polls the event loop. `fails` tells whether it is to be polled no more, as it failed.
    pub(crate) fn polled<R>(
        &self,
        poll: impl FnOnce() -> R,
        fails: impl FnOnce(&R) -> bool,
        lost: impl Fn() -> StreamLost,
    ) -> R {
        self.state.store(POLLED, Ordering::Relaxed);
        // A panic is a failure, too: no reader may wait for a stream of this store for ever.
        let _settles = Settles(|| {
            if self.state.load(Ordering::Relaxed) != 0 {
                self.fail();
                self.settle(|| Err(lost()));
            }
        });
        let polled = poll();
        if !fails(&polled) {
            self.settle(|| Ok(()));
        }
        polled
    }

    /// Notes that the store is about to be dropped.
    pub(super) fn fail(&self) {
        self.failed.store(true, Ordering::Release);
    }

    /// Says of what is there how it ended, and of what comes later nothing.
    fn settle(&self, end: impl FnOnce() -> Result<(), StreamLost>) {
        // The driver alone polls the store.
        if self.state.load(Ordering::Relaxed) != 0 && self.state.swap(0, Ordering::AcqRel) == ENDED
        {
            let ended = std::mem::take(&mut *lock(&self.waiting));
            let end = end();
            ended.into_iter().for_each(|tell| tell(end.clone()));
        }
    }

    /// Has something end: at once, or when it is known how.
    #[cfg_attr(
        not(any(feature = "http", all(feature = "codec", feature = "component-model-async"))),
        expect(dead_code, reason = "nothing is read out of a store")
    )]
    pub(super) fn end(&self, tell: impl FnOnce(Result<(), StreamLost>) + Send + 'static) {
        let mut waiting = lock(&self.waiting);
        let is_polled = |state| (state != 0).then_some(ENDED);
        if self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, is_polled).is_ok() {
            waiting.push(Box::new(tell));
            return;
        }
        drop(waiting);
        tell(Ok(()));
    }

    #[cfg(feature = "http")]
    pub(super) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Notes that there is another store; of the one before it is known by its number that it is lost.
    pub(super) fn renew(&self) {
        self.failed.store(false, Ordering::Release);
    }
}

/// Does something when it is dropped.
struct Settles<F: Fn()>(F);

impl<F: Fn()> Drop for Settles<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
