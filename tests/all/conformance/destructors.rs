//! Resources: when their destructors run, and who sees it.

use super::guest::{Guest, LIFTS, Lift, Lower, function, gives, run};
use super::{Program, check};

#[test]
fn destructors_have_run_when_a_drop_returns() {
    check(programs());
}

pub(super) fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for lift in LIFTS {
        programs.push(dropped_in(lift));
        programs.push(passed_in(lift));
        programs.push(lent(lift));
    }
    programs.extend([
        dropped(),
        by_turns(),
        in_order(),
        by_the_provider(),
        by_a_third(),
        that_traps(),
        dropped_while_lent(),
        borrow_not_given_back(),
        in_a_stream(),
        never_read(),
    ]);
    programs
}

/// Where destructors leave their mark.
fn log() -> Guest {
    let code = function("mark", "(param $n i32)", "", "(call $note @n)");
    Guest::new(code).export("mark: (u32)", Lift::Sync).export("log: () -> u32", Lift::Sync)
}

/// The resource, whose destructor marks its number.
const PROVIDER: &str = r#"
(core module $D (import "" "mark" (func $mark (param i32)))
 (func (export "dtor") (param i32)
  (if (i32.eq (local.get 0) (i32.const 666)) (then unreachable))
  (call $mark (local.get 0))))
(core instance $d (instantiate $D (with "" (instance (export "mark" (func $mark))))))
(type $r (resource (rep i32) (dtor (core func $d "dtor"))))
(core func $r.new (canon resource.new $r))
(core func $r.drop (canon resource.drop $r))
"#;

const EXPORTED: &str = r#"
(func $make (param "n" u32) (result (own $r)) (canon lift (core func $m "make")))
(func $take (param "r" (own $r)) (canon lift (core func $m "take")))
(func $number (param "r" (borrow $r)) (result u32) (canon lift (core func $m "number")))
(func $number-later async (param "r" (borrow $r)) (result u32)
 (canon lift (core func $m "number-later") async (memory $mem)))
(instance $it (export "r" (type $r)) (export "make" (func $make)) (export "take" (func $take))
 (export "number" (func $number)) (export "number-later" (func $number-later)))
(export "test:res/it" (instance $it))
"#;

fn provider() -> Guest {
    let code = function("make", "(param $n i32) (result i32)", "", "(call $r.new @n)")
        + &function("take", "(param $r i32)", "", "(call $r.drop @r)")
        + &function("number", "(param $n i32) (result i32)", "", "@n")
        + &function("number-later", "(param $n i32)", "", "(call $pause #10) (call $ret.u32 @n)");
    Guest::new(code)
        .import("mark: (u32)", Lower::Sync)
        .items(PROVIDER, &[("r.new", "(param i32) (result i32)"), ("r.drop", "(param i32)")])
        .exported(EXPORTED)
}

const IMPORTED: &str = r#"
(import "test:res/it" (instance $it
 (export "r" (type $r (sub resource)))
 (export "make" (func (param "n" u32) (result (own $r))))
 (export "take" (func (param "r" (own $r))))
 (export "number" (func (param "r" (borrow $r)) (result u32)))
 (export "number-later" (func async (param "r" (borrow $r)) (result u32)))))
(alias export $it "r" (type $r))
(core func $r.drop (canon resource.drop $r))
(core func $make (canon lower (func $it "make")))
(core func $take (canon lower (func $it "take")))
(core func $number (canon lower (func $it "number")))
(core func $number-later (canon lower (func $it "number-later") async (memory $mem)))
"#;

/// A component that uses the resource.
fn user(code: &str) -> Guest {
    Guest::new(code).items(
        IMPORTED,
        &[
            ("r.drop", "(param i32)"),
            ("make", "(param i32) (result i32)"),
            ("take", "(param i32)"),
            ("number", "(param i32) (result i32)"),
            ("number-later", "(param i32 i32) (result i32)"),
        ],
    )
}

fn caller(locals: &str, body: &str) -> Guest {
    user(&run(locals, body))
        .import("log: () -> u32", Lower::Sync)
        .export("run: async() -> u32", Lift::Sync)
}

