//! Parameters have types.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        export fn put(key, value);
        export fn add(a: i32, b: i32) = add;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
