//! How composing scales: so many components, each importing from the one before, composed and closed. They
//! are compiled before.
//!
//! `cargo bench -p composer-tests --bench scale` measures, and writes its numbers into `target/bench.json`, as
//! `scale/compose-1000` and `scale/close-1000`. It also prints how much memory an idle component takes, beside
//! the least that it could be: a store with the component's instance, owned by a task that waits for a message.
//! And it plans components with many imports that nobody provides, beside wasmtime's own compiling of them; what of it
//! is planning has to stay in proportion to their number.
//! Under `cargo test` a few components only show that it works.

#![forbid(unsafe_code)]

mod report;

use std::env;
use std::ops::Range;
use std::time::{Duration, Instant};

use composer_tests::{call, with_linker};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Engine, Store};

/// Components that import a number from the one before, and export one more.
fn chain(engine: &Engine, indices: Range<usize>) -> Vec<ComposableComponent<()>> {
    let compile = |index: usize| {
        let text = match index {
            0 => r#"(component
                (core module $m (func (export "f") (result i32) i32.const 1))
                (core instance $i (instantiate $m))
                (func (export "f0") (result u32) (canon lift (core func $i "f"))))"#
                .to_owned(),
            _ => format!(
                r#"(component
                (import "f{before}" (func $f (result u32)))
                (core func $f (canon lower (func $f)))
                (core module $m
                    (import "" "f" (func $f (result i32)))
                    (func (export "f") (result i32) (i32.add (call $f) (i32.const 1))))
                (core instance $i (instantiate $m (with "" (instance (export "f" (func $f))))))
                (func (export "f{index}") (result u32) (canon lift (core func $i "f"))))"#,
                before = index - 1
            ),
        };
        let component = Component::new(engine, text).expect("it is a component");
        with_linker(component, Linker::new(engine))
    };
    indices.map(compile).collect()
}

/// One of many components that import nothing.
fn lonely(engine: &Engine) -> Component {
    let text = r#"(component
        (core module $m (func (export "f") (result i32) i32.const 1))
        (core instance $i (instantiate $m))
        (func (export "f") (result u32) (canon lift (core func $i "f"))))"#;
    Component::new(engine, text).expect("it is a component")
}

/// What `count` idle components take, in bytes for each, and what as many stores with tasks of their own do that
/// are written by hand; `None` where the system does not tell.
async fn idle_memory(engine: &Engine, count: usize) -> Option<[f64; 2]> {
    let component = lonely(engine);
    let each = |before: usize| {
        Some((composer_tests::memory_in_use()? as f64 - before as f64) / count as f64)
    };

    let before = composer_tests::memory_in_use()?;
    let mut composer = Composer::new();
    for index in 0..count {
        let part = with_linker(component.clone(), Linker::new(engine));
        // Of one name that all offer, no component's is public.
        composer.add(ComposableDescriptor::new(format!("part{index}"), part));
    }
    let composition = composer.compose().await.expect("nothing is imported");
    let composed = each(before)?;

    let linker = Linker::<()>::new(engine);
    let before = composer_tests::memory_in_use()?;
    let mut tasks = Vec::with_capacity(count);
    for _ in 0..count {
        let mut store = Store::new(engine, ());
        let instance = linker.instantiate_async(&mut store, &component).await;
        let instance = instance.expect("nothing is imported");
        let func = instance.get_typed_func::<(), (u32,)>(&mut store, "f").expect("it is exported");
        let (sender, mut inbox) = mpsc::unbounded_channel::<oneshot::Sender<u32>>();
        let task = tokio::spawn(async move {
            while let Some(reply) = inbox.recv().await {
                let (number,) = func.call_async(&mut store, ()).await.expect("it returns");
                // Nobody has to be waiting.
                let _ = reply.send(number);
            }
        });
        tasks.push((sender, task));
    }
    // Each has begun to wait.
    for (sender, _) in &tasks {
        let (reply, answer) = oneshot::channel();
        sender.send(reply).expect("the task runs");
        answer.await.expect("it answers");
    }
    let by_hand = each(before)?;
    // What it gives back must not be what the others take.
    composition.close(Duration::from_secs(60)).await.expect("nothing runs");
    for (sender, task) in tasks {
        drop(sender);
        task.await.expect("it does not panic");
    }
    Some([composed, by_hand])
}

/// How long it takes to compose `parts`, and to close what they were composed to.
async fn compose_and_close(parts: &[ComposableComponent<()>]) -> [Duration; 2] {
    let mut composer = Composer::new();
    for (index, part) in parts.iter().enumerate() {
        composer.add(ComposableDescriptor::new(format!("part{index}"), part.clone()));
    }
    let start = Instant::now();
    let composition = composer.compose().await.expect("each imports from the one before");
    let composed = start.elapsed();
    // A short way along the chain shows that it is one.
    let last = (parts.len() - 1).min(20);
    let sum = call(&composition, None, &format!("f{last}"), &[]).await;
    assert_eq!(sum.expect("no guest traps"), Val::U32(last as u32 + 1));
    let start = Instant::now();
    composition.close(Duration::from_secs(60)).await.expect("nothing runs");
    [composed, start.elapsed()]
}

