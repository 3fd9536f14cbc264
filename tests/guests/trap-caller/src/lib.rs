//! Shows what a trap of the provider does to its consumer.

wit_bindgen::generate!({ path: "../wit", world: "trap-caller" });

use composer::test::itrapper;
use exports::composer::test::itrap_caller::Guest;

struct TrapCaller;
export!(TrapCaller);

impl Guest for TrapCaller {
    fn call_boom(text: String) {
        itrapper::boom(&text);
    }

    async fn call_boom_later() {
        itrapper::boom_later().await;
    }

    fn call_fine() -> u32 {
        itrapper::fine()
    }
}
