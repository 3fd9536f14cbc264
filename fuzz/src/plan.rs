//! Plans of arbitrary components. `plan` returns, and what it returns can be printed.
//!
//! The first byte says what the others are:
//!
//! - of a component in the binary or text format: they are that component;
//! - 1 to 31: changes to a component of the tests;
//! - 128 and above: components of which one exports what the others import, more or less, with
//!   hints and filters. If they can be planned they can be composed, too.

use std::convert::Infallible;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use composer_tests::{chain, guest_file};
use tokio::runtime::{Builder, Runtime};
use wasm_encoder::reencode::{self, Reencode, ReencodeComponent};
use wasm_encoder::{CodeSection, DataSection, Function};
use wasm_runtime_composer::error::PlanProblem;
use wasm_runtime_composer::types::ValueType;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, CompositionError, ExportFilter,
};
use wasmtime::component::Linker;
use wasmtime::{Config, Engine, OptLevel, RegallocAlgorithm, Store};

use crate::random::{self, once_in};
use crate::wat::reference;

pub fn run(data: &[u8]) {
    match data {
        [1..=31, which, changes @ ..] => {
            let bases = if *which < 64 { &*GUESTS } else { &*CASES };
            if let Some(bytes) = changed(&bases[usize::from(*which) % bases.len()], changes) {
                alone_and_beside_others(&bytes);
            }
        }
        [128..=255, seed @ ..] => {
            // Bytes that come to their end early are no finding.
            let _ = wired(&mut Unstructured::new(&continued(seed)));
        }
        _ => alone_and_beside_others(data),
    }
}

/// The bytes, and more that depend on them, so that a few make as much as many.
fn continued(bytes: &[u8]) -> Vec<u8> {
    let hash = bytes.iter().fold(0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME));
    [bytes, &random::bytes(hash, 1024)].concat()
}

/// Of the hash FNV-1a.
const PRIME: u64 = 0x100_0000_01b3;

/// Every type of the component model that wasmtime knows, whether the library carries it or not.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut config = Config::new();
    config.wasm_component_model_map(true);
    config.wasm_component_model_fixed_length_lists(true);
    config.wasm_component_model_error_context(true);
    config.wasm_component_model_more_async_builtins(true);
    // Components are too small for it.
    config.parallel_compilation(false);
    config.cranelift_opt_level(OptLevel::None);
    config.cranelift_regalloc_algorithm(RegallocAlgorithm::SinglePass);
    // Nothing is written to their memories.
    config.memory_reservation(0);
    config.memory_guard_size(0);
    Engine::new(&config).expect("the configuration is valid")
});

/// The guests of the tests, whose functions were made empty: their code is of no interest, and
/// compiling it takes most of the time.
static GUESTS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let names = [
        "bucket-store",
        "broker",
        "bucket-consumer",
        "producer",
        "consumer",
        "greeter",
        "polite",
        "sleeper",
        "trapper",
        "trap-caller",
    ];
    let hollow = |name| {
        let guest = std::fs::read(guest_file(name)).expect("the guest is committed");
        let mut component = wasm_encoder::Component::new();
        let parser = wasmparser::Parser::new(0);
        let done = Hollow.parse_component(&mut component, parser, &guest);
        done.expect("the guest is a component");
        component.finish()
    };
    names.into_iter().map(hollow).collect()
});

/// The small components of which the rules of resolution are shown.
static CASES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).expect("the cases are committed");
        let mut paths: Vec<_> = entries.map(|it| it.expect("it can be read").path()).collect();
        // The same input is the same component everywhere.
        paths.sort();
        paths
    };
    let cases = entries(&composer_tests::folder().join("cases"));
    let files = cases.iter().flat_map(|case| entries(case));
    let texts = files.filter(|file| file.extension().is_some_and(|it| it == "wat"));
    // Some are wrong on purpose.
    let components: Vec<_> = texts.filter_map(|file| wat::parse_file(file).ok()).collect();
    // As many as a byte can choose.
    let step = components.len() / 192 + 1;
    components.into_iter().step_by(step).collect()
});

