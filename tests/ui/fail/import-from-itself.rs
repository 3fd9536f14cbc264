//! A component never satisfies its own import.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk { import "sync" from disk };
        component memory = memory;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
