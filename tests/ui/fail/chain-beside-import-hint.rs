//! A chain says from where a component imports, if another one follows it, so no hint does.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk { import "sync" from host; import "size" from memory };
        component memory = memory { import "put" as "sync" from disk; import "size" from host };
        chain "sync": disk -> memory;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
