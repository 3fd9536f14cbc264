//! Failures of an import are contained in one way, as a case with a name.

use wasm_runtime_composer::{Composable, CompositionError, compose};

async fn composed(disk: impl Composable, memory: impl Composable) -> Result<(), CompositionError> {
    let composition = compose! {
        component disk = disk { contain "sync"; contain "sync" as "gone" };
        component memory = memory { contain "a:b/c#get" as "not_kebab"; contain "a b" };
        allow cycles;
        allow cycles;
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
