//! Replacing a component of a composition that runs: Contract 5.9.

use std::time::Duration;

use composer_tests::{
    Clock, GATED, call, call_unit, chain, component, composer, engine, guest, limited, run, string,
    text, until, with_linker,
};
use futures_util::future::{join_all, maybe_done, poll_immediate};
use wasm_runtime_composer::error::{HandleError, PlanProblem, StartError, StopReason};
use wasm_runtime_composer::snapshot::Change;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, ComposableInstance, Composer, Composition,
    CompositionError, ExportFilter, OwnedResource, RestartPolicy,
};
use wasmtime::Store;
use wasmtime::component::{Linker, Val};

const BUCKETS: &str = "composer:test/buckets";
const BROKER: &str = "composer:test/bucket-user";
const CONSUMER: &str = "composer:test/ibuckets-consumer";
const SLEEPER: &str = "composer:test/isleeper";

/// Exports `number`, which is `n`, and traps when asked to.
fn number(n: u32) -> ComposableComponent<()> {
    text(format!(
        r#"(component
            (core module $m
                (func (export "number") (result i32) i32.const {n})
                (func (export "trap") unreachable))
            (core instance $i (instantiate $m))
            (func (export "number") (result u32) (canon lift (core func $i "number")))
            (func (export "trap") (canon lift (core func $i "trap"))))"#
    ))
}

/// Imports `number` and exports its double.
const DOUBLE: &str = r#"(component
    (import "number" (func $number (result u32)))
    (core func $number (canon lower (func $number)))
    (core module $m
        (import "" "number" (func $number (result i32)))
        (func (export "double") (result i32) (i32.add (call $number) (call $number))))
    (core instance $i (instantiate $m (with "" (instance (export "number" (func $number))))))
    (func (export "double") (result u32) (canon lift (core func $i "double"))))"#;

/// A function `name` of type `ty`, which is never called.
fn function(name: &str, ty: &str, core: &str) -> ComposableComponent<()> {
    text(format!(
        r#"(component
            (core module $m (func (export "f") {core} unreachable))
            (core instance $i (instantiate $m))
            (func (export "{name}") {ty} (canon lift (core func $i "f"))))"#
    ))
}

async fn doubled() -> Composition {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("number", number(1)));
    composer.add(ComposableDescriptor::new("double", text(DOUBLE)));
    composer.compose().await.unwrap()
}

async fn asked(composition: &Composition, function: &str) -> Val {
    limited(call(composition, None, function, &[])).await.unwrap()
}

/// Replaces, which must fail, and shows that nothing has changed.
async fn refused(
    composition: &Composition,
    id: &str,
    by: impl wasm_runtime_composer::Composable,
) -> String {
    let before = composition.plan().to_string();
    let error = limited(composition.replace(id, by).into_future()).await.unwrap_err();
    assert_eq!(composition.plan().to_string(), before);
    assert_eq!(asked(composition, "double").await, Val::U32(2));
    chain(&error)
}

#[test]
fn calls_reach_the_new_component_from_rust_and_from_others() {
    run(async || {
        let composition = doubled().await;
        let kept = composition.typed::<(), u32>(None, "number").unwrap();
        assert_eq!(asked(&composition, "double").await, Val::U32(2));
        limited(composition.replace("number", number(5)).into_future()).await.unwrap();
        assert_eq!(kept.call(()).await.unwrap(), 5);
        assert_eq!(asked(&composition, "number").await, Val::U32(5));
        assert_eq!(asked(&composition, "double").await, Val::U32(10));
        // As often as one likes.
        limited(composition.replace("number", number(7)).into_future()).await.unwrap();
        assert_eq!(asked(&composition, "double").await, Val::U32(14));
    });
}

