//! Bad input: each a typed error that names what it concerns, and the composition stays usable.

use composer_tests::{call, chain, component, composer, engine, limited, run, string, text};
use wasm_runtime_composer::error::{ArgumentError, PlanProblem, StartError};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, CompositionError,
};
use wasmtime::component::{Linker, Resource, ResourceType, Val};
use wasmtime::{Engine, Store};

const PRODUCER: &str = "composer:test/iproducer";

fn from_bytes(bytes: &[u8]) -> ComposableComponent<()> {
    ComposableComponent::new(bytes, Linker::new(engine()), || Store::new(engine(), ()))
}

fn problem(composable: ComposableComponent<()>) -> PlanProblem {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("it", composable));
    match composer.plan().unwrap_err() {
        CompositionError::Plan(error) => match error.problems() {
            [problem] => problem.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn bytes_that_are_no_component_are_refused() {
    let core_module = b"\0asm\x01\0\0\0";
    for bytes in [&b""[..], b"not wasm", b"\0asm", core_module, b"\0asm\x0d\0\x01\0\xff\xff\xff"] {
        let problem = problem(from_bytes(bytes));
        assert!(matches!(problem, PlanProblem::Load { .. }), "{problem:?}");
        assert!(chain(&problem).starts_with("component `it` cannot be loaded\n"), "{problem:?}");
    }
}

#[test]
fn file_that_is_not_there_is_named() {
    let path = std::path::Path::new("no/such/component.wasm");
    let linker = Linker::new(engine());
    let text = chain(&problem(ComposableComponent::new(path, linker, || Store::new(engine(), ()))));
    assert!(text.contains("no/such/component.wasm"), "{text}");
}

#[test]
fn component_of_another_engine_than_its_linkers_is_refused() {
    let other = Engine::default();
    let linker = Linker::new(&other);
    let compiled = composer_tests::guest("producer");
    let producer = ComposableComponent::new(compiled, linker, || Store::new(engine(), ()));
    assert_eq!(
        chain(&problem(producer)),
        "component `it` was compiled for another engine than its linker's; \
         build both with the same `Engine`"
    );
}

#[test]
fn store_of_another_engine_is_refused() {
    run(async || {
        let compiled = composer_tests::guest("producer");
        let producer = ComposableComponent::new(compiled, Linker::new(engine()), || {
            Store::new(&Engine::default(), ())
        });
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("it", producer));
        let error = composer.compose().await.unwrap_err();
        assert!(
            matches!(error, CompositionError::Start(StartError::EngineMismatch { .. })),
            "{error:?}"
        );
    });
}

#[test]
fn composing_outside_a_runtime_is_an_error() {
    let compose = composer(&["producer"]).compose();
    let error = futures_util::FutureExt::now_or_never(compose).unwrap().unwrap_err();
    assert!(matches!(error, CompositionError::Start(StartError::NoRuntime)), "{error:?}");
}

#[test]
fn wrong_arguments_are_refused_and_the_composition_stays_usable() {
    run(async || {
        let composition = composer(&["producer"]).compose().await.unwrap();
        let record = |name: Val, tags: Val| {
            Val::Record(vec![
                ("name".into(), name),
                ("age".into(), Val::U32(1)),
                ("tags".into(), tags),
            ])
        };
        let tags = Val::List(vec![string("a"), Val::U8(1)]);
        for (function, params, expected) in [
            ("add", vec![Val::S32(1)], "`composer:test/iproducer#add` takes 2 parameters, found 1"),
            (
                "add",
                vec![Val::S32(1), Val::U32(2)],
                "parameter `b` of `composer:test/iproducer#add`: expected `s32`, found a `u32`",
            ),
            (
                "birthday",
                vec![record(Val::Bool(true), Val::List(Vec::new()))],
                "field `name`, parameter `p` of `composer:test/iproducer#birthday`: \
                 expected `string`, found a `bool`",
            ),
            (
                "birthday",
                vec![record(string("x"), tags)],
                "list element 1, field `tags`, parameter `p` of \
                 `composer:test/iproducer#birthday`: expected `string`, found a `u8`",
            ),
            (
                "birthday",
                vec![Val::Record(vec![("nom".into(), string("x"))])],
                "parameter `p` of `composer:test/iproducer#birthday`: expected \
                 `record { name: string, age: u32, tags: list<string> }`, found a record of nom",
            ),
            (
                "mix",
                vec![Val::Enum("yellow".into()), Val::Flags(Vec::new())],
                "parameter `c` of `composer:test/iproducer#mix`: \
                 expected `enum { red, green, blue }`, found case `yellow`",
            ),
            (
                "mix",
                vec![Val::Enum("red".into()), Val::Flags(vec!["fly".into()])],
                "parameter `p` of `composer:test/iproducer#mix`: \
                 expected `flags { read, write, exec }`, found flag `fly`",
            ),
        ] {
            let error = call(&composition, PRODUCER, function, &params).await.unwrap_err();
            assert!(matches!(error, CompositionError::Argument(_)), "{error:?}");
            assert_eq!(error.to_string(), expected);
        }
        let add = composition.get_func(Some(PRODUCER), "add").unwrap();
        let params = [Val::S32(1), Val::S32(2)];
        for found in [0, 2] {
            let mut results = vec![Val::S32(0); found];
            let error = add.call(&params, &mut results).await.unwrap_err();
            let CompositionError::Argument(ArgumentError::ResultCount { expected: 1, .. }) = error
            else {
                panic!("{error:?}");
            };
        }
        let sum = limited(call(&composition, PRODUCER, "add", &params)).await.unwrap();
        assert_eq!(sum, Val::S32(3));
    });
}

#[test]
fn all_problems_are_told_at_once() {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("host", component("greeter")));
    composer.add(
        ComposableDescriptor::new("consumer", component("consumer"))
            .with_import_hint("add", "nobody")
            .with_import_hint("sub", "host"),
    );
    composer.add(ComposableDescriptor::new("polite", component("polite")));
    composer.add(ComposableDescriptor::new("polite", component("polite")));
    let CompositionError::Plan(error) = composer.plan().unwrap_err() else {
        panic!("a plan error");
    };
    let told = |pick: fn(&PlanProblem) -> bool| error.problems().iter().any(pick);
    assert!(told(|it| matches!(it, PlanProblem::InvalidId { .. })), "{error}");
    assert!(told(|it| matches!(it, PlanProblem::DuplicateId { .. })), "{error}");
    assert!(told(|it| matches!(it, PlanProblem::UnknownHintTarget { .. })), "{error}");
    assert!(told(|it| matches!(it, PlanProblem::HintNotImported { .. })), "{error}");
    assert!(told(|it| matches!(it, PlanProblem::AmbiguousImport { .. })), "{error}");
    assert!(told(|it| matches!(it, PlanProblem::Unsatisfied { .. })), "{error}");
}

