//! Every component has a name of its own.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component r#disk = memory;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
