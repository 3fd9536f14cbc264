//! NATS when things go wrong: servers and brokers that are stopped, frozen or started again, and payloads
//! that are too large.

use std::collections::HashSet;
use std::time::Duration;

use composer_tests::{Clock, chain, limited, run, until};
use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use wasm_runtime_composer::{Composition, CompositionError};
use wasm_runtime_composer_remote::{
    Nats, NatsServer, RemoteComponent, RemoteError, RemoteExports, Serve,
};

use crate::peers::{Broker, FRAGILE, PRODUCER, compose, exports, remote, serve, serve_fragile};

/// The call of `fragile` that waits until the clock's gated time has passed.
const WAITS: u32 = 3;

async fn plain(composition: &Composition, how: u32) -> Result<u32, CompositionError> {
    limited(composition.typed::<(u32,), u32>(Some(FRAGILE), "plain")?.call((how,))).await
}

async fn add(composition: &Composition, a: i32, b: i32) -> Result<i32, CompositionError> {
    limited(composition.typed::<(i32, i32), i32>(Some(PRODUCER), "add")?.call((a, b))).await
}

#[track_caller]
fn remote_error(error: &CompositionError) -> &RemoteError {
    RemoteError::of(error).unwrap_or_else(|| panic!("{}", chain(error)))
}

#[test]
fn nobody_under_the_subject_is_told_at_once() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let composition = remote("producer", Nats::new(broker.client().await)).await;
        let error = add(&composition, 1, 2).await.unwrap_err();
        let error = remote_error(&error);
        assert_eq!(
            error.to_string(),
            "nobody serves `composer:test/iproducer#add` at `wasm.composer:test/iproducer.add`"
        );
        assert!(!error.may_have_run());
        // Another prefix is another place.
        let server = NatsServer::new(broker.client().await).with_prefix("other.place");
        let serving = serve("producer", server).await;
        assert!(serving.addresses().contains(&"other.place._.add".to_owned()));
        assert!(add(&composition, 1, 2).await.is_err());
        let nats = Nats::new(broker.client().await).with_prefix("other.place");
        let composition = remote("producer", nats).await;
        assert_eq!(add(&composition, 1, 2).await.unwrap(), 3);
    });
}

#[test]
fn two_servers_share_the_load_and_one_takes_over() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let first = serve("producer", NatsServer::new(broker.client().await)).await;
        let _second = serve("producer-b", NatsServer::new(broker.client().await)).await;
        let only = exports("producer").only(&[PRODUCER]).unwrap();
        let remote = RemoteComponent::new(only, Nats::new(broker.client().await));
        let composition = compose(remote).await;
        let greet = composition.typed::<(String,), String>(Some(PRODUCER), "greet").unwrap();
        let greetings = async || {
            let calls = (0..200).map(|_| greet.call(("x".to_owned(),)));
            let greetings = limited(join_all(calls)).await;
            greetings.into_iter().map(Result::unwrap).collect::<HashSet<_>>()
        };
        assert_eq!(greetings().await.len(), 2);
        limited(first.close(Duration::from_secs(10))).await;
        assert_eq!(greetings().await.len(), 1);
    });
}

#[test]
fn closing_lets_running_calls_end_and_takes_no_more() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let clock = Clock::default();
        let serving = serve_fragile(&clock, NatsServer::new(broker.client().await)).await;
        let composition = remote("fragile", Nats::new(broker.client().await)).await;
        let closing = async {
            until(|| !clock.log().is_empty()).await;
            join(serving.close(Duration::from_secs(50)), async { clock.open() }).await;
        };
        let (result, ((), ())) =
            join(plain(&composition, WAITS), async { (limited(closing).await, ()) }).await;
        assert_eq!(result.unwrap(), 7);
        let error = plain(&composition, 0).await.unwrap_err();
        assert!(matches!(remote_error(&error), RemoteError::NobodyServes { .. }));
    });
}

#[test]
fn server_that_is_lost_in_the_middle_of_a_call_is_a_timeout() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let clock = Clock::default();
        let serving = serve_fragile(&clock, NatsServer::new(broker.client().await)).await;
        let nats = Nats::new(broker.client().await);
        let remote = RemoteComponent::new(exports("fragile"), nats);
        let composition = compose(remote.with_deadline(Duration::from_secs(2))).await;
        let losing = async {
            until(|| !clock.log().is_empty()).await;
            drop(serving);
        };
        let (result, ()) = join(plain(&composition, WAITS), losing).await;
        let error = result.unwrap_err();
        let error = remote_error(&error);
        assert!(matches!(error, RemoteError::TimedOut { sent: true, .. }), "{error}");
        clock.open();
    });
}

