//! Interfaces that are implemented in Rust.

use std::collections::BTreeMap;
use std::slice;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use composer_tests::{call, call_unit, chain, component, limited, run, string, until};
use futures_util::future::poll_immediate;
use tokio::sync::Notify;
use wasm_runtime_composer::error::{HandleError, HostInterfaceError, HostPanic, PlanProblem};
use wasm_runtime_composer::host::{HostBorrow, HostOwn};
use wasm_runtime_composer::{
    ComponentValue, ComposableDescriptor, Composer, Composition, CompositionError, Containment,
    ExportFilter, HostInterface, OwnedResource, compose,
};
use wasmtime::component::Val;

const BUCKETS: &str = "composer:test/buckets";
const CONSUMER: &str = "composer:test/ibuckets-consumer";

/// What the guest `bucket-store` keeps, in Rust.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<Ledger>>);

#[derive(Default)]
struct Ledger {
    live: u32,
    dropped: u32,
    history: Vec<String>,
}

struct Bucket {
    name: String,
    texts: Mutex<Vec<String>>,
    shop: Shop,
}

#[derive(ComponentValue)]
struct Holder<B> {
    label: String,
    content: B,
}

impl Shop {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().history.push(line.into());
    }

    fn bucket(&self, name: impl Into<String>) -> HostOwn<Bucket> {
        let name = name.into();
        self.note(format!("new {name}"));
        self.0.lock().unwrap().live += 1;
        HostOwn::new(Bucket { name, texts: Mutex::default(), shop: self.clone() })
    }
}

impl Bucket {
    fn size(&self) -> u32 {
        self.texts.lock().unwrap().len() as u32
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.shop.note(format!("drop {}", self.name));
        let mut ledger = self.shop.0.lock().unwrap();
        ledger.live -= 1;
        ledger.dropped += 1;
    }
}

/// All of the interface `composer:test/buckets`.
fn buckets(shop: &Shop) -> HostInterface {
    let shops = || shop.clone();
    let (new, merging, making) = (shops(), shops(), shops());
    let (many, live, dropped, history) = (shops(), shops(), shops(), shops());
    HostInterface::new(BUCKETS)
        .resource::<Bucket>("bucket")
        .func_wrap("[constructor]bucket", move |name: String| new.bucket(name))
        .func_wrap("[method]bucket.name", |this: HostBorrow<Bucket>| this.name.clone())
        .func_wrap("[method]bucket.put", |this: HostBorrow<Bucket>, value: String| {
            this.shop.note(format!("put {} {value}", this.name));
            this.texts.lock().unwrap().push(value);
        })
        .func_wrap("[method]bucket.size", |this: HostBorrow<Bucket>| this.size())
        .func_wrap_concurrent(
            "[method]bucket.find",
            async |this: HostBorrow<Bucket>, value: String| {
                tokio::task::yield_now().await;
                let texts = this.texts.lock().unwrap();
                texts.iter().position(|text| *text == value).map(|at| at as u32)
            },
        )
        .func_wrap("[static]bucket.merge", move |a: HostOwn<Bucket>, b: HostBorrow<Bucket>| {
            let merged = merging.bucket(format!("{}+{}", a.name, b.name));
            let texts = [&*a, &*b].map(|it| it.texts.lock().unwrap().clone());
            *merged.texts.lock().unwrap() = texts.concat();
            merged
        })
        .func_wrap("make", move |label: String| {
            let content = making.bucket(format!("in {label}"));
            Holder { label, content }
        })
        .func_wrap("unwrap", |holder: Holder<HostOwn<Bucket>>| {
            format!("{}/{}", holder.label, holder.content.name)
        })
        .func_wrap("eat", |bucket: HostOwn<Bucket>| bucket.size())
        .func_wrap("count", |bucket: HostBorrow<Bucket>| bucket.size())
        .func_wrap_concurrent("count-later", async |bucket: HostBorrow<Bucket>| {
            tokio::task::yield_now().await;
            bucket.size()
        })
        .func_wrap_concurrent("eat-later", async |bucket: HostOwn<Bucket>| {
            tokio::task::yield_now().await;
            bucket.size()
        })
        .func_wrap("many", move |n: u32| {
            (0..n).map(|n| many.bucket(n.to_string())).collect::<Vec<_>>()
        })
        .func_wrap("maybe", |bucket: Option<HostOwn<Bucket>>| {
            bucket.ok_or_else(|| "none".to_owned())
        })
        .func_wrap("live", move || live.0.lock().unwrap().live)
        .func_wrap("dropped", move || dropped.0.lock().unwrap().dropped)
        .func_wrap("history", move || history.0.lock().unwrap().history.clone())
}

