//! Runs functions that are implemented outside of any store. They have an inbox and a task like a
//! component, and all that comes with it: replacing, closing, containment, events.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Waker};

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tokio::task::JoinSet;

use super::handle::DriverHandle;
use super::in_place::{InPlace, RanInPlace};
use super::inbox::{Inbox, Queued};
use super::message::{Answer, Call, Message};
use super::provider::Provider;
use crate::error::{Cause, CompositionError, HandleError, StopReason, panicked};
use crate::plan::item::ExportedFunc;
use crate::run::border::Border;
use crate::types::Resource;
use crate::value::handle::{Lent, Own, Released, ResourceKind};
use crate::value::{Handle, HandleType, Value, each_handle, turn_elements};

/// The one task of a [`Provider`]. Its calls overlap: from its first wait on, each is on a task of its own.
pub(crate) struct ProvidedDriver {
    calls: Arc<ProvidedCalls>,
}

struct ProvidedCalls {
    handle: Arc<DriverHandle>,
    border: Arc<Border>,
    provider: Arc<dyn Provider>,
    /// Calls that were begun in place and have to wait.
    begun: Inbox<ProvidedCall>,
    /// Whether no more calls are to be begun.
    stopping: AtomicBool,
}

/// A call on its way to its answer.
type ProvidedCall = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Queued for ProvidedCall {}

impl ProvidedDriver {
    /// A driver for `provider`. It runs when [`run`](Self::run) is polled.
    pub(crate) fn new(
        handle: Arc<DriverHandle>,
        border: Arc<Border>,
        provider: Arc<dyn Provider>,
    ) -> Self {
        let calls = Arc::new(ProvidedCalls {
            handle: handle.clone(),
            border,
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
                // A caller that has given up has dropped the call already.
                Some(_) = poll_fn(|cx| handle.poll_expired(cx)) => {}
                Some(call) = self.calls.begun() => {
                    running.spawn(call);
                }
                message = poll_fn(|cx| handle.poll_receive(cx)) => match message {
                    Some(Message::Call(call)) => {
                        // So calls start in the order of the inbox.
                        if let Some(call) = self.calls.clone().begin(call) {
                            running.spawn(call);
                        }
                    }
                    Some(Message::Release(released)) => release(released),
                    // It has no store that could be made anew.
                    Some(Message::Renew) => {}
                    Some(Message::Stop) | None => {
                        self.finish(&mut running).await;
                        break;
                    }
                },
                Some(_) = running.join_next() => {}
            }
        }
        self.end(handle.stop_reason());
        running.shutdown().await;
    }

    /// Lets the calls end that run, until it is told not to wait any longer.
    async fn finish(&self, running: &mut JoinSet<()>) {
        let handle = &self.calls.handle;
        self.calls.stopping.store(true, Ordering::Relaxed);
        loop {
            tokio::select! {
                biased;
                () = handle.cut.notified() => return,
                Some(_) = poll_fn(|cx| handle.poll_expired(cx)) => {}
                // It was started in place before `stopping` was set.
                Some(call) = self.calls.begun() => {
                    running.spawn(call);
                }
                ended = running.join_next() => if ended.is_none() {
                    return;
                },
            }
        }
    }

    /// The reason is there before anybody is answered with it.
    fn end(&self, reason: StopReason) {
        let ProvidedCalls { handle, begun, .. } = &*self.calls;
        handle.set_stopped(reason);
        handle.close_inbox();
        begun.close();
        while let Some(message) = handle.try_receive() {
            if let Message::Release(released) = message {
                release(released);
            }
        }
        while begun.try_take().is_some() {}
        handle.send_ended();
    }
}

impl Drop for ProvidedDriver {
    fn drop(&mut self) {
        // After `run` this finds nothing to do. Otherwise the task was aborted, or its runtime is
        // shutting down.
        self.end(StopReason::RuntimeShutdown);
    }
}

/// Drops a resource, which runs code of its type.
fn release(Released { live, done, object, .. }: Released) {
    // A panic of the drop harms no other call: the value is gone all the same.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(object)));
    // Those who wait for the count to be zero are woken after this.
    drop(live);
    if let Some(done) = done {
        // It fails if the caller does not wait for the destructor.
        let _ = done.send(());
    }
}

/// Begins calls on their callers' tasks.
struct Begin(Weak<ProvidedCalls>);

impl InPlace for Begin {
    fn run_to_end(&self, _: &Inbox<Message>, _: usize, _: &mut Vec<Value>) -> Option<RanInPlace> {
        None
    }

    fn begin(&self, inbox: &Inbox<Message>, call: Call) -> Result<(), Call> {
        let Some(calls) = self.0.upgrade() else { return Err(call) };
        // What has been sent comes first.
        if calls.stopping.load(Ordering::Relaxed) || !inbox.is_empty() {
            return Err(call);
        }
        if let Some(running) = calls.clone().begin(call) {
            drop(calls.begun.put(running));
        }
        Ok(())
    }

