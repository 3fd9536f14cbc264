//! Every type of value crosses between components and comes out as it went in.

use std::env;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use wasm_runtime_composer::types::ValueType;
use wasm_runtime_composer::{ComposableDescriptor, Composer};
use wasmtime::component::{Linker, Val};

use composer_tests::{Fixture, call, compose, composer, engine, run_placed, string};

const CONSUMER: &str = "composer:test/iconsumer";
const PRODUCER: &str = "composer:test/iproducer";

/// How a component has its strings.
const ENCODINGS: [&str; 3] = ["utf8", "utf16", "latin1+utf16"];

/// More parameters than a core function takes: one that has them takes a pointer instead.
const PADDING: u64 = 17;

/// How deep generated types nest.
const DEPTH: u32 = 3;
/// How many fields, cases or elements they have on each level.
const WIDTH: usize = 4;

/// Two components through which values of one type go and come back.
///
/// A value travels in a tuple with so many numbers that parameters and results lie in memory, in
/// the same layout. So identity is the same core function for every type.
#[derive(Clone, Debug)]
struct Route {
    ty: ValueType,
    is_async: bool,
    /// Of the provider, and of the forwarder.
    encodings: [&'static str; 2],
}

impl Route {
    fn new(ty: ValueType) -> Self {
        Self { ty, is_async: false, encodings: ["utf8", "utf8"] }
    }

