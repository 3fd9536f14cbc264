//! The calls that a driver has started.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
#[cfg(feature = "component-model-async")]
use std::task::{Context, Waker};

use slab::Slab;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
#[cfg(feature = "component-model-async")]
use wasmtime::component::{Accessor, AccessorTask, GuestTaskId};
use wasmtime::component::{Func, Instance, Resource as HostResource, Val};
use wasmtime::{AsContextMut, Store};

use super::handle::DriverHandle;
use super::message::{Answer, Call, MadeBy, Reply, Ticket};
use super::slot::HOST_STACK;
#[cfg(feature = "component-model-async")]
use super::turns::Turns;
use crate::error::{Cause, CompositionError, StopReason};
use crate::link::{Loans, StoreHandles, StoreSide};
use crate::plan::item::ExportedFunc;
use crate::plan::types::FunctionType;
use crate::value::{Faulty, Value, ValueError, from_val, into_val};
#[cfg(feature = "codec")]
use crate::value::{give_handles, shape, take_handles};
#[cfg(feature = "codec")]
use wasm_runtime_composer_values::{self as values, Shape};

/// What a started call needs, and who waits for it.
pub(super) struct Calls {
    handle: Arc<DriverHandle>,
    pub(super) side: StoreSide,
    /// By the index of the exported function.
    callees: Vec<Option<Callee>>,
    /// Kept outside the store: when it traps, everything inside is dropped unheard.
    in_flight: Mutex<InFlight>,
    /// Told when a call has ended.
    ended: Notify,
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
}

