//! Restart after a trap, and what is told of it: Contract 5.6.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use composer_tests::{
    Clock, GATED, call, call_unit, chain, engine, guest, limited, run, text, until, with_linker,
};
use wasm_runtime_composer::error::{HandleError, PlanProblem, StopReason};
use wasm_runtime_composer::snapshot::Change;
use wasm_runtime_composer::{
    ComposableDescriptor, ComposableInstance, Composer, Composition, CompositionError,
    RestartPolicy,
};
use wasmtime::Store;
use wasmtime::component::{Component, Linker, Val};

const SOON: Duration = Duration::from_secs(30);
const AT_ONCE: RestartPolicy = RestartPolicy::restart(3, Duration::ZERO);

/// Counts its calls, and traps when asked to. Exports a resource, too.
pub(crate) const COUNTER: &str = r#"(component
    (type $thing (resource (rep i32)))
    (core func $new (canon resource.new $thing))
    (core func $drop (canon resource.drop $thing))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (global $n (mut i32) (i32.const 0))
        (func (export "count") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (global.get $n))
        (func (export "trap") unreachable)
        (func (export "make") (result i32) (call $new (i32.const 1)))
        (func (export "use") (param i32) (result i32) (local.get 0))
        (func (export "take") (param i32) (call $drop (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new))
        (export "drop" (func $drop))))))
    (func (export "count") (result u32) (canon lift (core func $i "count")))
    (func (export "trap") (canon lift (core func $i "trap")))
    (func $make (result (own $thing)) (canon lift (core func $i "make")))
    (func $use (param "self" (borrow $thing)) (result u32) (canon lift (core func $i "use")))
    (func $take (param "thing" (own $thing)) (canon lift (core func $i "take")))
    (component $wrap
        (import "thing" (type $t (sub resource)))
        (import "make" (func $make (result (own $t))))
        (import "use" (func $use (param "self" (borrow $t)) (result u32)))
        (import "take" (func $take (param "thing" (own $t))))
        (export $thing "thing" (type $t))
        (export "[constructor]thing" (func $make) (func (result (own $thing))))
        (export "[method]thing.use" (func $use)
            (func (param "self" (borrow $thing)) (result u32)))
        (export "take" (func $take) (func (param "thing" (own $thing)))))
    (instance $things (instantiate $wrap
        (with "thing" (type $thing))
        (with "make" (func $make))
        (with "use" (func $use))
        (with "take" (func $take))))
    (export "t:t/things" (instance $things)))"#;

/// Keeps a thing, and uses it when asked to.
pub(crate) const USER: &str = r#"(component
    (import "t:t/things" (instance $things
        (export "thing" (type $thing (sub resource)))
        (export "[constructor]thing" (func (result (own $thing))))
        (export "[method]thing.use"
            (func (param "self" (borrow $thing)) (result u32)))))
    (core func $make (canon lower (func $things "[constructor]thing")))
    (core func $use (canon lower (func $things "[method]thing.use")))
    (core module $m
        (import "" "make" (func $make (result i32)))
        (import "" "use" (func $use (param i32) (result i32)))
        (global $thing (mut i32) (i32.const 0))
        (func (export "keep") (global.set $thing (call $make)))
        (func (export "use-kept") (result i32) (call $use (global.get $thing)))
        (func (export "break") unreachable))
    (core instance $i (instantiate $m (with "" (instance
        (export "make" (func $make))
        (export "use" (func $use))))))
    (func (export "keep") (canon lift (core func $i "keep")))
    (func (export "use-kept") (result u32) (canon lift (core func $i "use-kept")))
    (func (export "break") (canon lift (core func $i "break"))))"#;

async fn counter(policy: RestartPolicy) -> Composition {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("counter", text(COUNTER)).with_restart(policy));
    composer.add(ComposableDescriptor::new("user", text(USER)).with_restart(policy));
    composer.compose().await.unwrap()
}

async fn count(composition: &Composition) -> Result<u32, CompositionError> {
    match limited(call(composition, None, "count", &[])).await? {
        Val::U32(n) => Ok(n),
        other => panic!("{other:?}"),
    }
}

async fn trap(composition: &Composition) {
    let error = limited(call_unit(composition, None, "trap", &[])).await.unwrap_err();
    assert!(matches!(error, CompositionError::Trap { .. }), "{error:?}");
}

