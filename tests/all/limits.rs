//! Bounds: inboxes (Contract 5.3) and deadlines (5.7).

use std::time::Duration;

use composer_tests::{
    Clock, GATED, call, chain, component, composer, config, limited, run, text, until,
};
use futures_util::FutureExt;
use futures_util::future::{join, join_all, poll_immediate};
use tokio::runtime::Builder;
use wasm_runtime_composer::error::{PlanProblem, StartError, StopReason};
use wasm_runtime_composer::layer::{Call, Next, from_fn};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    OwnedResource, RestartPolicy,
};
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};

const SLEEPER: &str = "composer:test/isleeper";
const SHORT: Duration = Duration::from_millis(20);

async fn sleeper(
    clock: &Clock,
    configure: impl Fn(ComposableDescriptor) -> ComposableDescriptor,
) -> Composition {
    let mut composer = Composer::new();
    composer.add(configure(ComposableDescriptor::new("sleeper", clock.component("sleeper"))));
    composer.compose().await.unwrap()
}

/// A call that was made and still waits.
macro_rules! waiting {
    ($composition:expr, $function:literal) => {{
        let func = $composition.get_func(Some(SLEEPER), $function).unwrap();
        let mut call = async move {
            let mut results = [Val::Bool(false)];
            func.call(&[Val::U64(GATED)], &mut results).await
        }
        .boxed_local();
        assert!(poll_immediate(&mut call).await.is_none());
        call
    }};
}

#[test]
fn full_inbox_makes_callers_wait_and_loses_none() {
    run(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock, |it| it.with_inbox_capacity(2)).await;
        let first = waiting!(composition, "doze");
        until(|| clock.log().len() == 1).await;
        // The store is held: two wait in the inbox, the others for room in it.
        let others = (0..8_u64).map(|i| {
            let (composition, params) = (&composition, [Val::U64(i)]);
            async move { call(composition, SLEEPER, "doze", &params).await }
        });
        let mut others = join_all(others).boxed_local();
        assert!(poll_immediate(&mut others).await.is_none());
        assert!(format!("{composition:?}").contains(r#""sleeper": 2"#), "{composition:?}");
        clock.open();
        limited(first).await.unwrap();
        for result in limited(others).await {
            result.unwrap();
        }
        let started: Vec<_> =
            clock.log().into_iter().filter(|line| !line.ends_with("over")).skip(1).collect();
        let expected: Vec<_> = (0..8).map(|i| format!("block {i}")).collect();
        assert_eq!(started, expected);
    });
}

#[test]
fn sync_call_of_a_guest_is_not_stuck_behind_its_own_async_ones() {
    // While a sync call holds the guest's store, nothing in the store can take up room that its
    // earlier async calls were given.
    run(async || {
        let mut composer = composer(&["consumer"]);
        let producer = component("producer");
        composer.add(ComposableDescriptor::new("producer", producer).with_inbox_capacity(1));
        let composition = composer.compose().await.unwrap();
        let interface = "composer:test/iconsumer";
        let calls = (0..20).map(|i| {
            let composition = &composition;
            async move {
                let n = [Val::U32(9)];
                let name = [composer_tests::string("x")];
                let (function, params) =
                    if i % 2 == 0 { ("run-concurrent", &n) } else { ("run-greet", &name) };
                call(composition, interface, function, params).await
            }
        });
        for result in limited(join_all(calls)).await {
            result.unwrap();
        }
    });
}

#[test]
fn caller_that_waits_for_room_is_answered_when_the_component_ends() {
    run(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock, |it| it.with_inbox_capacity(1)).await;
        let first = waiting!(composition, "doze");
        until(|| clock.log().len() == 1).await;
        let others = [(), (), ()].map(|()| {
            let func = composition.get_func(Some(SLEEPER), "nothing").unwrap();
            async move { func.call(&[], &mut [Val::Bool(false)]).await }
        });
        let mut others = join_all(others).boxed_local();
        assert!(poll_immediate(&mut others).await.is_none());
        let _ = limited(composition.close(Duration::ZERO)).await;
        limited(first).await.unwrap_err();
        for result in limited(others).await {
            let error = result.unwrap_err();
            assert!(
                matches!(error, CompositionError::Unavailable { started: false, .. }),
                "{error:?}"
            );
        }
    });
}

