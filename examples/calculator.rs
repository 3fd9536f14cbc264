//! `compose!` as an expression: components, hints and filters in Rust syntax, and methods with Rust
//! types for what they export.
//!
//! Run with `cargo run --example calculator`.

use wasm_runtime_composer::{ComponentValue, ComposableComponent, CompositionError, compose};
use wasmtime::Engine;

macro_rules! guest {
    ($name:literal) => {
        component(include_bytes!(concat!("../tests/guests/components/", $name, ".wasm")))
    };
}

fn component(wasm: &[u8]) -> ComposableComponent<()> {
    let engine = Engine::default();
    ComposableComponent::with_engine(&engine, wasm)
}

/// The record `person` of the interface `iproducer`.
#[derive(Clone, Debug, ComponentValue)]
struct Person {
    name: String,
    age: u32,
    tags: Vec<String>,
}

/// Its variant `failure`.
#[derive(Debug, ComponentValue)]
enum Failure {
    Empty,
    NotFound(u32),
    Denied(String),
}

#[tokio::main]
async fn main() -> Result<(), CompositionError> {
    let composition = compose! {
        component producer_a = guest!("producer") { hide "internal-debug" };
        component producer_b = guest!("producer-b");
        component consumer = guest!("consumer") {
            import "add" from producer_a;
            import "composer:test/iproducer" from producer_b;
        };

        export "add" from producer_b;
        export "composer:test/iproducer" from producer_a;
        export fn run_add() -> i32;
        export fn sum(a: i32, b: i32) -> i32 = "add";
        export interface "composer:test/iproducer" as iproducer {
            fn birthday(person: Person) -> Person;
            fn lookup(id: u32) -> Result<Person, Failure>;
            fn reverse(bytes: &[u8]) -> Vec<u8>;
            async fn ping() -> i32;
        }
    }
    .await?;

    println!("run_add() = {}", composition.run_add().await?);
    println!("sum(1, 2) = {}", composition.sum(1, 2).await?);

    let iproducer = composition.iproducer();
    let ann = Person { name: "Ann".into(), age: 41, tags: Vec::new() };
    println!("birthday(..) = {:?}", iproducer.birthday(ann).await?);
    for id in 0..4 {
        // The outer result is the call's, the inner one is the component's.
        match iproducer.lookup(id).await? {
            Ok(person) => println!("lookup({id}) found {}, {}", person.name, person.age),
            Err(Failure::Empty) => println!("lookup({id}): there is nobody"),
            Err(Failure::NotFound(id)) => println!("lookup({id}): there is no {id}"),
            Err(Failure::Denied(why)) => println!("lookup({id}): denied, {why}"),
        }
    }
    println!("reverse([1, 2, 3]) = {:?}", iproducer.reverse(&[1, 2, 3]).await?);
    println!("ping() = {}", iproducer.ping().await?);

    // What has no accessor is called dynamically: the composition is there underneath.
    for export in composition.exports() {
        println!("exports {}", export.name);
    }
    Ok(())
}
