//! Records, tuples and enums have something inside.

use wasm_runtime_composer::ComponentValue;

#[derive(ComponentValue)]
struct Unit;

#[derive(ComponentValue)]
struct Record {}

#[derive(ComponentValue)]
struct Tuple();

#[derive(ComponentValue)]
enum Never {}

#[derive(ComponentValue)]
enum Case {
    Nothing(),
}

fn is_value<T: wasm_runtime_composer::typed::FromComponentValue>() {}

fn main() {
    is_value::<Unit>();
    is_value::<Record>();
    is_value::<Tuple>();
    is_value::<Never>();
    is_value::<Case>();
}
