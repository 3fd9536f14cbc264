//! The public interface: Contract 2, and filters on lookups.

use std::time::Duration;

use composer_tests::{
    call, component, composer, engine, folder, guest, guest_file, limited, run, string, with_linker,
};
use wasm_runtime_composer::error::LookupError;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, ComposableInstance, Composer, CompositionError,
    ExportFilter,
};
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Engine, Store};

const PRODUCER: &str = "composer:test/iproducer";
const CONSUMER: &str = "composer:test/iconsumer";

/// A store's data that is not even `Sync`.
struct MyState(#[expect(dead_code, reason = "it is there to be of a type")] std::cell::Cell<u32>);

impl MyState {
    fn new() -> Self {
        Self(std::cell::Cell::new(0))
    }
}

#[test]
fn program_of_the_contract_compiles_and_runs() {
    async fn program() -> Result<Vec<Val>, CompositionError> {
        let producer_wasm = std::fs::read(guest_file("producer")).unwrap();
        let consumer_wasm = std::fs::read(guest_file("consumer")).unwrap();
        // Each component may have an engine of its own.
        let (engine_a, engine_b) = (Engine::default(), Engine::default());
        let producer_linker = Linker::new(&engine_a);
        let consumer_linker = Linker::new(&engine_b);

        let producer = ComposableComponent::new(producer_wasm, producer_linker, move || {
            Store::new(&engine_a, MyState::new())
        });
        let consumer = ComposableComponent::new(consumer_wasm, consumer_linker, move || {
            Store::new(&engine_b, MyState::new())
        });
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("producer", producer));
        composer.add(
            ComposableDescriptor::new("consumer", consumer).with_import_hint("add", "producer"),
        );
        composer.with_export_hint("add", "producer");
        let composition = composer.compose().await?;
        let func = composition.get_func(None, "run-add")?;
        let mut results = vec![Val::S32(0)];
        func.call(&[], &mut results).await?;
        Ok(results)
    }
    run(async || assert_eq!(limited(program()).await.unwrap(), [Val::S32(3)]));
}

/// Of the example `greeting`, which the README shows; that the two are the same is a test of `book`.
#[test]
fn first_program_of_the_readme_prints_what_is_said_there() {
    run(async || {
        let mut composer = composer(&["greeter", "polite"]);
        composer.with_export_hint("composer:test/greeter", "polite");
        let composition = limited(composer.compose()).await.unwrap();
        let interface = Some("composer:test/greeter");
        let greet = composition.typed::<(&str,), String>(interface, "greet").unwrap();
        let greeting = limited(greet.call(("Ann",))).await.unwrap();
        let said = format!("example greeting\n{}\n{greeting}\n```", composition.plan());
        let readme = std::fs::read_to_string(folder().join("../README.md")).unwrap();
        assert!(readme.contains(&said), "README.md does not contain\n{said}");
    });
}

#[test]
fn component_comes_from_bytes_a_file_or_compiled() {
    run(async || {
        let linker = || Linker::<()>::new(engine());
        let store = || Store::new(engine(), ());
        let file = guest_file("producer");
        let bytes = std::fs::read(&file).unwrap();
        let compiled = guest("producer");
        let sources = [
            ComposableComponent::new(bytes.as_slice(), linker(), store),
            ComposableComponent::new(bytes.clone(), linker(), store),
            ComposableComponent::new(file.as_path(), linker(), store),
            ComposableComponent::new(file, linker(), store),
            ComposableComponent::new(guest("producer"), linker(), store),
            ComposableComponent::new(&compiled, linker(), store),
        ];
        for producer in sources {
            let mut composer = Composer::new();
            composer.add(ComposableDescriptor::new("producer", producer));
            let composition = composer.compose().await.unwrap();
            let sum = call(&composition, None, "add", &[Val::S32(1), Val::S32(2)]).await;
            assert_eq!(sum.unwrap(), Val::S32(3));
        }
    });
}

#[test]
fn one_component_is_composed_under_two_ids() {
    run(async || {
        let store = component("bucket-store");
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("one", store.clone()));
        composer.add(ComposableDescriptor::new("other", store));
        composer.with_export_hint("composer:test/buckets", "other");
        let composition = composer.compose().await.unwrap();
        let live = call(&composition, "composer:test/buckets", "live", &[]).await.unwrap();
        assert_eq!(live, Val::U32(0));
    });
}

