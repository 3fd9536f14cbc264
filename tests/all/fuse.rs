//! `Composer::fuse` and `Composer::fused`: the same wiring inside one component.

use std::time::Duration;

use composer_tests::{
    Clock, GATED, call, call_unit, chain, component, composer, engine, folder, guest, guest_file,
    limited, run, string, until,
};
use wasm_runtime_composer::error::{FuseError, PlanProblem};
use wasm_runtime_composer::layer::DenyLayer;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    Containment, ExportFilter, RestartPolicy,
};
use wasmtime::Store;
use wasmtime::component::{Linker, Val};

const BUCKETS: &str = "composer:test/buckets";
const CONSUMER: &str = "composer:test/ibuckets-consumer";

/// A guest, as its file.
fn file(name: &str) -> ComposableComponent<()> {
    part(std::fs::read(guest_file(name)).unwrap())
}

fn part(bytes: Vec<u8>) -> ComposableComponent<()> {
    ComposableComponent::new(bytes, Linker::new(engine()), || Store::new(engine(), ()))
}

fn files(guests: &[&str]) -> Composer {
    let mut composer = Composer::new();
    for name in guests {
        composer.add(ComposableDescriptor::new(*name, file(name)));
    }
    composer
}

/// The fused component as the only one of a composition.
async fn alone(composer: &Composer) -> Composition {
    let mut outer = Composer::new();
    outer.add(ComposableDescriptor::new("fused", part(composer.fuse().unwrap())));
    limited(outer.compose()).await.unwrap()
}

#[test]
fn fused_components_do_what_isolated_ones_do() {
    run(async || {
        let guests = ["bucket-store", "broker", "bucket-consumer"];
        let fused = alone(&files(&guests)).await;
        let isolated = limited(composer(&guests).compose()).await.unwrap();
        let names = |composition: &Composition| {
            composition.exports().iter().map(|it| it.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&fused), names(&isolated));
        for function in ["run-resource", "run-holder", "run-nested", "run-third", "run-order"] {
            let [fused, isolated] = [
                limited(call(&fused, CONSUMER, function, &[])).await.unwrap(),
                limited(call(&isolated, CONSUMER, function, &[])).await.unwrap(),
            ];
            assert_eq!(fused, isolated, "{function}");
        }
        let bucket = call(&fused, BUCKETS, "[constructor]bucket", &[string("b")]).await.unwrap();
        let name = call(&fused, BUCKETS, "[method]bucket.name", std::slice::from_ref(&bucket));
        assert_eq!(limited(name).await.unwrap(), string("b"));
        limited(fused.drop_handles(&bucket)).await.unwrap();
        assert_eq!(fused.live_handles(), 0);
    });
}

#[test]
fn hints_filters_and_levels_count_when_fusing() {
    run(async || {
        for target in ["producer", "producer-b"] {
            let mut inner = Composer::new();
            inner.add(ComposableDescriptor::new("producer", file("producer")));
            inner.add(ComposableDescriptor::new("producer-b", file("producer-b")));
            for export in ["add", "composer:test/iproducer"] {
                inner.with_export_hint(export, target);
            }
            let mut composer = Composer::new();
            composer.add(ComposableDescriptor::new("inner", inner.hiding(&["internal-debug"])));
            composer.add(ComposableDescriptor::new("consumer", file("consumer")));
            let fused = alone(&composer).await;
            let isolated = limited(composer.compose()).await.unwrap();
            assert!(fused.get_func(None, "internal-debug").is_err());
            for composition in [&fused, &isolated] {
                let added = call(composition, None, "add", &[Val::S32(1), Val::S32(2)]);
                let wired = call(composition, None, "run-add", &[]);
                let (added, wired) = (limited(added).await.unwrap(), limited(wired).await.unwrap());
                assert_eq!(added, wired, "{target}");
            }
            let greeting = |composition| async move {
                let interface = "composer:test/iconsumer";
                limited(call(composition, interface, "run-greet", &[string("Bo")])).await.unwrap()
            };
            assert_eq!(greeting(&fused).await, greeting(&isolated).await);
        }
    });
}

