//! One of two components that import from each other; `right` is the other one.

wit_bindgen::generate!({ path: "../wit", world: "left" });

use composer::test::{clock, iright};
use exports::composer::test::ileft::Guest;

struct Left;
export!(Left);

impl Guest for Left {
    fn down(n: u32) -> u32 {
        match n {
            0 => 0,
            _ => iright::down(n - 1) + 1,
        }
    }

    async fn down_later(n: u32) -> u32 {
        match n {
            0 => 0,
            _ => iright::down_later(n - 1).await + 1,
        }
    }

    fn block_down(ms: u64, n: u32) -> u32 {
        clock::block(ms);
        iright::down(n)
    }

    fn try_down(n: u32) -> Result<u32, String> {
        match n {
            0 => Ok(0),
            _ => Ok(iright::try_down(n - 1)? + 1),
        }
    }
}