#[test]
fn thousands_of_calls_run_at_the_same_time() {
    run(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock, |it| it).await;
        let naps = (0..3000).map(|_| {
            let composition = &composition;
            async move { call(composition, SLEEPER, "nap", &[Val::U64(GATED)]).await }
        });
        let mut naps = join_all(naps).boxed_local();
        until(|| {
            let _ = (&mut naps).now_or_never();
            clock.log().len() == 3000
        })
        .await;
        // None of them ends, and still the component answers.
        let nothing = limited(call(&composition, SLEEPER, "nothing", &[])).await;
        assert_eq!(nothing.unwrap(), Val::U32(7));
    });
}

#[test]
fn guest_that_awaits_nothing_meets_a_bound() {
    // Starts calls of an async import and forgets them.
    const FLOOD: &str = r#"(component
        (import "composer:test/isleeper" (instance $sleeper
            (export "nap" (func async (param "ms" u64) (result u64)))))
        (core module $libc (memory (export "memory") 1))
        (core instance $libc (instantiate $libc))
        (core func $nap (canon lower (func $sleeper "nap") async
            (memory (core memory $libc "memory"))))
        (core module $m
            (import "" "nap" (func $nap (param i64 i32) (result i32)))
            (func (export "flood") (param $n i32)
                (loop $again
                    (drop (call $nap (i64.const -1) (i32.const 16)))
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (br_if $again (local.get $n)))))
        (core instance $i (instantiate $m (with "" (instance (export "nap" (func $nap))))))
        (func (export "flood") (param "n" u32) (canon lift (core func $i "flood"))))"#;
    run(async || {
        let clock = Clock::default();
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("sleeper", clock.component("sleeper")));
        composer.add(ComposableDescriptor::new("flood", text(FLOOD)));
        let composition = composer.compose().await.unwrap();
        let flood = composition.get_func(None, "flood").unwrap();
        limited(flood.call(&[Val::U32(100)], &mut [])).await.unwrap();
        let error = limited(flood.call(&[Val::U32(1 << 20)], &mut [])).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `flood` trapped in `flood`\n\
             component `flood` has 16384 calls of other components waiting, which is the most that \
             it may have; it must await some before it makes more, or have a higher `with_calls_in_flight`"
        );
        // The one that was flooded goes on.
        let nothing = limited(call(&composition, SLEEPER, "nothing", &[])).await;
        assert_eq!(nothing.unwrap(), Val::U32(7));
    });
}

#[test]
fn inbox_needs_room_for_a_call() {
    let clock = Clock::default();
    let mut composer = Composer::new();
    let sleeper = ComposableDescriptor::new("sleeper", clock.component("sleeper"));
    composer.add(sleeper.with_inbox_capacity(0));
    let CompositionError::Plan(error) = composer.plan().unwrap_err() else { panic!() };
    assert!(matches!(error.problems(), [PlanProblem::NoCapacity { .. }]), "{error}");
}

#[test]
fn inboxes_of_a_running_composition_cannot_be_changed() {
    run(async || {
        let inner = composer(&["producer"]).compose().await.unwrap();
        let mut outer = Composer::new();
        outer.add(ComposableDescriptor::new("inner", inner).with_inbox_capacity(9));
        let CompositionError::Plan(error) = outer.plan().unwrap_err() else { panic!() };
        assert!(matches!(error.problems(), [PlanProblem::CapacityOfComposition { .. }]), "{error}");
    });
}

