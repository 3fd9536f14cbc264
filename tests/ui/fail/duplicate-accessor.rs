//! Every accessor has a name of its own, within its interface or at the root.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        export fn size() -> u64;
        export fn size() -> u32;
        export interface "acme:kv/store" as store {
            fn size() -> u64;
            fn size(of: &str) -> u64;
        }
        export interface "acme:kv/store@0.2.0" as store {
            fn size() -> u64;
        }
    }
    .await?;
    let _ = composition.size().await?;
    let _ = composition.store().size("a").await?;
    Ok(())
}

fn main() {}
