//! The program of the README: two components, one of which calls the other, and Rust, which calls that one.
//!
//! Run with `cargo run --example greeting`.

use std::path::Path;
use std::time::Duration;

use wasm_runtime_composer::{ComposableComponent, CompositionError, compose};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};

/// The data of a component's store: any type that is `Send`.
struct MyState;

fn component(engine: &Engine, name: &str) -> ComposableComponent<MyState> {
    let file = Path::new("tests/guests/components").join(name).with_extension("wasm");
    // WASI and host functions would be defined here.
    let linker = Linker::new(engine);
    let engine = engine.clone();
    ComposableComponent::new(file, linker, move || Store::new(&engine, MyState))
}

#[tokio::main]
async fn main() -> Result<(), CompositionError> {
    let engine = Engine::default();
    let composition = compose! {
        wit "../tests/guests/wit/greeter.wit";               // beside the crate's Cargo.toml
        component greeter = component(&engine, "greeter");
        component polite = component(&engine, "polite");     // imports what `greeter` exports

        // Both export it; Rust calls that of `polite`.
        export "composer:test/greeter" from polite;
        export interface "composer:test/greeter" as greeter;
    }
    .await?;

    println!("{}", composition.plan());
    println!("{}", composition.greeter().greet("Ann").await?);
    composition.close(Duration::from_secs(1)).await
}