#[derive(Default)]
struct InFlight {
    calls: Slab<Started>,
    /// The call in which the guest trapped.
    blamed: Option<usize>,
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
        side: StoreSide,
        store: &mut Store<T>,
        instance: &Instance,
    ) -> Self {
        let callee = |func: &ExportedFunc| {
            Some(Callee {
                func: lookup(store, instance, &func.path)?,
                ty: func.ty.clone(),
                #[cfg(feature = "codec")]
                shape: shape(&func.ty),
                #[cfg(feature = "codec")]
                has_handles: func.ty.has_handles(),
            })
        };
        let callees: Vec<_> = side.surface.funcs.iter().map(callee).collect();
        let leaf = !side.calls_others && is_leaf(store);
        Self { handle, side, callees, in_flight: Mutex::default(), ended: Notify::new(), leaf }
    }

    /// Whether nothing that the guest calls can wait, so that its sync calls run to their end at once.
    pub(super) fn is_leaf(&self) -> bool {
        self.leaf
    }

    /// Whether the function is of an async type.
    pub(super) fn is_async(&self, func: usize) -> bool {
        self.side.surface.funcs.get(func).is_some_and(|it| it.ty.is_async)
    }

    /// How many calls are in flight.
    #[cfg(feature = "component-model-async")]
    pub(super) fn number(&self) -> usize {
        self.in_flight().calls.len()
    }

    /// Whether no call is in flight and the guest has nothing left to do.
    #[cfg(feature = "component-model-async")]
    pub(super) fn is_idle<T: Send + 'static>(&self, accessor: &Accessor<T>) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        self.number() == 0 && accessor.poll_no_interesting_tasks(&mut nobody).is_ready()
    }

    fn in_flight(&self) -> MutexGuard<'_, InFlight> {
        // Nothing runs under this lock that could leave it half-changed.
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
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
        let withdrawn = in_flight.calls.get(call).is_none_or(|it| it.reply.is_abandoned());
        if withdrawn {
            in_flight.remove(call);
            self.ended.notify_one();
        }
        withdrawn
    }

    /// The function of the call `ticket`, and since when it holds the store, if it does.
    pub(super) fn holds_store(&self, ticket: Ticket) -> Option<(usize, Instant)> {
        let holding = self.in_flight().holding.filter(|holding| holding.ticket == ticket)?;
        Some((holding.func, holding.since))
    }

    /// Waits until no sync call runs.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn sync_over(&self) {
        while self.in_flight().holding.is_some() {
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
            self.handle.took(holding.since.elapsed());
        }
        if let Some(started) = started {
            if let (Some(tasks), Some(wait)) = (&self.side.tasks, started.reply.wait()) {
                tasks.leave(wait);
            }
            started.reply.send(answer);
        }
    }

    /// Notes which task of the store a call is.
    #[cfg(feature = "component-model-async")]
    fn is_task(&self, call: usize, task: GuestTaskId) {
        if let Some(started) = self.in_flight().calls.get_mut(call) {
            started.task = Some(task);
            if let (Some(tasks), Some(wait)) = (&self.side.tasks, started.reply.wait()) {
                tasks.enter(started.task, wait);
            }
        }
    }

    /// Runs a call in the store's event loop, with values that do not pass through `Val`.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    async fn run_direct<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        (id, index): (usize, usize),
        callee: &Callee,
        shape: Shape,
        mut args: Vec<Value>,
    ) -> wasmtime::Result<()> {
        let given = match callee.has_handles {
            true => accessor.with(|store| self.give_args(callee, &mut args, store)),
            false => Ok(Loans::default()),
        };
        let loans = match given {
            Ok(loans) => loans,
            Err(error) => {
                self.answer(id, self.refused(index, error));
                return Ok(());
            }
        };
        let started = |task| self.is_task(id, task);
        let results = values::call_concurrent(callee.func, shape, accessor, args, started).await?;
        let answer = match callee.has_handles {
            true => accessor.with(|mut store| {
                loans.end(&self.side, &mut store);
                self.answer_of(index, callee, results, store)
            }),
            false => Answer::Returned(results.into_iter().next()),
        };
        self.answer(id, answer);
        Ok(())
    }

    /// Runs a call in the store's event loop.
    #[cfg(feature = "component-model-async")]
    async fn run_by_val<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        (id, index): (usize, usize),
        callee: &Callee,
        args: Vec<Value>,
    ) -> wasmtime::Result<()> {
        let Callee { func, ty, .. } = callee;
        let (params, loans) = match accessor.with(|store| self.args(ty, args, store)) {
            Ok(args) => args,
            Err(error) => {
                self.answer(id, self.refused(index, error));
                return Ok(());
            }
        };
        let mut results = vec![Val::Bool(false); usize::from(ty.result.is_some())];
        let call = accessor.with(|mut store| {
            let store = store.as_context_mut();
            let call = func.start_call_concurrent(store, &params, &mut results)?;
            self.is_task(id, call.task());
            Ok::<_, wasmtime::Error>(call)
        })?;
        func.finish_call_concurrent(accessor, call).await?;
        let answer = accessor.with(|mut store| {
            loans.end(&self.side, &mut store);
            self.returned(index, ty, &results, store)
        });
        self.answer(id, answer);
        Ok(())
    }

    /// Notes in which call the guest runs, on an engine that runs one at a time.
    fn runs(&self, call: usize) {
        let wait = self.in_flight().calls.get(call).and_then(|call| call.reply.wait());
        if let (Some(tasks), Some(wait)) = (&self.side.tasks, wait) {
            tasks.enter(None, wait);
        }
    }

    /// The function, which is there for every call that the plan lets through.
    fn callee(&self, func: usize) -> wasmtime::Result<&Callee> {
        let callee = self.callees.get(func).and_then(Option::as_ref);
        callee
            .ok_or_else(|| wasmtime::format_err!("the instance lacks a function of its component"))
    }

    /// Puts the arguments into the store.
    fn args(
        &self,
        ty: &FunctionType,
        args: Vec<Value>,
        store: impl AsContextMut,
    ) -> Result<(Vec<Val>, Loans), ValueError> {
        let mut handles = StoreHandles::new(&self.side, store);
        let vals = ty.params.iter().zip(args);
        let vals = vals.map(|((_, ty), value)| into_val(ty, value, &mut handles)).collect();
        match vals {
            Ok(vals) => Ok((vals, handles.into_loans())),
            Err(error) => {
                handles.undo();
                Err(error)
            }
        }
    }

    /// Takes the result out of the store.
    fn result(
        &self,
        ty: &FunctionType,
        results: &[Val],
        store: impl AsContextMut,
    ) -> Result<Option<Value>, ValueError> {
        let mut handles = StoreHandles::new(&self.side, store);
        let result = ty.result.as_ref().zip(results.first());
        result.map(|(ty, val)| from_val(ty, val, &mut handles)).transpose()
    }

    /// Gives the handles in the arguments to the store.
    #[cfg(feature = "codec")]
    fn give_args(
        &self,
        callee: &Callee,
        args: &mut [Value],
        store: impl AsContextMut,
    ) -> Result<Loans, ValueError> {
        if !callee.has_handles {
            return Ok(Loans::default());
        }
        let mut handles = StoreHandles::new(&self.side, store);
        for ((_, ty), arg) in callee.ty.params.iter().zip(args) {
            if let Err(fault) = give_handles(ty, arg, &mut handles) {
                handles.undo();
                return Err(fault.into());
            }
        }
        Ok(handles.into_loans())
    }

    /// The answer of a call, whose handles are taken out of the store.
    #[cfg(feature = "codec")]
    fn answer_of(
        &self,
        func: usize,
        callee: &Callee,
        results: Vec<Value>,
        store: impl AsContextMut,
    ) -> Answer {
        let mut result = results.into_iter().next();
        if let (true, Some(ty), Some(value)) = (callee.has_handles, &callee.ty.result, &mut result)
        {
            let mut handles = StoreHandles::new(&self.side, store);
            if let Err(fault) = take_handles(ty, value, &mut handles) {
                return self.refused(func, fault.into());
            }
        }
        Answer::Returned(result)
    }

    /// The answer to a call that could not be made, or whose result cannot leave the store.
    fn refused(&self, func: usize, error: ValueError) -> Answer {
        Answer::Failed(match error.fault {
            Faulty::Handle(error) => CompositionError::Handle(error),
            fault => self.failed(func, wasmtime::Error::new(fault)),
        })
    }

    fn failed(&self, func: usize, error: wasmtime::Error) -> CompositionError {
        CompositionError::Trap {
            component: self.handle.id().to_owned(),
            function: self.handle.function_name(func),
            source: Cause::new(error),
        }
    }

    /// Starts a call in the store's event loop and leaves it there.
    #[cfg(feature = "component-model-async")]
    pub(super) fn start<T: Send + 'static>(
        calls: &Arc<Self>,
        accessor: &Accessor<T>,
        call: Call,
    ) -> wasmtime::Result<()> {
        let Some(id) = calls.enter(call.func, call.ticket, call.reply) else {
            return Ok(());
        };
        drop(call.room);
        let calls = calls.clone();
        // Tasks are first polled in the order in which they are spawned, so that calls start in
        // the order of the inbox.
        accessor.spawn(CallTask { calls, id, func: call.func, args: call.args })?;
        Ok(())
    }

    /// Waits until no call is in flight and the guest has nothing left to do.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn finish<T: Send + 'static>(&self, accessor: &Accessor<T>) {
        while !self.in_flight().calls.is_empty() {
            self.ended.notified().await;
        }
        std::future::poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
    }

    /// Waits until the calls in flight have reached the guest, of which the last `unsettled` may
    /// not have: what comes next in the inbox must not overtake them.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn settle(&self, turns: &Turns, unsettled: usize) {
        let unsettled = unsettled.min(self.in_flight().calls.len());
        if unsettled == 0 {
            return;
        }
        // No sync call runs when a message is taken. An async call starts when its turn comes in the
        // store's queue, and then runs up to its first wait. In each turn of the event loop the queue
        // runs dry, or one item of it waits and holds the store.
        turns.pass(unsettled + 1).await;
    }

    /// Runs a sync call to its end at once, in a store where nothing that the guest calls can wait.
    pub(super) fn run_leaf<T: Send + 'static>(
        &self,
        store: &mut Store<T>,
        func: usize,
        mut args: Vec<Value>,
    ) -> wasmtime::Result<Answer> {
        let callee = self.callee(func)?;
        #[cfg(feature = "codec")]
        if let Some(shape) = callee.shape {
            let loans = match self.give_args(callee, &mut args, &mut *store) {
                Ok(loans) => loans,
                Err(error) => return Ok(self.refused(func, error)),
            };
            let results = values::call(callee.func, shape, store.as_context_mut(), args)?;
            loans.end(&self.side, &mut *store);
            return Ok(self.answer_of(func, callee, results, store));
        }
        let (params, loans) = match self.args(&callee.ty, std::mem::take(&mut args), &mut *store) {
            Ok(args) => args,
            Err(error) => return Ok(self.refused(func, error)),
        };
        let mut results = vec![Val::Bool(false); usize::from(callee.ty.result.is_some())];
        callee.func.call(&mut *store, &params, &mut results)?;
        loans.end(&self.side, &mut *store);
        Ok(self.returned(func, &callee.ty, &results, store))
    }

    /// Notes that a call trapped which was not among those in flight.
    pub(super) fn trapped(&self, func: usize) -> oneshot::Receiver<Answer> {
        let (mut reply, answer) = Reply::pair(self.handle.uses().enter(), MadeBy::default());
        reply.started = true;
        let mut in_flight = self.in_flight();
        let call = in_flight.calls.insert(Started::new(func, reply));
        in_flight.blamed = Some(call);
        answer
    }

    /// Runs a call to its end.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        store: &mut Store<T>,
        call: Call,
    ) -> wasmtime::Result<()> {
        let Some(id) = self.enter(call.func, call.ticket, call.reply) else {
            return Ok(());
        };
        drop(call.room);
        if self.leaf && !self.is_async(call.func) {
            let answer = self.run_leaf(store, call.func, call.args)?;
            self.answer(id, answer);
            return Ok(());
        }
        let callee = self.callee(call.func)?;
        #[cfg(feature = "codec")]
        if let Some(shape) = callee.shape {
            let mut args = call.args;
            let loans = match self.give_args(callee, &mut args, &mut *store) {
                Ok(loans) => loans,
                Err(error) => {
                    self.answer(id, self.refused(call.func, error));
                    return Ok(());
                }
            };
            self.runs(id);
            let store = &mut store.as_context_mut();
            let results =
                values::call_async(callee.func, shape, store.as_context_mut(), args).await?;
            loans.end(&self.side, &mut *store);
            self.answer(id, self.answer_of(call.func, callee, results, store));
            return Ok(());
        }
        let Callee { func, ty, .. } = callee;
        let (params, loans) = match self.args(ty, call.args, &mut *store) {
            Ok(args) => args,
            Err(error) => {
                self.answer(id, self.refused(call.func, error));
                return Ok(());
            }
        };
        self.runs(id);
        let mut results = vec![Val::Bool(false); usize::from(ty.result.is_some())];
        func.call_async(&mut *store, &params, &mut results).await?;
        loans.end(&self.side, &mut *store);
        self.answer(id, self.returned(call.func, ty, &results, store));
        Ok(())
    }

    fn returned(
        &self,
        func: usize,
        ty: &FunctionType,
        results: &[Val],
        store: impl AsContextMut,
    ) -> Answer {
        match self.result(ty, results, store) {
            Ok(result) => Answer::Returned(result),
            Err(error) => self.refused(func, error),
        }
    }

    /// Notes that the guest trapped in the call that `task` belongs to.
    #[cfg(feature = "component-model-async")]
    pub(super) fn blame_task(&self, task: GuestTaskId) {
        let mut in_flight = self.in_flight();
        let blamed = in_flight.calls.iter().find(|(_, call)| call.task == Some(task));
        in_flight.blamed = blamed.map(|(id, _)| id);
    }

    /// The function in which the guest trapped. A single call in flight needs no other proof.
    pub(super) fn blamed_function(&self) -> Option<String> {
        let mut in_flight = self.in_flight();
        if in_flight.blamed.is_none() && in_flight.calls.len() == 1 {
            in_flight.blamed = in_flight.calls.iter().next().map(|(id, _)| id);
        }
        let call = in_flight.calls.get(in_flight.blamed?)?;
        Some(self.handle.function_name(call.func))
    }

    /// Answers everybody: the call that trapped with the trap, the others with the reason that the
    /// driver's handle has by now. Then gives back the handles that the store held.
    pub(super) fn end(&self, reason: &StopReason) {
        let InFlight { mut calls, blamed, .. } = std::mem::take(&mut *self.in_flight());
        if let (StopReason::Trapped { component, function, source }, Some(blamed)) =
            (reason, blamed.and_then(|id| calls.try_remove(id)))
        {
            blamed.reply.send(Answer::Failed(CompositionError::Trap {
                component: component.clone(),
                function: function.clone(),
                source: source.clone(),
            }));
        }
        drop(calls);
        if let Some(tasks) = &self.side.tasks {
            tasks.clear();
        }
        // The store is dropped after this. What it was writing is lost, not ended.
        self.side.renew();
    }
}

