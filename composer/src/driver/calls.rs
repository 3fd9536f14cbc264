//! The calls that a driver has started.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use slab::Slab;
use tokio::sync::Notify;
#[cfg(feature = "component-model-async")]
use wasmtime::component::{Accessor, AccessorTask, GuestTaskId};
use wasmtime::component::{Func, Instance, Val};
use wasmtime::{AsContextMut, Store};

use super::handle::DriverHandle;
use super::message::{Answer, Call, Reply, Ticket};
#[cfg(feature = "component-model-async")]
use super::turns::Turns;
use crate::error::{Cause, CompositionError, StopReason};
use crate::link::{Loans, StoreHandles, StoreSide};
use crate::plan::types::FunctionType;
use crate::value::{Faulty, Value, ValueError, from_val, into_val};

/// What a started call needs, and who waits for it.
pub(super) struct Calls {
    handle: Arc<DriverHandle>,
    pub(super) side: StoreSide,
    /// By the index of the exported function.
    funcs: Vec<Option<Func>>,
    /// Kept outside the store: when it traps, everything inside is dropped unheard.
    in_flight: Mutex<InFlight>,
    /// Told when a call has ended.
    ended: Notify,
}

#[derive(Default)]
struct InFlight {
    calls: Slab<Started>,
    /// The call in which the guest trapped.
    blamed: Option<usize>,
    /// How many calls were started.
    started: u64,
}

struct Started {
    /// Its place in the order of starting.
    place: u64,
    func: usize,
    ticket: Ticket,
    reply: Reply,
    #[cfg(feature = "component-model-async")]
    task: Option<GuestTaskId>,
}

impl Calls {
    pub(super) fn new<T>(
        handle: Arc<DriverHandle>,
        side: StoreSide,
        store: &mut Store<T>,
        instance: &Instance,
    ) -> Self {
        let funcs = side.surface.funcs.iter().map(|func| lookup(store, instance, &func.path));
        let funcs = funcs.collect();
        Self { handle, side, funcs, in_flight: Mutex::default(), ended: Notify::new() }
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
        let mut in_flight = self.in_flight();
        in_flight.started += 1;
        let started = Started {
            place: in_flight.started,
            func,
            ticket,
            reply,
            #[cfg(feature = "component-model-async")]
            task: None,
        };
        Some(in_flight.calls.insert(started))
    }

    /// Takes out a call that was withdrawn before it reached the guest.
    #[cfg(feature = "component-model-async")]
    fn leave_withdrawn(&self, call: usize) -> bool {
        let mut in_flight = self.in_flight();
        let withdrawn = in_flight.calls.get(call).is_none_or(|it| it.reply.is_abandoned());
        if withdrawn {
            in_flight.calls.try_remove(call);
            self.ended.notify_one();
        }
        withdrawn
    }

    /// The function of the call `ticket` if it is the one that holds the store: the sync call that
    /// was started before the others.
    pub(super) fn holds_store(&self, ticket: Ticket) -> Option<usize> {
        let is_sync = |func: usize| !self.side.surface.funcs[func].ty.is_async;
        let in_flight = self.in_flight();
        let sync = in_flight.calls.iter().map(|(_, call)| call).filter(|it| is_sync(it.func));
        let first = sync.min_by_key(|call| call.place)?;
        (first.ticket == ticket).then_some(first.func)
    }

    fn answer(&self, call: usize, answer: Answer) {
        let started = self.in_flight().calls.try_remove(call);
        self.ended.notify_one();
        if let Some(started) = started {
            if let (Some(tasks), Some(wait)) = (&self.side.tasks, started.reply.wait()) {
                tasks.leave(wait);
            }
            started.reply.send(answer);
        }
    }

    /// Notes in which call the guest runs, on an engine that runs one at a time.
    fn runs(&self, call: usize) {
        let wait = self.in_flight().calls.get(call).and_then(|call| call.reply.wait());
        if let (Some(tasks), Some(wait)) = (&self.side.tasks, wait) {
            tasks.enter(None, wait);
        }
    }

    /// The function and its type. Both are there for every call that the plan lets through.
    fn callee(&self, func: usize) -> wasmtime::Result<(Func, Arc<FunctionType>)> {
        let callee = self.funcs.get(func).copied().flatten();
        let ty = self.side.surface.funcs.get(func).map(|func| func.ty.clone());
        callee
            .zip(ty)
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
        self.wait_while(|_| true).await;
        std::future::poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
    }

    /// Waits until the calls in flight have reached the guest, of which the last `unsettled` may
    /// not have: what comes next in the inbox must not overtake them.
    #[cfg(feature = "component-model-async")]
    pub(super) async fn settle(&self, turns: &Turns, unsettled: usize) {
        if unsettled == 0 || self.in_flight().calls.is_empty() {
            return;
        }
        // Sync calls run one after the other to their end.
        self.wait_while(|func| self.side.surface.funcs.get(func).is_some_and(|it| !it.ty.is_async))
            .await;
        // An async call starts when its turn comes in the store's queue, and then runs up to its
        // first wait. In each turn of the event loop the queue runs dry, or one item of it waits
        // and holds the store.
        turns.pass(unsettled + 1).await;
    }

    /// Waits while a call of one of the functions that `matters` is in flight.
    #[cfg(feature = "component-model-async")]
    async fn wait_while(&self, matters: impl Fn(usize) -> bool) {
        while self.in_flight().calls.iter().any(|(_, call)| matters(call.func)) {
            self.ended.notified().await;
        }
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
        let (func, ty) = self.callee(call.func)?;
        let (params, loans) = match self.args(&ty, call.args, &mut *store) {
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
        self.answer(id, self.returned(call.func, &ty, &results, store));
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
        self.side.proxies.clear();
    }
}

fn lookup<T>(store: &mut Store<T>, instance: &Instance, path: &[String]) -> Option<Func> {
    let mut index = None;
    for name in path {
        index = Some(instance.get_export_index(&mut *store, index.as_ref(), name)?);
    }
    instance.get_func(store, index?)
}

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
        let (func, ty) = calls.callee(index)?;
        let (params, loans) = match accessor.with(|store| calls.args(&ty, args, store)) {
            Ok(args) => args,
            Err(error) => {
                calls.answer(id, calls.refused(index, error));
                return Ok(());
            }
        };
        let mut results = vec![Val::Bool(false); usize::from(ty.result.is_some())];
        let call = accessor.with(|mut store| {
            let store = store.as_context_mut();
            let call = func.start_call_concurrent(store, &params, &mut results)?;
            if let Some(started) = calls.in_flight().calls.get_mut(id) {
                started.task = Some(call.task());
                if let (Some(tasks), Some(wait)) = (&calls.side.tasks, started.reply.wait()) {
                    tasks.enter(started.task, wait);
                }
            }
            Ok::<_, wasmtime::Error>(call)
        })?;
        func.finish_call_concurrent(accessor, call).await?;
        let answer = accessor.with(|mut store| {
            loans.end(&calls.side, &mut store);
            calls.returned(index, &ty, &results, store)
        });
        calls.answer(id, answer);
        Ok(())
    }
}
