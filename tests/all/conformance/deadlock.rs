//! Programs that wait for what can never come.

use super::guest::{Guest, LIFTS, Lift, Lower, function, gives, run, waits};
use super::{Program, check};

const DEADLOCK: &str = "deadlock detected: event loop cannot make further progress";
const TEXT: &str = "the library says it in its own words";

#[test]
fn deadlocks_are_errors() {
    check(programs());
}

fn caller(locals: &str, body: &str) -> Guest {
    Guest::new(run(locals, body)).export("run: async() -> u32", Lift::Sync)
}

pub(super) fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for lift in LIFTS {
        programs.push(never_written(lift, Lower::Sync));
        programs.push(never_written(lift, Lower::Async));
        programs.push(in_a_row(lift));
    }
    programs.extend([
        empty_set(Lift::Sync),
        each_other(),
        never_read(),
        never_let_in(),
        its_own_way(),
        never_ends_when_cancelled(),
        read_for_the_writer(),
        two_calls(),
        after_a_good_call(),
    ]);
    programs.extend([left_behind(), left_behind_stream(), kept_call()]);
    programs
}

fn deadlock<const N: usize>(name: impl AsRef<str>, guests: [Guest; N]) -> Program {
    Program::new(format!("deadlock/{}", name.as_ref()), guests).traps(DEADLOCK).composed_fails(TEXT)
}

/// The caller waits for a call, which waits for a future that the caller never writes.
fn never_written(lift: Lift, lower: Lower) -> Program {
    let callee =
        Guest::new(waits("op", lift, "", "")).export("op: async(future<u32>) -> u32", lift);
    let body = match lower {
        Lower::Sync => "(call $op (call $lo (call $f.new)))",
        Lower::Async => "(call $await (call $op (call $lo (call $f.new)) #512))",
    };
    let caller = caller("", body).import("op: async(future<u32>) -> u32", lower);
    deadlock(format!("never-written/{lift:?}/{lower:?}"), [callee, caller])
}

fn empty_set(lift: Lift) -> Program {
    let callee =
        Guest::new(gives("op", lift, "", "(drop (call $ws.wait (call $ws.new) #0))", "#1"))
            .export("op: async() -> u32", lift);
    let caller = caller("", "(call $op)").import("op: async() -> u32", Lower::Sync);
    deadlock("empty-set", [callee, caller])
}

/// The future is held by the last of three that wait for each other.
fn in_a_row(lift: Lift) -> Program {
    let far = Guest::new(waits("far", lift, "", "")).export("far: async(future<u32>) -> u32", lift);
    let between = Guest::new(gives("op", lift, "(param $f i32)", "", "(call $far @f)"))
        .import("far: async(future<u32>) -> u32", Lower::Sync)
        .export("op: async(future<u32>) -> u32", lift);
    let caller = caller("", "(call $op (call $lo (call $f.new)))")
        .import("op: async(future<u32>) -> u32", Lower::Sync);
    deadlock(format!("in-a-row/{lift:?}"), [far, between, caller])
}

