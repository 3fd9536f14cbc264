//! The recipe for uploaded components, taken by its word: what hostile ones do to a host that follows it.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use composer_tests::{chain, component, config, folder, memory_in_use, runtimes};
use tokio::time::timeout;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    EpochTicker, HostInterface, OwnedResource, RestartPolicy,
};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store, StoreLimits, StoreLimitsBuilder};

use crate::leaks::in_a_process;

const TICK: Duration = Duration::from_millis(10);

fn bounded(engine: &Engine, bytes: &[u8]) -> ComposableDescriptor {
    let linker: Linker<StoreLimits> = Linker::new(engine);
    let engine = engine.clone();
    let upload = ComposableComponent::new(bytes, linker, move || {
        let limits = StoreLimitsBuilder::new().memory_size(16 << 20).build();
        let mut store = Store::new(&engine, limits);
        store.limiter(|limits| limits);
        // No single value that it passes is larger.
        store.set_hostcall_fuel(4 << 20);
        EpochTicker::yielding(store)
    });
    ComposableDescriptor::new("upload", upload)
        .untrusted()
        .with_start_deadline(Duration::from_secs(2))
        .with_deadline(Duration::from_secs(2))
        .with_grace(Duration::from_secs(1))
        .with_run_limit(50)
        .with_handle_limit(100)
        .with_calls_in_flight(100)
        .with_bytes_in_flight(16 << 20)
        .with_inbox_capacity(16)
        .with_restart(RestartPolicy::restart(3, TICK).within(Duration::from_secs(60)))
}

#[test]
fn the_recipe_is_what_is_tested_here() {
    fn function(text: &str) -> &str {
        let start = text.find("fn bounded(").expect("there is one");
        &text[start..start + text[start..].find("\n}\n").expect("it ends")]
    }
    let book = std::fs::read_to_string(folder().join("../docs/src/recipes/uploads.md")).unwrap();
    assert_eq!(function(&book), function(include_str!("uploads.rs")));
}

/// What all uploads may import.
fn host() -> HostInterface {
    HostInterface::root().func_wrap_async("wait", pending::<()>).func_wrap_concurrent(
        "eat",
        |bytes: Vec<u8>| async move {
            pending::<()>().await;
            drop(bytes);
        },
    )
}

/// A component with the functions `names` of a core module.
fn upload(module: &str, names: &[&str]) -> String {
    let exports = names.iter().map(|name| {
        format!(r#"(func (export "{name}") (canon lift (core func $i "{name}")))"#) + "\n"
    });
    format!(
        r#"(component
            (import "wait" (func $wait))
            (import "eat" (func $eat async (param "bytes" (list u8))))
            (core module $libc (memory (export "memory") 32))
            (core instance $libc (instantiate $libc))
            (core func $wait (canon lower (func $wait)))
            (core func $eat (canon lower (func $eat) async (memory (core memory $libc "memory"))))
            (core module $m
                (import "" "wait" (func $wait))
                (import "" "eat" (func $eat (param i32 i32) (result i32)))
                (import "libc" "memory" (memory 32))
                {module})
            (core instance $i (instantiate $m
                (with "libc" (instance $libc))
                (with "" (instance (export "wait" (func $wait)) (export "eat" (func $eat))))))
            {})"#,
        exports.collect::<String>()
    )
}

/// A component with a resource whose destructor does what `code` says.
fn destroying(code: &str) -> String {
    format!(
        r#"(component
            (import "wait" (func $wait))
            (core func $wait (canon lower (func $wait)))
            (core module $d (import "" "wait" (func $wait))
                (func (export "destroy") (param i32) {code}))
            (core instance $d (instantiate $d (with "" (instance (export "wait" (func $wait))))))
            (type $r (resource (rep i32) (dtor (core func $d "destroy"))))
            (core func $new (canon resource.new $r))
            (core module $m (import "" "new" (func $new (param i32) (result i32)))
                (func (export "make") (result i32) (call $new (i32.const 1))))
            (core instance $m (instantiate $m (with "" (instance (export "new" (func $new))))))
            (export $re "r" (type $r))
            (func (export "make") (result (own $re)) (canon lift (core func $m "make"))))"#
    )
}

/// A component with an async function that gives way for ever, before or after it has returned.
fn yielding(returns: &str) -> String {
    format!(
        r#"(component
            (core func $return (canon task.return))
            (core module $m
                (import "" "return" (func $return))
                (func (export "go") (result i32) {returns} (i32.const 1))
                (func (export "again") (param i32 i32 i32) (result i32) (i32.const 1)))
            (core instance $i (instantiate $m (with "" (instance (export "return" (func $return))))))
            (func (export "go") async
                (canon lift (core func $i "go") async (callback (core func $i "again")))))"#
    )
}