#[test]
fn what_no_component_satisfies_stays_an_import() {
    run(async || {
        let clock = Clock::default();
        let fused = files(&["sleeper", "fragile", "careful"]).fuse().unwrap();
        let mut outer = Composer::new();
        let fused = ComposableComponent::new(fused, clock.linker(), || Store::new(engine(), ()));
        outer.add(ComposableDescriptor::new("fused", fused));
        let composition = limited(outer.compose()).await.unwrap();
        let doze = call(&composition, "composer:test/isleeper", "doze", &[Val::U64(1)]);
        limited(doze).await.unwrap();
        assert_eq!(clock.log(), ["block 1", "block 1 over"]);
        let text = call(&composition, "composer:test/icareful", "text", &[Val::U32(0)]);
        assert_eq!(limited(text).await.unwrap(), string("ok 7"));
    });
}

#[test]
fn fused_component_is_composed_with_isolated_ones() {
    run(async || {
        let mut composer = Composer::new();
        let fused = files(&["broker", "bucket-consumer"]).fuse().unwrap();
        composer.add(ComposableDescriptor::new("fused", part(fused)));
        composer.add(ComposableDescriptor::new("bucket-store", component("bucket-store")));
        let composition = limited(composer.compose()).await.unwrap();
        let text = limited(call(&composition, CONSUMER, "run-third", &[])).await.unwrap();
        assert_eq!(text, string("describe t:1 t:1; relabel t:2; take t"));
        limited(call_unit(&composition, CONSUMER, "hold", &[string("x")])).await.unwrap();
        assert_eq!(composition.live_handles(), 1);
    });
}

#[test]
fn what_cannot_be_fused_is_told() {
    run(async || {
        let error = composer(&["producer"]).fuse().unwrap_err();
        assert_eq!(
            error.to_string(),
            "component `producer` cannot be fused: its binary is not known, as it is given compiled, \
             running or implemented in Rust; give it as bytes or as a file, or leave it out of what is \
             fused"
        );
        let mut outer = Composer::new();
        let running = limited(files(&["producer"]).compose()).await.unwrap();
        outer.add(ComposableDescriptor::new("running", running));
        let error = outer.fuse().unwrap_err();
        assert!(matches!(error, CompositionError::Fuse(FuseError::NoBinary { .. })), "{error:?}");

        let mut two = files(&["producer", "producer-b", "consumer"]);
        let error = two.fuse().unwrap_err();
        let CompositionError::Plan(_) = &error else { panic!("{error:?}") };
        assert!(chain(&error).contains("choose one with a hint"), "{}", chain(&error));
        two.add(ComposableDescriptor::new("damaged", part(b"\0asm".to_vec())));
        assert!(matches!(two.fuse().unwrap_err(), CompositionError::Plan(_)));
    });
}

/// A group of guests in one store.
fn fused(guests: &[&str]) -> ComposableComponent<()> {
    placed(files(guests))
}

fn placed(group: Composer) -> ComposableComponent<()> {
    group.fused(Linker::new(engine()), || Store::new(engine(), ()))
}

