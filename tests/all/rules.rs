//! What is said of a component's imports and exports holds for compatible versions too, and for whoever takes its
//! place.

use std::sync::{Arc, LazyLock, Mutex};

use composer_tests::{call_unit, chain, config, limited, run, text};
use wasm_runtime_composer::error::{ImportRule, PlanProblem};
use wasm_runtime_composer::layer::DenyLayer;
use wasm_runtime_composer::{
    Composable, ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    Containment, ExportFilter, HostInterface,
};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};

/// Which stores were written to.
type Log = Arc<Mutex<Vec<&'static str>>>;

fn taken(log: &Log) -> Vec<&'static str> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// `acme:kv/store` in a version, which notes its writes.
fn store(version: &str, name: &'static str, log: &Log) -> HostInterface {
    let log = log.clone();
    HostInterface::new(format!("acme:kv/store@{version}"))
        .func_wrap("set", move || log.lock().unwrap().push(name))
}

/// Imports interfaces under these names, each with `set`, and calls all of them in `run`.
fn plugin(imports: &[&str]) -> ComposableComponent<()> {
    let mut parts = [const { String::new() }; 5];
    for (number, name) in imports.iter().enumerate() {
        let more = [
            format!("(import {name} (instance $i{number} (export \"set\" (func))))"),
            format!("(core func $f{number} (canon lower (func $i{number} \"set\")))"),
            format!("(import \"\" \"{number}\" (func $f{number}))"),
            format!("(call $f{number})"),
            format!("(export \"{number}\" (func $f{number}))"),
        ];
        parts.iter_mut().zip(more).for_each(|(all, more)| all.push_str(&more));
    }
    let [interfaces, lowered, core, calls, given] = parts;
    let wat = format!(
        r#"(component {interfaces} {lowered}
            (core module $m {core} (func (export "run") {calls}))
            (core instance $m (instantiate $m (with "" (instance {given}))))
            (func (export "run") (canon lift (core func $m "run"))))"#
    );
    let engine = naming();
    ComposableComponent::new(wat, Linker::new(engine), || Store::new(engine, ()))
}

/// An engine for components that give their imports names of their own.
fn naming() -> &'static Engine {
    static ENGINE: LazyLock<Engine> =
        LazyLock::new(|| Engine::new(config().wasm_component_model_implements(true)).unwrap());
    &ENGINE
}

const V1_0: &str = r#""acme:kv/store@1.0.0""#;
const V1_1: &str = r#""acme:kv/store@1.1.0""#;
const V2_0: &str = r#""acme:kv/store@2.0.0""#;
/// A name of the component's own for the same interface.
const NAMED: &str = r#""disk" (implements "acme:kv/store@1.1.0")"#;

fn composer(parts: impl IntoIterator<Item = ComposableDescriptor>) -> Composer {
    let mut composer = Composer::new();
    parts.into_iter().for_each(|part| _ = composer.add(part));
    composer
}

async fn composed(parts: impl IntoIterator<Item = ComposableDescriptor>) -> Composition {
    limited(composer(parts).compose()).await.unwrap()
}

fn described(id: &str, it: impl Composable) -> ComposableDescriptor {
    ComposableDescriptor::new(id, it)
}

async fn run_it(composition: &Composition) -> Result<(), CompositionError> {
    limited(call_unit(composition, None, "run", &[])).await
}

fn read_only(plugin: ComposableComponent<()>) -> ComposableDescriptor {
    described("plugin", plugin)
        .with_import_layer("acme:kv/store@1.0.0#set", DenyLayer::all("plugins only read"))
}

#[test]
fn layer_holds_for_all_imports_of_compatible_versions() {
    run(async || {
        for imports in [&[V1_0][..], &[V1_1], &[V1_0, V1_1], &[V1_1, V1_0], &[NAMED]] {
            let log = Log::default();
            let db = described("db", store("1.2.0", "db", &log));
            let composition = composed([db, read_only(plugin(imports))]).await;
            let error = run_it(&composition).await.unwrap_err();
            assert!(chain(&error).contains("plugins only read"), "{imports:?}: {error}");
            // Where the last is refused, so is the first.
            assert_eq!(taken(&log), [""; 0], "{imports:?}");
        }
    });
}

