//! Calls that run where their caller is, because nothing runs in the store: Contract 5.3.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use composer_tests::{
    Clock, GATED, call, call_unit, component, config, limited, run, runtimes, text, until,
};
use futures_util::FutureExt;
use futures_util::future::{join, poll_immediate};
use wasm_runtime_composer::error::StopReason;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError, ExportFunc,
    RestartPolicy, compose,
};
use wasmtime::component::{Linker, Val};
use wasmtime::{Engine, OptLevel, RegallocAlgorithm, Store};

const PRODUCER: &str = "composer:test/iproducer";
const CONSUMER: &str = "composer:test/iconsumer";
const SLEEPER: &str = "composer:test/isleeper";

/// Counts its calls, works for as long as it is told to, and traps when asked to.
const WORKER: &str = r#"(component
    (core module $m
        (global $n (mut i32) (i32.const 0))
        (func (export "count") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (global.get $n))
        (func (export "work") (param $n i32)
            (loop $again
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br_if $again (local.get $n))))
        (func (export "trap") unreachable))
    (core instance $i (instantiate $m))
    (func (export "count") (result u32) (canon lift (core func $i "count")))
    (func (export "work") (param "n" u32) (canon lift (core func $i "work")))
    (func (export "trap") (canon lift (core func $i "trap"))))"#;

async fn worker(configure: impl Fn(ComposableDescriptor) -> ComposableDescriptor) -> Composition {
    let mut composer = Composer::new();
    composer.add(configure(ComposableDescriptor::new("worker", text(WORKER))));
    limited(composer.compose()).await.unwrap()
}

#[test]
fn call_of_an_idle_component_ends_at_its_first_poll() {
    run(async || {
        let composition = worker(|it| it).await;
        let count = || call(&composition, None, "count", &[]);
        // A first one may take so long that the next had better not run in place.
        while count().now_or_never().is_none() {
            count().await.unwrap();
        }
    });
}

#[test]
fn calls_in_place_give_way_to_other_tasks() {
    run(async || {
        let composition = worker(|it| it).await;
        let count = composition.get_func(None, "count").unwrap();
        let other = tokio::spawn(async {});
        // Without giving way this would starve `other` on a runtime with one thread.
        while !other.is_finished() {
            count.call(&[], &mut [Val::Bool(false)]).await.unwrap();
        }
    });
}

