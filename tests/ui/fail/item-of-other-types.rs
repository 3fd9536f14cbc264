//! What is given to `compose` is of the type that was said.

use std::time::Instant;

use wasm_runtime_composer::{CompositionError, compose};

compose! {
    struct Shop;
    component clock = host "acme:env/clock@1.0.0" with started: Instant {
        fn now() -> u64 { started.elapsed().as_secs() }
    };
}

async fn composed() -> Result<Shop, CompositionError> {
    ShopParts { started: 7 }.compose().await
}

fn main() {}
