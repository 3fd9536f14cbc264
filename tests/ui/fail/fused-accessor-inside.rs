//! Accessors are of the composition; what is fused holds components, hints and clauses.

use wasm_runtime_composer::{Composable, CompositionError, compose};
use wasmtime::Store;
use wasmtime::component::Linker;

async fn composed(
    place: (Linker<()>, fn() -> Store<()>),
    disk: impl Composable,
    memory: impl Composable,
) -> Result<(), CompositionError> {
    let composition = compose! {
        fused storage in place {
            component disk = disk;
            export fn put(n: u32);
            component memory = memory;
            allow cycles;
            hides "put";
        }
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