/// Leaves out what functions do.
struct Hollow;

impl Reencode for Hollow {
    type Error = Infallible;

    fn parse_function_body(
        &mut self,
        code: &mut CodeSection,
        _: wasmparser::FunctionBody<'_>,
    ) -> std::result::Result<(), reencode::Error<Infallible>> {
        let mut function = Function::new([]);
        function.instructions().unreachable().end();
        code.function(&function);
        Ok(())
    }

    fn parse_data_section(
        &mut self,
        _: &mut DataSection,
        _: wasmparser::DataSectionReader<'_>,
    ) -> std::result::Result<(), reencode::Error<Infallible>> {
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        _: &mut wasm_encoder::Module,
        _: wasmparser::CustomSectionReader<'_>,
    ) -> std::result::Result<(), reencode::Error<Infallible>> {
        Ok(())
    }
}

impl ReencodeComponent for Hollow {}

/// A component after up to three changes of four bytes each: where, what, and the byte to write.
fn changed(base: &[u8], changes: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = base.to_vec();
    if changes.len() < 4 {
        return None;
    }
    for change in changes.chunks_exact(4).take(3) {
        let at = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len();
        match change[2] {
            // Most often a component remains of it if it is as long as before.
            0..4 => bytes.truncate(at + 2),
            4..12 => bytes.insert(at, change[3]),
            12..20 => drop(bytes.remove(at)),
            20..64 => bytes[at] = bytes[at].wrapping_add(1),
            64..108 => bytes[at] = bytes[at].wrapping_sub(1),
            108..180 => bytes[at] ^= 1 << (change[3] % 8),
            180.. => bytes[at] = change[3],
        }
    }
    Some(bytes)
}

fn component(bytes: &[u8]) -> ComposableComponent<()> {
    ComposableComponent::new(bytes, Linker::new(&ENGINE), || Store::new(&ENGINE, ()))
}

fn alone_and_beside_others(bytes: &[u8]) {
    thread_local! {
        static OTHERS: [ComposableComponent<()>; 3] =
            [3, 4, 0].map(|guest: usize| component(&GUESTS[guest]));
    }
    let it = component(bytes);
    let mut alone = Composer::new();
    alone.add(ComposableDescriptor::new("it", it.clone()));
    if let Err(CompositionError::Plan(error)) = plan(&alone)
        && error.problems().iter().any(is_load)
    {
        // It is none; beside others it is none either.
        return;
    }
    let mut twice = Composer::new();
    twice.add(ComposableDescriptor::new("it", it.clone()));
    twice.add(ComposableDescriptor::new("twin", it.clone()));
    let _ = plan(&twice);
    let mut beside = Composer::new();
    beside.add(ComposableDescriptor::new("it", it));
    for (i, other) in OTHERS.with(Clone::clone).into_iter().enumerate() {
        beside.add(ComposableDescriptor::new(format!("other-{i}"), other));
    }
    let _ = plan(&beside);
}

fn is_load(problem: &PlanProblem) -> bool {
    matches!(problem, PlanProblem::Load { .. })
}

/// Plans, and prints what comes of it.
fn plan(composer: &Composer) -> std::result::Result<(), CompositionError> {
    match composer.plan() {
        Ok(plan) => {
            for text in [plan.to_string(), plan.to_dot(), plan.to_mermaid(), format!("{plan:?}")] {
                assert!(!text.is_empty());
            }
            Ok(())
        }
        Err(error) => {
            let CompositionError::Plan(plan) = &error else { panic!("{error:?}") };
            assert!(!plan.problems().is_empty());
            for text in [chain(&error), format!("{error:?}")] {
                assert!(!text.is_empty());
            }
            Err(error)
        }
    }
}

