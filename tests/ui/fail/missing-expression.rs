//! In the expression form every component has an expression.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk;
        component memory = { hide "debug" };
        component cloud = ;
        component web { import "sync" from disk };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
