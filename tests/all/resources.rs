//! Resources and their handles: Contract 4.2 to 4.4.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use composer_tests::{
    Clock, Fixture, GATED, call, call_unit, chain, compose, compose_with, composer, engine,
    limited, run, run_placed, string, text, until, with_linker,
};
use futures_util::FutureExt;
use futures_util::future::{maybe_done, poll_immediate};
use wasm_runtime_composer::error::{ArgumentError, HandleError};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
};
use wasmtime::StoreContextMut;
use wasmtime::component::{Component, Linker, Val};

const BUCKETS: &str = "composer:test/buckets";
const BROKER: &str = "composer:test/bucket-user";
const CONSUMER: &str = "composer:test/ibuckets-consumer";

async fn buckets() -> Composition {
    compose(composer(&["bucket-store", "broker", "bucket-consumer"])).await.unwrap()
}

async fn new_bucket(composition: &Composition, name: &str) -> Val {
    call(composition, BUCKETS, "[constructor]bucket", &[string(name)]).await.unwrap()
}

async fn history(composition: &Composition) -> Vec<String> {
    let Val::List(lines) = call(composition, BUCKETS, "history", &[]).await.unwrap() else {
        panic!("history is a list");
    };
    let text = |line| match line {
        Val::String(text) => text,
        other => panic!("{other:?}"),
    };
    lines.into_iter().map(text).collect()
}

async fn count(composition: &Composition, function: &str) -> u32 {
    match call(composition, BUCKETS, function, &[]).await.unwrap() {
        Val::U32(n) => n,
        other => panic!("{other:?}"),
    }
}

#[test]
fn constructor_methods_statics_own_and_borrow_cross() {
    run_placed(async || {
        let composition = buckets().await;
        let text = limited(call(&composition, CONSUMER, "run-resource", &[])).await.unwrap();
        let expected = "a size 2; two at 1; nine at none; count 1 1; a+b size 3; eat 1 3";
        assert_eq!(text, string(expected));
        assert_eq!(count(&composition, "live").await, 0);
        until(|| composition.live_handles() == 0).await;
    });
}

#[test]
fn handles_cross_inside_records_lists_options_and_results() {
    run_placed(async || {
        let composition = buckets().await;
        let text = limited(call(&composition, CONSUMER, "run-holder", &[])).await.unwrap();
        assert_eq!(text, string("in box size 1; box/in box"));
        let text = limited(call(&composition, CONSUMER, "run-nested", &[])).await.unwrap();
        assert_eq!(text, string("0,1,2; some 2; err none"));
        until(|| composition.live_handles() == 0).await;
        assert_eq!(count(&composition, "live").await, 0);
    });
}

#[test]
fn handle_passed_on_to_a_third_component_is_the_same_resource() {
    run_placed(async || {
        let composition = buckets().await;
        let text = limited(call(&composition, CONSUMER, "run-third", &[])).await.unwrap();
        assert_eq!(text, string("describe t:1 t:1; relabel t:2; take t"));
        until(|| composition.live_handles() == 0).await;
    });
}

#[test]
fn proxy_passed_on_is_not_chained() {
    run(async || {
        let composition = buckets().await;
        let bucket = new_bucket(&composition, "b").await;
        // Moved to the broker and back to Rust, then home: one resource, one handle all along.
        call_unit(&composition, BROKER, "keep", &[bucket]).await.unwrap();
        assert_eq!(composition.live_handles(), 1);
        let back = call(&composition, BROKER, "give-back", &[]).await.unwrap();
        assert_eq!(composition.live_handles(), 1);
        let Val::Option(Some(bucket)) = back else { panic!("{back:?}") };
        let size = call(&composition, BUCKETS, "eat", &[*bucket]).await.unwrap();
        assert_eq!((size, composition.live_handles()), (Val::U32(0), 0));
        assert_eq!(history(&composition).await, ["new b", "drop b"]);
    });
}

#[test]
fn moved_handle_is_gone_for_its_giver() {
    run_placed(async || {
        let composition = buckets().await;
        let bucket = new_bucket(&composition, "b").await;
        call(&composition, BUCKETS, "eat", std::slice::from_ref(&bucket)).await.unwrap();
        let error =
            call(&composition, BUCKETS, "count", std::slice::from_ref(&bucket)).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "parameter `b` of `composer:test/buckets#count`\n\
             the handle is not held: it was moved or dropped, or is another composition's"
        );
        let error = composition.drop_handles(&bucket).await.unwrap_err();
        assert!(matches!(error, CompositionError::Handle(HandleError::NotHeld)), "{error:?}");
        assert_eq!(count(&composition, "dropped").await, 1);
    });
}

