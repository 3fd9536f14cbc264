//! Streams that end while the event loop of their store is polled.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use crate::error::StreamLost;
use crate::sync::lock;
use crate::value::WriteEnd;

/// Streams that ended unwritten while the store's event loop was polled: whether they have ended, or are lost with
/// the store, is known when that is over.
#[derive(Default)]
pub(crate) struct Endings {
    /// Whether the event loop is polled ([`POLLED`]), and there are streams ([`ENDED`]). Others may drop streams of
    /// the store at the same time: [`ENDED`] is set under the lock of `streams`.
    state: AtomicU8,
    streams: Mutex<Vec<Arc<WriteEnd>>>,
}

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
        let _settles = Settles(|| self.settle(|| Err(lost())));
        let polled = poll();
        if !fails(&polled) {
            self.settle(|| Ok(()));
        }
        polled
    }

    /// Says of the streams that are there how they ended, and of later ones nothing.
    fn settle(&self, end: impl FnOnce() -> Result<(), StreamLost>) {
        // The driver alone polls the store.
        if self.state.load(Ordering::Relaxed) != 0 && self.state.swap(0, Ordering::Acquire) == ENDED
        {
            let ended = std::mem::take(&mut *lock(&self.streams));
            let end = end();
            ended.iter().for_each(|it| it.end(end.clone()));
        }
    }

    pub(super) fn end(&self, stream: &Arc<WriteEnd>) {
        let mut streams = lock(&self.streams);
        let is_polled = |state| (state != 0).then_some(ENDED);
        if self.state.fetch_update(Ordering::Release, Ordering::Relaxed, is_polled).is_ok() {
            streams.push(stream.clone());
            return;
        }
        drop(streams);
        stream.end(Ok(()));
    }
}

/// Does something when it is dropped.
struct Settles<F: Fn()>(F);

impl<F: Fn()> Drop for Settles<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
