//! Typed functions without the macro.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use composer_tests::{
    Clock, call_unit, compose, composer, limited, run, run_placed, string, text, until,
};
use wasm_runtime_composer::error::{HandleError, TypedProblem};
use wasm_runtime_composer::typed::{IntoComponentValue, ToComponentValue};
use wasm_runtime_composer::types::ValueType;
use wasm_runtime_composer::{
    ComponentValue, ComposableDescriptor, Composer, Composition, CompositionError, OwnedResource,
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
        T: ComponentValue + ToComponentValue + Clone + PartialEq + std::fmt::Debug + 'static,
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
        let lent =
            composition.typed::<(&(T, Padding, Padding),), (T, Padding, Padding)>(None, "echo");
        assert_eq!(lent.unwrap().call((&sent,)).await.unwrap(), sent);
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
        echo("(list u8)", vec![Box::new(7_u8)]).await;
        echo("(list u32)", vec![Id(7), Id(u32::MAX)]).await;
        echo("(list u32)", Vec::<Id>::new()).await;
        echo("(list u32 2)", [Id(7), Id(8)]).await;
        echo("string", Box::<str>::from("a")).await;
        echo("string", Arc::<str>::from("a")).await;
        echo("string", Cow::<str>::from("a")).await;
        echo("(list u8)", Rc::<[u8]>::from([1, 2])).await;
        echo("(list u8)", Cow::<[u8]>::from(vec![1, 2])).await;
        echo("(list string)", Box::<[String]>::from(["a".to_owned()])).await;
        echo("(option string)", Arc::new(Some("a".to_owned()))).await;
        echo("(result (error string))", Err::<Rc<()>, _>(Rc::<str>::from("a"))).await;
    });
}

#[derive(Clone, Debug, PartialEq, ComponentValue)]
#[component(transparent)]
struct Id(u32);

/// Passes `given` where a `ty` is taken, and takes it back as an `R`.
async fn passed<P: IntoComponentValue, R: ComponentValue + 'static>(ty: &str, given: P) -> R {
    let wat = identity(ty).replace(
        &format!("(tuple {})", "u64 ".repeat(17)),
        &format!("(tuple {}) (tuple {})", "u64 ".repeat(12), "u64 ".repeat(12)),
    );
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("echo", text(wat)));
    let composition = compose(composer).await.unwrap();
    let pad: Padding = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    let echo = composition.typed::<((P, Padding, Padding),), (R, Padding, Padding)>(None, "echo");
    echo.unwrap().call(((given, pad, pad),)).await.unwrap().0
}

#[test]
fn references_are_passed_at_any_depth() {
    run_placed(async || {
        let text: String = passed("string", &"a".to_owned()).await;
        assert_eq!(text, "a");
        let texts: Vec<String> = passed("(list string)", ["a", "b"].as_slice()).await;
        assert_eq!(texts, ["a", "b"]);
        let texts: Vec<String> = passed("(list string)", vec![&texts[1], &texts[0]]).await;
        assert_eq!(texts, ["b", "a"]);
        let bytes: Vec<u8> = passed("(list u8)", &vec![1_u8, 2]).await;
        assert_eq!(bytes, [1, 2]);
        let bytes: Vec<u8> = passed("(list u8)", vec![&7_u8]).await;
        assert_eq!(bytes, [7]);
        let bytes: Vec<u8> = passed("(list u8)", Vec::<&u8>::new()).await;
        assert!(bytes.is_empty());
        let lists: Vec<Vec<u8>> = passed("(list (list u8))", &[[1_u8, 2], [3, 4]]).await;
        assert_eq!(lists, [[1, 2], [3, 4]]);
        let maybe: Option<String> = passed("(option string)", Some("a")).await;
        assert_eq!(maybe.as_deref(), Some("a"));
        let maybe: Option<String> = passed("(option string)", &maybe).await;
        assert_eq!(maybe.as_deref(), Some("a"));
        let result: Result<String, ()> = passed("(result string)", Ok::<_, ()>("a")).await;
        assert_eq!(result.as_deref(), Ok("a"));
        let result: Result<String, ()> = passed("(result string)", &result).await;
        assert_eq!(result.as_deref(), Ok("a"));
        let done: Result<(), String> = passed("(result (error string))", &Ok::<(), &str>(())).await;
        assert_eq!(done, Ok(()));
        let map: BTreeMap<String, u8> =
            passed("(map string u8)", BTreeMap::from([("a", &1_u8)])).await;
        assert_eq!(map, BTreeMap::from([("a".to_owned(), 1)]));
        let map: BTreeMap<String, u8> = passed("(map string u8)", &map).await;
        assert_eq!(map.len(), 1);
        let pair: (u8, String) = passed("(tuple u8 string)", (&1_u8, Cow::Borrowed("a"))).await;
        assert_eq!(pair, (1, "a".to_owned()));
        let shared: Vec<(u8, String)> =
            passed("(list (tuple u8 string))", [Arc::new(pair)].as_slice()).await;
        assert_eq!(shared, [(1, "a".to_owned())]);
    });
}

