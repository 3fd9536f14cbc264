//! Locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks what no code can leave half-changed, so that a panic elsewhere on the thread does not make it unusable. Code
/// of the application's (a `Drop`, a `Debug`, a waker) does not run under such a lock: it may come back to it.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
