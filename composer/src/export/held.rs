//! Handles as the Rust caller of a dynamic function holds them.
//!
//! Arguments are converted twice: `Checking` finds the handles in them without moving any, then all
//! are taken at once (`TakenHandles`) and the conversion is repeated with those. So no handle is
//! moved by a call that fails for another argument.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use wasm_runtime_composer_values::Stored;
use wasmtime::component::{ResourceAny, Val};

use super::caller::{CallerSide, check_kind};
use super::held_streams::{StreamKey, StreamSource, key_of, received};
use crate::error::{CompositionError, HandleError};
use crate::types::ValueType;
use crate::value::handle::{Key, Lent, Own};
use crate::value::{Handle, HandleFault, HandleType, Handles, Value, into_val};

/// The tables of a function's callers. They are locked for each handle separately: a handle that is
/// dropped during a conversion may lock them again.
pub(super) struct HeldHandles<'a> {
    pub(super) side: &'a Arc<CallerSide>,
}

impl<'a> HeldHandles<'a> {
    pub(super) fn new(side: &'a Arc<CallerSide>) -> Self {
        Self { side }
    }
}

impl Handles for HeldHandles<'_> {
    fn take(&mut self, ty: HandleType<'_>, stored: Stored) -> Result<Handle, HandleFault> {
        let held = &self.side.gate.held;
        match (ty, stored) {
            (HandleType::Own(resource), Stored::Resource(handle)) => {
                let mut table = held.lock();
                check_kind(&self.side.kinds, resource, table.get(handle)?.kind())?;
                Ok(Handle::Own(table.take(handle)?))
            }
            (HandleType::Borrow(resource), Stored::Resource(handle)) => {
                let table = held.lock();
                let own = table.get(handle)?;
                check_kind(&self.side.kinds, resource, own.kind())?;
                Ok(Handle::Lent(own.lend()))
            }
            (ty, stored) => Ok(Handle::Stream(self.take_stream(ty, &stored)?)),
        }
    }

    fn give(&mut self, ty: HandleType<'_>, handle: Handle) -> Result<Stored, HandleFault> {
        match (ty, handle) {
            (HandleType::Own(_), Handle::Own(own)) => {
                Ok(Stored::Resource(self.side.gate.held.insert(own)?))
            }
            (ty @ (HandleType::Stream(_) | HandleType::Future(_)), Handle::Stream(end)) => {
                self.give_stream(ty, end)
            }
            // The component model has no borrowed results.
            _ => Err(HandleError::Internal.into()),
        }
    }
}

/// Converts the result of a function for its caller.
pub(super) fn to_val(
    side: &Arc<CallerSide>,
    ty: &ValueType,
    value: Value,
) -> Result<Val, CompositionError> {
    into_val(ty, value, &mut HeldHandles::new(side)).map_err(|error| match error.fault {
        HandleFault::Handle(error) => error.into(),
        // The component's store lifted this value by its type, so it can only be a fault of a
        // handle.
        _ => HandleError::Internal.into(),
    })
}

/// Checks whether the handles in arguments can be taken, and collects them.
pub(super) struct Checking<'a> {
    side: &'a Arc<CallerSide>,
    /// The handles that are to be moved.
    moved: HashSet<Key<ResourceAny>>,
    /// The handles that are to be lent, each with how often.
    lent: HashMap<Key<ResourceAny>, usize>,
    streams: HashSet<StreamKey>,
}

impl<'a> Checking<'a> {
    pub(super) fn new(side: &'a Arc<CallerSide>) -> Self {
        Self { side, moved: HashSet::new(), lent: HashMap::new(), streams: HashSet::new() }
    }