#[test]
fn calls_that_wait_behind_a_sync_one_are_withdrawn_with_their_callers() {
    run(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock, |it| it).await;
        // All of them are made before the component runs.
        let calls = (0..10_u64).map(|i| {
            let (composition, params) = (&composition, [Val::U64(if i == 0 { GATED } else { i })]);
            async move { call(composition, SLEEPER, "doze", &params).await }
        });
        let mut calls = join_all(calls).boxed_local();
        assert!(poll_immediate(&mut calls).await.is_none());
        until(|| clock.log().len() == 1).await;
        drop(calls);
        clock.open();
        limited(call(&composition, SLEEPER, "doze", &[Val::U64(77)])).await.unwrap();
        let begun = clock.log().into_iter().filter(|line| !line.ends_with("over"));
        assert_eq!(begun.collect::<Vec<_>>(), [format!("block {GATED}"), "block 77".to_owned()]);
    });
}

#[test]
fn calls_that_wait_behind_one_beyond_its_deadline_reach_the_next_instance() {
    run(async || {
        let clock = Clock::default();
        let policy = RestartPolicy::restart(9, Duration::ZERO);
        let composition = sleeper(&clock, |it| it.with_restart(policy)).await;
        let doze = composition.typed::<(u64,), u64>(Some(SLEEPER), "doze").unwrap();
        let params = [Val::U64(GATED)];
        let hung = composition.get_func(Some(SLEEPER), "doze").unwrap().with_deadline(SHORT);
        let mut results = [Val::Bool(false)];
        let both = join(hung.call(&params, &mut results), doze.call((1,)));
        let (hung, waiting) = limited(both).await;
        assert!(matches!(hung, Err(CompositionError::Timeout { .. })), "{hung:?}");
        waiting.unwrap();
    });
}

/// Runs `test` in a time that passes when there is nothing else to do, and so to the millisecond.
fn in_its_own_time<F: Future<Output = ()>>(test: impl FnOnce() -> F) {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(limited(test()));
}

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

#[test]
fn time_spent_waiting_does_not_end_the_store() {
    in_its_own_time(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock, |it| it).await;
        let first = waiting!(composition, "doze");
        until(|| clock.log().len() == 1).await;
        // It waits for most of its time, and has not run for as long when that is over.
        let late = composition.get_func(Some(SLEEPER), "doze").unwrap().with_deadline(millis(400));
        let (params, mut results) = ([Val::U64(200)], [Val::Bool(false)]);
        let mut late = late.call(&params, &mut results).boxed_local();
        assert!(poll_immediate(&mut late).await.is_none());
        tokio::time::sleep(millis(300)).await;
        clock.open();
        first.await.unwrap();
        let error = late.await.unwrap_err();
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
        // The component is the one that it was.
        let nothing = call(&composition, SLEEPER, "nothing", &[]).await.unwrap();
        assert_eq!(nothing, Val::U32(7));
    });
}

#[test]
fn call_with_a_long_deadline_does_not_shield_one_with_a_short_deadline() {
    in_its_own_time(async || {
        let clock = Clock::default();
        let policy = RestartPolicy::restart(9, Duration::ZERO);
        let composition = sleeper(&clock, |it| it.with_restart(policy)).await;
        let doze = composition.get_func(Some(SLEEPER), "doze").unwrap();
        let first = waiting!(composition, "doze");
        until(|| clock.log().len() == 1).await;
        // It is over its time at 1000 while it runs, and would be to blame at 1900.
        let long = doze.clone().with_deadline(millis(1000));
        let (params, mut results) = ([Val::U64(300)], [Val::Bool(false)]);
        let mut long = long.call(&params, &mut results).boxed_local();
        assert!(poll_immediate(&mut long).await.is_none());
        tokio::time::sleep(millis(900)).await;
        clock.open();
        first.await.unwrap();
        long.await.unwrap_err();
        // From 1200 on the next one has the store, for ever but for its deadline.
        let start = tokio::time::Instant::now();
        until(|| clock.log().iter().any(|line| line == "block 300")).await;
        let (params, mut results) = ([Val::U64(GATED)], [Val::Bool(false)]);
        let hung = doze.with_deadline(millis(300)).call(&params, &mut results).await;
        hung.unwrap_err();
        call(&composition, SLEEPER, "nothing", &[]).await.unwrap();
        assert!(start.elapsed() < millis(700), "{:?}", start.elapsed());
    });
}

