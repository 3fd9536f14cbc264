//! Components that others made: the codecs of two Python packages, composed with two of ours. One packs
//! bytes with whatever codec there is, the other prints what all of them log. The codec is replaced by
//! the other one while the program runs.
//!
//! Fetch the packages, then run with `cargo run --example codecs -- target/codecs`:
//!
//! ```sh
//! pip download --no-deps --dest target/codecs numcodecs-wasm-zlib numcodecs-wasm-zstd
//! for wheel in target/codecs/*.whl; do python3 -m zipfile -e "$wheel" target/codecs; done
//! ```

use std::path::{Path, PathBuf};
use std::time::Duration;

use wasm_runtime_composer::wasi::{Output, WasiState};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError, Wasi,
};
use wasmtime::Engine;

const PACKING: Option<&str> = Some("composer:test/packing");

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder =
        PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/codecs".to_owned()));
    let codec = |name: &str| {
        let package = format!("numcodecs_wasm_{name}");
        folder.join(package).join("codec.wasm")
    };
    if let Some(missing) = ["zlib", "zstd"].into_iter().map(codec).find(|file| !file.exists()) {
        let folder = folder.display();
        eprintln!("expected a codec at {}; fetch the packages and unpack them:", missing.display());
        eprintln!("pip download --no-deps --dest {folder} numcodecs-wasm-zlib numcodecs-wasm-zstd");
        eprintln!("for wheel in {folder}/*.whl; do python3 -m zipfile -e $wheel {folder}; done");
        std::process::exit(1);
    }

    let engine = Engine::default();
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/components");
    // Neither directories nor network, for any of them.
    let wasi = Wasi::new(&engine);
    let plugin = |file: PathBuf| wasi.component(file);
    // What it prints as errors belongs between our own lines.
    let printing = Output::to(|bytes| print!("{}", String::from_utf8_lossy(bytes)));
    let logger = wasi.clone().stderr(printing).component(guests.join("logger.wasm"));
    let packer = plugin(guests.join("packer.wasm"));

    // Two codecs, and no word on which of them to take.
    let composed = |hint: Option<&str>| {
        let mut composer = Composer::new();
        let mut packer = ComposableDescriptor::new("packer", packer.clone());
        if let Some(provider) = hint {
            packer = packer.with_import_hint("numcodecs:abc/codec@0.1.1", provider);
        }
        composer.add(packer);
        composer.add(ComposableDescriptor::new("logger", logger.clone()));
        composer.add(ComposableDescriptor::new("zlib", plugin(codec("zlib"))));
        composer.add(ComposableDescriptor::new("zstd", plugin(codec("zstd"))));
        composer
    };
    if let Err(error) = composed(None).plan() {
        println!("without a hint: {error}");
    }
    let text = "It was the best of times, it was the worst of times. ".repeat(200);
    for codec in ["zlib", "zstd"] {
        let composition = composed(Some(codec)).compose().await?;
        round_trip(&composition, &text).await?;
        composition.close(Duration::from_secs(1)).await?;
    }

    // One codec, and another one in its place.
    let composition = one(&packer, &logger, plugin(codec("zlib"))).await?;
    round_trip(&composition, &text).await?;
    composition.replace("codec", plugin(codec("zstd"))).await?;
    round_trip(&composition, &text).await?;
    println!("handles that are still held: {}", composition.live_handles());
    composition.close(Duration::from_secs(1)).await?;
    Ok(())
}

async fn one(
    packer: &ComposableComponent<WasiState>,
    logger: &ComposableComponent<WasiState>,
    codec: ComposableComponent<WasiState>,
) -> Result<Composition, CompositionError> {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("packer", packer.clone()));
    composer.add(ComposableDescriptor::new("logger", logger.clone()));
    composer.add(ComposableDescriptor::new("codec", codec));
    composer.compose().await
}

/// Packs `text`, and gets it back.
async fn round_trip(
    composition: &Composition,
    text: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let codec = composition.typed::<(), String>(PACKING, "codec")?;
    let pack = composition.typed::<(&[u8],), Result<Vec<u8>, String>>(PACKING, "pack")?;
    let unpack = composition.typed::<(&[u8],), Result<Vec<u8>, String>>(PACKING, "unpack")?;
    let packed = pack.call((text.as_bytes(),)).await??;
    let unpacked = unpack.call((packed.as_slice(),)).await??;
    assert_eq!(unpacked, text.as_bytes());
    println!("{}: {} bytes, packed {}", codec.call(()).await?, text.len(), packed.len());
    Ok(())
}
