//! There is something to compose, not only something to call.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        export fn size() -> u64;
    }
    .await?;
    let _: u64 = composition.size().await?;
    Ok(())
}

fn main() {}
