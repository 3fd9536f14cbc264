//! What compositions bear: calls per second of many callers, the memory of idle components, the time
//! that a restart takes, and what happens when far more calls are made than a component can serve.
//!
//! `cargo bench -p composer-tests --bench load` measures, in about a minute. Under
//! `cargo test -p composer-tests --bench load` everything is done for a moment only, to see that it
//! works; the numbers then mean nothing.

#![forbid(unsafe_code)]

use std::env;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use composer_tests::{Clock, component, composer, engine, guest, memory_in_use, text};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use wasm_runtime_composer::snapshot::{Change, Events};
use wasm_runtime_composer::typed::{FromComponentValue, Params};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError, Lifetime,
    RestartPolicy, TypedFunc,
};
use wasmtime::Store;
use wasmtime::component::{InstancePre, Linker};

/// Two components without memory: `add`, and `run-add`, which calls it.
const SMALL: [&str; 2] = [
    r#"(component
        (core module $m
            (func (export "add") (param i32 i32) (result i32)
                (i32.add (local.get 0) (local.get 1))))
        (core instance $i (instantiate $m))
        (func (export "add") (param "a" s32) (param "b" s32) (result s32)
            (canon lift (core func $i "add"))))"#,
    r#"(component
        (import "add" (func $add (param "a" s32) (param "b" s32) (result s32)))
        (core func $add (canon lower (func $add)))
        (core module $m
            (import "" "add" (func $add (param i32 i32) (result i32)))
            (func (export "run-add") (result i32) (call $add (i32.const 1) (i32.const 2))))
        (core instance $i (instantiate $m (with "" (instance (export "add" (func $add))))))
        (func (export "run-add") (result s32) (canon lift (core func $i "run-add"))))"#,
];

/// Takes a time that its caller chooses.
const WORKER: &str = r#"(component
    (core module $m
        (func (export "work") (param $n i32)
            (loop $again
                (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                (br_if $again (local.get $n)))))
    (core instance $i (instantiate $m))
    (func (export "work") (param "n" u32) (canon lift (core func $i "work"))))"#;

/// Has the worker do it, and waits.
const RELAY: &str = r#"(component
    (import "work" (func $work (param "n" u32)))
    (core func $work (canon lower (func $work)))
    (core module $m
        (import "" "work" (func $work (param i32)))
        (func (export "relayed") (param i32) (call $work (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance (export "work" (func $work))))))
    (func (export "relayed") (param "n" u32) (canon lift (core func $i "relayed"))))"#;

/// Traps, or not.
const FRAGILE: &str = r#"(component
    (core module $m
        (func (export "divide") (param i32 i32) (result i32)
            (i32.div_s (local.get 0) (local.get 1))))
    (core instance $i (instantiate $m))
    (func (export "divide") (param "a" s32) (param "b" s32) (result s32)
        (canon lift (core func $i "divide"))))"#;

/// How much is done.
struct Effort {
    rounds: usize,
    sample: Duration,
    components: usize,
    restarts: usize,
    service: Duration,
    overload: Duration,
}

impl Effort {
    fn chosen() -> Self {
        // What cargo passes to a benchmark, but not to a test.
        if env::args().any(|arg| arg == "--bench") {
            Self {
                rounds: 7,
                sample: Duration::from_millis(400),
                components: 1000,
                restarts: 101,
                service: Duration::from_micros(200),
                overload: Duration::from_secs(1),
            }
        } else {
            Self {
                rounds: 1,
                sample: Duration::from_millis(1),
                components: 4,
                restarts: 1,
                service: Duration::from_micros(200),
                overload: Duration::from_millis(5),
            }
        }
    }
}

/// What is measured, each in a process of its own: memory that an earlier one has freed would be used
/// again.
const PARTS: usize = 7;

/// Tells a process its part.
const PART: &str = "LOAD_PART";

fn main() {
    if let Ok(part) = env::var(PART) {
        let part = part.parse().expect("it is the number of a part");
        let runtime = Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
        let runtime = runtime.expect("the system has threads");
        // On a task of its own: `block_on` is on a thread that is none of the runtime's.
        let task = async { tokio::spawn(measure(part)).await.expect("no measurement panics") };
        return runtime.block_on(task);
    }
    for part in 0..PARTS {
        let this = env::current_exe().expect("the system knows what runs");
        let status =
            Command::new(this).args(env::args().skip(1)).env(PART, part.to_string()).status();
        assert!(status.expect("it can be run again").success());
    }
}

