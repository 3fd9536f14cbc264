//! Fields and variants have names of their own.

use wasm_runtime_composer::ComponentValue;

#[derive(ComponentValue)]
struct Person {
    name: String,
    #[component(name = "name")]
    surname: String,
}

#[derive(ComponentValue)]
enum Color {
    LightRed,
    #[component(name = "light-red")]
    Pink,
}

fn is_value<T: wasm_runtime_composer::typed::FromComponentValue>() {}

fn main() {
    is_value::<Person>();
    is_value::<Color>();
}
