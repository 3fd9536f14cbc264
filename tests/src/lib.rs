//! What the tests of `wasm-runtime-composer` share: an engine, the guests, compositions in both
//! placements, and a runtime with a time limit.

#![forbid(unsafe_code)]

mod placement;

use std::collections::HashMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use wasm_runtime_composer::{
    ComponentSource, ComposableComponent, ComposableDescriptor, Composer, Composition,
    CompositionError,
};
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Config, Engine, OptLevel, RegallocAlgorithm, Store};

pub use placement::{Fixture, Placement, compose, compose_with, placement, run_placed};

/// Beyond this a test hangs. Timings decide nothing else.
const LIMIT: Duration = Duration::from_secs(60);

/// With this variable in the environment, no call runs in place.
const BY_INBOX: &str = "COMPOSER_BY_INBOX";

/// An engine with every type of the component model that the library carries, and all that guests can do
/// with streams.
pub fn config() -> Config {
    let mut config = Config::new();
    // Most of the time of the tests is that of the compiler, and their guests do little. Benchmarks are optimized.
    if cfg!(debug_assertions) {
        config.cranelift_opt_level(OptLevel::None);
        config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    }
    config.wasm_component_model_map(true);
    config.wasm_component_model_fixed_length_lists(true);
    config.wasm_component_model_async_stackful(true);
    config.wasm_component_model_more_async_builtins(true);
    config
}

/// The engine that most tests use.
pub fn engine() -> &'static Engine {
    static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
        if std::env::var_os(BY_INBOX).is_some() {
            wasm_runtime_composer::__private::never_call_in_place();
        }
        Engine::new(&config()).expect("the configuration is valid")
    });
    &ENGINE
}

/// The folder of this package.
pub fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The file of one of the committed guests.
pub fn guest_file(name: &str) -> PathBuf {
    folder().join("guests/components").join(name).with_extension("wasm")
}

/// One of the committed guests, compiled once for all tests.
pub fn guest(name: &str) -> Component {
    static COMPILED: Mutex<Option<HashMap<String, Component>>> = Mutex::new(None);
    let mut compiled = COMPILED.lock().expect("compiling does not panic");
    let compile = || Component::from_file(engine(), guest_file(name)).expect("a guest compiles");
    compiled.get_or_insert_default().entry(name.to_owned()).or_insert_with(compile).clone()
}

/// A guest that needs nothing of the host.
pub fn component(name: &str) -> ComposableComponent<()> {
    with_linker(placement::source(name), Linker::new(engine()))
}

/// A component in the text format that needs nothing of the host.
pub fn text(wat: impl AsRef<str>) -> ComposableComponent<()> {
    Fixture::new(wat.as_ref()).component(Linker::new(engine()))
}

/// A component with what the host defines in `linker`.
pub fn with_linker(
    component: impl Into<ComponentSource>,
    linker: Linker<()>,
) -> ComposableComponent<()> {
    ComposableComponent::new(component, linker, || Store::new(engine(), ()))
}

/// A composer with guests under their own names.
pub fn composer(guests: &[&str]) -> Composer {
    let mut composer = Composer::new();
    for name in guests {
        composer.add(ComposableDescriptor::new(*name, component(name)));
    }
    composer
}

/// Calls a function that returns something.
pub async fn call(
    composition: &Composition,
    interface: impl Into<Option<&str>>,
    function: &str,
    params: &[Val],
) -> Result<Val, CompositionError> {
    let mut results = [Val::Bool(false)];
    composition.get_func(interface.into(), function)?.call(params, &mut results).await?;
    let [result] = results;
    Ok(result)
}

/// Calls a function that returns nothing.
pub async fn call_unit(
    composition: &Composition,
    interface: impl Into<Option<&str>>,
    function: &str,
    params: &[Val],
) -> Result<(), CompositionError> {
    composition.get_func(interface.into(), function)?.call(params, &mut []).await
}

