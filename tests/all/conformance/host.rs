//! Calls that the host makes at the same time.

use super::guest::{Guest, LIFTS, Lift, Lower, function, gives, waits};
use super::{Program, check};

#[test]
fn calls_of_the_host_overlap() {
    check(programs());
}

pub(super) fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for lift in LIFTS {
        programs.push(one_lets_the_other_go_on(lift));
        programs.push(sync_function_lets_one_go_on(lift));
        programs.push(inside_at_once(lift));
        programs.push(let_in_by_a_sync_function(lift));
    }
    programs.extend([in_order(), on_a_callee(), one_of_two_traps()]);
    programs
}

/// The first call waits, two components further, for what the second brings.
fn one_lets_the_other_go_on(lift: Lift) -> Program {
    let callee =
        Guest::new(waits("op", lift, "", "")).export("op: async(future<u32>) -> u32", lift);
    let code = "(global $t (mut i64) (i64.const 0))\n".to_owned()
        + &function(
            "take",
            "",
            "st",
            "(global.set $t (call $f.new)) (set st (call $op (call $lo (global.get $t)) #512))
 (drop (call $await @st)) (call $ret.u32 (i32.load #512))",
        )
        + &function(
            "give",
            "",
            "",
            "(loop $again (drop (call $yield)) (br_if $again (i64.eqz (global.get $t))))
 (call $ret.u32 (call $send (global.get $t) #7))",
        );
    let root = Guest::new(code)
        .import("op: async(future<u32>) -> u32", Lower::Async)
        .export("take: async() -> u32", Lift::Stackful)
        .export("give: async() -> u32", Lift::Stackful);
    Program::new(format!("host/one-lets-the-other-go-on/{lift:?}"), [callee, root])
        .calls([])
        .together(["take", "give"])
        .gives([7, 0])
}

/// The second call is of a sync function, which no task holds back.
fn sync_function_lets_one_go_on(lift: Lift) -> Program {
    let callee = Guest::new(waits("op", Lift::Callback, "", ""))
        .export("op: async(future<u32>) -> u32", Lift::Callback);
    let take = "(global.set $t (call $f.new))
 (drop (call $await (call $op (call $lo (global.get $t)) #512)))";
    let code = "(global $t (mut i64) (i64.const 0))\n".to_owned()
        + &gives("take", lift, "", take, "(i32.load #512)")
        + &function(
            "give",
            "(result i32)",
            "",
            "(i32.store #768 #7) (drop (call $f.write (call $hi (global.get $t)) #768)) #1",
        );
    let root = Guest::new(code)
        .import("op: async(future<u32>) -> u32", Lower::Async)
        .export("take: async() -> u32", lift)
        .export("give: () -> u32", Lift::Sync);
    Program::new(format!("host/sync-function-lets-one-go-on/{lift:?}"), [callee, root])
        .calls([])
        .together(["take", "give"])
        .gives([7, 1])
}

fn inside_at_once(lift: Lift) -> Program {
    // Core code of a callback-lifted function has its component to itself too.
    let most = if lift == Lift::Stackful { 2 } else { 1 };
    let turns = format!("(call $begin) (call $until-begun #{most})");
    let callee = Guest::new(gives("turns", Lift::Stackful, "", &turns, "#1"))
        .export("turns: async() -> u32", Lift::Stackful);
    let enter = "(global.set $now (i32.add (global.get $now) #1))
 (if (i32.gt_u (global.get $now) (global.get $most)) (then (global.set $most (global.get $now))))
 (drop (call $turns))
 (global.set $now (i32.sub (global.get $now) #1))";
    let code = "(global $now (mut i32) (i32.const 0)) (global $most (mut i32) (i32.const 0))\n"
        .to_owned()
        + &gives("one", lift, "", enter, "(global.get $most)")
        + &gives("two", lift, "", enter, "(global.get $most)");
    let root = Guest::new(code)
        .import("turns: async() -> u32", Lower::Sync)
        .export("one: async() -> u32", lift)
        .export("two: async() -> u32", lift);
    Program::new(format!("host/inside-at-once/{lift:?}"), [callee, root])
        .calls([])
        .together(["one", "two"])
        .gives([most, most])
}

/// What holds async calls back does not hold back the sync call that lets them in.
fn let_in_by_a_sync_function(lift: Lift) -> Program {
    let code = function("on", "(result i32)", "", "(call $inc) #1")
        + &function("off", "(result i32)", "", "(call $dec) (call $note #1) #2")
        + &gives("work", lift, "", "", "(i32.add (global.get $noted) #2)");
    let callee = Guest::new(code)
        .export("on: () -> u32", Lift::Sync)
        .export("off: () -> u32", Lift::Sync)
        .export("work: async() -> u32", lift);
    Program::new(format!("host/let-in-by-a-sync-function/{lift:?}"), [callee])
        .calls(["on"])
        .together(["work", "off"])
        .gives([1, 3, 2])
}

fn in_order() -> Program {
    let mark = |n: u32| format!("(call $note #{n})");
    let code = gives("one", Lift::Callback, "", &mark(1), "(global.get $noted)")
        + &gives("two", Lift::Sync, "", &mark(2), "(global.get $noted)")
        + &gives("three", Lift::Stackful, "", &mark(3), "(global.get $noted)");
    let root = Guest::new(code)
        .export("one: async() -> u32", Lift::Callback)
        .export("two: async() -> u32", Lift::Sync)
        .export("three: async() -> u32", Lift::Stackful);
    Program::new("host/in-order", [root])
        .calls([])
        .together(["one", "two", "three"])
        .gives([1, 12, 123])
}

/// Calls of two components meet in a third.
fn on_a_callee() -> Program {
    let code = "(global $t (mut i64) (i64.const 0))\n".to_owned()
        + &function(
            "take",
            "",
            "f",
            "(global.set $t (call $f.new)) (set f (call $lo (global.get $t)))
 (drop (call $settle @f (call $f.read @f #1024))) (call $ret.u32 (i32.load #1024))",
        )
        + &function(
            "give",
            "",
            "",
            "(loop $again (drop (call $yield)) (br_if $again (i64.eqz (global.get $t))))
 (call $ret.u32 (call $send (global.get $t) #7))",
        );
    let far = Guest::new(code)
        .export("take: async() -> u32", Lift::Stackful)
        .export("give: async() -> u32", Lift::Stackful);
    let by = |name: &str, far: &str, lift| {
        Guest::new(gives(name, lift, "", "", &format!("(call ${far})")))
            .import(&format!("{far}: async() -> u32"), Lower::Sync)
            .export(&format!("{name}: async() -> u32"), lift)
    };
    let taker = by("taker", "take", Lift::Sync);
    let giver = by("giver", "give", Lift::Callback);
    Program::new("host/on-a-callee", [far, taker, giver])
        .calls([])
        .together(["taker", "giver"])
        .gives([7, 0])
}

/// The call that waits fails with the component that traps.
fn one_of_two_traps() -> Program {
    let code =
        waits("op", Lift::Stackful, "", "") + &function("break", "(result i32)", "", "unreachable");
    let callee = Guest::new(code)
        .export("op: async(future<u32>) -> u32", Lift::Stackful)
        .export("break: () -> u32", Lift::Sync);
    let root =
        Guest::new(gives("take", Lift::Stackful, "", "", "(call $op (call $lo (call $f.new)))"))
            .import("op: async(future<u32>) -> u32", Lower::Sync)
            .export("take: async() -> u32", Lift::Stackful);
    Program::new("host/one-of-two-traps", [callee, root])
        .calls([])
        .together(["take", "break"])
        .traps("unreachable")
}
