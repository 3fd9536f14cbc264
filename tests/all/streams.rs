//! Streams and futures between components, and between components and Rust: Contract 4.1.

use std::future::ready;
use std::time::Duration;

use composer_tests::{chain, component, compose, composer, limited, run, run_placed, until};
use futures_util::future::poll_immediate;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasm_runtime_composer::error::{StopReason, StreamLost};
use wasm_runtime_composer::snapshot::Change;
use wasm_runtime_composer::typed::{FromComponentValue, Params};
use wasm_runtime_composer::{
    ComponentFuture, ComponentStream, ComponentValue, ComposableDescriptor, Composer, Composition,
    CompositionError, OwnedResource, RestartPolicy, compose,
};

const WRITER: &str = "composer:test/istreams";
const READER: &str = "composer:test/ireader";

#[derive(ComponentValue, Clone, Debug, PartialEq)]
struct Item {
    name: String,
    tags: Vec<String>,
    n: u32,
}

#[derive(ComponentValue, Debug)]
struct Parcel {
    name: String,
    body: Option<ComponentStream<u8>>,
    done: ComponentFuture<Result<u64, String>>,
}

async fn pair() -> Composition {
    limited(compose(composer(&["writer", "reader"]))).await.unwrap()
}

/// Writer and reader, each with as many lives as it needs.
async fn immortals() -> Composition {
    let again = RestartPolicy::restart(1000, Duration::ZERO);
    let mut composer = Composer::new();
    for name in ["writer", "reader"] {
        composer.add(ComposableDescriptor::new(name, component(name)).with_restart(again));
    }
    limited(composer.compose()).await.unwrap()
}

async fn call<P: Params, R: FromComponentValue + 'static>(
    composition: &Composition,
    interface: &str,
    function: &str,
    params: P,
) -> Result<R, CompositionError> {
    limited(composition.typed(Some(interface), function)?.call(params)).await
}

async fn collect<T: FromComponentValue>(
    stream: ComponentStream<T>,
) -> Result<Vec<T>, CompositionError> {
    limited(stream.try_collect()).await
}

/// How many numbers were taken of the writer's endless stream, and whether its reader is gone.
async fn endless_state(composition: &Composition) -> (u32, bool) {
    call(composition, WRITER, "endless-state", ()).await.unwrap()
}

async fn until_reader_is_gone(composition: &Composition) -> u32 {
    loop {
        let (taken, gone) = endless_state(composition).await;
        if gone {
            return taken;
        }
        tokio::task::yield_now().await;
    }
}

fn texts(n: u32) -> Vec<String> {
    (0..n).map(|n| n.to_string()).collect()
}

fn items(n: u32) -> Vec<Item> {
    let item = |n| Item {
        name: format!("item {n}"),
        tags: (0..n % 4).map(|tag| format!("tag {tag}")).collect(),
        n,
    };
    (0..n).map(item).collect()
}

#[test]
fn rust_reads_what_a_component_writes() {
    run_placed(async || {
        let composition = pair().await;
        for (n, chunk) in [(0_u32, 1_u32), (1, 1), (1000, 7), (1000, 5000)] {
            let bytes = call(&composition, WRITER, "bytes", (u64::from(n), chunk)).await.unwrap();
            let expected: Vec<u8> = (0..n).map(|n| n as u8).collect();
            assert_eq!(collect::<u8>(bytes).await.unwrap(), expected);
            let numbers = call(&composition, WRITER, "numbers", (n, chunk)).await.unwrap();
            assert_eq!(collect::<u32>(numbers).await.unwrap(), Vec::from_iter(0..n));
            let strings = call(&composition, WRITER, "texts", (n, chunk)).await.unwrap();
            assert_eq!(collect::<String>(strings).await.unwrap(), texts(n));
            let records = call(&composition, WRITER, "items", (n, chunk)).await.unwrap();
            assert_eq!(collect::<Item>(records).await.unwrap(), items(n));
            let units = call(&composition, WRITER, "units", (n,)).await.unwrap();
            assert_eq!(collect::<()>(units).await.unwrap().len(), n as usize);
        }
        let nested = call(&composition, WRITER, "nested", (4_u32,)).await.unwrap();
        let nested = collect::<ComponentStream<u8>>(nested).await.unwrap();
        for (n, inner) in nested.into_iter().enumerate() {
            assert_eq!(collect(inner).await.unwrap().len(), n);
        }
        let later: ComponentFuture<String> =
            call(&composition, WRITER, "later", ("text",)).await.unwrap();
        assert_eq!(limited(later).await.unwrap(), "text");
        let soon: ComponentFuture<()> = call(&composition, WRITER, "soon", ()).await.unwrap();
        limited(soon).await.unwrap();
        let parcel: Parcel = call(&composition, WRITER, "wrap", ("text",)).await.unwrap();
        assert_eq!(parcel.name, "text");
        assert_eq!(collect(parcel.body.unwrap()).await.unwrap(), b"text");
        assert_eq!(limited(parcel.done).await.unwrap(), Ok(4));
    });
}