async fn measure(part: usize) {
    let effort = Effort::chosen();
    match part {
        0 => throughput(&effort).await,
        1 => {
            println!(
                "\nKiB of memory per idle component, of {}, in stores as `Store::new` makes them, with \
                memories and stacks on demand\n",
                effort.components
            );
            println!("{:30} {:>10} {:>10}", "", "started", "called");
            idle("without memory", SMALL.map(text), &effort).await;
        }
        2 => idle("guest in Rust", ["producer", "consumer"].map(component), &effort).await,
        3 => restarts(&effort).await,
        4 => {
            println!(
                "\n{FACTOR} times as many calls as a component serves when it is saturated, for {:?}; \
                inbox of {CAPACITY}\n",
                effort.overload
            );
            println!(
                "{:14} {:>11} {:>10} {:>8} {:>6} {:>8} {:>8} {:>11} {:>10} {:>13}",
                "",
                "saturated/s",
                "answered/s",
                "timeouts",
                "errors",
                "restarts",
                "waiting",
                "longest, ms",
                "grown, MiB",
                "recovered, ms"
            );
            overload("no deadline", &[WORKER], None, &effort).await;
        }
        5 => overload("50 ms", &[WORKER], Some(DEADLINE), &effort).await,
        _ => overload("50 ms, relayed", &[WORKER, RELAY], Some(DEADLINE), &effort).await,
    }
}

/// Threads of the runtime. A component is on one of them at a time.
const THREADS: usize = 2;

async fn compose(parts: Vec<ComposableDescriptor>) -> Composition {
    let mut composer = Composer::new();
    for part in parts {
        composer.add(part);
    }
    composer.compose().await.expect("the components fit")
}

async fn throughput(effort: &Effort) {
    const CALLERS: [usize; 3] = [1, 16, 256];

    let composition = composer(&["producer", "consumer"]).compose().await;
    let composition = composition.expect("the producer is what the consumer imports");
    let add = composition.typed::<(i32, i32), i32>(None, "add").expect("it adds `s32`");
    let run_add = composition.typed::<(), i32>(None, "run-add").expect("it takes nothing");
    let part = ComposableDescriptor::new("producer", component("producer"));
    let part = part.with_lifetime(Lifetime::per_call()).with_instances(8);
    let fresh = compose(vec![part]).await;
    let add_fresh = fresh.typed::<(i32, i32), i32>(None, "add").expect("it adds `s32`");
    let by_hand = Linker::new(engine()).instantiate_pre(&guest("producer"));
    let by_hand = by_hand.expect("the producer imports nothing");

    println!("calls per second, {THREADS} threads, median of {} rounds\n", effort.rounds);
    println!("{:30} {:>10} {:>10} {:>10}", "callers", CALLERS[0], CALLERS[1], CALLERS[2]);
    let mut rows = [const { Vec::new() }; 4];
    for callers in CALLERS {
        let mut rates = [const { Vec::new() }; 4];
        // In turns, so that what else the machine does meets all.
        for _ in 0..effort.rounds {
            let add = add.clone();
            rates[0].push(rate(callers, effort.sample, move || answered(&add, (1, 2))).await);
            let run_add = run_add.clone();
            rates[1].push(rate(callers, effort.sample, move || answered(&run_add, ())).await);
            let add = add_fresh.clone();
            rates[2].push(rate(callers, effort.sample, move || answered(&add, (1, 2))).await);
            let by_hand = by_hand.clone();
            rates[3].push(rate(callers, effort.sample, move || alone(by_hand.clone())).await);
        }
        for (row, rates) in rows.iter_mut().zip(rates) {
            row.push(median(rates));
        }
    }
    let titles = [
        "Rust -> producer",
        "Rust -> consumer -> producer",
        "a fresh producer for each call",
        "the same by wasmtime alone",
    ];
    for (title, row) in titles.iter().zip(rows) {
        println!("{title:30} {:>10.0} {:>10.0} {:>10.0}", row[0], row[1], row[2]);
    }
    end(composition).await;
    end(fresh).await;
}

