//! Behind the interface of a chain stands a colon.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        chain "sync" disk -> memry;
        chain "size" = disk;
        chain "put";
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