#[test]
fn component_reads_what_rust_writes() {
    run_placed(async || {
        let composition = pair().await;
        for n in [0_u32, 1, 1000] {
            let bytes = ComponentStream::new(stream::iter((0..n).map(|n| n as u8)));
            let sum: u64 = call(&composition, WRITER, "sum", (bytes,)).await.unwrap();
            assert_eq!(sum, (0..n).map(|n| u64::from(n as u8)).sum::<u64>());
            let strings = ComponentStream::new(stream::iter(texts(n)));
            let joined: String = call(&composition, WRITER, "join", (strings,)).await.unwrap();
            assert_eq!(joined, texts(n).join(","));
            let described: String = call(
                &composition,
                WRITER,
                "describe",
                (ComponentStream::new(stream::iter(items(n))),),
            )
            .await
            .unwrap();
            assert_eq!(described.matches("item").count(), n as usize);
        }
        let text = ComponentFuture::new(ready("text".to_owned()));
        let awaited: String = call(&composition, WRITER, "await-text", (text,)).await.unwrap();
        assert_eq!(awaited, "text");
        let parcel = Parcel {
            name: "parcel".to_owned(),
            body: Some(ComponentStream::from_reader(&b"body"[..])),
            done: ComponentFuture::new(ready(Err("no".to_owned()))),
        };
        let unwrapped: (Vec<u8>, Result<u64, String>) =
            call(&composition, WRITER, "unwrap", (parcel,)).await.unwrap();
        assert_eq!(unwrapped, (b"body".to_vec(), Err("no".to_owned())));
    });
}

#[test]
fn bytes_are_read_and_written_as_files_are() {
    run_placed(async || {
        let composition = pair().await;
        let (mut writer, stream) = ComponentStream::pair();
        let writing = async move {
            for _ in 0..100 {
                writer.write_all(&[1; 10_000]).await.unwrap();
            }
            writer.shutdown().await.unwrap();
        };
        let summed = call::<_, u64>(&composition, WRITER, "sum", (stream,));
        let ((), sum) = limited(futures_util::future::join(writing, summed)).await;
        assert_eq!(sum.unwrap(), 1_000_000);

        let mut bytes: ComponentStream<u8> =
            call(&composition, WRITER, "bytes", (200_000_u64, 5_000_u32)).await.unwrap();
        let mut first = [0; 300];
        limited(bytes.read_exact(&mut first)).await.unwrap();
        assert!(first.iter().enumerate().all(|(n, byte)| n as u8 == *byte));
        let mut rest = Vec::new();
        limited(bytes.read_to_end(&mut rest)).await.unwrap();
        assert_eq!(rest.len(), 200_000 - 300);
        assert_eq!(rest[0], 300_u32 as u8);
    });
}

#[test]
fn streams_go_on_through_other_components() {
    run(async || {
        let composition = pair().await;
        let words = || vec!["a".to_owned(), "b".to_owned(), "c".to_owned()];
        for times in 1..4_u32 {
            let passed: String =
                call(&composition, READER, "have-passed-on", (100_u32, times)).await.unwrap();
            assert_eq!(passed, texts(100).join(","));
        }
        let passed: Vec<String> =
            call(&composition, READER, "have-passed", (words(),)).await.unwrap();
        assert_eq!(passed, words());
        // From Rust through one component, and through it again.
        let mut strings = ComponentStream::new(stream::iter(words()));
        for _ in 0..3 {
            strings = call(&composition, WRITER, "upper", (strings,)).await.unwrap();
            strings = call(&composition, WRITER, "pass", (strings,)).await.unwrap();
        }
        // What Rust has not read goes on.
        assert_eq!(limited(strings.next()).await.unwrap().unwrap(), "A");
        let joined: String = call(&composition, WRITER, "join", (strings,)).await.unwrap();
        assert_eq!(joined, "B,C");
    });
}

