//! A setting has a value of the type that the descriptor takes.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk { inbox_capacity 1; restart 7 };
        component memory = memory { deadline 10 + 20 };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