#[test]
fn calls_that_a_guest_gives_up_are_bounded_while_they_take_room() {
    run(async || {
        let clock = Clock::default();
        let mut composer = composer(&["careful"]);
        composer.add(ComposableDescriptor::new("fragile", clock.component("fragile")));
        let composition = composer.compose().await.unwrap();
        let plain = composition.typed::<(u32,), u32>(Some("composer:test/ifragile"), "plain");
        let plain = plain.unwrap();
        // Nothing is taken out of the provider's inbox.
        let mut held = plain.call((3,)).boxed_local();
        assert!(poll_immediate(&mut held).await.is_none());
        clock.logged(&format!("block {GATED}")).await;
        let give_up =
            composition.typed::<(u32, u32), ()>(Some("composer:test/icareful"), "give-up").unwrap();
        limited(async {
            for _ in 0..16 * 1024 {
                give_up.call((0, 0)).await.unwrap();
            }
        })
        .await;
        let error = limited(give_up.call((0, 0))).await.unwrap_err();
        assert!(chain(&error).contains("has 16384 calls of other components waiting"), "{error:?}");
        clock.open();
        limited(held).await.unwrap();
    });
}

#[test]
fn component_holds_so_many_handles_of_others_and_no_more() {
    run(async || {
        let buckets = "composer:test/buckets";
        let broker = "composer:test/bucket-user";
        let consumer = "composer:test/ibuckets-consumer";
        let mut composer = composer(&["bucket-store"]);
        for guest in ["broker", "bucket-consumer"] {
            let descriptor = ComposableDescriptor::new(guest, component(guest));
            composer.add(descriptor.with_handle_limit(2));
        }
        let composition = composer.compose().await.unwrap();
        let make =
            composition.typed::<(&str,), OwnedResource>(Some(buckets), "[constructor]bucket");
        let make = make.unwrap();
        let keep = composition.typed::<(OwnedResource,), ()>(Some(broker), "keep").unwrap();
        for name in ["a", "b"] {
            let bucket = limited(make.call((name,))).await.unwrap();
            limited(keep.call((bucket,))).await.unwrap();
        }
        // Whoever gives it one more is told; it goes on, and what it holds is still good.
        let bucket = limited(make.call(("c",))).await.unwrap();
        let error = limited(keep.call((bucket,))).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "component `broker` holds 2 handles of other components' resources, which is the most \
             that it may have; it must drop some, or have a higher `with_handle_limit`"
        );
        let back =
            composition.typed::<(), Option<OwnedResource>>(Some(broker), "give-back").unwrap();
        let bucket = limited(back.call(())).await.unwrap().unwrap();
        limited(keep.call((bucket,))).await.unwrap();
        until(|| composition.live_handles() == 2).await;

        // What takes one more itself traps with it, and gives back what it holds.
        let hold = composition.typed::<(&str,), ()>(Some(consumer), "hold").unwrap();
        limited(hold.call(("d",))).await.unwrap();
        limited(hold.call(("e",))).await.unwrap();
        let error = limited(hold.call(("f",))).await.unwrap_err();
        assert!(chain(&error).contains("component `bucket-consumer` holds 2 handles"), "{error:?}");
        until(|| composition.live_handles() == 2).await;
    });
}

