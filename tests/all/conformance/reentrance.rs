//! Components that are called while they are busy: in a cycle, in post-return, in `realloc`, and after a
//! trap.

use super::guest::{Guest, LIFTS, Lift, Lower, function, gives, run, waits};
use super::{Program, check};

#[test]
fn components_are_not_entered_again() {
    check(programs());
}

fn caller(locals: &str, body: &str) -> Guest {
    Guest::new(run(locals, body)).export("run: async() -> u32", Lift::Sync)
}

pub(super) fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for lower in [Lower::Sync, Lower::Async] {
        programs.push(post_return_comes_first(lower));
        programs.push(post_return_keeps_the_result(lower));
    }
    for (name, body) in LEAVES {
        programs.push(post_return_may_not_leave(name, body));
        programs.push(realloc_may_not_leave(name, body));
    }
    programs.push(post_return_holds_back());
    for lift in LIFTS {
        programs.push(trapped(lift));
        programs.push(cycle_while_waiting(lift));
        programs.push(sync_call_of_a_waiting_caller(lift));
    }
    programs.extend([
        cycle_of_two(),
        cycle_of_three(),
        cycle_that_waits_for_itself(),
        trap_after_returning(),
        trap_beside(),
        trap_seen_by_two(),
    ]);
    programs
}

/// Calls that go around are an error.
fn cycle_of_two() -> Program {
    let first = Guest::new(run("", "(call $pong)") + &function("leaf", "(result i32)", "", "#7"))
        .import("pong: () -> u32", Lower::Sync)
        .export("run: () -> u32", Lift::Sync)
        .export("leaf: () -> u32", Lift::Sync);
    let second = Guest::new(function("pong", "(result i32)", "", "(call $leaf)"))
        .import("leaf: () -> u32", Lower::Sync)
        .export("pong: () -> u32", Lift::Sync);
    Program::new("reentrance/cycle-of-two", [first, second]).traps("would never end").cycle()
}

fn cycle_of_three() -> Program {
    let link = |name: &str, next: &str| {
        Guest::new(function(name, "(result i32)", "", &format!("(call ${next})")))
            .import(&format!("{next}: () -> u32"), Lower::Sync)
            .export(&format!("{name}: () -> u32"), Lift::Sync)
    };
    let first = Guest::new(run("", "(call $two)") + &function("leaf", "(result i32)", "", "#7"))
        .import("two: () -> u32", Lower::Sync)
        .export("run: () -> u32", Lift::Sync)
        .export("leaf: () -> u32", Lift::Sync);
    Program::new("reentrance/cycle-of-three", [first, link("two", "three"), link("three", "leaf")])
        .traps("would never end")
        .cycle()
}

/// While a task of the first waits for the second, the second may call the first.
fn cycle_while_waiting(lift: Lift) -> Program {
    let call = "(drop (call $await (call $pong #512)))";
    let code = gives("run", Lift::Stackful, "", call, "(i32.load #512)")
        + &gives("leaf", lift, "", "", "#7");
    let first = Guest::new(code)
        .import("pong: async() -> u32", Lower::Async)
        .export("run: async() -> u32", Lift::Stackful)
        .export("leaf: async() -> u32", lift);
    let second = Guest::new(gives("pong", lift, "", "", "(call $leaf)"))
        .import("leaf: async() -> u32", Lower::Sync)
        .export("pong: async() -> u32", lift);
    Program::new(format!("reentrance/cycle-while-waiting/{lift:?}"), [first, second])
        .gives([7])
        .cycle()
}

/// A sync function answers even while a task has the component to itself.
fn sync_call_of_a_waiting_caller(lift: Lift) -> Program {
    let code = gives("run", lift, "", "(drop (call $await (call $pong #512)))", "(i32.load #512)")
        + &function("leaf", "(result i32)", "", "#7");
    let first = Guest::new(code)
        .import("pong: async() -> u32", Lower::Async)
        .export("run: async() -> u32", lift)
        .export("leaf: () -> u32", Lift::Sync);
    let second = Guest::new(gives("pong", Lift::Callback, "", "", "(call $leaf)"))
        .import("leaf: () -> u32", Lower::Sync)
        .export("pong: async() -> u32", Lift::Callback);
    Program::new(format!("reentrance/sync-call-of-a-waiting-caller/{lift:?}"), [first, second])
        .gives([7])
        .cycle()
}