#[test]
fn replacement_that_does_not_fit_is_refused_with_a_reason_and_changes_nothing() {
    run(async || {
        let composition = doubled().await;
        let text = refused(&composition, "number", component("greeter")).await;
        assert!(
            text.contains(
                "the replacement of `number` does not export `number`, which `double` imports"
            ),
            "{text}"
        );
        assert!(text.contains("does not export `trap`, which the composition offers"), "{text}");

        let other = function("number", "(result s32)", "(result i32)");
        let text = refused(&composition, "number", other).await;
        let reasons = [
            "`trap`, which the composition offers",
            "`number`, result, imported by `double` from `number`: expected `u32`, found `s32`",
            "`number`, result of the replacement of `number` is not what the composition offers: \
             expected `u32`, found `s32`",
        ];
        assert!(reasons.iter().all(|reason| text.contains(reason)), "{text}");
        let text = refused(&composition, "number", number(2).hiding(&["number"])).await;
        assert!(text.contains("the replacement of `number` hides `number`"), "{text}");

        let text =
            refused(&composition, "double", function("double", "(result s32)", "(result i32)"))
                .await;
        assert_eq!(
            text,
            "`double`, result of the replacement of `double` is not what the composition offers: \
             expected `u32`, found `s32`"
        );
        let text = refused(&composition, "numbr", number(2)).await;
        assert_eq!(text, "there is no component `numbr` to replace; did you mean `number`?");
        let text = refused(
            &composition,
            "number",
            composer_tests::text("(component (import \"x\" (func)))"),
        )
        .await;
        assert!(
            text.contains(
                "function `x`, imported by `number`, is missing: no other component exports it"
            ),
            "{text}"
        );
    });
}

#[test]
fn whole_compositions_are_no_replacement_and_cannot_be_replaced() {
    run(async || {
        let inner = doubled().await;
        let mut group = Composer::new();
        group.add(ComposableDescriptor::new("number", number(3)));
        group.add(ComposableDescriptor::new("double", text(DOUBLE)));
        let mut outer = Composer::new();
        outer.add(ComposableDescriptor::new("inner", inner.clone()));
        outer.add(ComposableDescriptor::new("group", group));
        outer.with_export_hint("double", "inner").with_export_hint("number", "group");
        let outer = outer.compose().await.unwrap();
        let text = refused(&outer, "inner", number(2)).await;
        assert!(text.starts_with("`inner` cannot be replaced: it is a composition"), "{text}");
        let text = refused(&outer, "group", number(2)).await;
        assert!(text.starts_with("`group` cannot be replaced: it is a composer"), "{text}");
        let text = refused(&outer, "group/number", Composer::new()).await;
        assert!(text.contains("only be replaced by a single component"), "{text}");

        // What is inside can be.
        assert_eq!(asked(&outer, "number").await, Val::U32(3));
        limited(outer.replace("group/number", number(4)).into_future()).await.unwrap();
        assert_eq!(asked(&outer, "number").await, Val::U32(4));
        limited(inner.replace("number", number(8)).into_future()).await.unwrap();
        assert_eq!(asked(&outer, "double").await, Val::U32(16));
    });
}

#[test]
fn calls_under_load_end_on_the_old_instance_or_run_on_the_new_in_their_order() {
    run(async || {
        let composition = doubled().await;
        let number_of = composition.typed::<(), u32>(None, "number").unwrap();
        let double = composition.typed::<(), u32>(None, "double").unwrap();
        let done = std::cell::Cell::new(false);
        let callers = (0..16).map(|caller| {
            let (number_of, double, done) = (&number_of, &double, &done);
            async move {
                let (mut last, mut calls) = (0, 0);
                while !done.get() || calls < 10 {
                    let found = match caller % 2 {
                        0 => number_of.call(()).await.unwrap() * 2,
                        // Its two calls may see two components.
                        _ => double.call(()).await.unwrap(),
                    };
                    assert!(last <= found, "{found} after {last}");
                    last = found;
                    calls += 1;
                }
            }
        });
        let replacing = async {
            for n in 2..30 {
                composition.replace("number", number(n)).await.unwrap();
            }
            done.set(true);
        };
        limited(futures_util::future::join(join_all(callers), replacing)).await;
        assert_eq!(asked(&composition, "double").await, Val::U32(58));
    });
}

