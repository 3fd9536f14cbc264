//! What is fused are components, and there is one at least.

use wasm_runtime_composer::{Composable, CompositionError, compose};
use wasmtime::Store;
use wasmtime::component::Linker;

async fn composed(
    place: (Linker<()>, fn() -> Store<()>),
    disk: impl Composable,
    memory: impl Composable,
) -> Result<(), CompositionError> {
    let composition = compose! {
        fused storage in place { hide "a" }
        component disk = disk;
        component memory = memory;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
