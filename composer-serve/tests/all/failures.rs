//! Components that fail, and what their clients see of it.

use std::sync::LazyLock;
use std::time::Duration;

use composer_tests::{config, guest_file, limited, run};
use http_body_util::BodyExt;
use tokio::task::JoinSet;
use wasm_runtime_composer::{ComposableDescriptor, Composer, EpochTicker, RestartPolicy, Wasi};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::site::{Site, chain, get};

#[test]
fn trap_is_one_failed_request() {
    run(async || {
        for guests in [&["http-app"][..], &["http-header", "http-app"], &["http2-app"]] {
            let composition = chain(guests).await;
            let site = Site::of(&composition, |server| server).await;
            for mut client in [site.client().await, site.client2().await] {
                for n in 0..100 {
                    match n % 10 {
                        9 => client.get("/trap").await.is(502, "the service has failed\n"),
                        _ => client.get("/status/200").await.is(200, ""),
                    }
                }
            }
            site.end().await;
        }
    });
}

#[test]
fn component_that_is_gone_is_told() {
    run(async || {
        let composition = chain(&["http-app"]).await;
        let site = Site::of(&composition, |server| server).await;
        let mut client = site.client().await;
        client.get("/status/200").await.is(200, "");
        limited(composition.close(Duration::from_secs(5))).await.unwrap();
        client.get("/status/200").await.is(502, "the service has failed\n");
        site.end().await;
    });
}

#[test]
fn error_code_of_a_component_is_a_status() {
    run(async || {
        for guests in [&["http-app"][..], &["http-header", "http-app"]] {
            let composition = chain(guests).await;
            let site = Site::of(&composition, |server| server).await;
            let mut client = site.client().await;
            // configuration-error and HTTP-request-URI-invalid
            client.get("/error").await.is(500, "the service has failed\n");
            client.get("/bytes/many").await.is(400, "the request is not valid\n");
            // No status of a response.
            client.get("/status/101").await.is(502, "the service has failed\n");
            client.get("/status/200").await.is(200, "");
            site.end().await;
        }
    });
}

#[test]
fn trap_in_a_body_is_no_clean_end() {
    run(async || {
        for app in ["http-app", "http2-app"] {
            for length in [1, 100_000, 1_000_000] {
                let composition = chain(&[app]).await;
                let site = Site::of(&composition, |server| server).await;
                let path = format!("/trap-in-body/{length}");
                for version in ["1.1", "1.0"] {
                    let asked = format!("GET {path} HTTP/{version}\r\nhost: localhost\r\n\r\n");
                    let (told, ended) = site.told(&asked).await;
                    // It may have trapped before anything is known of its response.
                    if told.contains(" 502 ") {
                        continue;
                    }
                    // Chunks have an end of their own; where there are none, the connection is no end.
                    let is_whole = match version {
                        "1.1" => told.ends_with("0\r\n\r\n"),
                        _ => ended,
                    };
                    assert!(!is_whole, "{app}, {length}, {version}: {} bytes", told.len());
                }
                // The others of the connection go on.
                let mut client = site.client2().await;
                if let Ok(response) = client.begin(get(&path)).await
                    && response.status() == 200
                {
                    let error = limited(response.into_body().collect()).await.unwrap_err();
                    assert!(!error.is_closed(), "{error}");
                }
                client.get("/status/200").await.is(200, "");
                site.end().await;
            }
        }
    });
}

#[test]
fn body_that_is_not_as_long_as_announced_is_no_clean_end() {
    run(async || {
        let composition = chain(&["http-app"]).await;
        let site = Site::of(&composition, |server| server).await;
        let (told, _) = site.told("GET /forged HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        let body = told.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        assert!(body.len() <= 10, "{told}");
        let mut client = site.client2().await;
        client.send(get("/forged")).await.unwrap_err();
        client.get("/status/200").await.is(200, "");
        site.end().await;
    });
}

#[test]
fn what_waits_too_long_is_given_up_while_others_are_answered() {
    run(async || {
        let composition = chain(&["http-header", "http-app"]).await;
        let site = Site::of(&composition, |server| server.deadline(Duration::from_secs(5))).await;
        let mut waiting = JoinSet::new();
        for _ in 0..10 {
            let mut client = site.client().await;
            waiting.spawn(async move { client.get("/wait").await });
        }
        let mut client = site.client2().await;
        while !waiting.is_empty() {
            client.get("/status/200").await.is(200, "");
            while let Some(late) = waiting.try_join_next() {
                late.unwrap().is(504, "the service has not answered in time\n");
            }
        }
        site.end().await;
    });
}

/// An engine that can interrupt guests, with a guest for it.
static INTERRUPTED: LazyLock<(Engine, Component, EpochTicker)> = LazyLock::new(|| {
    let mut config = config();
    config.epoch_interruption(true);
    let engine = Engine::new(&config).unwrap();
    let component = Component::from_file(&engine, guest_file("http-app")).unwrap();
    let ticker = EpochTicker::start(&engine, Duration::from_millis(1)).unwrap();
    (engine, component, ticker)
});

#[test]
fn what_computes_without_end_is_given_up_while_others_are_answered() {
    run(async || {
        let (engine, component, _) = &*INTERRUPTED;
        let wasi = Wasi::new(engine).with_store(EpochTicker::yielding);
        let mut composer = Composer::new();
        composer.add(
            ComposableDescriptor::new("app", wasi.component(component.clone()))
                .with_instances(2)
                .with_run_limit(3_000)
                .with_restart(RestartPolicy::restart(u32::MAX, Duration::ZERO)),
        );
        let composition = limited(composer.compose()).await.unwrap();
        let site = Site::of(&composition, |server| server.deadline(Duration::from_secs(1))).await;
        let mut spinning = site.client().await;
        let spinning = tokio::spawn(async move { spinning.get("/spin").await });
        let mut client = site.client().await;
        let mut answered = 0;
        while !spinning.is_finished() {
            // A call may have been given to the one that spins; then it is late, too.
            let answer = client.get("/status/200").await;
            answered += u32::from(answer.status == 200);
        }
        limited(spinning).await.unwrap().is(504, "the service has not answered in time\n");
        assert!(answered > 0);
        // It is ended, and started again.
        limited(async { while client.get("/status/200").await.status != 200 {} }).await;
        site.end().await;
    });
}