#[test]
fn handles_in_streams_are_handles() {
    run_placed(async || {
        let composition = pair().await;
        let sum: u64 = call(&composition, READER, "sum-tokens", (10_u32,)).await.unwrap();
        assert_eq!(sum, 45);
        let tokens: ComponentStream<OwnedResource> =
            call(&composition, WRITER, "tokens", (10_u32,)).await.unwrap();
        let tokens = collect(tokens).await.unwrap();
        let n =
            composition.typed::<(&OwnedResource,), u32>(Some(WRITER), "[method]token.n").unwrap();
        for (expected, token) in tokens.iter().enumerate() {
            assert_eq!(limited(n.call((token,))).await.unwrap() as usize, expected);
        }
        // Back into the component, in a stream.
        let tokens = ComponentStream::new(stream::iter(tokens));
        assert_eq!(call::<_, u64>(&composition, WRITER, "count", (tokens,)).await.unwrap(), 45);
        let named: ComponentStream<(String, OwnedResource)> =
            call(&composition, WRITER, "named-tokens", (3_u32,)).await.unwrap();
        let named = collect(named).await.unwrap();
        assert_eq!(limited(n.call((&named[2].1,))).await.unwrap(), 2);
        drop(named);
        let later: ComponentFuture<OwnedResource> =
            call(&composition, WRITER, "later-token", (7_u32,)).await.unwrap();
        assert_eq!(limited(n.call((&limited(later).await.unwrap(),))).await.unwrap(), 7);

        // Those that nobody reads are not lost.
        let unread: ComponentFuture<OwnedResource> =
            call(&composition, WRITER, "later-token", (8_u32,)).await.unwrap();
        drop(unread);
        for some in [0_u32, 3] {
            call::<_, u32>(&composition, READER, "drop-tokens", (10_u32, some)).await.unwrap();
        }
        drop(
            call::<_, ComponentStream<OwnedResource>>(&composition, WRITER, "tokens", (5_u32,))
                .await,
        );
        while call::<_, u32>(&composition, WRITER, "live-tokens", ()).await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
        until(|| composition.live_handles() == 0).await;
    });
}

#[test]
fn nothing_is_written_that_nobody_reads() {
    run_placed(async || {
        let composition = pair().await;
        call::<_, ()>(&composition, READER, "hold", ()).await.unwrap();
        // The reader is called in between.
        assert_eq!(call::<_, u32>(&composition, READER, "get-soon", ()).await.unwrap(), 1);
        assert_eq!(endless_state(&composition).await, (0, false));
        call::<_, ()>(&composition, READER, "leave", ()).await.unwrap();
        assert_eq!(until_reader_is_gone(&composition).await, 0);

        let taken: (Vec<String>, u32) =
            call(&composition, READER, "have-taken", (texts(10), 4_u32)).await.unwrap();
        assert_eq!(taken, (texts(4), 6));
    });
}

#[test]
fn reader_that_goes_is_seen_by_the_writer() {
    run_placed(async || {
        let composition = pair().await;
        let sum: u64 = call(&composition, READER, "sip", (10_u32,)).await.unwrap();
        assert_eq!(sum, 45);
        assert_eq!(until_reader_is_gone(&composition).await, 10);

        let mut numbers: ComponentStream<u32> =
            call(&composition, WRITER, "endless", ()).await.unwrap();
        for n in 0..5 {
            assert_eq!(limited(numbers.next()).await.unwrap().unwrap(), n);
        }
        drop(numbers);
        assert!(until_reader_is_gone(&composition).await >= 5);

        // Nobody waits for the stream that the call returns.
        let endless =
            composition.typed::<(), ComponentStream<u32>>(Some(WRITER), "endless").unwrap();
        drop(poll_immediate(Box::pin(endless.call(()))).await);
        drop(limited(endless.call(())).await.unwrap());
        assert_eq!(until_reader_is_gone(&composition).await, 0);
    });
}

#[test]
fn stream_that_is_open_is_no_call_in_progress() {
    run(async || {
        let composition = pair().await;
        let writer = || {
            let snapshot = composition.snapshot();
            let found = snapshot.components.into_iter().find(|it| it.id == "writer");
            found.unwrap().instances.remove(0)
        };
        let mut endless: ComponentStream<u32> =
            call(&composition, WRITER, "endless", ()).await.unwrap();
        limited(endless.next()).await.unwrap().unwrap();
        assert_eq!((writer().running, writer().open_streams), (0, 1));
        let told = composition.snapshot().to_string();
        assert!(told.contains("0 in progress, 0 waiting, streams open: 1\n"), "{told}");
        drop(endless);
        until(|| writer().open_streams == 0).await;
        assert_eq!(writer().running, 0);
    });
}

