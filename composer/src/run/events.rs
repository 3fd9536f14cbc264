//! What happens to the components of a composition.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::error::StopReason;
use crate::sync::lock;

/// A change in a component of a composition.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The component's id.
    pub component: String,
    /// What happened to it.
    pub change: Change,
}

/// What happened to a component.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Its store ended, and it will be started again.
    #[non_exhaustive]
    Restarting {
        /// Why its store ended, or why the last attempt failed.
        reason: StopReason,
        /// How long it waits until then.
        after: Duration,
    },
    /// It was started again and takes calls.
    Restarted,
    /// Another component took its place: calls that start from now on run there.
    Replaced,
    /// The instance that was replaced has ended; handles of its resources are errors from now on.
    #[non_exhaustive]
    Retired {
        /// Why it ended: [`StopReason::Replaced`] if nothing went wrong.
        reason: StopReason,
    },
    /// It ended for good.
    #[non_exhaustive]
    Ended {
        /// Why it ended.
        reason: StopReason,
    },
}

/// How many events are kept for a receiver that does not ask for them.
const KEPT: usize = 256;

/// The events of a composition from the time that
/// [`Composition::events`](crate::Composition::events) was called.
pub struct Events {
    receiver: broadcast::Receiver<Event>,
}

impl Events {
    /// Waits for the next event; `None` when the composition has ended and there are no more.
    ///
    /// The last 256 events are kept; older ones that were not asked for are skipped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events(..)")
    }
}

/// Where drivers tell what happens. The channel takes tens of kilobytes, so it is there only when
/// somebody listens.
#[derive(Clone, Default)]
pub(crate) struct EventSender(Arc<OnceLock<Channel>>);

struct Channel {
    sender: broadcast::Sender<Event>,
    /// The events that the channel has, and some that it has dropped. It drops them under its lock, and an event may
    /// have errors of the application in it, whose code must not run there: here the last copy is dropped outside of any
    /// lock.
    kept: Mutex<VecDeque<Event>>,
}

impl EventSender {
    fn channel(&self) -> &Channel {
        self.0.get_or_init(|| Channel {
            sender: broadcast::Sender::new(KEPT),
            kept: Mutex::default(),
        })
    }

    pub(crate) fn listen(&self) -> Events {
        Events { receiver: self.channel().sender.subscribe() }
    }

    pub(crate) fn tell(&self, component: &str, change: Change) {
        let Some(Channel { sender, kept }) = self.0.get() else { return };
        let event = Event { component: component.to_owned(), change };
        let mut kept = lock(kept);
        kept.push_back(event.clone());
        let old = if kept.len() > 2 * KEPT { kept.pop_front() } else { None };
        drop(kept);
        drop(old);
        // It fails if no receiver is left.
        let _ = sender.send(event);
    }
}
