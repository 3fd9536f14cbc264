//! How everybody else reaches a driver.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore, mpsc};

use super::message::{Answer, Call, Message, Reply, Ticket};
use crate::error::{CompositionError, StopReason};
use crate::events::{Change, Teller};
use crate::plan::item::Surface;
use crate::transfer::{Home, Released};
use crate::value::Value;

/// The address of a component that runs, or ran, in a store of its own.
pub(crate) struct DriverHandle {
    id: Arc<str>,
    surface: Arc<Surface>,
    inbox: mpsc::UnboundedSender<Message>,
    /// Room for calls in the inbox. Calls from Rust that find none wait for it in their order.
    ///
    /// Calls of other components never wait here: the store of one may be held by a later call, and
    /// then room given to the earlier would be taken by nobody, for ever. Those calls are bounded
    /// where they come from. Messages that release handles are as many as there are handles.
    room: Arc<Semaphore>,
    /// How many calls are in the inbox.
    depth: AtomicUsize,
    tickets: AtomicU64,
    /// Calls whose deadline has passed.
    expired: mpsc::UnboundedSender<Ticket>,
    /// Why the component's last store ended, while it may get another one.
    ended: Mutex<Option<StopReason>>,
    /// Told when the driver is asked to stop, for one that does not serve its inbox just now.
    pub(super) stop_wish: Notify,
    events: Teller,
    /// Set once, before the inbox closes and before anybody is answered with it.
    stopped: OnceLock<StopReason>,
    /// Tells a driver that was asked to stop not to wait for running calls any longer.
    pub(super) cut: Notify,
}

/// A driver's end of its inbox.
pub(crate) struct Inbox {
    pub(super) messages: mpsc::UnboundedReceiver<Message>,
    pub(super) expired: mpsc::UnboundedReceiver<Ticket>,
}

/// Who makes a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    Component,
    Rust,
}

/// Room for calls in an inbox whose descriptor says nothing else.
pub(crate) const DEFAULT_CAPACITY: usize = 1024;

impl DriverHandle {
    /// The two ends of a component's inbox, with room for `capacity` calls.
    pub(crate) fn pair(
        id: Arc<str>,
        surface: Arc<Surface>,
        capacity: usize,
        events: Teller,
    ) -> (Arc<Self>, Inbox) {
        let (inbox, messages) = mpsc::unbounded_channel();
        let (expired_sender, expired) = mpsc::unbounded_channel();
        let handle = Self {
            id,
            surface,
            inbox,
            room: Arc::new(Semaphore::new(capacity.min(Semaphore::MAX_PERMITS))),
            depth: AtomicUsize::new(0),
            tickets: AtomicU64::new(0),
            expired: expired_sender,
            ended: Mutex::new(None),
            stop_wish: Notify::new(),
            events,
            stopped: OnceLock::new(),
            cut: Notify::new(),
        };
        (Arc::new(handle), Inbox { messages, expired })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The name of an exported function, as `interface#function`.
    pub(crate) fn function_name(&self, func: usize) -> String {
        self.surface.funcs.get(func).map_or_else(String::new, |func| func.full_name())
    }

    /// How many calls wait in the inbox.
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// Notes that a call was taken out of the inbox.
    pub(super) fn taken(&self) {
        self.depth.fetch_sub(1, Ordering::Relaxed);
    }

    /// Calls an exported function, and waits for its answer no longer than `within`.
    ///
    /// The call is in the inbox when this future was first polled, if the inbox has room or a
    /// component makes it. Dropping it withdraws a call that has not started, and otherwise discards
    /// its result.
    pub(crate) async fn call(
        &self,
        func: usize,
        args: Vec<Value>,
        caller: Caller,
        within: Option<Duration>,
    ) -> Result<Option<Value>, CompositionError> {
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed);
        let call = self.ask(func, args, caller, ticket);
        let Some(within) = within else { return call.await };
        // The timer is on the caller's side, as the driver's store may be held.
        match tokio::time::timeout(within, call).await {
            Ok(answer) => answer,
            Err(_) => {
                // The driver knows whether the call holds its store. One that has ended need not.
                let _ = self.expired.send(ticket);
                let (component, function) = (self.id.to_string(), Some(self.function_name(func)));
                Err(CompositionError::Timeout { component, function, after: within })
            }
        }
    }

    async fn ask(
        &self,
        func: usize,
        args: Vec<Value>,
        caller: Caller,
        ticket: Ticket,
    ) -> Result<Option<Value>, CompositionError> {
        let room = match caller {
            Caller::Component => self.room.clone().try_acquire_owned().ok(),
            Caller::Rust => match self.room.clone().acquire_owned().await {
                Ok(room) => Some(room),
                Err(_) => return Err(self.unavailable(func, false)),
            },
        };
        let (reply, answer) = Reply::pair();
        self.depth.fetch_add(1, Ordering::Relaxed);
        if self.inbox.send(Message::Call(Call { func, args, reply, ticket, room })).is_err() {
            return Err(self.unavailable(func, false));
        }
        match answer.await {
            Ok(Answer::Returned(value)) => Ok(value),
            Ok(Answer::Failed(error)) => Err(error),
            Ok(Answer::Stopped { started }) => Err(self.unavailable(func, started)),
            // A `Reply` answers even when it is dropped.
            Err(_) => Err(self.unavailable(func, true)),
        }
    }

    fn unavailable(&self, func: usize, started: bool) -> CompositionError {
        let ended = || self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let source = self.stopped.get().cloned().or_else(ended);
        let source = source.unwrap_or(StopReason::RuntimeShutdown);
        let (component, function) = (self.id.to_string(), self.function_name(func));
        CompositionError::Unavailable { component, function, started, source }
    }

    /// The error for a call through a composition that was closed.
    pub(crate) fn closed(&self, func: usize) -> CompositionError {
        let source = self.stopped.get().cloned().unwrap_or(StopReason::Closed);
        let (component, function) = (self.id.to_string(), self.function_name(func));
        CompositionError::Unavailable { component, function, started: false, source }
    }

    /// Asks the driver to answer what is queued, to let what runs end, and to end.
    pub(crate) fn stop(&self) {
        // A driver that has ended needs no asking.
        let _ = self.inbox.send(Message::Stop);
        self.stop_wish.notify_one();
    }

    /// Asks a driver that is stopping not to wait for running calls.
    pub(crate) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Publishes why the component's store ended, though it gets another one.
    pub(super) fn set_ended(&self, reason: StopReason, after: Duration) {
        let ended = reason.clone();
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
        self.events.tell(&self.id, Change::Restarting { reason, after });
    }

    pub(super) fn tell_restarted(&self) {
        self.events.tell(&self.id, Change::Restarted);
    }

    /// Publishes why the component runs no longer; the first reason stays.
    pub(crate) fn set_stopped(&self, reason: StopReason) {
        if self.stopped.set(reason.clone()).is_ok() {
            self.events.tell(&self.id, Change::Ended { reason });
        }
    }

    /// Answers those who wait for room.
    pub(super) fn close_room(&self) {
        self.room.close();
    }
}

impl Home for DriverHandle {
    fn release(&self, released: Released) {
        // With the store gone, its resources are gone too.
        let _ = self.inbox.send(Message::Release(released));
    }
}
