//! Bad input: each a typed error that names what it concerns, and the composition stays usable.

use composer_tests::{call, chain, component, composer, engine, limited, run, string, text};
use wasm_runtime_composer::{
    ArgumentError, ComposableComponent, ComposableDescriptor, Composer, CompositionError,
    PlanProblem, StartError,
};
use wasmtime::component::{Linker, Val};
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
    let problem = "Plan(no other component exports interface `composer:test/greeter`, imported by \
                   `polite`; add a provider or define it in the linker of `polite`: ";
    assert!(shown.starts_with(problem), "{shown}");
    assert!(shown.contains("function implementation is missing"), "{shown}");
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
