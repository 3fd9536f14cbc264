//! How a call enters a component: what it does there is what it does when a component of the same store calls,
//! and what wasmtime's own `call_async` gives for the whole.

use std::time::Duration;

use composer_tests::{call, chain, limited, run, until};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    OwnedResource,
};
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Config, Engine, Store};

/// An engine with what is off by default of async.
fn engine() -> Engine {
    let mut config = Config::new();
    config.wasm_component_model_async_stackful(true);
    config.wasm_component_model_more_async_builtins(true);
    config.wasm_component_model_threading(true);
    Engine::new(&config).unwrap()
}

/// Exports `twice`, of an async type, lifted with a callback.
const BY_CALLBACK: &str = r#"(component
    (core module $m
        (import "" "return" (func $return (param i32)))
        (func (export "callback") (param i32 i32 i32) (result i32) unreachable)
        (func (export "twice") (param i32) (result i32)
            (call $return (i32.mul (local.get 0) (i32.const 2)))
            (i32.const 0)))
    (core func $return (canon task.return (result u32)))
    (core instance $i (instantiate $m (with "" (instance (export "return" (func $return))))))
    (func (export "twice") async (param "n" u32) (result u32)
        (canon lift (core func $i "twice") async (callback (core func $i "callback")))))"#;

/// Exports `twice`, of an async type, lifted like a sync function.
const AS_SYNC: &str = r#"(component
    (core module $m
        (func (export "twice") (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2))))
    (core instance $i (instantiate $m))
    (func (export "twice") async (param "n" u32) (result u32) (canon lift (core func $i "twice"))))"#;

/// Starts `twice` and returns what it is told of it.
const STARTS: &str = r#"(component
    (import "twice" (func $twice async (param "n" u32) (result u32)))
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (core func $twice (canon lower (func $twice) async (memory (core memory $libc "memory"))))
    (core module $m
        (import "" "twice" (func $twice (param i32 i32) (result i32)))
        (func (export "start") (param i32) (result i32)
            (i32.and (call $twice (local.get 0) (i32.const 64)) (i32.const 15))))
    (core instance $i (instantiate $m (with "" (instance (export "twice" (func $twice))))))
    (func (export "start") (param "n" u32) (result u32) (canon lift (core func $i "start"))))"#;

/// Waits for `twice`, which a sync function may not.
const WAITS: &str = r#"(component
    (import "twice" (func $twice async (param "n" u32) (result u32)))
    (core func $twice (canon lower (func $twice)))
    (core module $m
        (import "" "twice" (func $twice (param i32) (result i32)))
        (func (export "start") (param i32) (result i32) (call $twice (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance (export "twice" (func $twice))))))
    (func (export "start") (param "n" u32) (result u32) (canon lift (core func $i "start"))))"#;

/// A component whose sync function calls `builtin`, which returns 0.
fn asks(builtin: &str) -> String {
    format!(
        r#"(component
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (core func $set (canon waitable-set.new))
    (core func $ask (canon {builtin}))
    (core module $m
        (import "" "set" (func $set (result i32)))
        (import "" "ask" (func $ask {params} (result i32)))
        (func (export "start") (param i32) (result i32) (call $ask {args})))
    (core instance $i (instantiate $m (with "" (instance
        (export "set" (func $set)) (export "ask" (func $ask))))))
    (func (export "start") (param "n" u32) (result u32) (canon lift (core func $i "start"))))"#,
        params = if builtin.starts_with("waitable") { "(param i32 i32)" } else { "" },
        args = if builtin.starts_with("waitable") { "(call $set) (i32.const 0)" } else { "" },
    )
}

/// What `start(21)` comes to twice in a row, or the innermost cause of its failure.
async fn started(composer: Composer) -> [Result<u32, String>; 2] {
    let composition = limited(composer.compose()).await.unwrap();
    let start = async || match limited(call(&composition, None, "start", &[Val::U32(21)])).await {
        Ok(Val::U32(n)) => Ok(n),
        Ok(other) => panic!("expected a number, found {other:?}"),
        Err(error) => Err(chain(&error).lines().last().unwrap_or_default().to_owned()),
    };
    [start().await, start().await]
}

/// The same of a component in wasmtime alone, once.
async fn alone(engine: &Engine, bytes: &[u8]) -> Result<u32, String> {
    let component = Component::new(engine, bytes).unwrap();
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate_async(&mut store, &component).await.unwrap();
    let start = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "start").unwrap();
    let called = limited(start.call_async(&mut store, (21,))).await;
    called.map(|(n,)| n).map_err(|error| error.root_cause().to_string())
}

