//! Compositions and composers inside others: Contract 2.

use std::time::Duration;

use composer_tests::{
    Placement, call, component, compose, composer, limited, placement, run, run_placed, string,
    until,
};
use wasm_runtime_composer::error::LookupError;
use wasm_runtime_composer::{ComposableDescriptor, Composer, CompositionError, ExportFilter};
use wasmtime::component::Val;

const CONSUMER: &str = "composer:test/iconsumer";
const BUCKETS: &str = "composer:test/buckets";
const SOON: Duration = Duration::from_secs(30);

#[test]
fn composition_is_composed_like_a_component() {
    run(async || {
        let inner = composer(&["producer"]).compose().await.unwrap();
        let mut outer = composer(&["consumer"]);
        outer.add(ComposableDescriptor::new("inner", inner));
        let outer = outer.compose().await.unwrap();
        assert_eq!(call(&outer, None, "run-add", &[]).await.unwrap(), Val::S32(3));
        let ping = limited(call(&outer, CONSUMER, "run-ping", &[])).await.unwrap();
        assert_eq!(ping, Val::S32(42));
    });
}

#[test]
fn composer_is_wired_inside_and_its_open_imports_outside() {
    run_placed(async || {
        // The consumer's `add` is open inside; `iproducer` is not.
        let mut inner = Composer::new();
        let producer = component("producer").exposing(&["composer:test/iproducer"]);
        inner.add(ComposableDescriptor::new("producer", producer));
        inner.add(ComposableDescriptor::new("consumer", component("consumer")));
        let mut outer = Composer::new();
        outer.add(ComposableDescriptor::new("inner", inner));
        outer.add(ComposableDescriptor::new("other", component("producer-b")));
        let outer = compose(outer).await.unwrap();
        assert_eq!(call(&outer, None, "run-add", &[]).await.unwrap(), Val::S32(1003));
        let greeting = call(&outer, CONSUMER, "run-greet", &[string("x")]).await.unwrap();
        assert_eq!(greeting, string("hello, x"));
        let components = ["inner/producer", "inner/consumer", "other"];
        let outermost = if placement() == Placement::Fused { "fused/" } else { "" };
        let components = components.map(|id| format!("{outermost}{id}"));
        assert_eq!(outer.plan().components(), components);
    });
}

#[test]
fn filter_hides_what_a_nested_composition_offers() {
    run(async || {
        let inner = composer(&["producer"]).compose().await.unwrap();
        let mut outer = Composer::new();
        outer.add(ComposableDescriptor::new("inner", inner.exposing(&["add"])));
        let outer = outer.compose().await.unwrap();
        call(&outer, None, "add", &[Val::S32(1), Val::S32(1)]).await.unwrap();
        let error = call(&outer, "composer:test/iproducer", "ping", &[]).await.unwrap_err();
        assert!(
            matches!(error, CompositionError::Lookup(LookupError::NotExported { .. })),
            "{error:?}"
        );
    });
}

#[test]
fn resources_cross_the_border_of_a_nested_composition() {
    run(async || {
        let inner = composer(&["bucket-store", "broker"]).compose().await.unwrap();
        let twice_nested = {
            let mut middle = Composer::new();
            middle.add(ComposableDescriptor::new("inner", inner));
            middle.compose().await.unwrap()
        };
        let mut outer = composer(&["bucket-consumer"]);
        outer.add(ComposableDescriptor::new("middle", twice_nested));
        let outer = outer.compose().await.unwrap();
        let interface = "composer:test/ibuckets-consumer";
        let third = limited(call(&outer, interface, "run-third", &[])).await.unwrap();
        assert_eq!(third, string("describe t:1 t:1; relabel t:2; take t"));
        let bucket = call(&outer, BUCKETS, "[constructor]bucket", &[string("b")]).await.unwrap();
        assert_eq!(outer.live_handles(), 1);
        outer.drop_handles(&bucket).await.unwrap();
        assert_eq!(outer.live_handles(), 0);
    });
}

#[test]
fn closing_the_outer_closes_the_inner() {
    run(async || {
        let inner = composer(&["producer"]).compose().await.unwrap();
        let add = inner.get_func(None, "add").unwrap();
        let mut outer = composer(&["consumer"]);
        outer.add(ComposableDescriptor::new("inner", inner));
        let outer = outer.compose().await.unwrap();
        limited(outer.close(SOON)).await.unwrap();
        let error = add.call(&[Val::S32(1), Val::S32(1)], &mut [Val::S32(0)]).await.unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { .. }), "{error:?}");
    });
}

#[test]
fn dropping_the_outer_ends_the_inner() {
    run(async || {
        let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let inner = composer(&["producer"]).compose().await.unwrap();
        let mut outer = composer(&["consumer"]);
        outer.add(ComposableDescriptor::new("inner", inner));
        drop(outer.compose().await.unwrap());
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        until(|| tasks() == before).await;
    });
}

#[test]
fn inner_composition_that_is_kept_outlives_the_outer() {
    run(async || {
        let inner = composer(&["producer"]).compose().await.unwrap();
        let mut outer = composer(&["consumer"]);
        outer.add(ComposableDescriptor::new("inner", inner.clone()));
        let outer = outer.compose().await.unwrap();
        limited(outer.close(SOON)).await.unwrap();
        let sum = call(&inner, None, "add", &[Val::S32(1), Val::S32(1)]).await.unwrap();
        assert_eq!(sum, Val::S32(2));
    });
}

#[test]
fn one_composition_serves_two() {
    run(async || {
        let inner = composer(&["bucket-store"]).compose().await.unwrap();
        let mut outers = Vec::new();
        for _ in 0..2 {
            let mut outer = composer(&["broker", "bucket-consumer"]);
            outer.add(ComposableDescriptor::new("inner", inner.clone()));
            outers.push(outer.compose().await.unwrap());
        }
        let interface = "composer:test/ibuckets-consumer";
        for outer in &outers {
            let third = limited(call(outer, interface, "run-third", &[])).await.unwrap();
            assert_eq!(third, string("describe t:1 t:1; relabel t:2; take t"));
        }
        until(|| inner.live_handles() == 0).await;
    });
}
