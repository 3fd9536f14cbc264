//! What a guest runs beside calls, and what bounds it: starting, destructors, and what nobody waits for.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use composer_tests::{chain, config, limited, run, text, until, with_linker};
use futures_util::FutureExt;
use futures_util::future::poll_immediate;
use tokio::sync::Notify;
use wasm_runtime_composer::error::{GraceOver, HostPanic, RunLimit, StartError, StopReason};
use wasm_runtime_composer::snapshot::Change;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    EpochTicker, HostInterface, OwnedResource, RestartPolicy,
};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};

const TICK: Duration = Duration::from_millis(2);
const SHORT: Duration = Duration::from_millis(50);

/// Long enough for what is to be done in it, on any machine.
const ENOUGH: Duration = Duration::from_secs(2);

/// An engine whose guests give way.
struct Ticking {
    engine: Engine,
    _ticker: EpochTicker,
}

impl Ticking {
    fn new() -> Self {
        let engine = Engine::new(config().epoch_interruption(true)).unwrap();
        let ticker = EpochTicker::start(&engine, TICK).unwrap();
        Self { engine, _ticker: ticker }
    }

    fn component(&self, wat: &str) -> ComposableComponent<()> {
        let engine = self.engine.clone();
        ComposableComponent::new(wat, Linker::new(&engine), move || {
            EpochTicker::yielding(Store::new(&engine, ()))
        })
    }
}

async fn compose<const N: usize>(
    parts: [ComposableDescriptor; N],
) -> Result<Composition, CompositionError> {
    let mut composer = Composer::new();
    for part in parts {
        composer.add(part);
    }
    limited(composer.compose()).await
}

async fn call(composition: &Composition, name: &str) -> Result<u32, CompositionError> {
    limited(composition.typed::<(), u32>(None, name).unwrap().call(())).await
}

async fn call_unit(composition: &Composition, name: &str) -> Result<(), CompositionError> {
    limited(composition.typed::<(), ()>(None, name).unwrap().call(())).await
}

/// Whose start function computes without end, from its second life on if `life` is asked.
fn spins_at_start(asks: bool) -> String {
    let (import, lower, give, needs, condition) = match asks {
        false => ("", "", "", "", "(i32.const 1)"),
        true => (
            r#"(import "life" (func $life (result u32)))"#,
            "(core func $life (canon lower (func $life)))",
            r#"(with "" (instance (export "life" (func $life))))"#,
            r#"(import "" "life" (func $life (result i32)))"#,
            "(i32.gt_u (call $life) (i32.const 1))",
        ),
    };
    format!(
        r#"(component
            {import}
            {lower}
            (core module $m
                {needs}
                (func $start (if {condition} (then (loop (br 0)))))
                (start $start)
                (func (export "fall") unreachable)
                (func (export "one") (result i32) i32.const 1))
            (core instance $i (instantiate $m {give}))
            (func (export "fall") (canon lift (core func $i "fall")))
            (func (export "one") (result u32) (canon lift (core func $i "one"))))"#
    )
}

#[test]
fn start_that_computes_without_end_fails() {
    run(async || {
        let ticking = Ticking::new();
        let spins = || ComposableDescriptor::new("it", ticking.component(&spins_at_start(false)));
        let error = compose([spins().with_run_limit(5)]).await.unwrap_err();
        let CompositionError::Start(StartError::Instantiate { source, .. }) = &error else {
            panic!("{error:?}")
        };
        assert_eq!(source.downcast_ref::<RunLimit>().unwrap().ticks, 5);

        let error = compose([spins().with_start_deadline(SHORT)]).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `it` was not started within 50ms; it may need a longer `with_start_deadline`"
        );
    });
}

