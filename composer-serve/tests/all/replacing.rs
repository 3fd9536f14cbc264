//! Components that are replaced while requests come in.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use composer_tests::{guest, limited, run, until};
use tokio::task::JoinSet;

use crate::site::{Site, chain, request, wasi};

/// How often it is replaced, and how many requests there are for each.
const ROUNDS: usize = 20;
const REQUESTS: usize = 100;

#[test]
fn component_is_replaced_under_load_and_no_request_is_lost_or_wrong() {
    run(async || {
        let composition = chain(&["http-header", "http-app"]).await;
        let site = Site::of(&composition, |server| server).await;
        let (answered, done) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut clients = JoinSet::new();
        let multiplexed = site.client2().await;
        for number in 0..8 {
            let mut client = match number % 2 {
                0 => site.client().await,
                _ => multiplexed.another(),
            };
            let (answered, done) = (answered.clone(), done.clone());
            clients.spawn(async move {
                let mut seen = BTreeSet::new();
                let mut n = 0;
                while !done.load(Ordering::Relaxed) {
                    let text = format!("{number} {n} {}", "x".repeat(n % 10 * 1000));
                    let mut asked = request("POST", "/copy", text.clone());
                    asked.headers_mut().insert("authorization", "me".parse().unwrap());
                    let answer = client.send(asked).await.unwrap();
                    answer.is(200, &text);
                    seen.insert(answer.headers.get("x-served").is_some());
                    answered.fetch_add(1, Ordering::Relaxed);
                    n += 1;
                }
                seen
            });
        }
        for round in 0..ROUNDS {
            // One tells that it was there, the other does not.
            let by = ["http-auth", "http-header"][round % 2];
            limited(composition.replace("http-header", wasi().component(guest(by))).into_future())
                .await
                .unwrap();
            let since = answered.load(Ordering::Relaxed);
            until(|| answered.load(Ordering::Relaxed) >= since + REQUESTS).await;
        }
        done.store(true, Ordering::Relaxed);
        let mut seen = BTreeSet::new();
        while let Some(of_one) = limited(clients.join_next()).await {
            seen.extend(of_one.unwrap());
        }
        assert_eq!(seen, BTreeSet::from([false, true]));
        assert!(answered.load(Ordering::Relaxed) >= ROUNDS * REQUESTS);
        site.end().await;
    });
}
