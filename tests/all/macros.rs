//! `compose!` and `#[derive(ComponentValue)]` on real components.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use composer_tests::{
    Clock, GATED, Placement, chain, component, composer, engine, folder, limited, placement, run,
    run_placed, string, text,
};
use wasm_runtime_composer::error::PlanError;
use wasm_runtime_composer::layer::{CountLayer, DenyLayer};
use wasm_runtime_composer::{
    ComponentValue, ComposableComponent, ComposableDescriptor, Composer, Composition,
    CompositionError, ExportFilter, OwnedResource, RestartPolicy, compose,
};
use wasmtime::Store;
use wasmtime::component::{Linker, Val};

/// Composes the same components, isolated or fused as the test is placed, and goes on with the
/// composition in either.
macro_rules! placed {
    ({ $($components:tt)* } { $($exports:tt)* } |$composition:ident| $then:block) => {
        match placement() {
            Placement::Isolated => {
                let $composition = compose! { $($components)* $($exports)* }.await.unwrap();
                $then
            }
            Placement::Fused => {
                let store = || Store::new(engine(), ());
                let $composition = compose! {
                    fused all in (Linker::new(engine()), store) { $($components)* }
                    $($exports)*
                }
                .await
                .unwrap();
                $then
            }
        }
    };
}

/// Adds up a list.
const SUMS: &str = r#"(component
    (core module $m
        (memory (export "memory") 1)
        (global $top (mut i32) (i32.const 1024))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $top)
            (global.set $top (i32.add (global.get $top) (local.get 3))))
        (func (export "sum") (param $at i32) (param $count i32) (result i64)
            (local $sum i64)
            (block $done (loop $next
                (br_if $done (i32.eqz (local.get $count)))
                (local.set $sum (i64.add (local.get $sum) (i64.load (local.get $at))))
                (local.set $at (i32.add (local.get $at) (i32.const 8)))
                (local.set $count (i32.sub (local.get $count) (i32.const 1)))
                (br $next)))
            (local.get $sum)))
    (core instance $i (instantiate $m))
    (func (export "sum-all") (param "values" (list s64)) (result s64)
        (canon lift (core func $i "sum") (memory (core memory $i "memory"))
            (realloc (core func $i "realloc")))))"#;

/// The guest `producer`, with `sum-all` beside it.
fn producer_with_sums() -> Composer {
    let mut producer = composer(&["producer"]);
    producer.add(ComposableDescriptor::new("sums", text(SUMS)));
    producer
}

#[test]
fn expression_form_of_the_contract_compiles_and_runs() {
    async fn program() -> Result<(), Box<dyn Error>> {
        let producer_a = producer_with_sums();
        let producer_b = component("producer").hiding(&["composer:test/iproducer"]);
        let consumer = component("consumer");

        let composition = compose! {
            component producer_a = producer_a;                     // any expression that is Composable
            component producer_b = producer_b { hide "internal-debug" };
            component consumer = consumer { import "add" from producer_a };

            export "add" from producer_b;                          // export hint
            export fn run_add() -> i32;                            // typed accessor of `run-add`
            export fn total(values: &[i64]) -> i64 = "sum-all";    // another name than the export's
            export interface "composer:test/iconsumer" as iconsumer {
                fn run_add() -> i32;
                async fn run_ping() -> i32;
            }
        }
        .await?;
        let n: i32 = composition.run_add().await?;
        let m = composition.iconsumer().run_ping().await?;
        let f = composition.get_func(None, "run-add")?; // derefs to the dynamic Composition

        assert_eq!((n, m), (3, 42));
        assert_eq!(composition.iconsumer().run_add().await?, 3);
        assert_eq!(composition.total(&[1, -2, 30]).await?, 29);
        let mut results = [Val::Bool(false)];
        f.call(&[], &mut results).await?;
        assert_eq!(results, [Val::S32(3)]);
        Ok(())
    }
    run(async || limited(program()).await.unwrap());
}

#[test]
fn expression_form_is_of_either_placement() {
    async fn program() -> Result<(), Box<dyn Error>> {
        let producer_a = producer_with_sums();
        let producer_b = component("producer").hiding(&["composer:test/iproducer"]);
        let consumer = component("consumer");

        placed! { {
            component producer_a = producer_a;                     // any expression that is Composable
            component producer_b = producer_b { hide "internal-debug" };
            component consumer = consumer { import "add" from producer_a };

            export "add" from producer_b;                          // export hint
        } {
            export fn run_add() -> i32;                            // typed accessor of `run-add`
            export fn total(values: &[i64]) -> i64 = "sum-all";    // another name than the export's
            export interface "composer:test/iconsumer" as iconsumer {
                fn run_add() -> i32;
                async fn run_ping() -> i32;
            }
        } |composition| {
        let n: i32 = composition.run_add().await?;
        let m = composition.iconsumer().run_ping().await?;
        let f = composition.get_func(None, "run-add")?; // derefs to the dynamic Composition

        assert_eq!((n, m), (3, 42));
        assert_eq!(composition.iconsumer().run_add().await?, 3);
        assert_eq!(composition.total(&[1, -2, 30]).await?, 29);
        let mut results = [Val::Bool(false)];
        f.call(&[], &mut results).await?;
        assert_eq!(results, [Val::S32(3)]);
        } };
        Ok(())
    }
    run_placed(async || limited(program()).await.unwrap());
}