#[test]
fn main_that_returns_the_error_shows_what_is_wrong() {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("polite", component("polite")));
    let error = composer.plan().unwrap_err();
    let shown = format!("{error:?}");
    assert_eq!(
        shown,
        "Plan(interface `composer:test/greeter`, imported by `polite`, is missing: no other component \
         exports it, and the linker of `polite` does not define it; add a component that exports it, or \
         define it in the linker of `polite`)"
    );
}

#[test]
fn what_a_linker_lacks_or_has_otherwise_is_told_by_name() {
    let wat = r#"(component
        (import "a:b/files" (instance
            (export "file" (type $file (sub resource)))
            (export "open" (func (param "name" u32) (result (own $file))))
            (export "[method]file.read" (func (param "self" (borrow $file)) (result u32)))
            (export "close" (func)))))"#;
    let told = |define: &dyn Fn(&mut Linker<()>)| {
        let mut linker = Linker::new(engine());
        define(&mut linker);
        let importer = ComposableComponent::new(wat, linker, || Store::new(engine(), ()));
        chain(&problem(importer))
    };
    let missing =
        "imported by `it`, is missing: no other component exports it, and the linker of `it`";
    let remedy = "add a component that exports it, or define it in the linker of `it`";
    assert_eq!(
        told(&|_| {}),
        format!("interface `a:b/files`, {missing} does not define it; {remedy}")
    );
    let file = |linker: &mut Linker<()>| {
        let mut files = linker.instance("a:b/files").unwrap();
        files.resource("file", ResourceType::host::<()>(), |_, _| Ok(())).unwrap();
    };
    let with_open = |linker: &mut Linker<()>| {
        file(linker);
        let mut files = linker.instance("a:b/files").unwrap();
        files.func_wrap("open", |_, (_,): (u32,)| Ok((Resource::<()>::new_own(1),))).unwrap();
    };
    assert_eq!(
        told(&with_open),
        format!(
            "function `[method]file.read`, function `close` of interface `a:b/files`, {missing} defines only \
             the rest; {remedy}"
        )
    );
    let wrong = told(&|linker| {
        with_open(linker);
        let mut files = linker.instance("a:b/files").unwrap();
        files.func_wrap("close", |_, (_,): (u64,)| Ok(())).unwrap();
    });
    let start = format!(
        "function `close` of interface `a:b/files`, imported by `it`, has no provider of its type: no other \
         component exports it, and the linker of `it` has another; {remedy}\n"
    );
    assert!(wrong.starts_with(&start), "{wrong}");
    assert!(
        wrong.contains("expected 1 parameters, found 0") || wrong.contains("parameter"),
        "{wrong}"
    );
}

