//! Only what is declared for Rust takes attributes.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    /// Documented.
    struct Storage;
    /// Not documented.
    component disk;
    component memory;
    #[cfg(unix)]
    export "size" from disk;
}

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let storage = StorageParts { disk, memory }.compose().await?;
    drop(storage.exports());
    Ok(())
}

fn main() {}
