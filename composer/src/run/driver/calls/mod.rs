//! The calls that a driver has started, each with its reply. `run.rs` runs them, one at a time, and `concurrent.rs` in the
//! store's event loop.
//!
//! Invariant: a call that was started is in `in_flight` until its reply is sent, so whatever ends the store can answer
//! it. The replies stay outside of the store, as a trap drops everything that is inside of it.

#[cfg_attr(not(feature = "component-model-async"), path = "concurrent_disabled.rs")]
mod concurrent;
mod run;

use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Context;
use std::time::Duration;

use slab::Slab;
use tokio::sync::Notify;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::{Func, Instance, Resource as HostResource};

use super::handle::DriverHandle;
use super::message::{Answer, Hears, MadeBy, Reply, Ticket};
use super::stack::fits_on_a_thread;
use crate::error::{CompositionError, StopReason};
use crate::pending::CallsInProgress;
use crate::plan::companion::Companion;
use crate::plan::item::ExportedFunc;
use crate::run::border::Border;
use crate::sync::lock;
use crate::types::FunctionType;
#[cfg(feature = "codec")]
use crate::value::shape;
use concurrent::{Cancelling, TaskId, Ways};
#[cfg(feature = "codec")]
use wasm_runtime_composer_values::Shape;

/// What calls of one store need, and the calls in flight.
pub(super) struct Calls {
    handle: Arc<DriverHandle>,
    pub(super) border: Arc<Border>,
    /// By the index of the exported function.
    callees: Vec<Option<Callee>>,
    #[cfg_attr(
        not(feature = "component-model-async"),
        expect(dead_code, reason = "only calls in the event loop are of interest")
    )]
    cancelling: Cancelling,
    /// Kept outside the store: when it traps, everything inside is dropped unheard.
    in_flight: Mutex<InFlight>,
    /// Told when a call has ended.
    ended: Notify,
    /// How long a call that was given up, and work between calls, may go on.
    pub(super) grace: Option<Duration>,
    /// Whether nothing that the guest calls can wait.
    nothing_waits: bool,
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
    ways: Ways,
}

/// A call in flight: its number among them, and the function.
#[derive(Clone, Copy)]
struct Running {
    id: usize,
    func: usize,
}

#[derive(Default)]
struct InFlight {
    calls: Slab<InFlightCall>,
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
    fn remove(&mut self, call: usize) -> Option<InFlightCall> {
        if self.holding.is_some_and(|holding| holding.call == call) {
            self.holding = None;
        }
        self.calls.try_remove(call)
    }
}

struct InFlightCall {
    func: usize,
    reply: Reply,
    /// Its task in the store, where it has one of its own.
    #[cfg_attr(
        not(feature = "component-model-async"),
        expect(dead_code, reason = "only calls in the event loop are of interest")
    )]
    task: Option<TaskId>,
}

impl InFlightCall {
    fn new(func: usize, reply: Reply) -> Self {
        Self { func, reply, task: None }
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
        let cancelling = Cancelling::new(store, instance, companion);
        let nothing_waits = !border.calls_others
            && !border.surface.abilities.suspends
            && fits_on_a_thread(store.engine().get_max_wasm_stack())
            && lets_nothing_wait(store);
        Self {
            handle,
            border,
            callees,
            cancelling,
            in_flight: Mutex::default(),
            ended: Notify::new(),
            grace,
            nothing_waits,
        }
    }

    /// Whether nothing that the guest calls can wait, so that its sync calls run to their end at once.
    pub(super) fn cannot_wait(&self) -> bool {
        self.nothing_waits
    }

    /// Whether the function is of an async type.
    pub(super) fn is_async(&self, func: usize) -> bool {
        self.border.surface.funcs.get(func).is_some_and(|it| it.ty.is_async)
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
        let call = in_flight.calls.insert(InFlightCall::new(func, reply));
        if is_sync {
            in_flight.holding = Some(Holding { call, ticket, func, since: Instant::now() });
        }
        Some(call)
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

    /// Notes that no call can end, so that any is to blame.
    pub(super) fn blame_any(&self) {
        let mut in_flight = self.in_flight();
        in_flight.suspect = in_flight.calls.iter().next().map(|(id, _)| id);
    }

    /// Notes that a call trapped which was not among those in flight.
    pub(super) fn trapped(&self, func: usize) -> Hears {
        let (mut reply, answer) = Reply::pair(self.handle.uses().enter(), MadeBy::default());
        reply.started = true;
        let mut in_flight = self.in_flight();
        let call = in_flight.calls.insert(InFlightCall::new(func, reply));
        in_flight.suspect = Some(call);
        answer
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
        let Some(companion) = companion else { return Some(callee) };
        let ways = Ways::find(store, instance, (path.as_slice(), &*callee.ty), companion);
        Some(Self { ways, ..callee })
    }

    fn new(func: Func, ty: Arc<FunctionType>) -> Self {
        Self {
            func,
            #[cfg(feature = "codec")]
            shape: shape(&ty),
            #[cfg(feature = "codec")]
            has_handles: ty.has_handles(),
            ty,
            ways: Ways::default(),
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