/// Each reads the other's stream before it writes its own.
fn each_other() -> Program {
    let code = function(
        "swap",
        "(param $s i32)",
        "t:64",
        "(set t (call $s.new)) (call $ret.stream<u32> (call $lo @t))
 (drop (call $settle @s (call $s.read @s #1024 #1)))
 (drop (call $settle (call $hi @t) (call $s.write (call $hi @t) #1024 #1)))",
    );
    let callee = Guest::new(code).export("swap: async(stream<u32>) -> stream<u32>", Lift::Stackful);
    let caller = caller(
        "t:64 s",
        "(set t (call $s.new)) (set s (call $swap (call $lo @t)))
 (drop (call $settle @s (call $s.read @s #1024 #1)))
 (call $settle (call $hi @t) (call $s.write (call $hi @t) #1024 #1))",
    )
    .import("swap: async(stream<u32>) -> stream<u32>", Lower::Sync);
    deadlock("each-other", [callee, caller])
}

/// The callee holds the readable end, and never reads.
fn never_read() -> Program {
    let code = gives("take", Lift::Stackful, "(param $s i32)", "", "#1");
    let callee = Guest::new(code).export("take: async(stream<u32>) -> u32", Lift::Stackful);
    let caller = caller(
        "t:64",
        "(set t (call $s.new)) (drop (call $take (call $lo @t)))
 (call $s.write-s (call $hi @t) #1024 #1)",
    )
    .import("take: async(stream<u32>) -> u32", Lower::Sync);
    deadlock("never-read", [callee, caller])
}

fn never_let_in() -> Program {
    let code = function("on", "", "", "(call $inc)") + &gives("work", Lift::Callback, "", "", "#1");
    let callee = Guest::new(code)
        .export("on: ()", Lift::Sync)
        .export("work: async() -> u32", Lift::Callback);
    let caller = caller("", "(call $on) (call $work)")
        .import("on: ()", Lower::Sync)
        .import("work: async() -> u32", Lower::Sync);
    deadlock("never-let-in", [callee, caller])
}

/// A second call waits for the first, which waits for the caller.
fn its_own_way() -> Program {
    let callee = Guest::new(waits("op", Lift::Sync, "", ""))
        .export("op: async(future<u32>) -> u32", Lift::Sync);
    let caller = caller(
        "a:64 b:64",
        "(set a (call $f.new)) (set b (call $f.new))
 (drop (call $op (call $lo @a) #512))
 (drop (call $await (call $op (call $lo @b) #516)))
 (call $send @a #1)",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    deadlock("its-own-way", [callee, caller])
}

/// A callee that does not listen, and waits for the caller, which waits until it is cancelled.
fn never_ends_when_cancelled() -> Program {
    let callee = Guest::new(waits("op", Lift::Sync, "(call $begin)", ""))
        .export("op: async(future<u32>) -> u32", Lift::Sync);
    let caller = caller(
        "st",
        "(set st (call $op (call $lo (call $f.new)) #512)) (call $until-begun #1) (call $cancel @st)",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    deadlock("never-ends-when-cancelled", [callee, caller])
}

/// A component reads the stream that it should write.
fn read_for_the_writer() -> Program {
    let code = function(
        "numbers",
        "",
        "t:64",
        "(set t (call $s.new)) (call $ret.stream<u32> (call $lo @t))
 (drop (call $ws.wait (call $ws.new) #0)) (call $s.drop-w (call $hi @t))",
    );
    let callee = Guest::new(code).export("numbers: async() -> stream<u32>", Lift::Stackful);
    let caller =
        caller("s", "(set s (call $numbers)) (call $settle @s (call $s.read @s #1024 #1))")
            .import("numbers: async() -> stream<u32>", Lower::Sync);
    deadlock("read-for-the-writer", [callee, caller])
}

/// Two callees wait for each other's future, which only their caller could write.
fn two_calls() -> Program {
    let one = Guest::new(waits("one", Lift::Callback, "", ""))
        .export("one: async(future<u32>) -> u32", Lift::Callback);
    let two = Guest::new(waits("two", Lift::Stackful, "", ""))
        .export("two: async(future<u32>) -> u32", Lift::Stackful);
    let caller = caller(
        "a:64 b:64 x y",
        "(set a (call $f.new)) (set b (call $f.new))
 (set x (call $one (call $lo @a) #512)) (set y (call $two (call $lo @b) #516))
 (drop (call $await @x)) (drop (call $send @b #1)) (drop (call $await @y)) (call $send @a #1)",
    )
    .import("one: async(future<u32>) -> u32", Lower::Async)
    .import("two: async(future<u32>) -> u32", Lower::Async);
    deadlock("two-calls", [one, two, caller])
}

/// Only the call that waits for ever fails.
fn after_a_good_call() -> Program {
    let callee = Guest::new(waits("op", Lift::Callback, "", ""))
        .export("op: async(future<u32>) -> u32", Lift::Callback);
    let good = "(set t (call $f.new)) (set st (call $op (call $lo @t) #512))
 (drop (call $send @t #7)) (drop (call $await @st)) (i32.load #512)";
    let bad = "(call $await (call $op (call $lo (call $f.new)) #512))";
    let code = function("good", "(result i32)", "t:64 st", good) + &run("", bad);
    let caller = Guest::new(code)
        .import("op: async(future<u32>) -> u32", Lower::Async)
        .export("good: async() -> u32", Lift::Sync)
        .export("run: async() -> u32", Lift::Sync);
    deadlock("after-a-good-call", [callee, caller]).calls(["good", "run"])
}

/// What waits for ever is no deadlock, if nobody waits for it.
fn left_behind() -> Program {
    let callee = Guest::new(function(
        "op",
        "",
        "",
        "(drop (call $ws.wait (call $ws.new) #0)) (call $ret.u32 #1)",
    ))
    .export("op: async() -> u32", Lift::Stackful);
    let caller = caller("", "(drop (call $op #512)) (call $pause #5) #5")
        .import("op: async() -> u32", Lower::Async);
    Program::new("deadlock/left-behind", [callee, caller]).gives([5])
}

fn left_behind_stream() -> Program {
    let code = function(
        "numbers",
        "",
        "t:64",
        "(set t (call $s.new)) (call $ret.stream<u32> (call $lo @t))
 (drop (call $settle (call $hi @t) (call $s.write (call $hi @t) #1024 #1)))",
    );
    let callee = Guest::new(code).export("numbers: async() -> stream<u32>", Lift::Stackful);
    let caller = caller("", "(drop (call $numbers)) #5")
        .import("numbers: async() -> stream<u32>", Lower::Sync);
    Program::new("deadlock/left-behind-stream", [callee, caller]).gives([5])
}

/// A call that the host makes later can be what another one waits for.
fn kept_call() -> Program {
    let callee = Guest::new(waits("op", Lift::Callback, "", ""))
        .export("op: async(future<u32>) -> u32", Lift::Callback);
    let code = "(global $t (mut i64) (i64.const 0)) (global $st (mut i32) (i32.const 0))\n"
        .to_owned()
        + &function(
            "start",
            "(result i32)",
            "",
            "(global.set $t (call $f.new)) (global.set $st (call $op (call $lo (global.get $t)) #512)) #1",
        )
        + &function(
            "finish",
            "(result i32)",
            "",
            "(drop (call $send (global.get $t) #7)) (drop (call $await (global.get $st))) (i32.load #512)",
        );
    let caller = Guest::new(code)
        .import("op: async(future<u32>) -> u32", Lower::Async)
        .export("start: async() -> u32", Lift::Sync)
        .export("finish: async() -> u32", Lift::Sync);
    Program::new("deadlock/kept-call", [callee, caller]).calls(["start", "finish"]).gives([1, 7])
}