#[test]
fn running_call_ends_on_the_old_instance_and_waiting_ones_run_on_the_new() {
    run(async || {
        let clock = Clock::default();
        let sleeper = |clock: &Clock| clock.component("sleeper");
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("sleeper", sleeper(&clock)));
        let composition = composer.compose().await.unwrap();
        let doze = composition.typed::<(u64,), u64>(Some(SLEEPER), "doze").unwrap();
        let nothing = composition.typed::<(), u32>(Some(SLEEPER), "nothing").unwrap();
        let mut events = composition.events();

        // The store is held; what comes behind waits in the inbox.
        let mut running = Box::pin(doze.call((GATED,)));
        assert!(poll_immediate(&mut running).await.is_none());
        clock.logged(&format!("block {GATED}")).await;
        let mut waiting = Box::pin(nothing.call(()));
        assert!(poll_immediate(&mut waiting).await.is_none());

        let later = Clock::default();
        limited(composition.replace("sleeper", sleeper(&later)).into_future()).await.unwrap();
        assert_eq!(limited(waiting).await.unwrap(), 7);
        assert!(poll_immediate(&mut running).await.is_none());
        let event = limited(events.next()).await.unwrap();
        assert!(matches!(event.change, Change::Replaced), "{event:?}");

        clock.open();
        limited(running).await.unwrap();
        // Nobody needs the old instance any more.
        let event = limited(events.next()).await.unwrap();
        let Change::Retired { reason: StopReason::Replaced, .. } = event.change else {
            panic!("{event:?}")
        };
        assert!(later.log().is_empty());
    });
}

#[test]
fn handles_of_the_old_instance_stay_good_until_the_last_is_dropped() {
    run(async || {
        let composition =
            composer(&["bucket-store", "broker", "bucket-consumer"]).compose().await.unwrap();
        let mut events = composition.events();
        let new = composition
            .typed::<(&str,), OwnedResource>(Some(BUCKETS), "[constructor]bucket")
            .unwrap();
        let put = composition
            .typed::<(&OwnedResource, &str), ()>(Some(BUCKETS), "[method]bucket.put")
            .unwrap();
        let size = composition
            .typed::<(&OwnedResource,), u32>(Some(BUCKETS), "[method]bucket.size")
            .unwrap();
        let merge = composition
            .typed::<(OwnedResource, &OwnedResource), OwnedResource>(
                Some(BUCKETS),
                "[static]bucket.merge",
            )
            .unwrap();
        let describe =
            composition.typed::<(&OwnedResource,), String>(Some(BROKER), "describe").unwrap();
        let live = composition.typed::<(), u32>(Some(BUCKETS), "live").unwrap();

        let old = limited(new.call(("old",))).await.unwrap();
        limited(call_unit(&composition, CONSUMER, "hold", &[string("held")])).await.unwrap();
        limited(composition.replace("bucket-store", component("bucket-store")).into_future())
            .await
            .unwrap();
        assert!(matches!(limited(events.next()).await.unwrap().change, Change::Replaced));

        let fresh = limited(new.call(("fresh",))).await.unwrap();
        limited(put.call((&old, "x"))).await.unwrap();
        assert_eq!(limited(size.call((&old,))).await.unwrap(), 1);
        assert_eq!(limited(size.call((&fresh,))).await.unwrap(), 0);
        // A third component's calls go where its handle lives, too.
        assert_eq!(limited(describe.call((&old,))).await.unwrap(), "old:1");
        assert_eq!(limited(describe.call((&fresh,))).await.unwrap(), "fresh:0");
        assert_eq!(limited(live.call(())).await.unwrap(), 1);

        // Handles of two instances do not go into one call; what is lent stays the caller's.
        let other = limited(new.call(("other",))).await.unwrap();
        let error = limited(merge.call((other, &old))).await.unwrap_err();
        assert!(
            matches!(error, CompositionError::Handle(HandleError::OtherInstance { .. })),
            "{error:?}"
        );
        assert_eq!(limited(size.call((&old,))).await.unwrap(), 1);

        limited(call_unit(&composition, CONSUMER, "release", &[])).await.unwrap();
        limited(old.release()).await.unwrap();
        let event = limited(events.next()).await.unwrap();
        assert!(matches!(event.change, Change::Retired { .. }), "{event:?}");
        assert_eq!(limited(size.call((&fresh,))).await.unwrap(), 0);
        assert_eq!(limited(live.call(())).await.unwrap(), 1);
        drop(fresh);
        until(|| composition.live_handles() == 0).await;
    });
}

