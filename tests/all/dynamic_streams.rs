//! Streams and futures of dynamic calls: made of `Val`s, and read as such.

use std::slice;
use std::time::Duration;

use composer_tests::{call, chain, compose, composer, limited, run, run_placed, string};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::io::AsyncReadExt;
use wasm_runtime_composer::error::{ArgumentError, HandleError};
use wasm_runtime_composer::{
    ComponentStream, ComposableDescriptor, Composer, Composition, CompositionError, HostInterface,
    OwnedResource,
};
use wasmtime::component::Val;

const WRITER: &str = "composer:test/istreams";

async fn writer() -> Composition {
    limited(compose(composer(&["writer"]))).await.unwrap()
}

async fn returned(composition: &Composition, function: &str, args: &[Val]) -> Val {
    limited(call(composition, WRITER, function, args)).await.unwrap()
}

/// All that the stream `val` gives.
async fn read(composition: &Composition, val: &Val) -> Result<Vec<Val>, CompositionError> {
    limited(composition.take_stream(val)?.try_collect()).await
}

fn field<'a>(val: &'a Val, name: &str) -> &'a Val {
    let Val::Record(fields) = val else { panic!("{val:?}") };
    &fields.iter().find(|(field, _)| field == name).unwrap().1
}

fn not_held<T: std::fmt::Debug>(result: Result<T, CompositionError>) {
    let error = result.unwrap_err();
    let CompositionError::Handle(HandleError::NotHeld) = error else { panic!("{error:?}") };
}

#[test]
fn dynamic_caller_reads_what_a_component_writes() {
    run_placed(async || {
        let composition = writer().await;
        for n in [0_u32, 1, 700] {
            let args = [Val::U32(n), Val::U32(3)];
            let numbers = returned(&composition, "numbers", &args).await;
            let expected: Vec<_> = (0..n).map(Val::U32).collect();
            assert_eq!(read(&composition, &numbers).await.unwrap(), expected);
            let texts = returned(&composition, "texts", &args).await;
            let expected: Vec<_> = (0..n).map(|n| string(&n.to_string())).collect();
            assert_eq!(read(&composition, &texts).await.unwrap(), expected);
            let items = returned(&composition, "items", &args).await;
            let items = read(&composition, &items).await.unwrap();
            assert_eq!(items.len(), n as usize);
            if let Some(last) = items.last() {
                assert_eq!(*field(last, "n"), Val::U32(n - 1));
            }
            let units = returned(&composition, "units", &args[..1]).await;
            let units = read(&composition, &units).await.unwrap();
            assert_eq!(units, vec![Val::Tuple(Vec::new()); n as usize]);
        }
        let bytes = returned(&composition, "bytes", &[Val::U64(300), Val::U32(7)]).await;
        let bytes = composition.take_stream(&bytes).unwrap();
        assert_eq!(format!("{bytes:?}"), "ValStream(stream<u8>)");
        let wrong = bytes.typed::<u16>().unwrap_err();
        assert_eq!(wrong.to_string(), "element: expected a type for `u8`, found `u16`");
        let bytes = returned(&composition, "bytes", &[Val::U64(300), Val::U32(7)]).await;
        let mut bytes = composition.take_stream(&bytes).unwrap().typed::<u8>().unwrap();
        let mut read = Vec::new();
        limited(bytes.read_to_end(&mut read)).await.unwrap();
        assert_eq!(read, (0..300).map(|n| n as u8).collect::<Vec<_>>());
    });
}

#[test]
fn component_reads_what_a_dynamic_caller_writes() {
    run_placed(async || {
        let composition = writer().await;
        for n in [0, 1, 700_u32] {
            let vals = move || stream::iter(0..n);
            let texts = composition.stream_val(vals().map(|n| string(&n.to_string()))).unwrap();
            let expected = Vec::from_iter((0..n).map(|n| n.to_string())).join(",");
            assert_eq!(returned(&composition, "join", &[texts]).await, string(&expected));
            let bytes = composition.stream_val(vals().map(|n| Val::U8(n as u8))).unwrap();
            let expected = Val::U64((0..n).map(|n| u64::from(n as u8)).sum());
            assert_eq!(returned(&composition, "sum", &[bytes]).await, expected);
            let bytes: Vec<_> = (0..n).map(|n| n as u8).collect();
            let bytes = ComponentStream::from_reader(std::io::Cursor::new(bytes));
            let bytes = composition.typed_stream_val(bytes).unwrap();
            assert_eq!(returned(&composition, "sum", &[bytes]).await, expected);
        }
        let text = composition.future_val(async { string("so") }).unwrap();
        assert_eq!(returned(&composition, "await-text", &[text]).await, string("so"));
    });
}

