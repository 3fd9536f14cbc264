//! [`TypedFunc`]: an exported function with Rust types.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::params::Params;
use super::{FromComponentValue, Unexpected, check_result, check_signature};
use crate::error::{CompositionError, TypedError};
use crate::export::ExportFunc;
use crate::value::Value;

/// An exported function whose type was checked against Rust types.
///
/// Cheap to clone; like an [`ExportFunc`] it does not keep its composition alive.
pub struct TypedFunc<P, R> {
    func: ExportFunc,
    /// Covariant, so that one for references of a long life serves those of a short one.
    types: PhantomData<fn() -> (P, R)>,
}

impl<P: Params, R: FromComponentValue + 'static> TypedFunc<P, R> {
    pub(crate) fn new(func: ExportFunc) -> Result<Self, TypedError> {
        let params = (P::COUNT, P::check);
        let problems = check_signature(&func, (None, None), params, check_result::<R>);
        if problems.is_empty() {
            return Ok(Self { func, types: PhantomData });
        }
        Err(TypedError::new(problems))
    }

    /// The same function, with a deadline for each call, as [`ExportFunc::with_deadline`].
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.func = self.func.with_deadline(deadline);
        self
    }

    /// Calls the function. `params` is a tuple, `(a,)` for one parameter.
    ///
    /// Handles that are moved in are gone, also if the call fails. Those in the result are
    /// [`OwnedResource`](crate::OwnedResource)s, which drop their resource when they are dropped.
    ///
    /// # Errors
    ///
    /// As [`ExportFunc::call`], without the errors of arguments but those of handles: one that is
    /// lent cannot be moved, and one of another composition or resource cannot be passed.
    ///
    /// # Cancel safety
    ///
    /// As [`ExportFunc::call`].
    pub async fn call(&self, params: P) -> Result<R, CompositionError> {
        call(&self.func, params.into_values(), R::from_value).await
    }
}

/// Calls a function whose type was checked.
pub(crate) async fn call<R>(
    func: &ExportFunc,
    args: Vec<Value>,
    result: fn(Value) -> Result<R, Unexpected>,
) -> Result<R, CompositionError> {
    let value = func.call_checked(args).await?;
    // No result is the empty tuple's value.
    let value = value.unwrap_or(Value::Fields(Vec::new()));
    result(value).map_err(|unexpected| CompositionError::Conversion {
        function: func.name(),
        problem: unexpected.0,
    })
}

impl<P, R> Clone for TypedFunc<P, R> {
    fn clone(&self) -> Self {
        Self { func: self.func.clone(), types: PhantomData }
    }
}

impl<P, R> fmt::Debug for TypedFunc<P, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}