#[test]
fn component_with_many_calls_gives_way_to_other_tasks() {
    let [single, _] = runtimes();
    single.block_on(limited(async {
        // What has a deadline goes through the inbox, however short the calls are.
        let composition = worker(|it| it.with_deadline(Duration::from_secs(60))).await;
        // As many as one task may make before it gives way itself, from several.
        let callers = (0..8).map(|caller| {
            let composition = composition.clone();
            tokio::spawn(async move {
                let calls = (0..100).map(|_| call(&composition, None, "count", &[]).boxed());
                let mut waiting = Vec::new();
                for mut call in calls {
                    if poll_immediate(&mut call).await.is_none() {
                        waiting.push(call);
                    }
                }
                if caller == 7 {
                    // The component's turn is before this one's.
                    let seen = composition.clone();
                    let seen = tokio::spawn(async move { format!("{seen:?}") }).await.unwrap();
                    assert!(!seen.contains(r#""worker": 0"#), "{seen}");
                }
                for call in waiting {
                    call.await.unwrap();
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
    }));
}

#[test]
fn calls_that_take_long_leave_their_callers_task_alone() {
    // With one thread the component cannot answer while its caller looks.
    let [single, _] = runtimes();
    single.block_on(limited(async {
        let composition = worker(|it| it).await;
        let work = |n| [Val::U32(n)];
        let (long, short) = (work(10_000_000), work(1));
        for _ in 0..2 {
            call_unit(&composition, None, "work", &long).await.unwrap();
            let mut next = Box::pin(call_unit(&composition, None, "work", &short));
            assert!(poll_immediate(&mut next).await.is_none());
            next.await.unwrap();
        }
    }));
}

#[test]
fn trap_in_place_ends_the_component_before_its_caller_hears_of_it() {
    run(async || {
        let composition = worker(|it| it).await;
        let error = limited(call_unit(&composition, None, "trap", &[])).await.unwrap_err();
        let CompositionError::Trap { component, function, source, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!((component.as_str(), function.as_str()), ("worker", "trap"));
        assert!(source.to_string().contains("wasm trap"), "{source}");
        let next = poll_immediate(call(&composition, None, "count", &[])).await;
        let Some(Err(CompositionError::Unavailable { started: false, source, .. })) = next else {
            panic!("{next:?}")
        };
        assert!(matches!(source, StopReason::Trapped { .. }), "{source:?}");
    });
}

#[test]
fn trap_in_place_is_followed_by_a_new_instance() {
    run(async || {
        let policy = RestartPolicy::restart(2, Duration::ZERO);
        let composition = worker(|it| it.with_restart(policy)).await;
        for _ in 0..2 {
            limited(call(&composition, None, "count", &[])).await.unwrap();
            limited(call_unit(&composition, None, "trap", &[])).await.unwrap_err();
        }
        assert_eq!(limited(call(&composition, None, "count", &[])).await.unwrap(), Val::U32(1));
    });
}

/// The data of a store, which takes a moment to be dropped.
struct Slow(Arc<Mutex<Vec<&'static str>>>);

impl Slow {
    fn new(log: &Arc<Mutex<Vec<&'static str>>>) -> Self {
        log.lock().unwrap().push("made");
        Self(log.clone())
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        // Long enough for a driver that does not wait for it.
        std::thread::sleep(Duration::from_millis(20));
        self.0.lock().unwrap().push("dropped");
    }
}

#[test]
fn store_that_trapped_in_place_is_gone_before_there_is_another() {
    run(async || {
        let log = Arc::default();
        let stores = Arc::clone(&log);
        let linker = Linker::new(composer_tests::engine());
        let part = ComposableComponent::new(WORKER, linker, move || {
            Store::new(composer_tests::engine(), Slow::new(&stores))
        });
        let policy = RestartPolicy::restart(10, Duration::ZERO);
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("worker", part).with_restart(policy));
        let composition = composer.compose().await.unwrap();
        for _ in 0..3 {
            limited(call(&composition, None, "count", &[])).await.unwrap();
            limited(call_unit(&composition, None, "trap", &[])).await.unwrap_err();
        }
        limited(call(&composition, None, "count", &[])).await.unwrap();
        let log = log.lock().unwrap().clone();
        assert_eq!(log, ["made", "dropped", "made", "dropped", "made", "dropped", "made"]);
    });
}

#[test]
fn panic_of_a_host_function_in_place_ends_that_component_alone() {
    const CALLER: &str = r#"(component
        (import "host" (func $host))
        (core func $host (canon lower (func $host)))
        (core module $m
            (import "" "host" (func $host))
            (func (export "ask") (call $host)))
        (core instance $i (instantiate $m
            (with "" (instance (export "host" (func $host))))))
        (func (export "ask") (canon lift (core func $i "ask"))))"#;
    run(async || {
        let component = wasmtime::component::Component::new(composer_tests::engine(), CALLER);
        let mut linker = Linker::new(composer_tests::engine());
        linker
            .root()
            .func_wrap("host", |_, (): ()| -> wasmtime::Result<()> { panic!("oh") })
            .unwrap();
        let caller = composer_tests::with_linker(component.unwrap(), linker);
        let composition = compose! { component caller = caller; component worker = text(WORKER); };
        let composition = composition.await.unwrap();
        let error = limited(call_unit(&composition, None, "ask", &[])).await.unwrap_err();
        assert!(composer_tests::chain(&error).contains("oh"), "{error:?}");
        limited(call(&composition, None, "count", &[])).await.unwrap();
        limited(call_unit(&composition, None, "ask", &[])).await.unwrap_err();
    });
}

#[test]
fn call_that_waits_is_run_on_by_the_driver_when_its_caller_is_gone() {
    run(async || {
        let clock = Clock::default();
        let composition = compose! { component sleeper = clock.component("sleeper"); };
        let composition = composition.await.unwrap();
        for _ in 0..3 {
            let begun = clock.log().len();
            let params = [Val::U64(GATED)];
            let mut doze = Box::pin(call(&composition, SLEEPER, "doze", &params));
            assert!(poll_immediate(&mut doze).await.is_none());
            until(|| clock.log().len() == begun + 1).await;
            drop(doze);
            clock.open();
            until(|| clock.log().len() == begun + 2).await;
        }
        let params = [Val::U64(0)];
        limited(call(&composition, SLEEPER, "doze", &params)).await.unwrap();
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
    });
}

#[test]
fn calls_of_another_runtime_run_on_the_components_own() {
    let [single, multi] = runtimes();
    let composition = multi.block_on(async {
        let composition = compose! { component sleeper = Clock::default().component("sleeper"); };
        composition.await.unwrap()
    });
    // The guest waits on a timer, which only the runtime of the composition keeps going.
    let params = [Val::U64(1)];
    let call = call(&composition, SLEEPER, "doze", &params);
    single.block_on(limited(call)).unwrap();
    multi.block_on(limited(composition.close(Duration::from_secs(30)))).unwrap();
}

#[test]
fn sync_and_async_calls_of_one_component_keep_their_order() {
    run(async || {
        let composition = compose! {
            component producer = component("producer");
            component consumer = component("consumer");
        };
        let composition = composition.await.unwrap();
        let (add, echo) = ([Val::S32(1), Val::S32(2)], [Val::String("a".to_owned())]);
        for _ in 0..20 {
            let add = call(&composition, PRODUCER, "add", &add);
            let echo = call(&composition, PRODUCER, "echo-later", &echo);
            let (sum, text) = limited(join(add, echo)).await;
            assert_eq!(sum.unwrap(), Val::S32(3));
            assert_eq!(text.unwrap(), Val::String("a".to_owned()));
        }
        limited(call(&composition, CONSUMER, "loop-add", &[Val::U32(1000)])).await.unwrap();
    });
}

/// Each calls itself as often as it is told to; the outer one then calls the inner one, which has no end.
const INNER: &str = r#"(component
    (core module $m
        (func $deep (export "deep") (param $n i32) (result i32)
            (if (result i32) (local.get $n)
                (then (i32.add (i32.const 1) (call $deep (local.get $n))))
                (else (i32.const 0)))))
    (core instance $i (instantiate $m))
    (func (export "deep") (param "n" u32) (result u32) (canon lift (core func $i "deep"))))"#;

const OUTER: &str = r#"(component
    (import "deep" (func $deep (param "n" u32) (result u32)))
    (core func $deep (canon lower (func $deep)))
    (core module $m
        (import "" "deep" (func $inner (param i32) (result i32)))
        (func $down (export "down") (param $n i32) (result i32)
            (if (result i32) (i32.eqz (local.get $n))
                (then (call $inner (i32.const 1)))
                (else (i32.add (i32.const 1)
                    (call $down (i32.sub (local.get $n) (i32.const 1))))))))
    (core instance $i (instantiate $m (with "" (instance (export "deep" (func $deep))))))
    (func (export "down") (param "n" u32) (result u32) (canon lift (core func $i "down"))))"#;

/// An engine with so many KiB of stack for guests, and for what has a stack of its own.
fn engine_with((wasm, stack): (usize, usize)) -> Engine {
    let mut config = config();
    // Frames as small as those of programs.
    config.cranelift_opt_level(OptLevel::Speed);
    config.cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking);
    config.max_wasm_stack(wasm << 10).async_stack_size(stack << 10);
    Engine::new(&config).unwrap()
}

#[test]
fn deep_recursion_on_a_callers_stack_is_a_trap() {
    // In KiB, stacks that have room for two guests, that have nearly none, as they are, and such that a
    // guest's would not fit on a thread.
    for stacks in [(256, 2048), (512, 512 + 64), (512, 512 + 300), (512, 2048), (4096, 12288)] {
        let engine = engine_with(stacks);
        run(async || {
            let [inner, outer] = [INNER, OUTER].map(|wat| {
                let (linker, engine) = (Linker::<()>::new(&engine), engine.clone());
                ComposableComponent::new(wat, linker, move || Store::new(&engine, ()))
            });
            let again = RestartPolicy::restart(100, Duration::ZERO);
            let mut composer = Composer::new();
            composer.add(ComposableDescriptor::new("inner", inner).with_restart(again));
            composer.add(ComposableDescriptor::new("outer", outer).with_restart(again));
            let composition = composer.compose().await.unwrap();
            let mut reached_inner = 0;
            let step = 1000 * stacks.0.div_ceil(512) as u32;
            for depth in (0..).map(|n| n * step) {
                // The inner one is at rest.
                while call(&composition, None, "deep", &[Val::U32(0)]).now_or_never().is_none() {
                    call(&composition, None, "deep", &[Val::U32(0)]).await.unwrap();
                }
                let error = call(&composition, None, "down", &[Val::U32(depth)]).await;
                let error = composer_tests::chain(&error.unwrap_err());
                assert!(error.contains("call stack exhausted"), "{error}");
                if !error.contains("component `inner` trapped in `deep`") {
                    break;
                }
                reached_inner += 1;
            }
            assert!(reached_inner > 3, "{reached_inner}");
        });
    }
}

/// What a host function calls is not called in place, as that stands on the stack of its guest.
#[test]
fn call_of_a_host_function_takes_nothing_of_its_guests_stack() {
    let engine = engine_with((512, 512 + 300));
    run(async || {
        let inner: Arc<OnceLock<ExportFunc>> = Arc::default();
        let mut linker = Linker::<()>::new(&engine);
        let called = inner.clone();
        let define = linker.root().func_wrap_async("deep", move |_, (n,): (u32,)| {
            let called = called.clone();
            Box::new(async move {
                let mut results = [Val::U32(0)];
                let called = called.get().expect("it was looked up");
                called.call(&[Val::U32(n)], &mut results).await?;
                Ok((n,))
            })
        });
        define.unwrap();
        let store = {
            let engine = engine.clone();
            move || Store::new(&engine, ())
        };
        let outer = ComposableComponent::new(OUTER, linker, store.clone());
        let again = RestartPolicy::restart(100, Duration::ZERO);
        let part = ComposableComponent::new(INNER, Linker::new(&engine), store);
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("inner", part).with_restart(again));
        let outer = ComposableDescriptor::new("outer", outer).with_restart(again);
        composer.add(outer.with_import_hint("deep", "host"));
        let composition = limited(composer.compose()).await.unwrap();
        inner.set(composition.get_func(None, "deep").unwrap()).expect("it is set once");
        let mut reached_inner = 0;
        for depth in (0..).map(|n| n * 1000) {
            // The inner one is at rest.
            while call(&composition, None, "deep", &[Val::U32(0)]).now_or_never().is_none() {
                limited(call(&composition, None, "deep", &[Val::U32(0)])).await.unwrap();
            }
            let error = limited(call(&composition, None, "down", &[Val::U32(depth)])).await;
            let error = composer_tests::chain(&error.unwrap_err());
            assert!(error.contains("call stack exhausted"), "{error}");
            if !error.contains("component `inner` trapped in `deep`") {
                break;
            }
            reached_inner += 1;
        }
        assert!(reached_inner > 3, "{reached_inner}");
    });
}
