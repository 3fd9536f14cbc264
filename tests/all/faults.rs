//! Random faults in random compositions: while many callers work, guests trap, call in cycles and
//! leak handles, callers go away and flood inboxes, deadlines pass, components are replaced, and the
//! end comes early or late. Every call is answered, nothing hangs, every destructor runs once, nothing
//! is left.
//!
//! `FAULT_SEEDS=1000` runs more of them, `FAULT_SEED=17` a certain one.

use std::cell::Cell;
use std::collections::HashMap;
use std::env;
use std::error::Error;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use composer_tests::{Clock, composer, engine, limited, run, string, until, with_linker};
use futures_util::future::{join_all, poll_immediate};
use wasm_runtime_composer::error::HostPanic;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composition, CompositionError, Containment,
    OwnedResource, RestartPolicy,
};
use wasmtime::StoreContextMut;
use wasmtime::component::{Component, Linker, Val};

const BUCKETS: &str = "composer:test/buckets";
const BROKER: &str = "composer:test/bucket-user";
const CONSUMER: &str = "composer:test/ibuckets-consumer";

/// A small generator of numbers that only need to look random (splitmix64).
pub(crate) struct Random(Cell<u64>);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    pub(crate) fn below(&self, n: u64) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

/// Exports a resource, and tells the host of each that is made and of each destructor that runs.
const THINGS: &str = r#"(component
    (import "made" (func $made))
    (import "ended" (func $ended))
    (core func $made (canon lower (func $made)))
    (core func $ended (canon lower (func $ended)))
    (core module $host
        (import "" "ended" (func $ended))
        (func (export "end") (param i32) (call $ended)))
    (core instance $host (instantiate $host (with "" (instance (export "ended" (func $ended))))))
    (type $thing (resource (rep i32) (dtor (core func $host "end"))))
    (core func $new (canon resource.new $thing))
    (core module $m
        (import "" "made" (func $made))
        (import "" "new" (func $new (param i32) (result i32)))
        (func (export "make") (result i32) (call $made) (call $new (i32.const 1)))
        (func (export "use") (param i32) (result i32) (local.get 0)))
    (core instance $i (instantiate $m (with "" (instance
        (export "made" (func $made))
        (export "new" (func $new))))))
    (func $make (result (own $thing)) (canon lift (core func $i "make")))
    (func $use (param "self" (borrow $thing)) (result u32) (canon lift (core func $i "use")))
    (component $wrap
        (import "thing" (type $t (sub resource)))
        (import "make" (func $make (result (own $t))))
        (import "use" (func $use (param "self" (borrow $t)) (result u32)))
        (export $thing "thing" (type $t))
        (export "[constructor]thing" (func $make) (func (result (own $thing))))
        (export "[method]thing.use" (func $use)
            (func (param "self" (borrow $thing)) (result u32))))
    (instance $things (instantiate $wrap
        (with "thing" (type $thing))
        (with "make" (func $make))
        (with "use" (func $use))))
    (export "t:t/things" (instance $things)))"#;

/// Keeps the last of many things, leaks the others, and traps when asked to.
const KEEPER: &str = r#"(component
    (import "t:t/things" (instance $things
        (export "thing" (type $thing (sub resource)))
        (export "[constructor]thing" (func (result (own $thing))))
        (export "[method]thing.use"
            (func (param "self" (borrow $thing)) (result u32)))))
    (core func $make (canon lower (func $things "[constructor]thing")))
    (core func $use (canon lower (func $things "[method]thing.use")))
    (core module $m
        (import "" "make" (func $make (result i32)))
        (import "" "use" (func $use (param i32) (result i32)))
        (global $thing (mut i32) (i32.const 0))
        (func (export "keep") (global.set $thing (call $make)))
        (func (export "use-kept") (result i32)
            (if (result i32) (global.get $thing)
                (then (call $use (global.get $thing)))
                (else (i32.const 0))))
        (func (export "break") unreachable))
    (core instance $i (instantiate $m (with "" (instance
        (export "make" (func $make))
        (export "use" (func $use))))))
    (func (export "keep") (canon lift (core func $i "keep")))
    (func (export "use-kept") (result u32) (canon lift (core func $i "use-kept")))
    (func (export "break") (canon lift (core func $i "break"))))"#;

