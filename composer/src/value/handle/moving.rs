//! A resource of the host on its way from one store to another: a Rust value, of no store.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, OnceLock};

use wasmtime::component::ResourceAny;

use super::names::ResourceName;
use crate::error::HandleError;
use crate::sync::lock;

/// What a resource of the host is between stores: of the Rust type that is its form.
pub(crate) type Moved = Box<dyn Any + Send>;

/// Such a value behind a handle. It is nowhere else, and dropped with the handle.
#[doc(hidden)]
#[expect(unnameable_types, reason = "a hidden type speaks of it")]
pub struct Moving {
    /// There until it is taken or dropped. Under a lock, as it may be used by one thread at a time only.
    value: Mutex<Option<Moved>>,
    /// By which callers in Rust refer to it. Few things on their way ever need one.
    name: OnceLock<ResourceName>,
}

impl Moving {
    pub(crate) fn new(value: Moved) -> Self {
        Self { value: Mutex::new(Some(value)), name: OnceLock::new() }
    }

    pub(super) fn name(&self) -> Result<ResourceAny, HandleError> {
        if let Some(name) = self.name.get() {
            return Ok(name.get());
        }
        let new = ResourceName::new()?;
        Ok(self.name.get_or_init(|| new).get())
    }

    pub(super) fn into_value(self) -> Result<Moved, HandleError> {
        lock(&self.value).take().ok_or(HandleError::NotHeld)
    }

    /// Looks at the value. `look` runs under its lock.
    pub(super) fn with<R>(&self, look: impl FnOnce(&(dyn Any + Send)) -> R) -> Option<R> {
        lock(&self.value).as_deref().map(look)
    }
}

impl Drop for Moving {
    fn drop(&mut self) {
        let value = lock(&self.value).take();
        // Code of the application runs here. Its panic harms nobody: the value is gone all the same.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
    }
}

impl fmt::Debug for Moving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Moving")
    }
}
