//! Resources that the host defines, between stores: Contract 8.1 to 8.4.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use composer_tests::{call, call_unit, chain, engine, limited, run, until};
use wasm_runtime_composer::error::{HostResourceReason, PlanProblem};
use wasm_runtime_composer::typed::Moved;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, ComposableInstance, Composer, Composition,
    CompositionError, OwnedResource, RestartPolicy,
};
use wasmtime::Store;
use wasmtime::component::{Component, Linker, Resource, ResourceTable, ResourceType, Val};

const CONNECTIONS: &str = "acme:db/connections@1.0.0";
const POOL: &str = "acme:db/pool";

/// What the host's interface is about. It is counted, and cloned where it is lent.
struct Connection {
    id: u32,
    open: Arc<AtomicUsize>,
}

impl Connection {
    fn new(id: u32, open: &Arc<AtomicUsize>) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self { id, open: open.clone() }
    }
}

impl Clone for Connection {
    fn clone(&self) -> Self {
        Self::new(self.id, &self.open)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Child;

/// The data of a store. When it is dropped, it tells what was left in its table.
struct State {
    table: ResourceTable,
    /// What was derived from connections and is in use.
    derived: Vec<Resource<Child>>,
    /// Added to each connection's number, to tell the hosts of different components apart.
    offset: u32,
    world: World,
}

/// What all stores of a test share.
#[derive(Clone, Default)]
struct World {
    open: Arc<AtomicUsize>,
    left: Arc<AtomicUsize>,
}

impl World {
    fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        let left = std::iter::from_fn(|| self.table.iter_mut().next().map(|_| ())).take(1).count();
        self.world.left.fetch_add(left, Ordering::SeqCst);
    }
}

fn linker() -> Linker<State> {
    let mut linker: Linker<State> = Linker::new(engine());
    let mut connections = linker.instance(CONNECTIONS).unwrap();
    connections
        .resource("connection", ResourceType::host::<Connection>(), |mut store, rep| {
            let connection = Resource::<Connection>::new_own(rep);
            store.data_mut().table.delete(connection)?;
            Ok(())
        })
        .unwrap();
    connections
        .func_wrap("open", |mut store, (id,): (u32,)| {
            let State { table, world, .. } = store.data_mut();
            Ok((table.push(Connection::new(id, &world.open))?,))
        })
        .unwrap();
    connections
        .func_wrap("[method]connection.id", |mut store, (it,): (Resource<Connection>,)| {
            let offset = store.data_mut().offset;
            let table = &store.data_mut().table;
            Ok((table.get(&it)?.id + offset,))
        })
        .unwrap();
    connections
        .func_wrap("[method]connection.derive", |mut store, (it,): (Resource<Connection>,)| {
            let State { table, derived, .. } = store.data_mut();
            derived.push(table.push_child(Child, &it)?);
            Ok(())
        })
        .unwrap();
    connections
        .func_wrap("settle", |mut store, (): ()| {
            let State { table, derived, .. } = store.data_mut();
            for child in derived.drain(..) {
                table.delete(child)?;
            }
            Ok(())
        })
        .unwrap();
    linker
}

fn store(world: &World, offset: u32) -> Store<State> {
    Store::new(
        engine(),
        State { table: ResourceTable::new(), derived: Vec::new(), offset, world: world.clone() },
    )
}

/// The interface of the host, as a component imports it.
const IMPORT: &str = r#"
    (import "acme:db/connections@1.0.0" (instance $c
        (export "connection" (type $t (sub resource)))
        (export "open" (func (param "id" u32) (result (own $t))))
        (export "[method]connection.id" (func (param "self" (borrow $t)) (result u32)))
        (export "[method]connection.derive" (func (param "self" (borrow $t))))
        (export "settle" (func))))
    (alias export $c "connection" (type $conn))
    (core func $open (canon lower (func $c "open")))
    (core func $id (canon lower (func $c "[method]connection.id")))
    (core func $derive (canon lower (func $c "[method]connection.derive")))
    (core func $settle (canon lower (func $c "settle")))
    (core func $drop (canon resource.drop $conn))"#;

/// Gives away what its host opens, and takes it back.
fn pool() -> String {
    format!(
        r#"(component {IMPORT}
    (core module $m
        (import "" "open" (func $open (param i32) (result i32)))
        (import "" "id" (func $id (param i32) (result i32)))
        (import "" "derive" (func $derive (param i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "settle" (func $settle))
        (func (export "settle") (call $settle))
        (func (export "derive-from") (param i32)
            (call $derive (local.get 0)) (call $drop (local.get 0)))
        (global $kept (mut i32) (i32.const 0))
        (func (export "take") (param i32) (result i32) (call $open (local.get 0)))
        (func $look (export "look") (param i32) (result i32)
            (call $id (local.get 0)) (call $drop (local.get 0)))
        (func (export "give") (param i32) (result i32) (call $look (local.get 0)))
        (func (export "keep") (param i32) (global.set $kept (local.get 0)))
        (func (export "trap-with") (param i32) unreachable)
        (func (export "derived") (param i32) (result i32)
            (local $it i32)
            (local.set $it (call $open (local.get 0)))
            (call $derive (local.get $it))
            (local.get $it)))
    (core instance $i (instantiate $m (with "" (instance
        (export "open" (func $open)) (export "id" (func $id))
        (export "derive" (func $derive)) (export "drop" (func $drop))
        (export "settle" (func $settle))))))
    (func $settled (canon lift (core func $i "settle")))
    (func $derive-from (param "it" (borrow $conn)) (canon lift (core func $i "derive-from")))
    (func $take (param "id" u32) (result (own $conn)) (canon lift (core func $i "take")))
    (func $give (param "it" (own $conn)) (result u32) (canon lift (core func $i "give")))
    (func $keep (param "it" (own $conn)) (canon lift (core func $i "keep")))
    (func $trap (param "it" (own $conn)) (canon lift (core func $i "trap-with")))
    (func $derived (param "id" u32) (result (own $conn)) (canon lift (core func $i "derived")))
    (func $look (param "it" (borrow $conn)) (result u32) (canon lift (core func $i "look")))
    (instance $pool
        (export "connection" (type $conn))
        (export "take" (func $take)) (export "give" (func $give)) (export "keep" (func $keep))
        (export "trap-with" (func $trap)) (export "derived" (func $derived))
        (export "look" (func $look)) (export "derive-from" (func $derive-from))
        (export "settle" (func $settled)))
    (export "acme:db/pool" (instance $pool)))"#
    )
}

/// Takes connections from another component, and gives them back.
fn user(borrows: bool) -> String {
    let (look, lower, with, body) = match borrows {
        true => (
            r#"(export "look" (func (param "it" (borrow $t)) (result u32)))"#,
            r#"(core func $look (canon lower (func $p "look")))"#,
            r#"(export "look" (func $look))"#,
            r#"(import "" "look" (func $look (param i32) (result i32)))
               (func (export "lend") (param i32) (result i32)
                   (local $it i32) (local $seen i32)
                   (local.set $it (call $open (local.get 0)))
                   (local.set $seen (call $look (local.get $it)))
                   (call $drop (local.get $it))
                   (local.get $seen))"#,
        ),
        false => ("", "", "", r#"(func (export "lend") (param i32) (result i32) unreachable)"#),
    };
    format!(
        r#"(component {IMPORT}
    (import "acme:db/pool" (instance $p
        (alias outer 1 $conn (type $outer))
        (export "connection" (type $t (eq $outer)))
        (export "take" (func (param "id" u32) (result (own $t))))
        (export "give" (func (param "it" (own $t)) (result u32)))
        (export "trap-with" (func (param "it" (own $t))))
        (export "derived" (func (param "id" u32) (result (own $t))))
        {look}))
    (core func $take (canon lower (func $p "take")))
    (core func $give (canon lower (func $p "give")))
    (core func $trap (canon lower (func $p "trap-with")))
    (core func $derived (canon lower (func $p "derived")))
    {lower}
    (core module $m
        (import "" "open" (func $open (param i32) (result i32)))
        (import "" "id" (func $id (param i32) (result i32)))
        (import "" "derive" (func $derive (param i32)))
        (import "" "drop" (func $drop (param i32)))
        (import "" "take" (func $take (param i32) (result i32)))
        (import "" "give" (func $give (param i32) (result i32)))
        (import "" "trap-with" (func $trap (param i32)))
        (import "" "derived" (func $derived (param i32) (result i32)))
        {body}
        (func (export "taken") (param i32) (result i32)
            (local $it i32)
            (local.set $it (call $take (local.get 0)))
            (call $id (local.get $it))
            (call $drop (local.get $it)))
        (func (export "given") (param i32) (result i32) (call $give (call $open (local.get 0))))
        (func (export "there-and-back") (param i32) (result i32)
            (call $give (call $take (local.get 0))))
        (func (export "given-twice") (param i32) (result i32)
            (local $it i32)
            (local.set $it (call $open (local.get 0)))
            (drop (call $give (local.get $it)))
            (call $give (local.get $it)))
        (func (export "traps") (param i32) (result i32)
            (call $trap (call $open (local.get 0))) (i32.const 0))
        (func (export "gives-derived") (param i32) (result i32)
            (local $it i32)
            (local.set $it (call $open (local.get 0)))
            (call $derive (local.get $it))
            (call $give (local.get $it)))
        (func (export "takes-derived") (param i32) (result i32) (call $derived (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
        (export "open" (func $open)) (export "id" (func $id)) (export "drop" (func $drop))
        (export "derive" (func $derive)) (export "take" (func $take)) (export "give" (func $give))
        (export "trap-with" (func $trap)) (export "derived" (func $derived)) {with}))))
    {exports})"#,
        exports = USES.map(|name| format!(
            r#"(func (export "{name}") (param "id" u32) (result u32) (canon lift (core func $i "{name}")))"#
        )).concat(),
    )
}

const USES: [&str; 8] = [
    "taken",
    "given",
    "there-and-back",
    "given-twice",
    "traps",
    "gives-derived",
    "takes-derived",
    "lend",
];

fn bare(text: String, world: &World, offset: u32) -> ComposableComponent<State> {
    let world = world.clone();
    ComposableComponent::new(text, linker(), move || store(&world, offset))
}

fn table(state: &mut State) -> &mut ResourceTable {
    &mut state.table
}

/// A component that carries and lends connections.
fn lending(text: String, world: &World, offset: u32) -> ComposableComponent<State> {
    bare(text, world, offset).lending::<Connection>(CONNECTIONS, "connection", table)
}

/// A pool whose host counts from 1000, and a user whose host counts from 100.
async fn composition(world: &World) -> Composition {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("pool", lending(pool(), world, 1000)));
    composer.add(ComposableDescriptor::new("user", lending(user(true), world, 100)));
    composer.compose().await.unwrap()
}

async fn uses(composition: &Composition, function: &str, id: u32) -> Result<u32, CompositionError> {
    match limited(call(composition, None, function, &[Val::U32(id)])).await? {
        Val::U32(seen) => Ok(seen),
        other => panic!("{other:?}"),
    }
}

/// Closes, and checks that nothing was left anywhere.
async fn close(composition: Composition, world: &World) {
    until(|| composition.live_handles() == 0).await;
    limited(composition.close(Duration::from_secs(10))).await.unwrap();
    assert_eq!(world.open(), 0, "connections are open");
    assert_eq!(world.left.load(Ordering::SeqCst), 0, "tables had entries");
}

#[test]
fn what_is_passed_leaves_one_store_and_enters_the_other() {
    run(async || {
        let world = World::default();
        let composition = composition(&world).await;
        // Who uses it tells by its own host.
        assert_eq!(uses(&composition, "taken", 1).await.unwrap(), 101);
        assert_eq!(uses(&composition, "given", 2).await.unwrap(), 1002);
        assert_eq!(uses(&composition, "there-and-back", 3).await.unwrap(), 1003);
        assert_eq!(uses(&composition, "lend", 4).await.unwrap(), 1004);
        assert_eq!(world.open(), 0);
        close(composition, &world).await;
    });
}

#[test]
fn callers_in_rust_hold_it_as_any_handle() {
    run(async || {
        let world = World::default();
        let composition = composition(&world).await;
        let it = limited(call(&composition, POOL, "take", &[Val::U32(7)])).await.unwrap();
        assert_eq!((world.open(), composition.live_handles()), (1, 1));
        let looked = || call(&composition, POOL, "look", std::slice::from_ref(&it));
        assert_eq!(limited(looked()).await.unwrap(), Val::U32(1007));
        assert_eq!(limited(looked()).await.unwrap(), Val::U32(1007));
        let given = limited(call(&composition, POOL, "give", std::slice::from_ref(&it))).await;
        assert_eq!(given.unwrap(), Val::U32(1007));
        assert_eq!((world.open(), composition.live_handles()), (0, 0));
        let again = limited(call(&composition, POOL, "give", std::slice::from_ref(&it))).await;
        assert!(chain(&again.unwrap_err()).contains("not held"));
        // What is forgotten ends when the composition closes.
        limited(call(&composition, POOL, "take", &[Val::U32(8)])).await.unwrap();
        let dropped = limited(call(&composition, POOL, "take", &[Val::U32(9)])).await.unwrap();
        assert_eq!(world.open(), 2);
        limited(composition.drop_handles(&dropped)).await.unwrap();
        assert_eq!(world.open(), 1);
        limited(composition.close(Duration::from_secs(10))).await.unwrap();
        assert_eq!(world.open(), 0);
    });
}

#[test]
fn what_a_guest_keeps_is_dropped_with_its_store() {
    run(async || {
        let world = World::default();
        let composition = composition(&world).await;
        let it = limited(call(&composition, POOL, "take", &[Val::U32(1)])).await.unwrap();
        limited(call_unit(&composition, POOL, "keep", &[it])).await.unwrap();
        assert_eq!((world.open(), composition.live_handles()), (1, 0));
        limited(composition.close(Duration::from_secs(10))).await.unwrap();
        assert_eq!(world.open(), 0);
    });
}

#[test]
fn trap_drops_what_the_store_had() {
    run(async || {
        let world = World::default();
        let composition = composition(&world).await;
        let error = uses(&composition, "traps", 1).await.unwrap_err();
        assert!(matches!(error, CompositionError::Trap { .. }), "{error}");
        until(|| world.open() == 0).await;
        assert_eq!(composition.live_handles(), 0);
    });
}

#[test]
fn handle_is_gone_for_who_has_given_it() {
    run(async || {
        let world = World::default();
        let composition = composition(&world).await;
        let error = uses(&composition, "given-twice", 1).await.unwrap_err();
        assert!(chain(&error).contains("unknown handle index"), "{}", chain(&error));
        until(|| world.open() == 0).await;
    });
}

#[test]
fn what_has_children_does_not_move() {
    run(async || {
        for function in ["gives-derived", "takes-derived"] {
            let world = World::default();
            let composition = composition(&world).await;
            let error = uses(&composition, function, 1).await.unwrap_err();
            let text = chain(&error);
            assert!(text.contains("`connection` cannot leave the store"), "{text}");
            assert!(text.contains("resource has children"), "{text}");
            // The one who tried it has trapped, so nothing of it is left.
            drop(composition);
            until(|| world.open() == 0).await;
        }
    });
}

#[test]
fn running_instances_carry_too() {
    run(async || {
        let world = World::default();
        let component = Component::new(engine(), pool()).unwrap();
        let mut store = store(&world, 1000);
        let instance = linker().instantiate_async(&mut store, &component).await.unwrap();
        let pool = ComposableInstance::from_existing(instance, store);
        let mut composer = Composer::new();
        let pool = pool.lending::<Connection>(CONNECTIONS, "connection", table);
        composer.add(ComposableDescriptor::new("pool", pool));
        composer.add(ComposableDescriptor::new("user", lending(user(true), &world, 100)));
        let composition = composer.compose().await.unwrap();
        assert_eq!(uses(&composition, "there-and-back", 3).await.unwrap(), 1003);
        assert_eq!(uses(&composition, "taken", 4).await.unwrap(), 104);
        close(composition, &world).await;
    });
}

#[test]
fn it_passes_through_a_composition_that_is_nested() {
    run(async || {
        let world = World::default();
        let mut inner = Composer::new();
        inner.add(ComposableDescriptor::new("pool", lending(pool(), &world, 1000)));
        let inner = inner.compose().await.unwrap();
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("inner", inner));
        composer.add(ComposableDescriptor::new("user", lending(user(true), &world, 100)));
        let composition = composer.compose().await.unwrap();
        assert_eq!(uses(&composition, "there-and-back", 3).await.unwrap(), 1003);
        assert_eq!(uses(&composition, "taken", 4).await.unwrap(), 104);
        close(composition, &world).await;
    });
}

