//! Instances that end before their composition does: Contract 8.7.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use composer_tests::{
    Clock, GATED, call, call_unit, engine, guest, limited, run, text, until, with_linker,
};
use futures_util::future::{join_all, poll_immediate};
use wasm_runtime_composer::error::{PlanProblem, StopReason};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, ComposableInstance, Composer, Composition,
    CompositionError, Lifetime, OwnedResource, RestartPolicy, compose,
};
use wasmtime::Store;
use wasmtime::component::{Component, Linker, Val};

use crate::bounds::YIELDS;
use crate::restart::{COUNTER, USER};

const THINGS: &str = "t:t/things";
const SLEEPER: &str = "composer:test/isleeper";

fn counter(lifetime: Lifetime) -> ComposableDescriptor {
    ComposableDescriptor::new("counter", text(COUNTER)).with_lifetime(lifetime)
}

async fn composed(descriptors: impl IntoIterator<Item = ComposableDescriptor>) -> Composition {
    let mut composer = Composer::new();
    for descriptor in descriptors {
        composer.add(descriptor);
    }
    limited(composer.compose()).await.unwrap()
}

async fn count(composition: &Composition) -> Result<u32, CompositionError> {
    limited(composition.typed::<(), u32>(None, "count").unwrap().call(())).await
}

/// How many instances of the first component have ended so far as their lifetime was over.
fn renewals(composition: &Composition) -> u64 {
    composition.snapshot().components[0].instances.iter().map(|it| it.renewals).sum()
}

#[test]
fn each_call_has_a_fresh_instance() {
    run(async || {
        let composition = composed([counter(Lifetime::per_call())]).await;
        for _ in 0..20 {
            assert_eq!(count(&composition).await.unwrap(), 1);
        }
        let all = join_all((0..100).map(|_| count(&composition))).await;
        assert!(all.into_iter().all(|it| it.unwrap() == 1));
        until(|| renewals(&composition) == 120).await;
        limited(composition.close(Duration::from_secs(10))).await.unwrap();
    });
}

#[test]
fn instance_takes_as_many_calls_as_its_lifetime_says() {
    run(async || {
        let composition = composed([counter(Lifetime::calls(3)).with_instances(1)]).await;
        for expected in [1, 2, 3, 1, 2, 3, 1] {
            assert_eq!(count(&composition).await.unwrap(), expected);
        }
        // Of calls that are made together each finds its place, too.
        let mut all: Vec<_> = join_all((0..29).map(|_| count(&composition))).await;
        all.sort_by_key(|it| *it.as_ref().unwrap());
        let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
        assert_eq!(all, [[1; 9].as_slice(), &[2; 10], &[3; 10]].concat());
        limited(composition.close(Duration::from_secs(10))).await.unwrap();
    });
}

#[test]
fn instance_that_is_not_called_for_a_time_ends() {
    run(async || {
        let lifetime = Lifetime::idle(Duration::from_millis(5));
        let composition = composed([counter(lifetime)]).await;
        let _ = count(&composition).await.unwrap();
        until(|| renewals(&composition) == 1).await;
        assert_eq!(count(&composition).await.unwrap(), 1);
        // What is held keeps it.
        let make = composition.typed::<(), OwnedResource>(Some(THINGS), "[constructor]thing");
        let thing = limited(make.unwrap().call(())).await.unwrap();
        let before = renewals(&composition);
        // Longer than another one lives that is called as little.
        let other = composed([counter(lifetime)]).await;
        for renewed in 1..=5 {
            count(&other).await.unwrap();
            until(|| renewals(&other) == renewed).await;
        }
        assert_eq!(renewals(&composition), before);
        let used = composition.typed::<(&OwnedResource,), u32>(Some(THINGS), "[method]thing.use");
        assert_eq!(limited(used.unwrap().call((&thing,))).await.unwrap(), 1);
        drop(thing);
        until(|| renewals(&composition) > before).await;
    });
}