#[test]
fn what_owns_in_a_reference_is_lent() {
    use wasm_runtime_composer::typed::ComponentType;

    let resource = match typed_of_bucket() {
        ValueType::Own(resource) => resource,
        other => panic!("{other}"),
    };
    let list = |ty: ValueType| ValueType::List(Arc::new(ty));
    let (own, borrow) = (ValueType::Own(resource.clone()), ValueType::Borrow(resource));
    assert_eq!(OwnedResource::check(&own), Ok(()));
    assert_eq!(<&OwnedResource>::check(&borrow), Ok(()));
    assert_eq!(<&[OwnedResource]>::check(&list(borrow.clone())), Ok(()));
    assert_eq!(
        <Option<&Vec<OwnedResource>>>::check(&ValueType::Option(Arc::new(list(borrow.clone())))),
        Ok(())
    );
    assert_eq!(Arc::<OwnedResource>::check(&borrow), Ok(()));
    assert_eq!(
        <&Vec<OwnedResource>>::check(&list(own)).unwrap_err().to_string(),
        "list element: expected a type for `bucket`, found `&OwnedResource`"
    );
    assert_eq!(
        Vec::<OwnedResource>::check(&list(borrow)).unwrap_err().to_string(),
        "list element: expected a type for `borrow<bucket>`, found `OwnedResource`"
    );
}

/// What the constructor of `bucket` returns.
fn typed_of_bucket() -> ValueType {
    let plan = composer(&["bucket-store"]).plan().unwrap();
    let buckets = plan.exports().iter().find(|export| export.name == BUCKETS).unwrap();
    let new = buckets.functions.iter().find(|it| it.name == "[constructor]bucket").unwrap();
    new.ty.result().unwrap().clone()
}

#[test]
fn name_that_differs_is_told_and_not_the_whole_type() {
    use wasm_runtime_composer::typed::ComponentType;

    #[derive(ComponentValue)]
    struct Person {
        name: String,
        age: u32,
    }
    #[derive(ComponentValue)]
    struct Late {
        person: Option<Person>,
    }
    #[derive(ComponentValue)]
    enum Color {
        Red,
        Green,
    }
    #[derive(ComponentValue)]
    enum Failure {
        Gone,
        Denied(String),
    }
    #[derive(ComponentValue)]
    #[component(flags)]
    struct Rights {
        read: bool,
        write: bool,
    }
    fn record(fields: &[&str]) -> ValueType {
        let ty = |name: &str| if name == "age" { ValueType::U32 } else { ValueType::String };
        ValueType::Record(fields.iter().map(|&name| (name.into(), ty(name))).collect())
    }
    fn told<T: ComponentType>(ty: &ValueType) -> String {
        T::check(ty).unwrap_err().to_string()
    }
    for (fields, expected) in [
        (&["nmae", "age"][..], "expected field `nmae`, found `name` of `Person`"),
        (
            &["age", "name"],
            "expected field `age`, found `name` of `Person`; the order of fields counts",
        ),
        (
            &["name", "city", "age"],
            "expected field `city`, found `age` of `Person`; it has no field `city`",
        ),
        (
            &["age"],
            "expected field `age`, found `name` of `Person`; the component has no field `name`",
        ),
        (&["name", "age", "city"], "expected field `city`, which `Person` has not"),
        (&["name"], "expected no more fields, found `age` of `Person`"),
    ] {
        assert_eq!(told::<Person>(&record(fields)), expected);
    }
    let late = ValueType::Record(
        [("person".into(), ValueType::Option(Arc::new(record(&["name", "ago"]))))].into(),
    );
    let expected = "field `person`, option payload: expected field `ago`, found `age` of `Person`";
    assert_eq!(told::<Late>(&late), expected);
    assert_eq!(told::<&Late>(&late), expected);
    assert_eq!(
        told::<Color>(&ValueType::Enum(["red".into(), "grene".into()].into())),
        "expected case `grene`, found `green` of `Color`"
    );
    let cases = [("gone".into(), None), ("refused".into(), Some(ValueType::String))];
    assert_eq!(
        told::<Failure>(&ValueType::Variant(cases.into())),
        "expected case `refused`, found `denied` of `Failure`"
    );
    assert_eq!(
        told::<Rights>(&ValueType::Flags(["read".into()].into())),
        "expected no more flags, found `write` of `Rights`"
    );
    // Where it is no record at all, the types are told.
    assert_eq!(told::<Person>(&ValueType::String), "expected a type for `string`, found `Person`");
}

#[test]
fn function_that_is_somewhere_else_is_found_there() {
    run(async || {
        let composition = compose(composer(&["producer", "consumer"])).await.unwrap();
        let typed = |interface: Option<&str>, function: &str| {
            composition.typed::<(), i32>(interface, function).unwrap_err().to_string()
        };
        let get_func = |interface: Option<&str>, function: &str| {
            composition.get_func(interface, function).unwrap_err().to_string()
        };
        for (interface, function, expected) in [
            (
                None,
                "greet",
                "the composition exports no function `greet`; interface \
                 `composer:test/iproducer` has it",
            ),
            (
                Some("composer:test/iconsumer"),
                "greet",
                "interface `composer:test/iconsumer` has no function `greet`; interface \
                 `composer:test/iproducer` has it",
            ),
            (
                Some(PRODUCER),
                "internal-debug",
                "interface `composer:test/iproducer` has no function `internal-debug`; it is \
                 exported at the root, in no interface",
            ),
        ] {
            assert_eq!(typed(interface, function), expected);
            assert_eq!(get_func(interface, function), expected);
        }
    });
}

#[test]
fn owner_says_of_which_component_and_resource_it_is() {
    run(async || {
        let composition = buckets().await;
        let constructor = "[constructor]bucket";
        let new = composition.typed::<(&str,), OwnedResource>(Some(BUCKETS), constructor).unwrap();
        let bucket = new.call(("b",)).await.unwrap();
        let shown = |held| {
            format!(
                "OwnedResource {{ component: \"bucket-store\", interface: \"{BUCKETS}\", \
                 resource: \"bucket\", held: {held} }}"
            )
        };
        assert_eq!(format!("{bucket:?}"), shown(true));
        limited(composition.close(Duration::from_secs(30))).await.unwrap();
        assert_eq!(format!("{bucket:?}"), shown(false));
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