#[test]
fn layer_does_not_hold_for_other_versions() {
    run(async || {
        let log = Log::default();
        let stores = [store("1.2.0", "one", &log), store("2.0.0", "two", &log)];
        let [one, two] = stores;
        let parts =
            [described("one", one), described("two", two), read_only(plugin(&[V2_0, V1_1]))];
        let composition = composed(parts).await;
        run_it(&composition).await.unwrap_err();
        assert_eq!(taken(&log), ["two"]);
    });
}

#[test]
fn hint_holds_for_all_imports_of_compatible_versions_and_the_exact_one_comes_first() {
    run(async || {
        let log = Log::default();
        let parts = |imports: &[&str]| {
            [
                described("sandbox", store("1.0.0", "sandbox", &log)),
                described("prod", store("1.1.0", "prod", &log)),
                described("plugin", plugin(imports))
                    .with_import_hint("acme:kv/store@1.0.0", "sandbox"),
            ]
        };
        for imports in [&[V1_0][..], &[V1_1], &[V1_1, V1_0], &[NAMED]] {
            run_it(&composed(parts(imports)).await).await.unwrap();
            assert_eq!(taken(&log), vec!["sandbox"; imports.len()], "{imports:?}");
        }
        let [sandbox, prod, plugin] = parts(&[V1_0, V1_1]);
        let plugin = plugin.with_import_hint("acme:kv/store@1.1.0", "prod");
        run_it(&composed([sandbox, prod, plugin]).await).await.unwrap();
        assert_eq!(taken(&log), ["sandbox", "prod"]);

        let explained = composer(parts(&[V1_1])).explain("plugin", "acme:kv/store@1.1.0").unwrap();
        let expected = "`acme:kv/store@1.1.0`, imported by `plugin`, comes from `sandbox` as \
                        `acme:kv/store@1.0.0`: a hint says so\n  not `acme:kv/store@1.1.0` of `prod`: the \
                        hint names another";
        assert_eq!(explained.to_string(), expected);
    });
}

#[test]
fn containment_holds_for_all_imports_of_compatible_versions() {
    let wat = |versions: &[&str]| {
        let imports = versions.iter().map(|version| {
            format!(
                r#"(import "acme:kv/store@{version}" (instance
                    (export "set" (func (result (result (error string)))))))"#
            )
        });
        text(format!("(component {})", imports.collect::<String>()))
    };
    let db = || {
        let set = || Ok::<(), String>(());
        HostInterface::new("acme:kv/store@1.2.0").func_wrap("set", set)
    };
    for (name, is_known) in [
        ("acme:kv/store@1.0.0", true),
        ("acme:kv/store@1.0.0#set", true),
        ("acme:kv/store@1.0.0#get", false),
        ("acme:kv/store@2.0.0", false),
    ] {
        let plugin = described("plugin", wat(&["1.0.1", "1.1.0"]));
        let plugin = plugin.with_containment(name, Containment::message());
        let planned = composer([described("db", db()), plugin]).plan();
        assert_eq!(planned.is_ok(), is_known, "{name}: {planned:?}");
    }
    // A form that does not fit is told of each.
    let plugin = described("plugin", wat(&["1.0.1", "1.1.0"]))
        .with_containment("acme:kv/store@1.0.0", Containment::case("gone"));
    let error = composer([described("db", db()), plugin]).plan().unwrap_err();
    let CompositionError::Plan(error) = error else { panic!("{error}") };
    assert_eq!(error.problems().len(), 2, "{error}");
}

#[test]
fn layer_by_the_providers_names_holds_for_compatible_versions() {
    run(async || {
        let log = Log::default();
        let deny = DenyLayer::functions(["acme:kv/store@1.0.0#set"], "it is read-only");
        let db = described("db", store("1.2.0", "db", &log)).with_layer(deny);
        let composition = composed([db, described("plugin", plugin(&[V1_0]))]).await;
        let error = run_it(&composition).await.unwrap_err();
        assert!(chain(&error).contains("it is read-only"), "{error}");
        assert_eq!(taken(&log), [""; 0]);
    });
}

