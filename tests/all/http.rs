//! Components that serve HTTP, and send it: Contract 8.5. Their accessor in `compose!`: Contract 6.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use composer_tests::{chain as causes, engine, guest, guest_file, limited, run, text, until};
use futures_util::StreamExt;
use futures_util::future::join_all;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, BodyStream, Channel, StreamBody};
use wasm_runtime_composer::wasi::http::{Body, HttpError, HttpService};
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, Lifetime, Wasi, compose,
};

const HANDLER: &str = "wasi:http/handler@0.3.0";

fn wasi() -> Wasi {
    Wasi::new(engine())
}

/// A composer with guests under their own names, each of which calls the next.
fn chain(guests: &[&str]) -> Composer {
    let mut composer = Composer::new();
    for name in guests {
        composer.add(ComposableDescriptor::new(*name, wasi().component(guest(name))));
    }
    composer.chain(HANDLER, guests.iter().copied());
    composer
}

/// The same, in one store.
fn fused(guests: &[&str]) -> Composer {
    let mut inside = Composer::new();
    for name in guests {
        inside.add(ComposableDescriptor::new(*name, wasi().component(&*guest_file(name))));
    }
    inside.chain(HANDLER, guests.iter().copied());
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("fused", wasi().fused(inside)));
    composer
}

async fn served(composer: Composer) -> (Composition, HttpService) {
    let composition = limited(composer.compose()).await.unwrap();
    let web = composition.http().unwrap();
    (composition, web)
}

async fn close(composition: Composition) {
    until(|| composition.live_handles() == 0).await;
    limited(composition.close(Duration::from_secs(10))).await.unwrap();
}

fn get(path: &str) -> Request<Body> {
    Request::get(format!("http://localhost{path}")).body(Body::empty()).unwrap()
}

/// All of a response, or how it failed.
#[derive(Debug, PartialEq)]
struct Whole {
    status: StatusCode,
    headers: Vec<(String, String)>,
    body: Result<Bytes, String>,
    trailers: Option<HeaderMap>,
}

impl Whole {
    async fn of(answered: Result<http::Response<Body>, HttpError>) -> Result<Self, String> {
        let response = answered.map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let text = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let headers = parts.headers.iter().map(text).collect();
        let collected = body.collect().await;
        let trailers = collected.as_ref().ok().and_then(|it| it.trailers().cloned());
        let body = collected.map(|it| it.to_bytes()).map_err(|error| error.to_string());
        Ok(Self { status: parts.status, headers, body, trailers })
    }

    fn header(&self, name: &str) -> Vec<&str> {
        let those = self.headers.iter().filter(|(it, _)| it == name);
        those.map(|(_, value)| &**value).collect()
    }

    fn text(&self) -> &str {
        std::str::from_utf8(self.body.as_ref().unwrap()).unwrap()
    }
}

async fn whole(web: &HttpService, request: Request<Body>) -> Whole {
    limited(async { Whole::of(web.handle(request).await).await }).await.unwrap()
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i % 251) as u8).collect()
}

#[test]
fn service_answers_requests_of_rust() {
    run(async || {
        let (composition, web) = served(chain(&["http-app"])).await;
        let request = Request::post("http://localhost/echo?a=b")
            .header("one", "1")
            .header("two", "2")
            .header("one", "3")
            .body(Body::from("there and back"))
            .unwrap();
        let echo = whole(&web, request).await;
        assert_eq!((echo.status, echo.text()), (StatusCode::OK, "there and back"));
        assert_eq!(echo.header("x-echo-one"), ["1", "3"]);
        assert_eq!(echo.header("x-echo-two"), ["2"]);
        assert_eq!(echo.header("x-method"), ["POST"]);
        assert_eq!(echo.header("x-path"), ["/echo?a=b"]);
        assert_eq!(whole(&web, get("/status/418")).await.status, 418);
        assert_eq!(whole(&web, get("/nowhere")).await.status, 404);
        let numbers: Vec<String> = (0..20).map(|n| n.to_string()).collect();
        assert_eq!(whole(&web, get("/headers/20")).await.header("x-n"), numbers);
        let trailed = whole(&web, get("/trailers")).await;
        assert_eq!(trailed.text(), "trailed");
        assert_eq!(trailed.trailers.unwrap().get("x-trailer").unwrap(), "yes");
        let bytes = whole(&web, get("/bytes/1000000")).await;
        assert!(bytes.body.unwrap() == pattern(1_000_000));
        let request = Request::post("http://localhost/drain").body(Body::from(pattern(300_000)));
        assert_eq!(whole(&web, request.unwrap()).await.text(), "300000");
        close(composition).await;
    });
}