#[test]
fn sync_function_that_calls_async_ones_or_gives_way_needs_no_more_than_any_other() {
    let engine = engine();
    let (starts, waits) = (STARTS.to_owned(), WAITS.to_owned());
    let yields = asks("thread.yield");
    let polls = asks(r#"waitable-set.poll (memory (core memory $libc "memory"))"#);
    let sleeps = asks(r#"waitable-set.wait (memory (core memory $libc "memory"))"#);
    let programs: [&[&str]; 7] = [
        &[BY_CALLBACK, &starts],
        &[AS_SYNC, &starts],
        &[BY_CALLBACK, &waits],
        &[AS_SYNC, &waits],
        &[&yields],
        &[&polls],
        &[&sleeps],
    ];
    run(async || {
        for program in programs {
            let component = |source: &[u8]| {
                let (linker, engine) = (Linker::<()>::new(&engine), engine.clone());
                ComposableComponent::new(source, linker, move || Store::new(&engine, ()))
            };
            let composer = || {
                let mut composer = Composer::new();
                for (id, text) in program.iter().enumerate() {
                    let component = component(text.as_bytes());
                    composer.add(ComposableDescriptor::new(id.to_string(), component));
                }
                composer
            };
            let fused = composer().fuse().unwrap();
            let expected = alone(&engine, &fused).await;
            let mut placed = Composer::new();
            placed.add(ComposableDescriptor::new("all", component(&fused)));
            for (placement, composer) in [("placed", placed), ("isolated", composer())] {
                let [first, second] = started(composer).await;
                let program = program.join("\n");
                match &expected {
                    // What another store is asked for has started, and is not over when the answer is there.
                    Ok(2) if placement == "isolated" => {
                        assert_eq!((&first, &second), (&Ok(1), &Ok(1)), "{program}");
                    }
                    Ok(_) => {
                        assert_eq!(first, expected, "{placement}: {program}");
                        assert_eq!(second, expected, "{placement}: {program}");
                    }
                    Err(_) => assert_eq!(first, expected, "{placement}: {program}"),
                }
            }
        }
    });
}

/// A composition of components in the text format.
async fn composed(engine: &Engine, components: &[(&str, &str)]) -> Composition {
    let mut composer = Composer::new();
    for (id, text) in components {
        let (linker, engine) = (Linker::<()>::new(engine), engine.clone());
        let component = ComposableComponent::new(*text, linker, move || Store::new(&engine, ()));
        composer.add(ComposableDescriptor::new(*id, component));
    }
    limited(composer.compose()).await.unwrap()
}

/// Holds its async calls back between `hold` and `release`.
const HOLDER: &str = r#"(component
    (core func $inc (canon backpressure.inc))
    (core func $dec (canon backpressure.dec))
    (core func $return (canon task.return (result u32)))
    (core module $m
        (import "" "inc" (func $inc))
        (import "" "dec" (func $dec))
        (import "" "return" (func $return (param i32)))
        (func (export "callback") (param i32 i32 i32) (result i32) unreachable)
        (func (export "hold") (call $inc))
        (func (export "release") (call $dec))
        (func (export "seven") (result i32) (i32.const 7))
        (func (export "work") (param i32) (result i32)
            (call $return (i32.add (local.get 0) (i32.const 1)))
            (i32.const 0)))
    (core instance $i (instantiate $m (with "" (instance
        (export "inc" (func $inc)) (export "dec" (func $dec)) (export "return" (func $return))))))
    (func (export "hold") (canon lift (core func $i "hold")))
    (func (export "release") (canon lift (core func $i "release")))
    (func (export "seven") (result u32) (canon lift (core func $i "seven")))
    (func (export "work") async (param "n" u32) (result u32)
        (canon lift (core func $i "work") async (callback (core func $i "callback")))))"#;

#[test]
fn sync_functions_are_not_held_back() {
    let engine = engine();
    run(async || {
        let composition = composed(&engine, &[("holder", HOLDER)]).await;
        let hold = composition.typed::<(), ()>(None, "hold").unwrap();
        let release = composition.typed::<(), ()>(None, "release").unwrap();
        let seven = composition.typed::<(), u32>(None, "seven").unwrap();
        let work = composition.typed::<(u32,), u32>(None, "work").unwrap();
        // While nothing else runs, and while a call waits.
        limited(hold.call(())).await.unwrap();
        assert_eq!(limited(seven.call(())).await.unwrap(), 7);
        let working = tokio::spawn(async move { work.call((41,)).await });
        until(|| composition.snapshot().components[0].instances[0].running > 0).await;
        assert_eq!(limited(seven.call(())).await.unwrap(), 7);
        assert!(!working.is_finished());
        limited(release.call(())).await.unwrap();
        assert_eq!(limited(working).await.unwrap().unwrap(), 42);
        limited(composition.close(Duration::from_secs(5))).await.unwrap();
    });
}

/// Runs until it is told that the call is given up, and counts its turns.
const SPINNER: &str = r#"(component
    (core func $cancel (canon task.cancel))
    (core module $libc
        (memory (export "memory") 1)
        (global $top (mut i32) (i32.const 4096))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $top)
            (global.set $top (i32.add (global.get $top) (local.get 3)))))
    (core instance $libc (instantiate $libc))
    (core module $m
        (import "" "cancel" (func $cancel))
        (global $turns (mut i32) (i32.const 0))
        (global $told (mut i32) (i32.const 0))
        (func (export "spin") (param i32 i32) (result i32) (i32.const 1))
        (func (export "spin-on") (param $event i32) (param i32 i32) (result i32)
            (global.set $turns (i32.add (global.get $turns) (i32.const 1)))
            (if (i32.eq (local.get $event) (i32.const 6)) (then
                (global.set $told (i32.add (global.get $told) (i32.const 1)))
                (call $cancel)
                (return (i32.const 0))))
            (i32.const 1))
        (func (export "turns") (result i32) (global.get $turns))
        (func (export "told") (result i32) (global.get $told)))
    (core instance $i (instantiate $m (with "" (instance (export "cancel" (func $cancel))))))
    (func (export "spin") async (param "why" string) (result string)
        (canon lift (core func $i "spin") async (callback (core func $i "spin-on"))
            (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
    (func (export "turns") (result u32) (canon lift (core func $i "turns")))
    (func (export "told") (result u32) (canon lift (core func $i "told"))))"#;

#[test]
fn guest_is_told_that_nobody_waits_for_a_call_any_more() {
    told(&engine());
}

#[test]
fn guest_is_told_so_by_an_engine_without_more_of_async_than_there_is_by_default() {
    told(&Engine::default());
}

fn told(engine: &Engine) {
    run(async || {
        let composition = composed(engine, &[("spinner", SPINNER)]).await;
        let spin = composition.typed::<(&str,), String>(None, "spin").unwrap();
        let turns = composition.typed::<(), u32>(None, "turns").unwrap();
        let told = composition.typed::<(), u32>(None, "told").unwrap();
        // A caller that is gone, and one whose time is over.
        let spinning = tokio::spawn({
            let spin = spin.clone();
            async move { spin.call(("a reason",)).await }
        });
        while limited(turns.call(())).await.unwrap() == 0 {}
        spinning.abort();
        while limited(told.call(())).await.unwrap() == 0 {}
        // It has to begin in this time, on any machine.
        let spin = spin.with_deadline(Duration::from_secs(1));
        let error = limited(spin.call(("another",))).await.unwrap_err();
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error}");
        while limited(told.call(())).await.unwrap() == 1 {}
        let before = limited(turns.call(())).await.unwrap();
        assert_eq!(limited(turns.call(())).await.unwrap(), before);
        limited(composition.close(Duration::from_secs(5))).await.unwrap();
    });
}

/// Waits in `wait-for` until `go` lets it go on, as a sync function of an async type: nothing else of an async
/// type may run in it meanwhile. `status` is of a sync type.
#[cfg(feature = "codec")]
const WAITER: &str = r#"(component
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (type $f (future u32))
    (core func $read (canon future.read $f (memory (core memory $libc "memory"))))
    (core func $drop (canon future.drop-readable $f))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "read" (func $read (param i32 i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "wait-for") (param $f i32) (result i32)
            (drop (call $read (local.get $f) (i32.const 512)))
            (call $drop (local.get $f))
            (i32.load (i32.const 512)))
        (func (export "status") (result i32) (i32.const 5)))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $libc "memory"))
        (export "read" (func $read)) (export "drop" (func $drop))))))
    (func (export "wait-for") async (param "f" (future u32)) (result u32)
        (canon lift (core func $i "wait-for")))
    (func (export "status") (result u32) (canon lift (core func $i "status"))))"#;

