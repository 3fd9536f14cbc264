//! `Composer::fuse`: the same wiring inside one component.

use composer_tests::{
    Clock, call, call_unit, chain, component, composer, engine, guest_file, limited, run, string,
};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    ExportFilter, FuseError,
};
use wasmtime::Store;
use wasmtime::component::{Linker, Val};

const BUCKETS: &str = "composer:test/buckets";
const CONSUMER: &str = "composer:test/ibuckets-consumer";

/// A guest, as its file.
fn file(name: &str) -> ComposableComponent<()> {
    part(std::fs::read(guest_file(name)).unwrap())
}

fn part(bytes: Vec<u8>) -> ComposableComponent<()> {
    ComposableComponent::new(bytes, Linker::new(engine()), || Store::new(engine(), ()))
}

fn files(guests: &[&str]) -> Composer {
    let mut composer = Composer::new();
    for name in guests {
        composer.add(ComposableDescriptor::new(*name, file(name)));
    }
    composer
}

/// The fused component as the only one of a composition.
async fn alone(composer: &Composer) -> Composition {
    let mut outer = Composer::new();
    outer.add(ComposableDescriptor::new("fused", part(composer.fuse().unwrap())));
    limited(outer.compose()).await.unwrap()
}

#[test]
fn fused_components_do_what_isolated_ones_do() {
    run(async || {
        let guests = ["bucket-store", "broker", "bucket-consumer"];
        let fused = alone(&files(&guests)).await;
        let isolated = limited(composer(&guests).compose()).await.unwrap();
        let names = |composition: &Composition| {
            composition.exports().iter().map(|it| it.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&fused), names(&isolated));
        for function in ["run-resource", "run-holder", "run-nested", "run-third", "run-order"] {
            let [fused, isolated] = [
                limited(call(&fused, CONSUMER, function, &[])).await.unwrap(),
                limited(call(&isolated, CONSUMER, function, &[])).await.unwrap(),
            ];
            assert_eq!(fused, isolated, "{function}");
        }
        let bucket = call(&fused, BUCKETS, "[constructor]bucket", &[string("b")]).await.unwrap();
        let name = call(&fused, BUCKETS, "[method]bucket.name", std::slice::from_ref(&bucket));
        assert_eq!(limited(name).await.unwrap(), string("b"));
        limited(fused.drop_handles(&bucket)).await.unwrap();
        assert_eq!(fused.live_handles(), 0);
    });
}

#[test]
fn hints_filters_and_levels_count_when_fusing() {
    run(async || {
        for target in ["producer", "producer-b"] {
            let mut inner = Composer::new();
            inner.add(ComposableDescriptor::new("producer", file("producer")));
            inner.add(ComposableDescriptor::new("producer-b", file("producer-b")));
            for export in ["add", "composer:test/iproducer"] {
                inner.with_export_hint(export, target);
            }
            let mut composer = Composer::new();
            composer.add(ComposableDescriptor::new("inner", inner.hiding(&["internal-debug"])));
            composer.add(ComposableDescriptor::new("consumer", file("consumer")));
            let fused = alone(&composer).await;
            let isolated = limited(composer.compose()).await.unwrap();
            assert!(fused.get_func(None, "internal-debug").is_err());
            for composition in [&fused, &isolated] {
                let added = call(composition, None, "add", &[Val::S32(1), Val::S32(2)]);
                let wired = call(composition, None, "run-add", &[]);
                let (added, wired) = (limited(added).await.unwrap(), limited(wired).await.unwrap());
                assert_eq!(added, wired, "{target}");
            }
            let greeting = |composition| async move {
                let interface = "composer:test/iconsumer";
                limited(call(composition, interface, "run-greet", &[string("Bo")])).await.unwrap()
            };
            assert_eq!(greeting(&fused).await, greeting(&isolated).await);
        }
    });
}

#[test]
fn what_no_component_satisfies_stays_an_import() {
    run(async || {
        let clock = Clock::default();
        let fused = files(&["sleeper", "fragile", "careful"]).fuse().unwrap();
        let mut outer = Composer::new();
        let fused = ComposableComponent::new(fused, clock.linker(), || Store::new(engine(), ()));
        outer.add(ComposableDescriptor::new("fused", fused));
        let composition = limited(outer.compose()).await.unwrap();
        let doze = call(&composition, "composer:test/isleeper", "doze", &[Val::U64(1)]);
        limited(doze).await.unwrap();
        assert_eq!(clock.log(), ["block 1", "block 1 over"]);
        let text = call(&composition, "composer:test/icareful", "text", &[Val::U32(0)]);
        assert_eq!(limited(text).await.unwrap(), string("ok 7"));
    });
}

#[test]
fn fused_component_is_composed_with_isolated_ones() {
    run(async || {
        let mut composer = Composer::new();
        let fused = files(&["broker", "bucket-consumer"]).fuse().unwrap();
        composer.add(ComposableDescriptor::new("fused", part(fused)));
        composer.add(ComposableDescriptor::new("bucket-store", component("bucket-store")));
        let composition = limited(composer.compose()).await.unwrap();
        let text = limited(call(&composition, CONSUMER, "run-third", &[])).await.unwrap();
        assert_eq!(text, string("describe t:1 t:1; relabel t:2; take t"));
        limited(call_unit(&composition, CONSUMER, "hold", &[string("x")])).await.unwrap();
        assert_eq!(composition.live_handles(), 1);
    });
}

#[test]
fn what_cannot_be_fused_is_told() {
    run(async || {
        let error = composer(&["producer"]).fuse().unwrap_err();
        assert_eq!(
            error.to_string(),
            "component `producer` cannot be fused: it is there compiled or running only; give it as \
             bytes or as a file"
        );
        let mut outer = Composer::new();
        let running = limited(files(&["producer"]).compose()).await.unwrap();
        outer.add(ComposableDescriptor::new("running", running));
        let error = outer.fuse().unwrap_err();
        assert!(matches!(error, CompositionError::Fuse(FuseError::NoBinary { .. })), "{error:?}");

        let mut two = files(&["producer", "producer-b", "consumer"]);
        let error = two.fuse().unwrap_err();
        let CompositionError::Plan(_) = &error else { panic!("{error:?}") };
        assert!(chain(&error).contains("choose one with a hint"), "{}", chain(&error));
        two.add(ComposableDescriptor::new("damaged", part(b"\0asm".to_vec())));
        assert!(matches!(two.fuse().unwrap_err(), CompositionError::Plan(_)));
    });
}