#[test]
fn writer_that_traps_is_no_end_of_its_stream() {
    run(async || {
        let composition = immortals().await;
        let lost = "component `writer` has ended before the end of what it wrote";
        for n in [0_u32, 5] {
            let error =
                call::<_, u32>(&composition, READER, "read-broken", (n,)).await.unwrap_err();
            let error = chain(&error);
            assert!(error.contains("component `reader` trapped"), "{error}");
            assert!(error.contains(lost), "{error}");

            let broken: ComponentStream<String> =
                call(&composition, WRITER, "broken", (n,)).await.unwrap();
            let mut read = limited(broken.collect::<Vec<_>>()).await;
            let error = read.pop().unwrap().unwrap_err();
            assert!(matches!(error, CompositionError::Stream(StreamLost { .. })), "{error:?}");
            assert_eq!(error.to_string(), lost);
            assert!(read.len() <= n as usize);
        }
        let error = call::<_, String>(&composition, READER, "await-never", ()).await.unwrap_err();
        assert!(chain(&error).contains(lost), "{error:?}");
        let never: ComponentFuture<String> = call(&composition, WRITER, "never", ()).await.unwrap();
        let error = limited(never).await.unwrap_err();
        assert!(matches!(error, CompositionError::Stream(_)), "{error:?}");

        // Who does not read it goes on, and so do both when started again.
        assert_eq!(
            call::<_, u32>(&composition, READER, "ignore-broken", (3_u32,)).await.unwrap(),
            3
        );
        loop {
            // The writer's next trap may meet this call.
            let joined =
                call::<_, String>(&composition, READER, "join-texts", (3_u32, 1_u32)).await;
            if joined.is_ok_and(|joined| joined == "0,1,2") {
                break;
            }
        }
    });
}

#[test]
fn replaced_writer_lives_as_long_as_its_streams_are_read() {
    run(async || {
        let composition = pair().await;
        let mut events = composition.events();
        let mut numbers: ComponentStream<u32> =
            call(&composition, WRITER, "endless", ()).await.unwrap();
        assert_eq!(limited(numbers.next()).await.unwrap().unwrap(), 0);
        limited(composition.replace("writer", component("writer")).into_future()).await.unwrap();
        for n in 1..10 {
            assert_eq!(limited(numbers.next()).await.unwrap().unwrap(), n);
        }
        assert_eq!(endless_state(&composition).await, (0, false), "this is the new one");
        drop(numbers);
        loop {
            let event = limited(events.next()).await.unwrap();
            if let Change::Retired { reason, .. } = event.change {
                assert!(matches!(reason, StopReason::Replaced), "{reason:?}");
                break;
            }
        }
    });
}

#[test]
fn replaced_reader_lets_go_of_its_streams() {
    run(async || {
        let composition = pair().await;
        call::<_, ()>(&composition, READER, "hold", ()).await.unwrap();
        limited(composition.replace("reader", component("reader")).into_future()).await.unwrap();
        assert_eq!(until_reader_is_gone(&composition).await, 0);
    });
}

#[test]
fn closing_ends_streams() {
    run_placed(async || {
        let composition = pair().await;
        let numbers: ComponentStream<u32> =
            call(&composition, WRITER, "endless", ()).await.unwrap();
        call::<_, ()>(&composition, READER, "hold", ()).await.unwrap();
        limited(composition.close(Duration::ZERO)).await.unwrap();
        let read = limited(numbers.collect::<Vec<_>>()).await;
        assert!(matches!(read.last(), Some(Err(CompositionError::Stream(_)))), "{read:?}");
    });
}

#[test]
fn waiting_reader_hears_of_the_end_of_the_composition() {
    run_placed(async || {
        let composition = pair().await;
        // Its writer waits, too: for Rust.
        let (_writer, nothing) = ComponentStream::pair();
        let upper = composition
            .typed::<(ComponentStream<String>,), ComponentStream<String>>(Some(WRITER), "upper");
        let texts = ComponentStream::new(stream::pending());
        let mut upper = limited(upper.unwrap().call((texts,))).await.unwrap();
        let sum = composition.typed::<(ComponentStream<u8>,), u64>(Some(WRITER), "sum").unwrap();
        let mut sum = Box::pin(sum.call((nothing,)));
        assert!(poll_immediate(&mut sum).await.is_none());
        assert!(poll_immediate(upper.next()).await.is_none());
        drop(composition);
        let read = limited(upper.next()).await;
        assert!(matches!(read, Some(Err(CompositionError::Stream(_)))), "{read:?}");
        assert!(matches!(limited(sum).await, Err(CompositionError::Unavailable { .. })));
    });
}

#[test]
fn difference_of_element_types_says_where() {
    run_placed(async || {
        let composition = pair().await;
        let wrong = composition.typed::<(u64, u32), ComponentStream<u16>>(Some(WRITER), "bytes");
        let wrong = chain(&wrong.unwrap_err());
        assert!(
            wrong.contains("result, element: expected a type for `u8`, found `u16`"),
            "{wrong}"
        );
    });
}

#[test]
fn macro_declares_functions_of_streams() {
    run(async || {
        let composition = compose! {
            component writer = component("writer");

            export interface "composer:test/istreams" as streams {
                async fn texts(n: u32, chunk: u32) -> ComponentStream<String>;
                async fn join(texts: ComponentStream<String>) -> String;
            }
        };
        let composition = composition.await.unwrap();
        let streams = composition.streams();
        let strings = limited(streams.texts(3, 2)).await.unwrap();
        assert_eq!(limited(streams.join(strings)).await.unwrap(), "0,1,2");
    });
}
