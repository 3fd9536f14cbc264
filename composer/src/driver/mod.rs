//! One task per store: it owns the store and the instance, and everybody else sends it messages.
//!
//! A call that was started belongs to the driver and never to its caller, who may go away at any
//! time. However a driver ends, [`Driver::end`] is the one place where it does, and there every
//! caller that still waits is answered with the reason.

mod calls;
mod handle;
mod message;
mod restart;
mod turns;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::Instant;
#[cfg(feature = "component-model-async")]
use wasmtime::AsContextMut;
#[cfg(feature = "component-model-async")]
use wasmtime::component::Accessor;
use wasmtime::component::Instance;
use wasmtime::{Engine, Store};

pub(crate) use handle::{Caller, DEFAULT_CAPACITY, DriverHandle, Inbox};
pub use restart::RestartPolicy;

use crate::error::{Cause, HostPanic, StartError, StopReason};
use crate::link::StoreSide;
use crate::transfer::Released;
use calls::Calls;
use message::Message;
pub(crate) use message::{Expired, MadeBy, Ticket};
use restart::Restarts;
use turns::Turns;

/// Runs one component in its store.
pub(crate) struct Driver<T: 'static> {
    /// Empty while the component waits for a new one.
    store: Option<Store<T>>,
    /// Calls whose deadline has passed.
    expired: mpsc::UnboundedReceiver<Expired>,
    handle: Arc<DriverHandle>,
    calls: Arc<Calls>,
    /// How the component gets a new store, and when.
    renew: Option<(Box<dyn Renew<T>>, Restarts)>,
    /// Whether calls may overlap: the engine can run several tasks in one store.
    concurrent: bool,
    /// How many ticks of the epoch the guest may compute in a row.
    run_limit: Option<u32>,
    /// What runs outside of any call, for the message if it traps.
    task: Option<String>,
}

/// Makes a component's store and instance anew.
pub(crate) trait Renew<T: 'static>: Send + Sync {
    fn renew(&self) -> Pin<Box<dyn Future<Output = Result<Renewed<T>, StartError>> + Send + '_>>;
}

/// A new store, and the instance in it.
pub(crate) type Renewed<T> = (Store<T>, Instance);

/// Why the driver left the store's event loop.
enum Next {
    Release(Released),
    Stop,
}

