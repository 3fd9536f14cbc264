//! Guests that never return, or take all there is: Contract 7.

use std::time::Duration;

use composer_tests::{call, call_unit, chain, component, config, limited, run, until};
use futures_util::FutureExt;
use futures_util::future::poll_immediate;
use wasm_runtime_composer::error::RunLimit;
use wasm_runtime_composer::snapshot::Snapshot;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    EpochTicker, RestartPolicy,
};
use wasmtime::component::{Linker, Val};
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};

const TICK: Duration = Duration::from_millis(2);

const HOSTILE: &str = r#"(component
    (core module $m
        (memory 1)
        (func (export "spin") (loop (br 0)))
        (func (export "work") (param $n i32)
            (loop $again
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br_if $again (local.get $n))))
        (func (export "grow") (result i32) (memory.grow (i32.const 1024)))
        (func (export "fine") (result i32) i32.const 1))
    (core instance $i (instantiate $m))
    (func (export "spin") (canon lift (core func $i "spin")))
    (func (export "work") (param "n" u32) (canon lift (core func $i "work")))
    (func (export "grow") (result s32) (canon lift (core func $i "grow")))
    (func (export "fine") (result u32) (canon lift (core func $i "fine"))))"#;

struct Hostile {
    engine: Engine,
    _ticker: EpochTicker,
}

impl Hostile {
    fn new() -> Self {
        let engine = Engine::new(config().epoch_interruption(true)).unwrap();
        let ticker = EpochTicker::start(&engine, TICK).unwrap();
        Self { engine, _ticker: ticker }
    }

    async fn compose(
        &self,
        configure: impl Fn(ComposableDescriptor) -> ComposableDescriptor,
    ) -> Composition {
        let engine = self.engine.clone();
        let linker = Linker::<StoreLimits>::new(&engine);
        let hostile = ComposableComponent::new(HOSTILE, linker, move || {
            let limits = StoreLimitsBuilder::new().memory_size(1 << 20).build();
            let mut store = EpochTicker::yielding(Store::new(&engine, limits));
            store.limiter(|limits| limits);
            store
        });
        let mut composer = Composer::new();
        composer.add(configure(ComposableDescriptor::new("hostile", hostile)));
        composer.add(ComposableDescriptor::new("producer", component("producer")));
        composer.compose().await.unwrap()
    }
}

async fn assert_others_go_on(composition: &Composition) {
    let params = [Val::S32(1), Val::S32(2)];
    let sum = limited(call(composition, None, "add", &params)).await.unwrap();
    assert_eq!(sum, Val::S32(3));
}

#[test]
fn spinning_guest_does_not_hold_the_runtime() {
    run(async || {
        let hostile = Hostile::new();
        let composition = hostile.compose(|it| it).await;
        let mut spin = call_unit(&composition, None, "spin", &[]).boxed_local();
        assert!(poll_immediate(&mut spin).await.is_none());
        let instances =
            |snapshot: Snapshot| snapshot.components.into_iter().flat_map(|it| it.instances);
        until(|| instances(composition.snapshot()).any(|it| it.running > 0)).await;
        for _ in 0..10 {
            tokio::time::sleep(TICK).await;
            assert_others_go_on(&composition).await;
        }
        // It can be ended, too.
        limited(composition.close(Duration::ZERO)).await.unwrap();
        let error = limited(spin).await.unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { started: true, .. }), "{error:?}");
    });
}

#[test]
fn spinning_guest_is_ended_at_its_limit() {
    run(async || {
        let hostile = Hostile::new();
        let restart = RestartPolicy::restart(1, Duration::ZERO);
        let composition = hostile.compose(|it| it.with_run_limit(5).with_restart(restart)).await;
        let error = limited(call_unit(&composition, None, "spin", &[])).await.unwrap_err();
        let CompositionError::Trap { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(source.downcast_ref::<RunLimit>().unwrap().ticks, 5);
        assert_eq!(
            chain(&error),
            "component `hostile` trapped in `spin`\n\
             the guest computed for more than 5 ticks of its engine's epoch in a row"
        );
        let fine = limited(call(&composition, None, "fine", &[])).await.unwrap();
        assert_eq!(fine, Val::U32(1));
        assert_others_go_on(&composition).await;
    });
}

#[test]
fn busy_guest_that_ends_its_calls_meets_no_limit() {
    run(async || {
        let hostile = Hostile::new();
        let composition = hostile.compose(|it| it.with_run_limit(50)).await;
        let work = composition.get_func(None, "work").unwrap();
        let start = tokio::time::Instant::now();
        while start.elapsed() < TICK * 200 {
            limited(work.call(&[Val::U32(100_000)], &mut [])).await.unwrap();
        }
    });
}

#[test]
fn deadline_ends_a_sync_call_that_spins() {
    run(async || {
        let hostile = Hostile::new();
        let restart = RestartPolicy::restart(1, Duration::ZERO);
        let composition = hostile.compose(|it| it.with_restart(restart)).await;
        let spin = composition.get_func(None, "spin").unwrap().with_deadline(TICK * 5);
        let error = limited(spin.call(&[], &mut [])).await.unwrap_err();
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
        limited(async {
            while call(&composition, None, "fine", &[]).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    });
}

#[test]
fn memory_is_bounded_by_the_stores_own_limiter() {
    run(async || {
        let hostile = Hostile::new();
        let composition = hostile.compose(|it| it).await;
        let grown = limited(call(&composition, None, "grow", &[])).await.unwrap();
        assert_eq!(grown, Val::S32(-1));
        assert_others_go_on(&composition).await;
    });
}

#[test]
fn ticker_ends_with_its_last_engine_or_when_dropped() {
    let engine = Engine::new(config().epoch_interruption(true)).unwrap();
    let ticker = EpochTicker::start(&engine, Duration::from_secs(3600)).unwrap();
    drop(engine);
    // Joins the thread, however long its period.
    drop(ticker);
}
