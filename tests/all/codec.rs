//! Values that do not pass through `Val` are what `Val`s would be, and what `Val` refuses is refused.

use std::sync::{Arc, Mutex};

use composer_tests::{
    Fixture, Placement, chain, compose, compose_with, engine, limited, placement, run, run_placed,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use wasm_runtime_composer::types::ValueType;
use wasm_runtime_composer::{ComposableDescriptor, Composer, CompositionError};
use wasmtime::Store;
use wasmtime::component::{Linker, Val};

use crate::values::{HEAP, each_case, reference, types, values};

const INTERFACE: &str = "test:values/echo";
/// Beyond, parameters lie in memory.
const MOST_PARAMS: usize = 16;

/// The core values that a value of type `ty` flattens to.
fn flat(ty: &ValueType) -> Vec<&'static str> {
    let all = |types: &[ValueType]| types.iter().flat_map(flat).collect();
    match ty {
        ValueType::S64 | ValueType::U64 => vec!["i64"],
        ValueType::F32 => vec!["f32"],
        ValueType::F64 => vec!["f64"],
        ValueType::String | ValueType::List(_) | ValueType::Map(_) => vec!["i32", "i32"],
        ValueType::FixedLengthList(ty, n) => flat(ty).repeat(*n as usize),
        ValueType::Record(fields) => fields.iter().flat_map(|(_, ty)| flat(ty)).collect(),
        ValueType::Tuple(types) => all(types),
        ValueType::Variant(cases) => joined(cases.iter().filter_map(|(_, ty)| ty.as_ref())),
        ValueType::Option(ty) => joined([&**ty]),
        ValueType::Result(sides) => joined(sides.0.iter().chain(&sides.1)),
        _ => vec!["i32"],
    }
}

/// A discriminant, and core values that have room for any of the payloads.
fn joined<'a>(payloads: impl IntoIterator<Item = &'a ValueType>) -> Vec<&'static str> {
    let mut joined: Vec<&'static str> = Vec::new();
    for payload in payloads {
        for (i, core) in flat(payload).into_iter().enumerate() {
            match joined.get_mut(i) {
                None => joined.push(core),
                Some(known) if *known == core => {}
                Some(known) => {
                    let narrow = ["i32", "f32"];
                    *known = if narrow.contains(known) && narrow.contains(&core) {
                        "i32"
                    } else {
                        "i64"
                    };
                }
            }
        }
    }
    joined.insert(0, "i32");
    joined
}

/// The core parameters of a function that takes a value of type `ty`.
fn params(ty: &ValueType) -> Vec<&'static str> {
    let flat = flat(ty);
    if flat.len() > MOST_PARAMS { vec!["i32"] } else { flat }
}

