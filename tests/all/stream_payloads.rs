//! Every type as what a stream and a future are of: from Rust to a component, from there to another one,
//! and to Rust, with Rust types and with `Val`s.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::ready;

use composer_tests::{compose, limited, run, text};
use futures_util::{StreamExt, TryStreamExt, stream};
use wasm_runtime_composer::typed::{FromComponentValue, IntoComponentValue};
use wasm_runtime_composer::{
    ComponentFuture, ComponentStream, ComponentValue, ComposableDescriptor, Composer, Composition,
};
use wasmtime::component::Val;

/// Reads one element after the other, and writes each to a stream of its own; the same with a future.
fn copier(id: &str, ty: &str) -> String {
    let (named, stream, future) = match ty {
        "" => (String::new(), "(stream)", "(future)"),
        // There are no streams of them yet.
        "char" => (String::new(), "(stream u8)", "(future char)"),
        ty if ["(record", "(variant", "(enum", "(flags"].iter().any(|it| ty.starts_with(it)) => {
            let named = format!("(type $named {ty}) (export $t \"t-{id}\" (type $named))");
            (named, "(stream $t)", "(future $t)")
        }
        ty => (format!("(type $t {ty})"), "(stream $t)", "(future $t)"),
    };
    let memory = r#"(memory (core memory $libc "mem"))"#;
    let realloc = r#"(realloc (core func $libc "realloc"))"#;
    format!(
        r#"(component
  {named}
  (core module $Libc (memory (export "mem") 4) (global $p (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $p (i32.and (i32.add (global.get $p) (i32.const 15)) (i32.const -16)))
      (global.get $p)
      (global.set $p (i32.add (global.get $p) (local.get 3)))))
  (core instance $libc (instantiate $Libc))
  (type $s {stream}) (type $f {future})
  (core func $s.new (canon stream.new $s)) (core func $f.new (canon future.new $f))
  (core func $s.read (canon stream.read $s {memory} {realloc}))
  (core func $f.read (canon future.read $f {memory} {realloc}))
  (core func $s.write (canon stream.write $s {memory}))
  (core func $f.write (canon future.write $f {memory}))
  (core func $s.drop-r (canon stream.drop-readable $s))
  (core func $f.drop-r (canon future.drop-readable $f))
  (core func $s.drop-w (canon stream.drop-writable $s))
  (core func $f.drop-w (canon future.drop-writable $f))
  (core func $s.return (canon task.return (result $s)))
  (core func $f.return (canon task.return (result $f)))
  (core module $M
    (import "" "s.new" (func $s.new (result i64))) (import "" "f.new" (func $f.new (result i64)))
    (import "" "s.read" (func $s.read (param i32 i32 i32) (result i32)))
    (import "" "f.read" (func $f.read (param i32 i32) (result i32)))
    (import "" "s.write" (func $s.write (param i32 i32 i32) (result i32)))
    (import "" "f.write" (func $f.write (param i32 i32) (result i32)))
    (import "" "s.drop-r" (func $s.drop-r (param i32))) (import "" "f.drop-r" (func $f.drop-r (param i32)))
    (import "" "s.drop-w" (func $s.drop-w (param i32))) (import "" "f.drop-w" (func $f.drop-w (param i32)))
    (import "" "s.return" (func $s.return (param i32))) (import "" "f.return" (func $f.return (param i32)))
    (func (export "stream") (param $s i32) (local $pair i64) (local $w i32) (local $code i32)
      (local.set $pair (call $s.new))
      (local.set $w (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))))
      (call $s.return (i32.wrap_i64 (local.get $pair)))
      (block $end (loop $next
        (local.set $code (call $s.read (local.get $s) (i32.const 1024) (i32.const 1)))
        (br_if $end (i32.eq (local.get $code) (i32.const 1)))
        (local.set $code (call $s.write (local.get $w) (i32.const 1024) (i32.const 1)))
        (br_if $next (i32.eq (local.get $code) (i32.const 0x10)))))
      (call $s.drop-r (local.get $s))
      (call $s.drop-w (local.get $w)))
    (func (export "future") (param $f i32) (local $pair i64) (local $w i32)
      (local.set $pair (call $f.new))
      (local.set $w (i32.wrap_i64 (i64.shr_u (local.get $pair) (i64.const 32))))
      (call $f.return (i32.wrap_i64 (local.get $pair)))
      (if (call $f.read (local.get $f) (i32.const 1024)) (then unreachable))
      (drop (call $f.write (local.get $w) (i32.const 1024)))
      (call $f.drop-r (local.get $f))
      (call $f.drop-w (local.get $w))))
  (core instance $m (instantiate $M (with "" (instance
    (export "s.new" (func $s.new)) (export "f.new" (func $f.new))
    (export "s.read" (func $s.read)) (export "f.read" (func $f.read))
    (export "s.write" (func $s.write)) (export "f.write" (func $f.write))
    (export "s.drop-r" (func $s.drop-r)) (export "f.drop-r" (func $f.drop-r))
    (export "s.drop-w" (func $s.drop-w)) (export "f.drop-w" (func $f.drop-w))
    (export "s.return" (func $s.return)) (export "f.return" (func $f.return))))))
  (func (export "stream-{id}") async (param "x" $s) (result $s) (canon lift (core func $m "stream") async))
  (func (export "future-{id}") async (param "x" $f) (result $f) (canon lift (core func $m "future") async)))"#
    )
}

