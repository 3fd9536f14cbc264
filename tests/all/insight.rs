//! What a composition tells of itself while it runs: spans, metrics, snapshots.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use composer_tests::{Clock, call, component, composer, limited, run, string, text, until};
use futures_util::future::poll_immediate;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use wasm_runtime_composer::layer::{CountLayer, MetricsLayer, TraceLayer};
use wasm_runtime_composer::snapshot::InstanceState;
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, HostInterface, RestartPolicy,
};
use wasmtime::component::Val;

const TRAPPER: &str = "composer:test/itrapper";

/// The spans of calls that have ended, each as its path of functions from the outermost, with what is known of it.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<Ended>>>);

/// The path of a span, and its fields.
type Ended = (String, HashMap<String, String>);

#[derive(Default)]
struct Fields(HashMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Spans {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        values.record(span.extensions_mut().get_mut::<Fields>().unwrap());
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let span = context.span(&id).unwrap();
        let name = |span: &tracing_subscriber::registry::SpanRef<'_, S>| {
            let extensions = span.extensions();
            let function = extensions.get::<Fields>().and_then(|it| it.0.get("function"));
            function.map_or_else(|| span.name().to_owned(), |it| it.replace("composer:test/", ""))
        };
        let path: Vec<_> = span.scope().from_root().map(|span| name(&span)).collect();
        let fields = span.extensions_mut().remove::<Fields>().unwrap_or_default().0;
        self.0.lock().unwrap().push((path.join(" > "), fields));
    }
}

impl Spans {
    fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> =
            self.0.lock().unwrap().iter().map(|(path, _)| path.clone()).collect();
        paths.sort();
        paths
    }

    fn of(&self, path: &str) -> HashMap<String, String> {
        let spans = self.0.lock().unwrap().clone();
        let found = spans.iter().find(|(it, _)| it == path);
        found.unwrap_or_else(|| panic!("{path}: {spans:?}")).1.clone()
    }
}

/// Runs `test` with spans that are seen on this thread.
fn traced<F: Future<Output = ()>>(test: impl Fn(Spans) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let spans = Spans::default();
    let subscriber = tracing_subscriber::registry().with(spans.clone());
    let _seen = tracing::subscriber::set_default(subscriber);
    runtime.block_on(limited(test(spans)));
}

#[test]
fn spans_of_calls_are_in_those_that_they_were_made_in() {
    traced(async |spans| {
        let mut composer = composer(&["bucket-consumer", "broker", "bucket-store"]);
        composer.with_layer(TraceLayer::new());
        let composition = limited(composer.compose()).await.unwrap();
        let around = tracing::info_span!("request");
        let third = tracing::Instrument::instrument(
            call(&composition, "composer:test/ibuckets-consumer", "run-third", &[]),
            around.clone(),
        );
        third.await.unwrap();
        drop(around);
        // Handles may be dropped after the call, which is no call.
        let paths = spans.paths();
        let run = "request > ibuckets-consumer#run-third";
        for path in [
            run.to_owned(),
            format!("{run} > bucket-user#describe"),
            format!("{run} > bucket-user#describe > buckets#[method]bucket.size"),
            format!("{run} > bucket-user#describe-later > buckets#count-later"),
            format!("{run} > bucket-user#relabel > buckets#[method]bucket.put"),
        ] {
            assert!(paths.contains(&path), "{path}: {paths:#?}");
        }
        assert!(paths.iter().all(|path| path.starts_with("request")), "{paths:#?}");
        let described = spans.of(&format!("{run} > bucket-user#describe"));
        let known = |name: &str| described.get(name).map(String::as_str);
        assert_eq!(known("consumer"), Some("bucket-consumer"));
        assert_eq!(known("provider"), Some("broker"));
        assert_eq!(known("outcome"), Some("ok"));
        assert_eq!(spans.of(run).get("consumer"), None);
    });
}