/// An import of `INTERFACE` with the function `name`, and aliases of the types in it.
fn import(named: &[String], name: &str, function: &str) -> String {
    let types: String = named
        .iter()
        .enumerate()
        .map(|(i, it)| format!(r#"(type $it{i} {it}) (export "t{i}" (type $t{i} (eq $it{i})))"#))
        .collect();
    let aliases: String = (0..named.len())
        .map(|i| format!(r#"(alias export $provider "t{i}" (type $t{i}))"#))
        .collect();
    format!(
        r#"(import "{INTERFACE}" (instance $provider {types} (export "{name}" (func {function}))))
        {aliases}"#
    )
}

/// Types that are defined and exported here.
fn exported_types(named: &[String]) -> String {
    let define = |(i, it): (usize, &String)| {
        format!(r#"(type $it{i} {it}) (export $t{i} "t{i}" (type $it{i}))"#)
    };
    named.iter().enumerate().map(define).collect()
}

/// Imports `echo` and exports `run`, which calls it with the core values that it got.
fn passer(ty: &ValueType, is_async: bool, encoding: &str) -> Fixture {
    let mut named = Vec::new();
    let text = reference(ty, &mut named);
    let is_async = if is_async { "async" } else { "" };
    let function = format!(r#"{is_async} (param "value" {text}) (result {text})"#);
    let params = params(ty);
    let list = params.join(" ");
    let gets: String = (0..params.len()).map(|i| format!("(local.get {i}) ")).collect();
    let (imported, body, result) = match flat(ty).as_slice() {
        [one] => (
            format!("(param {list}) (result {one})"),
            format!("(call $echo {gets})"),
            (*one).to_owned(),
        ),
        // The result goes to the first page. The types are too small to fill it.
        _ => (
            format!("(param {list} i32)"),
            format!("(call $echo {gets} (i32.const 16)) (i32.const 16)"),
            "i32".to_owned(),
        ),
    };
    Fixture::new(format!(
        r#"(component
            {}
            {HEAP}
            (core func $echo
                (canon lower (func $provider "echo") string-encoding={encoding}
                    (memory (core memory $heap "memory"))
                    (realloc (core func $heap "realloc"))))
            (core module $m
                (import "" "echo" (func $echo {imported}))
                (func (export "run") (param {list}) (result {result}) {body}))
            (core instance $m (instantiate $m (with "" (instance (export "echo" (func $echo))))))
            (func (export "run") {function}
                (canon lift (core func $m "run") string-encoding={encoding}
                    (memory (core memory $heap "memory"))
                    (realloc (core func $heap "realloc")))))"#,
        import(&named, "echo", &function)
    ))
}

#[test]
fn what_a_guest_gets_and_gives_is_what_a_val_would_be() {
    let encodings = select(&["utf8", "utf16", "latin1+utf16"][..]);
    let cases = (types(), any::<bool>(), encodings).prop_flat_map(|(ty, is_async, encoding)| {
        let sent = vec(values(&ty), 4);
        (Just(ty), Just(is_async), Just(encoding), sent)
    });
    each_case(&cases, |(ty, is_async, encoding, sent)| {
        let component = passer(&ty, is_async, encoding);
        run_placed(|| async {
            // The host sees the guest's values through `Val`, and gives them back so.
            let seen = Arc::new(Mutex::new(Vec::new()));
            let mut linker = Linker::new(engine());
            let mut interface = linker.instance(INTERFACE).unwrap();
            let log = seen.clone();
            let echo = move |params: &[Val], results: &mut [Val]| {
                log.lock().unwrap().push(params[0].clone());
                results[0] = params[0].clone();
            };
            let defined = if is_async {
                interface.func_new_concurrent("echo", move |_, _, params, results| {
                    echo(params, results);
                    Box::pin(async { Ok(()) })
                })
            } else {
                interface.func_new("echo", move |_, _, params, results| {
                    echo(params, results);
                    Ok(())
                })
            };
            defined.unwrap();
            let mut composer = Composer::new();
            let passer = component.component(linker.clone());
            composer.add(ComposableDescriptor::new("passer", passer));
            let composition = compose_with(composer, linker).await.unwrap();
            let run = composition.get_func(None, "run").unwrap();
            for sent in &sent {
                let mut results = [Val::Bool(false)];
                limited(run.call(std::slice::from_ref(sent), &mut results)).await.unwrap();
                assert_eq!(results[0], *sent, "the result, a {ty}");
                assert_eq!(seen.lock().unwrap().pop().as_ref(), Some(sent), "a {ty}");
            }
        });
    });
}

/// A constant of a core type with these bits.
fn constant(core: &str, bits: u64) -> String {
    match core {
        "i32" => format!("(i32.const {})", bits as u32 as i32),
        "i64" => format!("(i64.const {})", bits as i64),
        "f32" => format!("(f32.reinterpret_i32 (i32.const {}))", bits as u32 as i32),
        _ => format!("(f64.reinterpret_i64 (i64.const {}))", bits as i64),
    }
}

/// Bytes that are now and then a pointer, a length or a discriminant that fits.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![6 => Just(0), 3 => 0..6_u8, 1 => any::<u8>()], 4096)
}

/// A core value that may be a pointer, a length, a discriminant or anything.
fn bits() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..4_u64,
        3 => (0..512_u64).prop_map(|n| n * 8),
        1 => 0..140_000_u64,
        2 => any::<u64>(),
    ]
}

fn data(bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
    format!(r#"(data (i32.const 0) "{hex}")"#)
}

/// Exports `get`, which returns garbage.
fn liar(ty: &ValueType, bytes: &[u8], bits: u64) -> Fixture {
    let mut named = Vec::new();
    let text = reference(ty, &mut named);
    let core = match flat(ty).as_slice() {
        [one] => *one,
        _ => "i32",
    };
    Fixture::new(format!(
        r#"(component
            {}
            (core module $m
                (memory (export "memory") 2)
                {}
                (func (export "get") (result {core}) {}))
            (core instance $m (instantiate $m))
            (func (export "get") (result {text})
                (canon lift (core func $m "get") (memory (core memory $m "memory")))))"#,
        exported_types(&named),
        data(bytes),
        constant(core, bits)
    ))
}

/// What went wrong, at the bottom of it.
fn bottom(error: &CompositionError) -> String {
    chain(error).lines().last().unwrap_or_default().to_owned()
}

/// How wasmtime counts what a guest makes it allocate is another amount for `Val`.
fn is_fuel(error: &str) -> bool {
    error.contains("fuel")
}

#[test]
fn garbage_that_a_guest_returns_is_read_or_refused_as_val_does() {
    let cases = (types(), garbage(), bits());
    let many = vec(cases, 8);
    each_case(&many, |cases| {
        for (ty, bytes, bits) in cases {
            let component = liar(&ty, &bytes, bits);
            run(|| async {
                let mut store = Store::new(engine(), ());
                let linker = Linker::new(engine());
                let instance =
                    linker.instantiate_async(&mut store, component.compiled()).await.unwrap();
                let get = instance.get_func(&mut store, "get").unwrap();
                let mut expected = [Val::Bool(false)];
                let expected = match get.call_async(&mut store, &[], &mut expected).await {
                    Ok(()) => Ok(expected),
                    Err(error) => Err(error.root_cause().to_string()),
                };
                let mut composer = Composer::new();
                let liar = component.component(Linker::new(engine()));
                composer.add(ComposableDescriptor::new("liar", liar));
                let composition = composer.compose().await.unwrap();
                let get = composition.get_func(None, "get").unwrap();
                let mut found = [Val::Bool(false)];
                let found = match limited(get.call(&[], &mut found)).await {
                    Ok(()) => Ok(found),
                    Err(error) => Err(bottom(&error)),
                };
                if !expected.as_ref().is_err_and(|error| is_fuel(error)) {
                    assert_eq!(found, expected, "a {ty} from {bits}");
                }
            });
        }
    });
}

#[test]
fn garbage_that_a_guest_passes_on_is_taken_or_refused_as_val_does() {
    let cases = (types(), garbage(), vec(bits(), MOST_PARAMS));
    let many = vec(cases, 8);
    each_case(&many, |cases| {
        for (ty, bytes, bits) in cases {
            let mut named = Vec::new();
            let text = reference(&ty, &mut named);
            let function = format!(r#"(param "value" {text})"#);
            let params = params(&ty);
            let list = params.join(" ");
            let constants: String =
                params.iter().zip(&bits).map(|(core, bits)| constant(core, *bits)).collect();
            let caller = Fixture::new(format!(
                r#"(component
                    {}
                    (core module $memory (memory (export "memory") 2) {})
                    (core instance $memory (instantiate $memory))
                    (core func $take
                        (canon lower (func $provider "take")
                            (memory (core memory $memory "memory"))))
                    (core module $m
                        (import "" "take" (func $take (param {list})))
                        (func (export "run") (call $take {constants})))
                    (core instance $m
                        (instantiate $m (with "" (instance (export "take" (func $take))))))
                    (func (export "run") (canon lift (core func $m "run"))))"#,
                import(&named, "take", &function),
                data(&bytes)
            ));
            let taker = Fixture::new(format!(
                r#"(component
                    (component $provider
                        {}
                        {HEAP}
                        (core module $m (func (export "take") (param {list})))
                        (core instance $m (instantiate $m))
                        (func (export "take") {function}
                            (canon lift (core func $m "take")
                                (memory (core memory $heap "memory"))
                                (realloc (core func $heap "realloc")))))
                    (instance $provider (instantiate $provider))
                    (export "{INTERFACE}" (instance $provider)))"#,
                exported_types(&named)
            ));
            run_placed(|| async {
                let mut linker = Linker::new(engine());
                linker.instance(INTERFACE).unwrap().func_new("take", |_, _, _, _| Ok(())).unwrap();
                let mut store = Store::new(engine(), ());
                let instance =
                    linker.instantiate_async(&mut store, caller.compiled()).await.unwrap();
                let run = instance.get_func(&mut store, "run").unwrap();
                let expected = run.call_async(&mut store, &[], &mut []).await;
                let expected = expected.map_err(|error| error.root_cause().to_string());
                let mut composer = Composer::new();
                for (id, component) in [("caller", &caller), ("taker", &taker)] {
                    let part = component.component(Linker::new(engine()));
                    composer.add(ComposableDescriptor::new(id, part));
                }
                let composition = compose(composer).await.unwrap();
                let run = composition.get_func(None, "run").unwrap();
                let found = limited(run.call(&[], &mut [])).await;
                let found = found.map_err(|error| bottom(&error));
                if placement() == Placement::Fused {
                    // Inside of one component wasmtime has other words for it.
                    assert_eq!(found.is_ok(), expected.is_ok(), "a {ty} from {bits:?}");
                } else if !expected.as_ref().is_err_and(|error| is_fuel(error)) {
                    assert_eq!(found, expected, "a {ty} from {bits:?}");
                }
            });
        }
    });
}
