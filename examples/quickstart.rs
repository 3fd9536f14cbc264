//! Two components that were compiled independently, wired while the program runs: sync and async
//! calls between them, and a resource whose handle Rust holds.
//!
//! Run with `cargo run --example quickstart`.

use std::time::Duration;

use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, CompositionError, ExportFilter,
};
use wasmtime::component::{Linker, Val};
use wasmtime::{Engine, Store};

/// The data of each component's store. It can be any type that is `Send`.
struct MyState;

fn component(wasm: &[u8]) -> ComposableComponent<MyState> {
    let engine = Engine::default();
    // What the host gives the component would be defined in its linker; these need nothing.
    let linker = Linker::new(&engine);
    ComposableComponent::new(wasm, linker, move || Store::new(&engine, MyState))
}

macro_rules! guest {
    ($name:literal) => {
        include_bytes!(concat!("../tests/guests/components/", $name, ".wasm"))
    };
}

#[tokio::main]
async fn main() -> Result<(), CompositionError> {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new(
        "producer",
        component(guest!("producer")).hiding(&["internal-debug"]),
    ));
    composer.add(ComposableDescriptor::new("other-producer", component(guest!("producer-b"))));
    composer.add(
        ComposableDescriptor::new("consumer", component(guest!("consumer")))
            // Both producers export these: a hint for each says which.
            .with_import_hint("add", "producer")
            .with_import_hint("composer:test/iproducer", "other-producer"),
    );
    composer.add(ComposableDescriptor::new("buckets", component(guest!("bucket-store"))));
    composer.with_export_hint("add", "other-producer");

    println!("{}", composer.plan()?);
    let composition = composer.compose().await?;

    // The consumer calls the first producer.
    let run_add = composition.get_func(None, "run-add")?;
    let mut results = [Val::S32(0)];
    run_add.call(&[], &mut results).await?;
    println!("run-add() = {:?}", results[0]);

    // A call from Rust goes where the export hint says.
    let add = composition.get_func(None, "add")?;
    add.call(&[Val::S32(1), Val::S32(2)], &mut results).await?;
    println!("add(1, 2) = {:?}", results[0]);

    // Async functions of one component run at the same time.
    let run_ping = composition.get_func(Some("composer:test/iconsumer"), "run-ping")?;
    let (mut first, mut second) = ([Val::S32(0)], [Val::S32(0)]);
    tokio::try_join!(run_ping.call(&[], &mut first), run_ping.call(&[], &mut second))?;
    println!("run-ping() = {:?} and {:?}", first[0], second[0]);

    // A resource stays where it is defined; Rust holds a handle.
    let method = |name| composition.get_func(Some("composer:test/buckets"), name);
    let mut bucket = [Val::Bool(false)];
    method("[constructor]bucket")?.call(&[Val::String("mine".into())], &mut bucket).await?;
    let [bucket] = bucket;
    method("[method]bucket.put")?.call(&[bucket.clone(), Val::String("a".into())], &mut []).await?;
    let mut size = [Val::U32(0)];
    method("[method]bucket.size")?.call(std::slice::from_ref(&bucket), &mut size).await?;
    println!("bucket.size() = {:?}, handles held: {}", size[0], composition.live_handles());
    composition.drop_handles(&bucket).await?;
    println!("dropped, handles held: {}", composition.live_handles());

    composition.close(Duration::from_secs(1)).await
}