/// A string as a component value.
pub fn string(text: &str) -> Val {
    Val::String(text.to_owned())
}

/// An error and its causes, outermost first, a line each.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push('\n');
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// A runtime with one thread, and one with two.
pub fn runtimes() -> [Runtime; 2] {
    let single = Builder::new_current_thread().enable_all().build();
    let multi = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    [single, multi].map(|runtime| runtime.expect("the system has threads"))
}

/// Runs `test` on both flavours of tokio's runtime.
///
/// # Panics
///
/// If the test does, or if it hangs.
pub fn run<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for runtime in runtimes() {
        runtime.block_on(limited(test()));
    }
}

/// Runs `test` as [`run`] does, for what would block its thread if it hung.
///
/// # Panics
///
/// If the test does, or if it hangs.
pub fn run_unblocked<F: Future<Output = ()>>(test: impl Fn() -> F + Send + 'static) {
    let (ended, ends) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        run(test);
        // It is waited for, unless it takes too long.
        let _ = ended.send(());
    });
    // It has a limit of its own for each of the runtimes.
    ends.recv_timeout(LIMIT * 3).expect("the test panicked, or its thread hangs");
}

/// Waits for `future`, which must not hang.
///
/// # Panics
///
/// If it hangs.
pub async fn limited<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(LIMIT, future).await.expect("this hangs")
}

/// A host's `composer:test/clock` that tests can read and stop.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    log: Arc<Mutex<Vec<String>>>,
    gate: Arc<Notify>,
}

/// A time that passes only when [`Clock::open`] is called.
pub const GATED: u64 = u64::MAX;

impl Clock {
    /// One of the guests that use the clock.
    pub fn component(&self, name: &str) -> ComposableComponent<()> {
        with_linker(placement::source(name), self.linker())
    }

    /// A linker with the clock in it.
    pub fn linker(&self) -> Linker<()> {
        let mut linker = Linker::new(engine());
        let mut clock = linker.instance("composer:test/clock").expect("the linker is empty");
        let this = self.clone();
        clock
            .func_wrap_concurrent("sleep", move |_, (ms,): (u64,)| {
                let this = this.clone();
                Box::pin(async move {
                    this.pass("sleep", ms).await;
                    Ok(())
                })
            })
            .expect("the name is free");
        let this = self.clone();
        clock
            .func_wrap_async("block", move |_, (ms,): (u64,)| {
                let this = this.clone();
                Box::new(async move {
                    this.pass("block", ms).await;
                    Ok(())
                })
            })
            .expect("the name is free");
        clock.func_wrap("now", |_, (): ()| Ok((0_u64,))).expect("the name is free");
        linker
    }

    async fn pass(&self, what: &str, ms: u64) {
        self.note(format!("{what} {ms}"));
        if ms == GATED {
            self.gate.notified().await;
        } else {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        self.note(format!("{what} {ms} over"));
    }

    /// Adds a line to the log.
    pub fn note(&self, line: impl Into<String>) {
        self.log.lock().expect("no test panics here").push(line.into());
    }

    /// Lets one gated time pass.
    pub fn open(&self) {
        self.gate.notify_one();
    }

    /// What happened so far.
    pub fn log(&self) -> Vec<String> {
        self.log.lock().expect("no test panics here").clone()
    }

    /// Waits until `line` is in the log.
    pub async fn logged(&self, line: &str) {
        limited(async {
            while !self.log().iter().any(|logged| logged == line) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

/// How many bytes of memory this process has written to and not given back; `None` where the system
/// does not tell.
pub fn memory_in_use() -> Option<usize> {
    // Counted page by page when it is read; the totals in `statm` are off by some pages for each
    // processor.
    let text = std::fs::read_to_string("/proc/self/smaps_rollup").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Anonymous:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? << 10)
}

/// Waits until `condition` holds, which must come to pass.
pub async fn until(mut condition: impl FnMut() -> bool) {
    limited(async {
        while !condition() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
