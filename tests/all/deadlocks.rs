//! Components that wait for each other alone, and those that something else may wake.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use composer_tests::{call, chain, engine, limited, run, until, with_linker};
use tokio::sync::Notify;
use wasm_runtime_composer::error::{Cause, Deadlock, StopReason};
use wasm_runtime_composer::snapshot::Change;
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, RestartPolicy,
};
use wasmtime::Trap;
use wasmtime::component::{Linker, Val};

/// Reads a future.
const READER: &str = r#"(component
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (type $f (future u32))
    (core func $read (canon future.read $f (memory (core memory $libc "memory"))))
    (core func $drop (canon future.drop-readable $f))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "read" (func $read (param i32 i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "read-it") (param $f i32) (result i32)
            (drop (call $read (local.get $f) (i32.const 512)))
            (call $drop (local.get $f))
            (i32.load (i32.const 512))))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $libc "memory"))
        (export "read" (func $read)) (export "drop" (func $drop))))))
    (func (export "read-it") async (param "f" (future u32)) (result u32)
        (canon lift (core func $i "read-it"))))"#;

/// Has a future read, and does not write it. With `other`, it calls that first.
fn silent(other: &str) -> String {
    let (import, lower, give, call) = match other {
        "" => (String::new(), "", "", ""),
        _ => (
            format!(r#"(import "{other}" (func $other async))"#),
            "(core func $other (canon lower (func $other)))",
            r#"(export "other" (func $other))"#,
            "(call $other)",
        ),
    };
    let needs = if other.is_empty() { "" } else { r#"(import "" "other" (func $other))"# };
    format!(
        r#"(component
    (import "read-it" (func $read async (param "f" (future u32)) (result u32)))
    {import}
    {lower}
    (type $f (future u32))
    (core func $new (canon future.new $f))
    (core func $read (canon lower (func $read)))
    (core module $m
        {needs}
        (import "" "new" (func $new (result i64)))
        (import "" "read" (func $read (param i32) (result i32)))
        (func (export "run") (result i32)
            {call}
            (call $read (i32.wrap_i64 (call $new)))))
    (core instance $i (instantiate $m (with "" (instance
        {give} (export "new" (func $new)) (export "read" (func $read))))))
    (func (export "run") async (result u32) (canon lift (core func $i "run"))))"#
    )
}

/// Waits for an event that does not come by itself.
const PATIENT: &str = r#"(component
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (core func $return (canon task.return (result u32)))
    (core func $inc (canon backpressure.inc))
    (core func $dec (canon backpressure.dec))
    (core module $m
        (import "" "return" (func $return (param i32)))
        (import "" "inc" (func $inc))
        (import "" "dec" (func $dec))
        (func (export "on") (param i32 i32 i32) (result i32) unreachable)
        (func (export "hold") (call $inc))
        (func (export "release") (call $dec))
        (func (export "run") (result i32) (call $return (i32.const 7)) (i32.const 0)))
    (core instance $i (instantiate $m (with "" (instance
        (export "return" (func $return)) (export "inc" (func $inc)) (export "dec" (func $dec))))))
    (func (export "hold") (canon lift (core func $i "hold")))
    (func (export "release") (canon lift (core func $i "release")))
    (func (export "run") async (result u32)
        (canon lift (core func $i "run") async (callback (core func $i "on")))))"#;

fn composer(parts: &[(&str, &str)]) -> Composer {
    let mut composer = Composer::new();
    for (id, wat) in parts {
        // What is given compiled is not known so well.
        let descriptor = ComposableDescriptor::new(*id, with_linker(*wat, Linker::new(engine())));
        composer.add(descriptor.with_restart(RestartPolicy::restart(9, Duration::ZERO)));
    }
    composer
}

async fn compose(composer: Composer) -> Composition {
    limited(composer.compose()).await.unwrap()
}