#[test]
fn async_call_past_its_deadline_times_out_and_its_component_goes_on() {
    in_its_own_time(async || {
        for per_call in [true, false] {
            let clock = Clock::default();
            let composition = sleeper(&clock, |it| match per_call {
                true => it,
                false => it.with_deadline(SHORT),
            })
            .await;
            let mut nap = composition.get_func(Some(SLEEPER), "nap").unwrap();
            if per_call {
                nap = nap.with_deadline(SHORT);
            }
            let mut results = [Val::Bool(false)];
            let error = limited(nap.call(&[Val::U64(GATED)], &mut results)).await.unwrap_err();
            assert_eq!(
                chain(&error),
                "component `sleeper` did not answer `composer:test/isleeper#nap` within 20ms"
            );
            let nothing = limited(call(&composition, SLEEPER, "nothing", &[])).await;
            assert_eq!(nothing.unwrap(), Val::U32(7));
        }
    });
}

#[test]
fn time_spent_in_a_layer_does_not_end_the_store() {
    in_its_own_time(async || {
        let clock = Clock::default();
        let wait = from_fn(async |call: Call, next: Next| {
            tokio::time::sleep(millis(90)).await;
            next.call(call).await
        });
        let composition = sleeper(&clock, |it| it.with_layer(wait)).await;
        let doze = composition.get_func(Some(SLEEPER), "doze").unwrap();
        let mut results = [Val::Bool(false)];
        // Of its 100 ms it has 10 in the guest, where it holds the store for 50.
        let late = doze.clone().with_deadline(millis(100));
        let error = late.call(&[Val::U64(50)], &mut results).await.unwrap_err();
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
        doze.call(&[Val::U64(0)], &mut results).await.unwrap();
    });
}

#[test]
fn sync_call_past_its_deadline_ends_its_component() {
    in_its_own_time(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock, |it| it).await;
        let nap = waiting!(composition, "nap");
        until(|| clock.log().len() == 1).await;
        let doze = composition.get_func(Some(SLEEPER), "doze").unwrap().with_deadline(SHORT);
        let mut results = [Val::Bool(false)];
        let error = limited(doze.call(&[Val::U64(GATED)], &mut results)).await.unwrap_err();
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
        // All others are answered with the cause.
        let error = limited(nap).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `sleeper` stopped before answering `composer:test/isleeper#nap`\n\
             component `sleeper` was ended in `composer:test/isleeper#doze`, which ran beyond its \
             deadline"
        );
        let CompositionError::Unavailable { source, .. } = error else { panic!("{error:?}") };
        assert!(matches!(source, StopReason::Expired { .. }), "{source:?}");
    });
}

#[test]
fn call_that_expires_in_the_inbox_is_withdrawn_and_ends_nothing() {
    run(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock, |it| it).await;
        let first = waiting!(composition, "doze");
        until(|| clock.log().len() == 1).await;
        let doze = composition.get_func(Some(SLEEPER), "doze").unwrap().with_deadline(SHORT);
        let mut results = [Val::Bool(false)];
        let error = limited(doze.call(&[Val::U64(1)], &mut results)).await.unwrap_err();
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
        clock.open();
        limited(first).await.unwrap();
        call(&composition, SLEEPER, "doze", &[Val::U64(2)]).await.unwrap();
        assert!(!clock.log().contains(&"block 1".to_owned()), "{:?}", clock.log());
    });
}

#[test]
fn shorter_deadline_counts() {
    run(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock, |it| it.with_deadline(SHORT)).await;
        let nap = composition.get_func(Some(SLEEPER), "nap").unwrap();
        let nap = nap.with_deadline(Duration::from_secs(3600));
        let mut results = [Val::Bool(false)];
        let error = limited(nap.call(&[Val::U64(GATED)], &mut results)).await.unwrap_err();
        let CompositionError::Timeout { after, .. } = error else { panic!("{error:?}") };
        assert_eq!(after, SHORT);
    });
}

