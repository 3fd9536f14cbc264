//! Shows a component that imports the interface it exports, so that it can be chained.

wit_bindgen::generate!({ path: "../wit", world: "polite" });

use composer::test::greeter;
use exports::composer::test::greeter::Guest;

struct Polite;
export!(Polite);

impl Guest for Polite {
    fn greet(name: String) -> String {
        greeter::greet(&format!("dear {name}")) + "!"
    }

    async fn greet_later(name: String) -> String {
        greeter::greet_later(format!("dear {name}")).await + "!"
    }
}
