//! Nothing is left of compositions that have ended: however many there were, memory stays flat.
//!
//! `LEAK_ROUNDS=100000` makes more of them.

use std::alloc::System;
use std::env;
use std::process::Command;
use std::time::Duration;

use composer_tests::{
    call, call_unit, composer, limited, memory_in_use, runtimes, string, text, until,
};
#[cfg(feature = "codec")]
use futures_util::StreamExt;
use futures_util::future::poll_immediate;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};
use tokio::runtime::Handle;
#[cfg(feature = "codec")]
use wasm_runtime_composer::{ComponentFuture, ComponentStream};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    OwnedResource, RestartPolicy,
};
use wasmtime::component::Val;

use crate::restart::{COUNTER, USER};

const THINGS: &str = "t:t/things";
const BUCKETS: &str = "composer:test/buckets";
const CONSUMER: &str = "composer:test/ibuckets-consumer";

const SOON: Duration = Duration::from_secs(30);

/// How many compositions there are, shared by both flavours of runtime.
const ROUNDS: usize = 10_000;

/// By how many blocks the heap may grow: less than there are compositions of the rarest kind, so that
/// one block is caught that each of a kind leaves behind. Where nothing leaks it is below ten, as the
/// tables of the runtime and of wasmtime grow once in a while.
const BLOCKS: usize = 100;

/// By how many bytes memory may grow, the heap or not. What a store maps (memories, stacks) is not on
/// the heap, but at least a page of it is in use. Where nothing leaks it is some ten pages.
const BYTES: usize = 512 << 10;

/// Set in a process of a test's own.
const CHILD: &str = "LEAK_CHILD";

/// Makes a call and goes away before it is answered, if that takes any time.
async fn abandon<T>(call: impl Future<Output = T>) {
    let _ = poll_immediate(Box::pin(call)).await;
}

/// Two small components: handles of one are held by Rust and by the other, moved, lent, released,
/// dropped, forgotten, and on their way to a caller who has gone.
async fn small(parts: &[ComposableComponent<()>; 2]) -> Composition {
    let mut composer = Composer::new();
    for (id, part) in ["counter", "user"].into_iter().zip(parts) {
        let policy = RestartPolicy::restart(1, Duration::ZERO);
        composer.add(ComposableDescriptor::new(id, part.clone()).with_restart(policy));
    }
    let composition = composer.compose().await.unwrap();
    let make = composition.typed::<(), OwnedResource>(Some(THINGS), "[constructor]thing").unwrap();
    let using =
        composition.typed::<(&OwnedResource,), u32>(Some(THINGS), "[method]thing.use").unwrap();
    let take = composition.typed::<(OwnedResource,), ()>(Some(THINGS), "take").unwrap();

    let (moved, released) = (make.call(()).await.unwrap(), make.call(()).await.unwrap());
    drop(make.call(()).await.unwrap());
    abandon(make.call(())).await;
    abandon(using.call((&moved,))).await;
    using.call((&released,)).await.unwrap();
    // One that is still lent could not be moved.
    using.call((&moved,)).await.unwrap();
    take.call((moved,)).await.unwrap();
    released.release().await.unwrap();
    call(&composition, THINGS, "[constructor]thing", &[]).await.unwrap();
    call_unit(&composition, None, "keep", &[]).await.unwrap();
    call(&composition, None, "use-kept", &[]).await.unwrap();
    composition
}

/// The same, after a component has trapped and was started again while its handles were held.
async fn restarted(parts: &[ComposableComponent<()>; 2]) -> Composition {
    let composition = small(parts).await;
    let error = call_unit(&composition, None, "trap", &[]).await.unwrap_err();
    assert!(matches!(error, CompositionError::Trap { .. }), "{error:?}");
    assert_eq!(call(&composition, None, "count", &[]).await.unwrap(), Val::U32(1));
    composition
}