async fn shop(shop: &Shop) -> Composition {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("store", buckets(shop)));
    for name in ["broker", "bucket-consumer"] {
        composer.add(ComposableDescriptor::new(name, component(name)));
    }
    limited(composer.compose()).await.unwrap()
}

async fn dynamic(
    composition: &Composition,
    function: &str,
    args: &[Val],
) -> Result<Val, CompositionError> {
    limited(call(composition, BUCKETS, function, args)).await
}

#[test]
fn resources_of_rust_are_those_of_a_component_for_components() {
    run(async || {
        let ledger = Shop::default();
        let composition = shop(&ledger).await;
        for (function, expected) in [
            ("run-resource", "a size 2; two at 1; nine at none; count 1 1; a+b size 3; eat 1 3"),
            ("run-holder", "in box size 1; box/in box"),
            ("run-nested", "0,1,2; some 2; err none"),
            ("run-third", "describe t:1 t:1; relabel t:2; take t"),
        ] {
            let answer = limited(call(&composition, CONSUMER, function, &[])).await.unwrap();
            assert_eq!(answer, string(expected));
        }
        until(|| composition.live_handles() == 0).await;
        assert_eq!(ledger.0.lock().unwrap().live, 0);
        // What a component holds is dropped with it.
        limited(call_unit(&composition, CONSUMER, "hold", &[string("held")])).await.unwrap();
        assert_eq!(composition.live_handles(), 1);
        limited(composition.close(Duration::from_secs(5))).await.unwrap();
        assert_eq!(ledger.0.lock().unwrap().live, 0);
    });
}

#[test]
fn callers_in_rust_hold_resources_of_rust() {
    run(async || {
        let ledger = Shop::default();
        let composition = shop(&ledger).await;
        let new = |name: &'static str| {
            let new =
                composition.typed::<(&str,), OwnedResource>(Some(BUCKETS), "[constructor]bucket");
            async move { limited(new.unwrap().call((name,))).await.unwrap() }
        };
        let (one, other) = (new("one").await, new("other").await);
        let put = composition
            .typed::<(&OwnedResource, &str), ()>(Some(BUCKETS), "[method]bucket.put")
            .unwrap();
        limited(put.call((&one, "text"))).await.unwrap();
        let count = composition.typed::<(&OwnedResource,), u32>(Some(BUCKETS), "count").unwrap();
        assert_eq!(limited(count.call((&one,))).await.unwrap(), 1);
        assert_eq!(limited(count.call((&other,))).await.unwrap(), 0);
        let size = dynamic(&composition, "[method]bucket.size", &[one.to_val()]).await;
        assert_eq!(size.unwrap(), Val::U32(1));
        limited(one.release()).await.unwrap();
        assert_eq!(
            ledger.0.lock().unwrap().history,
            ["new one", "new other", "put one text", "drop one"]
        );
        let many = limited(call(&composition, BUCKETS, "many", &[Val::U32(3)])).await.unwrap();
        limited(composition.drop_handles(&many)).await.unwrap();
        assert_eq!(composition.live_handles(), 1);
        let eaten = limited(call(&composition, BUCKETS, "eat", &[other.to_val()])).await.unwrap();
        assert_eq!(eaten, Val::U32(0));
        let again = limited(count.call((&other,))).await.unwrap_err();
        assert!(matches!(again, CompositionError::Argument(_)), "{again:?}");
        assert_eq!(ledger.0.lock().unwrap().live, 0);
    });
}

