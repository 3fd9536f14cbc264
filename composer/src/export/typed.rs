//! [`TypedFunc`]: an exported function with Rust types.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use super::ExportFunc;
use crate::error::{CompositionError, TypeDifference, TypedError, TypedProblem};
use crate::typed::{FromComponentValue, Params, Unexpected, check_params, check_result};
use crate::types::{FunctionType, ValueType};
use crate::value::Value;

/// An exported function whose type was checked against Rust types.
///
/// Cheap to clone; like an [`ExportFunc`] it does not keep its composition alive.
pub struct TypedFunc<P, R> {
    func: ExportFunc,
    /// Covariant, so that a function for references of a long lifetime can be used for shorter
    /// ones.
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

    /// The function's type.
    pub fn ty(&self) -> &FunctionType {
        self.func.ty()
    }

    /// The component that exports the function.
    #[cfg(feature = "http")]
    pub(crate) fn component(&self) -> &str {
        self.func.component()
    }

    /// Calls the function. `params` is a tuple, `(a,)` for one parameter.
    ///
    /// Handles that are moved in are gone even if the call fails. Those in the result are
    /// [`OwnedResource`](crate::OwnedResource)s, which drop their resource when they are dropped.
    ///
    /// # Errors
    ///
    /// As [`ExportFunc::call`]. Of the errors of arguments only those of handles can occur: a
    /// handle that is lent cannot be moved, and one of another composition or resource cannot be
    /// passed.
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
    // `()` is converted from the value of an empty tuple.
    let value = value.unwrap_or(Value::Fields(Vec::new()));
    result(value).map_err(|unexpected| CompositionError::Conversion {
        function: func.name(),
        problem: unexpected.0,
    })
}

/// Checks a function against the types with which it is to be called, and collects the differences.
pub(crate) fn check_signature(
    func: &ExportFunc,
    (accessor, is_async): (Option<&str>, Option<bool>),
    (count, param): (usize, impl Fn(usize, &ValueType) -> Result<(), TypeDifference>),
    result: fn(&FunctionType) -> Result<(), TypeDifference>,
) -> Vec<TypedProblem> {
    let mut problems = Vec::new();
    let ty = func.ty();
    let place = || (accessor.map(str::to_owned), func.component().to_owned(), func.name());
    if let Some(is_async) = is_async.filter(|is_async| *is_async != ty.is_async()) {
        let (accessor, component, function) = place();
        problems.push(TypedProblem::Async { accessor, component, function, is_async });
    }
    problems.extend(check_params(ty, count, param, place));
    if let Err(source) = result(ty) {
        let (accessor, component, function) = place();
        problems.push(TypedProblem::Type { accessor, component, function, source });
    }
    problems
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
