//! The handles that the Rust caller holds, as `Val::Resource`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use wasmtime::component::ResourceAny;

use super::{Lent, Own, lock};
use crate::error::HandleError;

/// A composition's table of the handles that its Rust callers hold.
#[derive(Clone, Default)]
pub(crate) struct Held(Arc<Mutex<HeldTable>>);

#[derive(Default)]
pub(crate) struct HeldTable {
    handles: HashMap<Key, Own>,
    closed: bool,
}

impl Held {
    pub(crate) fn lock(&self) -> MutexGuard<'_, HeldTable> {
        lock(&self.0)
    }

    /// Drops every handle, and from now on those that still arrive.
    pub(crate) fn close(&self) {
        let handles = {
            let mut table = self.lock();
            table.closed = true;
            std::mem::take(&mut table.handles)
        };
        drop(handles);
    }
}

impl HeldTable {
    /// Takes in a handle and gives the caller's name for it.
    pub(crate) fn insert(&mut self, own: Own) -> Result<ResourceAny, HandleError> {
        let resource = own.resource().ok_or(HandleError::NotHeld)?;
        if !self.closed {
            self.handles.insert(Key(resource), own);
        }
        Ok(resource)
    }

    pub(crate) fn get(&self, resource: ResourceAny) -> Result<&Own, HandleError> {
        self.handles.get(&Key(resource)).ok_or(HandleError::NotHeld)
    }

    /// Takes out a handle that is not lent.
    pub(crate) fn take(&mut self, resource: ResourceAny) -> Result<Own, HandleError> {
        if self.get(resource)?.is_lent() {
            return Err(HandleError::Lent);
        }
        self.handles.remove(&Key(resource)).ok_or(HandleError::NotHeld)
    }

    /// Puts back what [`take`](Self::take) took, of which `lent` is what is left.
    pub(crate) fn restore(&mut self, lent: Lent) {
        // Only a closed table refuses, and then the handle ends as all in it did.
        let _ = self.insert(Own(lent.0));
    }
}

/// A resource as a key. `ResourceAny` has equality but no hash; equal ones print the same.
#[derive(PartialEq, Eq)]
struct Key(ResourceAny);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        struct Text(DefaultHasher);
        impl std::fmt::Write for Text {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        let mut text = Text(DefaultHasher::new());
        // Writing into a hasher does not fail.
        let _ = write!(text, "{:?}", self.0);
        state.write_u64(text.0.finish());
    }
}