/// What is asked of a chain and of the same components in one store.
fn requests() -> Vec<Request<Body>> {
    let with = |method: &str, path: &str, headers: &[(&str, &str)], body: Body| {
        let uri = format!("http://localhost{path}");
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).unwrap()
    };
    let known = ("authorization", "me");
    vec![
        with("GET", "/echo", &[], Body::empty()),
        with("GET", "/echo", &[known], Body::empty()),
        with("POST", "/echo", &[known, ("a", "1"), ("b", "2"), ("a", "3")], Body::from("text")),
        with("PUT", "/copy?x=y&z", &[known], Body::from(pattern(200_000))),
        with("POST", "/drain", &[known], Body::from(pattern(200_000))),
        with("GET", "/bytes/70000", &[known], Body::empty()),
        with("GET", "/bytes/70000", &[known, ("accept-encoding", "deflate")], Body::empty()),
        with("HEAD", "/status/204", &[known], Body::empty()),
        with("GET", "/status/503", &[known], Body::empty()),
        with("GET", "/headers/10", &[known], Body::empty()),
        with("GET", "/trailers", &[known], Body::empty()),
        with("GET", "/error", &[known], Body::empty()),
        with("GET", "/forged", &[known], Body::empty()),
        with("GET", "/nowhere", &[known], Body::empty()),
    ]
}

#[test]
fn chain_of_stores_answers_as_one_store_does() {
    run(async || {
        for guests in [
            &["http-app"][..],
            &["http-header", "http-app"],
            &["http-header", "http-auth", "http-app"],
            &["http-retry", "http-pack", "http-auth", "http-header", "http-app"],
        ] {
            let (isolated, web) = served(chain(guests)).await;
            let (together, one) = served(fused(guests)).await;
            for (index, request) in requests().into_iter().enumerate() {
                let mut same = requests();
                let asked = format!("{guests:?}: {} {}", request.method(), request.uri());
                let here = limited(async { Whole::of(web.handle(request).await).await });
                let there = one.handle(same.swap_remove(index));
                let there = limited(async { Whole::of(there.await).await });
                let (here, there) = (here.await, there.await);
                assert_eq!(here, there, "{asked}");
            }
            close(isolated).await;
            close(together).await;
        }
    });
}

#[test]
fn trap_is_no_end_of_a_body() {
    run(async || {
        for guests in [&["http-app"][..], &["http-header", "http-app"]] {
            let (_composition, web) = served(chain(guests)).await;
            let answered = limited(web.handle(get("/trap"))).await;
            let Err(HttpError::Composition(error)) = answered else { panic!("{answered:?}") };
            assert!(matches!(error, CompositionError::Trap { .. }), "{error}");

            for length in [0, 1, 100_000, 1_000_000] {
                let (_composition, web) = served(chain(guests)).await;
                let path = format!("/trap-in-body/{length}");
                // It may have trapped before anything is known of its response.
                let Ok(response) = limited(web.handle(get(&path))).await else { continue };
                let mut body = BodyStream::new(response.into_body());
                let mut read = 0;
                let error = limited(async {
                    while let Some(frame) = body.next().await {
                        match frame {
                            Ok(frame) => read += frame.into_data().unwrap().len(),
                            Err(error) => return Some(error.to_string()),
                        }
                    }
                    None
                });
                let error = error.await.expect("the body ended as if it were whole");
                assert!(error.contains("has ended before the end of what it wrote"), "{error}");
                assert!(read <= length, "{read} of {length}");
            }
        }
        // What came before is whole.
        let (_composition, web) = served(chain(&["http-header", "http-app"])).await;
        assert_eq!(whole(&web, get("/trap-after")).await.text(), "done");
    });
}

#[test]
fn bodies_stream_both_ways() {
    run(async || {
        let (composition, web) = served(chain(&["http-header", "http-app"])).await;
        for path in ["/echo", "/copy"] {
            let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
            let uri = format!("http://localhost{path}");
            let request = Request::post(uri).body(body).unwrap();
            let response = limited(web.handle(request)).await.unwrap();
            let mut body = BodyStream::new(response.into_body());
            // Each piece is back before the next one goes.
            for piece in ["one", "two", "three"] {
                limited(sender.send_data(Bytes::from_static(piece.as_bytes()))).await.unwrap();
                let frame = limited(body.next()).await.unwrap().unwrap();
                assert_eq!(frame.into_data().unwrap(), piece);
            }
            drop(sender);
            assert!(limited(body.next()).await.is_none());
        }
        close(composition).await;
    });
}

