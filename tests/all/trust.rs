//! What components export that are not trusted is for those who ask for it.

use composer_tests::{call, chain, engine, limited, run, text};
use wasm_runtime_composer::error::PlanProblem;
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, HostInterface, Wasi, compose,
};
use wasmtime::component::Val;

const WEB: &str = r#"(component
    (import "acme:kv/store@1.1.0" (instance $kv (export "get" (func (result u32)))))
    (core func $get (canon lower (func $kv "get")))
    (core module $m (import "" "get" (func $get (result i32))) (func (export "f") (result i32) (call $get)))
    (core instance $i (instantiate $m (with "" (instance (export "get" (func $get))))))
    (func (export "run") (result u32) (canon lift (core func $i "f"))))"#;

/// `acme:kv/store` in a version, whose `get` is `n`.
fn store(version: &str, n: u32) -> HostInterface {
    HostInterface::new(format!("acme:kv/store@{version}")).func_wrap("get", move || n)
}

fn composer(parts: impl IntoIterator<Item = ComposableDescriptor>) -> Composer {
    let mut composer = Composer::new();
    parts.into_iter().for_each(|part| _ = composer.add(part));
    composer
}

async fn composed(composer: Composer) -> Composition {
    limited(composer.compose()).await.unwrap()
}

fn trusted() -> ComposableDescriptor {
    ComposableDescriptor::new("db", store("1.2.0", 1))
}

fn upload() -> ComposableDescriptor {
    ComposableDescriptor::new("upload", store("1.99.0", 2)).untrusted()
}

fn web() -> ComposableDescriptor {
    ComposableDescriptor::new("web", text(WEB))
}

async fn ran(composition: &Composition) -> Val {
    limited(call(composition, None, "run", &[])).await.unwrap()
}

async fn got(composition: &Composition, version: &str) -> Result<u32, CompositionError> {
    let interface = format!("acme:kv/store@{version}");
    let get = composition.typed::<(), u32>(Some(&interface), "get")?;
    limited(get.call(())).await
}

#[test]
fn higher_version_of_an_untrusted_component_takes_nobodys_place() {
    run(async || {
        let composition = composed(composer([trusted(), web(), upload()])).await;
        assert_eq!(ran(&composition).await, Val::U32(1));
        // Nor for Rust.
        assert_eq!(got(&composition, "1.1.0").await.unwrap(), 1);
        assert_eq!(got(&composition, "1.99.0").await.unwrap(), 1);

        let hinted = web().with_import_hint("acme:kv/store@1.1.0", "upload");
        let composition = composed(composer([trusted(), hinted, upload()])).await;
        assert_eq!(ran(&composition).await, Val::U32(2));
        let mut chosen = composer([trusted(), upload()]);
        chosen.with_export_hint("acme:kv/store@1.99.0", "upload");
        let composition = composed(chosen).await;
        assert_eq!(got(&composition, "1.99.0").await.unwrap(), 2);

        // Where nobody else has it, Rust reaches it.
        let composition = composed(composer([upload()])).await;
        assert_eq!(got(&composition, "1.99.0").await.unwrap(), 2);
    });
}

#[test]
fn nobody_gets_wasi_of_an_untrusted_component() {
    run(async || {
        let wasi = Wasi::new(engine());
        let evil =
            HostInterface::new("wasi:random/random@0.2.9").func_wrap("get-random-u64", || 4u64);
        let key = r#"(component
            (import "wasi:random/random@0.2.0" (instance $r (export "get-random-u64" (func (result u64)))))
            (core func $g (canon lower (func $r "get-random-u64")))
            (core module $m (import "" "g" (func $g (result i64))) (func (export "key") (result i64) (call $g)))
            (core instance $i (instantiate $m (with "" (instance (export "g" (func $g))))))
            (func (export "key") (result u64) (canon lift (core func $i "key"))))"#;
        let parts = [
            ComposableDescriptor::new("trusted", wasi.component(key)),
            ComposableDescriptor::new("upload", evil).untrusted(),
        ];
        let composer = composer(parts);
        let explained = composer.explain("trusted", "wasi:random/random@0.2.0").unwrap();
        assert_eq!(
            explained.to_string(),
            "`wasi:random/random@0.2.0`, imported by `trusted`, comes from its own linker: no component can \
             provide it\n  not `wasi:random/random@0.2.9` of `upload`: it is not trusted, and no hint names it"
        );
        let composition = composed(composer).await;
        assert_ne!(call(&composition, None, "key", &[]).await.unwrap(), Val::U64(4));
    });
}

#[test]
fn missing_import_tells_of_the_untrusted_component_that_has_it() {
    let error = composer([web(), upload()]).plan().unwrap_err();
    assert_eq!(
        chain(&error),
        "interface `acme:kv/store@1.1.0`, imported by `web`, is missing: no other component exports it (`upload` \
         does, and is not trusted; `.with_import_hint(\"acme:kv/store@1.1.0\", \"upload\")` takes it all the \
         same), and the linker of `web` does not define it; add a component that exports it, or define it in the \
         linker of `web`"
    );
    let CompositionError::Plan(plan) = error else { panic!("{error}") };
    let [PlanProblem::Unsatisfied { untrusted, .. }] = plan.problems() else { panic!("{plan}") };
    assert_eq!(untrusted, &["upload"]);
}

#[test]
fn what_is_not_trusted_stays_so_on_levels_around_and_when_it_is_replaced() {
    run(async || {
        let inside = composer([upload()]);
        let inside = ComposableDescriptor::new("inside", inside);
        let composition = composed(composer([inside, trusted(), web()])).await;
        assert_eq!(ran(&composition).await, Val::U32(1));

        let inside = ComposableDescriptor::new("inside", composed(composer([upload()])).await);
        let composition = composed(composer([inside, trusted(), web()])).await;
        assert_eq!(ran(&composition).await, Val::U32(1));

        let composition = composed(composer([upload(), trusted(), web()])).await;
        for (id, it) in [("upload", store("1.99.1", 3)), ("db", store("1.2.1", 4))] {
            limited(composition.replace(id, it).into_future()).await.unwrap();
            limited(composition.replace("web", text(WEB)).into_future()).await.unwrap();
            let expected = if id == "upload" { 1 } else { 4 };
            assert_eq!(ran(&composition).await, Val::U32(expected));
            assert_eq!(got(&composition, "1.99.0").await.unwrap(), expected);
        }
    });
}

#[test]
fn untrusted_is_a_clause() {
    run(async || {
        let composition = compose! {
            component upload = store("1.99.0", 2) { untrusted };
            component db = store("1.2.0", 1) { untrusted; expose "acme:kv/store" };
            component web = text(WEB) { import "acme:kv/store@1.1.0" from db };
            export fn run() -> u32;
        };
        assert_eq!(limited(limited(composition).await.unwrap().run()).await.unwrap(), 1);
    });
}
