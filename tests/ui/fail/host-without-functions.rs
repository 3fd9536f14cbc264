//! An interface has functions.

use wasm_runtime_composer::{CompositionError, compose};

async fn composed() -> Result<(), CompositionError> {
    let composition = compose! {
        component clock = host "acme:env/clock@1.0.0" {};
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