/// What is uploaded, and what is called of it.
fn uploads() -> Vec<(&'static str, String, &'static str)> {
    let calls = |name, module: &str| {
        (name, upload(&format!(r#"(func (export "go") {module})"#), &["go"]), "go")
    };
    let flood = |size: u32| {
        format!(
            "(local $n i32) (loop $again
                (drop (call $eat (i32.const 0) (i32.const {size})))
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $n) (i32.const 20000))))"
        )
    };
    vec![
        ("starts without end", upload("(func $s (loop (br 0))) (start $s)", &[]), ""),
        ("waits when it starts", upload("(start $wait)", &[]), ""),
        ("traps when it starts", upload("(func $s unreachable) (start $s)", &[]), ""),
        calls("computes without end", "(loop (br 0))"),
        calls("waits without end", "(call $wait)"),
        calls("traps", "unreachable"),
        calls(
            "takes all memory",
            "(loop (br_if 0 (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))",
        ),
        calls("floods with calls", &flood(0)),
        calls("floods with bytes", &flood(1 << 20)),
        ("recurses", upload(r#"(func $f (export "go") (call $f))"#, &["go"]), "go"),
        ("destroys without end", destroying("(loop (br 0))"), "make"),
        ("waits when it destroys", destroying("(call $wait)"), "make"),
        ("gives way for ever", yielding(""), "go"),
        ("goes on when it has returned", yielding("(call $return)"), "go"),
    ]
}

/// Composes an upload, and does with it what it wants to be done.
async fn attack(engine: &Engine, wat: &str, function: &str) -> Result<(), CompositionError> {
    let binary = wat::parse_str(wat).expect("it is well-formed");
    let mut composer = Composer::new();
    composer.add(bounded(engine, &binary));
    composer.add(ComposableDescriptor::new("env", host()));
    let composition = composer.compose().await?;
    for _ in 0..3 {
        let ended = match function {
            "make" => {
                let make = composition.typed::<(), OwnedResource>(None, function)?;
                make.call(()).await.map(drop)
            }
            _ => composition.typed::<(), ()>(None, function)?.call(()).await,
        };
        // It has to be answered; with what is its own affair.
        drop(ended);
    }
    // What goes on has its time to do harm.
    tokio::time::sleep(Duration::from_secs(2)).await;
    // What has to be cut off is told.
    drop(composition.close(Duration::ZERO).await);
    Ok(())
}

async fn well_behaved() -> Composition {
    let mut composer = Composer::new();
    for name in ["producer", "consumer"] {
        composer.add(ComposableDescriptor::new(name, component(name)));
    }
    composer.compose().await.unwrap()
}

#[test]
fn hostile_uploads_harm_nobody() {
    in_a_process("uploads::hostile_uploads_harm_nobody", || {
        for runtime in runtimes() {
            let before = memory_in_use();
            runtime.block_on(async {
                let engine = Engine::new(config().epoch_interruption(true)).unwrap();
                let _ticker = EpochTicker::start(&engine, TICK).unwrap();
                let composition = well_behaved().await;
                let over = Arc::new(AtomicBool::new(false));
                let calls = tokio::spawn({
                    let over = over.clone();
                    async move {
                        let add = composition.typed::<(i32, i32), i32>(None, "add").unwrap();
                        let mut calls = 0_u64;
                        while !over.load(Ordering::Relaxed) {
                            assert_eq!(add.call((1, 2)).await.unwrap(), 3);
                            tokio::task::yield_now().await;
                            calls += 1;
                        }
                        calls
                    }
                });
                let attacks = uploads().into_iter().map(|(name, wat, function)| {
                    let engine = engine.clone();
                    tokio::spawn(async move {
                        let ended =
                            timeout(Duration::from_secs(100), attack(&engine, &wat, function));
                        (name, ended.await.unwrap_or_else(|_| panic!("`{name}` hangs")))
                    })
                });
                let attacks: Vec<_> = attacks.collect();
                for attack in attacks {
                    let (name, ended) = attack.await.unwrap();
                    let fails = name.contains("starts");
                    assert_eq!(
                        ended.is_err(),
                        fails,
                        "{name}: {:?}",
                        ended.map_err(|it| chain(&it))
                    );
                }
                over.store(true, Ordering::Relaxed);
                let calls = calls.await.unwrap();
                assert!(calls > 1000, "{calls}");
                println!("{calls} calls beside the uploads");
            });
            if let (Some(before), Some(after)) = (before, memory_in_use()) {
                let grown = after.saturating_sub(before) >> 20;
                assert!(grown < 512, "{grown} MiB");
            }
        }
    });
}