    /// Takes all of them. Takes none and returns `None` if one of them has been removed or lent
    /// since the check.
    pub(super) fn take(self) -> Option<TakenHandles<'a>> {
        let Self { side, moved, lent, .. } = &self;
        // Both tables stay locked until all handles are known to be there, and no handle is dropped
        // meanwhile.
        let mut table = side.gate.held.lock();
        let may_move = |Key(handle): &Key<_>| table.get(*handle).is_ok_and(|own| !own.is_lent());
        let is_there =
            moved.iter().all(may_move) && lent.keys().all(|Key(handle)| table.get(*handle).is_ok());
        if !is_there {
            return None;
        }
        let streams = side.gate.streams.take_all(&self.streams)?;
        let lend = |(key, count): (&Key<ResourceAny>, &usize)| {
            let own = table.get(key.0).ok()?;
            Some((key.clone(), (0..*count).map(|_| own.lend()).collect()))
        };
        let lent = lent.iter().filter_map(lend).collect();
        let take = |key: &Key<ResourceAny>| Some((key.clone(), table.take(key.0).ok()?));
        let moved = moved.iter().filter_map(take).collect();
        Some(TakenHandles { side, moved, lent, streams })
    }
}

impl Handles for Checking<'_> {
    fn take(&mut self, ty: HandleType<'_>, stored: Stored) -> Result<Handle, HandleFault> {
        match (ty, stored) {
            (
                ty @ (HandleType::Own(resource) | HandleType::Borrow(resource)),
                Stored::Resource(handle),
            ) => {
                let key = Key(handle);
                if self.moved.contains(&key) {
                    return Err(HandleError::NotHeld.into());
                }
                let is_lent = {
                    let table = self.side.gate.held.lock();
                    let own = table.get(handle)?;
                    check_kind(&self.side.kinds, resource, own.kind())?;
                    own.is_lent()
                };
                if let HandleType::Borrow(_) = ty {
                    *self.lent.entry(key).or_default() += 1;
                } else if is_lent || self.lent.contains_key(&key) {
                    return Err(HandleError::Lent.into());
                } else {
                    self.moved.insert(key);
                }
            }
            (ty, stored) => {
                let key = key_of(&stored).ok_or(HandleError::Internal)?;
                if self.streams.contains(&key) {
                    return Err(HandleError::NotHeld.into());
                }
                HeldHandles::new(self.side).check_stream(ty, &stored)?;
                self.streams.insert(key);
            }
        }
        // A placeholder; the second conversion gets the handle.
        Ok(Handle::Gone)
    }

    fn give(&mut self, _: HandleType<'_>, _: Handle) -> Result<Stored, HandleFault> {
        Err(HandleError::Internal.into())
    }
}

/// The handles in arguments, removed from the tables.
pub(super) struct TakenHandles<'a> {
    side: &'a Arc<CallerSide>,
    moved: HashMap<Key<ResourceAny>, Own>,
    lent: HashMap<Key<ResourceAny>, Vec<Lent>>,
    streams: HashMap<StreamKey, StreamSource>,
}

impl Handles for TakenHandles<'_> {
    fn take(&mut self, ty: HandleType<'_>, stored: Stored) -> Result<Handle, HandleFault> {
        let taken = match (ty, stored) {
            (HandleType::Own(_), Stored::Resource(handle)) => {
                self.moved.remove(&Key(handle)).map(Handle::Own)
            }
            (HandleType::Borrow(_), Stored::Resource(handle)) => {
                self.lent.get_mut(&Key(handle)).and_then(Vec::pop).map(Handle::Lent)
            }
            (ty, stored) => {
                let entry = key_of(&stored).and_then(|key| self.streams.remove_entry(&key));
                let (key, source) = entry.ok_or(HandleError::NotHeld)?;
                key.retire();
                Some(Handle::Stream(received(self.side, ty, source)?))
            }
        };
        taken.ok_or_else(|| HandleError::NotHeld.into())
    }

    fn give(&mut self, _: HandleType<'_>, _: Handle) -> Result<Stored, HandleFault> {
        Err(HandleError::Internal.into())
    }
}