fn problems(composer: &Composer) -> Vec<PlanProblem> {
    match composer.plan() {
        Err(CompositionError::Plan(error)) => error.problems().to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn group_is_placed_beside_isolated_components() {
    run(async || {
        let mut composer = composer(&["bucket-store"]);
        composer.add(ComposableDescriptor::new("users", fused(&["broker", "bucket-consumer"])));
        let composition = limited(composer.compose()).await.unwrap();
        let text = limited(call(&composition, CONSUMER, "run-third", &[])).await.unwrap();
        assert_eq!(text, string("describe t:1 t:1; relabel t:2; take t"));
        limited(call_unit(&composition, CONSUMER, "hold", &[string("x")])).await.unwrap();
        assert_eq!(composition.live_handles(), 1);
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
        assert_eq!(composition.live_handles(), 0);
    });
}

#[test]
fn plan_shows_the_inside_of_a_group() {
    let mut composer = composer(&["producer"]);
    let consumer = files(&["consumer"]);
    let mut group = Composer::new();
    // Levels and groups inside are wired as such, and fused with the rest.
    group.add(ComposableDescriptor::new("nested", consumer));
    group.add(ComposableDescriptor::new("store", fused(&["bucket-store"])));
    group.add(ComposableDescriptor::new(
        "broker",
        file("broker").hiding(&["composer:test/bucket-user"]),
    ));
    composer.add(ComposableDescriptor::new("group", placed(group)));
    let plan = composer.plan().unwrap();
    let mut isolated = self::composer(&["producer"]);
    let mut nested = Composer::new();
    nested.add(ComposableDescriptor::new("nested", files(&["consumer"])));
    nested.add(ComposableDescriptor::new("store", files(&["bucket-store"])));
    nested.add(ComposableDescriptor::new(
        "broker",
        file("broker").hiding(&["composer:test/bucket-user"]),
    ));
    isolated.add(ComposableDescriptor::new("group", nested));
    let isolated = isolated.plan().unwrap().to_string();
    let names = |text: &str| text.replace("group/store/bucket-store", "group/store");
    let text = plan.to_string();
    assert!(text.contains("\nfused\n  group\nexports\n"), "{text}");
    assert_eq!(names(&text.replace("fused\n  group\n", "")), names(&isolated));
    assert_eq!(plan.fused_into("group/broker"), Some("group"));
    assert_eq!(plan.fused_into("group"), None);
    let edge = plan.edges().iter().find(|it| it.consumer == "group/nested/consumer").unwrap();
    assert_eq!(edge.provider.as_deref(), Some("producer"));
    assert!(plan.to_dot().contains("subgraph \"cluster group\" {\n    label=\"group, fused\";"));
    assert!(plan.to_mermaid().contains("subgraph f0[\"group, fused\"]\n    c1[\"group/"));
}

#[test]
fn settings_of_the_group_are_for_the_whole() {
    run(async || {
        let clock = Clock::default();
        let policy = RestartPolicy::restart(1, Duration::ZERO);
        let group = files(&["trapper", "trap-caller", "sleeper"]);
        let group = group.fused(clock.linker(), || Store::new(engine(), ()));
        let mut composer = composer(&["producer"]);
        let group = ComposableDescriptor::new("group", group).with_restart(policy);
        // It is for `boom`, too, which is to trap in time on any machine.
        composer.add(group.with_deadline(Duration::from_secs(2)));
        let composition = limited(composer.compose()).await.unwrap();
        let params = [string("x")];
        let trap = call_unit(&composition, "composer:test/itrapper", "boom", &params);
        let error = limited(trap).await.unwrap_err();
        let CompositionError::Trap { component, .. } = &error else { panic!("{error:?}") };
        assert_eq!(component, "group");
        // Started again, and bounded by the deadline.
        let nap = call(&composition, "composer:test/isleeper", "nap", &[Val::U64(GATED)]);
        let error = limited(nap).await.unwrap_err();
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error:?}");
        call(&composition, None, "add", &[Val::S32(1), Val::S32(2)]).await.unwrap();
    });
}

#[test]
fn one_group_serves_several_compositions_and_instances() {
    run(async || {
        let group = fused(&["producer", "consumer"]);
        for instances in [1, 3] {
            let mut composer = Composer::new();
            for id in ["one", "other"] {
                let part = group.clone().hiding(&["internal-debug"]);
                composer.add(ComposableDescriptor::new(id, part).with_instances(instances));
            }
            for export in ["run-add", "composer:test/iconsumer"] {
                composer.with_export_hint(export, "one");
            }
            let composition = limited(composer.compose()).await.unwrap();
            let sum = limited(call(&composition, None, "run-add", &[])).await.unwrap();
            assert_eq!(sum, Val::S32(3));
        }
    });
}

#[test]
fn group_is_replaced_as_a_whole() {
    run(async || {
        let mut composer = Composer::new();
        let group = fused(&["producer", "consumer"]).hiding(&["internal-debug"]);
        composer.add(ComposableDescriptor::new("group", group));
        let composition = limited(composer.compose()).await.unwrap();
        let replacing = composition.replace("group/producer", component("producer-b"));
        let error = limited(replacing.into_future()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "`group/producer` cannot be replaced: it is fused with others into one component; replace \
             that one"
        );
        let replacement = fused(&["producer-b", "consumer"]);
        limited(composition.replace("group", replacement).into_future()).await.unwrap();
        let sum = limited(call(&composition, None, "run-add", &[])).await.unwrap();
        assert_eq!(sum, Val::S32(1003));
        assert_eq!(composition.plan().components(), ["group/producer-b", "group/consumer"]);
        // And by what is not fused.
        let mut broken = files(&["producer", "consumer"]);
        broken.add(ComposableDescriptor::new("other", component("producer")));
        let error = composition.replace("group", placed(broken)).into_future();
        let error = limited(error).await.unwrap_err();
        assert!(chain(&error).contains("`group/other`"), "{}", chain(&error));
        let sum = limited(call(&composition, None, "run-add", &[])).await.unwrap();
        assert_eq!(sum, Val::S32(1003));
    });
}

#[test]
fn everything_that_keeps_a_group_from_being_fused_is_told_with_its_path() {
    run(async || {
        let second = Duration::from_secs(1);
        let mut group = files(&["producer", "producer-b"]);
        let consumer = ComposableDescriptor::new("consumer", file("consumer"));
        let consumer = consumer.with_import_layer("add", DenyLayer::all("no"));
        group.add(consumer.with_deadline(second).with_containment("add", Containment::message()));
        group.with_layer(DenyLayer::all("no"));
        let compiled = ComposableComponent::new(guest("greeter"), Linker::new(engine()), || {
            Store::new(engine(), ())
        });
        let mut nested = Composer::new();
        nested.add(ComposableDescriptor::new("compiled", compiled).with_instances(2));
        group.add(ComposableDescriptor::new("nested", nested));
        let running = limited(files(&["bucket-store"]).compose()).await.unwrap();
        group.add(ComposableDescriptor::new("running", running));
        group.add(ComposableDescriptor::new("damaged", part(b"\0asm".to_vec())));
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("web", placed(group)));
        // What others lack because of that is not told.
        composer.add(ComposableDescriptor::new("broker", component("broker")));
        let error = composer.plan().unwrap_err();
        let text = chain(&error);
        let told = [
            "component `web/consumer` has a deadline of its own, but is fused with others into `web`, \
             where all share one store; say it of the whole, or leave `consumer` out of what is fused",
            "component `web/consumer` has containment of its own, but is fused with others into `web`, \
             where all share one store; drop it, or leave `consumer` out of what is fused",
            "component `web/consumer` has a layer on an import of its own",
            "the composer of `web` has a layer for those inside, but they are fused and share one store; \
             say it of `web` as a whole",
            "component `web/nested/compiled` has a number of instances of its own",
            "the components of `web` cannot be fused into one: component `web/running` cannot be fused: \
             its binary is not known, as it is given compiled, running or implemented in Rust; give it",
            "component `web/nested/compiled` cannot be fused: its binary is not known",
            "component `web/damaged` cannot be",
            "both `web/producer` and `web/producer-b` export `add`, imported by `web/consumer`",
        ];
        for told in told {
            assert!(text.contains(told), "{told}\n\n{text}");
        }
        assert!(!text.contains("`broker`"), "{text}");
        let problems = problems(&composer);
        let is_fuse = |it: &&PlanProblem| matches!(it, PlanProblem::Fuse { .. });
        assert_eq!(problems.iter().filter(is_fuse).count(), 2, "{problems:#?}");
        // Composing says the same.
        let composing = limited(composer.compose()).await.unwrap_err();
        assert_eq!(chain(&composing), text);
    });
}

