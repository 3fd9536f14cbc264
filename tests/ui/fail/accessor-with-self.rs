//! An accessor lists the parameters of the export.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    struct Storage;
    component disk;
    component memory;
    export fn put(&self, value: &str);
    export interface "acme:kv/store" as store {
        fn get(self) -> String;
    }
}

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let storage = StorageParts { disk, memory }.compose().await?;
    storage.put("a").await?;
    let _ = storage.store().get().await?;
    Ok(())
}

fn main() {}
