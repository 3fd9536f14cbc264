//! What gives way: yields, waits and polls of waitable sets, in each kind of function.

use super::guest::{Guest, LIFTS, Lift, Lower, function, gives, run, waits};
use super::{Program, check};

const MAY_NOT_WAIT: &str = "cannot block a synchronous task before returning";

#[test]
fn tasks_give_way() {
    check(programs());
}

fn caller(locals: &str, body: &str) -> Guest {
    Guest::new(run(locals, body)).export("run: async() -> u32", Lift::Sync)
}

pub(super) fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for lift in LIFTS {
        programs.push(some_turns(lift));
        programs.push(core_code_waits(lift));
        programs.push(event_of_a_call(lift));
    }
    for (name, body) in [
        ("waits", "(drop (call $ws.wait (call $ws.new) #0)) #1"),
        ("reads", "(call $f.read-s (call $lo (call $f.new)) #512)"),
        ("writes", "(call $f.write-s (call $hi (call $f.new)) #512)"),
        ("calls", "(call $work)"),
    ] {
        programs.push(sync_typed_may_not(name, body, false));
        programs.push(sync_typed_may_not(name, body, true));
    }
    programs.extend([
        sync_typed_yields(),
        sync_typed_yields_below(Lift::Sync),
        sync_typed_polls(),
        sync_typed_starts_calls(),
        sync_typed_lets_others_run(),
        not_cancelled(),
        told_once(),
        told_at_the_next_yield(),
        told_at_the_next_poll(),
        told_at_the_next_wait(),
        unknown_code(),
        no_set(),
        set_with_waiters(),
        polled(),
        taken_out(),
        moved(),
        both_events(),
    ]);
    programs
}

