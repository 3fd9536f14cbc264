//! Typed functions without the macro.

use std::collections::BTreeMap;
use std::time::Duration;

use composer_tests::{
    Clock, call_unit, compose, composer, limited, run, run_placed, string, text, until,
};
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, HandleError, OwnedResource,
    TypedProblem,
};
use wasmtime::component::Val;

const PRODUCER: &str = "composer:test/iproducer";
const BUCKETS: &str = "composer:test/buckets";

async fn producer() -> Composition {
    compose(composer(&["producer"])).await.unwrap()
}

async fn buckets() -> Composition {
    compose(composer(&["bucket-store", "broker"])).await.unwrap()
}

#[test]
fn typed_function_takes_and_returns_rust_types() {
    run_placed(async || {
        let composition = producer().await;
        let add = composition.typed::<(i32, i32), i32>(None, "add").unwrap();
        assert_eq!(add.call((1, 2)).await.unwrap(), 3);
        let greet = composition.typed::<(&str,), String>(Some(PRODUCER), "greet").unwrap();
        assert_eq!(greet.clone().call(("bo",)).await.unwrap(), "hello, bo");
        let reverse = composition.typed::<(&[u8],), Vec<u8>>(Some(PRODUCER), "reverse").unwrap();
        assert_eq!(reverse.call((&[1, 2, 3],)).await.unwrap(), [3, 2, 1]);
        let ping = composition.typed::<(), i32>(Some(PRODUCER), "ping").unwrap();
        assert_eq!(limited(ping.call(())).await.unwrap(), 42);
    });
}

/// A function that returns what it is given, for a type with so many flat values that parameters
/// and results lie in memory.
fn identity(ty: &str) -> String {
    let padding = "u64 ".repeat(17);
    format!(
        r#"(component
            (core module $m
                (memory (export "memory") 2)
                (global $top (mut i32) (i32.const 1024))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $top (i32.and (i32.add (global.get $top) (i32.const 15))
                        (i32.const -16)))
                    (global.get $top)
                    (global.set $top (i32.add (global.get $top) (local.get 3))))
                (func (export "echo") (param i32) (result i32) local.get 0))
            (core instance $i (instantiate $m))
            (type $t (tuple {ty} (tuple {padding})))
            (func (export "echo") (param "v" $t) (result $t)
                (canon lift (core func $i "echo") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc")))))"#
    )
}

type Padding = (u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64, u64);

#[test]
fn every_rust_type_comes_back_as_it_went() {
    async fn echo<T>(ty: &str, value: T)
    where
        T: wasm_runtime_composer::ComponentValue + Clone + PartialEq + std::fmt::Debug + 'static,
    {
        // Twelve elements are the longest tuple, so the padding is nested.
        let wat = identity(ty).replace(
            &format!("(tuple {})", "u64 ".repeat(17)),
            &format!("(tuple {}) (tuple {})", "u64 ".repeat(12), "u64 ".repeat(12)),
        );
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("echo", text(wat)));
        let composition = compose(composer).await.unwrap();
        let echo =
            composition.typed::<((T, Padding, Padding),), (T, Padding, Padding)>(None, "echo");
        let pad: Padding = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
        let sent = (value, pad, pad);
        assert_eq!(echo.unwrap().call((sent.clone(),)).await.unwrap(), sent);
    }
    run_placed(async || {
        echo("bool", true).await;
        echo("s8", i8::MIN).await;
        echo("u16", u16::MAX).await;
        echo("s64", i64::MIN).await;
        echo("f64", -0.5_f64).await;
        echo("char", '\u{10ffff}').await;
        echo("string", "grüße".to_owned()).await;
        echo("(list u8)", vec![1_u8, 2, 3]).await;
        echo("(list char)", vec!['a', 'ß']).await;
        echo("(list string)", vec!["a".to_owned(), String::new()]).await;
        echo("(list (tuple u8 string))", vec![(1_u8, "x".to_owned())]).await;
        echo("(list u32 3)", [1_u32, 2, 3]).await;
        echo("(option (list f32))", Some(vec![1.5_f32])).await;
        echo("(option (option u8))", Some(None::<u8>)).await;
        echo("(result u8 (error string))", Err::<u8, _>("no".to_owned())).await;
        echo("(result u8)", Err::<u8, ()>(())).await;
        echo("(result (error u8))", Ok::<(), u8>(())).await;
        echo("(result)", Ok::<(), ()>(())).await;
        echo("(map string u8)", BTreeMap::from([("a".to_owned(), 1_u8)])).await;
        echo("u8", Box::new(7_u8)).await;
    });
}

#[test]
fn function_of_other_types_is_refused_with_the_path() {
    run(async || {
        let composition = producer().await;
        let typed = |error: CompositionError| match error {
            CompositionError::Typed(error) => error.to_string(),
            other => panic!("{other:?}"),
        };
        let error = composition.typed::<(i32,), i32>(None, "add").unwrap_err();
        assert_eq!(
            typed(error),
            "`add` of component `producer` takes 2 parameters, declared with 1; \
             it is `func(a: s32, b: s32) -> s32`"
        );
        let error = composition.typed::<(i32, i64), String>(None, "add").unwrap_err();
        assert_eq!(
            typed(error),
            "2 functions are not what they were declared as:\n  \
             - `add` of component `producer`, parameter `b`: expected a type for `s32`, found \
             `i64`\n  \
             - `add` of component `producer`, result: expected a type for `s32`, found `String`"
        );
        let error =
            composition.typed::<(Vec<u32>,), Vec<u8>>(Some(PRODUCER), "reverse").unwrap_err();
        assert_eq!(
            typed(error),
            "`composer:test/iproducer#reverse` of component `producer`, parameter `bytes`, list \
             element: expected a type for `u8`, found `u32`"
        );
        let error = composition.typed::<(), ()>(Some(PRODUCER), "ping").unwrap_err();
        let CompositionError::Typed(error) = error else { panic!("{error:?}") };
        assert!(matches!(error.problems(), [TypedProblem::Type { .. }]), "{error:?}");
    });
}

