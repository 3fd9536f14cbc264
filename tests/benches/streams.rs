//! What streams between two components cost: a guest that reads what another one writes, with both
//! composed and with both fused into one component by `wac-graph`.
//!
//! `cargo bench -p composer-tests --bench streams` measures; under `cargo test` each loop runs for a moment
//! only, to see that it works. As in `calls`, what counts is the ratio of two loops measured in turns.

#![forbid(unsafe_code)]

mod pairs;

use pairs::{Effort, Loop, Pair, is_wanted, measure};
use tokio::runtime::Builder;
use wasmtime::component::Val;

const INTERFACE: &str = "composer:test/ireader";
const GUESTS: [&str; 2] = ["writer", "reader"];

/// What a write of bytes carries.
const WRITE: u32 = 64 * 1024;

/// How many elements of other types are written, and read, at a time.
const ELEMENTS: u32 = 100;

const LOOPS: [Loop; 3] = [
    Loop {
        title: "64 KiB of bytes",
        case: "bytes",
        interface: INTERFACE,
        function: "count-bytes",
        first: |n| Val::U64(u64::from(n) * u64::from(WRITE)),
        params: &[Val::U32(WRITE), Val::U32(WRITE)],
        checksum: |n| Val::U64(n * u64::from(WRITE)),
    },
    Loop {
        title: "string",
        case: "string",
        interface: INTERFACE,
        function: "count-texts",
        first: Val::U32,
        params: &[Val::U32(ELEMENTS), Val::U32(ELEMENTS)],
        checksum: |n| Val::Tuple(vec![Val::U32(n as u32), Val::U64(digits(n))]),
    },
    Loop {
        title: "record",
        case: "record",
        interface: INTERFACE,
        function: "count-items",
        first: Val::U32,
        params: &[Val::U32(ELEMENTS), Val::U32(ELEMENTS)],
        checksum: |n| Val::Tuple(vec![Val::U32(n as u32), Val::U64((0..n).map(|n| n % 4).sum())]),
    },
];

/// How many digits the numbers below `n` have.
fn digits(n: u64) -> u64 {
    (0..n).map(|n| u64::from(n.checked_ilog10().unwrap_or_default()) + 1).sum()
}

fn main() {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("the system has threads").block_on(async {
        let effort = Effort::chosen();
        let (mut isolated, mut fused) = (Pair::isolated(GUESTS).await, Pair::fused(GUESTS).await);
        let mut placed = Pair::placed(GUESTS).await;
        println!("ns for each, median [min] of {} rounds\n", effort.rounds);
        print!("{:20} {:>21} {:>21} {:>21}", "", "isolated", "fused", "placed");
        println!(" {:>8} {:>12}", "ratio", "placed/fused");
        for row in LOOPS.iter().filter(|row| is_wanted(row.case)) {
            let costs = measure(&mut [&mut isolated, &mut fused, &mut placed], row, &effort).await;
            print!("{:20}", row.title);
            for cost in &costs {
                print!(" {:>21}", format!("{:.0} [{:.0}]", cost.median, cost.min));
            }
            let fused = costs[1].median;
            println!(" {:>8.3} {:>12.3}", costs[0].median / fused, costs[2].median / fused);
        }
    });
}
