//! Requests, and what they are to the component and back.

use composer_tests::{limited, run};
use futures_util::future::join_all;
use http::{Request, Version};
use wasm_runtime_composer::wasi::http::Body;

use crate::site::{Client, Site, chain, get, request};

/// Both versions of wasi:http.
const APPS: [&str; 2] = ["http-app", "http2-app"];

#[test]
fn requests_of_one_connection_are_answered() {
    run(async || {
        for app in APPS {
            let composition = chain(&[app]).await;
            let site = Site::of(&composition, |server| server).await;
            for mut client in [site.client().await, site.client2().await] {
                client.get("/status/204").await.is(204, "");
                client.get("/nowhere").await.is(404, "");
                let mut asked = request("POST", "/echo?a=b", "there and back");
                asked.headers_mut().insert("one", "1".parse().unwrap());
                let echo = client.send(asked).await.unwrap();
                echo.is(200, "there and back");
                assert_eq!(echo.headers["x-echo-one"], "1");
                assert_eq!(echo.headers["x-path"], "/echo?a=b");
                assert_eq!(echo.headers["x-method"], "POST");
                assert!(echo.headers.contains_key("date"), "{:?}", echo.headers);
                assert_eq!(client.get("/bytes/300000").await.body.chars().count(), 300_000);
                let head = client.send(request("HEAD", "/bytes/70000", "")).await.unwrap();
                head.is(200, "");
                assert_eq!(head.headers["content-length"], "70000");
                client.get("/status/200").await.is(200, "");
            }
            site.end().await;
        }
    });
}

#[test]
fn trailers_reach_who_wants_them() {
    run(async || {
        let composition = chain(&["http-app"]).await;
        let site = Site::of(&composition, |server| server).await;
        let mut asked = get("/trailers");
        asked.headers_mut().insert("te", "trailers".parse().unwrap());
        let answer = site.client().await.send(asked).await.unwrap();
        assert_eq!(answer.trailers.unwrap()["x-trailer"], "yes");
        let answer = site.client2().await.get("/trailers").await;
        assert_eq!(answer.trailers.unwrap()["x-trailer"], "yes");
        site.end().await;
    });
}

#[test]
fn requests_of_one_connection_of_http2_overlap() {
    run(async || {
        let composition = chain(&["http-header", "http-app"]).await;
        let site = Site::of(&composition, |server| server).await;
        let client = site.client2().await;
        // Goes on while others are answered.
        let waiting = tokio::spawn({
            let mut client = client.another();
            async move { client.begin(get("/endless")).await }
        });
        let endless = limited(waiting).await.unwrap().unwrap();
        limited(join_all((0..300).map(|n| {
            let mut client = client.another();
            async move {
                let answer = client.send(request("POST", "/copy", n.to_string())).await.unwrap();
                answer.is(200, &n.to_string());
                assert_eq!(answer.version, Version::HTTP_2);
                assert_eq!(answer.headers["x-served"], "header");
            }
        })))
        .await;
        drop(endless);
        site.end().await;
    });
}

#[test]
fn component_sees_nothing_of_the_connection() {
    run(async || {
        for app in APPS {
            let composition = chain(&[app]).await;
            let site = Site::of(&composition, |server| server).await;
            let asked = "POST /echo HTTP/1.1\r\nhost: localhost\r\nconnection: close, x-mine\r\n\
                         x-mine: 1\r\nkeep-alive: 5\r\nx-yours: 2\r\ntransfer-encoding: chunked\r\n\
                         content-length: 3\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
            let (told, ended) = site.told(asked).await;
            assert!(told.starts_with("HTTP/1.1 200 OK\r\n") && ended, "{told}");
            assert!(told.contains("\r\nx-echo-x-yours: 2\r\n"), "{told}");
            for hidden in
                ["x-mine", "connection", "keep-alive", "transfer-encoding", "content-length"]
            {
                assert!(!told.contains(&format!("x-echo-{hidden}")), "{hidden}: {told}");
            }
            assert!(told.contains("\r\nbody\r\n"), "{told}");
            site.end().await;
        }
    });
}

#[test]
fn request_without_a_valid_host_is_refused() {
    run(async || {
        for app in APPS {
            let composition = chain(&[app]).await;
            let site = Site::of(&composition, |server| server).await;
            for head in [
                "GET /status/200 HTTP/1.1\r\n",
                "GET /status/200 HTTP/1.1\r\nhost: a b\r\n",
                "GET /status/200 HTTP/1.1\r\nhost: a\r\nhost: b\r\n",
            ] {
                let (told, _) = site.told(&format!("{head}connection: close\r\n\r\n")).await;
                assert!(told.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{told}");
                assert!(told.ends_with("\r\n\r\nthe request has no valid host\n"), "{told}");
            }
            let asked = "GET http://there/echo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            let (told, _) = site.told(asked).await;
            assert!(told.starts_with("HTTP/1.1 200") && !told.contains("x-echo-host: x"), "{told}");
            site.end().await;
        }
        // Before HTTP/1.1 there was no such header, and wasi:http 0.3 does without.
        let composition = chain(&["http-app"]).await;
        let site = Site::of(&composition, |server| server).await;
        let (told, _) = site.told("GET /status/200 HTTP/1.0\r\n\r\n").await;
        assert!(told.starts_with("HTTP/1.0 200"), "{told}");
        site.end().await;
    });
}

#[test]
fn method_that_makes_a_tunnel_is_refused() {
    run(async || {
        let composition = chain(&["http-app"]).await;
        let site = Site::of(&composition, |server| server).await;
        let (told, _) =
            site.told("CONNECT a:1 HTTP/1.1\r\nhost: a:1\r\nconnection: close\r\n\r\n").await;
        assert!(told.starts_with("HTTP/1.1 501"), "{told}");
        site.end().await;
    });
}

#[test]
fn health_is_answered_without_a_component() {
    run(async || {
        let composition = chain(&["http-app"]).await;
        let set = |server: wasm_runtime_composer_serve::Server| {
            server.health_path("/healthz").max_concurrent_requests(0)
        };
        let site = Site::of(&composition, set).await;
        let mut client = site.client().await;
        client.get("/healthz").await.is(200, "ok\n");
        client.send(request("HEAD", "/healthz?x", "")).await.unwrap().is(200, "");
        // All others are for the component.
        assert_eq!(client.get("/healthz/").await.status, 503);
        assert_eq!(client.send(request("POST", "/healthz", "")).await.unwrap().status, 503);
        site.end().await;
    });
}

#[cfg(unix)]
#[test]
fn unix_socket_is_served() {
    use tokio::net::{UnixListener, UnixStream};

    run(async || {
        let composition = chain(&["http-app"]).await;
        let path = format!("{}/served.sock", env!("CARGO_TARGET_TMPDIR"));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        let nowhere = ([127, 0, 0, 1], 0).into();
        let site = Site::at(nowhere, listener, &composition, |server| server);
        for http2 in [false, true] {
            let stream = limited(UnixStream::connect(&path)).await.unwrap();
            let mut client = match http2 {
                true => Client::http2(stream).await,
                false => Client::http1(stream).await,
            };
            let asked: Request<Body> = request("POST", "/copy", "by a file");
            client.send(asked).await.unwrap().is(200, "by a file");
        }
        site.end().await;
    });
}
