//! The live picture of a composition, under an address that is not that of the service.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wasm_runtime_composer::Composition;
use wasm_runtime_composer::layer::CountLayer;
use wasm_runtime_composer::snapshot::Snapshot;
use wasm_runtime_composer_serve::Listener;

/// How many connections there are at a time. Further ones wait.
const CONNECTIONS: usize = 32;

/// How long a connection may take, for a request and its answer. A page that asks once a second makes one each time.
const CONNECTION_TIME: Duration = Duration::from_secs(30);

/// How long to wait after an error of a listener.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// What is shown: a composition, and how many calls went where.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) composition: Composition,
    pub(crate) counts: CountLayer,
}

/// Shows it to whoever connects, for as long as it is polled.
pub(crate) async fn show<L: Listener>(mut listener: L, shown: Shown) -> Infallible {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    // Dropped with this future, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let permit = room.clone().acquire_owned().await;
        let Ok((stream, _)) = listener.accept().await else {
            sleep(AFTER_ERROR).await;
            continue;
        };
        let shown = shown.clone();
        connections.spawn(async move {
            let _permit = permit;
            let service = service_fn(move |request| {
                let response = shown.answer(&request);
                async { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away, sends what is no request or does not read is nobody's concern.
            let _ = timeout(CONNECTION_TIME, connection).await;
        });
    }
}

impl Shown {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "expected GET or HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match request.uri().path() {
            "/" => response(StatusCode::OK, "text/html; charset=utf-8", Snapshot::live_page()),
            "/snapshot.json" => {
                let snapshot = self.composition.snapshot().with_counts(&self.counts);
                response(StatusCode::OK, "application/json", snapshot.to_json())
            }
            _ => text(StatusCode::NOT_FOUND, "there are `/` and `/snapshot.json`\n"),
        }
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", text)
}

fn response(
    status: StatusCode,
    content: &'static str,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
