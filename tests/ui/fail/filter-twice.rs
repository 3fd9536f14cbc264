//! Names to expose or hide are listed once, in one clause.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk { hide "size"; hide "debug" };
        component memory = memory { expose "size", "sync", "size" };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
