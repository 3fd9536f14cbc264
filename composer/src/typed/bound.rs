//! [`Bound`]: a handle of a resource whose methods are known from WIT.

use std::sync::{Arc, OnceLock};

use super::OwnedResource;
use crate::error::{CompositionError, HandleError};

/// An owned handle with the functions that are its methods.
///
/// A value is converted without knowing which client returned it, so the functions are looked up among the clients of
/// the handle's composition when the first method is called, and kept.
#[derive(Debug)]
pub struct Bound<F> {
    handle: OwnedResource,
    functions: OnceLock<Arc<F>>,
}

impl<F: Send + Sync + 'static> Bound<F> {
    /// The handle, to be lent.
    pub fn handle(&self) -> &OwnedResource {
        &self.handle
    }

    /// The handle, to be moved.
    pub fn into_handle(self) -> OwnedResource {
        self.handle
    }

    /// The functions, of which the methods are some.
    ///
    /// # Errors
    ///
    /// [`HandleError::NoClient`] if the composition has no client of the interface, and [`HandleError::Closed`] if it
    /// was closed.
    pub fn functions(&self) -> Result<&F, CompositionError> {
        if let Some(functions) = self.functions.get() {
            return Ok(functions);
        }
        let found: Result<Arc<F>, HandleError> = self.handle.client();
        let found = found?;
        Ok(self.functions.get_or_init(|| found))
    }
}

impl<F> From<OwnedResource> for Bound<F> {
    fn from(handle: OwnedResource) -> Self {
        Self { handle, functions: OnceLock::new() }
    }
}
