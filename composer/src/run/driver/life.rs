//! The life of an instance, from its first store to its end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::StopReason;
use crate::run::status::InstanceState;
use crate::sync::lock;

/// Where an instance is in its life. Phases follow each other in this order; from running it goes back to restarting
/// as often as its policy lets it.
enum Phase {
    /// It has no store yet.
    NotStarted,
    /// It has a store. Callers may yet hear why the one before it ended.
    Running { before: Option<StopReason> },
    /// Its store has ended, and it is to get another one.
    Restarting { reason: StopReason },
    /// It has ended for good.
    Stopped { reason: StopReason },
}

pub(crate) struct Life {
    phase: Mutex<Phase>,
    /// Whether it is stopped, without the lock: a dispatcher of several instances asks for each call.
    is_stopped: AtomicBool,
}

impl Life {
    pub(super) fn new() -> Self {
        Self { phase: Mutex::new(Phase::NotStarted), is_stopped: AtomicBool::new(false) }
    }

    /// Goes on to what `next` makes of the phase, which gives it back where there is nothing to go on to.
    fn go_on(&self, next: impl FnOnce(&Phase) -> Option<Phase>) {
        let former = {
            let mut phase = lock(&self.phase);
            next(&phase).map(|next| std::mem::replace(&mut *phase, next))
        };
        // A reason has errors of the host in it, which are not dropped under the lock.
        drop(former);
    }

    /// Notes that there is a first store.
    pub(super) fn start(&self) {
        self.go_on(|phase| match phase {
            Phase::NotStarted => Some(Phase::Running { before: None }),
            _ => None,
        });
    }

    /// Notes that the store has ended, and that there is to be another one.
    pub(super) fn lose_store(&self, reason: StopReason) {
        self.go_on(|phase| match phase {
            Phase::Stopped { .. } => None,
            _ => Some(Phase::Restarting { reason }),
        });
    }

    /// Notes that there is another store.
    pub(super) fn restart(&self) {
        self.go_on(|phase| match phase {
            Phase::Restarting { reason } => Some(Phase::Running { before: Some(reason.clone()) }),
            _ => None,
        });
    }

    /// Notes that there will be no store any more. The first reason stays, as a caller may have heard it.
    pub(super) fn stop(&self, reason: StopReason) {
        self.go_on(|phase| match phase {
            Phase::Stopped { .. } => None,
            _ => Some(Phase::Stopped { reason }),
        });
        self.is_stopped.store(true, Ordering::Release);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Why it runs no longer.
    pub(super) fn stopped(&self) -> Option<StopReason> {
        match &*lock(&self.phase) {
            Phase::Stopped { reason } => Some(reason.clone()),
            _ => None,
        }
    }

    /// Why a call of it was not answered.
    pub(super) fn why_unavailable(&self) -> StopReason {
        match &*lock(&self.phase) {
            Phase::NotStarted => StopReason::NotStarted,
            Phase::Running { before: None } => StopReason::RuntimeShutdown,
            Phase::Running { before: Some(reason) }
            | Phase::Restarting { reason }
            | Phase::Stopped { reason } => reason.clone(),
        }
    }

    pub(super) fn state(&self) -> InstanceState {
        match &*lock(&self.phase) {
            Phase::NotStarted => InstanceState::NotStarted,
            Phase::Running { .. } => InstanceState::Running,
            Phase::Restarting { reason } => InstanceState::Restarting { reason: reason.clone() },
            Phase::Stopped { reason } => InstanceState::Ended { reason: reason.clone() },
        }
    }
}
