//! [`Moved`]: a resource that the host defines, as the Rust value that it is.

use super::check::shape;
use super::{ComponentType, FromComponentValue, IntoComponentValue, Unexpected};
use crate::error::{TypeDifference, rust_name};
use crate::types::{Form, ValueType};
use crate::value::handle::Moving;
use crate::value::{Handle, Value};

/// A resource that the host defines, as the Rust value that it is between stores.
///
/// As a parameter it gives a component a resource of the host that Rust has made; as a result it is what a component
/// gave away. `V` is the form in which components carry the resource: the type of
/// [`ComposableComponent::carrying`](crate::ComposableComponent::carrying), or the one that
/// [`carrying_as`](crate::ComposableComponent::carrying_as) makes of it. With another `V` the function is not found to
/// have that type.
///
/// An [`OwnedResource`](crate::OwnedResource) stands for the same resource as a handle, which can also be lent.
///
/// # Examples
///
/// ```
/// use wasm_runtime_composer::typed::Moved;
/// # use wasm_runtime_composer::{Composition, CompositionError};
///
/// /// What the host's `acme:db/connections` implements.
/// struct Connection {
///     name: String,
/// }
///
/// # async fn take(composition: &Composition) -> Result<(), CompositionError> {
/// let pool = Some("composer:test/pool");
/// let take = composition.typed::<(&str,), Moved<Connection>>(pool, "take")?;
/// let Moved(connection) = take.call(("db",)).await?;
/// assert_eq!(connection.name, "db");
///
/// let give_back = composition.typed::<(Moved<Connection>,), String>(pool, "give-back")?;
/// give_back.call((Moved(connection),)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved<V>(pub V);

impl<V: Send + 'static> ComponentType for Moved<V> {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        let ValueType::Own(resource) = ty else { return shape::<Self, _>(ty) };
        let found = match &resource.form {
            Some(form) if **form == Form::of::<V>() => return Ok(()),
            Some(form) => format!("{ty}, carried as {}", form.name()),
            None => format!("{ty}, defined by a component (an OwnedResource)"),
        };
        Err(TypeDifference::new_text(rust_name::<Self>(), found))
    }
}

impl<V: Send + 'static> IntoComponentValue for Moved<V> {
    fn into_value(self) -> Value {
        Value::Handle(Handle::Brought(Moving::new(Box::new(self.0))))
    }
}

impl<V: Send + 'static> FromComponentValue for Moved<V> {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        let Value::Handle(Handle::Held(guard)) = value else {
            return Err(Unexpected::new::<Self>(&value));
        };
        let gone = |error| Unexpected(format!("the handle was not taken: {error}"));
        let own = guard.take().map_err(gone)?;
        let kind = own.kind().clone();
        match own.into_moved(&kind).map_err(gone)?.downcast() {
            Ok(value) => Ok(Self(*value)),
            Err(_) => Err(Unexpected(format!("expected {}", rust_name::<Self>()))),
        }
    }
}