compose! {
    /// Documented like any struct; can be stored in one.
    pub struct Calculator;
    component producer;
    component consumer { import "add" from producer };
    export fn run_add() -> i32;
}

#[test]
fn item_form_of_the_contract_compiles_and_runs() {
    struct Application {
        calculator: Calculator,
    }

    async fn program() -> Result<i32, CompositionError> {
        let producer = component("producer");
        let consumer = component("consumer");
        let calculator = CalculatorParts { producer, consumer }.compose().await?;
        let application = Application { calculator: calculator.clone() };
        drop(calculator);
        application.calculator.run_add().await
    }
    run(async || assert_eq!(limited(program()).await.unwrap(), 3));
}

compose! {
    /// Fused, with an argument for that before the components.
    struct FusedCalculator;
    fused all {
        component producer;
        component consumer { import "add" from producer };
        inbox_capacity 2;
        hide "add";
    }
    component other { hide "composer:test/iproducer" };
    export fn add(a: i32, b: i32) -> i32;
    export fn run_add() -> i32;
}

#[test]
fn item_form_takes_the_place_of_what_is_fused() {
    run_placed(async || {
        let place = (Linker::new(engine()), || Store::new(engine(), ()));
        let file = |name| {
            let file = composer_tests::guest_file(name);
            composer_tests::with_linker(file, Linker::new(engine()))
        };
        let (producer, consumer) = (file("producer"), file("consumer"));
        let other = component("producer-b");
        let parts = FusedCalculatorParts { all: place, producer, consumer, other };
        let calculator = parts.compose().await.unwrap();
        assert_eq!(limited(calculator.run_add()).await.unwrap(), 3);
        assert_eq!(limited(calculator.add(1, 2)).await.unwrap(), 1003);
        let plan = calculator.plan();
        assert_eq!(plan.components(), ["all/producer", "all/consumer", "other"]);
        assert_eq!(plan.fused_into("all/producer"), Some("all"));
    });
}

#[test]
fn group_is_one_component_with_clauses_of_its_own() {
    run(async || {
        let clock = Clock::default();
        let file = |name| {
            composer_tests::with_linker(composer_tests::guest_file(name), Linker::new(engine()))
        };
        let store = || Store::new(engine(), ());
        let composition = compose! {
            fused all in (clock.linker(), store) {
                component sleeper = file("sleeper");
                component consumer = file("consumer") { import "add" from host; };
                import "composer:test/iproducer" from producer;
                deadline Duration::from_millis(1);
                restart RestartPolicy::never();
            }
            component producer = component("producer");
        };
        // The group's linker has no `add`, and a hint inside keeps it from anybody else.
        let error = composition.await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the linker of `all` does not define function `add`, for which a hint names `host`; \
             define it there, or drop the hint"
        );

        for deadline in [Duration::from_secs(60), Duration::from_millis(1)] {
            let composition = compose! {
                fused all in (clock.linker(), store) {
                    component sleeper = file("sleeper");
                    component consumer = file("consumer");
                    import "composer:test/iproducer" from producer;
                    import "add" from producer;
                    deadline deadline;
                }
                component producer = component("producer");
                component producer_b = component("producer-b");
                export fn run_add() -> i32;
                export interface "composer:test/isleeper" as isleeper {
                    async fn nap(ms: u64) -> u64;
                }
            };
            let composition = composition.await.unwrap();
            if deadline > Duration::from_secs(1) {
                assert_eq!(limited(composition.run_add()).await.unwrap(), 3);
                continue;
            }
            let error = limited(composition.isleeper().nap(GATED)).await.unwrap_err();
            assert!(matches!(error, CompositionError::Timeout { .. }), "{error}");
            assert!(error.to_string().starts_with("component `all` did not answer"), "{error}");
        }
    });
}

mod tools {
    //! What is used from elsewhere.

    use super::{Color, Failure, Permissions, Person};

    wasm_runtime_composer::compose! {
        /// A producer and a consumer.
        pub(super) struct Tools;
        component producer;
        component consumer;
        export fn add(a: i32, b: i32) -> i32;
        #[deprecated = "wait"]
        export fn run_add() -> i32;
        export fn debug() -> String = "internal-debug";
        /// All that a producer does.
        export interface "composer:test/iproducer" as iproducer {
            fn add(a: i32, b: i32) -> i32;
            fn greet(name: &str) -> String;
            fn birthday(p: Person) -> Person;
            fn celebrate(p: &Person) -> Person = "birthday";
            fn reverse(bytes: &[u8]) -> Vec<u8>;
            fn lookup(id: u32) -> Result<Person, Failure>;
            fn mix(c: Color, p: Permissions) -> (Color, Permissions);
            fn blend(c: &Color, p: std::sync::Arc<Permissions>) -> (Color, Permissions) = "mix";
            async fn ping() -> i32;
            async fn echo_later(text: &str) -> String;
        }
        export interface "composer:test/iconsumer" as iconsumer {
            fn run_add() -> i32;
            async fn run_ping() -> i32;
        }
    }
}

use tools::{Tools, ToolsIproducer, ToolsParts};

async fn tools() -> Tools {
    let parts = ToolsParts { producer: component("producer"), consumer: component("consumer") };
    parts.compose().await.unwrap()
}

#[derive(Clone, Debug, PartialEq, ComponentValue)]
struct Person {
    name: String,
    age: u32,
    #[component(name = "tags")]
    labels: Vec<String>,
}

#[derive(Debug, PartialEq, ComponentValue)]
enum Failure {
    Empty,
    NotFound(u32),
    Denied(String),
}