/// Two components that copy streams and futures of `ty`.
async fn copiers(ty: &str) -> Composition {
    let mut composer = Composer::new();
    for id in ["a", "b"] {
        composer.add(ComposableDescriptor::new(id, text(copier(id, ty))));
    }
    limited(compose(composer)).await.unwrap()
}

/// What is a value in Rust and in a component.
trait Payload: IntoComponentValue + FromComponentValue + Send + 'static {}
impl<T: IntoComponentValue + FromComponentValue + Send + 'static> Payload for T {}

async fn stream_through<T: Payload>(
    composition: &Composition,
    mut stream: ComponentStream<T>,
) -> ComponentStream<T> {
    for copy in ["stream-a", "stream-b"] {
        let copy = composition.typed::<(ComponentStream<T>,), ComponentStream<T>>(None, copy);
        stream = limited(copy.unwrap().call((stream,))).await.unwrap();
    }
    stream
}

async fn future_through<T: Payload>(
    composition: &Composition,
    mut future: ComponentFuture<T>,
) -> ComponentFuture<T> {
    for copy in ["future-a", "future-b"] {
        let copy = composition.typed::<(ComponentFuture<T>,), ComponentFuture<T>>(None, copy);
        future = limited(copy.unwrap().call((future,))).await.unwrap();
    }
    future
}

async fn val_through(composition: &Composition, kind: &str, mut val: Val) -> Val {
    for id in ["a", "b"] {
        val = limited(composer_tests::call(composition, None, &format!("{kind}-{id}"), &[val]))
            .await
            .unwrap();
    }
    val
}

/// All ways with some values of a type.
async fn check<T: Payload + Clone + Debug + PartialEq>(ty: &str, values: Vec<T>) {
    println!("{ty}");
    let composition = copiers(ty).await;
    let typed = ComponentStream::new(stream::iter(values.clone()));
    let read = stream_through(&composition, typed).await;
    assert_eq!(limited(read.try_collect::<Vec<_>>()).await.unwrap(), values);

    // From Rust types to `Val`s, and back.
    let typed = ComponentStream::new(stream::iter(values.clone()));
    let typed = composition.typed_stream_val(typed).unwrap();
    let vals = val_through(&composition, "stream", typed).await;
    let vals: Vec<_> =
        limited(composition.take_stream(&vals).unwrap().try_collect()).await.unwrap();
    assert_eq!(vals.len(), values.len());
    let dynamic = composition.stream_val(stream::iter(vals.clone())).unwrap();
    let dynamic = val_through(&composition, "stream", dynamic).await;
    let read = composition.take_stream(&dynamic).unwrap().typed::<T>().unwrap();
    assert_eq!(limited(read.try_collect::<Vec<_>>()).await.unwrap(), values);

    check_futures(&composition, values, vals).await;
}

/// All ways with some values, one by one.
async fn check_futures<T: Payload + Clone + Debug + PartialEq>(
    composition: &Composition,
    values: Vec<T>,
    vals: Vec<Val>,
) {
    for (value, val) in values.into_iter().zip(vals) {
        let typed = ComponentFuture::new(ready(value.clone()));
        assert_eq!(limited(future_through(composition, typed).await).await.unwrap(), value);
        let dynamic = composition.future_val(ready(val.clone())).unwrap();
        let dynamic = val_through(composition, "future", dynamic).await;
        assert_eq!(limited(composition.take_future(&dynamic).unwrap()).await.unwrap(), val);
        let dynamic = composition.future_val(ready(val)).unwrap();
        let dynamic = val_through(composition, "future", dynamic).await;
        let read = composition.take_future(&dynamic).unwrap().typed::<T>().unwrap();
        assert_eq!(limited(read).await.unwrap(), value);
    }
}

#[derive(ComponentValue, Clone, Debug, PartialEq)]
struct Item {
    name: String,
    tags: Vec<u16>,
    new: bool,
}

#[derive(ComponentValue, Clone, Debug, PartialEq)]
enum Shape {
    Point,
    Cycle(f64),
    Named(String),
}

#[derive(ComponentValue, Clone, Debug, PartialEq)]
enum Color {
    Red,
    Green,
}

#[derive(ComponentValue, Clone, Debug, PartialEq)]
#[component(flags)]
struct Access {
    read: bool,
    write: bool,
}

#[derive(ComponentValue, Clone, Debug, PartialEq)]
#[component(transparent)]
struct Byte(u8);

