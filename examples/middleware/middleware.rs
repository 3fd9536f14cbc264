//! A web service of components: three middlewares and a service of wasi:http, each in a store of its own, behind a router
//! of axum. One of the middlewares is replaced while requests come in, and none of them is lost.
//!
//! Run with `cargo run --example middleware`; with `-- serve` it goes on serving.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::error::Error;
use std::path::Path;

use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any_service;
use http_body_util::BodyExt;
use tokio::sync::Notify;
use tower::service_fn;
use wasm_runtime_composer::wasi::WasiState;
use wasm_runtime_composer::wasi::http::{Body, Client, HttpService, client};
use wasm_runtime_composer::{ComposableComponent, Wasi, compose};
use wasmtime::Engine;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let wasi = Wasi::new(&Engine::default());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/components");
    let component = |name: &str| -> ComposableComponent<WasiState> {
        wasi.component(folder.join(name).with_extension("wasm"))
    };

    let composition = compose! {
        component header = component("http-header");
        component auth = component("http-auth");
        component pack = component("http-pack");
        component app = component("http-app");
        // Each calls the next; the first is what the composition exports.
        chain "wasi:http/handler@0.3.0": header -> auth -> pack -> app;
        export http as web;
    }
    .await?;
    println!("{}", composition.plan());

    let app = axum::Router::new().fallback_service(any_service(service(composition.web())));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(async move { axum::serve(listener, app).await });
    println!("listening on http://{address}");

    let client = client();
    let (status, _, body) = get(&client, &format!("http://{address}/bytes/3"), false).await?;
    println!("without authorization: {status}, {:?}", String::from_utf8_lossy(&body));
    assert_eq!(status, StatusCode::UNAUTHORIZED);

    // A client that does not stop for anything, while the first middleware is replaced by one that adds no header.
    let busy = Notify::new();
    let asking = async {
        let mut served: BTreeMap<Option<String>, u32> = BTreeMap::new();
        for request in 0..500 {
            if request == 100 {
                busy.notify_one();
            }
            let (status, by, body) =
                get(&client, &format!("http://{address}/bytes/3"), true).await?;
            assert_eq!((status, &body[..]), (StatusCode::OK, &[0, 1, 2][..]));
            *served.entry(by).or_default() += 1;
        }
        Ok::<_, Box<dyn Error>>(served)
    };
    let replacing = async {
        busy.notified().await;
        composition.replace("header", component("http-auth")).await
    };
    let (served, replaced) = tokio::join!(asking, replacing);
    replaced?;
    for (by, requests) in served? {
        println!("{requests} requests served by {}", by.as_deref().unwrap_or("the new one"));
    }

    if std::env::args().any(|arg| arg == "serve") {
        println!(
            "ask http://{address}/bytes/3 with the header `authorization: me`; stop with Ctrl-C"
        );
        serving.await??;
    }
    Ok(())
}

/// The composition as axum wants it: a failure is a response, too.
fn service(
    web: HttpService,
) -> impl tower::Service<Request, Response = Response, Error = Infallible, Future: Send> + Clone {
    service_fn(move |request: Request| {
        let web = web.clone();
        async move {
            Ok(match web.handle(request).await {
                Ok(response) => response.map(axum::body::Body::new),
                Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
            })
        }
    })
}

/// The status, the header `x-served` and the body of a response.
async fn get(
    client: &Client,
    uri: &str,
    authorized: bool,
) -> Result<(StatusCode, Option<String>, Vec<u8>), Box<dyn Error>> {
    let mut request = http::Request::get(uri);
    if authorized {
        request = request.header("authorization", "me");
    }
    let response = client.request(request.body(Body::empty())?).await?;
    let by = response.headers().get("x-served").map(|by| by.to_str().map(str::to_owned));
    let (status, by) = (response.status(), by.transpose()?);
    Ok((status, by, response.into_body().collect().await?.to_bytes().into()))
}