#[test]
fn bytes_that_are_something_else_are_told_by_what_they_are() {
    let core = |rest: &[u8]| [b"\0asm\x01\0\0\0", rest].concat();
    let preview1 = core(b"\x02\x1a\x01\x16wasi_snapshot_preview1");
    let tar = [&[0; 257][..], b"ustar\0"].concat();
    for (bytes, told) in [
        (&b""[..], "nothing: it is empty"),
        (b" \n", "white space alone"),
        (&core(b""), "a core module; `wasm-tools component new module.wasm -o component.wasm`"),
        (
            &preview1,
            "a core module; it imports `wasi_snapshot_preview1`, so `wasm-tools component new",
        ),
        (b"\0asm", "the first bytes of a WebAssembly binary"),
        (b"\0asm\x0a\0\x01\0", "a WebAssembly binary of another version"),
        (b"(module)", "a core module in the text format"),
        (b"\x7fELF\x02\x01", "an ELF file"),
        (b"PK\x03\x04..", "a zip archive"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (&tar, "a tar archive"),
        (b"\x89PNG\r\n", "a PNG image"),
        (b"{\"name\": 1}", "JSON"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"<?xml?>", "XML"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS"),
        (b"package a:b;", "WIT"),
        (b"#!/bin/sh", "a script"),
        (b"hello\nworld", "text that is not in its text format: `hello`"),
        (b"\xff\xfe\xfd", "bytes that are neither a WebAssembly binary nor text"),
    ] {
        let text = chain(&problem(from_bytes(bytes)));
        let start = "component `it` cannot be loaded\nexpected a WebAssembly component, found ";
        assert!(text.starts_with(&format!("{start}{told}")), "{text}");
    }
}

#[test]
fn value_that_a_guest_garbles_ends_its_component() {
    run(async || {
        // A string that is no UTF-8, and a list that reaches beyond the memory.
        for (result, data) in [("string", "\\ff\\fe"), ("(list u8)", "")] {
            let length = if data.is_empty() { 1 << 30 } else { 2 };
            let wat = format!(
                r#"(component
                (core module $m
                    (memory (export "memory") 1)
                    (data (i32.const 8) "{data}")
                    (func (export "f") (result i32)
                        (i32.store (i32.const 0) (i32.const 8))
                        (i32.store (i32.const 4) (i32.const {length}))
                        i32.const 0))
                (core instance $i (instantiate $m))
                (func (export "f") (result {result})
                    (canon lift (core func $i "f") (memory (core memory $i "memory")))))"#
            );
            let mut composer = Composer::new();
            composer.add(ComposableDescriptor::new("garbling", text(wat)));
            let composition = composer.compose().await.unwrap();
            let error = limited(call(&composition, None, "f", &[])).await.unwrap_err();
            assert!(matches!(error, CompositionError::Trap { .. }), "{error:?}");
        }
    });
}

#[test]
fn damaged_component_is_refused_or_planned_and_never_panics() {
    let whole = std::fs::read(composer_tests::guest_file("greeter")).unwrap();
    // Cut off anywhere, or with a byte changed in what describes it rather than in its code.
    let cuts = (0..whole.len()).step_by(whole.len() / 50).map(|at| whole[..at].to_vec());
    let changed = (0..200_usize).map(|i| {
        let mut bytes = whole.clone();
        let at = match i % 2 {
            0 => i * 7 % 400,
            _ => bytes.len() - 1 - i * 11 % 1500,
        };
        bytes[at] ^= 1 << (i % 8);
        bytes
    });
    for bytes in cuts.chain(changed) {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("damaged", from_bytes(&bytes)));
        composer.add(ComposableDescriptor::new("polite", component("polite")));
        if let Err(error) = composer.plan() {
            assert!(matches!(error, CompositionError::Plan(_)), "{error:?}");
        }
    }
}