#[test]
fn it_moves_in_a_form_of_its_own() {
    run(async || {
        let world = World::default();
        let by_number = |component: ComposableComponent<State>| {
            component.carrying_as::<Connection, u32>(
                CONNECTIONS,
                "connection",
                |mut store, it| Ok(store.data_mut().table.delete(it)?.id * 10),
                |mut store, id| {
                    let State { table, world, .. } = store.data_mut();
                    Ok(table.push(Connection::new(id, &world.open))?)
                },
            )
        };
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("pool", by_number(bare(pool(), &world, 1000))));
        composer.add(ComposableDescriptor::new("user", by_number(bare(user(false), &world, 100))));
        let composition = composer.compose().await.unwrap();
        assert_eq!(uses(&composition, "taken", 1).await.unwrap(), 110);
        assert_eq!(uses(&composition, "there-and-back", 1).await.unwrap(), 1100);
        close(composition, &world).await;
    });
}

fn reasons(
    pool: ComposableComponent<State>,
    user: ComposableComponent<State>,
) -> (String, Vec<HostResourceReason>) {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("pool", pool));
    composer.add(ComposableDescriptor::new("user", user));
    let Err(CompositionError::Plan(error)) = composer.plan() else { panic!("it fits") };
    let reasons = error.problems().iter().map(|problem| match problem {
        PlanProblem::HostResource { resource, reason, .. } => {
            assert_eq!(resource, "connection");
            reason.clone()
        }
        other => panic!("{other}"),
    });
    (error.to_string(), reasons.collect())
}

