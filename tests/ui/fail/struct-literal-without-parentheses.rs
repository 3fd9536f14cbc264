//! Braces after an expression hold clauses.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = Disk { path: "/" };
        component memory = memory;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
