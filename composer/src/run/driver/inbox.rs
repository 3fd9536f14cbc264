//! What a driver is to do, in its order.

use crate::sync::lock;
use std::collections::VecDeque;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};

use tokio::task::coop;

/// A queue that anybody puts items into and one task waits for. Others may take items out of it as well,
/// to hand them over.
///
/// Those who put items take turns: of each that has some here, one is taken after the other. What one of them puts
/// stays in its order.
pub(super) struct Inbox<I> {
    queue: Mutex<Queue<I>>,
    len: AtomicUsize,
    /// Who waits, by the data of the waker, or null. Changed under the lock; whoever finds himself here
    /// need not lock to know that nothing has happened.
    waits: AtomicPtr<()>,
}

/// What can be put into an [`Inbox`].
pub(super) trait Queued {
    /// The number of who puts it; those of one number stay in their order.
    fn sender(&self) -> usize {
        0
    }

    /// Whether it is taken after all that was put before it, and before all that is put after it.
    fn is_last(&self) -> bool {
        false
    }

    /// Whether it may be taken while others are left, also those that its sender put before it.
    fn passes(&self) -> bool {
        false
    }
}

struct Queue<I> {
    /// Whose turn it is. Empty only where `others` has no lanes.
    first: Lane<I>,
    /// Hardly ever there: most have one sender at a time. So what all use is small, and near together.
    others: Option<Box<Others<I>>>,
    len: usize,
    /// How many may be taken while others are left.
    passing: usize,
    waiting: Option<Waker>,
    closed: bool,
}

struct Lane<I> {
    sender: usize,
    items: VecDeque<I>,
}

/// What comes after the first lane.
struct Others<I> {
    /// In the order of their turns, none of them empty. With few senders at a time, looking through them is quick.
    lanes: VecDeque<Lane<I>>,
    /// The first item that is the last, and all that was put behind it.
    behind: VecDeque<I>,
}

impl<I> Default for Others<I> {
    fn default() -> Self {
        Self { lanes: VecDeque::new(), behind: VecDeque::new() }
    }
}

impl<I: Queued> Queue<I> {
    fn push(&mut self, item: I) {
        self.len += 1;
        self.passing += usize::from(item.passes());
        self.push_uncounted(item);
    }

    fn push_uncounted(&mut self, item: I) {
        if item.is_last() || self.others.as_ref().is_some_and(|others| !others.behind.is_empty()) {
            self.others.get_or_insert_default().behind.push_back(item);
            return;
        }
        let sender = item.sender();
        if self.first.items.is_empty() {
            self.first.sender = sender;
        }
        if self.first.sender == sender {
            self.first.items.push_back(item);
            return;
        }
        let lanes = &mut self.others.get_or_insert_default().lanes;
        match lanes.iter_mut().find(|lane| lane.sender == sender) {
            Some(lane) => lane.items.push_back(item),
            None => lanes.push_back(Lane { sender, items: VecDeque::from([item]) }),
        }
    }

    fn pop(&mut self) -> Option<I> {
        let item = match &self.others {
            None => self.first.items.pop_front()?,
            Some(_) => self.pop_among_others()?,
        };
        if self.first.items.is_empty() && self.first.items.capacity() > KEPT {
            self.first.items = VecDeque::new();
        }
        self.len -= 1;
        self.passing -= usize::from(item.passes());
        Some(item)
    }

    fn pop_among_others(&mut self) -> Option<I> {
        let item = self.first.items.pop_front();
        if item.is_some() {
            self.next_turn();
            return item;
        }
        let mut others = self.others.take()?;
        let last = others.behind.pop_front();
        for item in others.behind {
            self.push_uncounted(item);
        }
        last
    }

    /// Lets the first lane go behind the others, or away if nothing is left in it.
    fn next_turn(&mut self) {
        let Some(others) = &mut self.others else { return };
        if let Some(next) = others.lanes.pop_front() {
            let former = std::mem::replace(&mut self.first, next);
            if !former.items.is_empty() {
                others.lanes.push_back(former);
            }
        }
        if others.lanes.is_empty() && others.behind.is_empty() {
            self.others = None;
        }
    }

