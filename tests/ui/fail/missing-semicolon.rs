//! Statements, clauses and functions end with a semicolon; what lacks it is pointed at.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk
        component memory = memory { import "sync" from disk hide "debug" }
        export "size" from memory
        export fn size() -> u64
        export interface "acme:kv/store" as store {
            fn size() -> u64
            fn put(value: &str)
        }
        export fn time() -> u64 = "now"
    }
    .await?;
    let _: u64 = composition.size().await?;
    let _: u64 = composition.time().await?;
    let _: u64 = composition.store().size().await?;
    Ok(())
}

fn main() {}
