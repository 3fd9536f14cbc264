//! What is told of requests: the log, and metrics.

use std::cell::RefCell;
use std::fmt::{Debug, Write as _};

use composer_tests::{limited, until};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use crate::site::{Site, chain, request};

thread_local! {
    /// What was logged on this thread.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Writes events down, a line each. It is there for all threads: where some have a subscriber and others do not,
/// `tracing` may take from these that nobody wants an event.
struct Lines;

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let is_meant = metadata.target().starts_with("wasm_runtime_composer_serve");
        if !is_meant || *metadata.level() > Level::INFO {
            return;
        }
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                if field.name() != "duration" && field.name() != "peer" {
                    let _ = write!(self.0, " {}={value:?}", field.name());
                }
            }
        }
        let mut fields = Fields(format!("{} {}", metadata.level(), metadata.target()));
        event.record(&mut fields);
        LINES.with_borrow_mut(|lines| lines.push(fields.0));
    }
}

/// A thread where everything runs, as what is told is gathered for a thread.
fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(limited(test));
}

#[cfg(feature = "tracing")]
#[test]
fn requests_are_logged_with_the_reasons_of_failures() {
    tracing::subscriber::set_global_default(Registry::default().with(Lines)).unwrap();
    on_one_thread(async {
        let composition = chain(&["http-app"]).await;
        let site = Site::of(&composition, |server| server).await;
        let mut client = site.client().await;
        client.send(request("POST", "/echo?secret", "four")).await.unwrap().is(200, "four");
        assert_eq!(client.get("/trap").await.status, 502);
        client.send(request("HEAD", "/bytes/5", "")).await.unwrap().is(200, "");
        let mut client = site.client().await;
        drop(client.begin(crate::site::get("/endless")).await.unwrap());
        drop(client);
        until(|| LINES.with_borrow(Vec::len) >= 5).await;
        site.end().await;
    });
    let lines = LINES.take();
    let access = "INFO wasm_runtime_composer_serve::access message=request";
    assert_eq!(
        lines[0],
        format!(
            "{access} method=POST path=\"/echo\" status=200 bytes=4 outcome=\"whole\" version=HTTP/1.1"
        )
    );
    assert!(lines[1].starts_with("WARN wasm_runtime_composer_serve message="), "{}", lines[1]);
    assert!(lines[1].contains("component `http-app` trapped"), "{}", lines[1]);
    assert!(lines[2].contains("status=502") && lines[2].contains("\"whole\""), "{}", lines[2]);
    assert!(lines[3].contains("bytes=0 outcome=\"whole\""), "{}", lines[3]);
    assert!(lines[4].contains("outcome=\"abandoned\""), "{}", lines[4]);
}

/// The value of a metric with these labels.
#[cfg(feature = "metrics")]
fn measured(snapshotter: &Snapshotter) -> Vec<String> {
    let values = snapshotter.snapshot().into_vec().into_iter();
    let mut told: Vec<_> = values
        .filter_map(|(key, _, _, value)| {
            let (_, key) = key.into_parts();
            let labels: Vec<_> =
                key.labels().map(|it| format!("{}={}", it.key(), it.value())).collect();
            let value = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Gauge(value) => value.to_string(),
                DebugValue::Histogram(values) => format!("{} times", values.len()),
            };
            Some(format!("{} {} {value}", key.name(), labels.join(",")))
                .filter(|it| it.starts_with("composer_http"))
        })
        .collect();
    told.sort();
    told
}

#[cfg(feature = "metrics")]
#[test]
fn requests_are_counted() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        on_one_thread(async {
            let composition = chain(&["http-app"]).await;
            let site = Site::of(&composition, |server| server).await;
            let mut client = site.client().await;
            for _ in 0..3 {
                client.send(request("POST", "/echo", "four")).await.unwrap().is(200, "four");
            }
            assert_eq!(client.send(request("BREW", "/nowhere", "")).await.unwrap().status, 404);
            site.end().await;
        });
    });
    assert_eq!(
        measured(&snapshotter),
        [
            "composer_http_connections  0",
            "composer_http_request_duration_seconds method=POST 3 times",
            "composer_http_request_duration_seconds method=other 1 times",
            "composer_http_requests_in_flight  0",
            "composer_http_requests_total method=POST,status=200,outcome=whole 3",
            "composer_http_requests_total method=other,status=404,outcome=whole 1",
        ]
    );
}
