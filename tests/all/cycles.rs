//! Components that import from each other in a cycle: Contract 3.7 and 5.5.

use std::time::Duration;

use composer_tests::{Clock, GATED, call, chain, limited, run, text};
use futures_util::future::{join, join_all, poll_immediate};
use wasm_runtime_composer::error::{StartError, WaitStep};
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, Containment, RestartPolicy,
    compose,
};
use wasmtime::component::Val;

const LEFT: &str = "composer:test/ileft";
const RIGHT: &str = "composer:test/iright";

/// The guests `left` and `right`, each with a clock.
struct Ring {
    composition: Composition,
    clocks: [Clock; 2],
}

async fn ring(configure: impl Fn(ComposableDescriptor) -> ComposableDescriptor) -> Ring {
    let clocks = [Clock::default(), Clock::default()];
    let mut composer = Composer::new();
    for (name, clock) in ["left", "right"].into_iter().zip(&clocks) {
        composer.add(configure(ComposableDescriptor::new(name, clock.component(name))));
    }
    composer.allow_cycles();
    let composition = limited(composer.compose()).await.unwrap();
    Ring { composition, clocks }
}

async fn down(
    composition: &Composition,
    interface: &str,
    function: &str,
    n: u32,
) -> Result<u32, CompositionError> {
    let func = composition.typed::<(u32,), u32>(Some(interface), function)?;
    limited(func.call((n,))).await
}

/// The cycle in the causes of an error.
fn cycle(error: &CompositionError) -> Option<Vec<String>> {
    let chain = match error {
        CompositionError::WaitCycle { chain, .. } => chain,
        CompositionError::Trap { source, .. } => return cycle(source.downcast_ref()?),
        _ => return None,
    };
    let step = |step: &WaitStep| {
        format!("{} waits for {} of {}", step.waiting, step.function, step.component)
    };
    Some(chain.iter().map(step).collect())
}

#[test]
fn calls_go_both_ways_where_nobody_waits_for_itself() {
    run(async || {
        let ring = ring(|it| it).await;
        for (interface, n) in [(LEFT, 0), (LEFT, 1), (RIGHT, 1), (RIGHT, 0), (LEFT, 1)] {
            assert_eq!(down(&ring.composition, interface, "down", n).await.unwrap(), n);
        }
    });
}

#[test]
fn async_calls_come_back_as_often_as_they_like() {
    run(async || {
        let ring = ring(|it| it).await;
        let calls = [(LEFT, 9), (RIGHT, 20), (LEFT, 50), (RIGHT, 1)];
        let calls = calls.map(|(interface, n)| down(&ring.composition, interface, "down-later", n));
        let found = join_all(calls).await;
        let found: Vec<u32> = found.into_iter().map(Result::unwrap).collect();
        assert_eq!(found, [9, 20, 50, 1]);
    });
}

#[test]
fn call_that_comes_back_to_a_held_component_is_an_error_that_names_the_chain() {
    run(async || {
        let ring = ring(|it| it).await;
        let error = down(&ring.composition, LEFT, "down", 2).await.unwrap_err();
        assert_eq!(
            chain(&error),
            "component `left` trapped in `composer:test/ileft#down`\n\
             component `right` trapped in `composer:test/iright#down`\n\
             calling `composer:test/ileft#down` of component `left` would never end: `right` would \
             wait for `composer:test/ileft#down` of `left`, and `left` waits for \
             `composer:test/iright#down` of `right`"
        );
        let CompositionError::Trap { source, .. } = &error else { panic!("{error:?}") };
        let cause = source.downcast_ref::<CompositionError>().unwrap();
        assert_eq!(
            cycle(cause).unwrap(),
            [
                "right waits for composer:test/ileft#down of left",
                "left waits for composer:test/iright#down of right"
            ]
        );
    });
}

