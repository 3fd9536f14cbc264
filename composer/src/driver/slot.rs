//! Where a store is while nothing runs in it, so that whoever calls can run it in place.
//!
//! A call to a store at rest needs no message and no change of task: the caller takes the store, runs
//! the call and puts the store back. What the caller cannot end by itself becomes the driver's: a call
//! that has to wait, and the end of a store that trapped. So there is one owner of the store at any
//! time, and all that the driver sees to (deadlines, limits, restarts, closing) stays with the driver.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use wasmtime::Store;

use super::calls::Calls;
use super::discard;
use super::handle::DriverHandle;
use super::message::{Answer, Call, Hears, Message};
use super::nesting::Guest;
use crate::error::{CompositionError, HostPanic};
use crate::value::Value;

/// The stack that host code may need when it is called in place.
pub(super) const HOST_STACK: usize = 256 * 1024;

/// What a caller sees of a slot, whatever the store's data is.
pub(super) trait InPlace: Send + Sync {
    /// Runs a call to its end, if the store is at rest, no message waits for it, and nothing that the
    /// guest calls can wait. Otherwise `args` stay as they are.
    fn run_leaf(
        &self,
        driver: &DriverHandle,
        func: usize,
        args: &mut Vec<Value>,
    ) -> Option<RanInPlace>;

    /// Runs a call up to its first wait, from where on the driver runs it, if the store is at rest and
    /// no message waits for it.
    #[expect(clippy::result_large_err, reason = "the caller has the call on its stack anyhow")]
    fn begin(&self, driver: &DriverHandle, call: Call) -> Result<(), Call>;

    /// Whether nothing that the guest calls can wait.
    fn is_leaf(&self) -> bool;
}

/// What a call came to that ran in place.
pub(crate) enum RanInPlace {
    Ended(Result<Option<Value>, CompositionError>),
    /// The guest trapped. The driver answers, when others can know it too.
    Trapped(Hears),
}

/// See the module.
pub(super) struct Slot<T: 'static> {
    state: Mutex<State<T>>,
}

struct State<T: 'static> {
    /// The store at rest. A caller who finds none, because the driver or another caller runs it, sends
    /// a message.
    resting: Option<AtRest<T>>,
    leaf: bool,
    left: Option<Left<T>>,
    /// Whether the driver waits for the store to come back.
    wanted: bool,
    driver: Option<Waker>,
    /// Whether the driver is gone. A store that comes back then is dropped.
    closed: bool,
}

/// A store in which nothing runs.
pub(super) struct AtRest<T: 'static> {
    pub(super) store: Store<T>,
    pub(super) calls: Arc<Calls>,
}

/// A call with the store that it runs in.
pub(super) type Begun<T> = Pin<Box<dyn Future<Output = (AtRest<T>, wasmtime::Result<()>)> + Send>>;

/// What a caller leaves to the driver.
enum Left<T: 'static> {
    Begun(Begun<T>),
    Failed(wasmtime::Error),
}

/// What a driver has to do next.
pub(super) enum Work<T: 'static> {
    /// A message, or none if the inbox is closed and empty.
    Message(Option<Message>, AtRest<T>),
    /// To run a call on that was begun in place.
    Begun(Begun<T>),
    /// A call in place has failed and taken the store with it; it is among the calls in flight.
    Failed(wasmtime::Error),
}

