//! A chain says whose export is public, so no hint does.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        chain "sync": disk -> memory;
        export "sync" from memory;
        export "size" from memory;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
