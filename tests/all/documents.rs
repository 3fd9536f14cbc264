//! Compositions from WAC documents (Contract 10), and what the same documents are when `wac` composes them.

use std::collections::BTreeSet;

use composer_tests::{
    call, compose, engine, guest_file, limited, placement, run, run_placed, string, text,
    with_linker,
};
use indexmap::IndexMap;
use wac_graph::EncodeOptions;
use wac_graph::types::BorrowedPackageKey;
use wasm_runtime_composer::error::{DocumentError, LookupError, PlanProblem};
use wasm_runtime_composer::wac::{self, Packages};
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, ExportFilter, HostInterface,
};
use wasmtime::Store;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Val};

/// 1, as `n`.
const ONE: &str = r#"(component
    (core module $m (func (export "n") (result i32) i32.const 1))
    (core instance $i (instantiate $m))
    (func (export "n") (result s32) (canon lift (core func $i "n")))
)"#;

/// One more than the import `n`, as `n`.
const NEXT: &str = r#"(component
    (import "n" (func $n (result s32)))
    (core func $n (canon lower (func $n)))
    (core module $m
        (import "" "n" (func $n (result i32)))
        (func (export "n") (result i32) (i32.add (call $n) (i32.const 1))))
    (core instance $i (instantiate $m (with "" (instance (export "n" (func $n))))))
    (func (export "n") (result s32) (canon lift (core func $i "n")))
)"#;

/// One more than `n` of the imported interface, as `n`, and as `n` of an interface.
const OF_INTERFACE: &str = r#"(component
    (import "acme:math/number" (instance $number (export "n" (func (result s32)))))
    (core func $n (canon lower (func $number "n")))
    (core module $m
        (import "" "n" (func $n (result i32)))
        (func (export "n") (result i32) (i32.add (call $n) (i32.const 1))))
    (core instance $i (instantiate $m (with "" (instance (export "n" (func $n))))))
    (func $lifted (result s32) (canon lift (core func $i "n")))
    (export "n" (func $lifted))
    (instance $out (export "n" (func $lifted)))
    (export "acme:math/number" (instance $out))
)"#;

/// A text where `n` is expected.
const OTHER: &str = r#"(component
    (core module $m (func (export "n") (param i32)))
    (core instance $i (instantiate $m))
    (func (export "n") (param "a" u32) (canon lift (core func $i "n")))
)"#;

const TEXTS: [(&str, &str); 4] = [
    ("acme:one", ONE),
    ("acme:next", NEXT),
    ("acme:of-interface", OF_INTERFACE),
    ("acme:other", OTHER),
];

const GUESTS: [&str; 8] = [
    "producer",
    "producer-b",
    "consumer",
    "greeter",
    "polite",
    "bucket-store",
    "broker",
    "bucket-consumer",
];

/// Every package that the documents here name.
fn packages() -> Packages {
    let mut packages = Packages::new();
    for (name, wat) in TEXTS {
        packages.add_with_types(name, wat, text(wat));
    }
    for guest in GUESTS {
        let file = guest_file(guest);
        packages.add_with_types(
            format!("test:{guest}"),
            file.as_path(),
            composer_tests::component(guest),
        );
    }
    packages
}

fn composer(document: &str) -> Composer {
    match Composer::from_wac(document, packages()) {
        Ok(composer) => composer,
        Err(error) => panic!("{}\n{document}", composer_tests::chain(&error)),
    }
}

/// The document as `wac` composes it.
fn by_wac(document: &str) -> Component {
    let named = wac::packages(document).unwrap();
    let binaries: Vec<_> = named
        .iter()
        .map(|package| match TEXTS.iter().find(|(name, _)| *name == package.name) {
            Some((_, text)) => wat::parse_str(text).unwrap(),
            None => {
                let guest = package.name.strip_prefix("test:").unwrap();
                std::fs::read(guest_file(guest)).unwrap()
            }
        })
        .collect();
    let mut known = IndexMap::new();
    for (package, binary) in named.iter().zip(binaries) {
        known.insert(BorrowedPackageKey::from_name_and_version(&package.name, None), binary);
    }
    let parsed = wac_parser::Document::parse(document).unwrap();
    let resolved = parsed.resolve(known).unwrap();
    let bytes = resolved.encode(EncodeOptions::default()).unwrap();
    Component::new(engine(), bytes).unwrap()
}

