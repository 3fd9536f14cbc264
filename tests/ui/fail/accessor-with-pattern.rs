//! A parameter of an accessor is a name.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk;
        component memory = memory;
        export fn put((key, value): (String, String));
        export fn add(mut a: i32, _: i32, #[cfg(unix)] c: i32);
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
