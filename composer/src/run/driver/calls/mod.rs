//! The calls that a driver has started, each with its reply. `run.rs` runs them.
//!
//! Invariant: a call that was started is in `in_flight` until its reply is sent, so whatever ends the store can answer
//! it. The replies stay outside of the store, as a trap drops everything that is inside of it.

mod run;

#[cfg(feature = "component-model-async")]
use std::future::poll_fn;
#[cfg(feature = "component-model-async")]
use std::pin::Pin;
#[cfg(feature = "component-model-async")]
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Context;
#[cfg(feature = "component-model-async")]
use std::task::{Poll, Waker};
use std::time::Duration;

use slab::Slab;
use tokio::sync::Notify;
use tokio::time::Instant;
#[cfg(feature = "component-model-async")]
use tokio::time::{Sleep, sleep};
use wasmtime::Store;
#[cfg(feature = "component-model-async")]
use wasmtime::component::{Accessor, GuestTaskId};
use wasmtime::component::{Func, Instance, Resource as HostResource};

use super::handle::DriverHandle;
#[cfg(feature = "component-model-async")]
use super::loop_meter::LoopMeter;
use super::message::{Answer, Hears, MadeBy, Reply, Ticket};
use super::stack::fits_on_a_thread;
#[cfg(feature = "component-model-async")]
use crate::error::GraceOver;
use crate::error::{CompositionError, StopReason};
use crate::pending::CallsInProgress;
use crate::plan::companion::Companion;
#[cfg(feature = "component-model-async")]
use crate::plan::companion::numbered;
use crate::plan::item::ExportedFunc;
use crate::run::border::Border;
use crate::sync::lock;
use crate::types::FunctionType;
#[cfg(feature = "codec")]
use crate::value::shape;
#[cfg(feature = "codec")]
use wasm_runtime_composer_values::Shape;

/// What calls of one store need, and the calls in flight.
pub(super) struct Calls {
    handle: Arc<DriverHandle>,
    pub(super) border: Arc<Border>,
    /// By the index of the exported function.
    callees: Vec<Option<Callee>>,
    /// What gives up a numbered call.
    #[cfg(feature = "component-model-async")]
    cancel: Option<Func>,
    /// How many numbered calls there were.
    #[cfg(feature = "component-model-async")]
    numbers: AtomicU32,
    /// How many of them are being given up.
    #[cfg(feature = "component-model-async")]
    cancelling: AtomicU32,
    /// Told when one has been.
    #[cfg(feature = "component-model-async")]
    cancelled: Notify,
    /// Kept outside the store: when it traps, everything inside is dropped unheard.
    in_flight: Mutex<InFlight>,
    /// Told when a call has ended.
    ended: Notify,
    /// How long a call that was given up, and work between calls, may go on.
    pub(super) grace: Option<Duration>,
    /// Whether nothing that the guest calls can wait.
    leaf: bool,
}

/// An exported function of the instance.
struct Callee {
    func: Func,
    ty: Arc<FunctionType>,
    /// How values go in and come out without `Val`, if they do.
    #[cfg(feature = "codec")]
    shape: Option<Shape>,
    /// Whether parameters or result hold handles.
    #[cfg(feature = "codec")]
    has_handles: bool,
    /// Of a sync function: what calls it at once, whatever the instance holds back.
    #[cfg(feature = "component-model-async")]
    at_once: Option<Func>,
    /// Of an async function: what calls it so that the call can be given up.
    #[cfg(feature = "component-model-async")]
    numbered: Option<Box<Self>>,
}

#[derive(Default)]
struct InFlight {
    calls: Slab<Started>,
    /// The call in which the guest trapped.
    suspect: Option<usize>,
    /// The sync call that runs. It has the store alone, so there is one at a time.
    holding: Option<Holding>,
}

#[derive(Clone, Copy)]
struct Holding {
    call: usize,
    ticket: Ticket,
    func: usize,
    since: Instant,
}

