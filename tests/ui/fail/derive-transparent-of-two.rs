//! What is transparent has one field.

use wasm_runtime_composer::ComponentValue;

#[derive(ComponentValue)]
#[component(transparent)]
struct Meters(f64, f64);

fn is_value<T: wasm_runtime_composer::typed::FromComponentValue>() {}

fn main() {
    is_value::<Meters>();
}
