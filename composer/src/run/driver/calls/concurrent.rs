//! Calls in the store's event loop: several at a time, given up while they run.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::Either;
use tokio::sync::Notify;
use tokio::time::{Sleep, sleep};
use wasmtime::component::{Accessor, AccessorTask, Func, GuestTaskId, Instance, Val};
use wasmtime::{AsContextMut, Store};

use super::{Callee, Calls, Running, lookup};
use crate::error::GraceOver;
use crate::plan::companion::{Companion, numbered};
#[cfg(feature = "codec")]
use crate::run::border::Loans;
use crate::run::driver::bounds::within;
use crate::run::driver::loop_meter::LoopMeter;
use crate::run::driver::message::{Answer, Call};
use crate::types::{FunctionType, ValueType};
#[cfg(feature = "codec")]
use crate::value::Handle;
use crate::value::{SOME, Value};
#[cfg(feature = "codec")]
use wasm_runtime_composer_values::{self as values, Called, Shape};

/// The task of a call in its store.
pub(super) type TaskId = GuestTaskId;

/// What gives up the calls of a store that have numbers.
pub(super) struct Cancelling {
    /// What gives up a call by its number.
    by: Option<Func>,
    /// How many numbered calls there were.
    numbers: AtomicU32,
    /// How many of them are being given up.
    running: AtomicU32,
    /// Told when one has been.
    done: Notify,
}

impl Cancelling {
    pub(super) fn new<T>(
        store: &mut Store<T>,
        instance: &Instance,
        companion: Option<&Companion>,
    ) -> Self {
        let path = companion.and_then(Companion::cancel);
        let by = path.and_then(|path| lookup(store, instance, path));
        let (numbers, running) = (AtomicU32::new(0), AtomicU32::new(0));
        Self { by, numbers, running, done: Notify::new() }
    }
}

/// In what other ways a function can be called.
#[derive(Default)]
pub(super) struct Ways {
    /// Of a sync function: what calls it at once, whatever the instance holds back.
    pub(super) at_once: Option<Func>,
    /// Of an async function: what calls it so that the call can be given up.
    numbered: Option<Box<Callee>>,
}

impl Ways {
    pub(super) fn find<T>(
        store: &mut Store<T>,
        instance: &Instance,
        (path, ty): (&[String], &FunctionType),
        companion: &Companion,
    ) -> Self {
        let at_once = companion.at_once(path).and_then(|path| lookup(store, instance, path));
        let numbered_by = companion.numbered(path).and_then(|path| lookup(store, instance, path));
        let numbered = numbered_by.map(|func| Box::new(Callee::new(func, Arc::new(numbered(ty)))));
        Self { at_once, numbered }
    }
}

impl Calls {
    /// Whether a sync function is to be called outside of the event loop, where the engine lets nothing hold it
    /// back.
    pub(in crate::run) fn runs_between_turns(&self, func: usize) -> bool {
        let callee = self.callees.get(func).and_then(Option::as_ref);
        self.nothing_waits && callee.is_some_and(|callee| callee.ways.at_once.is_none())
    }

    /// How many calls are in flight.
    pub(in crate::run) fn number(&self) -> usize {
        self.in_flight().calls.len()
    }