/// A callee that gives way some times.
fn some_turns(lift: Lift) -> Program {
    let code = match lift {
        Lift::Callback => {
            let woken = "(call $ctx.set (i32.add (call $ctx.get) #1))
 (if (i32.lt_u (call $ctx.get) #5) (then (return #1)))
 (call $ret.u32 (call $ctx.get)) #0";
            function("turns", "(result i32)", "", "#1")
                + &function("turns-cb", "(param i32 i32 i32) (result i32)", "", woken)
        }
        _ => gives("turns", lift, "", "(call $pause #5)", "#5"),
    };
    let callee = Guest::new(code).export("turns: async() -> u32", lift);
    let caller = caller("st", "(drop (call $await (call $turns #512))) (i32.load #512)")
        .import("turns: async() -> u32", Lower::Async);
    Program::new(format!("yields/some-turns/{lift:?}"), [callee, caller]).gives([5])
}

/// Core code may wait, whatever the lift.
fn core_code_waits(lift: Lift) -> Program {
    let body = "(drop (call $settle @f (call $f.read @f #1024))) (call $f.drop-r @f)";
    let code = gives("op", lift, "(param $f i32)", body, "(i32.load #1024)");
    let callee = Guest::new(code).export("op: async(future<u32>) -> u32", lift);
    let caller = caller(
        "t:64 st",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $pause #10)
 (drop (call $send @t #77)) (drop (call $await @st)) (i32.load #512)",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new(format!("yields/core-code-waits/{lift:?}"), [callee, caller]).gives([77])
}

fn event_of_a_call(lift: Lift) -> Program {
    let callee =
        Guest::new(waits("op", lift, "", "")).export("op: async(future<u32>) -> u32", lift);
    let caller = caller(
        "t:64 st ws e",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (set ws (call $ws.new))
 (call $join (call $h @st) @ws) (call $pause #10)
 (drop (call $send @t #77))
 (set e (call $ws.wait @ws #0))
 (if (i32.ne (i32.load #0) (call $h @st)) (then unreachable))
 (call $then @e (i32.load #4))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new(format!("yields/event-of-a-call/{lift:?}"), [callee, caller]).gives([12])
}

fn sync_typed_yields() -> Program {
    let code = run("", "(call $pause #3) #3");
    Program::new("yields/sync-typed", [Guest::new(code).export("run: () -> u32", Lift::Sync)])
        .gives([3])
}

fn sync_typed_yields_below(lift: Lift) -> Program {
    let code = function("spin", "(result i32)", "", "(call $pause #3) (call $yield)");
    let callee = Guest::new(code).export("spin: () -> u32", lift);
    let caller = caller("", "(i32.add (call $spin) #3)").import("spin: () -> u32", Lower::Sync);
    Program::new("yields/sync-typed-below", [callee, caller]).gives([3])
}

/// What would wait in a sync function traps, called by the host or by a guest.
fn sync_typed_may_not(name: &str, body: &str, below: bool) -> Program {
    let work = Guest::new(gives("work", Lift::Callback, "", "", "#7"))
        .export("work: async() -> u32", Lift::Callback);
    let export = if below { "may-not" } else { "run" };
    let mut callee = Guest::new(function(export, "(result i32)", "", body))
        .export(&format!("{export}: () -> u32"), Lift::Sync);
    if name == "calls" {
        callee = callee.import("work: async() -> u32", Lower::Sync);
    }
    let caller = caller("", "(call $may-not)").import("may-not: () -> u32", Lower::Sync);
    if below {
        Program::new(format!("yields/sync-typed-{name}-below"), [work, callee, caller])
            .traps(MAY_NOT_WAIT)
    } else {
        Program::new(format!("yields/sync-typed-{name}"), [work, callee]).traps(MAY_NOT_WAIT)
    }
}

fn sync_typed_polls() -> Program {
    let code = function("look", "(result i32)", "", "(call $ws.poll (call $ws.new) #0)");
    let callee = Guest::new(code).export("look: () -> u32", Lift::Sync);
    let caller = caller("", "(i32.add (call $look) #3)").import("look: () -> u32", Lower::Sync);
    Program::new("yields/sync-typed-polls", [callee, caller]).gives([3])
}

/// A sync function may start an async call, which another task awaits.
fn sync_typed_starts_calls() -> Program {
    let far = Guest::new(gives("turns", Lift::Stackful, "", "(call $pause #5)", "#7"))
        .export("turns: async() -> u32", Lift::Stackful);
    let code = "(global $sub (mut i32) (i32.const 0))\n".to_owned()
        + &function(
            "start",
            "(result i32)",
            "",
            "(global.set $sub (call $turns #512)) (call $st (global.get $sub))",
        )
        + &function(
            "finish",
            "(result i32)",
            "",
            "(drop (call $await (global.get $sub))) (i32.load #512)",
        );
    let between = Guest::new(code)
        .import("turns: async() -> u32", Lower::Async)
        .export("start: () -> u32", Lift::Sync)
        .export("finish: async() -> u32", Lift::Sync);
    let caller = caller("", "(call $then (call $start) (call $finish))")
        .import("start: () -> u32", Lower::Sync)
        .import("finish: async() -> u32", Lower::Sync);
    Program::new("yields/sync-typed-starts-calls", [far, between, caller]).gives([17])
}

/// While a sync function yields, other tasks of its component go on.
fn sync_typed_lets_others_run() -> Program {
    let code = "(global $go (mut i32) (i32.const 0))\n".to_owned()
        + &function(
            "looper",
            "",
            "",
            "(loop $again (drop (call $yield)) (br_if $again (i32.eqz (global.get $go))))
 (call $note #1) (call $ret.u32 #1)",
        )
        + &function(
            "let-go",
            "(result i32)",
            "n",
            "(global.set $go #1)
 (loop $again (drop (call $yield)) (set n (i32.add @n #1))
  (br_if $again (i32.and (i32.lt_u @n #1000) (i32.eqz (global.get $noted)))))
 (global.get $noted)",
        );
    let callee = Guest::new(code)
        .export("looper: async() -> u32", Lift::Stackful)
        .export("let-go: () -> u32", Lift::Sync);
    let caller = caller(
        "st n",
        "(set st (call $looper #512)) (call $pause #5)
 (set n (call $let-go)) (drop (call $await @st)) @n",
    )
    .import("looper: async() -> u32", Lower::Async)
    .import("let-go: () -> u32", Lower::Sync);
    Program::new("yields/sync-typed-lets-others-run", [callee, caller]).gives([1])
}

fn not_cancelled() -> Program {
    let callee = Guest::new(gives(
        "op",
        Lift::Stackful,
        "",
        "(call $note (i32.add (call $yield) #1)) (call $note (i32.add (call $yield-c) #1))
 (call $note (i32.add (call $ws.poll-c (call $ws.new) #0) #1))",
        "(global.get $noted)",
    ))
    .export("op: async() -> u32", Lift::Stackful);
    let caller = caller("", "(drop (call $await (call $op #512))) (i32.load #512)")
        .import("op: async() -> u32", Lower::Async);
    Program::new("yields/not-cancelled", [callee, caller]).gives([111])
}

/// A caller that cancels, and learns what its callee noted.
fn cancelling(name: &str, body: &str, gives: u32) -> Program {
    let callee =
        Guest::new(function("op", "(param $f i32)", "ws", &format!("(call $begin) {body}")))
            .export("op: async(future<u32>) -> u32", Lift::Stackful)
            .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "t:64 st code",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $until-begun #1)
 (set code (call $subtask.cancel-a (call $h @st)))
 (if (i32.eq @code #-1)
  (then (drop (call $send @t #7)) (set code (call $await @st))))
 (i32.add (i32.mul @code #1000) (call $log))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync);
    Program::new(format!("yields/{name}"), [callee, caller]).gives([gives])
}

fn told_once() -> Program {
    let body = format!(
        "(loop $again (br_if $again (i32.eqz (call $yield-c))))
 (call $note #6) (call $note (call $yield-c)) (call $note (call $ws.poll-c (call $ws.new) #0))
 {READS} (call $task.cancel)"
    );
    cancelling("told-once", &body, 4600)
}

const READS: &str = "(drop (call $settle @f (call $f.read @f #1024)))";

/// Who does not listen while it is cancelled hears of it where it listens next.
fn told_at_the_next_yield() -> Program {
    let body = format!(
        "{READS} (call $note #8) (call $note (call $yield)) (call $note (call $yield-c)) (call $task.cancel)"
    );
    cancelling("told-at-the-next-yield", &body, 4801)
}

fn told_at_the_next_poll() -> Program {
    let body = format!(
        "{READS} (set ws (call $ws.new)) (call $note #8) (call $note (call $ws.poll @ws #0))
 (call $note (call $ws.poll-c @ws #0)) (call $task.cancel)"
    );
    cancelling("told-at-the-next-poll", &body, 4806)
}

fn told_at_the_next_wait() -> Program {
    let body = format!(
        "{READS} (call $note #8) (call $note (call $ws.wait-c (call $ws.new) #0)) (call $task.cancel)"
    );
    cancelling("told-at-the-next-wait", &body, 4086)
}

fn unknown_code() -> Program {
    let code = function("op", "(result i32)", "", "#7")
        + &function("op-cb", "(param i32 i32 i32) (result i32)", "", "unreachable");
    let callee = Guest::new(code).export("op: async() -> u32", Lift::Callback);
    let caller =
        caller("", "(call $await (call $op #512))").import("op: async() -> u32", Lower::Async);
    Program::new("yields/unknown-code", [callee, caller]).traps("unsupported callback code")
}

fn no_set() -> Program {
    let code = function("op", "(result i32)", "", "#2")
        + &function("op-cb", "(param i32 i32 i32) (result i32)", "", "unreachable");
    let callee = Guest::new(code).export("op: async() -> u32", Lift::Callback);
    let caller =
        caller("", "(call $await (call $op #512))").import("op: async() -> u32", Lower::Async);
    Program::new("yields/no-set", [callee, caller]).traps("unknown handle index 0")
}

fn set_with_waiters() -> Program {
    let code = "(global $ws (mut i32) (i32.const 0))\n".to_owned()
        + &function(
            "sleep",
            "",
            "",
            "(global.set $ws (call $ws.new)) (call $begin) (drop (call $ws.wait (global.get $ws) #0))",
        )
        + &function("wake", "(result i32)", "", "(call $ws.drop (global.get $ws)) #1");
    let callee = Guest::new(code)
        .export("sleep: async() -> u32", Lift::Stackful)
        .export("wake: () -> u32", Lift::Sync);
    let caller = caller("", "(drop (call $sleep #512)) (call $until-begun #1) (call $wake)")
        .import("sleep: async() -> u32", Lower::Async)
        .import("wake: () -> u32", Lower::Sync);
    Program::new("yields/set-with-waiters", [callee, caller])
        .traps("cannot drop waitable set with waiters")
}

/// A program whose caller sends to a callee that waits, and has its call in a set.
fn with_a_set(name: &str, body: &str, gives: u32) -> Program {
    let callee = Guest::new(waits("op", Lift::Callback, "", ""))
        .export("op: async(future<u32>) -> u32", Lift::Callback);
    let start =
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (set ws (call $ws.new))
 (call $join (call $h @st) @ws)";
    let caller = caller("t:64 st ws e n", &format!("{start} {body}"))
        .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new(format!("yields/{name}"), [callee, caller]).gives([gives])
}

/// A poll tells of nothing, until there is something.
fn polled() -> Program {
    let body = "(set e (call $ws.poll @ws #0)) (drop (call $send @t #77))
 (loop $again (drop (call $yield)) (set n (call $ws.poll @ws #0)) (br_if $again (i32.eqz @n)))
 (call $then (call $then @e @n) (call $ws.poll @ws #0))";
    with_a_set("polled", body, 10)
}

/// What was taken out of a set keeps its event.
fn taken_out() -> Program {
    let body = "(call $join (call $h @st) #0) (drop (call $send @t #77)) (call $pause #50)
 (set e (call $ws.poll @ws #0)) (call $join (call $h @st) @ws)
 (call $then @e (call $ws.wait @ws #0))";
    with_a_set("taken-out", body, 1)
}

fn moved() -> Program {
    let body = "(set n (call $ws.new)) (call $join (call $h @st) @n) (drop (call $send @t #77))
 (set e (call $ws.wait @n #0)) (call $then @e (call $ws.poll @ws #0))";
    with_a_set("moved", body, 10)
}

/// A set of a write and of a call gives both events, in whichever order.
fn both_events() -> Program {
    let body = "(i32.store #1024 #77) (call $join (call $hi @t) @ws)
 (if (i32.ne (call $f.write (call $hi @t) #1024) #-1) (then (set e #5)))
 (loop $again (set e (i32.add @e (call $ws.wait @ws #0))) (br_if $again (i32.lt_u @e #6)))
 @e";
    with_a_set("both-events", body, 6)
}
