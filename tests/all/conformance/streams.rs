//! Streams and futures between components: read, written, passed on, cancelled and dropped.

use super::guest::{Guest, LIFTS, Lift, Lower, function, gives, run, waits};
use super::{Program, check};

#[test]
fn streams_and_futures_cross() {
    check(programs());
}

fn caller(locals: &str, body: &str) -> Guest {
    Guest::new(POUR.to_owned() + SUM + &run(locals, body)).export("run: async() -> u32", Lift::Sync)
}

/// Writes the numbers up to `n` and drops the end; gives how many have been taken.
const POUR: &str = "(func $pour (param $w i32) (param $n i32) (result i32) (local $p i32) (local $i i32) (local $c i32)
 (set p (call $realloc #0 #0 #4 (i32.mul @n #4)))
 (loop $fill
  (i32.store (i32.add @p (i32.mul @i #4)) (i32.add @i #1))
  (set i (i32.add @i #1)) (br_if $fill (i32.lt_u @i @n)))
 (set i #0)
 (loop $again
  (set c (call $settle @w (call $s.write @w (i32.add @p (i32.mul @i #4)) (i32.sub @n @i))))
  (set i (i32.add @i (i32.shr_u @c #4)))
  (br_if $again (i32.and (i32.lt_u @i @n) (i32.eqz (i32.and @c #15)))))
 (call $s.drop-w @w) @i)\n";

/// Reads all, up to `most` at a time, and drops the end; gives the sum.
const SUM: &str = "(func $sum (param $r i32) (param $most i32) (result i32)
 (local $p i32) (local $i i32) (local $c i32) (local $sum i32)
 (set p (call $realloc #0 #0 #4 (i32.mul @most #4)))
 (loop $again
  (set c (call $settle @r (call $s.read @r @p @most)))
  (set i (i32.shr_u @c #4))
  (block $none (loop $each
   (br_if $none (i32.eqz @i))
   (set i (i32.sub @i #1))
   (set sum (i32.add @sum (i32.load (i32.add @p (i32.mul @i #4)))))
   (br $each)))
  (br_if $again (i32.eqz (i32.and @c #15))))
 (call $s.drop-r @r) @sum)\n";

fn sync(code: &str) -> String {
    let code =
        code.replace("(call $settle @w (call $s.write @w", "(call $id @w (call $s.write-s @w");
    code.replace("(call $settle @r (call $s.read @r", "(call $id @r (call $s.read-s @r")
        + "(func $id (param i32) (param i32) (result i32) (local.get 1))\n"
}

/// A callee that gives a stream of the numbers up to 10, and writes it once it has returned, after
/// `before`; it notes 1 when all have been taken, and 2 when not.
fn numbers(lift: Lift, before: &str) -> Guest {
    let write = format!(
        "{before} (call $note (select #1 #2 (i32.eq (call $pour (global.get $w) #10) #10)))"
    );
    let start =
        "(set t (call $s.new)) (global.set $w (call $hi @t)) (call $ret.stream<u32> (call $lo @t))";
    let code = match lift {
        Lift::Callback => {
            function("numbers", "(result i32)", "t:64", &format!("{start} #1"))
                + &function(
                    "numbers-cb",
                    "(param i32 i32 i32) (result i32)",
                    "",
                    &format!("{write} #0"),
                )
        }
        _ => function("numbers", "", "t:64", &format!("{start} {write}")),
    };
    Guest::new(format!("(global $w (mut i32) (i32.const 0))\n{POUR}{code}"))
        .export("numbers: async() -> stream<u32>", lift)
        .export("log: () -> u32", Lift::Sync)
}

fn reading(locals: &str, body: &str) -> Guest {
    caller(locals, &format!("(set r (call $numbers)) {body}"))
        .import("numbers: async() -> stream<u32>", Lower::Sync)
}

pub(super) fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for lift in LIFTS {
        programs.push(future_later(lift));
        programs.push(future_first(lift));
    }
    for (reads, writes) in [(false, false), (false, true), (true, false), (true, true)] {
        programs.push(param(reads, writes));
    }
    for lift in [Lift::Callback, Lift::Stackful] {
        programs.push(result(lift));
        programs.push(future_result(lift));
        programs.push(passed_on(lift));
        programs.push(passed_back(lift));
        programs.push(left_early(lift));
    }
    for (name, body, text) in TRAPS {
        programs.push(trap(name, body, text));
    }
    programs.extend([
        counted(),
        ready_to_read(),
        ready_to_write(),
        both_of_no_length(),
        ready_at_the_end(),
        ended_unwritten(),
        read_cancelled(),
        read_cancelled_too_late(),
        write_cancelled(),
        future_write_cancelled(),
        future_read_cancelled(),
        future_dropped_before(),
        future_dropped_after(),
        some_read_before(),
        round_trip(),
        future_passed_on(),
        texts(),
        future_text(),
        nothing_much(),
        future_of_nothing(),
        bytes(),
        two_streams(),
        in_a_tuple(),
        both_dropped(),
        rendezvous(),
        read_sync_with_others(),
        from_a_sync_function(),
        in_a_sync_function(),
        cancels_in_a_sync_function(),
    ]);
    programs
}

/// The callee waits for the future, which is written then.
fn future_later(lift: Lift) -> Program {
    let callee =
        Guest::new(waits("op", lift, "", "")).export("op: async(future<u32>) -> u32", lift);
    let caller = caller(
        "t:64 st",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $pause #5)
 (if (call $send @t #77) (then unreachable))
 (drop (call $await @st)) (i32.load #512)",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new(format!("streams/future-later/{lift:?}"), [callee, caller]).gives([77])
}

/// The write begins before the call.
fn future_first(lift: Lift) -> Program {
    let callee =
        Guest::new(waits("op", lift, "", "")).export("op: async(future<u32>) -> u32", lift);
    let caller = caller(
        "t:64 n code",
        "(set t (call $f.new)) (i32.store #1024 #77)
 (set code (call $f.write (call $hi @t) #1024))
 (set n (call $op (call $lo @t)))
 (if (call $settle (call $hi @t) @code) (then unreachable))
 (call $f.drop-w (call $hi @t)) @n",
    )
    .import("op: async(future<u32>) -> u32", Lower::Sync);
    Program::new(format!("streams/future-first/{lift:?}"), [callee, caller]).gives([77])
}

fn param(reads: bool, writes: bool) -> Program {
    let code = if reads { sync(SUM) } else { SUM.to_owned() };
    let code = code + &gives("sum", Lift::Stackful, "(param $r i32)", "", "(call $sum @r #3)");
    let callee = Guest::new(code).export("sum: async(stream<u32>) -> u32", Lift::Stackful);
    let pour = if writes { sync(POUR) } else { POUR.to_owned() };
    let body = "(set t (call $s.new)) (set st (call $sum (call $lo @t) #512))
 (set n (call $pour (call $hi @t) #10))
 (drop (call $await @st)) (i32.add (i32.mul @n #1000) (i32.load #512))";
    let caller = Guest::new(pour + &run("t:64 st n", body))
        .import("sum: async(stream<u32>) -> u32", Lower::Async)
        .export("run: async() -> u32", Lift::Sync);
    let how = |sync| if sync { "sync" } else { "async" };
    Program::new(
        format!("streams/param/read-{}/write-{}", how(reads), how(writes)),
        [callee, caller],
    )
    .gives([10_055])
}

fn result(lift: Lift) -> Program {
    let caller = reading("r", "(call $sum @r #4)");
    Program::new(format!("streams/result/{lift:?}"), [numbers(lift, ""), caller]).gives([55])
}

fn future_result(lift: Lift) -> Program {
    let start = "(global.set $t (call $f.new)) (call $ret.future<u32> (call $lo (global.get $t)))";
    let send = "(call $pause #3) (call $note (i32.add #1 (call $send (global.get $t) #7)))";
    let code = match lift {
        Lift::Callback => {
            function("soon", "(result i32)", "", &format!("{start} #1"))
                + &function(
                    "soon-cb",
                    "(param i32 i32 i32) (result i32)",
                    "",
                    &format!("{send} #0"),
                )
        }
        _ => function("soon", "", "", &format!("{start} {send}")),
    };
    let callee = Guest::new(format!("(global $t (mut i64) (i64.const 0))\n{code}"))
        .export("soon: async() -> future<u32>", lift)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "f",
        "(set f (call $soon))
 (if (call $settle @f (call $f.read @f #1024)) (then unreachable))
 (call $f.drop-r @f)
 (loop $again (drop (call $yield)) (br_if $again (i32.eqz (call $log))))
 (call $then (i32.load #1024) (call $log))",
    )
    .import("soon: async() -> future<u32>", Lower::Sync)
    .import("log: () -> u32", Lower::Sync);
    Program::new(format!("streams/future-result/{lift:?}"), [callee, caller]).gives([71])
}

/// The component between neither reads nor keeps what goes through it.
fn passed_on(lift: Lift) -> Program {
    let far =
        SUM.to_owned() + &gives("sum", Lift::Stackful, "(param $r i32)", "", "(call $sum @r #3)");
    let far = Guest::new(far).export("sum: async(stream<u32>) -> u32", Lift::Stackful);
    let between = Guest::new(gives("pass", lift, "(param $r i32)", "", "(call $sum @r)"))
        .import("sum: async(stream<u32>) -> u32", Lower::Sync)
        .export("pass: async(stream<u32>) -> u32", lift);
    let caller = caller(
        "t:64 st n",
        "(set t (call $s.new)) (set st (call $pass (call $lo @t) #512))
 (set n (call $pour (call $hi @t) #10))
 (drop (call $await @st)) (i32.add (i32.mul @n #1000) (i32.load #512))",
    )
    .import("pass: async(stream<u32>) -> u32", Lower::Async);
    Program::new(format!("streams/passed-on/{lift:?}"), [far, between, caller]).gives([10_055])
}

fn passed_back(lift: Lift) -> Program {
    let relay = match lift {
        Lift::Callback => {
            function("relay", "(result i32)", "", "(call $ret.stream<u32> (call $numbers)) #0")
                + &function("relay-cb", "(param i32 i32 i32) (result i32)", "", "unreachable")
        }
        _ => function("relay", "", "", "(call $ret.stream<u32> (call $numbers))"),
    };
    let between = Guest::new(relay)
        .import("numbers: async() -> stream<u32>", Lower::Sync)
        .export("relay: async() -> stream<u32>", lift);
    let caller = caller("", "(call $sum (call $relay) #4)")
        .import("relay: async() -> stream<u32>", Lower::Sync);
    Program::new(format!("streams/passed-back/{lift:?}"), [numbers(lift, ""), between, caller])
        .gives([55])
}

/// Who writes learns that nobody reads any more.
fn left_early(lift: Lift) -> Program {
    let caller = reading(
        "r",
        "(if (i32.eqz (i32.shr_u (call $settle @r (call $s.read @r #1024 #2)) #4)) (then unreachable))
 (call $s.drop-r @r)
 (loop $again (drop (call $yield)) (br_if $again (i32.eqz (call $log))))
 (call $log)",
    )
    .import("log: () -> u32", Lower::Sync);
    Program::new(format!("streams/left-early/{lift:?}"), [numbers(lift, ""), caller]).gives([2])
}

/// Who writes is told of as many as have been read.
fn counted() -> Program {
    let code = "(global $took (mut i32) (i32.const 0))\n".to_owned()
        + POUR
        + &function(
            "numbers",
            "",
            "t:64",
            "(set t (call $s.new)) (call $ret.stream<u32> (call $lo @t))
 (global.set $took (i32.add #1 (call $pour (call $hi @t) #10)))",
        )
        + &function("took", "(result i32)", "", "(global.get $took)");
    let callee = Guest::new(code)
        .export("numbers: async() -> stream<u32>", Lift::Stackful)
        .export("took: () -> u32", Lift::Sync);
    let caller = reading(
        "r n",
        "(loop $three
  (if (i32.ne (call $settle @r (call $s.read @r #1024 #1)) #16) (then unreachable))
  (set n (i32.add @n #1)) (br_if $three (i32.lt_u @n #3)))
 (call $s.drop-r @r)
 (loop $again (drop (call $yield)) (br_if $again (i32.eqz (call $took))))
 (call $took)",
    )
    .import("took: () -> u32", Lower::Sync);
    Program::new("streams/counted", [callee, caller]).gives([4])
}

/// The callee writes only when it is let go.
fn held(body: &str) -> [Guest; 2] {
    let code = "(global $w (mut i32) (i32.const 0)) (global $go (mut i32) (i32.const 0))\n"
        .to_owned()
        + POUR
        + &function(
            "numbers",
            "",
            "t:64",
            "(set t (call $s.new)) (call $ret.stream<u32> (call $lo @t))
 (loop $again (drop (call $yield)) (br_if $again (i32.eqz (global.get $go))))
 (if (i32.eq (global.get $go) #1) (then (drop (call $pour (call $hi @t) #3)))
  (else (call $s.drop-w (call $hi @t))))
 (call $note #1)",
        )
        + &function("let-go", "(param i32)", "", "(global.set $go (local.get 0))");
    let callee = Guest::new(code)
        .export("numbers: async() -> stream<u32>", Lift::Stackful)
        .export("let-go: (u32)", Lift::Sync)
        .export("log: () -> u32", Lift::Sync);
    let caller = reading("r c", body)
        .import("let-go: (u32)", Lower::Sync)
        .import("log: () -> u32", Lower::Sync);
    [callee, caller]
}

/// A read of no elements ends when there are some.
fn ready_to_read() -> Program {
    let body = "(set c (call $s.read @r #1024 #0))
 (if (i32.ne @c #-1) (then unreachable))
 (call $pause #10) (call $let-go #1)
 (set c (call $settle @r @c))
 (i32.add (i32.mul @c #1000) (call $sum @r #4))";
    Program::new("streams/ready-to-read", held(body)).gives([6])
}

/// A read of no elements ends with the stream.
fn ready_at_the_end() -> Program {
    let body = "(set c (call $s.read @r #1024 #0))
 (if (i32.ne @c #-1) (then unreachable))
 (call $let-go #2)
 (set c (call $settle @r @c)) (call $s.drop-r @r) @c";
    Program::new("streams/ready-at-the-end", held(body)).gives([1])
}

fn ended_unwritten() -> Program {
    let body = "(call $let-go #2) (set c (call $settle @r (call $s.read @r #1024 #4))) (call $s.drop-r @r) @c";
    Program::new("streams/ended-unwritten", held(body)).gives([1])
}

/// A write of no elements ends when somebody reads.
fn ready_to_write() -> Program {
    let before = "(drop (call $settle (global.get $w) (call $s.write (global.get $w) #1024 #0))) (call $note #3)";
    let caller = reading(
        "r before",
        "(call $pause #50) (set before (call $log))
 (call $then @before (call $sum @r #4))",
    )
    .import("log: () -> u32", Lower::Sync);
    Program::new("streams/ready-to-write", [numbers(Lift::Stackful, before), caller]).gives([55])
}

/// A read and a write of no elements meet.
fn both_of_no_length() -> Program {
    let before = "(call $pause #50)
 (drop (call $settle (global.get $w) (call $s.write (global.get $w) #1024 #0)))";
    let caller = reading(
        "r c",
        "(set c (call $settle @r (call $s.read @r #1024 #0)))
 (i32.add (i32.mul @c #1000) (call $sum @r #4))",
    );
    Program::new("streams/both-of-no-length", [numbers(Lift::Stackful, before), caller]).gives([55])
}

fn read_cancelled() -> Program {
    let body = "(set c (call $s.read @r #1024 #4))
 (if (i32.ne @c #-1) (then unreachable))
 (call $pause #10)
 (set c (call $s.cancel-read @r))
 (call $let-go #1)
 (i32.add (i32.mul @c #1000) (call $sum @r #4))";
    Program::new("streams/read-cancelled", held(body)).gives([2006])
}

/// What has been copied is not cancelled.
fn read_cancelled_too_late() -> Program {
    let body = "(set c (call $s.read @r #1024 #4)) (call $let-go #1)
 (loop $again (call $pause #50) (br_if $again (i32.eqz (call $log))))
 (set c (i32.shr_u (call $s.cancel-read @r) #4)) (call $s.drop-r @r)
 (call $then @c (i32.load #1032))";
    Program::new("streams/read-cancelled-too-late", held(body)).gives([33])
}

/// A callee that reads the stream when the future comes.
fn sums_later() -> Guest {
    let body = "(drop (call $settle @f (call $f.read @f #1024))) (call $f.drop-r @f)";
    let code =
        gives("sum", Lift::Stackful, "(param $f i32) (param $r i32)", body, "(call $sum @r #4)");
    Guest::new(SUM.to_owned() + &code)
        .export("sum: async(future<u32>, stream<u32>) -> u32", Lift::Stackful)
}

fn write_cancelled() -> Program {
    let caller = caller(
        "t:64 s:64 st c",
        "(set t (call $f.new)) (set s (call $s.new))
 (set st (call $sum (call $lo @t) (call $lo @s) #512)) (call $pause #10)
 (i32.store #1024 #9)
 (if (i32.ne (call $s.write (call $hi @s) #1024 #1) #-1) (then unreachable))
 (call $pause #10)
 (set c (call $s.cancel-write (call $hi @s)))
 (drop (call $send @t #1))
 (drop (call $pour (call $hi @s) #10)) (drop (call $await @st))
 (i32.add (i32.mul @c #1000) (i32.load #512))",
    )
    .import("sum: async(future<u32>, stream<u32>) -> u32", Lower::Async);
    // The name of its import is that of a helper.
    let caller = caller.without(SUM);
    Program::new("streams/write-cancelled", [sums_later(), caller]).gives([2055])
}

fn future_write_cancelled() -> Program {
    let body = "(drop (call $settle @f (call $f.read @f #1024))) (call $f.drop-r @f)
 (drop (call $settle @g (call $f.read @g #1024))) (call $f.drop-r @g)";
    let code =
        gives("op", Lift::Stackful, "(param $f i32) (param $g i32)", body, "(i32.load #1024)");
    let callee =
        Guest::new(code).export("op: async(future<u32>, future<u32>) -> u32", Lift::Stackful);
    let caller = caller(
        "t:64 g:64 st c",
        "(set t (call $f.new)) (set g (call $f.new))
 (set st (call $op (call $lo @t) (call $lo @g) #512)) (call $pause #10)
 (i32.store #1024 #9)
 (if (i32.ne (call $f.write (call $hi @g) #1024) #-1) (then unreachable))
 (call $pause #10)
 (set c (call $f.cancel-write (call $hi @g)))
 (drop (call $send @t #1)) (drop (call $send @g #7)) (drop (call $await @st))
 (call $then @c (i32.load #512))",
    )
    .import("op: async(future<u32>, future<u32>) -> u32", Lower::Async);
    Program::new("streams/future-write-cancelled", [callee, caller]).gives([27])
}

fn future_read_cancelled() -> Program {
    let code = "(if (i32.ne (call $f.read @f #1024) #-1) (then unreachable)) (call $pause #10)
 (call $note (call $f.cancel-read @f))
 (drop (call $settle @f (call $f.read @f #1024))) (call $f.drop-r @f)";
    let code = gives("op", Lift::Stackful, "(param $f i32)", code, "(i32.load #1024)");
    let callee = Guest::new(code)
        .export("op: async(future<u32>) -> u32", Lift::Stackful)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "t:64 st",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512))
 (loop $again (drop (call $yield)) (br_if $again (i32.eqz (call $log))))
 (drop (call $send @t #7)) (drop (call $await @st)) (call $then (call $log) (i32.load #512))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync);
    Program::new("streams/future-read-cancelled", [callee, caller]).gives([27])
}

fn drops_it() -> Guest {
    Guest::new(gives("op", Lift::Stackful, "(param $f i32)", "(call $f.drop-r @f)", "#7"))
        .export("op: async(future<u32>) -> u32", Lift::Stackful)
}

/// The write begins when the readable end is gone.
fn future_dropped_before() -> Program {
    let caller = caller(
        "t:64 n",
        "(set t (call $f.new)) (set n (call $op (call $lo @t))) (call $then @n (call $send @t #1))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Sync);
    Program::new("streams/future-dropped-before", [drops_it(), caller]).gives([71])
}

/// The readable end goes while the write waits.
fn future_dropped_after() -> Program {
    let caller = caller(
        "t:64 n c",
        "(set t (call $f.new)) (set c (call $f.write (call $hi @t) #1024))
 (set n (call $op (call $lo @t)))
 (set c (call $settle (call $hi @t) @c)) (call $f.drop-w (call $hi @t))
 (call $then @n @c)",
    )
    .import("op: async(future<u32>) -> u32", Lower::Sync);
    Program::new("streams/future-dropped-after", [drops_it(), caller]).gives([71])
}

/// The component between reads the first element, and passes on the others.
fn some_read_before() -> Program {
    let relay = function(
        "relay",
        "",
        "r",
        "(set r (call $numbers))
 (if (i32.ne (call $settle @r (call $s.read @r #1024 #1)) #16) (then unreachable))
 (call $ret.stream<u32> @r)",
    );
    let between = Guest::new(relay)
        .import("numbers: async() -> stream<u32>", Lower::Sync)
        .export("relay: async() -> stream<u32>", Lift::Stackful);
    let caller = caller("", "(call $sum (call $relay) #4)")
        .import("relay: async() -> stream<u32>", Lower::Sync);
    Program::new("streams/some-read-before", [numbers(Lift::Stackful, ""), between, caller])
        .gives([54])
}

/// A component gets back what it gave away, and reads what it writes itself.
fn round_trip() -> Program {
    let code = function("back", "(param $s i32)", "", "(call $ret.stream<u32> @s)");
    let callee = Guest::new(code).export("back: async(stream<u32>) -> stream<u32>", Lift::Stackful);
    let caller = caller(
        "t:64 r c",
        "(set t (call $s.new)) (set r (call $back (call $lo @t)))
 (i32.store #1024 #7)
 (set c (call $s.write (call $hi @t) #1024 #1))
 (if (i32.ne (call $settle @r (call $s.read @r #2048 #1)) #16) (then unreachable))
 (if (i32.ne (call $settle (call $hi @t) @c) #16) (then unreachable))
 (i32.load #2048)",
    )
    .import("back: async(stream<u32>) -> stream<u32>", Lower::Sync);
    Program::new("streams/round-trip", [callee, caller]).gives([7])
}

fn future_passed_on() -> Program {
    let far = Guest::new(waits("far", Lift::Callback, "", ""))
        .export("far: async(future<u32>) -> u32", Lift::Callback);
    let between = function(
        "op",
        "(param $f i32)",
        "st",
        "(set st (call $far @f #512)) (drop (call $await @st)) (call $ret.u32 (i32.load #512))",
    );
    let between = Guest::new(between)
        .import("far: async(future<u32>) -> u32", Lower::Async)
        .export("op: async(future<u32>) -> u32", Lift::Stackful);
    let caller = caller(
        "t:64 st c",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512)) (call $pause #5)
 (set c (call $send @t #7)) (drop (call $await @st)) (call $then (i32.load #512) @c)",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new("streams/future-passed-on", [far, between, caller]).gives([70])
}

/// The lengths of texts.
fn texts() -> Program {
    let body = "(loop $again
  (set c (call $settle @r (call $t.read @r #1024 #4)))
  (set i (i32.shr_u @c #4))
  (block $none (loop $each
   (br_if $none (i32.eqz @i)) (set i (i32.sub @i #1))
   (set sum (i32.add @sum (i32.load offset=4 (i32.add #1024 (i32.mul @i #8))))) (br $each)))
  (br_if $again (i32.eqz (i32.and @c #15))))
 (call $t.drop-r @r) (call $ret.u32 @sum)";
    let callee = Guest::new(function("lengths", "(param $r i32)", "c i sum", body))
        .export("lengths: async(stream<string>) -> u32", Lift::Stackful);
    let caller = caller(
        "t:64 st i c",
        "(set t (call $t.new)) (set st (call $lengths (call $lo @t) #512))
 (loop $fill
  (i32.store (i32.add #1024 (i32.mul @i #8)) #4096)
  (i32.store offset=4 (i32.add #1024 (i32.mul @i #8)) @i)
  (set i (i32.add @i #1)) (br_if $fill (i32.lt_u @i #10)))
 (set i #0)
 (loop $again
  (set c (call $settle (call $hi @t)
   (call $t.write (call $hi @t) (i32.add #1024 (i32.mul @i #8)) (i32.sub #10 @i))))
  (set i (i32.add @i (i32.shr_u @c #4))) (br_if $again (i32.lt_u @i #10)))
 (call $t.drop-w (call $hi @t))
 (drop (call $await @st)) (i32.load #512)",
    )
    .import("lengths: async(stream<string>) -> u32", Lower::Async);
    Program::new("streams/texts", [callee, caller]).gives([45])
}

fn future_text() -> Program {
    let body = "(drop (call $settle @g (call $g.read @g #1024))) (call $g.drop-r @g)";
    let code = gives("length", Lift::Stackful, "(param $g i32)", body, "(i32.load #1028)");
    let callee = Guest::new(code).export("length: async(future<string>) -> u32", Lift::Stackful);
    let caller = caller(
        "t:64 st",
        "(set t (call $g.new)) (set st (call $length (call $lo @t) #512))
 (i32.store #1024 #4096) (i32.store #1028 #77)
 (drop (call $settle (call $hi @t) (call $g.write (call $hi @t) #1024)))
 (drop (call $await @st)) (i32.load #512)",
    )
    .import("length: async(future<string>) -> u32", Lower::Async);
    Program::new("streams/future-text", [callee, caller]).gives([77])
}

/// A stream of elements without content.
fn nothing_much() -> Program {
    let body = "(loop $again
  (set c (call $settle @r (call $e.read @r #0 #4)))
  (set sum (i32.add @sum (i32.shr_u @c #4)))
  (br_if $again (i32.eqz (i32.and @c #15))))
 (call $e.drop-r @r) (call $ret.u32 @sum)";
    let callee = Guest::new(function("count", "(param $r i32)", "c sum", body))
        .export("count: async(stream) -> u32", Lift::Stackful);
    let caller = caller(
        "t:64 st i",
        "(set t (call $e.new)) (set st (call $count (call $lo @t) #512))
 (loop $again
  (set i (i32.add @i (i32.shr_u
   (call $settle (call $hi @t) (call $e.write (call $hi @t) #0 (i32.sub #10 @i))) #4)))
  (br_if $again (i32.lt_u @i #10)))
 (call $e.drop-w (call $hi @t))
 (drop (call $await @st)) (i32.load #512)",
    )
    .import("count: async(stream) -> u32", Lower::Async);
    Program::new("streams/nothing-much", [callee, caller]).gives([10])
}

fn future_of_nothing() -> Program {
    let body = "(drop (call $settle @u (call $u.read @u #0))) (call $u.drop-r @u)";
    let callee = Guest::new(gives("op", Lift::Stackful, "(param $u i32)", body, "#7"))
        .export("op: async(future) -> u32", Lift::Stackful);
    let caller = caller(
        "t:64 st c",
        "(set t (call $u.new)) (set st (call $op (call $lo @t) #512)) (call $pause #5)
 (set c (call $settle (call $hi @t) (call $u.write (call $hi @t) #0)))
 (drop (call $await @st)) (call $then (i32.load #512) @c)",
    )
    .import("op: async(future) -> u32", Lower::Async);
    Program::new("streams/future-of-nothing", [callee, caller]).gives([70])
}

fn bytes() -> Program {
    let body = "(loop $again
  (set c (call $settle @r (call $b.read @r #65536 #30000)))
  (set i (i32.shr_u @c #4))
  (block $none (loop $each
   (br_if $none (i32.eqz @i)) (set i (i32.sub @i #1))
   (set sum (i32.add @sum (i32.load8_u (i32.add #65536 @i)))) (br $each)))
  (br_if $again (i32.eqz (i32.and @c #15))))
 (call $b.drop-r @r) (call $ret.u32 @sum)";
    let callee = Guest::new(function("sum", "(param $r i32)", "c i sum", body))
        .export("sum: async(stream<u8>) -> u32", Lift::Stackful);
    let body = "(set t (call $b.new)) (set st (call $sum (call $lo @t) #512))
 (memory.fill #65536 #2 #100000)
 (loop $again
  (set i (i32.add @i (i32.shr_u
   (call $settle (call $hi @t) (call $b.write (call $hi @t) (i32.add #65536 @i) (i32.sub #100000 @i))) #4)))
  (br_if $again (i32.lt_u @i #100000)))
 (call $b.drop-w (call $hi @t))
 (drop (call $await @st)) (i32.load #512)";
    let caller = Guest::new(run("t:64 st i", body))
        .import("sum: async(stream<u8>) -> u32", Lower::Async)
        .export("run: async() -> u32", Lift::Sync);
    Program::new("streams/bytes", [callee, caller]).gives([200_000])
}

/// One is read to its end before the other.
fn two_streams() -> Program {
    let code = gives(
        "both",
        Lift::Stackful,
        "(param $a i32) (param $b i32)",
        "",
        "(i32.add (i32.mul (call $sum @b #4) #1000) (call $sum @a #4))",
    );
    let callee = Guest::new(SUM.to_owned() + &code)
        .export("both: async(stream<u32>, stream<u32>) -> u32", Lift::Stackful);
    let caller = caller(
        "a:64 b:64 st",
        "(set a (call $s.new)) (set b (call $s.new))
 (set st (call $both (call $lo @a) (call $lo @b) #512))
 (drop (call $pour (call $hi @b) #4)) (drop (call $pour (call $hi @a) #10))
 (drop (call $await @st)) (i32.load #512)",
    )
    .import("both: async(stream<u32>, stream<u32>) -> u32", Lower::Async);
    Program::new("streams/two-streams", [callee, caller]).gives([10_055])
}

fn in_a_tuple() -> Program {
    let code = function(
        "both",
        "",
        "s:64 f:64 n",
        "(set s (call $s.new)) (set f (call $f.new))
 (call $ret.tuple<stream<u32>|future<u32>> (call $lo @s) (call $lo @f))
 (set n (call $pour (call $hi @s) #10))
 (drop (call $send @f @n))",
    );
    let signature = "both: async() -> tuple<stream<u32>, future<u32>>";
    let callee = Guest::new(POUR.to_owned() + &code).export(signature, Lift::Stackful);
    let caller = caller(
        "sum f",
        "(call $both #512) (set sum (call $sum (i32.load #512) #4)) (set f (i32.load #516))
 (drop (call $settle @f (call $f.read @f #1024))) (call $f.drop-r @f)
 (i32.add (i32.mul @sum #100) (i32.load #1024))",
    )
    .import(signature, Lower::Sync);
    Program::new("streams/in-a-tuple", [callee, caller]).gives([5510])
}

fn both_dropped() -> Program {
    let callee =
        Guest::new(gives("op", Lift::Stackful, "(param $s i32)", "(call $s.drop-r @s)", "#7"))
            .export("op: async(stream<u32>) -> u32", Lift::Stackful);
    let caller = caller(
        "t:64 n",
        "(set t (call $s.new)) (set n (call $op (call $lo @t))) (call $s.drop-w (call $hi @t)) @n",
    )
    .import("op: async(stream<u32>) -> u32", Lower::Sync);
    Program::new("streams/both-dropped", [callee, caller]).gives([7])
}

/// A write ends when a part of it has been read.
fn rendezvous() -> Program {
    let code = "(global $w (mut i32) (i32.const 0))\n".to_owned()
        + &function(
            "numbers",
            "",
            "t:64 c",
            "(set t (call $s.new)) (call $ret.stream<u32> (call $lo @t))
 (set c (call $settle (call $hi @t) (call $s.write (call $hi @t) #1024 #4)))
 (call $note (i32.shr_u @c #4)) (call $note (i32.and @c #15))
 (call $s.drop-w (call $hi @t))",
        );
    let callee = Guest::new(code)
        .export("numbers: async() -> stream<u32>", Lift::Stackful)
        .export("log: () -> u32", Lift::Sync);
    let caller = reading(
        "r c",
        "(set c (call $settle @r (call $s.read @r #1024 #3)))
 (loop $again (drop (call $yield)) (br_if $again (i32.lt_u (call $log) #10)))
 (call $s.drop-r @r)
 (i32.add (i32.mul (i32.shr_u @c #4) #100) (call $log))",
    )
    .import("log: () -> u32", Lower::Sync);
    Program::new("streams/rendezvous", [callee, caller]).gives([330])
}

/// Sync reads of two streams, which two tasks of one component write.
fn read_sync_with_others() -> Program {
    let caller = Guest::new(sync(SUM) + &run("r a b", "(set a (call $numbers)) (set b (call $numbers)) (i32.add (i32.mul (call $sum @b #4) #1000) (call $sum @a #4))"))
        .import("numbers: async() -> stream<u32>", Lower::Sync)
        .export("run: async() -> u32", Lift::Sync);
    let code = function(
        "numbers",
        "",
        "t:64",
        "(set t (call $s.new)) (call $ret.stream<u32> (call $lo @t)) (drop (call $pour (call $hi @t) #10))",
    );
    let callee = Guest::new(POUR.to_owned() + &code)
        .export("numbers: async() -> stream<u32>", Lift::Stackful);
    Program::new("streams/read-sync-with-others", [callee, caller]).gives([55_055])
}

/// A sync function gives a future, which a later call writes.
fn from_a_sync_function() -> Program {
    let code = "(global $t (mut i64) (i64.const 0))\n".to_owned()
        + &function(
            "get",
            "(result i32)",
            "",
            "(global.set $t (call $f.new)) (call $lo (global.get $t))",
        )
        + &gives("fill", Lift::Callback, "", "(drop (call $send (global.get $t) #7))", "#1");
    let callee = Guest::new(code)
        .export("get: () -> future<u32>", Lift::Sync)
        .export("fill: async() -> u32", Lift::Callback);
    let caller = caller(
        "f st c",
        "(set f (call $get)) (set c (call $f.read @f #1024)) (set st (call $fill #512))
 (set c (call $settle @f @c)) (call $f.drop-r @f) (drop (call $await @st))
 (call $then @c (i32.load #1024))",
    )
    .import("get: () -> future<u32>", Lower::Sync)
    .import("fill: async() -> u32", Lower::Async);
    Program::new("streams/from-a-sync-function", [callee, caller]).gives([7])
}

/// A sync function starts to read and to write, and gives up both.
fn in_a_sync_function() -> Program {
    let body = "(set t (call $s.new))
 (if (i32.ne (call $s.write (call $hi @t) #1024 #1) #-1) (then unreachable))
 (set c (call $s.cancel-write-a (call $hi @t)))
 (if (i32.ne (call $s.read (call $lo @t) #1024 #1) #-1) (then unreachable))
 (call $then @c (call $s.cancel-read-a (call $lo @t)))";
    let root = Guest::new(run("t:64 c", body)).export("run: () -> u32", Lift::Sync);
    Program::new("streams/in-a-sync-function", [root]).gives([22])
}

/// A sync function may not give up such that it could wait for that.
fn cancels_in_a_sync_function() -> Program {
    let body = "(set t (call $s.new)) (drop (call $s.read (call $lo @t) #1024 #1))
 (call $s.cancel-read (call $lo @t))";
    let root = Guest::new(run("t:64", body)).export("run: () -> u32", Lift::Sync);
    Program::new("streams/cancels-in-a-sync-function", [root])
        .traps("cannot block a synchronous task before returning")
}

/// What a guest may not do with its end, with `@r` a stream that it reads and `@t` a future.
const TRAPS: &[(&str, &str, &str)] = &[
    (
        "reads-twice",
        "(drop (call $s.read @r #1024 #1)) (drop (call $s.read @r #1024 #1))",
        "cannot have concurrent operations active on a future/stream",
    ),
    (
        "reads-after-the-end",
        "(call $let-go #2) (drop (call $settle @r (call $s.read @r #1024 #1)))
 (drop (call $s.read @r #1024 #1))",
        "cannot read after being notified that the writable end dropped",
    ),
    (
        "passes-a-busy-end",
        "(drop (call $s.read @r #1024 #1)) (call $take @r)",
        "cannot remove busy stream",
    ),
    (
        "passes-an-end-in-a-set",
        "(call $join @r (call $ws.new)) (call $take @r)",
        "while it's in a waitable set",
    ),
    (
        "passes-an-ended-stream",
        "(call $let-go #2) (drop (call $settle @r (call $s.read @r #1024 #1))) (call $take @r)",
        "cannot lift stream after being notified that the writable end dropped",
    ),
    ("passes-twice", "(call $take @r) (call $take @r)", "unknown handle index"),
    ("drops-a-busy-end", "(drop (call $s.read @r #1024 #1)) (call $s.drop-r @r)", ""),
    ("cancels-nothing", "(drop (call $s.cancel-read @r))", "cancelled when no read is pending"),
    (
        "future-unwritten",
        "(call $take-future (call $lo @t)) (call $f.drop-w (call $hi @t))",
        "cannot drop future write end without first writing a value",
    ),
    (
        "writes-after-the-end",
        "(set s (call $s.new)) (call $take (call $lo @s))
 (drop (call $settle (call $hi @s) (call $s.write (call $hi @s) #1024 #1)))
 (drop (call $s.write (call $hi @s) #1024 #1))",
        "cannot write after being notified that the readable end dropped",
    ),
    (
        "future-written-twice",
        "(call $take-future (call $lo @t))
 (drop (call $settle (call $hi @t) (call $f.write (call $hi @t) #1024)))
 (drop (call $f.write (call $hi @t) #1024))",
        "cannot write",
    ),
    ("too-many", "(drop (call $s.read @r #1024 #268435456))", "stream read/write count too large"),
    ("out-of-memory", "(drop (call $s.read @r #262140 #2))", "out of bounds"),
];

fn trap(name: &str, body: &str, text: &'static str) -> Program {
    let [callee, _] = held("");
    let callee = callee
        .more(&function("take", "(param $s i32)", "", "(call $s.drop-r @s)"))
        .more(&function("take-future", "(param $f i32)", "", "(call $f.drop-r @f)"))
        .export("take: (stream<u32>)", Lift::Sync)
        .export("take-future: (future<u32>)", Lift::Sync);
    let caller = reading("r s:64 t:64", &format!("(set t (call $f.new)) {body} #1"))
        .import("let-go: (u32)", Lower::Sync)
        .import("take: (stream<u32>)", Lower::Sync)
        .import("take-future: (future<u32>)", Lower::Sync);
    Program::new(format!("streams/traps/{name}"), [callee, caller]).traps(text)
}
