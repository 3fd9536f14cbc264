//! Components one behind the other: Contract 8.6.

use composer_tests::{call, component, compose, limited, run_placed, string, text};
use wasm_runtime_composer::error::{ChainProblem, PlanProblem};
use wasm_runtime_composer::{ComposableDescriptor, Composer, CompositionError, ExportFilter};

const GREETER: &str = "composer:test/greeter";

/// A composer with `plain`, the end of a chain, and with links of one.
fn greeters(ids: &[&str]) -> Composer {
    let mut composer = Composer::new();
    for id in ids {
        let guest = if *id == "plain" { "greeter" } else { "polite" };
        composer.add(ComposableDescriptor::new(*id, component(guest)));
    }
    composer
}

async fn greeting(composer: Composer) -> String {
    let composition = compose(composer).await.unwrap();
    match limited(call(&composition, GREETER, "greet", &[string("you")])).await.unwrap() {
        wasmtime::component::Val::String(greeting) => greeting,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_calls_the_next_and_the_first_is_called_from_outside() {
    run_placed(async || {
        // Without the chain each has several providers, and so has the public export.
        let ids = ["plain", "one", "two", "three"];
        let Err(CompositionError::Plan(error)) = compose(greeters(&ids)).await else {
            panic!("it is clear who is meant");
        };
        assert!(matches!(error.problems()[0], PlanProblem::AmbiguousImport { .. }), "{error}");
        let mut composer = greeters(&ids);
        composer.chain(GREETER, ["three", "one", "two", "plain"]);
        assert_eq!(greeting(composer).await, "hello, dear dear dear you!!!");
        // Declared before the components are there.
        let mut composer = Composer::new();
        composer.chain(GREETER, ["one", "plain"]);
        for (id, guest) in [("one", "polite"), ("plain", "greeter")] {
            composer.add(ComposableDescriptor::new(id, component(guest)));
        }
        assert_eq!(greeting(composer).await, "hello, dear you!");
        // One alone is a chain too: the public export.
        let mut composer = greeters(&["plain"]);
        composer.add(ComposableDescriptor::new("other", component("greeter")));
        composer.chain(GREETER, ["plain"]);
        assert_eq!(greeting(composer).await, "hello, you");
    });
}

fn problems(composer: &Composer) -> Vec<(String, ChainProblem, String)> {
    let Err(CompositionError::Plan(error)) = composer.plan() else { panic!("it is a chain") };
    let problems = error.problems().iter().map(|problem| match problem {
        PlanProblem::Chain { interface, component, problem: why, .. } => {
            assert_eq!(interface, GREETER);
            (component.clone(), why.clone(), problem.to_string())
        }
        other => panic!("{other}"),
    });
    problems.collect()
}

#[test]
fn what_is_wrong_is_said_of_the_chain() {
    let mut composer = greeters(&["plain", "one"]);
    composer.add(ComposableDescriptor::new("two", component("polite")));
    composer.chain(GREETER, ["one", "tow", "plain"]);
    // `two` is beside the chain, and would have to choose.
    let Err(CompositionError::Plan(error)) = composer.plan() else { panic!("it is a chain") };
    let text = error.to_string();
    let expected = "the chain of `composer:test/greeter` has `tow` in it, which was not added; did you mean `two`?";
    assert!(text.contains(expected), "{text}");
    assert!(!text.contains("hint for"), "{text}");

    let mut composer = greeters(&["plain", "one"]);
    composer.chain(GREETER, ["plain", "one", "plain"]);
    let found = problems(&composer);
    assert!(matches!(found.as_slice(), [(_, ChainProblem::Repeated, _)]), "{found:?}");

    // Nothing else is said that comes of it: of a cycle, or of a component that calls itself.
    for ids in [&["two", "one", "two", "plain"][..], &["one", "two", "two", "plain"]] {
        let mut composer = greeters(&["plain", "one", "two"]);
        composer.chain(GREETER, ids.iter().copied());
        let found = problems(&composer);
        assert!(matches!(found.as_slice(), [(_, ChainProblem::Repeated, _)]), "{found:?}");
    }

    let mut composer = greeters(&["plain", "one"]);
    composer.chain(GREETER, ["plain", "one"]);
    let found = problems(&composer);
    assert!(matches!(found.as_slice(), [(_, ChainProblem::DoesNotImport { .. }, _)]), "{found:?}");

    let mut composer = greeters(&["one"]);
    composer.add(ComposableDescriptor::new("sleeper", component("trapper")));
    composer.chain(GREETER, ["one", "sleeper"]);
    let Err(CompositionError::Plan(error)) = composer.plan() else { panic!("it is a chain") };
    assert!(error.to_string().contains("has `sleeper` in it, which does not export it"), "{error}");

    let mut composer = greeters(&["plain"]);
    composer.chain(GREETER, Vec::<String>::new());
    let Err(CompositionError::Plan(error)) = composer.plan() else { panic!("it is a chain") };
    assert!(matches!(error.problems(), [PlanProblem::EmptyChain { .. }]), "{error}");

    let mut composer = greeters(&["one"]);
    let hiding = component("greeter").hiding(&[GREETER]);
    composer.add(ComposableDescriptor::new("plain", hiding));
    composer.chain(GREETER, ["one", "plain"]);
    let found = problems(&composer);
    assert!(found[0].2.ends_with("which hides it from others; drop the filter, or leave it out"));
    let mut composer = greeters(&["one", "plain"]);
    composer.chain(GREETER, ["one", "plain"]).chain(GREETER, ["plain"]);
    // Two public exports of one name.
    let Err(CompositionError::Plan(error)) = composer.plan() else { panic!("it is a chain") };
    assert!(matches!(error.problems()[0], PlanProblem::DuplicateHint { .. }), "{error}");
}

#[test]
fn chain_is_of_compatible_versions() {
    let wat = r#"(component
        (import "acme:kv/store@1.1.0" (instance (export "f" (func))))
        (core module $m (func (export "f")))
        (core instance $m (instantiate $m))
        (func $f (canon lift (core func $m "f")))
        (instance $s (export "f" (func $f)))
        (export "acme:kv/store@1.0.0" (instance $s)))"#;
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("front", text(wat)));
    composer.chain("acme:kv/store@1.0.0", ["front", "back"]);
    let Err(CompositionError::Plan(error)) = composer.plan() else { panic!("it is a chain") };
    let expected = "the chain of `acme:kv/store@1.0.0` has `back` in it, which was not added";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn nested_composer_has_chains_of_its_own() {
    run_placed(async || {
        let mut inner = greeters(&["one", "plain"]);
        inner.chain(GREETER, ["one", "plain"]);
        let mut outer = greeters(&["two"]);
        outer.add(ComposableDescriptor::new("inner", inner));
        outer.chain(GREETER, ["two", "inner"]);
        assert_eq!(greeting(outer).await, "hello, dear dear you!!");
    });
    let mut inner = greeters(&["plain"]);
    inner.chain(GREETER, ["one", "plain"]);
    let mut outer = Composer::new();
    outer.add(ComposableDescriptor::new("inner", inner));
    assert_eq!(problems(&outer)[0].0, "inner/one");
}