#[test]
fn old_instance_ends_in_the_time_given_and_its_handles_with_it() {
    run(async || {
        let composition = composer(&["bucket-store", "broker"]).compose().await.unwrap();
        let mut events = composition.events();
        let new = composition
            .typed::<(&str,), OwnedResource>(Some(BUCKETS), "[constructor]bucket")
            .unwrap();
        let describe =
            composition.typed::<(&OwnedResource,), String>(Some(BROKER), "describe").unwrap();
        let take = composition.typed::<(OwnedResource,), String>(Some(BROKER), "take").unwrap();
        let size = composition
            .typed::<(&OwnedResource,), u32>(Some(BUCKETS), "[method]bucket.size")
            .unwrap();
        let old = limited(new.call(("old",))).await.unwrap();
        let replacement = composition.replace("bucket-store", component("bucket-store"));
        limited(replacement.retiring_within(Duration::ZERO).into_future()).await.unwrap();
        limited(async {
            while !matches!(events.next().await.unwrap().change, Change::Retired { .. }) {}
        })
        .await;
        let error = limited(size.call((&old,))).await.unwrap_err();
        assert!(matches!(error, CompositionError::Handle(HandleError::Lost { .. })), "{error:?}");
        // In a third component it is an error of its call.
        let error = limited(describe.call((&old,))).await.unwrap_err();
        assert!(
            chain(&error).contains("resource `bucket` is lost: component `bucket-store`"),
            "{}",
            chain(&error)
        );
        drop((old, take));
        until(|| composition.live_handles() == 0).await;
    });
}

#[test]
fn call_that_outlives_the_time_given_is_told_why() {
    run(async || {
        let clock = Clock::default();
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("sleeper", clock.component("sleeper")));
        let composition = composer.compose().await.unwrap();
        for function in ["nap", "doze"] {
            let func = composition.typed::<(u64,), u64>(Some(SLEEPER), function).unwrap();
            let mut running = Box::pin(func.call((GATED,)));
            assert!(poll_immediate(&mut running).await.is_none());
            let begun = if function == "nap" { "sleep" } else { "block" };
            clock.logged(&format!("{begun} {GATED}")).await;
            let replacement = composition.replace("sleeper", clock.component("sleeper"));
            limited(replacement.retiring_within(Duration::ZERO).into_future()).await.unwrap();
            let error = limited(running).await.unwrap_err();
            let CompositionError::Unavailable { started: true, source, .. } = &error else {
                panic!("{error:?}")
            };
            assert!(matches!(source, StopReason::Replaced), "{source:?}");
        }
    });
}

#[test]
fn replacement_brings_its_own_imports_and_exports() {
    run(async || {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("number", number(1)));
        composer.add(ComposableDescriptor::new("ten", number(10)));
        composer.add(ComposableDescriptor::new(
            "double",
            function("double", "(result u32)", "(result i32)"),
        ));
        composer.with_export_hint("number", "number").with_export_hint("trap", "number");
        let composition = composer.compose().await.unwrap();
        // Which of the two the new import means has to be said.
        let error = limited(composition.replace("double", text(DOUBLE)).into_future()).await;
        assert!(error.unwrap_err().to_string().contains("choose one with a hint"));
        let replacement = composition.replace("double", text(DOUBLE));
        limited(replacement.with_import_hint("number", "ten").into_future()).await.unwrap();
        assert_eq!(asked(&composition, "double").await, Val::U32(20));
        // The hint stays.
        limited(composition.replace("double", text(DOUBLE)).into_future()).await.unwrap();
        assert_eq!(asked(&composition, "double").await, Val::U32(20));

        let more = DOUBLE.replace(
            r#"(func (export "double") (result u32)"#,
            r#"(func (export "again") (result u32) (canon lift (core func $i "double")))
               (func (export "double") (result u32)"#,
        );
        limited(composition.replace("double", text(more)).into_future()).await.unwrap();
        assert_eq!(asked(&composition, "again").await, Val::U32(20));
        let plan = composition.plan().to_string();
        assert!(plan.contains("again: func() -> u32 from double"), "{plan}");
        assert!(plan.contains("imports number from ten"), "{plan}");

        let replacement = composition.replace("double", text(DOUBLE));
        let error = limited(replacement.with_import_hint("nmber", "ten").into_future()).await;
        let text = error.unwrap_err().to_string();
        assert!(text.contains("did you mean `number`?"), "{text}");
    });
}