#[test]
fn component_stays_ended_without_a_policy() {
    run(async || {
        let composition = counter(RestartPolicy::never()).await;
        trap(&composition).await;
        let error = count(&composition).await.unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { .. }), "{error:?}");
    });
}

#[test]
fn component_that_trapped_is_started_again_with_a_new_store() {
    run(async || {
        let composition = counter(AT_ONCE).await;
        assert_eq!(count(&composition).await.unwrap(), 1);
        assert_eq!(count(&composition).await.unwrap(), 2);
        trap(&composition).await;
        assert_eq!(count(&composition).await.unwrap(), 1);
    });
}

#[test]
fn limit_of_restarts_ends_the_component_for_good() {
    run(async || {
        let composition = counter(RestartPolicy::restart(2, Duration::ZERO)).await;
        for _ in 0..2 {
            trap(&composition).await;
            count(&composition).await.unwrap();
        }
        trap(&composition).await;
        let error = count(&composition).await.unwrap_err();
        let CompositionError::Unavailable { started: false, source, .. } = error else {
            panic!("{error:?}");
        };
        assert!(matches!(source, StopReason::Trapped { .. }), "{source:?}");
    });
}

#[test]
fn call_made_before_the_restart_reaches_the_new_instance() {
    run(async || {
        let composition = counter(RestartPolicy::restart(1, Duration::from_millis(100))).await;
        trap(&composition).await;
        // The component is down; the call waits for it.
        assert_eq!(count(&composition).await.unwrap(), 1);
    });
}

#[test]
fn handle_of_the_old_instance_is_an_error_everywhere() {
    run(async || {
        let composition = counter(AT_ONCE).await;
        let things = "t:t/things";
        let make = async || call(&composition, things, "[constructor]thing", &[]).await.unwrap();
        let (thing, other) = (make().await, make().await);
        call_unit(&composition, None, "keep", &[]).await.unwrap();
        trap(&composition).await;
        assert_eq!(composition.live_handles(), 3);

        // From Rust, lent and moved.
        let borrowed = std::slice::from_ref(&thing);
        let error = limited(call(&composition, things, "[method]thing.use", borrowed)).await;
        let error = error.unwrap_err();
        assert!(matches!(error, CompositionError::Handle(HandleError::Lost { .. })), "{error:?}");
        let error = limited(call_unit(&composition, things, "take", &[other])).await.unwrap_err();
        assert!(matches!(error, CompositionError::Handle(HandleError::Lost { .. })), "{error:?}");
        // From a third component, which traps with it.
        let error = limited(call(&composition, None, "use-kept", &[])).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `user` trapped in `use-kept`\n\
             resource `thing` is lost: component `counter`, which defined it, ended and was started again \
             or replaced"
        );
        // Giving them back disturbs nobody.
        limited(composition.drop_handles(&thing)).await.unwrap();
        until(|| composition.live_handles() == 0).await;
        assert_eq!(count(&composition).await.unwrap(), 1);
        // New ones are as good as ever.
        let thing = make().await;
        let used = limited(call(&composition, things, "[method]thing.use", &[thing])).await;
        assert_eq!(used.unwrap(), Val::U32(1));
    });
}

#[test]
fn restarted_consumer_has_given_back_what_it_held() {
    run(async || {
        let composition = counter(AT_ONCE).await;
        call_unit(&composition, None, "keep", &[]).await.unwrap();
        assert_eq!(composition.live_handles(), 1);
        let error = limited(call_unit(&composition, None, "break", &[])).await.unwrap_err();
        assert!(matches!(error, CompositionError::Trap { .. }), "{error:?}");
        until(|| composition.live_handles() == 0).await;
        // It makes and uses new ones.
        call_unit(&composition, None, "keep", &[]).await.unwrap();
        let used = limited(call(&composition, None, "use-kept", &[])).await.unwrap();
        assert_eq!(used, Val::U32(1));
    });
}