#[test]
fn failure_of_the_clients_body_reaches_the_guest() {
    run(async || {
        let (composition, web) = served(chain(&["http-header", "http-app"])).await;
        let pieces = vec![
            Ok(http_body::Frame::data(Bytes::from_static(b"some"))),
            Err(std::io::Error::other("the client is gone")),
        ];
        let body = StreamBody::new(futures_util::stream::iter(pieces));
        let request = Request::post("http://localhost/echo").body(body).unwrap();
        let answered = limited(async { Whole::of(web.handle(request).await).await }).await;
        let body = answered.unwrap().body.unwrap_err();
        assert!(body.contains("the client is gone"), "{body}");
        close(composition).await;
    });
}

#[test]
fn client_that_goes_away_leaves_nothing_behind() {
    run(async || {
        let (composition, web) = served(chain(&["http-header", "http-app"])).await;
        // In the middle of the body.
        let response = limited(web.handle(get("/endless"))).await.unwrap();
        let mut body = BodyStream::new(response.into_body());
        limited(body.next()).await.unwrap().unwrap();
        drop(body);
        // Before there is a response.
        let waiting = web.handle(get("/wait"));
        assert!(limited(tokio::time::timeout(Duration::from_millis(20), waiting)).await.is_err());
        assert_eq!(whole(&web, get("/status/200")).await.status, 200);
        until(|| composition.live_handles() == 0).await;
        limited(composition.close(Duration::ZERO)).await.unwrap();
    });
}

#[test]
fn deadline_is_for_the_response() {
    run(async || {
        let (composition, web) = served(chain(&["http-header", "http-app"])).await;
        let hurried = web.clone().with_deadline(Duration::from_millis(50));
        let answered = limited(hurried.handle(get("/wait"))).await;
        let Err(HttpError::Composition(error)) = answered else { panic!("{answered:?}") };
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error}");
        assert_eq!(whole(&web, get("/status/200")).await.status, 200);
        // The guest waits for ever.
        limited(composition.close(Duration::ZERO)).await.unwrap();
    });
}

#[test]
fn requests_overlap() {
    run(async || {
        let (composition, web) = served(chain(&["http-header", "http-auth", "http-app"])).await;
        let asked = (0..200).map(|n| {
            let web = web.clone();
            async move {
                let request = Request::post("http://localhost/copy").header("authorization", "x");
                let request = request.body(Body::from(n.to_string())).unwrap();
                assert_eq!(whole(&web, request).await.text(), n.to_string());
            }
        });
        limited(join_all(asked)).await;
        close(composition).await;
    });
}

/// Contract 8.7: a request has an instance of each component for itself.
#[test]
fn trap_costs_one_request_where_each_has_fresh_instances() {
    run(async || {
        let guests = ["http-header", "http-app"];
        let mut composer = Composer::new();
        for name in guests {
            let descriptor = ComposableDescriptor::new(name, wasi().component(guest(name)));
            composer.add(descriptor.with_lifetime(Lifetime::per_call()).with_instances(3));
        }
        composer.chain(HANDLER, guests);
        let (composition, web) = served(composer).await;
        // This body keeps its instances; two of each are left.
        let response = limited(web.handle(get("/endless"))).await.unwrap();
        let mut body = BodyStream::new(response.into_body());
        limited(body.next()).await.unwrap().unwrap();
        let asked = (0..60).map(|n| {
            let web = web.clone();
            async move {
                if n % 10 == 9 {
                    let answered = limited(web.handle(get("/trap"))).await;
                    let Err(HttpError::Composition(error)) = answered else { panic!() };
                    assert!(matches!(error, CompositionError::Trap { .. }), "{error}");
                    return;
                }
                let path = ["/copy", "/echo"][n % 2];
                let request = Request::post(format!("http://localhost{path}"));
                let request = request.body(Body::from(pattern(n * 1000))).unwrap();
                assert!(whole(&web, request).await.body.unwrap() == pattern(n * 1000), "{n}");
            }
        });
        limited(join_all(asked)).await;
        limited(body.next()).await.unwrap().unwrap();
        drop(body);
        let fresh = || {
            let snapshot = composition.snapshot();
            let instances = snapshot.components.iter().flat_map(|it| &it.instances);
            instances.map(|it| it.renewals + it.restarts).sum::<u64>()
        };
        until(|| fresh() == 2 * 61).await;
        close(composition).await;
    });
}

