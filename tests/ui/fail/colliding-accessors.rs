//! An accessor is a function or an interface, and interfaces give types of different names.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        export fn store() -> u64;
        export interface "acme:kv/store" as store {
            fn size() -> u64;
        }
        export interface "acme:kv/a" as k_v {
            fn size() -> u64;
        }
        export interface "acme:kv/b" as kV {
            fn size() -> u64;
        }
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
