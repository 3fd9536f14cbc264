//! Who piles something up meets a bound of its own, and others go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};

use composer_tests::{
    chain, component, engine, limited, memory_in_use, run, text, until, with_linker,
};
use futures_util::future::poll_immediate;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::Semaphore;
use wasm_runtime_composer::host::HostOwn;
use wasm_runtime_composer::{
    ComponentStream, ComposableComponent, ComposableDescriptor, Composer, Composition,
    CompositionError, HostInterface, OwnedResource,
};
use wasmtime::Store;
use wasmtime::component::Linker;

use crate::leaks::in_a_process;

async fn compose(parts: Vec<ComposableDescriptor>) -> Composition {
    let mut composer = Composer::new();
    parts.into_iter().for_each(|part| _ = composer.add(part));
    limited(composer.compose()).await.unwrap()
}

/// Makes resources, `function` says how, and keeps them.
fn hoarder(function: &str) -> ComposableComponent<()> {
    text(format!(
        r#"(component
            (import "r" (type $r (sub resource)))
            (import "make" (func $make (result (own $r))))
            (core func $make (canon lower (func $make)))
            (core module $m
                (import "" "make" (func $make (result i32)))
                (func (export "hoard") (param $n i32)
                    (loop $again
                        (drop (call $make))
                        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                        (br_if $again (local.get $n)))))
            (core instance $i (instantiate $m (with "" (instance (export "make" (func $make))))))
            (func (export "{function}") (param "n" u32) (canon lift (core func $i "hoard"))))"#
    ))
}

struct Thing;

#[test]
fn resources_of_rust_have_no_limit_for_the_process() {
    // More than a store of wasmtime has room for, unless it is told to have more.
    const MANY: u32 = 100_001;
    run(async || {
        let make = |n: u32| (0..n).map(|_| HostOwn::new(Thing)).collect::<Vec<_>>();
        let things = HostInterface::root().resource::<Thing>("r").func_wrap("many", make);
        let composition = compose(vec![ComposableDescriptor::new("things", things)]).await;
        let many = composition.typed::<(u32,), Vec<OwnedResource>>(None, "many").unwrap();
        let held = limited(many.call((MANY,))).await.unwrap();
        assert_eq!(held.len(), MANY as usize);
    });
}

#[test]
fn provider_goes_on_when_others_hoard_its_resources() {
    const ROOM: usize = 800;
    const STORE: &str = r#"(component
        (type $r (resource (rep i32)))
        (core func $new (canon resource.new $r))
        (core module $m
            (import "" "new" (func $new (param i32) (result i32)))
            (func (export "make") (result i32) (call $new (i32.const 1))))
        (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
        (export $re "r" (type $r))
        (func (export "make") (result (own $re)) (canon lift (core func $i "make"))))"#;
    run(async || {
        let store = ComposableComponent::new(STORE, Linker::<()>::new(engine()), || {
            let mut store = Store::new(engine(), ());
            store.set_max_component_handles(ROOM);
            store
        });
        let composition = compose(vec![
            ComposableDescriptor::new("store", store),
            ComposableDescriptor::new("a", hoarder("hoard-a")),
            ComposableDescriptor::new("b", hoarder("hoard-b")),
        ])
        .await;
        let hoard = |name| composition.typed::<(u32,), ()>(None, name).unwrap();
        limited(hoard("hoard-a").call((600,))).await.unwrap();
        let error = limited(hoard("hoard-b").call((600,))).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `b` trapped in `hoard`\n".replace("hoard", "hoard-b")
                + "others hold 700 resources of component `store`, which is as many as they may: its store has \
                   room for 800 handles; they must drop some, or its store have a higher \
                   `Store::set_max_component_handles`"
        );
        // The one that trapped has given back what it held.
        until(|| composition.live_handles() == 600).await;
        let make = composition.typed::<(), OwnedResource>(None, "make").unwrap();
        limited(make.call(())).await.unwrap();
    });
}

