//! There is something to compose.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {

    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
