//! How long instances live, where they are not to live as long as their composition.
//!
//! An instance whose lifetime is over takes no more calls. It lives on while something needs it: calls that run, handles
//! of its resources, streams that are read. Then its driver drops the store and makes a new one, from what is
//! linked already, and takes calls again. Other instances of the component take the calls meanwhile; where there
//! is none, calls wait in the dispatcher.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::pending::Gauge;
use crate::run::waits::DriverId;

/// How long an instance of a component lives, before a fresh one takes its place: so many calls, or until it was not
/// called for some time.
///
/// What a guest has gathered (memory, state, open files) ends with its instance. Without a lifetime, which is the
/// default, instances live as long as the composition: that is what a component with a state needs, and the fastest.
///
/// An instance whose lifetime is over takes no more calls, but those that bring handles of its resources. It ends when
/// its calls have ended, none of its resources is held by others and none of its streams is read any more. The fresh one
/// is made at once, ahead of the calls that it will take, from code that is compiled and linked already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    calls: Option<u64>,
    idle: Option<Duration>,
}

impl Lifetime {
    /// A fresh instance for each call.
    ///
    /// A call that has a body or a stream to write keeps its instance until that is read.
    pub const fn per_call() -> Self {
        Self::calls(1)
    }

    /// A fresh instance after `calls` calls, at least 1. Calls that were given up count.
    pub const fn calls(calls: u64) -> Self {
        Self { calls: Some(calls), idle: None }
    }

    /// A fresh instance when one that was called has not been needed for `time`. The time is checked now and then: it may
    /// take up to twice as long.
    ///
    /// This needs a tokio runtime with a timer.
    pub const fn idle(time: Duration) -> Self {
        Self { calls: None, idle: Some(time) }
    }

    /// The same, and a fresh instance also when one that was called has not been needed for `time`.
    #[must_use]
    pub const fn or_idle(mut self, time: Duration) -> Self {
        self.idle = Some(time);
        self
    }

    /// Whether instances end by the calls that they have taken.
    pub fn is_by_calls(&self) -> bool {
        self.calls.is_some()
    }

    /// Whether an instance would take no call at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.calls == Some(0)
    }
}

/// Who sends calls to the instances of a component, and has those that wait for a fresh one.
pub(crate) trait Roster: Send + Sync {
    /// Runs `act` while no call is on its way to any of the instances.
    fn while_none_is_sent(&self, act: &mut dyn FnMut());

    /// Gives calls that wait to `driver`, whose instance is fresh.
    fn readmit(&self, driver: DriverId);

    /// Answers the calls that wait, if no instance is left to take them.
    fn one_ended(&self);
}

/// What is left of the life of an instance.
pub(super) struct Allotment {
    lifetime: Lifetime,
    /// How many calls it may yet be sent.
    left: AtomicU64,
    /// How many it was sent.
    sent: AtomicU64,
    /// Told with the first call that is sent, and with the last.
    changed: Notify,
    roster: OnceLock<Weak<dyn Roster>>,
}

impl Allotment {
    pub(super) fn new(lifetime: Lifetime) -> Self {
        Self {
            lifetime,
            left: AtomicU64::new(lifetime.calls.unwrap_or(u64::MAX)),
            sent: AtomicU64::new(0),
            changed: Notify::new(),
            roster: OnceLock::new(),
        }
    }

    /// Sets who sends calls, once.
    pub(super) fn set_roster(&self, roster: Weak<dyn Roster>) {
        let _ = self.roster.set(roster);
    }

    pub(super) fn roster(&self) -> Option<Arc<dyn Roster>> {
        self.roster.get()?.upgrade()
    }

    pub(super) fn is_by_calls(&self) -> bool {
        self.lifetime.is_by_calls()
    }

    pub(super) fn has_left(&self) -> bool {
        self.left.load(Ordering::Acquire) > 0
    }

    /// Counts a call that is sent; `false` if the instance may take no more.
    pub(super) fn claim(&self) -> bool {
        let less = |left: u64| left.checked_sub(1);
        let Ok(left) = self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, less) else {
            return false;
        };
        if self.sent.fetch_add(1, Ordering::AcqRel) == 0 || left == 1 {
            self.changed.notify_one();
        }
        true
    }

    /// Has the instance take no more calls.
    pub(super) fn exhaust(&self) {
        self.left.store(0, Ordering::Release);
        self.changed.notify_one();
    }

    /// Begins the life of a fresh instance, to which `sent` calls were sent before it was there.
    pub(super) fn renew(&self, sent: u64) {
        let calls = self.lifetime.calls.unwrap_or(u64::MAX);
        self.sent.store(sent, Ordering::Release);
        self.left.store(calls.saturating_sub(sent), Ordering::Release);
        if sent > 0 {
            self.changed.notify_one();
        }
    }

    /// Waits until the lifetime is over and nothing needs the instance any more: `uses` counts what does.
    pub(super) async fn over(&self, uses: &Gauge) {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if !self.has_left() {
                break;
            }
            match self.lifetime.idle {
                Some(time) if self.sent.load(Ordering::Acquire) > 0 => {
                    let unused = pin!(self.unused(uses, time));
                    tokio::select! {
                        biased;
                        () = changed => {}
                        over = unused => if over { break },
                    }
                }
                _ => changed.await,
            }
        }
        loop {
            uses.zero().await;
            let mut is_unused = true;
            if let Some(roster) = self.roster() {
                roster.while_none_is_sent(&mut || is_unused = uses.get() == 0);
            }
            if is_unused {
                return;
            }
        }
    }

    /// Waits until the instance is not needed, and then for `time`; `true` if it was not needed in all that time, and will
    /// take no more calls.
    async fn unused(&self, uses: &Gauge, time: Duration) -> bool {
        let sent = self.sent.load(Ordering::Acquire);
        uses.zero().await;
        sleep(time).await;
        let mut over = false;
        let mut end = || {
            over = uses.get() == 0 && self.sent.load(Ordering::Acquire) == sent;
            if over {
                self.left.store(0, Ordering::Release);
            }
        };
        match self.roster() {
            Some(roster) => roster.while_none_is_sent(&mut end),
            None => end(),
        }
        over
    }
}
