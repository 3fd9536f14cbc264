//! How a call runs: in the store's event loop, by itself to its end, or at once.

#[cfg(feature = "component-model-async")]
use std::future::poll_fn;
#[cfg(feature = "component-model-async")]
use std::pin::pin;
#[cfg(feature = "component-model-async")]
use std::sync::Arc;
#[cfg(feature = "component-model-async")]
use std::sync::atomic::Ordering;
#[cfg(feature = "component-model-async")]
use std::task::Poll;
#[cfg(feature = "component-model-async")]
use std::time::Duration;

#[cfg(feature = "component-model-async")]
use futures_util::future::Either;
#[cfg(feature = "component-model-async")]
use wasmtime::component::{Accessor, AccessorTask};
use wasmtime::component::{Func, Val};
use wasmtime::{AsContextMut, Store};

use super::{Callee, Calls};
#[cfg(feature = "component-model-async")]
use crate::error::GraceOver;
use crate::error::{Cause, CompositionError};
use crate::run::border::{Crossing, Loans};
#[cfg(feature = "component-model-async")]
use crate::run::driver::bounds::within;
use crate::run::driver::message::{Answer, Call};
use crate::run::driver::stack::has_stack;
use crate::types::FunctionType;
#[cfg(feature = "component-model-async")]
use crate::types::ValueType;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use crate::value::Handle;
#[cfg(feature = "component-model-async")]
use crate::value::SOME;
use crate::value::{HandleFault, Value, ValueError, from_val, into_val};
#[cfg(feature = "codec")]
use crate::value::{give_handles, take_handles};
#[cfg(feature = "codec")]
use wasm_runtime_composer_values as values;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use wasm_runtime_composer_values::{Called, Shape};

impl Calls {
    /// Starts a call in the store's event loop and leaves it there.
    #[cfg(feature = "component-model-async")]
    pub(in crate::run) fn start<T: Send + 'static>(
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