#[test]
fn running_instance_is_composed() {
    run(async || {
        let mut store = Store::new(engine(), 5_u64);
        let producer = guest("producer");
        let linker = Linker::new(engine());
        let instance = linker.instantiate_async(&mut store, &producer).await.unwrap();
        let mut composer = composer(&["consumer"]);
        let instance = ComposableInstance::from_existing(instance, store);
        composer.add(ComposableDescriptor::new("producer", instance));
        let composition = composer.compose().await.unwrap();
        assert_eq!(call(&composition, None, "run-add", &[]).await.unwrap(), Val::S32(3));
        let ping = limited(call(&composition, CONSUMER, "run-ping", &[])).await.unwrap();
        assert_eq!(ping, Val::S32(42));
    });
}

#[test]
fn running_instance_keeps_its_state_and_its_resources() {
    run(async || {
        let mut store = Store::new(engine(), ());
        let linker = Linker::new(engine());
        let buckets = guest("bucket-store");
        let instance = linker.instantiate_async(&mut store, &buckets).await.unwrap();
        let mut composer = composer(&["broker", "bucket-consumer"]);
        let instance = ComposableInstance::from_existing(instance, store);
        composer.add(ComposableDescriptor::new("buckets", instance));
        let composition = composer.compose().await.unwrap();
        let interface = "composer:test/ibuckets-consumer";
        let third = limited(call(&composition, interface, "run-third", &[])).await.unwrap();
        assert_eq!(third, string("describe t:1 t:1; relabel t:2; take t"));
    });
}

#[test]
fn linker_of_the_user_keeps_working() {
    run(async || {
        let text = r#"(component
            (import "answer" (func $answer (result u32)))
            (core func $answer (canon lower (func $answer)))
            (core module $m
                (import "" "answer" (func $answer (result i32)))
                (func (export "ask") (result i32) (call $answer)))
            (core instance $i (instantiate $m
                (with "" (instance (export "answer" (func $answer))))))
            (func (export "ask") (result u32) (canon lift (core func $i "ask"))))"#;
        let mut linker = Linker::new(engine());
        linker.root().func_wrap("answer", |_, (): ()| Ok((42_u32,))).unwrap();
        let mut composer = Composer::new();
        let asking = with_linker(Component::new(engine(), text).unwrap(), linker);
        composer.add(ComposableDescriptor::new("asking", asking));
        let composition = composer.compose().await.unwrap();
        assert_eq!(call(&composition, None, "ask", &[]).await.unwrap(), Val::U32(42));
    });
}

#[test]
fn hidden_export_cannot_be_looked_up() {
    run(async || {
        let filters = [
            component("producer").hiding(&["internal-debug"]),
            component("producer").exposing(&["add", PRODUCER]),
            component("producer").filter_exports(|name| !name.starts_with("internal")),
            component("producer").exposing(&["add", PRODUCER]).hiding(&[PRODUCER]),
        ];
        for (i, producer) in filters.into_iter().enumerate() {
            let mut composer = Composer::new();
            composer.add(ComposableDescriptor::new("producer", producer));
            let composition = composer.compose().await.unwrap();
            composition.get_func(None, "add").unwrap();
            let error = composition.get_func(None, "internal-debug").unwrap_err();
            assert_eq!(error.to_string(), "the composition exports no function `internal-debug`");
            let interface = composition.get_func(Some(PRODUCER), "ping");
            assert_eq!(interface.is_ok(), i < 3, "{interface:?}");
        }
    });
}

#[test]
fn lookup_of_what_is_not_there_names_the_nearest() {
    run(async || {
        let composition = composer(&["producer"]).compose().await.unwrap();
        for (interface, function, text) in [
            (None, "ad", "the composition exports no function `ad`; did you mean `add`?"),
            (
                Some("composer:test/iproduce"),
                "ping",
                "the composition exports no interface `composer:test/iproduce`; did you mean \
                 `composer:test/iproducer`?",
            ),
            (
                Some(PRODUCER),
                "pong",
                "interface `composer:test/iproducer` has no function `pong`; did you mean `ping`?",
            ),
            (None, PRODUCER, "the composition exports no function `composer:test/iproducer`"),
        ] {
            let error = composition.get_func(interface, function).unwrap_err();
            assert_eq!(error.to_string(), text);
        }
    });
}