#[test]
fn handles_keep_the_instance_of_their_resource() {
    run(async || {
        let composition = composed([
            counter(Lifetime::per_call()).with_instances(3),
            ComposableDescriptor::new("user", text(USER)),
        ])
        .await;
        let make = composition.typed::<(), OwnedResource>(Some(THINGS), "[constructor]thing");
        let make = make.unwrap();
        let used = composition.typed::<(&OwnedResource,), u32>(Some(THINGS), "[method]thing.use");
        let used = used.unwrap();
        let first = limited(make.call(())).await.unwrap();
        limited(call_unit(&composition, None, "keep", &[])).await.unwrap();
        for _ in 0..5 {
            // Calls without handles have the third instance, each fresh.
            assert_eq!(count(&composition).await.unwrap(), 1);
            assert_eq!(limited(used.call((&first,))).await.unwrap(), 1);
            let kept = limited(call(&composition, None, "use-kept", &[])).await.unwrap();
            assert_eq!(kept, Val::U32(1));
        }
        until(|| renewals(&composition) == 5).await;
        drop(first);
        until(|| renewals(&composition) == 6).await;
        limited(composition.close(Duration::from_secs(10))).await.unwrap();
    });
}

#[test]
fn call_that_brings_the_last_handle_ends_on_its_instance() {
    run(async || {
        let composition = composed([counter(Lifetime::per_call()).with_instances(1)]).await;
        let make = composition.typed::<(), OwnedResource>(Some(THINGS), "[constructor]thing");
        let take = composition.typed::<(OwnedResource,), ()>(Some(THINGS), "take").unwrap();
        for _ in 0..5 {
            let thing = limited(make.as_ref().unwrap().call(())).await.unwrap();
            // Waits until the handle is gone.
            let mut counting = Box::pin(count(&composition));
            assert!(poll_immediate(&mut counting).await.is_none());
            limited(take.call((thing,))).await.unwrap();
            assert_eq!(counting.await.unwrap(), 1);
        }
        assert_eq!(composition.live_handles(), 0);
    });
}

#[test]
fn trap_ends_one_instance_whatever_the_restart_policy_says() {
    run(async || {
        let composition = composed([counter(Lifetime::per_call()).with_instances(2)]).await;
        for _ in 0..20 {
            assert_eq!(count(&composition).await.unwrap(), 1);
            let error = limited(call_unit(&composition, None, "trap", &[])).await.unwrap_err();
            assert!(matches!(error, CompositionError::Trap { .. }), "{error:?}");
        }
        assert_eq!(count(&composition).await.unwrap(), 1);
        // Where instances do not end by their calls, a trap is the end.
        let lifetime = Lifetime::idle(Duration::from_secs(3600));
        let composition = composed([counter(lifetime)]).await;
        limited(call_unit(&composition, None, "trap", &[])).await.unwrap_err();
        let error = count(&composition).await.unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { .. }), "{error:?}");
    });
}

/// A component that cannot be instantiated more than `most` times.
fn starts(most: u32) -> ComposableComponent<()> {
    let mut linker = Linker::new(engine());
    let started = Arc::new(AtomicU32::new(0));
    let start = move |_: wasmtime::StoreContextMut<'_, ()>, (): ()| {
        let again = started.fetch_add(1, Ordering::SeqCst) < most;
        again.then_some(()).ok_or_else(|| wasmtime::Error::msg("no more of them"))
    };
    linker.root().func_wrap("start", start).unwrap();
    let component = r#"(component
        (import "start" (func $start))
        (core func $start (canon lower (func $start)))
        (core module $m
            (import "" "start" (func $start))
            (func (export "count") (result i32) i32.const 1)
            (start $start))
        (core instance $i (instantiate $m (with "" (instance (export "start" (func $start))))))
        (func (export "count") (result u32) (canon lift (core func $i "count"))))"#;
    with_linker(Component::new(engine(), component).unwrap(), linker)
}

