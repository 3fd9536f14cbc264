//! Components that the library composes, in either placement, answer as the same ones do when
//! `wac-graph` has fused them into one component ahead of time.

use std::collections::{BTreeSet, HashMap};

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};
use wasmtime::Store;
use wasmtime::component::{Component, Linker, Val};

use composer_tests::{call, call_unit, compose, composer, engine, guest_file, run_placed, string};

/// A function of an interface, and what it is called with.
type Call = (&'static str, Vec<Val>);

/// Functions that let a guest trap, which a fused component does as a whole, and those that bring a
/// stream of text back to who writes it, which wasmtime refuses inside of one component.
const NOT_FUSED: [&str; 5] =
    ["read-broken", "ignore-broken", "await-never", "have-passed", "have-passed-on"];

/// Fuses guests: each takes its imports from those before it, and the last one's exports remain.
fn fuse(guests: &[&str]) -> Component {
    let mut graph = CompositionGraph::new();
    let mut provided: HashMap<String, NodeId> = HashMap::new();
    let mut last = Vec::new();
    for guest in guests {
        let file = guest_file(guest);
        let package = Package::from_file(guest, None, file, graph.types_mut()).expect("it is one");
        let world = &graph.types()[package.ty()];
        let imports: Vec<_> = world.imports.keys().cloned().collect();
        let exports: Vec<_> = world.exports.keys().cloned().collect();
        let package = graph.register_package(package).expect("its name is new");
        let instance = graph.instantiate(package);
        for import in imports {
            let export = provided[&import];
            graph.set_instantiation_argument(instance, &import, export).expect("the types fit");
        }
        last.clear();
        for export in exports {
            let alias = graph.alias_instance_export(instance, &export).expect("it is exported");
            provided.insert(export.clone(), alias);
            last.push((export, alias));
        }
    }
    for (name, alias) in last {
        graph.export(alias, name).expect("the name is valid");
    }
    let fused = graph.encode(EncodeOptions::default()).expect("the graph is complete");
    Component::new(engine(), fused).expect("it is a component")
}

/// Makes the same calls, in the same order, of the guests composed and of the guests fused, and
/// compares each result. The last guest exports the functions, in `interface` or in none; calls of
/// an interface have to cover it.
fn answer_alike(guests: &[&str], interface: Option<&str>, calls: &[Call]) {
    let fused = fuse(guests);
    run_placed(|| async {
        let mut composer = composer(guests);
        if let (Some(interface), Some(last)) = (interface, guests.last()) {
            composer.with_export_hint(interface, *last);
        }
        let composition = compose(composer).await.expect("the guests fit");
        if let Some(interface) = interface {
            let exports = composition.exports();
            let of_interface = exports.iter().filter(|it| it.name == interface);
            let mut functions = of_interface.flat_map(|it| &it.functions);
            let called: BTreeSet<_> = calls.iter().map(|(function, _)| *function).collect();
            let missed = functions
                .find(|it| !called.contains(&*it.name) && !NOT_FUSED.contains(&it.name.as_str()));
            assert!(missed.is_none(), "nothing compares {missed:?}");
        }

        let mut store = Store::new(engine(), ());
        let linker = Linker::new(engine());
        let instance =
            linker.instantiate_async(&mut store, &fused).await.expect("it needs nothing");
        for (function, params) in calls {
            let mut index = None;
            if let Some(interface) = interface {
                let found = instance.get_export_index(&mut store, None, interface);
                index = Some(found.expect("the interface is exported"));
            }
            let found = instance.get_export_index(&mut store, index.as_ref(), function);
            let index = found.expect("the function is exported");
            let func = instance.get_func(&mut store, index).expect("it is a function");
            let mut expected = vec![Val::Bool(false); func.ty(&store).results().len()];
            let called = func.call_async(&mut store, params, &mut expected).await;
            called.unwrap_or_else(|error| panic!("{function} {params:?}: {error:?}"));

            let composed = match expected.len() {
                0 => call_unit(&composition, interface, function, params).await.map(|()| vec![]),
                _ => call(&composition, interface, function, params).await.map(|it| vec![it]),
            };
            let composed = composed.unwrap_or_else(|error| {
                panic!("{function} {params:?}: {}", composer_tests::chain(&error))
            });
            assert_eq!(composed, expected, "{function} {params:?}");
        }
    });
}

fn call_of(function: &'static str, params: &[Val]) -> Call {
    (function, params.to_vec())
}

#[test]
fn a_consumer_answers_as_if_fused_with_its_producer() {
    let mut calls = vec![
        call_of("run-add", &[]),
        call_of("run-ping", &[]),
        call_of("run-values", &[]),
        call_of("loop-add", &[Val::U32(30)]),
        call_of("loop-bytes", &[Val::U32(3), Val::U32(100)]),
        call_of("loop-bytes", &[Val::U32(3), Val::U32(0)]),
        call_of("loop-text", &[Val::U32(3), Val::U32(100)]),
        call_of("loop-person", &[Val::U32(10)]),
        call_of("loop-echo-later", &[Val::U32(5)]),
    ];
    for name in ["", "ann", "Zoë 🦀\0"] {
        calls.push(call_of("run-greet", &[string(name)]));
    }
    for n in [0, 1, 30] {
        calls.push(call_of("run-concurrent", &[Val::U32(n)]));
        calls.push(call_of("run-order", &[Val::U32(n)]));
    }
    for n in [0, 1, 255, 70_000] {
        calls.push(call_of("run-bytes", &[Val::U32(n)]));
        calls.push(call_of("run-text", &[Val::U32(n)]));
    }
    for producer in ["producer", "producer-b"] {
        let guests = [producer, "consumer"];
        answer_alike(&guests, Some("composer:test/iconsumer"), &calls);
        answer_alike(&guests, None, &[call_of("run-add", &[])]);
    }
}

#[test]
fn resources_pass_between_three_components_as_if_fused() {
    let calls = [
        call_of("run-resource", &[]),
        call_of("run-holder", &[]),
        call_of("run-nested", &[]),
        call_of("run-third", &[]),
        call_of("held", &[]),
        call_of("hold", &[string("first")]),
        call_of("hold", &[string("second")]),
        call_of("held", &[]),
        call_of("leak-to-third", &[string("third")]),
        call_of("release", &[]),
        call_of("held", &[]),
        // The whole history of the provider so far.
        call_of("run-order", &[]),
        // When what is given up ends, among other calls, is a matter of luck.
        call_of("abandon", &[string("fourth")]),
    ];
    let guests = ["bucket-store", "broker", "bucket-consumer"];
    answer_alike(&guests, Some("composer:test/ibuckets-consumer"), &calls);
}

#[test]
fn a_chain_of_two_links_answers_as_if_fused() {
    let mut calls = Vec::new();
    for name in ["", "bob", "Zoë 🦀\0"] {
        calls.push(call_of("greet", &[string(name)]));
        calls.push(call_of("greet-later", &[string(name)]));
    }
    answer_alike(&["greeter", "polite"], Some("composer:test/greeter"), &calls);
}

#[test]
#[cfg(feature = "codec")]
fn streams_and_futures_pass_as_if_fused() {
    let texts = |n: usize| Val::List((0..n).map(|n| string(&format!("text {n}"))).collect());
    let mut calls = Vec::new();
    for n in [0, 1, 5, 100, 1000] {
        for chunk in [1, 7, 1000] {
            calls.push(call_of("sum-numbers", &[Val::U32(n), Val::U32(chunk)]));
            calls.push(call_of("join-texts", &[Val::U32(n), Val::U32(chunk)]));
            calls.push(call_of("describe-items", &[Val::U32(n), Val::U32(chunk)]));
            for most in [1, 10, 5000] {
                let params = [Val::U32(n), Val::U32(chunk), Val::U32(most)];
                calls.push(call_of("count-texts", &params));
                calls.push(call_of("count-items", &params));
            }
        }
        calls.push(call_of("count-units", &[Val::U32(n)]));
        calls.push(call_of("sum-tokens", &[Val::U32(n)]));
        calls.push(call_of("sum-named-tokens", &[Val::U32(n)]));
        calls.push(call_of("drop-tokens", &[Val::U32(n), Val::U32(n / 2)]));
        calls.push(call_of("have-joined", &[texts(n as usize)]));
        calls.push(call_of("have-described", &[Val::U32(n)]));
        calls.push(call_of("have-counted", &[Val::U32(n)]));
        calls.push(call_of("have-taken", &[texts(n as usize), Val::U32(n / 2)]));
        calls.push(call_of("have-uppered", &[texts(n as usize)]));
    }
    for n in [0, 1, 30] {
        calls.push(call_of("sum-nested", &[Val::U32(n)]));
        calls.push(call_of("get-later-token", &[Val::U32(n)]));
    }
    for total in [0, 1, 100_000, 1 << 20] {
        for (chunk, most) in [(1 << 16, 1 << 16), (1000, 300), (300, 70_000)] {
            let params = [Val::U64(total), Val::U32(chunk), Val::U32(most)];
            calls.push(call_of("sum-bytes", &params));
            calls.push(call_of("count-bytes", &params));
            calls.push(call_of("have-summed", &[Val::U64(total), Val::U32(chunk)]));
        }
    }
    for text in ["", "text", "Zoë 🦀\0"] {
        for function in ["get-later", "get-parcel", "have-awaited", "have-unwrapped"] {
            calls.push(call_of(function, &[string(text)]));
        }
    }
    calls.push(call_of("get-soon", &[]));
    calls.push(call_of("sum-nothing", &[]));
    calls.push(call_of("sip", &[Val::U32(10)]));
    calls.push(call_of("hold", &[]));
    calls.push(call_of("leave", &[]));
    answer_alike(&["writer", "reader"], Some("composer:test/ireader"), &calls);
}
