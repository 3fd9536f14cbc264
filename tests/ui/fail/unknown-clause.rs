//! A component has clauses that are known.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk { export "size" };
        component memory = memory { restrat never; hide "debug"; 7 };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
