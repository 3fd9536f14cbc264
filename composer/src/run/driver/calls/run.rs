//! How a call runs by itself: to its end, or at once; and what goes into the store and comes out.

use wasmtime::component::{Func, Val};
use wasmtime::{AsContextMut, Store};

use super::{Callee, Calls, Running};
use crate::error::{Cause, CompositionError};
use crate::run::border::{Crossing, Loans};
use crate::run::driver::message::{Answer, Call};
use crate::run::driver::stack::has_stack;
use crate::types::FunctionType;
use crate::value::{HandleFault, Value, ValueError, from_val, into_val};
#[cfg(feature = "codec")]
use crate::value::{give_handles, take_handles};
#[cfg(feature = "codec")]
use wasm_runtime_composer_values as values;

impl Calls {
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
        if self.nothing_waits
            && !self.is_async(call.func)
            && has_stack(store.engine().get_max_wasm_stack())
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
                    self.refuse(Running { id, func: call.func }, error);
                    return Ok(());
                }
            };
            self.note_running(id);
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
                self.refuse(Running { id, func: call.func }, error);
                return Ok(());
            }
        };
        self.note_running(id);
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
        if let (Some(at_once), Some(companion)) =
            (callee.ways.at_once, &self.border.surface.companion)
            && companion.holds_back
        {
            return at_once;
        }
        callee.func
    }

    /// Answers a call whose arguments cannot go in.
    pub(super) fn refuse(&self, call: Running, error: ValueError) {
        self.answer(call.id, self.refused(call.func, error));
    }

    /// Notes in which call the guest runs, on an engine that runs one at a time.
    fn note_running(&self, call: usize) {
        if let (Some(running_calls), Some(started)) =
            (&self.border.running_calls, self.in_flight().calls.get(call))
        {
            running_calls.enter(call, None, started.reply.wait(), started.reply.context());
        }
    }

    /// The function, which is there for every call that the plan lets through.
    pub(super) fn callee(&self, func: usize) -> wasmtime::Result<&Callee> {
        let callee = self.callees.get(func).and_then(Option::as_ref);
        callee
            .ok_or_else(|| wasmtime::format_err!("the instance lacks a function of its component"))
    }

    /// Puts the arguments into the store.
    pub(super) fn args(
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

    pub(super) fn returned(
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
    pub(super) fn give_args(
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
    pub(super) fn answer_of(
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
    pub(super) fn refused(&self, func: usize, error: ValueError) -> Answer {
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
