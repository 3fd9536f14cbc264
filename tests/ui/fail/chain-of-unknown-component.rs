//! A chain names components of the block; the nearest one is proposed.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        chain "sync": memory -> dsk -> cloud -> host;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
