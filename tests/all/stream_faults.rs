//! Random faults with streams: while several callers read and write streams of all kinds, and leave them
//! at any point, guests trap, are started again and replaced, and the end comes early or late. Nothing
//! hangs, and nothing is left.
//!
//! `FAULT_SEEDS=1000` runs more of them, `FAULT_SEED=17` a certain one.

use std::time::Duration;

use composer_tests::{component, runtimes, until};
use futures_util::future::{join_all, poll_immediate};
use futures_util::{StreamExt, stream};
use tokio::runtime::Handle;
use wasm_runtime_composer::typed::{FromComponentValue, Params};
use wasm_runtime_composer::{
    ComponentFuture, ComponentStream, ComposableDescriptor, Composer, Composition, OwnedResource,
    RestartPolicy,
};
use wasmtime::component::Val;

use crate::faults::{Random, seeds};

const WRITER: &str = "composer:test/istreams";
const READER: &str = "composer:test/ireader";

/// Calls a function with Rust types; what comes of it does not matter.
async fn call<P: Params, R: FromComponentValue + 'static>(
    composition: &Composition,
    function: &str,
    params: P,
) -> Option<R> {
    composition.typed(Some(WRITER), function).unwrap().call(params).await.ok()
}

/// Reads up to so many elements, and drops the rest.
async fn sip<T: FromComponentValue>(stream: Option<ComponentStream<T>>, most: u64) {
    if let Some(stream) = stream {
        let _: Vec<_> = stream.take(most as usize).collect().await;
    }
}

async fn act(composition: &Composition, random: &Random) {
    let n = random.below(12) as u32;
    let chunk = random.below(5) as u32 + 1;
    let most = random.below(15);
    match random.below(16) {
        0..5 => {
            let by_two = ["sum-numbers", "join-texts", "describe-items", "drop-tokens"];
            let by_one = [
                "count-units",
                "sum-tokens",
                "sum-named-tokens",
                "sum-nested",
                "get-later-token",
                "have-described",
                "have-counted",
                "sip",
                "read-broken",
                "ignore-broken",
            ];
            let which = random.below(14) as usize;
            let name = by_two.iter().chain(&by_one).nth(which).unwrap();
            let params = [Val::U32(n), Val::U32(chunk)];
            let params = if which < by_two.len() { &params[..] } else { &params[..1] };
            let call = composer_tests::call(composition, READER, name, params);
            match random.below(4) {
                0 => drop(poll_immediate(Box::pin(call)).await),
                _ => drop(call.await),
            }
        }
        5 => drop(composer_tests::call_unit(composition, READER, "hold", &[]).await),
        6 => drop(composer_tests::call_unit(composition, READER, "leave", &[]).await),
        7 => sip::<u32>(call(composition, "endless", ()).await, most).await,
        8 => sip::<OwnedResource>(call(composition, "tokens", (n,)).await, most).await,
        9 => sip::<String>(call(composition, "broken", (n,)).await, most).await,
        10 => {
            let never: Option<ComponentFuture<String>> = call(composition, "never", ()).await;
            if let Some(never) = never {
                drop(never.await);
            }
        }
        11 => {
            let texts = ComponentStream::new(stream::iter((0..n).map(|n| n.to_string())));
            let upper = call(composition, "upper", (texts,)).await;
            sip::<String>(upper, most).await;
        }
        12 => {
            // Rust never ends it; the call is left instead.
            let texts = ComponentStream::new(stream::pending::<String>());
            let join = call::<_, String>(composition, "join", (texts,));
            drop(poll_immediate(Box::pin(join)).await);
        }
        13 => {
            let tokens: Option<ComponentStream<OwnedResource>> =
                call(composition, "tokens", (n,)).await;
            if let Some(tokens) = tokens {
                let _sum: Option<u64> = call(composition, "count", (tokens,)).await;
            }
        }
        14 => {
            let id = ["writer", "reader"][random.below(2) as usize];
            let replacing = composition.replace(id, component(id));
            let replacing = replacing.retiring_within(Duration::from_millis(random.below(20)));
            drop(replacing.await);
        }
        _ => tokio::task::yield_now().await,
    }
}

async fn one(seed: u64) {
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let again = RestartPolicy::restart(1000, Duration::ZERO);
    let mut composer = Composer::new();
    for name in ["writer", "reader"] {
        composer.add(ComposableDescriptor::new(name, component(name)).with_restart(again));
    }
    let composition = composer.compose().await.unwrap();
    let callers = (0..4).map(|caller| {
        let (composition, random) = (composition.clone(), Random::new(seed * 4 + caller));
        async move {
            for _ in 0..8 {
                act(&composition, &random).await;
            }
        }
    });
    let callers = join_all(callers);
    match seed % 4 {
        0 => {
            // The end comes while they work.
            let ending = async {
                tokio::task::yield_now().await;
                drop(composition.close(Duration::ZERO).await);
            };
            futures_util::future::join(callers, ending).await;
        }
        _ => {
            callers.await;
            drop(composition.close(Duration::from_millis(seed % 3 * 50)).await);
        }
    }
    assert_eq!(composition.live_handles(), 0);
    drop(composition);
    until(|| tasks() == before).await;
}

#[test]
fn random_streams_leave_nothing() {
    for seed in seeds() {
        for runtime in runtimes() {
            let done = runtime
                .block_on(async { tokio::time::timeout(Duration::from_secs(60), one(seed)).await });
            assert!(done.is_ok(), "seed {seed} hangs");
        }
    }
}
