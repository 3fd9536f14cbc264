//! Layers: code between a component and whoever calls it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use composer_tests::{
    Clock, call, call_unit, chain, component, composer, limited, run, string, until,
};
use futures_util::FutureExt;
use futures_util::future::poll_immediate;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use wasm_runtime_composer::error::{HandleError, PlanProblem};
use wasm_runtime_composer::layer::{
    Call, CountLayer, DenyLayer, FromFnLayer, Next, RecordLayer, Recording, ReplayLayer,
    RetryLayer, Returned, from_fn,
};
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, Containment, HostInterface,
    RestartPolicy,
};
use wasmtime::component::Val;

const CONSUMER: &str = "composer:test/ibuckets-consumer";
const BUCKETS: &str = "composer:test/buckets";

/// What layers saw.
type Log = Arc<Mutex<Vec<String>>>;

/// A layer that notes each call as `NAME: CONSUMER > PROVIDER FUNCTION`.
fn noting(
    log: &Log,
    name: &'static str,
) -> FromFnLayer<
    impl Fn(Call, Next) -> futures_util::future::BoxFuture<'static, Result<Returned, CompositionError>>
    + Clone
    + Send
    + Sync
    + 'static,
> {
    let log = log.clone();
    from_fn(move |call: Call, next: Next| {
        let consumer = call.consumer().unwrap_or("Rust");
        let line = format!("{name}: {consumer} > {} {}", call.provider(), call.name());
        log.lock().unwrap().push(line);
        async move { next.call(call).await }.boxed()
    })
}

fn taken(log: &Log) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// A component in Rust that exports `get` and `set` at the root.
fn cells() -> HostInterface {
    HostInterface::root()
        .func_wrap("get", |key: String| format!("value of {key}"))
        .with_params(&["key"])
        .func_wrap("set", |_: String, _: String| ())
}

async fn with_layer<S>(cells: ComposableDescriptor, more: S) -> Composition
where
    S: FnOnce(&mut Composer),
{
    let mut composer = Composer::new();
    composer.add(cells);
    more(&mut composer);
    limited(composer.compose()).await.unwrap()
}

async fn get(composition: &Composition, key: &str) -> Result<String, CompositionError> {
    let get = composition.typed::<(&str,), String>(None, "get").unwrap();
    limited(get.call((key,))).await
}

#[test]
fn calls_meet_those_of_the_import_then_of_the_composition_then_of_the_component() {
    run(async || {
        let log = Log::default();
        let mut composer = Composer::new();
        let producer = ComposableDescriptor::new("producer", component("producer"));
        composer.add(
            producer
                .with_layer(noting(&log, "component 1"))
                .with_layer(noting(&log, "component 2")),
        );
        let consumer = ComposableDescriptor::new("consumer", component("consumer"));
        composer.add(
            consumer
                .with_import_layer("add", noting(&log, "import"))
                .with_import_layer("composer:test/iproducer#greet", noting(&log, "other")),
        );
        composer.with_layer(noting(&log, "all"));
        let composition = limited(composer.compose()).await.unwrap();
        assert_eq!(call(&composition, None, "run-add", &[]).await.unwrap(), Val::S32(3));
        assert_eq!(
            taken(&log),
            [
                "all: Rust > consumer run-add",
                "import: consumer > producer add",
                "all: consumer > producer add",
                "component 1: consumer > producer add",
                "component 2: consumer > producer add",
            ]
        );
        let add = [Val::S32(1), Val::S32(1)];
        assert_eq!(call(&composition, None, "add", &add).await.unwrap(), Val::S32(2));
        assert_eq!(
            taken(&log),
            [
                "all: Rust > producer add",
                "component 1: Rust > producer add",
                "component 2: Rust > producer add",
            ]
        );
    });
}

#[test]
fn layer_on_one_function_leaves_the_others_of_its_interface() {
    run(async || {
        let log = Log::default();
        let mut composer = composer(&["producer"]);
        let consumer = ComposableDescriptor::new("consumer", component("consumer"));
        composer.add(
            consumer.with_import_layer("composer:test/iproducer#greet", noting(&log, "greet")),
        );
        let composition = limited(composer.compose()).await.unwrap();
        let consumer = "composer:test/iconsumer";
        call(&composition, consumer, "run-greet", &[string("ann")]).await.unwrap();
        call(&composition, consumer, "run-values", &[]).await.unwrap();
        let seen = taken(&log);
        assert_eq!(seen, ["greet: consumer > producer composer:test/iproducer#greet"]);
    });
}

