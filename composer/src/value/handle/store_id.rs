//! Which store something lives in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A store. A component that is started again has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoreId(u64);

impl StoreId {
    /// Another one than all before.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The store that a component has at this time. Clones are the same.
#[derive(Clone)]
pub(crate) struct CurrentStore(Arc<AtomicU64>);

impl CurrentStore {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(StoreId::new().0)))
    }

    pub(crate) fn get(&self) -> StoreId {
        // It orders nothing else.
        StoreId(self.0.load(Ordering::Relaxed))
    }

    /// Notes that the component has another store.
    pub(crate) fn renew(&self) {
        self.0.store(StoreId::new().0, Ordering::Relaxed);
    }
}
