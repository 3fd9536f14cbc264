//! `wcompose run`: composes components and calls them.

use std::time::Duration;

use wasm_runtime_composer::Composition;
use wasmtime::component::Val;

use crate::args::RunArgs;
use crate::call::{Call, Ready};
use crate::failure::Failure;
use crate::output::print;
use crate::setup::Setup;
use crate::wave;

/// How long components may take to end after all calls.
const CLOSING: Duration = Duration::from_secs(5);

pub(crate) fn run(args: &RunArgs) -> Result<(), Failure> {
    let setup = Setup::running(&args.wiring, &args.host, args.deadline)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::input("cannot start threads".to_owned(), error))?;
    let done = runtime.block_on(compose_and_call(&setup, args));
    // A guest that computes without end, or waits for standard input, blocks a thread, which ends
    // with the process.
    runtime.shutdown_background();
    done
}

async fn compose_and_call(setup: &Setup<'_>, args: &RunArgs) -> Result<(), Failure> {
    let composition = compose(setup, args).await?;
    let called = call_all(&composition, args).await;
    let closed = composition.close(CLOSING).await;
    // The first failure is reported.
    called?;
    Ok(closed?)
}

async fn compose(setup: &Setup<'_>, args: &RunArgs) -> Result<Composition, Failure> {
    let mut composer = setup.composer()?;
    // Calls are made one at a time, so a component that waits for something between them waits
    // forever.
    composer.trap_on_idle();
    let composing = composer.compose();
    let called: Vec<_> = args.calls.iter().map(Call::export).collect();
    let failed = |error| setup.failure(error, &called);
    let Some(deadline) = args.deadline else { return composing.await.map_err(failed) };
    match tokio::time::timeout(deadline, composing).await {
        Ok(composition) => composition.map_err(failed),
        Err(_) => {
            Err(Failure::compose(format!("the components did not start within {deadline:?}")))
        }
    }
}

/// Makes the calls in order, after all of them have been checked.
async fn call_all(composition: &Composition, args: &RunArgs) -> Result<(), Failure> {
    if args.calls.is_empty() {
        return run_command(composition, args.deadline).await;
    }
    let calls = args.calls.iter().map(|call| call.ready(composition));
    for call in Failure::collect(calls)? {
        let line = match call_one(call, args.deadline).await? {
            Some(result) => wave::line(&result)?,
            None => "()\n".to_owned(),
        };
        print(line.as_bytes())?;
    }
    Ok(())
}

/// Calls `run` of `wasi:cli/run`, whose result tells whether the command succeeded.
async fn run_command(composition: &Composition, deadline: Option<Duration>) -> Result<(), Failure> {
    let exports = composition.exports();
    let Some(command) = exports.iter().find(|export| export.name.starts_with("wasi:cli/run@"))
    else {
        let names: Vec<_> = exports.iter().map(|export| format!("`{}`", export.name)).collect();
        let error = "nothing to call: give `--call`, as no component exports `wasi:cli/run`";
        let help = match names.as_slice() {
            [] => "nothing is exported".to_owned(),
            names => format!("what is exported: {}", names.join(", ")),
        };
        return Err(Failure::usage(error).with_help(help));
    };
    let call = Call::of(&command.name, "run").ready(composition)?;
    match call_one(call, deadline).await? {
        Some(Val::Result(Err(_))) => Err(Failure::command(&command.name)),
        _ => Ok(()),
    }
}

/// Makes a call. Returns the result, if the function has one.
async fn call_one(call: Ready, deadline: Option<Duration>) -> Result<Option<Val>, Failure> {
    let Ready { func, arguments } = call;
    let func = match deadline {
        Some(deadline) => func.with_deadline(deadline),
        None => func,
    };
    let mut results = vec![Val::Bool(false); func.ty().result().iter().len()];
    func.call(&arguments, &mut results).await?;
    Ok(results.pop())
}
