//! Python calls JavaScript, which calls Rust: three components, each in a store of its own, that know
//! nothing but each other's interfaces.
//!
//! Build the components with `examples/polyglot/build.sh`, then run with
//! `cargo run --example polyglot -- target/polyglot`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wasm_runtime_composer::{CompositionError, Wasi, compose};
use wasmtime::Engine;

const TEXT: &str = "How much wood would a woodchuck chuck if a woodchuck could chuck wood?";

#[tokio::main]
async fn main() -> Result<(), CompositionError> {
    let folder =
        PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/polyglot".to_owned()));
    let built = |name: &str| folder.join(name).with_extension("wasm");
    if let Some(missing) = ["report", "chart"].into_iter().map(built).find(|file| !file.exists()) {
        eprintln!("expected a component at {}; build it:", missing.display());
        eprintln!("examples/polyglot/build.sh {}", folder.display());
        std::process::exit(1);
    }
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/components");
    // Interpreters ask for all of WASI; they get an empty one, and may print.
    let wasi = Wasi::new(&Engine::default()).inherit_stdio();

    let start = Instant::now();
    let composition = compose! {
        component python = wasi.component(built("report"));
        component javascript = wasi.component(built("chart"));
        component rust = wasi.component(guests.join("word-counter.wasm"));

        export interface "composer:polyglot/reporting@0.1.0" as reporting {
            fn report(title: &str, text: &str) -> String;
        }
    }
    .await?;
    println!("compiled and composed in {:.1?}", start.elapsed());

    println!("{}", composition.reporting().report("a chuck of wood", TEXT).await?);
    let start = Instant::now();
    composition.reporting().report("a chuck of wood", TEXT).await?;
    println!("again in {:.1?}", start.elapsed());
    composition.close(Duration::from_secs(1)).await
}
