//! One task per store: it owns the store and the instance, and everybody else sends it messages.
//!
//! A call that was started belongs to the driver and never to its caller, who may go away at any
//! time. However a driver ends, by its last store, by closing or with its runtime, it goes through
//! [`Driver::end`], which answers every caller that still waits with the reason.

mod bounds;
mod calls;
#[cfg(feature = "component-model-async")]
mod event_loop;
mod handle;
mod hold_timer;
mod idle_store;
mod in_place;
mod inbox;
mod life;
mod lifetime;
mod loop_meter;
mod message;
mod nesting;
mod provided;
mod provider;
mod restart;
mod stack;

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::Instant;
#[cfg(feature = "component-model-async")]
use wasmtime::AsContextMut;
use wasmtime::Store;
use wasmtime::component::Instance;

pub(crate) use bounds::Bounds;
pub(crate) use handle::{DEFAULT_CAPACITY, DriverHandle, Leftover, never_in_place};
pub(crate) use in_place::RanInPlace;
pub use lifetime::Lifetime;
pub(crate) use lifetime::Roster;
pub(crate) use message::{Call, Expired, Hears, MadeBy, Ticket};
pub(crate) use nesting::with_guests;
pub(crate) use provided::ProvidedDriver;
pub use provider::{Provider, ProviderError, ProviderFuture};
pub use restart::RestartPolicy;

use crate::error::{Cause, Deadlock, GraceOver, StartError, StopReason, bug, discard, panicked};
use crate::run::border::Border;
use crate::run::waits::RunningCalls;
use crate::value::handle::Released;
use bounds::{DestructorLate, within};
use calls::Calls;
#[cfg(feature = "component-model-async")]
use event_loop::take_messages;
use hold_timer::HoldTimer;
use idle_store::{Idle, IdleStore, NextJob};
use loop_meter::{LoopMeter, RunLimited};
use message::{LeftLoop, Message};
use restart::Restarts;
pub(crate) use stack::Depth;

/// Runs one component in its store.
pub(crate) struct Driver<T: Send + 'static> {
    store: Whereabouts<T>,
    idle: Arc<IdleStore<T>>,
    /// Whether sync calls run outside of the store's event loop, and the store rests between them.
    rests: bool,
    handle: Arc<DriverHandle>,
    calls: Arc<Calls>,
    /// How the component gets a new store, and when.
    renew: Option<(Box<dyn Renew<T>>, Restarts)>,
    /// Whether calls may overlap: the engine can run several tasks in one store.
    concurrent: bool,
    /// How long its code may run.
    bounds: Bounds,
    run_limit: Option<RunLimited>,
    /// What runs outside of any call, for the message if it traps.
    task: Option<String>,
    /// Whether the lifetime of the instance is over, and nothing needs it.
    is_used_up: bool,
}

/// Where the store of a driver is.
enum Whereabouts<T: 'static> {
    Here(Store<T>),
    /// In the [`IdleStore`], or with a caller that took it from there.
    Lent,
    /// It has ended.
    Gone,
}

impl<T> Whereabouts<T> {
    /// The store, which has to be here.
    fn here(&mut self) -> wasmtime::Result<&mut Store<T>> {
        match self {
            Self::Here(store) => Ok(store),
            Self::Lent | Self::Gone => Err(bug("a driver went on without its store")),
        }
    }

    /// Drops the store, if it is here.
    fn end(&mut self) {
        discard(std::mem::replace(self, Self::Gone));
    }
}

/// Makes a component's store and instance anew.
pub(crate) trait Renew<T: 'static>: Send + Sync {
    fn renew(
        &self,
        bounds: Bounds,
    ) -> Pin<Box<dyn Future<Output = Result<Renewed<T>, StartError>> + Send + '_>>;
}

/// A new store, and the instance in it.
pub(crate) type Renewed<T> = (Store<T>, Instance);

/// Why a store is not used any more.
enum StoreEnd {
    /// The lifetime of the instance is over, and nothing needs it.
    UsedUp,
    For(StopReason),
}

/// Why a store is given up.
enum Over {
    /// A call of this function has held it for too long.
    Held(usize),
    /// A call that was given up has held it for too long.
    Grace(Duration),
    Deadlock(Deadlock),
}

