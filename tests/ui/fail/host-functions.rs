//! Functions in Rust are what components can call.

use wasm_runtime_composer::{CompositionError, compose};

async fn composed() -> Result<(), CompositionError> {
    let log = 0;
    let composition = compose! {
        component clock = host "acme:env/Clock" with log, log {
            fn now(&self) -> u64 { 1 }
            fn now() -> u64 { 2 }
            fn at((a, b): (u32, u32)) -> u32 { a + b }
            fn any<T>(it: T) {}
            #[cfg(unix)]
            fn zone() {}
            pub fn shown() {}
            fn resource() = "[method]zone.name" {}
            fn nothing();
        };
    }
    .await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
