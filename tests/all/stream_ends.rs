//! What the two ends of a stream or a future are told of each other, step by step: between two stores the
//! same as inside of one, but for what `docs/src/concepts/other-stores.md` says.

use std::time::Duration;

use composer_tests::{Placement, compose, limited, placement, run, run_placed, text};
use futures_util::future::poll_immediate;
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use wasm_runtime_composer::snapshot::Change;
use wasm_runtime_composer::{
    ComponentFuture, ComponentStream, ComposableDescriptor, Composer, Composition, CompositionError,
};

use crate::faults::{Random, seeds};

/// What an async call says that is over, and one that is not.
const RETURNED: i32 = 2;
const STARTED: i32 = 1;

/// Still waiting.
const BLOCKED: i32 = -1;

/// `n` elements, and there may be more.
const fn completed(n: i32) -> i32 {
    n << 4
}

/// `n` elements, and the other end is gone.
const fn dropped(n: i32) -> i32 {
    n << 4 | 1
}

/// `n` elements, and no more of them, as was asked for.
const fn cancelled(n: i32) -> i32 {
    n << 4 | 2
}

/// A kind of what is passed: `stream` or `future`, of a type.
#[derive(Clone, Copy, Debug)]
struct Kind {
    of: &'static str,
    payload: &'static str,
}

const NUMBERS: Kind = Kind { of: "stream", payload: "u32" };
const BYTES: Kind = Kind { of: "stream", payload: "u8" };
const LATER: Kind = Kind { of: "future", payload: "u32" };