/// A sync-lifted task has its component to itself, and waits for one that would enter it.
fn cycle_that_waits_for_itself() -> Program {
    let code =
        gives("run", Lift::Sync, "", "", "(call $pong)") + &gives("leaf", Lift::Sync, "", "", "#7");
    let first = Guest::new(code)
        .import("pong: async() -> u32", Lower::Sync)
        .export("run: async() -> u32", Lift::Sync)
        .export("leaf: async() -> u32", Lift::Sync);
    let second = Guest::new(gives("pong", Lift::Stackful, "", "", "(call $leaf)"))
        .import("leaf: async() -> u32", Lower::Sync)
        .export("pong: async() -> u32", Lift::Stackful);
    Program::new("reentrance/cycle-that-waits-for-itself", [first, second]).traps("").cycle()
}

/// The post-return of a call has run when its caller goes on.
fn post_return_comes_first(lower: Lower) -> Program {
    let code = "(global $n (mut i32) (i32.const 0))\n".to_owned()
        + &function("op", "(result i32)", "", "(global.get $n)")
        + &function("op-post", "(param i32)", "", "(global.set $n (i32.add (global.get $n) #1))")
        + &function("get", "(result i32)", "", "(global.get $n)");
    let callee = Guest::new(code)
        .export("op: async() -> u32", Lift::Post)
        .export("get: () -> u32", Lift::Sync);
    let call = match lower {
        Lower::Sync => "(call $op)",
        Lower::Async => "(block (result i32) (drop (call $await (call $op #512))) (i32.load #512))",
    };
    let body =
        format!("(call $then (call $then {call} (call $get)) (call $then {call} (call $get)))");
    // 0 and 1, then 1 and 2.
    let caller =
        caller("", &body).import("op: async() -> u32", lower).import("get: () -> u32", Lower::Sync);
    Program::new(format!("reentrance/post-return-comes-first/{lower:?}"), [callee, caller])
        .gives([22])
}

/// The post-return frees what the caller has by then.
fn post_return_keeps_the_result(lower: Lower) -> Program {
    let code =
        function(
            "text",
            "(result i32)",
            "",
            "(i32.store #1024 #2048) (i32.store #1028 #3) (i32.store #2048 #0x636261) #1024",
        ) + &function("text-post", "(param i32)", "", "(i32.store #2048 #0) (i32.store #1028 #0)");
    let callee = Guest::new(code).export("text: async() -> string", Lift::Post);
    let call = match lower {
        Lower::Sync => "(call $text #512)",
        Lower::Async => "(drop (call $await (call $text #512)))",
    };
    let body = format!(
        "{call} (if (i32.ne (i32.load #516) #3) (then unreachable)) (i32.and #0xffffff (i32.load (i32.load #512)))"
    );
    let caller = caller("", &body).import("text: async() -> string", lower);
    Program::new(format!("reentrance/post-return-keeps-the-result/{lower:?}"), [callee, caller])
        .gives([0x63_62_61])
}

const MAY_NOT_LEAVE: &str = "cannot leave component instance";

/// What leaves a component.
const LEAVES: &[(&str, &str)] = &[
    ("import", "(drop (call $leaf))"),
    ("set", "(drop (call $ws.new))"),
    ("stream", "(drop (call $s.new))"),
];

