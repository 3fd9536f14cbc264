//! What ends the wait of a caller that has cancelled its call, where the callee has not answered yet.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use composer_tests::{chain, limited, run};
use tokio::task::JoinHandle;
use wasm_runtime_composer::error::StopReason;
use wasm_runtime_composer::layer::{Call, Next, RetryLayer, from_fn};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    HostInterface, RestartPolicy,
};
use wasmtime::component::Linker;
use wasmtime::{Store, StoreLimits, StoreLimitsBuilder};

use super::guest::{Guest, Lift, Lower, board, function, waits};
use super::{component, engine};

/// `op` goes on until `go` is called, and then does `end`. It does not listen.
fn deaf(end: &str) -> Guest {
    let op = format!(
        "(call $begin) (loop $again (drop (call $yield)) (br_if $again (i32.eqz (global.get $go))))
 {end}"
    );
    let code = "(global $go (mut i32) (i32.const 0))\n".to_owned()
        + &function("op", "(result i32)", "", &op)
        + &function("go", "", "", "(global.set $go #1)");
    Guest::new(code).export("op: async() -> u32", Lift::Sync).export("go: ()", Lift::Sync)
}

/// `run` calls `op` and cancels it once it has begun, says on the board that it waits for what comes of that, and gives that.
fn canceller() -> Guest {
    // What was begun before counts for nothing: a callee that starts again takes its time.
    let body = "(set n (call $begun)) (set st (call $op #512)) (call $until-begun (i32.add @n #1))
 (if (i32.ne (call $subtask.cancel-a (call $h @st)) #-1) (then unreachable))
 (call $begin) (call $then (call $await @st) (i32.load #512))";
    Guest::new(super::guest::run("st n", body))
        .import("op: async() -> u32", Lower::Async)
        .export("run: async() -> u32", Lift::Sync)
}

fn descriptor(id: &str, guest: &Guest) -> ComposableDescriptor {
    ComposableDescriptor::new(id, component(guest.build()))
}

fn composer<const N: usize>(parts: [ComposableDescriptor; N]) -> Composer {
    let mut composer = Composer::new();
    composer.add(descriptor("board", &board()));
    for part in parts {
        composer.add(part);
    }
    composer
}

fn start(composition: &Composition) -> JoinHandle<Result<u32, CompositionError>> {
    let func = composition.typed::<(), u32>(None, "run").unwrap();
    tokio::spawn(async move { func.call(()).await })
}

/// Waits until so much was said on the board.
async fn said(composition: &Composition, times: u32) {
    let begun = composition.typed::<(), u32>(None, "begun").unwrap();
    while begun.call(()).await.unwrap() < times {
        tokio::task::yield_now().await;
    }
}

async fn tell(composition: &Composition, name: &str) {
    composition.typed::<(), ()>(None, name).unwrap().call(()).await.unwrap();
}

/// The caller waits for `op` of the callee, which it has cancelled.
async fn pending(composer: Composer) -> (Composition, JoinHandle<Result<u32, CompositionError>>) {
    let composition = limited(composer.compose()).await.unwrap();
    let running = start(&composition);
    limited(said(&composition, 2)).await;
    assert!(!running.is_finished(), "the callee has not answered");
    (composition, running)
}

#[test]
fn callee_that_returns_is_heard() {
    run(async || {
        let composer = composer([descriptor("a", &deaf("#9")), descriptor("b", &canceller())]);
        let (composition, running) = pending(composer).await;
        tell(&composition, "go").await;
        assert_eq!(limited(running).await.unwrap().unwrap(), 29);
    });
}

#[test]
fn callee_that_traps_fails_the_caller_and_both_start_again() {
    run(async || {
        let again = || RestartPolicy::restart(1, Duration::ZERO);
        let composer = composer([
            descriptor("a", &deaf("unreachable")).with_restart(again()),
            descriptor("b", &canceller()).with_restart(again()),
        ]);
        let (composition, running) = pending(composer).await;
        tell(&composition, "go").await;
        let error = limited(running).await.unwrap().unwrap_err();
        let text = chain(&error);
        assert!(matches!(error, CompositionError::Trap { .. }), "{text}");
        assert!(text.contains("component `a` trapped in `op`"), "{text}");
        // Both are there again: the call is made, and is cancelled, and its callee traps.
        let running = start(&composition);
        limited(said(&composition, 4)).await;
        limited(tell(&composition, "go")).await;
        let text = chain(&limited(running).await.unwrap().unwrap_err());
        assert!(text.contains("component `a` trapped in `op`"), "{text}");
    });
}

#[test]
fn closing_does_not_wait_for_what_never_answers() {
    run(async || {
        let composer = composer([descriptor("a", &deaf("#9")), descriptor("b", &canceller())]);
        let (composition, running) = pending(composer).await;
        let closed = limited(composition.close(Duration::from_millis(50))).await;
        closed.unwrap();
        let error = limited(running).await.unwrap().unwrap_err();
        let is_closed = matches!(
            error,
            CompositionError::Unavailable { started: true, source: StopReason::Closed, .. }
        );
        assert!(is_closed, "{}", chain(&error));
        assert_eq!(composition.live_handles(), 0);
    });
}

#[test]
fn deadline_holds_for_a_call_that_is_cancelled() {
    run(async || {
        let composer = composer([
            descriptor("a", &deaf("#9")).with_deadline(Duration::from_secs(5)),
            descriptor("b", &canceller()),
        ]);
        let (composition, running) = pending(composer).await;
        let text = chain(&limited(running).await.unwrap().unwrap_err());
        assert!(text.contains("`a` did not answer `op` within 5s"), "{text}");
        tell(&composition, "go").await;
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
    });
}

/// As [`canceller`], for an `op` that waits for a future, which is written when the board says so.
fn canceller_that_writes() -> Guest {
    let body = "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $until-begun #1)
 (if (i32.ne (call $subtask.cancel-a (call $h @st)) #-1) (then unreachable))
 (call $begin) (call $until-begun #3) (drop (call $send @t #7))
 (call $then (call $await @st) (i32.load #512))";
    Guest::new(super::guest::run("t:64 st", body))
        .import("op: async(future<u32>) -> u32", Lower::Async)
        .export("run: async() -> u32", Lift::Sync)
}

#[test]
fn callee_that_is_replaced_is_heard() {
    run(async || {
        let callee = || {
            Guest::new(waits("op", Lift::Sync, "(call $begin)", ""))
                .export("op: async(future<u32>) -> u32", Lift::Sync)
        };
        let composer =
            composer([descriptor("a", &callee()), descriptor("b", &canceller_that_writes())]);
        let (composition, running) = pending(composer).await;
        limited(composition.replace("a", component(callee().build())).into_future()).await.unwrap();
        assert!(!running.is_finished(), "the former callee has not answered");
        tell(&composition, "begin").await;
        assert_eq!(limited(running).await.unwrap().unwrap(), 27);
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
    });
}

/// Calls that wait for their turn, in the callee's store and before it, are over when they are cancelled.
#[test]
fn call_that_has_not_begun_is_over_at_once() {
    const CALLS: u32 = 20;
    run(async || {
        let body = format!(
            "(loop $again (set st (call $op #512)) (set n (i32.add @n #1))
  (i32.store (i32.add #4096 (i32.shl @n #2)) @st) (br_if $again (i32.lt_u @n #{CALLS})))
 (call $until-begun #1)
 (loop $again
  (if (i32.ne (call $cancel (i32.load (i32.add #4096 (i32.shl @n #2)))) #4) (then unreachable))
  (set n (i32.sub @n #1)) (br_if $again (i32.gt_u @n #1)))
 (call $begin) (call $await (i32.load #4100))"
        );
        let caller = Guest::new(super::guest::run("st n", &body))
            .import("op: async() -> u32", Lower::Async)
            .export("run: async() -> u32", Lift::Sync);
        let composer = composer([descriptor("a", &deaf("#9")), descriptor("b", &caller)]);
        let (composition, running) = pending(composer).await;
        tell(&composition, "go").await;
        assert_eq!(limited(running).await.unwrap().unwrap(), 2);
        let begun = composition.typed::<(), u32>(None, "begun").unwrap();
        assert_eq!(begun.call(()).await.unwrap(), 2, "one call began, and then the caller said so");
    });
}

/// `op` acknowledges that it is cancelled.
fn polite() -> Guest {
    let code =
        function("op", "(result i32)", "", "(call $begin) (i32.or #2 (i32.shl (call $ws.new) #4))")
            + &function(
                "op-cb",
                "(param i32 i32 i32) (result i32)",
                "",
                "(if (i32.ne (local.get 0) #6) (then unreachable)) (call $task.cancel) #0",
            );
    Guest::new(code).export("op: async() -> u32", Lift::Callback)
}

fn impatient() -> Guest {
    let body = "(set st (call $op #512)) (call $until-begun #1) (call $cancel @st)";
    Guest::new(super::guest::run("st", body))
        .import("op: async() -> u32", Lower::Async)
        .export("run: async() -> u32", Lift::Sync)
}

#[test]
fn layers_see_a_call_that_is_cancelled_and_do_not_make_it_again() {
    run(async || {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut composer = composer([descriptor("a", &polite()), descriptor("b", &impatient())]);
        composer.with_layer(RetryLayer::functions(["op"], 3));
        let sees = seen.clone();
        composer.with_layer(from_fn(move |call: Call, next: Next| {
            let (seen, function) = (sees.clone(), call.function().to_owned());
            async move {
                let answer = next.call(call).await;
                if let Err(error) = &answer {
                    seen.lock().unwrap().push((function, error.to_string()));
                }
                answer
            }
        }));
        let composition = limited(composer.compose()).await.unwrap();
        assert_eq!(limited(start(&composition)).await.unwrap().unwrap(), 4);
        let begun = composition.typed::<(), u32>(None, "begun").unwrap();
        assert_eq!(begun.call(()).await.unwrap(), 1, "it was made once");
        let seen = seen.lock().unwrap();
        let expected = "the call of `op` of component `a` was cancelled".to_owned();
        assert_eq!(*seen, [("op".to_owned(), expected)]);
    });
}

/// Says that it is dropped.
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// What the host does for a guest is dropped when it is cancelled, whether or not it is a component.
#[test]
fn function_of_the_host_is_dropped() {
    run(async || {
        let caller = || {
            let body = "(set st (call $op #512)) (call $pause #3) (call $cancel @st)";
            Guest::new(super::guest::run("st", body))
                .import("op: async() -> u32", Lower::Async)
                .export("run: async() -> u32", Lift::Sync)
                .build()
        };
        let dropped = Arc::new(AtomicBool::new(false));
        let mut linker = Linker::new(engine());
        let told = dropped.clone();
        linker
            .root()
            .func_wrap_concurrent("op", move |_, ()| {
                let told = Dropped(told.clone());
                Box::pin(async move {
                    let _told = told;
                    std::future::pending::<wasmtime::Result<(u32,)>>().await
                })
            })
            .unwrap();
        let own = ComposableComponent::new(caller(), linker, || Store::new(engine(), ()));
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("b", own.with_cooperative_cancel()));
        let composition = limited(composer.compose()).await.unwrap();
        assert_eq!(limited(start(&composition)).await.unwrap().unwrap(), 4);
        assert!(dropped.swap(false, Ordering::SeqCst), "the linker's function goes on");

        // A call that is cancelled before the interface has taken it is withdrawn, and runs nothing.
        let (told, begun) = (dropped.clone(), Arc::new(AtomicBool::new(false)));
        let begins = begun.clone();
        let host = HostInterface::root().func_wrap_concurrent("op", move || {
            begins.store(true, Ordering::SeqCst);
            let told = Dropped(told.clone());
            async move {
                let _told = told;
                std::future::pending::<u32>().await
            }
        });
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("a", host));
        composer.add(ComposableDescriptor::new("b", component(caller())));
        let composition = limited(composer.compose()).await.unwrap();
        assert_eq!(limited(start(&composition)).await.unwrap().unwrap(), 4);
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
        let (begun, dropped) = (begun.load(Ordering::SeqCst), dropped.load(Ordering::SeqCst));
        assert_eq!(begun, dropped, "the interface's function goes on");
    });
}

/// How often [`many_calls_with_handles_leave_nothing_behind`] calls.
const CALLS: u32 = 10_000;

const KEEPER: &str = r#"
(core module $D (global $n (mut i32) (i32.const 0))
 (func (export "dtor") (param i32) (global.set $n (i32.add (global.get $n) (i32.const 1))))
 (func (export "dropped") (result i32) (global.get $n)))
(core instance $d (instantiate $D))
(type $r (resource (rep i32) (dtor (core func $d "dtor"))))
(core func $r.new (canon resource.new $r))
(core func $r.drop (canon resource.drop $r))
(core func $give-back (canon task.return (result (tuple string (own $r))) (memory $mem)))
(alias core export $d "dropped" (core func $dropped))
"#;

const KEPT: &str = r#"
(func $make (param "n" u32) (result (own $r)) (canon lift (core func $m "make")))
(func $hold async (param "text" string) (param "own" (own $r)) (param "lent" (borrow $r)) (param "bytes" (stream u8))
 (result (tuple string (own $r)))
 (canon lift (core func $m "hold") async (callback (core func $m "hold-cb")) (memory $mem)
  (realloc (core func $m "at-one-place"))))
(instance $it (export "r" (type $r)) (export "make" (func $make)) (export "hold" (func $hold)))
(export "test:res/kept" (instance $it))
(func (export "dropped") (result u32) (canon lift (core func $dropped)))
"#;

/// `hold` takes handles of all kinds. By the length of the text it returns one of them at once (3), or when it is
/// cancelled (4), or else acknowledges that.
fn keeper() -> Guest {
    let returns = "(call $b.drop-r @s) (call $give-back #131072 @len @own)";
    let code = "(global $own (mut i32) (i32.const 0)) (global $s (mut i32) (i32.const 0))
(global $len (mut i32) (i32.const 0)) (global $ws (mut i32) (i32.const 0))\n"
        .to_owned()
        + &function("make", "(param $n i32) (result i32)", "", "(call $r.new @n)")
        + &function("at-one-place", "(param i32 i32 i32 i32) (result i32)", "", "#131072")
        + &function(
            "hold",
            "(param $p i32) (param $len i32) (param $own i32) (param $lent i32) (param $s i32) (result i32)",
            "",
            &format!(
                "(if (i32.ne @lent #2) (then unreachable)) (call $begin)
 (if (i32.eq @len #3) (then {returns} (return #0)))
 (global.set $own @own) (global.set $s @s) (global.set $len @len) (global.set $ws (call $ws.new))
 (i32.or #2 (i32.shl (global.get $ws) #4))"
            ),
        )
        + &function(
            "hold-cb",
            "(param i32 i32 i32) (result i32)",
            "len own s",
            &format!(
                "(set len (global.get $len)) (set own (global.get $own)) (set s (global.get $s))
 (call $ws.drop (global.get $ws))
 (if (i32.eq @len #4) (then {returns} (return #0)))
 (call $b.drop-r @s) (call $r.drop @own) (call $task.cancel) #0"
            ),
        );
    Guest::new(code)
        .items(
            KEEPER,
            &[
                ("r.new", "(param i32) (result i32)"),
                ("r.drop", "(param i32)"),
                ("give-back", "(param i32 i32 i32)"),
            ],
        )
        .exported(KEPT)
}

const HELD: &str = r#"
(import "test:res/kept" (instance $it
 (export "r" (type $r (sub resource)))
 (export "make" (func (param "n" u32) (result (own $r))))
 (export "hold" (func async (param "text" string) (param "own" (own $r)) (param "lent" (borrow $r))
  (param "bytes" (stream u8)) (result (tuple string (own $r)))))))
(alias export $it "r" (type $r))
"#;

const USED: &str = r#"
(core func $r.drop (canon resource.drop $r))
(core func $make (canon lower (func $it "make")))
(core func $hold (canon lower (func $it "hold") async (memory $mem) (realloc $realloc)))
"#;

fn holder() -> Guest {
    let body = format!(
        "(loop $again
  (set len (i32.add #3 (i32.rem_u @n #3))) (set n (i32.add @n #1))
  (set own (call $make #1)) (set lent (call $make #2)) (set t (call $b.new))
  (i32.store #2048 #2100) (i32.store #2052 (if (result i32) (i32.eq @len #5) (then #1024) (else @len)))
  (i32.store #2056 @own) (i32.store #2060 @lent) (i32.store #2064 (call $lo @t))
  (set st (call $hold #2048 #512)) (call $until-begun @n)
  (set st (if (result i32) (i32.eq @len #3) (then (call $await @st)) (else (call $cancel @st))))
  (if (i32.ne @st (if (result i32) (i32.eq @len #5) (then #4) (else #2))) (then unreachable))
  (if (i32.eq @st #2) (then
   (if (i32.ne (i32.load #516) @len) (then unreachable)) (call $r.drop (i32.load #520))))
  (call $r.drop @lent) (call $b.drop-w (call $hi @t))
  (br_if $again (i32.lt_u @n #{CALLS})))
 @n"
    );
    Guest::new(super::guest::run("t:64 n len own lent st", &body))
        .interface(HELD)
        .items(
            USED,
            &[
                ("r.drop", "(param i32)"),
                ("make", "(param i32) (result i32)"),
                ("hold", "(param i32 i32) (result i32)"),
            ],
        )
        .export("run: async() -> u32", Lift::Sync)
}

/// A component whose memories, the companion's among them, stay as large as those of the guests here are.
fn bounded(guest: &Guest) -> ComposableComponent<StoreLimits> {
    let store = || {
        let limits = StoreLimitsBuilder::new().memory_size(4 << 16).build();
        let mut store = Store::new(engine(), limits);
        store.limiter(|limits| limits);
        store
    };
    ComposableComponent::new(guest.build(), Linker::new(engine()), store).with_cooperative_cancel()
}

#[test]
fn many_calls_with_handles_leave_nothing_behind() {
    let [_, runtime] = composer_tests::runtimes();
    runtime.block_on(async {
        let mut composer = Composer::new();
        composer.add(descriptor("board", &board()));
        composer.add(ComposableDescriptor::new("a", bounded(&keeper())));
        composer.add(ComposableDescriptor::new("b", bounded(&holder())));
        let composition = limited(composer.compose()).await.unwrap();
        let run = tokio::time::timeout(Duration::from_secs(300), start(&composition)).await;
        assert_eq!(run.expect("this hangs").unwrap().unwrap(), CALLS);
        assert_eq!(composition.live_handles(), 0);
        let dropped = composition.typed::<(), u32>(None, "dropped").unwrap();
        assert_eq!(limited(dropped.call(())).await.unwrap(), 2 * CALLS);
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
    });
}