    fn cannot_wait(&self) -> bool {
        false
    }
}

impl ProvidedCalls {
    /// Waits for a call that was begun in place and is to be run on.
    async fn begun(&self) -> Option<ProvidedCall> {
        poll_fn(|cx| self.begun.poll_take(cx)).await
    }

    /// Runs a call up to its first wait. What is left of it a task of the driver's is to run, which looks
    /// at once.
    fn begin(self: Arc<Self>, call: Call) -> Option<ProvidedCall> {
        let mut running: ProvidedCall = Box::pin(self.run(call));
        let mut nobody = Context::from_waker(Waker::noop());
        running.as_mut().poll(&mut nobody).is_pending().then_some(running)
    }

    /// Runs a call to its answer, or until its caller gives it up.
    async fn run(self: Arc<Self>, call: Call) {
        let Call { func, args, mut reply, room, .. } = call;
        drop(room);
        if reply.is_abandoned() {
            return;
        }
        reply.started = true;
        // `tokio::select` would not start a call in a task whose budget is used up, which overtakes it then.
        let call = self.call(func, args);
        #[cfg(feature = "tracing")]
        let call = tracing::Instrument::instrument(call, reply.context().span());
        let answer = match select(pin!(reply.abandoned()), pin!(call)).await {
            Either::Left(_) => return,
            Either::Right((answer, _)) => answer,
        };
        reply.send(match answer {
            Ok(value) => Answer::Returned(value),
            Err(error) => Answer::Failed(error),
        });
    }

    async fn call(
        self: &Arc<Self>,
        func: usize,
        mut args: Vec<Value>,
    ) -> Result<Option<Value>, CompositionError> {
        let Some(ExportedFunc { ty, .. }) = self.border.surface.funcs.get(func) else {
            return Err(HandleError::Internal.into());
        };
        // What is lent is kept until the call has ended.
        let mut lent = Vec::new();
        if ty.has_handles() {
            for ((_, ty), arg) in ty.params.iter().zip(&mut args) {
                each_handle(ty, arg, &mut |ty, handle| self.come_in(ty, handle, &mut lent))?;
            }
        }
        let mut result = self.provide(func, args).await?;
        if let (true, Some(ty), Some(value)) = (ty.has_handles(), &ty.result, &mut result) {
            each_handle(ty, value, &mut |ty, handle| self.go_out(ty, handle))?;
        }
        Ok(result)
    }

    /// Turns a handle that has come from outside into the resource that it is of.
    fn come_in(
        self: &Arc<Self>,
        ty: HandleType<'_>,
        handle: &mut Handle,
        lent: &mut Vec<Lent>,
    ) -> Result<(), HandleError> {
        let store_id = self.border.store_id();
        let object = match (ty, std::mem::replace(handle, Handle::Gone)) {
            (HandleType::Own(resource), Handle::Own(own)) => {
                own.into_object(self.kind(resource)?, store_id)?
            }
            (HandleType::Borrow(resource), Handle::Lent(it)) => {
                let object = it.object(self.kind(resource)?, store_id)?;
                lent.push(it);
                object
            }
            (
                HandleType::Stream(payload) | HandleType::Future(payload),
                Handle::Stream(mut end),
            ) => {
                // Nothing is lent in a stream.
                turn_elements(payload, &mut end, self, |calls, ty, handle| {
                    calls.come_in(ty, handle, &mut Vec::new())
                });
                *handle = Handle::Stream(end);
                return Ok(());
            }
            _ => return Err(HandleError::NotHeld),
        };
        *handle = Handle::Object(object);
        Ok(())
    }

    /// Turns a resource into an owned handle of it.
    fn go_out(
        self: &Arc<Self>,
        ty: HandleType<'_>,
        handle: &mut Handle,
    ) -> Result<(), HandleError> {
        *handle = match (ty, std::mem::replace(handle, Handle::Gone)) {
            (HandleType::Own(resource), Handle::Object(object)) => {
                let kind = self.kind(resource)?.clone();
                let live = self.border.counts.resource();
                let (home, store_id) = (self.border.home.clone(), self.border.store_id());
                Handle::Own(Own::from_object(object, kind, home, store_id, live)?)
            }
            (
                HandleType::Stream(payload) | HandleType::Future(payload),
                Handle::Stream(mut end),
            ) => {
                turn_elements(payload, &mut end, self, Self::go_out);
                Handle::Stream(end)
            }
            _ => return Err(HandleError::NotHeld),
        };
        Ok(())
    }

    fn kind(&self, resource: &Resource) -> Result<&ResourceKind, HandleError> {
        let kind = self.border.kinds.get(resource.index as usize).and_then(Option::as_ref);
        kind.ok_or(HandleError::Internal)
    }

    async fn provide(
        &self,
        func: usize,
        args: Vec<Value>,
    ) -> Result<Option<Value>, CompositionError> {
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
