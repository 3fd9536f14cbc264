//! Shows a second provider of the same interface, told apart by its answers.

wit_bindgen::generate!({ path: "../wit", world: "producer-b" });

#[path = "../../producer/src/iproducer.rs"]
mod iproducer;

const GREETING: &str = "good day";

struct Producer;
export!(Producer);

impl Guest for Producer {
    fn add(a: i32, b: i32) -> i32 {
        a.wrapping_add(b).wrapping_add(1000)
    }
}
