//! Replaces a component while it is being called: no call is lost, a resource of the old instance
//! stays good, and a component that does not fit is refused.
//!
//! Run with `cargo run --example hot_swap`.

use std::path::Path;
use std::time::Duration;

use wasm_runtime_composer::snapshot::Change;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, CompositionError, ExportFilter,
    OwnedResource,
};
use wasmtime::Engine;

const BUCKETS: Option<&str> = Some("composer:test/buckets");

#[tokio::main]
async fn main() -> Result<(), CompositionError> {
    let engine = Engine::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/components");
    let plugin = |name: &str| {
        let file = folder.join(name).with_extension("wasm");
        ComposableComponent::with_engine(&engine, file)
    };
    let mut composer = Composer::new();
    // What nobody can see need not be in the next one.
    let producer = plugin("producer").hiding(&["internal-debug"]);
    composer.add(ComposableDescriptor::new("producer", producer));
    composer.add(ComposableDescriptor::new("consumer", plugin("consumer")));
    composer.add(ComposableDescriptor::new("store", plugin("bucket-store")));
    let composition = composer.compose().await?;
    let mut events = composition.events();

    // A caller that does not stop for anything: `run-greet` of the consumer calls the producer.
    let greet =
        composition.typed::<(&str,), String>(Some("composer:test/iconsumer"), "run-greet")?;
    let caller = async {
        let mut greetings: Vec<(String, u32)> = Vec::new();
        loop {
            let greeting = greet.call(("Bo",)).await?;
            match greetings.last_mut() {
                Some((last, times)) if *last == greeting => *times += 1,
                _ => greetings.push((greeting, 1)),
            }
            if greetings.len() == 2 && greetings[1].1 == 100 {
                return Ok::<_, CompositionError>(greetings);
            }
        }
    };
    let replacing = composition.replace("producer", plugin("producer-b")).into_future();
    let (greetings, ()) = tokio::try_join!(caller, replacing)?;
    for (greeting, _) in greetings {
        println!("greeted with {greeting:?}");
    }

    // What does not fit changes nothing.
    if let Err(error) = composition.replace("producer", plugin("greeter")).await {
        println!("refused: {error}");
    }

    // The old instance serves its resources until the last is dropped.
    let bucket = composition
        .typed::<(&str,), OwnedResource>(BUCKETS, "[constructor]bucket")?
        .call(("old",))
        .await?;
    composition.replace("store", plugin("bucket-store")).await?;
    let name = composition.typed::<(&OwnedResource,), String>(BUCKETS, "[method]bucket.name")?;
    println!("bucket {:?} is still there", name.call((&bucket,)).await?);
    bucket.release().await?;
    while let Some(event) = events.next().await {
        println!("{}: {:?}", event.component, event.change);
        if event.component == "store" && matches!(event.change, Change::Retired { .. }) {
            break;
        }
    }
    composition.close(Duration::from_secs(1)).await
}