#[test]
fn future_that_goes_back_and_forth_takes_no_more_room() {
    const ECHO: &str = r#"(component
        (type $f (future u8))
        (core module $m (func (export "echo") (param i32) (result i32) (local.get 0)))
        (core instance $i (instantiate $m))
        (func (export "echo") (param "f" $f) (result $f) (canon lift (core func $i "echo"))))"#;
    const PING_PONG: &str = r#"(component
        (type $f (future u8))
        (import "echo" (func $echo (param "f" $f) (result $f)))
        (core func $echo (canon lower (func $echo)))
        (core func $new (canon future.new $f))
        (core module $m
            (import "" "echo" (func $echo (param i32) (result i32)))
            (import "" "new" (func $new (result i64)))
            (global $f (mut i32) (i32.const 0))
            (func (export "go") (param $n i32)
                (if (i32.eqz (global.get $f)) (then (global.set $f (i32.wrap_i64 (call $new)))))
                (loop $again
                    (global.set $f (call $echo (global.get $f)))
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (br_if $again (local.get $n)))))
        (core instance $i (instantiate $m (with "" (instance
            (export "echo" (func $echo)) (export "new" (func $new))))))
        (func (export "go") (param "n" u32) (canon lift (core func $i "go"))))"#;
    let name = "hoarders::future_that_goes_back_and_forth_takes_no_more_room";
    in_a_process(name, || {
        run(async || {
            let composition = compose(vec![
                ComposableDescriptor::new("echo", text(ECHO)),
                ComposableDescriptor::new("it", text(PING_PONG)),
            ])
            .await;
            let go = composition.typed::<(u32,), ()>(None, "go").unwrap();
            limited(go.call((100,))).await.unwrap();
            let before = memory_in_use();
            limited(go.call((20_000,))).await.unwrap();
            if let Some((before, after)) = before.zip(memory_in_use()) {
                assert!(after.saturating_sub(before) < 40 << 20, "{before} {after}");
            }
        });
    });
}

/// Calls `eat` with a megabyte each time, and waits for none of them.
const FLOOD: &str = r#"(component
    (import "eat" (func $eat async (param "bytes" (list u8))))
    (core module $libc (memory (export "memory") 32))
    (core instance $libc (instantiate $libc))
    (core func $eat (canon lower (func $eat) async (memory (core memory $libc "memory"))))
    (core module $m
        (import "" "eat" (func $eat (param i32 i32) (result i32)))
        (func (export "flood") (param $n i32)
            (loop $again
                (drop (call $eat (i32.const 0) (i32.const 1048576)))
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br_if $again (local.get $n)))))
    (core instance $i (instantiate $m (with "" (instance (export "eat" (func $eat))))))
    (func (export "flood") (param "n" u32) (canon lift (core func $i "flood"))))"#;

async fn flood(
    configure: impl Fn(ComposableDescriptor) -> ComposableDescriptor,
    gate: &Arc<Semaphore>,
) -> Composition {
    let gate = gate.clone();
    let eats = HostInterface::root().func_wrap_concurrent("eat", move |bytes: Vec<u8>| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            drop(bytes);
        }
    });
    compose(vec![
        ComposableDescriptor::new("eats", eats),
        configure(ComposableDescriptor::new("flood", text(FLOOD))),
    ])
    .await
}

#[test]
fn bytes_that_wait_are_bounded() {
    run(async || {
        let gate = Arc::new(Semaphore::new(0));
        let composition = flood(|it| it.with_bytes_in_flight(3 << 20), &gate).await;
        let flood = composition.typed::<(u32,), ()>(None, "flood").unwrap();
        limited(flood.call((3,))).await.unwrap();
        // What has an answer waits no more.
        gate.add_permits(3);
        until(|| gate.available_permits() == 0).await;
        until(|| composition.snapshot().components[0].instances[0].running == 0).await;
        limited(flood.call((3,))).await.unwrap();
        let error = limited(flood.call((1,))).await.unwrap_err();
        let CompositionError::Trap { source, .. } = &error else { panic!("{error:?}") };
        let bound = source.downcast_ref::<CompositionError>();
        assert!(
            matches!(bound, Some(CompositionError::FloodOfBytes { limit: 3_145_728, .. })),
            "{error:?}"
        );
    });
}

#[test]
fn bytes_that_wait_are_bounded_where_nothing_is_said_too() {
    run(async || {
        let composition = flood(|it| it, &Arc::new(Semaphore::new(0))).await;
        let flood = composition.typed::<(u32,), ()>(None, "flood").unwrap();
        limited(flood.call((64,))).await.unwrap();
        let error = limited(flood.call((1,))).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `flood` trapped in `flood`\n\
             component `flood` has 67108864 bytes waiting in calls and streams, and 1048576 more would be more \
             than the 67108864 that it may have; it must await some calls before it makes more, or have a \
             higher `with_bytes_in_flight`"
        );
    });
}

