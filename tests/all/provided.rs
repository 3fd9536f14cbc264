//! Exports that no component implements.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use composer_tests::{component, limited, run, until};
use tokio::sync::Notify;
use wasm_runtime_composer::error::{HostPanic, StopReason};
use wasm_runtime_composer::provider::{
    Provided, ProvidedExport, Provider, ProviderError, ProviderFuture, Value,
};
use wasm_runtime_composer::types::{FunctionType, ValueType};
use wasm_runtime_composer::{
    Composable, ComposableDescriptor, Composer, Composition, CompositionError, ExportFilter,
};

/// Adds; fails, panics or waits for numbers of its own.
#[derive(Clone, Default)]
struct Adder {
    /// How many calls wait.
    waiting: Arc<AtomicUsize>,
    gate: Arc<Notify>,
}

const FAILS: i32 = 13;
const PANICS: i32 = 14;
const WAITS: i32 = 15;

#[derive(Debug)]
struct Unlucky;

impl fmt::Display for Unlucky {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("13 is not added")
    }
}

impl std::error::Error for Unlucky {}

impl Provider for Adder {
    fn call(&self, func: usize, args: Vec<Value>) -> ProviderFuture {
        assert_eq!(func, 0);
        let (waiting, gate) = (self.waiting.clone(), self.gate.clone());
        Box::pin(async move {
            let [Value::S32(a), Value::S32(b)] = args[..] else { panic!("{args:?}") };
            match a {
                FAILS => return Err(ProviderError::new(Unlucky)),
                PANICS => panic!("14 is not added"),
                WAITS => {
                    struct Waiting(Arc<AtomicUsize>);
                    impl Drop for Waiting {
                        fn drop(&mut self) {
                            self.0.fetch_sub(1, Ordering::SeqCst);
                        }
                    }
                    waiting.fetch_add(1, Ordering::SeqCst);
                    let _waiting = Waiting(waiting);
                    gate.notified().await;
                }
                _ => {}
            }
            Ok(Some(Value::S32(a + b)))
        })
    }
}

fn add_type() -> FunctionType {
    let params = ["a", "b"].map(|name| (name.to_owned(), ValueType::S32));
    FunctionType::new(false, params, Some(ValueType::S32))
}

fn adder(adder: &Adder) -> Provided {
    let add = ProvidedExport::Func { name: "add".to_owned(), ty: add_type() };
    Provided::new(vec![add], adder.clone())
}

/// Something that adds, and a component that has it add 1 and 2.
async fn composed(adder: impl Composable) -> Composition {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("adder", adder));
    // What else the consumer imports.
    let producer = component("producer").hiding(&["add"]);
    composer.add(ComposableDescriptor::new("producer", producer));
    composer.add(ComposableDescriptor::new("consumer", component("consumer")));
    composer.compose().await.unwrap()
}

async fn add(composition: &Composition, a: i32, b: i32) -> Result<i32, CompositionError> {
    limited(composition.typed::<(i32, i32), i32>(None, "add")?.call((a, b))).await
}

#[test]
fn component_and_rust_call_what_a_provider_implements() {
    run(async || {
        let composition = composed(adder(&Adder::default())).await;
        assert_eq!(add(&composition, 1, 2).await.unwrap(), 3);
        let run_add = composition.typed::<(), i32>(None, "run-add").unwrap();
        assert_eq!(limited(run_add.call(())).await.unwrap(), 3);
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
        let error = add(&composition, 1, 2).await.unwrap_err();
        assert!(
            matches!(&error, CompositionError::Unavailable { source: StopReason::Closed, .. }),
            "{error:?}"
        );
    });
}

#[test]
fn failure_and_panic_are_errors_of_the_call_alone() {
    run(async || {
        let composition = composed(adder(&Adder::default())).await;
        let error = add(&composition, FAILS, 0).await.unwrap_err();
        let CompositionError::Host { component, function, source, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((component.as_str(), function.as_str()), ("adder", "add"));
        assert!(source.downcast_ref::<Unlucky>().is_some());
        assert_eq!(error.to_string(), "`add` of `adder` failed");
        let error = add(&composition, PANICS, 0).await.unwrap_err();
        let CompositionError::Host { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(source.downcast_ref::<HostPanic>().unwrap().message, "14 is not added");
        assert_eq!(add(&composition, 20, 1).await.unwrap(), 21);
    });
}

#[test]
fn calls_overlap_and_one_that_is_given_up_is_dropped() {
    run(async || {
        let adder_ = Adder::default();
        let composition = composed(adder(&adder_)).await;
        let first = tokio::spawn({
            let composition = composition.clone();
            async move { add(&composition, WAITS, 1).await }
        });
        until(|| adder_.waiting.load(Ordering::SeqCst) == 1).await;
        let func = composition.typed::<(i32, i32), i32>(None, "add").unwrap();
        let within = Duration::from_millis(20);
        let error = limited(func.with_deadline(within).call((WAITS, 2))).await.unwrap_err();
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
        until(|| adder_.waiting.load(Ordering::SeqCst) == 1).await;
        assert_eq!(add(&composition, 1, 1).await.unwrap(), 2);
        adder_.gate.notify_one();
        assert_eq!(limited(first).await.unwrap().unwrap(), WAITS + 1);
    });
}

#[test]
fn closing_waits_for_calls_and_cuts_them_off_in_the_end() {
    run(async || {
        for cut in [false, true] {
            let adder_ = Adder::default();
            let composition = composed(adder(&adder_)).await;
            let call = tokio::spawn({
                let composition = composition.clone();
                async move { add(&composition, WAITS, 1).await }
            });
            limited(async {
                while adder_.waiting.load(Ordering::SeqCst) != 1 {
                    tokio::task::yield_now().await;
                }
            })
            .await;
            let within = Duration::from_millis(if cut { 10 } else { 30_000 });
            let closing = tokio::spawn(async move { composition.close(within).await });
            if !cut {
                adder_.gate.notify_one();
            }
            let answer = limited(call).await.unwrap();
            limited(closing).await.unwrap().unwrap();
            match cut {
                false => assert_eq!(answer.unwrap(), WAITS + 1),
                true => assert!(
                    matches!(&answer, Err(CompositionError::Unavailable { started: true, .. })),
                    "{answer:?}"
                ),
            }
            assert_eq!(adder_.waiting.load(Ordering::SeqCst), 0);
        }
    });
}

#[test]
fn provider_takes_a_components_place_and_gives_it_back() {
    run(async || {
        let guest = || component("producer").exposing(&["add"]);
        let composition = composed(guest()).await;
        let run_add = composition.typed::<(), i32>(None, "run-add").unwrap();
        assert_eq!(limited(run_add.call(())).await.unwrap(), 3);
        let provided = adder(&Adder::default());
        limited(async { composition.replace("adder", provided).await }).await.unwrap();
        assert_eq!(limited(run_add.call(())).await.unwrap(), 3);
        limited(async { composition.replace("adder", guest()).await }).await.unwrap();
        assert_eq!(limited(run_add.call(())).await.unwrap(), 3);
    });
}

#[test]
fn exports_of_one_name_are_an_error_of_the_plan() {
    let add = || ProvidedExport::Func { name: "add".to_owned(), ty: add_type() };
    let mut composer = Composer::new();
    let twice = Provided::new(vec![add(), add()], Adder::default());
    composer.add(ComposableDescriptor::new("adder", twice));
    let error = composer.plan().unwrap_err();
    assert!(format!("{error:?}").contains("there are two exports `add`"), "{error:?}");
}
