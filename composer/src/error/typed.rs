//! Errors of functions whose types do not match the Rust types with which they are to be called.
//!
//! A [`TypeDifference`] is built from the inside out: each level of a type adds its step to the
//! path (`within`).

use std::fmt;

use super::{LookupError, plain};
use crate::types::ValueType;

/// Functions whose types differ from the Rust types with which they are to be called.
///
/// Prints every problem, one per line if there are several; with `{:?}` too, which is how a `main`
/// that returns the error shows it.
#[derive(Clone)]
pub struct TypedError {
    problems: Vec<TypedProblem>,
}

impl TypedError {
    pub(crate) fn new(problems: Vec<TypedProblem>) -> Self {
        Self { problems }
    }

    /// The problems, in the order of the accessors.
    pub fn problems(&self) -> &[TypedProblem] {
        &self.problems
    }
}

impl fmt::Display for TypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [problem] = self.problems.as_slice() {
            return problem.fmt(f);
        }
        write!(f, "{} functions are not what they were declared as:", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(f, "\n  - {problem}"))
    }
}

impl fmt::Debug for TypedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for TypedError {}

/// One difference between a function and the Rust types with which it is to be called.
///
/// `accessor` is the name of the accessor that declares the types, or `None` for
/// [`Composition::typed`](crate::Composition::typed).
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum TypedProblem {
    /// There is no such function.
    #[error("accessor `{accessor}`: {source}", accessor = plain(.accessor))]
    #[non_exhaustive]
    Lookup { accessor: String, source: LookupError },

    /// The function is async and was declared sync, or the reverse.
    #[error(
        "{}`{function}` of component `{component}` is {}; declare it as `{}`",
        Accessor(.accessor.as_deref()),
        if *.is_async { "a sync function, declared as an async one" }
        else { "an async function, declared as a sync one" },
        if *.is_async { "fn" } else { "async fn" }, function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    Async { accessor: Option<String>, component: String, function: String, is_async: bool },

    /// The function takes more or fewer parameters.
    #[error(
        "{}`{function}` of component `{component}` takes {found} parameters, declared with \
         {expected}; it is `{ty}`",
        Accessor(.accessor.as_deref()), function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    ParameterCount {
        accessor: Option<String>,
        component: String,
        function: String,
        /// The number of parameters in Rust.
        expected: usize,
        /// The number of the function's parameters.
        found: usize,
        /// The function's type.
        ty: String,
    },

    /// A parameter or the result has another type.
    #[error(
        "{}`{function}` of component `{component}`, {source}",
        Accessor(.accessor.as_deref()), function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    Type { accessor: Option<String>, component: String, function: String, source: TypeDifference },
}

impl TypedProblem {
    /// The same problem, of an accessor that is looked up without its name.
    pub(crate) fn of_accessor(mut self, name: &str) -> Self {
        match &mut self {
            Self::Lookup { accessor, .. } => name.clone_into(accessor),
            Self::Async { accessor, .. }
            | Self::ParameterCount { accessor, .. }
            | Self::Type { accessor, .. } => *accessor = Some(name.to_owned()),
        }
        self
    }
}

struct Accessor<'a>(Option<&'a str>);

impl fmt::Display for Accessor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "accessor `{name}`: "),
            None => Ok(()),
        }
    }
}

/// The first difference between a Rust type and a type of the component model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeDifference {
    /// Steps to the difference, innermost first.
    steps: Vec<String>,
    rust: String,
    found: String,
    /// If two types differ in a single name: a text that points it out.
    member: Option<String>,
}

impl TypeDifference {
    /// The difference that values of type `found` are not values of the Rust type called `rust`.
    pub fn new(rust: impl Into<String>, found: &ValueType) -> Self {
        Self::new_text(rust, found.to_string())
    }

    /// The difference that `ty` and the Rust type called `rust` do not have the same fields, cases
    /// or flags (`kind`). `found` and `declared` are the names that the two have.
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

    /// Adds that the difference is inside the part called `step`, for instance "field `name`".
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

/// The name of a Rust type without module paths.
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