#[test]
fn rust_takes_the_place_of_a_component_and_keeps_what_it_gave_out() {
    run(async || {
        let mut composer = Composer::new();
        for name in ["bucket-store", "broker", "bucket-consumer"] {
            composer.add(ComposableDescriptor::new(name, component(name)));
        }
        let composition = limited(composer.compose()).await.unwrap();
        let old = dynamic(&composition, "[constructor]bucket", &[string("old")]).await.unwrap();
        let ledger = Shop::default();
        limited(async { composition.replace("bucket-store", buckets(&ledger)).await })
            .await
            .unwrap();
        let new = dynamic(&composition, "[constructor]bucket", &[string("new")]).await.unwrap();
        for (bucket, name) in [(&old, "old"), (&new, "new")] {
            let found = dynamic(&composition, "[method]bucket.name", slice::from_ref(bucket)).await;
            assert_eq!(found.unwrap(), string(name));
        }
        assert_eq!(ledger.0.lock().unwrap().history, ["new new"]);
        let both = dynamic(&composition, "[static]bucket.merge", &[old, new]).await;
        let error = both.unwrap_err();
        assert!(
            matches!(error, CompositionError::Handle(HandleError::OtherInstance { .. })),
            "{error:?}"
        );
    });
}

/// Failures that are told apart.
fn risky() -> HostInterface {
    HostInterface::root().func_wrap("add", |a: i32, b: i32| match a {
        13 => Err(wasmtime::format_err!("13 is not added")),
        14 => panic!("14 is not added"),
        _ => Ok(a + b),
    })
}

#[test]
fn errors_and_panics_of_rust_are_the_callers_alone() {
    run(async || {
        let composition = limited(compose! {
            component risky = risky();
            component producer = component("producer") { hide "add" };
            component consumer = component("consumer");
            export fn add(a: i32, b: i32) -> i32;
            export fn run_add() -> i32;
        })
        .await
        .unwrap();
        assert_eq!(limited(composition.add(1, 2)).await.unwrap(), 3);
        assert_eq!(limited(composition.run_add()).await.unwrap(), 3);
        let error = limited(composition.add(13, 2)).await.unwrap_err();
        assert_eq!(chain(&error), "`add` of `risky` failed\n13 is not added");
        let error = limited(composition.add(14, 2)).await.unwrap_err();
        let CompositionError::Host { source, .. } = &error else { panic!("{error:?}") };
        assert_eq!(source.downcast_ref::<HostPanic>().unwrap().message, "14 is not added");
        assert_eq!(limited(composition.run_add()).await.unwrap(), 3);
        assert!(composition.plan().to_string().contains("add: func(s32, s32) -> s32 from risky"));
    });
}

#[test]
fn calls_that_wait_overlap_and_are_dropped_with_their_callers() {
    run(async || {
        let (gate, waiting) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
        struct Waits(Arc<AtomicU32>);
        impl Drop for Waits {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let host = HostInterface::new("acme:env/gate@1.0.0").func_wrap_async("pass", {
            let (gate, waiting) = (gate.clone(), waiting.clone());
            move |n: u64| {
                let (gate, waiting) = (gate.clone(), waiting.clone());
                async move {
                    waiting.fetch_add(1, Ordering::SeqCst);
                    let _waits = Waits(waiting);
                    gate.notified().await;
                    n
                }
            }
        });
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("gate", host));
        let composition = limited(composer.compose()).await.unwrap();
        let pass = composition.typed::<(u64,), u64>(Some("acme:env/gate@1.0.0"), "pass").unwrap();
        let passing: Vec<_> = (0..10)
            .map(|n| {
                let pass = pass.clone();
                tokio::spawn(async move { pass.call((n,)).await })
            })
            .collect();
        until(|| waiting.load(Ordering::SeqCst) == 10).await;
        passing[3].abort();
        until(|| waiting.load(Ordering::SeqCst) == 9).await;
        gate.notify_waiters();
        for (n, passing) in (0..).zip(passing) {
            match limited(passing).await {
                Ok(passed) => assert_eq!(passed.unwrap(), n),
                Err(aborted) => assert!(aborted.is_cancelled() && n == 3),
            }
        }
    });
}

