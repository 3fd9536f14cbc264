//! What is no layer is shown.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component memory = memory { layer 7 };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