#[test]
fn middleware_is_replaced_under_load_and_no_request_is_lost() {
    run(async || {
        let (composition, web) = served(chain(&["http-header", "http-app"])).await;
        let mut seen = BTreeSet::new();
        for round in 0..20 {
            let asked = (0..50).map(|n| {
                let web = web.clone();
                async move {
                    let request =
                        Request::post("http://localhost/copy").header("authorization", "x");
                    let request = request.body(Body::from(format!("{round} {n}"))).unwrap();
                    let answer = whole(&web, request).await;
                    assert_eq!(answer.text(), format!("{round} {n}"));
                    answer.header("x-served").concat()
                }
            });
            // One tells that it was there, the other does not.
            let by = ["http-auth", "http-header"][round % 2];
            let replacing = composition.replace("http-header", wasi().component(guest(by)));
            let both = futures_util::future::join(join_all(asked), replacing.into_future());
            let (answers, replaced) = limited(both).await;
            replaced.unwrap();
            seen.extend(answers);
        }
        assert_eq!(seen, BTreeSet::from([String::new(), "header".to_owned()]));
        close(composition).await;
    });
}

#[test]
fn body_that_is_passed_on_without_end_is_refused() {
    run(async || {
        let (composition, web) = served(chain(&["http-header", "http-app"])).await;
        let mut body = Body::from("round and round");
        let mut rounds = 0;
        // Each round puts it into the bodies of three messages.
        let refused = loop {
            let request = Request::post("http://localhost/echo").body(body).unwrap();
            match limited(web.handle(request)).await {
                Ok(response) => body = response.into_body(),
                Err(error) => break error,
            }
            rounds += 1;
            assert!(rounds < 100, "it goes on for ever");
        };
        assert!(rounds > 5, "{rounds}");
        let text = composer_tests::chain(&refused);
        assert!(text.contains("without being read"), "{text}");
        drop(composition);
    });
}

#[test]
fn body_is_as_long_as_it_was_announced() {
    run(async || {
        let (composition, web) = served(chain(&["http-header", "http-app"])).await;
        let response = limited(web.handle(get("/forged"))).await.unwrap();
        let error = limited(response.into_body().collect()).await.unwrap_err();
        assert!(error.to_string().contains("size"), "{error}");
        close(composition).await;
    });
}

compose! {
    /// A site of one component.
    struct Site;
    component app;
    /// All of its pages.
    export http as pages;
}

#[test]
fn accessor_is_the_service() {
    run(async || {
        let composing = compose! {
            component auth = wasi().component(guest("http-auth"));
            component app = wasi().component(guest("http-app"));
            chain "wasi:http/handler@0.3.0": auth -> app;
            export http as web;
        };
        let composition = limited(composing).await.unwrap();
        let web: HttpService = composition.web();
        assert_eq!(whole(&web, get("/status/204")).await.status, 401);
        let known = Request::get("http://localhost/status/204").header("authorization", "me");
        assert_eq!(whole(&web, known.body(Body::empty()).unwrap()).await.status, 204);
        // It calls what is there when it is called.
        let replacing = composition.replace("auth", wasi().component(guest("http-header")));
        limited(replacing.into_future()).await.unwrap();
        let response = whole(&composition.web(), get("/status/200")).await;
        assert_eq!(response.header("x-served"), ["header"]);
        limited(composition.close(Duration::from_secs(10))).await.unwrap();
        let error = limited(web.handle(get("/status/200"))).await.unwrap_err();
        assert!(
            matches!(error, HttpError::Composition(CompositionError::Unavailable { .. })),
            "{error}"
        );

        // In the item form, of wasi:http 0.2.
        let app = wasi().component(guest("http2-app"));
        let site = limited(SiteParts { app }.compose()).await.unwrap();
        let expected = limited(site.http().unwrap().handle(get("/status/418"))).await.unwrap();
        let found = limited(site.pages().handle(get("/status/418"))).await.unwrap();
        assert_eq!(found.status(), expected.status());
    });
}

#[test]
fn accessor_of_a_service_that_does_not_fit_fails_while_composing_with_all_others() {
    run(async || {
        let composing = compose! {
            component idle = text("(component)");
            export http as web;
            export fn visits() -> u32;
        };
        let error = limited(composing).await.unwrap_err();
        assert!(matches!(error, CompositionError::Typed(_)), "{error:?}");
        assert_eq!(
            causes(&error),
            "2 functions are not what they were declared as:\n  \
             - accessor `visits`: the composition exports no function `visits`\n  \
             - accessor `web`: the composition exports no interface `wasi:http/handler`"
        );
        let composing = compose! {
            component other = text(
                r#"(component
                    (core module $m (func (export "f")))
                    (core instance $i (instantiate $m))
                    (func $f (canon lift (core func $i "f")))
                    (instance $h (export "handle" (func $f)))
                    (export "wasi:http/handler@0.3.0" (instance $h)))"#,
            );
            export http as web;
        };
        let error = causes(&limited(composing).await.unwrap_err());
        let expected = "accessor `web`: `wasi:http/handler@0.3.0#handle` of component `other` ";
        assert!(error.contains(expected), "{error}");
    });
}
