//! `composer`: composes WebAssembly components from the command line, and calls them, shows how they
//! are wired, or fuses them into one.

#![forbid(unsafe_code)]

mod args;
mod call;
mod compile;
mod failure;
mod run;
mod setup;
mod wave;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use args::{Cli, Command, Drawing, ExplainArgs, FuseArgs, PlanArgs};
use failure::Failure;
use setup::Setup;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Plan(args) => plan(&args),
        Command::Explain(args) => explain(&args),
        Command::Fuse(args) => fuse(&args),
        Command::Completions { shell } => completions(shell),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn plan(args: &PlanArgs) -> Result<(), Failure> {
    let setup = Setup::new(&args.wiring)?;
    let plan = setup.composer()?.plan()?;
    let text = match args.drawing() {
        Drawing::Text => plan.to_string(),
        Drawing::Dot => plan.to_dot(),
        Drawing::Mermaid => plan.to_mermaid(),
        Drawing::Json => plan.to_json(),
    };
    print(text.as_bytes())
}

fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let setup = Setup::new(&args.wiring)?;
    let explanation = setup.composer()?.explain(&args.consumer, &args.import)?;
    print(format!("{explanation}\n").as_bytes())
}

fn fuse(args: &FuseArgs) -> Result<(), Failure> {
    let setup = Setup::new(&args.wiring)?;
    let fused = setup.composer()?.fuse()?;
    if args.output.as_os_str() == OsStr::new("-") {
        return print(&fused);
    }
    write(&args.output, &fused)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes)
        .map_err(|error| Failure::output(format!("cannot write `{}`", path.display()), error))
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "composer", &mut script);
    print(&script)
}

/// Writes to standard output, which may be a pipe that nobody reads any more.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| Failure::output("cannot write to standard output".to_owned(), error))
}