impl Kind {
    /// A component with the built-in functions for such a thing. Elements are written from address 1024 on
    /// and read to 4096.
    fn guest(self, imports: &str, lowered: &[&str], code: &str, exports: &str) -> String {
        let Self { of, payload } = self;
        let n = if of == "stream" { "i32" } else { "" };
        let memory = r#"(memory (core memory $libc "mem"))"#;
        let mut cores = String::new();
        let mut core_imports = String::new();
        let mut with = String::new();
        let builtins = [
            ("new", format!("canon {of}.new $t"), "(result i64)".to_owned()),
            (
                "read",
                format!("canon {of}.read $t async {memory}"),
                format!("(param i32 i32 {n}) (result i32)"),
            ),
            (
                "write",
                format!("canon {of}.write $t async {memory}"),
                format!("(param i32 i32 {n}) (result i32)"),
            ),
            (
                "read-sync",
                format!("canon {of}.read $t {memory}"),
                format!("(param i32 i32 {n}) (result i32)"),
            ),
            (
                "write-sync",
                format!("canon {of}.write $t {memory}"),
                format!("(param i32 i32 {n}) (result i32)"),
            ),
            (
                "cancel-read",
                format!("canon {of}.cancel-read $t"),
                "(param i32) (result i32)".to_owned(),
            ),
            (
                "cancel-write",
                format!("canon {of}.cancel-write $t"),
                "(param i32) (result i32)".to_owned(),
            ),
            ("drop-readable", format!("canon {of}.drop-readable $t"), "(param i32)".to_owned()),
            ("drop-writable", format!("canon {of}.drop-writable $t"), "(param i32)".to_owned()),
            ("ws.new", "canon waitable-set.new".to_owned(), "(result i32)".to_owned()),
            (
                "ws.wait",
                format!("canon waitable-set.wait {memory}"),
                "(param i32 i32) (result i32)".to_owned(),
            ),
            (
                "ws.poll",
                format!("canon waitable-set.poll {memory}"),
                "(param i32 i32) (result i32)".to_owned(),
            ),
            ("ws.drop", "canon waitable-set.drop".to_owned(), "(param i32)".to_owned()),
            ("subtask.drop", "canon subtask.drop".to_owned(), "(param i32)".to_owned()),
            ("join", "canon waitable.join".to_owned(), "(param i32 i32)".to_owned()),
        ];
        for (name, canon, ty) in &builtins {
            cores += &format!("(core func ${name} ({canon}))\n");
            core_imports += &format!("(import \"\" \"{name}\" (func ${name} {ty}))\n");
            with += &format!("(export \"{name}\" (func ${name}))\n");
        }
        for import in lowered {
            let (name, ty) = import.split_once(' ').unwrap_or((import, ""));
            let (func, options) = match name.strip_suffix("-async") {
                Some(func) => (func, format!("async {memory}")),
                None => (name, String::new()),
            };
            cores += &format!("(core func ${name} (canon lower (func $i-{func}) {options}))\n");
            core_imports += &format!("(import \"\" \"{name}\" (func ${name} {ty}))\n");
            with += &format!("(export \"{name}\" (func ${name}))\n");
        }
        format!(
            r#"(component
  {imports}
  (core module $Libc (memory (export "mem") 1))
  (core instance $libc (instantiate $Libc))
  (type $t ({of} {payload}))
  {cores}
  (core module $M
    (import "" "mem" (memory 1))
    {core_imports}
    (func $wait (param $h i32) (result i32) (local $ws i32)
      (local.set $ws (call $ws.new)) (call $join (local.get $h) (local.get $ws))
      (drop (call $ws.wait (local.get $ws) (i32.const 0)))
      (call $join (local.get $h) (i32.const 0)) (call $ws.drop (local.get $ws))
      (i32.load (i32.const 4)))
    (func $peek (param $h i32) (result i32) (local $ws i32) (local $code i32)
      (local.set $ws (call $ws.new)) (call $join (local.get $h) (local.get $ws))
      (local.set $code (i32.const -1))
      (if (call $ws.poll (local.get $ws) (i32.const 0))
        (then (local.set $code (i32.load (i32.const 4)))))
      (call $join (local.get $h) (i32.const 0)) (call $ws.drop (local.get $ws))
      (local.get $code))
    {code})
  (core instance $m (instantiate $M (with "" (instance (export "mem" (memory $libc "mem")) {with}))))
  {exports})"#
        )
    }

    /// Gives the address of elements, and how many there are if that is said.
    fn buffer(self, address: u32) -> String {
        let n = if self.of == "stream" { "(local.get $n)" } else { "" };
        format!("(i32.const {address}) {n}")
    }

    /// Takes one end, and reads.
    fn reader(self, take: &str) -> String {
        let Self { of, payload } = self;
        let (load, size) = if payload == "u8" { ("load8_u", 1) } else { ("load", 4) };
        let buffer = self.buffer(4096);
        let code = format!(
            r#"(global $r (mut i32) (i32.const 0))
    (func (export "take") (param i32) (global.set $r (local.get 0)))
    (func (export "read") (param $n i32) (result i32) (call $read (global.get $r) {buffer}))
    (func (export "read-sync") (param $n i32) (result i32) (call $read-sync (global.get $r) {buffer}))
    (func (export "wait-r") (result i32) (call $wait (global.get $r)))
    (func (export "peek-r") (result i32) (call $peek (global.get $r)))
    (func (export "cancel-r") (result i32) (call $cancel-read (global.get $r)))
    (func (export "drop-r") (call $drop-readable (global.get $r)))
    (func (export "got") (param $i i32) (result i32)
      (i32.{load} offset=4096 (i32.mul (i32.const {size}) (local.get $i))))"#
        );
        let exports = format!(
            r#"(func (export "{take}") async (param "x" ({of} {payload})) (canon lift (core func $m "take")))
  (func (export "read") async (param "n" u32) (result s32) (canon lift (core func $m "read")))
  (func (export "read-sync") async (param "n" u32) (result s32) (canon lift (core func $m "read-sync")))
  (func (export "wait-r") async (result s32) (canon lift (core func $m "wait-r")))
  (func (export "peek-r") async (result s32) (canon lift (core func $m "peek-r")))
  (func (export "cancel-r") async (result s32) (canon lift (core func $m "cancel-r")))
  (func (export "drop-r") async (canon lift (core func $m "drop-r")))
  (func (export "drop-r-sync") (canon lift (core func $m "drop-r")))
  (func (export "got") async (param "i" u32) (result u32) (canon lift (core func $m "got")))"#
        );
        self.guest("", &[], &code, &exports)
    }

    /// Makes one, gives its reading end to the reader or to the caller, and writes.
    fn writer(self) -> String {
        let Self { of, payload } = self;
        let (store, size) = if payload == "u8" { ("store8", 1) } else { ("store", 4) };
        let buffer = self.buffer(1024);
        let imports = format!(
            r#"(import "take" (func $i-take async (param "x" ({of} {payload}))))
  (import "drop-r" (func $i-drop-r async))
  (import "drop-r-sync" (func $i-drop-r-sync))"#
        );
        let code = format!(
            r#"(global $w (mut i32) (i32.const 0))
    (func $make (export "make") (result i32) (local $pair i64)
      (local.set $pair (call $new))
      (global.set $w (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))))
      (i32.wrap_i64 (local.get $pair)))
    (func (export "hand") (call $take (call $make)))
    (func $fill (param $from i32) (param $n i32) (local $i i32)
      (loop $l
        (i32.{store} offset=1024 (i32.mul (i32.const {size}) (local.get $i))
          (i32.add (local.get $from) (local.get $i)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (local.get $n)))))
    (func $write-n (export "write") (param $from i32) (param $n i32) (result i32)
      (call $fill (local.get $from) (local.get $n))
      (call $write (global.get $w) {buffer}))
    (func (export "write-sync") (param $from i32) (param $n i32) (result i32)
      (call $fill (local.get $from) (local.get $n))
      (call $write-sync (global.get $w) {buffer}))
    (func (export "wait-w") (result i32) (call $wait (global.get $w)))
    (func (export "peek-w") (result i32) (call $peek (global.get $w)))
    (func (export "cancel-w") (result i32) (call $cancel-write (global.get $w)))
    (func (export "drop-w") (call $drop-writable (global.get $w)))
    (func (export "drop-r-status") (result i32) (local $status i32) (local $task i32)
      (local.set $status (call $drop-r-async))
      (local.set $task (i32.shr_u (local.get $status) (i32.const 4)))
      (if (local.get $task)
        (then (drop (call $wait (local.get $task))) (call $subtask.drop (local.get $task))))
      (i32.and (local.get $status) (i32.const 15)))
    (func (export "drop-r-and-cancel") (result i32)
      (call $drop-r) (call $cancel-write (global.get $w)))
    (func (export "drop-r-and-write") (result i32)
      (call $drop-r) (call $write-n (i32.const 1) (i32.const 1)))
    (func (export "drop-r-sync-and-cancel") (result i32)
      (call $drop-r-sync) (call $cancel-write (global.get $w)))
    (func (export "drop-r-sync-and-write") (result i32)
      (call $drop-r-sync) (call $write-n (i32.const 1) (i32.const 1)))"#
        );
        let write = r#"async (param "from" u32) (param "n" u32) (result s32)"#;
        let mut exports = format!(
            r#"(func (export "make") async (result ({of} {payload})) (canon lift (core func $m "make")))
  (func (export "hand") async (canon lift (core func $m "hand")))
  (func (export "write") {write} (canon lift (core func $m "write")))
  (func (export "write-sync") {write} (canon lift (core func $m "write-sync")))
  (func (export "drop-w") async (canon lift (core func $m "drop-w")))"#
        );
        let answers = [
            "wait-w",
            "peek-w",
            "cancel-w",
            "drop-r-status",
            "drop-r-and-cancel",
            "drop-r-and-write",
            "drop-r-sync-and-cancel",
            "drop-r-sync-and-write",
        ];
        for name in answers {
            exports += &format!(
                "\n(func (export \"{name}\") async (result s32) (canon lift (core func $m \"{name}\")))"
            );
        }
        let lowered = ["take (param i32)", "drop-r", "drop-r-async (result i32)", "drop-r-sync"];
        self.guest(&imports, &lowered, &code, &exports)
    }

    /// Passes on what it is given.
    fn passer(self) -> String {
        let Self { of, payload } = self;
        let imports =
            format!(r#"(import "arrive" (func $i-arrive async (param "x" ({of} {payload}))))"#);
        let code = r#"(func (export "take") (param i32) (call $arrive (local.get 0)))"#;
        let exports = format!(
            r#"(func (export "take") async (param "x" ({of} {payload})) (canon lift (core func $m "take")))"#
        );
        self.guest(&imports, &["arrive (param i32)"], code, &exports)
    }
}

