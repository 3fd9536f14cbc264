//! The handles that the Rust caller holds, as `Val::Resource`.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};

use wasmtime::component::ResourceAny;

use super::{Lent, Own, ResourceKind};
use crate::error::HandleError;
use crate::sync::lock;

/// A composition's table of the handles that its Rust callers hold.
#[derive(Clone, Default)]
pub(crate) struct CallerTable(Arc<Mutex<CallerHandles>>);

#[derive(Default)]
pub(crate) struct CallerHandles {
    handles: HashMap<Key<ResourceAny>, Own>,
    closed: bool,
}

impl CallerTable {
    /// No handle may be dropped under this lock: a resource that Rust implements can be dropped with it, and
    /// that may come back here.
    pub(crate) fn lock(&self) -> MutexGuard<'_, CallerHandles> {
        lock(&self.0)
    }

    /// Takes in a handle and gives the caller's name for it. A handle that comes after closing is dropped.
    pub(crate) fn insert(&self, own: Own) -> Result<ResourceAny, HandleError> {
        let resource = own.resource().ok_or(HandleError::NotHeld)?;
        let late = self.lock().insert(resource, own);
        drop(late);
        Ok(resource)
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

impl CallerHandles {
    /// Puts a handle in under the caller's name for it; gives it back when the table is closed.
    #[must_use]
    pub(crate) fn insert(&mut self, resource: ResourceAny, own: Own) -> Option<Own> {
        match self.closed {
            true => Some(own),
            // Names are those of one resource at a time.
            false => self.handles.insert(Key(resource), own),
        }
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
}

/// A handle in the table that goes with its owner: dropped, it takes the handle out and drops it.
#[doc(hidden)]
#[expect(unnameable_types, reason = "a hidden type speaks of it")]
pub struct HandleGuard {
    held: CallerTable,
    resource: ResourceAny,
    kind: ResourceKind,
    component: Arc<str>,
}

impl HandleGuard {
    /// Takes in a handle.
    pub(crate) fn new(held: &CallerTable, own: Own) -> Result<Self, HandleError> {
        let (kind, component) = (own.kind().clone(), own.component().clone());
        let resource = held.insert(own)?;
        Ok(Self { held: held.clone(), resource, kind, component })
    }

    /// Says of which component and resource it is, as a struct called `name`.
    pub(crate) fn describe(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct(name);
        text.field("component", &self.component);
        if let Some(interface) = self.kind.interface() {
            text.field("interface", &interface);
        }
        text.field("resource", &self.kind.name()).field("held", &self.is_held()).finish()
    }

    pub(crate) fn resource(&self) -> ResourceAny {
        self.resource
    }

    /// Whether the handle is still in its table.
    pub(crate) fn is_held(&self) -> bool {
        self.held.lock().get(self.resource).is_ok()
    }

    pub(crate) fn lend(&self) -> Result<Lent, HandleError> {
        self.held.lock().get(self.resource).map(Own::lend)
    }

    /// Takes the handle out, to move it.
    pub(crate) fn take(self) -> Result<Own, HandleError> {
        self.held.lock().take(self.resource)
    }
}

impl Drop for HandleGuard {
    fn drop(&mut self) {
        // What is lent goes when the loan ends. The lock is gone before the handle is.
        let own = self.held.lock().handles.remove(&Key(self.resource));
        drop(own);
    }
}

impl fmt::Debug for HandleGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe("HandleGuard", f)
    }
}

/// A handle of wasmtime's as a key. Those have equality but no hash; equal ones print the same.
#[derive(Clone, PartialEq)]
pub(crate) struct Key<K>(pub(crate) K);

impl<K: PartialEq> Eq for Key<K> {}

impl<K: fmt::Debug> Hash for Key<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        struct Text(DefaultHasher);
        impl fmt::Write for Text {
            fn write_str(&mut self, text: &str) -> fmt::Result {
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
