//! Python calls JavaScript, which calls Rust: three components, each in a store of its own, that know
//! nothing but each other's interfaces.
//!
//! Build the components with `examples/polyglot/build.sh`, then run with
//! `cargo run --example polyglot -- target/polyglot`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use wasm_runtime_composer::{Wasi, compose};
use wasmtime::Engine;

const TEXT: &str = "How much wood would a woodchuck chuck if a woodchuck could chuck wood?";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or("target/polyglot".to_owned()));
    let built = |name: &str| {
        let file = folder.join(name).with_extension("wasm");
        match file.exists() {
            true => Ok(file),
            false => Err(format!(
                "expected a component at {}; `examples/polyglot/build.sh {}` builds it",
                file.display(),
                folder.display()
            )),
        }
    };
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/components");
    // Interpreters ask for all of WASI; they get an empty one, and may print.
    let wasi = Wasi::new(&Engine::default()).inherit_stdio();

    let start = Instant::now();
    let composition = compose! {
        component python = wasi.component(built("report")?);
        component javascript = wasi.component(built("chart")?);
        component rust = wasi.component(guests.join("word-counter.wasm"));

        export interface "composer:polyglot/reporting@0.1.0" as reporting {
            fn report(title: &str, text: &str) -> String;
        }
    }
    .await?;
    println!(
        "{} components composed in {:.1?}",
        composition.plan().components().len(),
        start.elapsed()
    );

    println!("{}", composition.reporting().report("a chuck of wood", TEXT).await?);
    let start = Instant::now();
    composition.reporting().report("a chuck of wood", TEXT).await?;
    println!("again in {:.1?}", start.elapsed());
    composition.close(Duration::from_secs(1)).await?;
    Ok(())
}