/// Three guests that hold each other's handles, with async calls.
async fn guests() -> Composition {
    let composer = composer(&["bucket-store", "broker", "bucket-consumer"]);
    let composition = composer.compose().await.unwrap();
    let new = composition.typed::<(&str,), OwnedResource>(Some(BUCKETS), "[constructor]bucket");
    let find = composition
        .typed::<(&OwnedResource, &str), Option<u32>>(Some(BUCKETS), "[method]bucket.find");
    let bucket = new.unwrap().call(("a",)).await.unwrap();
    abandon(find.unwrap().call((&bucket, "x"))).await;
    call(&composition, CONSUMER, "run-third", &[]).await.unwrap();
    call_unit(&composition, CONSUMER, "hold", &[string("b")]).await.unwrap();
    call_unit(&composition, CONSUMER, "leak-to-third", &[string("c")]).await.unwrap();
    composition
}

/// Streams and futures that are read to their end, in part, and not at all, by a component and by Rust.
#[cfg(feature = "codec")]
async fn streams() -> Composition {
    const WRITER: &str = "composer:test/istreams";
    const READER: &str = "composer:test/ireader";
    let composition = composer(&["writer", "reader"]).compose().await.unwrap();
    let params = [Val::U32(10), Val::U32(3)];
    call(&composition, READER, "describe-items", &params).await.unwrap();
    call(&composition, READER, "drop-tokens", &params).await.unwrap();
    call(&composition, READER, "sip", &params[..1]).await.unwrap();
    call_unit(&composition, READER, "hold", &[]).await.unwrap();
    let tokens =
        composition.typed::<(u32,), ComponentStream<OwnedResource>>(Some(WRITER), "tokens");
    let mut tokens = tokens.unwrap().call((10,)).await.unwrap();
    tokens.next().await.unwrap().unwrap();
    let later = composition.typed::<(&str,), ComponentFuture<String>>(Some(WRITER), "later");
    drop(later.unwrap().call(("x",)).await.unwrap());
    let texts = composition.typed::<(u32, u32), ComponentStream<String>>(Some(WRITER), "texts");
    abandon(texts.unwrap().call((5, 5))).await;
    call(&composition, WRITER, "[constructor]token", &[Val::U32(1)]).await.unwrap();
    composition
}

async fn one(round: usize, parts: &[ComposableComponent<()>; 2]) {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let composition = match round % 20 {
        0 => guests().await,
        1 => restarted(parts).await,
        #[cfg(feature = "codec")]
        2 => streams().await,
        _ => small(parts).await,
    };
    assert!(composition.live_handles() > 0);
    // Each kind is closed in one twenty and dropped in the next.
    if (round / 20 + round).is_multiple_of(2) {
        composition.close(SOON).await.unwrap();
        assert_eq!(composition.live_handles(), 0);
    }
    drop(composition);
    until(|| tasks() == before).await;
}

/// Of all tests in this binary; only the process that makes the compositions looks at it.
#[global_allocator]
static HEAP: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What this process has in use.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// On the heap. To the one, as it is counted.
    blocks: usize,
    /// Written to and not given back, where the system tells.
    bytes: Option<usize>,
}

impl Memory {
    fn now() -> Self {
        let heap = HEAP.stats();
        Self { blocks: heap.allocations - heap.deallocations, bytes: memory_in_use() }
    }
}

