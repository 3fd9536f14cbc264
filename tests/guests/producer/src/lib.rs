//! Shows a component that exports functions both in an interface and outside of any.

wit_bindgen::generate!({ path: "../wit", world: "producer" });

mod iproducer;

const GREETING: &str = "hello";

struct Producer;
export!(Producer);

impl Guest for Producer {
    fn add(a: i32, b: i32) -> i32 {
        a.wrapping_add(b)
    }

    fn internal_debug() -> String {
        "debug".to_string()
    }
}
