//! Shows calls that trap, at once or after yielding, and one that never ends.

wit_bindgen::generate!({ path: "../wit", world: "trapper" });

use composer::test::clock;
use exports::composer::test::itrapper::Guest;

struct Trapper;
export!(Trapper);

impl Guest for Trapper {
    fn boom(text: String) {
        panic!("{text}");
    }

    async fn boom_later() {
        wit_bindgen::yield_async().await;
        panic!("boom");
    }

    async fn wait() {
        clock::sleep(u64::MAX).await;
    }

    fn fine() -> u32 {
        1
    }

    fn divide(a: i32, b: i32) -> i32 {
        a / b
    }
}
