//! Compares Rust types with types of the component model.

use std::fmt;

use super::ComponentType;
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
    /// Where the two are alike but for a name in them: what is said of that.
    member: Option<String>,
}

impl TypeDifference {
    /// Says that values of `found` are no values of the Rust type called `rust`.
    pub fn new(rust: impl Into<String>, found: &ValueType) -> Self {
        Self::new_text(rust, found.to_string())
    }

    /// Says that `ty` and the Rust type called `rust` have not the same fields, cases or flags, as `kind`
    /// says. `found` and `declared` are the names that the two have.
    pub(crate) fn members<'a>(
        (kind, rust): (&str, &str),
        ty: &ValueType,
        found: impl Iterator<Item = &'a str>,
        declared: &[&str],
    ) -> Self {
        let found: Vec<&str> = found.collect();
        let pair = |i| (found.get(i).copied(), declared.get(i).copied());
        let differs = |&i: &usize| matches!(pair(i), (a, b) if a != b);
        let first = (0..found.len().max(declared.len())).find(differs);
        let member = match first.map_or((None, None), pair) {
            (Some(expected), Some(name)) => {
                let known = (declared.contains(&expected), found.contains(&name));
                let why = match known {
                    (true, true) => format!("; the order of {kind}s counts"),
                    (false, true) => format!("; it has no {kind} `{expected}`"),
                    (true, false) => format!("; the component has no {kind} `{name}`"),
                    (false, false) => String::new(),
                };
                Some(format!("expected {kind} `{expected}`, found `{name}` of `{rust}`{why}"))
            }
            (Some(expected), None) => {
                Some(format!("expected {kind} `{expected}`, which `{rust}` has not"))
            }
            (None, Some(name)) => {
                Some(format!("expected no more {kind}s, found `{name}` of `{rust}`"))
            }
            (None, None) => None,
        };
        let rust = format!("{rust} {{ {} }}", declared.join(", "));
        Self { member, ..Self::new(rust, ty) }
    }

    /// Says that the difference lies in the part called `step`, as "field `name`".
    #[must_use]
    pub fn within(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }

    pub(crate) fn new_text(rust: impl Into<String>, found: impl Into<String>) -> Self {
        Self { steps: Vec::new(), rust: rust.into(), found: found.into(), member: None }
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
        match &self.member {
            Some(member) => write!(f, "{colon}{member}"),
            None => write!(f, "{colon}expected a type for `{}`, found `{}`", self.found, self.rust),
        }
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

/// Compares a function's parameters with a list of `count` Rust types, each of which `check` compares. `place` is
/// the accessor, the component and the function, for the problems.
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

/// Compares a function's result with a Rust type, `()` for none.
pub(crate) fn check_result<R: ComponentType>(ty: &FunctionType) -> Result<(), TypeDifference> {
    let result = match ty.result() {
        Some(ty) => R::check(ty),
        None if R::IS_UNIT => Ok(()),
        None => Err(TypeDifference::new_text(rust_name::<R>(), "no result")),
    };
    result.map_err(|difference| difference.within("result"))
}