impl<T: Send + 'static> Driver<T> {
    /// A driver for `instance`, which lives in `store`. It runs when it is [spawned](Self::spawn).
    pub(crate) fn new(
        mut store: Store<T>,
        instance: &Instance,
        handle: Arc<DriverHandle>,
        border: Arc<Border>,
        bounds: Bounds,
    ) -> Self {
        let engine = store.engine();
        let concurrent =
            cfg!(feature = "component-model-async") && engine.get_concurrency_support();
        // Where it can happen that calls wait in a cycle, each has to be a task of its own.
        let in_cycles = border.running_calls.as_ref().is_some_and(RunningCalls::are_in_cycles);
        let rests = !concurrent || !border.surface.works_between_calls() && !in_cycles;
        let idle = IdleStore::new();
        handle.set_started(idle.clone(), engine.get_max_wasm_stack());
        let calls = Calls::new(handle.clone(), border, &mut store, instance, bounds.grace);
        Self {
            store: Whereabouts::Here(store),
            idle,
            rests,
            handle,
            calls: Arc::new(calls),
            renew: None,
            concurrent,
            bounds,
            run_limit: bounds.run_limit.map(RunLimited::new),
            task: None,
            is_used_up: false,
        }
    }

    /// Starts the component again when its store has ended, as `policy` says.
    pub(crate) fn restarting(mut self, renew: Box<dyn Renew<T>>, policy: RestartPolicy) -> Self {
        self.renew = Some((renew, Restarts::new(policy)));
        self
    }

    /// Keeps the store in its event loop: there may be work in it that belongs to no call.
    pub(crate) fn in_event_loop(mut self) -> Self {
        self.rests = !self.concurrent;
        self
    }

    /// Runs the driver on a task of its own.
    pub(crate) fn spawn(mut self) -> JoinHandle<()> {
        // Spawned directly, the future of `run` would hold `self` twice: arguments of an async fn are stored twice. An
        // async block that owns it and calls `run` by reference holds it once.
        tokio::spawn(async move { self.run().await })
    }

    /// Serves the inbox until it is told to stop, or the component traps for the last time.
    async fn run(&mut self) {
        let reason = loop {
            let mut reason = match self.run_store().await {
                StoreEnd::UsedUp => match Box::pin(self.renew()).await {
                    Ok(()) => continue,
                    Err(reason) => reason,
                },
                StoreEnd::For(reason) => reason,
            };
            if !matches!(reason, StopReason::Closed | StopReason::Replaced) {
                match Box::pin(self.restart(reason)).await {
                    Ok(()) => continue,
                    Err(last) => reason = last,
                }
            }
            break reason;
        };
        self.end(reason);
    }

    /// Serves the inbox with the store that there is. The store is not used again.
    async fn run_store(&mut self) -> StoreEnd {
        match self.serve_store().await {
            Ok(()) if self.is_used_up => StoreEnd::UsedUp,
            Ok(()) => StoreEnd::For(self.handle.stop_reason()),
            Err(reason) => StoreEnd::For(reason),
        }
    }

    /// Serves the inbox until it is told to stop, or to go on with another store.
    async fn serve_store(&mut self) -> Result<(), StopReason> {
        let calls = self.calls.clone();
        let handle = self.handle.clone();
        let outcome = {
            let serving = pin!(self.serve());
            // A host function's panic comes out here.
            let mut serving = AssertUnwindSafe(with_guests(serving)).catch_unwind();
            let mut watch = HoldTimer::default();
            let watched = handle.watched();
            let mut over = handle.allotment().map(|it| Box::pin(it.over(handle.uses())));
            let waker = Waker::from(watched.clone());
            poll_fn(|cx| {
                if let Some(deadlock) = watched.polled(cx.waker()) {
                    return Poll::Ready(Err(Over::Deadlock(deadlock)));
                }
                let cx = &mut Context::from_waker(&waker);
                if let Poll::Ready(func) = watch.poll_held_too_long(cx, &calls, &handle) {
                    return Poll::Ready(Err(Over::Held(func)));
                }
                let fails =
                    |polled: &Poll<_>| !matches!(polled, Poll::Pending | Poll::Ready(Ok(Ok(_))));
                if let Poll::Ready(ended) = calls.border.polled(|| serving.poll_unpin(cx), fails) {
                    return Poll::Ready(Ok(ended));
                }
                // Once: what is over stays over.
                if over.as_mut().is_some_and(|over| over.as_mut().poll(cx).is_ready()) {
                    over = None;
                    handle.send_renew();
                }
                // A call that has just begun is to be looked at, too.
                if let Some(grace) = calls.grace
                    && watch.poll_unheard(cx, &calls, grace).is_ready()
                {
                    return Poll::Ready(Err(Over::Grace(grace)));
                }
                match watched.idle(|| calls.awaited()) {
                    Some(deadlock) => Poll::Ready(Err(Over::Deadlock(deadlock))),
                    None => Poll::Pending,
                }
            })
            .await
        };
        self.handle.watched().ended();
        let component = self.handle.id().to_owned();
        let error = match outcome {
            Err(Over::Held(func)) => {
                let function = self.handle.function_name(func);
                return Err(StopReason::Expired { component, function });
            }
            Err(Over::Deadlock(deadlock)) => {
                calls.blame_any();
                wasmtime::Error::new(deadlock)
            }
            Err(Over::Grace(grace)) => wasmtime::Error::new(GraceOver { grace }),
            Ok(Ok(Ok(()))) => return Ok(()),
            Ok(Ok(Err(error))) if error.is::<DestructorLate>() => {
                let function = self.task.take().unwrap_or_default();
                return Err(StopReason::Expired { component, function });
            }
            Ok(Ok(Err(error))) => error,
            Ok(Err(panic)) => panicked(panic),
        };
        let function = match self.task.take() {
            Some(task) => task,
            // Looking for the task that trapped reads what the trap left behind.
            None => catch_unwind(AssertUnwindSafe(|| self.trapping_call()))
                .unwrap_or_default()
                .unwrap_or_else(|| "a background task".to_owned()),
        };
        Err(StopReason::Trapped { component, function, source: Cause::new(error) })
    }

    /// Makes another store in the place of one whose lifetime is over. What is in the inbox stays there.
    async fn renew(&mut self) -> Result<(), StopReason> {
        self.is_used_up = false;
        if self.handle.is_replaced() {
            return Err(self.handle.stop_reason());
        }
        let Some((renew, _)) = &self.renew else {
            return Err(self.handle.stop_reason());
        };
        self.calls.lose_store();
        self.store.end();
        self.idle.clear();
        self.handle.forget_released();
        let renewed = tokio::select! {
            biased;
            () = self.handle.stop_wish.notified() => return Err(self.handle.stop_reason()),
            renewed = renew.renew(self.bounds) => renewed,
        };
        match renewed {
            Ok((store, instance)) => {
                self.handle.note_renewed();
                self.go_on_with(store, &instance);
                Ok(())
            }
            Err(error) => {
                let component = self.handle.id().to_owned();
                Err(StopReason::NotRestarted { component, source: Box::new(error) })
            }
        }
    }

    /// Goes on with another store.
    fn go_on_with(&mut self, mut store: Store<T>, instance: &Instance) {
        let border = self.calls.border.clone();
        let calls =
            Calls::new(self.handle.clone(), border, &mut store, instance, self.bounds.grace);
        self.calls = Arc::new(calls);
        self.store = Whereabouts::Here(store);
        self.handle.readmit();
    }

    /// Ends the store for `reason` and makes a new one. What is in the inbox stays there.
    async fn restart(&mut self, mut reason: StopReason) -> Result<(), StopReason> {
        let bounds = self.bounds;
        let Some((renew, restarts)) = &mut self.renew else { return Err(reason) };
        // An instance that lives for some calls is replaced anyway, so a trap takes no restart of the policy: that counts
        // failures to start.
        let by_calls = self.handle.allotment().filter(|it| it.is_by_calls());
        let mut is_free = by_calls.is_some() && !matches!(reason, StopReason::NotRestarted { .. });
        if let Some(allotment) = by_calls {
            allotment.exhaust();
        }
        loop {
            if self.handle.is_replaced() {
                return Err(reason);
            }
            let delay = match std::mem::take(&mut is_free) {
                true => Some(Duration::ZERO),
                false => restarts.next(Instant::now()),
            };
            let Some(delay) = delay else { return Err(reason) };
            self.handle.set_ended(reason.clone());
            // What it called is withdrawn, and what it had lent is given back.
            self.calls.lose_store();
            self.store.end();
            self.idle.clear();
            self.handle.send_restarting(reason.clone(), delay);
            self.calls.end(&reason);
            self.handle.forget_released();
            let renewed = async {
                // tokio's timer rounds up to 1 ms; a delay of zero does not sleep at all.
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                renew.renew(bounds).await
            };
            let renewed = tokio::select! {
                biased;
                () = self.handle.stop_wish.notified() => return Err(self.handle.stop_reason()),
                renewed = renewed => renewed,
            };
            match renewed {
                Ok((store, instance)) => {
                    self.handle.send_restarted();
                    self.go_on_with(store, &instance);
                    return Ok(());
                }
                Err(error) => {
                    let component = self.handle.id().to_owned();
                    reason = StopReason::NotRestarted { component, source: Box::new(error) };
                }
            }
        }
    }

    async fn serve(&mut self) -> wasmtime::Result<()> {
        let mut in_turn = self.rests;
        let mut first = None;
        loop {
            let next = match in_turn {
                true => self.serve_in_turn().await?,
                false => self.serve_concurrently(first.take()).await?,
            };
            match next {
                LeftLoop::Release(released) => Box::pin(self.release(released)).await?,
                LeftLoop::Overlap(call) => {
                    in_turn = false;
                    first = Some(call);
                }
                LeftLoop::Alone(call) => {
                    in_turn = true;
                    if !self.run_alone(call).await? {
                        break;
                    }
                }
                #[cfg(feature = "component-model-async")]
                LeftLoop::Between(call) => {
                    if !self.run_alone(call).await? {
                        break;
                    }
                }
                LeftLoop::Stop => break,
                LeftLoop::Renew => {
                    self.is_used_up = true;
                    return Ok(());
                }
            }
        }
        // No caller is left, but handles may have come back meanwhile. A call that comes
        // all the same finds the reason when the inbox is closed.
        self.handle.set_stopped(self.handle.stop_reason());
        self.handle.close_inbox();
        while let Some(message) = self.handle.try_receive() {
            if let Message::Release(released) = message {
                Box::pin(self.release(released)).await?;
            }
        }
        Ok(())
    }

    /// Starts calls as they arrive, until something needs the store outside its event loop. Calls
    /// in flight live in the store and go on when the loop is entered again.
    #[cfg(feature = "component-model-async")]
    async fn serve_concurrently(&mut self, first: Option<Call>) -> wasmtime::Result<LeftLoop> {
        let Self { store, handle, calls, rests, run_limit, .. } = self;
        let store = store.here()?;
        let loop_meter = LoopMeter::default();
        // Kept outside of the closure: `run_concurrent` moves the type of its result on every poll, so that type
        // should be small.
        let mut next = LeftLoop::Stop;
        // Boxed, as most components never enter the event loop and should not pay for its future.
        let event_loop = Box::pin(store.run_concurrent(async |accessor| {
            if let Some(call) = first {
                Calls::start(calls, accessor, call)?;
            }
            let messages = pin!(take_messages(accessor, handle, calls, *rests, &loop_meter));
            next = loop_meter.each_turn(messages).await?;
            Ok::<_, wasmtime::Error>(())
        }));
        loop_meter.count(run_limit.as_ref(), event_loop).await???;
        Ok(next)
    }

    #[cfg(not(feature = "component-model-async"))]
    #[expect(clippy::needless_pass_by_ref_mut, reason = "where stores overlap, it does need it")]
    async fn serve_concurrently(&mut self, first: Option<Call>) -> wasmtime::Result<LeftLoop> {
        // No engine is concurrent then.
        Ok(first.map_or(LeftLoop::Stop, LeftLoop::Alone))
    }

    /// Runs one call after the other, each to its end. Between them others may run the store.
    async fn serve_in_turn(&mut self) -> wasmtime::Result<LeftLoop> {
        loop {
            match std::mem::replace(&mut self.store, Whereabouts::Lent) {
                Whereabouts::Here(store) => {
                    self.idle.put(Idle { store, calls: self.calls.clone() });
                }
                Whereabouts::Lent => {}
                Whereabouts::Gone => return Err(bug("a driver went on without its store")),
            }
            let work = tokio::select! {
                biased;
                work = self.idle.work(&self.handle) => work,
                () = self.handle.cut.notified() => return Ok(LeftLoop::Stop),
            };
            let (message, store) = match work {
                NextJob::Message(message, Idle { store, .. }) => (message, store),
                NextJob::Started(call) => {
                    let run = LoopMeter::default();
                    tokio::select! {
                        biased;
                        ended = run.count(self.run_limit.as_ref(), call) => {
                            let (Idle { store, .. }, outcome) = ended?;
                            self.store = Whereabouts::Here(store);
                            outcome?;
                        }
                        () = self.handle.cut.notified() => return Ok(LeftLoop::Stop),
                    }
                    continue;
                }
                NextJob::Failed(error) => return Err(error),
            };
            self.store = Whereabouts::Here(store);
            match message {
                Some(Message::Call(call)) => {
                    if self.concurrent && self.calls.is_async(call.func) {
                        return Ok(LeftLoop::Overlap(call));
                    }
                    if !self.run_alone(call).await? {
                        return Ok(LeftLoop::Stop);
                    }
                }
                Some(Message::Release(released)) => return Ok(LeftLoop::Release(released)),
                Some(Message::Renew) => return Ok(LeftLoop::Renew),
                Some(Message::Stop) | None => return Ok(LeftLoop::Stop),
            }
        }
    }

    /// Runs a call to its end, outside of the event loop; `false` if the driver is not to wait for it
    /// any longer.
    async fn run_alone(&mut self, call: Call) -> wasmtime::Result<bool> {
        let store = self.store.here()?;
        let loop_meter = LoopMeter::default();
        let going_on = {
            let call = Box::pin(self.calls.run(store, call));
            tokio::select! {
                biased;
                ended = loop_meter.count(self.run_limit.as_ref(), call) => {
                    ended??;
                    true
                }
                () = self.handle.cut.notified() => false,
            }
        };
        if !going_on {
            // A sync call that is given up leaves a store that nothing can enter.
            self.calls.border.fails();
            self.store.end();
        }
        Ok(going_on)
    }

    /// Runs a resource's destructor.
    async fn release(&mut self, released: Released) -> wasmtime::Result<()> {
        let Released { resource, store_id, live, done, .. } = released;
        if store_id != self.calls.border.store_id() {
            // It was lost with a store before this one.
            return Ok(());
        }
        let store = self.store.here()?;
        self.task = Some("a resource's destructor".to_owned());
        let loop_meter = LoopMeter::default();
        let limit = self.bounds.destructor;
        let ended = {
            let dropping = pin!(resource.resource_drop_async(store));
            within(limit, pin!(loop_meter.count(self.run_limit.as_ref(), dropping))).await
        };
        ended.ok_or_else(|| wasmtime::Error::new(DestructorLate(limit)))???;
        self.task = None;
        // Those who wait for the count to be zero are woken after this.
        drop(live);
        if let Some(done) = done {
            // It fails if the one who dropped the handle does not wait for the destructor.
            let _ = done.send(());
        }
        Ok(())
    }

    /// Which call the guest was running when it trapped.
    #[cfg(feature = "component-model-async")]
    fn trapping_call(&mut self) -> Option<String> {
        if let (Whereabouts::Here(store), true) = (&mut self.store, self.concurrent) {
            let mut store = store.as_context_mut();
            // The stack is youngest first; the eldest is what was called from outside.
            if let Some(task) = store.async_call_stack().ok().and_then(Iterator::last) {
                self.calls.blame_task(task);
            }
        }
        self.calls.blamed_function()
    }

    #[cfg(not(feature = "component-model-async"))]
    fn trapping_call(&self) -> Option<String> {
        self.calls.blamed_function()
    }

    /// The one way out. The order matters: the reason is there before anybody can find the inbox
    /// closed, and the inbox is closed before what is in it is answered, so that nothing arrives
    /// behind it and waits for ever. The store is gone before anybody hears of that.
    fn end(&mut self, reason: StopReason) {
        self.handle.set_stopped(reason.clone());
        self.handle.close_inbox();
        self.calls.lose_store();
        self.idle.close();
        self.store.end();
        self.handle.send_ended();
        self.calls.end(&reason);
        while self.handle.try_receive().is_some() {}
    }
}

impl<T: Send + 'static> Drop for Driver<T> {
    fn drop(&mut self) {
        // After `end` this finds nothing to do. Otherwise the task was aborted, or its runtime is
        // shutting down.
        self.end(StopReason::RuntimeShutdown);
    }
}
