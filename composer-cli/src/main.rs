//! `wcompose`: composes WebAssembly components from the command line, and calls them, serves them on the web,
//! shows how they are wired, or fuses them into one.

#![forbid(unsafe_code)]

mod admin;
mod args;
mod call;
mod compile;
mod component;
mod document;
mod failure;
mod host;
mod output;
mod run;
mod serve;
mod setup;
mod told;
mod watching;
mod wave;

use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};
use wasm_runtime_composer::plan::explain::Outcome;

use args::{Cli, Command, Drawing, ExplainArgs, FuseArgs, PlanArgs};
use failure::Failure;
use output::print;
use setup::Setup;

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Serve(args) => serve::serve(&args),
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
    let composer = setup.composer()?;
    let plan = match args.strict {
        true => composer.plan(),
        false => composer.plan_with_open_imports(),
    };
    let plan = plan.map_err(|error| setup.failure(error, &[]))?;
    let text = match args.drawing() {
        Drawing::Text => plan.to_string(),
        Drawing::Dot => plan.to_dot(),
        Drawing::Mermaid => plan.to_mermaid(),
        Drawing::Json => plan.to_json(),
    };
    print(text.as_bytes())?;
    if let Some((note, help)) = told::told_of_open(plan.open_imports()) {
        failure::note(&note, &help);
    }
    Ok(())
}

fn explain(args: &ExplainArgs) -> Result<(), Failure> {
    let setup = Setup::new(&args.wiring)?;
    let composer = setup.composer()?;
    let ExplainArgs { consumer, import, .. } = args;
    let explanation = composer.explain(consumer, import)?;
    let text = explanation.to_string();
    match &explanation.outcome {
        Outcome::Ambiguous { providers, .. } => {
            // The library's message suggests Rust code; only its list of candidates is kept.
            let (_, candidates) = text.split_once('\n').unwrap_or_default();
            let providers = told::all(providers);
            print(
                format!("`{import}`, imported by `{consumer}`, is ambiguous: {providers} export it\n{candidates}\n")
                    .as_bytes(),
            )?;
        }
        _ => print(format!("{text}\n").as_bytes())?,
    }
    match (&explanation.outcome, composer.plan()) {
        (Outcome::Ambiguous { .. } | Outcome::Missing | Outcome::Undecided, Err(error)) => {
            Err(setup.failure_of(error, consumer, import))
        }
        _ => Ok(()),
    }
}

fn fuse(args: &FuseArgs) -> Result<(), Failure> {
    let setup = Setup::new(&args.wiring)?;
    let fused = setup.composer()?.fuse().map_err(|error| setup.failure(error, &[]))?;
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
    clap_complete::generate(shell, &mut Cli::command(), "wcompose", &mut script);
    print(&script)
}