/// A component with `count` imports that nobody provides.
fn imports(count: usize, import: impl Fn(usize) -> String) -> Vec<u8> {
    let imports: String = (0..count).map(import).collect();
    wat::parse_str(format!("(component {imports})")).expect("it is a component")
}

/// How long wasmtime takes to compile a component, and how long to plan it, compiling included.
fn compile_and_plan(engine: &Engine, binary: &[u8]) -> [Duration; 2] {
    let start = Instant::now();
    drop(Component::new(engine, binary).expect("it is a component"));
    let compiled = start.elapsed();
    let mut composer = Composer::new();
    let part = with_linker(binary, Linker::new(engine));
    composer.add(ComposableDescriptor::new("part", part));
    let start = Instant::now();
    composer.plan().expect_err("nobody provides what it imports");
    [compiled, start.elapsed()]
}

/// Writes the import of a number.
type Write<'a> = &'a dyn Fn(usize) -> String;

/// Prints how planning scales, and gives the lines of the report.
fn planning(engine: &Engine, measures: bool, rounds: usize) -> Vec<String> {
    let function = |n| format!(r#"(import "f{n}" (func))"#);
    let items = r#"(export "r" (type (sub resource))) (export "f" (func))"#;
    let interface = |n| format!(r#"(import "a:b/c{n}" (instance {items}))"#);
    let versioned = |n| format!(r#"(import "a:b/c{n}@1.0.0" (instance {items}))"#);
    // A component may have no more than 1000 instances.
    let (many, few) = (&[1250, 5000, 20_000][..], &[250, 500, 1000][..]);
    let kinds: [(&str, &[usize], Write<'_>); 3] = [
        ("functions", many, &function),
        ("interfaces", few, &interface),
        ("versioned", few, &versioned),
    ];
    let mut lines = Vec::new();
    println!(
        "{:>10} {:>12} {:>12} {:>12} {:>12}",
        "imports", "", "compile, ms", "plan, ms", "ratio"
    );
    for (kind, counts, import) in kinds {
        for &count in if measures { counts } else { &[50] } {
            let binary = imports(count, import);
            let mut samples = [Vec::new(), Vec::new()];
            for _ in 0..rounds {
                let taken = compile_and_plan(engine, &binary);
                samples.iter_mut().zip(taken).for_each(|(samples, taken)| samples.push(taken));
            }
            let [compiled, planned] = samples.map(|mut samples| {
                samples.sort();
                samples[samples.len() / 2].as_secs_f64()
            });
            println!(
                "{count:>10} {kind:>12} {:>12.2} {:>12.2} {:>12.2}",
                compiled * 1e3,
                planned * 1e3,
                planned / compiled
            );
            let name = format!("scale/plan-{kind}-{count}");
            lines.push(report::line(&name, planned * 1e9, None, None));
        }
    }
    lines
}

fn main() {
    let measures = env::args().any(|arg| arg == "--bench");
    let counts: &[usize] = if measures { &[1, 10, 100, 1000, 5000] } else { &[1, 10] };
    let rounds = if measures { 11 } else { 1 };
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("the system has threads").block_on(async {
        // In a process that has not grown for other reasons yet.
        let idle = idle_memory(composer_tests::engine(), if measures { 1000 } else { 10 }).await;
        let mut lines = Vec::new();
        let mut parts = Vec::new();
        println!(
            "{:>10} {:>12} {:>12} {:>12} {:>12}",
            "components", "compose, ms", "us for each", "close, ms", "us for each"
        );
        for &count in counts {
            // Not all at first: the more is mapped, the longer it takes to give back a stack, 0.7 ms beside
            // 5 000 compiled components.
            parts.extend(chain(composer_tests::engine(), parts.len()..count));
            let mut samples = [Vec::new(), Vec::new()];
            for _ in 0..rounds {
                let taken = compose_and_close(&parts[..count]).await;
                samples.iter_mut().zip(taken).for_each(|(samples, taken)| samples.push(taken));
            }
            print!("{count:>10}");
            for (what, mut samples) in ["compose", "close"].into_iter().zip(samples) {
                samples.sort();
                let median = samples[samples.len() / 2].as_secs_f64();
                print!(" {:>12.2} {:>12.1}", median * 1e3, median * 1e6 / count as f64);
                let name = format!("scale/{what}-{count}");
                lines.push(report::line(&name, median * 1e9, None, None));
            }
            println!();
        }
        if let Some([composed, by_hand]) = idle {
            println!(
                "an idle component takes {:.1} KiB, a store with a task by hand {:.1}: {:.2}",
                composed / 1024.0,
                by_hand / 1024.0,
                composed / by_hand
            );
        }
        lines.extend(planning(composer_tests::engine(), measures, rounds.min(5)));
        if measures {
            report::write(|name| name.starts_with("scale/"), &lines);
        }
    });
}
