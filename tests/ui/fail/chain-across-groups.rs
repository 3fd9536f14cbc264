//! A chain names components of its own level, and its mistakes are told inside of a group too.

use wasm_runtime_composer::{Composable, CompositionError, compose};
use wasmtime::Store;
use wasmtime::component::Linker;

async fn composed(
    place: (Linker<()>, fn() -> Store<()>),
    disk: impl Composable,
    cache: impl Composable,
    memory: impl Composable,
) -> Result<(), CompositionError> {
    let composition = compose! {
        fused storage in place {
            component disk = disk { import "sync" from cache };
            component cache = cache;
            export "sync" from disk;
            chain "sync": disk -> cache -> memory;
            chain "sync": disk -> cache ->
        }
        component memory = memory;
        chain "sync": memory -> disk;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
