//! The foreign resources that one store holds handles of.
//!
//! To wasmtime they are resources of one host type (`Proxy`), whose representation is an index into
//! the table here. The table owns the handles, so ending a store releases what its guest held. The
//! number of entries is limited, as a guest could otherwise fill the host's memory with handles.

use std::sync::{Arc, Mutex};

use slab::Slab;

use super::{Entry, Lent, Own};
use crate::error::HandleError;
use crate::sync::lock;

/// The host type of all proxies. Which resource of which component a handle stands for follows from
/// the handle's place in the function's type, and wasmtime keeps a guest from confusing handles of
/// different types.
#[derive(Debug)]
pub(crate) struct Proxy;

/// The handles that the representations of a store's proxies stand for. It ends with the store, and
/// releases the handles that are still in it.
#[derive(Clone)]
pub(crate) struct Proxies {
    entries: Arc<Mutex<Slab<Arc<Entry>>>>,
    /// The id of the component that has the store.
    component: Arc<str>,
    /// The most handles that it may have.
    limit: usize,
}

/// The most foreign handles that a component may hold if its descriptor does not say otherwise.
pub(crate) const DEFAULT_LIMIT: usize = 64 * 1024;

impl Proxies {
    pub(crate) fn new(component: Arc<str>, limit: usize) -> Self {
        // Representations have 32 bits.
        let limit = limit.min(u32::MAX as usize);
        Self { entries: Arc::default(), component, limit }
    }

    /// Adds an owned handle and returns its representation.
    pub(crate) fn insert(&self, own: Own) -> Result<u32, HandleError> {
        self.insert_entry(own.0)
    }

    /// Adds a lent handle. The caller must remove it when the call has ended.
    pub(crate) fn insert_lent(&self, lent: Lent) -> Result<u32, HandleError> {
        self.insert_entry(lent.0)
    }

    fn insert_entry(&self, entry: Arc<Entry>) -> Result<u32, HandleError> {
        let mut table = lock(&self.entries);
        if table.len() >= self.limit {
            // The lock is released before the handle is dropped, as dropping it may use this table
            // again.
            drop(table);
            let (component, limit) = (self.component.to_string(), self.limit);
            return Err(HandleError::TooMany { component, limit });
        }
        Ok(table.insert(entry) as u32)
    }

    pub(crate) fn lend(&self, rep: u32) -> Result<Lent, HandleError> {
        lock(&self.entries).get(rep as usize).cloned().map(Lent).ok_or(HandleError::NotHeld)
    }

    pub(crate) fn remove(&self, rep: u32) -> Result<Own, HandleError> {
        // The lock is released before the handle is dropped, as dropping it may use this table
        // again.
        let entry = lock(&self.entries).try_remove(rep as usize);
        entry.map(Own).ok_or(HandleError::NotHeld)
    }

    /// Releases all handles when the store has ended.
    pub(crate) fn clear(&self) {
        let entries = std::mem::take(&mut *lock(&self.entries));
        drop(entries);
    }
}