/// Starts `wait-for`, asks for `status`, and only then writes what `wait-for` waits for.
#[cfg(feature = "codec")]
const ASKER: &str = r#"(component
    (import "wait-for" (func $wait async (param "f" (future u32)) (result u32)))
    (import "status" (func $status (result u32)))
    (core module $libc (memory (export "memory") 1))
    (core instance $libc (instantiate $libc))
    (type $f (future u32))
    (core func $new (canon future.new $f))
    (core func $write (canon future.write $f (memory (core memory $libc "memory"))))
    (core func $drop (canon future.drop-writable $f))
    (core func $set (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $await (canon waitable-set.wait (memory (core memory $libc "memory"))))
    (core func $wait (canon lower (func $wait) async (memory (core memory $libc "memory"))))
    (core func $status (canon lower (func $status)))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "new" (func $new (result i64)))
        (import "" "write" (func $write (param i32 i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "set" (func $set (result i32)))
        (import "" "join" (func $join (param i32 i32)))
        (import "" "await" (func $await (param i32 i32) (result i32)))
        (import "" "wait" (func $wait (param i32 i32) (result i32)))
        (import "" "status" (func $status (result i32)))
        (func (export "run") (result i32)
            (local $ends i64) (local $writer i32) (local $call i32) (local $status i32)
            (local.set $ends (call $new))
            (local.set $writer (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))
            (i32.store (i32.const 256) (i32.const 77))
            (local.set $call (call $wait (i32.wrap_i64 (local.get $ends)) (i32.const 1024)))
            (local.set $status (call $status))
            (drop (call $write (local.get $writer) (i32.const 256)))
            (call $drop (local.get $writer))
            (if (i32.ne (i32.and (local.get $call) (i32.const 15)) (i32.const 2)) (then
                (call $join (i32.shr_u (local.get $call) (i32.const 4))
                    (local.tee $writer (call $set)))
                (loop $again
                    (drop (call $await (local.get $writer) (i32.const 0)))
                    (br_if $again (i32.ne (i32.load (i32.const 4)) (i32.const 2))))))
            (i32.add (i32.mul (local.get $status) (i32.const 1000)) (i32.load (i32.const 1024)))))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $libc "memory")) (export "new" (func $new))
        (export "write" (func $write)) (export "drop" (func $drop)) (export "set" (func $set))
        (export "join" (func $join)) (export "await" (func $await)) (export "wait" (func $wait))
        (export "status" (func $status))))))
    (func (export "run") async (result u32) (canon lift (core func $i "run"))))"#;

