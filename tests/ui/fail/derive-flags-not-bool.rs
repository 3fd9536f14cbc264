//! Flags are named fields of type `bool`.

use wasm_runtime_composer::ComponentValue;

#[derive(ComponentValue)]
#[component(flags)]
struct Permissions {
    read: bool,
    write: u8,
}

#[derive(ComponentValue)]
#[component(flags)]
struct Unnamed(bool, bool);

fn is_value<T: wasm_runtime_composer::typed::FromComponentValue>() {}

fn main() {
    is_value::<Permissions>();
    is_value::<Unnamed>();
}
