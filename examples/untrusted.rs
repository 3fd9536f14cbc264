//! A guest that is not trusted: it spins, eats memory, traps and takes its time, and the host goes
//! on. Interruption by epoch, a run limit, deadlines, memory limits and restarts, all at once.
//!
//! Run with `cargo run --example untrusted`.

use std::error::Error;
use std::time::Duration;

use wasm_runtime_composer::snapshot::Change;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    EpochTicker, RestartPolicy,
};
use wasmtime::component::Linker;
use wasmtime::{Config, Engine, Store, StoreLimits, StoreLimitsBuilder};

/// What somebody uploaded.
const UPLOADED: &str = r#"(component
    (core module $m
        (memory 1)
        (func (export "greedy") (result i32) (memory.grow (i32.const 60000)))
        (func (export "endless") (loop (br 0)))
        (func (export "broken") unreachable)
        (func (export "fine") (result i32) i32.const 42))
    (core instance $i (instantiate $m))
    (func (export "greedy") (result s32) (canon lift (core func $i "greedy")))
    (func (export "endless") (canon lift (core func $i "endless")))
    (func (export "broken") (canon lift (core func $i "broken")))
    (func (export "fine") (result s32) (canon lift (core func $i "fine"))))"#;

const TICK: Duration = Duration::from_millis(10);

/// Guests of this engine can be interrupted.
fn engine() -> Result<Engine, wasmtime::Error> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    Engine::new(&config)
}

fn upload(engine: &Engine) -> ComposableDescriptor {
    let linker: Linker<StoreLimits> = Linker::new(engine);
    let engine = engine.clone();
    let component = ComposableComponent::new(UPLOADED, linker, move || {
        // The store's own limits: here, 16 MiB of memory.
        let limits = StoreLimitsBuilder::new().memory_size(16 << 20).build();
        let mut store = Store::new(&engine, limits);
        store.limiter(|limits| limits);
        // No single value that the guest passes is larger.
        store.set_hostcall_fuel(4 << 20);
        // At each tick the guest gives way to other tasks.
        EpochTicker::yielding(store)
    });
    ComposableDescriptor::new("uploaded", component)
        // No other component gets what it exports, whatever that is called.
        .untrusted()
        // It has started within this time, or has failed.
        .with_start_deadline(Duration::from_secs(2))
        // Nobody waits longer than this for an answer.
        .with_deadline(Duration::from_secs(2))
        // What it goes on with when nobody waits is ended.
        .with_grace(Duration::from_secs(1))
        // A guest that computes for half a second in a row is ended.
        .with_run_limit(50)
        // It may fall three times a minute.
        .with_restart(RestartPolicy::restart(3, TICK).within(Duration::from_secs(60)))
        // So many of its own calls may wait, with so much in them.
        .with_calls_in_flight(100)
        .with_bytes_in_flight(16 << 20)
        // Beyond this callers wait outside.
        .with_inbox_capacity(16)
}

async fn show(composition: &Composition, function: &str) -> Result<(), CompositionError> {
    let answer = match function {
        "endless" | "broken" => {
            composition.typed::<(), ()>(None, function)?.call(()).await.map(|()| None)
        }
        _ => composition.typed::<(), i32>(None, function)?.call(()).await.map(Some),
    };
    match answer {
        Ok(value) => println!("{function}: {value:?}"),
        Err(error) => {
            println!("{function}: {error}");
            let mut source = error.source();
            while let Some(cause) = source {
                println!("    because {cause}");
                source = cause.source();
            }
        }
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let engine = engine()?;
    let _ticker = EpochTicker::start(&engine, TICK)?;
    let mut composer = Composer::new();
    composer.add(upload(&engine));
    let composition = composer.compose().await?;

    let mut events = composition.events();
    let watch = tokio::spawn(async move {
        while let Some(event) = events.next().await {
            match event.change {
                Change::Restarting { after, .. } => {
                    println!("    ({} starts again in {after:?})", event.component);
                }
                Change::Restarted => println!("    ({} runs again)", event.component),
                other => println!("    ({}: {other:?})", event.component),
            }
        }
    });
    // More memory than it may have: the guest is told that there is none.
    for function in ["fine", "greedy", "broken", "fine", "endless", "fine"] {
        show(&composition, function).await?;
    }
    composition.close(Duration::from_secs(1)).await?;
    drop(composition);
    watch.await?;
    Ok(())
}
