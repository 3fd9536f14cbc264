//! A hint names a component of its own level.

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
            component disk = disk { import "log" from memory; import "key" from dsk };
            export "put" from memory;
        }
        component memory = memory { import "put" from disk };
        export "put" from disk;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