#[cfg(feature = "codec")]
#[test]
fn sync_function_does_not_wait_for_an_async_one_that_holds_its_instance() {
    // Of components that are given compiled, and whose calls cannot wait, the engine's own entry is as good.
    run(async || {
        let engine = engine();
        let bytes = composed(&engine, &[("waiter", WAITER), ("asker", ASKER)]).await;
        let mut composer = Composer::new();
        for (id, text) in [("waiter", WAITER), ("asker", ASKER)] {
            let component = Component::new(&engine, text).unwrap();
            let (linker, engine) = (Linker::<()>::new(&engine), engine.clone());
            let component =
                ComposableComponent::new(component, linker, move || Store::new(&engine, ()));
            composer.add(ComposableDescriptor::new(id, component));
        }
        let compiled = limited(composer.compose()).await.unwrap();
        for composition in [bytes, compiled] {
            let run = composition.typed::<(), u32>(None, "run").unwrap();
            assert_eq!(limited(run.call(())).await.unwrap(), 5077);
            limited(composition.close(Duration::from_secs(5))).await.unwrap();
        }
    });
}

/// Calls `spin`, waits until it has begun, gives it up, and returns what it is told.
const QUITTER: &str = r#"(component
    (import "spin" (func $spin async (param "why" string) (result string)))
    (import "turns" (func $turns (result u32)))
    (core module $libc
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 4096)))
    (core instance $libc (instantiate $libc))
    (core func $spin (canon lower (func $spin) async (memory (core memory $libc "memory"))
        (realloc (core func $libc "realloc"))))
    (core func $turns (canon lower (func $turns)))
    (core func $cancel (canon subtask.cancel))
    (core func $drop (canon subtask.drop))
    (core module $m
        (import "" "spin" (func $spin (param i32 i32 i32) (result i32)))
        (import "" "turns" (func $turns (result i32)))
        (import "" "cancel" (func $cancel (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "go") (result i32) (local $call i32) (local $turns i32) (local $told i32)
            (local.set $turns (call $turns))
            (local.set $call
                (i32.shr_u (call $spin (i32.const 0) (i32.const 0) (i32.const 64)) (i32.const 4)))
            (loop $again (br_if $again (i32.eq (call $turns) (local.get $turns))))
            (local.set $told (call $cancel (local.get $call)))
            (call $drop (local.get $call))
            (local.get $told)))
    (core instance $i (instantiate $m (with "" (instance
        (export "spin" (func $spin)) (export "turns" (func $turns))
        (export "cancel" (func $cancel)) (export "drop" (func $drop))))))
    (func (export "go") async (result u32) (canon lift (core func $i "go"))))"#;