fn post_return_may_not_leave(name: &str, body: &str) -> Program {
    let far = Guest::new(function("leaf", "(result i32)", "", "#7"))
        .export("leaf: () -> u32", Lift::Sync);
    let code =
        function("op", "(result i32)", "", "#7") + &function("op-post", "(param i32)", "", body);
    let callee =
        Guest::new(code).import("leaf: () -> u32", Lower::Sync).export("op: () -> u32", Lift::Post);
    let caller = caller("", "(call $op)").import("op: () -> u32", Lower::Sync);
    Program::new(format!("reentrance/post-return-may-not-leave/{name}"), [far, callee, caller])
        .gives([7])
        .isolated_traps(
            MAY_NOT_LEAVE,
            "the engine lets it leave between guests of one store, against the specification",
        )
}

/// Backpressure is no matter of others, and may be set anywhere.
fn post_return_holds_back() -> Program {
    let code = function("op", "(result i32)", "", "#7")
        + &function("op-post", "(param i32)", "", "(call $inc) (call $dec)");
    let callee = Guest::new(code).export("op: () -> u32", Lift::Post);
    let caller = caller("", "(call $op)").import("op: () -> u32", Lower::Sync);
    Program::new("reentrance/post-return-holds-back", [callee, caller]).gives([7])
}

fn realloc_may_not_leave(name: &str, body: &str) -> Program {
    let far = Guest::new(function("leaf", "(result i32)", "", "#7"))
        .export("leaf: () -> u32", Lift::Sync);
    let code = function("op", "(param i32 i32) (result i32)", "", "#7")
        + &function("alloc", "(param i32 i32 i32 i32) (result i32)", "", &format!("{body} #1024"));
    let callee = Guest::new(code)
        .import("leaf: () -> u32", Lower::Sync)
        .export("op: (string) -> u32", Lift::Sync)
        .realloc("alloc");
    let caller = caller("", "(call $op #1024 #3)").import("op: (string) -> u32", Lower::Sync);
    Program::new(format!("reentrance/realloc-may-not-leave/{name}"), [far, callee, caller])
        .traps(MAY_NOT_LEAVE)
}

/// A callee that traps ends its caller.
fn trapped(lift: Lift) -> Program {
    let callee =
        Guest::new(gives("op", lift, "", "unreachable", "#1")).export("op: async() -> u32", lift);
    let caller = caller("", "(call $op)").import("op: async() -> u32", Lower::Sync);
    Program::new(format!("reentrance/trapped/{lift:?}"), [callee, caller]).traps("unreachable")
}

const ALONE: &str = "a component that traps ends alone, and those that wait for it";

fn trap_after_returning() -> Program {
    let code = function("op", "", "", "(call $ret.u32 #7) (call $pause #3) unreachable");
    let callee = Guest::new(code).export("op: async() -> u32", Lift::Stackful);
    let caller = caller("n", "(set n (call $op)) (call $pause #50) @n")
        .import("op: async() -> u32", Lower::Sync);
    Program::new("reentrance/trap-after-returning", [callee, caller])
        .traps("unreachable")
        .isolated_gives([7], ALONE)
}

/// A caller that does not wait for the callee that traps.
fn trap_beside() -> Program {
    let callee = Guest::new(gives("op", Lift::Stackful, "", "(call $pause #3) unreachable", "#1"))
        .export("op: async() -> u32", Lift::Stackful);
    let caller =
        caller("", "(drop (call $op #512)) (loop $ever (drop (call $yield)) (br $ever)) #5")
            .import("op: async() -> u32", Lower::Async);
    Program::new("reentrance/trap-beside", [callee, caller]).traps("unreachable")
}

/// Of two calls, the second finds its callee trapped.
fn trap_seen_by_two() -> Program {
    let code =
        waits("wait-for", Lift::Stackful, "", "") + &function("break", "", "", "unreachable");
    let callee = Guest::new(code)
        .export("wait-for: async(future<u32>) -> u32", Lift::Stackful)
        .export("break: ()", Lift::Sync);
    let caller = caller(
        "",
        "(drop (call $wait-for (call $lo (call $f.new)) #512)) (call $pause #5) (call $break) #1",
    )
    .import("wait-for: async(future<u32>) -> u32", Lower::Async)
    .import("break: ()", Lower::Sync);
    Program::new("reentrance/trap-seen-by-two", [callee, caller]).traps("unreachable")
}