#[test]
fn start_that_waits_without_end_fails() {
    run(async || {
        let waits = r#"(component
            (import "wait" (func $wait))
            (core func $wait (canon lower (func $wait)))
            (core module $m (import "" "wait" (func $wait)) (start $wait))
            (core instance (instantiate $m (with "" (instance (export "wait" (func $wait)))))))"#;
        let waits = |host: HostInterface| {
            let it = ComposableDescriptor::new("it", text(waits)).with_start_deadline(ENOUGH);
            compose([ComposableDescriptor::new("env", host), it])
        };
        let host = HostInterface::root().func_wrap_async("wait", pending::<()>);
        let error = waits(host).await.unwrap_err();
        let CompositionError::Start(StartError::Timeout { component, after, .. }) = &error else {
            panic!("{error:?}")
        };
        assert_eq!((&**component, *after), ("it", ENOUGH));
        // What is started in time is not bothered later.
        let host = HostInterface::root().func_wrap_async("wait", tokio::task::yield_now);
        let composition = waits(host).await.unwrap();
        tokio::time::sleep(ENOUGH + SHORT).await;
        limited(composition.close(Duration::ZERO)).await.unwrap();
    });
}

#[test]
fn restart_whose_start_never_ends_is_an_attempt_that_failed() {
    run(async || {
        let ticking = Ticking::new();
        let lives = Arc::new(AtomicU32::new(0));
        let counted = lives.clone();
        let host = HostInterface::root()
            .func_wrap("life", move || counted.fetch_add(1, Ordering::SeqCst) + 1);
        let it = ComposableDescriptor::new("it", ticking.component(&spins_at_start(true)))
            .with_start_deadline(ENOUGH)
            .with_restart(RestartPolicy::restart(2, Duration::ZERO));
        let composition = compose([ComposableDescriptor::new("env", host), it]).await.unwrap();
        assert_eq!(call(&composition, "one").await.unwrap(), 1);
        call_unit(&composition, "fall").await.unwrap_err();
        let error = call(&composition, "one").await.unwrap_err();
        let CompositionError::Unavailable {
            source: StopReason::NotRestarted { source, .. }, ..
        } = &error
        else {
            panic!("{error:?}")
        };
        assert!(matches!(**source, StartError::Timeout { .. }), "{source:?}");
        assert_eq!(lives.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn replacement_that_never_starts_changes_nothing() {
    run(async || {
        let ticking = Ticking::new();
        let one = r#"(component
            (core module $m (func (export "one") (result i32) i32.const 1))
            (core instance $i (instantiate $m))
            (func (export "one") (result u32) (canon lift (core func $i "one"))))"#;
        let it = ComposableDescriptor::new("it", ticking.component(one));
        let composition = compose([it.with_start_deadline(ENOUGH)]).await.unwrap();
        let spins = ticking.component(&spins_at_start(false));
        let error = limited(composition.replace("it", spins).into_future()).await.unwrap_err();
        assert!(matches!(error, CompositionError::Start(StartError::Timeout { .. })), "{error:?}");
        assert_eq!(call(&composition, "one").await.unwrap(), 1);
    });
}

/// Has a resource whose destructor waits, if the import does.
const WAITS_IN_DESTRUCTOR: &str = r#"(component
    (import "wait" (func $wait))
    (core func $wait (canon lower (func $wait)))
    (core module $d (import "" "wait" (func $wait)) (func (export "dtor") (param i32) (call $wait)))
    (core instance $d (instantiate $d (with "" (instance (export "wait" (func $wait))))))
    (type $r (resource (rep i32) (dtor (core func $d "dtor"))))
    (core func $new (canon resource.new $r))
    (core module $m (import "" "new" (func $new (param i32) (result i32)))
        (func (export "make") (result i32) (call $new (i32.const 1)))
        (func (export "one") (result i32) (i32.const 1)))
    (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
    (export $re "r" (type $r))
    (func (export "make") (result (own $re)) (canon lift (core func $m "make")))
    (func (export "one") (result u32) (canon lift (core func $m "one"))))"#;

#[test]
fn destructor_that_never_ends_ends_its_component() {
    run(async || {
        let host = HostInterface::root().func_wrap_async("wait", pending::<()>);
        let it = ComposableDescriptor::new("it", text(WAITS_IN_DESTRUCTOR))
            .with_deadline(ENOUGH)
            .with_restart(RestartPolicy::restart(1, Duration::ZERO));
        let composition = compose([ComposableDescriptor::new("env", host), it]).await.unwrap();
        let mut events = composition.events();
        let make = composition.typed::<(), OwnedResource>(None, "make").unwrap();
        drop(limited(make.call(())).await.unwrap());
        let change = limited(events.next()).await.unwrap().change;
        let Change::Restarting { reason: StopReason::Expired { function, .. }, .. } = change else {
            panic!("{change:?}")
        };
        assert_eq!(function, "a resource's destructor");
        until(|| composition.live_handles() == 0).await;
        // Calls that waited meanwhile ran out of time, or not; what comes now is answered.
        assert!(matches!(limited(events.next()).await.unwrap().change, Change::Restarted));
        assert_eq!(call(&composition, "one").await.unwrap(), 1);
    });
}

#[test]
fn destructor_that_computes_without_end_ends_its_component() {
    run(async || {
        let ticking = Ticking::new();
        let spins = WAITS_IN_DESTRUCTOR
            .replace(r#"(import "wait" (func $wait))"#, "")
            .replace("(core func $wait (canon lower (func $wait)))", "")
            .replace(r#"(import "" "wait" (func $wait))"#, "(func $wait (loop (br 0)))")
            .replace(r#" (with "" (instance (export "wait" (func $wait))))"#, "");
        let it = ComposableDescriptor::new("it", ticking.component(&spins)).with_deadline(ENOUGH);
        let composition = compose([it]).await.unwrap();
        let mut events = composition.events();
        let make = composition.typed::<(), OwnedResource>(None, "make").unwrap();
        drop(limited(make.call(())).await.unwrap());
        let change = limited(events.next()).await.unwrap().change;
        assert!(
            matches!(change, Change::Ended { reason: StopReason::Expired { .. }, .. }),
            "{change:?}"
        );
    });
}

/// Gives way for ever: `spin` before it has returned, `linger` after.
pub(crate) const YIELDS: &str = r#"(component
    (import "begin" (func $begin))
    (core func $begin (canon lower (func $begin)))
    (core func $return (canon task.return))
    (core module $m
        (import "" "begin" (func $begin))
        (import "" "return" (func $return))
        (func (export "spin") (result i32) (call $begin) (i32.const 1))
        (func (export "linger") (result i32) (call $return) (i32.const 1))
        (func (export "again") (param i32 i32 i32) (result i32) (i32.const 1))
        (func (export "one") (result i32) (i32.const 1)))
    (core instance $i (instantiate $m (with "" (instance
        (export "begin" (func $begin)) (export "return" (func $return))))))
    (func (export "spin") async
        (canon lift (core func $i "spin") async (callback (core func $i "again"))))
    (func (export "linger") async
        (canon lift (core func $i "linger") async (callback (core func $i "again"))))
    (func (export "one") (result u32) (canon lift (core func $i "one"))))"#;

/// How many calls have reached the guest, and what the guest tells it by.
fn beginning() -> (Arc<AtomicU32>, HostInterface) {
    let begun = Arc::new(AtomicU32::new(0));
    let counted = begun.clone();
    let begin = move || _ = counted.fetch_add(1, Ordering::SeqCst);
    (begun, HostInterface::root().func_wrap("begin", begin))
}

/// Why the component was ended, and what it did.
async fn ended(events: &mut wasm_runtime_composer::snapshot::Events) -> (String, GraceOver) {
    let change = limited(events.next()).await.unwrap().change;
    let Change::Ended { reason: StopReason::Trapped { function, source, .. }, .. } = change else {
        panic!("{change:?}")
    };
    (function, source.downcast_ref::<GraceOver>().unwrap().clone())
}

#[test]
fn call_that_goes_on_when_nobody_waits_is_ended() {
    run(async || {
        for by_deadline in [true, false] {
            let (begun, host) = beginning();
            let it = ComposableDescriptor::new("it", text(YIELDS));
            let grace = if by_deadline { ENOUGH } else { SHORT };
            let it = if by_deadline { it.with_deadline(grace) } else { it.with_grace(grace) };
            let composition = compose([ComposableDescriptor::new("env", host), it]).await.unwrap();
            let mut events = composition.events();
            if by_deadline {
                let error = call_unit(&composition, "spin").await.unwrap_err();
                assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
            } else {
                let spin = composition.typed::<(), ()>(None, "spin").unwrap();
                let mut call = pin!(spin.call(()));
                assert!(poll_immediate(&mut call).await.is_none());
                until(|| begun.load(Ordering::SeqCst) > 0).await;
            }
            let (function, over) = ended(&mut events).await;
            assert_eq!((&*function, over.grace), ("spin", grace));
        }
    });
}

#[test]
fn what_goes_on_between_calls_is_ended() {
    run(async || {
        let it = ComposableDescriptor::new("it", text(YIELDS)).with_grace(SHORT);
        let host = ComposableDescriptor::new("env", beginning().1);
        let composition = compose([host, it]).await.unwrap();
        let mut events = composition.events();
        call_unit(&composition, "linger").await.unwrap();
        let (function, over) = ended(&mut events).await;
        assert_eq!((&*function, over.grace), ("a background task", SHORT));
    });
}

#[test]
fn call_that_holds_its_store_when_nobody_waits_is_ended() {
    run(async || {
        let running = Arc::new(AtomicBool::new(false));
        let runs = running.clone();
        let wait = move || {
            runs.store(true, Ordering::SeqCst);
            pending::<()>()
        };
        let host = HostInterface::root().func_wrap_async("wait", wait);
        let waits = r#"(component
            (import "wait" (func $wait))
            (core func $wait (canon lower (func $wait)))
            (core module $m (import "" "wait" (func $wait)) (func (export "work") (call $wait)))
            (core instance $i (instantiate $m (with "" (instance (export "wait" (func $wait))))))
            (func (export "work") (canon lift (core func $i "work"))))"#;
        let it = ComposableDescriptor::new("it", text(waits)).with_grace(SHORT);
        let composition = compose([ComposableDescriptor::new("env", host), it]).await.unwrap();
        let mut events = composition.events();
        let work = composition.typed::<(), ()>(None, "work").unwrap();
        {
            let mut call = pin!(work.call(()));
            assert!(poll_immediate(&mut call).await.is_none());
            until(|| running.load(Ordering::SeqCst)).await;
            // As long as somebody waits, it may take its time.
            tokio::time::sleep(SHORT * 3).await;
            assert!(poll_immediate(&mut call).await.is_none());
        }
        let (function, _) = ended(&mut events).await;
        assert_eq!(function, "work");
    });
}

#[test]
fn what_ends_within_its_grace_is_left_alone() {
    run(async || {
        let gate = Arc::new(Notify::new());
        let waits = gate.clone();
        let host = HostInterface::root().func_wrap_concurrent("later", move || {
            let waits = waits.clone();
            async move { waits.notified().await }
        });
        let later = r#"(component
            (import "later" (func $later async))
            (core func $later (canon lower (func $later)))
            (core module $m (import "" "later" (func $later)) (func (export "work") (call $later))
                (func (export "one") (result i32) (i32.const 1)))
            (core instance $i (instantiate $m (with "" (instance (export "later" (func $later))))))
            (func (export "work") async (canon lift (core func $i "work")))
            (func (export "one") async (result u32) (canon lift (core func $i "one"))))"#;
        let it = ComposableDescriptor::new("it", text(later)).with_grace(Duration::from_secs(3600));
        let composition = compose([ComposableDescriptor::new("env", host), it]).await.unwrap();
        let work = composition.typed::<(), ()>(None, "work").unwrap();
        assert!(poll_immediate(pin!(work.call(()))).await.is_none());
        gate.notify_one();
        assert_eq!(call(&composition, "one").await.unwrap(), 1);
        assert!(!composition.snapshot().components[1].instances[0].state.name().contains("ended"));
    });
}

#[test]
fn callers_that_give_up_are_no_ticks() {
    run(async || {
        let ticking = Ticking::new();
        let gate = Arc::new(Notify::new());
        let waits = gate.clone();
        let host = HostInterface::root().func_wrap_async("wait", move || {
            let waits = waits.clone();
            async move { waits.notified().await }
        });
        let waits = r#"(component
            (import "wait" (func $wait))
            (core func $wait (canon lower (func $wait)))
            (core module $m (import "" "wait" (func $wait)) (func (export "work") (call $wait)))
            (core instance $i (instantiate $m (with "" (instance (export "wait" (func $wait))))))
            (func (export "work") (canon lift (core func $i "work"))))"#;
        let it = ComposableDescriptor::new("it", ticking.component(waits)).with_run_limit(5);
        let composition = compose([ComposableDescriptor::new("env", host), it]).await.unwrap();
        let work = composition.typed::<(), ()>(None, "work").unwrap();
        let patient = tokio::spawn({
            let work = work.clone();
            async move { work.call(()).await }
        });
        let it = || composition.snapshot().components[1].instances[0].clone();
        until(|| it().running > 0).await;
        for _ in 0..20 {
            let impatient = work.clone().with_deadline(Duration::from_millis(1));
            let error = limited(impatient.call(())).await.unwrap_err();
            assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
        }
        gate.notify_one();
        limited(patient).await.unwrap().unwrap();
    });
}

#[test]
fn calls_that_wait_often_are_no_ticks() {
    run(async || {
        let ticking = Ticking::new();
        // Waits a thousand times, each time for another task.
        let host = HostInterface::root().func_wrap_async("wait", || async {
            tokio::spawn(async {}).await.unwrap();
        });
        let waits = r#"(component
            (import "wait" (func $wait))
            (core func $wait (canon lower (func $wait)))
            (core module $m (import "" "wait" (func $wait))
                (func (export "work") (local $n i32)
                    (loop $again
                        (call $wait)
                        (local.set $n (i32.add (local.get $n) (i32.const 1)))
                        (br_if $again (i32.lt_u (local.get $n) (i32.const 1000))))))
            (core instance $i (instantiate $m (with "" (instance (export "wait" (func $wait))))))
            (func (export "work") (canon lift (core func $i "work"))))"#;
        let it = ComposableDescriptor::new("it", ticking.component(waits)).with_run_limit(5);
        let composition = compose([ComposableDescriptor::new("env", host), it]).await.unwrap();
        call_unit(&composition, "work").await.unwrap();
    });
}

/// Traps, or answers.
const FALLS: &str = r#"(component
    (core module $m (func (export "fall") unreachable) (func (export "one") (result i32) i32.const 1))
    (core instance $i (instantiate $m))
    (func (export "fall") (canon lift (core func $i "fall")))
    (func (export "one") (result u32) (canon lift (core func $i "one"))))"#;

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the data of a store");
    }
}

