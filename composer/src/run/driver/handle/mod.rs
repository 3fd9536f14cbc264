//! How everybody else reaches a driver.
//!
//! A call gets in by one of two ways. As a message it waits in the inbox for the driver; calls from Rust wait for room
//! before, and calls of components never do. In place, the caller takes the store from where it rests and runs the call on
//! its own stack; for that nothing may run or wait in the store, the caller's stack has to have room for the guest's, the
//! runtime has to be the driver's, and the task must not have used up its budget. What a call in place cannot finish it
//! leaves to the driver. There is no third way, so what a driver sees to holds for every call: limits, deadlines, restarts,
//! the end.
//!
//! The counters are read one after the other, so a snapshot that is made meanwhile may be off by what went on between.

mod hand_over;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::runtime;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::coop;

pub(crate) use hand_over::Leftover;

use super::in_place::{InPlace, RanInPlace};
use super::inbox::Inbox;
use super::life::Life;
use super::lifetime::{Allotment, Lifetime, Roster};
use super::message::{Answer, Call, Expired, Hears, MadeBy, Message, Reply, Ticket, Told};
use super::nesting::Guest;
use super::stack::{HOST_STACK, has_stack};
use crate::error::{CompositionError, StopReason};
use crate::pending::{Gauge, Watched};
use crate::plan::item::Surface;
use crate::run::caller::InPlaceCaller;
use crate::run::events::{Change, EventSender};
use crate::run::status::InstanceSnapshot;
use crate::run::waits::{DriverId, Target};
use crate::sync::lock;
use crate::value::Value;
use crate::value::handle::{Counts, CurrentStore, LiveHandles, Owner, Released, StoreId};

/// The address of a component that runs, or ran, in a store of its own.
pub(crate) struct DriverHandle {
    id: Arc<str>,
    surface: Arc<Surface>,
    /// Calls in it that have not started can be handed over to another driver, even while this one's
    /// store is held.
    inbox: Inbox<Message>,
    capacity: usize,
    /// Room for calls in the inbox. Calls from Rust that find none wait for it in their order.
    ///
    /// Calls of other components never wait here: the store of one may be held by a later call, and
    /// then room given to the earlier would never be taken. Those calls are bounded
    /// where they come from. Messages that release handles are as many as there are handles.
    room: Mutex<Arc<Semaphore>>,
    /// How many calls are in the inbox.
    depth: AtomicUsize,
    /// What needs the component: calls that are not answered, resources and streams.
    uses: Gauge,
    /// The resources that are held outside.
    resources: Gauge,
    /// The streams and futures that it writes.
    streams: Gauge,
    /// How often the component got another store.
    restarts: AtomicU64,
    /// How often its lifetime was over, and it got another store for that.
    renewals: AtomicU64,
    /// The number of the component's store.
    store: CurrentStore,
    driver_id: DriverId,
    /// Where the store rests, once there is one.
    place: OnceLock<InPlaceEntry>,
    /// Whether a call of late took so long that calls from Rust had better not run in place.
    long: AtomicBool,
    /// Calls whose deadline has passed.
    expired: Inbox<Expired>,
    /// Whether another driver has taken the component's place.
    replaced: AtomicBool,
    /// Told when the driver is asked to stop, for one that does not serve its inbox just now.
    pub(super) stop_wish: Notify,
    events: EventSender,
    /// The store, as the search for deadlocks sees it.
    watched: Arc<Watched>,
    /// Stopped before the inbox closes, and before anybody is answered with the reason.
    life: Arc<Life>,
    /// What is left of the life of its instance, if it is not to live as long as the composition.
    allotment: Option<Allotment>,
    /// Whether the event that it has ended was sent.
    told: AtomicBool,
    /// Tells a driver that was asked to stop not to wait for running calls any longer.
    pub(super) cut: Notify,
}

struct InPlaceEntry {
    idle: Arc<dyn InPlace>,
    runtime: runtime::Id,
    /// How much stack the component's guests may take.
    wasm_stack: usize,
}

/// Calls that take longer do not run in place for callers in Rust: what one task awaits at the same
/// time should run at the same time, and beside this the way through the inbox takes little.
const LONG: Duration = Duration::from_micros(50);

/// Whether every call goes through an inbox, for tests of that way.
static NEVER_IN_PLACE: AtomicBool = AtomicBool::new(false);

/// Has every call of this process go through an inbox from now on.
pub(crate) fn never_in_place() {
    NEVER_IN_PLACE.store(true, Ordering::Relaxed);
}