#[test]
fn components_of_a_cycle_are_started_again_and_go_on() {
    run(async || {
        let ring = ring(|it| it.with_restart(RestartPolicy::restart(9, Duration::ZERO))).await;
        for _ in 0..3 {
            down(&ring.composition, LEFT, "down", 2).await.unwrap_err();
            assert_eq!(down(&ring.composition, LEFT, "down", 1).await.unwrap(), 1);
            assert_eq!(down(&ring.composition, RIGHT, "down-later", 7).await.unwrap(), 7);
        }
    });
}

#[test]
fn cycle_that_is_contained_is_an_error_of_the_guest() {
    run(async || {
        let clocks = [Clock::default(), Clock::default()];
        let composition = compose! {
            component left = clocks[0].component("left") {
                contain "composer:test/iright#try-down"
            };
            component right = clocks[1].component("right") {
                contain "composer:test/ileft#try-down"
            };
            allow cycles;
            export interface "composer:test/ileft" as left {
                fn try_down(n: u32) -> Result<u32, String>;
            }
        };
        let composition = limited(composition).await.unwrap();
        for _ in 0..3 {
            assert_eq!(limited(composition.left().try_down(1)).await.unwrap(), Ok(1));
            let error = limited(composition.left().try_down(2)).await.unwrap().unwrap_err();
            assert!(error.starts_with("calling `composer:test/ileft#try-down`"), "{error}");
        }
    });
}

#[test]
fn two_chains_that_cross_do_not_deadlock() {
    run(async || {
        let Ring { composition, clocks } = ring(|it| it).await;
        let block = |interface| {
            composition.typed::<(u64, u32), u32>(Some(interface), "block-down").unwrap()
        };
        let (left, right) = (block(LEFT), block(RIGHT));
        // Both are held by the host, each about to call the other.
        let mut calls = Box::pin(join(left.call((GATED, 0)), right.call((GATED, 0))));
        assert!(poll_immediate(&mut calls).await.is_none());
        let begun = format!("block {GATED}");
        let held = join(clocks[0].logged(&begun), clocks[1].logged(&begun));
        futures_util::future::select(calls.as_mut(), Box::pin(held)).await;
        clocks.iter().for_each(Clock::open);
        let (left, right) = limited(calls).await;
        // One of the two closes the cycle; the other loses its provider with it.
        let (left, right) = (left.unwrap_err(), right.unwrap_err());
        let cycles = [cycle(&left), cycle(&right)];
        assert_eq!(cycles.iter().flatten().count(), 1, "{left:?}\n{right:?}");
    });
}

#[test]
fn chains_that_cross_again_and_again_are_all_answered() {
    run(async || {
        let ring = ring(|it| it.with_restart(RestartPolicy::restart(1000, Duration::ZERO))).await;
        let callers = (0..16).map(|caller| {
            let composition = &ring.composition;
            async move {
                let interface = [LEFT, RIGHT][caller % 2];
                let mut answered = [0, 0];
                for n in 0..20 {
                    let function = ["down", "down-later"][n % 2];
                    // A cycle, or a provider that a cycle of others has ended.
                    match down(composition, interface, function, 1).await {
                        Ok(_) => answered[0] += 1,
                        Err(_) => answered[1] += 1,
                    }
                }
                answered
            }
        });
        let answered = join_all(callers).await;
        assert!(answered.iter().all(|[right, wrong]| right + wrong == 20), "{answered:?}");
    });
}

#[test]
fn caller_that_goes_away_leaves_nobody_waiting() {
    run(async || {
        let Ring { composition, clocks } = ring(|it| it).await;
        let block = composition.typed::<(u64, u32), u32>(Some(RIGHT), "block-down").unwrap();
        let later = composition.typed::<(u32,), u32>(Some(LEFT), "down-later").unwrap();
        // `left` waits for `right`, which the host holds.
        let mut held = Box::pin(block.call((GATED, 0)));
        assert!(poll_immediate(&mut held).await.is_none());
        clocks[1].logged(&format!("block {GATED}")).await;
        let mut given_up = Box::pin(later.call((1,)));
        assert!(poll_immediate(&mut given_up).await.is_none());
        drop(given_up);
        clocks[1].open();
        assert_eq!(limited(held).await.unwrap(), 0);
        assert_eq!(down(&composition, LEFT, "down", 1).await.unwrap(), 1);
        assert_eq!(down(&composition, RIGHT, "down", 1).await.unwrap(), 1);
    });
}