#[test]
fn data_of_a_store_that_panics_when_dropped_harms_nobody() {
    run(async || {
        let engine = composer_tests::engine();
        let bomb =
            ComposableComponent::new(FALLS, Linker::new(engine), move || Store::new(engine, Bomb));
        let it = ComposableDescriptor::new("it", bomb)
            .with_restart(RestartPolicy::restart(9, Duration::ZERO));
        let composition = compose([it]).await.unwrap();
        for within in [None, Some(Duration::from_secs(3600))] {
            let mut fall = composition.typed::<(), ()>(None, "fall").unwrap();
            if let Some(within) = within {
                // Not in place.
                fall = fall.with_deadline(within);
            }
            let error = limited(fall.call(())).await.unwrap_err();
            assert!(matches!(error, CompositionError::Trap { .. }), "{error:?}");
            assert_eq!(call(&composition, "one").await.unwrap(), 1);
        }
        limited(composition.close(Duration::ZERO)).await.unwrap();
    });
}

#[test]
fn constructor_of_a_store_that_panics_is_a_start_that_failed() {
    run(async || {
        let engine = composer_tests::engine();
        let made = Arc::new(AtomicU32::new(0));
        let component = |last: u32| {
            let made = made.clone();
            ComposableComponent::new(FALLS, Linker::new(engine), move || {
                assert!(made.fetch_add(1, Ordering::SeqCst) < last, "no more stores");
                Store::new(engine, ())
            })
        };
        let panic_of = |error: &StartError| {
            let StartError::Store { source, .. } = error else { panic!("{error:?}") };
            source.downcast_ref::<HostPanic>().unwrap().message.clone()
        };
        let error = compose([ComposableDescriptor::new("it", component(0))]).await.unwrap_err();
        let CompositionError::Start(error) = error else { panic!("{error:?}") };
        assert_eq!(panic_of(&error), "no more stores");

        made.store(0, Ordering::SeqCst);
        let it = ComposableDescriptor::new("it", component(1))
            .with_restart(RestartPolicy::restart(2, Duration::ZERO));
        let composition = compose([it]).await.unwrap();
        call_unit(&composition, "fall").await.unwrap_err();
        let error = call(&composition, "one").await.unwrap_err();
        let CompositionError::Unavailable {
            source: StopReason::NotRestarted { source, .. }, ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(panic_of(&source), "no more stores");
        assert_eq!(made.load(Ordering::SeqCst), 3);
    });
}

#[test]
fn panic_of_a_linker_function_at_the_start_is_a_start_that_failed() {
    run(async || {
        let engine = composer_tests::engine();
        let mut linker = Linker::<()>::new(engine);
        linker
            .root()
            .func_wrap("greet", |_, (): ()| -> wasmtime::Result<()> { panic!("nobody is at home") })
            .unwrap();
        let greets = r#"(component
            (import "greet" (func $greet))
            (core func $greet (canon lower (func $greet)))
            (core module $m (import "" "greet" (func $greet)) (start $greet))
            (core instance (instantiate $m (with "" (instance (export "greet" (func $greet)))))))"#;
        let it = ComposableDescriptor::new("it", with_linker(greets, linker));
        let error = compose([it]).await.unwrap_err();
        let CompositionError::Start(StartError::Instantiate { source, .. }) = error else {
            panic!("{error:?}")
        };
        assert_eq!(source.downcast_ref::<HostPanic>().unwrap().message, "nobody is at home");
    });
}

