//! A composition seen while it runs: its graph, what each component is doing, and how many calls go where.
//!
//! Run with `cargo run --example live -- serve` and look at <http://127.0.0.1:8080>. Without `serve` it makes
//! some calls, prints what a snapshot tells, and writes the page to `target/live.html`.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::Html;
use axum::routing::get;
use wasm_runtime_composer::layer::CountLayer;
use wasm_runtime_composer::snapshot::Snapshot;
use wasm_runtime_composer::{
    ComposableComponent, Composition, CompositionError, RestartPolicy, compose,
};
use wasmtime::Engine;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::default();
    let component = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/components");
        let file = folder.join(name).with_extension("wasm");
        ComposableComponent::with_engine(&engine, file)
    };
    let counts = CountLayer::new();
    let shop = compose! {
        layer counts.clone();
        component store = component("bucket-store") {
            restart RestartPolicy::restart(10, Duration::from_secs(1))
        };
        component broker = component("broker");
        component customers = component("bucket-consumer");
        component prices = component("producer") { instances 3 };
        component checkout = component("consumer");

        export interface "composer:test/ibuckets-consumer" as customers {
            async fn run_third() -> String;
            fn hold(name: &str);
        }
        export interface "composer:test/iconsumer" as checkout {
            fn run_values() -> String;
            async fn run_concurrent(n: u32) -> u32;
        }
    }
    .await?;

    let composition = Composition::clone(&shop);
    // Some of everything.
    let visit = async move || -> Result<(), CompositionError> {
        shop.customers().run_third().await?;
        shop.customers().hold("basket").await?;
        shop.checkout().run_values().await?;
        shop.checkout().run_concurrent(5).await?;
        Ok(())
    };
    if std::env::args().nth(1).as_deref() == Some("serve") {
        tokio::spawn(async move {
            while visit().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        return serve(composition, counts).await;
    }
    for _ in 0..100 {
        visit().await?;
    }
    let snapshot = composition.snapshot().with_counts(&counts);
    print!("{snapshot}");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    tokio::fs::create_dir_all(&folder).await?;
    tokio::fs::write(folder.join("live.html"), snapshot.to_html()).await?;
    Ok(())
}

/// Serves the page, and what it asks for.
async fn serve(composition: Composition, counts: CountLayer) -> Result<(), Box<dyn Error>> {
    let snapshot = move || {
        let json = composition.snapshot().with_counts(&counts).to_json();
        async { ([(CONTENT_TYPE, "application/json")], json) }
    };
    let pages = Router::new()
        .route("/", get(async || Html(Snapshot::live_page())))
        .route("/snapshot.json", get(snapshot));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, pages).await?;
    Ok(())
}
