//! Finds the call that holds a store for longer than it may, or for longer than anybody waits.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Sleep, sleep, sleep_until};

use super::calls::Calls;
use super::handle::DriverHandle;
use super::message::{Expired, Ticket};

/// The call to blame when its time is over, if there is one. One call holds the store at a time, so the last
/// one counts.
#[derive(Default)]
pub(super) struct HoldTimer {
    suspect: Option<Suspect>,
    /// The call that holds the store and was given up, if there is one.
    unheard: Option<Suspect>,
}

struct Suspect {
    ticket: Ticket,
    over: Pin<Box<Sleep>>,
}

impl HoldTimer {
    /// Waits until a call whose deadline has passed has held the store for as long as it, and says of which
    /// function it is. A call that has waited for most of the time is not to blame for that.
    #[inline]
    pub(super) fn poll_held_too_long(
        &mut self,
        cx: &mut Context<'_>,
        calls: &Calls,
        handle: &DriverHandle,
    ) -> Poll<usize> {
        loop {
            if let Poll::Ready(Some(Expired { ticket, within })) = handle.poll_expired(cx) {
                let since = calls.holds_store(ticket).map(|(_, since)| since);
                if let Some(until) = since.and_then(|since| since.checked_add(within)) {
                    self.suspect = Some(Suspect { ticket, over: Box::pin(sleep_until(until)) });
                }
                continue;
            }
            let Some(suspect) = &mut self.suspect else { return Poll::Pending };
            ready!(suspect.over.as_mut().poll(cx));
            let holding = calls.holds_store(suspect.ticket);
            self.suspect = None;
            if let Some((func, _)) = holding {
                return Poll::Ready(func);
            }
        }
    }

    /// Waits until a call has held the store for as long as `grace` since it was given up.
    pub(super) fn poll_unheard(
        &mut self,
        cx: &mut Context<'_>,
        calls: &Calls,
        grace: Duration,
    ) -> Poll<()> {
        let Some(ticket) = calls.holds_store_unheard(cx) else {
            self.unheard = None;
            return Poll::Pending;
        };
        let unheard = match &mut self.unheard {
            Some(known) if known.ticket == ticket => known,
            other => other.insert(Suspect { ticket, over: Box::pin(sleep(grace)) }),
        };
        ready!(unheard.over.as_mut().poll(cx));
        calls.blame_holder();
        Poll::Ready(())
    }
}