#[test]
fn cycle_inside_a_group_is_told() {
    let looped = |import: &str, export: &str| {
        part(
            format!(
                r#"(component
                (import "{import}" (func $f (result u32)))
                (core func $g (canon lower (func $f)))
                (core module $m (import "" "g" (func $g (result i32)))
                    (func (export "f") (result i32) (call $g)))
                (core instance $i (instantiate $m (with "" (instance (export "g" (func $g))))))
                (func (export "{export}") (result u32) (canon lift (core func $i "f"))))"#
            )
            .into_bytes(),
        )
    };
    let mut group = Composer::new();
    group.add(ComposableDescriptor::new("one", looped("a", "b")));
    group.add(ComposableDescriptor::new("other", looped("b", "a")));
    group.allow_cycles();
    let error = group.fuse().unwrap_err();
    assert!(matches!(error, CompositionError::Fuse(FuseError::Cycle { .. })), "{error:?}");
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("group", placed(group)));
    for _ in 0..2 {
        let [PlanProblem::Fuse { component, source: FuseError::Cycle { components, .. }, .. }] =
            &problems(&composer)[..]
        else {
            panic!("{:?}", problems(&composer));
        };
        assert_eq!(component, "group");
        assert_eq!(components.len(), 2);
        assert!(components.iter().all(|id| id.starts_with("group/")), "{components:?}");
    }
}

