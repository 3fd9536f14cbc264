//! Identifiers give names in kebab case, and strings are such names or those of interfaces.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    pub struct Storage;
    component Disk;
    component memory_ { import "logTo" from host; hide "size_of", "acme:kv" };
    export "acme:kv/store@1" from memory_;
    export fn sizeOf() -> u64;
    export fn size() -> u64 = "size of";
    export fn put(value: &str) = "[setter]bucket.put";
    export interface "acme/kv" as kv {
        fn _get() -> u64;
    }
}

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let storage = StorageParts { Disk: disk, memory_: memory }.compose().await?;
    let _ = storage.sizeOf().await?;
    let _ = storage.kv()._get().await?;
    Ok(())
}

fn main() {}
