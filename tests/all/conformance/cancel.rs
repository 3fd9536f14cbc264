//! Calls that their caller cancels: the callee is told, and answers as it likes.

use super::guest::{Guest, LIFTS, Lift, Lower, function, gives, run, waits};
use super::{Program, check};

const UNHEARD: &str = "the engine drops at once what the host does for a guest that cancels it";
const GONE: &str = "what a call brings is in the host's hands from when it is made";

#[test]
fn cancelled_calls_are_told() {
    check(programs());
}

pub(super) fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for how in ["cancel", "cancel-later"] {
        for kind in KINDS {
            for returns in [false, true] {
                programs.push(told(*kind, returns, how));
            }
        }
    }
    for lift in LIFTS {
        programs.push(not_listening(lift));
        programs.push(unheard(lift));
        programs.push(returned_before(lift));
        programs.push(behind_a_sync_call(lift));
    }
    for lift in [Lift::Callback, Lift::Stackful] {
        programs.push(passed_on(lift));
    }
    programs.extend([
        sync_lifted(),
        twice(),
        twice_by_default(),
        after_the_end(),
        dropped_too_early(),
        dropped_while_cancelled(),
        argument_is_dropped(),
        argument_is_kept(),
        argument_before_the_start(),
        used_again(),
        many_times(),
        many_at_once(),
        left_and_taken_up(),
        silent_afterwards(),
        not_cancelled(),
    ]);
    programs
}

fn caller(locals: &str, body: &str) -> Guest {
    Guest::new(run(locals, body)).export("run: async() -> u32", Lift::Sync)
}

