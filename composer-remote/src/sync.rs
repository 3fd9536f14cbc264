//! How locks are taken.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what is consistent after every statement, so that a panic elsewhere while it was locked makes it no less usable.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
