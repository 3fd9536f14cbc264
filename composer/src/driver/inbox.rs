//! What a driver is to do, in its order.

use std::collections::VecDeque;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::task::coop;

/// A queue that anybody puts items into and one task waits for. Others may take items out of it as well,
/// to hand them over.
pub(super) struct Inbox<I> {
    queue: Mutex<Queue<I>>,
    len: AtomicUsize,
    /// Who waits, by the data of the waker, or null. Changed under the lock; whoever finds himself here
    /// need not lock to know that nothing has happened.
    waits: AtomicPtr<()>,
}

struct Queue<I> {
    items: VecDeque<I>,
    waiting: Option<Waker>,
    closed: bool,
}

impl<I> Inbox<I> {
    pub(super) fn new() -> Self {
        let queue = Queue { items: VecDeque::new(), waiting: None, closed: false };
        let waits = AtomicPtr::new(ptr::null_mut());
        Self { queue: Mutex::new(queue), len: AtomicUsize::new(0), waits }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<I>> {
        // Nothing runs under this lock that could leave it half-changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item behind the others; gives it back when the queue is closed.
    pub(super) fn put(&self, item: I) -> Result<(), I> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(item);
        }
        queue.items.push_back(item);
        self.len.store(queue.items.len(), Ordering::Release);
        let waiting = queue.waiting.take();
        self.waits.store(ptr::null_mut(), Ordering::Release);
        drop(queue);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        Ok(())
    }

    /// Waits for the next item; `None` when the queue is closed and empty. A task that takes many items
    /// in a row gives way to others now and then.
    #[inline]
    pub(super) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Option<I>> {
        let me = cx.waker().data().cast_mut();
        // An event loop asks with every item of its work.
        if !me.is_null() && self.waits.load(Ordering::Acquire) == me {
            return Poll::Pending;
        }
        self.take_or_wait(cx, me)
    }

    fn take_or_wait(&self, cx: &mut Context<'_>, me: *mut ()) -> Poll<Option<I>> {
        let budget = ready!(coop::poll_proceed(cx));
        let mut queue = self.queue();
        match self.pop(&mut queue) {
            Some(item) => {
                budget.made_progress();
                Poll::Ready(Some(item))
            }
            None if queue.closed => Poll::Ready(None),
            None => {
                queue.waiting = Some(cx.waker().clone());
                self.waits.store(me, Ordering::Release);
                Poll::Pending
            }
        }
    }

    /// The next item, if there is one.
    pub(super) fn try_take(&self) -> Option<I> {
        self.pop(&mut self.queue())
    }

    fn pop(&self, queue: &mut Queue<I>) -> Option<I> {
        let item = queue.items.pop_front()?;
        self.len.store(queue.items.len(), Ordering::Release);
        if queue.items.is_empty() && queue.items.capacity() > KEPT {
            queue.items = VecDeque::new();
        }
        Some(item)
    }

    /// Takes out the items for which `pick` holds.
    pub(super) fn take_all(&self, mut pick: impl FnMut(&I) -> bool) -> Vec<I> {
        let mut queue = self.queue();
        let (taken, left) = std::mem::take(&mut queue.items).into_iter().partition(|it| pick(it));
        queue.items = left;
        self.len.store(queue.items.len(), Ordering::Release);
        let taken: VecDeque<I> = taken;
        taken.into()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    /// Takes no items any more; those that are there stay.
    pub(super) fn close(&self) {
        let mut queue = self.queue();
        queue.closed = true;
        let waiting = queue.waiting.take();
        self.waits.store(ptr::null_mut(), Ordering::Release);
        drop(queue);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

/// The room for items that an empty queue keeps.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::Inbox;

    #[test]
    fn items_of_each_sender_arrive_in_their_order() {
        const SENDERS: usize = 4;
        const EACH: usize = 2_000;
        let inbox = Arc::new(Inbox::new());
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let inbox = inbox.clone();
                thread::spawn(move || (0..EACH).for_each(|n| inbox.put((sender, n)).unwrap()))
            })
            .collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut next = [0; SENDERS];
        runtime.block_on(async {
            for _ in 0..SENDERS * EACH {
                let item = std::future::poll_fn(|cx| inbox.poll_take(cx));
                let item = tokio::time::timeout(std::time::Duration::from_secs(60), item).await;
                let (sender, n) = item.expect("this hangs").expect("it is open");
                assert_eq!(n, next[sender]);
                next[sender] += 1;
            }
        });
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        assert!(inbox.is_empty());
    }

    #[test]
    fn what_is_taken_out_of_the_middle_leaves_the_others_in_their_order() {
        let inbox = Inbox::new();
        (0..6).for_each(|n| inbox.put(n).unwrap());
        assert_eq!(inbox.take_all(|n| n % 2 == 1), [1, 3, 5]);
        assert_eq!(std::iter::from_fn(|| inbox.try_take()).collect::<Vec<_>>(), [0, 2, 4]);
        assert!(inbox.is_empty());
    }

    #[test]
    fn closed_inbox_keeps_what_it_has_and_takes_nothing() {
        let inbox = Inbox::new();
        inbox.put(1).unwrap();
        inbox.close();
        assert_eq!(inbox.put(2), Err(2));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert_eq!(inbox.poll_take(&mut cx), std::task::Poll::Ready(Some(1)));
        assert_eq!(inbox.poll_take(&mut cx), std::task::Poll::Ready(None));
        assert_eq!(inbox.try_take(), None);
    }
}