impl InFlight {
    fn remove(&mut self, call: usize) -> Option<Started> {
        if self.holding.is_some_and(|holding| holding.call == call) {
            self.holding = None;
        }
        self.calls.try_remove(call)
    }
}

struct Started {
    func: usize,
    reply: Reply,
    #[cfg(feature = "component-model-async")]
    task: Option<GuestTaskId>,
}

impl Started {
    fn new(func: usize, reply: Reply) -> Self {
        Self {
            func,
            reply,
            #[cfg(feature = "component-model-async")]
            task: None,
        }
    }
}

impl Calls {
    pub(super) fn new<T>(
        handle: Arc<DriverHandle>,
        border: Arc<Border>,
        store: &mut Store<T>,
        instance: &Instance,
        grace: Option<Duration>,
    ) -> Self {
        let companion = border.surface.companion.as_deref();
        let callee = |func: &ExportedFunc| Callee::find(store, instance, func, companion);
        let callees: Vec<_> = border.surface.funcs.iter().map(callee).collect();
        #[cfg(feature = "component-model-async")]
        let cancel = companion.and_then(Companion::cancel);
        #[cfg(feature = "component-model-async")]
        let cancel = cancel.and_then(|path| lookup(store, instance, path));
        let leaf = !border.calls_others
            && !border.surface.abilities.suspends
            && fits_on_a_thread(store.engine().get_max_wasm_stack())
            && lets_nothing_wait(store);
        Self {
            handle,
            border,
            callees,
            #[cfg(feature = "component-model-async")]
            cancel,
            #[cfg(feature = "component-model-async")]
            numbers: AtomicU32::new(0),
            #[cfg(feature = "component-model-async")]
            cancelling: AtomicU32::new(0),
            #[cfg(feature = "component-model-async")]
            cancelled: Notify::new(),
            in_flight: Mutex::default(),
            ended: Notify::new(),
            grace,
            leaf,
        }
    }

    /// Whether nothing that the guest calls can wait, so that its sync calls run to their end at once.
    pub(super) fn cannot_wait(&self) -> bool {
        self.leaf
    }

    /// Whether the function is of an async type.
    pub(super) fn is_async(&self, func: usize) -> bool {
        self.border.surface.funcs.get(func).is_some_and(|it| it.ty.is_async)
    }

    /// Whether a sync function is to be called outside of the event loop, where the engine lets nothing hold it
    /// back.
    #[cfg(feature = "component-model-async")]
    pub(super) fn runs_between_turns(&self, func: usize) -> bool {
        let callee = self.callees.get(func).and_then(Option::as_ref);
        self.leaf && callee.is_some_and(|callee| callee.at_once.is_none())
    }

    /// How many calls are in flight.
    #[cfg(feature = "component-model-async")]
    pub(super) fn number(&self) -> usize {
        self.in_flight().calls.len()
    }

    /// The calls in flight that were not given up.
    pub(super) fn awaited(&self) -> CallsInProgress {
        let in_flight = self.in_flight();
        let awaited = || {
            let calls = in_flight.calls.iter().map(|(_, call)| &call.reply);
            calls.filter(|reply| !reply.is_abandoned())
        };
        let from_rust = awaited().filter(|reply| reply.is_from_rust()).count();
        CallsInProgress { awaited: awaited().count(), from_rust }
    }

