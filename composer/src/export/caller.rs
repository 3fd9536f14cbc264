//! What the callers of a composition share, and how handles change between them and the stores.
//!
//! `Gate` closes the composition for callers. `CallerSide` belongs to one function: it exchanges
//! the handles in its arguments and results, and gives streams a step that does so for each element
//! when it is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::held_streams::HeldStreams;
use crate::error::HandleError;
use crate::plan::resolution::HOST;
use crate::run::Dispatcher;
use crate::types::{Resource, ValueType};
use crate::value::handle::{CallerTable, HandleGuard, Live, LiveHandles, Own, ResourceKind};
use crate::value::{Handle, HandleType, Turn, turn_elements};

/// What all callers of a composition share: whether it takes calls, and the tables of their
/// handles.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    shut: Arc<AtomicBool>,
    pub(crate) held: CallerTable,
    pub(crate) streams: HeldStreams,
    /// Counts what callers bring.
    live: LiveHandles,
}

impl Gate {
    pub(crate) fn new(live: LiveHandles) -> Self {
        Self { live, ..Self::default() }
    }

    pub(crate) fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::Release);
        self.held.close();
        self.streams.close();
    }
}

/// The caller's side of one function, which exchanges the handles in its values.
pub(super) struct CallerSide {
    /// The identity of each resource in the function's type.
    pub(super) kinds: Arc<[Option<ResourceKind>]>,
    pub(super) gate: Gate,
    /// Where the function is called; needed for its name.
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) func: usize,
}

impl CallerSide {
    /// The function's name, as `interface#function`.
    pub(super) fn function(&self) -> String {
        self.dispatcher.function_name(self.func)
    }

    /// Moves a handle from the caller's table into an argument, or checks one that is lent.
    pub(super) fn pass_in(
        self: &Arc<Self>,
        ty: HandleType<'_>,
        handle: &mut Handle,
    ) -> Result<(), HandleError> {
        let resource = match ty {
            HandleType::Own(resource) | HandleType::Borrow(resource) => resource,
            HandleType::Stream(payload) | HandleType::Future(payload) => {
                return self.pass_elements(payload, handle, Self::pass_in);
            }
        };
        *handle = match std::mem::replace(handle, Handle::Gone) {
            Handle::Held(guard) => {
                let own = guard.take()?;
                check_kind(&self.kinds, resource, own.kind())?;
                Handle::Own(own)
            }
            Handle::Lent(lent) => {
                check_kind(&self.kinds, resource, lent.kind())?;
                Handle::Lent(lent)
            }
            Handle::Brought(value) => {
                let kind = self.kinds.get(resource.index as usize).and_then(Option::as_ref);
                let kind = kind.filter(|kind| kind.carried().is_some());
                let kind = kind.ok_or(HandleError::NotHeld)?.clone();
                let live = Live::moving(&self.gate.live);
                Handle::Own(Own::moving(value, kind, HOST.into(), live))
            }
            _ => return Err(HandleError::NotHeld),
        };
        Ok(())
    }

    /// Moves a handle of a result into the caller's table. It is dropped with the value that
    /// represents it.
    pub(super) fn pass_out(
        self: &Arc<Self>,
        ty: HandleType<'_>,
        handle: &mut Handle,
    ) -> Result<(), HandleError> {
        if let HandleType::Stream(payload) | HandleType::Future(payload) = ty {
            return self.pass_elements(payload, handle, Self::pass_out);
        }
        match std::mem::replace(handle, Handle::Gone) {
            Handle::Own(own) => {
                *handle = Handle::Held(HandleGuard::new(&self.gate.held, own)?);
                Ok(())
            }
            _ => Err(HandleError::Internal),
        }
    }

    /// Has the handles in the elements of a stream pass, when they do.
    pub(super) fn pass_elements(
        self: &Arc<Self>,
        payload: Option<&ValueType>,
        handle: &mut Handle,
        pass: Turn<Self>,
    ) -> Result<(), HandleError> {
        let Handle::Stream(end) = handle else { return Err(HandleError::NotHeld) };
        turn_elements(payload, end, self, pass);
        Ok(())
    }
}

/// Compares the identity of a handle's resource with the one at its place in the function's type.
pub(super) fn check_kind(
    kinds: &[Option<ResourceKind>],
    resource: &Resource,
    found: &ResourceKind,
) -> Result<(), HandleError> {
    if kinds.get(resource.index as usize).and_then(Option::as_ref) == Some(found) {
        return Ok(());
    }
    if resource.name() == found.name() {
        // The same resource type in another composition has another identity.
        return Err(HandleError::NotHeld);
    }
    let (expected, found) = (resource.name().to_owned(), found.name().to_owned());
    Err(HandleError::OtherResource { expected, found })
}
