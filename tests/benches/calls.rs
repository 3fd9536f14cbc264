//! What a call from one component to another costs: loops of a guest, with its provider in a store
//! of its own, with both placed together by a `Composer`, with both fused into one component by
//! `wac-graph`, and with two stores connected by hand, by a channel of `Val`s and by one of Rust types. And calls from
//! Rust: typed, dynamic, by hand, and by what is made of WIT.
//!
//! `cargo bench -p composer-tests --bench calls` measures, and writes `target/bench.json` too: a list of
//! objects with `name` (placement/case), `ns`, `ratio_to_fused` and `ratio_to_val_channel`. Under `cargo test -p composer-tests --bench calls`
//! each loop runs for a moment only, to see that it works; the numbers then mean nothing.
//!
//! A harness of its own, because what counts is the ratio of two loops: they are measured in turns,
//! so that what else the machine does meets both.

#![forbid(unsafe_code)]

mod baselines;
mod pairs;
mod report;

use std::time::Instant;

use baselines::ValCaller;
use composer_tests::{component, composer};
use pairs::{Cost, Effort, Loop, Pair, is_wanted, measure};
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local};
use wasm_runtime_composer::layer::{Call, Next, from_fn};
use wasm_runtime_composer::{OwnedResource, compose};
use wasmtime::component::Val;

const INTERFACE: &str = "composer:test/iconsumer";
const GUESTS: [&str; 2] = ["producer", "consumer"];

const LOOPS: [Loop; 6] = [
    Loop {
        title: "add(s32, s32)",
        case: "add",
        interface: INTERFACE,
        first: Val::U32,
        function: "loop-add",
        params: &[],
        checksum: |n| Val::U64(n * (n + 1) / 2),
    },
    Loop {
        title: "list<u8> of 1 KiB",
        case: "bytes-1k",
        interface: INTERFACE,
        first: Val::U32,
        function: "loop-bytes",
        params: &[Val::U32(1024)],
        checksum: |n| Val::U64(n * 1024),
    },
    Loop {
        title: "list<u8> of 1 MiB",
        case: "bytes-1m",
        interface: INTERFACE,
        first: Val::U32,
        function: "loop-bytes",
        params: &[Val::U32(1 << 20)],
        checksum: |n| Val::U64(n << 20),
    },
    Loop {
        title: "string of 1 KiB",
        case: "string",
        interface: INTERFACE,
        first: Val::U32,
        function: "loop-text",
        params: &[Val::U32(1024)],
        checksum: |n| Val::U64(n * 1024),
    },
    Loop {
        title: "record with strings",
        case: "record",
        interface: INTERFACE,
        first: Val::U32,
        function: "loop-person",
        params: &[],
        checksum: |n| Val::U64(n * 42),
    },
    Loop {
        title: "async, short string",
        case: "async",
        interface: INTERFACE,
        first: Val::U32,
        function: "loop-echo-later",
        params: &[],
        checksum: |n| Val::U64(n * 4),
    },
];

/// All loops in all placements, as a table and as the lines of the file.
async fn loops(effort: &Effort) -> Vec<String> {
    let (store, instance) = baselines::val_channel().await;
    let mut by_val = Pair::Alone(store, instance);
    let (store, instance) = baselines::typed_channel().await;
    let mut by_type = Pair::Alone(store, instance);
    let (mut isolated, mut fused) = (Pair::isolated(GUESTS).await, Pair::fused(GUESTS).await);
    let mut placed = Pair::placed(GUESTS).await;
    let placements = ["isolated", "placed", "fused", "val-channel", "typed-channel"];
    println!("ns per call, median [min] of {} rounds\n", effort.rounds);
    print!("{:20}", "");
    placements.iter().for_each(|placement| print!(" {placement:>21}"));
    println!(" {:>8} {:>8} {:>8} {:>12}", "/fused", "/val", "/typed", "placed/fused");
    let mut lines = Vec::new();
    for row in LOOPS.iter().filter(|row| is_wanted(row.case)) {
        let pairs = &mut [&mut isolated, &mut placed, &mut fused, &mut by_val, &mut by_type];
        let costs = measure(pairs, row, effort).await;
        print!("{:20}", row.title);
        for cost in &costs {
            print!(" {:>21}", format!("{:.0} [{:.0}]", cost.median, cost.min));
        }
        let [placed, fused, val, typed] = [1, 2, 3, 4].map(|index| costs[index].median);
        for base in [fused, val, typed] {
            print!(" {:>8.3}", costs[0].median / base);
        }
        println!(" {:>12.3}", placed / fused);
        for (placement, cost) in placements.iter().zip(&costs) {
            let name = format!("{placement}/{}", row.case);
            lines.push(report::line(&name, cost.median, Some(fused), Some(val)));
        }
    }
    lines
}

