//! Calls that wait before they start: held back by `backpressure.inc`, or by a task that has the
//! callee to itself.

use super::guest::{Guest, LIFTS, Lift, Lower, function, gives, run, waits};
use super::{Program, check};

const STARTED: &str = "a call that leaves a store has started for its caller";

#[test]
fn calls_wait_for_backpressure() {
    check(programs());
}

/// `on` and `off`, which hold back async calls.
const SWITCH: &str = r#"
(func (export "on") (call $inc))
(func (export "off") (call $dec))
"#;

fn switched(code: &str) -> Guest {
    Guest::new(SWITCH.to_owned() + code).export("on: ()", Lift::Sync).export("off: ()", Lift::Sync)
}

/// A caller with the function `run`.
fn caller(locals: &str, body: &str) -> Guest {
    Guest::new(run(locals, body)).export("run: async() -> u32", Lift::Sync)
}

fn switching(guest: Guest) -> Guest {
    guest.import("on: ()", Lower::Sync).import("off: ()", Lower::Sync)
}

pub(super) fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for lift in LIFTS {
        programs.push(sync_typed_call_while_one_waits(lift));
        programs.push(held_back(lift));
        programs.push(cancelled_while_held_back(lift));
        programs.push(in_order(lift));
        programs.push(inside_at_once(lift));
        programs.push(held_back_by_a_task(lift));
        programs.push(relayed(lift));
        programs.push(sync_typed_call_passes_a_waiting_one(lift));
    }
    programs.extend([
        sync_typed_call_while_held_back(),
        cancelled_while_another_is_inside(),
        counted(),
        underflow(),
        of_the_caller(),
        seen_from_a_third(),
        held_by_core_code(),
        told_when_it_starts(),
    ]);
    programs
}

