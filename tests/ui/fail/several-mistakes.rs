//! All mistakes are told at once, and nothing that follows from them.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(
    disk: impl Composable,
    memory: impl Composable,
    other: impl Composable,
) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk { hide "debug"; expose "size" };
        component memory = memory { import "sync" from dsk };
        component disk = other;
        exprt "size" from memory;
        export fn size() -> u64
        export fn close();
        export fn sizeOf<T>(&self) -> u64;
    }
    .await?;
    let _: u64 = composition.size().await?;
    let _: u64 = composition.sizeOf(1).await?;
    Ok(())
}

fn main() {}