    /// Whether no call is in flight and the guest has nothing left to do.
    pub(in crate::run) fn is_idle<T: Send + 'static>(&self, accessor: &Accessor<T>) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        self.number() == 0 && accessor.poll_no_interesting_tasks(&mut nobody).is_ready()
    }

    /// Takes out a call that was withdrawn before it reached the guest.
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

    /// Waits until something has gone on for longer than `grace` in the store while no call is in flight.
    pub(in crate::run) async fn lingering<T: Send + 'static>(
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
    pub(in crate::run) async fn one_ended(&self) {
        self.ended.notified().await;
    }

    /// Whether a sync call runs.
    pub(in crate::run) fn is_held(&self) -> bool {
        self.in_flight().holding.is_some()
    }

    /// Waits until no sync call runs.
    pub(in crate::run) async fn sync_over(&self) {
        while self.is_held() {
            self.ended.notified().await;
        }
    }

    /// Notes which task of the store a call is.
    fn set_task(&self, call: usize, task: GuestTaskId) {
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
    fn poll_given_up(&self, call: usize, cx: &mut Context<'_>) -> Poll<()> {
        match self.in_flight().calls.get_mut(call) {
            Some(started) => started.reply.poll_abandoned(cx),
            None => Poll::Ready(()),
        }
    }

    /// Waits until the guest is to be told that a call is cancelled.
    fn poll_cancelled(&self, call: usize, cx: &mut Context<'_>) -> Poll<()> {
        match self.in_flight().calls.get_mut(call) {
            Some(started) => started.reply.poll_cancelled(cx),
            None => Poll::Ready(()),
        }
    }

    /// Whether a call is being given up.
    fn is_cancelling(&self) -> bool {
        self.cancelling.running.load(Ordering::Relaxed) > 0
    }

    /// Waits until the guest has heard of the calls that were given up, where that takes no longer than telling it:
    /// what comes next must not overtake them.
    async fn told_of_cancelled(&self) {
        let companion = self.border.surface.companion.as_ref();
        while companion.is_some_and(|it| it.cancels_in_passing) {
            let told = self.cancelling.done.notified();
            if !self.is_cancelling() {
                break;
            }
            told.await;
        }
    }

    /// The next number for a call.
    fn number_of_call(&self) -> u32 {
        self.cancelling.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether a call of a sync function would wait for what the guest holds back: its instance may be busy
    /// with another call.
    fn may_hold_back<T: Send + 'static>(&self, accessor: &Accessor<T>) -> bool {
        let holds_back = self.border.surface.companion.as_ref().is_some_and(|it| it.holds_back);
        let mut nobody = Context::from_waker(Waker::noop());
        holds_back
            || self.number() > 1
            || accessor.poll_no_interesting_tasks(&mut nobody).is_pending()
    }

    /// Waits until no call is in flight and the guest has nothing left to do.
    pub(in crate::run) async fn finish<T: Send + 'static>(&self, accessor: &Accessor<T>) {
        while !self.in_flight().calls.is_empty() {
            self.ended.notified().await;
        }
        poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
    }

    /// Waits until the calls in flight have reached the guest, of which the last `unsettled` may
    /// not have: what comes next in the inbox must not overtake them.
    pub(in crate::run) async fn settle(&self, loop_meter: &LoopMeter, unsettled: usize) {
        let unsettled = unsettled.min(self.in_flight().calls.len());
        if unsettled == 0 {
            return;
        }
        // No sync call runs when a message is taken. An async call starts when its turn comes in the
        // store's queue, and then runs up to its first wait. In each turn of the event loop the queue
        // runs dry, or one item of it waits and holds the store.
        loop_meter.wait_polls(unsettled + 1).await;
    }

    /// Notes that a call is to blame for the store's end.
    fn blame(&self, call: usize) {
        self.in_flight().suspect = Some(call);
    }

    /// Notes that the guest trapped in the call that `task` belongs to.
    pub(in crate::run) fn blame_task(&self, task: GuestTaskId) {
        let mut in_flight = self.in_flight();
        if in_flight.suspect.is_none() {
            let suspect = in_flight.calls.iter().find(|(_, call)| call.task == Some(task));
            in_flight.suspect = suspect.map(|(id, _)| id);
        }
    }

    /// Starts a call in the store's event loop and leaves it there.
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
    #[cfg(feature = "codec")]
    fn start_direct<'a, T: Send + 'static>(
        &self,
        accessor: &'a Accessor<T>,
        call: Running,
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
                self.refuse(call, error);
                return Ok(None);
            }
        };
        let (task, called) = values::start_call_concurrent(func, shape, accessor, args)?;
        self.set_task(call.id, task);
        Ok(Some((loans, called)))
    }

    /// Answers a call that was [queued](Self::start_direct).
    #[cfg(feature = "codec")]
    fn end_direct<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        call: Running,
        callee: &Callee,
        loans: Loans,
        result: Option<Value>,
    ) -> wasmtime::Result<()> {
        let answer = match callee.has_handles {
            true => accessor.with(|mut store| {
                loans.end(&self.border, &mut store);
                self.answer_of(call.func, callee, result, store)
            })?,
            false => Answer::Returned(result),
        };
        self.answer(call.id, self.unwrapped(call.func, callee, answer));
        Ok(())
    }

    /// Runs a call by a number in the store's event loop, and cancels it when its caller asks for that or gives the
    /// call up: the guest is told.
    async fn run_numbered<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        call: Running,
        (callee, number): (&Callee, u32),
        args: Vec<Value>,
    ) -> wasmtime::Result<()> {
        let args = with_number(&callee.ty, number, args);
        let mut running = pin!(self.run_by_number(accessor, call, callee, args));
        let ended = poll_fn(|cx| match running.as_mut().poll(cx) {
            Poll::Ready(ended) => Poll::Ready(Some(ended)),
            Poll::Pending => self.poll_cancelled(call.id, cx).map(|()| None),
        });
        match (ended.await, self.cancelling.by) {
            (Some(ended), _) => {
                // If it could not be made, it has not begun.
                self.border.start_order.has_begun(number);
                return ended;
            }
            (None, Some(cancel)) => {
                self.cancelling.running.fetch_add(1, Ordering::Relaxed);
                cancel.call_concurrent(accessor, &[Val::U32(number)], &mut []).await?;
                self.cancelling.running.fetch_sub(1, Ordering::Relaxed);
                self.cancelling.done.notify_waiters();
            }
            (None, None) => {}
        }
        running.await
    }

    async fn run_by_number<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        call: Running,
        callee: &Callee,
        args: Vec<Value>,
    ) -> wasmtime::Result<()> {
        #[cfg(feature = "codec")]
        if let Some(shape) = callee.shape {
            let by = (callee.func, shape);
            let started = self.start_direct(accessor, call, callee, by, args)?;
            let Some((loans, called)) = started else { return Ok(()) };
            let result = called.await?;
            return self.end_direct(accessor, call, callee, loans, result);
        }
        self.run_by_val(accessor, call, (callee, callee.func), args).await
    }

    /// Runs a call in the store's event loop.
    async fn run_by_val<T: Send + 'static>(
        &self,
        accessor: &Accessor<T>,
        call: Running,
        (callee, func): (&Callee, Func),
        args: Vec<Value>,
    ) -> wasmtime::Result<()> {
        let ty = &callee.ty;
        let (params, loans) = match accessor.with(|store| self.args(ty, args, store)) {
            Ok(args) => args,
            Err(error) => {
                self.refuse(call, error);
                return Ok(());
            }
        };
        let mut results = vec![Val::Bool(false); usize::from(ty.result.is_some())];
        let started = accessor.with(|mut store| {
            let store = store.as_context_mut();
            let started = func.start_call_concurrent(store, &params, &mut results)?;
            self.set_task(call.id, started.task());
            Ok::<_, wasmtime::Error>(started)
        })?;
        func.finish_call_concurrent(accessor, started).await?;
        let answer = accessor.with(|mut store| {
            loans.end(&self.border, &mut store);
            self.returned(call.func, ty, &results, store)
        })?;
        self.answer(call.id, self.unwrapped(call.func, callee, answer));
        Ok(())
    }

    /// The answer of the function itself, where `callee` is what calls it by a number.
    fn unwrapped(&self, index: usize, callee: &Callee, answer: Answer) -> Answer {
        match self.callees.get(index) {
            Some(Some(own))
                if own.ways.numbered.as_deref().is_some_and(|it| std::ptr::eq(it, callee)) =>
            {
                without_number(answer, own.ty.result.is_some())
            }
            _ => answer,
        }
    }
}