/// A call of a fresh instance, without the library.
async fn alone(producer: InstancePre<()>) {
    let mut store = Store::new(engine(), ());
    let instance = producer.instantiate_async(&mut store).await.expect("it starts");
    let add = instance.get_typed_func::<(i32, i32), (i32,)>(&mut store, "add");
    let add = add.expect("it adds `s32`");
    assert_eq!(add.call_async(&mut store, (1, 2)).await.expect("it does not trap"), (3,));
}

/// A call that must succeed.
fn answered<P, R>(func: &TypedFunc<P, R>, params: P) -> impl Future<Output = ()> + use<P, R>
where
    P: Params + Send + 'static,
    R: FromComponentValue + Send + 'static,
{
    let func = func.clone();
    async move {
        func.call(params).await.expect("no guest traps");
    }
}

/// How many calls a second come to their end when so many callers make one after the other.
async fn rate<F: Future<Output = ()> + Send>(
    callers: usize,
    time: Duration,
    call: impl Fn() -> F + Clone + Send + 'static,
) -> f64 {
    let start = Instant::now();
    let tasks = (0..callers).map(|_| {
        let call = call.clone();
        async move {
            let mut calls = 0_u64;
            while start.elapsed() < time {
                call().await;
                calls += 1;
            }
            calls
        }
    });
    let calls: u64 = tasks.collect::<JoinSet<_>>().join_all().await.into_iter().sum();
    calls as f64 / start.elapsed().as_secs_f64()
}

/// The memory of components that wait for calls, in compositions of two.
async fn idle(title: &str, parts: [ComposableComponent<()>; 2], effort: &Effort) {
    let compositions = async || {
        let mut compositions = Vec::new();
        for _ in 0..effort.components / 2 {
            let part =
                |i: usize| ComposableDescriptor::new(["producer", "consumer"][i], parts[i].clone());
            compositions.push(compose(vec![part(0), part(1)]).await);
        }
        // Each has come to wait for calls.
        tokio::time::sleep(effort.sample).await;
        compositions
    };
    // These take what the heap has left from compiling.
    let first = compositions().await;
    let before = memory_in_use();
    let second = compositions().await;
    let started = memory_in_use();
    for composition in &second {
        let run_add = composition.typed::<(), i32>(None, "run-add").expect("it takes nothing");
        run_add.call(()).await.expect("no guest traps");
    }
    let called = memory_in_use();
    let per_component = |after| grown(before, after, effort.components as f64 * 1024.0);
    println!("{title:30} {:>10} {:>10}", per_component(started), per_component(called));
    for composition in first.into_iter().chain(second) {
        end(composition).await;
    }
}

/// By how much memory has grown, in so many bytes.
fn grown(before: Option<usize>, after: Option<usize>, unit: f64) -> String {
    match before.zip(after) {
        Some((before, after)) => format!("{:.1}", after.saturating_sub(before) as f64 / unit),
        None => "unknown".to_owned(),
    }
}

/// From the answer of a call that trapped to the answer of the next.
async fn restarts(effort: &Effort) {
    println!(
        "\nus from a trap to the first answer of the component's next instance, of {}\n",
        effort.restarts
    );
    println!("{:30} {:>10} {:>10} {:>10}", "", "median", "min", "max");
    let small = text(FRAGILE);
    let guest = Clock::default().component("trapper");
    let interface = Some("composer:test/itrapper");
    for (title, part, interface) in
        [("without memory", small, None), ("guest in Rust", guest, interface)]
    {
        let policy = RestartPolicy::restart(u32::MAX, Duration::ZERO);
        let part = ComposableDescriptor::new("fragile", part).with_restart(policy);
        let composition = compose(vec![part]).await;
        let divide = composition.typed::<(i32, i32), i32>(interface, "divide");
        let divide = divide.expect("it divides `s32`");
        let mut times = Vec::new();
        for _ in 0..effort.restarts {
            divide.call((1, 0)).await.expect_err("this traps");
            let start = Instant::now();
            // Calls made meanwhile reach the next instance.
            divide.call((6, 3)).await.expect("it was started again");
            times.push(start.elapsed().as_nanos() as f64 / 1000.0);
        }
        times.sort_by(f64::total_cmp);
        let (min, max) = (times[0], times[times.len() - 1]);
        println!("{title:30} {:>10.0} {min:>10.0} {max:>10.0}", median(times));
        end(composition).await;
    }
}

