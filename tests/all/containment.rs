//! A provider's failure as a value of its consumer.

use std::time::Duration;

use composer_tests::{Clock, chain, component, limited, run};
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, Containment, RestartPolicy,
    compose,
};

const FRAGILE: &str = "composer:test/ifragile";
const CAREFUL: &str = "composer:test/icareful";
const AGAIN: RestartPolicy = RestartPolicy::restart(1000, Duration::ZERO);

/// What `how` means to the guest `fragile`.
const FINE: u32 = 0;
const ERROR: u32 = 1;
const TRAP: u32 = 2;
const WAIT: u32 = 3;

/// `careful`, which contains some failures of `fragile`.
async fn careful(
    configure: impl Fn(ComposableDescriptor) -> ComposableDescriptor,
    contained: &[(&str, Containment)],
) -> Composition {
    let mut composer = Composer::new();
    let fragile = ComposableDescriptor::new("fragile", Clock::default().component("fragile"));
    composer.add(configure(fragile));
    let mut careful = ComposableDescriptor::new("careful", component("careful"));
    for (function, how) in contained {
        careful = careful.with_containment(format!("{FRAGILE}{function}"), how.clone());
    }
    composer.add(careful);
    limited(composer.compose()).await.unwrap()
}

async fn said(
    composition: &Composition,
    function: &str,
    how: u32,
) -> Result<String, CompositionError> {
    let func = composition.typed::<(u32,), String>(Some(CAREFUL), function).unwrap();
    limited(func.call((how,))).await
}

async fn calls(composition: &Composition) -> u32 {
    let calls = composition.typed::<(), u32>(Some(CAREFUL), "calls").unwrap();
    limited(calls.call(())).await.unwrap()
}

#[test]
fn failure_is_a_text_or_a_case_and_the_consumer_goes_on() {
    run(async || {
        let contained = [
            ("#text", Containment::message()),
            ("#text-later", Containment::message()),
            ("#by-fault", Containment::case("gone")),
            ("#by-cause", Containment::case("failed")),
        ];
        let composition = careful(|it| it.with_restart(AGAIN), &contained).await;
        let trapped = "wasm trap: wasm `unreachable` instruction executed";
        for (function, expected) in [
            ("text", format!("err component `fragile` trapped in `{FRAGILE}#text`: {trapped}")),
            (
                "text-later",
                format!("err component `fragile` trapped in `{FRAGILE}#text-later`: {trapped}"),
            ),
            ("by-fault", "err gone".to_owned()),
            (
                "by-cause",
                format!(
                    "err failed: component `fragile` trapped in `{FRAGILE}#by-cause`: {trapped}"
                ),
            ),
        ] {
            assert_eq!(said(&composition, function, FINE).await.unwrap(), "ok 7");
            assert_eq!(said(&composition, function, ERROR).await.unwrap(), "err refused");
            assert_eq!(said(&composition, function, TRAP).await.unwrap(), expected);
        }
        // It is the instance that it was.
        assert_eq!(calls(&composition).await, 12);
    });
}

#[test]
fn provider_that_is_gone_is_contained() {
    run(async || {
        let contained =
            [("#text", Containment::message()), ("#by-fault", Containment::case("gone"))];
        let composition = careful(|it| it, &contained).await;
        said(&composition, "text", TRAP).await.unwrap();
        let text = said(&composition, "text", FINE).await.unwrap();
        let expected = format!(
            "err component `fragile` is not running and cannot be asked for `{FRAGILE}#text`: \
             component `fragile` trapped in `{FRAGILE}#text`: "
        );
        assert!(text.starts_with(&expected), "{text}");
        assert_eq!(said(&composition, "by-fault", FINE).await.unwrap(), "err gone");
        // What was refused does not wait.
        for _ in 0..100 {
            said(&composition, "by-fault", FINE).await.unwrap();
        }
        for component in composition.snapshot().components {
            assert_eq!((component.instances[0].waiting, component.instances[0].running), (0, 0));
        }
    });
}

#[test]
fn time_that_is_over_is_contained() {
    run(async || {
        let contained =
            [("#text", Containment::message()), ("#text-later", Containment::message())];
        let short = Duration::from_millis(20);
        let configure = |it: ComposableDescriptor| it.with_deadline(short).with_restart(AGAIN);
        let composition = careful(configure, &contained).await;
        for function in ["text", "text-later"] {
            let text = said(&composition, function, WAIT).await.unwrap();
            assert!(text.contains("did not answer"), "{text}");
        }
        assert_eq!(calls(&composition).await, 2);
    });
}

#[test]
fn function_that_is_not_contained_traps_its_caller() {
    run(async || {
        // Of an interface, that is every function without a `result`.
        let contained = [
            ("", Containment::message()),
            ("#by-fault", Containment::case("gone")),
            ("#by-cause", Containment::case("refused")),
        ];
        let composition = careful(|it| it.with_restart(AGAIN), &contained).await;
        assert!(said(&composition, "text", TRAP).await.unwrap().starts_with("err component"));
        assert!(said(&composition, "text-later", TRAP).await.unwrap().starts_with("err component"));
        assert_eq!(said(&composition, "by-fault", TRAP).await.unwrap(), "err gone");
        assert_eq!(said(&composition, "by-cause", TRAP).await.unwrap(), "err refused");
        let error = said(&composition, "plain", TRAP).await.unwrap_err();
        assert!(
            chain(&error)
                .starts_with("component `careful` trapped in `composer:test/icareful#plain`"),
            "{}",
            chain(&error)
        );
    });
}

#[test]
fn containment_is_a_clause() {
    run(async || {
        let composition = compose! {
            component fragile = Clock::default().component("fragile") { restart AGAIN };
            component careful = component("careful") {
                contain "composer:test/ifragile#text";
                contain "composer:test/ifragile#by-fault" as "gone"
            };
            export interface "composer:test/icareful" as careful {
                fn text(how: u32) -> String;
                fn by_fault(how: u32) -> String;
            }
        };
        let composition = limited(composition).await.unwrap();
        assert!(limited(composition.careful().text(TRAP)).await.unwrap().starts_with("err comp"));
        assert_eq!(limited(composition.careful().by_fault(TRAP)).await.unwrap(), "err gone");
    });
}

#[test]
fn replaced_consumer_goes_on_containing() {
    run(async || {
        let composition =
            careful(|it| it.with_restart(AGAIN), &[("#by-fault", Containment::case("gone"))]).await;
        let fresh = composition.replace("careful", component("careful"));
        limited(fresh.into_future()).await.unwrap();
        assert_eq!(said(&composition, "by-fault", TRAP).await.unwrap(), "err gone");
    });
}