#[test]
fn ambiguous_public_export_is_an_error_that_names_both() {
    run(async || {
        let composition = composer(&["producer", "producer-b"]).compose().await.unwrap();
        let error = composition.get_func(None, "add").unwrap_err();
        assert!(
            matches!(error, CompositionError::Lookup(LookupError::Ambiguous { .. })),
            "{error:?}"
        );
        assert_eq!(
            error.to_string(),
            "both `producer` and `producer-b` export `add`; choose one with \
             `composer.with_export_hint(\"add\", \"producer\")`"
        );
        // What one alone offers is there.
        composition.get_func(None, "internal-debug").unwrap();
    });
}

#[test]
fn exports_tell_functions_and_their_types() {
    run(async || {
        let composition = composer(&["producer"]).compose().await.unwrap();
        let exports = composition.exports();
        let names: Vec<_> = exports.iter().map(|export| &*export.name).collect();
        assert_eq!(names, ["add", PRODUCER, "internal-debug"]);
        assert_eq!(exports[0].functions[0].ty.to_string(), "func(a: s32, b: s32) -> s32");
        let interface = &exports[1];
        let ping = interface.functions.iter().find(|it| it.name == "ping").unwrap();
        assert_eq!(ping.ty.to_string(), "async func() -> s32");
        assert!(ping.ty.is_async());
        let func = composition.get_func(Some(PRODUCER), "lookup").unwrap();
        assert_eq!(
            func.ty().to_string(),
            "func(id: u32) -> result<record { name: string, age: u32, tags: list<string> }, \
             variant { empty, not-found(u32), denied(string) }>"
        );
    });
}

#[test]
fn kept_function_does_not_keep_the_composition() {
    run(async || {
        let composition = composer(&["producer"]).compose().await.unwrap();
        let add = composition.get_func(None, "add").unwrap();
        let again = add.clone();
        drop(composition);
        for func in [add, again] {
            let params = [Val::S32(1), Val::S32(1)];
            // The end comes without waiting; a call may still be before it.
            let error = limited(async {
                loop {
                    match func.call(&params, &mut [Val::S32(0)]).await {
                        Ok(()) => tokio::task::yield_now().await,
                        Err(error) => break error,
                    }
                }
            })
            .await;
            assert!(matches!(error, CompositionError::Unavailable { .. }), "{error:?}");
        }
    });
}

#[test]
fn chain_member_gets_the_next_of_the_chain() {
    run(async || {
        let mut composer = Composer::new();
        let greeter = "composer:test/greeter";
        composer.add(ComposableDescriptor::new("plain", component("greeter")));
        composer.add(
            ComposableDescriptor::new("inner", component("polite"))
                .with_import_hint(greeter, "plain"),
        );
        composer.add(
            ComposableDescriptor::new("outer", component("polite"))
                .with_import_hint(greeter, "inner"),
        );
        composer.with_export_hint(greeter, "outer");
        let composition = composer.compose().await.unwrap();
        for function in ["greet", "greet-later"] {
            let greeting = limited(call(&composition, greeter, function, &[string("bo")])).await;
            assert_eq!(greeting.unwrap(), string("hello, dear dear bo!!"));
        }
    });
}

#[test]
fn engine_without_concurrency_runs_sync_components() {
    run(async || {
        let mut config = wasmtime::Config::new();
        config.concurrency_support(false);
        let engine = Engine::new(&config).unwrap();
        let text = r#"(component
            (core module $m (func (export "two") (result i32) i32.const 2))
            (core instance $i (instantiate $m))
            (func (export "two") (result s32) (canon lift (core func $i "two"))))"#;
        let linker = Linker::new(&engine);
        let two = ComposableComponent::new(text, linker, move || Store::new(&engine, ()));
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("two", two));
        let composition = composer.compose().await.unwrap();
        assert_eq!(limited(call(&composition, None, "two", &[])).await.unwrap(), Val::S32(2));
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
    });
}
