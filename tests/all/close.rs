//! Closing and dropping a composition: Contract 5.8.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use composer_tests::{
    Clock, GATED, call, chain, composer, engine, guest, limited, run, runtimes, text, until,
};
use futures_util::FutureExt;
use futures_util::future::poll_immediate;
use tokio::runtime::Builder;
use tokio::time::Instant;
use wasm_runtime_composer::error::StopReason;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    HostInterface, OwnedResource,
};
use wasmtime::Store;
use wasmtime::component::{Linker, Val};

const SLEEPER: &str = "composer:test/isleeper";
const SOON: Duration = Duration::from_secs(30);

async fn sleeper(clock: &Clock) -> Composition {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("sleeper", clock.component("sleeper")));
    composer.compose().await.unwrap()
}

/// Tasks of the runtime that this is called in.
fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[test]
fn close_waits_for_running_calls() {
    run(async || {
        for function in ["nap", "doze"] {
            let clock = Clock::default();
            let composition = sleeper(&clock).await;
            let func = composition.get_func(Some(SLEEPER), function).unwrap();
            let (params, mut results) = ([Val::U64(GATED)], [Val::Bool(false)]);
            let mut call = func.call(&params, &mut results).boxed_local();
            assert!(poll_immediate(&mut call).await.is_none());
            until(|| clock.log().len() == 1).await;
            let mut close = composition.close(SOON).boxed_local();
            assert!(poll_immediate(&mut close).await.is_none());
            clock.open();
            limited(call).await.unwrap();
            limited(close).await.unwrap();
        }
    });
}

#[test]
fn close_cuts_off_what_takes_too_long() {
    run(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock).await;
        let func = composition.get_func(Some(SLEEPER), "nap").unwrap();
        let (params, mut results) = ([Val::U64(GATED)], [Val::Bool(false)]);
        let mut call = func.call(&params, &mut results).boxed_local();
        assert!(poll_immediate(&mut call).await.is_none());
        until(|| clock.log().len() == 1).await;
        limited(composition.close(Duration::ZERO)).await.unwrap();
        let error = limited(call).await.unwrap_err();
        assert!(
            matches!(
                error,
                CompositionError::Unavailable { started: true, source: StopReason::Closed, .. }
            ),
            "{error:?}"
        );
    });
}

#[test]
fn close_aborts_a_store_that_is_held_and_says_so() {
    run(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock).await;
        let func = composition.get_func(Some(SLEEPER), "doze").unwrap();
        let (params, mut results) = ([Val::U64(GATED)], [Val::Bool(false)]);
        let mut call = func.call(&params, &mut results).boxed_local();
        assert!(poll_immediate(&mut call).await.is_none());
        until(|| clock.log().len() == 1).await;
        let error = limited(composition.close(Duration::ZERO)).await.unwrap_err();
        assert_eq!(chain(&error), "component `sleeper` was still busy after 0ns");
        let error = limited(call).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `sleeper` stopped before answering `composer:test/isleeper#doze`\n\
             the composition was closed"
        );
    });
}

#[test]
fn closed_composition_takes_no_calls() {
    run(async || {
        let composition = composer(&["producer"]).compose().await.unwrap();
        let add = composition.get_func(None, "add").unwrap();
        limited(composition.close(SOON)).await.unwrap();
        let params = [Val::S32(1), Val::S32(2)];
        let error = limited(add.call(&params, &mut [Val::S32(0)])).await.unwrap_err();
        assert!(
            matches!(
                error,
                CompositionError::Unavailable { started: false, source: StopReason::Closed, .. }
            ),
            "{error:?}"
        );
        assert_eq!(
            chain(&error),
            "component `producer` is not running and cannot be asked for `add`\n\
             the composition was closed"
        );
    });
}

#[test]
fn closing_again_waits_for_the_same_end() {
    run(async || {
        let composition = composer(&["producer", "consumer"]).compose().await.unwrap();
        let other = composition.clone();
        let (first, second) =
            limited(async { tokio::join!(composition.close(SOON), other.close(SOON)) }).await;
        first.unwrap();
        second.unwrap();
        limited(composition.close(Duration::ZERO)).await.unwrap();
    });
}

