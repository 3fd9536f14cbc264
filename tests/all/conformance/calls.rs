//! Calls and their values: async and sync on either side, returning at once or later.

use super::guest::{Guest, LIFTS, Lift, Lower, function, gives, run, waits};
use super::{Program, check};

const STARTED: &str = "a call that leaves a store is told to have returned, not returned at once";

#[test]
fn calls_return() {
    check(programs());
}

fn caller(locals: &str, body: &str) -> Guest {
    Guest::new(run(locals, body)).export("run: async() -> u32", Lift::Sync)
}

pub(super) fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for (n, lift) in [1, 4, 5, 16, 17].into_iter().zip(LIFTS.into_iter().cycle()) {
        programs.push(with_params(n, lift, Lower::Sync));
        programs.push(with_params(n, lift, Lower::Async));
    }
    for lift in LIFTS {
        programs.push(with_text(lift, Lower::Sync));
        programs.push(with_text(lift, Lower::Async));
        programs.push(at_once(lift));
        programs.push(later(lift));
        programs.push(started_by_a_sync_function(lift));
        programs.push(waits_for_a_callee(lift));
        programs.push(in_order(lift));
        programs.push(context_starts_empty(lift));
        programs.push(many(lift));
        programs.push(chain(lift));
    }
    for lift in [Lift::Callback, Lift::Stackful] {
        programs.push(context_of_each_task(lift));
        programs.push(after_returning(lift));
        programs.push(callers_context(lift));
        for (name, code, text) in [
            (
                "returns-twice",
                "(call $ret.u32 #1) (call $ret.u32 #1)",
                "called more than once for current task",
            ),
            ("returns-never", "", "async-lifted export failed to produce a result"),
            ("returns-another-type", "(call $ret.string #1 #1)", "invalid `task.return` signature"),
        ] {
            programs.push(misbehaves(name, lift, code, text));
        }
    }
    programs.extend([
        tuple(Lower::Sync),
        tuple(Lower::Async),
        after_the_call_of_the_host(),
        returns_while_called(),
        nothing_in_nothing_out(),
        others_go_on(),
        started_below_a_sync_function(),
        left_by_a_sync_function(),
    ]);
    programs
}

/// The sum of the parameters, each as often as its place.
fn with_params(n: usize, lift: Lift, lower: Lower) -> Program {
    let types = vec!["u32"; n].join(", ");
    let signature = format!("sum: async({types}) -> u32");
    let params = if n > 16 {
        "(param $p i32)".to_owned()
    } else {
        (0..n).map(|n| format!("(param $p{n} i32) ")).collect()
    };
    let mut sum = "#0".to_owned();
    for at in 0..n {
        let param =
            if n > 16 { format!("(i32.load offset={} @p)", at * 4) } else { format!("@p{at}") };
        sum = format!("(i32.add {sum} (i32.mul {param} #{}))", at + 1);
    }
    let callee = Guest::new(gives("sum", lift, &params, "", &sum)).export(&signature, lift);
    let most = if lower == Lower::Sync { 16 } else { 4 };
    let values: String = (1..=n).map(|n| format!("#{n} ")).collect();
    let stores: String =
        (0..n).map(|n| format!("(i32.store #{} #{}) ", 1024 + n * 4, n + 1)).collect();
    let args = if n > most { "#1024".to_owned() } else { values };
    let body = match lower {
        Lower::Sync => format!("{stores} (call $sum {args})"),
        Lower::Async => {
            format!("{stores} (drop (call $await (call $sum {args} #512))) (i32.load #512)")
        }
    };
    let caller = caller("", &body).import(&signature, lower);
    let expected = (1..=n as u32).map(|n| n * n).sum::<u32>();
    Program::new(format!("calls/params/{n}/{lift:?}/{lower:?}"), [callee, caller]).gives([expected])
}

