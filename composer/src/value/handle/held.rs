//! The handles that callers in Rust hold, as `Val::Resource`.
//!
//! A `Val::Resource` is only a name, which can be copied and kept after the handle is gone. So a
//! composition has a table from names to handles: a call takes a handle that it moves out of the
//! table, and a name that is not in it is `HandleError::NotHeld`. A [`HandleGuard`] ties the entry
//! to a Rust value, so that dropping that value drops the handle.

use std::any::{Any, TypeId};
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
    /// The functions of clients that are made from WIT, by their types, for the methods of handles.
    clients: HashMap<TypeId, Client>,
    closed: bool,
}

type Client = Arc<dyn Any + Send + Sync>;

impl CallerTable {
    /// Locks the table. No handle may be dropped while it is locked: dropping a resource that Rust
    /// implements may run the application's code, which may lock the table again.
    pub(crate) fn lock(&self) -> MutexGuard<'_, CallerHandles> {
        lock(&self.0)
    }

    /// Adds a handle and returns the name by which callers refer to it. Once the table is closed,
    /// the handle is dropped.
    pub(crate) fn insert(&self, own: Own) -> Result<ResourceAny, HandleError> {
        let resource = own.name()?;
        let late = self.lock().insert(resource, own);
        drop(late);
        Ok(resource)
    }

    /// Drops every handle, and from now on those that are still added.
    pub(crate) fn close(&self) {
        let ended = {
            let mut table = self.lock();
            table.closed = true;
            // Clients have this table in turn.
            (std::mem::take(&mut table.handles), std::mem::take(&mut table.clients))
        };
        drop(ended);
    }

    /// Keeps the functions of a client, for the methods of handles, until the table is closed.
    #[cfg(feature = "wit")]
    pub(crate) fn bind<F: Send + Sync + 'static>(&self, functions: &Arc<F>) {
        let client: Client = functions.clone();
        let mut table = self.lock();
        let before = match table.closed {
            true => Some(client),
            false => table.clients.insert(TypeId::of::<F>(), client),
        };
        drop(table);
        drop(before);
    }
}

impl CallerHandles {
    /// Adds a handle under a name; returns the handle if the table is closed.
    #[must_use]
    pub(crate) fn insert(&mut self, resource: ResourceAny, own: Own) -> Option<Own> {
        match self.closed {
            true => Some(own),
            // No former entry is replaced: a name belongs to one resource at a time.
            false => self.handles.insert(Key(resource), own),
        }
    }

    pub(crate) fn get(&self, resource: ResourceAny) -> Result<&Own, HandleError> {
        self.handles.get(&Key(resource)).ok_or(HandleError::NotHeld)
    }

    /// Removes and returns a handle, unless it is lent at the moment.
    pub(crate) fn take(&mut self, resource: ResourceAny) -> Result<Own, HandleError> {
        if self.get(resource)?.is_lent() {
            return Err(HandleError::Lent);
        }
        self.handles.remove(&Key(resource)).ok_or(HandleError::NotHeld)
    }
}

/// An entry of the table as a Rust value: dropping it removes the handle and drops it.
#[doc(hidden)]
#[expect(unnameable_types, reason = "a hidden type speaks of it")]
pub struct HandleGuard {
    held: CallerTable,
    resource: ResourceAny,
    kind: ResourceKind,
    component: Arc<str>,
}

impl HandleGuard {
    /// Adds a handle.
    pub(crate) fn new(held: &CallerTable, own: Own) -> Result<Self, HandleError> {
        let (kind, component) = (own.kind().clone(), own.component()?.clone());
        let resource = held.insert(own)?;
        Ok(Self { held: held.clone(), resource, kind, component })
    }

    /// Formats the component and resource that the handle is of, as a struct called `name`.
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

    /// Whether the table still has the handle.
    pub(crate) fn is_held(&self) -> bool {
        self.held.lock().get(self.resource).is_ok()
    }

    pub(crate) fn lend(&self) -> Result<Lent, HandleError> {
        self.held.lock().get(self.resource).map(Own::lend)
    }

    /// The functions of a client of this handle's composition.
    #[cfg(feature = "wit")]
    pub(crate) fn client<F: Send + Sync + 'static>(&self) -> Result<Arc<F>, HandleError> {
        let table = self.held.lock();
        if table.closed {
            return Err(HandleError::Closed);
        }
        let client = table.clients.get(&TypeId::of::<F>()).cloned();
        drop(table);
        client.and_then(|it| it.downcast().ok()).ok_or_else(|| HandleError::NoClient {
            interface: self.kind.interface().map(|it| it.to_string()),
            component: self.component.to_string(),
            resource: self.kind.name().to_owned(),
        })
    }

    /// Removes the handle from the table, to move it.
    pub(crate) fn take(self) -> Result<Own, HandleError> {
        self.held.lock().take(self.resource)
    }
}

impl Drop for HandleGuard {
    fn drop(&mut self) {
        // A resource that is lent lives until the loan ends. The lock is released before the handle
        // is dropped.
        let own = self.held.lock().handles.remove(&Key(self.resource));
        drop(own);
    }
}

impl fmt::Debug for HandleGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe("HandleGuard", f)
    }
}

/// A handle of wasmtime's as a key. wasmtime's handles have equality but no hash, so what they
/// print with `{:?}` is hashed: equal ones print the same.
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
        // Writing into a hasher cannot fail.
        let _ = write!(text, "{:?}", self.0);
        state.write_u64(text.0.finish());
    }
}
