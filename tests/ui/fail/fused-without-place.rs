//! What is fused needs a linker and a constructor of stores, and braces.

use wasm_runtime_composer::{Composable, CompositionError, compose};
use wasmtime::Store;
use wasmtime::component::Linker;

async fn composed(
    place: (Linker<()>, fn() -> Store<()>),
    disk: impl Composable,
    memory: impl Composable,
) -> Result<(), CompositionError> {
    let composition = compose! {
        fused storage { component disk = disk };
        fused memory in { component one = memory };
        fused other in place;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