/// A writer and a reader, with what they pass.
struct Pair(Composition);

impl Pair {
    async fn new(kind: Kind) -> Self {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("reader", text(kind.reader("take"))));
        composer.add(ComposableDescriptor::new("writer", text(kind.writer())));
        Self(limited(compose(composer)).await.unwrap())
    }

    /// A pair whose reader has its end.
    async fn joined(kind: Kind) -> Self {
        let pair = Self::new(kind).await;
        pair.unit("hand").await;
        pair
    }

    /// The same, by way of a third component.
    async fn joined_far(kind: Kind) -> Self {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("reader", text(kind.reader("arrive"))));
        composer.add(ComposableDescriptor::new("passer", text(kind.passer())));
        composer.add(ComposableDescriptor::new("writer", text(kind.writer())));
        let pair = Self(limited(compose(composer)).await.unwrap());
        pair.unit("hand").await;
        pair
    }

    async fn unit(&self, function: &str) {
        limited(self.0.typed::<(), ()>(None, function).unwrap().call(())).await.unwrap();
    }

    async fn code(&self, function: &str) -> i32 {
        limited(self.0.typed::<(), i32>(None, function).unwrap().call(())).await.unwrap()
    }

    async fn read(&self, n: u32) -> i32 {
        limited(self.0.typed::<(u32,), i32>(None, "read").unwrap().call((n,))).await.unwrap()
    }

    /// Reads, and waits for the end of that.
    async fn read_all(&self, n: u32) -> i32 {
        match self.read(n).await {
            BLOCKED => self.code("wait-r").await,
            code => code,
        }
    }

    async fn read_sync(&self, n: u32) -> i32 {
        let read = self.0.typed::<(u32,), i32>(None, "read-sync").unwrap();
        limited(read.call((n,))).await.unwrap()
    }

    async fn write(&self, from: u32, n: u32) -> i32 {
        let write = self.0.typed::<(u32, u32), i32>(None, "write").unwrap();
        limited(write.call((from, n))).await.unwrap()
    }

    /// Writes, and waits for the end of that.
    async fn write_all(&self, from: u32, n: u32) -> i32 {
        match self.write(from, n).await {
            BLOCKED => self.code("wait-w").await,
            code => code,
        }
    }

    async fn write_sync(&self, from: u32, n: u32) -> Result<i32, CompositionError> {
        let write = self.0.typed::<(u32, u32), i32>(None, "write-sync").unwrap();
        limited(write.call((from, n))).await
    }

    async fn got(&self, n: u32) -> Vec<u32> {
        let got = self.0.typed::<(u32,), u32>(None, "got").unwrap();
        let mut all = Vec::new();
        for i in 0..n {
            all.push(limited(got.call((i,))).await.unwrap());
        }
        all
    }

    /// Both still wait, also when each has had some turns.
    async fn still(&self, waiting: &[&str]) {
        for _ in 0..4 {
            for end in waiting {
                assert_eq!(self.code(end).await, BLOCKED, "{end}");
            }
            tokio::task::yield_now().await;
        }
    }
}

