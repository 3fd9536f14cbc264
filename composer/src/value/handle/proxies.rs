//! The foreign resources that one store holds handles to.

use std::sync::{Arc, Mutex};

use slab::Slab;

use super::{Entry, Lent, Own};
use crate::error::HandleError;
use crate::sync::lock;

/// The host type of every proxy: to wasmtime, all foreign resources are of this one type. Which
/// resource of which component a handle stands for is known from the place of the handle in the
/// function's type, and guests cannot confuse handles of two types.
#[derive(Debug)]
pub(crate) struct Proxy;

/// What the representations of a store's proxies stand for. Ends with the store, and gives back
/// what is still in it.
#[derive(Clone)]
pub(crate) struct Proxies {
    entries: Arc<Mutex<Slab<Arc<Entry>>>>,
    /// The component that the store is of.
    component: Arc<str>,
    /// How many there may be.
    limit: usize,
}

/// How many handles of others a component may hold whose descriptor says nothing else.
pub(crate) const DEFAULT_LIMIT: usize = 64 * 1024;

impl Proxies {
    pub(crate) fn new(component: Arc<str>, limit: usize) -> Self {
        // Representations have 32 bits.
        let limit = limit.min(u32::MAX as usize);
        Self { entries: Arc::default(), component, limit }
    }

    /// Takes in an owned handle and gives it a representation.
    pub(crate) fn insert(&self, own: Own) -> Result<u32, HandleError> {
        self.insert_entry(own.0)
    }

    /// Takes in a lent handle. Whoever does so removes it when the call has ended.
    pub(crate) fn insert_lent(&self, lent: Lent) -> Result<u32, HandleError> {
        self.insert_entry(lent.0)
    }

    fn insert_entry(&self, entry: Arc<Entry>) -> Result<u32, HandleError> {
        let mut table = lock(&self.entries);
        if table.len() >= self.limit {
            // The lock is gone before the handle is, so that its drop cannot come back here.
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
        // The lock is gone before the handle is, so that its drop cannot come back here.
        let entry = lock(&self.entries).try_remove(rep as usize);
        entry.map(Own).ok_or(HandleError::NotHeld)
    }

    /// Gives back everything, when the store has ended.
    pub(crate) fn clear(&self) {
        let entries = std::mem::take(&mut *lock(&self.entries));
        drop(entries);
    }
}
