//! What is wrong in a function is shown there.

use wasm_runtime_composer::{CompositionError, compose};

struct Secret;

async fn composed() -> Result<(), CompositionError> {
    let composition = compose! {
        component clock = host "acme:env/clock@1.0.0" {
            fn now() -> u64 { "noon" }
            fn secret() -> Secret { Secret }
        };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
