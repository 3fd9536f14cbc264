//! A chain is of an interface, as components have its name.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        chain "Sync": disk -> memory;
        chain sync: disk -> memory;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