#[test]
fn guest_is_told_that_another_guest_has_given_its_call_up() {
    run(async || {
        let engine = Engine::default();
        let parts = [("spinner", SPINNER), ("quitter", QUITTER)];
        let composition = composed(&engine, &parts).await;
        let go = composition.typed::<(), u32>(None, "go").unwrap();
        let turns = composition.typed::<(), u32>(None, "turns").unwrap();
        let told = composition.typed::<(), u32>(None, "told").unwrap();
        for calls in 1..=3 {
            // Cancelled before it returned.
            assert_eq!(limited(go.call(())).await.unwrap(), 4);
            while limited(told.call(())).await.unwrap() < calls {}
        }
        let before = limited(turns.call(())).await.unwrap();
        assert_eq!(limited(turns.call(())).await.unwrap(), before);
        limited(composition.close(Duration::from_secs(5))).await.unwrap();
    });
}

/// Functions with values of many shapes, all `kind` (`async` or nothing), in a component that can be told that a
/// call is given up, and can hold its async calls back.
fn shapes(kind: &str) -> String {
    let numbers = |each: &dyn Fn(usize) -> String| (0..18).map(each).collect::<String>();
    let sum = numbers(&|n| {
        format!("(i32.load offset={} (local.get 0)) {}", 4 * n, if n > 0 { "i32.add " } else { "" })
    });
    let params = numbers(&|n| format!(r#"(param "n{n}" u32) "#));
    format!(
        r#"(component
    (core func $cancel (canon task.cancel))
    (core func $inc (canon backpressure.inc))
    (core module $libc
        (memory (export "memory") 1)
        (global $top (mut i32) (i32.const 4096))
        (func (export "reset") (global.set $top (i32.const 4096)))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $top
                (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
            (global.get $top)
            (global.set $top (i32.add (global.get $top) (local.get 3)))))
    (core instance $libc (instantiate $libc))
    (type $thing' (resource (rep i32)))
    (export $thing "thing" (type $thing'))
    (core func $new (canon resource.new $thing'))
    (core func $drop (canon resource.drop $thing'))
    (core func $rep (canon resource.rep $thing'))
    (core module $m
        (import "" "memory" (memory 1))
        (import "" "inc" (func $inc))
        (import "" "reset" (func $reset))
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "rep" (func $rep (param i32) (result i32)))
        (func (export "hold") (call $inc))
        (func (export "nothing"))
        (func (export "name") (param i32 i32 i32) (result i32)
            (i32.store (i32.const 16) (local.get 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.const 16))
        (func (export "many")
            (param i32 i32 i32 i32 i64 f32 i32 i32 i32) (result i32)
            (i32.store (i32.const 16) (local.get 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.store (i32.const 24) (local.get 2))
            (i32.store (i32.const 28) (local.get 3))
            (i64.store (i32.const 32) (local.get 4))
            (f32.store (i32.const 40) (local.get 5))
            (i32.store8 (i32.const 44) (local.get 6))
            (i32.store (i32.const 48) (local.get 7))
            (i32.store (i32.const 52) (local.get 8))
            (i32.const 16))
        (func (export "sum") (param i32) (result i32) {sum})
        (func (export "make") (param i32) (result i32) (call $new (local.get 0)))
        (func (export "look") (param i32) (result i32) (local.get 0))
        (func (export "take") (param $thing i32) (result i32)
            (local $rep i32)
            (local.set $rep (call $rep (local.get $thing)))
            (call $drop (local.get $thing))
            (local.get $rep))
        (func (export "ended") (call $reset))
        (func (export "ended-with") (param i32) (call $reset)))
    (core instance $i (instantiate $m (with "" (instance
        (export "memory" (memory $libc "memory")) (export "reset" (func $libc "reset"))
        (export "inc" (func $inc)) (export "new" (func $new)) (export "drop" (func $drop))
        (export "rep" (func $rep))))))
    (func (export "hold") (canon lift (core func $i "hold")))
    (func (export "nothing") {kind} (canon lift (core func $i "nothing")))
    (func (export "name") {kind} (param "name" string) (param "n" u32) (result string)
        (canon lift (core func $i "name") (memory (core memory $libc "memory"))
            (realloc (core func $libc "realloc")) (post-return (core func $i "ended-with"))))
    (func (export "many") {kind}
        (param "a" string) (param "b" (list string)) (param "c" u64) (param "d" f32)
        (param "e" (option string))
        (result (tuple string (list string) u64 f32 (option string)))
        (canon lift (core func $i "many") (memory (core memory $libc "memory"))
            (realloc (core func $libc "realloc")) (post-return (core func $i "ended-with"))))
    (func (export "sum") {kind} {params} (result u32)
        (canon lift (core func $i "sum") (memory (core memory $libc "memory"))
            (realloc (core func $libc "realloc")) (post-return (core func $i "ended-with"))))
    (func (export "make") {kind} (param "rep" u32) (result (own $thing))
        (canon lift (core func $i "make")))
    (func (export "look") {kind} (param "thing" (borrow $thing)) (result u32)
        (canon lift (core func $i "look")))
    (func (export "take") {kind} (param "thing" (own $thing)) (result u32)
        (canon lift (core func $i "take"))))"#
    )
}

type Many = (String, Vec<String>, u64, f32, Option<String>);

#[test]
fn values_of_every_shape_go_through_what_calls_as_a_guest_does() {
    run(async || {
        let engine = Engine::default();
        for kind in ["async", ""] {
            let composition = composed(&engine, &[("shapes", &shapes(kind))]).await;
            if kind.is_empty() {
                // From now on its functions are called as a guest calls them.
                let hold = composition.typed::<(), ()>(None, "hold").unwrap();
                limited(hold.call(())).await.unwrap();
            }
            let nothing = composition.typed::<(), ()>(None, "nothing").unwrap();
            let name = composition.typed::<(&str, u32), String>(None, "name").unwrap();
            let many =
                composition.typed::<(&str, Vec<&str>, u64, f32, Option<&str>), Many>(None, "many");
            let many = many.unwrap();
            let make = composition.typed::<(u32,), OwnedResource>(None, "make").unwrap();
            let look = composition.typed::<(&OwnedResource,), u32>(None, "look").unwrap();
            let take = composition.typed::<(OwnedResource,), u32>(None, "take").unwrap();
            let long = "long ".repeat(5_000);
            for round in 0..200 {
                limited(nothing.call(())).await.unwrap();
                for text in ["", "short", &long] {
                    assert_eq!(limited(name.call((text, round))).await.unwrap(), text);
                }
                let texts = vec!["", "one", "two", &long[..round as usize]];
                let (c, d) = (u64::MAX - u64::from(round), 0.5);
                for e in [None, Some(""), Some("something")] {
                    let args = ("first", texts.clone(), c, d, e);
                    let (a, b, c_too, d_too, e_too) = limited(many.call(args)).await.unwrap();
                    assert_eq!(
                        (&*a, &b, c_too, d_too, e_too.as_deref()),
                        ("first", &texts.iter().map(|it| (*it).to_owned()).collect(), c, d, e)
                    );
                }
                let thing = limited(make.call((round,))).await.unwrap();
                assert_eq!(limited(look.call((&thing,))).await.unwrap(), round);
                assert_eq!(limited(look.call((&thing,))).await.unwrap(), round);
                assert_eq!(limited(take.call((thing,))).await.unwrap(), round);
            }
            assert_eq!(composition.live_handles(), 0);
            let numbers: Vec<_> = (0..18).map(Val::U32).collect();
            let sum = limited(call(&composition, None, "sum", &numbers)).await.unwrap();
            assert_eq!(sum, Val::U32((0..18).sum()));
            limited(composition.close(Duration::from_secs(5))).await.unwrap();
        }
    });
}
