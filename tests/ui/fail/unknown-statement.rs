//! A block has statements that are known.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        compnent disk = disk;
        component memory = memory;
        pub export fn size() -> u64;
        export fun time() -> u64;
        "size" from memory;
    }
    .await?;
    drop(composition.size().await?);
    Ok(())
}

fn main() {}