#[test]
fn dropped_close_closes_all_the_same() {
    run(async || {
        let composition = composer(&["producer"]).compose().await.unwrap();
        let mut close = composition.close(SOON).boxed_local();
        let _ = poll_immediate(&mut close).await;
        drop(close);
        limited(composition.close(SOON)).await.unwrap();
        let params = [Val::S32(1), Val::S32(2)];
        let error = call(&composition, None, "add", &params).await.unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { .. }), "{error:?}");
    });
}

#[test]
fn no_task_outlives_close() {
    run(async || {
        let before = tasks();
        let composition = composer(&["producer", "consumer", "bucket-store"]).compose();
        let composition = composition.await.unwrap();
        assert!(tasks() > before);
        limited(composition.close(SOON)).await.unwrap();
        until(|| tasks() == before).await;
    });
}

#[test]
fn last_handle_dropped_ends_the_composition() {
    run(async || {
        let before = tasks();
        let composition = composer(&["producer", "consumer"]).compose().await.unwrap();
        let add = composition.get_func(None, "add").unwrap();
        let clone = composition.clone();
        drop(composition);
        let params = [Val::S32(1), Val::S32(2)];
        limited(add.call(&params, &mut [Val::S32(0)])).await.unwrap();
        drop(clone);
        until(|| tasks() == before).await;
        let error = limited(add.call(&params, &mut [Val::S32(0)])).await.unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { started: false, .. }), "{error:?}");
    });
}

#[test]
fn dropping_the_composition_answers_running_calls() {
    run(async || {
        for function in ["nap", "doze"] {
            let before = tasks();
            let clock = Clock::default();
            let composition = sleeper(&clock).await;
            let func = composition.get_func(Some(SLEEPER), function).unwrap();
            let (params, mut results) = ([Val::U64(GATED)], [Val::Bool(false)]);
            let mut call = func.call(&params, &mut results).boxed_local();
            assert!(poll_immediate(&mut call).await.is_none());
            until(|| clock.log().len() == 1).await;
            drop(composition);
            let error = limited(call).await.unwrap_err();
            assert!(
                matches!(error, CompositionError::Unavailable { started: true, .. }),
                "{error:?}"
            );
            until(|| tasks() == before).await;
        }
    });
}

#[test]
fn runtime_that_shuts_down_answers_the_callers_of_another() {
    let [one, other] = runtimes();
    let clock = Clock::default();
    let composition = other.block_on(sleeper(&clock));
    one.block_on(async {
        let func = composition.get_func(Some(SLEEPER), "nap").unwrap();
        let (params, mut results) = ([Val::U64(GATED)], [Val::Bool(false)]);
        let mut call = func.call(&params, &mut results).boxed_local();
        assert!(poll_immediate(&mut call).await.is_none());
        clock.logged(&format!("sleep {GATED}")).await;
        other.shutdown_background();
        let error = limited(call).await.unwrap_err();
        let CompositionError::Unavailable { source, .. } = error else { panic!("{error:?}") };
        assert!(matches!(source, StopReason::RuntimeShutdown), "{source:?}");
        limited(composition.close(SOON)).await.unwrap();
    });
}

#[test]
fn composing_given_up_half_way_leaves_nothing() {
    run(async || {
        let before = tasks();
        let mut compose = composer(&["producer", "consumer"]).compose().boxed_local();
        // Wherever it stands after one poll, it is dropped there.
        if let Some(done) = poll_immediate(&mut compose).await {
            drop(done.unwrap());
        }
        drop(compose);
        until(|| tasks() == before).await;
    });
}