fn program(name: &str, locals: &str, body: &str) -> Program {
    Program::new(format!("destructors/{name}"), [log(), provider(), caller(locals, body)])
}

fn dropped() -> Program {
    program("dropped", "", "(call $r.drop (call $make #7)) (call $log)").gives([7])
}

/// Again and again, by calls of the host.
fn by_turns() -> Program {
    let body = "(call $r.drop (call $make #7)) (call $log)";
    program("by-turns", "", body).calls(["run", "run", "log", "run"]).gives([7, 77, 77, 777])
}

fn in_order() -> Program {
    let body = "(set a (call $make #1)) (set b (call $make #2)) (set c (call $make #3))
 (call $r.drop @b) (call $r.drop @a) (call $r.drop @c) (call $log)";
    program("in-order", "a b c", body).gives([213])
}

fn by_the_provider() -> Program {
    program("by-the-provider", "", "(call $take (call $make #7)) (call $log)").gives([7])
}

/// A function of each lift drops what it made.
fn dropped_in(lift: Lift) -> Program {
    let code = gives(
        "op",
        lift,
        "",
        "(call $r.drop (call $make #7)) (call $r.drop (call $make #8))",
        "(call $log)",
    );
    let between =
        user(&code).import("log: () -> u32", Lower::Sync).export("op: async() -> u32", lift);
    let caller = Guest::new(run(
        "st",
        "(drop (call $await (call $op #512))) (i32.add (i32.mul (i32.load #512) #100) (call $log))",
    ))
    .import("op: async() -> u32", Lower::Async)
    .import("log: () -> u32", Lower::Sync)
    .export("run: async() -> u32", Lift::Sync);
    Program::new(format!("destructors/dropped-in/{lift:?}"), [log(), provider(), between, caller])
        .gives([7878])
}

