//! A chain has a component at least.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        chain "sync":;
        chain "size": dsk;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