    /// Whether no call is in flight and the guest has nothing left to do.
    #[cfg(feature = "component-model-async")]
    pub(super) fn is_idle<T: Send + 'static>(&self, accessor: &Accessor<T>) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        self.number() == 0 && accessor.poll_no_interesting_tasks(&mut nobody).is_ready()
    }

    fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        lock(&self.in_flight)
    }

    /// Notes that a call runs; `None` if its caller withdrew it.
    fn enter(&self, func: usize, ticket: Ticket, mut reply: Reply) -> Option<usize> {
        if reply.is_abandoned() {
            return None;
        }
        reply.started = true;
        let is_sync = !self.is_async(func);
        let mut in_flight = self.in_flight();
        let call = in_flight.calls.insert(Started::new(func, reply));
        if is_sync {
            in_flight.holding = Some(Holding { call, ticket, func, since: Instant::now() });
        }
        Some(call)
    }

    /// Takes out a call that was withdrawn before it reached the guest.
    #[cfg(feature = "component-model-async")]
    fn leave_withdrawn(&self, call: usize) -> bool {
        let mut in_flight = self.in_flight();
        let withdrawn = in_flight.calls.get(call).is_none_or(|it| !it.reply.begins());
        let call = if withdrawn { in_flight.remove(call) } else { None };
        // What goes along with a call is not dropped under the lock.
        drop(in_flight);
        drop(call);
        if withdrawn {
            self.ended.notify_one();
        }
        withdrawn
    }

    /// The function of the call `ticket`, and since when it holds the store, if it does.
    pub(super) fn holds_store(&self, ticket: Ticket) -> Option<(usize, Instant)> {
        let holding = self.in_flight().holding.filter(|holding| holding.ticket == ticket)?;
        Some((holding.func, holding.since))
    }

    /// The call that holds the store, if it was given up.
    pub(super) fn holds_store_unheard(&self, cx: &mut Context<'_>) -> Option<Ticket> {
        let mut in_flight = self.in_flight();
        let Holding { call, ticket, .. } = in_flight.holding?;
        let started = in_flight.calls.get_mut(call)?;
        started.reply.poll_abandoned(cx).is_ready().then_some(ticket)
    }

    /// Notes that the call which holds the store is to blame for its end.
    pub(super) fn blame_holder(&self) {
        let mut in_flight = self.in_flight();
        in_flight.suspect = in_flight.holding.map(|holding| holding.call);
    }

    /// Waits until something has gone on for longer than `grace` in the store while no call is in flight.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn lingering<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        grace: Duration,
    ) -> GraceOver {
        let mut over: Option<Pin<Box<Sleep>>> = None;
        poll_fn(|cx| {
            // What it writes somebody reads.
            let is_read = self.border.counts.streams.get() > 0;
            if is_read || self.number() > 0 || accessor.poll_no_interesting_tasks(cx).is_ready() {
                over = None;
                return Poll::Pending;
            }
            over.get_or_insert_with(|| Box::pin(sleep(grace))).as_mut().poll(cx)
        })
        .await;
        GraceOver { grace }
    }

    /// Waits until a call has ended.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn one_ended(&self) {
        self.ended.notified().await;
    }

    /// Whether a sync call runs.
    #[cfg(feature = "component-model-async")]
    pub(super) fn is_held(&self) -> bool {
        self.in_flight().holding.is_some()
    }

    /// Waits until no sync call runs.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn sync_over(&self) {
        while self.is_held() {
            self.ended.notified().await;
        }
    }

    fn answer(&self, call: usize, answer: Answer) {
        let (started, held) = {
            let mut in_flight = self.in_flight();
            let held = in_flight.holding.filter(|holding| holding.call == call);
            (in_flight.remove(call), held)
        };
        self.ended.notify_one();
        if let Some(holding) = held {
            self.handle.record_duration(holding.since.elapsed());
        }
        if let Some(started) = started {
            if let Some(running_calls) = &self.border.running_calls {
                running_calls.leave(call);
            }
            started.reply.send(answer);
        }
    }

    /// Notes which task of the store a call is.
    #[cfg(feature = "component-model-async")]
    fn is_task(&self, call: usize, task: GuestTaskId) {
        if let Some(started) = self.in_flight().calls.get_mut(call) {
            started.task = Some(task);
            if let Some(running_calls) = &self.border.running_calls {
                running_calls.enter(
                    call,
                    started.task,
                    started.reply.wait(),
                    started.reply.context(),
                );
            }
        }
    }

    /// Waits until the caller gives up a call.
    #[cfg(feature = "component-model-async")]
    fn poll_given_up(&self, call: usize, cx: &mut Context<'_>) -> Poll<()> {
        match self.in_flight().calls.get_mut(call) {
            Some(started) => started.reply.poll_abandoned(cx),
            None => Poll::Ready(()),
        }
    }

    /// Waits until the guest is to be told that a call is cancelled.
    #[cfg(feature = "component-model-async")]
    fn poll_cancelled(&self, call: usize, cx: &mut Context<'_>) -> Poll<()> {
        match self.in_flight().calls.get_mut(call) {
            Some(started) => started.reply.poll_cancelled(cx),
            None => Poll::Ready(()),
        }
    }

    /// Whether a call is being given up.
    #[cfg(feature = "component-model-async")]
    fn is_cancelling(&self) -> bool {
        self.cancelling.load(Ordering::Relaxed) > 0
    }

    /// Waits until the guest has heard of the calls that were given up, where that takes no longer than telling it:
    /// what comes next must not overtake them.
    #[cfg(feature = "component-model-async")]
    async fn told_of_cancelled(&self) {
        let companion = self.border.surface.companion.as_ref();
        while companion.is_some_and(|it| it.cancels_in_passing) {
            let told = self.cancelled.notified();
            if !self.is_cancelling() {
                break;
            }
            told.await;
        }
    }

    /// The next number for a call.
    #[cfg(feature = "component-model-async")]
    fn number_of_call(&self) -> u32 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a call of a sync function would wait for what the guest holds back: its instance may be busy
    /// with another call.
    #[cfg(feature = "component-model-async")]
    fn may_hold_back<T: Send + 'static>(&self, accessor: &Accessor<T>) -> bool {
        let holds_back = self.border.surface.companion.as_ref().is_some_and(|it| it.holds_back);
        let mut nobody = Context::from_waker(Waker::noop());
        holds_back
            || self.number() > 1
            || accessor.poll_no_interesting_tasks(&mut nobody).is_pending()
    }

    /// Waits until no call is in flight and the guest has nothing left to do.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn finish<T: Send + 'static>(&self, accessor: &Accessor<T>) {
        while !self.in_flight().calls.is_empty() {
            self.ended.notified().await;
        }
        poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
    }

    /// Waits until the calls in flight have reached the guest, of which the last `unsettled` may
    /// not have: what comes next in the inbox must not overtake them.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn settle(&self, loop_meter: &LoopMeter, unsettled: usize) {
        let unsettled = unsettled.min(self.in_flight().calls.len());
        if unsettled == 0 {
            return;
        }
        // No sync call runs when a message is taken. An async call starts when its turn comes in the
        // store's queue, and then runs up to its first wait. In each turn of the event loop the queue
        // runs dry, or one item of it waits and holds the store.
        loop_meter.wait_polls(unsettled + 1).await;
    }

    /// Notes that no call can end, so that any is to blame.
    pub(super) fn blame_any(&self) {
        let mut in_flight = self.in_flight();
        in_flight.suspect = in_flight.calls.iter().next().map(|(id, _)| id);
    }

    /// Notes that a call is to blame for the store's end.
    #[cfg(feature = "component-model-async")]
    fn blame(&self, call: usize) {
        self.in_flight().suspect = Some(call);
    }

    /// Notes that a call trapped which was not among those in flight.
    pub(super) fn trapped(&self, func: usize) -> Hears {
        let (mut reply, answer) = Reply::pair(self.handle.uses().enter(), MadeBy::default());
        reply.started = true;
        let mut in_flight = self.in_flight();
        let call = in_flight.calls.insert(Started::new(func, reply));
        in_flight.suspect = Some(call);
        answer
    }

    /// Notes that the guest trapped in the call that `task` belongs to.
    #[cfg(feature = "component-model-async")]
    pub(super) fn blame_task(&self, task: GuestTaskId) {
        let mut in_flight = self.in_flight();
        if in_flight.suspect.is_none() {
            let suspect = in_flight.calls.iter().find(|(_, call)| call.task == Some(task));
            in_flight.suspect = suspect.map(|(id, _)| id);
        }
    }

    /// The function in which the guest trapped. A single call in flight needs no other proof.
    pub(super) fn blamed_function(&self) -> Option<String> {
        let mut in_flight = self.in_flight();
        if in_flight.suspect.is_none() && in_flight.calls.len() == 1 {
            in_flight.suspect = in_flight.calls.iter().next().map(|(id, _)| id);
        }
        let call = in_flight.calls.get(in_flight.suspect?)?;
        Some(self.handle.function_name(call.func))
    }

    /// Gives back the handles that the store held, which is to be dropped. What it was writing is lost, not
    /// ended.
    pub(super) fn lose_store(&self) {
        if let Some(running_calls) = &self.border.running_calls {
            running_calls.clear();
        }
        self.border.renew();
    }

    /// Answers everybody: the call that trapped with the trap, the others with the reason that the
    /// driver's handle has by now.
    pub(super) fn end(&self, reason: &StopReason) {
        let InFlight { mut calls, suspect, .. } = std::mem::take(&mut *self.in_flight());
        if let (StopReason::Trapped { component, function, source }, Some(suspect)) =
            (reason, suspect.and_then(|id| calls.try_remove(id)))
        {
            suspect.reply.send(Answer::Failed(CompositionError::Trap {
                component: component.clone(),
                function: function.clone(),
                source: source.clone(),
            }));
        }
    }
}