#[test]
fn handle_given_twice_in_one_call_is_refused_and_stays_held() {
    run_placed(async || {
        let composition = buckets().await;
        let bucket = new_bucket(&composition, "b").await;
        let params = [bucket.clone(), bucket.clone()];
        let error = call(&composition, BUCKETS, "[static]bucket.merge", &params).await.unwrap_err();
        let CompositionError::Argument(ArgumentError::Handle { source, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(source, HandleError::NotHeld);
        // Nothing was moved.
        let size =
            call(&composition, BUCKETS, "count", std::slice::from_ref(&bucket)).await.unwrap();
        assert_eq!(size, Val::U32(0));
        composition.drop_handles(&bucket).await.unwrap();
        assert_eq!((composition.live_handles(), count(&composition, "live").await), (0, 0));
    });
}

#[test]
fn wrong_argument_beside_a_handle_moves_nothing() {
    run_placed(async || {
        let composition = buckets().await;
        let bucket = new_bucket(&composition, "b").await;
        let params = [bucket.clone(), Val::U32(1)];
        let error = call(&composition, BUCKETS, "[static]bucket.merge", &params).await.unwrap_err();
        assert!(
            matches!(error, CompositionError::Argument(ArgumentError::Type { .. })),
            "{error:?}"
        );
        composition.drop_handles(&bucket).await.unwrap();
        assert_eq!(history(&composition).await, ["new b", "drop b"]);
    });
}

#[test]
fn handle_of_another_composition_is_refused() {
    run_placed(async || {
        let (one, other) = (buckets().await, buckets().await);
        let bucket = new_bucket(&one, "b").await;
        let error = call(&other, BUCKETS, "eat", &[bucket]).await.unwrap_err();
        let CompositionError::Argument(ArgumentError::Handle { source, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(source, HandleError::NotHeld);
        assert_eq!(count(&one, "live").await, 1);
    });
}

#[test]
fn handle_of_another_resource_is_refused() {
    run_placed(async || {
        let mut composer = composer(&["bucket-store"]);
        let counted = Counted::default();
        composer.add(ComposableDescriptor::new("counted", counted.component()));
        let composition = compose_with(composer, counted.linker()).await.unwrap();
        let thing = call(&composition, "t:t/things", "[constructor]thing", &[]).await.unwrap();
        let error = call(&composition, BUCKETS, "eat", &[thing]).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "parameter `b` of `composer:test/buckets#eat`\n\
             expected a handle of resource `bucket`, found one of `thing`"
        );
    });
}

#[test]
fn drops_run_in_order_with_the_consumers_other_calls() {
    run_placed(async || {
        let composition = buckets().await;
        let lines = limited(call(&composition, CONSUMER, "run-order", &[])).await.unwrap();
        let expected = ["new x", "put x 1", "drop x", "new y", "put y 2", "drop y"];
        assert_eq!(lines, Val::List(expected.map(string).to_vec()));
    });
}

#[test]
fn drop_runs_after_the_calls_that_were_made_before_it() {
    run_placed(async || {
        // Sync calls, and async ones, which record when they start.
        for function in ["[method]bucket.put", "[method]bucket.find"] {
            let composition = buckets().await;
            let kept = new_bucket(&composition, "kept").await;
            let dropped = new_bucket(&composition, "dropped").await;
            let func = composition.get_func(Some(BUCKETS), function).unwrap();
            let calls = (0..5).map(|i| {
                let (func, params) = (func.clone(), [kept.clone(), string(&i.to_string())]);
                let mut results = vec![Val::Bool(false); usize::from(func.ty().result().is_some())];
                async move { func.call(&params, &mut results).await }.boxed_local()
            });
            let mut calls: Vec<_> = calls.map(maybe_done).collect();
            for call in &mut calls {
                let _ = poll_immediate(call).await;
            }
            limited(composition.drop_handles(&dropped)).await.unwrap();
            for mut call in calls {
                limited(&mut call).await;
                std::pin::Pin::new(&mut call).take_output().unwrap().unwrap();
            }
            let history = history(&composition).await;
            assert_eq!(history.last().unwrap(), "drop dropped", "{history:?}");
        }
    });
}

#[test]
fn lent_handle_cannot_be_moved_or_dropped_until_the_call_ends() {
    run(async || {
        let clock = Clock::default();
        let composition = gated_things(&clock).await;
        let interface = "t:t/things";
        let thing = call(&composition, interface, "[constructor]thing", &[]).await.unwrap();
        let wait = composition.get_func(Some(interface), "[method]thing.wait").unwrap();
        let (params, mut results) = ([thing.clone()], []);
        let mut waiting = wait.call(&params, &mut results).boxed_local();
        assert!(poll_immediate(&mut waiting).await.is_none());
        clock.logged(&format!("block {GATED}")).await;

        let error = composition.drop_handles(&thing).await.unwrap_err();
        assert!(matches!(error, CompositionError::Handle(HandleError::Lent)), "{error:?}");
        let error = call_unit(&composition, interface, "take", std::slice::from_ref(&thing))
            .await
            .unwrap_err();
        let CompositionError::Argument(ArgumentError::Handle { source, .. }) = error else {
            panic!("{error:?}");
        };
        assert_eq!(source, HandleError::Lent);

        clock.open();
        limited(waiting).await.unwrap();
        composition.drop_handles(&thing).await.unwrap();
        assert_eq!(composition.live_handles(), 0);
    });
}

#[test]
fn loan_to_a_withdrawn_call_lasts_until_the_guest_is_done() {
    run(async || {
        let clock = Clock::default();
        let composition = gated_things(&clock).await;
        let interface = "t:t/things";
        let thing = call(&composition, interface, "[constructor]thing", &[]).await.unwrap();
        let wait = composition.get_func(Some(interface), "[method]thing.wait").unwrap();
        let (params, mut results) = ([thing.clone()], []);
        let mut waiting = wait.call(&params, &mut results).boxed_local();
        assert!(poll_immediate(&mut waiting).await.is_none());
        clock.logged(&format!("block {GATED}")).await;
        drop(waiting);
        let error = composition.drop_handles(&thing).await.unwrap_err();
        assert!(matches!(error, CompositionError::Handle(HandleError::Lent)), "{error:?}");
        clock.open();
        limited(async {
            while composition.drop_handles(&thing).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(composition.live_handles(), 0);
    });
}

#[test]
fn handles_of_a_component_that_traps_are_given_back() {
    run(async || {
        let counted = Counted::default();
        let composition = keepers(&counted).await;
        for _ in 0..3 {
            call_unit(&composition, None, "keep", &[]).await.unwrap();
        }
        assert_eq!(composition.live_handles(), 3);
        let error = call_unit(&composition, None, "trap", &[]).await.unwrap_err();
        assert!(matches!(error, CompositionError::Trap { .. }), "{error:?}");
        until(|| composition.live_handles() == 0).await;
        let mut dropped = counted.dropped();
        dropped.sort_unstable();
        assert_eq!(dropped, [1, 2, 3]);
        // The component that they came from goes on.
        call(&composition, "t:t/things", "[constructor]thing", &[]).await.unwrap();
    });
}

#[test]
fn closing_runs_the_destructor_of_every_handle_held_anywhere() {
    run(async || {
        let counted = Counted::default();
        let composition = keepers(&counted).await;
        // Two held by the guest, three by Rust, of which one is dropped before.
        for _ in 0..2 {
            call_unit(&composition, None, "keep", &[]).await.unwrap();
        }
        let mut things = Vec::new();
        for _ in 0..3 {
            let thing = call(&composition, "t:t/things", "[constructor]thing", &[]).await.unwrap();
            things.push(thing);
        }
        composition.drop_handles(&things[0]).await.unwrap();
        assert_eq!((counted.dropped().len(), composition.live_handles()), (1, 4));
        composition.close(Duration::from_secs(5)).await.unwrap();
        let mut dropped = counted.dropped();
        dropped.sort_unstable();
        assert_eq!(dropped, [1, 2, 3, 4, 5]);
        assert_eq!(composition.live_handles(), 0);
    });
}

#[test]
fn dropping_the_composition_runs_destructors_too() {
    run(async || {
        let counted = Counted::default();
        let composition = keepers(&counted).await;
        call_unit(&composition, None, "keep", &[]).await.unwrap();
        let _thing = call(&composition, "t:t/things", "[constructor]thing", &[]).await.unwrap();
        drop(composition);
        until(|| counted.dropped().len() == 2).await;
    });
}

#[test]
fn handles_in_a_value_are_dropped_at_any_depth() {
    run_placed(async || {
        let composition = buckets().await;
        let many = call(&composition, BUCKETS, "many", &[Val::U32(4)]).await.unwrap();
        let holder = call(&composition, BUCKETS, "make", &[string("h")]).await.unwrap();
        let some = new_bucket(&composition, "s").await;
        let some = Val::Option(Some(Box::new(some)));
        let maybe = call(&composition, BUCKETS, "maybe", &[some]).await.unwrap();
        assert_eq!(composition.live_handles(), 6);
        let all = Val::Tuple(vec![many, holder, maybe]);
        composition.drop_handles(&all).await.unwrap();
        assert_eq!((composition.live_handles(), count(&composition, "dropped").await), (0, 6));
    });
}

#[test]
fn instance_that_holds_handles_keeps_them() {
    run(async || {
        let composition = buckets().await;
        call_unit(&composition, CONSUMER, "hold", &[string("a")]).await.unwrap();
        call_unit(&composition, CONSUMER, "hold", &[string("b")]).await.unwrap();
        let held = call(&composition, CONSUMER, "held", &[]).await.unwrap();
        assert_eq!((held, composition.live_handles()), (Val::U32(2), 2));
        call_unit(&composition, CONSUMER, "release", &[]).await.unwrap();
        until(|| composition.live_handles() == 0).await;
        assert_eq!(history(&composition).await, ["new a", "new b", "drop a", "drop b"]);
    });
}

/// Exports `t:t/things` with a resource whose method `wait` blocks until the clock is opened.
const GATED_THINGS: &str = r#"(component
    (import "composer:test/clock" (instance $clock
        (export "block" (func (param "ms" u64)))))
    (core func $block (canon lower (func $clock "block")))
    (type $thing (resource (rep i32)))
    (core func $new (canon resource.new $thing))
    (core func $drop (canon resource.drop $thing))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "block" (func $block (param i64)))
        (func (export "make") (result i32) (call $new (i32.const 1)))
        (func (export "wait") (param i32) (call $block (i64.const -1)))
        (func (export "take") (param i32) (call $drop (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new))
        (export "drop" (func $drop))
        (export "block" (func $block))))))
    (func $make (result (own $thing)) (canon lift (core func $i "make")))
    (func $wait (param "self" (borrow $thing)) (canon lift (core func $i "wait")))
    (func $take (param "thing" (own $thing)) (canon lift (core func $i "take")))
    (component $wrap
        (import "thing" (type $t (sub resource)))
        (import "make" (func $make (result (own $t))))
        (import "wait" (func $wait (param "self" (borrow $t))))
        (import "take" (func $take (param "thing" (own $t))))
        (export $thing "thing" (type $t))
        (export "[constructor]thing" (func $make) (func (result (own $thing))))
        (export "[method]thing.wait" (func $wait) (func (param "self" (borrow $thing))))
        (export "take" (func $take) (func (param "thing" (own $thing)))))
    (instance $things (instantiate $wrap
        (with "thing" (type $thing))
        (with "make" (func $make))
        (with "wait" (func $wait))
        (with "take" (func $take))))
    (export "t:t/things" (instance $things)))"#;