#[derive(Clone, Copy, Debug, PartialEq, ComponentValue)]
enum Color {
    Red,
    Green,
    Blue,
}

#[derive(Clone, Copy, Debug, PartialEq, ComponentValue)]
#[component(flags)]
struct Permissions {
    read: bool,
    write: bool,
    exec: bool,
}

#[test]
fn visibility_and_attributes_are_carried_over() {
    run(async || {
        let tools = tools().await;
        #[expect(deprecated, reason = "that is what is tested")]
        let sum = tools.run_add().await.unwrap();
        assert_eq!(sum, 3);
        assert_eq!(tools.debug().await.unwrap(), "debug");
    });
}

#[test]
fn functions_of_equal_names_are_told_apart() {
    run_placed(async || {
        placed! { {
            component producer_b = component("producer-b");
            component producer = component("producer");
            component consumer = component("consumer") {
                import "add" from producer_b;
                import "composer:test/iproducer" from producer;
            };
            export "add" from producer_b;
            export "composer:test/iproducer" from producer;
        } {
            export fn add(a: i32, b: i32) -> i32;
            export interface "composer:test/iproducer" as iproducer {
                fn add(a: i32, b: i32) -> i32;
            }
            export interface "composer:test/iconsumer" as r#type {
                fn run_add() -> i32;
            }
        } |composition| {
        assert_eq!(composition.add(1, 2).await.unwrap(), 1003);
        assert_eq!(composition.iproducer().add(1, 2).await.unwrap(), 3);
        assert_eq!(composition.r#type().run_add().await.unwrap(), 1003);
        } }
    });
}

#[test]
fn filters_restrict_what_others_see() {
    run_placed(async || {
        placed! { {
            component producer = component("producer") { expose "composer:test/iproducer" };
            component producer_b = component("producer-b") {
                hide "composer:test/iproducer";
            };
            component consumer = component("consumer");
        } {
            export fn run_add() -> i32;
        } |composition| {
        // Without filters both would be ambiguous.
        assert_eq!(composition.run_add().await.unwrap(), 1003);
        assert!(composition.get_func(None, "internal-debug").is_err());
        } }
    });
}

#[test]
fn hint_to_the_host_passes_other_components_by() {
    run(async || {
        let error = compose! {
            component producer = component("producer");
            component consumer = component("consumer") { import "add" from host };
        }
        .await
        .unwrap_err();
        assert!(matches!(&error, CompositionError::Plan(PlanError { .. })), "{error}");
        assert!(error.to_string().contains("linker of `consumer`"), "{error}");
    });
}

#[test]
fn components_are_evaluated_once_in_order_before_the_future_is_polled() {
    run(async || {
        let log = RefCell::new(Vec::new());
        let noted = |name: &'static str| {
            log.borrow_mut().push(name);
            component(name)
        };
        let composing = compose! {
            component producer = noted("producer");
            component consumer = noted("consumer") { import "add" from producer };
            component sums = {
                log.borrow_mut().push("sums");
                text(SUMS)
            };
        };
        assert_eq!(*log.borrow(), ["producer", "consumer", "sums"]);
        let composition = composing.await.unwrap();
        assert_eq!(log.borrow().len(), 3);
        assert!(composition.get_func(None, "sum-all").is_ok());
    });
}

#[test]
fn accessors_are_the_composition_and_its_clones() {
    run(async || {
        let composition = compose! {
            component producer = component("producer");
            export interface "composer:test/iproducer" as iproducer { async fn ping() -> i32; }
        }
        .await
        .unwrap();
        let clone = composition.clone();
        drop(composition);
        // A handle's futures outlive the expression that got it, and run at the same time.
        let (a, b) = (clone.iproducer().ping(), clone.iproducer().ping());
        assert_eq!(futures_util::future::try_join(a, b).await.unwrap(), (42, 42));
        let text = format!("{clone:?} {:?}", clone.iproducer());
        assert!(text.contains("producer"), "{text}");
        let plain: &Composition = &clone;
        assert_eq!(plain.exports().len(), 3);
    });
}

#[test]
fn handle_of_an_interface_has_a_name() {
    async fn twice(producer: ToolsIproducer<'_>) -> Result<i32, CompositionError> {
        Ok(producer.add(1, 2).await? + producer.ping().await?)
    }
    fn is_sent<T: Send + 'static>(it: T) -> T {
        it
    }
    run(async || {
        let tools = tools().await;
        assert_eq!(twice(tools.iproducer()).await.unwrap(), 45);
        let task = is_sent(async move {
            let iconsumer = tools.iconsumer();
            Ok::<_, CompositionError>(iconsumer.run_ping().await? + iconsumer.run_add().await?)
        });
        assert_eq!(tokio::spawn(task).await.unwrap().unwrap(), 45);
    });
}

