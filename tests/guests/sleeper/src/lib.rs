//! Shows calls that take time, awaiting or blocking in an import of the host.

wit_bindgen::generate!({ path: "../wit", world: "sleeper" });

use composer::test::clock;
use exports::composer::test::isleeper::Guest;

struct Sleeper;
export!(Sleeper);

impl Guest for Sleeper {
    async fn nap(ms: u64) -> u64 {
        let start = clock::now();
        clock::sleep(ms).await;
        clock::now() - start
    }

    fn doze(ms: u64) -> u64 {
        let start = clock::now();
        clock::block(ms);
        clock::now() - start
    }

    fn nothing() -> u32 {
        7
    }
}
