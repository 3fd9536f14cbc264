//! Loops of a guest that calls another one, measured with both composed, fused, or connected by hand.

use std::env;
use std::time::{Duration, Instant};

use composer_tests::{composer, engine, guest_file};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, plug};
use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer, Composition};
use wasmtime::Store;
use wasmtime::component::{Component, Instance, Linker, Val};

/// A loop of the consumer. Its first parameter says how often it is run.
pub(crate) struct Loop {
    /// What a call carries.
    pub(crate) title: &'static str,
    /// The same, for the file.
    pub(crate) case: &'static str,
    pub(crate) interface: &'static str,
    pub(crate) function: &'static str,
    /// The first parameter, for so many rounds.
    pub(crate) first: fn(u32) -> Val,
    /// After the first one.
    pub(crate) params: &'static [Val],
    /// What the loop returns after so many rounds.
    pub(crate) checksum: fn(u64) -> Val,
}

/// How often each loop is measured, and for how long each time.
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) sample: Duration,
}

impl Effort {
    pub(crate) fn chosen() -> Self {
        // What cargo passes to a benchmark, but not to a test.
        if env::args().any(|arg| arg == "--bench") {
            Self { rounds: 31, sample: Duration::from_millis(20) }
        } else {
            Self { rounds: 1, sample: Duration::from_micros(100) }
        }
    }
}

/// Whether a case is to be measured: arguments name cases, and without any all are.
pub(crate) fn is_wanted(case: &str) -> bool {
    let mut named = env::args().skip(1).filter(|arg| !arg.starts_with('-')).peekable();
    named.peek().is_none() || named.any(|name| name == case)
}

/// The consumer and its producer, wired in one way or the other.
pub(crate) enum Pair {
    /// Composed: each in a store of its own, or placed together.
    Composed(Composition),
    /// The consumer in a store by itself: with the producer fused into it, or connected by hand.
    Alone(Store<()>, Instance),
}

impl Pair {
    pub(crate) async fn isolated(guests: [&str; 2]) -> Self {
        let composition = composer(&guests).compose().await;
        Self::Composed(composition.expect("the first is what the second imports"))
    }

    pub(crate) async fn placed(guests: [&str; 2]) -> Self {
        let linker = || Linker::new(engine());
        let store = || Store::new(engine(), ());
        let mut group = Composer::new();
        for name in guests {
            let component = ComposableComponent::new(guest_file(name), linker(), store);
            group.add(ComposableDescriptor::new(name, component));
        }
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("placed", group.fused(linker(), store)));
        let composition = composer.compose().await;
        Self::Composed(composition.expect("the first is what the second imports"))
    }

    pub(crate) async fn fused(guests: [&str; 2]) -> Self {
        let mut graph = CompositionGraph::new();
        let [producer, consumer] = guests.map(|name| {
            let file = guest_file(name);
            let package = Package::from_file(name, None, file, graph.types_mut());
            graph.register_package(package.expect("it is a component")).expect("its name is new")
        });
        plug(&mut graph, vec![producer], consumer).expect("the types are the same");
        let fused = graph.encode(EncodeOptions::default()).expect("the graph is complete");
        let fused = Component::new(engine(), fused).expect("it is a component");
        let mut store = Store::new(engine(), ());
        let instance = Linker::new(engine()).instantiate_async(&mut store, &fused).await;
        Self::Alone(store, instance.expect("nothing is left to import"))
    }

    /// How long so many calls take.
    async fn time(
        &mut self,
        Loop { interface, function, first, params, checksum, .. }: &Loop,
        n: u32,
    ) -> Duration {
        let params: Vec<_> = [first(n)].into_iter().chain(params.iter().cloned()).collect();
        let mut results = [Val::Bool(false)];
        let taken = match self {
            Self::Composed(composition) => {
                let func = composition.get_func(Some(interface), function);
                let func = func.expect("the consumer exports it");
                let start = Instant::now();
                func.call(&params, &mut results).await.expect("no guest traps");
                start.elapsed()
            }
            Self::Alone(store, instance) => {
                let interface = instance.get_export_index(&mut *store, None, interface);
                let func = instance.get_export_index(&mut *store, interface.as_ref(), function);
                let func = func.and_then(|func| instance.get_func(&mut *store, func));
                let func = func.expect("the consumer exports it");
                let start = Instant::now();
                func.call_async(store, &params, &mut results).await.expect("no guest traps");
                start.elapsed()
            }
        };
        assert_eq!(results, [checksum(n.into())], "{function}");
        taken
    }

    /// How many calls fill a sample. Finding that out warms everything up.
    async fn calls_of(&mut self, row: &Loop, sample: Duration) -> u32 {
        let mut n = 1;
        while self.time(row, n).await < sample {
            n *= 2;
        }
        n
    }
}

/// What a call took, in nanoseconds.
pub(crate) struct Cost {
    pub(crate) median: f64,
    pub(crate) min: f64,
}

impl Cost {
    pub(crate) fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self { median: samples[samples.len() / 2], min: samples[0] }
    }
}

/// Measures a loop with each of `pairs`, in turns.
pub(crate) async fn measure(pairs: &mut [&mut Pair], row: &Loop, effort: &Effort) -> Vec<Cost> {
    let mut calls = Vec::new();
    for pair in pairs.iter_mut() {
        calls.push(pair.calls_of(row, effort.sample).await);
    }
    let mut samples = vec![Vec::new(); pairs.len()];
    for _ in 0..effort.rounds {
        for ((pair, n), samples) in pairs.iter_mut().zip(&calls).zip(&mut samples) {
            samples.push(pair.time(row, *n).await.as_nanos() as f64 / f64::from(*n));
        }
    }
    samples.into_iter().map(Cost::of).collect()
}
