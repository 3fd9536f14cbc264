//! Where an exported function is called.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use super::caller::{Caller, InPlaceCaller};
use super::deadline::Deadline;
use super::dispatcher::{Dispatcher, Started};
use crate::error::CompositionError;
use crate::value::Value;

/// An exported function of a component that runs.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// Index into the component's exported functions.
    pub(crate) func: usize,
    /// The longest that any call may take.
    pub(crate) deadline: Option<Duration>,
    /// What calls have to go through on the way to it.
    pub(crate) detour: Option<Arc<dyn Detour>>,
}

/// What stands between the callers of a function and the component: layers.
pub(crate) trait Detour: Send + Sync {
    /// Makes a call, which is over by its deadline.
    fn call(
        self: Arc<Self>,
        args: Vec<Value>,
        caller: Caller,
        deadline: Option<Deadline>,
        in_place: Option<InPlaceCaller>,
    ) -> Called;
}

/// A call on its way through a [`Detour`].
pub(crate) type Called =
    Pin<Box<dyn Future<Output = Result<Option<Value>, CompositionError>> + Send>>;

impl Endpoint {
    /// Runs a call of a sync function in place, if the component is idle, nothing that it calls can
    /// wait, no deadline has to be kept, and no layer has to be met. Otherwise `args` stay as they are.
    pub(crate) fn run_in_place(
        &self,
        args: &mut Vec<Value>,
        caller: InPlaceCaller,
    ) -> Option<Started> {
        self.direct()?.run_in_place(self.func, args, caller)
    }

    /// Where the function is called, if no deadline has to be kept and no layer has to be met on the way.
    pub(crate) fn direct(&self) -> Option<&Dispatcher> {
        (self.deadline.is_none() && self.detour.is_none()).then_some(&*self.dispatcher)
    }

    /// Calls the function; the earlier deadline counts. Callers try [`run_in_place`](Self::run_in_place) before, which
    /// costs them no future of this size.
    pub(crate) async fn call(
        &self,
        args: Vec<Value>,
        caller: Caller,
        deadline: Option<Deadline>,
        in_place: Option<InPlaceCaller>,
    ) -> Result<Option<Value>, CompositionError> {
        let own = self.deadline.and_then(Deadline::after);
        let deadline = own.into_iter().chain(deadline).min_by_key(|it| it.until);
        if let Some(detour) = &self.detour {
            return detour.clone().call(args, caller, deadline, in_place).await;
        }
        self.dispatcher.call(self.func, args, caller, deadline, in_place).await
    }
}
