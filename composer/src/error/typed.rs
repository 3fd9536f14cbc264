//! What keeps functions from being called with the Rust types that were asked for.

use std::fmt;

use super::{LookupError, plain};
use crate::typed::TypeDifference;

/// Functions that are not of the Rust types that they were to be called with.
///
/// Prints every problem, one per line if there is more than one; with `{:?}` too, as a `main` that
/// returns it shows it.
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

/// One difference between a function and the Rust types that it was to be called with.
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

    /// The function takes more parameters, or fewer.
    #[error(
        "{}`{function}` of component `{component}` takes {found} parameters, declared with \
         {expected}; it is `{ty}`",
        Accessor(.accessor.as_deref()), function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    ParameterCount {
        accessor: Option<String>,
        component: String,
        function: String,
        /// Parameters in Rust.
        expected: usize,
        /// Parameters of the function.
        found: usize,
        /// The function's type.
        ty: String,
    },

    /// A parameter or the result is of another type.
    #[error(
        "{}`{function}` of component `{component}`, {source}",
        Accessor(.accessor.as_deref()), function = plain(.function), component = plain(.component))]
    #[non_exhaustive]
    Type { accessor: Option<String>, component: String, function: String, source: TypeDifference },
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