#[test]
fn instances_that_cannot_be_made_end_the_component() {
    run(async || {
        let descriptor = ComposableDescriptor::new("counter", starts(4))
            .with_lifetime(Lifetime::per_call())
            .with_instances(2);
        let composition = composed([descriptor]).await;
        let answers = limited(join_all((0..20).map(|_| count(&composition)))).await;
        let (answered, failed): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
        assert_eq!(answered.len(), 4);
        for error in failed {
            let error = error.unwrap_err();
            let CompositionError::Unavailable { started: false, source, .. } = &error else {
                panic!("{error:?}")
            };
            assert!(matches!(source, StopReason::NotRestarted { .. }), "{error:?}");
        }
        // A component that starts takes its place.
        limited(composition.replace("counter", starts(100)).into_future()).await.unwrap();
        for _ in 0..10 {
            assert_eq!(count(&composition).await.unwrap(), 1);
        }
        // The policy gives it more attempts, and then it ends.
        let policy = RestartPolicy::restart(3, Duration::ZERO);
        let descriptor = ComposableDescriptor::new("counter", starts(2))
            .with_lifetime(Lifetime::per_call())
            .with_instances(1)
            .with_restart(policy);
        let composition = composed([descriptor]).await;
        assert_eq!(count(&composition).await.unwrap(), 1);
        assert_eq!(count(&composition).await.unwrap(), 1);
        count(&composition).await.unwrap_err();
    });
}

#[test]
fn as_many_calls_run_as_there_are_instances_and_the_others_wait_in_their_order() {
    run(async || {
        let clock = Clock::default();
        let sleeper = clock.component("sleeper");
        let composition = compose! {
            component sleeper = sleeper { instances 3; lifetime Lifetime::per_call() };
        }
        .await
        .unwrap();
        let doze = composition.typed::<(u64,), u64>(Some(SLEEPER), "doze").unwrap();
        let mut calls = Box::pin(join_all((0..5).map(|_| doze.call((GATED,)))));
        assert!(poll_immediate(&mut calls).await.is_none());
        until(|| clock.log().len() == 3).await;
        assert_eq!(composition.snapshot().components[0].waiting, 2);
        // One with a deadline waits no longer than that, and is not made afterwards.
        let late = doze.clone().with_deadline(Duration::from_millis(10));
        let error = limited(late.call((7,))).await.unwrap_err();
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
        for _ in 0..5 {
            let begun = clock.log().len();
            clock.open();
            until(|| clock.log().len() > begun).await;
        }
        assert!(limited(calls).await.iter().all(Result::is_ok));
        assert!(!clock.log().iter().any(|line| line.contains(" 7")), "{:?}", clock.log());
    });
}

#[test]
fn closing_answers_those_that_wait() {
    run(async || {
        let clock = Clock::default();
        let sleeper = ComposableDescriptor::new("sleeper", clock.component("sleeper"))
            .with_lifetime(Lifetime::per_call())
            .with_instances(1)
            .with_inbox_capacity(2);
        let composition = composed([sleeper]).await;
        let doze = composition.typed::<(u64,), u64>(Some(SLEEPER), "doze").unwrap();
        let mut first = Box::pin(doze.call((GATED,)));
        assert!(poll_immediate(&mut first).await.is_none());
        until(|| clock.log().len() == 1).await;
        // Two wait for an instance, two for room.
        let mut others = Box::pin(join_all((0..4).map(|_| doze.call((GATED,)))));
        assert!(poll_immediate(&mut others).await.is_none());
        let mut closing = Box::pin(composition.close(Duration::from_secs(10)));
        assert!(poll_immediate(&mut closing).await.is_none());
        until(|| format!("{composition:?}").contains("closed: true")).await;
        clock.open();
        limited(first).await.unwrap();
        limited(closing).await.unwrap();
        for answer in limited(others).await {
            let error = answer.unwrap_err();
            let CompositionError::Unavailable { started, source, .. } = &error else {
                panic!("{error:?}")
            };
            assert!(!started && matches!(source, StopReason::Closed), "{error:?}");
        }
        assert_eq!(clock.log().len(), 2, "{:?}", clock.log());
    });
}

