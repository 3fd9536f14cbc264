//! Where the block is an item, what functions share is an argument, with a type.

use std::sync::Arc;


use wasm_runtime_composer::compose;

compose! {
    struct Shop;
    component logger;
    component clock = host "acme:env/clock@1.0.0" with started, log: Arc<str> {
        fn now() -> u64 { started.elapsed().as_secs() }
    };
    component audit = host "acme:env/audit@1.0.0" with log: std::time::Instant, logger: u8 {
        fn now() -> u64 { log.elapsed().as_secs() }
    };
    export interface "acme:shop/parts" as parts {
        fn count() -> u32;
    }
}

fn main() {}