#[test]
fn rules_of_imports_survive_a_replacement_that_imports_a_compatible_version() {
    run(async || {
        let log = Log::default();
        for next in [V1_0, V1_1, NAMED] {
            let db = described("db", store("1.2.0", "db", &log));
            let composition = composed([db, read_only(plugin(&[V1_0]))]).await;
            limited(composition.replace("plugin", plugin(&[next])).into_future()).await.unwrap();
            run_it(&composition).await.unwrap_err();
            assert_eq!(taken(&log), [""; 0], "{next}");
        }
        for next in [V1_0, V1_1, NAMED] {
            let parts = [
                described("sandbox", store("1.0.0", "sandbox", &log)),
                described("prod", store("1.2.0", "prod", &log)),
                described("plugin", plugin(&[V1_0]))
                    .with_import_hint("acme:kv/store@1.0.0", "sandbox"),
            ];
            let composition = composed(parts).await;
            limited(composition.replace("plugin", plugin(&[next])).into_future()).await.unwrap();
            run_it(&composition).await.unwrap();
            assert_eq!(taken(&log), ["sandbox"], "{next}");
        }
    });
}

#[test]
fn rules_of_imports_wait_for_a_replacement_that_has_them_again() {
    run(async || {
        let log = Log::default();
        let db = described("db", store("1.2.0", "db", &log));
        let composition = composed([db, read_only(plugin(&[V1_0]))]).await;
        limited(composition.replace("plugin", plugin(&[])).into_future()).await.unwrap();
        run_it(&composition).await.unwrap();
        limited(composition.replace("plugin", plugin(&[V1_1])).into_future()).await.unwrap();
        run_it(&composition).await.unwrap_err();
        assert_eq!(taken(&log), [""; 0]);
    });
}

#[test]
fn rules_of_a_composer_around_survive_too() {
    run(async || {
        let log = Log::default();
        let inner = composer([described("plugin", plugin(&[V1_0]))]);
        let db = described("db", store("1.2.0", "db", &log));
        let inner = described("inner", inner)
            .with_import_layer("acme:kv/store@1.0.0", DenyLayer::all("plugins only read"));
        let composition = composed([db, inner]).await;
        let replaced = composition.replace("inner/plugin", plugin(&[V1_1]));
        limited(replaced.into_future()).await.unwrap();
        run_it(&composition).await.unwrap_err();
        assert_eq!(taken(&log), [""; 0]);
    });
}

#[test]
fn replacement_that_would_lose_a_rule_is_refused_and_can_say_what_holds() {
    run(async || {
        let log = Log::default();
        let started = async || {
            let two = described("two", store("2.0.0", "two", &log));
            let one = described("one", store("1.2.0", "one", &log));
            composed([one, two, read_only(plugin(&[V1_0]))]).await
        };
        let composition = started().await;
        let error = limited(composition.replace("plugin", plugin(&[V2_0])).into_future())
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the replacement of `plugin` imports `acme:kv/store@2.0.0`, for which the layer on \
             `acme:kv/store@1.0.0#set` does not hold, as the versions are not compatible; say the same of \
             `acme:kv/store@2.0.0` with `.with_import_layer(..)` on the replacement, or drop it with \
             `.without_rules_on(\"acme:kv/store@1.0.0#set\")`"
        );
        let CompositionError::Plan(plan) = error else { panic!("{error}") };
        let [PlanProblem::ReplacementLosesRule { rule, .. }] = plan.problems() else {
            panic!("{plan}")
        };
        assert_eq!(*rule, ImportRule::Layer);
        // Nothing has changed.
        run_it(&composition).await.unwrap_err();

        let again = composition
            .replace("plugin", plugin(&[V2_0]))
            .with_import_layer("acme:kv/store@2.0.0", DenyLayer::all("not this one either"));
        limited(again.into_future()).await.unwrap();
        let error = run_it(&composition).await.unwrap_err();
        assert!(chain(&error).contains("not this one either"), "{error}");
        // Both hold for those that come.
        limited(composition.replace("plugin", plugin(&[V1_1])).into_future()).await.unwrap();
        run_it(&composition).await.unwrap_err();
        assert_eq!(taken(&log), [""; 0]);

        let composition = started().await;
        let free =
            composition.replace("plugin", plugin(&[V2_0])).without_rules_on("acme:kv/store@1.0.0");
        limited(free.into_future()).await.unwrap();
        run_it(&composition).await.unwrap();
        assert_eq!(taken(&log), ["two"]);
    });
}

