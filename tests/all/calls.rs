//! Calls: Contract 5.1, 5.2 and 5.4, and what a trap or a host's panic does (5.6, 5.10).

use composer_tests::{
    Clock, GATED, Placement, call, call_unit, chain, component, compose, compose_with, composer,
    guest, limited, placement, run, run_placed, string, until, with_linker,
};
use futures_util::FutureExt;
use futures_util::future::{join_all, maybe_done, poll_immediate};
use wasm_runtime_composer::error::{HostPanic, StopReason};
use wasm_runtime_composer::{ComposableDescriptor, Composer, Composition, CompositionError};
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Val};

const SLEEPER: &str = "composer:test/isleeper";
const TRAPPER: &str = "composer:test/itrapper";
const CALLER: &str = "composer:test/itrap-caller";

async fn sleeper(clock: &Clock) -> Composition {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("sleeper", clock.component("sleeper")));
    compose_with(composer, clock.linker()).await.unwrap()
}

fn ms(ms: u64) -> [Val; 1] {
    [Val::U64(ms)]
}

#[test]
fn late_short_call_returns_before_early_long_one() {
    run_placed(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock).await;
        let mut long = call_owned(&composition, SLEEPER, "nap", ms(GATED).to_vec()).boxed_local();
        assert!(poll_immediate(&mut long).await.is_none());
        clock.logged(&format!("sleep {GATED}")).await;
        limited(call(&composition, SLEEPER, "nap", &ms(1))).await.unwrap();
        assert!(poll_immediate(&mut long).await.is_none());
        clock.open();
        limited(long).await.unwrap();
    });
}

#[test]
fn sync_call_is_answered_while_an_async_one_waits() {
    run_placed(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock).await;
        let nap = composition.get_func(Some(SLEEPER), "nap").unwrap();
        let nap = tokio::spawn(async move { nap.call(&ms(GATED), &mut [Val::U64(0)]).await });
        clock.logged(&format!("sleep {GATED}")).await;
        let nothing = limited(call(&composition, SLEEPER, "nothing", &[])).await;
        assert_eq!(nothing.unwrap(), Val::U32(7));
        clock.open();
        limited(nap).await.unwrap().unwrap();
    });
}

#[test]
fn sync_call_runs_alone() {
    run_placed(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock).await;
        let calls = [20, 10, 0].map(|n| call_owned(&composition, SLEEPER, "doze", ms(n).to_vec()));
        for result in limited(join_all(calls)).await {
            result.unwrap();
        }
        let expected = [20, 10, 0].map(|n| [format!("block {n}"), format!("block {n} over")]);
        assert_eq!(clock.log(), expected.concat());
    });
}

#[test]
fn async_import_does_not_hold_the_store_of_its_consumer() {
    run_placed(async || {
        // Many calls of the consumer wait for the producer at the same time.
        let composition = compose(composer(&["producer", "consumer"])).await.unwrap();
        let calls = (0..20).map(|_| {
            call_owned(&composition, "composer:test/iconsumer", "run-concurrent", vec![Val::U32(9)])
        });
        for result in limited(join_all(calls)).await {
            assert_eq!(result.unwrap(), Val::U32((0..9).sum()));
        }
    });
}

#[test]
fn calls_start_in_the_order_in_which_they_were_made() {
    run_placed(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock).await;
        // Later calls sleep shorter, and still start later.
        let naps = (0..50).map(|i| call_owned(&composition, SLEEPER, "nap", ms(50 - i).to_vec()));
        for result in limited(join_all(naps)).await {
            result.unwrap();
        }
        let started: Vec<_> =
            clock.log().into_iter().filter(|line| !line.ends_with("over")).collect();
        let expected: Vec<_> = (0..50).map(|i| format!("sleep {}", 50 - i)).collect();
        assert_eq!(started, expected);
    });
}

#[test]
fn guest_calls_start_in_the_order_in_which_they_were_made() {
    run_placed(async || {
        let composition = compose(composer(&["producer", "consumer"])).await.unwrap();
        let interface = "composer:test/iconsumer";
        let ordered = limited(call(&composition, interface, "run-order", &[Val::U32(100)])).await;
        assert_eq!(ordered.unwrap(), Val::Bool(true));
    });
}

