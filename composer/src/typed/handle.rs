//! [`OwnedResource`]: a resource handle that Rust owns.

use std::fmt;

use wasmtime::component::{ResourceAny, Val};

use super::check::shape;
use super::{ComponentType, FromComponentValue, IntoComponentValue, ToComponentValue, Unexpected};
use crate::error::HandleError;
use crate::error::TypeDifference;
use crate::types::ValueType;
use crate::value::handle::HandleGuard;
use crate::value::{Handle, Value};

/// An owned handle of a resource that lives in a component.
///
/// Passed by value it is moved, passed as `&OwnedResource` it is lent for the call. Dropping it
/// drops the resource: its destructor runs in its component, after the calls that were made before.
/// Closing the composition drops it too.
///
/// With `{:?}` it prints its component, interface and name, and whether the resource still exists.
pub struct OwnedResource {
    guard: HandleGuard,
    /// The name that dynamic calls know it by.
    name: ResourceAny,
}

impl OwnedResource {
    /// The functions of a client of the handle's composition.
    #[cfg(feature = "wit")]
    pub(super) fn client<F: Send + Sync + 'static>(
        &self,
    ) -> Result<std::sync::Arc<F>, HandleError> {
        self.guard.client()
    }

    /// The handle for dynamic calls. `self` still owns it, so it can be lent; if a call moves it,
    /// `self` is empty afterwards.
    pub fn to_val(&self) -> Val {
        self.guard.give_out(self.name);
        Val::Resource(self.name)
    }

    /// Whether the resource is still there. It is gone once the composition was closed, or once the
    /// handle was moved by way of [`to_val`](Self::to_val).
    pub fn is_held(&self) -> bool {
        self.guard.is_held()
    }

    /// Drops the resource and waits until its destructor has run.
    ///
    /// # Errors
    ///
    /// [`HandleError::Lent`] if it is lent to a call that still runs: it is dropped when that ends.
    /// [`HandleError::NotHeld`] if it is gone already.
    ///
    /// # Cancel safety
    ///
    /// Once this future has been polled, the destructor runs whether it is polled further or not.
    pub async fn release(self) -> Result<(), HandleError> {
        let released = self.guard.take()?.release(0).map_err(|_| HandleError::Lent)?;
        // An error means that the store has ended, and the resource with it.
        let _ = released.await;
        Ok(())
    }
}

impl fmt::Debug for OwnedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.guard.describe("OwnedResource", f)
    }
}

impl ComponentType for OwnedResource {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        match ty {
            ValueType::Own(_) => Ok(()),
            _ => shape::<Self, _>(ty),
        }
    }
}

impl IntoComponentValue for OwnedResource {
    fn into_value(self) -> Value {
        Value::Handle(Handle::Held(self.guard))
    }
}

impl FromComponentValue for OwnedResource {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        match value {
            Value::Handle(Handle::Held(guard)) => match guard.name() {
                Ok(name) => Ok(Self { guard, name }),
                Err(error) => Err(Unexpected(format!("the handle was not taken: {error}"))),
            },
            other => Err(Unexpected::new::<Self>(&other)),
        }
    }
}

impl ToComponentValue for OwnedResource {
    fn check_ref(ty: &ValueType) -> Result<(), TypeDifference> {
        match ty {
            ValueType::Borrow(_) => Ok(()),
            _ => shape::<&Self, _>(ty),
        }
    }

    fn to_value(&self) -> Value {
        // If the handle is gone, making the call fails.
        Value::Handle(self.guard.lend().map_or(Handle::Gone, Handle::Lent))
    }
}
