//! Calls that have not started, on their way from one driver to another.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::DriverHandle;
use crate::run::driver::message::{Call, Message};
use crate::sync::lock;
use crate::value::is_of_store;

/// What is left to be dropped where calls are sent, when no lock is held any more: callers in Rust are woken by
/// it, and what they own is dropped with it.
#[must_use = "it is to be dropped when no lock is held"]
#[derive(Default)]
#[expect(dead_code, reason = "it is there to be dropped")]
pub(crate) struct Leftover {
    /// What an inbox did not take. Hardly ever there, and large.
    pub(super) refused: Option<Box<Message>>,
    /// Room in the inbox that a call has left.
    pub(super) permit: Option<OwnedSemaphorePermit>,
    /// The room of an inbox that calls wait for no more.
    pub(super) room: Option<Closing>,
}

impl From<OwnedSemaphorePermit> for Leftover {
    fn from(permit: OwnedSemaphorePermit) -> Self {
        Self { permit: Some(permit), ..Self::default() }
    }
}

/// Closes the room in an inbox.
pub(super) struct Closing(Arc<Semaphore>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl DriverHandle {
    /// Leaves the component's place to `successor`, and the calls with it that have not started, but
    /// for those that bring handles of resources living here. No call may be sent meanwhile.
    pub(crate) fn hand_over(&self, successor: &Arc<Self>) -> Vec<Leftover> {
        let mut left = Vec::new();
        let store_id = self.store.get();
        let mut messages = Vec::new();
        while let Some(message) = self.try_receive() {
            messages.push(message);
        }
        let room = successor.room();
        for message in messages {
            match message {
                Message::Call(mut call)
                    if !call.args.iter().any(|arg| is_of_store(arg, store_id)) =>
                {
                    let here = room.clone().try_acquire_owned().ok();
                    let permit = std::mem::replace(&mut call.room, here);
                    successor.take_over(&mut call.reply);
                    left.push(Leftover { permit, ..successor.send(call) });
                }
                Message::Call(call) => left.push(self.send(call)),
                // If the driver has ended meanwhile, dropping the message answers it.
                message => {
                    let refused = self.inbox.put(message).err().map(Box::new);
                    left.push(Leftover { refused, ..Leftover::default() });
                }
            }
        }
        // Wakes a driver that is waiting to restart: its calls have been handed over, so it can stop.
        self.replaced.store(true, Ordering::Release);
        self.stop_wish.notify_one();
        // Callers that wait for room look again for where to wait.
        let room = Arc::new(Semaphore::new(self.capacity));
        if self.life.is_stopped() {
            room.close();
        }
        let former = std::mem::replace(&mut *lock(&self.room), room);
        left.push(Leftover { room: Some(Closing(former)), ..Leftover::default() });
        left
    }

    /// Where calls wait for a fresh instance of this component, if its instances have a lifetime. Where this driver is
    /// `alone`, waiting there is waiting for it.
    pub(crate) fn for_those_that_wait(&self, alone: bool) -> Option<Arc<Self>> {
        self.allotment.as_ref()?;
        let (id, surface) = (self.id.clone(), self.surface.clone());
        let mut waiting =
            Self::without_driver(id, surface, self.capacity, None, self.events.clone());
        if alone {
            waiting.driver_id = self.driver_id;
        }
        Some(Arc::new(waiting))
    }

    /// Takes out a call that waits, and whose caller has not given it up; others are put into `left`.
    pub(crate) fn take_waiting(&self, left: &mut Vec<Leftover>) -> Option<Call> {
        loop {
            match self.try_receive()? {
                Message::Call(call) if !call.reply.is_abandoned() => return Some(call),
                message => {
                    let refused = Some(Box::new(message));
                    left.push(Leftover { refused, ..Leftover::default() });
                }
            }
        }
    }

    /// Ends as `driver` has: for who has no driver of its own, and only calls that wait for one.
    pub(crate) fn end_as(&self, driver: &Self, left: &mut Vec<Leftover>) {
        self.set_stopped(driver.life.stopped().unwrap_or_else(|| driver.stop_reason()));
        self.inbox.close();
        self.expired.close();
        left.push(Leftover { room: Some(Closing(self.room())), ..Leftover::default() });
        while let Some(message) = self.try_receive() {
            left.push(Leftover { refused: Some(Box::new(message)), ..Leftover::default() });
        }
    }
}