/// A text and a list of numbers come back as a text: the first letters as often as the list is long.
fn with_text(lift: Lift, lower: Lower) -> Program {
    let make =
        "(func $make (param $p i32) (param $n i32) (param $l i32) (param $ln i32) (result i32)
 (local $i i32) (local $to i32)
 (if (i32.ne (i32.load offset=4 @l) #700000) (then unreachable))
 (set to (call $realloc #0 #0 #1 @ln))
 (loop $again
  (i32.store8 (i32.add @to @i) (i32.add (i32.load8_u @p) @i))
  (set i (i32.add @i #1)) (br_if $again (i32.lt_u @i @ln)))
 @to)\n";
    let params = "(param $p i32) (param $n i32) (param $l i32) (param $ln i32)";
    let code = match lift {
        Lift::Sync | Lift::Post => {
            let body = "(i32.store #1024 (call $make @p @n @l @ln)) (i32.store #1028 @ln) #1024";
            function("echo", &format!("{params} (result i32)"), "", body)
        }
        Lift::Stackful => {
            function("echo", params, "", "(call $ret.string (call $make @p @n @l @ln) @ln)")
        }
        Lift::Callback => {
            function(
                "echo",
                &format!("{params} (result i32)"),
                "",
                "(call $ret.string (call $make @p @n @l @ln) @ln) #0",
            ) + &function("echo-cb", "(param i32 i32 i32) (result i32)", "", "unreachable")
        }
    };
    let signature = "echo: async(string, list<u32>) -> string";
    let callee = Guest::new(make.to_owned() + &code).export(signature, lift);
    let call = match lower {
        Lower::Sync => "(call $echo #2048 #1 #3072 #3 #512)",
        Lower::Async => "(drop (call $await (call $echo #2048 #1 #3072 #3 #512)))",
    };
    let body = format!(
        "(i32.store8 #2048 #97) (i32.store #3076 #700000)
 {call}
 (if (i32.ne (i32.load #516) #3) (then unreachable))
 (i32.and (i32.load (i32.load #512)) #0xffffff)"
    );
    let caller = caller("", &body).import(signature, lower);
    Program::new(format!("calls/text/{lift:?}/{lower:?}"), [callee, caller]).gives([0x63_62_61])
}

fn tuple(lower: Lower) -> Program {
    let signature = "both: async(u64) -> tuple<u32, u64>";
    let callee = Guest::new(function(
        "both",
        "(param $n i64)",
        "",
        "(call $ret.tuple<u32|u64> #5 (i64.add @n (i64.const 1)))",
    ))
    .export(signature, Lift::Stackful);
    let call = match lower {
        Lower::Sync => "(call $both (i64.const 0x1ffffffff) #512)",
        Lower::Async => "(drop (call $await (call $both (i64.const 0x1ffffffff) #512)))",
    };
    let body = format!("{call} (call $then (i32.load #512) (call $hi (i64.load #520)))");
    let caller = caller("", &body).import(signature, lower);
    Program::new(format!("calls/tuple/{lower:?}"), [callee, caller]).gives([52])
}

/// What a call gives that does not wait.
fn at_once(lift: Lift) -> Program {
    let callee = Guest::new(gives("work", lift, "", "", "#7")).export("work: async() -> u32", lift);
    let caller = caller(
        "st",
        "(set st (call $work #512)) (drop (call $await @st)) (call $then (call $st @st) (i32.load #512))",
    )
    .import("work: async() -> u32", Lower::Async);
    Program::new(format!("calls/at-once/{lift:?}"), [callee, caller])
        .gives([27])
        .isolated_gives([17], STARTED)
}

fn nothing_in_nothing_out() -> Program {
    let callee = Guest::new(function("work", "", "", "(call $ret) (call $note #1)"))
        .export("work: async()", Lift::Stackful)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "",
        "(call $work-s) (drop (call $await (call $work))) (call $pause #20) (call $log)",
    )
    .import("work: async()", Lower::Async)
    .import_as("work: async()", Lower::Sync, "work-s")
    .import("log: () -> u32", Lower::Sync);
    Program::new("calls/nothing-in-nothing-out", [callee, caller]).gives([11])
}

fn later(lift: Lift) -> Program {
    let callee =
        Guest::new(waits("op", lift, "", "")).export("op: async(future<u32>) -> u32", lift);
    let caller = caller(
        "t:64 st",
        "(set t (call $f.new)) (set st (call $op (call $lo @t) #512))
 (drop (call $send @t #7)) (drop (call $await @st)) (call $then (call $st @st) (i32.load #512))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Async);
    Program::new(format!("calls/later/{lift:?}"), [callee, caller]).gives([17])
}

/// A sync call of a function that gives way.
fn waits_for_a_callee(lift: Lift) -> Program {
    let code = gives("work", lift, "", "(call $pause #5)", "#7");
    let callee = Guest::new(code).export("work: async() -> u32", lift);
    let caller = caller("", "(call $then (call $work) (call $work))")
        .import("work: async() -> u32", Lower::Sync);
    Program::new(format!("calls/waits-for-a-callee/{lift:?}"), [callee, caller]).gives([77])
}

fn in_order(lift: Lift) -> Program {
    let code = gives("mark", lift, "(param $n i32)", "(call $note @n)", "#1");
    let callee = Guest::new(code)
        .export("mark: async(u32) -> u32", lift)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "a b c",
        "(set a (call $mark #1 #512)) (set b (call $mark #2 #516)) (set c (call $mark #3 #520))
 (drop (call $await @c)) (drop (call $await @b)) (drop (call $await @a))
 (call $log)",
    )
    .import("mark: async(u32) -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync);
    Program::new(format!("calls/in-order/{lift:?}"), [callee, caller]).gives([123])
}

fn many(lift: Lift) -> Program {
    let code = gives("double", lift, "(param $n i32)", "(call $pause #2)", "(i32.add @n @n)");
    let callee = Guest::new(code).export("double: async(u32) -> u32", lift);
    let caller = caller(
        "n sum",
        "(loop $again
  (i32.store (i32.add #4096 (i32.mul @n #8)) (call $double @n (i32.add #4100 (i32.mul @n #8))))
  (set n (i32.add @n #1)) (br_if $again (i32.lt_u @n #30)))
 (set n #0)
 (loop $again
  (drop (call $await (i32.load (i32.add #4096 (i32.mul @n #8)))))
  (set sum (i32.add @sum (i32.load (i32.add #4100 (i32.mul @n #8)))))
  (set n (i32.add @n #1)) (br_if $again (i32.lt_u @n #30)))
 @sum",
    )
    .import("double: async(u32) -> u32", Lower::Async);
    Program::new(format!("calls/many/{lift:?}"), [callee, caller]).gives([870])
}

/// Five components in a row, whose calls are async and sync in turn.
fn chain(lift: Lift) -> Program {
    let first = gives("n0", lift, "", "(call $pause #2)", "#1");
    let first = Guest::new(first).export("n0: async() -> u32", lift);
    let link = |n: u32| {
        let below = n - 1;
        let (body, value, lower) = if n.is_multiple_of(2) {
            (String::new(), format!("(i32.add #1 (call $n{below}))"), Lower::Sync)
        } else {
            let body = format!("(drop (call $await (call $n{below} #512)))");
            (body, "(i32.add #1 (i32.load #512))".to_owned(), Lower::Async)
        };
        Guest::new(gives(&format!("n{n}"), lift, "", &body, &value))
            .import(&format!("n{below}: async() -> u32"), lower)
            .export(&format!("n{n}: async() -> u32"), lift)
    };
    let last = caller("", "(i32.add #1 (call $n3))").import("n3: async() -> u32", Lower::Sync);
    Program::new(format!("calls/chain/{lift:?}"), [first, link(1), link(2), link(3), last])
        .gives([5])
}

fn context_starts_empty(lift: Lift) -> Program {
    let code =
        gives("op", lift, "", "(call $note (call $ctx.get)) (call $ctx.set #5)", "(call $ctx.get)");
    let callee =
        Guest::new(code).export("op: async() -> u32", lift).export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "a b",
        "(set a (call $op)) (set b (call $op)) (i32.add (call $then @a @b) (call $log))",
    )
    .import("op: async() -> u32", Lower::Sync)
    .import("log: () -> u32", Lower::Sync);
    Program::new(format!("calls/context-starts-empty/{lift:?}"), [callee, caller]).gives([55])
}

fn context_of_each_task(lift: Lift) -> Program {
    let params = "(param $n i32)";
    let code = match lift {
        Lift::Callback => {
            "(global $turns (mut i32) (i32.const 0))\n".to_owned()
                + &function("op", "(param $n i32) (result i32)", "", "(call $ctx.set @n) #1")
                + &function(
                    "op-cb",
                    "(param i32 i32 i32) (result i32)",
                    "",
                    "(global.set $turns (i32.add (global.get $turns) #1))
 (if (i32.lt_u (global.get $turns) #10) (then (return #1)))
 (call $ret.u32 (call $ctx.get)) #0",
                )
        }
        _ => function(
            "op",
            params,
            "",
            "(call $ctx.set @n) (call $pause #10) (call $ret.u32 (call $ctx.get))",
        ),
    };
    let callee = Guest::new(code).export("op: async(u32) -> u32", lift);
    let caller = caller(
        "a b",
        "(set a (call $op #1 #512)) (set b (call $op #2 #516))
 (drop (call $await @a)) (drop (call $await @b))
 (call $then (i32.load #512) (i32.load #516))",
    )
    .import("op: async(u32) -> u32", Lower::Async);
    Program::new(format!("calls/context-of-each-task/{lift:?}"), [callee, caller]).gives([12])
}

/// A caller's context is its own, whatever its callee sets.
fn callers_context(lift: Lift) -> Program {
    let code = gives("op", lift, "", "(call $ctx.set #9) (call $pause #3)", "(call $ctx.get)")
        + &function("sync-op", "(result i32)", "", "(call $ctx.set #8) (call $ctx.get)");
    let callee = Guest::new(code)
        .export("op: async() -> u32", lift)
        .export("sync-op: () -> u32", Lift::Sync);
    let caller = caller(
        "n",
        "(call $ctx.set #3) (set n (call $op)) (set n (call $then @n (call $ctx.get)))
 (set n (call $then @n (call $sync-op))) (call $then @n (call $ctx.get))",
    )
    .import("op: async() -> u32", Lower::Sync)
    .import("sync-op: () -> u32", Lower::Sync);
    Program::new(format!("calls/callers-context/{lift:?}"), [callee, caller]).gives([9383])
}

/// A task goes on after it has returned.
fn after_returning(lift: Lift) -> Program {
    let code = match lift {
        Lift::Callback => {
            "(global $turns (mut i32) (i32.const 0))\n".to_owned()
                + &function("op", "(result i32)", "", "(call $ret.u32 #1) #1")
                + &function(
                    "op-cb",
                    "(param i32 i32 i32) (result i32)",
                    "",
                    "(global.set $turns (i32.add (global.get $turns) #1))
 (if (i32.lt_u (global.get $turns) #5) (then (return #1))) (call $note #2) #0",
                )
        }
        _ => function("op", "", "", "(call $ret.u32 #1) (call $pause #5) (call $note #2)"),
    };
    let callee =
        Guest::new(code).export("op: async() -> u32", lift).export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "n",
        "(set n (call $op))
 (loop $again (drop (call $yield)) (br_if $again (i32.eqz (call $log))))
 (call $then @n (call $log))",
    )
    .import("op: async() -> u32", Lower::Sync)
    .import("log: () -> u32", Lower::Sync);
    Program::new(format!("calls/after-returning/{lift:?}"), [callee, caller]).gives([12])
}

/// So does what the host has called; the next call finds it at work.
fn after_the_call_of_the_host() -> Program {
    let far = Guest::new(gives("turns", Lift::Stackful, "", "(call $pause #5)", "#7"))
        .export("turns: async() -> u32", Lift::Stackful);
    let code = function("run", "", "", "(call $ret.u32 #1) (call $note (call $turns))")
        + &function(
            "later",
            "",
            "",
            "(loop $again (drop (call $yield)) (br_if $again (i32.eqz (global.get $noted))))
 (call $ret.u32 (global.get $noted))",
        );
    let root = Guest::new(code)
        .import("turns: async() -> u32", Lower::Sync)
        .export("run: async() -> u32", Lift::Stackful)
        .export("later: async() -> u32", Lift::Stackful);
    Program::new("calls/after-the-call-of-the-host", [far, root])
        .calls(["run", "later"])
        .gives([1, 7])
}

/// A component answers while it has a call under way itself.
fn returns_while_called() -> Program {
    let far = Guest::new(waits("far", Lift::Stackful, "", ""))
        .export("far: async(future<u32>) -> u32", Lift::Stackful);
    let code = function(
        "op",
        "(param $f i32)",
        "st",
        "(set st (call $far @f #512)) (call $ret.u32 #1)
 (drop (call $await @st)) (call $note (i32.load #512))",
    );
    let between = Guest::new(code)
        .import("far: async(future<u32>) -> u32", Lower::Async)
        .export("op: async(future<u32>) -> u32", Lift::Stackful)
        .export("log: () -> u32", Lift::Sync);
    let caller = caller(
        "t:64 n",
        "(set t (call $f.new)) (set n (call $op (call $lo @t)))
 (drop (call $send @t #7))
 (loop $again (drop (call $yield)) (br_if $again (i32.eqz (call $log))))
 (call $then @n (call $log))",
    )
    .import("op: async(future<u32>) -> u32", Lower::Sync)
    .import("log: () -> u32", Lower::Sync);
    Program::new("calls/returns-while-it-waits", [far, between, caller]).gives([17])
}

/// A sync function that the host calls makes an async call.
fn started_by_a_sync_function(lift: Lift) -> Program {
    let callee = Guest::new(gives("work", lift, "", "", "#7")).export("work: async() -> u32", lift);
    let body = "(set st (call $work #512)) (call $then (call $st @st) (i32.load #512))";
    let root = Guest::new(run("st", body))
        .import("work: async() -> u32", Lower::Async)
        .export("run: () -> u32", Lift::Sync);
    Program::new(format!("calls/started-by-a-sync-function/{lift:?}"), [callee, root])
        .gives([27])
        .isolated_gives([10], STARTED)
}

fn started_below_a_sync_function() -> Program {
    let callee = Guest::new(gives("work", Lift::Callback, "", "", "#7"))
        .export("work: async() -> u32", Lift::Callback);
    let body = "(set st (call $work #512)) (call $then (call $st @st) (i32.load #512))";
    let between = Guest::new(function("start", "(result i32)", "st", body))
        .import("work: async() -> u32", Lower::Async)
        .export("start: () -> u32", Lift::Sync);
    let root = Guest::new(run("", "(call $start)"))
        .import("start: () -> u32", Lower::Sync)
        .export("run: () -> u32", Lift::Sync);
    Program::new("calls/started-below-a-sync-function", [callee, between, root])
        .gives([27])
        .isolated_gives([10], STARTED)
}

/// What a sync function of the host's started is awaited by an async one.
fn left_by_a_sync_function() -> Program {
    let callee = Guest::new(gives("work", Lift::Stackful, "", "(call $pause #5)", "#7"))
        .export("work: async() -> u32", Lift::Stackful);
    let code = "(global $sub (mut i32) (i32.const 0))\n".to_owned()
        + &function(
            "start",
            "(result i32)",
            "",
            "(global.set $sub (call $work #512)) (call $st (global.get $sub))",
        )
        + &function(
            "finish",
            "(result i32)",
            "",
            "(drop (call $await (global.get $sub))) (i32.load #512)",
        );
    let root = Guest::new(code)
        .import("work: async() -> u32", Lower::Async)
        .export("start: () -> u32", Lift::Sync)
        .export("finish: async() -> u32", Lift::Sync);
    Program::new("calls/left-by-a-sync-function", [callee, root])
        .calls(["start", "finish"])
        .gives([1, 7])
}

/// While one task of a component waits in a sync call, another one goes on.
fn others_go_on() -> Program {
    let far = Guest::new(waits("far", Lift::Callback, "", ""))
        .export("far: async(future<u32>) -> u32", Lift::Callback);
    let code = gives("one", Lift::Stackful, "(param $f i32)", "", "(call $far @f)")
        + &gives("two", Lift::Stackful, "", "(call $pause #3)", "#5");
    let between = Guest::new(code)
        .import("far: async(future<u32>) -> u32", Lower::Sync)
        .export("one: async(future<u32>) -> u32", Lift::Stackful)
        .export("two: async() -> u32", Lift::Stackful);
    let caller = caller(
        "t:64 st n",
        "(set t (call $f.new)) (set st (call $one (call $lo @t) #512)) (call $pause #5)
 (set n (call $two))
 (drop (call $send @t #7)) (drop (call $await @st)) (call $then @n (i32.load #512))",
    )
    .import("one: async(future<u32>) -> u32", Lower::Async)
    .import("two: async() -> u32", Lower::Sync);
    Program::new("calls/others-go-on", [far, between, caller]).gives([57])
}

fn misbehaves(name: &str, lift: Lift, code: &str, text: &'static str) -> Program {
    let code = match lift {
        Lift::Callback => {
            function("op", "(result i32)", "", &format!("{code} #0"))
                + &function("op-cb", "(param i32 i32 i32) (result i32)", "", "unreachable")
        }
        _ => function("op", "", "", code),
    };
    let callee = Guest::new(code).export("op: async() -> u32", lift);
    let caller = caller("", "(drop (call $await (call $op #512))) (call $pause #20) #1")
        .import("op: async() -> u32", Lower::Async);
    Program::new(format!("calls/{name}/{lift:?}"), [callee, caller]).traps(text)
}
