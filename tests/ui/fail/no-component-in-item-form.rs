//! There is something to compose, not only something to call.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    struct Storage;
    export fn size() -> u64;
}

async fn composed(_: impl Composable) -> Result<(), CompositionError> {
    let storage = Storage::compose().await?;
    let _: u64 = storage.size().await?;
    Ok(())
}

fn main() {}