async fn gated_things(clock: &Clock) -> Composition {
    let component = Component::new(engine(), GATED_THINGS).unwrap();
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("things", with_linker(component, clock.linker())));
    composer.compose().await.unwrap()
}

/// A resource whose destructor tells the host.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<Vec<u32>>>);

/// Exports `t:t/things` with a resource `thing`, whose representations count up from 1, and tells
/// `dropped` each one that is destroyed.
const COUNTED: &str = r#"(component
    (import "dropped" (func $dropped (param "rep" u32)))
    (core func $dropped (canon lower (func $dropped)))
    (core module $dtor-module
        (import "" "dropped" (func $dropped (param i32)))
        (func (export "dtor") (param i32) (call $dropped (local.get 0))))
    (core instance $dtor (instantiate $dtor-module
        (with "" (instance (export "dropped" (func $dropped))))))
    (type $thing (resource (rep i32) (dtor (core func $dtor "dtor"))))
    (core func $new (canon resource.new $thing))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (global $next (mut i32) (i32.const 0))
        (func (export "make") (result i32)
            (global.set $next (i32.add (global.get $next) (i32.const 1)))
            (call $new (global.get $next))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func $make (result (own $thing)) (canon lift (core func $i "make")))
    (component $wrap
        (import "thing" (type $t (sub resource)))
        (import "make" (func $f (result (own $t))))
        (export $thing "thing" (type $t))
        (export "[constructor]thing" (func $f) (func (result (own $thing)))))
    (instance $things (instantiate $wrap
        (with "thing" (type $thing))
        (with "make" (func $make))))
    (export "t:t/things" (instance $things)))"#;