/// Exports functions under these names.
fn functions(names: &[&str]) -> ComposableComponent<()> {
    let lifted = names.iter().map(|name| {
        format!(r#"(func (export "{name}") (result u32) (canon lift (core func $i "f")))"#)
    });
    text(format!(
        r#"(component
            (core module $m (func (export "f") (result i32) i32.const 1))
            (core instance $i (instantiate $m)) {})"#,
        lifted.collect::<String>()
    ))
}

fn exported(composition: &Composition) -> Vec<String> {
    composition.exports().iter().map(|export| export.name.clone()).collect()
}

#[test]
fn what_was_hidden_stays_hidden_in_the_place_of_a_component() {
    run(async || {
        let both = || functions(&["open", "secret"]);
        for filtered in [both().exposing(&["open"]), both().hiding(&["secret"])] {
            let composition = composed([described("it", filtered)]).await;
            for _ in 0..2 {
                limited(composition.replace("it", both()).into_future()).await.unwrap();
                assert_eq!(exported(&composition), ["open"]);
                assert!(composition.get_func(None, "secret").is_err());
            }
        }
        // What is new is shown as the filters have it, those of the new one if it has some.
        let three = || functions(&["more", "open", "secret"]);
        let composition = composed([described("it", both().exposing(&["open"]))]).await;
        limited(composition.replace("it", three()).into_future()).await.unwrap();
        assert_eq!(exported(&composition), ["open"]);
        let own = three().exposing(&["open", "more", "secret"]);
        let composition = composed([described("it", both().exposing(&["open"]))]).await;
        limited(composition.replace("it", own).into_future()).await.unwrap();
        assert_eq!(exported(&composition), ["more", "open"]);

        let all = composition.replace("it", three()).without_former_filters();
        limited(all.into_future()).await.unwrap();
        assert_eq!(exported(&composition), ["more", "open", "secret"]);
    });
}

#[test]
fn what_was_hidden_stays_hidden_from_other_components() {
    run(async || {
        let log = Log::default();
        let hidden = store("1.0.0", "hidden", &log).hiding(&["acme:kv/store@1.0.0"]);
        let parts = [
            described("hidden", hidden),
            described("db", store("1.0.5", "db", &log)),
            described("plugin", plugin(&[V1_0])),
        ];
        let composition = composed(parts).await;
        let next = composition.replace("hidden", store("1.9.0", "hidden", &log));
        limited(next.into_future()).await.unwrap();
        limited(composition.replace("plugin", plugin(&[V1_0])).into_future()).await.unwrap();
        run_it(&composition).await.unwrap();
        assert_eq!(taken(&log), ["db"]);
    });
}

#[test]
fn what_a_filter_around_a_composer_hid_stays_hidden() {
    run(async || {
        let log = Log::default();
        let inner = composer([
            described("store", store("1.0.0", "inner", &log)),
            described("open", functions(&["open"])),
        ]);
        let inner = inner.hiding(&["acme:kv/store@1.0.0"]);
        let composition = composed([described("inner", inner)]).await;
        assert_eq!(exported(&composition), ["open"]);
        let next = composition.replace("inner/store", store("1.1.0", "inner", &log));
        limited(next.into_future()).await.unwrap();
        assert_eq!(exported(&composition), ["open"]);
    });
}