#[test]
fn layer_changes_arguments_and_result() {
    run(async || {
        let layer = from_fn(async |mut call: Call, next: Next| {
            assert_eq!(call.params().unwrap(), [string("a")]);
            let (key,) = call.args::<(String,)>()?;
            call.set_args((key.to_uppercase(),))?;
            let mut returned = next.call(call).await?;
            assert_eq!(returned.val(), Some(string("value of A")));
            let value = returned.result::<String>()?;
            returned.set_result(value + "!")?;
            Ok(returned)
        });
        let cells = ComposableDescriptor::new("cells", cells()).with_layer(layer);
        let composition = with_layer(cells, |_| ()).await;
        assert_eq!(get(&composition, "a").await.unwrap(), "value of A!");
    });
}

#[test]
fn what_does_not_fit_the_function_is_told_and_nothing_changes() {
    run(async || {
        let layer = from_fn(async |mut call: Call, next: Next| {
            let wrong = call.args::<(u32,)>().unwrap_err();
            assert_eq!(
                wrong.to_string(),
                "`get` of component `cells`, parameter `key`: expected a type for `string`, found \
                 `u32`"
            );
            let wrong = call.set_args(("a", "b")).unwrap_err();
            assert!(wrong.to_string().contains("takes 1 parameters"), "{wrong}");
            let wrong = call.set_params(&[Val::U8(1)]).unwrap_err();
            assert!(matches!(wrong, CompositionError::Argument(_)), "{wrong:?}");
            let wrong = call.answer(1u8).unwrap_err();
            assert!(wrong.to_string().contains("result: expected a type for `string`"), "{wrong}");
            let wrong = call.answer_val(None).unwrap_err();
            assert!(matches!(wrong, CompositionError::Argument(_)), "{wrong:?}");
            let mut returned = next.call(call).await?;
            returned.set_result(()).unwrap_err();
            returned.result::<u8>().unwrap_err();
            Ok(returned)
        });
        let cells = ComposableDescriptor::new("cells", cells()).with_layer(layer);
        let composition = with_layer(cells, |_| ()).await;
        assert_eq!(get(&composition, "a").await.unwrap(), "value of a");
    });
}

#[test]
fn layer_answers_and_the_component_is_not_called() {
    run(async || {
        let log = Log::default();
        let layer = from_fn(async |call: Call, next: Next| match call.function() {
            "get" => call.answer_val(Some(&string("mine"))),
            "set" => call.answer(()),
            _ => next.call(call).await,
        });
        let cells = ComposableDescriptor::new("cells", cells());
        let cells = cells.with_layer(layer).with_layer(noting(&log, "reached"));
        let composition = with_layer(cells, |_| ()).await;
        assert_eq!(get(&composition, "a").await.unwrap(), "mine");
        let set = composition.typed::<(&str, &str), ()>(None, "set").unwrap();
        limited(set.call(("a", "b"))).await.unwrap();
        assert_eq!(taken(&log), [""; 0]);
    });
}

#[test]
fn refused_call_is_an_error_for_rust_and_a_trap_for_a_guest() {
    run(async || {
        let mut composer = Composer::new();
        let producer = ComposableDescriptor::new("producer", component("producer"));
        composer.add(producer.with_layer(DenyLayer::functions(["add"], "no sums today")));
        composer.add(ComposableDescriptor::new("consumer", component("consumer")));
        let composition = limited(composer.compose()).await.unwrap();
        let refused = "a layer failed the call of `add` of `producer`\nno sums today";
        let error = call(&composition, None, "add", &[Val::S32(1), Val::S32(1)]).await.unwrap_err();
        assert!(matches!(error, CompositionError::Layer { .. }), "{error:?}");
        assert_eq!(chain(&error), refused);
        let error = call(&composition, None, "run-add", &[]).await.unwrap_err();
        assert!(matches!(error, CompositionError::Trap { .. }), "{error:?}");
        assert!(chain(&error).contains(refused), "{}", chain(&error));
    });
}