/// Makes a `thing` at each call of `keep`, and keeps it for ever, or until it traps.
const KEEPER: &str = r#"(component
    (import "t:t/things" (instance $things
        (export "thing" (type $thing (sub resource)))
        (export "[constructor]thing" (func (result (own $thing))))))
    (core func $make (canon lower (func $things "[constructor]thing")))
    (core module $m
        (import "" "make" (func $make (result i32)))
        (func (export "keep") (drop (call $make)))
        (func (export "trap") unreachable))
    (core instance $i (instantiate $m (with "" (instance (export "make" (func $make))))))
    (func (export "trap") (canon lift (core func $i "trap")))
    (func (export "keep") (canon lift (core func $i "keep"))))"#;

async fn keepers(counted: &Counted) -> Composition {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("counted", counted.component()));
    composer.add(ComposableDescriptor::new("keeper", text(KEEPER)));
    composer.compose().await.unwrap()
}

impl Counted {
    fn component(&self) -> ComposableComponent<()> {
        Fixture::new(COUNTED).component(self.linker())
    }

    fn linker(&self) -> Linker<()> {
        let mut linker = Linker::new(engine());
        let dropped = self.0.clone();
        let tell = move |_: StoreContextMut<'_, ()>, (rep,): (u32,)| {
            dropped.lock().unwrap().push(rep);
            Ok(())
        };
        linker.root().func_wrap("dropped", tell).unwrap();
        linker
    }

    fn dropped(&self) -> Vec<u32> {
        self.0.lock().unwrap().clone()
    }
}