#[test]
fn calls_that_wait_are_as_many_as_is_said() {
    run(async || {
        let composition =
            flood(|it| it.with_calls_in_flight(5), &Arc::new(Semaphore::new(0))).await;
        let flood = composition.typed::<(u32,), ()>(None, "flood").unwrap();
        limited(flood.call((5,))).await.unwrap();
        let error = limited(flood.call((1,))).await.unwrap_err();
        assert!(chain(&error).contains("has 5 calls of other components waiting"), "{error:?}");
    });
}

#[test]
fn callers_of_one_component_take_turns() {
    const FLOOD: u32 = 1000;
    // As many as may be in the provider's store, and some.
    const FEW: usize = 40;
    // One call at a time, though of an async type.
    let provider = r#"(component
        (import "spend" (func $spend))
        (core func $spend (canon lower (func $spend)))
        (core module $m (import "" "spend" (func $spend)) (func (export "f") (call $spend)))
        (core instance $i (instantiate $m (with "" (instance (export "spend" (func $spend))))))
        (func (export "work") async (canon lift (core func $i "f"))))"#;
    let hog = r#"(component
        (import "work" (func $work async))
        (core func $work (canon lower (func $work) async))
        (core module $m
            (import "" "work" (func $work (result i32)))
            (func (export "hog") (param $n i32)
                (loop $again
                    (drop (call $work))
                    (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                    (br_if $again (local.get $n)))))
        (core instance $i (instantiate $m (with "" (instance (export "work" (func $work))))))
        (func (export "hog") (param "n" u32) (canon lift (core func $i "hog"))))"#;
    run(async || {
        let (gate, spent) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let (opens, counts) = (gate.clone(), spent.clone());
        let host = HostInterface::root().func_wrap_async("spend", move || {
            let (gate, spent) = (opens.clone(), counts.clone());
            async move {
                gate.acquire().await.unwrap().forget();
                spent.fetch_add(1, Ordering::SeqCst);
            }
        });
        // What is given compiled is not known so well.
        let shared = with_linker(provider, Linker::new(engine()));
        let composition = compose(vec![
            ComposableDescriptor::new("env", host),
            ComposableDescriptor::new("shared", shared),
            ComposableDescriptor::new("hog", text(hog)),
        ])
        .await;
        let hogs = composition.typed::<(u32,), ()>(None, "hog").unwrap();
        limited(hogs.call((FLOOD,))).await.unwrap();
        let work = composition.typed::<(), ()>(None, "work").unwrap();
        let mut call = work.call(()).boxed_local();
        assert!(poll_immediate(&mut call).await.is_none());
        limited(async {
            for n in 1.. {
                gate.add_permits(1);
                until(|| spent.load(Ordering::SeqCst) == n).await;
                if let Some(answer) = poll_immediate(&mut call).await {
                    return answer.unwrap();
                }
                assert!(n < FEW);
            }
        })
        .await;
        gate.add_permits(FLOOD as usize);
    });
}

/// Notes that it was used.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn stream_of_more_bytes_than_may_wait_is_lost_and_has_not_ended() {
    run(async || {
        let writer = ComposableDescriptor::new("writer", component("writer"));
        let composition = compose(vec![writer.with_bytes_in_flight(1)]).await;
        let interface = Some("composer:test/istreams");
        let bytes = composition.typed::<(u64, u32), ComponentStream<u8>>(interface, "bytes");
        let bytes = bytes.unwrap();
        let mut first = limited(bytes.call((4000, 900))).await.unwrap();
        let mut second = limited(bytes.call((4000, 900))).await.unwrap();
        // What the first has asked for waits for it.
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        assert!(first.poll_next_unpin(&mut Context::from_waker(&waker)).is_pending());
        until(|| woken.0.load(Ordering::Acquire)).await;
        let error = limited(second.next()).await.expect("it has not ended").unwrap_err();
        assert!(matches!(error, CompositionError::Stream(_)), "{}", chain(&error));
        let read: Vec<_> = limited(first.collect()).await;
        let (last, read) = read.split_last().unwrap();
        assert!(matches!(last, Err(CompositionError::Stream(_))), "{last:?}");
        let read: Vec<_> = read.iter().map(|byte| *byte.as_ref().unwrap()).collect();
        assert!(!read.is_empty() && read.iter().copied().eq((0..=255).cycle().take(read.len())));
        let said = chain(&limited(bytes.call((1, 1))).await.unwrap_err());
        assert!(said.contains("have a higher `with_bytes_in_flight`"), "{said}");
    });
}