#[test]
fn both_sides_have_to_carry_in_one_form() {
    let world = World::default();
    let carrying = |text, offset| {
        bare(text, &world, offset).carrying::<Connection>(CONNECTIONS, "connection", table)
    };
    let by_number = |text, offset| {
        bare(text, &world, offset).carrying_as::<Connection, u32>(
            CONNECTIONS,
            "connection",
            |mut store, it| Ok(store.data_mut().table.delete(it)?.id),
            |_, _| wasmtime::bail!("never"),
        )
    };
    let (text, found) = reasons(bare(pool(), &world, 0), carrying(user(false), 0));
    for reason in found {
        assert!(matches!(reason, HostResourceReason::NotCarried { by, .. } if by == ["pool"]));
    }
    for part in [
        "function `take`, result, imported by `user` from `pool`",
        "`pool` does not carry it; if it can move, say how with `carrying`",
        "`fused both { component pool; component user; }`",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let (text, found) = reasons(bare(pool(), &world, 0), bare(user(false), &world, 0));
    assert!(text.contains("`user` and `pool` do not carry it"), "{text}");
    assert_eq!(found.len(), 4);
    let (text, found) = reasons(by_number(pool(), 0), carrying(user(false), 0));
    assert!(matches!(found[0], HostResourceReason::Forms { .. }));
    assert!(text.contains("the provider as `u32`"), "{text}");
    let (text, found) = reasons(lending(pool(), &world, 0), carrying(user(true), 0));
    assert!(matches!(&found[..], [HostResourceReason::NotLent { by, .. }] if by == &["user"]));
    assert!(text.contains("say `lending` instead of `carrying`"), "{text}");
}

/// Contract 3.5.
#[test]
fn carrier_of_another_type_is_found_beside_imports_that_are_open() {
    let world = World::default();
    let log = r#"(component (import "acme:log/sink" (instance (export "f" (func))))"#;
    let text = || pool().replacen("(component", log, 1);
    let planned = |pool: ComposableComponent<State>| {
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("pool", pool));
        composer.plan_with_open_imports()
    };
    let fitting = planned(lending(text(), &world, 0)).unwrap();
    assert_eq!(fitting.open_imports().len(), 1, "{fitting}");
    let mistyped = bare(text(), &world, 0).carrying::<Child>(CONNECTIONS, "connection", table);
    let Err(CompositionError::Plan(error)) = planned(mistyped) else { panic!("it fits") };
    let [PlanProblem::CarriedAsOther { resource, .. }] = error.problems() else {
        panic!("{error}")
    };
    assert_eq!(resource, "connection");
    // Of a resource that its linker does not define, the type is not known.
    let mut linker = Linker::new(engine());
    linker.instance("acme:log/sink").unwrap().func_wrap("f", |_, (): ()| Ok(())).unwrap();
    let of_world = world.clone();
    let bare = ComposableComponent::new(text(), linker, move || store(&of_world, 0));
    let plan = planned(bare.carrying::<Connection>(CONNECTIONS, "connection", table)).unwrap();
    let [open] = plan.open_imports() else { panic!("{plan}") };
    assert_eq!(open.import, CONNECTIONS);
}