#[test]
fn reader_that_drops_a_future_is_told_to_its_writer() {
    run_placed(async || {
        let pair = Pair::joined(LATER).await;
        pair.unit("drop-r").await;
        assert_eq!(pair.write(7, 1).await, dropped(0));
        pair.unit("drop-w").await;

        let pair = Pair::joined(LATER).await;
        assert_eq!(pair.write(7, 1).await, BLOCKED);
        pair.unit("drop-r").await;
        assert_eq!(pair.code("wait-w").await, dropped(0));
        pair.unit("drop-w").await;

        for sync in ["", "-sync"] {
            let pair = Pair::joined(LATER).await;
            assert_eq!(pair.code(&format!("drop-r{sync}-and-write")).await, dropped(0));
            let pair = Pair::joined(LATER).await;
            assert_eq!(pair.write(7, 1).await, BLOCKED);
            assert_eq!(pair.code(&format!("drop-r{sync}-and-cancel")).await, dropped(0));
            pair.unit("drop-w").await;
        }
    });
}

#[test]
fn reader_that_drops_a_stream_is_told_to_its_writer() {
    run_placed(async || {
        for kind in [NUMBERS, BYTES] {
            let pair = Pair::joined(kind).await;
            pair.unit("drop-r").await;
            assert_eq!(pair.write(7, 3).await, dropped(0));

            let pair = Pair::joined(kind).await;
            assert_eq!(pair.write(7, 3).await, BLOCKED);
            pair.unit("drop-r").await;
            assert_eq!(pair.code("wait-w").await, dropped(0));

            for sync in ["", "-sync"] {
                let pair = Pair::joined(kind).await;
                assert_eq!(pair.code(&format!("drop-r{sync}-and-write")).await, dropped(0));
                let pair = Pair::joined(kind).await;
                assert_eq!(pair.write(7, 3).await, BLOCKED);
                assert_eq!(pair.code(&format!("drop-r{sync}-and-cancel")).await, dropped(0));
            }
        }
    });
}

#[test]
fn reader_that_goes_after_it_wanted_the_value_is_told() {
    run_placed(async || {
        // Before anything was written.
        let pair = Pair::joined(LATER).await;
        assert_eq!(pair.read(1).await, BLOCKED);
        assert_eq!(pair.code("cancel-r").await, cancelled(0));
        pair.unit("drop-r").await;
        assert_eq!(pair.write_all(7, 1).await, dropped(0));
        pair.unit("drop-w").await;

        // While something is written.
        let pair = Pair::joined(LATER).await;
        assert_eq!(pair.read(1).await, BLOCKED);
        assert_eq!(pair.code("cancel-r").await, cancelled(0));
        assert_eq!(pair.write(7, 1).await, BLOCKED);
        pair.still(&["peek-w"]).await;
        pair.unit("drop-r").await;
        assert_eq!(pair.code("wait-w").await, dropped(0));
        pair.unit("drop-w").await;

        // The same, and the writer takes it back.
        for sync in ["", "-sync"] {
            let pair = Pair::joined(LATER).await;
            assert_eq!(pair.read(1).await, BLOCKED);
            assert_eq!(pair.code("cancel-r").await, cancelled(0));
            assert_eq!(pair.write(7, 1).await, BLOCKED);
            assert_eq!(pair.code(&format!("drop-r{sync}-and-cancel")).await, dropped(0));
        }

        // Who wanted it once and wants it again.
        let pair = Pair::joined(LATER).await;
        assert_eq!(pair.read(1).await, BLOCKED);
        assert_eq!(pair.code("cancel-r").await, cancelled(0));
        assert_eq!(pair.write(7, 1).await, BLOCKED);
        assert_eq!(pair.read_all(1).await, completed(0));
        assert_eq!(pair.code("wait-w").await, completed(0));
        assert_eq!(pair.got(1).await, [7]);
        pair.unit("drop-w").await;
    });
}

#[test]
fn future_is_written_again_after_a_cancel() {
    run_placed(async || {
        let pair = Pair::joined(LATER).await;
        for n in 0..3 {
            assert_eq!(pair.write(n, 1).await, BLOCKED);
            assert_eq!(pair.code("cancel-w").await, cancelled(0));
        }
        assert_eq!(pair.write(7, 1).await, BLOCKED);
        assert_eq!(pair.read_all(1).await, completed(0));
        assert_eq!(pair.code("wait-w").await, completed(0));
        assert_eq!(pair.got(1).await, [7]);
        pair.unit("drop-r").await;
        pair.unit("drop-w").await;
    });
}

/// wasmtime 48 takes a write to a future that the host reads for done before it is. That the host reads
/// shows only when a reader has wanted the value and has given up.
#[test]
fn future_that_was_wanted_is_not_written_again_after_a_cancel() {
    run_placed(async || {
        let pair = Pair::joined(LATER).await;
        assert_eq!(pair.read(1).await, BLOCKED);
        // By then the writer's store has heard of it.
        pair.still(&["peek-r", "peek-w"]).await;
        assert_eq!(pair.code("cancel-r").await, cancelled(0));
        assert_eq!(pair.write(1, 1).await, BLOCKED);
        assert_eq!(pair.code("cancel-w").await, cancelled(0));
        let again = pair.write_sync(7, 1);
        match placement() {
            Placement::Fused => {
                let read = async { pair.read_all(1).await };
                let (again, read) = futures_util::future::join(again, read).await;
                assert_eq!((again.unwrap(), read), (completed(0), completed(0)));
            }
            Placement::Isolated => {
                let error = composer_tests::chain(&again.await.unwrap_err());
                assert!(error.contains("cannot write to future after previous write"), "{error}");
            }
        }
    });
}

