//! A setting is made once, with a value of its type.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk { inbox_capacity 1; restart 7; inbox_capacity 2 };
        component memory = memory { deadline };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
