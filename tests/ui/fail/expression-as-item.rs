//! A block with values stands where an expression does.

use wasm_runtime_composer::{ComposableComponent, compose};

compose! {
    component producer = producer();
    export fn add(a: i32, b: i32) -> i32;
}

fn producer() -> ComposableComponent<()> {
    unimplemented!()
}

fn main() {}
