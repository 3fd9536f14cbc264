//! Why a command failed: what is printed, and the exit code.

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

use wasm_runtime_composer::{CompositionError, LookupError, PlanError, PlanProblem};
use wasmtime_wasi::I32Exit;

/// An error with its exit code, and what to do about it where the tool knows.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    error: Box<dyn Error>,
    help: Vec<String>,
}

/// A call failed, or what was called.
const CALL: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;
/// The components cannot be composed.
const COMPOSE: u8 = 3;
/// The output cannot be written.
const OUTPUT: u8 = 4;

/// A message above its cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Because {
    message: String,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    /// The command line does not fit the components.
    pub(crate) fn usage(error: impl Into<Box<dyn Error>>) -> Self {
        Self { code: USAGE, error: error.into(), help: Vec::new() }
    }

    /// Components that cannot be read or started.
    pub(crate) fn compose(error: impl Into<Box<dyn Error>>) -> Self {
        Self { code: COMPOSE, error: error.into(), help: Vec::new() }
    }

    /// A file that cannot be read.
    pub(crate) fn input(message: String, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::compose(Because { message, source: source.into() })
    }

    /// Output that cannot be written.
    pub(crate) fn output(message: String, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let error = Box::new(Because { message, source: source.into() });
        Self { code: OUTPUT, error, help: Vec::new() }
    }

    /// A call of a command said that it failed; it has told why itself.
    pub(crate) fn command(name: &str) -> Self {
        let error = format!("`{name}` ended with an error");
        Self { code: CALL, error: error.into(), help: Vec::new() }
    }

    /// The same, with what to do about it.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Prints the error, its causes and what to do, a line each. A guest that ended itself has told
    /// by itself what there was to tell.
    pub(crate) fn report(&self) -> ExitCode {
        if let Some(code) = self.exit_of_guest() {
            return ExitCode::from(code);
        }
        let mut text = format!("error: {}\n", self.error);
        let mut source = self.error.source();
        while let Some(cause) = source {
            let _ = writeln!(text, "  caused by: {cause}");
            source = cause.source();
        }
        for help in &self.help {
            let _ = writeln!(text, "help: {help}");
        }
        // If nobody reads it, the exit code is left.
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        ExitCode::from(self.code)
    }
}

impl Failure {
    /// The exit code of the guest, if that called `exit`. Codes beyond a byte are errors of some kind.
    fn exit_of_guest(&self) -> Option<u8> {
        let Some(CompositionError::Trap { source, .. }) = self.error.downcast_ref() else {
            return None;
        };
        let I32Exit(code) = source.downcast_ref()?;
        Some(u8::try_from(*code).unwrap_or(CALL))
    }
}

impl From<CompositionError> for Failure {
    fn from(error: CompositionError) -> Self {
        let (code, help) = match &error {
            CompositionError::Plan(plan) => (COMPOSE, help_for_plan(plan)),
            CompositionError::Start(_) | CompositionError::Fuse(_) | CompositionError::Wasi(_) => {
                (COMPOSE, Vec::new())
            }
            CompositionError::Lookup(lookup) => (USAGE, help_for_lookup(lookup)),
            CompositionError::Argument(_) => (USAGE, Vec::new()),
            _ => (CALL, Vec::new()),
        };
        Self { code, error: error.into(), help }
    }
}

/// The options that settle problems of wiring. The library's messages name its own functions.
fn help_for_plan(error: &PlanError) -> Vec<String> {
    let mut help: Vec<String> = error.problems().iter().filter_map(option_for).collect();
    help.dedup();
    help
}

fn option_for(problem: &PlanProblem) -> Option<String> {
    match problem {
        PlanProblem::AmbiguousImport { component, import, providers, .. } => {
            Some(format!("choose with `--import-hint {component}:{import}={}`", providers.first()?))
        }
        PlanProblem::Cycle { .. } => Some("`--allow-cycles` lets them".to_owned()),
        PlanProblem::InvalidId { .. } | PlanProblem::DuplicateId { .. } => {
            Some("give another id, as in `id=FILE`".to_owned())
        }
        _ => None,
    }
}

fn help_for_lookup(error: &LookupError) -> Vec<String> {
    match error {
        LookupError::Ambiguous { name, components, .. } => components
            .first()
            .map(|id| format!("choose with `--export-hint {name}={id}`"))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}