#[test]
fn future_is_read_and_written() {
    run_placed(async || {
        let pair = Pair::joined(LATER).await;
        assert_eq!(pair.read(1).await, BLOCKED);
        assert_eq!(pair.write_all(7, 1).await, completed(0));
        assert_eq!(pair.code("wait-r").await, completed(0));
        assert_eq!(pair.got(1).await, [7]);
        pair.unit("drop-r").await;
        pair.unit("drop-w").await;

        // Taken back after it was read, which is too late.
        let pair = Pair::joined(LATER).await;
        assert_eq!(pair.write(7, 1).await, BLOCKED);
        assert_eq!(pair.read_all(1).await, completed(0));
        assert_eq!(pair.code("cancel-w").await, completed(0));

        // Synchronously.
        let pair = Pair::joined(LATER).await;
        let both = futures_util::future::join(pair.read_sync(1), pair.write_sync(8, 1));
        let (read, written) = both.await;
        assert_eq!((read, written.unwrap()), (completed(0), completed(0)));
        assert_eq!(pair.got(1).await, [8]);
    });
}

#[test]
fn zero_length_read_waits_until_there_are_elements() {
    run_placed(async || {
        for kind in [NUMBERS, BYTES] {
            // Elements wait already.
            let pair = Pair::joined(kind).await;
            assert_eq!(pair.write(1, 4).await, BLOCKED);
            assert_eq!(pair.read_all(0).await, completed(0));
            pair.still(&["peek-w"]).await;
            assert_eq!(pair.read_all(9).await, completed(4));
            assert_eq!(pair.got(4).await, [1, 2, 3, 4]);
            assert_eq!(pair.code("wait-w").await, completed(4));

            // They come later.
            assert_eq!(pair.read(0).await, BLOCKED);
            pair.still(&["peek-r"]).await;
            assert_eq!(pair.write(5, 2).await, BLOCKED);
            assert_eq!(pair.code("wait-r").await, completed(0));
            pair.still(&["peek-w"]).await;
            assert_eq!(pair.read_all(1).await, completed(1));
            assert_eq!(pair.code("wait-w").await, completed(1));

            // The reader gives up, and so does the writer.
            assert_eq!(pair.read(0).await, BLOCKED);
            assert_eq!(pair.code("cancel-r").await, cancelled(0));
            assert_eq!(pair.write(6, 1).await, BLOCKED);
            assert_eq!(pair.read_all(0).await, completed(0));
            assert_eq!(pair.code("cancel-w").await, cancelled(0));
            assert_eq!(pair.read(3).await, BLOCKED);
            pair.still(&["peek-r"]).await;
        }
    });
}

#[test]
fn zero_length_read_is_told_of_the_end() {
    run_placed(async || {
        for kind in [NUMBERS, BYTES] {
            let pair = Pair::joined(kind).await;
            assert_eq!(pair.read(0).await, BLOCKED);
            pair.unit("drop-w").await;
            assert_eq!(pair.code("wait-r").await, dropped(0));

            let pair = Pair::joined(kind).await;
            assert_eq!(pair.write(1, 2).await, BLOCKED);
            assert_eq!(pair.read_all(5).await, completed(2));
            assert_eq!(pair.code("wait-w").await, completed(2));
            pair.unit("drop-w").await;
            assert_eq!(pair.read_all(0).await, dropped(0));
        }
    });
}

#[test]
fn zero_length_write_waits_for_a_reader() {
    run_placed(async || {
        for kind in [NUMBERS, BYTES] {
            let pair = Pair::joined(kind).await;
            assert_eq!(pair.write(1, 0).await, BLOCKED);
            pair.still(&["peek-w"]).await;
            assert_eq!(pair.read(3).await, BLOCKED);
            assert_eq!(pair.code("wait-w").await, completed(0));
            pair.still(&["peek-r"]).await;
            // The reader that waits is seen at once.
            assert_eq!(pair.write_all(1, 0).await, completed(0));
            assert_eq!(pair.write_all(1, 2).await, completed(2));
            assert_eq!(pair.code("wait-r").await, completed(2));
            assert_eq!(pair.got(2).await, [1, 2]);

            // Of two that ask each other, the writer goes on.
            assert_eq!(pair.read(0).await, BLOCKED);
            assert_eq!(pair.write_all(1, 0).await, completed(0));
            pair.still(&["peek-r"]).await;
            assert_eq!(pair.write(3, 1).await, BLOCKED);
            assert_eq!(pair.code("wait-r").await, completed(0));
            assert_eq!(pair.code("cancel-w").await, cancelled(0));

            // The reader goes, or the writer gives up.
            assert_eq!(pair.write(1, 0).await, BLOCKED);
            assert_eq!(pair.code("cancel-w").await, cancelled(0));
            assert_eq!(pair.write(1, 0).await, BLOCKED);
            pair.unit("drop-r").await;
            assert_eq!(pair.code("wait-w").await, dropped(0));
        }
    });
}