#[test]
fn sync_call_beyond_its_deadline_restarts_the_component() {
    run(async || {
        let clock = Clock::default();
        let mut composer = Composer::new();
        let sleeper = ComposableDescriptor::new("sleeper", clock.component("sleeper"));
        composer.add(sleeper.with_restart(AT_ONCE).with_deadline(Duration::from_millis(20)));
        let composition = composer.compose().await.unwrap();
        let interface = "composer:test/isleeper";
        let error = limited(call(&composition, interface, "doze", &[Val::U64(GATED)])).await;
        assert!(matches!(error.unwrap_err(), CompositionError::Timeout { .. }));
        // The store is ended a moment after the caller heard of it.
        limited(async {
            while call(&composition, interface, "nothing", &[]).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    });
}

#[test]
fn events_tell_of_restarts_and_of_the_end() {
    run(async || {
        let composition = counter(RestartPolicy::restart(1, Duration::ZERO)).await;
        let mut events = composition.events();
        trap(&composition).await;
        count(&composition).await.unwrap();
        trap(&composition).await;
        limited(composition.close(SOON)).await.unwrap();
        let mut told = Vec::new();
        drop(composition);
        while let Some(event) = limited(events.next()).await {
            let change = match event.change {
                Change::Restarting { reason: StopReason::Trapped { .. }, .. } => "restarting",
                Change::Restarted => "restarted",
                Change::Ended { reason: StopReason::Trapped { .. }, .. } => "trapped",
                Change::Ended { reason: StopReason::Closed, .. } => "closed",
                other => panic!("{other:?}"),
            };
            told.push(format!("{} {change}", event.component));
        }
        let expected =
            ["counter restarting", "counter restarted", "counter trapped", "user closed"];
        assert_eq!(told, expected);
    });
}

#[test]
fn close_does_not_wait_for_a_restart() {
    run(async || {
        let composition = counter(RestartPolicy::restart(1, Duration::from_secs(3600))).await;
        trap(&composition).await;
        let count = composition.get_func(None, "count").unwrap();
        let waiting = tokio::spawn(async move { count.call(&[], &mut [Val::U32(0)]).await });
        limited(composition.close(SOON)).await.unwrap();
        let error = limited(waiting).await.unwrap().unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { started: false, .. }), "{error:?}");
    });
}

#[test]
fn component_that_cannot_start_again_says_why() {
    // Its start function calls the host, which refuses from the second time on.
    const STARTER: &str = r#"(component
        (import "allow" (func $allow))
        (core func $allow (canon lower (func $allow)))
        (core module $m
            (import "" "allow" (func $allow))
            (start $allow)
            (func (export "trap") unreachable)
            (func (export "fine")))
        (core instance $i (instantiate $m (with "" (instance (export "allow" (func $allow))))))
        (func (export "trap") (canon lift (core func $i "trap")))
        (func (export "fine") (canon lift (core func $i "fine"))))"#;
    run(async || {
        let starts = Arc::new(AtomicU32::new(0));
        let mut linker = Linker::new(engine());
        let started = starts.clone();
        let allow = move |_: wasmtime::StoreContextMut<'_, ()>, (): ()| match started
            .fetch_add(1, Ordering::Relaxed)
        {
            0 => Ok(()),
            _ => Err(wasmtime::format_err!("once is enough")),
        };
        linker.root().func_wrap("allow", allow).unwrap();
        let starter = with_linker(Component::new(engine(), STARTER).unwrap(), linker);
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("starter", starter).with_restart(AT_ONCE));
        let composition = composer.compose().await.unwrap();
        trap(&composition).await;
        let error = limited(call_unit(&composition, None, "fine", &[])).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `starter` is not running and cannot be asked for `fine`\n\
             component `starter` could not be started again\n\
             component `starter` cannot be instantiated\n\
             once is enough"
        );
        assert_eq!(starts.load(Ordering::Relaxed), 4);
    });
}

#[test]
fn running_instance_cannot_be_restarted() {
    run(async || {
        let mut store = Store::new(engine(), ());
        let linker = Linker::new(engine());
        let instance = linker.instantiate_async(&mut store, &guest("producer")).await.unwrap();
        let instance = ComposableInstance::from_existing(instance, store);
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("producer", instance).with_restart(AT_ONCE));
        let CompositionError::Plan(error) = composer.plan().unwrap_err() else { panic!() };
        assert!(matches!(error.problems(), [PlanProblem::NotRestartable { .. }]), "{error}");
    });
}
