//! Planning of what is large, hostile or broken, and of what is not complete: Contract 3.5.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use composer_tests::{chain, config, engine, limited, run, text, with_linker};
use wasm_runtime_composer::error::PlanProblem;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, CompositionError, ExportFilter,
    HostInterface,
};
use wasmtime::component::Linker;
use wasmtime::{CustomCodeMemory, Engine, Store};

/// Beyond this nothing else gets to run.
const LIMIT: Duration = Duration::from_secs(30);

fn composer(parts: impl IntoIterator<Item = ComposableDescriptor>) -> Composer {
    let mut composer = Composer::new();
    parts.into_iter().for_each(|part| _ = composer.add(part));
    composer
}

fn problems(component: ComposableComponent<()>) -> Vec<PlanProblem> {
    let composer = composer([ComposableDescriptor::new("upload", component)]);
    match composer.plan() {
        Ok(_) => Vec::new(),
        Err(CompositionError::Plan(error)) => error.problems().to_vec(),
        Err(error) => panic!("{error}"),
    }
}

fn interfaces(names: impl IntoIterator<Item = String>, items: &str) -> String {
    let imports = names.into_iter().map(|name| format!(r#"(import "{name}" (instance {items}))"#));
    format!("(component {})", imports.collect::<String>())
}

const WITH_RESOURCE: &str = r#"(export "r" (type (sub resource))) (export "f" (func))"#;

#[test]
fn everything_that_many_imports_lack_is_told() {
    let functions: String = (0..2000).map(|n| format!(r#"(import "f{n}" (func))"#)).collect();
    assert_eq!(problems(text(format!("(component {functions})"))).len(), 2000);
    for version in ["", "@1.0.0"] {
        let names = (0..500).map(|n| format!("a:b/c{n}{version}"));
        let found = problems(text(interfaces(names, WITH_RESOURCE)));
        assert_eq!(found.len(), 500, "{version}");
        assert!(
            found
                .iter()
                .all(|it| matches!(it, PlanProblem::Unsatisfied { items, source: None, .. }
            if items.is_empty()))
        );
    }
}

#[test]
fn imports_that_the_linker_has_are_found_among_many_that_it_lacks() {
    let mut linker = Linker::<()>::new(engine());
    // The very name, another version, only a part, and another type.
    for (name, function) in
        [("a:b/c1@1.0.0", "f"), ("a:b/c3@1.9.0", "f"), ("a:b/c5@1.0.0", "g"), ("a:b/c7@1.0.0", "h")]
    {
        let mut instance = linker.instance(name).unwrap();
        instance.func_wrap(function, |_, (): ()| Ok(())).unwrap();
    }
    let mut instance = linker.instance("a:b/c7@1.0.0").unwrap();
    instance.func_wrap("f", |_, (n,): (u32,)| Ok((n,))).unwrap();
    let mut imports = String::new();
    for number in 0..100 {
        let more = if number == 5 { r#"(export "g" (func))"# } else { "" };
        imports +=
            &format!(r#"(import "a:b/c{number}@1.0.0" (instance (export "f" (func)) {more}))"#);
    }
    let found = problems(with_linker(format!("(component {imports})"), linker));
    assert_eq!(found.len(), 98);
    for problem in &found {
        let PlanProblem::Unsatisfied { import, items, source, .. } = problem else {
            panic!("{problem}")
        };
        let expected = match import.as_str() {
            "a:b/c5@1.0.0" | "a:b/c7@1.0.0" => vec!["function `f`".to_owned()],
            _ => Vec::new(),
        };
        assert_eq!(*items, expected, "{import}");
        assert_eq!(source.is_some(), import == "a:b/c7@1.0.0", "{import}");
    }
    // In the order of the imports.
    assert!(
        matches!(&found[1], PlanProblem::Unsatisfied { import, .. } if import == "a:b/c2@1.0.0")
    );
}

#[test]
fn imports_in_many_versions_of_what_the_linker_defines_otherwise_are_told_up_to_a_number() {
    let mut linker = Linker::<()>::new(engine());
    linker.instance("a:b/c@1.0.0").unwrap().func_wrap("g", |_, (): ()| Ok(())).unwrap();
    let names = (1..3000).map(|n| format!("a:b/c@1.0.{n}"));
    let found = problems(with_linker(interfaces(names, r#"(export "f" (func))"#), linker));
    assert!((1..100).contains(&found.len()), "{}", found.len());
}

/// Waits for a sign of another task of the same thread.
fn waited(sign: &Mutex<Receiver<()>>) {
    if sign.lock().unwrap().recv_timeout(LIMIT) == Err(RecvTimeoutError::Timeout) {
        panic!("nothing else gets to run");
    }
}

#[test]
fn other_tasks_go_on_while_something_is_planned() {
    run(async || {
        let it = || HostInterface::root().func_wrap("f", || ());
        let (give, sign) = channel();
        let sign = Arc::new(Mutex::new(sign));
        let waits = {
            let sign = sign.clone();
            move || {
                let sign = sign.clone();
                // Filters are asked when the wiring is found.
                it().filter_exports(move |_| {
                    waited(&sign);
                    true
                })
            }
        };
        let many = || {
            let give = give.clone();
            tokio::spawn(async move {
                // As often as filters may ask.
                (0..1000).for_each(|_| _ = give.send(()));
            })
        };
        let composing = composer([ComposableDescriptor::new("it", waits())]).compose();
        let task = many();
        let composition = limited(composing).await.unwrap();
        task.await.unwrap();
        // What is left is of the first time.
        sign.lock().unwrap().try_iter().for_each(drop);
        let task = many();
        limited(composition.replace("it", waits()).into_future()).await.unwrap();
        task.await.unwrap();
    });
}

/// Memory for code that nothing can be compiled into.
struct Panicking;

impl CustomCodeMemory for Panicking {
    fn required_alignment(&self) -> usize {
        1
    }

    fn publish_executable(&self, _: *const u8, _: usize) -> wasmtime::Result<()> {
        panic!("no memory is good enough")
    }

    fn unpublish_executable(&self, _: *const u8, _: usize) -> wasmtime::Result<()> {
        Ok(())
    }
}

#[test]
fn panic_while_compiling_is_an_error_of_the_component() {
    run(async || {
        let engine = Engine::new(config().with_custom_code_memory(Some(Arc::new(Panicking))));
        let engine = engine.unwrap();
        let composer = || {
            let (linker, engine) = (Linker::<()>::new(&engine), engine.clone());
            let text = r#"(component (core module (func (export "f"))))"#;
            let broken = ComposableComponent::new(text, linker, move || Store::new(&engine, ()));
            let other = HostInterface::root().func_wrap("f", || ());
            composer([
                ComposableDescriptor::new("broken", broken),
                ComposableDescriptor::new("other", other),
            ])
        };
        let expected =
            "component `broken` cannot be loaded\nthe compiler panicked: no memory is good enough";
        assert_eq!(chain(&composer().plan().unwrap_err()), expected);
        assert_eq!(chain(&limited(composer().compose()).await.unwrap_err()), expected);
    });
}

#[test]
fn types_that_are_too_large_are_refused_before_they_are_compiled() {
    run(async || {
        let names: String = (0..10_000).map(|n| format!("\"c{n}\" ")).collect();
        let fields: String = (0..10_000).map(|n| format!("(field \"f{n}\" $e) ")).collect();
        let functions: String = (0..50)
            .map(|n| {
                format!(
                    r#"(func (export "g{n}") (param "x" $t) (canon lift (core func $i "f")
                        (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))"#
                )
            })
            .collect();
        let wat = format!(
            r#"(component
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
                    (func (export "f") (param i32)))
                (core instance $i (instantiate $m))
                (type $e' (enum {names})) (export $e "e" (type $e'))
                (type $t' (record {fields})) (export $t "t" (type $t'))
                {functions})"#
        );
        let large = ComposableDescriptor::new("large", with_linker(wat, Linker::new(engine())));
        let error = limited(composer([large]).compose()).await.unwrap_err();
        let error = chain(&error);
        assert!(error.contains("its types are too large"), "{error}");
    });
}

#[test]
fn control_characters_of_names_are_escaped_wherever_they_are_told() {
    let import = "url=<https://a/\u{1b}[31mHACKED\r\n\u{202e}>";
    let shown = r"url=<https://a/\u{1b}[31mHACKED\r\n\u{202e}>";
    // The text format escapes it in the same way.
    let wat = format!(r#"(component (import "{shown}" (func)))"#);
    let described = |linker| ComposableDescriptor::new("upload", with_linker(&*wat, linker));
    let is_plain =
        |text: &str| !text.contains(['\u{1b}', '\r', '\u{202e}']) && text.contains(shown);

    let lacking = composer([described(Linker::new(engine()))]);
    let open = lacking.plan_with_open_imports().unwrap();
    assert!(is_plain(&open.to_string()), "{open}");
    for text in [open.to_dot(), open.to_mermaid(), open.to_json()] {
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{text:?}");
    }
    let error = lacking.plan().unwrap_err();
    for text in [chain(&error), format!("{error:?}")] {
        assert!(is_plain(&text), "{text:?}");
        assert!(!text.contains('\n'), "{text:?}");
    }
    let explained = lacking.explain("upload", import).unwrap().to_string();
    assert!(is_plain(&explained), "{explained:?}");
    let error = lacking.explain("upload", &format!("{import}x")).unwrap_err();
    assert!(is_plain(&chain(&error)), "{error}");
    let hinted = described(Linker::new(engine())).with_import_hint(import, "nobody");
    let error = composer([hinted]).plan().unwrap_err();
    assert!(is_plain(&chain(&error)), "{error}");

    // What wasmtime says of it.
    let mut other = Linker::new(engine());
    other.root().func_wrap(import, |_, (n,): (u32,)| Ok((n,))).unwrap();
    let error = composer([described(other)]).plan().unwrap_err();
    assert!(is_plain(&chain(&error)), "{error}");

    let mut linker = Linker::new(engine());
    linker.root().func_wrap(import, |_, (): ()| Ok(())).unwrap();
    let plan = composer([described(linker)]).plan().unwrap();
    for text in [plan.to_string(), plan.to_dot(), plan.to_mermaid(), plan.to_json()] {
        assert!(!text.contains(['\u{1b}', '\r', '\u{202e}']), "{text:?}");
    }
    assert!(is_plain(&plan.to_string()), "{plan}");
    assert!(plan.to_json().contains(r"HACKED\r\n\u202e"), "{}", plan.to_json());
    assert_eq!(plan.edges()[0].import, import);

    let id = ComposableDescriptor::new("a\u{202e}b", text("(component)"));
    let error = composer([id]).plan().unwrap_err().to_string();
    assert!(error.starts_with(r"`a\u{202e}b` is no valid component id"), "{error:?}");
}

/// Imports what a component exports, what nobody has, and a resource of that by itself.
const WEB: &str = r#"(component
    (import "n" (func (result s32)))
    (import "acme:db/pool@1.0.0" (instance $pool (export "connection" (type (sub resource)))))
    (alias export $pool "connection" (type $connection))
    (import "connection" (type (eq $connection)))
    (import "log" (func)))"#;

/// Imports the same function.
const BATCH: &str = r#"(component (import "log" (func)))"#;

fn incomplete() -> Composer {
    let number = HostInterface::root().func_wrap("n", || 1);
    let mut group = Composer::new();
    let batch = ComposableComponent::with_engine(engine(), BATCH);
    group.add(ComposableDescriptor::new("batch", batch));
    let fused = group.fused(Linker::new(engine()), || Store::new(engine(), ()));
    composer([
        ComposableDescriptor::new("number", number),
        // A hint for what its linker does not have either.
        ComposableDescriptor::new("web", text(WEB)).with_import_hint("log", "host"),
        ComposableDescriptor::new("night", fused),
    ])
}

#[test]
fn plan_shows_open_imports_and_who_needs_them() {
    let composer = incomplete();
    let plan = composer.plan_with_open_imports().unwrap();
    assert_eq!(
        plan.to_string(),
        "components\n  number\n  web\n    imports n from number\n    \
         imports log, which is open\n    imports acme:db/pool@1.0.0, which is open\n  \
         night/batch\n    imports log, which is open\nfused\n  night\nexports\n  \
         n: func() -> s32 from number\nopen imports\n  function log for night/batch, web\n  \
         interface acme:db/pool@1.0.0 for web\n"
    );
    let [edge] = plan.edges() else { panic!("{plan}") };
    assert_eq!((&*edge.consumer, &*edge.import), ("web", "n"));
    let [log, pool] = plan.open_imports() else { panic!("{plan}") };
    assert_eq!((pool.kind, &*pool.consumers), ("interface", &["web".to_owned()][..]));
    assert_eq!(log.consumers, ["night/batch", "web"]);
    // Where they could be defined.
    assert_eq!(log.linkers, ["night", "web"]);

    let dot = plan.to_dot();
    for line in [
        "  \"open log\" [shape=plaintext, label=\"log\\nopen\"];\n",
        "  \"web\" -> \"open log\" [style=dashed];\n",
        "  \"night/batch\" -> \"open log\" [style=dashed];\n",
        "  \"web\" -> \"open acme:db/pool@1.0.0\" [style=dashed];\n",
    ] {
        assert!(dot.contains(line), "{dot}");
    }
    assert!(!dot.contains("\"host\""), "{dot}");
    let mermaid = plan.to_mermaid();
    for line in ["  o0>\"log<br/>open\"]\n", "  c1 -.-> o0\n", "  c1 -.-> o1\n", "  c2 -.-> o0\n"] {
        assert!(mermaid.contains(line), "{mermaid}");
    }
    let json: serde_json::Value = serde_json::from_str(&plan.to_json()).unwrap();
    let expected = serde_json::json!([
        { "import": "log", "kind": "function", "consumers": ["night/batch", "web"], "items": [] },
        { "import": "acme:db/pool@1.0.0", "kind": "interface", "consumers": ["web"], "items": [] },
    ]);
    assert_eq!(json["open_imports"], expected);

    // What is composed has none.
    let Err(CompositionError::Plan(error)) = composer.plan() else { panic!("it is complete") };
    assert_eq!(error.problems().len(), 3, "{error}");
    run(async || {
        let error = limited(incomplete().compose()).await.unwrap_err();
        assert_eq!(error.to_string(), chain(&composer.plan().unwrap_err()));
    });
}

#[test]
fn what_a_linker_defines_otherwise_is_wrong_beside_open_imports() {
    let mut linker = Linker::<()>::new(engine());
    linker.root().func_wrap("n", |_, (): ()| Ok(("a string".to_owned(),))).unwrap();
    let web = ComposableDescriptor::new("web", with_linker(WEB, linker));
    let error = composer([web]).plan_with_open_imports().unwrap_err();
    let CompositionError::Plan(error) = error else { panic!("{error}") };
    let [PlanProblem::Unsatisfied { import, source: Some(_), .. }] = error.problems() else {
        panic!("{error}")
    };
    assert_eq!(import, "n");
}

#[test]
fn imports_that_cannot_all_be_told_are_not_open() {
    let mut linker = Linker::<()>::new(engine());
    linker.instance("a:b/c@1.0.0").unwrap().func_wrap("g", |_, (): ()| Ok(())).unwrap();
    let names = (1..3000).map(|n| format!("a:b/c@1.0.{n}"));
    let it = with_linker(interfaces(names, r#"(export "f" (func))"#), linker);
    let composer = composer([ComposableDescriptor::new("upload", it)]);
    let open = composer.plan_with_open_imports().unwrap_err();
    assert_eq!(open.to_string(), composer.plan().unwrap_err().to_string());
}
