//! What the callers of a composition share, and what a function's values become on their side.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::held_streams::HeldStreams;
use crate::error::HandleError;
use crate::run::Dispatcher;
use crate::types::{Resource, ValueType};
use crate::value::handle::{CallerTable, HandleGuard, ResourceKind};
use crate::value::{Handle, HandleType, each_handle};

/// What the callers of a composition share: whether it takes calls, and their handles.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    shut: Arc<AtomicBool>,
    pub(crate) held: CallerTable,
    pub(crate) streams: HeldStreams,
}

impl Gate {
    pub(crate) fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::Release);
        self.held.close();
        self.streams.close();
    }
}

/// The caller's side of one function: what the handles in its values are there.
pub(super) struct CallerSide {
    /// What each resource in the function's type is.
    pub(super) kinds: Arc<[Option<ResourceKind>]>,
    pub(super) gate: Gate,
    /// Where the function is called, for its name.
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) func: usize,
}

impl CallerSide {
    /// The function's name, as `interface#function`.
    pub(super) fn function(&self) -> String {
        self.dispatcher.function_name(self.func)
    }

    /// Takes a handle out of the caller's table, to move it or to lend it.
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
        match handle {
            Handle::Held(guard) => {
                let guard = guard.take().ok_or(HandleError::NotHeld)?;
                let own = guard.take()?;
                check_kind(&self.kinds, resource, own.kind())?;
                *handle = Handle::Own(own);
                Ok(())
            }
            Handle::Lent(lent) => check_kind(&self.kinds, resource, lent.kind()),
            Handle::Raw(_) | Handle::Own(_) | Handle::Stream(_) | Handle::Object(_) => {
                Err(HandleError::NotHeld)
            }
        }
    }

    /// Puts a handle into the caller's table, to go with its owner.
    pub(super) fn pass_out(
        self: &Arc<Self>,
        ty: HandleType<'_>,
        handle: &mut Handle,
    ) -> Result<(), HandleError> {
        if let HandleType::Stream(payload) | HandleType::Future(payload) = ty {
            return self.pass_elements(payload, handle, Self::pass_out);
        }
        match std::mem::replace(handle, Handle::Held(None)) {
            Handle::Own(own) => {
                *handle = Handle::Held(Some(HandleGuard::new(&self.gate.held, own)?));
                Ok(())
            }
            _ => Err(HandleError::NotHeld),
        }
    }

    /// Has the handles in the elements of a stream pass, when they do.
    pub(super) fn pass_elements(
        self: &Arc<Self>,
        payload: Option<&ValueType>,
        handle: &mut Handle,
        pass: fn(&Arc<Self>, HandleType<'_>, &mut Handle) -> Result<(), HandleError>,
    ) -> Result<(), HandleError> {
        let Handle::Stream(end) = handle else { return Err(HandleError::NotHeld) };
        if let Some(payload) = payload.filter(|payload| payload.has_handles()).cloned() {
            let this = self.clone();
            end.through(move |value| {
                each_handle(&payload, value, &mut |ty, handle| pass(&this, ty, handle))
            });
        }
        Ok(())
    }
}

/// Compares the kind of a handle with the one that stands at its place in the function's type.
pub(super) fn check_kind(
    kinds: &[Option<ResourceKind>],
    resource: &Resource,
    found: &ResourceKind,
) -> Result<(), HandleError> {
    if kinds.get(resource.index as usize).and_then(Option::as_ref) == Some(found) {
        return Ok(());
    }
    if resource.name() == found.name() {
        // The same resource in another composition is another one.
        return Err(HandleError::NotHeld);
    }
    let (expected, found) = (resource.name().to_owned(), found.name().to_owned());
    Err(HandleError::OtherResource { expected, found })
}
