//! The foreign resources that one store holds handles to.

use std::sync::{Arc, Mutex};

use slab::Slab;

use super::{Entry, Lent, Own, lock};
use crate::error::HandleError;

/// The host type of every proxy: to wasmtime, all foreign resources are of this one type. Which
/// resource of which component a handle stands for is known from the place of the handle in the
/// function's type, and guests cannot confuse handles of two types.
#[derive(Debug)]
pub(crate) struct Proxy;

/// What the representations of a store's proxies stand for. Ends with the store, and gives back
/// what is still in it.
#[derive(Clone, Default)]
pub(crate) struct Proxies(Arc<Mutex<Slab<Arc<Entry>>>>);

impl Proxies {
    /// Takes in an owned handle and gives it a representation.
    pub(crate) fn insert(&self, own: Own) -> Result<u32, HandleError> {
        self.insert_entry(own.0)
    }

    /// Takes in a lent handle. Whoever does so removes it when the call has ended.
    pub(crate) fn insert_lent(&self, lent: Lent) -> Result<u32, HandleError> {
        self.insert_entry(lent.0)
    }

    fn insert_entry(&self, entry: Arc<Entry>) -> Result<u32, HandleError> {
        let mut table = lock(&self.0);
        // Guests hold fewer handles than that: wasmtime bounds them to 28 bits.
        let rep = u32::try_from(table.vacant_key()).map_err(|_| HandleError::NotHeld)?;
        table.insert(entry);
        Ok(rep)
    }

    pub(crate) fn lend(&self, rep: u32) -> Result<Lent, HandleError> {
        lock(&self.0).get(rep as usize).cloned().map(Lent).ok_or(HandleError::NotHeld)
    }

    pub(crate) fn remove(&self, rep: u32) -> Result<Own, HandleError> {
        // The lock is gone before the handle is, so that its drop cannot come back here.
        let entry = lock(&self.0).try_remove(rep as usize);
        entry.map(Own).ok_or(HandleError::NotHeld)
    }

    /// Gives back everything, when the store has ended.
    pub(crate) fn clear(&self) {
        let entries = std::mem::take(&mut *lock(&self.0));
        drop(entries);
    }
}