    /// Queues a call in the store's event loop, with values that do not pass through `Val`; `None` if it is
    /// answered already.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    fn start_direct<'a, T: Send + 'static>(
        &self,
        accessor: &'a Accessor<T>,
        (id, index): (usize, usize),
        callee: &Callee,
        (func, shape): (Func, Shape),
        mut args: Vec<Value>,
    ) -> wasmtime::Result<Option<(Loans, Called<'a, Handle>)>> {
        let given = match callee.has_handles {
            true => accessor.with(|store| self.give_args(callee, &mut args, store)),
            false => Ok(Loans::default()),
        };
        let loans = match given {
            Ok(loans) => loans,
            Err(error) => {
                self.answer(id, self.refused(index, error));
                return Ok(None);
            }
        };
        let (task, called) = values::start_call_concurrent(func, shape, accessor, args)?;
        self.is_task(id, task);
        Ok(Some((loans, called)))
    }

    /// Answers a call that was [queued](Self::start_direct).
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    fn end_direct<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        (id, index): (usize, usize),
        callee: &Callee,
        loans: Loans,
        result: Option<Value>,
    ) -> wasmtime::Result<()> {
        let answer = match callee.has_handles {
            true => accessor.with(|mut store| {
                loans.end(&self.border, &mut store);
                self.answer_of(index, callee, result, store)
            })?,
            false => Answer::Returned(result),
        };
        self.answer(id, self.unwrapped(index, callee, answer));
        Ok(())
    }

    /// Runs a call by a number in the store's event loop, and cancels it when its caller asks for that or gives the
    /// call up: the guest is told.
    #[cfg(feature = "component-model-async")]
    async fn run_numbered<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        (id, index): (usize, usize),
        (callee, number): (&Callee, u32),
        args: Vec<Value>,
    ) -> wasmtime::Result<()> {
        let args = with_number(&callee.ty, number, args);
        let mut running = pin!(self.run_by_number(accessor, (id, index), callee, args));
        let ended = poll_fn(|cx| match running.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending => self.poll_cancelled(id, cx).map(|()| None),
        });
        match (ended.await, self.cancel) {
            (Some(ended), _) => {
                // If it could not be made, it has not begun.
                self.border.start_order.has_begun(number);
                return ended;
            }
            (None, Some(cancel)) => {
                self.cancelling.fetch_add(1, Ordering::Relaxed);
                cancel.call_concurrent(accessor, &[Val::U32(number)], &mut []).await?;
                self.cancelling.fetch_sub(1, Ordering::Relaxed);
                self.cancelled.notify_waiters();
            }
            (None, None) => {}
        }
        running.await
    }

    #[cfg(feature = "component-model-async")]
    async fn run_by_number<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        (id, index): (usize, usize),
        callee: &Callee,
        args: Vec<Value>,
    ) -> wasmtime::Result<()> {
        #[cfg(feature = "codec")]
        if let Some(shape) = callee.shape {
            let by = (callee.func, shape);
            let started = self.start_direct(accessor, (id, index), callee, by, args)?;
            let Some((loans, called)) = started else { return Ok(()) };
            let result = called.await?;
            return self.end_direct(accessor, (id, index), callee, loans, result);
        }
        self.run_by_val(accessor, (id, index), (callee, callee.func), args).await
    }

    /// Runs a call in the store's event loop.
    #[cfg(feature = "component-model-async")]
    async fn run_by_val<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        (id, index): (usize, usize),
        (callee, func): (&Callee, Func),
        args: Vec<Value>,
    ) -> wasmtime::Result<()> {
        let ty = &callee.ty;
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
            loans.end(&self.border, &mut store);
            self.returned(index, ty, &results, store)
        })?;
        self.answer(id, self.unwrapped(index, callee, answer));
        Ok(())
    }

    /// The answer of the function itself, where `callee` is what calls it by a number.
    #[cfg(feature = "component-model-async")]
    fn unwrapped(&self, index: usize, callee: &Callee, answer: Answer) -> Answer {
        match self.callees.get(index) {
            Some(Some(own))
                if own.numbered.as_deref().is_some_and(|it| std::ptr::eq(it, callee)) =>
            {
                without_number(answer, own.ty.result.is_some())
            }
            _ => answer,
        }
    }

    /// Runs a call to its end.
    pub(in crate::run) async fn run<T: Send + 'static>(
        &self,
        store: &mut Store<T>,
        call: Call,
    ) -> wasmtime::Result<()> {
        let Some(id) = self.enter(call.func, call.ticket, call.reply) else {
            return Ok(());
        };
        drop(call.room);
        // Where the thread has no room for its stack, the guest gets one of its own.
        if self.leaf && !self.is_async(call.func) && has_stack(store.engine().get_max_wasm_stack())
        {
            let answer = self.run_to_end(store, call.func, call.args)?;
            self.answer(id, answer);
            return Ok(());
        }
        let callee = self.callee(call.func)?;
        let func = self.entry(callee);
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
            let result = values::call_async(func, shape, store.as_context_mut(), args).await?;
            loans.end(&self.border, &mut *store);
            self.answer(id, self.answer_of(call.func, callee, result, store)?);
            return Ok(());
        }
        let ty = &callee.ty;
        let (params, loans) = match self.args(ty, call.args, &mut *store) {
            Ok(args) => args,
            Err(error) => {
                self.answer(id, self.refused(call.func, error));
                return Ok(());
            }
        };
        self.runs(id);
        let mut results = vec![Val::Bool(false); usize::from(ty.result.is_some())];
        // Large, and with the codec seldom needed.
        Box::pin(func.call_async(&mut *store, &params, &mut results)).await?;
        loans.end(&self.border, &mut *store);
        self.answer(id, self.returned(call.func, ty, &results, store)?);
        Ok(())
    }

    /// Runs a sync call to its end at once, in a store where nothing that the guest calls can wait.
    pub(in crate::run) fn run_to_end<T: Send + 'static>(
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
            let result = values::call(callee.func, shape, store.as_context_mut(), args)?;
            loans.end(&self.border, &mut *store);
            return self.answer_of(func, callee, result, store);
        }
        let (params, loans) = match self.args(&callee.ty, std::mem::take(&mut args), &mut *store) {
            Ok(args) => args,
            Err(error) => return Ok(self.refused(func, error)),
        };
        let mut results = vec![Val::Bool(false); usize::from(callee.ty.result.is_some())];
        callee.func.call(&mut *store, &params, &mut results)?;
        loans.end(&self.border, &mut *store);
        self.returned(func, &callee.ty, &results, store)
    }

    /// By which function a sync one is called that runs alone.
    fn entry(&self, callee: &Callee) -> Func {
        #[cfg(feature = "component-model-async")]
        if let (Some(at_once), Some(companion)) = (callee.at_once, &self.border.surface.companion)
            && companion.holds_back
        {
            return at_once;
        }
        callee.func
    }

    /// Notes in which call the guest runs, on an engine that runs one at a time.
    fn runs(&self, call: usize) {
        if let (Some(running_calls), Some(started)) =
            (&self.border.running_calls, self.in_flight().calls.get(call))
        {
            running_calls.enter(call, None, started.reply.wait(), started.reply.context());
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
        let mut handles = Crossing::new(&self.border, store);
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
        let mut handles = Crossing::new(&self.border, store);
        let result = ty.result.as_ref().zip(results.first());
        let result = result.map(|(ty, val)| from_val(ty, val, &mut handles)).transpose()?;
        handles.may_go_out().map_err(HandleFault::from)?;
        Ok(result)
    }

    fn returned(
        &self,
        func: usize,
        ty: &FunctionType,
        results: &[Val],
        store: impl AsContextMut,
    ) -> wasmtime::Result<Answer> {
        match self.result(ty, results, store) {
            Ok(result) => Ok(Answer::Returned(result)),
            Err(error) => self.kept_back(func, error),
        }
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
        let mut handles = Crossing::new(&self.border, store);
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
        mut result: Option<Value>,
        store: impl AsContextMut,
    ) -> wasmtime::Result<Answer> {
        if let (true, Some(ty), Some(value)) = (callee.has_handles, &callee.ty.result, &mut result)
        {
            let mut handles = Crossing::new(&self.border, store);
            let taken = take_handles(ty, value, &mut handles);
            if let Err(fault) = taken.and_then(|()| Ok(handles.may_go_out()?)) {
                return self.kept_back(func, fault.into());
            }
        }
        Ok(Answer::Returned(result))
    }

    /// The answer to a call whose result cannot leave the store. What the guest gave away and the host refuses to take
    /// traps it, as it would if a function of the host's had been called with it.
    fn kept_back(&self, func: usize, error: ValueError) -> wasmtime::Result<Answer> {
        match error.fault {
            HandleFault::Store(error) => Err(error),
            HandleFault::Type { .. } | HandleFault::Handle(_) => Ok(self.refused(func, error)),
        }
    }

    /// The answer to a call that could not be made, or whose result cannot leave the store.
    fn refused(&self, func: usize, error: ValueError) -> Answer {
        Answer::Failed(match error.fault {
            HandleFault::Handle(error) => CompositionError::Handle(error),
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
    fn run(self, accessor: &Accessor<T>) -> impl Future<Output = wasmtime::Result<()>> + Send {
        // The driver sees to those of sync functions.
        match self.calls.grace.filter(|_| self.calls.is_async(self.func)) {
            None => Either::Left(self.run_on(accessor)),
            Some(grace) => Either::Right(Box::pin(self.run_within(accessor, grace))),
        }
    }
}

#[cfg(feature = "component-model-async")]
impl CallTask {
    /// Runs the call, for no longer than `grace` after its caller has given it up.
    async fn run_within<T: Send + 'static>(
        self,
        accessor: &Accessor<T>,
        grace: Duration,
    ) -> wasmtime::Result<()> {
        let (calls, id) = (self.calls.clone(), self.id);
        let mut running = pin!(self.run_on(accessor));
        let ended = poll_fn(|cx| match running.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending => calls.poll_given_up(id, cx).map(|()| None),
        });
        if let Some(ended) = ended.await {
            return ended;
        }
        match within(grace, running).await {
            Some(ended) => ended,
            None => {
                calls.blame(id);
                Err(wasmtime::Error::new(GraceOver { grace }))
            }
        }
    }

    async fn run_on<T: Send + 'static>(self, accessor: &Accessor<T>) -> wasmtime::Result<()> {
        let Self { calls, id, func: index, args } = self;
        if calls.leave_withdrawn(id) {
            return Ok(());
        }
        let callee = calls.callee(index)?;
        if calls.is_cancelling() {
            calls.told_of_cancelled().await;
        }
        let turn = match calls.cancel {
            Some(_) => calls.border.start_order.turn().await,
            None => None,
        };
        // What gives a call up may do nothing else until that is over.
        let numbered = callee.numbered.as_ref().filter(|_| !calls.is_cancelling());
        if let Some(numbered) = numbered {
            let number = calls.number_of_call();
            calls.border.start_order.begins(number, turn);
            return Box::pin(calls.run_numbered(accessor, (id, index), (numbered, number), args))
                .await;
        }
        // It begins with what follows.
        drop(turn);
        let func = match callee.at_once {
            Some(at_once) if calls.may_hold_back(accessor) => at_once,
            _ => callee.func,
        };
        #[cfg(feature = "codec")]
        if let Some(shape) = callee.shape {
            // wasmtime stores this future twice (as an argument and in its task), so it is kept small.
            let started = calls.start_direct(accessor, (id, index), callee, (func, shape), args)?;
            let Some((loans, called)) = started else { return Ok(()) };
            let result = called.await?;
            return calls.end_direct(accessor, (id, index), callee, loans, result);
        }
        // Seldom needed, and large.
        Box::pin(calls.run_by_val(accessor, (id, index), (callee, func), args)).await
    }
}

/// What a call by number takes: the number and the parameters, with what fills them up.
#[cfg(feature = "component-model-async")]
fn with_number(ty: &FunctionType, number: u32, args: Vec<Value>) -> Vec<Value> {
    let mut all = vec![Value::U32(number)];
    if !args.is_empty() {
        all.push(Value::Fields(args));
    }
    if let Some((_, ValueType::Tuple(filling))) = ty.params.get(all.len()) {
        all.push(Value::Fields(filling.iter().map(|_| Value::U8(0)).collect()));
    }
    all
}

/// The answer to a call by number, out of what comes of it.
#[cfg(feature = "component-model-async")]
fn without_number(answer: Answer, has_result: bool) -> Answer {
    match answer {
        Answer::Returned(Some(Value::Case(SOME, Some(fields)))) => match *fields {
            Value::Fields(fields) if has_result => Answer::Returned(fields.into_iter().next()),
            _ => Answer::Returned(None),
        },
        Answer::Returned(_) => Answer::Cancelled,
        other => other,
    }
}