#[test]
fn rust_takes_the_value_out_and_brings_its_own() {
    run(async || {
        let world = World::default();
        let composition = composition(&world).await;
        let pool = Some(POOL);
        let take = composition.typed::<(u32,), Moved<Connection>>(pool, "take").unwrap();
        let give = composition.typed::<(Moved<Connection>,), u32>(pool, "give").unwrap();
        let Moved(it) = limited(take.call((5,))).await.unwrap();
        assert_eq!((it.id, world.open(), composition.live_handles()), (5, 1, 0));
        assert_eq!(limited(give.call((Moved(it),))).await.unwrap(), 1005);
        let brought = Connection::new(6, &world.open);
        assert_eq!(limited(give.call((Moved(brought),))).await.unwrap(), 1006);
        assert_eq!(world.open(), 0);
        // As a handle, which can be lent as well.
        let take = composition.typed::<(u32,), OwnedResource>(pool, "take").unwrap();
        let look = composition.typed::<(&OwnedResource,), u32>(pool, "look").unwrap();
        let give = composition.typed::<(OwnedResource,), u32>(pool, "give").unwrap();
        let it = limited(take.call((8,))).await.unwrap();
        assert_eq!(limited(look.call((&it,))).await.unwrap(), 1008);
        assert_eq!(limited(give.call((it,))).await.unwrap(), 1008);
        drop(limited(take.call((9,))).await.unwrap());
        close(composition, &world).await;
    });
}