#[test]
fn spans_tell_how_calls_ended() {
    traced(async |spans| {
        let mut composer = Composer::new();
        let trapper = Clock::default().component("trapper");
        let again = RestartPolicy::restart(10, Duration::ZERO);
        composer.add(ComposableDescriptor::new("trapper", trapper).with_restart(again));
        composer.with_layer(TraceLayer::new());
        let composition = limited(composer.compose()).await.unwrap();
        let divide = composition.typed::<(i32, i32), i32>(Some(TRAPPER), "divide").unwrap();
        limited(divide.call((1, 0))).await.unwrap_err();
        let wait = composition.get_func(Some(TRAPPER), "wait").unwrap();
        assert!(poll_immediate(wait.call(&[], &mut [])).await.is_none());
        // A guest that runs on without its caller keeps its span.
        limited(composition.close(Duration::ZERO)).await.unwrap();
        let divided = spans.of("itrapper#divide");
        assert_eq!(divided["outcome"], "failed");
        assert_eq!(divided["otel.status_code"], "ERROR");
        let error = &divided["error"];
        assert!(error.starts_with("component `trapper` trapped in"), "{error}");
        assert!(error.contains("unreachable"), "{error}");
        assert_eq!(spans.of("itrapper#wait")["outcome"], "abandoned");
    });
}

#[test]
fn what_an_interface_in_rust_does_is_in_the_span_of_its_call() {
    traced(async |spans| {
        let host = HostInterface::root().func_wrap_concurrent("work", || async {
            tokio::task::yield_now().await;
            drop(tracing::info_span!("query"));
        });
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("desk", host));
        composer.with_layer(TraceLayer::new().with_level(tracing::Level::DEBUG));
        let composition = limited(composer.compose()).await.unwrap();
        composition.typed::<(), ()>(None, "work").unwrap().call(()).await.unwrap();
        until(|| spans.paths().len() == 2).await;
        assert_eq!(spans.paths(), ["work", "work > query"]);
    });
}

#[test]
fn metrics_count_and_time_calls_and_tell_of_components() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(limited(async {
            let mut composer = Composer::new();
            let trapper = Clock::default().component("trapper");
            composer.add(ComposableDescriptor::new("trapper", trapper));
            composer.add(ComposableDescriptor::new("trap-caller", component("trap-caller")));
            composer.with_layer(MetricsLayer::new());
            let composition = limited(composer.compose()).await.unwrap();
            let caller = "composer:test/itrap-caller";
            call(&composition, caller, "call-fine", &[]).await.unwrap();
            let boom = composition.get_func(Some(caller), "call-boom").unwrap();
            limited(boom.call(&[string("a")], &mut [])).await.unwrap_err();
            composition.snapshot().record_metrics();
        }));
    });
    let mut seen = HashMap::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key().clone();
        let labels: Vec<_> =
            key.labels().map(|it| format!("{}={}", it.key(), it.value())).collect();
        seen.insert(format!("{}{{{}}}", key.name(), labels.join(",")), value);
    }
    let calls = |labels: &str| match &seen[&format!("composer_calls_total{{{labels}}}")] {
        DebugValue::Counter(count) => *count,
        other => panic!("{other:?}"),
    };
    let fine = "consumer=trap-caller,provider=trapper,function=composer:test/itrapper#fine";
    assert_eq!(calls(&format!("{fine},outcome=ok")), 1);
    let boom = "consumer=,provider=trap-caller,function=composer:test/itrap-caller#call-boom";
    assert_eq!(calls(&format!("{boom},outcome=failed")), 1);
    let times = &seen[&format!("composer_call_duration_seconds{{{fine}}}")];
    assert!(matches!(times, DebugValue::Histogram(times) if times.len() == 1), "{times:?}");
    for (name, expected) in [("inbox_depth", 0.0), ("instances_running", 0.0)] {
        match &seen[&format!("composer_{name}{{component=trapper}}")] {
            DebugValue::Gauge(found) => assert_eq!(found.into_inner(), expected, "{name}"),
            other => panic!("{other:?}"),
        }
    }
}

