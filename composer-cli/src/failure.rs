//! Why a command failed: the errors and help that are printed, and the exit code. Notes are printed as errors are.

use std::error::Error;
use std::fmt::Write as _;
use std::process::ExitCode;

use wasm_runtime_composer::__private::plain_lines;
use wasm_runtime_composer::CompositionError;
use wasm_runtime_composer::error::PlanProblem;
use wasmtime_wasi::I32Exit;

use crate::told::{Told, told, told_of_lookup};

/// Errors with their exit code, and help where the tool knows what to do.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    errors: Vec<Box<dyn Error>>,
    help: Vec<String>,
}

/// A call failed, or the called function reported a failure.
const CALL: u8 = 1;
/// The command line is wrong.
const USAGE: u8 = 2;
/// The components cannot be composed.
const COMPOSE: u8 = 3;
/// The output cannot be written.
const OUTPUT: u8 = 4;

/// A message with a cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Because {
    message: String,
    #[source]
    source: Box<dyn Error + Send + Sync>,
}

impl Failure {
    fn of(code: u8, error: impl Into<Box<dyn Error>>) -> Self {
        Self { code, errors: vec![error.into()], help: Vec::new() }
    }

    /// Problems of the wiring.
    pub(crate) fn problems<'a>(problems: impl IntoIterator<Item = &'a PlanProblem>) -> Self {
        let mut failure = Self { code: COMPOSE, errors: Vec::new(), help: Vec::new() };
        for problem in problems {
            match problem {
                // Its causes get lines of their own.
                PlanProblem::Load { .. } => failure.errors.push(problem.clone().into()),
                _ => {
                    let Told { error, help } = told(problem);
                    failure.errors.push(error.into());
                    failure.help.extend(help);
                }
            }
        }
        failure
    }

    /// This failure and another, with the exit code of this one.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.errors.extend(other.errors);
        self.help.extend(other.help);
        self
    }

    /// All successful results, or all failures as one.
    pub(crate) fn collect<T>(
        results: impl IntoIterator<Item = Result<T, Self>>,
    ) -> Result<Vec<T>, Self> {
        let mut done = Vec::new();
        let mut failed: Option<Self> = None;
        for result in results {
            match result {
                Ok(it) => done.push(it),
                Err(failure) => {
                    failed = Some(match failed {
                        Some(failed) => failed.and(failure),
                        None => failure,
                    });
                }
            }
        }
        failed.map_or(Ok(done), Err)
    }

    /// The command line does not fit the components.
    pub(crate) fn usage(error: impl Into<Box<dyn Error>>) -> Self {
        Self::of(USAGE, error)
    }

    /// Components that cannot be read or started.
    pub(crate) fn compose(error: impl Into<Box<dyn Error>>) -> Self {
        Self::of(COMPOSE, error)
    }

    /// A file that cannot be read.
    pub(crate) fn input(message: String, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::compose(Because { message, source: source.into() })
    }

    /// Output that cannot be written.
    pub(crate) fn output(message: String, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::of(OUTPUT, Because { message, source: source.into() })
    }

    /// A command component reported a failure; it has printed the reason itself.
    pub(crate) fn command(name: &str) -> Self {
        Self::of(CALL, format!("`{name}` ended with an error"))
    }

    /// Adds what the user can do.
    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Prints the errors, their causes and the help, a line each. Prints nothing if a guest exited
    /// by itself, as it has printed what it wanted to.
    pub(crate) fn report(&self) -> ExitCode {
        if let Some(code) = self.exit_of_guest() {
            return ExitCode::from(code);
        }
        let mut text = String::new();
        for error in &self.errors {
            let _ = writeln!(text, "error: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                let _ = writeln!(text, "  caused by: {cause}");
                source = cause.source();
            }
        }
        write(text, &self.help);
        ExitCode::from(self.code)
    }
}

/// Prints what is no error, and what to do about it, where errors are printed.
pub(crate) fn note(note: &str, help: &[String]) {
    write(format!("note: {note}\n"), help);
}

/// Prints `text`, and each help once on a line.
fn write(mut text: String, help: &[String]) {
    for (index, line) in help.iter().enumerate() {
        if !help[..index].contains(line) {
            let _ = writeln!(text, "help: {line}");
        }
    }
    let text = plain_lines(&text).to_string();
    // If standard error is closed, the exit code remains.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
}

impl Failure {
    /// The exit code of the guest, if it called `exit`. Codes that do not fit in a byte become some
    /// error code.
    fn exit_of_guest(&self) -> Option<u8> {
        let Some(CompositionError::Trap { source, .. }) = self.errors.first()?.downcast_ref()
        else {
            return None;
        };
        let I32Exit(code) = source.downcast_ref()?;
        Some(u8::try_from(*code).unwrap_or(CALL))
    }
}

impl From<CompositionError> for Failure {
    fn from(error: CompositionError) -> Self {
        let code = match &error {
            CompositionError::Plan(plan) => return Self::problems(plan.problems()),
            CompositionError::Lookup(lookup) => {
                if let Some(Told { error, help }) = told_of_lookup(lookup) {
                    return Self { code: USAGE, errors: vec![error.into()], help };
                }
                USAGE
            }
            CompositionError::Argument(_) => USAGE,
            CompositionError::Document(_)
            | CompositionError::Start(_)
            | CompositionError::Fuse(_)
            | CompositionError::Wasi(_) => COMPOSE,
            _ => CALL,
        };
        Self { code, errors: vec![error.into()], help: Vec::new() }
    }
}
