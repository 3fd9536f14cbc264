//! How a call enters a component: what it does there is what it does when a component of the same store calls,
//! and what wasmtime's own `call_async` gives for the whole.

use composer_tests::{call, chain, limited, run};
use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
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