#[test]
fn cancelled_read_takes_nothing() {
    run_placed(async || {
        for kind in [NUMBERS, BYTES] {
            let pair = Pair::joined(kind).await;
            assert_eq!(pair.read(4).await, BLOCKED);
            assert_eq!(pair.code("cancel-r").await, cancelled(0));
            assert_eq!(pair.write(1, 2).await, BLOCKED);
            pair.still(&["peek-w"]).await;
            // It reads after all.
            assert_eq!(pair.read_all(1).await, completed(1));
            assert_eq!(pair.code("wait-w").await, completed(1));
            assert_eq!(pair.got(1).await, [1]);
            // And again not.
            assert_eq!(pair.read(4).await, BLOCKED);
            assert_eq!(pair.code("cancel-r").await, cancelled(0));
            assert_eq!(pair.write(1, 2).await, BLOCKED);
            pair.still(&["peek-w"]).await;
            pair.unit("drop-r").await;
            assert_eq!(pair.code("wait-w").await, dropped(0));
        }
    });
}

#[test]
fn cancelled_write_gives_nothing_more() {
    run_placed(async || {
        for kind in [NUMBERS, BYTES] {
            let pair = Pair::joined(kind).await;
            assert_eq!(pair.write(1, 4).await, BLOCKED);
            assert_eq!(pair.code("cancel-w").await, cancelled(0));
            assert_eq!(pair.read(4).await, BLOCKED);
            pair.still(&["peek-r"]).await;
            assert_eq!(pair.write_all(5, 1).await, completed(1));
            assert_eq!(pair.code("wait-r").await, completed(1));
            // After a part of it was read.
            assert_eq!(pair.write(6, 4).await, BLOCKED);
            assert_eq!(pair.read_all(3).await, completed(3));
            assert_eq!(pair.code("cancel-w").await, cancelled(3));
            assert_eq!(pair.got(3).await, [6, 7, 8]);
            assert_eq!(pair.read(4).await, BLOCKED);
            pair.unit("drop-w").await;
            assert_eq!(pair.code("wait-r").await, dropped(0));
        }
    });
}

#[test]
fn part_of_a_write_is_read() {
    run_placed(async || {
        for kind in [NUMBERS, BYTES] {
            let pair = Pair::joined(kind).await;
            assert_eq!(pair.write(1, 4).await, BLOCKED);
            assert_eq!(pair.read_all(3).await, completed(3));
            assert_eq!(pair.code("wait-w").await, completed(3));
            assert_eq!(pair.write(4, 1).await, BLOCKED);
            pair.unit("drop-r").await;
            assert_eq!(pair.code("wait-w").await, dropped(0));
        }
    });
}

#[test]
fn streams_are_read_and_written_synchronously() {
    run_placed(async || {
        for kind in [NUMBERS, BYTES] {
            let pair = Pair::joined(kind).await;
            for from in 0..5 {
                let both = futures_util::future::join(pair.read_sync(3), pair.write_sync(from, 3));
                let (read, written) = both.await;
                assert_eq!((read, written.unwrap()), (completed(3), completed(3)));
                assert_eq!(pair.got(3).await, [from, from + 1, from + 2]);
            }
            let ended = futures_util::future::join(pair.read_sync(3), pair.unit("drop-w"));
            assert_eq!(ended.await.0, dropped(0));
        }
    });
}

#[test]
fn ends_find_each_other_through_a_third_component() {
    run_placed(async || {
        for kind in [NUMBERS, BYTES] {
            let pair = Pair::joined_far(kind).await;
            assert_eq!(pair.read(0).await, BLOCKED);
            assert_eq!(pair.write(1, 2).await, BLOCKED);
            assert_eq!(pair.code("wait-r").await, completed(0));
            assert_eq!(pair.read_all(2).await, completed(2));
            assert_eq!(pair.code("wait-w").await, completed(2));
            assert_eq!(pair.write(1, 2).await, BLOCKED);
            pair.unit("drop-r").await;
            assert_eq!(pair.code("wait-w").await, dropped(0));
        }
        let pair = Pair::joined_far(LATER).await;
        assert_eq!(pair.write(7, 1).await, BLOCKED);
        pair.still(&["peek-w"]).await;
        assert_eq!(pair.read_all(1).await, completed(0));
        assert_eq!(pair.code("wait-w").await, completed(0));
        assert_eq!(pair.got(1).await, [7]);
        let pair = Pair::joined_far(LATER).await;
        assert_eq!(pair.write(7, 1).await, BLOCKED);
        pair.unit("drop-r").await;
        assert_eq!(pair.code("wait-w").await, dropped(0));
        let pair = Pair::joined_far(LATER).await;
        assert_eq!(pair.read(1).await, BLOCKED);
        assert_eq!(pair.code("cancel-r").await, cancelled(0));
        pair.unit("drop-r").await;
        assert_eq!(pair.write_all(7, 1).await, dropped(0));
    });
}