impl Callee {
    fn find<T>(
        store: &mut Store<T>,
        instance: &Instance,
        exported: &ExportedFunc,
        companion: Option<&Companion>,
    ) -> Option<Self> {
        let path = &exported.path;
        let func = match companion {
            Some(_) => lookup(store, instance, Companion::path_of(path)),
            None => lookup(store, instance, path.iter().map(|name| &**name)),
        };
        let callee = Self::new(func?, exported.ty.clone());
        #[cfg(feature = "component-model-async")]
        let callee = Self {
            at_once: companion
                .and_then(|it| it.at_once(path))
                .and_then(|path| lookup(store, instance, path)),
            numbered: companion
                .and_then(|it| it.numbered(path))
                .and_then(|path| lookup(store, instance, path))
                .map(|func| Box::new(Self::new(func, Arc::new(numbered(&callee.ty))))),
            ..callee
        };
        Some(callee)
    }

    fn new(func: Func, ty: Arc<FunctionType>) -> Self {
        Self {
            func,
            #[cfg(feature = "codec")]
            shape: shape(&ty),
            #[cfg(feature = "codec")]
            has_handles: ty.has_handles(),
            ty,
            #[cfg(feature = "component-model-async")]
            at_once: None,
            #[cfg(feature = "component-model-async")]
            numbered: None,
        }
    }
}

fn lookup<'a, T>(
    store: &mut Store<T>,
    instance: &Instance,
    path: impl IntoIterator<Item = &'a str>,
) -> Option<Func> {
    let mut index = None;
    for name in path {
        index = Some(instance.get_export_index(&mut *store, index.as_ref(), name)?);
    }
    instance.get_func(store, index?)
}

/// Whether wasmtime lets functions of the store be called outside of any fiber: nothing that they
/// call is async on the host's side, nor does the store give way to its engine's epoch or fuel. What
/// happens inside of the component it does not look at.
fn lets_nothing_wait<T>(store: &mut Store<T>) -> bool {
    // Dropping a handle runs nothing here, and is allowed where calls are.
    let Ok(handle) = HostResource::<Probe>::new_own(0).try_into_resource_any(&mut *store) else {
        return false;
    };
    if handle.resource_drop(&mut *store).is_ok() {
        return true;
    }
    // It was not dropped. Taking it out of the table is always allowed.
    drop(handle.try_into_resource::<Probe>(store));
    false
}

/// A resource type of the host that no linker defines.
struct Probe;