/// How many things were made, and how many destructors have run.
#[derive(Clone, Default)]
struct Things {
    made: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Things {
    fn component(&self) -> ComposableComponent<()> {
        let mut linker = Linker::new(engine());
        for (name, count) in [("made", &self.made), ("ended", &self.ended)] {
            let count = count.clone();
            let counted = move |_: StoreContextMut<'_, ()>, (): ()| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok(())
            };
            linker.root().func_wrap(name, counted).expect("the name is free");
        }
        with_linker(compiled(THINGS), linker)
    }
}

/// A fixture, compiled once.
fn compiled(text: &'static str) -> Component {
    static COMPILED: Mutex<Option<HashMap<&'static str, Component>>> = Mutex::new(None);
    let mut compiled = COMPILED.lock().expect("compiling does not panic");
    let compile = || Component::new(engine(), text).expect("a fixture compiles");
    compiled.get_or_insert_default().entry(text).or_insert_with(compile).clone()
}

/// What a seed is about: a composition of random components, and how each is made anew.
struct World {
    composition: Composition,
    clock: Clock,
    things: Things,
    /// The ids, and the guest of each.
    components: Vec<(String, &'static str)>,
}

impl World {
    fn part(&self, guest: &str) -> ComposableComponent<()> {
        part(guest, &self.clock, &self.things)
    }
}

fn part(guest: &str, clock: &Clock, things: &Things) -> ComposableComponent<()> {
    match guest {
        "things" => things.component(),
        "keeper" => with_linker(compiled(KEEPER), Linker::new(engine())),
        "sleeper" | "trapper" | "left" | "right" | "fragile" => clock.component(guest),
        guest => composer_tests::component(guest),
    }
}

/// Composes everything that calls need, and a chain of greeters as long as it comes.
async fn compose(random: &Random) -> World {
    let (clock, things) = (Clock::default(), Things::default());
    let restarts = RestartPolicy::restart(1000, Duration::ZERO);
    let mut composer = composer(&[]);
    composer.allow_cycles();
    let mut components = Vec::new();
    let mut add = |id: String, guest: &'static str, hint: Option<(&str, String)>| {
        let mut descriptor = ComposableDescriptor::new(&*id, part(guest, &clock, &things));
        descriptor = descriptor
            .with_inbox_capacity([1, 2, 1024][random.below(3) as usize])
            .with_instances([1, 1, 1, 3][random.below(4) as usize])
            .with_handle_limit([4, 100_000][random.below(2) as usize]);
        if random.below(3) > 0 {
            descriptor = descriptor.with_restart(restarts);
        }
        if guest == "careful" && random.below(2) == 0 {
            descriptor = descriptor
                .with_containment("composer:test/ifragile#text", Containment::message())
                .with_containment("composer:test/ifragile#by-fault", Containment::case("gone"));
        }
        if matches!(guest, "left" | "right") && random.below(2) == 0 {
            let other = if guest == "left" { "iright" } else { "ileft" };
            let import = format!("composer:test/{other}#try-down");
            descriptor = descriptor.with_containment(import, Containment::message());
        }
        if let Some((import, provider)) = hint {
            descriptor = descriptor.with_import_hint(import, provider);
        }
        composer.add(descriptor);
        components.push((id, guest));
    };
    for guest in [
        "bucket-store",
        "broker",
        "bucket-consumer",
        "trap-caller",
        "producer",
        "sleeper",
        "trapper",
        "left",
        "right",
        "fragile",
        "careful",
        "things",
        "keeper",
        "greeter",
    ] {
        add(guest.to_owned(), guest, None);
    }
    let mut last = "greeter".to_owned();
    for link in 0..random.below(4) {
        // Each link greets through one of those before it.
        let hint = Some(("composer:test/greeter", last.clone()));
        let id = format!("polite-{link}");
        add(id.clone(), "polite", hint);
        if random.below(3) > 0 {
            last = id;
        }
    }
    composer.with_export_hint("composer:test/greeter", &*last);
    let composition = composer.compose().await.unwrap();
    World { composition, clock, things, components }
}

