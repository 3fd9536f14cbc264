//! Errors of WAC documents, each with its place in the document.

use std::fmt;

use super::{Cause, listed, plain, plain_lines};

/// A place in a document, as editors count: both numbers begin with 1, and columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub struct DocumentPosition {
    /// The line.
    pub line: usize,
    /// The column of the line.
    pub column: usize,
}

impl DocumentPosition {
    /// The place of the byte `offset` of `source`.
    pub(crate) fn of(source: &str, offset: usize) -> Self {
        let mut offset = offset.min(source.len());
        while !source.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &source[..offset];
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
    }
}

impl fmt::Display for DocumentPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A WAC document is no composition.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are named after what the message says of them")]
pub enum DocumentError {
    /// The text is no WAC.
    #[error("{at}: {}", plain_lines(.problem))]
    #[non_exhaustive]
    Syntax { at: DocumentPosition, problem: String },

    /// The document does not mean anything, by the rules of the language: a name that is not
    /// defined, an argument that is missing, types that differ.
    #[error("{at}: {}", plain_lines(.problem))]
    #[non_exhaustive]
    Meaning {
        at: DocumentPosition,
        problem: String,
        #[source]
        source: Option<Cause>,
    },

    /// The document says something that has no meaning where each component has a store of its own.
    #[error("{at}: {}; {instead}", plain_lines(.what))]
    #[non_exhaustive]
    Unsupported {
        at: DocumentPosition,
        what: String,
        /// What to write instead.
        instead: &'static str,
    },

    /// The document names a package that was not given.
    #[error(
        "{at}: the package `{}` was not given: {}; add it to the packages",
        plain(.package), Given(.given)
    )]
    #[non_exhaustive]
    UnknownPackage {
        at: DocumentPosition,
        package: String,
        /// The packages that were given.
        given: Vec<String>,
    },

    /// The types of a package are not known: it was given compiled, or is no component itself.
    #[error(
        "{at}: the types of the package `{}` are not known, as it was given compiled or is no component; \
         give its binary as well, with `add_with_types`", plain(.package)
    )]
    #[non_exhaustive]
    NoTypes { at: DocumentPosition, package: String },

    /// A package cannot be read.
    #[error("{at}: the package `{}` cannot be read", plain(.package))]
    #[non_exhaustive]
    Package {
        at: DocumentPosition,
        package: String,
        #[source]
        source: Cause,
    },

    /// The document instantiates a package of which there are types alone.
    #[error(
        "{at}: of the package `{}` there are types alone; give a component with `add`",
        plain(.package)
    )]
    #[non_exhaustive]
    TypesAlone { at: DocumentPosition, package: String },

    /// The document instantiates a package again that there is once: a composition, or an instance
    /// that runs.
    #[error(
        "{at}: the package `{}` is instantiated again, and it is a composition or an instance that runs, of \
         which there is one; give a `ComposableComponent`", plain(.package)
    )]
    #[non_exhaustive]
    Taken { at: DocumentPosition, package: String },

    /// A package was given under a name that no document can have.
    #[error(
        "`{}` is no name of a package; expected `namespace:package` or `namespace:package@1.2.3`",
        plain(.name)
    )]
    #[non_exhaustive]
    PackageName { name: String },

    /// The crate that reads documents panicked, which is a mistake of its own.
    #[error("the document cannot be read, as its parser panicked: {}", plain_lines(.message))]
    #[non_exhaustive]
    Parser { message: String },
}

impl DocumentError {
    /// Where in the document it is, if it is of a place.
    pub fn position(&self) -> Option<DocumentPosition> {
        match self {
            Self::Syntax { at, .. }
            | Self::Meaning { at, .. }
            | Self::Unsupported { at, .. }
            | Self::UnknownPackage { at, .. }
            | Self::NoTypes { at, .. }
            | Self::Package { at, .. }
            | Self::TypesAlone { at, .. }
            | Self::Taken { at, .. } => Some(*at),
            Self::PackageName { .. } | Self::Parser { .. } => None,
        }
    }
}

/// The packages that were given.
struct Given<'a>(&'a [String]);

impl fmt::Display for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("there are none"),
            given => write!(f, "there is `{}`", listed(given, "`, `")),
        }
    }
}
