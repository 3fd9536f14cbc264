//! The types of an accessor are component values.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    struct Storage;
    component disk;
    component memory;
    export fn entry(key: &str) -> std::time::Instant;
    export fn put(entry: std::time::Instant);
}

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let storage = StorageParts { disk, memory }.compose().await?;
    drop(storage.exports());
    Ok(())
}

fn main() {}