#[test]
fn derived_types_cross_in_both_directions() {
    run(async || {
        let tools = tools().await;
        let producer = tools.iproducer();
        let ann = Person { name: "ann".into(), age: 41, labels: vec!["x".into()] };
        let older = producer.birthday(ann.clone()).await.unwrap();
        assert_eq!(producer.celebrate(&ann).await.unwrap(), older);
        assert_eq!(older, Person { age: 42, labels: vec!["x".into(), "older".into()], ..ann });

        let one = Person { name: "one".into(), age: 1, labels: Vec::new() };
        assert_eq!(producer.lookup(0).await.unwrap(), Err(Failure::Empty));
        assert_eq!(producer.lookup(1).await.unwrap(), Ok(one));
        assert_eq!(producer.lookup(2).await.unwrap(), Err(Failure::Denied("two".into())));
        assert_eq!(producer.lookup(9).await.unwrap(), Err(Failure::NotFound(9)));

        let none = Permissions { read: false, write: false, exec: false };
        let all = Permissions { read: true, write: true, exec: true };
        let (write, others) =
            (Permissions { write: true, ..none }, Permissions { write: false, ..all });
        assert_eq!(producer.mix(Color::Red, write).await.unwrap(), (Color::Green, others));
        assert_eq!(producer.mix(Color::Green, all).await.unwrap(), (Color::Blue, none));
        assert_eq!(producer.mix(Color::Blue, none).await.unwrap(), (Color::Red, all));

        assert_eq!(producer.reverse(&[1, 2, 3]).await.unwrap(), [3, 2, 1]);
        assert_eq!(producer.greet("bo").await.unwrap(), "hello, bo");
        assert_eq!(producer.echo_later("later").await.unwrap(), "later");
    });
}

/// A component that returns what it is given. The values beside make it lie in memory, where
/// parameter and result are the same.
fn identity(types: &str, ty: &str) -> String {
    let numbers = "u64 ".repeat(10);
    format!(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (global $top (mut i32) (i32.const 1024))
                (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                    (global.set $top (i32.and (i32.add (global.get $top) (i32.const 15))
                        (i32.const -16)))
                    (global.get $top)
                    (global.set $top (i32.add (global.get $top) (local.get 3))))
                (func (export "echo") (param i32) (result i32) local.get 0))
            (core instance $i (instantiate $m))
            {types}
            (type $beside (tuple {numbers}))
            (type $all (tuple {ty} $beside $beside))
            (func (export "echo") (param "all" $all) (result $all)
                (canon lift (core func $i "echo") (memory (core memory $i "memory"))
                    (realloc (core func $i "realloc")))))"#
    )
}

type Beside = (u64, u64, u64, u64, u64, u64, u64, u64, u64, u64);
const BESIDE: Beside = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9);

#[derive(Debug, PartialEq, ComponentValue)]
struct Pair<A, B = A>(A, B);

#[derive(Debug, PartialEq, ComponentValue)]
#[component(transparent)]
struct Meters {
    count: f64,
}

#[derive(Debug, PartialEq, ComponentValue)]
enum Shape<T> {
    Nothing,
    Cycle(Meters),
    Rectangle(T, T),
    #[component(name = "other")]
    Polygon(Vec<Pair<T>>),
}

#[derive(Debug, PartialEq, ComponentValue)]
struct Event<'a> {
    user_name: &'a str,
    r#type: Option<u8>,
}

