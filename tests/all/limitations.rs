//! What the chapter "What it cannot do" says and no other test shows.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use composer_tests::{chain, config, limited, run, text};
#[cfg(feature = "codec")]
use composer_tests::{engine, with_linker};
#[cfg(feature = "codec")]
use futures_util::StreamExt;
#[cfg(feature = "codec")]
use tokio::io::AsyncReadExt;
#[cfg(feature = "codec")]
use wasm_runtime_composer::ComponentStream;
#[cfg(feature = "codec")]
use wasm_runtime_composer::typed::FromComponentValue;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    HostInterface,
};
#[cfg(feature = "codec")]
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;
#[cfg(feature = "codec")]
use wasmtime::component::{Lift, Lower, StreamReader};
use wasmtime::{Engine, Store};

/// A component that exports `f`, of `ty`, and one that imports it.
fn pair(ty: &str) -> [String; 2] {
    let provider = format!(
        r#"(component
            (core module $m (func (export "f") (result i32) unreachable))
            (core instance $i (instantiate $m))
            (type $t {ty})
            (func (export "f") (result $t) (canon lift (core func $i "f"))))"#
    );
    let importer = format!(
        r#"(component
            (type $t {ty})
            (import "f" (func (result $t))))"#
    );
    [provider, importer]
}

#[test]
fn error_context_of_another_component_is_refused() {
    run(async || {
        let mut config = config();
        config.wasm_component_model_error_context(true);
        let engine = Engine::new(&config).unwrap();
        let mut composer = Composer::new();
        for (id, text) in ["provider", "importer"].into_iter().zip(pair("error-context")) {
            let engine = engine.clone();
            let linker = Linker::<()>::new(&engine);
            let component = ComposableComponent::new(text, linker, move || Store::new(&engine, ()));
            composer.add(ComposableDescriptor::new(id, component));
        }
        let error = limited(composer.compose()).await.unwrap_err();
        let said = chain(&error);
        assert!(matches!(error, CompositionError::Plan(_)), "{said}");
        assert!(said.contains("`f`") && said.contains("error-context"), "{said}");
    });
}

#[cfg(not(feature = "codec"))]
#[test]
fn stream_of_another_component_is_refused_without_the_codec() {
    run(async || {
        let mut composer = Composer::new();
        for (id, wat) in ["provider", "importer"].into_iter().zip(pair("(stream u8)")) {
            composer.add(ComposableDescriptor::new(id, text(wat)));
        }
        let error = limited(composer.compose()).await.unwrap_err();
        let said = chain(&error);
        assert!(matches!(error, CompositionError::Plan(_)), "{said}");
        assert!(said.contains("`codec`"), "{said}");
    });
}

/// A component that hands on what the host's `make` returns.
#[cfg(feature = "codec")]
fn hands_on(ty: &str) -> String {
    format!(
        r#"(component
            (type $t {ty})
            (import "make" (func $make (result $t)))
            (core func $make (canon lower (func $make)))
            (core module $m
                (import "" "make" (func $make (result i32)))
                (func (export "give") (result i32) call $make))
            (core instance $i (instantiate $m (with "" (instance (export "make" (func $make))))))
            (func (export "give") (result $t) (canon lift (core func $i "give"))))"#
    )
}

/// What comes of a stream of `elements` that the host's `make` returns.
#[cfg(feature = "codec")]
async fn given<T>(ty: &str, elements: Vec<T>) -> (Composition, ComponentStream<T>)
where
    T: Lift + Lower + FromComponentValue + Clone + Send + Sync + Unpin + 'static,
{
    let mut linker = Linker::new(engine());
    let make = move |mut store: StoreContextMut<'_, ()>, (): ()| {
        Ok((StreamReader::new(&mut store, elements.clone())?,))
    };
    linker.root().func_wrap("make", make).unwrap();
    let mut composer = Composer::new();
    let it = with_linker(hands_on(ty).into_bytes(), linker);
    composer.add(ComposableDescriptor::new("it", it));
    let composition = limited(composer.compose()).await.unwrap();
    let give = composition.typed::<(), ComponentStream<T>>(None, "give").unwrap();
    let stream = limited(give.call(())).await.unwrap();
    (composition, stream)
}

#[cfg(feature = "codec")]
#[test]
fn stream_of_a_host_function_goes_on_if_it_is_of_bytes() {
    run(async || {
        let (_composition, mut stream) = given("(stream u8)", vec![1_u8, 2, 3]).await;
        let mut bytes = Vec::new();
        limited(stream.read_to_end(&mut bytes)).await.unwrap();
        assert_eq!(bytes, [1, 2, 3]);

        let (_composition, mut stream) = given("(stream u32)", vec![1_u32, 2, 3]).await;
        let error = limited(stream.next()).await.unwrap().unwrap_err();
        assert!(matches!(error, CompositionError::Stream(_)), "{}", chain(&error));
    });
}

#[test]
fn deadline_tells_who_waits_for_a_host_function_that_calls_back() {
    run(async || {
        let composed = Arc::new(OnceLock::<Composition>::new());
        let back = composed.clone();
        let host = HostInterface::root().func_wrap_async("back", move || {
            let composition = back.get().cloned();
            async move {
                let f = composition.unwrap().typed::<(), ()>(None, "f").unwrap();
                f.call(()).await.map_err(wasmtime::Error::new)
            }
        });
        let it = text(
            r#"(component
            (import "back" (func $back))
            (core func $back (canon lower (func $back)))
            (core module $m
                (import "" "back" (func $back))
                (func (export "run") call $back)
                (func (export "f")))
            (core instance $i (instantiate $m (with "" (instance (export "back" (func $back))))))
            (func (export "run") (canon lift (core func $i "run")))
            (func (export "f") (canon lift (core func $i "f"))))"#,
        );
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("env", host));
        let it = ComposableDescriptor::new("it", it).with_deadline(Duration::from_millis(100));
        composer.add(it);
        let composition = limited(composer.compose()).await.unwrap();
        composed.set(composition.clone()).ok().unwrap();
        let run = composition.typed::<(), ()>(None, "run").unwrap();
        let said = chain(&limited(run.call(())).await.unwrap_err());
        assert!(said.contains("did not answer `"), "{said}");
        limited(composition.close(Duration::ZERO)).await.ok();
    });
}

#[test]
fn runtime_without_a_timer_is_told_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let composing = std::panic::AssertUnwindSafe(|| {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("it", text("(component)")));
        runtime.block_on(composer.compose())
    });
    let panic = std::panic::catch_unwind(composing).unwrap_err();
    let said = panic.downcast::<String>().map(|it| *it);
    let said = said.or_else(|it| it.downcast::<&str>().map(|it| (*it).to_owned())).unwrap();
    assert!(said.contains("enable_time"), "{said}");
}
