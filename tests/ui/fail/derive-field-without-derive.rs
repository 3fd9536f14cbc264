//! What is inside a component value is one too; what is not is pointed at.

use wasm_runtime_composer::ComponentValue;

#[derive(ComponentValue)]
struct Event {
    name: String,
    at: std::time::Instant,
}

fn is_value<T: wasm_runtime_composer::typed::FromComponentValue>() {}

fn main() {
    is_value::<Event>();
}
