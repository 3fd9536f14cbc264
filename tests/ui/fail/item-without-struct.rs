//! A block of components without a value, and without a struct.

use wasm_runtime_composer::compose;

compose! {
    component producer;
    component consumer { import "add" from producer };
    export fn run_add() -> i32;
}

fn main() {}
