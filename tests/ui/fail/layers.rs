//! Layers stand where there are calls between stores.

use wasm_runtime_composer::layer::DenyLayer;
use wasm_runtime_composer::{Composable, CompositionError, compose};
use wasmtime::Store;
use wasmtime::component::Linker;

async fn composed(
    place: (Linker<()>, fn() -> Store<()>),
    disk: impl Composable,
    memory: impl Composable,
) -> Result<(), CompositionError> {
    let composition = compose! {
        layer DenyLayer::all("closed") on "acme:kv/store";
        fused storage in place {
            component disk = disk { layer DenyLayer::all("closed"); layer DenyLayer::all("no") on "log" };
        }
        component memory = memory {
            layer;
            layer DenyLayer::all("no") on log;
            layer DenyLayer::all("no") on "no name";
            import "log" as "write" from host;
        };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