#[test]
fn derive_of_other_shapes() {
    run(async || {
        let types = r#"
            (type $pair (tuple s16 s16))
            (type $shape' (variant
                (case "nothing") (case "cycle" f64) (case "rectangle" (tuple s16 s16))
                (case "other" (list $pair))))
            (export $shape "shape" (type $shape'))"#;
        let composition = compose! {
            component one = text(identity(types, "(tuple $shape char)"));
            export fn echo(all: (Pair<Shape<i16>, char>, Beside, Beside))
                -> (Pair<Shape<i16>, char>, Beside, Beside);
        }
        .await
        .unwrap();
        let shapes = [
            || Shape::Nothing,
            || Shape::Cycle(Meters { count: 1.5 }),
            || Shape::Rectangle(-1, 2),
            || Shape::Polygon(vec![Pair(1, 2), Pair(3, -4)]),
        ];
        for shape in shapes {
            let echo = composition.echo((Pair(shape(), 'ä'), BESIDE, BESIDE)).await.unwrap();
            assert_eq!(echo, (Pair(shape(), 'ä'), BESIDE, BESIDE));
        }
    });
}

#[test]
fn what_borrows_can_be_passed() {
    #[derive(Debug, PartialEq, ComponentValue)]
    struct OwnEvent {
        user_name: String,
        r#type: Option<u8>,
    }

    run(async || {
        let types = r#"
            (type $event' (record (field "user-name" string) (field "type" (option u8))))
            (export $event "event" (type $event'))"#;
        let composition = compose! {
            component one = text(identity(types, "$event"));
            export fn echo(all: (Event<'_>, Beside, Beside)) -> (OwnEvent, Beside, Beside);
        }
        .await
        .unwrap();
        let name = String::from("ann");
        let event = Event { user_name: &name, r#type: Some(7) };
        let (echo, ..) = composition.echo((event, BESIDE, BESIDE)).await.unwrap();
        assert_eq!(echo, OwnEvent { user_name: name, r#type: Some(7) });
    });
}

#[test]
fn accessors_that_do_not_fit_fail_while_composing_all_at_once() {
    #[derive(ComponentValue)]
    struct Other {
        name: String,
        age: i64,
        tags: Vec<String>,
    }

    #[derive(ComponentValue)]
    enum Colour {
        Red,
        Blue,
    }

    run(async || {
        let error = compose! {
            component producer = component("producer");
            component producer_b = component("producer-b") { hide "composer:test/iproducer" };
            component consumer = component("consumer") { import "add" from producer };
            export fn run_sub() -> i32;
            export fn add(a: i32, b: i32) -> i32;
            export fn run_add(a: i32) -> i64;
            export async fn debug() -> String = "internal-debug";
            export interface "composer:test/iproduce" as unknown {
                fn add(a: i32, b: i32) -> i32;
            }
            export interface "composer:test/iproducer" as iproducer {
                fn ping() -> i32;
                fn birthday(p: Other) -> Person;
                fn lookup(id: u32) -> Result<Person, String>;
                fn mix(c: Colour, p: Permissions) -> Color;
                fn reverse(bytes: &[u8]);
                fn subtract(a: i32, b: i32) -> i32;
            }
        }
        .await
        .unwrap_err();
        assert_eq!(chain(&error), MISFITS);
    });
}

/// What is wrong with those accessors.
const MISFITS: &str = r#"13 functions are not what they were declared as:
  - accessor `run_sub`: the composition exports no function `run-sub`; did you mean `run-add`?
  - accessor `add`: both `producer` and `producer-b` export `add`; choose one with `composer.with_export_hint("add", "producer")`
  - accessor `run_add`: `run-add` of component `consumer` takes 0 parameters, declared with 1; it is `func() -> s32`
  - accessor `run_add`: `run-add` of component `consumer`, result: expected a type for `s32`, found `i64`
  - accessor `debug`: `internal-debug` of component `producer` is a sync function, declared as an async one; declare it as `fn`
  - accessor `unknown().add`: the composition exports no interface `composer:test/iproduce`; did you mean `composer:test/iproducer`?
  - accessor `iproducer().ping`: `composer:test/iproducer#ping` of component `producer` is an async function, declared as a sync one; declare it as `async fn`
  - accessor `iproducer().birthday`: `composer:test/iproducer#birthday` of component `producer`, parameter `p`, field `age`: expected a type for `u32`, found `i64`
  - accessor `iproducer().lookup`: `composer:test/iproducer#lookup` of component `producer`, result, error payload: expected a type for `variant { empty, not-found(u32), denied(string) }`, found `String`
  - accessor `iproducer().mix`: `composer:test/iproducer#mix` of component `producer`, parameter `c`: expected case `green`, found `blue` of `Colour`; it has no case `green`
  - accessor `iproducer().mix`: `composer:test/iproducer#mix` of component `producer`, result: expected a type for `tuple<enum { red, green, blue }, flags { read, write, exec }>`, found `Color`
  - accessor `iproducer().reverse`: `composer:test/iproducer#reverse` of component `producer`, result: expected a type for `list<u8>`, found `()`
  - accessor `iproducer().subtract`: interface `composer:test/iproducer` has no function `subtract`"#;

#[test]
fn trap_in_an_accessor_names_component_and_function() {
    run(async || {
        let clock = Clock::default();
        let composition = compose! {
            component trapper = clock.component("trapper");
            export interface "composer:test/itrapper" as itrapper {
                fn divide(a: i32, b: i32) -> i32;
                fn fine() -> u32;
            }
        }
        .await
        .unwrap();
        let itrapper = composition.itrapper();
        assert_eq!(itrapper.divide(7, 2).await.unwrap(), 3);
        let error = limited(itrapper.divide(7, 0)).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `trapper` trapped in `composer:test/itrapper#divide`\n\
             wasm trap: wasm `unreachable` instruction executed"
        );
        assert!(matches!(error, CompositionError::Trap { .. }), "{error:?}");
        let error = limited(itrapper.fine()).await.unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { .. }), "{error}");
    });
}

#[test]
fn accessors_and_dynamic_calls_are_of_one_composition() {
    run(async || {
        let tools = tools().await;
        let greet = tools.get_func(Some("composer:test/iproducer"), "greet").unwrap();
        let mut results = [Val::Bool(false)];
        greet.call(&[string("bo")], &mut results).await.unwrap();
        assert_eq!(results, [string(&tools.iproducer().greet("bo").await.unwrap())]);
        tools.close(Duration::from_secs(30)).await.unwrap();
        let error = tools.add(1, 2).await.unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { .. }), "{error}");
    });
}

#[test]
fn clauses_set_what_a_descriptor_carries() {
    async fn limited_by(deadline: Duration) -> CompositionError {
        let clock = Clock::default();
        let composition = compose! {
            component sleeper = clock.component("sleeper") {
                deadline deadline;
                inbox_capacity 1 + 1;
                restart RestartPolicy::never();
            };
            export interface "composer:test/isleeper" as isleeper {
                async fn nap(ms: u64) -> u64;
            }
        }
        .await
        .unwrap();
        composition.isleeper().nap(GATED).await.unwrap_err()
    }
    run(async || {
        let error = limited(limited_by(Duration::from_millis(1))).await;
        assert!(matches!(error, CompositionError::Timeout { .. }), "{error}");
    });
}

#[test]
fn functions_of_resources_are_accessors_by_their_full_names() {
    async fn program() -> Result<(), CompositionError> {
        placed! { {
            component store = component("bucket-store");
        } {
            export interface "composer:test/buckets" as buckets {
                fn bucket(name: &str) -> OwnedResource = "[constructor]bucket";
                fn name(bucket: &OwnedResource) -> String = "[method]bucket.name";
                fn put(bucket: &OwnedResource, value: &str) = "[method]bucket.put";
                async fn find(bucket: &OwnedResource, value: &str) -> Option<u32>
                    = "[method]bucket.find";
                fn merge(a: OwnedResource, b: &OwnedResource) -> OwnedResource
                    = "[static]bucket.merge";
                fn count(b: &OwnedResource) -> u32;
                fn many(n: u32) -> Vec<OwnedResource>;
            }
        } |composition| {
        let buckets = composition.buckets();
        let (a, b) = (buckets.bucket("a").await?, buckets.bucket("b").await?);
        buckets.put(&a, "one").await?;
        buckets.put(&b, "two").await?;
        let both = buckets.merge(a, &b).await?;
        assert_eq!(buckets.name(&both).await?, "a+b");
        assert_eq!(buckets.find(&both, "two").await?, Some(1));
        assert_eq!(buckets.count(&both).await?, 2);
        assert_eq!(buckets.many(3).await?.len(), 3);
        both.release().await?;
        b.release().await?;
        composition.close(Duration::from_secs(30)).await?;
        assert_eq!(composition.live_handles(), 0);
        } };
        Ok(())
    }
    run_placed(async || limited(program()).await.unwrap());
}

/// A component that imports `acme:env/clock@1.0.0` and exports `told`, `said` and `slept`.
fn clock_reader() -> ComposableComponent<()> {
    text(
        r#"(component
            (import "acme:env/clock@1.0.0" (instance $clock
                (export "now" (func (result u64)))
                (export "checked" (func (param "at-most" u64) (result u64)))))
            (alias export $clock "now" (func $now))
            (alias export $clock "checked" (func $checked))
            (core func $now (canon lower (func $now)))
            (core func $checked (canon lower (func $checked)))
            (core module $m
                (import "" "now" (func $now (result i64)))
                (import "" "checked" (func $checked (param i64) (result i64)))
                (func (export "told") (result i64) call $now)
                (func (export "said") (param i64) (result i64) (call $checked (local.get 0))))
            (core instance $i (instantiate $m (with "" (instance
                (export "now" (func $now)) (export "checked" (func $checked))))))
            (func (export "told") (result u64) (canon lift (core func $i "told")))
            (func (export "said") (param "n" u64) (result u64) (canon lift (core func $i "said"))))"#,
    )
}

#[test]
fn interface_in_rust_stands_in_the_block() {
    run(async || {
        let (ticks, log) = (Arc::new(AtomicU64::new(41)), Arc::new(Mutex::new(Vec::new())));
        let composition = compose! {
            component clock = host "acme:env/clock@1.0.0" with ticks, log {
                /// One later each time.
                fn now() -> u64 { ticks.fetch_add(1, Ordering::Relaxed) + 1 }
                fn checked(at_most: u64) -> wasmtime::Result<u64> {
                    log.lock().unwrap().push(at_most);
                    if at_most == 7 {
                        return Err(wasmtime::format_err!("seven"));
                    }
                    Ok("12".parse::<u64>()?.min(at_most))
                }
                async fn later(n: u64) -> wasmtime::Result<u64> = "much-later" {
                    tokio::task::yield_now().await;
                    log.lock().unwrap().push(n);
                    if n == 0 {
                        return Ok(n);
                    }
                    let more: u64 = "1".parse()?;
                    Ok(n + more)
                }
                async fn rest() { tokio::task::yield_now().await }
            } { hide "other" };
            component consumer = clock_reader();
            export fn told() -> u64;
            export fn said(n: u64) -> u64;
            export interface "acme:env/clock@1.0.0" as clock {
                async fn much_later(n: u64) -> u64;
                async fn rest();
            }
        };
        let error = composition.await.unwrap_err().to_string();
        assert!(error.contains("`other`"), "clauses apply to it: {error}");

        let (ticks, log) = (Arc::new(AtomicU64::new(41)), Arc::new(Mutex::new(Vec::new())));
        let composition = compose! {
            component clock = host "acme:env/clock@1.0.0" with ticks, log {
                fn now() -> u64 { ticks.fetch_add(1, Ordering::Relaxed) + 1 }
                fn checked(at_most: u64) -> wasmtime::Result<u64> {
                    if at_most == 7 {
                        return Err(wasmtime::format_err!("seven"));
                    }
                    Ok("12".parse::<u64>()?.min(at_most))
                }
                async fn later(n: u64) -> wasmtime::Result<u64> = "much-later" {
                    tokio::task::yield_now().await;
                    log.lock().unwrap().push(n);
                    if n == 0 {
                        return Ok(n);
                    }
                    let more: u64 = "1".parse()?;
                    Ok(n + more)
                }
                async fn rest() { tokio::task::yield_now().await }
            };
            component adder = host { fn double(n: u64) -> u64 { 2 * n } };
            component consumer = clock_reader();
            export fn told() -> u64;
            export fn double(n: u64) -> u64;
            export fn said(n: u64) -> u64;
            export interface "acme:env/clock@1.0.0" as clock {
                async fn much_later(n: u64) -> u64;
                async fn rest();
            }
        }
        .await
        .unwrap();
        assert_eq!(limited(composition.told()).await.unwrap(), 42);
        assert_eq!(limited(composition.told()).await.unwrap(), 43);
        assert_eq!(ticks.load(Ordering::Relaxed), 43);
        assert_eq!(limited(composition.double(21)).await.unwrap(), 42);
        assert_eq!(limited(composition.said(5)).await.unwrap(), 5);
        let calls = (0..3).map(|n| composition.clock().much_later(n));
        let later = limited(futures_util::future::try_join_all(calls)).await.unwrap();
        assert_eq!(later, [0, 2, 3]);
        assert_eq!(log.lock().unwrap().len(), 3);
        limited(composition.clock().rest()).await.unwrap();
        let func = composition.get_func(Some("acme:env/clock@1.0.0"), "checked").unwrap();
        assert_eq!(func.ty().to_string(), "func(at-most: u64) -> u64");
        let error = limited(composition.said(7)).await.unwrap_err();
        assert!(chain(&error).contains("seven"));
    });
}

mod timed {
    //! An interface in Rust that needs no argument.

    use super::clock_reader;

    const TICKS: u64 = 5;

    wasm_runtime_composer::compose! {
        pub(super) struct Timed;
        component consumer;
        component clock = host "acme:env/clock@1.0.0" {
            fn now() -> u64 { TICKS }
            fn checked(at_most: u64) -> u64 { at_most }
        } { layer wasm_runtime_composer::layer::DenyLayer::functions(["acme:env/clock#checked"], "no") };
        export fn told() -> u64;
        export fn said(n: u64) -> u64;
    }

    pub(super) async fn compose() -> Timed {
        Timed::compose(clock_reader()).await.unwrap()
    }
}

compose! {
    struct Shared;
    component consumer { import "acme:env/clock@1.0.0" from clock };
    component clock = host "acme:env/clock@1.0.0" with ticks: Arc<AtomicU64>, log: Arc<Mutex<Vec<u64>>> {
        fn now() -> u64 { ticks.fetch_add(1, Ordering::Relaxed) + 1 }
        fn checked(at_most: u64) -> u64 {
            log.lock().unwrap().push(at_most);
            at_most
        }
        async fn later(n: u64) -> wasmtime::Result<u64> {
            tokio::task::yield_now().await;
            log.lock().unwrap().push(n);
            Ok(n)
        }
    };
    component counter = host "acme:env/counter" with ticks {
        fn count() -> u64 { ticks.load(Ordering::Relaxed) }
    };
    export fn told() -> u64;
    export fn said(n: u64) -> u64;
    export interface "acme:env/clock@1.0.0" as clock { async fn later(n: u64) -> u64; }
    export interface "acme:env/counter" as counter { fn count() -> u64; }
}

#[test]
fn what_functions_in_rust_share_is_an_argument_of_an_item() {
    run(async || {
        let (ticks, log) = (Arc::new(AtomicU64::new(41)), Arc::new(Mutex::new(Vec::new())));
        let (consumer, shared) = (clock_reader(), (ticks.clone(), log.clone()));
        let parts = SharedParts { consumer, ticks: shared.0, log: shared.1 };
        let shared = limited(parts.compose()).await.unwrap();
        assert_eq!(limited(shared.told()).await.unwrap(), 42);
        assert_eq!(limited(shared.said(7)).await.unwrap(), 7);
        assert_eq!(limited(shared.clock().later(8)).await.unwrap(), 8);
        assert_eq!(limited(shared.counter().count()).await.unwrap(), 42);
        assert_eq!((ticks.load(Ordering::Relaxed), &*log.lock().unwrap()), (42, &vec![7, 8]));
    });
}

#[test]
fn type_of_what_is_shared_may_be_said_of_an_expression() {
    run(async || {
        let ticks = Arc::new(AtomicU64::new(41));
        let composition = compose! {
            component counter = host "acme:env/counter" with ticks: Arc<AtomicU64> {
                fn count() -> u64 { ticks.load(Ordering::Relaxed) }
            };
            export interface "acme:env/counter" as counter { fn count() -> u64; }
        };
        let composition = composition.await.unwrap();
        assert_eq!(limited(composition.counter().count()).await.unwrap(), 41);
    });
}

compose! {
    struct Two;
    component first { hide "composer:test/iproducer" };
    component second { hide "add"; deadline Duration::from_secs(60) };
    export fn add(a: i32, b: i32) -> i32;
}

#[test]
fn components_of_one_type_are_given_by_name() {
    run(async || {
        // In whatever order they are written.
        let parts = TwoParts { second: component("producer"), first: component("producer-b") };
        assert_eq!(format!("{parts:?}"), "TwoParts { .. }");
        let two = limited(parts.compose()).await.unwrap();
        assert_eq!(two.add(1, 2).await.unwrap(), 1003);
        let parts = TwoParts { second: component("producer-b"), first: component("producer") };
        assert_eq!(limited(parts.compose()).await.unwrap().add(1, 2).await.unwrap(), 3);
    });
}

#[test]
fn interface_in_rust_of_an_item_is_no_argument() {
    run(async || {
        let timed = limited(timed::compose()).await;
        assert_eq!(limited(timed.told()).await.unwrap(), 5);
        let error = limited(timed.said(1)).await.unwrap_err();
        assert!(chain(&error).contains("a layer failed the call of"));
    });
}

#[test]
fn layers_and_imports_under_other_names_stand_in_the_block() {
    run(async || {
        let (all, one) = (CountLayer::new(), CountLayer::new());
        let composition = compose! {
            layer all.clone();
            component relay = text(
                r#"(component
                    (import "wanted" (func $wanted (param "n" u64) (result u64)))
                    (core func $wanted (canon lower (func $wanted)))
                    (core module $m (import "" "f" (func $f (param i64) (result i64)))
                        (func (export "f") (param i64) (result i64) (call $f (local.get 0))))
                    (core instance $i
                        (instantiate $m (with "" (instance (export "f" (func $wanted))))))
                    (func (export "relay") (param "n" u64) (result u64)
                        (canon lift (core func $i "f"))))"#,
            ) {
                import "double" as "wanted" from numbers;
                layer one.clone() on "wanted";
            };
            component numbers = host {
                fn double(n: u64) -> u64 { 2 * n }
            } {
                layer DenyLayer::functions(["triple"], "there is none");
            };
            export fn relay(n: u64) -> u64;
        };
        let composition = limited(composition).await.unwrap();
        assert_eq!(limited(composition.relay(4)).await.unwrap(), 8);
        let calls = |counts: &CountLayer| counts.edges().iter().map(|it| it.calls).sum::<u64>();
        assert_eq!((calls(&all), calls(&one)), (2, 1));
    });
}

#[test]
fn chain_puts_components_one_behind_the_other() {
    run_placed(async || {
        // Written before its components, and with an id that is not the identifier.
        placed! { {
            chain "composer:test/greeter": one -> very_polite -> r#loop -> plain;
            component very_polite = component("polite");
            component plain = component("greeter");
            component r#loop = component("polite");
            component one = component("polite");
        } {
            export interface "composer:test/greeter" as greeter { fn greet(name: &str) -> String; }
        } |composition| {
        let greeting = limited(composition.greeter().greet("you")).await.unwrap();
        assert_eq!(greeting, "hello, dear dear dear you!!!");
        let edges: BTreeSet<_> = composition.plan().edges().iter().map(|edge| {
            let id = |path: &str| path.trim_start_matches("all/").to_owned();
            (id(&edge.consumer), edge.provider.as_deref().map(id))
        }).collect();
        for (consumer, provider) in [("one", "very-polite"), ("very-polite", "loop"), ("loop", "plain")] {
            assert!(edges.contains(&(consumer.to_owned(), Some(provider.to_owned()))), "{edges:?}");
        }
        } }
    });
}

#[test]
fn last_component_of_a_chain_may_have_a_hint_of_its_own() {
    run_placed(async || {
        placed! { {
            component last = component("polite") { import "composer:test/greeter" from plain };
            component plain = component("greeter");
            component first = component("polite");
            chain "composer:test/greeter": first -> last;
        } {
            export interface "composer:test/greeter" as greeter { fn greet(name: &str) -> String; }
        } |composition| {
        let greeting = limited(composition.greeter().greet("you")).await.unwrap();
        assert_eq!(greeting, "hello, dear dear you!!");
        } }
    });
}

compose! {
    /// The group is a part of a chain, and has one inside; one alone is a chain, too.
    struct Chained;
    component outer;
    fused all {
        component plain;
        component inner;
        chain "composer:test/greeter": inner -> plain;
    }
    component producer;
    component producer_b;
    chain "composer:test/greeter": outer -> all;
    chain "add": producer_b;
    export interface "composer:test/greeter" as greeter { fn greet(name: &str) -> String; }
    export fn add(a: i32, b: i32) -> i32;
}

#[test]
fn group_stands_in_a_chain_and_has_one_inside() {
    run_placed(async || {
        let parts = ChainedParts {
            outer: component("polite"),
            all: (Linker::new(engine()), || Store::new(engine(), ())),
            plain: composer_tests::with_linker(
                composer_tests::guest_file("greeter"),
                Linker::new(engine()),
            ),
            inner: composer_tests::with_linker(
                composer_tests::guest_file("polite"),
                Linker::new(engine()),
            ),
            producer: component("producer"),
            producer_b: component("producer-b"),
        };
        let chained = parts.compose().await.unwrap();
        let greeting = limited(chained.greeter().greet("you")).await.unwrap();
        assert_eq!(greeting, "hello, dear dear you!!");
        assert_eq!(limited(chained.add(1, 2)).await.unwrap(), 1003);
    });
}

/// The names of the public methods in the blocks `impl Composition` of a formatted source file.
fn methods(source: &str) -> Vec<&str> {
    let blocks = source.split("\nimpl Composition {\n").skip(1);
    let lines = blocks.flat_map(|block| block.lines().take_while(|line| *line != "}"));
    let names = lines.filter_map(|line| {
        let item = line.strip_prefix("    pub ")?;
        let item =
            item.strip_prefix("const ").or_else(|| item.strip_prefix("async ")).unwrap_or(item);
        item.strip_prefix("fn ")?.split(['(', '<']).next()
    });
    names.collect()
}

/// An accessor of such a name would hide the method.
#[test]
fn methods_of_a_composition_are_no_names_for_accessors() {
    fn gather(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("the library is there") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                gather(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") {
                let source = std::fs::read_to_string(path).expect("it can be read");
                found.extend(methods(&source).into_iter().map(str::to_owned));
            }
        }
    }
    let mut public = BTreeSet::new();
    gather(&folder().join("../composer/src"), &mut public);
    assert!(public.len() > 10, "the methods are read wrongly: {public:?}");

    let check = folder().join("../composer-macros/src/check/accessors.rs");
    let check = std::fs::read_to_string(check).expect("it can be read");
    let (_, reserved) = check.split_once("const METHODS: &[&str] = &[").expect("it has the names");
    let (reserved, _) = reserved.split_once("];").expect("the list ends");
    for name in public {
        assert!(reserved.contains(&format!("\"{name}\"")), "`{name}` is missing in METHODS");
    }
}

#[test]
fn methods_are_read_as_they_are_written() {
    let source = "\nimpl Composition {\n    pub fn a(&self) {}\n    pub async fn b<T>() {}\n    fn c() {}\n    \
        pub(crate) fn d() {}\n}\n\nimpl Other {\n    pub fn e() {}\n}\n";
    assert_eq!(methods(source), ["a", "b"]);
}