/// What would be done at once inside of one store, and is told together, takes a turn and is told step by
/// step between two.
#[test]
fn steps_between_stores_are_told_one_by_one() {
    run_placed(async || {
        let fused = placement() == Placement::Fused;
        // A read that finds elements.
        let pair = Pair::joined(NUMBERS).await;
        assert_eq!(pair.write(1, 4).await, BLOCKED);
        assert_eq!(pair.read(4).await, if fused { completed(4) } else { BLOCKED });

        // Two reads of what was written in one go.
        let pair = Pair::joined(NUMBERS).await;
        assert_eq!(pair.write(1, 4).await, BLOCKED);
        assert_eq!(pair.read_all(1).await, completed(1));
        let second = pair.read(1).await;
        assert_eq!(second, if fused { completed(1) } else { BLOCKED });
        assert_eq!(pair.code("wait-w").await, completed(if fused { 2 } else { 1 }));

        // The last elements, and the end.
        let pair = Pair::joined(NUMBERS).await;
        assert_eq!(pair.read(4).await, BLOCKED);
        assert_eq!(pair.write_all(1, 2).await, completed(2));
        pair.unit("drop-w").await;
        let last = pair.code("wait-r").await;
        assert_eq!(last, if fused { dropped(2) } else { completed(2) });
        if !fused {
            assert_eq!(pair.read_all(4).await, dropped(0));
        }

        // A call that does not wait for anything.
        let pair = Pair::joined(NUMBERS).await;
        assert_eq!(pair.code("drop-r-status").await, if fused { RETURNED } else { STARTED });
    });
}

#[test]
fn reader_whose_component_ends_is_told_to_the_writer() {
    run(async || {
        for kind in [NUMBERS, LATER] {
            // Unread, wanted, and wanted no more while it is written.
            for step in 0..3 {
                let pair = Pair::joined(kind).await;
                if step > 0 {
                    assert_eq!(pair.read(1).await, BLOCKED);
                }
                if step > 1 {
                    assert_eq!(pair.code("cancel-r").await, cancelled(0));
                    assert_eq!(pair.write(7, 1).await, BLOCKED);
                }
                let mut events = pair.0.events();
                let replacing = pair.0.replace("reader", text(kind.reader("take")));
                limited(replacing.retiring_within(Duration::ZERO).into_future()).await.unwrap();
                let retired = |change: &Change| matches!(change, Change::Retired { .. });
                while !retired(&limited(events.next()).await.unwrap().change) {}
                let told = match step {
                    2 => pair.code("wait-w").await,
                    _ => pair.write_all(7, 1).await,
                };
                assert_eq!(told, dropped(0), "{kind:?} {step}");
            }
        }
    });
}

#[test]
fn rust_that_drops_its_end_is_told_to_the_writer() {
    run_placed(async || {
        let pair = Pair::new(LATER).await;
        let make = pair.0.typed::<(), ComponentFuture<u32>>(None, "make").unwrap();
        drop(limited(make.call(())).await.unwrap());
        assert_eq!(pair.write_all(7, 1).await, dropped(0));
        // While it is written.
        let future = limited(make.call(())).await.unwrap();
        assert_eq!(pair.write(7, 1).await, BLOCKED);
        pair.still(&["peek-w"]).await;
        drop(future);
        assert_eq!(pair.code("wait-w").await, dropped(0));
        // After it was wanted.
        let mut future = limited(make.call(())).await.unwrap();
        assert!(poll_immediate(&mut future).await.is_none());
        pair.still(&[]).await;
        drop(future);
        assert_eq!(pair.write_all(7, 1).await, dropped(0));
        // It takes the value.
        let future = limited(make.call(())).await.unwrap();
        let (value, written) = futures_util::future::join(future, pair.write_all(9, 1)).await;
        assert_eq!((value.unwrap(), written), (9, completed(0)));

        let pair = Pair::new(NUMBERS).await;
        let make = pair.0.typed::<(), ComponentStream<u32>>(None, "make").unwrap();
        drop(limited(make.call(())).await.unwrap());
        assert_eq!(pair.write_all(7, 1).await, dropped(0));
        let stream = limited(make.call(())).await.unwrap();
        assert_eq!(pair.write(7, 1).await, BLOCKED);
        drop(stream);
        assert_eq!(pair.code("wait-w").await, dropped(0));
    });
}

#[test]
fn future_that_rust_reads_is_written_again_after_a_cancel() {
    run_placed(async || {
        let pair = Pair::new(LATER).await;
        let make = pair.0.typed::<(), ComponentFuture<u32>>(None, "make").unwrap();
        let future = limited(make.call(())).await.unwrap();
        assert_eq!(pair.write(7, 1).await, BLOCKED);
        assert_eq!(pair.code("cancel-w").await, cancelled(0));
        assert_eq!(pair.write(8, 1).await, BLOCKED);
        assert_eq!(limited(future).await.unwrap(), 8);
        assert_eq!(pair.code("wait-w").await, completed(0));
    });
}

