//! With one other component there is only one to name.

use wasm_runtime_composer::{Composable, CompositionError, compose};

compose! {
    struct Storage;
    component disk;
    export "size" from disc;
}

async fn composed(disk: impl Composable) -> Result<(), CompositionError> {
    let storage = Storage::compose(disk).await?;
    drop(storage.exports());
    Ok(())
}

fn main() {}