#[test]
fn value_of_another_type_is_found_before_the_first_call() {
    run(async || {
        let world = World::default();
        let composition = composition(&world).await;
        let error = composition.typed::<(u32,), Moved<String>>(Some(POOL), "take").unwrap_err();
        let text = chain(&error);
        assert!(text.contains("`connection, carried as"), "{text}");
        assert!(text.contains("Moved<String>"), "{text}");
    });
}

#[test]
fn call_that_is_withdrawn_drops_what_it_brought() {
    run(async || {
        let world = World::default();
        let composition = composition(&world).await;
        let pool = Some(POOL);
        let give = composition.typed::<(Moved<Connection>,), u32>(pool, "give").unwrap();
        let never_polled = give.call((Moved(Connection::new(1, &world.open)),));
        assert_eq!(world.open(), 1);
        drop(never_polled);
        assert_eq!((world.open(), composition.live_handles()), (0, 0));
        composition.close(Duration::from_secs(10)).await.unwrap();
        let error = give.call((Moved(Connection::new(2, &world.open)),)).await.unwrap_err();
        assert!(matches!(error, CompositionError::Unavailable { .. }), "{error}");
        assert_eq!((world.open(), composition.live_handles()), (0, 0));
    });
}

#[test]
fn plan_shows_what_an_edge_carries() {
    let world = World::default();
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("pool", lending(pool(), &world, 0)));
    composer.add(ComposableDescriptor::new("user", lending(user(true), &world, 0)));
    let plan = composer.plan().unwrap();
    assert!(plan.to_string().contains("imports acme:db/pool from pool, carrying connection\n"));
    assert!(plan.to_dot().contains(r#"[label="acme:db/pool\ncarries connection"]"#));
    assert!(plan.to_mermaid().contains("acme:db/pool<br/>carries connection"));
    let edge = plan.edges().iter().find(|edge| edge.import == POOL).unwrap();
    assert_eq!(edge.carries, ["connection"]);
    let edge = plan.edges().iter().find(|edge| edge.import == CONNECTIONS).unwrap();
    assert!(edge.carries.is_empty());
}

#[test]
fn carrier_of_another_type_is_found_while_composing() {
    run(async || {
        let world = World::default();
        let of_children =
            |text| bare(text, &world, 0).carrying::<Child>(CONNECTIONS, "connection", table);
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("pool", of_children(pool())));
        composer.add(ComposableDescriptor::new("user", of_children(user(false))));
        let Err(CompositionError::Plan(error)) = composer.compose().await else {
            panic!("it fits")
        };
        let problems = error.problems().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(problems.len(), 2, "{problems:?}");
        let expected =
            "component `pool` does not carry `connection` of `acme:db/connections@1.0.0`";
        assert!(problems[0].starts_with(expected), "{problems:?}");
    });
}