#[test]
fn dropped_queued_call_is_withdrawn() {
    run_placed(async || {
        let clock = Clock::default();
        let composition = sleeper(&clock).await;
        let mut first = call_owned(&composition, SLEEPER, "doze", ms(GATED).to_vec()).boxed_local();
        assert!(poll_immediate(&mut first).await.is_none());
        clock.logged(&format!("block {GATED}")).await;
        let mut second = call_owned(&composition, SLEEPER, "doze", ms(1).to_vec()).boxed_local();
        assert!(poll_immediate(&mut second).await.is_none());
        drop(second);
        clock.open();
        limited(first).await.unwrap();
        call(&composition, SLEEPER, "doze", &ms(2)).await.unwrap();
        assert!(!clock.log().contains(&"block 1".to_owned()), "{:?}", clock.log());
    });
}

#[test]
fn dropped_started_call_is_told_or_runs_to_its_end() {
    run_placed(async || {
        for function in ["nap", "doze"] {
            let clock = Clock::default();
            let composition = sleeper(&clock).await;
            let mut call =
                call_owned(&composition, SLEEPER, function, ms(GATED).to_vec()).boxed_local();
            assert!(poll_immediate(&mut call).await.is_none());
            until(|| clock.log().len() == 1).await;
            drop(call);
            let nothing = async || limited(self::call(&composition, SLEEPER, "nothing", &[])).await;
            if function == "nap" && placement() == Placement::Fused {
                // It is given as bytes, so it is told, and waits no more when the next call comes.
                assert_eq!(nothing().await.unwrap(), Val::U32(7));
                clock.open();
                assert_eq!(nothing().await.unwrap(), Val::U32(7));
                assert_eq!(clock.log().len(), 1);
                continue;
            }
            clock.open();
            until(|| clock.log().len() == 2).await;
            // The component is as good as before.
            assert_eq!(nothing().await.unwrap(), Val::U32(7));
        }
    });
}

/// `careful`, which calls `fragile`, and the clock of the latter.
async fn careful() -> (Composition, Clock) {
    let clock = Clock::default();
    let mut composer = composer(&["careful"]);
    composer.add(ComposableDescriptor::new("fragile", clock.component("fragile")));
    (composer.compose().await.unwrap(), clock)
}

const FRAGILE: &str = "composer:test/ifragile";
const CAREFUL: &str = "composer:test/icareful";
/// Asks `fragile` to wait for its clock.
const WAIT: Val = Val::U32(3);

#[test]
fn queued_call_that_a_guest_gives_up_is_withdrawn() {
    run(async || {
        let (composition, clock) = careful().await;
        // The provider's store is held.
        let mut held = call_owned(&composition, FRAGILE, "plain", vec![WAIT]).boxed_local();
        assert!(poll_immediate(&mut held).await.is_none());
        clock.logged(&format!("block {GATED}")).await;
        let params = [WAIT, Val::U32(0)];
        limited(call_unit(&composition, CAREFUL, "give-up", &params)).await.unwrap();
        clock.open();
        limited(held).await.unwrap();
        let text = limited(call(&composition, CAREFUL, "text", &[Val::U32(0)])).await.unwrap();
        assert_eq!(text, string("ok 7"));
        assert!(!clock.log().iter().any(|line| line.starts_with("sleep")), "{:?}", clock.log());
    });
}

#[test]
fn started_call_that_a_guest_gives_up_runs_to_its_end() {
    run(async || {
        let (composition, clock) = careful().await;
        // The longer the guest waits, the sooner the call has started.
        let mut yields = 0;
        while !clock.log().contains(&format!("sleep {GATED}")) {
            let params = [WAIT, Val::U32(yields)];
            limited(call_unit(&composition, CAREFUL, "give-up", &params)).await.unwrap();
            yields += 1;
        }
        clock.open();
        clock.logged(&format!("sleep {GATED} over")).await;
        let text = limited(call(&composition, CAREFUL, "text", &[Val::U32(0)])).await.unwrap();
        assert_eq!(text, string("ok 7"));
    });
}

