//! Hints name components of the block; the nearest one is proposed.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory { import "sync" from dsk; import "log" from cloud };
        export "size" from memry;
        export "time" from host;
        export fn size() -> u64;
    }
    .await?;
    let _: u64 = composition.size().await?;
    Ok(())
}

fn main() {}