/// Room for calls in an inbox whose descriptor says nothing else.
pub(crate) const DEFAULT_CAPACITY: usize = 1024;

impl DriverHandle {
    /// The address of a component whose inbox has room for `capacity` calls. Its instances live for `lifetime`, if that
    /// is not as long as the composition.
    pub(crate) fn new(
        id: Arc<str>,
        surface: Arc<Surface>,
        capacity: usize,
        lifetime: Option<Lifetime>,
        events: EventSender,
    ) -> Arc<Self> {
        Arc::new(Self::without_driver(id, surface, capacity, lifetime, events))
    }

    fn without_driver(
        id: Arc<str>,
        surface: Arc<Surface>,
        capacity: usize,
        lifetime: Option<Lifetime>,
        events: EventSender,
    ) -> Self {
        let capacity = capacity.min(Semaphore::MAX_PERMITS);
        let watched = Watched::new(id.clone());
        Self {
            id,
            watched,
            surface,
            inbox: Inbox::new(),
            capacity,
            room: Mutex::new(Arc::new(Semaphore::new(capacity))),
            depth: AtomicUsize::new(0),
            uses: Gauge::default(),
            resources: Gauge::default(),
            streams: Gauge::default(),
            restarts: AtomicU64::new(0),
            renewals: AtomicU64::new(0),
            store: CurrentStore::new(),
            driver_id: DriverId::new(),
            place: OnceLock::new(),
            long: AtomicBool::new(false),
            expired: Inbox::new(),
            replaced: AtomicBool::new(false),
            stop_wish: Notify::new(),
            events,
            life: Arc::new(Life::new()),
            allotment: lifetime.map(Allotment::new),
            told: AtomicBool::new(false),
            cut: Notify::new(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The name of an exported function, as `interface#function`.
    pub(crate) fn function_name(&self, func: usize) -> String {
        self.surface.function_name(func)
    }

    /// How many calls wait in the inbox.
    pub(crate) fn depth(&self) -> usize {
        self.depth.load(Ordering::Relaxed)
    }

    /// Notes that a message is out of the inbox, whatever becomes of it.
    #[inline]
    fn note_dequeued(&self, message: Message) -> Message {
        if let Message::Call(_) = message {
            self.depth.fetch_sub(1, Ordering::Relaxed);
        }
        message
    }

    /// The number of the component's store, which is another one when the component gets a new one.
    pub(crate) fn store(&self) -> &CurrentStore {
        &self.store
    }

    /// The driver's own number, which stays when it gets a new store.
    pub(crate) fn driver_id(&self) -> DriverId {
        self.driver_id
    }

    /// Notes that the component has its first store and will serve its inbox.
    pub(super) fn set_started(&self, idle: Arc<dyn InPlace>, wasm_stack: usize) {
        let runtime = runtime::Handle::current().id();
        // It starts once.
        let _ = self.place.set(InPlaceEntry { idle, runtime, wasm_stack });
        self.life.start();
    }

    /// Whether the component runs no longer.
    pub(crate) fn is_stopped(&self) -> bool {
        self.life.is_stopped()
    }

    /// Whether the component runs no longer because it was asked to end.
    pub(crate) fn has_ended_as_asked(&self) -> bool {
        matches!(self.life.stopped(), Some(StopReason::Closed | StopReason::Replaced))
    }

    pub(crate) fn is_started(&self) -> bool {
        self.place.get().is_some()
    }

    pub(crate) fn watched(&self) -> &Arc<Watched> {
        &self.watched
    }

    /// Whether its instances do not live as long as the composition.
    pub(crate) fn has_lifetime(&self) -> bool {
        self.allotment.is_some()
    }

    /// Whether its instance may take more calls.
    pub(crate) fn has_left(&self) -> bool {
        self.allotment.as_ref().is_none_or(Allotment::has_left)
    }

    /// Counts a call that is sent; `false` if the instance may take no more.
    pub(crate) fn claim(&self) -> bool {
        self.allotment.as_ref().is_none_or(Allotment::claim)
    }

    /// Sets who sends calls to it, for one whose instances have a lifetime.
    pub(crate) fn set_roster(&self, roster: Weak<dyn Roster>) {
        if let Some(allotment) = &self.allotment {
            allotment.set_roster(roster);
        }
    }

    /// Begins the life of another instance, which has to take the calls that are in the inbox. No call may be sent
    /// meanwhile.
    pub(crate) fn renew_allotment(&self) {
        if let Some(allotment) = &self.allotment {
            allotment.renew(self.depth() as u64);
        }
    }

    /// What is left of the life of its instance, if that has an end.
    pub(super) fn allotment(&self) -> Option<&Allotment> {
        self.allotment.as_ref()
    }

    /// Notes that a fresh instance has taken the place of one whose lifetime was over.
    pub(super) fn note_renewed(&self) {
        self.renewals.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells who sends calls that there is a fresh instance.
    pub(super) fn readmit(&self) {
        if let Some(roster) = self.allotment.as_ref().and_then(Allotment::roster) {
            roster.readmit(self.driver_id);
        }
    }

    /// Asks the driver for another instance, when nothing needs the one that it has.
    pub(super) fn send_renew(&self) {
        // One that has ended needs none.
        let _ = self.inbox.put(Message::Renew);
    }

    /// What needs this driver: calls that are not answered and resources that are held outside.
    pub(crate) fn uses(&self) -> &Gauge {
        &self.uses
    }

    /// What is counted of the component, a part of `composition`.
    pub(crate) fn counts(&self, composition: &LiveHandles) -> Counts {
        Counts {
            composition: composition.clone(),
            resources: self.resources.clone(),
            streams: self.streams.clone(),
            uses: self.uses.clone(),
        }
    }

    /// What it is like just now.
    pub(crate) fn snapshot(&self) -> InstanceSnapshot {
        let (waiting, live_handles) = (self.depth(), self.resources.get());
        let open_streams = self.streams.get();
        InstanceSnapshot {
            state: self.life.state(),
            waiting,
            capacity: self.capacity,
            running: self.uses.get().saturating_sub(waiting + live_handles + open_streams),
            live_handles,
            open_streams,
            restarts: self.restarts.load(Ordering::Relaxed),
            renewals: self.renewals.load(Ordering::Relaxed),
        }
    }

    /// The room that the inbox has now.
    pub(crate) fn room(&self) -> Arc<Semaphore> {
        lock(&self.room).clone()
    }

    /// A call of an exported function, to be sent or begun.
    pub(crate) fn new_call(
        &self,
        func: usize,
        args: Vec<Value>,
        ticket: Ticket,
        made_by: MadeBy,
    ) -> (Call, Hears) {
        let (mut reply, answer) = Reply::pair(self.uses.enter(), made_by);
        reply.is_sync = self.surface.funcs.get(func).is_some_and(|it| !it.ty.is_async);
        (Call { func, args, reply, ticket, room: None }, answer)
    }

    /// Puts a call into the inbox. One that is closed gives it back, and it is answered by being dropped.
    pub(crate) fn send(&self, call: Call) -> Leftover {
        self.depth.fetch_add(1, Ordering::Relaxed);
        let refused = self.inbox.put(Message::Call(call)).err();
        let refused = refused.map(|it| Box::new(self.note_dequeued(it)));
        Leftover { refused, ..Leftover::default() }
    }

    /// Runs a call of a sync function in place, from its start to its end, if nothing runs in the store,
    /// nothing waits for it, and nothing in it can wait. Otherwise `args` stay as they are.
    pub(crate) fn run_in_place(
        &self,
        func: usize,
        args: &mut Vec<Value>,
        caller: InPlaceCaller,
    ) -> Option<RanInPlace> {
        let place = self.place.get()?;
        if !self.may_run_here(place, place.wasm_stack, caller) {
            return None;
        }
        let _in_use = self.watched.in_use();
        self.time(caller, || place.idle.run_to_end(&self.inbox, func, args))
    }

    /// Runs a call of a sync function in place up to its first wait, if nothing runs in the store and
    /// nothing waits for it. From there on the driver runs it.
    #[expect(clippy::result_large_err, reason = "the caller has the call on its stack anyhow")]
    pub(crate) fn begin(&self, call: Call, caller: InPlaceCaller) -> Result<(), Call> {
        let Some(place) = self.place.get() else { return Err(call) };
        // Calls that may wait run on a fiber, so the size of this stack does not matter. Calls that cannot wait were
        // tried by `run_in_place` before, and cannot run here.
        if !self.may_run_here(place, 0, caller) || place.idle.cannot_wait() {
            return Err(call);
        }
        let _in_use = self.watched.in_use();
        self.time(caller, || place.idle.begin(&self.inbox, call))
    }

    fn may_run_here(&self, place: &InPlaceEntry, wasm_stack: usize, caller: InPlaceCaller) -> bool {
        if NEVER_IN_PLACE.load(Ordering::Relaxed) {
            return false;
        }
        // Only the driver sees when the lifetime is over.
        if self.allotment.is_some() {
            return false;
        }
        let fits = match caller {
            InPlaceCaller::Guest { stack } => wasm_stack + HOST_STACK <= stack,
            InPlaceCaller::Rust => {
                // Calls that wait for room come first.
                let all_room = || self.room().available_permits() == self.capacity;
                !Guest::is_running() && has_stack(wasm_stack) && !self.is_long() && all_room()
            }
        };
        // What the guest calls finds its own runtime around it.
        let here = || runtime::Handle::try_current().is_ok_and(|it| it.id() == place.runtime);
        // A task that calls without an end gives way to others now and then.
        let mut nobody = Context::from_waker(Waker::noop());
        fits && here()
            && match coop::poll_proceed(&mut nobody) {
                Poll::Ready(budget) => {
                    budget.made_progress();
                    true
                }
                Poll::Pending => false,
            }
    }

    fn time<R>(&self, caller: InPlaceCaller, run: impl FnOnce() -> R) -> R {
        let InPlaceCaller::Rust = caller else { return run() };
        let start = Instant::now();
        let result = run();
        self.record_duration(start.elapsed());
        result
    }

    /// Notes how long a sync call took.
    pub(super) fn record_duration(&self, time: Duration) {
        let long = time > LONG;
        if self.is_long() != long {
            self.long.store(long, Ordering::Relaxed);
        }
    }

    fn is_long(&self) -> bool {
        self.long.load(Ordering::Relaxed)
    }

    /// Whether a call in the guest keeps others out that have reached its store.
    #[cfg(feature = "component-model-async")]
    pub(super) fn holds_back(&self) -> bool {
        self.surface.abilities.keeps_out
    }

    /// What the caller hears of a call that was sent here.
    pub(crate) fn outcome(
        &self,
        func: usize,
        told: Result<Told, oneshot::error::RecvError>,
    ) -> Result<Option<Value>, CompositionError> {
        match told {
            Ok(Told { answer: Answer::Stopped { started }, by: Some(life), .. }) => {
                Err(self.unavailable_for(func, started, life.why_unavailable()))
            }
            Ok(told) => self.outcome_of(func, told.answer),
            // A `Reply` answers even when it is dropped.
            Err(_) => Err(self.unavailable(func, true)),
        }
    }

    /// What the caller of `func` hears of an answer.
    pub(crate) fn outcome_of(
        &self,
        func: usize,
        answer: Answer,
    ) -> Result<Option<Value>, CompositionError> {
        match answer {
            Answer::Returned(value) => Ok(value),
            Answer::Failed(error) => Err(error),
            Answer::Stopped { started } => Err(self.unavailable(func, started)),
            #[cfg(feature = "component-model-async")]
            Answer::Cancelled => Err(self.cancelled(func)),
        }
    }

    /// Tells the driver that the deadline of a call has passed. The call may have ended, or be with another driver.
    pub(crate) fn expire(&self, expired: Expired) {
        // A driver that has ended has no such call any more.
        let _ = self.expired.put(expired);
    }

    /// Waits for the next call whose deadline has passed.
    #[inline]
    pub(super) fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<Option<Expired>> {
        self.expired.poll_take(cx)
    }

    /// Waits for the next message that need not wait for async calls before it.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn receive_passing(&self) -> Option<Message> {
        let message = std::future::poll_fn(|cx| self.inbox.poll_take_passing(cx)).await;
        message.map(|message| self.note_dequeued(message))
    }

    /// Notes that this driver is to answer a call that was another's.
    pub(crate) fn take_over(&self, reply: &mut Reply) {
        reply.moved_to(self.uses.enter(), self.life.clone(), &self.target());
    }

    /// The component, as the wait graph sees it.
    pub(crate) fn target(&self) -> Target {
        Target { driver_id: self.driver_id, id: self.id.clone(), surface: self.surface.clone() }
    }

    /// Waits for the next message; `None` when the inbox is closed and empty.
    #[inline]
    pub(super) fn poll_receive(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.inbox.poll_take(cx).map(|message| message.map(|message| self.note_dequeued(message)))
    }

    /// The next message if there is one.
    pub(super) fn try_receive(&self) -> Option<Message> {
        self.inbox.try_take().map(|message| self.note_dequeued(message))
    }

    /// Takes no messages any more; those that are there stay.
    pub(super) fn close_inbox(&self) {
        self.inbox.close();
        self.expired.close();
        self.room().close();
    }

    /// Whether another driver has taken the component's place.
    pub(super) fn is_replaced(&self) -> bool {
        self.replaced.load(Ordering::Acquire)
    }

    /// Why the driver ends when it was asked to.
    pub(crate) fn stop_reason(&self) -> StopReason {
        if self.is_replaced() { StopReason::Replaced } else { StopReason::Closed }
    }

    pub(crate) fn unavailable(&self, func: usize, started: bool) -> CompositionError {
        self.unavailable_for(func, started, self.life.why_unavailable())
    }

    fn unavailable_for(&self, func: usize, started: bool, source: StopReason) -> CompositionError {
        let (component, function) = (self.id.to_string(), self.function_name(func));
        CompositionError::Unavailable { component, function, started, source }
    }

    /// The error for a call whose cancelling its callee has acknowledged.
    #[cfg(feature = "component-model-async")]
    pub(super) fn cancelled(&self, func: usize) -> CompositionError {
        let (component, function) = (self.id.to_string(), self.function_name(func));
        CompositionError::Cancelled { component, function }
    }

    /// The error for a call through a composition that was closed.
    pub(crate) fn closed(&self, func: usize) -> CompositionError {
        let source = self.life.stopped().unwrap_or(StopReason::Closed);
        let (component, function) = (self.id.to_string(), self.function_name(func));
        CompositionError::Unavailable { component, function, started: false, source }
    }

    /// Asks the driver to answer what is queued, to let what runs end, and to end.
    pub(crate) fn stop(&self) {
        // A driver that has ended needs no asking.
        let _ = self.inbox.put(Message::Stop);
        self.stop_wish.notify_one();
    }

    /// Asks a driver that is stopping not to wait for running calls.
    pub(crate) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Forgets the resources that were lost with the component's store. A caller that waits for a destructor hears of
    /// it.
    pub(super) fn forget_released(&self) {
        drop(self.inbox.take_all(|message| matches!(message, Message::Release(_))));
    }

    /// Publishes why the component's store ended, though it gets another one.
    pub(super) fn set_ended(&self, reason: StopReason) {
        self.life.lose_store(reason);
    }

    pub(super) fn send_restarting(&self, reason: StopReason, after: Duration) {
        self.events.tell(&self.id, Change::Restarting { reason, after });
    }

    pub(super) fn send_restarted(&self) {
        self.restarts.fetch_add(1, Ordering::Relaxed);
        self.life.restart();
        self.events.tell(&self.id, Change::Restarted);
    }

    /// Publishes why the component runs no longer; the first reason stays.
    pub(crate) fn set_stopped(&self, reason: StopReason) {
        self.life.stop(reason);
    }

    /// Tells that the component runs no longer, once.
    pub(crate) fn send_ended(&self) {
        if let Some(roster) = self.allotment.as_ref().and_then(Allotment::roster) {
            roster.one_ended();
        }
        if let Some(reason) = self.life.stopped()
            && !self.told.swap(true, Ordering::Relaxed)
        {
            let change = match self.is_replaced() {
                true => Change::Retired { reason },
                false => Change::Ended { reason },
            };
            self.events.tell(&self.id, change);
        }
    }

    pub(crate) fn send_replaced(&self) {
        self.events.tell(&self.id, Change::Replaced);
    }
}

impl Owner for DriverHandle {
    fn release(&self, released: Released) {
        // With the store gone, its resources are gone too.
        if self.store.get() == released.store_id {
            let _ = self.inbox.put(Message::Release(released));
        }
    }

    fn has_store(&self, store_id: StoreId) -> bool {
        !self.life.is_stopped() && self.store.get() == store_id
    }

    fn component(&self) -> &Arc<str> {
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{CallContext, Caller, Deadline, Dispatcher};

    #[test]
    fn driver_that_is_held_hears_of_no_more_calls_than_it_has() {
        // There is no driver to serve the inbox.
        let handle =
            DriverHandle::new("it".into(), Arc::default(), 2, None, EventSender::default());
        let dispatcher = Dispatcher::new("it".into(), vec![handle.clone()]);
        let runtime = runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            for _ in 0..100 {
                let caller = Caller::Rust { context: CallContext::default() };
                let within = Deadline::after(Duration::from_millis(1));
                let error = dispatcher.call(0, Vec::new(), caller, within, None).await.unwrap_err();
                assert!(matches!(error, CompositionError::Timeout { .. }), "{error}");
            }
        });
        assert_eq!(handle.depth(), 2);
        assert_eq!(std::iter::from_fn(|| handle.expired.try_take()).count(), 2);
    }
}