#[test]
fn copy_that_is_in_use_after_its_loan_is_dropped_once_it_is_not() {
    run(async || {
        let world = World::default();
        let composition = composition(&world).await;
        let it = limited(call(&composition, POOL, "take", &[Val::U32(1)])).await.unwrap();
        let lent = std::slice::from_ref(&it);
        for _ in 0..10 {
            limited(call_unit(&composition, POOL, "derive-from", lent)).await.unwrap();
        }
        // What was derived keeps the copies.
        assert_eq!(world.open(), 11);
        limited(call_unit(&composition, POOL, "settle", &[])).await.unwrap();
        limited(call(&composition, POOL, "look", lent)).await.unwrap();
        assert_eq!(world.open(), 1);
        limited(composition.drop_handles(&it)).await.unwrap();
        close(composition, &world).await;
    });
}

#[test]
fn borrow_of_what_is_not_lent_is_refused_before_the_first_call() {
    run(async || {
        let world = World::default();
        let carrying = |text, offset| {
            bare(text, &world, offset).carrying::<Connection>(CONNECTIONS, "connection", table)
        };
        let mut inner = Composer::new();
        inner.add(ComposableDescriptor::new("pool", carrying(pool(), 1000)));
        let inner = limited(inner.compose()).await.unwrap();
        let Err(CompositionError::Lookup(error)) = inner.get_func(Some(POOL), "look") else {
            panic!("it can be lent")
        };
        assert!(error.to_string().contains("borrowed resource: `connection`"), "{error}");
        inner.get_func(Some(POOL), "take").unwrap();
        // Around a composition it is known as well.
        let mut composer = Composer::new();
        composer.add(ComposableDescriptor::new("inner", inner));
        composer.add(ComposableDescriptor::new("user", lending(user(true), &world, 100)));
        let Err(CompositionError::Plan(error)) = composer.plan() else { panic!("it fits") };
        let [PlanProblem::HostResource { reason, .. }] = error.problems() else {
            panic!("{error}")
        };
        assert!(matches!(reason, HostResourceReason::NotLent { by, .. } if by == &["inner"]));
    });
}

