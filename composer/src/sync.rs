//! How the library's locks are taken.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks data that is consistent after every statement, so a panic while it was locked (on this or
/// another thread) must not make it unusable: poisoning is ignored. Code of the application (a
/// `Drop`, a `Debug`, a waker) must not run while such a lock is held, as it may call back into the
/// library and lock it again.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
