//! An imported function: what a call of it takes along, where it runs, and what its caller is told.

use std::sync::Arc;

use wasmtime::AsContextMut;

use crate::error::{CompositionError, with_causes};
use crate::plan::containment::Carrier;
use crate::run::{
    Border, CallContext, Caller, Cancel, ComponentCaller, Endpoint, InPlaceCaller, PendingWait,
    Started,
};
use crate::types::FunctionType;
use crate::value::{ERR, Value};

/// An imported function of one component, and the exported one that it calls.
///
/// If it is of a sync type, a call holds the importer's store while it waits, as the component model has it; if it is
/// of an async one, it does not.
pub(super) struct ImportedFunc {
    pub(super) ty: Arc<FunctionType>,
    pub(super) border: Arc<Border>,
    endpoint: Endpoint,
    /// How calls may run in place, if they are sync.
    in_place: Option<InPlaceCaller>,
    contained: Option<Carrier>,
    /// Whether who cancels a call waits for what comes of it.
    cooperates: bool,
}

impl ImportedFunc {
    /// `path` is the import's: its name, after that of the interface it is in, if it is in one.
    pub(super) fn new(
        path: &[String],
        ty: Arc<FunctionType>,
        border: Arc<Border>,
        endpoint: Endpoint,
        contained: Option<Carrier>,
    ) -> Self {
        let companion = border.surface.companion.as_ref();
        let cooperates = companion.is_some_and(|it| it.imports.contains(path));
        let in_place = (!ty.is_async).then_some(InPlaceCaller::Guest { stack: border.stack });
        Self { ty, border, endpoint, in_place, contained, cooperates }
    }

    /// The entry for the wait graph, where there is one, and what goes along with the call.
    pub(super) fn around(&self, store: impl AsContextMut) -> (Option<PendingWait>, CallContext) {
        match &self.border.running_calls {
            Some(running_calls) => running_calls.caller(&self.border.id, !self.ty.is_async, store),
            None => Default::default(),
        }
    }

    pub(super) async fn call(
        &self,
        args: Vec<Value>,
        around: (Option<PendingWait>, CallContext),
    ) -> Result<Option<Value>, CompositionError> {
        if self.cooperates {
            let ask = |cancel| self.ask(args, around, cancel);
            return Box::pin(self.border.subtasks.call(ask)).await;
        }
        self.ask(args, around, None).await
    }

    async fn ask(
        &self,
        args: Vec<Value>,
        (waiter, context): (Option<PendingWait>, CallContext),
        cancel: Option<Arc<Cancel>>,
    ) -> Result<Option<Value>, CompositionError> {
        // Held until the call is answered, so that one which is given up counts as long as it takes
        // room somewhere.
        let bytes = args.iter().map(Value::weight).sum();
        let place = self.border.outgoing.take(bytes)?;
        let caller = ComponentCaller { waiter, place, context, cancel };
        let in_place = self.in_place;
        let answer = match self.endpoint.direct() {
            Some(dispatcher) => {
                match dispatcher.begin(self.endpoint.func, args, caller, in_place) {
                    Ok(pending) => pending.wait().await,
                    Err(error) => Err(error),
                }
            }
            None => {
                let caller = Caller::Component(caller);
                // Seldom needed, and large.
                Box::pin(self.endpoint.call(args, caller, None, in_place)).await
            }
        };
        self.contain(answer)
    }

    /// Runs a call in place, if it can be and need not wait.
    pub(super) fn run_in_place(&self, args: &mut Vec<Value>) -> Option<Started> {
        Some(match self.endpoint.run_in_place(args, self.in_place?)? {
            Started::Done(result) => Started::Done(self.contain(result)),
            pending @ Started::Pending(_) => pending,
        })
    }

    /// Makes a call that may have been run in place.
    pub(super) async fn go_on(
        &self,
        started: Option<Started>,
        args: Vec<Value>,
        around: (Option<PendingWait>, CallContext),
    ) -> Result<Option<Value>, CompositionError> {
        match started {
            Some(Started::Done(result)) => result,
            Some(Started::Pending(trapped)) => {
                // The search for deadlocks has to know that it waits.
                let _place = self.border.outgoing.take(0);
                self.contain(trapped.wait().await)
            }
            None => self.call(args, around).await,
        }
    }

    fn contain(
        &self,
        answer: Result<Option<Value>, CompositionError>,
    ) -> Result<Option<Value>, CompositionError> {
        match (answer, self.contained) {
            // Its caller is told otherwise.
            (Err(error @ CompositionError::Cancelled { .. }), _) => Err(error),
            (Err(error), Some(carrier)) => Ok(Some(failure(carrier, &error))),
            (answer, _) => answer,
        }
    }
}

/// The result that tells the guest of a failure.
fn failure(carrier: Carrier, failure: &CompositionError) -> Value {
    let message = || Value::String(with_causes(failure));
    let error = match carrier {
        Carrier::Message => message(),
        Carrier::Case { case, message: carried } => {
            Value::Case(case, carried.then(|| Box::new(message())))
        }
    };
    Value::Case(ERR, Some(Box::new(error)))
}