#[test]
fn frozen_broker_is_a_timeout() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let _serving = serve("producer", NatsServer::new(broker.client().await)).await;
        let nats = Nats::new(broker.client().await);
        let remote = RemoteComponent::new(exports("producer"), nats);
        let composition = compose(remote.with_deadline(Duration::from_secs(2))).await;
        assert_eq!(add(&composition, 1, 2).await.unwrap(), 3);
        broker.process().freeze().await;
        let error = add(&composition, 1, 2).await.unwrap_err();
        assert!(matches!(remote_error(&error), RemoteError::TimedOut { sent: true, .. }));
        broker.process().signal("-CONT");
        limited(async { while add(&composition, 1, 2).await.is_err() {} }).await;
    });
}

#[test]
fn restarted_broker_loses_calls_on_their_way_and_no_subscription() {
    run(async || {
        let Some(mut broker) = Broker::start() else { return };
        let clock = Clock::default();
        let _serving = serve_fragile(&clock, NatsServer::new(broker.client().await)).await;
        let nats = Nats::new(broker.client().await);
        let remote = RemoteComponent::new(exports("fragile"), nats);
        let composition = compose(remote.with_deadline(Duration::from_secs(2))).await;
        let stopping = async {
            until(|| !clock.log().is_empty()).await;
            broker.stop();
        };
        let (result, ()) = join(plain(&composition, WAITS), stopping).await;
        let error = result.unwrap_err();
        let error = remote_error(&error);
        assert!(matches!(error, RemoteError::ConnectionLost { .. }), "{error}");
        assert!(error.may_have_run());
        // Without a broker nothing is sent.
        let error = plain(&composition, 0).await.unwrap_err();
        let error = remote_error(&error);
        assert!(matches!(error, RemoteError::TimedOut { sent: false, .. }), "{error}");
        clock.open();
        assert!(broker.restart());
        limited(async { while plain(&composition, 0).await.ok() != Some(7) {} }).await;
    });
}

#[test]
fn what_is_larger_than_the_broker_takes_is_refused() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let _serving = serve("producer", NatsServer::new(broker.client().await)).await;
        let client = broker.client().await;
        let limit = client.max_payload();
        let composition = remote("producer", Nats::new(client)).await;
        let reverse = composition.typed::<(Vec<u8>,), Vec<u8>>(Some(PRODUCER), "reverse").unwrap();
        let error = limited(reverse.call((vec![0; limit],))).await.unwrap_err();
        let error = remote_error(&error);
        assert!(matches!(error, RemoteError::TooLarge { .. }), "{error}");
        assert!(!error.may_have_run());
        // What just fits.
        let fits = limit - 33 - 4;
        assert_eq!(limited(reverse.call((vec![7; fits],))).await.unwrap(), vec![7; fits]);
    });
}

#[test]
fn another_type_on_the_other_side_is_refused() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let _serving = serve("producer", NatsServer::new(broker.client().await)).await;
        let wit = "package a:b; world w { export add: func(a: s32, b: s32) -> s64; }";
        let exports = RemoteExports::from_wit(wit).unwrap();
        let remote = RemoteComponent::new(exports, Nats::new(broker.client().await));
        let composition = compose(remote).await;
        let add = composition.typed::<(i32, i32), i64>(None, "add").unwrap();
        let error = limited(add.call((1, 2))).await.unwrap_err();
        let error = remote_error(&error);
        assert!(matches!(error, RemoteError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("`func(a: s32, b: s32) -> s32`"), "{error}");
    });
}

#[test]
fn streams_are_refused_by_name() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let client = broker.client().await;
        let mut composer = wasm_runtime_composer::Composer::new();
        let remote = RemoteComponent::new(exports("shouter"), Nats::new(client.clone()));
        composer.add(wasm_runtime_composer::ComposableDescriptor::new("shouter", remote));
        let said = chain(&limited(composer.compose()).await.unwrap_err());
        let expected =
            "`composer:test/shout#apply`, parameter `input`: NATS does not carry `stream<u8>`";
        assert!(said.contains(expected), "{said}");
        let composition = limited(composer_tests::composer(&["shouter"]).compose()).await.unwrap();
        let error = composition.serve(NatsServer::new(client)).await.unwrap_err();
        assert!(error.to_string().contains("NATS does not carry `stream<u8>`"), "{error}");
    });
}

