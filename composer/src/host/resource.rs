//! Resources that are implemented in Rust.
//!
//! The value of such a resource is an `Arc` of a Rust type. Handles travel as those of guests'
//! resources do; in the functions of their own interface they are [`HostOwn`] and [`HostBorrow`],
//! which give access to the value.

use std::any::TypeId;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use crate::error::TypeDifference;
use crate::typed::{ComponentType, FromComponentValue, HostTypes, IntoComponentValue, Unexpected};
use crate::types::{Resource, ValueType};
use crate::value::handle::ObjectValue;
use crate::value::{Handle, Value};

/// An owned handle of a [`HostInterface`](crate::HostInterface)'s resource, in its own functions.
///
/// Returned from a function it goes to the caller; as a parameter it has come back. When it is
/// dropped, anywhere, the `T` is dropped.
pub struct HostOwn<T> {
    value: Arc<T>,
}

/// A handle of a [`HostInterface`](crate::HostInterface)'s resource that is lent to one of its functions.
///
/// It stays valid for as long as it is kept. It should not be kept beyond the call, since the `T`
/// is dropped only when its owner and all borrows are gone.
pub struct HostBorrow<T> {
    value: Arc<T>,
}

impl<T: Send + Sync + 'static> HostOwn<T> {
    /// A new resource.
    pub fn new(value: T) -> Self {
        Self { value: Arc::new(value) }
    }

    /// Takes out the value, after which the resource does not exist any more.
    ///
    /// # Errors
    ///
    /// Returns the handle if a [`HostBorrow`] of it is still kept.
    pub fn into_inner(self) -> Result<T, Self> {
        Arc::try_unwrap(self.value).map_err(|value| Self { value })
    }
}

impl<T> Deref for HostOwn<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Deref for HostBorrow<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// The resource type whose values are `T`s.
fn resource<T: 'static>(types: &HostTypes) -> Result<Resource, Unexpected> {
    let id = TypeId::of::<T>();
    let known = (0..).zip(&types.resources).find(|(_, (known, _))| *known == id);
    match known {
        Some((index, (_, name))) => Ok(Resource::new(name.clone(), index)),
        None => {
            let rust = std::any::type_name::<T>();
            Err(Unexpected(format!(
                "has a handle of `{rust}`, which is no resource of the interface; declare it \
                 before, by `resource::<{rust}>(\"name\")`"
            )))
        }
    }
}

fn object<T: Send + Sync + 'static>(value: Value) -> Result<Arc<T>, Unexpected> {
    match value {
        Value::Handle(Handle::Object(object)) => object.downcast().map_err(|_| {
            Unexpected(format!("expected a resource of `{}`", std::any::type_name::<T>()))
        }),
        other => Err(Unexpected::new::<PhantomData<T>>(&other)),
    }
}

impl<T: Send + Sync + 'static> ComponentType for HostOwn<T> {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        Err(TypeDifference::new("HostOwn", ty))
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        Ok(ValueType::Own(resource::<T>(types)?))
    }
}

impl<T: Send + Sync + 'static> IntoComponentValue for HostOwn<T> {
    fn into_value(self) -> Value {
        let object: ObjectValue = self.value;
        Value::Handle(Handle::Object(object))
    }
}

impl<T: Send + Sync + 'static> FromComponentValue for HostOwn<T> {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        Ok(Self { value: object(value)? })
    }
}

impl<T: Send + Sync + 'static> ComponentType for HostBorrow<T> {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        Err(TypeDifference::new("HostBorrow", ty))
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        Ok(ValueType::Borrow(resource::<T>(types)?))
    }
}

impl<T: Send + Sync + 'static> FromComponentValue for HostBorrow<T> {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        Ok(Self { value: object(value)? })
    }
}

impl<T> fmt::Debug for HostOwn<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostOwn(..)")
    }
}

impl<T> fmt::Debug for HostBorrow<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostBorrow(..)")
    }
}
