//! Names in the component model are in kebab case.

use wasm_runtime_composer::ComponentValue;

#[derive(ComponentValue)]
struct Person {
    _name: String,
    #[component(name = "ageInYears")]
    age: u32,
}

#[derive(ComponentValue)]
enum Größe {
    Groß,
    Klein,
}

fn is_value<T: wasm_runtime_composer::typed::FromComponentValue>() {}

fn main() {
    is_value::<Person>();
    is_value::<Größe>();
}