#[test]
fn calls_start_in_the_order_in_which_they_were_made() {
    run(async || {
        let started = Arc::new(Mutex::new(Vec::new()));
        let log = started.clone();
        let host = HostInterface::root().func_wrap_concurrent("note", move |n: u32| {
            let log = log.clone();
            async move {
                log.lock().unwrap().push(n);
                tokio::task::yield_now().await;
            }
        });
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("notes", host));
        let composition = limited(composer.compose()).await.unwrap();
        let note = composition.typed::<(u32,), ()>(None, "note").unwrap();
        let mut made = Vec::new();
        for mut note in (0..1000).map(|n| Box::pin(note.call((n,)))) {
            // One that is over by now is not polled again.
            match poll_immediate(&mut note).await {
                Some(answer) => answer.unwrap(),
                None => made.push(note),
            }
        }
        // They are made by now, whether anybody looks after them or not.
        until(|| started.lock().unwrap().len() == 1000).await;
        for note in made {
            limited(note).await.unwrap();
        }
        assert_eq!(*started.lock().unwrap(), Vec::from_iter(0..1000));
    });
}

#[derive(ComponentValue, Clone, Debug, PartialEq)]
struct Item {
    name: String,
    tags: Vec<String>,
    n: u32,
}

#[derive(ComponentValue, Clone, Debug, PartialEq)]
enum Shape {
    Cycle(f64),
    Named(String, u8),
    Empty,
}

#[derive(ComponentValue, Clone, Debug, PartialEq)]
enum Colour {
    Red,
    Blue,
}

#[derive(ComponentValue, Clone, Debug, PartialEq)]
#[component(flags)]
struct Rights {
    read: bool,
    write: bool,
}

#[test]
fn every_type_goes_in_and_comes_out_and_prints() {
    run(async || {
        type All = (Item, Vec<Shape>, Colour, Rights, BTreeMap<String, [u8; 2]>, Result<(), char>);
        let host = HostInterface::root()
            .func_wrap("same", |all: All, more: Option<Box<f32>>| (all, more))
            .with_params(&["all", "more"]);
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("rust", host));
        let composition = limited(composer.compose()).await.unwrap();
        let all: All = (
            Item { name: "n".to_owned(), tags: vec!["t".to_owned()], n: 1 },
            vec![Shape::Cycle(0.5), Shape::Named("x".to_owned(), 2), Shape::Empty],
            Colour::Blue,
            Rights { read: true, write: false },
            BTreeMap::from([("k".to_owned(), [1, 2])]),
            Err('c'),
        );
        type Out = (All, Option<f32>);
        let same = composition.typed::<(All, Option<f32>), Out>(None, "same").unwrap();
        assert_eq!(limited(same.call((all.clone(), Some(2.5)))).await.unwrap(), (all, Some(2.5)));
        let exports = composition.exports();
        let whole = format!("{:#}", exports[0].functions[0].ty);
        let expected = "func(all: tuple<record { name: string, tags: list<string>, n: u32 }, \
                        list<variant { cycle(f64), named(tuple<string, u8>), empty }>, \
                        enum { red, blue }, flags { read, write }, map<string, list<u8, 2>>, \
                        result<_, char>>, more: option<f32>)";
        assert!(whole.starts_with(expected), "{whole}");
        // In a plan it is a line.
        let plan = composition.plan().to_string();
        let short =
            "same: func(all: tuple<record { .. }, list<variant { .. }>, enum { .. }, .. 3 more>, ";
        assert!(plan.contains(short), "{plan}");
    });
}