async fn trapper(
    configure: impl FnOnce(ComposableDescriptor) -> ComposableDescriptor,
) -> Composition {
    let mut composer = Composer::new();
    let trapper = ComposableDescriptor::new("trapper", Clock::default().component("trapper"));
    composer.add(configure(trapper));
    limited(composer.compose()).await.unwrap()
}

#[test]
fn snapshot_tells_of_calls_that_run_and_wait_and_of_handles() {
    run(async || {
        let clock = Clock::default();
        let mut composer = composer(&["bucket-store"]);
        let sleeper = ComposableDescriptor::new("sleeper", clock.component("sleeper"));
        composer.add(sleeper.with_inbox_capacity(7));
        let composition = limited(composer.compose()).await.unwrap();
        let nap = composition.typed::<(u64,), u64>(Some("composer:test/isleeper"), "nap").unwrap();
        let mut naps: Vec<_> = (0..3).map(|_| Box::pin(nap.call((3_600_000,)))).collect();
        for nap in &mut naps {
            assert!(poll_immediate(nap).await.is_none());
        }
        let bucket =
            call(&composition, "composer:test/buckets", "[constructor]bucket", &[string("a")])
                .await;
        let seen = |id: &str| {
            let snapshot = composition.snapshot();
            let found = snapshot.components.into_iter().find(|it| it.id == id);
            found.unwrap().instances.remove(0)
        };
        until(|| seen("sleeper").running == 3).await;
        assert_eq!((seen("sleeper").waiting, seen("sleeper").capacity), (0, 7));
        let store = seen("bucket-store");
        assert_eq!((store.live_handles, store.running), (1, 0));
        assert_eq!(composition.snapshot().live_handles, 1);
        drop(naps);
        limited(composition.drop_handles(&bucket.unwrap())).await.unwrap();
        until(|| seen("bucket-store").live_handles == 0).await;
        assert!(!composition.snapshot().closed);
        limited(composition.close(Duration::ZERO)).await.unwrap();
        assert!(composition.snapshot().closed);
        assert!(matches!(seen("sleeper").state, InstanceState::Ended { .. }));
    });
}

#[test]
fn snapshot_tells_of_restarts_instances_and_ends() {
    run(async || {
        let policy = RestartPolicy::restart(1, Duration::ZERO);
        let composition = trapper(|it| it.with_restart(policy).with_instances(3)).await;
        let divide = composition.typed::<(i32, i32), i32>(Some(TRAPPER), "divide").unwrap();
        let instances = || composition.snapshot().components.remove(0).instances;
        assert_eq!(instances().len(), 3);
        limited(divide.call((1, 0))).await.unwrap_err();
        until(|| instances().iter().map(|it| it.restarts).sum::<u64>() == 1).await;
        assert!(instances().iter().all(|it| matches!(it.state, InstanceState::Running)));

        let composition = trapper(|it| it).await;
        let divide = composition.typed::<(i32, i32), i32>(Some(TRAPPER), "divide").unwrap();
        limited(divide.call((1, 0))).await.unwrap_err();
        let state = composition.snapshot().components.remove(0).instances.remove(0).state;
        let InstanceState::Ended { reason, .. } = state else { panic!("{state:?}") };
        assert!(reason.to_string().contains("trapped in"), "{reason}");

        // One that will be started again, much later.
        let policy = RestartPolicy::restart(1, Duration::from_secs(3600));
        let composition = trapper(|it| it.with_restart(policy)).await;
        let divide = composition.typed::<(i32, i32), i32>(Some(TRAPPER), "divide").unwrap();
        limited(divide.call((1, 0))).await.unwrap_err();
        let state = || composition.snapshot().components.remove(0).instances.remove(0).state;
        until(|| matches!(state(), InstanceState::Restarting { .. })).await;
        limited(composition.close(Duration::ZERO)).await.unwrap();
    });
}

