//! A component stands in a chain once.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        chain "sync": disk -> memory -> disk -> disk;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