#[test]
fn calls_that_wait_reach_a_component_that_takes_the_place() {
    run(async || {
        let clock = Clock::default();
        let sleeper = ComposableDescriptor::new("sleeper", clock.component("sleeper"))
            .with_lifetime(Lifetime::per_call())
            .with_instances(1);
        let composition = composed([sleeper]).await;
        let doze = composition.typed::<(u64,), u64>(Some(SLEEPER), "doze").unwrap();
        let mut first = Box::pin(doze.call((GATED,)));
        assert!(poll_immediate(&mut first).await.is_none());
        until(|| clock.log().len() == 1).await;
        let mut others = Box::pin(join_all((0..10).map(|_| doze.call((1,)))));
        assert!(poll_immediate(&mut others).await.is_none());
        let replacing = composition.replace("sleeper", clock.component("sleeper"));
        limited(replacing.into_future()).await.unwrap();
        // They do not wait for the call that runs in the old one.
        assert!(limited(others).await.iter().all(Result::is_ok));
        clock.open();
        limited(first).await.unwrap();
        until(|| composition.snapshot().components[0].retiring == 0).await;
        limited(composition.close(Duration::from_secs(10))).await.unwrap();
    });
}

#[test]
fn what_a_guest_does_after_its_calls_does_not_keep_the_instance_for_ever() {
    run(async || {
        let mut linker = Linker::new(engine());
        linker.root().func_wrap("begin", |_, (): ()| Ok(())).unwrap();
        let lingers = with_linker(Component::new(engine(), YIELDS).unwrap(), linker);
        let lingers = ComposableDescriptor::new("it", lingers)
            .with_lifetime(Lifetime::per_call())
            .with_instances(1)
            .with_grace(Duration::from_millis(20));
        let composition = composed([lingers]).await;
        for _ in 0..5 {
            limited(call_unit(&composition, None, "linger", &[])).await.unwrap();
        }
    });
}

#[test]
fn lifetime_is_no_matter_of_what_cannot_be_made_again() {
    run(async || {
        let problem = |descriptor: ComposableDescriptor| {
            let mut composer = Composer::new();
            composer.add(descriptor);
            let CompositionError::Plan(error) = composer.plan().unwrap_err() else { panic!() };
            error.problems()[0].clone()
        };
        let none = counter(Lifetime::calls(0));
        assert!(matches!(problem(none), PlanProblem::NoCalls { .. }));
        let mut store = Store::new(engine(), ());
        let (linker, greeter) = (Linker::new(engine()), guest("greeter"));
        let instance = limited(linker.instantiate_async(&mut store, &greeter)).await.unwrap();
        let running = ComposableInstance::from_existing(instance, store);
        let running = ComposableDescriptor::new("greeter", running);
        let running = running.with_lifetime(Lifetime::per_call());
        assert!(matches!(problem(running), PlanProblem::NotRenewable { .. }));
    });
}

#[test]
fn lifetime_of_a_composer_is_that_of_the_components_inside() {
    run(async || {
        let mut inner = Composer::new();
        inner.add(ComposableDescriptor::new("counter", text(COUNTER)));
        inner.add(ComposableDescriptor::new("user", text(USER)).with_lifetime(Lifetime::calls(2)));
        let mut composer = Composer::new();
        let inner = ComposableDescriptor::new("inner", inner);
        composer.add(inner.with_lifetime(Lifetime::per_call()));
        let composition = limited(composer.compose()).await.unwrap();
        for _ in 0..4 {
            assert_eq!(count(&composition).await.unwrap(), 1);
        }
        // The call of the outer component keeps a thing of an instance of the inner one, and the next uses it.
        limited(call_unit(&composition, None, "keep", &[])).await.unwrap();
    });
}
