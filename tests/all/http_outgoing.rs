//! Components that send HTTP, and those of wasi:http 0.2: Contract 8.5.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use composer_tests::{engine, guest, limited, run, until};
use futures_util::StreamExt;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, BodyStream, Channel};
use wasm_runtime_composer::wasi::http::{Body, HttpError, HttpService, client};
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, Lifetime, Wasi,
};

const INCOMING: &str = "wasi:http/incoming-handler@0.2.6";
const OUTGOING: &str = "wasi:http/outgoing-handler@0.2.6";

fn wasi() -> Wasi {
    Wasi::new(engine())
}

async fn served(composer: Composer) -> (Composition, HttpService) {
    let composition = limited(composer.compose()).await.unwrap();
    let web = composition.http().unwrap();
    (composition, web)
}

/// A service of one guest.
async fn alone(name: &str, wasi: &Wasi) -> (Composition, HttpService) {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new(name, wasi.component(guest(name))));
    served(composer).await
}

async fn close(composition: Composition) {
    until(|| composition.live_handles() == 0).await;
    limited(composition.close(Duration::from_secs(10))).await.unwrap();
}

fn get(path: &str) -> Request<Body> {
    Request::get(format!("http://localhost{path}")).body(Body::empty()).unwrap()
}

/// Status, headers, body and trailers of a response.
async fn whole(
    web: &HttpService,
    request: Request<Body>,
) -> (StatusCode, HeaderMap, String, Option<HeaderMap>) {
    let response = limited(web.handle(request)).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = limited(body.collect()).await.unwrap();
    let trailers = body.trailers().cloned();
    (parts.status, parts.headers, String::from_utf8_lossy(&body.to_bytes()).into(), trailers)
}

#[test]
fn service_of_the_former_version_answers_requests_of_rust() {
    run(async || {
        let (composition, web) = alone("http2-app", &wasi()).await;
        let request = Request::post("http://localhost/echo?q").header("one", "1");
        let request = request.header("one", "2").body(Body::from("there and back")).unwrap();
        let (status, headers, body, _) = whole(&web, request).await;
        assert_eq!((status, &*body), (StatusCode::OK, "there and back"));
        let ones: Vec<_> = headers.get_all("x-echo-one").iter().collect();
        assert_eq!(ones, ["1", "2"]);
        assert_eq!(whole(&web, get("/status/418")).await.0, 418);
        let (_, _, body, trailers) = whole(&web, get("/trailers")).await;
        assert_eq!((&*body, &trailers.unwrap()["x-trailer"]), ("trailed", &"yes".parse().unwrap()));
        let response = limited(web.handle(get("/bytes/1000000"))).await.unwrap();
        let bytes = limited(response.into_body().collect()).await.unwrap().to_bytes();
        assert!(bytes.len() == 1_000_000 && bytes[250] == 250 && bytes[251] == 0);
        close(composition).await;
    });
}

/// Contract 8.7: as many at a time as there are instances.
#[test]
fn requests_of_the_former_version_have_instances_of_their_own() {
    run(async || {
        let mut composer = Composer::new();
        let app = ComposableDescriptor::new("app", wasi().component(guest("http2-app")));
        composer.add(app.with_lifetime(Lifetime::per_call()).with_instances(4));
        let (composition, web) = served(composer).await;
        let asked = (0..60).map(|n| {
            let web = web.clone();
            async move {
                if n % 10 == 9 {
                    limited(web.handle(get("/trap"))).await.unwrap_err();
                    return;
                }
                let response = limited(web.handle(get(&format!("/bytes/{}", n * 1000)))).await;
                let bytes = limited(response.unwrap().into_body().collect()).await.unwrap();
                assert_eq!(bytes.to_bytes().len(), n * 1000);
            }
        });
        limited(futures_util::future::join_all(asked)).await;
        close(composition).await;
    });
}

#[test]
fn trap_of_the_former_version_is_no_end_of_a_body() {
    run(async || {
        let (_composition, web) = alone("http2-app", &wasi()).await;
        let answered = limited(web.handle(get("/trap"))).await;
        let Err(HttpError::Composition(error)) = answered else { panic!("{answered:?}") };
        assert!(matches!(error, CompositionError::Trap { .. }), "{error}");
        for length in [1, 100_000] {
            let (_composition, web) = alone("http2-app", &wasi()).await;
            let path = format!("/trap-in-body/{length}");
            let response = limited(web.handle(get(&path))).await.unwrap();
            let collected = limited(response.into_body().collect()).await;
            collected.expect_err("the body ended as if it were whole");
        }
    });
}