#[test]
fn handle_in_a_call_that_a_guest_gives_up_ends_once() {
    run(async || {
        let composition =
            composer(&["bucket-store", "broker", "bucket-consumer"]).compose().await.unwrap();
        let consumer = "composer:test/ibuckets-consumer";
        for n in 1..20 {
            limited(call_unit(&composition, consumer, "abandon", &[string("b")])).await.unwrap();
            until(|| composition.live_handles() == 0).await;
            let buckets = "composer:test/buckets";
            limited(async {
                while call(&composition, buckets, "dropped", &[]).await.unwrap() != Val::U32(n) {}
            })
            .await;
        }
    });
}

#[test]
fn discarded_result_gives_its_handles_back() {
    run_placed(async || {
        let composition = compose(composer(&["bucket-store"])).await.unwrap();
        let interface = Some("composer:test/buckets");
        let many = composition.get_func(interface, "many").unwrap();
        // An answer that is there at the first look was heard; then it is tried again.
        let mut made = 0;
        loop {
            let (params, mut results) = ([Val::U32(3)], [Val::U32(0)]);
            let mut call = many.call(&params, &mut results).boxed_local();
            made += 3;
            let heard = poll_immediate(&mut call).await.is_some();
            // The answer is there, unheard.
            until(|| composition.live_handles() == 3).await;
            drop(call);
            if !heard {
                break;
            }
            composition.drop_handles(&results[0]).await.unwrap();
        }
        until(|| composition.live_handles() == 0).await;
        let dropped = call(&composition, interface, "dropped", &[]).await.unwrap();
        assert_eq!(dropped, Val::U32(made));
    });
}

#[test]
fn caller_that_polls_once_has_made_the_call() {
    run_placed(async || {
        let composition = compose(composer(&["bucket-store"])).await.unwrap();
        let interface = Some("composer:test/buckets");
        let bucket =
            call(&composition, interface, "[constructor]bucket", &[string("b")]).await.unwrap();
        let puts = (0..10).map(|i| {
            let params = vec![bucket.clone(), string(&i.to_string())];
            let put = composition.get_func(interface, "[method]bucket.put").unwrap();
            async move { put.call(&params, &mut []).await }
        });
        let mut puts: Vec<_> = puts.map(|put| maybe_done(put.boxed_local())).collect();
        for put in &mut puts {
            let _ = poll_immediate(put).await;
        }
        // Awaited backwards, they still ran forwards.
        for mut put in puts.into_iter().rev() {
            limited(&mut put).await;
            std::pin::Pin::new(&mut put).take_output().unwrap().unwrap();
        }
        let history = call(&composition, interface, "history", &[]).await.unwrap();
        let expected = ["new b".to_owned()].into_iter();
        let expected = expected.chain((0..10).map(|i| format!("put b {i}")));
        assert_eq!(history, Val::List(expected.map(Val::String).collect()));
    });
}

async fn trappers(clock: &Clock) -> Composition {
    let mut composer = composer(&["trap-caller", "producer"]);
    composer.add(ComposableDescriptor::new("trapper", clock.component("trapper")));
    composer.compose().await.unwrap()
}