#[test]
fn streams_inside_of_values_and_futures_go_both_ways() {
    run_placed(async || {
        let composition = writer().await;
        let later = returned(&composition, "later", &[string("text")]).await;
        let later = composition.take_future(&later).unwrap();
        assert_eq!(limited(later).await.unwrap(), string("text"));
        let soon = returned(&composition, "soon", &[]).await;
        let soon = composition.take_future(&soon).unwrap();
        assert_eq!(limited(soon).await.unwrap(), Val::Tuple(Vec::new()));
        let nested = returned(&composition, "nested", &[Val::U32(4)]).await;
        let nested = read(&composition, &nested).await.unwrap();
        for (n, inner) in nested.iter().enumerate() {
            assert_eq!(read(&composition, inner).await.unwrap().len(), n);
        }
        assert_eq!(nested.len(), 4);
        // What was returned is passed on as it is.
        let parcel = returned(&composition, "wrap", &[string("text")]).await;
        let unwrapped = returned(&composition, "unwrap", &[parcel]).await;
        let bytes = b"text".iter().copied().map(Val::U8).collect();
        let done = Val::Result(Ok(Some(Box::new(Val::U64(4)))));
        assert_eq!(unwrapped, Val::Tuple(vec![Val::List(bytes), done]));
        let texts = returned(&composition, "texts", &[Val::U32(3), Val::U32(1)]).await;
        let upper = returned(&composition, "upper", &[texts]).await;
        let joined = returned(&composition, "join", &[upper]).await;
        assert_eq!(joined, string("0,1,2"));
    });
}

#[test]
fn handles_in_elements_are_the_callers() {
    run_placed(async || {
        let composition = writer().await;
        let tokens = returned(&composition, "tokens", &[Val::U32(5)]).await;
        let tokens = read(&composition, &tokens).await.unwrap();
        let n = limited(call(&composition, WRITER, "[method]token.n", &tokens[3..4])).await;
        assert_eq!(n.unwrap(), Val::U32(3));
        assert_eq!(composition.live_handles(), 5);
        let tokens = composition.stream_val(stream::iter(tokens)).unwrap();
        assert_eq!(returned(&composition, "count", &[tokens]).await, Val::U64(10));
        assert_eq!(composition.live_handles(), 0);
        // Unread, as values of Rust types, and dropped.
        let tokens = returned(&composition, "named-tokens", &[Val::U32(3)]).await;
        let mut tokens =
            composition.take_stream(&tokens).unwrap().typed::<(String, OwnedResource)>().unwrap();
        let (name, token) = limited(tokens.next()).await.unwrap().unwrap();
        assert_eq!(name, "0");
        drop((token, tokens));
        let tokens = returned(&composition, "tokens", &[Val::U32(5)]).await;
        limited(composition.drop_handles(&tokens)).await.unwrap();
        not_held(composition.take_stream(&tokens));
        let made = composition.stream_val(stream::empty()).unwrap();
        let error = composition.take_stream(&made).unwrap_err();
        assert!(matches!(error, CompositionError::Handle(HandleError::MadeInRust)), "{error:?}");
        limited(composition.drop_handles(&made)).await.unwrap();
        let passed = returned(&composition, "tokens", &[Val::U32(5)]).await;
        assert_eq!(returned(&composition, "count", &[passed]).await, Val::U64(10));
        limited(async {
            while returned(&composition, "live-tokens", &[]).await != Val::U32(0) {
                tokio::task::yield_now().await;
            }
        })
        .await;
    });
}

