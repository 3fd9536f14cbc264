//! Async programs of two components and more, each run in three ways: every component in a store of
//! its own, all fused into one component that the library runs, and the same component run by
//! wasmtime alone. They give the same, or it is said here why not.
//!
//! `cargo test -p composer-tests --test all -- conformance --nocapture` shows what each program gives.

mod backpressure;
mod calls;
mod cancel;
mod deadlock;
mod destructors;
mod guest;
mod host;
mod known;
mod passed_on;
mod pending;
mod reentrance;
mod streams;
mod yields;

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use composer_tests::{chain, runtimes};
use futures_util::future::try_join_all;
use tokio::time::timeout;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
};
use wasmtime::component::{Accessor, Component, Linker};
use wasmtime::{Config, Engine, OptLevel, Store};

use guest::Guest;
use known::KNOWN;

/// Beyond this a program hangs; one that is known to hang gets less.
const LIMIT: Duration = Duration::from_secs(20);
const LIMIT_OF_KNOWN: Duration = Duration::from_secs(1);

fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
        // It knows whether calls run in place.
        composer_tests::engine();
        let mut config = Config::new();
        config.cranelift_opt_level(OptLevel::None);
        config.wasm_component_model_async_stackful(true);
        config.wasm_component_model_more_async_builtins(true);
        config.wasm_component_model_threading(true);
        Engine::new(&config).expect("the configuration is valid")
    });
    &ENGINE
}

/// Components that are composed, with a board if they need it, and what comes of calling them. A component's imports are the exports
/// of others under the same name.
struct Program {
    name: String,
    guests: Vec<Vec<u8>>,
    /// Exports without parameters that give a number, called one after the other.
    calls: Vec<String>,
    /// And then such that are called at the same time.
    together: Vec<String>,
    expected: Expected,
    /// What is different with stores of their own, and why.
    isolated: Option<(Expected, &'static str)>,
    /// What is different where the library runs the fused component, and why.
    fused: Option<(Expected, &'static str)>,
    /// They import in a cycle, which cannot be fused.
    cycle: bool,
    /// With stores of their own, cancelling is what it is where nothing is said of it.
    cancels_by_default: bool,
}

impl Program {
    /// A program whose function is `run`.
    fn new<const N: usize>(name: impl Into<String>, guests: [Guest; N]) -> Self {
        let board = guests.iter().any(Guest::needs_board).then(guest::board);
        let guests = guests.iter().chain(&board).map(Guest::build).collect();
        let calls = vec!["run".to_owned()];
        let expected = Expected::Values(Vec::new());
        Self {
            name: name.into(),
            guests,
            calls,
            together: Vec::new(),
            expected,
            isolated: None,
            fused: None,
            cycle: false,
            cancels_by_default: false,
        }
    }

    fn calls<const N: usize>(mut self, calls: [&str; N]) -> Self {
        self.calls = calls.map(str::to_owned).into();
        self
    }

    fn together<const N: usize>(mut self, calls: [&str; N]) -> Self {
        self.together = calls.map(str::to_owned).into();
        self
    }

    fn gives(mut self, values: impl IntoIterator<Item = u32>) -> Self {
        self.expected = Expected::values(values);
        self
    }

    fn traps(mut self, text: &'static str) -> Self {
        self.expected = Expected::Error(text);
        self
    }

    fn isolated_gives(mut self, values: impl IntoIterator<Item = u32>, why: &'static str) -> Self {
        self.isolated = Some((Expected::values(values), why));
        self
    }

    /// Composed, it is an error, whatever it says.
    fn composed_fails(mut self, why: &'static str) -> Self {
        self.isolated = Some((Expected::Error(""), why));
        self.fused = Some((Expected::Error(""), why));
        self
    }

    fn isolated_traps(mut self, text: &'static str, why: &'static str) -> Self {
        self.isolated = Some((Expected::Error(text), why));
        self
    }

    fn cycle(mut self) -> Self {
        self.cycle = true;
        self
    }

    fn cancels_by_default(mut self) -> Self {
        self.cancels_by_default = true;
        self
    }

    fn expected(&self, way: Way) -> &Expected {
        let other = match way {
            Way::Isolated => &self.isolated,
            Way::Fused => &self.fused,
            Way::Alone => &None,
        };
        other.as_ref().map_or(&self.expected, |(expected, _)| expected)
    }

    fn ways(&self) -> &'static [Way] {
        if self.cycle { &[Way::Isolated] } else { &[Way::Isolated, Way::Fused, Way::Alone] }
    }

    fn known(&self, way: Way) -> Option<&'static Known> {
        KNOWN.iter().find(|it| it.program == self.name && it.ways.contains(&way))
    }

