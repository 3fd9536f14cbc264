//! Who makes a call: Rust, or a component.

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
            Self::Component(ComponentCaller { waiter, place, context }) => {
                let (waiter, context) = (waiter.clone(), context.clone());
                Self::Component(ComponentCaller { waiter, place: place.another()?, context })
            }
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