/// A sync function answers while a task of an async one waits for a future.
fn sync_typed_call_while_one_waits(lift: Lift) -> Program {
    let callee = waits("wait-for", lift, "", "") + &function("status", "(result i32)", "", "#5");
    let callee = Guest::new(callee)
        .export("wait-for: async(future<u32>) -> u32", lift)
        .export("status: () -> u32", Lift::Sync);
    let caller = caller(
        "t:64 st s",
        "(set t (call $f.new))
 (set st (call $wait-for (call $lo @t) #512))
 (set s (call $status))
 (drop (call $send @t #77)) (drop (call $await @st))
 (i32.add (i32.mul @s #1000) (i32.load #512))",
    )
    .import("wait-for: async(future<u32>) -> u32", Lower::Async)
    .import("status: () -> u32", Lower::Sync);
    Program::new(format!("backpressure/sync-typed-enters/{lift:?}"), [callee, caller]).gives([5077])
}

fn sync_typed_call_while_held_back() -> Program {
    let callee =
        switched(&function("get", "(result i32)", "", "#7")).export("get: () -> u32", Lift::Sync);
    let caller = caller("g", "(call $on) (set g (call $get)) (call $off) @g");
    let caller = switching(caller).import("get: () -> u32", Lower::Sync);
    Program::new("backpressure/sync-typed-ignores-it", [callee, caller]).gives([7])
}

/// The call is STARTING, and nothing of it has happened, until it is let in.
fn held_back(lift: Lift) -> Program {
    let callee = switched(&gives("work", lift, "", "(call $note #1)", "#1"))
        .export("work: async() -> u32", lift)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "st first before",
        "(call $on)
 (set st (call $work #512)) (set first (call $st @st))
 (call $pause #3) (set before (call $log))
 (call $off)
 (call $then (call $then (call $then @first @before) (call $await @st)) (call $log))",
    );
    let caller = switching(caller)
        .import("work: async() -> u32", Lower::Async)
        .import("log: () -> u32", Lower::Sync);
    Program::new(format!("backpressure/held-back/{lift:?}"), [callee, caller])
        .gives([21])
        .isolated_gives([1021], STARTED)
}

fn cancelled_while_held_back(lift: Lift) -> Program {
    let callee = switched(&gives("work", lift, "", "(call $note #1)", "#1"))
        .export("work: async() -> u32", lift)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "st",
        "(call $on)
 (set st (call $cancel (call $work #512)))
 (call $off) (call $pause #10)
 (call $then @st (call $log))",
    );
    let caller = switching(caller)
        .import("work: async() -> u32", Lower::Async)
        .import("log: () -> u32", Lower::Sync);
    Program::new(format!("backpressure/cancelled-while-held-back/{lift:?}"), [callee, caller])
        .gives([30])
        .isolated_gives([40], STARTED)
}

fn in_order(lift: Lift) -> Program {
    let callee = switched(&gives("mark", lift, "(param $n i32)", "(call $note @n)", "#1"))
        .export("mark: async(u32) -> u32", lift)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "a b c",
        "(call $on)
 (set a (call $mark #1 #512)) (set b (call $mark #2 #516)) (set c (call $mark #3 #520))
 (call $pause #3) (call $off)
 (drop (call $await @a)) (drop (call $await @b)) (drop (call $await @c))
 (call $log)",
    );
    let caller = switching(caller)
        .import("mark: async(u32) -> u32", Lower::Async)
        .import("log: () -> u32", Lower::Sync);
    Program::new(format!("backpressure/in-order/{lift:?}"), [callee, caller]).gives([123])
}

/// How many tasks of a function are inside at the same time: one, if it is lifted sync.
fn inside_at_once(lift: Lift) -> Program {
    let inside = "(global $now (mut i32) (i32.const 0)) (global $most (mut i32) (i32.const 0))
(func $enter (global.set $now (i32.add (global.get $now) #1))
 (if (i32.gt_u (global.get $now) (global.get $most)) (then (global.set $most (global.get $now)))))
(func $leave (global.set $now (i32.sub (global.get $now) #1)))\n";
    let callee = inside.to_owned()
        + &waits("wait-for", lift, "(call $enter) (call $begin)", "(call $leave)")
        + &function("most", "(result i32)", "", "(global.get $most)");
    let callee = Guest::new(callee)
        .export("wait-for: async(future<u32>) -> u32", lift)
        .export("most: () -> u32", Lift::Sync);
    let most = if lift == Lift::Sync { 1 } else { 2 };
    let caller = caller(
        "a:64 b:64 x y",
        &format!(
            "(set a (call $f.new)) (set b (call $f.new))
 (set x (call $wait-for (call $lo @a) #512)) (set y (call $wait-for (call $lo @b) #516))
 (call $until-begun #{most})
 (drop (call $send @a #1)) (drop (call $await @x))
 (drop (call $send @b #1)) (drop (call $await @y))
 (call $most)"
        ),
    )
    .import("wait-for: async(future<u32>) -> u32", Lower::Async)
    .import("most: () -> u32", Lower::Sync);
    Program::new(format!("backpressure/inside-at-once/{lift:?}"), [callee, caller]).gives([most])
}

/// A task holds others back while it waits.
fn held_back_by_a_task(lift: Lift) -> Program {
    let callee = waits("hold", lift, "(call $inc)", "(call $note #1) (call $dec)")
        + &gives("work", lift, "", "(call $note #2)", "#1");
    let callee = Guest::new(callee)
        .export("hold: async(future<u32>) -> u32", lift)
        .export("work: async() -> u32", lift)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "t:64 x y before",
        "(set t (call $f.new))
 (set x (call $hold (call $lo @t) #512)) (set y (call $work #516))
 (call $pause #10) (set before (call $log))
 (drop (call $send @t #1)) (drop (call $await @x)) (drop (call $await @y))
 (i32.add (i32.mul @before #100) (call $log))",
    )
    .import("hold: async(future<u32>) -> u32", Lower::Async)
    .import("work: async() -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync);
    Program::new(format!("backpressure/held-back-by-a-task/{lift:?}"), [callee, caller]).gives([12])
}

/// A component between waits in a sync call that is held back, until the caller has it let in.
fn relayed(lift: Lift) -> Program {
    let callee = switched(&gives("work", lift, "", "", "#7")).export("work: async() -> u32", lift);
    let between = Guest::new(gives("relay", lift, "", "", "(call $work)"))
        .import("work: async() -> u32", Lower::Sync)
        .export("relay: async() -> u32", lift);
    let caller = caller(
        "st",
        "(call $on) (set st (call $relay #512)) (call $pause #5) (call $off)
 (drop (call $await @st)) (i32.load #512)",
    );
    let caller = switching(caller).import("relay: async() -> u32", Lower::Async);
    Program::new(format!("backpressure/relayed/{lift:?}"), [callee, between, caller]).gives([7])
}

fn sync_typed_call_passes_a_waiting_one(lift: Lift) -> Program {
    let callee = gives("work", lift, "", "(call $note #1)", "#1")
        + &function("get", "(result i32)", "", "#7");
    let callee = switched(&callee)
        .export("work: async() -> u32", lift)
        .export("get: () -> u32", Lift::Sync)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "st g",
        "(call $on)
 (set st (call $work #512)) (call $pause #5)
 (set g (call $get)) (set g (call $then @g (call $log)))
 (call $off) (drop (call $await @st))
 (call $then @g (call $log))",
    );
    let caller = switching(caller)
        .import("work: async() -> u32", Lower::Async)
        .import("get: () -> u32", Lower::Sync)
        .import("log: () -> u32", Lower::Sync);
    Program::new(format!("backpressure/sync-typed-passes/{lift:?}"), [callee, caller]).gives([701])
}

/// What waits until a sync-lifted task is out has not started, and can be given up.
fn cancelled_while_another_is_inside() -> Program {
    let callee = Guest::new(waits("wait-for", Lift::Sync, "(call $note #1)", ""))
        .export("wait-for: async(future<u32>) -> u32", Lift::Sync)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "a:64 b:64 x y",
        "(set a (call $f.new)) (set b (call $f.new))
 (set x (call $wait-for (call $lo @a) #512)) (set y (call $wait-for (call $lo @b) #516))
 (call $pause #5)
 (set y (call $cancel @y))
 (drop (call $send @a #1)) (drop (call $await @x)) (call $pause #10)
 (call $then @y (call $log))",
    )
    .import("wait-for: async(future<u32>) -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync);
    Program::new("backpressure/cancelled-while-another-is-inside", [callee, caller])
        .gives([31])
        .isolated_gives([41], STARTED)
}

fn counted() -> Program {
    let callee = switched(&gives("work", Lift::Callback, "", "(call $note #1)", "#1"))
        .export("work: async() -> u32", Lift::Callback)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "st before",
        "(call $on) (call $on)
 (set st (call $work #512)) (call $off) (call $pause #10)
 (set before (call $log))
 (call $off) (drop (call $await @st))
 (i32.add (i32.mul @before #100) (call $log))",
    );
    let caller = switching(caller)
        .import("work: async() -> u32", Lower::Async)
        .import("log: () -> u32", Lower::Sync);
    Program::new("backpressure/counted", [callee, caller]).gives([1])
}

fn underflow() -> Program {
    let caller = switching(caller("", "(call $on) (call $off) (call $off) #1"));
    Program::new("backpressure/underflow", [switched(""), caller])
        .traps("backpressure counter overflow")
}

/// It holds back calls of the component, not those that it makes.
fn of_the_caller() -> Program {
    let callee = Guest::new(gives("work", Lift::Stackful, "", "", "#7"))
        .export("work: async() -> u32", Lift::Stackful);
    let caller = caller(
        "",
        "(call $inc) (drop (call $await (call $work #512))) (call $dec) (i32.load #512)",
    )
    .import("work: async() -> u32", Lower::Async);
    Program::new("backpressure/of-the-caller", [callee, caller]).gives([7])
}

fn seen_from_a_third() -> Program {
    let callee =
        waits("wait-for", Lift::Sync, "", "") + &function("status", "(result i32)", "", "#5");
    let callee = Guest::new(callee)
        .export("wait-for: async(future<u32>) -> u32", Lift::Sync)
        .export("status: () -> u32", Lift::Sync);
    let relay = gives("relay", Lift::Sync, "(param $f i32)", "", "(call $wait-for @f)");
    let between = Guest::new(relay)
        .import("wait-for: async(future<u32>) -> u32", Lower::Sync)
        .export("relay: async(future<u32>) -> u32", Lift::Sync);
    let caller = caller(
        "t:64 st s",
        "(set t (call $f.new)) (set st (call $relay (call $lo @t) #512)) (call $pause #5)
 (set s (call $status))
 (drop (call $send @t #77)) (drop (call $await @st))
 (i32.add (i32.mul @s #1000) (i32.load #512))",
    )
    .import("relay: async(future<u32>) -> u32", Lower::Async)
    .import("status: () -> u32", Lower::Sync);
    Program::new("backpressure/seen-from-a-third", [callee, between, caller]).gives([5077])
}

/// Core code of a callback-lifted function that waits has its component to itself, but for sync calls.
fn held_by_core_code() -> Program {
    let far = Guest::new(waits("wait-for", Lift::Stackful, "", ""))
        .export("wait-for: async(future<u32>) -> u32", Lift::Stackful);
    let go = "(call $note #1) (drop (call $wait-for @f)) (call $note #2)";
    let callee = gives("go", Lift::Callback, "(param $f i32)", go, "#1")
        + &gives("quick", Lift::Callback, "", "(call $note #3)", "#1")
        + &function("status", "(result i32)", "", "#5");
    let callee = Guest::new(callee)
        .import("wait-for: async(future<u32>) -> u32", Lower::Sync)
        .export("go: async(future<u32>) -> u32", Lift::Callback)
        .export("quick: async() -> u32", Lift::Callback)
        .export("status: () -> u32", Lift::Sync)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "t:64 x y s",
        "(set t (call $f.new))
 (set x (call $go (call $lo @t) #512)) (set y (call $quick #516)) (call $pause #10)
 (set s (call $status))
 (drop (call $send @t #77)) (drop (call $await @x)) (drop (call $await @y))
 (i32.add (i32.mul @s #1000) (call $log))",
    )
    .import("go: async(future<u32>) -> u32", Lower::Async)
    .import("quick: async() -> u32", Lower::Async)
    .import("status: () -> u32", Lower::Sync)
    .import("log: () -> u32", Lower::Sync);
    Program::new("backpressure/held-by-core-code", [far, callee, caller]).gives([5123])
}

/// The events of a call: that it started, and that it returned.
fn told_when_it_starts() -> Program {
    let callee = switched(&waits("op", Lift::Callback, "", ""))
        .export("op: async(future<u32>) -> u32", Lift::Callback);
    let caller = caller(
        "t:64 st ws states",
        "(call $on) (set t (call $f.new)) (set st (call $op (call $lo @t) #512))
 (set ws (call $ws.new)) (call $join (call $h @st) @ws)
 (call $pause #5) (call $off) (call $pause #50)
 (if (call $ws.poll @ws #0) (then (set states (i32.load #4))))
 (drop (call $send @t #7))
 (drop (call $ws.wait @ws #0)) (call $then @states (i32.load #4))",
    );
    let caller = switching(caller).import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new("backpressure/told-when-it-starts", [callee, caller])
        .gives([12])
        .isolated_gives([2], STARTED)
}