    /// The first that may be taken while others are left. Nothing passes what is the last.
    #[cfg(feature = "component-model-async")]
    fn pop_passing(&mut self) -> Option<I> {
        if self.passing == 0 {
            return None;
        }
        let item = self.lanes_mut().find_map(|lane| {
            let place = lane.items.iter().position(Queued::passes)?;
            lane.items.remove(place)
        })?;
        self.tidy();
        self.len -= 1;
        self.passing -= 1;
        Some(item)
    }

    fn lanes_mut(&mut self) -> impl Iterator<Item = &mut Lane<I>> {
        let others = self.others.iter_mut().flat_map(|others| &mut others.lanes);
        std::iter::once(&mut self.first).chain(others)
    }

    /// Takes lanes away that were emptied.
    fn tidy(&mut self) {
        if let Some(others) = &mut self.others {
            others.lanes.retain(|lane| !lane.items.is_empty());
            if self.first.items.is_empty() {
                self.next_turn();
            }
        }
    }
}

impl<I: Queued> Inbox<I> {
    pub(super) fn new() -> Self {
        let queue = Queue {
            first: Lane { sender: 0, items: VecDeque::new() },
            others: None,
            len: 0,
            passing: 0,
            waiting: None,
            closed: false,
        };
        let waits = AtomicPtr::new(ptr::null_mut());
        Self { queue: Mutex::new(queue), len: AtomicUsize::new(0), waits }
    }

