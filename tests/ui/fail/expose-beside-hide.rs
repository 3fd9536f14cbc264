//! A component exposes some exports or hides some.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk { expose "size"; hide "debug" };
        component memory = memory { hide "debug"; import "sync" from disk; expose "size" };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