/// Any call that needs no handle.
fn some_call(random: &Random) -> (Option<&'static str>, &'static str, Vec<Val>) {
    let name = || string(["a", "b", "c"][random.below(3) as usize]);
    let small = || Val::U32(random.below(4) as u32);
    // What `fragile` is asked for ends at once.
    let how = || Val::U32(random.below(3) as u32);
    let ring = ["composer:test/ileft", "composer:test/iright"][random.below(2) as usize];
    let (interface, function, params) = match random.below(28) {
        0 => (CONSUMER, "run-resource", vec![]),
        1 => (CONSUMER, "run-third", vec![]),
        2 => (CONSUMER, "run-nested", vec![]),
        3 => (CONSUMER, "hold", vec![name()]),
        4 => (CONSUMER, "release", vec![]),
        5 => (CONSUMER, ["leak-to-third", "abandon"][random.below(2) as usize], vec![name()]),
        6 => (BROKER, "give-back", vec![]),
        7 => (BUCKETS, "many", vec![small()]),
        8 => ("composer:test/isleeper", "nap", vec![Val::U64(random.below(3))]),
        9 => ("composer:test/isleeper", "doze", vec![Val::U64(random.below(3))]),
        10 => ("composer:test/itrapper", "fine", vec![]),
        11 => ("composer:test/itrapper", "boom-later", vec![]),
        12 => {
            let divisor = Val::S32(random.below(2) as i32);
            ("composer:test/itrapper", "divide", vec![Val::S32(1), divisor])
        }
        13 => ("composer:test/itrap-caller", "call-boom-later", vec![]),
        14 => ("composer:test/itrap-caller", "call-fine", vec![]),
        15 => (ring, "down", vec![small()]),
        16 => (ring, "down-later", vec![Val::U32(random.below(20) as u32)]),
        17 => (ring, "block-down", vec![Val::U64(random.below(3)), small()]),
        18 => (ring, "try-down", vec![small()]),
        19 => ("composer:test/icareful", "text", vec![how()]),
        20 => ("composer:test/icareful", "by-fault", vec![how()]),
        21 => ("composer:test/icareful", "text-later", vec![how()]),
        22 => ("composer:test/greeter", "greet", vec![name()]),
        23 => ("", "keep", vec![]),
        24 => ("", "use-kept", vec![]),
        25 => ("", "break", vec![]),
        26 => ("composer:test/icareful", "give-up", vec![how(), small()]),
        _ => (BUCKETS, "live", vec![]),
    };
    (Some(interface).filter(|it| !it.is_empty()), function, params)
}

/// What no fault may lead to.
fn check(error: &CompositionError) {
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = source {
        assert!(error.downcast_ref::<HostPanic>().is_none(), "a panic: {error}");
        source = error.source();
    }
    let text = composer_tests::chain(error);
    for word in ["bug", "already de-allocated", "unknown handle index", "mismatched resource"] {
        assert!(!text.contains(word), "{text}");
    }
}