#[test]
fn filters_hints_and_containment_apply_to_rust() {
    run(async || {
        let answer =
            |n: u32| HostInterface::root().func_wrap("n", move || n).func_wrap("m", || 7_u32);
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("one", answer(1).hiding(&["m"])));
        composer.add(ComposableDescriptor::new("two", answer(2).exposing(&["n"])));
        composer.with_export_hint("n", "two");
        let composition = limited(composer.compose()).await.unwrap();
        let n = composition.typed::<(), u32>(None, "n").unwrap();
        assert_eq!(limited(n.call(())).await.unwrap(), 2);
        composition.get_func(None, "m").unwrap_err();

        let failing = HostInterface::new("composer:test/ifragile").func_wrap("fail", |_: u32| {
            wasmtime::Result::<Result<u32, String>>::Err(wasmtime::format_err!("no"))
        });
        let caller = composer_tests::text(
            r#"(component
                (import "composer:test/ifragile" (instance $i
                    (export "fail" (func (param "n" u32) (result (result u32 (error string)))))))
                (core module $libc (memory (export "memory") 1)
                    (func (export "realloc") (param i32 i32 i32 i32) (result i32) i32.const 1024))
                (core instance $libc (instantiate $libc))
                (alias core export $libc "memory" (core memory $memory))
                (core func $fail (canon lower (func $i "fail")
                    (memory $memory)
                    (realloc (core func $libc "realloc"))))
                (core module $m
                    (import "" "fail" (func $fail (param i32 i32)))
                    (import "" "memory" (memory 1))
                    (func (export "try") (result i32)
                        (call $fail (i32.const 1) (i32.const 16))
                        (i32.load (i32.const 16))))
                (core instance $m (instantiate $m (with "" (instance
                    (export "fail" (func $fail)) (export "memory" (memory $memory))))))
                (func (export "try") (result u32) (canon lift (core func $m "try"))))"#,
        );
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("rust", failing));
        let caller = ComposableDescriptor::new("caller", caller)
            .with_containment("composer:test/ifragile", Containment::message());
        composer.add(caller);
        let composition = limited(composer.compose()).await.unwrap();
        let tried = composition.typed::<(), u32>(None, "try").unwrap();
        assert_eq!(limited(tried.call(())).await.unwrap(), 1);
    });
}

#[test]
fn what_is_declared_wrongly_is_told_when_planning() {
    struct Thing;
    let problem = |host: HostInterface| {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("rust", host));
        let CompositionError::Plan(error) = composer.plan().unwrap_err() else { panic!() };
        let [PlanProblem::Load { source, .. }] = error.problems() else { panic!("{error:?}") };
        assert!(source.downcast_ref::<HostInterfaceError>().is_some());
        source.to_string()
    };
    let host = || HostInterface::new("a:b/c");
    assert_eq!(
        problem(host().func_wrap("f", || 1_u8).func_wrap("f", || 2_u8)),
        "the interface `a:b/c` implemented in Rust, `f`: it is implemented twice"
    );
    let text = problem(host().func_wrap("f", || HostOwn::new(Thing)));
    assert!(text.contains("is no resource of the interface; declare it before, by"), "{text}");
    let text = problem(host().func_wrap("f", |_: OwnedResource| ()));
    assert!(
        text.ends_with("`f`: it takes or returns `OwnedResource`, which has no type here"),
        "{text}"
    );
    let text = problem(host().func_wrap("f", |a: u8| a).with_params(&["a", "b"]));
    assert!(text.ends_with("it has 1 parameters, found 2 names"), "{text}");
    let text = problem(host().resource::<Thing>("thing").resource::<Thing>("other"));
    assert!(text.ends_with("`other`: it is a resource already, or its Rust type is one"), "{text}");
}

#[test]
fn component_that_needs_another_type_is_told_the_difference() {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new(
        "rust",
        HostInterface::root().func_wrap("add", |a: i32, b: i64| i64::from(a) + b),
    ));
    composer.add(ComposableDescriptor::new("producer", component("producer").hiding(&["add"])));
    composer.add(ComposableDescriptor::new("consumer", component("consumer")));
    let error = chain(&composer.plan().unwrap_err());
    assert!(error.contains("parameter `b`"), "{error}");
}
