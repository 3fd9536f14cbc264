//! Fails when it is asked to.

wit_bindgen::generate!({ path: "../wit", world: "fragile" });

use composer::test::clock;
use exports::composer::test::ifragile::{Cause, Fault, Guest};

struct Fragile;
export!(Fragile);

/// A time that passes only when the host lets it.
const GATED: u64 = u64::MAX;

/// Whether the function returns a value or an error, if it returns.
fn answer(how: u32) -> Result<u32, ()> {
    match how {
        0 => Ok(7),
        1 => Err(()),
        2 => panic!("asked to"),
        _ => {
            clock::block(GATED);
            Ok(7)
        }
    }
}

impl Guest for Fragile {
    fn text(how: u32) -> Result<u32, String> {
        answer(how).map_err(|()| "refused".to_owned())
    }

    fn by_fault(how: u32) -> Result<u32, Fault> {
        answer(how).map_err(|()| Fault::Refused)
    }

    fn by_cause(how: u32) -> Result<u32, Cause> {
        answer(how).map_err(|()| Cause::Refused)
    }

    async fn text_later(how: u32) -> Result<u32, String> {
        wit_bindgen::yield_async().await;
        match how {
            3 => {
                clock::sleep(GATED).await;
                Ok(7)
            }
            _ => answer(how).map_err(|()| "refused".to_owned()),
        }
    }

    fn plain(how: u32) -> u32 {
        answer(how).unwrap_or_default()
    }
}