#[test]
fn replacement_has_to_carry_what_was_carried() {
    run(async || {
        let world = World::default();
        let composition = composition(&world).await;
        let replacing = composition.replace("pool", bare(pool(), &world, 2000)).into_future();
        let Err(CompositionError::Plan(error)) = limited(replacing).await else {
            panic!("it fits")
        };
        let text = error.to_string();
        assert!(text.contains("`pool` passes on resource `connection` of its host"), "{text}");
        assert_eq!(uses(&composition, "given", 2).await.unwrap(), 1002);
        let replacing = composition.replace("pool", lending(pool(), &world, 2000)).into_future();
        limited(replacing).await.unwrap();
        assert_eq!(uses(&composition, "given", 2).await.unwrap(), 2002);
        assert_eq!(uses(&composition, "lend", 3).await.unwrap(), 2003);
        close(composition, &world).await;
    });
}

#[test]
fn resource_of_the_host_that_is_known_by_its_provider_alone_is_refused() {
    let world = World::default();
    let importer = r#"(component
        (import "acme:db/pool" (instance
            (export "connection" (type $t (sub resource)))
            (export "take" (func (param "id" u32) (result (own $t)))))))"#;
    let importer = ComposableComponent::with_engine(engine(), importer);
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("pool", lending(pool(), &world, 0)));
    composer.add(ComposableDescriptor::new("importer", importer));
    let Err(CompositionError::Plan(error)) = composer.plan() else { panic!("it fits") };
    let [PlanProblem::HostResource { reason, .. }] = error.problems() else { panic!("{error}") };
    assert!(matches!(reason, HostResourceReason::NotCarried { by, .. } if by == &["importer"]));
}