#[test]
fn refused_call_can_be_contained() {
    run(async || {
        let mut composer = Composer::new();
        let fragile = Clock::default().component("fragile");
        composer.add(ComposableDescriptor::new("fragile", fragile));
        let careful = ComposableDescriptor::new("careful", component("careful"));
        composer.add(
            careful
                .with_containment("composer:test/ifragile#text", Containment::message())
                .with_import_layer("composer:test/ifragile#text", DenyLayer::all("not now")),
        );
        let composition = limited(composer.compose()).await.unwrap();
        let text = composition.typed::<(u32,), String>(Some("composer:test/icareful"), "text");
        let said = limited(text.unwrap().call((0,))).await.unwrap();
        assert!(said.contains("not now"), "{said}");
    });
}

#[test]
fn deny_knows_interfaces_functions_and_versions() {
    run(async || {
        let clock = |name: &str| {
            HostInterface::new(name).func_wrap("now", || 1u64).func_wrap("zone", || 2u64)
        };
        let denied = async |deny: DenyLayer| {
            let mut composer = Composer::new();
            let name = "acme:env/clock@1.2.0";
            composer.add(ComposableDescriptor::new("clock", clock(name)).with_layer(deny));
            let composition = limited(composer.compose()).await.unwrap();
            let mut denied = Vec::new();
            for function in ["now", "zone"] {
                let func = composition.typed::<(), u64>(Some(name), function).unwrap();
                if limited(func.call(())).await.is_err() {
                    denied.push(function);
                }
            }
            denied
        };
        assert_eq!(denied(DenyLayer::all("no")).await, ["now", "zone"]);
        assert_eq!(denied(DenyLayer::functions(["acme:env/clock"], "no")).await, ["now", "zone"]);
        assert_eq!(denied(DenyLayer::functions(["acme:env/clock@1.2.0#now"], "no")).await, ["now"]);
        // What is said of a version is said of compatible ones.
        assert_eq!(
            denied(DenyLayer::functions(["acme:env/clock@1.0.0"], "no")).await,
            ["now", "zone"]
        );
        assert_eq!(
            denied(DenyLayer::functions(["acme:env/clock@2.0.0", "now"], "no")).await,
            [""; 0]
        );
        assert_eq!(denied(DenyLayer::all_but(["acme:env/clock#now"], "no")).await, ["zone"]);
    });
}

#[test]
fn handles_pass_layers_and_are_dropped_with_a_call_that_is_not_made() {
    run(async || {
        let log = Log::default();
        let mut composer = composer(&["bucket-consumer", "broker"]);
        let store = ComposableDescriptor::new("bucket-store", component("bucket-store"));
        let layer = from_fn(async |mut call: Call, next: Next| {
            if call.function() == "eat" {
                assert!(call.params().is_none() && call.try_clone().is_none());
                let copied = call.set_params(&[Val::U32(1)]).unwrap_err();
                assert!(matches!(copied, CompositionError::Argument(_)), "{copied:?}");
                return call.answer(7u32);
            }
            let returned = next.call(call).await?;
            if returned.val().is_none() && returned.result::<u32>().is_ok() {
                panic!("a handle is no number");
            }
            Ok(returned)
        });
        composer.add(store.with_layer(noting(&log, "store")).with_layer(layer));
        let composition = limited(composer.compose()).await.unwrap();
        let made =
            call(&composition, BUCKETS, "[constructor]bucket", &[string("a")]).await.unwrap();
        assert_eq!(composition.live_handles(), 1);
        let eaten = call(&composition, BUCKETS, "eat", &[made]).await.unwrap();
        assert_eq!(eaten, Val::U32(7));
        // It was not eaten, and yet it is gone.
        until(|| composition.live_handles() == 0).await;
        let run = call(&composition, CONSUMER, "run-holder", &[]).await.unwrap();
        assert_eq!(run, string("in box size 1; box/in box"));
        assert!(taken(&log).iter().any(|it| it.contains("bucket-consumer > bucket-store")));
    });
}

