//! Why an import is satisfied as it is: `Composer::explain`.

use composer_tests::{component, composer, text};
use wasm_runtime_composer::error::LookupError;
use wasm_runtime_composer::plan::explain::{Outcome, Reason, Verdict};
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, CompositionError, ExportFilter,
    HostInterface,
};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};

/// A component that imports `acme:env/clock@1.2.0`.
fn consumer() -> ComposableDescriptor {
    let text = text(
        r#"(component (import "acme:env/clock@1.2.0" (instance (export "now" (func (result u64))))))"#,
    );
    ComposableDescriptor::new("consumer", text)
}

fn clock(version: &str) -> HostInterface {
    HostInterface::new(format!("acme:env/clock@{version}")).func_wrap("now", || 7_u64)
}

fn explain(composer: &Composer) -> String {
    composer.explain("consumer", "acme:env/clock@1.2.0").unwrap().to_string()
}

#[test]
fn each_candidate_is_told_why_not() {
    let mut composer = Composer::new();
    composer.add(consumer());
    let add = |composer: &mut Composer, id: &str, clock: HostInterface| {
        composer.add(ComposableDescriptor::new(id, clock));
    };
    composer.add(ComposableDescriptor::new("hidden", clock("1.2.0").hiding(&["acme:env/clock"])));
    add(&mut composer, "old", clock("0.9.0"));
    assert_eq!(
        explain(&composer),
        "`acme:env/clock@1.2.0`, imported by `consumer`, is missing: no component can provide it, and its \
         own linker does not\n  \
         not `acme:env/clock@1.2.0` of `hidden`: a filter hides it\n  \
         not `acme:env/clock@0.9.0` of `old`: its version is not compatible"
    );
    add(&mut composer, "next", clock("1.3.0"));
    add(&mut composer, "newest", clock("1.4.0"));
    let explanation = composer.explain("consumer", "acme:env/clock@1.2.0").unwrap();
    let Outcome::Component { provider, export, because, .. } = &explanation.outcome else {
        panic!("{explanation}")
    };
    assert_eq!(
        (provider.as_str(), export.as_str(), *because),
        ("newest", "acme:env/clock@1.4.0", Reason::Version)
    );
    let verdict =
        |id: &str| explanation.candidates.iter().find(|it| it.component == id).unwrap().verdict;
    assert_eq!(verdict("newest"), Verdict::Chosen);
    assert_eq!(verdict("next"), Verdict::LessFitting);
    add(&mut composer, "exact", clock("1.2.0"));
    let text = explain(&composer);
    assert!(text.contains("comes from `exact`: it exports the very name\n"), "{text}");
    add(&mut composer, "other", clock("1.2.0"));
    let text = explain(&composer);
    let told = "is ambiguous: both `exact` and `other` export it; choose one with a hint: \
                `.with_import_hint(\"acme:env/clock@1.2.0\", \"exact\")`\n";
    assert!(text.contains(told), "{text}");
    let why = "not `acme:env/clock@1.2.0` of `other`: it is not the only one, and no hint chooses";
    assert!(text.contains(why), "{text}");
}

#[test]
fn hints_are_told_on_every_level() {
    let mut group = Composer::new();
    group.add(consumer());
    group.add(ComposableDescriptor::new("inside", clock("2.0.0")));
    let mut composer = Composer::new();
    let hinted = ComposableDescriptor::new("group", group)
        .with_import_hint("acme:env/clock@1.2.0", "second");
    composer.add(hinted);
    composer.add(ComposableDescriptor::new("first", clock("1.2.0")));
    composer.add(ComposableDescriptor::new("second", clock("1.2.0")));
    let text = composer.explain("group/consumer", "acme:env/clock@1.2.0").unwrap().to_string();
    assert_eq!(
        text,
        "`acme:env/clock@1.2.0`, imported by `group/consumer`, comes from `second`: a hint says so\n  \
         not `acme:env/clock@2.0.0` of `group/inside`: the hint names another\n  \
         not `acme:env/clock@2.0.0` of `group`: no component satisfies its own import\n  \
         not `acme:env/clock@1.2.0` of `first`: the hint names another"
    );
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("clock", clock("1.2.0")));
    composer.add(consumer().with_import_hint("acme:env/clock@1.2.0", "host"));
    let text = explain(&composer);
    assert!(text.contains("comes from its own linker: a hint says `host`\n"), "{text}");
}

