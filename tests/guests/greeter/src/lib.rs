//! Shows the end of a chain of greeters.

wit_bindgen::generate!({ path: "../wit", world: "plain-greeter" });

use exports::composer::test::greeter::Guest;

struct Greeter;
export!(Greeter);

impl Guest for Greeter {
    fn greet(name: String) -> String {
        format!("hello, {name}")
    }

    async fn greet_later(name: String) -> String {
        wit_bindgen::yield_async().await;
        format!("hello, {name}")
    }
}
