//! What is fused is given a linker and a constructor of stores, of one type of data.

use wasm_runtime_composer::{Composable, CompositionError, compose};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};

async fn composed(disk: impl Composable, linker: Linker<u8>) -> Result<(), CompositionError> {
    let store = || Store::new(&Engine::default(), String::new());
    let composition = compose! { fused storage in (linker, store) { component disk = disk } }.await?;
    drop(composition.exports());
    Ok(())
}

fn main() {}