/// Goes `deep` bytes into the stack.
#[inline(never)]
fn at_depth<R>(deep: usize, then: &mut dyn FnMut() -> R) -> R {
    let room = [0_u8; 4096];
    std::hint::black_box(&room);
    if deep < room.len() { then() } else { at_depth(deep - room.len(), then) }
}

#[test]
fn recursion_without_end_is_a_trap_however_deep_its_caller_stands() {
    const RECURSES: &str = r#"(component
        (core module $m
            (func $f (export "f") (result i32) (i32.add (i32.const 1) (call $f)))
            (func (export "one") (result i32) (i32.const 1)))
        (core instance $i (instantiate $m))
        (func (export "f") (result u32) (canon lift (core func $i "f")))
        (func (export "one") (result u32) (canon lift (core func $i "one"))))"#;
    for (stack, used) in [(2048, 1650), (2048, 1000), (1024, 600), (1024, 0)] {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_stack_size(stack << 10)
            .enable_all()
            .build()
            .unwrap();
        let test = async move {
            let it = ComposableDescriptor::new("it", text(RECURSES))
                .with_restart(RestartPolicy::restart(9, Duration::ZERO));
            let composition = compose([it]).await.unwrap();
            assert_eq!(call(&composition, "one").await.unwrap(), 1);
            let recurse = composition.typed::<(), u32>(None, "f").unwrap();
            let mut call = recurse.call(()).boxed();
            let polled = at_depth(used << 10, &mut || {
                call.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            });
            let error = match polled {
                Poll::Ready(ended) => ended.unwrap_err(),
                Poll::Pending => limited(call).await.unwrap_err(),
            };
            assert!(chain(&error).contains("call stack exhausted"), "{error:?}");
        };
        runtime.block_on(runtime.spawn(test)).unwrap();
    }
}

#[test]
fn driver_that_runs_deep_in_a_stack_gives_its_guest_another() {
    const RECURSES: &str = r#"(component
        (core module $m (func $f (export "f") (result i32) (i32.add (i32.const 1) (call $f))))
        (core instance $i (instantiate $m))
        (func (export "f") (result u32) (canon lift (core func $i "f"))))"#;
    let deep = || {
        at_depth(600 << 10, &mut || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let composition =
                    compose([ComposableDescriptor::new("it", text(RECURSES))]).await.unwrap();
                let recurse = composition.typed::<(), u32>(None, "f").unwrap();
                // Not in place.
                let recurse = recurse.with_deadline(Duration::from_secs(3600));
                let error = limited(recurse.call(())).await.unwrap_err();
                assert!(chain(&error).contains("call stack exhausted"), "{error:?}");
            });
        });
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(deep).unwrap().join().unwrap();
}