/// How many layers calls go through.
const LAYERS: [usize; 3] = [0, 1, 3];

/// Each guest in a store of its own, with so many layers between them that do nothing.
async fn layered(layers: usize) -> Pair {
    let mut composer = composer(&GUESTS);
    for _ in 0..layers {
        composer.with_layer(from_fn(|call: Call, next: Next| async move { next.call(call).await }));
    }
    let composition = composer.compose().await;
    Pair::Composed(composition.expect("the first is what the second imports"))
}

/// What layers cost that do nothing, by how many they are. Gives the lines of the file.
async fn layers(effort: &Effort) -> Vec<String> {
    let mut pairs = Vec::new();
    for layers in LAYERS {
        pairs.push(layered(layers).await);
    }
    print!("\n{:20}", "layers");
    LAYERS.iter().for_each(|layers| print!(" {layers:>21}"));
    println!();
    let mut lines = Vec::new();
    for row in LOOPS.iter().filter(|row| is_wanted(row.case)) {
        let costs = measure(&mut pairs.iter_mut().collect::<Vec<_>>(), row, effort).await;
        print!("{:20}", row.title);
        for (layers, cost) in LAYERS.into_iter().zip(costs) {
            print!(" {:>21}", format!("{:.0} [{:.0}]", cost.median, cost.min));
            if layers > 0 {
                let name = format!("layers-{layers}/{}", row.case);
                lines.push(report::line(&name, cost.median, None, None));
            }
        }
        println!();
    }
    lines
}

/// Calls from a task in Rust, each way in turns: with Rust types, with `Val`s, and with `Val`s through a
/// channel by hand. Gives the lines of the file.
async fn from_rust(effort: Effort) -> Vec<String> {
    let composition = composer(&["producer"]).compose().await.expect("it imports nothing");
    let interface = Some("composer:test/iproducer");
    let dynamic = |name| composition.get_func(interface, name).expect("the producer exports it");
    let (add, reverse) = (dynamic("add"), dynamic("reverse"));
    let (add_by_hand, reverse_by_hand) =
        (ValCaller::new("add").await, ValCaller::new("reverse").await);
    let typed_add = composition.typed::<(i32, i32), i32>(interface, "add");
    let typed_add = typed_add.expect("it adds `s32`");
    let typed_reverse = composition.typed::<(&[u8],), Vec<u8>>(interface, "reverse");
    let typed_reverse = typed_reverse.expect("it reverses bytes");
    let bytes = vec![7; 1024];
    let numbers = [Val::S32(1), Val::S32(2)];
    let vals = [Val::List(bytes.iter().copied().map(Val::U8).collect())];

    let mut samples: [[Vec<f64>; 3]; 2] = Default::default();
    for _ in 0..effort.rounds {
        let [in_add, in_bytes] = &mut samples;
        in_add[0].push(repeat(&effort, async || drop(typed_add.call((1, 2)).await)).await);
        let call = async || drop(add.call(&numbers, &mut [Val::S32(0)]).await);
        in_add[1].push(repeat(&effort, call).await);
        in_add[2].push(repeat(&effort, async || drop(add_by_hand.call(&numbers).await)).await);
        in_bytes[0].push(repeat(&effort, async || drop(typed_reverse.call((&bytes,)).await)).await);
        let call = async || drop(reverse.call(&vals, &mut [Val::Bool(false)]).await);
        in_bytes[1].push(repeat(&effort, call).await);
        in_bytes[2].push(repeat(&effort, async || drop(reverse_by_hand.call(&vals).await)).await);
    }

    print!("\n{:20}", "from Rust");
    for title in ["typed", "dynamic", "channel of `Val`s"] {
        print!(" {title:>21}");
    }
    println!(" {:>15} {:>15}", "typed/channel", "dynamic/channel");
    let mut lines = Vec::new();
    for ((title, case), costs) in
        [("add(s32, s32)", "host"), ("list<u8> of 1 KiB", "host-bytes-1k")].into_iter().zip(samples)
    {
        let costs = costs.map(Cost::of);
        print!("{title:20}");
        for cost in &costs {
            print!(" {:>21}", format!("{:.0} [{:.0}]", cost.median, cost.min));
        }
        let by_hand = costs[2].median;
        println!(" {:>15.3} {:>15.3}", costs[0].median / by_hand, costs[1].median / by_hand);
        for (placement, cost) in ["typed", "isolated", "val-channel"].iter().zip(&costs) {
            let name = format!("{placement}/{case}");
            lines.push(report::line(&name, cost.median, None, Some(by_hand)));
        }
    }
    lines
}

