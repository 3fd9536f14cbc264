//! Runs functions that are implemented outside of any store. They have an inbox and a task like a
//! component, and all that comes with it: replacing, closing, containment, events.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use futures_util::FutureExt;
use tokio::task::JoinSet;

use super::handle::DriverHandle;
use super::inbox::Inbox;
use super::message::{Answer, Call, Message};
use super::slot::{InPlace, RanInPlace, panicked};
use crate::error::{Cause, CompositionError, StopReason};
use crate::provider::Provider;
use crate::value::Value;

/// The one task of a [`Provider`]. Its calls overlap, each on a task of its own.
pub(crate) struct ProvidedDriver {
    calls: Arc<Calls>,
}

struct Calls {
    handle: Arc<DriverHandle>,
    provider: Arc<dyn Provider>,
    /// Calls that were begun in place and have to wait.
    begun: Inbox<Running>,
    /// Whether no more calls are to be begun.
    stopping: AtomicBool,
}

/// A call on its way to its answer.
type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

impl ProvidedDriver {
    /// A driver for `provider`. It runs when [`run`](Self::run) is polled.
    pub(crate) fn new(handle: Arc<DriverHandle>, provider: Arc<dyn Provider>) -> Self {
        let calls = Arc::new(Calls {
            handle: handle.clone(),
            provider,
            begun: Inbox::new(),
            stopping: AtomicBool::new(false),
        });
        handle.set_started(Arc::new(Begin(Arc::downgrade(&calls))), 0);
        Self { calls }
    }

    /// Serves the inbox until it is told to stop.
    pub(crate) async fn run(self) {
        let handle = &self.calls.handle;
        let mut running = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = handle.cut.notified() => break,
                // Whoever has given up has dropped the call.
                Some(_) = handle.expired() => {}
                Some(call) = std::future::poll_fn(|cx| self.calls.begun.poll_take(cx)) => {
                    running.spawn(call);
                }
                message = std::future::poll_fn(|cx| handle.poll_receive(cx)) => match message {
                    Some(Message::Call(call)) => {
                        handle.taken();
                        running.spawn(self.calls.clone().run(call));
                    }
                    Some(Message::Release(released)) => drop(released),
                    Some(Message::Stop) | None => {
                        self.calls.stopping.store(true, Ordering::Relaxed);
                        tokio::select! {
                            biased;
                            () = async { while running.join_next().await.is_some() {} } => {}
                            () = handle.cut.notified() => {}
                        }
                        break;
                    }
                },
                Some(_) = running.join_next() => {}
            }
        }
        self.end(handle.stop_reason());
        running.shutdown().await;
    }

    /// The reason is there before anybody is answered with it.
    fn end(&self, reason: StopReason) {
        let Calls { handle, begun, .. } = &*self.calls;
        handle.set_stopped(reason);
        handle.close_inbox();
        begun.close();
        while handle.try_receive().is_some() {}
        while begun.try_take().is_some() {}
    }
}

impl Drop for ProvidedDriver {
    fn drop(&mut self) {
        // After `run` this finds nothing to do. Otherwise the task was aborted, or its runtime is
        // shutting down.
        self.end(StopReason::RuntimeShutdown);
    }
}

/// Begins calls on their callers' tasks.
struct Begin(Weak<Calls>);

impl InPlace for Begin {
    fn run_leaf(&self, _: &DriverHandle, _: usize, _: &mut Vec<Value>) -> Option<RanInPlace> {
        None
    }

    fn begin(&self, driver: &DriverHandle, call: Call) -> Result<(), Call> {
        let Some(calls) = self.0.upgrade() else { return Err(call) };
        // What has been sent comes first.
        if calls.stopping.load(Ordering::Relaxed) || driver.has_messages() {
            return Err(call);
        }
        let mut running: Running = Box::pin(calls.clone().run(call));
        // Whoever polls it next is a task of the driver's, which looks at once.
        let mut nobody = Context::from_waker(Waker::noop());
        if running.as_mut().poll(&mut nobody).is_pending() {
            calls.begun.put(running);
        }
        Ok(())
    }

    fn is_leaf(&self) -> bool {
        false
    }
}

impl Calls {
    /// Runs a call to its answer, or until nobody waits for that.
    async fn run(self: Arc<Self>, call: Call) {
        let Call { func, args, mut reply, room, .. } = call;
        drop(room);
        if reply.is_abandoned() {
            return;
        }
        reply.started = true;
        let answer = tokio::select! {
            biased;
            () = reply.abandoned() => return,
            answer = self.call(func, args) => answer,
        };
        reply.send(match answer {
            Ok(value) => Answer::Returned(value),
            Err(error) => Answer::Failed(error),
        });
    }

    async fn call(&self, func: usize, args: Vec<Value>) -> Result<Option<Value>, CompositionError> {
        // The panic of a provider is a failure of the call alone.
        let called = AssertUnwindSafe(async { self.provider.call(func, args).await });
        let failed = match called.catch_unwind().await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error.into_cause(),
            Err(panic) => Cause::new(panicked(panic)),
        };
        Err(CompositionError::Host {
            component: self.handle.id().to_owned(),
            function: self.handle.function_name(func),
            source: failed,
        })
    }
}