#[test]
fn hostile_messages_are_answered_and_calls_go_on() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let _serving = serve("producer", NatsServer::new(broker.client().await)).await;
        let client = broker.client().await;
        let subject = "wasm.composer:test/iproducer.add";
        for payload in [&b""[..], b"\x01", b"\x02", &[1; 33], &[0xff; 100], &[1; 100_000]] {
            let reply = limited(client.request(subject, payload.to_vec().into())).await.unwrap();
            // Not run.
            assert_eq!(reply.payload[17], 2);
        }
        // A reply to something else.
        let mut hostile = client.subscribe("hostile._.add").await.unwrap();
        client.flush().await.unwrap();
        let nats = Nats::new(broker.client().await).with_prefix("hostile");
        let composition = remote("producer", nats).await;
        let sum = composition.typed::<(i32, i32), i32>(None, "add").unwrap();
        let replying = async {
            let call = hostile.next().await.unwrap();
            client.publish(call.reply.unwrap(), vec![1; 30].into()).await.unwrap();
        };
        let (result, ()) = join(limited(sum.call((1, 2))), limited(replying)).await;
        let error = result.unwrap_err();
        assert!(matches!(remote_error(&error), RemoteError::Protocol { .. }));
        let composition = remote("producer", Nats::new(client)).await;
        assert_eq!(add(&composition, 1, 2).await.unwrap(), 3);
    });
}

#[test]
fn calls_beyond_the_servers_cap_are_refused() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let clock = Clock::default();
        let server = NatsServer::new(broker.client().await).with_concurrency(1);
        let _serving = serve_fragile(&clock, server).await;
        let composition = remote("fragile", Nats::new(broker.client().await)).await;
        let plain = composition.typed::<(u32,), u32>(Some(FRAGILE), "plain").unwrap();
        let (first, others) = join(plain.call((WAITS,)), async {
            until(|| !clock.log().is_empty()).await;
            // One of them waits, the others are refused; that one ends when the first does.
            let calls = (0..4).map(|_| plain.call((0,)));
            let mut calls: futures_util::stream::FuturesUnordered<_> = calls.collect();
            let mut refused = 0;
            for _ in 0..3 {
                let error = limited(calls.next()).await.unwrap().unwrap_err();
                refused += usize::from(matches!(remote_error(&error), RemoteError::Refused { .. }));
            }
            clock.open();
            (refused, limited(calls.next()).await.unwrap())
        })
        .await;
        assert_eq!(first.unwrap(), 7);
        assert_eq!((others.0, others.1.unwrap()), (3, 7));
    });
}

#[test]
fn bytes_that_are_held_for_calls_are_bounded() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let server = NatsServer::new(broker.client().await).with_held_bytes(20_000);
        let _serving = serve("producer", server).await;
        let composition = remote("producer", Nats::new(broker.client().await)).await;
        let reverse = composition.typed::<(Vec<u8>,), Vec<u8>>(Some(PRODUCER), "reverse").unwrap();
        for _ in 0..3 {
            // What is held for a call is there for the next.
            for _ in 0..30 {
                let reversed = limited(reverse.call((vec![7; 1000],))).await.unwrap();
                assert_eq!(reversed, vec![7; 1000]);
            }
            let error = limited(reverse.call((vec![7; 30_000],))).await.unwrap_err();
            let error = remote_error(&error);
            assert!(matches!(error, RemoteError::Refused { .. }), "{error}");
            let said = error.to_string();
            for part in ["the server would hold more than 20000 bytes", "raise `with_held_bytes`"] {
                assert!(said.contains(part), "{part} in {said}");
            }
        }
    });
}

#[test]
fn subjects_that_are_none_are_refused() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let composition = limited(composer_tests::composer(&["producer"]).compose()).await.unwrap();
        for prefix in ["*", "a.>", "a b", "", "a\r\nPUB x 0"] {
            let server = NatsServer::new(broker.client().await).with_prefix(prefix);
            let error = limited(composition.serve(server)).await.unwrap_err();
            assert!(chain(&error).contains("expected a prefix of subjects"), "{}", chain(&error));
            let mut composer = wasm_runtime_composer::Composer::new();
            let nats = Nats::new(broker.client().await).with_prefix(prefix);
            let remote = RemoteComponent::new(exports("producer"), nats);
            composer.add(wasm_runtime_composer::ComposableDescriptor::new("it", remote));
            let said = chain(&limited(composer.compose()).await.unwrap_err());
            assert!(said.contains("expected a prefix of subjects"), "{said}");
        }
    });
}

#[test]
fn replies_go_to_no_function() {
    run(async || {
        let Some(broker) = Broker::start() else { return };
        let _serving = serve("producer", NatsServer::new(broker.client().await)).await;
        let client = broker.client().await;
        let mut secret = client.subscribe("wasm.secret.delete").await.unwrap();
        let mut inbox = client.subscribe("inbox.of.mine").await.unwrap();
        client.flush().await.unwrap();
        let function = "wasm.composer:test/iproducer.add";
        for reply in ["wasm.secret.delete", "inbox.of.mine"] {
            let call = client.publish_with_reply(function, reply, vec![1; 40].into());
            call.await.unwrap();
        }
        limited(inbox.next()).await.unwrap();
        // What came before has been answered, or not, by then.
        client.publish("wasm.secret.delete", b"mine".to_vec().into()).await.unwrap();
        assert_eq!(limited(secret.next()).await.unwrap().payload, &b"mine"[..]);
    });
}
