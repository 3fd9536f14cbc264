//! An import has one hint.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory { import "sync" from disk; import "sync" from host };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
