//! Calls with arbitrary values. A function that returns what it is given is called with values that
//! fit its type or do not: it must return an equal value, or the call an error.

use std::cell::RefCell;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use composer_tests::chain;
use tokio::runtime::{Builder, Runtime};
use wasm_runtime_composer::types::ValueType;
use wasm_runtime_composer::{
    ComposableDescriptor, Composer, Composition, CompositionError, ExportFunc,
};
use wasmtime::component::Val;

use crate::random;
use crate::wat::reference;

/// A call that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(20);

/// How many types there are.
const TYPES: usize = 48;

/// More parameters than a core function takes: one that has them takes a pointer instead.
const PADDING: usize = 17;

pub fn run(data: &[u8]) {
    thread_local! {
        static ECHO: RefCell<Echo> = RefCell::new(Echo::new());
    }
    ECHO.with_borrow_mut(|echo| {
        // Bytes that come to their end early are no finding.
        let _ = echo.calls(&mut Unstructured::new(data));
    });
}

/// Components that return what they are given.
struct Echo {
    runtime: Runtime,
    composition: Composition,
    /// Each with the type of its values.
    functions: Vec<ExportFunc>,
    /// What makes a handle.
    make: ExportFunc,
}

impl Echo {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("the system has threads");
        let types = types();
        let [provider, forwarder] = components(&types);
        let composition = runtime.block_on(async {
            let mut composer = Composer::new();
            for (id, wat) in
                [("provider", provider), ("forwarder", forwarder), ("things", THINGS.into())]
            {
                let part = composer_tests::text(&wat);
                composer.add(ComposableDescriptor::new(id, part));
            }
            composer.compose().await.unwrap_or_else(|error| panic!("{}", chain(&error)))
        });
        let find = |interface, name: &str| {
            composition.get_func(Some(interface), name).expect("it is exported")
        };
        let mut functions = Vec::new();
        for i in 0..types.len() {
            functions.push(find("test:fuzz/echo", &format!("f{i}")));
            functions.push(find("test:fuzz/forwarded", &format!("f{i}")));
        }
        functions.push(find("test:fuzz/things", "[method]thing.use"));
        functions.push(find("test:fuzz/things", "take"));
        let make = find("test:fuzz/things", "[constructor]thing");
        Self { runtime, composition, functions, make }
    }

    fn calls(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        while !u.is_empty() {
            self.call(u)?;
        }
        Ok(())
    }

    fn call(&self, u: &mut Unstructured<'_>) -> Result<()> {
        let mut handle = [Val::Bool(false)];
        self.wait(self.make.call(&[], &mut handle)).expect("a thing is made");
        let [handle] = handle;
        let outcome = self.call_with(u, &handle);
        // It is gone if it was moved.
        let _ = self.wait(self.composition.drop_handles(&handle));
        assert_eq!(self.composition.live_handles(), 0);
        outcome
    }

    fn call_with(&self, u: &mut Unstructured<'_>, handle: &Val) -> Result<()> {
        let function = u.choose(&self.functions)?;
        let types: Vec<_> = function.ty().params().map(|(_, ty)| ty).collect();
        let mut params = Vec::new();
        for ty in &types {
            params.push(random::val(u, ty, handle)?);
        }
        if random::once_in(u, 60)? {
            params.truncate(u.int_in_range(0..=1)?);
        }
        let expected_results = usize::from(function.ty().result().is_some());
        let found_results =
            if random::once_in(u, 60)? { u.int_in_range(0..=2)? } else { expected_results };
        let mut results = vec![Val::Bool(false); found_results];

        let fit = params.len() == types.len()
            && found_results == expected_results
            && params.iter().zip(&types).all(|(val, ty)| fits(ty, val, handle));
        match self.wait(function.call(&params, &mut results)) {
            Ok(()) => {
                assert!(fit, "{function:?} took {params:?}");
                if let (Some(result), [param]) = (results.first(), &*params)
                    && Some(types[0]) == function.ty().result()
                {
                    assert_eq!(*result, normal(types[0], param), "{function:?}");
                }
            }
            Err(error) => {
                assert!(matches!(error, CompositionError::Argument(_)), "{}", chain(&error));
                assert!(!fit, "{function:?} refused {params:?}: {}", chain(&error));
                assert!(!format!("{error:?}").is_empty());
                // Nothing was moved.
                assert_eq!(self.composition.live_handles(), 1, "{function:?} {params:?}");
            }
        }
        Ok(())
    }

    fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        let answer = self.runtime.block_on(async { tokio::time::timeout(LIMIT, call).await });
        answer.expect("a call hangs")
    }
}