#[test]
fn trap_names_component_function_and_cause() {
    run(async || {
        let composition = trappers(&Clock::default()).await;
        let result = limited(call_unit(&composition, TRAPPER, "boom", &[string("x")])).await;
        let error = result.unwrap_err();
        let CompositionError::Trap { component, function, source, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((&**component, &**function), ("trapper", "composer:test/itrapper#boom"));
        let trap = source.downcast_ref::<wasmtime::Trap>();
        assert_eq!(trap, Some(&wasmtime::Trap::UnreachableCodeReached));
        assert!(!source.backtrace().unwrap().frames().is_empty());
        assert_eq!(
            chain(&error),
            "component `trapper` trapped in `composer:test/itrapper#boom`\n\
             wasm trap: wasm `unreachable` instruction executed"
        );
    });
}

#[test]
fn trap_answers_the_other_calls_with_the_same_cause() {
    run(async || {
        let clock = Clock::default();
        let composition = trappers(&clock).await;
        let wait = composition.get_func(Some(TRAPPER), "wait").unwrap();
        let waiting: Vec<_> = (0..3)
            .map(|_| wait.clone())
            .map(|wait| tokio::spawn(async move { wait.call(&[], &mut []).await }))
            .collect();
        until(|| clock.log().len() == 3).await;
        let boom = limited(call_unit(&composition, TRAPPER, "boom-later", &[])).await;
        let CompositionError::Trap { function, .. } = boom.unwrap_err() else {
            panic!("the call that traps must get the trap");
        };
        assert_eq!(function, "composer:test/itrapper#boom-later");
        for call in waiting {
            let error = limited(call).await.unwrap().unwrap_err();
            let CompositionError::Unavailable { started: true, source, function, .. } = error
            else {
                panic!("{error:?}");
            };
            assert_eq!(function, "composer:test/itrapper#wait");
            let StopReason::Trapped { function, .. } = source else { panic!("{source:?}") };
            assert_eq!(function, "composer:test/itrapper#boom-later");
        }
        // Later calls are told so, and that they never reached the guest.
        let later = limited(call(&composition, TRAPPER, "fine", &[])).await.unwrap_err();
        assert!(matches!(later, CompositionError::Unavailable { started: false, .. }), "{later:?}");
        // A component that did not wait for it goes on.
        let sum = call(&composition, None, "add", &[Val::S32(2), Val::S32(3)]).await;
        assert_eq!(sum.unwrap(), Val::S32(5));
    });
}

#[test]
fn trap_reaches_the_consumer_with_the_providers_as_its_cause() {
    run(async || {
        for function in ["call-boom", "call-boom-later"] {
            let composition = trappers(&Clock::default()).await;
            let params = if function == "call-boom" { vec![string("x")] } else { Vec::new() };
            let result = limited(call_unit(&composition, CALLER, function, &params)).await;
            let error = result.unwrap_err();
            let text = chain(&error);
            let lines: Vec<_> = text.lines().collect();
            assert_eq!(
                lines[0],
                format!("component `trap-caller` trapped in `{CALLER}#{function}`")
            );
            let provider = function.trim_start_matches("call-");
            assert_eq!(
                lines[1],
                format!("component `trapper` trapped in `{TRAPPER}#{provider}`"),
                "{text}"
            );
        }
    });
}

/// The sleeper, on a host whose `now` panics.
fn panicking_clock(clock: &Clock) -> Linker<()> {
    let mut linker = clock.linker();
    linker.allow_shadowing(true);
    linker
        .instance("composer:test/clock")
        .unwrap()
        .func_wrap("now", |_: StoreContextMut<'_, ()>, (): ()| -> wasmtime::Result<(u64,)> {
            panic!("the clock is broken")
        })
        .unwrap();
    linker
}

#[test]
fn host_panic_ends_its_component_with_the_message_and_nothing_else() {
    run(async || {
        for function in ["nap", "doze"] {
            let linker = panicking_clock(&Clock::default());
            let mut composer = Composer::new();
            let sleeper = with_linker(guest("sleeper"), linker);
            composer.add(ComposableDescriptor::new("sleeper", sleeper));
            composer.add(ComposableDescriptor::new("producer", component("producer")));
            let composition = composer.compose().await.unwrap();
            let error = limited(call(&composition, SLEEPER, function, &ms(0))).await.unwrap_err();
            let CompositionError::Trap { component, source, .. } = &error else {
                panic!("{error:?}");
            };
            assert_eq!(component, "sleeper");
            let panic = source.downcast_ref::<HostPanic>().unwrap();
            assert_eq!(panic.message, "the clock is broken");
            let sum = call(&composition, None, "add", &[Val::S32(2), Val::S32(3)]).await;
            assert_eq!(sum.unwrap(), Val::S32(5));
        }
    });
}

/// A call that owns what it needs.
async fn call_owned(
    composition: &Composition,
    interface: &str,
    function: &str,
    params: Vec<Val>,
) -> Result<Val, CompositionError> {
    call(composition, interface, function, &params).await
}