/// A call in the store's event loop.
struct CallTask {
    calls: Arc<Calls>,
    id: usize,
    func: usize,
    args: Vec<Value>,
}

impl<T: Send + 'static> AccessorTask<T> for CallTask {
    fn run(self, accessor: &Accessor<T>) -> impl Future<Output = wasmtime::Result<()>> + Send {
        // The driver sees to those of sync functions.
        match self.calls.grace.filter(|_| self.calls.is_async(self.func)) {
            None => Either::Left(self.run_on(accessor)),
            Some(grace) => Either::Right(Box::pin(self.run_within(accessor, grace))),
        }
    }
}

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
        let Self { calls, id, func, args } = self;
        let call = Running { id, func };
        if calls.leave_withdrawn(id) {
            return Ok(());
        }
        let callee = calls.callee(func)?;
        if calls.is_cancelling() {
            calls.told_of_cancelled().await;
        }
        let turn = match calls.cancelling.by {
            Some(_) => calls.border.start_order.turn().await,
            None => None,
        };
        // While the companion cancels a call it can start no other. Then this one enters without a number, and cannot be
        // cancelled.
        let numbered = callee.ways.numbered.as_ref().filter(|_| !calls.is_cancelling());
        if let Some(numbered) = numbered {
            let number = calls.number_of_call();
            calls.border.start_order.begins(number, turn);
            return Box::pin(calls.run_numbered(accessor, call, (numbered, number), args)).await;
        }
        // The call starts below, so the next may take its turn.
        drop(turn);
        let by = match callee.ways.at_once {
            Some(at_once) if calls.may_hold_back(accessor) => at_once,
            _ => callee.func,
        };
        #[cfg(feature = "codec")]
        if let Some(shape) = callee.shape {
            // wasmtime stores this future twice (as an argument and in its task), so it is kept small.
            let started = calls.start_direct(accessor, call, callee, (by, shape), args)?;
            let Some((loans, called)) = started else { return Ok(()) };
            let result = called.await?;
            return calls.end_direct(accessor, call, callee, loans, result);
        }
        // Seldom needed, and large.
        Box::pin(calls.run_by_val(accessor, call, (callee, by), args)).await
    }
}

/// What a call by number takes: the number and the parameters, with what fills them up.
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
