//! Attributes are known, stand once and where they belong.

use wasm_runtime_composer::ComponentValue;

#[derive(ComponentValue)]
#[component(rename_all = "kebab-case")]
struct Person {
    #[component(rename = "first-name")]
    first: String,
    #[component(name = "last-name", name = "surname")]
    last: String,
    #[component(name)]
    age: u32,
}

#[derive(ComponentValue)]
#[component(flags)]
#[component(transparent)]
enum Color {
    Red,
}

#[derive(ComponentValue)]
struct Pair(#[component(name = "left")] u32, u32);

#[derive(ComponentValue)]
enum Failure {
    Denied(#[component(name = "reason")] String),
}

fn is_value<T: wasm_runtime_composer::typed::FromComponentValue>() {}

fn main() {
    is_value::<Person>();
    is_value::<Color>();
    is_value::<Pair>();
    is_value::<Failure>();
}
