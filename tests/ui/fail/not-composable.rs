//! What is no component is pointed at.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = String::from("disk");
        component memory = memory { hide "debug" };
        component cloud = 7 { expose "size" };
        component file = "file.wasm";
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