/// The deadlock that is the cause of an error.
fn deadlock<'a>(error: &'a (dyn Error + 'static)) -> &'a Deadlock {
    let mut cause = Some(error);
    while let Some(it) = cause {
        let found = it.downcast_ref::<Cause>().and_then(Cause::downcast_ref::<Deadlock>);
        if let Some(deadlock) = found {
            return deadlock;
        }
        cause = it.source();
    }
    panic!("no deadlock: {}", chain(error))
}

#[test]
fn components_that_wait_for_each_other_are_told_who_waits_for_whom() {
    run(async || {
        let silent = silent("");
        let composition = compose(composer(&[("reader", READER), ("silent", &silent)])).await;
        let mut events = composition.events();
        // Also of the instances after them.
        for _ in 0..3 {
            let error = limited(call(&composition, None, "run", &[])).await.unwrap_err();
            let text = chain(&error);
            let at_end = "deadlock detected: event loop cannot make further progress";
            assert!(text.contains(at_end), "{text}");
        }
        // The first that was ended says why.
        let reason = loop {
            let change = limited(events.next()).await.unwrap().change;
            if let Change::Restarting { reason: StopReason::Trapped { source, .. }, .. } = change {
                break source;
            }
        };
        assert_eq!(
            deadlock(&reason).waits,
            [
                "`reader` waits for `silent` to write a stream or future",
                "`silent` waits for an answer of `reader`",
            ]
        );
    });
}

#[test]
fn component_that_waits_for_its_host_is_left_alone() {
    run(async || {
        let gate = Arc::new(Notify::new());
        let mut linker = Linker::new(engine());
        let waits = gate.clone();
        linker
            .root()
            .func_wrap_concurrent("wait", move |_, (): ()| {
                let waits = waits.clone();
                Box::pin(async move {
                    waits.notified().await;
                    Ok(())
                })
            })
            .unwrap();
        let silent = silent("wait");
        let mut composer = composer(&[("reader", READER)]);
        composer.add(ComposableDescriptor::new("silent", with_linker(&*silent, linker)));
        // Even where no other call is to come.
        composer.trap_on_idle();
        let composition = compose(composer).await;
        let running = tokio::spawn({
            let composition = composition.clone();
            async move { call(&composition, None, "run", &[]).await }
        });
        let silent = || composition.snapshot().components[1].instances[0].clone();
        until(|| silent().running > 0).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!running.is_finished());
        limited(composition.close(Duration::ZERO)).await.ok();
        let error = limited(running).await.unwrap().unwrap_err();
        assert!(!chain(&error).contains("deadlock"), "{error}");
    });
}

#[test]
fn call_that_another_may_help_is_left_alone_unless_none_is_to_come() {
    run(async || {
        let composition = compose(composer(&[("patient", PATIENT)])).await;
        limited(call_hold(&composition)).await;
        let running = tokio::spawn({
            let composition = composition.clone();
            async move { call(&composition, None, "run", &[]).await }
        });
        let patient = || composition.snapshot().components[0].instances[0].clone();
        until(|| patient().running > 0).await;
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!running.is_finished());
        let release = composition.typed::<(), ()>(None, "release").unwrap();
        limited(release.call(())).await.unwrap();
        assert_eq!(limited(running).await.unwrap().unwrap(), Val::U32(7));

        let mut composer = composer(&[("patient", PATIENT)]);
        composer.trap_on_idle();
        let composition = compose(composer).await;
        limited(call_hold(&composition)).await;
        let error = limited(call(&composition, None, "run", &[])).await.unwrap_err();
        assert!(matches!(error, CompositionError::Trap { .. }), "{error}");
        assert_eq!(
            deadlock(&error).waits,
            ["`patient` waits for something that happens in it alone"]
        );
        assert!(chain(&error).contains(&Trap::AsyncDeadlock.to_string()), "{error}");
    });
}

/// Calls what traps.
const CALLER: &str = r#"(component
    (import "fail" (func $fail))
    (core func $fail (canon lower (func $fail)))
    (core module $m
        (import "" "fail" (func $fail))
        (func (export "run") (call $fail)))
    (core instance $i (instantiate $m (with "" (instance (export "fail" (func $fail))))))
    (func (export "run") async (canon lift (core func $i "run"))))"#;

const FAILING: &str = r#"(component
    (core module $m (func (export "fail") unreachable))
    (core instance $i (instantiate $m))
    (func (export "fail") (canon lift (core func $i "fail"))))"#;

#[test]
fn component_that_waits_for_the_end_of_another_is_left_alone() {
    run(async || {
        let composition = compose(composer(&[("caller", CALLER), ("failing", FAILING)])).await;
        let run = composition.get_func(None, "run").unwrap();
        // A call with a deadline does not run in place, but what it calls does.
        let run = run.with_deadline(Duration::from_secs(3600));
        for _ in 0..3 {
            let error = limited(run.call(&[], &mut [])).await.unwrap_err();
            let text = chain(&error);
            assert!(text.contains("component `failing` trapped in `fail`"), "{text}");
        }
    });
}

async fn call_hold(composition: &Composition) {
    composition.typed::<(), ()>(None, "hold").unwrap().call(()).await.unwrap();
}
