//! Compares Rust types with types of the component model.
//!
//! The functions here build the path to a difference: each step of a type's check wraps the
//! difference inside it.

use super::ComponentType;
use crate::error::{TypeDifference, TypedProblem, rust_name};
use crate::types::{FunctionType, ValueType};

/// Checks `T` against a part of a type. A difference gets `step` in its path.
pub(crate) fn part<T: ComponentType>(
    ty: &ValueType,
    step: impl Into<String>,
) -> Result<(), TypeDifference> {
    T::check(ty).map_err(|difference| difference.within(step))
}

/// The difference between `ty` and the Rust type `T`, which has another shape.
pub(crate) fn shape<T: ?Sized, R>(ty: &ValueType) -> Result<R, TypeDifference> {
    Err(TypeDifference::new(rust_name::<T>(), ty))
}

/// Compares a function's parameters with `count` Rust types; `check` compares one by its index.
/// `place` is the accessor, the component and the function that problems name.
pub(crate) fn check_params(
    ty: &FunctionType,
    count: usize,
    check: impl Fn(usize, &ValueType) -> Result<(), TypeDifference>,
    place: impl Fn() -> (Option<String>, String, String),
) -> Vec<TypedProblem> {
    if count != ty.params().len() {
        let (accessor, component, function) = place();
        return vec![TypedProblem::ParameterCount {
            accessor,
            component,
            function,
            expected: count,
            found: ty.params().len(),
            ty: ty.to_string(),
        }];
    }
    let differs = |(index, (name, ty)): (usize, (&str, &ValueType))| {
        let source = check(index, ty).err()?.within(format!("parameter `{name}`"));
        let (accessor, component, function) = place();
        Some(TypedProblem::Type { accessor, component, function, source })
    };
    ty.params().enumerate().filter_map(differs).collect()
}

/// Compares a function's result with a Rust type; `()` stands for no result.
pub(crate) fn check_result<R: ComponentType>(ty: &FunctionType) -> Result<(), TypeDifference> {
    let result = match ty.result() {
        Some(ty) => R::check(ty),
        None if R::IS_UNIT => Ok(()),
        None => Err(TypeDifference::new_text(rust_name::<R>(), "no result")),
    };
    result.map_err(|difference| difference.within("result"))
}