#[test]
fn import_that_was_not_decided_is_told_with_whom_the_hint_is_for() {
    let mut group = Composer::new();
    group.add(consumer());
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("group", group));
    composer.add(ComposableDescriptor::new("first", clock("1.2.0")));
    composer.add(ComposableDescriptor::new("second", clock("1.2.0")));
    let explanation = composer.explain("group/consumer", "acme:env/clock@1.2.0").unwrap();
    assert_eq!(
        explanation.to_string(),
        "`acme:env/clock@1.2.0`, imported by `group/consumer`, is ambiguous: both `first` and `second` \
         export it; choose one with a hint for `group`: `.with_import_hint(\"acme:env/clock@1.2.0\", \
         \"first\")`\n  \
         not `acme:env/clock@1.2.0` of `first`: it is not the only one, and no hint chooses\n  \
         not `acme:env/clock@1.2.0` of `second`: it is not the only one, and no hint chooses"
    );
    let mut composer = Composer::new();
    composer.add(consumer().with_import_hint("acme:env/clock@1.2.0", "nobody"));
    assert!(
        explain(&composer).contains("comes from nobody: a hint is wrong, and planning tells how")
    );
}

#[test]
fn type_of_another_import_is_told_with_that() {
    let file = HostInterface::new("acme:env/files").resource::<()>("file");
    let user = text(
        r#"(component
            (import "acme:env/files" (instance $files (export "file" (type $file (sub resource)))))
            (alias export $files "file" (type $file))
            (import "document" (type (eq $file))))"#,
    );
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("consumer", user));
    let told = |composer: &Composer| composer.explain("consumer", "document").unwrap().to_string();
    let start = "`document`, imported by `consumer`, is a type of `acme:env/files`, which it imports too, \
                 and comes with that from ";
    assert_eq!(told(&composer), format!("{start}its own linker"));
    composer.add(ComposableDescriptor::new("disk", file));
    assert_eq!(told(&composer), format!("{start}`disk`"));
    let plan = composer.plan().unwrap();
    let edge = plan.edges().iter().find(|edge| edge.import == "document").unwrap();
    assert_eq!(edge.provider.as_deref(), Some("disk"));
    assert_eq!(edge.export.as_deref(), Some("acme:env/files#file"));
}

#[test]
fn wrong_names_are_told_with_the_nearest() {
    let composer = composer(&["producer", "consumer"]);
    let lookup = |consumer: &str, import: &str| match composer.explain(consumer, import) {
        Err(CompositionError::Lookup(error)) => error,
        other => panic!("{other:?}"),
    };
    let error = lookup("consumr", "add");
    assert!(matches!(error, LookupError::NoComponent { .. }));
    assert_eq!(error.to_string(), "there is no component `consumr`; did you mean `consumer`?");
    let error = lookup("consumer", "ad");
    assert_eq!(error.to_string(), "component `consumer` does not import `ad`; did you mean `add`?");
    let mut broken = Composer::new();
    broken.add(ComposableDescriptor::new("consumer", component("consumer")));
    broken.add(ComposableDescriptor::new("host", component("producer")));
    // What is wrong elsewhere does not keep it from being told.
    assert!(broken.plan().is_err());
    broken.explain("consumer", "add").unwrap();
}

#[test]
fn import_with_a_name_of_its_own_says_which_interface_it_is() {
    let mut config = composer_tests::config();
    config.wasm_component_model_implements(true);
    let engine = Engine::new(&config).unwrap();
    let component = |text: &str| {
        let (linker, engine) = (Linker::<()>::new(&engine), engine.clone());
        ComposableComponent::new(text, linker, move || Store::new(&engine, ()))
    };
    // Two stores of one kind.
    let cache = r#"(component
        (import "primary" (implements "acme:kv/store@1.0.0") (instance
            (export "size" (func (result u32)))))
        (import "backup" (implements "acme:kv/store@1.0.0") (instance
            (export "size" (func (result u32))))))"#;
    let store = || HostInterface::new("acme:kv/store@1.2.0").func_wrap("size", || 7u32);
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("disk", store()));
    composer.add(ComposableDescriptor::new("cache", component(cache)));
    let plan = composer.plan().unwrap();
    let providers: Vec<_> = plan.edges().iter().map(|edge| edge.provider.as_deref()).collect();
    assert_eq!(providers, [Some("disk"), Some("disk")]);
    assert_eq!(
        composer.explain("cache", "primary").unwrap().to_string(),
        "`primary`, imported by `cache`, comes from `disk` as `acme:kv/store@1.2.0`: the import says \
         that it is that interface"
    );

    // Of two that export it, hints choose, for each import.
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("disk", store()));
    composer.add(ComposableDescriptor::new("memory", store()));
    let cache = ComposableDescriptor::new("cache", component(cache));
    composer.add(cache.with_import_hint("primary", "memory").with_import_hint("backup", "disk"));
    let plan = composer.plan().unwrap();
    let providers: Vec<_> = plan.edges().iter().map(|edge| edge.provider.as_deref()).collect();
    assert_eq!(providers, [Some("memory"), Some("disk")]);
}
