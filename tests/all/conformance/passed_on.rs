//! What calls carry that a companion passes on, so that they can be cancelled as inside of one store.

use std::fmt::Debug;

use composer_tests::{limited, run};
use wasm_runtime_composer::typed::{
    ComponentType, FromComponentValue, IntoComponentValue, ToComponentValue,
};
use wasm_runtime_composer::{ComposableDescriptor, Composer, HostInterface};

use super::component;

/// The root function `pass` of a component that can cancel its calls passes on what it is given, of core values of
/// the types `flat`.
fn passer(ty: &str, flat: &str, returned: usize) -> String {
    let count = flat.split_whitespace().count();
    let args: String = (0..count).map(|n| format!("(local.get {n}) ")).collect();
    let (result, out, body) = match returned {
        0 | 1 => (format!("(result {flat})"), String::new(), format!("(call $f {args})")),
        _ => (
            String::new(),
            "i32".to_owned(),
            format!("(call $f {args} (i32.const 16)) (i32.const 16)"),
        ),
    };
    let lifted = if returned > 1 { "(result i32)".to_owned() } else { result.clone() };
    format!(
        r#"(component
            (type $t {ty})
            (import "f" (func $f async (param "x" $t) (result $t)))
            (core func $cancel (canon subtask.cancel))
            (core module $libc (memory (export "mem") 4)
                (global $next (mut i32) (i32.const 4096))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
                    (global.get $next)
                    (global.set $next (i32.add (global.get $next) (local.get 3)))))
            (core instance $libc (instantiate $libc))
            (alias core export $libc "mem" (core memory $mem))
            (alias core export $libc "realloc" (core func $realloc))
            (core func $f (canon lower (func $f) (memory $mem) (realloc $realloc)))
            (core module $m
                (import "" "f" (func $f (param {flat} {out}) {result}))
                (func (export "pass") (param {flat}) {lifted} {body}))
            (core instance $m (instantiate $m (with "" (instance (export "f" (func $f))))))
            (func (export "pass") async (param "x" $t) (result $t)
                (canon lift (core func $m "pass") (memory $mem) (realloc $realloc))))"#
    )
}

/// Sends each value to a function of the host and back, through a component that can cancel its calls.
async fn passes<T>(ty: &str, flat: &str, values: Vec<T>)
where
    T: ComponentType + FromComponentValue + IntoComponentValue + ToComponentValue,
    T: Clone + PartialEq + Debug + Send + Sync + 'static,
{
    let text = passer(ty, flat, flat.split_whitespace().count());
    let host = HostInterface::root().func_wrap_concurrent("f", async |x: T| {
        // So that it does not return at once.
        tokio::task::yield_now().await;
        x
    });
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("echo", host.with_params(&["x"])));
    composer.add(ComposableDescriptor::new("it", component(wat::parse_str(text).unwrap())));
    let composition = limited(composer.compose()).await.unwrap();
    let pass = composition.typed::<(T,), T>(None, "pass").unwrap();
    for value in values {
        assert_eq!(limited(pass.call((value.clone(),))).await.unwrap(), value, "{ty}");
    }
}

/// Calls that are passed on carry what they carry otherwise, whether as core values or in memory.
#[test]
fn values_of_all_layouts_are_passed_on() {
    run(async || {
        passes("u8", "i32", vec![0_u8, 200]).await;
        passes("s8", "i32", vec![-1_i8, 100]).await;
        passes("s16", "i32", vec![-300_i16, 300]).await;
        passes("u16", "i32", vec![60_000_u16]).await;
        passes("s32", "i32", vec![i32::MIN]).await;
        passes("s64", "i64", vec![i64::MIN, 1]).await;
        passes("f32", "f32", vec![1.5_f32, -0.0]).await;
        passes("f64", "f64", vec![1e300_f64]).await;
        passes("bool", "i32", vec![true, false]).await;
        passes("char", "i32", vec!['ß', '\u{10ffff}']).await;
        passes("string", "i32 i32", vec![String::new(), "übrig".to_owned()]).await;
        passes("(list string)", "i32 i32", vec![vec!["a".to_owned(), "bc".to_owned()]]).await;
        passes("(option f32)", "i32 f32", vec![None, Some(2.5_f32)]).await;
        // Core values that are joined have room for either.
        type Joined = Result<u64, f32>;
        passes("(result u64 (error f32))", "i32 i64", vec![Joined::Ok(u64::MAX), Err(0.5)]).await;
        type Wide = Result<f64, i8>;
        passes("(result f64 (error s8))", "i32 i64", vec![Wide::Ok(-1.25), Err(-7)]).await;
        type Narrow = Result<f32, i32>;
        passes("(result f32 (error s32))", "i32 i32", vec![Narrow::Ok(-1.25), Err(-7)]).await;
        // More than are passed as core values to what is called asynchronously.
        type Stored = (i8, u16, Option<Result<String, f64>>, f32, Option<char>);
        let some: Stored = (-3, 65_535, Some(Ok("text".to_owned())), 0.25, Some('x'));
        let other: Stored = (3, 1, Some(Err(1e-9)), -0.25, None);
        passes(
            "(tuple s8 u16 (option (result string (error f64))) f32 (option char))",
            "i32 i32 i32 i32 i64 i32 f32 i32 i32",
            vec![some, other, (0, 0, None, 0.0, None)],
        )
        .await;
    });
}