/// What became of the calls that were offered to a component.
#[derive(Default)]
struct Outcome {
    answered: AtomicU64,
    timeouts: AtomicU64,
    other_errors: AtomicU64,
    /// The longest that a call took that was answered, in microseconds.
    longest: AtomicU64,
}

impl Outcome {
    fn note(&self, start: Instant, answer: Result<(), CompositionError>) {
        match answer {
            Ok(()) => {
                let micros = start.elapsed().as_micros() as u64;
                self.longest.fetch_max(micros, Ordering::Relaxed);
                &self.answered
            }
            Err(CompositionError::Timeout { .. }) => &self.timeouts,
            Err(_) => &self.other_errors,
        }
        .fetch_add(1, Ordering::Relaxed);
    }
}

/// How many calls may wait in the worker's inbox.
const CAPACITY: usize = 16;
/// How many times as many calls are made as it can serve.
const FACTOR: f64 = 10.0;
/// How long a caller waits, where it does not wait for ever.
const DEADLINE: Duration = Duration::from_millis(50);

/// Overloads the last of `parts`.
async fn overload(title: &str, parts: &[&str], deadline: Option<Duration>, effort: &Effort) {
    let part = |(id, wat): (&str, &&str)| {
        let policy = RestartPolicy::restart(u32::MAX, Duration::ZERO);
        ComposableDescriptor::new(id, text(wat)).with_inbox_capacity(CAPACITY).with_restart(policy)
    };
    let composition = compose(["worker", "relay"].into_iter().zip(parts).map(part).collect()).await;
    let function = ["work", "relayed"][parts.len() - 1];
    let work = composition.typed::<(u32,), ()>(None, function).expect("it takes a number");
    let turns = turns_that_take(effort.service, &work).await;
    let call = {
        let work = work.clone();
        move || answered(&work, (turns,))
    };
    let saturated = rate(2 * CAPACITY, effort.overload, call).await;
    let restarts = Arc::new(AtomicU64::new(0));
    let listening = tokio::spawn(count_restarts(composition.events(), restarts.clone()));

    let patient = work.clone();
    let work = match deadline {
        Some(deadline) => work.with_deadline(deadline),
        None => work,
    };
    let outcome = Arc::new(Outcome::default());
    let before = memory_in_use();
    let mut calls = JoinSet::new();
    let start = Instant::now();
    let mut offered = 0;
    while start.elapsed() < effort.overload {
        let due = (start.elapsed().as_secs_f64() * saturated * FACTOR) as u64;
        for _ in offered..due {
            let (work, outcome) = (work.clone(), outcome.clone());
            calls.spawn(async move {
                let start = Instant::now();
                outcome.note(start, work.call((turns,)).await);
            });
        }
        offered = due;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let elapsed = start.elapsed().as_secs_f64();
    let now = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (answered, restarts) = (now(&outcome.answered), now(&restarts));
    let waiting = offered - answered - now(&outcome.timeouts) - now(&outcome.other_errors);
    let grown = grown(before, memory_in_use(), f64::from(1 << 20));
    // One more call, which waits as long as it takes.
    let over = Instant::now();
    while patient.call((turns,)).await.is_err() {}
    let recovered = over.elapsed().as_secs_f64() * 1000.0;
    calls.join_all().await;
    println!(
        "{title:14} {saturated:>11.0} {:>10.0} {:>8} {:>6} {restarts:>8} {waiting:>8} {:>11.1} {grown:>10} \
        {recovered:>13.1}",
        answered as f64 / elapsed,
        now(&outcome.timeouts),
        now(&outcome.other_errors),
        now(&outcome.longest) as f64 / 1000.0,
    );
    end(composition).await;
    listening.abort();
}

async fn count_restarts(mut events: Events, restarts: Arc<AtomicU64>) {
    while let Some(event) = events.next().await {
        if matches!(event.change, Change::Restarted) {
            restarts.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// How many turns of the worker's loop take so long.
async fn turns_that_take(time: Duration, work: &TypedFunc<(u32,), ()>) -> u32 {
    let mut turns = 1;
    loop {
        let mut shortest = Duration::MAX;
        for _ in 0..10 {
            let start = Instant::now();
            work.call((turns,)).await.expect("no guest traps");
            shortest = shortest.min(start.elapsed());
        }
        if shortest >= time {
            return turns;
        }
        turns *= 2;
    }
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

async fn end(composition: Composition) {
    composition.close(Duration::from_secs(10)).await.expect("nothing runs any more");
}