#[test]
fn body_of_the_former_version_that_its_call_leaves_fails() {
    run(async || {
        for guests in [&["http2-app"][..], &["http2-header", "http2-app"]] {
            for lifetime in [None, Some(Lifetime::per_call())] {
                let mut composer = Composer::new();
                for name in guests {
                    let it = ComposableDescriptor::new(*name, wasi().component(guest(name)));
                    composer.add(match lifetime {
                        Some(lifetime) => it.with_lifetime(lifetime),
                        None => it,
                    });
                }
                if guests.len() > 1 {
                    composer.chain(INCOMING, guests.iter().copied());
                }
                let (composition, web) = served(composer).await;
                for length in [0, 1, 100_000] {
                    let path = format!("/left/{length}");
                    let response = limited(web.handle(get(&path))).await.unwrap();
                    let mut body = BodyStream::new(response.into_body());
                    let mut read = 0;
                    let error = loop {
                        match limited(body.next()).await {
                            Some(Ok(frame)) => read += frame.into_data().unwrap().len(),
                            Some(Err(error)) => break error.to_string(),
                            None => panic!("the body ended as if it were whole"),
                        }
                    };
                    assert_eq!(read, length, "what came before is there");
                    assert!(error.contains("has not ended the body"), "{error}");
                    // Others are served.
                    assert_eq!(whole(&web, get("/trailers")).await.2, "trailed");
                }
                limited(composition.close(Duration::from_secs(10))).await.unwrap();
            }
        }
    });
}

#[test]
fn middleware_of_the_former_version_passes_on_request_and_place() {
    run(async || {
        let mut composer = Composer::new();
        for name in ["http2-header", "http2-app"] {
            composer.add(ComposableDescriptor::new(name, wasi().component(guest(name))));
        }
        composer.chain(INCOMING, ["http2-header", "http2-app"]);
        let (composition, web) = served(composer).await;
        assert_eq!(whole(&web, get("/private/x")).await.0, StatusCode::FORBIDDEN);
        let request = Request::post("http://localhost/echo").body(Body::from("passed on")).unwrap();
        assert_eq!(whole(&web, request).await.2, "passed on");
        close(composition).await;
    });
}

#[test]
fn requests_go_out_by_the_client_that_is_given_and_by_no_other() {
    run(async || {
        let (inside, app) = alone("http-app", &wasi()).await;
        for guest in ["http-caller", "http2-app"] {
            let path = get("/fetch?http://elsewhere/bytes/5");
            let (refusing, web) = alone(guest, &wasi()).await;
            let (status, _, body, _) = whole(&web, path).await;
            assert_eq!(status, StatusCode::BAD_GATEWAY, "{guest}");
            assert!(body.to_lowercase().contains("denied"), "{guest}: {body}");
            close(refusing).await;

            // A composition is a client, too.
            let asked = Arc::new(AtomicUsize::new(0));
            let asks = asked.clone();
            let wasi = wasi().http(app.clone()).allow_requests(move |request| {
                asks.fetch_add(1, Ordering::SeqCst);
                request.uri().host() == Some("elsewhere")
            });
            let (calling, web) = alone(guest, &wasi).await;
            let path = get("/fetch?http://elsewhere/bytes/5");
            let (status, _, body, _) = whole(&web, path).await;
            assert_eq!((status, body.as_bytes()), (StatusCode::OK, &[0, 1, 2, 3, 4][..]));
            let (status, _, body, _) = whole(&web, get("/fetch?http://other/bytes/5")).await;
            assert_eq!(status, StatusCode::BAD_GATEWAY, "{guest}");
            assert!(body.to_lowercase().contains("denied"), "{guest}: {body}");
            assert_eq!(asked.load(Ordering::SeqCst), 2);
            close(calling).await;
        }
        close(inside).await;
    });
}

#[test]
fn interceptor_stands_between_a_component_and_the_host() {
    run(async || {
        let (inside, app) = alone("http-app", &wasi()).await;
        let mut composer = Composer::new();
        // The interceptor may send, and who it stands before may not.
        let interceptor = wasi().http(app).component(guest("http2-interceptor"));
        composer.add(ComposableDescriptor::new("interceptor", interceptor));
        composer.add(ComposableDescriptor::new("app", wasi().component(guest("http2-app"))));
        let (composition, web) = served(composer).await;
        let plan = composition.plan().to_string();
        assert!(plan.contains(&format!("imports {OUTGOING} from interceptor, carrying")), "{plan}");
        let (status, headers, ..) = whole(&web, get("/fetch?http://elsewhere/echo")).await;
        assert_eq!((status, headers.get("x-echo-x-intercepted").is_some()), (StatusCode::OK, true));
        let (status, ..) = whole(&web, get("/fetch?http://forbidden.test/echo")).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY);
        close(composition).await;
        close(inside).await;
    });
}

