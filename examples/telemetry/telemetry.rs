//! OpenTelemetry: a span for each call between components, inside of the one that it was made in.
//!
//! Run with `cargo run --example telemetry`. The spans go to a list in memory here; with the crate
//! `opentelemetry-otlp` in its place they go to a collector.

use std::path::Path;

use opentelemetry::trace::{SpanId, Status, TracerProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing::Instrument;
use tracing_subscriber::layer::SubscriberExt;
use wasm_runtime_composer::layer::TraceLayer;
use wasm_runtime_composer::{ComposableComponent, compose};
use wasmtime::Engine;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let telemetry = tracing_opentelemetry::layer().with_tracer(provider.tracer("composition"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(telemetry))?;

    let engine = Engine::default();
    let component = |name: &str| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/components");
        let file = folder.join(name).with_extension("wasm");
        ComposableComponent::with_engine(&engine, file)
    };
    let composition = compose! {
        layer TraceLayer::new();
        component store = component("bucket-store");
        component broker = component("broker");
        component consumer = component("bucket-consumer");
        export interface "composer:test/ibuckets-consumer" as buckets {
            async fn run_third() -> String;
        }
    }
    .await?;

    // A request that the application handles, by components that call components.
    let request = tracing::info_span!("request", path = "/describe");
    let answer = composition.buckets().run_third().instrument(request).await?;
    composition.close(std::time::Duration::from_secs(1)).await?;

    println!("{answer}\n");
    let mut spans = exporter.get_finished_spans()?;
    spans.sort_by_key(|span| span.start_time);
    print(&spans, SpanId::INVALID, 0);
    Ok(())
}

/// Prints the spans inside of the one with the id `parent`, each with those inside of it.
fn print(spans: &[SpanData], parent: SpanId, depth: usize) {
    for span in spans.iter().filter(|span| span.parent_span_id == parent) {
        let known = |key: &str| {
            let attribute = span.attributes.iter().find(|it| it.key.as_str() == key);
            attribute.map(|it| it.value.to_string())
        };
        let provider = known("provider").map(|it| format!(" of {it}")).unwrap_or_default();
        let outcome = known("outcome").map(|it| format!(": {it}")).unwrap_or_default();
        let failed = if matches!(span.status, Status::Error { .. }) { " (error)" } else { "" };
        println!("{:1$}{2}{provider}{outcome}{failed}", "", 2 * depth, span.name);
        print(spans, span.span_context.span_id(), depth + 1);
    }
}