#[test]
fn component_whose_types_explode_is_refused() {
    // Some kilobytes: an enum of a thousand cases, in tuples of tuples, in some functions.
    let cases: String = (0..1000).map(|i| format!(r#""n{i}" "#)).collect();
    let mut items = format!(r#"(type $e (enum {cases})) (export "e" (type $t0 (eq $e)))"#);
    for level in 1..=2 {
        let inside = format!("$t{} ", level - 1).repeat(30);
        items += &format!("(type $t{level} (tuple {inside}))");
    }
    for function in 0..6 {
        items += &format!(r#"(export "f{function}" (func (param "x" $t2)))"#);
    }
    let mut composer = Composer::new();
    let bomb = text(format!(r#"(component (import "a:b/c" (instance {items})))"#));
    composer.add(ComposableDescriptor::new("bomb", bomb));
    let error = chain(&composer.plan().unwrap_err());
    assert_eq!(
        error,
        "component `bomb` cannot be loaded\n\
         its types are too large: with every use spelled out, they are more than 4194304"
    );
}

/// A component that exports `count` async functions which take a value of type `$t`.
fn takes(types: &str, count: usize) -> Vec<u8> {
    let mut exports = String::new();
    for function in 0..count {
        exports += &format!(
            r#"(func $g{function} async (param "x" $t)
                (canon lift (core func $i "f") async (callback (core func $i "c"))
                    (memory (core memory $i "memory")) (realloc (core func $i "r"))))
            (export "f{function}" (func $g{function}))"#
        );
    }
    let text = format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "f") (param i32) (result i32) i32.const 0)
                (func (export "c") (param i32 i32 i32) (result i32) i32.const 0)
                (func (export "r") (param i32 i32 i32 i32) (result i32) i32.const 0))
            (core instance $i (instantiate $m))
            (core func $cancel (canon task.cancel))
            {types}
            {exports})"#
    );
    wat::parse_str(text).expect("this is well-formed")
}

#[test]
fn exports_whose_types_explode_are_refused() {
    // As above, and the functions are the component's own.
    let cases: String = (0..1000).map(|i| format!(r#""n{i}" "#)).collect();
    let mut types = format!(r#"(type $e (enum {cases})) (export $t0 "e" (type $e))"#);
    for level in 1..=2 {
        let inside = format!("$t{} ", level - 1).repeat(30);
        types += &format!("(type $t{level} (tuple {inside}))");
    }
    types += "(type $t (option $t2))";
    let refused = chain(&problem(from_bytes(&takes(&types, 6))));
    assert!(refused.contains("its types are too large"), "{refused}");
}