/// The functions of an item, each after the names that lead to it.
fn functions(name: &str, item: ComponentItem, found: &mut BTreeSet<String>) {
    match item {
        ComponentItem::ComponentFunc(_) => _ = found.insert(name.to_owned()),
        ComponentItem::ComponentInstance(instance) => {
            for (inner, item) in instance.exports(engine()) {
                functions(&format!("{name}#{inner}"), item.ty, found);
            }
        }
        _ => {}
    }
}

fn exported_by_wac(component: &Component) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (name, item) in component.component_type().exports(engine()) {
        functions(name, item.ty, &mut found);
    }
    found
}

/// The functions that a composition offers.
fn exported(exports: &[wasm_runtime_composer::plan::Export]) -> BTreeSet<String> {
    let all = exports.iter().flat_map(|export| {
        export.functions.iter().map(|function| match function.name == export.name {
            true => export.name.clone(),
            false => format!("{}#{}", export.name, function.name),
        })
    });
    all.collect()
}

type Called<'a> = (Option<&'a str>, &'a str, &'a [Val]);

async fn call_by_wac(component: &Component, (interface, function, params): Called<'_>) -> Val {
    let linker = Linker::<()>::new(engine());
    let mut store = Store::new(engine(), ());
    let instance = linker.instantiate_async(&mut store, component).await.unwrap();
    let outer = interface.map(|name| instance.get_export_index(&mut store, None, name).unwrap());
    let index = instance.get_export_index(&mut store, outer.as_ref(), function).unwrap();
    let func = instance.get_func(&mut store, index).unwrap();
    let mut results = [Val::Bool(false)];
    func.call_async(&mut store, params, &mut results).await.unwrap();
    let [result] = results;
    result
}

