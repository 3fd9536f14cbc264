//! What a store's event loop does besides running guests: it takes messages out of the inbox, and starts the calls
//! among them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::sleep;
use wasmtime::component::Accessor;

use super::calls::Calls;
use super::handle::DriverHandle;
use super::loop_meter::LoopMeter;
use super::message::{LeftLoop, Message};

/// How many calls may be in a store whose guest lets one in at a time. The others wait in the inbox, where their
/// callers take turns.
const MOST_INSIDE: usize = 8;

/// How long a guest may go on after the last call of its instance, where no grace is said.
const LEFT: Duration = Duration::from_secs(60);

/// The part of the event loop that starts calls.
pub(super) async fn take_messages<T: Send + 'static>(
    accessor: &Accessor<T>,
    handle: &DriverHandle,
    calls: &Arc<Calls>,
    rests: bool,
    loop_meter: &LoopMeter,
) -> wasmtime::Result<LeftLoop> {
    let mut unsettled = calls.number();
    let mut lingering = pin!(calls.grace.map(|grace| calls.lingering(accessor, grace)));
    loop {
        // A sync call runs alone. What waits for its end waits in the inbox, where it can still be
        // withdrawn, and from where it reaches another instance if this one ends.
        if calls.is_held() {
            tokio::select! {
                biased;
                () = calls.sync_over() => {}
                () = handle.cut.notified() => return Ok(LeftLoop::Stop),
            }
        }
        let message = if handle.holds_back() && calls.number() >= MOST_INSIDE {
            tokio::select! {
                biased;
                () = calls.one_ended() => continue,
                message = handle.receive_passing() => message,
                () = handle.cut.notified() => return Ok(LeftLoop::Stop),
            }
        } else {
            // It is polled at every turn of the event loop, so a message is moved only when there is one.
            let mut message = None;
            let next = poll_fn(|cx| {
                if let Poll::Ready(next) = handle.poll_receive(cx) {
                    message = next;
                    return Poll::Ready(Ok(()));
                }
                let lingering = lingering.as_mut().as_pin_mut();
                lingering.map_or(Poll::Pending, |it| it.poll(cx).map(Err))
            });
            next.await.map_err(wasmtime::Error::new)?;
            message
        };
        match message {
            Some(Message::Call(call)) => {
                let is_sync = !calls.is_async(call.func);
                if is_sync && rests && calls.is_idle(accessor) {
                    return Ok(LeftLoop::Alone(call));
                }
                if is_sync && calls.runs_between_turns(call.func) {
                    calls.settle(loop_meter, unsettled).await;
                    return Ok(LeftLoop::Between(call));
                }
                Calls::start(calls, accessor, call)?;
                unsettled += 1;
            }
            // wasmtime 48 runs destructors only outside of `run_concurrent`.
            Some(Message::Release(released)) => {
                calls.settle(loop_meter, unsettled).await;
                return Ok(LeftLoop::Release(released));
            }
            Some(Message::Renew) => {
                let left = calls.grace.unwrap_or(LEFT);
                tokio::select! {
                    biased;
                    () = handle.cut.notified() => return Ok(LeftLoop::Stop),
                    () = calls.finish(accessor) => return Ok(LeftLoop::Renew),
                    // Nobody waits for it, and calls wait for the instance.
                    () = async { sleep(left).await } => return Ok(LeftLoop::Renew),
                }
            }
            Some(Message::Stop) | None => {
                tokio::select! {
                    () = calls.finish(accessor) => {}
                    () = handle.cut.notified() => {}
                }
                return Ok(LeftLoop::Stop);
            }
        }
    }
}
