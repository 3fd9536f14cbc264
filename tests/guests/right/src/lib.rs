//! One of two components that import from each other; `left` is the other one.

wit_bindgen::generate!({ path: "../wit", world: "right" });

use composer::test::{clock, ileft};
use exports::composer::test::iright::Guest;

struct Right;
export!(Right);

impl Guest for Right {
    fn down(n: u32) -> u32 {
        match n {
            0 => 0,
            _ => ileft::down(n - 1) + 1,
        }
    }

    async fn down_later(n: u32) -> u32 {
        match n {
            0 => 0,
            _ => ileft::down_later(n - 1).await + 1,
        }
    }

    fn block_down(ms: u64, n: u32) -> u32 {
        clock::block(ms);
        ileft::down(n)
    }

    fn try_down(n: u32) -> Result<u32, String> {
        match n {
            0 => Ok(0),
            _ => Ok(ileft::try_down(n - 1)? + 1),
        }
    }
}