/// Stores that live on keep nothing of the streams that went through them.
#[cfg(feature = "codec")]
async fn streams_in_the_same_stores() {
    const READER: &str = "composer:test/ireader";
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let tasks_before = tasks();
    let composition = composer(&["writer", "reader"]).compose().await.unwrap();
    let go_through = async |rounds: u32| {
        for n in 0..rounds {
            for function in ["describe-items", "drop-tokens", "join-texts", "sum-numbers"] {
                let params = [Val::U32(n % 20 + 3), Val::U32(3)];
                limited(call(&composition, READER, function, &params)).await.unwrap();
            }
            for function in ["sip", "sum-nested", "get-later-token", "have-counted"] {
                limited(call(&composition, READER, function, &[Val::U32(3)])).await.unwrap();
            }
            limited(call(&composition, READER, "get-parcel", &[string("x")])).await.unwrap();
            limited(call_unit(&composition, READER, "hold", &[])).await.unwrap();
            limited(call_unit(&composition, READER, "leave", &[])).await.unwrap();
        }
        until(|| composition.live_handles() == 0).await;
    };
    go_through(100).await;
    let before = Memory::now();
    go_through(1000).await;
    let after = Memory::now();
    println!("streams in the same stores: from {before:?} to {after:?}");
    assert!(after.blocks < before.blocks + BLOCKS, "from {before:?} to {after:?}");
    drop(composition);
    until(|| tasks() == tasks_before).await;
}

fn make_and_end_them(rounds: usize) {
    for runtime in runtimes() {
        #[cfg(feature = "codec")]
        runtime.block_on(streams_in_the_same_stores());
        let parts = [COUNTER, USER].map(text);
        let make = async |from, to| {
            for round in from..to {
                limited(one(round, &parts)).await;
            }
        };
        runtime.block_on(make(0, rounds / 10));
        let before = Memory::now();
        runtime.block_on(make(rounds / 10, rounds));
        let after = Memory::now();
        println!("{rounds} compositions: from {before:?} to {after:?}");
        assert!(after.blocks < before.blocks + BLOCKS, "from {before:?} to {after:?}");
        if let (Some(before), Some(after)) = (before.bytes, after.bytes) {
            assert!(after < before + BYTES, "from {before} to {after} bytes");
        }
    }
}

#[test]
fn memory_stays_flat_over_thousands_of_compositions() {
    in_a_process("leaks::memory_stays_flat_over_thousands_of_compositions", || {
        let rounds = env::var("LEAK_ROUNDS").map_or(ROUNDS, |text| text.parse().unwrap());
        make_and_end_them(rounds / 2);
    });
}

/// How much memory an idle component may take. A store, its instance and a task by hand take 12 KiB.
const IDLE: usize = 15 << 10;

#[test]
fn idle_components_are_small() {
    const COUNT: usize = 1000;

    in_a_process("leaks::idle_components_are_small", || {
        let part = text(
            r#"(component
                (core module $m (func (export "f")))
                (core instance $i (instantiate $m))
                (func (export "f") (canon lift (core func $i "f"))))"#,
        );
        let [runtime, ..] = runtimes();
        let compose = async |count: usize| {
            let mut composer = Composer::new();
            for index in 0..count {
                composer.add(ComposableDescriptor::new(format!("part{index}"), part.clone()));
            }
            limited(composer.compose()).await.unwrap()
        };
        // What is there once for all is there then.
        let few = runtime.block_on(compose(10));
        let before = memory_in_use();
        let composition = runtime.block_on(compose(COUNT));
        if let Some((before, after)) = before.zip(memory_in_use()) {
            let each = after.saturating_sub(before) / COUNT;
            assert!(each <= IDLE, "{each}");
        }
        for composition in [few, composition] {
            runtime.block_on(composition.close(SOON)).unwrap();
        }
    });
}

/// Runs the test `name` in a process of its own, as other tests use memory at the same time.
pub(crate) fn in_a_process(name: &str, test: impl FnOnce()) {
    if env::var_os(CHILD).is_some() {
        return test();
    }
    // One arena, as otherwise each thread keeps some memory for itself. No backtraces, as they take most
    // of the time.
    let child = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .envs([(CHILD, "1"), ("MALLOC_ARENA_MAX", "1"), ("RUST_BACKTRACE", "0")])
        .output()
        .unwrap();
    let [stdout, stderr] = [&child.stdout, &child.stderr].map(|it| String::from_utf8_lossy(it));
    assert!(child.status.success(), "{}\n{stdout}\n{stderr}", child.status);
    assert!(stdout.contains("1 passed"), "{stdout}");
}
