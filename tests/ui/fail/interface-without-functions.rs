//! An interface is declared for its functions.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        export interface "acme:kv/store" as store {}
    }
    .await?;
    drop(composition.store());
    Ok(())
}

fn main() {}