/// Calls `peer` when it is instantiated, if it is to be eager, and exports `name`.
fn starter(name: &str, peer: &str, eager: bool) -> String {
    let start = if eager { "(func $s (drop (call $peer))) (start $s)" } else { "" };
    format!(
        r#"(component
            (import "{peer}" (func $peer (result u32)))
            (core func $peer (canon lower (func $peer)))
            (core module $m
                (import "" "peer" (func $peer (result i32)))
                {start}
                (func (export "f") (result i32) i32.const 1))
            (core instance $i (instantiate $m (with "" (instance (export "peer" (func $peer))))))
            (func (export "{name}") (result u32) (canon lift (core func $i "f"))))"#
    )
}

#[test]
fn component_called_before_it_was_started_is_an_error() {
    run(async || {
        for eager in [[true, false], [false, true], [false, false], [true, true]] {
            let mut composer = Composer::new();
            composer.add(ComposableDescriptor::new("a", text(starter("a", "b", eager[0]))));
            composer.add(ComposableDescriptor::new("b", text(starter("b", "a", eager[1]))));
            composer.allow_cycles();
            match limited(composer.compose()).await {
                // Whoever is started last may call the other.
                Ok(composition) => {
                    assert_ne!(eager, [true, true]);
                    let a = limited(call(&composition, None, "a", &[])).await.unwrap();
                    assert_eq!(a, Val::U32(1));
                }
                Err(error) => {
                    assert_ne!(eager, [false, false]);
                    assert!(
                        matches!(error, CompositionError::Start(StartError::Instantiate { .. })),
                        "{error:?}"
                    );
                    let text = chain(&error);
                    assert!(text.contains("the component was not started yet"), "{text}");
                }
            }
        }
    });
}

#[test]
fn component_of_a_cycle_can_be_replaced() {
    run(async || {
        let Ring { composition, .. } = ring(|it| {
            let other = if format!("{it:?}").contains("\"left\"") { RIGHT } else { LEFT };
            it.with_containment(format!("{other}#try-down"), Containment::message())
        })
        .await;
        let try_down =
            composition.typed::<(u32,), Result<u32, String>>(Some(LEFT), "try-down").unwrap();
        for _ in 0..3 {
            assert_eq!(limited(try_down.call((1,))).await.unwrap(), Ok(1));
            let error = limited(try_down.call((2,))).await.unwrap().unwrap_err();
            assert!(error.contains("would never end"), "{error}");
            for name in ["right", "left"] {
                let fresh = Clock::default().component(name);
                limited(composition.replace(name, fresh).into_future()).await.unwrap();
            }
        }
    });
}

#[test]
fn replacement_closes_no_cycle_unless_that_is_allowed() {
    run(async || {
        let constant = |name: &str| {
            text(format!(
                r#"(component
                    (core module $m (func (export "f") (result i32) i32.const 1))
                    (core instance $i (instantiate $m))
                    (func (export "{name}") (result u32) (canon lift (core func $i "f"))))"#
            ))
        };
        for allowed in [false, true] {
            let mut composer = Composer::new();
            composer.add(ComposableDescriptor::new("a", constant("a")));
            composer.add(ComposableDescriptor::new("b", text(starter("b", "a", false))));
            if allowed {
                composer.allow_cycles();
            }
            let composition = limited(composer.compose()).await.unwrap();
            let replaced = composition.replace("a", text(starter("a", "b", false)));
            let result = limited(replaced.into_future()).await;
            match result {
                Ok(()) => assert!(allowed),
                Err(error) => {
                    assert!(!allowed);
                    assert_eq!(
                        error.to_string(),
                        "components import from each other in a cycle: `a` -> `b` -> `a`"
                    );
                }
            }
            let a = limited(call(&composition, None, "a", &[])).await.unwrap();
            assert_eq!(a, Val::U32(1));
        }
    });
}
