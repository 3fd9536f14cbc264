//! Components that share a store share what is said of it.

use std::time::Duration;

use wasm_runtime_composer::{Composable, CompositionError, compose};
use wasmtime::Store;
use wasmtime::component::Linker;

const SECOND: Duration = Duration::from_secs(1);

async fn composed(
    place: (Linker<()>, fn() -> Store<()>),
    disk: impl Composable,
    memory: impl Composable,
) -> Result<(), CompositionError> {
    let composition = compose! {
        fused storage in place {
            component disk = disk { deadline SECOND; contain "log" };
            component memory = memory { instances 2; hide "a" };
            deadline SECOND;
        }
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