#[test]
fn requests_go_over_the_network() {
    run(async || {
        let hello = axum::routing::get(async || ([("x-from", "server")], "over the network"));
        let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        let body = Arc::new(Mutex::new(Some(body)));
        let cut = axum::routing::get(move || {
            let body = body.lock().unwrap().take().unwrap();
            async { axum::body::Body::new(body) }
        });
        let server = axum::Router::new().route("/hello", hello).route("/cut", cut);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, server).await });

        let (composition, web) = alone("http-caller", &wasi().http(client())).await;
        let (status, headers, body, _) =
            whole(&web, get(&format!("/fetch?http://{address}/hello"))).await;
        assert_eq!((status, &*body), (StatusCode::OK, "over the network"));
        assert_eq!(headers["x-from"], "server");
        // What the network loses is lost for the guest, and for its client.
        let request = get(&format!("/fetch?http://{address}/cut"));
        let mut body = BodyStream::new(limited(web.handle(request)).await.unwrap().into_body());
        limited(sender.send_data(Bytes::from_static(b"some"))).await.unwrap();
        let frame = limited(body.next()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), "some");
        sender.abort(std::io::Error::other("the server fails"));
        limited(body.next()).await.unwrap().expect_err("the body ended as if it were whole");
        serving.abort();
        let _ = serving.await;
        let (status, _, body, _) =
            whole(&web, get(&format!("/fetch?http://{address}/hello"))).await;
        assert_eq!(status, StatusCode::BAD_GATEWAY, "{body}");
        assert!(body.to_lowercase().contains("refused"), "{body}");
        close(composition).await;
    });
}

#[test]
fn router_of_axum_serves_a_composition() {
    run(async || {
        let (composition, web) = alone("http-app", &wasi()).await;
        let web = tower::service_fn(move |request: axum::extract::Request| {
            let web = web.clone();
            async move {
                let failed = |error: HttpError| (StatusCode::BAD_GATEWAY, error.to_string());
                let answered = web.handle(request).await.map_err(failed);
                Ok::<_, std::convert::Infallible>(axum::response::IntoResponse::into_response(
                    answered.map(|response| response.map(axum::body::Body::new)),
                ))
            }
        });
        let server = axum::Router::new().nest_service("/app", web);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move { axum::serve(listener, server).await });
        let (calling, web) = alone("http-caller", &wasi().http(client())).await;
        let fetched = whole(&web, get(&format!("/fetch?http://{address}/app/bytes/3"))).await;
        assert_eq!((fetched.0, fetched.2.as_bytes()), (StatusCode::OK, &[0, 1, 2][..]));
        // A trap in the middle of a body cuts the connection.
        let request = get(&format!("/fetch?http://{address}/app/trap-in-body/100000"));
        let response = limited(web.handle(request)).await.unwrap();
        let is_whole = response.status() == StatusCode::OK
            && limited(response.into_body().collect()).await.is_ok();
        assert!(!is_whole, "the body ended as if it were whole");
        close(calling).await;
        serving.abort();
        drop(composition);
    });
}

#[test]
fn request_of_a_guest_that_traps_is_cut_off() {
    run(async || {
        let (inside, app) = alone("http-app", &wasi()).await;
        let (seen, told) = tokio::sync::oneshot::channel();
        let seen = Arc::new(Mutex::new(Some(seen)));
        // As a connection does, the client goes on to read the request's body when the guest waits no more.
        let client = tower::service_fn(move |request: Request<Body>| {
            let (app, seen) = (app.clone(), seen.lock().unwrap().take());
            tokio::spawn(async move {
                let body = request.into_body().collect().await;
                let body = body.map(|body| body.to_bytes()).map_err(|error| error.to_string());
                if let Some(seen) = seen {
                    seen.send(body).unwrap();
                }
            });
            async move { app.handle(get("/status/200")).await }
        });
        let (_calling, web) = alone("http-caller", &wasi().http(client)).await;
        limited(web.handle(get("/cut?http://elsewhere/"))).await.unwrap_err();
        let error = limited(told).await.unwrap().expect_err("the body ended as if it were whole");
        assert!(error.contains("has ended before the end of what it wrote"), "{error}");
        close(inside).await;
    });
}
