//! Handles as the Rust caller of a dynamic function holds them.

use std::sync::{Arc, MutexGuard};

use wasm_runtime_composer_values::Stored;
use wasmtime::component::ResourceAny;

#[cfg(all(feature = "codec", feature = "component-model-async"))]
use super::streams::is_same_stream;
use super::{Inner, check_kind};
use crate::error::HandleError;
use crate::plan::types::Resource;
use crate::transfer::{HeldTable, Own};
use crate::value::{Faulty, Handle, HandleType, Handles};

/// The caller's tables, for one call.
pub(super) struct HeldHandles<'a> {
    pub(super) func: &'a Arc<Inner>,
    table: MutexGuard<'a, HeldTable>,
}

impl<'a> HeldHandles<'a> {
    pub(super) fn new(func: &'a Arc<Inner>) -> Self {
        Self { func, table: func.gate.held.lock() }
    }
}

impl Handles for HeldHandles<'_> {
    fn take(&mut self, ty: HandleType<'_>, stored: Stored) -> Result<Handle, Faulty> {
        match (ty, stored) {
            (HandleType::Own(resource), Stored::Resource(handle)) => {
                check_kind(&self.func.kinds, resource, self.table.get(handle)?.kind())?;
                Ok(Handle::Own(self.table.take(handle)?))
            }
            (HandleType::Borrow(resource), Stored::Resource(handle)) => {
                let own = self.table.get(handle)?;
                check_kind(&self.func.kinds, resource, own.kind())?;
                Ok(Handle::Lent(own.lend()))
            }
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            (ty, stored @ (Stored::Stream(_) | Stored::Future(_))) => {
                Ok(Handle::Stream(self.take_stream(ty, &stored)?))
            }
            _ => Err(HandleError::NotHeld.into()),
        }
    }

    fn give(&mut self, ty: HandleType<'_>, handle: Handle) -> Result<Stored, Faulty> {
        match (ty, handle) {
            (HandleType::Own(_), Handle::Own(own)) => Ok(Stored::Resource(self.table.insert(own)?)),
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            (ty @ (HandleType::Stream(_) | HandleType::Future(_)), Handle::Stream(end)) => {
                self.give_stream(ty, end)
            }
            // The component model has no borrowed results.
            _ => Err(HandleError::NotHeld.into()),
        }
    }
}

/// Finds out whether the handles in arguments can be taken, and takes none.
pub(super) struct Checking<'a, 'b> {
    handles: &'a HeldHandles<'b>,
    /// Those that would be gone by now.
    moved: Vec<Stored>,
    /// Those that would be lent by now.
    lent: Vec<ResourceAny>,
}

impl<'a, 'b> Checking<'a, 'b> {
    pub(super) fn new(handles: &'a HeldHandles<'b>) -> Self {
        Self { handles, moved: Vec::new(), lent: Vec::new() }
    }

    /// The handle, if it would still be there.
    fn get(&self, resource: &Resource, handle: ResourceAny) -> Result<&Own, HandleError> {
        let is_it = |it: &Stored| matches!(it, Stored::Resource(moved) if *moved == handle);
        if self.moved.iter().any(is_it) {
            return Err(HandleError::NotHeld);
        }
        let own = self.handles.table.get(handle)?;
        check_kind(&self.handles.func.kinds, resource, own.kind())?;
        Ok(own)
    }
}

impl Handles for Checking<'_, '_> {
    fn take(&mut self, ty: HandleType<'_>, stored: Stored) -> Result<Handle, Faulty> {
        match (ty, &stored) {
            (HandleType::Own(resource), Stored::Resource(handle)) => {
                if self.get(resource, *handle)?.is_lent() || self.lent.contains(handle) {
                    return Err(HandleError::Lent.into());
                }
                self.moved.push(stored);
            }
            (HandleType::Borrow(resource), Stored::Resource(handle)) => {
                self.get(resource, *handle)?;
                self.lent.push(*handle);
            }
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            (ty, Stored::Stream(_) | Stored::Future(_)) => {
                if self.moved.iter().any(|moved| is_same_stream(moved, &stored)) {
                    return Err(HandleError::NotHeld.into());
                }
                self.handles.check_stream(ty, &stored)?;
                self.moved.push(stored);
            }
            _ => return Err(HandleError::NotHeld.into()),
        }
        // It stands for one that is there.
        Ok(Handle::Held(None))
    }

    fn give(&mut self, _: HandleType<'_>, _: Handle) -> Result<Stored, Faulty> {
        Err(HandleError::NotHeld.into())
    }
}
