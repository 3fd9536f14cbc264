//! In the item form components are arguments.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    struct Storage;
    component disk = open("disk");
    component memory = memory { hide "debug" };
}

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let storage = StorageParts { disk, memory }.compose().await?;
    drop(storage.exports());
    Ok(())
}

fn main() {}