#[test]
fn zero_length_read_of_what_rust_writes() {
    run_placed(async || {
        for kind in [NUMBERS, BYTES] {
            let pair = Pair::new(kind).await;
            let (sender, mut receiver) = mpsc::unbounded_channel::<u8>();
            let receiver = stream::poll_fn(move |cx| receiver.poll_recv(cx));
            match kind.payload {
                "u8" => take(&pair, ComponentStream::new(receiver)).await,
                _ => take(&pair, ComponentStream::new(receiver.map(u32::from))).await,
            }
            assert_eq!(pair.read(0).await, BLOCKED);
            pair.still(&["peek-r"]).await;
            sender.send(5).unwrap();
            assert_eq!(pair.code("wait-r").await, completed(0));
            assert_eq!(pair.read_all(0).await, completed(0));
            assert_eq!(pair.read_all(9).await, completed(1));
            assert_eq!(pair.got(1).await, [5]);
            assert_eq!(pair.read(0).await, BLOCKED);
            assert_eq!(pair.code("cancel-r").await, cancelled(0));
            assert_eq!(pair.read(0).await, BLOCKED);
            drop(sender);
            assert_eq!(pair.code("wait-r").await, dropped(0));

            let pair = Pair::new(kind).await;
            match kind.payload {
                "u8" => take(&pair, ComponentStream::new(stream::iter([1_u8]))).await,
                _ => take(&pair, ComponentStream::new(stream::iter([1_u32]))).await,
            }
            assert_eq!(pair.read_all(1).await, completed(1));
            assert_eq!(pair.read_all(0).await, dropped(0));
        }
    });
}

async fn take<T: wasm_runtime_composer::typed::IntoComponentValue + 'static>(
    pair: &Pair,
    stream: ComponentStream<T>,
) {
    let take = pair.0.typed::<(ComponentStream<T>,), ()>(None, "take").unwrap();
    limited(take.call((stream,))).await.unwrap();
}

/// A write that is given up while its reader may want it is left to the store, which has room for many.
#[test]
fn thousands_of_futures_are_closed_while_they_are_written() {
    run(async || {
        let pair = Pair::new(LATER).await;
        let hand = pair.0.typed::<(), ()>(None, "hand").unwrap();
        for n in 0..1500 {
            limited(hand.call(())).await.unwrap();
            assert_eq!(pair.read(1).await, BLOCKED);
            assert_eq!(pair.code("cancel-r").await, cancelled(0));
            assert_eq!(pair.write(n, 1).await, BLOCKED);
            pair.unit("drop-r").await;
            let told = pair.code("wait-w").await;
            // Beyond that, the value is taken.
            assert!(told == dropped(0) || n >= 1024 && told == completed(0), "{n}: {told}");
            pair.unit("drop-w").await;
        }
    });
}

/// One end of a stream, and what it was told.
struct End {
    read_or_write: &'static str,
    wait: &'static str,
    peek: &'static str,
    cancel: &'static str,
    drop: &'static str,
    waiting: bool,
    /// How many elements have passed by it.
    passed: u32,
    other_gone: bool,
}

impl End {
    fn new(read_or_write: &'static str, [wait, peek, cancel, drop]: [&'static str; 4]) -> Self {
        Self {
            read_or_write,
            wait,
            peek,
            cancel,
            drop,
            waiting: false,
            passed: 0,
            other_gone: false,
        }
    }

    /// Takes note of how many elements an operation moved.
    fn told(&mut self, code: i32) -> u32 {
        self.waiting = code == BLOCKED;
        if self.waiting {
            return 0;
        }
        self.other_gone = code & 0xf == dropped(0);
        let n = (code >> 4) as u32;
        self.passed += n;
        n
    }

    /// One step of it, and what it was told.
    async fn step(&mut self, pair: &Pair, random: &Random) -> u32 {
        let code = match (self.waiting, random.below(4)) {
            (true, 0) => pair.code(self.cancel).await,
            (true, _) => pair.code(self.peek).await,
            (false, _) => {
                let n = random.below(4) as u32;
                match self.read_or_write {
                    "read" => pair.read(n).await,
                    _ => pair.write(self.passed, n).await,
                }
            }
        };
        self.told(code)
    }
}

/// Whatever both do, each element is told of once at each end, in its order, and who goes is told of.
#[test]
fn random_steps_lose_nothing() {
    run_placed(async || {
        for seed in seeds() {
            for kind in [NUMBERS, BYTES] {
                let pair = Pair::joined(kind).await;
                let random = Random::new(seed);
                let mut reader = End::new("read", ["wait-r", "peek-r", "cancel-r", "drop-r"]);
                let mut writer = End::new("write", ["wait-w", "peek-w", "cancel-w", "drop-w"]);
                for _ in 0..60 {
                    let before = reader.passed;
                    if random.below(2) == 0 {
                        let n = reader.step(&pair, &random).await;
                        let expected: Vec<_> = (before..before + n).collect();
                        assert_eq!(pair.got(n).await, expected, "seed {seed}");
                    } else {
                        writer.step(&pair, &random).await;
                    }
                }
                let (first, last) = match random.below(2) {
                    0 => (&mut reader, &mut writer),
                    _ => (&mut writer, &mut reader),
                };
                if first.waiting {
                    let code = pair.code(first.cancel).await;
                    first.told(code);
                }
                pair.unit(first.drop).await;
                // What had passed before is told first.
                while !last.other_gone {
                    let code = match (last.waiting, last.read_or_write) {
                        (true, _) => pair.code(last.wait).await,
                        (false, "read") => pair.read(random.below(4) as u32).await,
                        (false, _) => pair.write(last.passed, random.below(4) as u32).await,
                    };
                    last.told(code);
                }
                assert_eq!(reader.passed, writer.passed, "seed {seed}");
            }
        }
    });
}
