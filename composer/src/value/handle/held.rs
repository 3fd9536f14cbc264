//! The handles that callers in Rust hold, as `Val::Resource`.
//!
//! A `Val::Resource` is only a name, which can be copied and kept after the handle is gone. So a
//! composition has a table from names to handles: a call takes a handle that it moves out of the
//! table, and a name that is not in it is `HandleError::NotHeld`. A [`HandleGuard`] ties the entry
//! to a Rust value, so that dropping that value drops the handle. Typed calls come and go without
//! names: hashing one takes as long as the rest of what is done here.

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
    /// By numbers, counted up.
    handles: HashMap<u64, Held>,
    last: u64,
    /// The numbers of those that have been given out by name.
    names: HashMap<Key<ResourceAny>, u64>,
    /// The functions of clients that are made from WIT, by their types, for the methods of handles.
    clients: HashMap<TypeId, Client>,
    closed: bool,
}

struct Held {
    own: Own,
    /// By which it is found, if it has been given out.
    name: Option<ResourceAny>,
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
        let name = own.name()?;
        let mut table = self.lock();
        let inserted = table.insert(own);
        if let Ok(number) = inserted {
            table.give_out(number, name);
        }
        drop(table);
        drop(inserted);
        Ok(name)
    }

    /// Drops every handle, and from now on those that are still added.
    pub(crate) fn close(&self) {
        let ended = {
            let mut table = self.lock();
            table.closed = true;
            table.names.clear();
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
    /// Adds a handle, which nobody finds by a name as yet; returns the handle if the table is closed.
    fn insert(&mut self, own: Own) -> Result<u64, Own> {
        if self.closed {
            return Err(own);
        }
        self.last += 1;
        self.handles.insert(self.last, Held { own, name: None });
        Ok(self.last)
    }

    /// Has a handle be found by its name, if it is still there.
    fn give_out(&mut self, number: u64, name: ResourceAny) {
        if let Some(held) = self.handles.get_mut(&number)
            && held.name.is_none()
        {
            held.name = Some(name);
            // No former entry is replaced: a name belongs to one resource at a time.
            self.names.insert(Key(name), number);
        }
    }

    fn number(&self, name: ResourceAny) -> Result<u64, HandleError> {
        self.names.get(&Key(name)).copied().ok_or(HandleError::NotHeld)
    }

    fn held(&self, number: u64) -> Result<&Own, HandleError> {
        self.handles.get(&number).map(|held| &held.own).ok_or(HandleError::NotHeld)
    }

    fn remove(&mut self, number: u64) -> Option<Own> {
        let Held { own, name } = self.handles.remove(&number)?;
        if let Some(name) = name {
            self.names.remove(&Key(name));
        }
        Some(own)
    }

    /// Removes and returns a handle, unless it is lent at the moment.
    fn take_held(&mut self, number: u64) -> Result<Own, HandleError> {
        if self.held(number)?.is_lent() {
            return Err(HandleError::Lent);
        }
        self.remove(number).ok_or(HandleError::NotHeld)
    }

    pub(crate) fn get(&self, name: ResourceAny) -> Result<&Own, HandleError> {
        self.held(self.number(name)?)
    }

    /// Removes and returns a handle, unless it is lent at the moment.
    pub(crate) fn take(&mut self, name: ResourceAny) -> Result<Own, HandleError> {
        self.take_held(self.number(name)?)
    }
}

/// An entry of the table as a Rust value: dropping it removes the handle and drops it. It needs no name until one is
/// asked for.
#[doc(hidden)]
#[expect(unnameable_types, reason = "a hidden type speaks of it")]
pub struct HandleGuard {
    table: CallerTable,
    number: u64,
    /// The name that it has anyway.
    name: Option<ResourceAny>,
    kind: ResourceKind,
    component: Arc<str>,
}

impl HandleGuard {
    /// Adds a handle. Once the table is closed, the handle is dropped.
    pub(crate) fn new(table: &CallerTable, own: Own) -> Result<Self, HandleError> {
        let (kind, component) = (own.kind().clone(), own.component()?.clone());
        let name = own.name_at_home();
        let inserted = table.lock().insert(own);
        // No entry has the number 0.
        let number = inserted.unwrap_or_default();
        Ok(Self { table: table.clone(), number, name, kind, component })
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

    /// The name that the handle has when it is [given out](Self::give_out).
    pub(crate) fn name(&self) -> Result<ResourceAny, HandleError> {
        match self.name {
            Some(name) => Ok(name),
            None => self.table.lock().held(self.number)?.name(),
        }
    }

    /// Has the handle be found by its name.
    pub(crate) fn give_out(&self, name: ResourceAny) {
        self.table.lock().give_out(self.number, name);
    }

    /// Whether the table still has the handle.
    pub(crate) fn is_held(&self) -> bool {
        self.table.lock().held(self.number).is_ok()
    }

    pub(crate) fn lend(&self) -> Result<Lent, HandleError> {
        self.table.lock().held(self.number).map(Own::lend)
    }

    /// The functions of a client of this handle's composition.
    #[cfg(feature = "wit")]
    pub(crate) fn client<F: Send + Sync + 'static>(&self) -> Result<Arc<F>, HandleError> {
        let table = self.table.lock();
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
        self.table.lock().take_held(self.number)
    }
}

impl Drop for HandleGuard {
    fn drop(&mut self) {
        // A resource that is lent lives until the loan ends. The lock is released before the handle
        // is dropped.
        let own = self.table.lock().remove(self.number);
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
