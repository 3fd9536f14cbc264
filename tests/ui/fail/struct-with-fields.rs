//! The struct's fields are not the user's.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    struct Storage { name: String }
    component disk;
    component memory;
}

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let storage = StorageParts { disk, memory }.compose().await?;
    drop(storage.exports());
    Ok(())
}

fn main() {}