#[test]
fn primitive_payloads() {
    run(async || {
        check("", vec![(); 3]).await;
        check("bool", vec![true, false]).await;
        check("u8", vec![0_u8, 42, u8::MAX]).await;
        check("u16", vec![0_u16, u16::MAX]).await;
        check("u32", vec![0_u32, u32::MAX]).await;
        check("u64", vec![0_u64, u64::MAX]).await;
        check("s8", vec![i8::MIN, i8::MAX]).await;
        check("s16", vec![i16::MIN, i16::MAX]).await;
        check("s32", vec![i32::MIN, i32::MAX]).await;
        check("s64", vec![i64::MIN, i64::MAX]).await;
        check("f32", vec![0.5_f32, f32::MAX]).await;
        check("f64", vec![0.5_f64, f64::MAX]).await;
        check("(tuple char char)", vec![('a', '\u{10ffff}')]).await;
        let composition = copiers("char").await;
        check_futures(&composition, vec!['a', 'b'], vec![Val::Char('a'), Val::Char('b')]).await;
        check("string", vec![String::new(), "text".to_owned()]).await;
        // Bytes of a type that is not `u8`.
        check("u8", vec![Box::new(1_u8), Box::new(2)]).await;
        check("u8", vec![Byte(1), Byte(2)]).await;
    });
}

#[test]
fn composed_payloads() {
    run(async || {
        check("(list u8)", vec![vec![], vec![1_u8, 2, 3]]).await;
        check("(list u64)", vec![vec![], vec![1_u64, 2, 3]]).await;
        check("(list string)", vec![vec![], vec!["a".to_owned(), "b".to_owned()]]).await;
        check("(option string)", vec![None, Some("a".to_owned())]).await;
        check("(result u8 (error string))", vec![Ok(1_u8), Err("no".to_owned())]).await;
        check("(tuple u8 string)", vec![(1_u8, "a".to_owned()), (2, String::new())]).await;
        check("(map string u32)", vec![BTreeMap::from([("a".to_owned(), 1_u32)])]).await;
        let item = |name: &str| Item { name: name.to_owned(), tags: vec![1, 2], new: true };
        check(
            r#"(record (field "name" string) (field "tags" (list u16)) (field "new" bool))"#,
            vec![item("a"), item("b")],
        )
        .await;
        check(
            r#"(variant (case "point") (case "cycle" f64) (case "named" string))"#,
            vec![Shape::Point, Shape::Cycle(0.5), Shape::Named("a".to_owned())],
        )
        .await;
        check(r#"(enum "red" "green")"#, vec![Color::Green, Color::Red]).await;
        let access = |read, write| Access { read, write };
        check(r#"(flags "read" "write")"#, vec![access(true, false), access(false, true)]).await;
    });
}

#[test]
fn streams_and_futures_as_payload() {
    run(async || {
        let bytes = || ComponentStream::new(stream::iter([1_u8, 2, 3]));
        let composition = copiers("(stream u8)").await;
        let outer = ComponentFuture::new(async move { bytes() });
        let inner = limited(future_through(&composition, outer).await).await.unwrap();
        assert_eq!(limited(inner.try_collect::<Vec<_>>()).await.unwrap(), [1, 2, 3]);
        let outer = ComponentStream::new(stream::iter(0..2).map(move |_| bytes()));
        let inner = stream_through(&composition, outer).await.try_collect::<Vec<_>>();
        for inner in limited(inner).await.unwrap() {
            assert_eq!(limited(inner.try_collect::<Vec<_>>()).await.unwrap(), [1, 2, 3]);
        }
        let inner = composition.stream_val(stream::iter([Val::U8(1), Val::U8(2)])).unwrap();
        let outer = composition.future_val(ready(inner)).unwrap();
        let outer = val_through(&composition, "future", outer).await;
        let inner = limited(composition.take_future(&outer).unwrap()).await.unwrap();
        let inner = composition.take_stream(&inner).unwrap().try_collect::<Vec<_>>();
        assert_eq!(limited(inner).await.unwrap(), [Val::U8(1), Val::U8(2)]);

        for value in [1_u8, 2] {
            let composition = copiers("(future u8)").await;
            let inner = move || ComponentFuture::new(ready(value));
            let outer = ComponentStream::new(stream::iter([inner(), inner()]));
            let read = stream_through(&composition, outer).await.try_collect::<Vec<_>>();
            for inner in limited(read).await.unwrap() {
                assert_eq!(limited(inner).await.unwrap(), value);
            }
            let outer = ComponentFuture::new(ready(inner()));
            let inner = limited(future_through(&composition, outer).await).await.unwrap();
            assert_eq!(limited(inner).await.unwrap(), value);
            let inner = composition.future_val(ready(Val::U8(value))).unwrap();
            let outer = composition.stream_val(stream::iter([inner])).unwrap();
            let outer = val_through(&composition, "stream", outer).await;
            let mut outer = composition.take_stream(&outer).unwrap();
            let inner = limited(outer.next()).await.unwrap().unwrap();
            let inner = composition.take_future(&inner).unwrap();
            assert_eq!(limited(inner).await.unwrap(), Val::U8(value));
        }
    });
}