    fn limit(&self, way: Way) -> Duration {
        match self.known(way) {
            Some(known) if known.gives.contains("hangs") => LIMIT_OF_KNOWN,
            _ => LIMIT,
        }
    }

    fn composer(&self) -> Composer {
        let mut composer = Composer::new();
        for (n, binary) in self.guests.iter().enumerate() {
            let id = char::from(b'a' + n as u8).to_string();
            let component = match self.cancels_by_default {
                true => as_given(binary.clone()),
                false => component(binary.clone()),
            };
            composer.add(ComposableDescriptor::new(id, component));
        }
        if self.cycle {
            composer.allow_cycles();
        }
        if self.together.is_empty() {
            // As wasmtime's `call_async`.
            composer.trap_on_idle();
        }
        composer
    }
}

/// Cancelling means for it what it means inside of one store.
fn component(binary: Vec<u8>) -> ComposableComponent<()> {
    as_given(binary).with_cooperative_cancel()
}

fn as_given(binary: Vec<u8>) -> ComposableComponent<()> {
    ComposableComponent::new(binary, Linker::new(engine()), || Store::new(engine(), ()))
}

/// What has to come of a program.
#[derive(Clone, Debug)]
enum Expected {
    /// A value of each call.
    Values(Vec<u32>),
    /// An error with this in it.
    Error(&'static str),
}

impl Expected {
    fn values(values: impl IntoIterator<Item = u32>) -> Self {
        Self::Values(values.into_iter().collect())
    }

    fn is(&self, outcome: &Outcome) -> bool {
        match (self, &outcome.end) {
            (Self::Values(values), End::Done) => *values == outcome.values,
            (Self::Error(text), End::Error(error)) => error.contains(text),
            _ => false,
        }
    }
}

impl Display for Expected {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values(values) => write_values(f, values),
            Self::Error(text) => write!(f, "error: {text}"),
        }
    }
}

/// A way to run a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Isolated,
    Fused,
    Alone,
}

/// What came of a program.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    values: Vec<u32>,
    end: End,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Done,
    Error(String),
    Hangs,
    Panics(String),
    HangsClosing,
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_values(f, &self.values)?;
        if !self.values.is_empty() && self.end != End::Done {
            f.write_str(", ")?;
        }
        match &self.end {
            End::Done => Ok(()),
            End::Error(text) => write!(f, "error: {}", text.replace('\n', ": ")),
            End::Hangs => f.write_str("hangs"),
            End::Panics(text) => write!(f, "panics: {text}"),
            End::HangsClosing => f.write_str("hangs closing"),
        }
    }
}

fn write_values(f: &mut Formatter<'_>, values: &[u32]) -> fmt::Result {
    let texts: Vec<_> = values.iter().map(u32::to_string).collect();
    f.write_str(&texts.join(" "))
}

/// What came of a program, by way, on each flavour of tokio's runtime.
type Outcomes = Vec<(Way, BTreeSet<Outcome>)>;

fn run_program(program: &Program) -> Outcomes {
    let ways = program.ways().iter();
    ways.map(|way| (*way, runtimes().into_iter().map(|it| run_once(program, *way, it)).collect()))
        .collect()
}

fn run_once(program: &Program, way: Way, runtime: tokio::runtime::Runtime) -> Outcome {
    let values = Mutex::new(Vec::new());
    let run = async {
        match way {
            Way::Isolated => run_composed(program, way, program.composer(), &values).await,
            Way::Fused => {
                let fused =
                    program.composer().fused(Linker::new(engine()), || Store::new(engine(), ()));
                let mut composer = Composer::new();
                if program.together.is_empty() {
                    composer.trap_on_idle();
                }
                composer.add(ComposableDescriptor::new("fused", fused));
                run_composed(program, way, composer, &values).await
            }
            Way::Alone => run_alone(program, &values).await,
        }
    };
    let end = panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on(run)));
    runtime.shutdown_background();
    let end = end.unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        End::Panics(text.unwrap_or("something").lines().next().unwrap_or_default().to_owned())
    });
    let values = values.into_inner().expect("it is not held over a call");
    Outcome { values, end }
}

async fn run_composed(
    program: &Program,
    way: Way,
    composer: Composer,
    values: &Mutex<Vec<u32>>,
) -> End {
    let limit = program.limit(way);
    let composition = match composer.compose().await {
        Ok(composition) => composition,
        Err(error) => return End::Error(chain(&error)),
    };
    let run = async {
        for call in &program.calls {
            let value = one_call(&composition, call).await?;
            values.lock().expect("it is not held over a call").push(value);
        }
        let calls = program.together.iter().map(|call| one_call(&composition, call));
        let together = try_join_all(calls).await?;
        values.lock().expect("it is not held over a call").extend(together);
        Ok::<_, CompositionError>(())
    };
    let end = match timeout(limit, run).await {
        Ok(Ok(())) => End::Done,
        Ok(Err(error)) => End::Error(chain(&error)),
        Err(_) => End::Hangs,
    };
    // A guest that goes on is cut off, which is an error.
    let closed = timeout(limit.max(LIMIT_OF_CLOSING), composition.close(Duration::ZERO)).await;
    match closed {
        Err(_) if end == End::Done => End::HangsClosing,
        _ => end,
    }
}