impl<T: Send + 'static> Driver<T> {
    /// A driver for `instance`, which lives in `store`. It runs when [`run`](Self::run) is polled.
    pub(crate) fn new(
        mut store: Store<T>,
        instance: &Instance,
        handle: Arc<DriverHandle>,
        inbox: Inbox,
        side: StoreSide,
    ) -> Self {
        let concurrent = supports_concurrency(store.engine());
        let calls = Calls::new(handle.clone(), side, &mut store, instance);
        handle.set_started();
        Self {
            store: Some(store),
            expired: inbox.expired,
            handle,
            calls: Arc::new(calls),
            renew: None,
            concurrent,
            run_limit: None,
            task: None,
        }
    }

    /// Starts the component again when its store has ended, as `policy` says.
    pub(crate) fn restarting(mut self, renew: Box<dyn Renew<T>>, policy: RestartPolicy) -> Self {
        self.renew = Some((renew, Restarts::new(policy)));
        self
    }

    /// Ends the store when the guest has computed for more than `ticks` of the epoch in a row.
    pub(crate) fn limited(mut self, ticks: Option<u32>) -> Self {
        self.run_limit = ticks;
        self
    }

    /// Serves the inbox until it is told to stop, or the component traps for the last time.
    pub(crate) async fn run(mut self) {
        let mut reason = self.run_store().await;
        while !matches!(reason, StopReason::Closed | StopReason::Replaced) {
            match self.restart(reason).await {
                Ok(()) => reason = self.run_store().await,
                Err(last) => {
                    reason = last;
                    break;
                }
            }
        }
        self.end(reason);
    }

    /// Serves the inbox with the store that there is. The store is not used again.
    async fn run_store(&mut self) -> StopReason {
        let calls = self.calls.clone();
        // Taken for the time of serving, so that both can be waited for.
        let (_, none) = mpsc::unbounded_channel();
        let mut expired = std::mem::replace(&mut self.expired, none);
        let component = self.handle.id().to_owned();
        let outcome = tokio::select! {
            biased;
            func = held_too_long(&calls, &mut expired) => Err(func),
            // A host function's panic comes out here.
            outcome = AssertUnwindSafe(self.serve()).catch_unwind() => Ok(outcome),
        };
        self.expired = expired;
        let error = match outcome {
            Err(func) => {
                let function = self.handle.function_name(func);
                return StopReason::Expired { component, function };
            }
            Ok(Ok(Ok(()))) => return self.handle.stop_reason(),
            Ok(Ok(Err(error))) => error,
            Ok(Err(panic)) => wasmtime::Error::new(HostPanic { message: text(panic) }),
        };
        let function = match self.task.take() {
            Some(task) => task,
            // Looking for the task that trapped reads what the trap left behind.
            None => std::panic::catch_unwind(AssertUnwindSafe(|| self.trapping_call()))
                .unwrap_or_default()
                .unwrap_or_else(|| "a background task".to_owned()),
        };
        StopReason::Trapped { component, function, source: Cause::new(error) }
    }

    /// Ends the store for `reason` and makes a new one. What is in the inbox stays there.
    async fn restart(&mut self, mut reason: StopReason) -> Result<(), StopReason> {
        let Some((renew, restarts)) = &mut self.renew else { return Err(reason) };
        loop {
            if self.handle.is_replaced() {
                return Err(reason);
            }
            let Some(delay) = restarts.next(Instant::now()) else { return Err(reason) };
            self.handle.set_ended(reason.clone(), delay);
            self.calls.end(&reason);
            // What it called is withdrawn, and what it had lent is given back.
            self.store = None;
            let side = self.calls.side.clone();
            side.renew();
            let renewed = async {
                // The timer would make a millisecond of no time.
                if !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                renew.renew().await
            };
            let renewed = tokio::select! {
                biased;
                () = self.handle.stop_wish.notified() => return Err(self.handle.stop_reason()),
                renewed = renewed => renewed,
            };
            match renewed {
                Ok((mut store, instance)) => {
                    let calls = Calls::new(self.handle.clone(), side, &mut store, &instance);
                    self.calls = Arc::new(calls);
                    self.store = Some(store);
                    self.handle.tell_restarted();
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
        loop {
            let next = if self.concurrent {
                self.serve_concurrently().await?
            } else {
                self.serve_in_turn().await?
            };
            match next {
                Next::Release(released) => self.release(released).await?,
                Next::Stop => break,
            }
        }
        // Nobody is left who could call, but handles may have come back meanwhile. Whoever calls
        // all the same finds the reason when the inbox is closed.
        self.handle.set_stopped(self.handle.stop_reason());
        self.handle.close_inbox();
        while let Some(message) = self.handle.try_receive() {
            if let Message::Release(released) = message {
                self.release(released).await?;
            }
        }
        Ok(())
    }

    /// Starts calls as they arrive, until something needs the store outside its event loop. Calls
    /// in flight live in the store and go on when the loop is entered again.
    #[cfg(feature = "component-model-async")]
    async fn serve_concurrently(&mut self) -> wasmtime::Result<Next> {
        let limit = self.run_limit;
        let Self { store: Some(store), handle, calls, .. } = self else {
            return Ok(Next::Stop);
        };
        let turns = Turns::default();
        let event_loop = store.run_concurrent(async |accessor| {
            turns.come_round(take_messages(accessor, handle, calls, &turns)).await
        });
        turns.count(limit, event_loop).await??
    }

    #[cfg(not(feature = "component-model-async"))]
    async fn serve_concurrently(&mut self) -> wasmtime::Result<Next> {
        self.serve_in_turn().await
    }

    /// Runs one call after the other, on an engine that cannot do otherwise.
    async fn serve_in_turn(&mut self) -> wasmtime::Result<Next> {
        let limit = self.run_limit;
        let Self { store: Some(store), handle, calls, .. } = self else {
            return Ok(Next::Stop);
        };
        loop {
            match handle.receive().await {
                Some(Message::Call(call)) => {
                    handle.taken();
                    Turns::default().count(limit, calls.run(store, call)).await??;
                }
                Some(Message::Release(released)) => return Ok(Next::Release(released)),
                Some(Message::Stop) | None => return Ok(Next::Stop),
            }
        }
    }

    /// Runs a resource's destructor.
    async fn release(&mut self, released: Released) -> wasmtime::Result<()> {
        let Released { resource, epoch, live, done } = released;
        let Some(store) = self.store.as_mut().filter(|_| epoch == self.calls.side.epoch()) else {
            // It was lost with a store before this one.
            return Ok(());
        };
        self.task = Some("a resource's destructor".to_owned());
        let destructor = resource.resource_drop_async(store);
        Turns::default().count(self.run_limit, destructor).await??;
        self.task = None;
        // Whoever waits finds the count without it.
        drop(live);
        if let Some(done) = done {
            // Nobody has to wait for it.
            let _ = done.send(());
        }
        Ok(())
    }

    /// Which call the guest was running when it trapped.
    #[cfg(feature = "component-model-async")]
    fn trapping_call(&mut self) -> Option<String> {
        if let Some(store) = self.store.as_mut().filter(|_| self.concurrent) {
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
    /// behind it and waits for ever.
    fn end(&self, reason: StopReason) {
        self.handle.set_stopped(reason.clone());
        self.handle.close_inbox();
        self.calls.end(&reason);
        while self.handle.try_receive().is_some() {}
    }
}

impl<T: 'static> Drop for Driver<T> {
    fn drop(&mut self) {
        // After `end` this finds nothing to do. Otherwise the task was aborted, or its runtime is
        // shutting down.
        self.handle.set_stopped(StopReason::RuntimeShutdown);
        self.handle.close_inbox();
        self.calls.end(&StopReason::RuntimeShutdown);
        while self.handle.try_receive().is_some() {}
    }
}

/// The part of the event loop that starts calls.
#[cfg(feature = "component-model-async")]
async fn take_messages<T: Send + 'static>(
    accessor: &Accessor<T>,
    handle: &DriverHandle,
    calls: &Arc<Calls>,
    turns: &Turns,
) -> wasmtime::Result<Next> {
    let mut unsettled = 0;
    loop {
        // A sync call runs alone. What waits for its end waits in the inbox, where it can still be
        // withdrawn, and from where it reaches another instance if this one ends.
        tokio::select! {
            biased;
            () = calls.sync_over() => {}
            () = handle.cut.notified() => return Ok(Next::Stop),
        }
        match handle.receive().await {
            Some(Message::Call(call)) => {
                handle.taken();
                Calls::start(calls, accessor, call)?;
                unsettled += 1;
            }
            // wasmtime 48 runs destructors only outside of `run_concurrent`.
            Some(Message::Release(released)) => {
                calls.settle(turns, unsettled).await;
                return Ok(Next::Release(released));
            }
            Some(Message::Stop) | None => {
                tokio::select! {
                    () = calls.finish(accessor) => {}
                    () = handle.cut.notified() => {}
                }
                return Ok(Next::Stop);
            }
        }
    }
}

/// Waits until a call whose deadline has passed has held the store for as long as it, and says of which
/// function it is. A call that has waited for most of the time is not to blame for that.
async fn held_too_long(calls: &Calls, expired: &mut mpsc::UnboundedReceiver<Expired>) -> usize {
    // The call to blame, and when. One call holds the store at a time, so the last one counts.
    let mut blamed = None;
    loop {
        let over = async {
            match blamed {
                Some((_, until)) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The handle, which has the other end, lives as long as the driver.
            Some(Expired { ticket, within }) = expired.recv() => {
                if let Some(until) = calls.holds_store(ticket).and_then(|(_, since)| since.checked_add(within)) {
                    blamed = Some((ticket, until));
                }
            }
            () = over => {
                let holding = blamed.take().and_then(|(ticket, _)| calls.holds_store(ticket));
                if let Some((func, _)) = holding {
                    return func;
                }
            }
        }
    }
}

/// Whether `engine` was made with `Config::concurrency_support`; wasmtime has no question for it.
fn supports_concurrency(engine: &Engine) -> bool {
    #[cfg(feature = "component-model-async")]
    {
        let mut probe = wasmtime::component::Linker::<()>::new(engine);
        probe.root().func_new_concurrent("", |_, _, _, _| Box::pin(async { Ok(()) })).is_ok()
    }
    #[cfg(not(feature = "component-model-async"))]
    {
        let _ = engine;
        false
    }
}

fn text(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "a value that is no text".to_owned(),
        },
    }
}