#[test]
fn component_that_has_ended_can_be_replaced() {
    run(async || {
        let composition = doubled().await;
        limited(call_unit(&composition, None, "trap", &[])).await.unwrap_err();
        limited(call(&composition, None, "number", &[])).await.unwrap_err();
        limited(composition.replace("number", number(3)).into_future()).await.unwrap();
        assert_eq!(asked(&composition, "number").await, Val::U32(3));
        assert_eq!(asked(&composition, "double").await, Val::U32(6));
    });
}

#[test]
fn component_that_waits_for_its_restart_can_be_replaced() {
    run(async || {
        let policy = RestartPolicy::restart(1, Duration::from_secs(60 * 60));
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("number", number(1)).with_restart(policy));
        let composition = composer.compose().await.unwrap();
        limited(call_unit(&composition, None, "trap", &[])).await.unwrap_err();
        let func = composition.get_func(None, "number").unwrap();
        let mut results = [Val::Bool(false)];
        let mut waiting = Box::pin(func.call(&[], &mut results));
        assert!(poll_immediate(&mut waiting).await.is_none());
        limited(composition.replace("number", number(3)).into_future()).await.unwrap();
        limited(waiting).await.unwrap();
        assert_eq!(results, [Val::U32(3)]);
    });
}

#[test]
fn replacement_keeps_the_settings_and_is_started_again_as_itself() {
    run(async || {
        let policy = RestartPolicy::restart(5, Duration::ZERO);
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("number", number(1)).with_restart(policy));
        let composition = composer.compose().await.unwrap();
        limited(composition.replace("number", number(2)).into_future()).await.unwrap();
        limited(call_unit(&composition, None, "trap", &[])).await.unwrap_err();
        assert_eq!(asked(&composition, "number").await, Val::U32(2));

        // An instance that runs already cannot be started again.
        let mut store = Store::new(engine(), ());
        let (linker, greeter) = (Linker::new(engine()), guest("greeter"));
        let instance = limited(linker.instantiate_async(&mut store, &greeter)).await.unwrap();
        let instance = ComposableInstance::from_existing(instance, store);
        let error = limited(composition.replace("number", instance).into_future()).await;
        let CompositionError::Plan(error) = error.unwrap_err() else { panic!() };
        let not_restartable = |it: &PlanProblem| matches!(it, PlanProblem::NotRestartable { .. });
        assert!(error.problems().iter().any(not_restartable), "{error}");
    });
}

#[test]
fn replacement_that_cannot_start_changes_nothing() {
    run(async || {
        let composition = doubled().await;
        let broken = text(
            r#"(component
                (core module $m
                    (func (export "number") (result i32) unreachable)
                    (func (export "trap") unreachable)
                    (func $start unreachable)
                    (start $start))
                (core instance $i (instantiate $m))
                (func (export "number") (result u32) (canon lift (core func $i "number")))
                (func (export "trap") (canon lift (core func $i "trap"))))"#,
        );
        let text = refused(&composition, "number", broken).await;
        assert!(text.starts_with("component `number` cannot be instantiated"), "{text}");
    });
}