/// Composes a document both ways, and compares what is offered and what `calls` return.
async fn compare(document: &str, calls: &[Called<'_>]) -> Composition {
    let expected = by_wac(document);
    let composition = limited(compose(composer(document))).await.unwrap();
    assert_eq!(exported(&composition.exports()), exported_by_wac(&expected), "{document}");
    for called in calls {
        let (interface, function, params) = *called;
        let found = limited(call(&composition, interface, function, params)).await.unwrap();
        assert_eq!(found, limited(call_by_wac(&expected, *called)).await, "{function}\n{document}");
    }
    composition
}

const GREETER: &str = "composer:test/greeter";

#[test]
fn arguments_are_named_and_accessed_by_short_and_by_whole_names() {
    run_placed(async || {
        let document = r#"
            package test:app;
            let plain = new test:greeter {};
            let polite = new test:polite { greeter: plain.greeter };
            let very-polite = new test:polite {
                "composer:test/greeter": polite["composer:test/greeter"],
            };
            let alias = very-polite.greeter;
            export alias;
        "#;
        let you = [string("you")];
        let calls = [(Some(GREETER), "greet", &you[..]), (Some(GREETER), "greet-later", &you)];
        let composition = compare(document, &calls).await;
        let found = call(&composition, GREETER, "greet", &you).await.unwrap();
        assert_eq!(found, string("hello, dear dear you!!"));
    });
}

#[test]
fn new_stands_in_arguments_and_arguments_are_inferred() {
    run_placed(async || {
        let document = r#"
            package test:app;
            let greeter = (new test:polite {
                greeter: (new test:greeter {})["composer:test/greeter"],
            }).greeter;
            export (new test:polite { greeter })...;
        "#;
        compare(document, &[(Some(GREETER), "greet", &[string("you")])]).await;
    });
}

#[test]
fn spreads_give_all_that_is_missing_and_export_all_that_is_there() {
    run_placed(async || {
        let document = r#"
            package test:app;
            let a = new test:producer {};
            let b = new test:producer-b {};
            let consumer = new test:consumer { add: b.add, ...a };
            export consumer...;
            export a["internal-debug"] as "debug";
        "#;
        let consumer = Some("composer:test/iconsumer");
        let calls = [
            (consumer, "run-add", &[][..]),
            (consumer, "run-greet", &[string("you")]),
            (consumer, "run-values", &[]),
            (None, "debug", &[]),
        ];
        compare(document, &calls).await;
    });
}

#[test]
fn function_of_an_interface_is_an_argument_of_its_own() {
    run_placed(async || {
        let document = r#"
            package test:app;
            let a = new test:producer {};
            let consumer = new test:consumer {
                add: (new test:producer-b {}).iproducer.add,
                iproducer: a.iproducer,
            };
            export consumer.iconsumer;
            export a.iproducer.greet as hello;
        "#;
        let calls = [
            (Some("composer:test/iconsumer"), "run-add", &[][..]),
            (None, "hello", &[string("you")]),
        ];
        compare(document, &calls).await;
    });
}

#[test]
fn whole_instance_is_an_argument_and_an_export() {
    run_placed(async || {
        let document = r#"
            package test:app;
            let one = new acme:one {};
            let two = new acme:of-interface { number: one };
            let three = new acme:of-interface { "acme:math/number": two.number };
            export one as "acme:all/one";
            export three.n;
        "#;
        let calls = [(None, "n", &[][..]), (Some("acme:all/one"), "n", &[])];
        let composition = compare(document, &calls).await;
        assert_eq!(call(&composition, None, "n", &[]).await.unwrap(), Val::S32(3));
    });
}

#[test]
fn export_has_the_names_that_the_document_gives_it_and_no_other() {
    run_placed(async || {
        let document = r#"
            package test:app;
            let one = new acme:one {};
            let two = new acme:next { n: one.n };
            export two.n as first;
            export two.n as second;
            export one.n;
        "#;
        let calls = [(None, "first", &[][..]), (None, "second", &[]), (None, "n", &[])];
        let composition = compare(document, &calls).await;
        let typed = composition.typed::<(), i32>(None, "second").unwrap();
        assert_eq!(typed.call(()).await.unwrap(), 2);
    });
    // Planning tells both names.
    let document = "package test:app; let one = new acme:one {}; export one.n as first;";
    let plan = composer(document).plan().unwrap();
    assert!(plan.to_string().contains("first: func() -> s32 from one as n"), "{plan}");
    assert_eq!(plan.exports()[0].functions[0].name, "first");
}

#[test]
fn resources_are_shared_as_the_arguments_say() {
    run_placed(async || {
        let document = r#"
            package test:app;
            let store = new test:bucket-store {};
            let broker = new test:broker { buckets: store.buckets };
            let consumer = new test:bucket-consumer { ...store, ...broker };
            export consumer.ibuckets-consumer;
        "#;
        let consumer = Some("composer:test/ibuckets-consumer");
        let calls = [
            (consumer, "run-resource", &[][..]),
            (consumer, "run-holder", &[]),
            (consumer, "run-third", &[]),
        ];
        let composition = compare(document, &calls).await;
        assert_eq!(composition.live_handles(), 0);
    });
}

#[test]
fn declarations_of_types_and_targets_change_nothing_that_runs() {
    run_placed(async || {
        let document = r#"
            package test:app targets test:app/app;
            record point { x: s32, y: s32 }
            interface extra { f: func(p: u32) -> string; }
            world app { export n: func() -> s32; }
            let one = new acme:one {};
            export one.n;
        "#;
        compare(document, &[(None, "n", &[])]).await;
    });
}

fn open(document: &str) -> BTreeSet<String> {
    let plan = composer(document).plan_with_open_imports().unwrap();
    plan.open_imports().iter().map(|open| open.import.clone()).collect()
}

#[test]
fn what_is_left_open_is_not_taken_from_the_document() {
    let document = r#"
        package test:app;
        let one = new acme:one {};
        let next = new acme:next { ... };
        let consumer = new test:consumer { add: (new test:producer {}).add, ... };
        export next.n;
        export one.n as one;
    "#;
    let expected = by_wac(document);
    let imports = expected.component_type();
    let imports = imports.imports(engine()).map(|(name, _)| name.to_owned());
    assert_eq!(open(document), imports.collect());
    let because = composer(document).explain("next", "n").unwrap().to_string();
    let told = "not `n` of `one`: the document does not give it to this import";
    assert!(because.contains(told), "{because}");

    run_placed(async || {
        let document = r#"
            package test:app;
            let one = new acme:one {};
            let next = new acme:next { ... };
            export next.n;
            export one.n as one;
        "#;
        // By what is added beside the document, which hides no export of the document by its own.
        let mut with_host = composer(document);
        let host = HostInterface::root().func_wrap("n", || 40);
        if placement() == composer_tests::Placement::Isolated {
            with_host.add(ComposableDescriptor::new("host-n", host));
            let composition = compose(with_host).await.unwrap();
            assert_eq!(call(&composition, None, "n", &[]).await.unwrap(), Val::S32(41));
            assert_eq!(call(&composition, None, "one", &[]).await.unwrap(), Val::S32(1));
        }
        let mut with_component = composer(document);
        with_component.add(ComposableDescriptor::new("beside", text(ONE)));
        let composition = compose(with_component).await.unwrap();
        assert_eq!(call(&composition, None, "n", &[]).await.unwrap(), Val::S32(2));
        // An export hint makes the other one public instead.
        let mut hinted = composer(document);
        hinted.add(ComposableDescriptor::new("beside", text(ONE)));
        hinted.with_export_hint("n", "beside");
        let composition = compose(hinted).await.unwrap();
        assert_eq!(call(&composition, None, "n", &[]).await.unwrap(), Val::S32(1));
    });
}

#[test]
fn open_import_comes_from_the_linker_or_from_around() {
    run(async || {
        let document = "package test:app; let next = new acme:next { ... }; export next.n as m;";
        let mut linker = Linker::new(engine());
        linker.root().func_wrap("n", |_, (): ()| Ok((10_i32,))).unwrap();
        let mut packages = packages();
        packages.add_with_types("acme:next", NEXT, with_linker(NEXT, linker));
        let composition = Composer::from_wac(document, packages).unwrap().compose().await.unwrap();
        assert_eq!(call(&composition, None, "m", &[]).await.unwrap(), Val::S32(11));

        let mut outer = Composer::new();
        outer.add(ComposableDescriptor::new("app", composer(document)));
        outer.add(ComposableDescriptor::new("one", text(ONE)));
        let plan = outer.plan().unwrap();
        assert_eq!(plan.edges()[0].consumer, "app/next");
        let composition = outer.compose().await.unwrap();
        assert_eq!(call(&composition, None, "m", &[]).await.unwrap(), Val::S32(2));

        let Err(CompositionError::Plan(error)) = composer(document).plan() else {
            panic!("nobody provides it")
        };
        assert!(
            matches!(&error.problems()[0], PlanProblem::Unsatisfied { import, .. } if import == "n")
        );
    });
}

#[test]
fn import_statement_gives_an_open_import_its_name() {
    run(async || {
        let document = r#"
            package test:app;
            import number as "acme-n": func() -> s32;
            let next = new acme:next { n: number };
            export next.n;
        "#;
        let expected = by_wac(document);
        let imports = expected.component_type();
        let imports: Vec<_> = imports.imports(engine()).map(|(name, _)| name.to_owned()).collect();
        assert_eq!(imports, ["acme-n"]);
        // Another name than that of the import does not satisfy it.
        let mut wrong = composer(document);
        wrong.add(ComposableDescriptor::new("host-n", HostInterface::root().func_wrap("n", || 7)));
        assert!(wrong.plan().is_err());
        let mut right = composer(document);
        let host = HostInterface::root().func_wrap("acme-n", || 7);
        right.add(ComposableDescriptor::new("host-n", host));
        let composition = right.compose().await.unwrap();
        assert_eq!(call(&composition, None, "n", &[]).await.unwrap(), Val::S32(8));
        // In a composer around it, too.
        let mut outer = Composer::new();
        outer.add(ComposableDescriptor::new("app", composer(document)));
        let host = HostInterface::root().func_wrap("acme-n", || 8);
        outer.add(ComposableDescriptor::new("host-n", host).untrusted());
        assert!(outer.plan().is_err());
        let mut outer = Composer::new();
        outer.add(ComposableDescriptor::new("app", composer(document)));
        let host = HostInterface::root().func_wrap("acme-n", || 8);
        outer.add(ComposableDescriptor::new("host-n", host));
        let composition = outer.compose().await.unwrap();
        assert_eq!(call(&composition, None, "n", &[]).await.unwrap(), Val::S32(9));
    });
}

#[test]
fn ids_are_names_of_variables_or_of_packages() {
    let document = r#"
        package test:app;
        let one = new acme:one {};
        let host = new acme:next { n: (new acme:one {}).n };
        let next = host;
        let n = (new acme:next { n: (new acme:one {}).n }).n;
        export n;
    "#;
    let plan = composer(document).plan().unwrap();
    let ids: BTreeSet<_> = plan.components().iter().map(String::as_str).collect();
    assert_eq!(ids, BTreeSet::from(["host-2", "next", "one", "one-2", "one-3"]));
    let edge = plan.edges().iter().find(|edge| edge.consumer == "host-2").unwrap();
    assert_eq!(edge.provider.as_deref(), Some("one-2"));
}

#[test]
fn packages_have_versions_and_what_is_given_counts() {
    let document = "package test:app; let a = new acme:n@1.0.0 {}; let b = new acme:n@2.0.0 {}; export a.n as a; export b.n as b;";
    run(async || {
        let mut packages = Packages::new();
        packages.add("acme:n@2.0.0", with_linker(ONE, Linker::new(engine())));
        // Without a version it is for all others.
        packages.add_with_types("acme:n", ONE, HostInterface::root().func_wrap("n", || 5));
        let composer = Composer::from_wac(document, packages).unwrap();
        let composition = composer.compose().await.unwrap();
        assert_eq!(call(&composition, None, "a", &[]).await.unwrap(), Val::S32(5));
        assert_eq!(call(&composition, None, "b", &[]).await.unwrap(), Val::S32(1));
    });
    let named = wac::packages(document).unwrap();
    let named: Vec<_> = named.iter().map(|it| (&*it.name, it.version.as_deref())).collect();
    assert_eq!(named, [("acme:n", Some("1.0.0")), ("acme:n", Some("2.0.0"))]);
}

#[test]
fn configuring_and_filters_reach_each_component() {
    let document = "package test:app; let one = new acme:one {}; export one.n;";
    let mut none = packages();
    none.configure(|id, _, descriptor| match id {
        "one" => descriptor.with_instances(0),
        id => panic!("there is no `{id}`"),
    });
    let problem = |packages| {
        let Err(CompositionError::Plan(error)) =
            Composer::from_wac(document, packages).unwrap().plan()
        else {
            panic!("it cannot be planned")
        };
        error.problems()[0].clone()
    };
    assert!(
        matches!(problem(none), PlanProblem::NoInstances { component, .. } if component == "one")
    );
    // What is not what its types say, or hides it, is told when planning.
    let mut hiding = packages();
    hiding.add_with_types("acme:one", ONE, text(ONE).hiding(&["n"]));
    assert!(matches!(problem(hiding), PlanProblem::HintNotOffered { hidden: true, .. }));
    let mut other = packages();
    other.add_with_types("acme:one", ONE, text("(component)"));
    assert!(matches!(problem(other), PlanProblem::HintNotOffered { hidden: false, .. }));
}

#[test]
fn component_of_a_document_is_replaced() {
    run(async || {
        let document = r#"
            package test:app;
            let one = new acme:one {};
            let two = new acme:of-interface { number: one };
            export two.n as two;
            export one.n as one;
            export one as "acme:all/one";
        "#;
        let composition = composer(document).compose().await.unwrap();
        assert_eq!(call(&composition, None, "two", &[]).await.unwrap(), Val::S32(2));
        let thirty = ONE.replace("i32.const 1", "i32.const 30");
        composition.replace("one", text(thirty)).await.unwrap();
        assert_eq!(call(&composition, None, "one", &[]).await.unwrap(), Val::S32(30));
        assert_eq!(call(&composition, None, "two", &[]).await.unwrap(), Val::S32(31));
        assert_eq!(call(&composition, "acme:all/one", "n", &[]).await.unwrap(), Val::S32(30));
        // What is used of it must be there.
        let error = composition.replace("one", text("(component)")).await.unwrap_err();
        assert!(matches!(error, CompositionError::Plan(_)), "{error}");
        assert_eq!(call(&composition, None, "two", &[]).await.unwrap(), Val::S32(31));
        let error = composition.get_func(None, "n").unwrap_err();
        assert!(
            matches!(error, CompositionError::Lookup(LookupError::NotExported { .. })),
            "{error}"
        );
    });
}

#[test]
fn composition_is_a_package_and_parts_of_it_are_taken() {
    run(async || {
        let document = r#"
            package test:app;
            let inner = new acme:one {};
            let two = new acme:of-interface { number: inner };
            export two.n;
            export inner.n as one;
        "#;
        let mut inner = Composer::new();
        inner.add(ComposableDescriptor::new("one", text(ONE)));
        let mut packages = packages();
        packages.add_with_types("acme:one", ONE, inner.compose().await.unwrap());
        let composition = Composer::from_wac(document, packages).unwrap().compose().await.unwrap();
        assert_eq!(call(&composition, None, "n", &[]).await.unwrap(), Val::S32(2));
        assert_eq!(call(&composition, None, "one", &[]).await.unwrap(), Val::S32(1));
    });
}

/// The document without its `§`, and the line and column that this stands at.
fn marked(document: &str) -> (String, (usize, usize)) {
    let (before, after) = document.split_once('§').expect("a place is marked");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    (format!("{before}{after}"), (line, column))
}

fn refused(document: &str, packages: Packages) -> DocumentError {
    match Composer::from_wac(document, packages) {
        Err(CompositionError::Document(error)) => error,
        Err(error) => panic!("{error}\n{document}"),
        Ok(_) => panic!("it is a document\n{document}"),
    }
}

/// Documents with a mistake at `§`, and what is said of it.
const MISTAKES: &[(&str, &str)] = &[
    ("package test:app\n§let x = new acme:one {};", "expected"),
    ("package test:app;\n§nonsense", "found identifier"),
    ("package test:app;\n// é\nlet §é", "unexpected token"),
    ("package test:app;\nexport §x;", "nothing is called `x` here"),
    (
        "package test:app;\n\n  let x = new §acme:next {};",
        "`acme:next` imports `n`, and there is no argument for it; give it one, or end the arguments with `...`",
    ),
    (
        "package test:app;\nlet one = new acme:one {};\nlet x = new acme:next { §m: one.n, ... };",
        "`acme:next` has no import `m`",
    ),
    (
        "package test:app;\nlet o = new acme:other {};\nlet x = new acme:next { §n: o.n };",
        "the argument for `n` is of another type",
    ),
    (
        "package test:app;\nlet x = new §acme:two {};",
        "the package `acme:two` was not given: there is `acme:one`",
    ),
    ("package test:app;\nlet x = new acme:one@§1.0.0-{} ;", "is not a valid semantic version"),
    (
        "package test:app;\nlet one = new acme:one {};\nexport one§.m;",
        "the instance has no export `m`",
    ),
    (
        "package test:app;\nlet one = new acme:one {};\nlet x = one.n;\nlet y = §x.z;",
        "expected an instance for an access operation, found a function",
    ),
    ("package test:app;\nlet one = new acme:one {};\nexport §one;", "the export needs a name"),
    (
        "package test:app;\nlet one = new acme:one {};\nlet §one = new acme:one {};",
        "`one` is already defined",
    ),
    (
        "package test:app;\nlet one = new acme:one {};\nlet x = new acme:next { §..., n: one.n };",
        "must be the last argument",
    ),
    (
        "package test:app;\nlet one = new acme:one {};\nlet x = new acme:of-interface { ...§one };",
        "exports nothing of what has no argument yet",
    ),
    (
        "package test:app;\nlet one = new acme:one {};\nlet x = new acme:next { n: one.n, §n: one.n };",
        "duplicate instantiation argument `n`",
    ),
    (
        "package test:app;\nlet one = new acme:one {};\nexport one.n;\nexport one.n as §n;",
        "duplicate export `n`",
    ),
    (
        "package test:app;\nlet one = new acme:one {};\nexport one.n as §\"not a name\";",
        "is not valid",
    ),
    (
        "package test:app targets §test:app/w;\nworld w { export m: func(); }\nlet one = new acme:one {};\nexport one.n;",
        "requires an export named `m`",
    ),
    (
        "package test:app targets §test:app/w;\nworld w { export n: func() -> s32; }\nlet next = new acme:next { ... };\nexport next.n;",
        "does not have an import named `n`",
    ),
    (
        "package test:app;\nlet x = new §test:app {};",
        "is the package that the document itself makes",
    ),
    (
        "package test:app;\nimport i: interface { n: func() -> s32; };\nlet x = new acme:next { §n: i.n };\nexport x.n;",
        "`n` of the import `i` is the argument for `n`",
    ),
    (
        "package test:app;\nimport i: interface { n: func() -> s32; };\nlet x = new acme:next { ...§i };\nexport x.n;",
        "`n` of the import `i` is the argument for `n`",
    ),
    (
        "package test:app;\nimport i: func() -> s32;\nlet x = new acme:next { n: i };\nexport x.n;\nexport §i;",
        "the import `i` is exported again",
    ),
    (
        "package test:app;\nimport i: func() -> s32;\nexport §i as j;",
        "the import `i` is exported again",
    ),
    (
        "package test:app;\nworld w { export n: func() -> s32; }\nimport §c: w;",
        "is a component, and a composition imports functions and interfaces alone",
    ),
];

#[test]
fn mistakes_are_told_with_their_place() {
    let mut wrong = Vec::new();
    for (document, expected) in MISTAKES {
        let (document, (line, column)) = marked(document);
        let error = refused(&document, packages());
        let text = error.to_string();
        let at = error.position().map(|at| (at.line, at.column));
        if at != Some((line, column))
            || !text.starts_with(&format!("line {line}, column {column}: "))
            || !text.contains(expected)
        {
            wrong.push(format!("{document}\n  at {line}:{column}: {expected}\n  found: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_wrong_with_packages_is_told_where_they_are_named() {
    let document = "package test:app;\nlet a = new §acme:one {};\nlet b = new acme:one {};";
    let (document, place) = marked(document);
    let at = |error: &DocumentError| error.position().map(|at| (at.line, at.column));

    let mut none = Packages::new();
    let error = refused(&document, std::mem::take(&mut none));
    assert!(error.to_string().contains("there are none; add it to the packages"), "{error}");
    assert!(matches!(error, DocumentError::UnknownPackage { .. }) && at(&error) == Some(place));

    let mut compiled = Packages::new();
    let component = Component::new(engine(), ONE).unwrap();
    compiled.add("acme:one", with_linker(component, Linker::new(engine())));
    let error = refused(&document, compiled);
    assert!(matches!(error, DocumentError::NoTypes { .. }) && at(&error) == Some(place), "{error}");

    let mut bytes = Packages::new();
    bytes.add("acme:one", with_linker(&b"\0asm\x01\0\0\0"[..], Linker::new(engine())));
    let error = refused(&document, bytes);
    assert!(matches!(error, DocumentError::Package { .. }) && at(&error) == Some(place), "{error}");

    let mut types = Packages::new();
    types.add_types("acme:one", ONE);
    let error = refused(&document, types);
    let place_of_new = (place.0, place.1 - "new ".len());
    assert!(
        matches!(error, DocumentError::TypesAlone { .. }) && at(&error) == Some(place_of_new),
        "{error}"
    );

    let mut name = Packages::new();
    name.add("one", text(ONE));
    let error = refused(&document, name);
    assert!(matches!(error, DocumentError::PackageName { .. }), "{error}");

    run(async || {
        let mut inner = Composer::new();
        inner.add(ComposableDescriptor::new("one", text(ONE)));
        let mut once = Packages::new();
        once.add_with_types("acme:one", ONE, inner.compose().await.unwrap());
        let document = "package test:app;\nlet a = new acme:one {};\nlet b = §new acme:one {};";
        let (document, place) = marked(document);
        let error = refused(&document, once);
        assert!(matches!(error, DocumentError::Taken { .. }), "{error}");
        assert_eq!(error.position().map(|at| (at.line, at.column)), Some(place));
    });

    let mut inner = Composer::new();
    inner.add(ComposableDescriptor::new("one", text(ONE)));
    let mut group = Packages::new();
    group.add_with_types("acme:one", ONE, inner);
    let document = "package test:app;\nlet a = §new acme:one {};\nexport a as \"acme:all/a\";";
    let (document, place) = marked(document);
    let error = refused(&document, group);
    assert!(matches!(error, DocumentError::Unsupported { .. }), "{error}");
    assert_eq!(error.position().map(|at| (at.line, at.column)), Some(place));
}

#[test]
fn brackets_as_deep_as_you_like_and_panics_of_the_parser_are_errors() {
    for bracket in ["(", "new a:b { x: ", "(new a:b { x: "] {
        let document = format!("package test:app;\nlet x = {}", bracket.repeat(100_000));
        let error = refused(&document, packages());
        assert!(error.to_string().contains("brackets stand in each other"), "{error}");
    }
    let deep =
        format!("package test:app; type t = {}u8{};", "list<".repeat(100_000), ">".repeat(100_000));
    assert!(refused(&deep, packages()).to_string().contains("brackets stand in each other"));
    // With this one, wac-parser 0.12 panics.
    let twice = "package test:app; interface i { r: func(); resource r; }";
    let error = refused(twice, packages());
    assert!(matches!(error, DocumentError::Parser { .. }), "{error}");
}
