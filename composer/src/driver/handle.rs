//! How everybody else reaches a driver.

use std::sync::{Arc, OnceLock};

use tokio::sync::{Notify, mpsc};

use super::message::{Answer, Call, Message, Reply};
use crate::error::{CompositionError, StopReason};
use crate::plan::item::Surface;
use crate::transfer::{Home, Released};
use crate::value::Value;

/// The address of a component that runs, or ran, in a store of its own.
pub(crate) struct DriverHandle {
    id: Arc<str>,
    surface: Arc<Surface>,
    inbox: mpsc::UnboundedSender<Message>,
    /// Set once, before the inbox closes and before anybody is answered with it.
    stopped: OnceLock<StopReason>,
    /// Tells a driver that was asked to stop not to wait for running calls any longer.
    pub(super) cut: Notify,
}

/// A driver's end of its inbox.
pub(crate) type Inbox = mpsc::UnboundedReceiver<Message>;

impl DriverHandle {
    /// The two ends of a component's inbox.
    pub(crate) fn pair(id: Arc<str>, surface: Arc<Surface>) -> (Arc<Self>, Inbox) {
        let (sender, inbox) = mpsc::unbounded_channel();
        let (stopped, cut) = (OnceLock::new(), Notify::new());
        (Arc::new(Self { id, surface, inbox: sender, stopped, cut }), inbox)
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// The name of an exported function, as `interface#function`.
    pub(crate) fn function_name(&self, func: usize) -> String {
        self.surface.funcs.get(func).map_or_else(String::new, |func| func.full_name())
    }

    /// Calls an exported function. The call is in the inbox when this future was first polled;
    /// dropping it withdraws a call that has not started, and otherwise discards its result.
    pub(crate) async fn call(
        &self,
        func: usize,
        args: Vec<Value>,
    ) -> Result<Option<Value>, CompositionError> {
        let (reply, answer) = Reply::pair();
        if self.inbox.send(Message::Call(Call { func, args, reply })).is_err() {
            return Err(self.unavailable(func, false));
        }
        match answer.await {
            Ok(Answer::Returned(value)) => Ok(value),
            Ok(Answer::Failed(error)) => Err(error),
            Ok(Answer::Stopped { started }) => Err(self.unavailable(func, started)),
            // A `Reply` answers even when it is dropped.
            Err(_) => Err(self.unavailable(func, true)),
        }
    }

    fn unavailable(&self, func: usize, started: bool) -> CompositionError {
        let source = self.stopped.get().cloned().unwrap_or(StopReason::RuntimeShutdown);
        let (component, function) = (self.id.to_string(), self.function_name(func));
        CompositionError::Unavailable { component, function, started, source }
    }

    /// The error for a call through a composition that was closed.
    pub(crate) fn closed(&self, func: usize) -> CompositionError {
        let source = self.stopped.get().cloned().unwrap_or(StopReason::Closed);
        let (component, function) = (self.id.to_string(), self.function_name(func));
        CompositionError::Unavailable { component, function, started: false, source }
    }

    /// Asks the driver to answer what is queued, to let what runs end, and to end.
    pub(crate) fn stop(&self) {
        // A driver that has ended needs no asking.
        let _ = self.inbox.send(Message::Stop);
    }

    /// Asks a driver that is stopping not to wait for running calls.
    pub(crate) fn cut(&self) {
        self.cut.notify_one();
    }

    /// Publishes why the component runs no longer; the first reason stays.
    pub(crate) fn set_stopped(&self, reason: StopReason) {
        let _ = self.stopped.set(reason);
    }
}

impl Home for DriverHandle {
    fn release(&self, released: Released) {
        // With the store gone, its resources are gone too.
        let _ = self.inbox.send(Message::Release(released));
    }
}