/// A third component with the function `op` of a type, lifted so.
fn third(guest: Guest, ty: &str, how: &str) -> Guest {
    guest.exported(&format!(
        "(func $op {ty} (canon lift (core func $m \"op\") {how} (memory $mem)))
(instance $o (export \"r\" (type $r)) (export \"op\" (func $op)))
(export \"test:res/op\" (instance $o))\n"
    ))
}

fn how(lift: Lift) -> &'static str {
    match lift {
        Lift::Sync | Lift::Post => "",
        Lift::Stackful => "async",
        Lift::Callback => "async (callback (core func $m \"op-cb\"))",
    }
}

/// A caller that has `op` of the third.
fn with_third(caller: Guest, ty: &str, how: &str, core: &str) -> Guest {
    let import = format!(
        "(import \"test:res/op\" (instance $o
 (alias outer 1 $r (type $outer)) (export \"r\" (type $r (eq $outer)))
 (export \"op\" (func {ty}))))
(core func $op (canon lower (func $o \"op\") {how} (memory $mem)))\n"
    );
    caller.items(&import, &[("op", core)])
}

/// A third component drops what it is given by an async call.
fn passed_in(lift: Lift) -> Program {
    let code = match lift {
        Lift::Sync | Lift::Post => function("op", "(param $r i32)", "", "(call $r.drop @r)"),
        Lift::Stackful => function("op", "(param $r i32)", "", "(call $r.drop @r) (call $ret)"),
        Lift::Callback => {
            function("op", "(param $r i32) (result i32)", "", "(call $r.drop @r) (call $ret) #0")
                + &function("op-cb", "(param i32 i32 i32) (result i32)", "", "unreachable")
        }
    };
    let ty = "async (param \"r\" (own $r))";
    let caller = caller("", "(drop (call $await (call $op (call $make #7)))) (call $log)");
    let caller = with_third(caller, ty, "async", "(param i32) (result i32)");
    let third = third(user(&code), ty, how(lift));
    Program::new(format!("destructors/passed-in/{lift:?}"), [log(), provider(), third, caller])
        .gives([7])
}

/// The third gives it to its provider.
fn by_a_third() -> Program {
    let ty = "(param \"r\" (own $r))";
    let third = third(user(&function("op", "(param $r i32)", "", "(call $take @r)")), ty, "");
    let caller = caller("", "(call $op (call $make #7)) (call $log)");
    let caller = with_third(caller, ty, "", "(param i32)");
    Program::new("destructors/by-a-third", [log(), provider(), third, caller]).gives([7])
}

const BORROWS: &str = "async (param \"r\" (borrow $r)) (result u32)";

/// What is lent is dropped when it is back, whatever the borrower does.
fn lent(lift: Lift) -> Program {
    let borrow = "(call $note (call $number @r)) (call $r.drop @r)";
    let code = gives("op", lift, "(param $r i32)", borrow, "(global.get $noted)");
    let third = third(user(&code), BORROWS, how(lift));
    let caller = caller(
        "r before",
        "(set r (call $make #7)) (drop (call $await (call $op @r #512)))
 (set before (call $log)) (call $r.drop @r)
 (call $then (call $then @before (i32.load #512)) (call $log))",
    );
    let caller = with_third(caller, BORROWS, "async", "(param i32 i32) (result i32)");
    Program::new(format!("destructors/lent/{lift:?}"), [log(), provider(), third, caller])
        .gives([77])
}

fn that_traps() -> Program {
    program("that-traps", "", "(call $r.drop (call $make #666)) #1").traps("unreachable")
}

fn dropped_while_lent() -> Program {
    let body = "(set r (call $make #7)) (drop (call $number-later @r #512)) (call $r.drop @r) #1";
    program("dropped-while-lent", "r", body).traps("cannot remove owned resource while borrowed")
}

/// A call cannot return while it has a borrow.
fn borrow_not_given_back() -> Program {
    let code = gives("op", Lift::Stackful, "(param $r i32)", "", "#1");
    let third = third(user(&code), BORROWS, "async");
    let caller = caller("", "(drop (call $await (call $op (call $make #7) #512))) #1");
    let caller = with_third(caller, BORROWS, "async", "(param i32 i32) (result i32)");
    Program::new("destructors/borrow-not-given-back", [log(), provider(), third, caller])
        .traps("borrow handles still remain at the end of the call")
}

/// A third component with the function `op`, which is given a stream of resources.
fn with_a_stream(name: &str, op: &str, body: &str) -> Program {
    let stream = "(type $x (stream (own $r)))
(core func $x.read (canon stream.read $x async (memory $mem)))
(core func $x.drop-r (canon stream.drop-readable $x))\n";
    let natives = [("x.read", "(param i32 i32 i32) (result i32)"), ("x.drop-r", "(param i32)")];
    let ty = "async (param \"x\" (stream (own $r)))";
    let third = user(&function("op", "(param $x i32)", "c", op)).items(stream, &natives);
    let third = self::third(third, ty, "async");
    let stream = "(type $x (stream (own $r)))
(core func $x.new (canon stream.new $x))
(core func $x.write (canon stream.write $x async (memory $mem)))
(core func $x.drop-w (canon stream.drop-writable $x))\n";
    let natives = [
        ("x.new", "(result i64)"),
        ("x.write", "(param i32 i32 i32) (result i32)"),
        ("x.drop-w", "(param i32)"),
    ];
    let caller = caller("t:64 st c", body).items(stream, &natives);
    let caller = with_third(caller, ty, "async", "(param i32) (result i32)");
    Program::new(format!("destructors/{name}"), [log(), provider(), third, caller])
}

const WRITES: &str = "(set t (call $x.new)) (set st (call $op (call $lo @t)))
 (i32.store #1024 (call $make #7))
 (set c (call $settle (call $hi @t) (call $x.write (call $hi @t) #1024 #1)))
 (call $x.drop-w (call $hi @t)) (drop (call $await @st))";

/// The elements of a stream are owned by who reads them.
fn in_a_stream() -> Program {
    let op = "(set c (call $settle @x (call $x.read @x #1024 #1)))
 (call $r.drop (i32.load #1024)) (call $x.drop-r @x) (call $ret)";
    with_a_stream("in-a-stream", op, &format!("{WRITES} (call $log)")).gives([7])
}

/// What nobody read is still its writer's.
fn never_read() -> Program {
    let op = "(call $x.drop-r @x) (call $ret)";
    let body = format!("{WRITES} (call $r.drop (i32.load #1024)) (call $then @c (call $log))");
    with_a_stream("never-read", op, &body).gives([17])
}
