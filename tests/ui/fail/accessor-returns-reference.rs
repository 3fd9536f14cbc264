//! What an accessor returns is owned.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        export fn name() -> &str;
        export fn names() -> Vec<&'static str>;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