#[test]
fn component_that_cannot_start_ends_those_that_did() {
    run(async || {
        let before = tasks();
        let mut composer = composer(&["producer"]);
        let text = r#"(component
            (core module $m (func $start unreachable) (start $start))
            (core instance (instantiate $m)))"#;
        composer.add(ComposableDescriptor::new("broken", composer_tests::text(text)));
        let error = limited(composer.compose()).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `broken` cannot be instantiated\n\
             wasm trap: wasm `unreachable` instruction executed"
        );
        until(|| tasks() == before).await;
    });
}

/// A store's data that counts how many of it there are.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[test]
fn no_store_outlives_its_composition() {
    run(async || {
        let before = tasks();
        let stores = Arc::new(AtomicUsize::new(0));
        let component = |name| {
            let stores = stores.clone();
            ComposableComponent::new(guest(name), Linker::new(engine()), move || {
                Store::new(engine(), Counted::new(&stores))
            })
        };
        for round in 0..50 {
            let mut composer = Composer::new();
            for name in ["bucket-store", "broker", "bucket-consumer"] {
                composer.add(ComposableDescriptor::new(name, component(name)));
            }
            let composition = composer.compose().await.unwrap();
            assert_eq!(stores.load(Ordering::Relaxed), 3);
            let interface = "composer:test/ibuckets-consumer";
            let kept = composition.get_func(Some(interface), "run-third").unwrap();
            limited(kept.call(&[], &mut [Val::Bool(false)])).await.unwrap();
            if round % 2 == 0 {
                limited(composition.close(SOON)).await.unwrap();
            }
            drop(composition);
            // The function that is kept holds none of it.
            until(|| stores.load(Ordering::Relaxed) == 0).await;
            drop(kept);
        }
        until(|| tasks() == before).await;
    });
}

#[test]
fn however_many_are_stuck_closing_takes_no_longer_than_for_one() {
    /// A component with a destructor that waits for ever.
    fn stuck(n: usize) -> ComposableComponent<()> {
        text(format!(
            r#"(component
                (import "wait" (func $wait))
                (core func $wait (canon lower (func $wait)))
                (core module $d
                    (import "" "wait" (func $wait))
                    (func (export "dtor") (param i32) (call $wait)))
                (core instance $d (instantiate $d
                    (with "" (instance (export "wait" (func $wait))))))
                (type $r (resource (rep i32) (dtor (core func $d "dtor"))))
                (core func $new (canon resource.new $r))
                (core module $m
                    (import "" "new" (func $new (param i32) (result i32)))
                    (func (export "make") (result i32) (call $new (i32.const 1))))
                (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
                (export $re "r{n}" (type $r))
                (func (export "make{n}") (result (own $re)) (canon lift (core func $m "make"))))"#
        ))
    }
    const COUNT: usize = 10;
    const GIVEN: Duration = Duration::from_millis(100);
    // The clock stands still but for what is waited for.
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    for nested in [false, true] {
        runtime.block_on(async {
            let host = || {
                let waits =
                    HostInterface::root().func_wrap_async("wait", std::future::pending::<()>);
                ComposableDescriptor::new("env", waits)
            };
            let mut outer = Composer::new();
            if !nested {
                outer.add(host());
            }
            for n in 0..COUNT {
                let id = format!("stuck{n}");
                if nested {
                    let mut inner = Composer::new();
                    inner.add(host());
                    inner.add(ComposableDescriptor::new("stuck", stuck(n)));
                    let inner = inner.compose().await.unwrap();
                    outer.add(ComposableDescriptor::new(id, inner));
                } else {
                    outer.add(ComposableDescriptor::new(id, stuck(n)));
                }
            }
            let composition = outer.compose().await.unwrap();
            for n in 0..COUNT {
                let make = format!("make{n}");
                let make = composition.typed::<(), OwnedResource>(None, &make).unwrap();
                drop(make.call(()).await.unwrap());
            }
            let start = Instant::now();
            let error = composition.close(GIVEN).await.unwrap_err();
            assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
            assert!(start.elapsed() <= GIVEN + Duration::from_secs(1), "{:?}", start.elapsed());
        });
    }
}