#[test]
fn deadline_around_a_nested_composition_counts_for_calls_into_it() {
    run(async || {
        let clock = Clock::default();
        for composed in [true, false] {
            let mut inner = Composer::new();
            inner.add(ComposableDescriptor::new("sleeper", clock.component("sleeper")));
            let descriptor = match composed {
                true => ComposableDescriptor::new("inner", inner.compose().await.unwrap()),
                false => ComposableDescriptor::new("inner", inner),
            };
            let mut outer = Composer::new();
            outer.add(descriptor.with_deadline(SHORT));
            let outer = outer.compose().await.unwrap();
            let error =
                limited(call(&outer, SLEEPER, "nap", &[Val::U64(GATED)])).await.unwrap_err();
            assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
        }
    });
}

#[test]
fn deadline_of_a_provider_traps_the_guest_that_calls() {
    const DOZER: &str = r#"(component
        (import "composer:test/isleeper" (instance $sleeper
            (export "doze" (func (param "ms" u64) (result u64)))))
        (core func $doze (canon lower (func $sleeper "doze")))
        (core module $m
            (import "" "doze" (func $doze (param i64) (result i64)))
            (func (export "run") (drop (call $doze (i64.const -1)))))
        (core instance $i (instantiate $m (with "" (instance (export "doze" (func $doze))))))
        (func (export "run") (canon lift (core func $i "run"))))"#;
    run(async || {
        let clock = Clock::default();
        let mut composer = composer(&["producer"]);
        let sleeper = ComposableDescriptor::new("sleeper", clock.component("sleeper"));
        composer.add(sleeper.with_deadline(SHORT));
        composer.add(ComposableDescriptor::new("dozer", text(DOZER)));
        let composition = composer.compose().await.unwrap();
        let run = composition.get_func(None, "run").unwrap();
        let error = limited(run.call(&[], &mut [])).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `dozer` trapped in `run`\n\
             component `sleeper` did not answer `composer:test/isleeper#doze` within 20ms"
        );
        let params = [Val::S32(1), Val::S32(2)];
        assert_eq!(call(&composition, None, "add", &params).await.unwrap(), Val::S32(3));
    });
}

#[test]
fn pooling_allocator_has_a_place_for_each_component_and_gets_it_back() {
    run(async || {
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(4).total_core_instances(8).total_memories(4);
        pool.total_tables(4).total_stacks(8).max_memory_size(1 << 20);
        let mut config = config();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        // What a memory reserves is taken for each place beforehand.
        config.memory_reservation(1 << 20).memory_guard_size(0);
        let engine = Engine::new(&config).unwrap();
        let text = r#"(component
            (core module $m (memory 1) (func (export "n") (result i32) i32.const 7))
            (core instance $i (instantiate $m))
            (func (export "n") (result u32) (canon lift (core func $i "n"))))"#;
        let compiled = Component::new(&engine, text).unwrap();
        let compose = |n: usize| {
            let mut composer = Composer::new();
            for i in 0..n {
                let engine = engine.clone();
                let linker = Linker::<()>::new(&engine);
                let component =
                    ComposableComponent::new(&compiled, linker, move || Store::new(&engine, ()));
                composer.add(ComposableDescriptor::new(format!("c{i}"), component));
            }
            composer.with_export_hint("n", "c0");
            composer.compose()
        };
        for _ in 0..3 {
            let composition = limited(compose(4)).await.unwrap();
            assert_eq!(limited(call(&composition, None, "n", &[])).await.unwrap(), Val::U32(7));
            limited(composition.close(Duration::from_secs(5))).await.unwrap();
            // One that finds no place says which, and those before it give theirs back.
            let error = limited(compose(5)).await.unwrap_err();
            assert!(
                matches!(
                    &error,
                    CompositionError::Start(StartError::Instantiate { component, .. })
                        if component == "c4"
                ),
                "{error:?}"
            );
        }
    });
}
