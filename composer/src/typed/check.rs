//! Compares Rust types with types of the component model.

use std::fmt;

use super::ComponentType;
use super::params::Params;
use crate::error::TypedProblem;
use crate::export::ExportFunc;
use crate::plan::types::{FunctionType, ValueType};

/// The first difference between a Rust type and a type of the component model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDifference {
    /// Steps to the difference, innermost first.
    steps: Vec<String>,
    rust: String,
    found: String,
}

impl TypeDifference {
    /// Says that values of `found` are no values of the Rust type called `rust`.
    pub fn new(rust: impl Into<String>, found: &ValueType) -> Self {
        Self { steps: Vec::new(), rust: rust.into(), found: found.to_string() }
    }

    /// Says that the difference lies in the part called `step`, as "field `name`".
    #[must_use]
    pub fn within(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }

    pub(crate) fn new_text(rust: impl Into<String>, found: impl Into<String>) -> Self {
        Self { steps: Vec::new(), rust: rust.into(), found: found.into() }
    }

    /// Steps to the difference, outermost first.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().rev().map(String::as_str)
    }

    /// The Rust type at that place.
    pub fn rust(&self) -> &str {
        &self.rust
    }

    /// The component's type at that place.
    pub fn found(&self) -> &str {
        &self.found
    }
}

impl fmt::Display for TypeDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.path().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{step}")?;
        }
        let colon = if self.steps.is_empty() { "" } else { ": " };
        write!(f, "{colon}expected a type for `{}`, found `{}`", self.found, self.rust)
    }
}

impl std::error::Error for TypeDifference {}

/// Checks one part of a type.
pub(crate) fn part<T: ComponentType>(
    ty: &ValueType,
    step: impl Into<String>,
) -> Result<(), TypeDifference> {
    T::check(ty).map_err(|difference| difference.within(step))
}

/// The difference that `ty` is of another shape than the Rust type `T`.
pub(crate) fn shape<T: ?Sized, R>(ty: &ValueType) -> Result<R, TypeDifference> {
    Err(TypeDifference::new(rust_name::<T>(), ty))
}

/// A Rust type's name without the paths of its modules.
pub(crate) fn rust_name<T: ?Sized>() -> String {
    let full = std::any::type_name::<T>();
    let mut name = String::new();
    let mut word = String::new();
    for c in full.chars() {
        match c {
            ':' => word.clear(),
            c if c.is_alphanumeric() || c == '_' => word.push(c),
            c => {
                name.push_str(&word);
                word.clear();
                name.push(c);
            }
        }
    }
    name + &word
}

/// Checks a function against what it is to be called with, and collects what differs.
pub(crate) fn check_signature<P: Params, R: ComponentType + 'static>(
    func: &ExportFunc,
    accessor: Option<&str>,
    is_async: Option<bool>,
) -> Vec<TypedProblem> {
    let mut problems = Vec::new();
    let ty = func.ty();
    let place = || (accessor.map(str::to_owned), func.component().to_owned(), func.name());
    if let Some(is_async) = is_async.filter(|is_async| *is_async != ty.is_async()) {
        let (accessor, component, function) = place();
        problems.push(TypedProblem::Async { accessor, component, function, is_async });
    }
    problems.extend(check_params(ty, P::COUNT, P::check, place));
    if let Err(source) = check_result::<R>(ty) {
        let (accessor, component, function) = place();
        problems.push(TypedProblem::Type { accessor, component, function, source });
    }
    problems
}

/// Compares a function's parameters with a list of `count` Rust types, each of which `check` compares. `place` is
/// the accessor, the component and the function, for the problems.
pub(crate) fn check_params(
    ty: &FunctionType,
    count: usize,
    check: fn(usize, &ValueType) -> Result<(), TypeDifference>,
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

/// Compares a function's result with a Rust type, `()` for none.
pub(crate) fn check_result<R: ComponentType + 'static>(
    ty: &FunctionType,
) -> Result<(), TypeDifference> {
    let returns_nothing = std::any::TypeId::of::<R>() == std::any::TypeId::of::<()>();
    let result = match ty.result() {
        Some(ty) => R::check(ty),
        None if returns_nothing => Ok(()),
        None => Err(TypeDifference::new_text(rust_name::<R>(), "no result")),
    };
    result.map_err(|difference| difference.within("result"))
}
