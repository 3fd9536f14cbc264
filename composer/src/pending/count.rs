//! Numbers that can be waited for.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// A number of which others can wait until it is zero. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Gauge(Arc<Counter>);

#[derive(Default)]
struct Counter {
    count: AtomicUsize,
    /// How many tasks wait for zero. Both orders of events are safe: either the last guard sees a
    /// waiting task and notifies it, or the task sees that the number is zero.
    waiting: AtomicUsize,
    zero: Notify,
}

impl Gauge {
    pub(crate) fn get(&self) -> usize {
        self.0.count.load(Ordering::SeqCst)
    }

    pub(crate) fn enter(&self) -> GaugeGuard {
        self.0.count.fetch_add(1, Ordering::Relaxed);
        GaugeGuard(self.clone())
    }

    /// Waits until the number is zero.
    pub(crate) async fn zero(&self) {
        self.0.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = AwaitsZero(&self.0.waiting);
        loop {
            let mut zero = pin!(self.0.zero.notified());
            // The task is registered before it looks at the number, so that no notification is
            // missed.
            zero.as_mut().enable();
            if self.get() == 0 {
                return;
            }
            zero.await;
        }
    }
}

/// A task that waits for a [`Gauge`] to be zero.
struct AwaitsZero<'a>(&'a AtomicUsize);

impl Drop for AwaitsZero<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One unit of a [`Gauge`], until it is dropped.
pub(crate) struct GaugeGuard(Gauge);

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        let Counter { count, waiting, zero } = &*self.0.0;
        if count.fetch_sub(1, Ordering::SeqCst) == 1 && waiting.load(Ordering::SeqCst) > 0 {
            zero.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::Gauge;

    #[test]
    fn whoever_waits_for_zero_finds_it_however_it_comes() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for _ in 0..200 {
            let count = Gauge::default();
            // Zero is reached again and again, by several threads, and remains at the end.
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    let first = count.enter();
                    let count = count.clone();
                    thread::spawn(move || {
                        drop(first);
                        (0..50).for_each(|_| drop(count.enter()));
                    })
                })
                .collect();
            let zero = async { timeout(Duration::from_secs(60), count.zero()).await };
            runtime.block_on(zero).expect("this hangs");
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            assert_eq!(count.get(), 0);
        }
    }
}