#[test]
fn refused_call_takes_nothing() {
    run_placed(async || {
        let composition = writer().await;
        let texts = returned(&composition, "texts", &[Val::U32(2), Val::U32(1)]).await;
        let refused = limited(call(&composition, WRITER, "sum", slice::from_ref(&texts))).await;
        assert_eq!(
            chain(&refused.unwrap_err()),
            "parameter `s` of `composer:test/istreams#sum`: expected `stream<u8>`, found \
             stream<string>"
        );
        let bytes = ComponentStream::new(stream::iter([1_u16]));
        let numbers = composition.typed_stream_val(bytes).unwrap();
        let refused = limited(call(&composition, WRITER, "join", &[numbers])).await.unwrap_err();
        assert!(chain(&refused).ends_with("found a stream of Rust's `u16`"), "{refused:?}");
        // Once in one place, for all that is beside it.
        let args = [texts.clone(), Val::Bool(true)];
        let refused = limited(call(&composition, WRITER, "take", &args)).await.unwrap_err();
        assert!(matches!(refused, CompositionError::Argument(_)), "{refused:?}");
        let args = [texts.clone(), Val::U32(1)];
        let taken = limited(call(&composition, WRITER, "take", &args)).await.unwrap();
        assert_eq!(taken, Val::List(vec![string("0")]));
        let again = limited(call(&composition, WRITER, "take", &args)).await.unwrap_err();
        let CompositionError::Argument(ArgumentError::Handle { source, .. }) = again else {
            panic!("{again:?}")
        };
        assert_eq!(source, HandleError::NotHeld);
        not_held(composition.take_stream(&texts));
        let error = composition.take_stream(&Val::U32(1)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "expected a stream that a function has returned, found a value that is no handle"
        );
    });
}

#[test]
fn streams_of_another_composition_are_not_held() {
    run_placed(async || {
        let (one, other) = (writer().await, writer().await);
        let texts = returned(&one, "texts", &[Val::U32(2), Val::U32(1)]).await;
        not_held(other.take_stream(&texts));
        let refused =
            limited(call(&other, WRITER, "join", slice::from_ref(&texts))).await.unwrap_err();
        assert!(matches!(refused, CompositionError::Argument(_)), "{refused:?}");
        assert_eq!(returned(&one, "join", &[texts]).await, string("0,1"));
    });
}

#[test]
fn element_of_another_type_ends_its_reader_with_the_reason() {
    run_placed(async || {
        let composition = writer().await;
        let vals = stream::iter([string("a"), Val::U32(2)]);
        let texts = composition.stream_val(vals).unwrap();
        let error = limited(call(&composition, WRITER, "join", &[texts])).await.unwrap_err();
        let CompositionError::Trap { .. } = error else { panic!("{error:?}") };
        let reason = "element 1 of `composer:test/istreams#join`: expected `string`, found a `u32`";
        assert!(chain(&error).contains(reason), "{}", chain(&error));
    });
}

#[test]
fn closing_drops_what_callers_hold() {
    run_placed(async || {
        let composition = writer().await;
        let held = returned(&composition, "endless", &[]).await;
        let taken = returned(&composition, "endless", &[]).await;
        let mut taken = composition.take_stream(&taken).unwrap();
        assert_eq!(limited(taken.next()).await.unwrap().unwrap(), Val::U32(0));
        limited(composition.close(Duration::ZERO)).await.unwrap();
        not_held(composition.take_stream(&held));
        let closed = composition.stream_val(stream::empty()).unwrap_err();
        assert!(matches!(closed, CompositionError::Handle(HandleError::Closed)), "{closed:?}");
        let last = limited(taken.collect::<Vec<_>>()).await.pop();
        assert!(matches!(last, Some(Err(CompositionError::Stream(_)))), "{last:?}");
    });
}

/// The names of streams are given again, though not soon.
#[test]
fn thousands_of_streams_come_and_go() {
    run_placed(async || {
        let composition = writer().await;
        let first = returned(&composition, "soon", &[]).await;
        limited(composition.drop_handles(&first)).await.unwrap();
        for _ in 0..3000 {
            let nothing = returned(&composition, "nothing", &[]).await;
            assert!(read(&composition, &nothing).await.unwrap().is_empty());
        }
        not_held(composition.take_future(&first));
    });
}

#[test]
fn rust_in_the_place_of_a_component_reads_and_writes_streams() {
    run(async || {
        let host = HostInterface::root().func_wrap_concurrent(
            "double",
            async |n: ComponentStream<u32>| {
                ComponentStream::new(n.map(|n| n.unwrap_or_default() * 2))
            },
        );
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("doubler", host));
        let composition = limited(composer.compose()).await.unwrap();
        let double = composition
            .typed::<(ComponentStream<u32>,), ComponentStream<u32>>(None, "double")
            .unwrap();
        let numbers = ComponentStream::new(stream::iter(0..5_u32));
        let doubled = limited(double.call((numbers,))).await.unwrap();
        let doubled: Vec<_> = limited(doubled.try_collect()).await.unwrap();
        assert_eq!(doubled, [0, 2, 4, 6, 8]);
    });
}
