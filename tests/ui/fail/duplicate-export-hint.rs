//! An export has one hint.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        export "size" from disk;
        export "size" from memory;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