#[test]
fn hint_to_the_host_is_for_all_that_share_the_import() {
    let importer = || part(br#"(component (import "log" (func)))"#.to_vec());
    let logger = || {
        part(
            br#"(component
                (core module $m (func (export "log")))
                (core instance $i (instantiate $m))
                (func (export "log") (canon lift (core func $i "log"))))"#
                .to_vec(),
        )
    };
    let composer = |hinted: [bool; 2]| {
        let mut group = Composer::new();
        for (id, hinted) in ["one", "other"].into_iter().zip(hinted) {
            let descriptor = ComposableDescriptor::new(id, importer());
            let hint = |it: ComposableDescriptor| it.with_import_hint("log", "host");
            group.add(if hinted { hint(descriptor) } else { descriptor });
        }
        let mut linker = Linker::new(engine());
        linker.root().func_wrap("log", |_, (): ()| Ok(())).unwrap();
        let group = group.fused(linker, || Store::new(engine(), ()));
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("group", group));
        composer.add(ComposableDescriptor::new("logger", logger()));
        composer
    };
    let provider = |composer: Composer| composer.plan().unwrap().edges()[0].provider.clone();
    assert_eq!(provider(composer([false, false])).as_deref(), Some("logger"));
    assert_eq!(provider(composer([true, true])), None);
    let text = chain(&composer([true, false]).plan().unwrap_err());
    assert!(
        text.contains("`log` to the linker for `group/one`, but not for `group/other`"),
        "{text}"
    );
}

#[test]
fn what_is_fused_is_the_same_each_time() {
    let guests = ["bucket-store", "broker", "bucket-consumer", "writer", "reader"];
    assert!(files(&guests).fuse().unwrap() == files(&guests).fuse().unwrap());
}

#[test]
fn group_leaves_nothing_behind() {
    run(async || {
        let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("group", fused(&["producer", "consumer"])));
        drop(limited(composer.compose()).await.unwrap());
        until(|| tasks() == before).await;
    });
}

#[test]
fn compatible_versions_that_are_open_inside_are_one_import() {
    let importer = |version: &str, functions: &str| {
        let text = format!(r#"(component (import "a:b/c@{version}" (instance {functions})))"#);
        part(text.into_bytes())
    };
    let f = r#"(export "f" (func))"#;
    let mut group = Composer::new();
    group.add(ComposableDescriptor::new("old", importer("1.0.0", f)));
    let both = format!(r#"{f} (export "g" (func))"#);
    group.add(ComposableDescriptor::new("new", importer("1.1.0", &both)));
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("group", placed(group)));
    let provider = br#"(component
        (core module $m (func (export "f")))
        (core instance $i (instantiate $m))
        (func $f (canon lift (core func $i "f")))
        (instance $c (export "f" (func $f)) (export "g" (func $f)))
        (export "a:b/c@1.2.0" (instance $c)))"#;
    composer.add(ComposableDescriptor::new("provider", part(provider.to_vec())));
    let plan = composer.plan().unwrap();
    let edges: Vec<_> = plan.edges().iter().map(|it| (&*it.consumer, &*it.import)).collect();
    assert_eq!(edges, [("group/old", "a:b/c@1.0.0"), ("group/new", "a:b/c@1.1.0")]);
    assert!(plan.edges().iter().all(|it| it.provider.as_deref() == Some("provider")));
    assert!(plan.edges().iter().all(|it| it.export.as_deref() == Some("a:b/c@1.2.0")));
}