/// As [`Composition::close`] documents it, with room.
const LIMIT_OF_CLOSING: Duration = Duration::from_secs(5);

async fn one_call(composition: &Composition, name: &str) -> Result<u32, CompositionError> {
    composition.typed::<(), u32>(None, name)?.call(()).await
}

async fn run_alone(program: &Program, values: &Mutex<Vec<u32>>) -> End {
    let run = async {
        let fused = program.composer().fuse()?;
        let mut store = Store::new(engine(), ());
        let component = Component::new(engine(), fused)?;
        let instance = Linker::new(engine()).instantiate_async(&mut store, &component).await?;
        for call in &program.calls {
            let func = instance.get_typed_func::<(), (u32,)>(&mut store, call)?;
            let (value,) = func.call_async(&mut store, ()).await?;
            values.lock().expect("it is not held over a call").push(value);
        }
        let mut together = Vec::new();
        for call in &program.together {
            together.push(instance.get_typed_func::<(), (u32,)>(&mut store, call)?);
        }
        if !together.is_empty() {
            let calls = async |accessor: &Accessor<()>| {
                try_join_all(together.iter().map(|func| func.call_concurrent(accessor, ()))).await
            };
            let together = store.run_concurrent(calls).await??;
            let together = together.into_iter().map(|(value,)| value);
            values.lock().expect("it is not held over a call").extend(together);
        }
        Ok::<_, wasmtime::Error>(())
    };
    match timeout(program.limit(Way::Alone), run).await {
        Ok(Ok(())) => End::Done,
        Ok(Err(error)) => End::Error(format!("{error:#}")),
        Err(_) => End::Hangs,
    }
}

/// A program that gives something else than it has to.
struct Known {
    program: &'static str,
    ways: &'static [Way],
    /// What it gives, or a part of an error's text.
    gives: &'static str,
    why: &'static str,
}

impl Known {
    fn is(&self, outcome: &Outcome) -> bool {
        let text = outcome.to_string();
        match &outcome.end {
            End::Error(_) | End::Panics(_) => text.contains(self.gives),
            _ => text == self.gives,
        }
    }
}

/// Runs the programs, shows what comes of each, and compares.
fn check(programs: Vec<Program>) {
    let names: BTreeSet<_> = programs.iter().map(|it| &it.name).collect();
    assert_eq!(names.len(), programs.len(), "two programs have the same name");
    let outcomes: Vec<_> = programs.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let n = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(program) = programs.get(n)
                {
                    *outcomes[n].lock().expect("nothing panics here") = Some(run_program(program));
                }
            });
        }
    });
    let mut wrong = Vec::new();
    for (program, outcomes) in programs.iter().zip(outcomes) {
        let outcomes = outcomes.into_inner().ok().flatten().expect("it ran");
        println!("{}", program.name);
        for (way, outcomes) in &outcomes {
            let shown: Vec<_> = outcomes.iter().map(ToString::to_string).collect();
            let shown = shown.join(" | ");
            let expected = program.expected(*way);
            let conforms = outcomes.iter().all(|it| expected.is(it));
            let verdict = match program.known(*way) {
                None if conforms => "",
                None => "DIFFERS",
                Some(_) if conforms => "CONFORMS, is to be taken out of the list",
                Some(known) if outcomes.iter().all(|it| known.is(it)) => known.why,
                Some(_) => "GIVES SOMETHING ELSE than in the list",
            };
            let line = if verdict.is_empty() {
                format!("  {way:?}: {shown}")
            } else {
                format!("  {way:?}: {shown}, expected {expected}: {verdict}")
            };
            println!("{line}");
            if verdict == "DIFFERS" || verdict.ends_with("the list") {
                wrong.push(format!("{}\n{line}", program.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of these:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_known_is_the_name_of_a_program() {
    let groups: [fn() -> Vec<Program>; 9] = [
        backpressure::programs,
        calls::programs,
        cancel::programs,
        deadlock::programs,
        destructors::programs,
        host::programs,
        reentrance::programs,
        streams::programs,
        yields::programs,
    ];
    let programs: Vec<_> = groups.iter().flat_map(|group| group()).collect();
    let names: BTreeSet<_> = programs.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names.len(), programs.len(), "two programs have the same name");
    for known in KNOWN {
        assert!(names.contains(known.program), "{}", known.program);
    }
}