#[test]
fn snapshot_is_drawn_with_what_was_counted() {
    run(async || {
        let counts = CountLayer::new();
        let mut composer = composer(&["producer", "consumer"]);
        composer.with_layer(counts.clone());
        let composition = limited(composer.compose()).await.unwrap();
        for _ in 0..2 {
            assert_eq!(call(&composition, None, "run-add", &[]).await.unwrap(), Val::S32(3));
        }
        let snapshot = composition.snapshot().with_counts(&counts);
        let text = snapshot.to_string();
        assert!(text.starts_with("producer: running, 0 in progress, 0 waiting\n"), "{text}");
        assert!(text.contains("consumer -> producer, add: calls: 2, failed: 0\n"), "{text}");
        assert!(text.contains("Rust -> consumer, run-add: calls: 2, failed: 0\n"), "{text}");
        let mermaid = snapshot.to_mermaid();
        assert!(
            mermaid.contains(r#"c1["consumer<br/>running, 0 in progress, 0 waiting"]"#),
            "{mermaid}"
        );
        assert!(mermaid.contains(r#"c1 -->|"add<br/>calls: 2"| c0"#), "{mermaid}");
        assert!(mermaid.contains(r#"-->|"calls: 2"| c1"#), "{mermaid}");
        let dot = snapshot.to_dot();
        assert!(dot.contains(r#""consumer" -> "producer" [label="add\ncalls: 2"];"#), "{dot}");
        // The plan alone is drawn without.
        assert!(!composition.plan().to_dot().contains("calls"));
    });
}

#[test]
fn snapshot_is_json_and_a_page_that_holds_it() {
    run(async || {
        let counts = CountLayer::new();
        let mut composer = Composer::new();
        let policy = RestartPolicy::restart(1, Duration::from_secs(3600));
        let trapper = Clock::default().component("trapper");
        composer.add(ComposableDescriptor::new("<trapper>", trapper).with_restart(policy));
        composer.add(ComposableDescriptor::new("trap-caller", component("trap-caller")));
        composer.add(ComposableDescriptor::new("inside", {
            let mut inner = Composer::new();
            inner.add(ComposableDescriptor::new("one", text("(component)")));
            inner
        }));
        composer.with_layer(counts.clone());
        let composition = limited(composer.compose()).await.unwrap();
        let divide = composition.typed::<(i32, i32), i32>(Some(TRAPPER), "divide").unwrap();
        limited(divide.call((1, 0))).await.unwrap_err();
        let restarting = || {
            let instance = composition.snapshot().components.remove(0).instances.remove(0);
            matches!(instance.state, InstanceState::Restarting { .. })
        };
        until(restarting).await;
        let snapshot = composition.snapshot().with_counts(&counts);
        let json: serde_json::Value = serde_json::from_str(&snapshot.to_json()).unwrap();
        let trapper = &json["components"][0];
        assert_eq!(trapper["id"], "<trapper>");
        assert_eq!(trapper["instances"][0]["state"], "restarting");
        let reason = trapper["instances"][0]["reason"].as_str().unwrap();
        assert!(reason.contains("unreachable"), "{reason}");
        assert_eq!(json["calls"][0]["export"], TRAPPER);
        assert_eq!(json["calls"][0]["failures"], 1);
        assert_eq!(json["plan"]["edges"][1]["provider"], "<trapper>");
        assert_eq!(json["plan"]["components"][2], "inside/one");
        let page = snapshot.to_html();
        assert!(page.contains("\\u003ctrapper>"), "the id cannot end the script");
        assert!(!page.contains("<trapper>") && !page.contains("\"SNAPSHOT\""), "{page}");
        limited(composition.close(Duration::ZERO)).await.unwrap();
    });
}
