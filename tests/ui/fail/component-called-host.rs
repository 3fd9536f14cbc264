//! `host` means a component's own linker.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component host = disk;
        component memory = memory { import "sync" from host };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