/// Whether `val` is of type `ty`: the same rules as the library's, written once more.
fn fits(ty: &ValueType, val: &Val, handle: &Val) -> bool {
    let inner = |ty: &ValueType, val: &Val| fits(ty, val, handle);
    let payload = |ty: &Option<ValueType>, val: &Option<Box<Val>>| match (ty, val) {
        (Some(ty), Some(val)) => inner(ty, val),
        (None, None) => true,
        _ => false,
    };
    match (ty, val) {
        (ValueType::Bool, Val::Bool(_))
        | (ValueType::S8, Val::S8(_))
        | (ValueType::U8, Val::U8(_))
        | (ValueType::S16, Val::S16(_))
        | (ValueType::U16, Val::U16(_))
        | (ValueType::S32, Val::S32(_))
        | (ValueType::U32, Val::U32(_))
        | (ValueType::S64, Val::S64(_))
        | (ValueType::U64, Val::U64(_))
        | (ValueType::F32, Val::Float32(_))
        | (ValueType::F64, Val::Float64(_))
        | (ValueType::Char, Val::Char(_))
        | (ValueType::String, Val::String(_)) => true,
        (ValueType::List(ty), Val::List(vals)) => vals.iter().all(|val| inner(ty, val)),
        (ValueType::FixedLengthList(ty, n), Val::FixedLengthList(vals)) => {
            vals.len() == *n as usize && vals.iter().all(|val| inner(ty, val))
        }
        (ValueType::Map(types), Val::Map(entries)) => {
            entries.iter().all(|(key, val)| inner(&types.0, key) && inner(&types.1, val))
        }
        (ValueType::Record(fields), Val::Record(vals)) => {
            fields.len() == vals.len()
                && fields
                    .iter()
                    .zip(vals)
                    .all(|((name, ty), (found, val))| **name == **found && inner(ty, val))
        }
        (ValueType::Tuple(types), Val::Tuple(vals)) => {
            types.len() == vals.len() && types.iter().zip(vals).all(|(ty, val)| inner(ty, val))
        }
        (ValueType::Variant(cases), Val::Variant(found, val)) => {
            let case = cases.iter().find(|(name, _)| **name == **found);
            case.is_some_and(|(_, ty)| payload(ty, val))
        }
        (ValueType::Enum(cases), Val::Enum(found)) => cases.iter().any(|name| **name == **found),
        (ValueType::Option(_), Val::Option(None)) => true,
        (ValueType::Option(ty), Val::Option(Some(val))) => inner(ty, val),
        (ValueType::Result(types), Val::Result(Ok(val))) => payload(&types.0, val),
        (ValueType::Result(types), Val::Result(Err(val))) => payload(&types.1, val),
        (ValueType::Flags(names), Val::Flags(set)) => {
            set.iter().all(|flag| names.iter().any(|name| **name == **flag))
        }
        (ValueType::Own(_) | ValueType::Borrow(_), val) => val == handle,
        _ => false,
    }
}

/// The same value as it comes back: flags in their order, each once.
fn normal(ty: &ValueType, val: &Val) -> Val {
    let payload = |ty: &Option<ValueType>, val: &Option<Box<Val>>| {
        ty.as_ref().zip(val.as_ref()).map(|(ty, val)| Box::new(normal(ty, val)))
    };
    let all = |ty: &ValueType, vals: &[Val]| vals.iter().map(|val| normal(ty, val)).collect();
    match (ty, val) {
        (ValueType::Flags(names), Val::Flags(set)) => {
            let names = names.iter().map(|name| name.to_string());
            Val::Flags(names.filter(|name| set.contains(name)).collect())
        }
        (ValueType::List(ty), Val::List(vals)) => Val::List(all(ty, vals)),
        (ValueType::FixedLengthList(ty, _), Val::FixedLengthList(vals)) => {
            Val::FixedLengthList(all(ty, vals))
        }
        (ValueType::Map(types), Val::Map(entries)) => {
            let entry = |(key, val): &(Val, Val)| (normal(&types.0, key), normal(&types.1, val));
            Val::Map(entries.iter().map(entry).collect())
        }
        (ValueType::Record(fields), Val::Record(vals)) => {
            let field = |((_, ty), (name, val)): (&(_, ValueType), &(String, Val))| {
                (name.clone(), normal(ty, val))
            };
            Val::Record(fields.iter().zip(vals).map(field).collect())
        }
        (ValueType::Tuple(types), Val::Tuple(vals)) => {
            Val::Tuple(types.iter().zip(vals).map(|(ty, val)| normal(ty, val)).collect())
        }
        (ValueType::Variant(cases), Val::Variant(name, val)) => {
            let ty = cases.iter().find(|case| *case.0 == **name).and_then(|case| case.1.as_ref());
            Val::Variant(name.clone(), payload(&ty.cloned(), val))
        }
        (ValueType::Option(ty), Val::Option(Some(val))) => {
            Val::Option(Some(Box::new(normal(ty, val))))
        }
        (ValueType::Result(types), Val::Result(Ok(val))) => Val::Result(Ok(payload(&types.0, val))),
        (ValueType::Result(types), Val::Result(Err(val))) => {
            Val::Result(Err(payload(&types.1, val)))
        }
        _ => val.clone(),
    }
}