/// How a callee finds out that it is cancelled; it then notes 6.
type Kind = (&'static str, Lift, &'static str, &'static str);

const KINDS: &[Kind] = &[
    (
        "callback-waits",
        Lift::Callback,
        "(i32.or #2 (i32.shl (call $ws.new) #4))",
        "(call $note @e) FINISH",
    ),
    (
        "callback-yields",
        Lift::Callback,
        "#1",
        "(if (i32.eqz @e) (then (return #1))) (call $note @e) FINISH",
    ),
    (
        "callback-finishes-later",
        Lift::Callback,
        "(i32.or #2 (i32.shl (call $ws.new) #4))",
        "(if @e (then (call $note @e)))
 (global.set $turns (i32.add (global.get $turns) #1))
 (if (i32.lt_u (global.get $turns) #5) (then (return #1)))
 FINISH",
    ),
    (
        "stackful-waits",
        Lift::Stackful,
        "(call $note (call $ws.wait-c (call $ws.new) #0)) FINISH",
        "",
    ),
    (
        "stackful-yields",
        Lift::Stackful,
        "(loop $again (br_if $again (i32.eqz (call $yield-c)))) (call $note #6) FINISH",
        "",
    ),
    (
        "stackful-polls",
        Lift::Stackful,
        "(set e (call $ws.new))
 (loop $again (drop (call $yield)) (br_if $again (i32.eqz (call $ws.poll-c @e #0))))
 (call $note #6) FINISH",
        "",
    ),
    (
        "stackful-listens-later",
        Lift::Stackful,
        // By then it is cancelled in one store; another one may take longer to say so.
        "(call $pause #50) (loop $again (br_if $again (i32.eqz (call $yield-c)))) (call $note #6) FINISH",
        "",
    ),
];

/// The function `op`, which is cancelled, or returns 9.
fn op((_, lift, body, woken): Kind, returns: bool) -> String {
    let finish = match (lift, returns) {
        (Lift::Callback, false) => "(call $task.cancel) #0",
        (Lift::Callback, true) => "(call $ret.u32 #9) #0",
        (_, false) => "(call $task.cancel)",
        (_, true) => "(call $ret.u32 #9)",
    };
    let result = if lift == Lift::Callback { "(result i32)" } else { "" };
    let woken = woken.replace("FINISH", finish);
    let body = body.replace("FINISH", finish);
    let code = "(global $turns (mut i32) (i32.const 0))\n".to_owned()
        + &function("op", result, "e", &format!("(call $begin) {body}"));
    match lift {
        Lift::Callback => {
            code + &function("op-cb", "(param $e i32) (param i32 i32) (result i32)", "", &woken)
        }
        _ => code,
    }
}

fn callee(kind: Kind, returns: bool, more: &str) -> Guest {
    Guest::new(op(kind, returns) + more)
        .export("op: async() -> u32", kind.1)
        .export("log: () -> u32", Lift::Sync)
}

/// The caller learns how it ended, and the result if there is one.
fn told(kind: Kind, returns: bool, how: &str) -> Program {
    let caller = caller(
        "st",
        &format!(
            "(set st (call $op #512)) (call $until-begun #1)
 (set st (call ${how} @st))
 (call $then (call $then @st (i32.load #512)) (call $log))"
        ),
    )
    .import("op: async() -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync);
    let finish = if returns { "returns" } else { "ends" };
    Program::new(
        format!("cancel/told/{}/{finish}/{how}", kind.0),
        [callee(kind, returns, ""), caller],
    )
    .gives([if returns { 296 } else { 406 }])
}

/// A task that does not listen goes on, and its caller waits for it.
fn not_listening(lift: Lift) -> Program {
    does_not_listen(format!("cancel/not-listening/{lift:?}"), lift)
}

/// Its caller does not, where nothing is said of that.
fn unheard(lift: Lift) -> Program {
    does_not_listen(format!("cancel/by-default/not-listening/{lift:?}"), lift)
        .cancels_by_default()
        .isolated_gives([140], UNHEARD)
}

fn does_not_listen(name: String, lift: Lift) -> Program {
    let wait = match lift {
        // A callback would be told.
        Lift::Callback => {
            let body = "(call $begin) (drop (call $settle @f (call $f.read @f #1024))) (call $f.drop-r @f)";
            gives("op", lift, "(param $f i32)", body, "(i32.load #1024)")
        }
        _ => waits("op", lift, "(call $begin)", ""),
    };
    let callee = Guest::new(wait).export("op: async(future<u32>) -> u32", lift);
    let caller = caller(
        "t:64 st blocked",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $until-begun #1)
 (set blocked (i32.eq (call $subtask.cancel-a (call $h @st)) #-1))
 (drop (call $send @t #7))
 (call $then (call $then @blocked (call $await @st)) (i32.load #512))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new(name, [callee, caller]).gives([127])
}

/// A task that has returned is not cancelled, even if its caller has not heard of it yet.
fn returned_before(lift: Lift) -> Program {
    let callee = Guest::new(waits("op", lift, "", "(call $note #1)"))
        .export("op: async(future<u32>) -> u32", lift)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "t:64 st",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512))
 (drop (call $send @t #7))
 (loop $again (call $pause #20) (br_if $again (i32.eqz (call $log))))
 (call $then (call $cancel @st) (i32.load #512))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync);
    Program::new(format!("cancel/returned-before/{lift:?}"), [callee, caller]).gives([27])
}

/// A component that waits in a sync call is not told until that has returned.
fn behind_a_sync_call(lift: Lift) -> Program {
    let far = Guest::new(waits("far", Lift::Callback, "(call $begin)", ""))
        .export("far: async(future<u32>) -> u32", Lift::Callback);
    let between = Guest::new(gives("op", lift, "(param $f i32)", "", "(call $far @f)"))
        .import("far: async(future<u32>) -> u32", Lower::Sync)
        .export("op: async(future<u32>) -> u32", lift);
    let caller = caller(
        "t:64 st blocked",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $until-begun #1)
 (set blocked (i32.eq (call $subtask.cancel-a (call $h @st)) #-1))
 (drop (call $send @t #7))
 (call $then (call $then @blocked (call $await @st)) (i32.load #512))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new(format!("cancel/behind-a-sync-call/{lift:?}"), [far, between, caller]).gives([127])
}

/// A component that is cancelled cancels what it waits for.
fn passed_on(lift: Lift) -> Program {
    let far = Guest::new(op(KINDS[0], false))
        .export("op: async() -> u32", Lift::Callback)
        .export("log: () -> u32", Lift::Sync);
    let start = "(set ws (call $ws.new)) (global.set $sub (call $op #512))
 (call $join (call $h (global.get $sub)) @ws)";
    let told = "(call $note @e) (call $join (call $h (global.get $sub)) #0)
 (call $note (call $cancel (global.get $sub))) (call $task.cancel)";
    let mut code = "(global $sub (mut i32) (i32.const 0))\n".to_owned();
    match lift {
        Lift::Callback => {
            let start = format!("{start} (i32.or #2 (i32.shl @ws #4))");
            let params = "(param $e i32) (param i32 i32) (result i32)";
            code += &function("relay", "(result i32)", "ws", &start);
            code += &function("relay-cb", params, "", &format!("{told} #0"));
        }
        _ => {
            let body = format!("{start} (set e (call $ws.wait-c @ws #0)) {told}");
            code += &function("relay", "", "ws e", &body);
        }
    }
    // `log` is the name of another's export.
    let between = Guest::new(code)
        .import("op: async() -> u32", Lower::Async)
        .export("relay: async() -> u32", lift)
        .export("log-b: () -> u32", Lift::Sync);
    let caller = caller(
        "st",
        "(set st (call $relay #512)) (call $until-begun #1)
 (set st (call $cancel @st))
 (i32.add (i32.mul @st #1000) (call $then (call $log-b) (call $log)))",
    )
    .import("relay: async() -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync)
    .import("log-b: () -> u32", Lower::Sync);
    Program::new(format!("cancel/passed-on/{lift:?}"), [far, between, caller]).gives([4646])
}

/// A sync-lifted function is told too, but can only return.
fn sync_lifted() -> Program {
    let op = function(
        "op",
        "(result i32)",
        "",
        "(call $begin) (loop $again (br_if $again (i32.eqz (call $yield-c)))) (call $note #6) #9",
    );
    let callee = Guest::new(op)
        .export("op: async() -> u32", Lift::Sync)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "st",
        "(set st (call $op #512)) (call $until-begun #1) (set st (call $cancel @st))
 (call $then (call $then @st (i32.load #512)) (call $log))",
    )
    .import("op: async() -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync);
    Program::new("cancel/sync-lifted", [callee, caller]).gives([296])
}

fn twice() -> Program {
    cancels_twice("cancel/twice")
}

fn twice_by_default() -> Program {
    cancels_twice("cancel/by-default/twice").cancels_by_default().isolated_traps(
        "`subtask.cancel` called after terminal status delivered",
        "the engine lets guests of one store cancel again, against the specification",
    )
}

fn cancels_twice(name: &str) -> Program {
    let callee = Guest::new(waits("op", Lift::Sync, "(call $begin)", ""))
        .export("op: async(future<u32>) -> u32", Lift::Sync);
    let caller = caller(
        "t:64 st",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $until-begun #1)
 (drop (call $subtask.cancel-a (call $h @st)))
 (drop (call $subtask.cancel-a (call $h @st)))
 (drop (call $send @t #7))
 (call $then (call $await @st) (i32.load #512))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new(name, [callee, caller]).gives([27])
}

fn after_the_end() -> Program {
    let callee = Guest::new(waits("op", Lift::Callback, "", ""))
        .export("op: async(future<u32>) -> u32", Lift::Callback);
    let caller = caller(
        "t:64 st",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512))
 (drop (call $send @t #7))
 (drop (call $wait (call $h @st)))
 (call $subtask.cancel (call $h @st))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new("cancel/after-the-end", [callee, caller])
        .traps("`subtask.cancel` called after terminal status delivered")
}

fn dropped_too_early() -> Program {
    let caller = caller("st", "(set st (call $op #512)) (call $subtask.drop (call $h @st)) #1")
        .import("op: async() -> u32", Lower::Async);
    Program::new("cancel/dropped-too-early", [callee(KINDS[0], false, ""), caller])
        .traps("cannot drop a subtask which has not yet resolved")
}

fn dropped_while_cancelled() -> Program {
    let callee = Guest::new(waits("op", Lift::Sync, "(call $begin)", ""))
        .export("op: async(future<u32>) -> u32", Lift::Sync);
    let caller = caller(
        "st",
        "(set st (call $op (call $lo (call $f.new)) #512)) (call $until-begun #1)
 (drop (call $subtask.cancel-a (call $h @st)))
 (call $subtask.drop (call $h @st)) #1",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new("cancel/dropped-while-cancelled", [callee, caller])
        .traps("cannot drop a subtask which has not yet resolved")
        .isolated_traps("", "the engine notices only when the call ends that nobody has any more")
}

/// `op` with a future, which it reads only when it has been cancelled or drops then.
fn holds_a_future(when_told: &str) -> Guest {
    let code = "(global $f (mut i32) (i32.const 0))\n".to_owned()
        + &function(
            "op",
            "(param $f i32) (result i32)",
            "",
            "(global.set $f @f) (call $begin) (i32.or #2 (i32.shl (call $ws.new) #4))",
        )
        + &function(
            "op-cb",
            "(param i32 i32 i32) (result i32)",
            "",
            &format!("{when_told} (call $task.cancel) #0"),
        );
    Guest::new(code).export("op: async(future<u32>) -> u32", Lift::Callback)
}

/// Who writes to what the callee held learns that it is gone.
fn argument_is_dropped() -> Program {
    let caller = caller(
        "t:64 st",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $until-begun #1)
 (set st (call $cancel @st))
 (call $then @st (call $send @t #7))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    let callee = holds_a_future("(call $f.drop-r (global.get $f))");
    Program::new("cancel/argument-is-dropped", [callee, caller]).gives([41])
}

/// What a call has brought stays with the callee.
fn argument_is_kept() -> Program {
    let code = function(
        "take",
        "(result i32)",
        "",
        "(drop (call $settle (global.get $f) (call $f.read (global.get $f) #1024))) (i32.load #1024)",
    );
    let callee = holds_a_future("").more(&code).export("take: async() -> u32", Lift::Sync);
    let caller = caller(
        "t:64 st",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $until-begun #1)
 (set st (call $cancel @st))
 (i32.store #768 #7) (drop (call $f.write (call $hi @t) #768))
 (call $then @st (call $take))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async)
    .import("take: async() -> u32", Lower::Sync);
    Program::new("cancel/argument-is-kept", [callee, caller]).gives([47])
}

/// What a call would have brought that never started is still the caller's.
fn argument_before_the_start() -> Program {
    let callee = waits("op", Lift::Callback, "", "")
        + &function("on", "", "", "(call $inc)")
        + &function("off", "", "", "(call $dec)");
    let callee = Guest::new(callee)
        .export("op: async(future<u32>) -> u32", Lift::Callback)
        .export("on: ()", Lift::Sync)
        .export("off: ()", Lift::Sync);
    let caller = caller(
        "t:64 st",
        "(call $on)
 (set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $pause #5)
 (set st (call $cancel @st)) (call $off)
 (call $f.drop-r (call $lo @t))
 (call $then @st (call $send @t #7))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async)
    .import("on: ()", Lower::Sync)
    .import("off: ()", Lower::Sync);
    Program::new("cancel/argument-before-the-start", [callee, caller])
        .gives([31])
        .isolated_traps("unknown handle index", GONE)
}

fn used_again() -> Program {
    let more = gives("work", Lift::Callback, "", "", "#7");
    let callee = callee(KINDS[0], false, &more).export("work: async() -> u32", Lift::Callback);
    let caller = caller(
        "st",
        "(set st (call $op #512)) (call $pause #5) (set st (call $cancel @st))
 (drop (call $await (call $work #512)))
 (call $then @st (i32.load #512))",
    )
    .import("op: async() -> u32", Lower::Async)
    .import("work: async() -> u32", Lower::Async);
    Program::new("cancel/used-again", [callee, caller]).gives([47])
}

fn many_times() -> Program {
    let caller = caller(
        "n sum st",
        "(loop $again
  (set st (call $op #512)) (set n (i32.add @n #1)) (call $until-begun @n)
  (set sum (i32.add @sum (call $cancel @st)))
  (br_if $again (i32.lt_u @n #8)))
 (i32.add (i32.mul @sum #10) (i32.rem_u (call $log) #10))",
    )
    .import("op: async() -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync);
    Program::new("cancel/many-times", [callee(KINDS[0], false, ""), caller]).gives([326])
}

/// Calls are told apart, in whatever order they are cancelled.
fn many_at_once() -> Program {
    let caller = caller(
        "n sum",
        "(loop $again
  (i32.store (i32.add #4096 (i32.shl @n #2)) (call $op #512)) (set n (i32.add @n #1))
  (br_if $again (i32.lt_u @n #50)))
 (call $until-begun #50)
 (loop $again
  (set n (i32.sub @n #1))
  (set sum (i32.add @sum (call $cancel (i32.load (i32.add #4096 (i32.shl @n #2))))))
  (br_if $again @n))
 @sum",
    )
    .import("op: async() -> u32", Lower::Async);
    Program::new("cancel/many-at-once", [callee(KINDS[0], false, ""), caller]).gives([200])
}

/// A call that one task has left is cancelled by another one, of a later call.
fn left_and_taken_up() -> Program {
    let caller = "(global $sub (mut i32) (i32.const 0))\n".to_owned()
        + &function(
            "start",
            "(result i32)",
            "",
            "(global.set $sub (call $op #512)) (call $until-begun #1) (call $st (global.get $sub))",
        )
        + &function("stop", "(result i32)", "", "(call $cancel (global.get $sub))");
    let caller = Guest::new(caller)
        .import("op: async() -> u32", Lower::Async)
        .export("start: async() -> u32", Lift::Sync)
        .export("stop: async() -> u32", Lift::Sync);
    Program::new("cancel/left-and-taken-up", [callee(KINDS[1], false, ""), caller])
        .calls(["start", "stop", "log"])
        .gives([1, 4, 6])
}

/// A callee that has been cancelled does not go on.
fn silent_afterwards() -> Program {
    let kind: Kind = (
        "",
        Lift::Callback,
        "#1",
        "(global.set $turns (i32.add (global.get $turns) #1))
 (if (i32.eqz @e) (then (return #1))) (call $note @e) FINISH",
    );
    let turns = function("spins", "(result i32)", "", "(global.get $turns)");
    let callee = callee(kind, false, &turns).export("spins: () -> u32", Lift::Sync);
    let caller = caller(
        "st n",
        "(set st (call $op #512)) (call $until-begun #1) (call $pause #100) (set st (call $cancel @st))
 (set n (call $spins)) (call $pause #100)
 (call $then @st (i32.sub (call $spins) @n))",
    )
    .import("op: async() -> u32", Lower::Async)
    .import("spins: () -> u32", Lower::Sync);
    Program::new("cancel/silent-afterwards", [callee, caller]).gives([40])
}

fn not_cancelled() -> Program {
    let callee = Guest::new(function("op", "", "", "(call $task.cancel)"))
        .export("op: async() -> u32", Lift::Stackful);
    let caller =
        caller("", "(call $await (call $op #512))").import("op: async() -> u32", Lower::Async);
    Program::new("cancel/not-cancelled", [callee, caller])
        .traps("`task.cancel` called by task which has not been cancelled")
}
