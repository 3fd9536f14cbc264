//! What `wac-parser` does not like about a document, as errors of this library.

use miette::Diagnostic;
use wac_parser::{Document, Error as ParseError, resolution};

use crate::error::{Cause, DocumentError, DocumentPosition};

/// The place that an error of `wac-parser` is about.
fn position(source: &str, error: &dyn Diagnostic) -> Option<DocumentPosition> {
    let labels: Vec<_> = error.labels()?.collect();
    let label = labels.iter().find(|label| label.primary()).or_else(|| labels.first())?;
    Some(DocumentPosition::of(source, label.offset()))
}

fn start() -> DocumentPosition {
    DocumentPosition::of("", 0)
}

pub(super) fn syntax(source: &str, error: &ParseError) -> DocumentError {
    let at = position(source, error).unwrap_or_else(start);
    DocumentError::Syntax { at, problem: error.to_string() }
}

pub(super) fn meaning(
    source: &str,
    document: &Document<'_>,
    error: resolution::Error,
) -> DocumentError {
    use resolution::Error;
    let target = document.directive.targets.as_ref();
    let at = position(source, &error)
        .or_else(|| target.map(|path| DocumentPosition::of(source, path.span.offset())))
        .unwrap_or_else(start);
    let problem = match &error {
        Error::PackageParseFailure { name, source, .. } => {
            let source = Cause::new(wasmtime::Error::msg(format!("{source:#}")));
            return DocumentError::Package { at, package: name.clone(), source };
        }
        Error::UnknownPackage { name, .. } if *name == document.directive.package.name => format!(
            "`{name}` is the package that the document itself makes; instantiate another one, or name the document \
             otherwise"
        ),
        Error::UndefinedName { name, .. } => format!(
            "nothing is called `{name}` here; a `let`, an `import` or a type of this name has to stand before"
        ),
        Error::MissingInstantiationArg { name, package, .. } => format!(
            "`{package}` imports `{name}`, and there is no argument for it; give it one, or end the arguments with \
             `...`, which leaves it open"
        ),
        Error::MissingComponentImport { package, import, .. } => format!(
            "`{package}` has no import `{import}`; name one that it has, as it has it, or leave the argument out"
        ),
        Error::MismatchedInstantiationArg { name, .. } => format!(
            "the argument for `{name}` is of another type than the import; give one with the type that it has"
        ),
        Error::MissingInstanceExport { name, .. } => {
            format!("the instance has no export `{name}`; name one that it has")
        }
        Error::NotAnInstance { kind, operation, .. } => {
            format!("expected an instance for {operation}, found a {kind}")
        }
        Error::SpreadInstantiationNoMatch { .. } => {
            "the instance exports nothing of what has no argument yet; leave the spread out"
                .to_owned()
        }
        Error::SpreadExportNoEffect { .. } => {
            "the instance exports nothing that is not exported already; leave the \
             statement out"
                .to_owned()
        }
        Error::ExportRequiresAs { .. } => {
            "the export needs a name, as there is none to take: write \
             `as` and the name behind it"
                .to_owned()
        }
        other => other.to_string(),
    };
    let help = error.help().map_or_else(String::new, |help| format!("; {help}"));
    DocumentError::Meaning { at, problem: problem + &help, source: cause(&error) }
}

/// What an error of `wac-parser` comes from, as one text.
fn cause(error: &resolution::Error) -> Option<Cause> {
    let mut source = std::error::Error::source(error);
    let mut texts = Vec::new();
    while let Some(cause) = source {
        texts.push(cause.to_string());
        source = cause.source();
    }
    (!texts.is_empty()).then(|| Cause::new(wasmtime::Error::msg(texts.join(": "))))
}
