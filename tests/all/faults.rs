//! Random faults: while many callers work, guests trap, callers go away, deadlines pass, and in the
//! end everything is closed. Every call is answered, nothing hangs, nothing is left.
//!
//! `FAULT_SEEDS=1000` runs more of them, `FAULT_SEED=17` a certain one.

use std::cell::Cell;
use std::env;
use std::error::Error;
use std::time::Duration;

use composer_tests::{Clock, composer, limited, run, string, until};
use futures_util::future::{join_all, poll_immediate};
use wasm_runtime_composer::{
    ComposableDescriptor, Composition, CompositionError, HostPanic, OwnedResource, RestartPolicy,
};
use wasmtime::component::Val;

const BUCKETS: &str = "composer:test/buckets";
const BROKER: &str = "composer:test/bucket-user";
const CONSUMER: &str = "composer:test/ibuckets-consumer";

/// A small generator of numbers that only need to look random (splitmix64).
struct Random(Cell<u64>);

impl Random {
    fn below(&self, n: u64) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

async fn compose(random: &Random, clock: &Clock) -> Composition {
    let policy = match random.below(3) {
        0 => RestartPolicy::never(),
        _ => RestartPolicy::restart(1000, Duration::ZERO),
    };
    let capacity = [1, 2, 1024][random.below(3) as usize];
    let configure =
        |it: ComposableDescriptor| it.with_restart(policy).with_inbox_capacity(capacity);
    let mut composer = composer(&[]);
    for guest in ["bucket-store", "broker", "bucket-consumer", "trap-caller", "producer"] {
        composer.add(configure(ComposableDescriptor::new(guest, composer_tests::component(guest))));
    }
    for guest in ["sleeper", "trapper"] {
        composer.add(configure(ComposableDescriptor::new(guest, clock.component(guest))));
    }
    composer.compose().await.unwrap()
}

/// Any call that needs no handle.
fn some_call(random: &Random) -> (&'static str, &'static str, Vec<Val>) {
    let name = || string(["a", "b", "c"][random.below(3) as usize]);
    match random.below(16) {
        0 => (CONSUMER, "run-resource", vec![]),
        1 => (CONSUMER, "run-third", vec![]),
        2 => (CONSUMER, "run-nested", vec![]),
        3 => (CONSUMER, "hold", vec![name()]),
        4 => (CONSUMER, "release", vec![]),
        5 => (CONSUMER, "leak-to-third", vec![name()]),
        6 => (BROKER, "give-back", vec![]),
        7 => (BUCKETS, "many", vec![Val::U32(random.below(4) as u32)]),
        8 => ("composer:test/isleeper", "nap", vec![Val::U64(random.below(3))]),
        9 => ("composer:test/isleeper", "doze", vec![Val::U64(random.below(3))]),
        10 => ("composer:test/itrapper", "fine", vec![]),
        11 => ("composer:test/itrapper", "boom-later", vec![]),
        12 => {
            let divisor = Val::S32(random.below(2) as i32);
            ("composer:test/itrapper", "divide", vec![Val::S32(1), divisor])
        }
        13 => ("composer:test/itrap-caller", "call-boom-later", vec![]),
        14 => ("composer:test/itrap-caller", "call-fine", vec![]),
        _ => (BUCKETS, "live", vec![]),
    }
}

/// What no fault may lead to.
fn check(error: &CompositionError) {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        assert!(error.downcast_ref::<HostPanic>().is_none(), "a panic: {error}");
        source = error.source();
    }
    let text = composer_tests::chain(error);
    for word in ["bug", "already de-allocated", "unknown handle index", "mismatched resource"] {
        assert!(!text.contains(word), "{text}");
    }
}

async fn dynamic_call(composition: &Composition, random: &Random) {
    let (interface, function, params) = some_call(random);
    let mut func = composition.get_func(Some(interface), function).unwrap();
    if random.below(4) == 0 {
        func = func.with_deadline(Duration::from_millis(random.below(3)));
    }
    let mut results = vec![Val::Bool(false); usize::from(func.ty().result().is_some())];
    let mut call = Box::pin(func.call(&params, &mut results));
    if random.below(3) == 0 {
        // The caller goes away, at once or after a moment.
        for _ in 0..random.below(4) {
            if poll_immediate(&mut call).await.is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
        return;
    }
    let answer = limited(&mut call).await;
    drop(call);
    match answer {
        // Some results are dropped, others forgotten: the end finds them.
        Ok(()) if random.below(2) == 0 => {
            for result in &results {
                if let Err(error) = limited(composition.drop_handles(result)).await {
                    check(&error);
                }
            }
        }
        Ok(()) => {}
        Err(error) => check(&error),
    }
}

async fn with_handles(composition: &Composition, random: &Random) -> Result<(), CompositionError> {
    let constructor = "[constructor]bucket";
    let new = composition.typed::<(&str,), OwnedResource>(Some(BUCKETS), constructor)?;
    let merge = composition.typed::<(OwnedResource, &OwnedResource), OwnedResource>(
        Some(BUCKETS),
        "[static]bucket.merge",
    )?;
    let find = composition
        .typed::<(&OwnedResource, &str), Option<u32>>(Some(BUCKETS), "[method]bucket.find")?;
    let describe =
        composition.typed::<(&OwnedResource,), String>(Some(BROKER), "describe-later")?;
    let relabel = composition.typed::<(OwnedResource,), OwnedResource>(Some(BROKER), "relabel")?;
    let keep = composition.typed::<(OwnedResource,), ()>(Some(BROKER), "keep")?;

    let (first, second) = (new.call(("x",)).await?, new.call(("y",)).await?);
    let finding = find.call((&second, "z"));
    if random.below(2) == 0 {
        finding.await?;
    } else {
        let mut finding = Box::pin(finding);
        let _ = poll_immediate(&mut finding).await;
    }
    let merged = merge.call((first, &second)).await?;
    describe.call((&merged,)).await?;
    let merged = relabel.call((merged,)).await?;
    match random.below(3) {
        0 => keep.call((merged,)).await?,
        1 => second.release().await?,
        _ => {}
    }
    Ok(())
}

async fn one_seed(seed: u64) {
    let random = Random(Cell::new(seed));
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let clock = Clock::default();
    let composition = compose(&random, &clock).await;
    let callers = (0..8).map(|_| async {
        for _ in 0..20 {
            if random.below(3) == 0 {
                if let Err(error) = limited(with_handles(&composition, &random)).await {
                    check(&error);
                }
            } else {
                dynamic_call(&composition, &random).await;
            }
        }
    });
    join_all(callers).await;
    if random.below(2) == 0 {
        limited(composition.close(Duration::from_secs(20))).await.unwrap();
        assert_eq!(composition.live_handles(), 0, "seed {seed}");
    }
    drop(composition);
    until(|| tasks() == before).await;
}

#[test]
fn every_call_is_answered_and_nothing_is_left_whatever_fails() {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let seeds = match number("FAULT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FAULT_SEEDS").unwrap_or(10),
    };
    for seed in seeds {
        println!("seed {seed}");
        run(|| one_seed(seed));
    }
}