#[test]
fn dropped_owner_drops_its_resource() {
    run_placed(async || {
        let composition = buckets().await;
        let constructor = "[constructor]bucket";
        let new = composition.typed::<(&str,), OwnedResource>(Some(BUCKETS), constructor).unwrap();
        let size = composition.typed::<(&OwnedResource,), u32>(Some(BUCKETS), "count").unwrap();
        let bucket = new.call(("b",)).await.unwrap();
        assert_eq!(size.call((&bucket,)).await.unwrap(), 0);
        assert_eq!((composition.live_handles(), bucket.is_held()), (1, true));
        drop(bucket);
        until(|| composition.live_handles() == 0).await;
        let dropped = composition.typed::<(), u32>(Some(BUCKETS), "dropped").unwrap();
        assert_eq!(dropped.call(()).await.unwrap(), 1);

        let bucket = new.call(("c",)).await.unwrap();
        bucket.release().await.unwrap();
        assert_eq!((composition.live_handles(), dropped.call(()).await.unwrap()), (0, 2));
    });
}

#[test]
fn owner_moves_into_calls_and_comes_out_at_any_depth() {
    run_placed(async || {
        let composition = buckets().await;
        let many = composition.typed::<(u32,), Vec<OwnedResource>>(Some(BUCKETS), "many").unwrap();
        let maybe = composition
            .typed::<(Option<OwnedResource>,), Result<OwnedResource, String>>(
                Some(BUCKETS),
                "maybe",
            )
            .unwrap();
        let mut buckets = many.call((3,)).await.unwrap();
        assert_eq!(composition.live_handles(), 3);
        let same = maybe.call((buckets.pop(),)).await.unwrap().unwrap();
        assert_eq!(composition.live_handles(), 3);
        assert_eq!(maybe.call((None,)).await.unwrap().unwrap_err(), "none");
        let eat = composition.typed::<(OwnedResource,), u32>(Some(BUCKETS), "eat").unwrap();
        eat.call((same,)).await.unwrap();
        assert_eq!(composition.live_handles(), 2);
        drop(buckets);
        until(|| composition.live_handles() == 0).await;
    });
}

#[test]
fn owner_of_another_composition_is_refused() {
    run_placed(async || {
        let (one, other) = (buckets().await, buckets().await);
        let constructor = "[constructor]bucket";
        let new = one.typed::<(&str,), OwnedResource>(Some(BUCKETS), constructor).unwrap();
        let bucket = new.call(("b",)).await.unwrap();
        let count = other.typed::<(&OwnedResource,), u32>(Some(BUCKETS), "count").unwrap();
        let error = count.call((&bucket,)).await.unwrap_err();
        assert!(matches!(error, CompositionError::Argument(_)), "{error:?}");
    });
}

#[test]
fn owner_is_empty_after_the_composition_closed() {
    run_placed(async || {
        let composition = buckets().await;
        let constructor = "[constructor]bucket";
        let new = composition.typed::<(&str,), OwnedResource>(Some(BUCKETS), constructor).unwrap();
        let bucket = new.call(("b",)).await.unwrap();
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
        assert_eq!((bucket.is_held(), composition.live_handles()), (false, 0));
        assert_eq!(bucket.release().await, Err(HandleError::NotHeld));
    });
}

#[test]
fn owner_and_dynamic_value_are_the_same_handle() {
    run_placed(async || {
        let composition = buckets().await;
        let constructor = "[constructor]bucket";
        let new = composition.typed::<(&str,), OwnedResource>(Some(BUCKETS), constructor).unwrap();
        let bucket = new.call(("b",)).await.unwrap();
        let put = [bucket.to_val(), string("x")];
        call_unit(&composition, BUCKETS, "[method]bucket.put", &put).await.unwrap();
        composition.drop_handles(&bucket.to_val()).await.unwrap();
        assert!(!bucket.is_held());
    });
}

#[test]
fn trap_in_a_typed_call_names_component_and_function() {
    run(async || {
        let clock = Clock::default();
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("trapper", clock.component("trapper")));
        let composition = composer.compose().await.unwrap();
        let interface = Some("composer:test/itrapper");
        let divide = composition.typed::<(i32, i32), i32>(interface, "divide").unwrap();
        assert_eq!(divide.call((6, 3)).await.unwrap(), 2);
        let error = limited(divide.call((1, 0))).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "component `trapper` trapped in `composer:test/itrapper#divide`"
        );
    });
}

#[test]
fn typed_and_dynamic_calls_agree() {
    run_placed(async || {
        let composition = producer().await;
        let add = composition.get_func(None, "add").unwrap();
        let mut results = [Val::Bool(false)];
        add.call(&[Val::S32(1), Val::S32(2)], &mut results).await.unwrap();
        let typed = composition.typed::<(i32, i32), i32>(None, "add").unwrap();
        assert_eq!(results, [Val::S32(typed.call((1, 2)).await.unwrap())]);
    });
}
