//! A variant carries one value.

use wasm_runtime_composer::ComponentValue;

#[derive(ComponentValue)]
enum Failure {
    NotFound { id: u32, name: String },
    Denied(String),
}

fn is_value<T: wasm_runtime_composer::typed::FromComponentValue>() {}

fn main() {
    is_value::<Failure>();
}