#[test]
fn replacing_ends_with_its_future_and_with_its_composition() {
    run(async || {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let composition = doubled().await;
        let running = tasks();
        for polls in 0..8 {
            let mut replacing = maybe_done(composition.replace("number", number(9)).into_future());
            for _ in 0..polls {
                if poll_immediate(&mut replacing).await.is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        // Each has come to its end or changed nothing.
        let found = asked(&composition, "number").await;
        assert!([Val::U32(1), Val::U32(9)].contains(&found), "{found:?}");
        until(|| tasks() == running).await;

        limited(composition.close(Duration::from_secs(30))).await.unwrap();
        let error = limited(composition.replace("number", number(2)).into_future()).await;
        let error = error.unwrap_err();
        assert!(matches!(error, CompositionError::Start(StartError::Closed { .. })), "{error:?}");
        until(|| tasks() == before).await;
    });
}

#[test]
fn closing_ends_old_instances_that_are_still_needed() {
    run(async || {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let composition =
            composer(&["bucket-store", "broker", "bucket-consumer"]).compose().await.unwrap();
        for name in ["a", "b", "c"] {
            limited(call_unit(&composition, CONSUMER, "hold", &[string(name)])).await.unwrap();
            limited(call_unit(&composition, CONSUMER, "leak-to-third", &[string(name)]))
                .await
                .unwrap();
            limited(call(&composition, BUCKETS, "[constructor]bucket", &[string(name)]))
                .await
                .unwrap();
            let store = component("bucket-store");
            limited(composition.replace("bucket-store", store).into_future()).await.unwrap();
        }
        assert_eq!(composition.live_handles(), 9);
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
        assert_eq!(composition.live_handles(), 0);
        drop(composition);
        until(|| tasks() == before).await;
    });
}

#[test]
fn store_that_is_replaced_ends_with_its_data() {
    run(async || {
        let data = std::sync::Arc::new(());
        let with_data = || {
            let data = data.clone();
            ComposableComponent::new(guest("greeter"), Linker::new(engine()), move || {
                Store::new(engine(), data.clone())
            })
        };
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("greeter", with_data()));
        let composition = composer.compose().await.unwrap();
        let stores = std::sync::Arc::strong_count(&data);
        for _ in 0..5 {
            limited(composition.replace("greeter", with_data()).into_future()).await.unwrap();
        }
        // One constructor and one store are left.
        until(|| std::sync::Arc::strong_count(&data) == stores).await;
        let linker = with_linker(guest("greeter"), Linker::new(engine()));
        limited(composition.replace("greeter", linker).into_future()).await.unwrap();
        until(|| std::sync::Arc::strong_count(&data) == 1).await;
    });
}

/// A component that exports `name` as a function that returns `number`.
fn numbered(name: &str, number: u32) -> ComposableComponent<()> {
    text(format!(
        r#"(component
            (core module $m (func (export "f") (result i32) i32.const {number}))
            (core instance $i (instantiate $m))
            (func (export "{name}") (result u32) (canon lift (core func $i "f"))))"#
    ))
}

#[test]
fn import_under_another_name_goes_along() {
    run(async || {
        let relay = r#"(component
            (import "wanted" (func $wanted (result u32)))
            (core func $wanted (canon lower (func $wanted)))
            (core module $m (import "" "f" (func $f (result i32)))
                (func (export "f") (result i32) call $f))
            (core instance $i (instantiate $m (with "" (instance (export "f" (func $wanted))))))
            (func (export "told") (result u32) (canon lift (core func $i "f"))))"#;
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("one", numbered("given", 1)));
        let consumer = ComposableDescriptor::new("consumer", text(relay));
        composer.add(consumer.with_import_hint_as("wanted", "one", "given"));
        let composition = limited(composer.compose()).await.unwrap();
        let told = composition.typed::<(), u32>(None, "told").unwrap();
        assert_eq!(limited(told.call(())).await.unwrap(), 1);
        limited(composition.replace("one", numbered("given", 2)).into_future()).await.unwrap();
        assert_eq!(limited(told.call(())).await.unwrap(), 2);
        // The consumer keeps its hint, until it gets another.
        limited(composition.replace("consumer", text(relay)).into_future()).await.unwrap();
        assert_eq!(limited(told.call(())).await.unwrap(), 2);
        let again = composition.replace("consumer", text(relay));
        let again = again.with_import_hint_as("wanted", "one", "given");
        limited(again.into_future()).await.unwrap();
        assert_eq!(limited(told.call(())).await.unwrap(), 2);
        let lacking = composition.replace("one", numbered("other", 3)).into_future();
        let error = limited(lacking).await.unwrap_err().to_string();
        assert!(error.contains("`given`"), "{error}");
    });
}