async fn dynamic_call(composition: &Composition, random: &Random) {
    let (interface, function, params) = some_call(random);
    let mut func = composition.get_func(interface, function).unwrap();
    if random.below(4) == 0 {
        func = func.with_deadline(Duration::from_millis(random.below(3)));
    }
    let mut results = vec![Val::Bool(false); usize::from(func.ty().result().is_some())];
    let mut call = Box::pin(func.call(&params, &mut results));
    if random.below(3) == 0 {
        // The caller goes away, at once or after a moment.
        for _ in 0..random.below(4) {
            if poll_immediate(&mut call).await.is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
        return;
    }
    let answer = limited(&mut call).await;
    drop(call);
    match answer {
        // Some results are dropped, others forgotten: the end finds them.
        Ok(()) if random.below(2) == 0 => {
            for result in &results {
                if let Err(error) = limited(composition.drop_handles(result)).await {
                    check(&error);
                }
            }
        }
        Ok(()) => {}
        Err(error) => check(&error),
    }
}

async fn with_handles(composition: &Composition, random: &Random) -> Result<(), CompositionError> {
    let constructor = "[constructor]bucket";
    let new = composition.typed::<(&str,), OwnedResource>(Some(BUCKETS), constructor)?;
    let merge = composition.typed::<(OwnedResource, &OwnedResource), OwnedResource>(
        Some(BUCKETS),
        "[static]bucket.merge",
    )?;
    let find = composition
        .typed::<(&OwnedResource, &str), Option<u32>>(Some(BUCKETS), "[method]bucket.find")?;
    let describe =
        composition.typed::<(&OwnedResource,), String>(Some(BROKER), "describe-later")?;
    let relabel = composition.typed::<(OwnedResource,), OwnedResource>(Some(BROKER), "relabel")?;
    let keep = composition.typed::<(OwnedResource,), ()>(Some(BROKER), "keep")?;

    let (first, second) = (new.call(("x",)).await?, new.call(("y",)).await?);
    let finding = find.call((&second, "z"));
    if random.below(2) == 0 {
        finding.await?;
    } else {
        let mut finding = Box::pin(finding);
        let _ = poll_immediate(&mut finding).await;
    }
    let merged = merge.call((first, &second)).await?;
    describe.call((&merged,)).await?;
    let merged = relabel.call((merged,)).await?;
    match random.below(3) {
        0 => keep.call((merged,)).await?,
        1 => second.release().await?,
        _ => {}
    }
    Ok(())
}

/// Puts a component in the place of one, perhaps going away before it is there.
async fn replace(world: &World, random: &Random) {
    let (id, guest) = &world.components[random.below(world.components.len() as u64) as usize];
    let mut replacement = world.composition.replace(&**id, world.part(guest));
    // What counts its destructors is given the time that it needs.
    if *guest != "things" && random.below(2) == 0 {
        replacement = replacement.retiring_within(Duration::from_millis(random.below(3)));
    }
    let mut replacing = replacement.into_future();
    if random.below(3) == 0 {
        for _ in 0..random.below(6) {
            if poll_immediate(&mut replacing).await.is_some() {
                return;
            }
            tokio::task::yield_now().await;
        }
        return;
    }
    if let Err(error) = limited(replacing).await {
        check(&error);
    }
}

/// Many calls at once.
async fn flood(composition: &Composition, random: &Random) {
    let (interface, function, params) = some_call(random);
    let func = composition.get_func(interface, function).unwrap();
    let calls = (0..100).map(|_| async {
        let mut results = vec![Val::Bool(false); usize::from(func.ty().result().is_some())];
        func.call(&params, &mut results).await
    });
    for answer in limited(join_all(calls)).await {
        if let Err(error) = answer {
            check(&error);
        }
    }
}

async fn one_seed(seed: u64) {
    let random = Random::new(seed);
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let world = compose(&random).await;
    let composition = &world.composition;
    // In some seeds the end comes in the midst of it.
    let early_end = (random.below(3) == 0).then(|| random.below(60));
    let done = Cell::new(0_u64);
    let callers = (0..8).map(|_| async {
        for _ in 0..20 {
            match random.below(24) {
                0 => replace(&world, &random).await,
                1 => flood(composition, &random).await,
                2..8 => {
                    if let Err(error) = limited(with_handles(composition, &random)).await {
                        check(&error);
                    }
                }
                _ => dynamic_call(composition, &random).await,
            }
            done.set(done.get() + 1);
            if early_end == Some(done.get()) {
                limited(composition.close(Duration::from_millis(random.below(4)))).await.ok();
            }
        }
    });
    join_all(callers).await;
    let in_time = early_end.is_none() && random.below(4) > 0;
    if in_time {
        // What is over is not counted, while the composition runs on.
        until(|| {
            let components = composition.snapshot().components;
            let mut instances = components.iter().flat_map(|it| &it.instances);
            instances.all(|it| it.waiting == 0 && it.running == 0)
        })
        .await;
        limited(composition.close(Duration::from_secs(20))).await.unwrap();
    } else if early_end.is_some() {
        limited(composition.close(Duration::from_secs(20))).await.ok();
    }
    if in_time || early_end.is_some() {
        assert_eq!(composition.live_handles(), 0, "seed {seed}");
        // Nothing is counted that is over.
        for component in composition.snapshot().components {
            for instance in component.instances {
                let counted = (instance.waiting, instance.running, instance.live_handles);
                assert_eq!(counted, (0, 0, 0), "seed {seed}: {}", component.id);
            }
        }
    }
    let World { composition, things, .. } = world;
    drop(composition);
    until(|| tasks() == before).await;
    // No destructor runs twice, and none is missed unless a call is cut off that has just made one.
    let [made, ended] = [&things.made, &things.ended].map(|count| count.load(Ordering::Relaxed));
    assert!(ended <= made && (ended == made || !in_time), "seed {seed}: {ended} of {made}");
}

#[test]
fn every_call_is_answered_and_nothing_is_left_whatever_fails() {
    for seed in seeds() {
        println!("seed {seed}");
        run(|| one_seed(seed));
    }
}

/// The seeds to run with.
pub(crate) fn seeds() -> Range<u64> {
    let number = |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    match number("FAULT_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FAULT_SEEDS").unwrap_or(10),
    }
}