mod bindings {
    wasm_runtime_composer::wit!({
        path: "guests/wit",
        interfaces: ["composer:test/iproducer", "composer:test/buckets"],
    });

    pub(crate) use composer::test::{buckets, iproducer};
}

/// Calls from a task in Rust by what `wit!` makes, beside accessors that are written by hand.
async fn from_wit(effort: &Effort) {
    let composition = compose! {
        component producer = component("producer");
        component store = component("bucket-store");
        export interface "composer:test/iproducer" as producer {
            fn add(a: i32, b: i32) -> i32;
            fn reverse(bytes: &[u8]) -> Vec<u8>;
        }
        export interface "composer:test/buckets" as store {
            fn bucket(name: &str) -> OwnedResource = "[constructor]bucket";
            fn size(bucket: &OwnedResource) -> u32 = "[method]bucket.size";
        }
    };
    let composition = composition.await.expect("they import nothing");
    let producer = bindings::iproducer::Client::new(&composition).expect("it is of this WIT");
    let store = bindings::buckets::Client::new(&composition).expect("it is of this WIT");
    let by_hand = composition.store().bucket("by hand").await.expect("nothing traps");
    let made = store.bucket("made").await.expect("nothing traps");
    let bytes = vec![7; 1024];

    let mut samples: [[Vec<f64>; 2]; 4] = Default::default();
    for _ in 0..effort.rounds {
        let [add, reverse, size, new] = &mut samples;
        add[0].push(repeat(effort, async || drop(composition.producer().add(1, 2).await)).await);
        add[1].push(repeat(effort, async || drop(producer.add(1, 2).await)).await);
        reverse[0].push(
            repeat(effort, async || drop(composition.producer().reverse(&bytes).await)).await,
        );
        reverse[1].push(repeat(effort, async || drop(producer.reverse(&bytes).await)).await);
        size[0].push(repeat(effort, async || drop(composition.store().size(&by_hand).await)).await);
        size[1].push(repeat(effort, async || drop(made.size().await)).await);
        new[0].push(repeat(effort, async || drop(composition.store().bucket("x").await)).await);
        new[1].push(repeat(effort, async || drop(store.bucket("x").await)).await);
    }

    println!(
        "\n{:20} {:>21} {:>21} {:>15}",
        "from Rust", "accessor by hand", "made of WIT", "made/by hand"
    );
    let titles =
        ["add(s32, s32)", "list<u8> of 1 KiB", "method of a resource", "resource, dropped"];
    for (title, costs) in titles.into_iter().zip(samples) {
        let [by_hand, made] = costs.map(Cost::of);
        let show = |cost: &Cost| format!("{:.0} [{:.0}]", cost.median, cost.min);
        let ratio = made.median / by_hand.median;
        println!("{title:20} {:>21} {:>21} {ratio:>15.3}", show(&by_hand), show(&made));
    }
}

/// What a call takes, in nanoseconds, in a sample of calls.
async fn repeat(effort: &Effort, mut call: impl AsyncFnMut()) -> f64 {
    let start = Instant::now();
    let mut calls = 0_u32;
    while start.elapsed() < effort.sample {
        for _ in 0..16 {
            call().await;
        }
        calls += 16;
    }
    start.elapsed().as_nanos() as f64 / f64::from(calls)
}

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("the system has threads").block_on(async {
        let effort = Effort::chosen();
        let mut lines = loops(&effort).await;
        lines.extend(layers(&effort).await);
        let measured = effort.rounds > 1;
        let complete = LOOPS.iter().all(|row| is_wanted(row.case)) && is_wanted("host");
        if is_wanted("wit") {
            from_wit(&effort).await;
        }
        if is_wanted("host") {
            let caller = async { spawn_local(from_rust(effort)).await.expect("no guest traps") };
            lines.extend(LocalSet::new().run_until(caller).await);
        }
        if measured && complete {
            report::write(|name| !name.starts_with("scale/"), &lines);
        }
    });
}