/// Names of which some satisfy others.
const INTERFACES: [&str; 10] = [
    "a:b/c",
    "a:b/d",
    "a:b/c@1.0.0",
    "a:b/c@1.2.0",
    "a:b/c@1.2.0+build",
    "a:b/c@1.3.0-rc.1",
    "a:b/c@2.0.0",
    "a:b/c@0.1.0",
    "a:b/c@0.1.7",
    "a:b/c@0.0.3",
];
const FUNCTIONS: [&str; 3] = ["f", "g", "h"];
const IDS: [&str; 7] = ["p0", "p1", "p2", "p3", "inner", "host", "nobody"];

/// What an interface holds, or a function alone.
struct Body {
    resource: bool,
    types: Vec<(&'static str, ValueType)>,
    functions: Vec<(&'static str, Signature)>,
}

struct Signature {
    is_async: bool,
    /// How a handle of the body's resource is taken.
    handle: Option<&'static str>,
    params: Vec<ValueType>,
    result: Option<ValueType>,
}

/// A component to be written.
struct Sketch {
    id: &'static str,
    imports: Vec<(&'static str, usize)>,
    exports: Vec<(&'static str, usize)>,
    hints: Vec<(&'static str, &'static str)>,
    /// The name of an export, and whether it or all others are visible.
    filter: Option<(&'static str, bool)>,
}

impl Sketch {
    /// `offered` is what the components before export: a name, and the number of what is behind it.
    fn arbitrary(
        u: &mut Unstructured<'_>,
        id: &'static str,
        offered: &[(&'static str, usize)],
    ) -> Result<Self> {
        let mut it =
            Self { id, imports: Vec::new(), exports: Vec::new(), hints: Vec::new(), filter: None };
        for _ in 0..u.int_in_range(0..=3)? {
            let names: &[_] = if once_in(u, 4)? { &FUNCTIONS } else { &INTERFACES };
            // Versions of a name most often have the same behind them.
            let body = if once_in(u, 6)? { u.choose_index(BODIES)? } else { 0 };
            let export = (*u.choose(names)?, body);
            if it.exports.iter().all(|(name, _)| *name != export.0) {
                it.exports.push(export);
            }
        }
        for _ in 0..u.int_in_range(0..=4)? {
            // Most imports are of what there is.
            let mut import = match (offered, once_in(u, 20)?) {
                (_, true) => (*u.choose(&INTERFACES)?, u.choose_index(BODIES)?),
                ([], false) => continue,
                (offered, false) => *u.choose(offered)?,
            };
            match u.int_in_range(0..=31)? {
                29 => import.0 = *u.choose(&INTERFACES)?,
                30 => import.1 = u.choose_index(BODIES)?,
                31 => it.hints.push((import.0, *u.choose(&IDS)?)),
                _ => {}
            }
            if it.imports.iter().all(|(name, _)| *name != import.0) {
                it.imports.push(import);
            }
        }
        if once_in(u, 8)? && !it.exports.is_empty() {
            it.filter = Some((u.choose(&it.exports)?.0, u.arbitrary()?));
        }
        Ok(it)
    }

    fn text(&self, interfaces: &[Body], functions: &[Signature]) -> String {
        let mut text = "(component ".to_owned();
        for (name, body) in &self.imports {
            text += &match FUNCTIONS.contains(name) {
                true => functions[*body].imported(name),
                false => interfaces[*body].imported(name),
            };
        }
        for (nth, (name, body)) in self.exports.iter().enumerate() {
            text += &match FUNCTIONS.contains(name) {
                true => functions[*body].exported(name, nth),
                false => interfaces[*body].exported(name, nth),
            };
        }
        text + ")"
    }
}

/// How many interfaces there are, and functions in none.
const BODIES: usize = 3;

/// Composes up to four components.
fn wired(u: &mut Unstructured<'_>) -> Result<()> {
    let mut sketches: Vec<Sketch> = Vec::new();
    for id in &IDS[..u.int_in_range(1..=4)?] {
        let offered: Vec<_> = sketches.iter().flat_map(|it| it.exports.iter().copied()).collect();
        sketches.push(Sketch::arbitrary(u, id, &offered)?);
    }
    let nested = if once_in(u, 4)? { u.int_in_range(1..=sketches.len())? } else { 0 };
    let export_hint = match once_in(u, 4)? {
        true => Some((*u.choose(&INTERFACES)?, *u.choose(&IDS)?)),
        false => None,
    };

    // Last, as types take all the bytes that are left.
    let interfaces = (0..BODIES).map(|_| Body::interface(u)).collect::<Result<Vec<_>>>()?;
    let functions = (0..BODIES).map(|_| Signature::alone(u)).collect::<Result<Vec<_>>>()?;
    let texts: Vec<_> = sketches.iter().map(|it| it.text(&interfaces, &functions)).collect();
    let components: Vec<_> = texts.iter().map(|text| component(text.as_bytes())).collect();

    let compose = |order: &mut dyn Iterator<Item = usize>| {
        let mut inner = Composer::new();
        let mut outer = Composer::new();
        for i in order {
            let (Sketch { id, hints, filter, .. }, part) = (&sketches[i], components[i].clone());
            let mut descriptor = match filter {
                None => ComposableDescriptor::new(*id, part),
                Some((name, true)) => ComposableDescriptor::new(*id, part.exposing(&[name])),
                Some((name, false)) => ComposableDescriptor::new(*id, part.hiding(&[name])),
            };
            for (import, provider) in hints {
                descriptor = descriptor.with_import_hint(*import, *provider);
            }
            if i < nested { &mut inner } else { &mut outer }.add(descriptor);
        }
        if nested > 0 {
            outer.add(ComposableDescriptor::new("inner", inner));
        }
        if let Some((export, provider)) = export_hint {
            outer.with_export_hint(export, provider);
        }
        outer
    };
    let texts = texts.join("\n");
    let composer = compose(&mut (0..sketches.len()));
    let planned = plan(&composer);
    if let Err(CompositionError::Plan(error)) = &planned {
        // What is generated here is valid.
        assert!(!error.problems().iter().any(is_load), "{error}\n{texts}");
    }
    let reversed = plan(&compose(&mut (0..sketches.len()).rev()));
    assert_eq!(planned.is_ok(), reversed.is_ok(), "{planned:?}\n{reversed:?}\n{texts}");
    if planned.is_ok() {
        RUNTIME.with(|runtime| {
            runtime.block_on(async {
                let composition = composer.compose().await;
                let composition = composition
                    .unwrap_or_else(|error| panic!("planned and not composed: {}", chain(&error)));
                let closed = composition.close(LIMIT).await;
                closed.unwrap_or_else(|error| panic!("{}", chain(&error)));
            });
        });
    }
    Ok(())
}

/// Closing takes no time where nothing runs.
const LIMIT: Duration = Duration::from_secs(20);

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("the system has threads");
}

impl Body {
    fn interface(u: &mut Unstructured<'_>) -> Result<Self> {
        let resource = once_in(u, 3)?;
        let mut types = Vec::new();
        if once_in(u, 4)? {
            types.push(("own-type", ty(u)?));
        }
        let mut functions = Vec::new();
        for name in &FUNCTIONS[..u.int_in_range(0..=FUNCTIONS.len())?] {
            let mut function = Signature::arbitrary(u, 2)?;
            if resource && u.arbitrary()? {
                function.handle = Some(*u.choose(&["own", "borrow"])?);
            }
            functions.push((*name, function));
        }
        Ok(Self { resource, types, functions })
    }

    fn imported(&self, name: &str) -> String {
        let mut text = String::new();
        let mut named = Vec::new();
        if self.resource {
            text += r#"(export "r" (type $r (sub resource)))"#;
        }
        for (name, ty) in &self.types {
            let ty = reference(ty, &mut named);
            text += &defined(&mut named, |i, ty| {
                format!(r#"(type $d{i} {ty}) (export "t{i}" (type $t{i} (eq $d{i})))"#)
            });
            text += &match ty.starts_with('$') {
                true => format!(r#"(export "{name}" (type (eq {ty})))"#),
                false => format!(r#"(type $own {ty}) (export "{name}" (type (eq $own)))"#),
            };
        }
        for (name, function) in &self.functions {
            let ty = function.text(&mut named);
            text += &defined(&mut named, |i, ty| {
                format!(r#"(type $d{i} {ty}) (export "t{i}" (type $t{i} (eq $d{i})))"#)
            });
            text += &format!(r#"(export "{name}" (func {ty}))"#);
        }
        format!(r#"(import "{name}" (instance {text}))"#)
    }

    fn exported(&self, name: &str, nth: usize) -> String {
        let mut text = String::new();
        let mut named = Vec::new();
        if self.resource {
            text += r#"(type $d (resource (rep i32))) (export $r "r" (type $d))"#;
        }
        for (name, ty) in &self.types {
            let ty = reference(ty, &mut named);
            text += &defined(&mut named, |i, ty| {
                format!(r#"(type $d{i} {ty}) (export $t{i} "t{i}" (type $d{i}))"#)
            });
            text += &match ty.starts_with('$') {
                true => format!(r#"(export "{name}" (type {ty}))"#),
                false => format!(r#"(type $own {ty}) (export "{name}" (type $own))"#),
            };
        }
        for (name, function) in &self.functions {
            let ty = function.text(&mut named);
            text += &defined(&mut named, |i, ty| {
                format!(r#"(type $d{i} {ty}) (export $t{i} "t{i}" (type $d{i}))"#)
            });
            text += &function.lifted(name, &ty);
        }
        let core = core(self.functions.iter().map(|(name, function)| (*name, function)));
        format!(
            r#"(component $c{nth} {core} {text})
            (instance $c{nth} (instantiate $c{nth}))
            (export "{name}" (instance $c{nth}))"#
        )
    }
}

/// The definitions that were added since they were written last.
fn defined(named: &mut [String], write: impl Fn(usize, &str) -> String) -> String {
    let mut text = String::new();
    for (i, definition) in named.iter_mut().enumerate() {
        if !definition.is_empty() {
            text += &write(i, definition);
            definition.clear();
        }
    }
    text
}

impl Signature {
    fn arbitrary(u: &mut Unstructured<'_>, depth: usize) -> Result<Self> {
        let types = |u: &mut Unstructured<'_>| match once_in(u, 20)? {
            true => ty(u),
            false => random::ty(u, depth),
        };
        Ok(Self {
            is_async: once_in(u, 3)?,
            handle: None,
            params: (0..u.int_in_range(0..=3)?).map(|_| types(u)).collect::<Result<_>>()?,
            result: if u.arbitrary()? { Some(types(u)?) } else { None },
        })
    }

    /// Of a function in no interface, which has no types with names of their own.
    fn alone(u: &mut Unstructured<'_>) -> Result<Self> {
        let mut signature = Self::arbitrary(u, 1)?;
        for ty in signature.params.iter_mut().chain(&mut signature.result) {
            let mut named = Vec::new();
            reference(ty, &mut named);
            if !named.is_empty() {
                *ty = ValueType::String;
            }
        }
        Ok(signature)
    }

    fn text(&self, named: &mut Vec<String>) -> String {
        let mut text = if self.is_async { "async" } else { "" }.to_owned();
        if let Some(handle) = self.handle {
            text += &format!(r#" (param "self" ({handle} $r))"#);
        }
        for (i, ty) in self.params.iter().enumerate() {
            text += &format!(r#" (param "p{i}" {})"#, reference(ty, named));
        }
        if let Some(ty) = &self.result {
            text += &format!(" (result {})", reference(ty, named));
        }
        text
    }

    fn imported(&self, name: &str) -> String {
        format!(r#"(import "{name}" (func {}))"#, self.text(&mut Vec::new()))
    }

    /// Of a function alone.
    fn exported(&self, name: &str, nth: usize) -> String {
        let ty = self.text(&mut Vec::new());
        format!(
            r#"(component $c{nth} {} {})
            (instance $c{nth} (instantiate $c{nth}))
            (alias export $c{nth} "{name}" (func $f{nth}))
            (export "{name}" (func $f{nth}))"#,
            core([(name, self)].into_iter()),
            self.lifted(name, &ty)
        )
    }

    fn lifted(&self, name: &str, ty: &str) -> String {
        format!(
            r#"(func (export "{name}") {ty} (canon lift (core func $m "{name}")
                (memory (core memory $m "memory"))
                (realloc (core func $m "realloc"))))"#
        )
    }

    /// A core function that traps.
    fn core(&self, name: &str) -> String {
        let mut params: Vec<_> = self.handle.iter().map(|_| "i32").collect();
        self.params.iter().for_each(|ty| flatten(ty, &mut params));
        if params.len() > 16 {
            params = vec!["i32"];
        }
        let mut results = Vec::new();
        self.result.iter().for_each(|ty| flatten(ty, &mut results));
        if results.len() > 1 {
            results = vec!["i32"];
        }
        let (params, results) = (params.join(" "), results.join(" "));
        format!(r#"(func (export "{name}") (param {params}) (result {results}) unreachable)"#)
    }
}

fn core<'a>(functions: impl Iterator<Item = (&'a str, &'a Signature)>) -> String {
    let functions: String = functions.map(|(name, function)| function.core(name)).collect();
    format!(
        r#"(core module $m
            (memory (export "memory") 0)
            (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable)
            {functions})
        (core instance $m (instantiate $m))"#
    )
}

/// Any type, among them those that do not cross between components.
fn ty(u: &mut Unstructured<'_>) -> Result<ValueType> {
    Ok(match u.int_in_range(0..=5)? {
        // Not of characters, which wasmtime does not know yet.
        0 => ValueType::Stream(Some(ValueType::List(random::ty(u, 1)?.into()).into())),
        1 => ValueType::Future(None),
        2 => ValueType::ErrorContext,
        _ => random::ty(u, 2)?,
    })
}

/// The core types of a value, as the canonical ABI has them.
fn flatten(ty: &ValueType, flat: &mut Vec<&'static str>) {
    let cases = |types: &mut dyn Iterator<Item = &ValueType>, flat: &mut Vec<&'static str>| {
        flat.push("i32");
        let start = flat.len();
        for ty in types {
            let mut case = Vec::new();
            flatten(ty, &mut case);
            for (i, core) in case.into_iter().enumerate() {
                match flat.get_mut(start + i) {
                    None => flat.push(core),
                    Some(joined) if *joined == core => {}
                    Some(joined) if matches!((*joined, core), ("i32", "f32") | ("f32", "i32")) => {
                        *joined = "i32";
                    }
                    Some(joined) => *joined = "i64",
                }
            }
        }
    };
    match ty {
        ValueType::S64 | ValueType::U64 => flat.push("i64"),
        ValueType::F32 => flat.push("f32"),
        ValueType::F64 => flat.push("f64"),
        ValueType::String | ValueType::List(_) | ValueType::Map(_) => flat.extend(["i32", "i32"]),
        ValueType::FixedLengthList(ty, n) => (0..*n).for_each(|_| flatten(ty, flat)),
        ValueType::Record(fields) => fields.iter().for_each(|(_, ty)| flatten(ty, flat)),
        ValueType::Tuple(types) => types.iter().for_each(|ty| flatten(ty, flat)),
        ValueType::Variant(types) => cases(&mut types.iter().filter_map(|it| it.1.as_ref()), flat),
        ValueType::Option(ty) => cases(&mut std::iter::once(&**ty), flat),
        ValueType::Result(types) => cases(&mut types.0.iter().chain(&types.1), flat),
        _ => flat.push("i32"),
    }
}
