//! What a composition has besides its accessors stays reachable.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    struct Storage;
    component disk;
    component memory;
    export fn close();
    export fn compose() -> u32;
    export fn get_func(name: &str) -> u32;
    export interface "acme:kv/plan" as plan {
        // Here it shadows nothing.
        fn close();
    }
}

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let storage = StorageParts { disk, memory }.compose().await?;
    drop(storage.exports());
    Ok(())
}

fn main() {}
