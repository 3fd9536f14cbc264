//! A union is no component value.

use wasm_runtime_composer::ComponentValue;

#[derive(ComponentValue)]
union Number {
    small: u8,
    large: u64,
}

fn is_value<T: wasm_runtime_composer::typed::FromComponentValue>() {}

fn main() {
    is_value::<Number>();
}