/// The same types whenever this runs: what has a flat core value alone, and what has not in a tuple
/// that lies in memory.
fn types() -> Vec<ValueType> {
    let bytes = random::bytes(48, TYPES * 128);
    let mut u = Unstructured::new(&bytes);
    (0..TYPES)
        .map(|i| {
            let ty = random::ty(&mut u, i % 4).expect("there are bytes enough");
            if flat(&ty).is_some() {
                return ty;
            }
            let padding = (0..PADDING).map(|_| ValueType::U64);
            ValueType::Tuple([ty].into_iter().chain(padding).collect())
        })
        .collect()
}

/// The core type of a value that is a single one.
fn flat(ty: &ValueType) -> Option<&'static str> {
    Some(match ty {
        ValueType::S64 | ValueType::U64 => "i64",
        ValueType::F32 => "f32",
        ValueType::F64 => "f64",
        ValueType::Bool
        | ValueType::S8
        | ValueType::U8
        | ValueType::S16
        | ValueType::U16
        | ValueType::S32
        | ValueType::U32
        | ValueType::Char
        | ValueType::Enum(_)
        | ValueType::Flags(_) => "i32",
        _ => return None,
    })
}

/// The component whose functions return what they are given, from where it lies, and one whose
/// functions call those.
fn components(types: &[ValueType]) -> [String; 2] {
    let mut named = Vec::new();
    let references: Vec<_> = types.iter().map(|ty| reference(ty, &mut named)).collect();
    let functions = || {
        (0..).zip(types).zip(&references).map(|((i, ty), name): ((usize, _), _)| {
            let is_async = if i % 3 == 0 { "async" } else { "" };
            (i, flat(ty), format!(r#"{is_async} (param "value" {name}) (result {name})"#))
        })
    };

    let defined: String = named
        .iter()
        .enumerate()
        .map(|(i, it)| format!(r#"(type $it{i} {it}) (export $t{i} "t{i}" (type $it{i}))"#))
        .collect();
    let lifted: String = functions()
        .map(|(i, flat, ty)| {
            let (core, options) = flat.map_or(("pointer", OPTIONS), |core| (core, ""));
            format!(
                r#"(func (export "f{i}") {ty} (canon lift (core func $echo "{core}") {options}))"#
            )
        })
        .collect();
    let provider = format!(
        r#"(component
            (component $provider
                {defined}
                {HEAP}
                (core module $echo
                    (func (export "pointer") (param i32) (result i32) local.get 0)
                    (func (export "i32") (param i32) (result i32) local.get 0)
                    (func (export "i64") (param i64) (result i64) local.get 0)
                    (func (export "f32") (param f32) (result f32) local.get 0)
                    (func (export "f64") (param f64) (result f64) local.get 0))
                (core instance $echo (instantiate $echo))
                {lifted})
            (instance $provider (instantiate $provider))
            (export "test:fuzz/echo" (instance $provider)))"#
    );

    let imported: String = named
        .iter()
        .enumerate()
        .map(|(i, it)| format!(r#"(type $it{i} {it}) (export "t{i}" (type $t{i} (eq $it{i})))"#))
        .chain(functions().map(|(i, _, ty)| format!(r#"(export "f{i}" (func {ty}))"#)))
        .collect();
    let mut lowered = String::new();
    let mut imports = String::new();
    let mut bodies = String::new();
    let mut with = String::new();
    let mut lifted = String::new();
    for (i, flat, ty) in functions() {
        lowered += &format!(
            r#"(core func $f{i} (canon lower (func $provider "f{i}")
                (memory (core memory $heap "memory")) (realloc (core func $heap "realloc"))))"#
        );
        with += &format!(r#"(export "f{i}" (func $f{i}))"#);
        let options = flat.map_or(OPTIONS, |_| "");
        lifted +=
            &format!(r#"(func (export "f{i}") {ty} (canon lift (core func $i "f{i}") {options}))"#);
        match flat {
            Some(core) => {
                imports +=
                    &format!(r#"(import "" "f{i}" (func $f{i} (param {core}) (result {core})))"#);
                bodies += &format!(
                    r#"(func (export "f{i}") (param {core}) (result {core})
                        (call $f{i} (local.get 0)))"#
                );
            }
            None => {
                // The result goes to the first page. The types are too small to fill it.
                imports += &format!(r#"(import "" "f{i}" (func $f{i} (param i32 i32)))"#);
                bodies += &format!(
                    r#"(func (export "f{i}") (param i32) (result i32)
                        (call $f{i} (local.get 0) (i32.const 16)) (i32.const 16))"#
                );
            }
        }
    }
    let aliases: String = (0..named.len())
        .map(|i| {
            format!(
                r#"(alias export $provider "t{i}" (type $p{i})) (export $t{i} "t{i}" (type $p{i}))"#
            )
        })
        .collect();
    let forwarder = format!(
        r#"(component
            (import "test:fuzz/echo" (instance $provider {imported}))
            (component $forwarder
                (import "echo" (instance $provider {imported}))
                {aliases}
                {HEAP}
                {lowered}
                (core module $m {imports} {bodies})
                (core instance $i (instantiate $m (with "" (instance {with}))))
                {lifted})
            (instance $forwarder (instantiate $forwarder (with "echo" (instance $provider))))
            (export "test:fuzz/forwarded" (instance $forwarder)))"#
    );
    [provider, forwarder]
}

/// How functions whose values lie in memory are lifted.
const OPTIONS: &str = r#"
    (memory (core memory $heap "memory"))
    (realloc (core func $heap "realloc"))
    (post-return (core func $heap "reset"))"#;

/// Memory from the second page on, which is free again when a call has ended.
const HEAP: &str = r#"
    (core module $heap
        (memory (export "memory") 2)
        (global $top (mut i32) (i32.const 65536))
        (func (export "reset") (param i32) (global.set $top (i32.const 65536)))
        (func (export "realloc")
            (param $old i32) (param $old-size i32) (param $align i32) (param $size i32)
            (result i32)
            (local $new i32)
            (local.set $new (i32.and
                (i32.add (global.get $top) (i32.sub (local.get $align) (i32.const 1)))
                (i32.sub (i32.const 0) (local.get $align))))
            (global.set $top (i32.add (local.get $new) (local.get $size)))
            (if (i32.gt_u (global.get $top) (i32.mul (memory.size) (i32.const 65536)))
                (then (drop (memory.grow
                    (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))))))
            (memory.copy (local.get $new) (local.get $old)
                (select (local.get $size) (local.get $old-size)
                    (i32.lt_u (local.get $size) (local.get $old-size))))
            (local.get $new)))
    (core instance $heap (instantiate $heap))"#;

/// A resource, and functions that borrow it and take it.
const THINGS: &str = r#"(component
    (type $thing (resource (rep i32)))
    (core func $new (canon resource.new $thing))
    (core func $drop (canon resource.drop $thing))
    (core module $m
        (import "" "new" (func $new (param i32) (result i32)))
        (import "" "drop" (func $drop (param i32)))
        (func (export "make") (result i32) (call $new (i32.const 1)))
        (func (export "use") (param i32) (result i32) (local.get 0))
        (func (export "take") (param i32) (call $drop (local.get 0))))
    (core instance $i (instantiate $m (with "" (instance
        (export "new" (func $new))
        (export "drop" (func $drop))))))
    (func $make (result (own $thing)) (canon lift (core func $i "make")))
    (func $use (param "self" (borrow $thing)) (result u32) (canon lift (core func $i "use")))
    (func $take (param "thing" (own $thing)) (canon lift (core func $i "take")))
    (component $wrap
        (import "thing" (type $t (sub resource)))
        (import "make" (func $make (result (own $t))))
        (import "use" (func $use (param "self" (borrow $t)) (result u32)))
        (import "take" (func $take (param "thing" (own $t))))
        (export $thing "thing" (type $t))
        (export "[constructor]thing" (func $make) (func (result (own $thing))))
        (export "[method]thing.use" (func $use)
            (func (param "self" (borrow $thing)) (result u32)))
        (export "take" (func $take) (func (param "thing" (own $thing)))))
    (instance $things (instantiate $wrap
        (with "thing" (type $thing))
        (with "make" (func $make))
        (with "use" (func $use))
        (with "take" (func $take))))
    (export "test:fuzz/things" (instance $things)))"#;