impl<T: Send + 'static> Slot<T> {
    pub(super) fn new() -> Arc<Self> {
        let state = State {
            resting: None,
            leaf: false,
            left: None,
            wanted: false,
            driver: None,
            closed: false,
        };
        Arc::new(Self { state: Mutex::new(state) })
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing runs under this lock that could leave it half-changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the store for a call in place.
    fn take(&self, driver: &DriverHandle, leaf_only: bool) -> Option<AtRest<T>> {
        let mut state = self.state();
        // What has been sent comes first.
        if state.wanted || leaf_only && !state.leaf || driver.has_messages() {
            return None;
        }
        state.resting.take()
    }

    /// Lets the store rest here.
    pub(super) fn put(&self, store: AtRest<T>) {
        let mut state = self.state();
        if state.closed {
            // Stores are not dropped under the lock.
            drop(state);
            discard(store);
            return;
        }
        state.leaf = store.calls.is_leaf();
        state.resting = Some(store);
        let waiting = if state.wanted { state.driver.take() } else { None };
        drop(state);
        if let Some(driver) = waiting {
            driver.wake();
        }
    }

    fn leave(&self, left: Left<T>) {
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
    pub(super) async fn work(&self, driver: &DriverHandle) -> Work<T> {
        std::future::poll_fn(|cx| {
            let mut state = self.state();
            if let Some(left) = state.left.take() {
                return Poll::Ready(match left {
                    Left::Begun(call) => Work::Begun(call),
                    Left::Failed(error) => Work::Failed(error),
                });
            }
            state.driver = Some(cx.waker().clone());
            state.wanted = state.resting.is_none();
            if state.wanted {
                return Poll::Pending;
            }
            // From the moment when the message is out of the inbox, nobody can overtake it.
            match driver.poll_receive(cx) {
                Poll::Ready(message) => match state.resting.take() {
                    Some(store) => Poll::Ready(Work::Message(message, store)),
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

impl<T: Send + 'static> InPlace for Slot<T> {
    fn run_leaf(
        &self,
        driver: &DriverHandle,
        func: usize,
        args: &mut Vec<Value>,
    ) -> Option<RanInPlace> {
        let _in_use = driver.watched().in_use();
        let AtRest { mut store, calls } = self.take(driver, true)?;
        let args = std::mem::take(args);
        let run = || {
            let _guest = Guest::enter();
            calls.run_leaf(&mut store, func, args)
        };
        let error = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(answer)) => {
                self.put(AtRest { store, calls });
                return Some(RanInPlace::Ended(match answer {
                    Answer::Returned(value) => Ok(value),
                    Answer::Failed(error) => Err(error),
                    Answer::Stopped { started } => Err(driver.unavailable(func, started)),
                    #[cfg(feature = "component-model-async")]
                    Answer::Cancelled => Err(driver.cancelled(func)),
                }));
            }
            Ok(Err(error)) => error,
            Err(panic) => panicked(panic),
        };
        let answer = calls.trapped(func);
        // The driver may make another store as soon as it knows.
        discard(store);
        self.leave(Left::Failed(error));
        Some(RanInPlace::Trapped(answer))
    }

    fn begin(&self, driver: &DriverHandle, call: Call) -> Result<(), Call> {
        let _in_use = driver.watched().in_use();
        let Some(AtRest { mut store, calls }) = self.take(driver, false) else { return Err(call) };
        let mut begun: Begun<T> = Box::pin(async move {
            let outcome = calls.run(&mut store, call).await;
            (AtRest { store, calls }, outcome)
        });
        // Whoever polls it next is the driver, which looks at once.
        let mut nobody = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let _guest = Guest::enter();
            begun.as_mut().poll(&mut nobody)
        }));
        match polled {
            Ok(Poll::Ready((store, Ok(())))) => self.put(store),
            Ok(Poll::Ready((store, Err(error)))) => {
                // The driver may make another store as soon as it knows.
                discard(store);
                self.leave(Left::Failed(error));
            }
            Ok(Poll::Pending) => self.leave(Left::Begun(begun)),
            Err(panic) => {
                discard(begun);
                self.leave(Left::Failed(panicked(panic)));
            }
        }
        Ok(())
    }

    fn is_leaf(&self) -> bool {
        self.state().leaf
    }
}

/// The error that a host function's panic is.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> wasmtime::Error {
    wasmtime::Error::new(HostPanic { message: panic_message(panic) })
}

/// What a panic says.
pub(crate) fn panic_message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "a value that is no text".to_owned(),
        },
    }
}
