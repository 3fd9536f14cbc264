//! The end of a server.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use composer_tests::{limited, run};
use http_body_util::{BodyExt, Channel};
use tokio::net::TcpStream;
use wasm_runtime_composer::wasi::http::Body;
use wasm_runtime_composer_serve::Server;

use crate::site::{Site, chain, get, request};

/// Waits until nobody listens any more.
async fn closed(address: std::net::SocketAddr) {
    limited(async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[test]
fn requests_in_flight_are_answered_to_their_end() {
    run(async || {
        let composition = chain(&["http-header", "http-app"]).await;
        let site = Site::of(&composition, |server| server.health_path("/healthz")).await;
        let address = site.address;
        let mut idle = site.client().await;
        idle.get("/status/200").await.is(200, "");
        let silent = site.connect().await;
        let mut begun = Vec::new();
        for mut client in [site.client().await, site.client2().await] {
            let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
            let response = client.begin(request("POST", "/copy", Body::new(body))).await.unwrap();
            limited(sender.send_data(Bytes::from_static(b"before, "))).await.unwrap();
            begun.push((client, sender, response));
        }
        let serving = site.stop();
        closed(address).await;
        // Who has no request is sent away.
        limited(async { while idle.begin(get("/status/200")).await.is_ok() {} }).await;
        assert!(!serving.is_finished());
        for (_client, mut sender, response) in begun {
            limited(sender.send_data(Bytes::from_static(b"and after"))).await.unwrap();
            drop(sender);
            let body = limited(response.into_body().collect()).await.unwrap().to_bytes();
            assert_eq!(body, "before, and after");
        }
        assert_eq!(limited(serving).await.unwrap().cut, 0);
        drop(silent);
        // The composition goes on.
        let answer = limited(composition.http().unwrap().handle(get("/status/204"))).await.unwrap();
        assert_eq!(answer.status(), 204);
    });
}

#[test]
fn what_is_not_done_within_the_grace_is_cut() {
    run(async || {
        let composition = chain(&["http-app"]).await;
        let set = |server: Server| server.grace(Duration::from_millis(50));
        let site = Site::of(&composition, set).await;
        let (mut client, mut client2) = (site.client().await, site.client2().await);
        let endless = client.begin(get("/endless")).await.unwrap();
        let endless2 = client2.begin(get("/endless")).await.unwrap();
        assert_eq!(limited(site.stop()).await.unwrap().cut, 2);
        // It is no clean end.
        limited(endless.into_body().collect()).await.unwrap_err();
        limited(endless2.into_body().collect()).await.unwrap_err();
        // Its component is told, and has nothing left to do.
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
    });
}

#[test]
fn server_that_is_dropped_leaves_nothing_behind() {
    run(async || {
        let composition = chain(&["http-app"]).await;
        let site = Site::of(&composition, |server| server).await;
        let address = site.address;
        let mut client = site.client().await;
        let endless = client.begin(get("/endless")).await.unwrap();
        site.cancel();
        closed(address).await;
        limited(endless.into_body().collect()).await.unwrap_err();
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
    });
}
