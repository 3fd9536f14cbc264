//! Several instances of one component.

use std::time::Duration;

use composer_tests::{
    Clock, GATED, call, call_unit, component, composer, engine, guest, limited, run, text, until,
};
use futures_util::future::{join_all, poll_immediate};
use wasm_runtime_composer::error::{HandleError, PlanProblem};
use wasm_runtime_composer::{
    ComposableDescriptor, ComposableInstance, Composer, Composition, CompositionError,
    OwnedResource, compose,
};
use wasmtime::Store;
use wasmtime::component::{Linker, Val};

const SLEEPER: &str = "composer:test/isleeper";
const BUCKETS: &str = "composer:test/buckets";
const BROKER: &str = "composer:test/bucket-user";

/// Counts its calls, and traps when asked to.
const COUNTER: &str = r#"(component
    (core module $m
        (global $n (mut i32) (i32.const 0))
        (func (export "count") (result i32)
            (global.set $n (i32.add (global.get $n) (i32.const 1)))
            (global.get $n))
        (func (export "trap") unreachable))
    (core instance $i (instantiate $m))
    (func (export "count") (result u32) (canon lift (core func $i "count")))
    (func (export "trap") (canon lift (core func $i "trap"))))"#;

async fn alone(descriptor: ComposableDescriptor) -> Composition {
    let mut composer = Composer::new();
    composer.add(descriptor);
    limited(composer.compose()).await.unwrap()
}

#[test]
fn as_many_sync_calls_run_at_a_time_as_there_are_instances() {
    run(async || {
        let clock = Clock::default();
        let sleeper = clock.component("sleeper");
        let composition = compose! { component sleeper = sleeper { instances 3 }; }.await.unwrap();
        let doze = composition.typed::<(u64,), u64>(Some(SLEEPER), "doze").unwrap();
        let mut calls = Box::pin(join_all((0..5).map(|_| doze.call((GATED,)))));
        assert!(poll_immediate(&mut calls).await.is_none());
        until(|| clock.log().len() == 3).await;
        // The other two wait.
        assert!(format!("{composition:?}").contains(r#""sleeper": 2"#), "{composition:?}");
        for _ in 0..5 {
            let begun = clock.log().len();
            clock.open();
            until(|| clock.log().len() > begun).await;
        }
        assert!(limited(calls).await.iter().all(Result::is_ok));
    });
}

#[test]
fn handles_lead_to_the_instance_where_their_resource_lives() {
    run(async || {
        let mut composer = composer(&["broker"]);
        let store = ComposableDescriptor::new("bucket-store", component("bucket-store"));
        composer.add(store.with_instances(3));
        let composition = limited(composer.compose()).await.unwrap();
        let new = composition.typed::<(&str,), OwnedResource>(Some(BUCKETS), "[constructor]bucket");
        let new = new.unwrap();
        let name =
            composition.typed::<(&OwnedResource,), String>(Some(BUCKETS), "[method]bucket.name");
        let name = name.unwrap();
        let describe =
            composition.typed::<(&OwnedResource,), String>(Some(BROKER), "describe").unwrap();
        let merge = composition.typed::<(OwnedResource, &OwnedResource), OwnedResource>(
            Some(BUCKETS),
            "[static]bucket.merge",
        );
        let merge = merge.unwrap();

        // An instance with a resource has more to do than one without.
        let mut buckets = Vec::new();
        for id in ["a", "b", "c"] {
            buckets.push((id, limited(new.call((id,))).await.unwrap()));
        }
        for (id, bucket) in &buckets {
            assert_eq!(limited(name.call((bucket,))).await.unwrap(), *id);
            assert_eq!(limited(describe.call((bucket,))).await.unwrap(), format!("{id}:0"));
        }
        let (_, first) = buckets.remove(0);
        let error = limited(merge.call((first, &buckets[0].1))).await.unwrap_err();
        assert!(
            matches!(error, CompositionError::Handle(HandleError::OtherInstance { .. })),
            "{error:?}"
        );
        drop(buckets);
        until(|| composition.live_handles() == 0).await;
    });
}

#[test]
fn instance_that_has_ended_leaves_the_calls_to_the_others() {
    run(async || {
        let counter = ComposableDescriptor::new("counter", text(COUNTER)).with_instances(2);
        let composition = alone(counter).await;
        for _ in 0..2 {
            assert!(limited(call(&composition, None, "count", &[])).await.is_ok());
            limited(call_unit(&composition, None, "trap", &[])).await.unwrap_err();
        }
        let error = limited(call(&composition, None, "count", &[])).await.unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { .. }), "{error:?}");
        // All of them are replaced.
        let replacing = composition.replace("counter", text(COUNTER));
        limited(replacing.into_future()).await.unwrap();
        for _ in 0..2 {
            assert!(limited(call(&composition, None, "count", &[])).await.is_ok());
            limited(call_unit(&composition, None, "trap", &[])).await.unwrap_err();
        }
        limited(call(&composition, None, "count", &[])).await.unwrap_err();
    });
}

#[test]
fn closing_ends_every_instance() {
    run(async || {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let counter = ComposableDescriptor::new("counter", text(COUNTER)).with_instances(5);
        let composition = alone(counter).await;
        // One task each, and the composition's.
        assert_eq!(tasks(), before + 6);
        assert_eq!(limited(call(&composition, None, "count", &[])).await.unwrap(), Val::U32(1));
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
        until(|| tasks() == before).await;
    });
}

#[test]
fn number_of_instances_that_cannot_be_is_a_problem() {
    run(async || {
        let problem = |descriptor: ComposableDescriptor| {
            let mut composer = Composer::new();
            composer.add(descriptor);
            let CompositionError::Plan(error) = composer.plan().unwrap_err() else { panic!() };
            error.problems()[0].clone()
        };
        let none = ComposableDescriptor::new("counter", text(COUNTER)).with_instances(0);
        assert!(matches!(problem(none), PlanProblem::NoInstances { .. }));
        let mut store = Store::new(engine(), ());
        let (linker, greeter) = (Linker::new(engine()), guest("greeter"));
        let instance = limited(linker.instantiate_async(&mut store, &greeter)).await.unwrap();
        let instance = ComposableInstance::from_existing(instance, store);
        let two = ComposableDescriptor::new("greeter", instance).with_instances(2);
        assert!(matches!(problem(two), PlanProblem::OneInstance { .. }));
    });
}