/// Notes what it is told, as digits of a number.
const LOG: &str = r#"(component
    (core module $m
        (global $log (mut i32) (i32.const 0))
        (func (export "note") (param i32)
            (global.set $log
                (i32.add (i32.mul (global.get $log) (i32.const 10)) (local.get 0))))
        (func (export "log") (result i32) (global.get $log)))
    (core instance $i (instantiate $m))
    (func (export "note") (param "n" u32) (canon lift (core func $i "note")))
    (func (export "log") (result u32) (canon lift (core func $i "log"))))"#;

/// Makes things whose destructor notes their number.
const NOTED: &str = r#"(component
    (import "note" (func $note (param "n" u32)))
    (core func $note (canon lower (func $note)))
    (core module $d
        (import "" "note" (func $note (param i32)))
        (func (export "end") (param i32) (call $note (local.get 0))))
    (core instance $d (instantiate $d (with "" (instance (export "note" (func $note))))))
    (type $r (resource (rep i32) (dtor (core func $d "end"))))
    (export $thing "thing" (type $r))
    (core func $new (canon resource.new $r))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (func (export "make") (param i32) (result i32) (call $new (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
    (func (export "make") (param "n" u32) (result (own $thing))
        (canon lift (core func $i "make"))))"#;

/// Makes two things, drops them, and asks a third component what was noted.
const DROPPER: &str = r#"(component
    (import "thing" (type $thing (sub resource)))
    (import "make" (func $make (param "n" u32) (result (own $thing))))
    (import "log" (func $log (result u32)))
    (core func $make (canon lower (func $make)))
    (core func $drop (canon resource.drop $thing))
    (core func $log (canon lower (func $log)))
    (core module $m
        (import "" "make" (func $make (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "log" (func $log (result i32)))
        (func (export "run") (result i32)
            (local $first i32)
            (local.set $first (call $make (i32.const 7)))
            (call $drop (call $make (i32.const 8)))
            (call $drop (local.get $first))
            (call $log)))
    (core instance $i (instantiate $m (with "" (instance
        (export "make" (func $make)) (export "drop" (func $drop)) (export "log" (func $log))))))
    (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;

#[test]
fn destructor_has_run_when_the_handle_is_dropped() {
    run(async || {
        let mut composer = Composer::new();
        for (id, wat) in [("log", LOG), ("noted", NOTED), ("dropper", DROPPER)] {
            composer.add(ComposableDescriptor::new(id, text(wat)));
        }
        let composition = compose(composer).await.unwrap();
        let run = async || call(&composition, None, "run", &[]).await.unwrap();
        assert_eq!(run().await, Val::U32(87));
        assert_eq!(run().await, Val::U32(8787));
        // Rust, too, sees what came before the answer.
        assert_eq!(call(&composition, None, "log", &[]).await.unwrap(), Val::U32(8787));
    });
}

#[test]
fn dropping_a_handle_of_a_component_that_has_ended_waits_for_nothing() {
    run(async || {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("log", text(LOG)));
        // Its destructor ends it: the second handle's home is gone.
        let noted = NOTED.replace("(call $note (local.get 0))", "unreachable");
        composer.add(ComposableDescriptor::new("noted", text(noted)));
        composer.add(ComposableDescriptor::new("dropper", text(DROPPER)));
        let composition = compose(composer).await.unwrap();
        assert_eq!(limited(call(&composition, None, "run", &[])).await.unwrap(), Val::U32(0));
    });
}