#[test]
fn layer_cannot_make_handles() {
    run(async || {
        let layer = from_fn(async |call: Call, next: Next| {
            let returned = next.call(call).await?;
            let copied = returned.result::<wasm_runtime_composer::OwnedResource>().unwrap_err();
            assert!(
                matches!(copied, CompositionError::Handle(HandleError::Uncopied)),
                "{copied:?}"
            );
            Ok(returned)
        });
        let store = ComposableDescriptor::new("bucket-store", component("bucket-store"));
        let composition = with_layer(store.with_layer(layer), |_| ()).await;
        call(&composition, BUCKETS, "[constructor]bucket", &[string("a")]).await.unwrap();
    });
}

/// How deep in a chain of calls a call is.
struct Depth(u32);

#[test]
fn what_goes_along_with_a_call_goes_along_the_whole_chain() {
    run(async || {
        let log = Log::default();
        let mut composer = composer(&["bucket-consumer", "broker", "bucket-store"]);
        let noted = log.clone();
        composer.with_layer(from_fn(move |mut call: Call, next: Next| {
            let depth = call.context().get::<Depth>().map_or(1, |Depth(depth)| depth + 1);
            call.context_mut().insert(Depth(depth));
            noted.lock().unwrap().push(format!("{depth} {:?}", call.consumer()));
            async move { next.call(call).await }
        }));
        let composition = limited(composer.compose()).await.unwrap();
        let expected = string("describe t:1 t:1; relabel t:2; take t");
        // Several at a time, async and sync: each keeps to its own chain.
        let runs = (0..4).map(|_| async {
            let third = call(&composition, CONSUMER, "run-third", &[]).await.unwrap();
            assert_eq!(third, expected);
        });
        futures_util::future::join_all(runs).await;
        let seen = taken(&log);
        for (depth, consumer) in
            [(1, "None"), (2, r#"Some("bucket-consumer")"#), (3, r#"Some("broker")"#)]
        {
            let mut of_consumer = seen.iter().filter(|it| it.ends_with(consumer)).peekable();
            assert!(of_consumer.peek().is_some(), "{consumer}: {seen:?}");
            assert!(of_consumer.all(|it| it.starts_with(&depth.to_string())), "{seen:?}");
        }
    });
}

#[test]
fn idempotent_calls_are_made_again_as_often_as_is_said() {
    run(async || {
        for (retries, fails) in [(2, false), (1, true)] {
            let (left, tries) = (Arc::new(AtomicU32::new(2)), Arc::new(AtomicU32::new(0)));
            let tried = tries.clone();
            let answer = move || {
                tried.fetch_add(1, Ordering::Relaxed);
                let fails = left
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_ok();
                if fails { Err(wasmtime::format_err!("not yet")) } else { Ok(5u32) }
            };
            let host = HostInterface::root()
                .func_wrap("answer", answer.clone())
                .func_wrap("charge", answer);
            let host = ComposableDescriptor::new("desk", host);
            let host = host.with_layer(RetryLayer::functions(["answer"], retries));
            let composition = with_layer(host, |_| ()).await;
            let answer = composition.typed::<(), u32>(None, "answer").unwrap();
            let charge = composition.typed::<(), u32>(None, "charge").unwrap();
            let answer = limited(answer.call(())).await;
            assert_eq!(tries.swap(0, Ordering::Relaxed), retries + 1);
            match fails {
                false => assert_eq!(answer.unwrap(), 5),
                true => {
                    let error = answer.unwrap_err();
                    assert!(matches!(error, CompositionError::Host { .. }), "{error:?}");
                }
            }
            let _ = limited(charge.call(())).await;
            assert_eq!(tries.load(Ordering::Relaxed), 1);
        }
    });
}

#[test]
fn call_that_trapped_is_made_again_of_the_component_that_was_started_again() {
    run(async || {
        let trapper = Clock::default().component("trapper");
        let again = RestartPolicy::restart(10, Duration::ZERO);
        let trapper = ComposableDescriptor::new("trapper", trapper).with_restart(again);
        // The first call divides by zero.
        let tries = AtomicU32::new(0);
        let tries = Arc::new(tries);
        let made = tries.clone();
        let mend = from_fn(move |mut call: Call, next: Next| {
            let first = made.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                if first {
                    call.set_args((8i32, 0i32))?;
                }
                next.call(call).await
            }
        });
        let retry = RetryLayer::functions(["composer:test/itrapper#divide"], 1);
        let composition = with_layer(trapper.with_layer(retry).with_layer(mend), |_| ()).await;
        let divide = composition.typed::<(i32, i32), i32>(Some("composer:test/itrapper"), "divide");
        assert_eq!(limited(divide.unwrap().call((8, 2))).await.unwrap(), 4);
        assert_eq!(tries.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn layers_of_tower_limit_and_time_calls() {
    run(async || {
        let clock = Clock::default();
        let sleeper = ComposableDescriptor::new("sleeper", clock.component("sleeper"));
        let sleeper = sleeper
            .with_layer(TimeoutLayer::new(Duration::from_millis(5)))
            .with_layer(GlobalConcurrencyLimitLayer::new(1));
        let composition = with_layer(sleeper, |_| ()).await;
        let nap = composition.typed::<(u64,), u64>(Some("composer:test/isleeper"), "nap").unwrap();
        let error = limited(nap.call((3_600_000,))).await.unwrap_err();
        assert!(matches!(error, CompositionError::Layer { .. }), "{error:?}");
        assert_eq!(
            chain(&error),
            "a layer failed the call of `composer:test/isleeper#nap` of `sleeper`\nrequest timed out"
        );
    });
}

#[test]
fn limit_of_a_component_is_for_all_who_call_it() {
    run(async || {
        let (running, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        // Each waits for two others to run beside it.
        let three = Arc::new(tokio::sync::Barrier::new(3));
        let busy = {
            let (running, most) = (running.clone(), most.clone());
            move || {
                let (running, most, three) = (running.clone(), most.clone(), three.clone());
                async move {
                    let now = running.fetch_add(1, Ordering::Relaxed) + 1;
                    most.fetch_max(now, Ordering::Relaxed);
                    three.wait().await;
                    running.fetch_sub(1, Ordering::Relaxed);
                }
            }
        };
        let host = HostInterface::root().func_wrap_concurrent("work", busy);
        let host = ComposableDescriptor::new("desk", host);
        let host = host.with_layer(GlobalConcurrencyLimitLayer::new(3));
        let composition = with_layer(host, |_| ()).await;
        let work = composition.typed::<(), ()>(None, "work").unwrap();
        let calls = (0..99).map(|_| work.call(()));
        for done in limited(futures_util::future::join_all(calls)).await {
            done.unwrap();
        }
        assert_eq!(most.load(Ordering::Relaxed), 3);
    });
}

/// Notes that it was dropped.
struct Dropped(Arc<AtomicU32>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn what_a_layer_does_ends_with_its_caller_and_its_deadline() {
    run(async || {
        let dropped = Arc::new(AtomicU32::new(0));
        let count = dropped.clone();
        let wait = from_fn(move |call: Call, _: Next| {
            let dropped = Dropped(count.clone());
            async move {
                let _dropped = dropped;
                std::future::pending::<()>().await;
                Err(call.refuse("never"))
            }
        });
        let cells = ComposableDescriptor::new("cells", cells()).with_layer(wait);
        let composition = with_layer(cells, |_| ()).await;
        let get = composition.typed::<(&str,), String>(None, "get").unwrap();
        let mut given_up = Box::pin(get.call(("a",)));
        assert!(poll_immediate(&mut given_up).await.is_none());
        drop(given_up);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
        let get = get.with_deadline(Duration::from_millis(5));
        let error = limited(get.call(("a",))).await.unwrap_err();
        let CompositionError::Timeout { component, function, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!((&**component, function.as_deref()), ("cells", Some("get")));
        assert_eq!(dropped.load(Ordering::Relaxed), 2);
    });
}

#[test]
fn deadline_of_a_caller_ends_a_store_that_is_held_behind_layers() {
    run(async || {
        // The deadline passes first for the call inside of the layer, or for the one around it.
        for looks in [true, false] {
            let clock = Clock::default();
            let sleeper = ComposableDescriptor::new("sleeper", clock.component("sleeper"));
            let sleeper = match looks {
                true => sleeper.with_layer(noting(&Log::default(), "sleeper")),
                false => sleeper.with_layer(from_fn(async |call: Call, next: Next| {
                    if call.args::<(u64,)>()? == (0,) {
                        return next.call(call).await;
                    }
                    // It is begun, and not looked at again.
                    let mut begun = Box::pin(next.call(call));
                    match poll_immediate(&mut begun).await {
                        Some(outcome) => outcome,
                        None => std::future::pending().await,
                    }
                })),
            };
            let composition = with_layer(sleeper, |_| ()).await;
            let doze =
                composition.typed::<(u64,), u64>(Some("composer:test/isleeper"), "doze").unwrap();
            let hurried = doze.clone().with_deadline(Duration::from_millis(20));
            // A call that has not come to run holds nothing, and is withdrawn.
            while clock.log().is_empty() {
                match limited(hurried.call((3_600_000,))).await.unwrap_err() {
                    CompositionError::Timeout { .. } => {}
                    // The call before has come to run after all, and was ended.
                    CompositionError::Unavailable { .. } => break,
                    error => panic!("{error:?}"),
                }
            }
            // What held the store is ended, as without layers.
            let error = limited(doze.call((0,))).await.unwrap_err();
            assert!(matches!(error, CompositionError::Unavailable { .. }), "{error:?}");
        }
    });
}

#[test]
fn panic_of_a_layer_is_the_callers_or_its_guests_trap() {
    run(async || {
        let mut composer = Composer::new();
        let layer = from_fn(async |call: Call, next: Next| match call.consumer() {
            Some(_) => panic!("a layer's own fault"),
            None => next.call(call).await,
        });
        let producer = ComposableDescriptor::new("producer", component("producer"));
        composer.add(producer.with_layer(layer));
        composer.add(ComposableDescriptor::new("consumer", component("consumer")));
        let composition = limited(composer.compose()).await.unwrap();
        let error = call(&composition, None, "run-add", &[]).await.unwrap_err();
        assert!(matches!(error, CompositionError::Trap { .. }), "{error:?}");
        assert!(chain(&error).contains("a layer's own fault"), "{}", chain(&error));
        let sum = call(&composition, None, "add", &[Val::S32(1), Val::S32(2)]).await.unwrap();
        assert_eq!(sum, Val::S32(3));
    });
}

#[test]
fn layers_around_what_is_nested_are_for_calls_from_outside() {
    run(async || {
        for composed in [false, true] {
            let log = Log::default();
            let mut inner = composer(&["producer", "consumer"]);
            inner.with_layer(noting(&log, "inner"));
            let group = match composed {
                false => ComposableDescriptor::new("group", inner),
                true => {
                    let inner = limited(inner.compose()).await.unwrap();
                    ComposableDescriptor::new("group", inner)
                }
            };
            let mut outer = Composer::new();
            outer.add(group.with_layer(noting(&log, "around")));
            outer.with_layer(noting(&log, "outer"));
            let composition = limited(outer.compose()).await.unwrap();
            assert_eq!(call(&composition, None, "run-add", &[]).await.unwrap(), Val::S32(3));
            let expected: &[&str] = match composed {
                false => &[
                    "outer: Rust > group/consumer run-add",
                    "around: Rust > group/consumer run-add",
                    "inner: Rust > group/consumer run-add",
                    "outer: group/consumer > group/producer add",
                    "inner: group/consumer > group/producer add",
                ],
                // Its own calls are not the outer composition's.
                true => &[
                    "outer: Rust > group run-add",
                    "around: Rust > group run-add",
                    "inner: Rust > consumer run-add",
                    "inner: consumer > producer add",
                ],
            };
            assert_eq!(taken(&log), expected, "{composed}");
        }
    });
}

#[test]
fn layer_on_an_import_of_what_is_nested_is_on_those_inside() {
    run(async || {
        let log = Log::default();
        let mut inner = Composer::new();
        let consumer = ComposableDescriptor::new("consumer", component("consumer"));
        inner.add(consumer.with_import_layer("add", noting(&log, "inside")));
        let mut outer = composer(&["producer"]);
        let group = ComposableDescriptor::new("group", inner);
        outer.add(group.with_import_layer("add", noting(&log, "around")));
        let composition = limited(outer.compose()).await.unwrap();
        assert_eq!(call(&composition, None, "run-add", &[]).await.unwrap(), Val::S32(3));
        assert_eq!(
            taken(&log),
            ["inside: group/consumer > producer add", "around: group/consumer > producer add"]
        );
    });
}

#[test]
fn layers_stay_when_a_component_is_replaced() {
    run(async || {
        let log = Log::default();
        let mut composer = Composer::new();
        let producer = ComposableDescriptor::new("producer", component("producer"));
        composer.add(producer.with_layer(noting(&log, "producer")));
        let consumer = ComposableDescriptor::new("consumer", component("consumer"));
        composer.add(consumer.with_import_layer("add", noting(&log, "import")));
        let composition = limited(composer.compose()).await.unwrap();
        for id in ["producer", "consumer"] {
            limited(composition.replace(id, component(id)).into_future()).await.unwrap();
            assert_eq!(call(&composition, None, "run-add", &[]).await.unwrap(), Val::S32(3));
            assert_eq!(
                taken(&log),
                ["import: consumer > producer add", "producer: consumer > producer add"]
            );
        }
    });
}

#[test]
fn layer_on_nothing_is_a_problem_of_the_plan() {
    let problem = |import: &str| {
        let mut composer = composer(&["producer"]);
        let consumer = ComposableDescriptor::new("consumer", component("consumer"));
        composer.add(consumer.with_import_layer(import, DenyLayer::all("no")));
        let CompositionError::Plan(error) = composer.plan().unwrap_err() else {
            panic!("another error");
        };
        error.problems()[0].clone()
    };
    assert_eq!(
        problem("composer:test/iproduce").to_string(),
        "component `consumer` does not import `composer:test/iproduce`, which a layer is to be on; \
         did you mean `composer:test/iproducer`?"
    );
    assert_eq!(
        problem("composer:test/iproducer#great").to_string(),
        "component `consumer` does not import `composer:test/iproducer#great`, which a layer is to be \
         on; did you mean `composer:test/iproducer#greet`?"
    );
    let mut composer = Composer::new();
    let sleeper = ComposableDescriptor::new("sleeper", Clock::default().component("sleeper"));
    composer.add(sleeper.with_import_layer("composer:test/clock", DenyLayer::all("no")));
    let CompositionError::Plan(error) = composer.plan().unwrap_err() else {
        panic!("another error");
    };
    assert!(matches!(error.problems()[0], PlanProblem::LayeredOfHost { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "`composer:test/clock` of component `sleeper`, which a layer is to be on, is satisfied by its \
         own linker; only calls of other components go through layers"
    );
}

#[test]
fn calls_are_counted_by_edge_with_their_ends() {
    run(async || {
        let counts = CountLayer::new();
        let mut composer = Composer::new();
        let clock = Clock::default();
        composer.add(ComposableDescriptor::new("trapper", clock.component("trapper")));
        composer.add(ComposableDescriptor::new("trap-caller", component("trap-caller")));
        composer.with_layer(counts.clone());
        let composition = limited(composer.compose()).await.unwrap();
        let caller = Some("composer:test/itrap-caller");
        for _ in 0..3 {
            call(&composition, caller, "call-fine", &[]).await.unwrap();
        }
        let wait = composition.get_func(Some("composer:test/itrapper"), "wait").unwrap();
        let mut waiting = Box::pin(wait.call(&[], &mut []));
        assert!(poll_immediate(&mut waiting).await.is_none());
        let edge = |consumer: Option<&str>, provider: &str| {
            let edges = counts.edges();
            let found = edges
                .into_iter()
                .find(|edge| edge.consumer.as_deref() == consumer && edge.provider == provider);
            found.unwrap()
        };
        let from_rust = edge(None, "trapper");
        assert_eq!((from_rust.calls, from_rust.running), (0, 1));
        drop(waiting);
        let from_rust = edge(None, "trapper");
        assert_eq!((from_rust.calls, from_rust.running, from_rust.abandoned), (1, 0, 1));
        let inside = edge(Some("trap-caller"), "trapper");
        assert_eq!((inside.calls, inside.failures, inside.abandoned), (3, 0, 0));
        assert_eq!(inside.export, "composer:test/itrapper");
        let boom = [string("boom")];
        call_unit(&composition, caller, "call-boom", &boom).await.unwrap_err();
        assert_eq!(edge(Some("trap-caller"), "trapper").failures, 1);
        assert_eq!(edge(None, "trap-caller").failures, 1);
    });
}

#[test]
fn recorded_calls_answer_without_the_component() {
    run(async || {
        let recorder = RecordLayer::new();
        let trapper = Clock::default();
        let restarts = RestartPolicy::restart(100, Duration::ZERO);
        let composition = async |layer: &dyn Fn(ComposableDescriptor) -> ComposableDescriptor| {
            let mut composer = composer(&["consumer"]);
            composer.add(layer(ComposableDescriptor::new("producer", component("producer"))));
            let descriptor = ComposableDescriptor::new("trapper", trapper.component("trapper"));
            composer.add(layer(descriptor.with_restart(restarts)));
            composer.add(layer(ComposableDescriptor::new("store", component("bucket-store"))));
            limited(composer.compose()).await.unwrap()
        };
        let consumer = "composer:test/iconsumer";
        let recorded = composition(&|it| it.with_layer(recorder.clone())).await;
        let values = call(&recorded, consumer, "run-values", &[]).await.unwrap();
        let divide = [Val::S32(1), Val::S32(0)];
        call(&recorded, "composer:test/itrapper", "divide", &divide).await.unwrap_err();
        let bucket = [string("a")];
        call(&recorded, BUCKETS, "[constructor]bucket", &bucket).await.unwrap();
        let recording = recorder.recording();
        let of =
            |provider: &str| recording.calls().iter().filter(|it| it.provider == provider).count();
        // What returns a handle was not recorded.
        assert_eq!((of("trapper"), of("store")), (1, 0));
        assert!(of("producer") > 3, "{recording:?}");

        let file = std::env::temp_dir().join(format!("recording-{}.json", std::process::id()));
        recording.save(&file).unwrap();
        assert_eq!(Recording::load(&file).unwrap(), recording);
        std::fs::remove_file(&file).unwrap();

        let log = Log::default();
        let replay = ReplayLayer::new(&recording);
        let replayed =
            composition(&|it| it.with_layer(replay.clone()).with_layer(noting(&log, "called")))
                .await;
        assert_eq!(call(&replayed, consumer, "run-values", &[]).await.unwrap(), values);
        let error = call(&replayed, "composer:test/itrapper", "divide", &divide).await.unwrap_err();
        assert!(matches!(error, CompositionError::Layer { .. }), "{error:?}");
        assert!(chain(&error).contains("unreachable"), "{}", chain(&error));
        assert_eq!(replay.left(), 0);
        assert_eq!(taken(&log), [""; 0]);
        call(&replayed, BUCKETS, "[constructor]bucket", &bucket).await.unwrap();
        assert_eq!(taken(&log), ["called: Rust > store composer:test/buckets#[constructor]bucket"]);
        let divided = async |a, b| {
            let divide = [Val::S32(a), Val::S32(b)];
            let error = call(&replayed, "composer:test/itrapper", "divide", &divide).await;
            chain(&error.unwrap_err()).lines().nth(1).unwrap().to_owned()
        };
        assert_eq!(divided(1, 0).await, "it was made more often than it was recorded, with (1, 0)");
        assert_eq!(divided(4, 2).await, "it was not recorded, with (4, 2)");
    });
}

#[test]
fn what_is_no_recording_is_told() {
    for (json, expected) in [
        ("[", "no JSON: EOF while parsing a list at line 1 column 1"),
        ("{}", "expected an array of calls"),
        ("[{}]", "call 0: expected an array as its `params`"),
        (r#"[{"params":[],"function":"f"}]"#, "call 0: expected a string as its `provider`"),
        (
            r#"[{"params":[],"function":"f","provider":"p","result":7}]"#,
            "call 0: expected a string or null as its `result`",
        ),
    ] {
        let error = Recording::from_json(json).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidData);
        assert_eq!(error.to_string(), expected);
    }
}