    fn queue(&self) -> MutexGuard<'_, Queue<I>> {
        lock(&self.queue)
    }

    /// Puts an item behind the others of its sender; gives it back when the queue is closed.
    pub(super) fn put(&self, item: I) -> Result<(), I> {
        let mut queue = self.queue();
        if queue.closed {
            return Err(item);
        }
        queue.push(item);
        self.len.store(queue.len, Ordering::Release);
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

    /// Waits for the next item that may be taken while others are left; `None` when the queue is closed and empty.
    #[cfg(feature = "component-model-async")]
    pub(super) fn poll_take_passing(&self, cx: &mut Context<'_>) -> Poll<Option<I>> {
        let budget = ready!(coop::poll_proceed(cx));
        let mut queue = self.queue();
        if let Some(item) = queue.pop_passing() {
            self.len.store(queue.len, Ordering::Release);
            budget.made_progress();
            return Poll::Ready(Some(item));
        }
        if queue.closed && queue.len == 0 {
            return Poll::Ready(None);
        }
        // More items are there: wake the task that waits for them.
        queue.waiting = Some(cx.waker().clone());
        self.waits.store(ptr::null_mut(), Ordering::Release);
        Poll::Pending
    }

    /// The next item, if there is one.
    pub(super) fn try_take(&self) -> Option<I> {
        self.pop(&mut self.queue())
    }

    fn pop(&self, queue: &mut Queue<I>) -> Option<I> {
        let item = queue.pop()?;
        self.len.store(queue.len, Ordering::Release);
        Some(item)
    }

    /// Takes out the items for which `pick` holds.
    pub(super) fn take_all(&self, mut pick: impl FnMut(&I) -> bool) -> Vec<I> {
        let mut queue = self.queue();
        let mut all = Vec::with_capacity(queue.len);
        queue.lanes_mut().for_each(|lane| take(&mut lane.items, &mut pick, &mut all));
        if let Some(others) = &mut queue.others {
            take(&mut others.behind, &mut pick, &mut all);
        }
        queue.tidy();
        queue.passing -= all.iter().filter(|it| it.passes()).count();
        queue.len -= all.len();
        self.len.store(queue.len, Ordering::Release);
        all
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

/// Moves the items for which `pick` holds.
fn take<I>(items: &mut VecDeque<I>, pick: &mut impl FnMut(&I) -> bool, taken: &mut Vec<I>) {
    let (picked, left): (VecDeque<I>, _) = std::mem::take(items).into_iter().partition(pick);
    taken.extend(picked);
    *items = left;
}

/// The room for items that an empty queue keeps.
const KEPT: usize = 64;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::{Inbox, Queued};

    /// Who sent it, and the number of the item.
    impl Queued for (usize, usize) {
        fn passes(&self) -> bool {
            self.1 == PASSES
        }

        fn sender(&self) -> usize {
            self.0
        }

        fn is_last(&self) -> bool {
            self.1 == LAST
        }
    }

    const LAST: usize = usize::MAX;
    const PASSES: usize = 100;

    impl Queued for u32 {}

    fn rest(inbox: &Inbox<(usize, usize)>) -> Vec<(usize, usize)> {
        std::iter::from_fn(|| inbox.try_take()).collect()
    }

    #[test]
    fn senders_take_turns() {
        let inbox = Inbox::new();
        for item in [(1, 0), (1, 1), (1, 2), (2, 0), (3, 0), (2, 1)] {
            inbox.put(item).unwrap();
        }
        assert_eq!(rest(&inbox), [(1, 0), (2, 0), (3, 0), (1, 1), (2, 1), (1, 2)]);
        assert!(inbox.is_empty());
    }

    #[test]
    fn flood_of_one_sender_delays_another_by_one() {
        let inbox = Inbox::new();
        (0..1000).for_each(|n| inbox.put((1, n)).unwrap());
        assert_eq!(inbox.try_take(), Some((1, 0)));
        inbox.put((2, 0)).unwrap();
        assert_eq!(inbox.try_take(), Some((1, 1)));
        assert_eq!(inbox.try_take(), Some((2, 0)));
        assert_eq!(rest(&inbox).len(), 998);
    }

    #[test]
    fn last_is_taken_after_what_was_before_it_and_before_what_comes_after() {
        let inbox = Inbox::new();
        for item in [(1, 0), (1, 1), (2, 0), (0, LAST), (3, 0), (0, LAST), (1, 2)] {
            inbox.put(item).unwrap();
        }
        let all = [(1, 0), (2, 0), (1, 1), (0, LAST), (3, 0), (0, LAST), (1, 2)];
        assert_eq!(rest(&inbox), all);
        assert!(inbox.is_empty());
    }

    #[cfg(feature = "component-model-async")]
    #[test]
    fn what_passes_is_taken_out_of_what_is_left() {
        let inbox = Inbox::new();
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut passing = || inbox.poll_take_passing(&mut cx);
        assert!(passing().is_pending());
        for item in [(1, 0), (1, PASSES), (2, 1), (2, PASSES), (0, LAST), (3, PASSES)] {
            inbox.put(item).unwrap();
        }
        for item in [(1, PASSES), (2, PASSES)] {
            assert_eq!(passing(), std::task::Poll::Ready(Some(item)));
        }
        // Nothing passes what is the last.
        assert!(passing().is_pending());
        assert_eq!(inbox.try_take(), Some((1, 0)));
        assert_eq!(rest(&inbox), [(2, 1), (0, LAST), (3, PASSES)]);
        inbox.close();
        assert_eq!(passing(), std::task::Poll::Ready(None));
    }

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
        (0..6_u32).for_each(|n| inbox.put(n).unwrap());
        assert_eq!(inbox.take_all(|n| n % 2 == 1), [1, 3, 5]);
        assert_eq!(std::iter::from_fn(|| inbox.try_take()).collect::<Vec<_>>(), [0, 2, 4]);
        assert!(inbox.is_empty());
    }

    #[test]
    fn closed_inbox_keeps_what_it_has_and_takes_nothing() {
        let inbox = Inbox::new();
        inbox.put(1_u32).unwrap();
        inbox.close();
        assert_eq!(inbox.put(2), Err(2));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert_eq!(inbox.poll_take(&mut cx), std::task::Poll::Ready(Some(1)));
        assert_eq!(inbox.poll_take(&mut cx), std::task::Poll::Ready(None));
        assert_eq!(inbox.try_take(), None);
    }
}
