//! Who makes a call: Rust, or a component.

use std::sync::Arc;

use super::cancel::Cancel;
use super::context::CallContext;
use super::waits::PendingWait;
use crate::pending::OutgoingPermit;

/// The caller, and what goes along with the call.
pub(crate) enum Caller {
    Component(ComponentCaller),
    Rust { context: CallContext },
}

/// A component that makes a call.
pub(crate) struct ComponentCaller {
    /// Its waiting is looked after where waiting can go in a cycle.
    pub(crate) waiter: Option<PendingWait>,
    /// The call's place among those that the component may have.
    pub(crate) place: OutgoingPermit,
    pub(crate) context: CallContext,
    /// By what it may cancel the call while it waits for it.
    pub(crate) cancel: Option<Arc<Cancel>>,
}

impl Caller {
    pub(crate) fn context(&self) -> &CallContext {
        match self {
            Self::Component(ComponentCaller { context, .. }) | Self::Rust { context } => context,
        }
    }

    pub(crate) fn context_mut(&mut self) -> &mut CallContext {
        match self {
            Self::Component(ComponentCaller { context, .. }) | Self::Rust { context } => context,
        }
    }

    /// The same for another call, if there is a place for it.
    pub(crate) fn try_clone(&self) -> Option<Self> {
        Some(match self {
            Self::Component(caller) => Self::Component(ComponentCaller {
                waiter: caller.waiter.clone(),
                place: caller.place.another()?,
                context: caller.context.clone(),
                cancel: caller.cancel.clone(),
            }),
            Self::Rust { context } => Self::Rust { context: context.clone() },
        })
    }
}

/// The caller, where it may run the callee on its own stack.
#[derive(Clone, Copy)]
pub(crate) enum InPlaceCaller {
    Guest {
        /// How much stack it leaves to what it calls.
        stack: usize,
    },
    Rust,
}
