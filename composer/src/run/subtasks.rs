//! The async calls of one store that its guests may cancel and still wait for. The companion in the store knows
//! them by numbers.

use std::collections::HashMap;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use wasmtime::component::Linker;

use super::cancel::{Cancel, Waiter};
use crate::error::CompositionError;
use crate::plan::companion::{CANCEL_IMPORT, NUMBER};
use crate::sync::lock;
use crate::value::Value;

/// The calls that are not over, by their numbers.
#[derive(Default)]
pub(crate) struct Subtasks(Mutex<SubtaskTable>);

#[derive(Default)]
struct SubtaskTable {
    /// 0 is nobody's.
    last: u32,
    /// The call that has begun last, until it is over or the companion has asked for it.
    begun: Option<u32>,
    calls: HashMap<u32, Arc<Cancel>>,
}

/// A call with a number, for as long as it is not over.
struct Subtask {
    of: Arc<Subtasks>,
    number: u32,
    cancel: Arc<Cancel>,
}

impl Subtasks {
    /// Makes the call that `ask` makes, with what cancels it, and waits for its answer. If it is cancelled there is
    /// none: the guest hears of that otherwise, and gives this up then.
    pub(crate) async fn call<A>(
        self: &Arc<Self>,
        ask: impl FnOnce(Option<Arc<Cancel>>) -> A,
    ) -> Result<Option<Value>, CompositionError>
    where
        A: Future<Output = Result<Option<Value>, CompositionError>>,
    {
        let subtask = self.begin();
        let answer = {
            let mut asking = pin!(ask(Some(subtask.cancel.clone())));
            poll_fn(|cx| match asking.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready(Some(answer)),
                Poll::Pending => subtask.cancel.poll_over(cx, Waiter::Caller).map(|()| None),
            })
            .await
        };
        match answer {
            Some(Err(CompositionError::Cancelled { .. })) if subtask.cancel.is_asked() => {}
            Some(answer) => return answer,
            // It had not begun.
            None => {}
        }
        drop(subtask);
        pending().await
    }

    fn begin(self: &Arc<Self>) -> Subtask {
        let cancel = Arc::new(Cancel::new());
        let mut table = lock(&self.0);
        let mut number = table.last;
        loop {
            number = number.wrapping_add(1);
            if number != 0 && !table.calls.contains_key(&number) {
                break;
            }
        }
        table.last = number;
        table.begun = Some(number);
        table.calls.insert(number, cancel.clone());
        drop(table);
        Subtask { of: self.clone(), number, cancel }
    }

    /// The number of the call that has just begun; 0 if that is none of another component.
    fn begun(&self) -> u32 {
        lock(&self.0).begun.take().unwrap_or(0)
    }

    /// Cancels the call of a number, and waits until it is over. Calls without one are the host's own, of which
    /// nothing is waited for.
    async fn cancel(&self, number: u32) {
        let Some(cancel) = lock(&self.0).calls.get(&number).cloned() else { return };
        cancel.ask();
        poll_fn(|cx| cancel.poll_over(cx, Waiter::Canceller)).await;
    }

    /// Defines in `linker` what the companion calls.
    pub(crate) fn define<T: Send + 'static>(
        self: &Arc<Self>,
        linker: &mut Linker<T>,
    ) -> wasmtime::Result<()> {
        let subtasks = self.clone();
        linker.root().func_wrap(NUMBER, move |_, ()| Ok((subtasks.begun(),)))?;
        let subtasks = self.clone();
        linker.root().func_wrap_concurrent(CANCEL_IMPORT, move |_, (number,): (u32,)| {
            let subtasks = subtasks.clone();
            Box::pin(async move {
                subtasks.cancel(number).await;
                Ok(())
            })
        })
    }
}

impl Drop for Subtask {
    fn drop(&mut self) {
        let mut table = lock(&self.of.0);
        table.calls.remove(&self.number);
        table.begun.take_if(|begun| *begun == self.number);
        drop(table);
        self.cancel.end();
    }
}
