//! A statement that is half there is one error, and whatever follows from it is none.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn component(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory { import "sync" from };
        export fn size() -> u64;
    }
    .await?;
    let _: u64 = composition.size().await?;
    Ok(())
}

async fn accessor(disk: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        export fn size() -> u64;
        export fn put(value: &str) ->
        export interface "acme:kv/store" as store {
            fn get(key
            );
            fn put(key: &str);
        }
    }
    .await?;
    let _: u64 = composition.size().await?;
    let _: String = composition.put("a").await?;
    composition.store().put("a").await?;
    let _: u8 = composition.store().get("a").await?.len();
    Ok(())
}

async fn value(disk: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory
        export fn size() -> u64;
    }
    .await?;
    let _: u64 = composition.size().await?;
    Ok(())
}

fn main() {}
