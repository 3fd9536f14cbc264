//! An accessor is only declared.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        export fn size() -> u64 { 7 }
    }
    .await?;
    let _: u64 = composition.size().await?;
    Ok(())
}

fn main() {}