    /// The provider, which exports `echo`, and the forwarder, whose `run` calls it.
    fn components(&self) -> [Fixture; 2] {
        let mut named = Vec::new();
        let ty = reference(&self.padded(), &mut named);
        let is_async = if self.is_async { "async" } else { "" };
        let function = format!(r#"{is_async} (param "value" {ty}) (result {ty})"#);
        [
            provider(&named, &function, self.encodings[0]),
            forwarder(&named, &function, self.encodings[1]),
        ]
        .map(Fixture::new)
    }

    fn padded(&self) -> ValueType {
        let padding = (0..PADDING).map(|_| ValueType::U64);
        ValueType::Tuple([self.ty.clone()].into_iter().chain(padding).collect())
    }

    /// Sends each value and compares it with what comes back.
    fn returns(&self, values: &[Val]) {
        let [provider, forwarder] = self.components();
        run_placed(|| async {
            let mut composer = Composer::new();
            for (id, component) in [("provider", &provider), ("forwarder", &forwarder)] {
                let part = component.component(Linker::new(engine()));
                composer.add(ComposableDescriptor::new(id, part));
            }
            let composition = compose(composer).await.expect("the types are the same");
            let function = composition.get_func(None, "run").expect("the forwarder exports it");
            assert_eq!(function.ty().result(), Some(&self.padded()));
            for value in values {
                let padding = (0..PADDING).map(Val::U64);
                let sent = Val::Tuple([value.clone()].into_iter().chain(padding).collect());
                let returned = call(&composition, None, "run", std::slice::from_ref(&sent)).await;
                assert_eq!(returned.expect("the value crosses"), sent, "a {}", self.ty);
            }
        });
    }
}

/// Exports `echo`, which returns what it is given from where it lies.
fn provider(named: &[String], function: &str, encoding: &str) -> String {
    let types: String = named
        .iter()
        .enumerate()
        .map(|(i, it)| format!(r#"(type $it{i} {it}) (export $t{i} "t{i}" (type $it{i}))"#))
        .collect();
    format!(
        r#"(component
            (component $provider
                {types}
                {HEAP}
                (core module $echo (func (export "echo") (param i32) (result i32) local.get 0))
                (core instance $echo (instantiate $echo))
                (func (export "echo") {function}
                    (canon lift (core func $echo "echo") string-encoding={encoding}
                        (memory (core memory $heap "memory"))
                        (realloc (core func $heap "realloc")))))
            (instance $provider (instantiate $provider))
            (export "test:values/echo" (instance $provider)))"#
    )
}

/// Exports `run`, which calls `echo` and returns what that returns.
fn forwarder(named: &[String], function: &str, encoding: &str) -> String {
    let types: String = named
        .iter()
        .enumerate()
        .map(|(i, it)| format!(r#"(type $it{i} {it}) (export "t{i}" (type $t{i} (eq $it{i})))"#))
        .collect();
    let aliases: String = (0..named.len())
        .map(|i| format!(r#"(alias export $provider "t{i}" (type $t{i}))"#))
        .collect();
    format!(
        r#"(component
            (import "test:values/echo" (instance $provider
                {types}
                (export "echo" (func {function}))))
            {aliases}
            {HEAP}
            (core func $echo
                (canon lower (func $provider "echo") string-encoding={encoding}
                    (memory (core memory $heap "memory"))
                    (realloc (core func $heap "realloc"))))
            (core module $forwarder
                (import "" "echo" (func $echo (param i32 i32)))
                ;; The result goes to the first page. The types are too small to fill it.
                (func (export "run") (param i32) (result i32)
                    (call $echo (local.get 0) (i32.const 16))
                    (i32.const 16)))
            (core instance $forwarder
                (instantiate $forwarder (with "" (instance (export "echo" (func $echo))))))
            (func (export "run") {function}
                (canon lift (core func $forwarder "run") string-encoding={encoding}
                    (memory (core memory $heap "memory"))
                    (realloc (core func $heap "realloc")))))"#
    )
}

/// Memory from the second page on, which grows and is never freed.
pub(crate) const HEAP: &str = r#"
    (core module $heap
        (memory (export "memory") 2)
        (global $top (mut i32) (i32.const 65536))
        (func (export "realloc")
            (param $old i32) (param $old-size i32) (param $align i32) (param $size i32)
            (result i32)
            (local $new i32)
            (local.set $new (i32.and
                (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
                (i32.sub (i32.const 0) (local.get $align))))
            (global.set $top (i32.add (local.get $new) (local.get $size)))
            (if (i32.gt_u (global.get $top) (i32.mul (memory.size) (i32.const 65536)))
                (then (drop (memory.grow
                    (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))))))
            (memory.copy (local.get $new) (local.get $old)
                (select (local.get $size) (local.get $old-size)
                    (i32.lt_u (local.get $size) (local.get $old-size))))
            (local.get $new)))
    (core instance $heap (instantiate $heap))"#;

/// How the text format refers to a type. What may only be used by name there is added to `named`.
pub(crate) fn reference(ty: &ValueType, named: &mut Vec<String>) -> String {
    let definition = match ty {
        ValueType::List(element) => return format!("(list {})", reference(element, named)),
        ValueType::FixedLengthList(element, n) => {
            return format!("(list {} {n})", reference(element, named));
        }
        ValueType::Map(types) => {
            let key = reference(&types.0, named);
            return format!("(map {key} {})", reference(&types.1, named));
        }
        ValueType::Tuple(types) => {
            let types: Vec<_> = types.iter().map(|ty| reference(ty, named)).collect();
            return format!("(tuple {})", types.join(" "));
        }
        ValueType::Option(ty) => return format!("(option {})", reference(ty, named)),
        ValueType::Result(types) => {
            let ok = types.0.as_ref().map(|ty| reference(ty, named)).unwrap_or_default();
            let err = types.1.as_ref().map(|ty| format!("(error {})", reference(ty, named)));
            return format!("(result {ok} {})", err.unwrap_or_default());
        }
        ValueType::Record(fields) => {
            let field = |(name, ty): &(Arc<str>, ValueType)| {
                format!(r#"(field "{name}" {})"#, reference(ty, named))
            };
            format!("(record {})", fields.iter().map(field).collect::<String>())
        }
        ValueType::Variant(cases) => {
            let case = |(name, payload): &(Arc<str>, Option<ValueType>)| {
                let payload = payload.as_ref().map(|ty| reference(ty, named));
                format!(r#"(case "{name}" {})"#, payload.unwrap_or_default())
            };
            format!("(variant {})", cases.iter().map(case).collect::<String>())
        }
        ValueType::Enum(cases) => format!("(enum {})", quoted(cases)),
        ValueType::Flags(flags) => format!("(flags {})", quoted(flags)),
        // The others print alike in both formats.
        primitive => return primitive.to_string(),
    };
    named.push(definition);
    format!("$t{}", named.len() - 1)
}

fn quoted(names: &[Arc<str>]) -> String {
    names.iter().map(|name| format!(r#""{name}" "#)).collect()
}

fn names(n: usize) -> Arc<[Arc<str>]> {
    (0..n).map(|i| format!("n{i}").into()).collect()
}

/// Gives names to the fields of a record or the cases of a variant.
fn with_names<T>(types: Vec<T>) -> Arc<[(Arc<str>, T)]> {
    let named = types.into_iter().enumerate().map(|(i, ty)| (format!("n{i}").into(), ty));
    named.collect()
}

fn routes() -> impl Strategy<Value = Route> {
    let encoding = || select(&ENCODINGS[..]);
    (types(), any::<bool>(), [encoding(), encoding()]).prop_map(|(ty, is_async, encodings)| Route {
        ty,
        is_async,
        encodings,
    })
}

pub(crate) fn types() -> impl Strategy<Value = ValueType> {
    let leaf = prop_oneof![
        6 => keys(),
        2 => select(&[ValueType::F32, ValueType::F64][..]),
        // An enum of more than 256 cases is wider than a byte.
        1 => prop_oneof![1..6_usize, 257..300_usize].prop_map(|n| ValueType::Enum(names(n))),
        1 => (1..=32_usize).prop_map(|n| ValueType::Flags(names(n))),
    ];
    leaf.prop_recursive(DEPTH, 24, WIDTH as u32, |ty| {
        let payload = || proptest::option::of(ty.clone());
        prop_oneof![
            2 => ty.clone().prop_map(|ty| ValueType::List(ty.into())),
            1 => (ty.clone(), 1..=WIDTH as u32)
                .prop_map(|(ty, n)| ValueType::FixedLengthList(ty.into(), n)),
            1 => (keys(), ty.clone()).prop_map(|entry| ValueType::Map(entry.into())),
            2 => vec(ty.clone(), 1..=WIDTH)
                .prop_map(|types| ValueType::Record(with_names(types))),
            1 => vec(ty.clone(), 1..=WIDTH).prop_map(|types| ValueType::Tuple(types.into())),
            2 => vec(payload(), 1..=WIDTH)
                .prop_map(|types| ValueType::Variant(with_names(types))),
            1 => ty.clone().prop_map(|ty| ValueType::Option(ty.into())),
            1 => (payload(), payload()).prop_map(|types| ValueType::Result(types.into())),
        ]
    })
}

/// What a map's key can be.
fn keys() -> impl Strategy<Value = ValueType> {
    use ValueType::{Bool, Char, S8, S16, S32, S64, String, U8, U16, U32, U64};
    select(&[Bool, S8, U8, S16, U16, S32, U32, S64, U64, Char, String][..])
}

/// The values of a type.
pub(crate) fn values(ty: &ValueType) -> BoxedStrategy<Val> {
    let payload = |ty: &Option<ValueType>| match ty {
        Some(ty) => values(ty).prop_map(|val| Some(Box::new(val))).boxed(),
        None => Just(None).boxed(),
    };
    match ty {
        ValueType::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        ValueType::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        ValueType::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        ValueType::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        ValueType::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        ValueType::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        ValueType::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        ValueType::S64 => any::<i64>().prop_map(Val::S64).boxed(),
        ValueType::U64 => any::<u64>().prop_map(Val::U64).boxed(),
        ValueType::F32 => proptest::num::f32::ANY.prop_map(Val::Float32).boxed(),
        ValueType::F64 => proptest::num::f64::ANY.prop_map(Val::Float64).boxed(),
        ValueType::Char => any::<char>().prop_map(Val::Char).boxed(),
        ValueType::String => texts().prop_map(Val::String).boxed(),
        ValueType::List(element) => vec(values(element), 0..5).prop_map(Val::List).boxed(),
        ValueType::FixedLengthList(element, n) => {
            vec(values(element), *n as usize).prop_map(Val::FixedLengthList).boxed()
        }
        ValueType::Map(types) => vec((values(&types.0), values(&types.1)), 0..5)
            .prop_map(|mut entries: Vec<(Val, Val)>| {
                let keys: Vec<_> = entries.iter().map(|(key, _)| key.clone()).collect();
                let mut i = 0;
                entries.retain(|(key, _)| {
                    i += 1;
                    !keys[..i - 1].contains(key)
                });
                Val::Map(entries)
            })
            .boxed(),
        ValueType::Record(fields) => {
            let field = |(name, ty): &(Arc<str>, ValueType)| (Just(name.to_string()), values(ty));
            fields.iter().map(field).collect::<Vec<_>>().prop_map(Val::Record).boxed()
        }
        ValueType::Tuple(types) => {
            types.iter().map(values).collect::<Vec<_>>().prop_map(Val::Tuple).boxed()
        }
        ValueType::Variant(cases) => Union::new(cases.iter().map(|(name, ty)| {
            let name = name.to_string();
            payload(ty).prop_map(move |payload| Val::Variant(name.clone(), payload))
        }))
        .boxed(),
        ValueType::Enum(cases) => {
            select(cases.to_vec()).prop_map(|name| Val::Enum(name.to_string())).boxed()
        }
        ValueType::Option(ty) => prop_oneof![
            1 => Just(Val::Option(None)),
            3 => values(ty).prop_map(|val| Val::Option(Some(Box::new(val)))),
        ]
        .boxed(),
        ValueType::Result(types) => prop_oneof![
            payload(&types.0).prop_map(|payload| Val::Result(Ok(payload))),
            payload(&types.1).prop_map(|payload| Val::Result(Err(payload))),
        ]
        .boxed(),
        ValueType::Flags(names) => {
            let names = names.clone();
            vec(any::<bool>(), names.len())
                .prop_map(move |set| {
                    let set = names.iter().zip(set).filter(|(_, set)| *set);
                    Val::Flags(set.map(|(name, _)| name.to_string()).collect())
                })
                .boxed()
        }
        other => unreachable!("no {other} is generated"),
    }
}

/// Texts of any characters, and of those that one byte each holds in Latin-1.
fn texts() -> impl Strategy<Value = String> {
    let characters =
        prop_oneof![vec(any::<char>(), 0..12), vec(any::<u8>().prop_map(char::from), 0..12)];
    characters.prop_map(String::from_iter)
}

#[test]
fn random_values_of_random_types_come_back_as_they_went() {
    let journeys = routes().prop_flat_map(|route| {
        let values = vec(values(&route.ty), 6);
        (Just(route), values)
    });
    each_case(&journeys, |(route, values)| route.returns(&values));
}

/// Runs `test` with some cases, always the same unless the environment says otherwise.
pub(crate) fn each_case<S: Strategy>(cases: &S, test: impl Fn(S::Value)) {
    let number = if env::var_os("PROPTEST_CASES").is_some() { Config::default().cases } else { 40 };
    let rng_seed = match Config::default().rng_seed {
        RngSeed::Random => RngSeed::Fixed(48),
        chosen @ RngSeed::Fixed(_) => chosen,
    };
    let config = Config { cases: number, rng_seed, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(cases, |case| {
        test(case);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn values_of_each_kind_cross_between_guests() {
    run_placed(|| async {
        let composition = compose(composer(&["producer", "consumer"])).await.expect("they fit");
        let values = call(&composition, CONSUMER, "run-values", &[]).await.expect("they cross");
        let expected = "ann 42 [x,older]; [3, 2, 1]; empty; one 1 []; denied two; not-found 3; \
            blue [read,exec]";
        assert_eq!(values, string(expected));
    });
}

#[test]
fn extreme_numbers_cross() {
    let (types, values): (Vec<_>, _) = [
        alone_and_in_lists(ValueType::S8, [i8::MIN, -1, i8::MAX].map(Val::S8)),
        alone_and_in_lists(ValueType::U8, [0, 1, u8::MAX].map(Val::U8)),
        alone_and_in_lists(ValueType::S16, [i16::MIN, -1, i16::MAX].map(Val::S16)),
        alone_and_in_lists(ValueType::U16, [0, 1, u16::MAX].map(Val::U16)),
        alone_and_in_lists(ValueType::S32, [i32::MIN, -1, i32::MAX].map(Val::S32)),
        alone_and_in_lists(ValueType::U32, [0, 1, u32::MAX].map(Val::U32)),
        alone_and_in_lists(ValueType::S64, [i64::MIN, -1, i64::MAX].map(Val::S64)),
        alone_and_in_lists(ValueType::U64, [0, 1, u64::MAX].map(Val::U64)),
        alone_and_in_lists(ValueType::F32, [f32::MIN, f32::MAX, f32::EPSILON].map(Val::Float32)),
        alone_and_in_lists(ValueType::F32, [-0.0, f32::NAN, f32::INFINITY].map(Val::Float32)),
        alone_and_in_lists(ValueType::F64, [f64::MIN, f64::MAX, f64::EPSILON].map(Val::Float64)),
        alone_and_in_lists(ValueType::F64, [-0.0, f64::NAN, f64::INFINITY].map(Val::Float64)),
        // The smallest that are not zero.
        alone_and_in_lists(ValueType::F32, [f32::from_bits(1)].map(Val::Float32)),
        alone_and_in_lists(ValueType::F64, [f64::from_bits(1)].map(Val::Float64)),
    ]
    .into_iter()
    .unzip();
    Route::new(ValueType::Tuple(types.into())).returns(&[Val::Tuple(values)]);
}

#[test]
fn characters_beside_the_surrogates_cross_in_every_encoding() {
    let characters =
        ['\0', '\u{7f}', '\u{80}', '\u{ff}', '\u{100}', '\u{d7ff}', '\u{e000}', '\u{ffff}']
            .into_iter()
            .chain(['\u{10000}', char::MAX]);
    let characters: Vec<_> = characters.collect();
    let (chars, chars_value) =
        alone_and_in_lists(ValueType::Char, characters.iter().copied().map(Val::Char));
    // One by one, as an encoding may depend on the widest character.
    let texts = characters.iter().map(|it| format!("{it}{it}a"));
    let texts = texts.chain([String::from_iter(&characters)]).map(Val::String);
    let (texts, texts_value) = alone_and_in_lists(ValueType::String, texts);
    let ty = ValueType::Tuple([chars, texts].into());
    let value = Val::Tuple(vec![chars_value, texts_value]);
    for provider in ENCODINGS {
        for forwarder in ENCODINGS {
            let route = Route { encodings: [provider, forwarder], ..Route::new(ty.clone()) };
            route.returns(std::slice::from_ref(&value));
        }
    }
}

#[test]
fn what_is_empty_stays_empty() {
    let bytes = || list(ValueType::U8);
    let map = ValueType::Map((ValueType::String, bytes()).into());
    let flags = ValueType::Flags(names(32));
    let types = [ValueType::String, bytes(), list(bytes()), list(ValueType::String), map, flags];
    let empty = || Val::List(Vec::new());
    let values = [string(""), empty(), empty(), empty(), Val::Map(vec![]), Val::Flags(vec![])];
    let nested = [
        string(""),
        empty(),
        Val::List(vec![empty(), empty()]),
        Val::List(vec![string(""), string("")]),
        Val::Map(vec![(string(""), empty())]),
        Val::Flags(vec![]),
    ];
    Route::new(ValueType::Tuple(types.into()))
        .returns(&[values, nested].map(|it| Val::Tuple(it.into())));
}

#[test]
fn nested_options_and_results_keep_their_depth() {
    let option = |ty| ValueType::Option(Arc::new(ty));
    let some = |val| Val::Option(Some(Box::new(val)));
    let none = Val::Option(None);
    Route::new(option(option(option(ValueType::Bool)))).returns(&[
        none.clone(),
        some(none.clone()),
        some(some(none.clone())),
        some(some(some(Val::Bool(false)))),
    ]);

    let result = |ok, err| ValueType::Result((ok, err).into());
    let ok = |val| Val::Result(Ok(Some(Box::new(val))));
    let err = |val| Val::Result(Err(Some(Box::new(val))));
    let (done, failed) = (Val::Result(Ok(None)), Val::Result(Err(None)));
    let inner = result(None, Some(ValueType::String));
    Route::new(result(Some(inner), Some(result(None, None)))).returns(&[
        ok(done.clone()),
        ok(err(string("why"))),
        err(done),
        err(failed),
    ]);
}

#[test]
fn the_last_of_many_cases_and_flags_crosses() {
    let last = |n: usize| format!("n{}", n - 1);
    Route::new(ValueType::Enum(names(300))).returns(&[
        Val::Enum("n0".into()),
        Val::Enum(last(256)),
        Val::Enum(last(300)),
    ]);
    let cases = vec![Some(ValueType::U64); 300];
    Route::new(ValueType::Variant(with_names(cases)))
        .returns(&[Val::Variant(last(300), Some(Box::new(Val::U64(u64::MAX))))]);
    for n in [1, 8, 9, 16, 17, 31, 32] {
        let all = names(n).iter().map(|name| name.to_string()).collect();
        Route::new(ValueType::Flags(names(n))).returns(&[
            Val::Flags(vec![last(n)]),
            Val::Flags(all),
            Val::Flags(Vec::new()),
        ]);
    }
}

#[test]
fn a_mebibyte_of_bytes_crosses() {
    const LEN: u32 = 1 << 20;
    run_placed(|| async {
        let composition = compose(composer(&["producer", "consumer"])).await.expect("they fit");
        let reversed = (0..LEN).map(|i| i % 256).rev();
        let sum = (0..).zip(reversed).map(|(i, byte)| i * u64::from(byte)).sum();
        let bytes = call(&composition, CONSUMER, "run-bytes", &[Val::U32(LEN)]).await;
        assert_eq!(bytes.expect("they cross"), Val::U64(sum));

        let bytes = (0..LEN).map(|i| Val::U8((i % 251) as u8));
        let reversed = Val::List(bytes.clone().rev().collect());
        let bytes = Val::List(bytes.collect());
        let returned = call(&composition, PRODUCER, "reverse", &[bytes]).await;
        // Not `assert_eq`, which would print them all.
        assert!(returned.expect("they cross") == reversed);
    });
}

#[test]
fn a_string_of_64_mebibytes_crosses() {
    const LEN: u32 = 64 << 20;
    run_placed(|| async {
        let composition = compose(composer(&["producer", "consumer"])).await.expect("they fit");
        let len = call(&composition, CONSUMER, "run-text", &[Val::U32(LEN)]).await;
        assert_eq!(len.expect("it crosses"), Val::U32(LEN));
    });
}

#[test]
#[cfg(feature = "codec")]
fn a_list_of_64_mebibytes_crosses() {
    const LEN: u32 = 64 << 20;
    run_placed(|| async {
        let composition = compose(composer(&["producer", "consumer"])).await.expect("they fit");
        let reversed = (0..LEN).map(|i| i % 256).rev();
        let sum =
            (0..).zip(reversed).map(|(i, byte)| i * u64::from(byte)).fold(0, u64::wrapping_add);
        let bytes = call(&composition, CONSUMER, "run-bytes", &[Val::U32(LEN)]).await;
        assert_eq!(bytes.expect("they cross"), Val::U64(sum));

        // From Rust it does not pass through `Val` either.
        let reverse = composition.typed::<(&[u8],), Vec<u8>>(Some(PRODUCER), "reverse").unwrap();
        let bytes = vec![7; LEN as usize];
        assert!(reverse.call((&bytes,)).await.expect("they cross") == bytes);
    });
}

fn list(ty: ValueType) -> ValueType {
    ValueType::List(Arc::new(ty))
}

/// Values in a list, and each in a tuple: a list of numbers may take another way.
fn alone_and_in_lists(ty: ValueType, values: impl IntoIterator<Item = Val>) -> (ValueType, Val) {
    let values: Vec<_> = values.into_iter().collect();
    let alone = values.iter().map(|value| Val::Tuple(vec![value.clone()]));
    let alone = Val::List(alone.collect());
    let types = [list(ty.clone()), list(ValueType::Tuple([ty].into()))];
    (ValueType::Tuple(types.into()), Val::Tuple(vec![Val::List(values), alone]))
}
