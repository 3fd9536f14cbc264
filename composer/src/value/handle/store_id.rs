//! The identity of stores.
//!
//! A component that is restarted gets a new store, in which the handles of the old one mean
//! nothing, or mean something else. So whatever belongs to a store carries the store's number, and
//! is used only while its component still has that store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of a store. A restarted component has a store with another number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreId(u64);

impl StoreId {
    /// A number that no store has had.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The number of the store that a component has at this time. Clones share it.
#[derive(Clone)]
pub(crate) struct CurrentStore(Arc<AtomicU64>);

impl CurrentStore {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(StoreId::new().0)))
    }

    pub(crate) fn get(&self) -> StoreId {
        // Relaxed, as no other memory is read or written depending on it.
        StoreId(self.0.load(Ordering::Relaxed))
    }

    /// Notes that the component has a new store.
    pub(crate) fn renew(&self) {
        self.0.store(StoreId::new().0, Ordering::Relaxed);
    }
}