/// A generator of numbers that are the same in every run: what fails can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

#[test]
fn whatever_happens_on_its_way_each_is_dropped_once() {
    run(async || {
        for seed in 0..20 {
            let (world, mut random) = (World::default(), Random(seed));
            let restarting = RestartPolicy::restart(1000, Duration::ZERO);
            let mut composer = Composer::new();
            for (id, text, offset) in [("pool", pool(), 1000), ("user", user(true), 100)] {
                let component = lending(text, &world, offset);
                composer.add(ComposableDescriptor::new(id, component).with_restart(restarting));
            }
            let composition = limited(composer.compose()).await.unwrap();
            let mut held = Vec::new();
            for step in 0..60 {
                let id = Val::U32(step);
                match random.below(9) {
                    0..3 => {
                        let function = USES[random.below(8) as usize];
                        // Some of them trap, and those after them may find the component gone.
                        let _ = uses(&composition, function, step).await;
                    }
                    3 => held.extend(limited(call(&composition, POOL, "take", &[id])).await.ok()),
                    4 => {
                        let function = ["give", "keep", "trap-with"][random.below(3) as usize];
                        if let (Some(it), Ok(func)) =
                            (held.pop(), composition.get_func(Some(POOL), function))
                        {
                            let results = usize::from(function == "give");
                            let mut results = vec![Val::Bool(false); results];
                            let _ = limited(func.call(&[it], &mut results)).await;
                        }
                    }
                    5 => {
                        // Polled once, and withdrawn.
                        let args = held.pop().into_iter().collect::<Vec<_>>();
                        if !args.is_empty() {
                            let giving = call(&composition, POOL, "give", &args);
                            let _ = futures_util::future::poll_immediate(giving).await;
                        }
                    }
                    6 => {
                        let brought = Moved(Connection::new(step, &world.open));
                        let give =
                            composition.typed::<(Moved<Connection>,), u32>(Some(POOL), "give");
                        let _ = limited(give.unwrap().call((brought,))).await;
                    }
                    7 => {
                        if let Some(it) = held.last() {
                            let lent = std::slice::from_ref(it);
                            let _ = limited(call(&composition, POOL, "look", lent)).await;
                        }
                    }
                    _ => {
                        if let Some(it) = held.pop() {
                            let _ = limited(composition.drop_handles(&it)).await;
                        }
                    }
                }
            }
            limited(composition.close(Duration::from_secs(10))).await.unwrap();
            until(|| world.open() == 0).await;
        }
    });
}