fn lookup<T>(store: &mut Store<T>, instance: &Instance, path: &[String]) -> Option<Func> {
    let mut index = None;
    for name in path {
        index = Some(instance.get_export_index(&mut *store, index.as_ref(), name)?);
    }
    instance.get_func(store, index?)
}

/// Whether wasmtime lets functions of the store be called outside of any fiber: nothing that they
/// call is async on the host's side, nor does the store give way to its engine's epoch or fuel.
fn is_leaf<T>(store: &mut Store<T>) -> bool {
    if store.engine().get_max_wasm_stack() + HOST_STACK > THREAD_STACK {
        return false;
    }
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

/// A resource of the host that nobody else has.
struct Probe;

/// The stack that every thread of a runtime has; tokio's have twice as much.
const THREAD_STACK: usize = 1024 * 1024;

/// A call in the store's event loop.
#[cfg(feature = "component-model-async")]
struct CallTask {
    calls: Arc<Calls>,
    id: usize,
    func: usize,
    args: Vec<Value>,
}

#[cfg(feature = "component-model-async")]
impl<T: Send + 'static> AccessorTask<T> for CallTask {
    async fn run(self, accessor: &Accessor<T>) -> wasmtime::Result<()> {
        let Self { calls, id, func: index, args } = self;
        if calls.leave_withdrawn(id) {
            return Ok(());
        }
        let callee = calls.callee(index)?;
        #[cfg(feature = "codec")]
        if let Some(shape) = callee.shape {
            return calls.run_direct(accessor, (id, index), callee, shape, args).await;
        }
        // Seldom needed, and large.
        Box::pin(calls.run_by_val(accessor, (id, index), callee, args)).await
    }
}
