//! Where a store is while nothing runs in it, so that a caller can run it in place.
//!
//! A call to a store at rest needs no message and no change of task: the caller takes the store, runs
//! the call and puts the store back. What the caller cannot end by itself becomes the driver's: a call
//! that has to wait, and the end of a store that trapped. So there is one owner of the store at any
//! time, and all that the driver sees to (deadlines, limits, restarts, closing) stays with the driver.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use wasmtime::Store;

use super::calls::Calls;
use super::handle::DriverHandle;
use super::in_place::{InPlace, RanInPlace};
use super::inbox::Inbox;
use super::message::{Call, Message};
use super::nesting::Guest;
use crate::error::{discard, panicked};
use crate::run::border::Border;
use crate::sync::lock;
use crate::value::Value;

/// Holds the store between calls, for whichever caller comes first and for the driver.
pub(super) struct IdleStore<T: 'static> {
    state: Mutex<IdleState<T>>,
}

struct IdleState<T: 'static> {
    /// The store at rest. A caller who finds none, because the driver or another caller runs it, sends
    /// a message.
    resting: Option<Idle<T>>,
    leaf: bool,
    left: Option<Handback<T>>,
    /// Whether the driver waits for the store to come back.
    wanted: bool,
    driver: Option<Waker>,
    /// Whether the driver is gone. A store that comes back then is dropped.
    closed: bool,
}

/// A store in which nothing runs.
pub(super) struct Idle<T: 'static> {
    pub(super) store: Store<T>,
    pub(super) calls: Arc<Calls>,
}

/// A call with the store that it runs in.
pub(super) type StartedCall<T> =
    Pin<Box<dyn Future<Output = (Idle<T>, wasmtime::Result<()>)> + Send>>;

/// What a caller leaves to the driver.
enum Handback<T: 'static> {
    Started(StartedCall<T>),
    Failed(wasmtime::Error),
}

/// What a driver has to do next.
pub(super) enum NextJob<T: 'static> {
    /// A message, or none if the inbox is closed and empty.
    Message(Option<Message>, Idle<T>),
    /// To run a call on that was begun in place.
    Started(StartedCall<T>),
    /// A call in place has failed and taken the store with it; it is among the calls in flight.
    Failed(wasmtime::Error),
}

impl<T: Send + 'static> IdleStore<T> {
    pub(super) fn new() -> Arc<Self> {
        let state = IdleState {
            resting: None,
            leaf: false,
            left: None,
            wanted: false,
            driver: None,
            closed: false,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, IdleState<T>> {
        lock(&self.state)
    }

    /// Takes the store for a call in place.
    fn take(&self, inbox: &Inbox<Message>, leaf_only: bool) -> Option<Idle<T>> {
        let mut state = self.state();
        // What has been sent comes first.
        if state.wanted || leaf_only && !state.leaf || !inbox.is_empty() {
            return None;
        }
        state.resting.take()
    }

    /// Lets the store rest here.
    pub(super) fn put(&self, store: Idle<T>) {
        let mut state = self.state();
        if state.closed {
            // Stores are not dropped under the lock.
            drop(state);
            discard(store);
            return;
        }
        state.leaf = store.calls.cannot_wait();
        state.resting = Some(store);
        let waiting = if state.wanted { state.driver.take() } else { None };
        drop(state);
        if let Some(driver) = waiting {
            driver.wake();
        }
    }

    fn leave(&self, left: Handback<T>) {
        let mut state = self.state();
        let unheard = if state.closed { Some(left) } else { state.left.replace(left) };
        let driver = state.driver.take();
        drop(state);
        discard(unheard);
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    /// Waits for the next thing that the driver has to do. Until then others may run the store.
    pub(super) async fn work(&self, driver: &DriverHandle) -> NextJob<T> {
        std::future::poll_fn(|cx| {
            let mut state = self.state();
            if let Some(left) = state.left.take() {
                return Poll::Ready(match left {
                    Handback::Started(call) => NextJob::Started(call),
                    Handback::Failed(error) => NextJob::Failed(error),
                });
            }
            state.driver = Some(cx.waker().clone());
            state.wanted = state.resting.is_none();
            if state.wanted {
                return Poll::Pending;
            }
            // The message is taken under the lock: no call in place can come between taking it and running it.
            match driver.poll_receive(cx) {
                Poll::Ready(message) => match state.resting.take() {
                    Some(store) => Poll::Ready(NextJob::Message(message, store)),
                    None => Poll::Pending,
                },
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Drops what is here: the driver goes on with another store.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        let (resting, left) = (state.resting.take(), state.left.take());
        drop(state);
        discard(resting);
        discard(left);
    }

    /// Drops the store, now or when it comes back.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.clear();
    }
}

/// Notes, if it is dropped before the call has finished, that the store is lost.
struct Unfinished<'a> {
    border: &'a Border,
    finished: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.border.fails();
        }
    }
}

impl<T: Send + 'static> InPlace for IdleStore<T> {
    fn run_to_end(
        &self,
        inbox: &Inbox<Message>,
        func: usize,
        args: &mut Vec<Value>,
    ) -> Option<RanInPlace> {
        let Idle { mut store, calls } = self.take(inbox, true)?;
        let args = std::mem::take(args);
        let run = || {
            let _guest = Guest::enter();
            calls.run_to_end(&mut store, func, args)
        };
        let error = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(answer)) => {
                self.put(Idle { store, calls });
                return Some(RanInPlace::Ended(answer));
            }
            Ok(Err(error)) => error,
            Err(panic) => panicked(panic),
        };
        calls.border.fails();
        let answer = calls.trapped(func);
        // The driver may make another store as soon as it knows.
        discard(store);
        self.leave(Handback::Failed(error));
        Some(RanInPlace::Trapped(answer))
    }

    fn begin(&self, inbox: &Inbox<Message>, call: Call) -> Result<(), Call> {
        let Some(Idle { mut store, calls }) = self.take(inbox, false) else { return Err(call) };
        let mut started: StartedCall<T> = Box::pin(async move {
            // The store is dropped with this future, and where the call fails.
            let mut unfinished = Unfinished { border: &calls.border, finished: false };
            let outcome = calls.run(&mut store, call).await;
            unfinished.finished = outcome.is_ok();
            drop(unfinished);
            (Idle { store, calls }, outcome)
        });
        // The waker does nothing: the driver polls it next, and does so at once.
        let mut nobody = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let _guest = Guest::enter();
            started.as_mut().poll(&mut nobody)
        }));
        match polled {
            Ok(Poll::Ready((store, Ok(())))) => self.put(store),
            Ok(Poll::Ready((store, Err(error)))) => {
                // The driver may make another store as soon as it knows.
                discard(store);
                self.leave(Handback::Failed(error));
            }
            Ok(Poll::Pending) => self.leave(Handback::Started(started)),
            Err(panic) => {
                discard(started);
                self.leave(Handback::Failed(panicked(panic)));
            }
        }
        Ok(())
    }

    fn cannot_wait(&self) -> bool {
        self.state().leaf
    }
}
