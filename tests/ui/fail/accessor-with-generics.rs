//! An accessor is of one type.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        export fn put<T>(value: T);
        export fn get<'a>(key: &'a str) -> u32;
        export fn count(values: impl Iterator<Item = u32>) -> _;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