/// The components of a folder in `tests/cases`, under their names.
fn case(name: &str, components: &[&str]) -> Composer {
    let mut composer = Composer::new();
    for id in components {
        let path = folder().join("cases").join(name).join(id).with_extension("wat");
        composer.add(ComposableDescriptor::new(*id, part(std::fs::read(path).unwrap())));
    }
    composer
}

#[test]
fn type_of_another_import_is_the_provider_s_when_fused() {
    run(async || {
        let components = ["files", "reader", "user"];
        let composer = case("type_of_another_import_comes_with_it", &components);
        let fused = alone(&composer).await;
        let isolated = limited(composer.compose()).await.unwrap();
        for composition in [&fused, &isolated] {
            let found = limited(call(composition, None, "run", &[])).await.unwrap();
            assert_eq!(found, Val::U32(5));
            let dropped = limited(call(composition, None, "dropped", &[])).await.unwrap();
            assert_eq!(dropped, Val::U32(1));
        }
    });
}

#[test]
fn types_that_are_exported_at_the_root_are_fused() {
    run(async || {
        let composer = case("types_that_are_exported_at_the_root_are_named", &["shapes", "user"]);
        let fused = alone(&composer).await;
        let isolated = limited(composer.compose()).await.unwrap();
        let disc = Val::Enum("green".to_owned());
        let shape = Val::Variant("disc".to_owned(), Some(Box::new(disc)));
        for composition in [&fused, &isolated] {
            let shape = std::slice::from_ref(&shape);
            let drawn = limited(call(composition, None, "draw", shape)).await.unwrap();
            assert_eq!(drawn, Val::U32(2));
            let both = limited(call(composition, None, "both", shape)).await.unwrap();
            assert_eq!(both, Val::U32(4));
            let brush = limited(call(composition, None, "make", &[])).await.unwrap();
            limited(composition.drop_handles(&brush)).await.unwrap();
        }
    });
}

#[test]
fn what_keeps_an_export_or_a_component_from_being_fused_is_named() {
    let told = |composer: &Composer| match composer.fuse().unwrap_err() {
        CompositionError::Fuse(error) => error,
        other => panic!("{other:?}"),
    };
    // A filter keeps the type inside.
    let path = folder().join("cases/types_that_are_exported_at_the_root_are_named/shapes.wat");
    let shapes = part(std::fs::read(path).unwrap());
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("shapes", shapes.clone().hiding(&["shape"])));
    assert_eq!(
        told(&composer).to_string(),
        "`draw`, exported by `shapes`, cannot be exported from the fused component: its type `variant { \
         dot, disc(enum { red, green }) }` must be exported too, and a filter hides it"
    );
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("shapes", shapes.hiding(&["brush"])));
    assert_eq!(
        told(&composer).to_string(),
        "`make`, exported by `shapes`, cannot be exported from the fused component: its type `brush` must \
         be exported too, and a filter hides it"
    );
    // What is left to the linker, and cannot be an import of the fused component.
    let painter = r#"(component
        (import "brush" (type $brush (sub resource)))
        (import "width" (func (param "of" (borrow $brush)) (result u32))))"#;
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("painter", part(painter.as_bytes().to_vec())));
    assert_eq!(
        told(&composer).to_string(),
        "component `painter` cannot be fused unless a component inside provides `width`, which borrows a \
         resource at the root; leave it out of what is fused"
    );
    // Two that want different things under one name.
    let importer =
        |ty: &str| part(format!("(component (import \"log\" (func {ty})))").into_bytes());
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("one", importer("")));
    composer.add(ComposableDescriptor::new("other", importer("(param \"a\" u32)")));
    let error = told(&composer);
    let FuseError::Imports { import, first, second, .. } = &error else { panic!("{error:?}") };
    assert_eq!([&**import, &**first, &**second], ["log", "one", "other"]);
}
