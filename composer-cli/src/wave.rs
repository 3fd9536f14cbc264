//! Component values in WAVE, the text encoding of the component model's values: read by the type of
//! a function, and written.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use wasm_runtime_composer::{FunctionType, ValueType};
use wasm_wave::ast::{Node, NodeType};
use wasm_wave::untyped::UntypedValue;
use wasm_wave::wasm::{WasmTypeKind, WasmValue};
use wasmtime::component::Val;

use crate::failure::Failure;

/// Arguments that do not fit a function.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("`{function}` takes {expected} parameters, found {found}")]
    Count { function: String, expected: usize, found: usize },

    #[error("{} of `{function}`: expected `{expected}`, found {found}", .path.join(", "))]
    Type { function: String, path: Vec<String>, expected: String, found: String },

    #[error("{place} of `{function}`: `{found}` has no form in WAVE, so it cannot be called here")]
    Unwritable { function: String, place: String, found: String },
}

impl Mismatch {
    pub(crate) fn unwritable(function: &str, place: &str, found: &ValueType) -> Self {
        Self::Unwritable {
            function: function.to_owned(),
            place: place.to_owned(),
            found: found.to_string(),
        }
    }
}

/// The first part of `ty` whose values WAVE cannot express: handles, streams, futures and errors.
pub(crate) fn unwritable(ty: &ValueType) -> Option<&ValueType> {
    match ty {
        ValueType::List(ty) | ValueType::FixedLengthList(ty, _) | ValueType::Option(ty) => {
            unwritable(ty)
        }
        ValueType::Map(entry) => unwritable(&entry.0).or_else(|| unwritable(&entry.1)),
        ValueType::Record(fields) => fields.iter().find_map(|(_, ty)| unwritable(ty)),
        ValueType::Tuple(types) => types.iter().find_map(unwritable),
        ValueType::Variant(cases) => cases.iter().find_map(|(_, ty)| unwritable(ty.as_ref()?)),
        ValueType::Result(sides) => {
            sides.0.iter().chain(&sides.1).find_map(|side| unwritable(side))
        }
        ValueType::Bool
        | ValueType::S8
        | ValueType::U8
        | ValueType::S16
        | ValueType::U16
        | ValueType::S32
        | ValueType::U32
        | ValueType::S64
        | ValueType::U64
        | ValueType::F32
        | ValueType::F64
        | ValueType::Char
        | ValueType::String
        | ValueType::Enum(_)
        | ValueType::Flags(_) => None,
        other => Some(other),
    }
}

/// The arguments of `function`. Options at the end that are not given are `none`, as WAVE has it.
pub(crate) fn arguments(
    function: &str,
    ty: &FunctionType,
    given: Option<&UntypedValue<'_>>,
) -> Result<Vec<Val>, Mismatch> {
    for (name, ty) in ty.params() {
        if let Some(found) = unwritable(ty) {
            return Err(Mismatch::unwritable(function, &format!("parameter `{name}`"), found));
        }
    }
    let source = given.map_or("", UntypedValue::source);
    let nodes: Vec<&Node> = match given.map(|it| it.node().as_tuple()) {
        Some(Ok(nodes)) => nodes.collect(),
        Some(Err(_)) | None => Vec::new(),
    };
    let count = || Mismatch::Count {
        function: function.to_owned(),
        expected: ty.params().len(),
        found: nodes.len(),
    };
    if nodes.len() > ty.params().len() {
        return Err(count());
    }
    let params = ty.params().enumerate().map(|(index, (name, ty))| match (nodes.get(index), ty) {
        (Some(node), _) => value(ty, node, source).map_err(|fault| {
            let fault = fault.within(format!("parameter `{name}`"));
            let path = fault.steps.into_iter().rev().collect();
            let Fault { expected, found, .. } = fault;
            Mismatch::Type { function: function.to_owned(), path, expected, found }
        }),
        (None, ValueType::Option(_)) => Ok(Val::Option(None)),
        (None, _) => Err(count()),
    });
    params.collect()
}

/// A value that is not of its type, and where.
struct Fault {
    /// Innermost step first.
    steps: Vec<String>,
    expected: String,
    found: String,
}

impl Fault {
    fn within(mut self, step: String) -> Self {
        self.steps.push(step);
        self
    }
}

/// How much of a wrong value an error shows, in characters.
const SHOWN: usize = 60;

fn fault(ty: &ValueType, node: &Node, source: &str) -> Fault {
    let text = source.get(node.span()).unwrap_or_default();
    let found = match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("`{}..`", &text[..end]),
        None => format!("`{text}`"),
    };
    Fault { steps: Vec::new(), expected: ty.to_string(), found }
}

/// The value of type `ty` that `node` of `source` stands for.
fn value(ty: &ValueType, node: &Node, source: &str) -> Result<Val, Fault> {
    let wrong = || fault(ty, node, source);
    macro_rules! leaf {
        ($val:ident, $parsed:expr) => {
            $parsed.map(Val::$val).map_err(|_| wrong())
        };
    }
    match ty {
        ValueType::Bool => leaf!(Bool, node.as_bool()),
        ValueType::S8 => leaf!(S8, node.as_number(source)),
        ValueType::U8 => leaf!(U8, node.as_number(source)),
        ValueType::S16 => leaf!(S16, node.as_number(source)),
        ValueType::U16 => leaf!(U16, node.as_number(source)),
        ValueType::S32 => leaf!(S32, node.as_number(source)),
        ValueType::U32 => leaf!(U32, node.as_number(source)),
        ValueType::S64 => leaf!(S64, node.as_number(source)),
        ValueType::U64 => leaf!(U64, node.as_number(source)),
        ValueType::F32 => leaf!(Float32, node.as_number(source)),
        ValueType::F64 => leaf!(Float64, node.as_number(source)),
        ValueType::Char => leaf!(Char, node.as_char(source)),
        ValueType::String => {
            node.as_str(source).map(|text| Val::String(text.into_owned())).map_err(|_| wrong())
        }
        ValueType::List(element) => list(element, node, source, wrong).map(Val::List),
        ValueType::FixedLengthList(element, length) => {
            let items = list(element, node, source, wrong)?;
            if items.len() != *length as usize {
                let found = format!("{} elements", items.len());
                return Err(Fault { found, ..wrong() });
            }
            Ok(Val::FixedLengthList(items))
        }
        ValueType::Map(entry) => map(entry, node, source, wrong),
        ValueType::Record(fields) => record(fields, node, source, wrong),
        ValueType::Tuple(types) => {
            let nodes = node.as_tuple().map_err(|_| wrong())?;
            if nodes.len() != types.len() {
                return Err(wrong());
            }
            let values = types.iter().zip(nodes).enumerate().map(|(index, (ty, node))| {
                value(ty, node, source).map_err(|it| it.within(format!("tuple element {index}")))
            });
            values.collect::<Result<_, _>>().map(Val::Tuple)
        }
        ValueType::Variant(cases) => {
            let (name, given) = node.as_variant(source).map_err(|_| wrong())?;
            let case = cases.iter().find(|(case, _)| **case == *name).ok_or_else(wrong)?;
            let payload = payload(case.1.as_ref(), given, source, wrong)
                .map_err(|it| it.within(format!("case `{name}`")))?;
            Ok(Val::Variant(name.to_owned(), payload))
        }
        ValueType::Enum(cases) => {
            let name = node.as_enum(source).map_err(|_| wrong())?;
            let known = cases.iter().any(|case| **case == *name);
            if known { Ok(Val::Enum(name.to_owned())) } else { Err(wrong()) }
        }
        ValueType::Option(some) => option(some, node, source, wrong),
        ValueType::Result(sides) => result(sides, node, source, wrong),
        ValueType::Flags(names) => {
            let given: Vec<_> = node.as_flags(source).map_err(|_| wrong())?.collect();
            if given.iter().any(|flag| !names.iter().any(|name| **name == **flag)) {
                return Err(wrong());
            }
            let set = names.iter().filter(|name| given.contains(&&***name));
            Ok(Val::Flags(set.map(|name| name.to_string()).collect()))
        }
        // `unwritable` has been asked.
        _ => Err(wrong()),
    }
}

fn list(
    element: &ValueType,
    node: &Node,
    source: &str,
    wrong: impl Fn() -> Fault,
) -> Result<Vec<Val>, Fault> {
    let items = node.as_list().map_err(|_| wrong())?.enumerate().map(|(index, node)| {
        value(element, node, source).map_err(|it| it.within(format!("list element {index}")))
    });
    items.collect()
}

/// The last of the entries with one key counts, in the place of the first.
fn map(
    (key, of): &(ValueType, ValueType),
    node: &Node,
    source: &str,
    wrong: impl Fn() -> Fault,
) -> Result<Val, Fault> {
    let mut entries: Vec<(Val, Val)> = Vec::new();
    let mut places = HashMap::new();
    for (key_node, node) in node.as_map().map_err(|_| wrong())? {
        let key = map_key(key, key_node, source).map_err(|it| it.within("map key".to_owned()))?;
        let of = value(of, node, source).map_err(|it| it.within("map value".to_owned()))?;
        let written = wasm_wave::to_string(&Written(&key)).map_err(|_| wrong())?;
        let place = *places.entry(written).or_insert(entries.len());
        match entries.get_mut(place) {
            Some(entry) => entry.1 = of,
            None => entries.push((key, of)),
        }
    }
    Ok(Val::Map(entries))
}

/// In the place of a key, `true` and `false` are read as labels.
fn map_key(ty: &ValueType, node: &Node, source: &str) -> Result<Val, Fault> {
    match (ty, node.ty(), source.get(node.span())) {
        (ValueType::Bool, NodeType::Label, Some("true")) => Ok(Val::Bool(true)),
        (ValueType::Bool, NodeType::Label, Some("false")) => Ok(Val::Bool(false)),
        _ => value(ty, node, source),
    }
}

/// Fields in the order of the type; options that are not given are `none`.
fn record(
    fields: &[(Arc<str>, ValueType)],
    node: &Node,
    source: &str,
    wrong: impl Fn() -> Fault,
) -> Result<Val, Fault> {
    let given: Vec<_> = node.as_record(source).map_err(|_| wrong())?.collect();
    if let Some((name, _)) = given.iter().find(|(name, _)| !fields.iter().any(|it| *it.0 == **name))
    {
        return Err(Fault { found: format!("the unknown field `{name}`"), ..wrong() });
    }
    let values = fields.iter().map(|(name, ty)| {
        let node = given.iter().find(|(given, _)| **given == **name).map(|(_, node)| *node);
        let value = match (node, ty) {
            (Some(node), ty) => {
                value(ty, node, source).map_err(|it| it.within(format!("field `{name}`")))?
            }
            (None, ValueType::Option(_)) => Val::Option(None),
            (None, _) => {
                return Err(Fault { found: format!("no field `{name}`"), ..wrong() });
            }
        };
        Ok((name.to_string(), value))
    });
    values.collect::<Result<_, _>>().map(Val::Record)
}

/// `some` may be left out, unless what is inside is an option or a result.
fn option(
    some: &ValueType,
    node: &Node,
    source: &str,
    wrong: impl Fn() -> Fault,
) -> Result<Val, Fault> {
    let inside = match node.as_option() {
        Ok(inside) => inside,
        Err(_) if flattens(some) => Some(node),
        Err(_) => return Err(wrong()),
    };
    let Some(inside) = inside else { return Ok(Val::Option(None)) };
    let inside =
        value(some, inside, source).map_err(|it| it.within("option payload".to_owned()))?;
    Ok(Val::Option(Some(Box::new(inside))))
}

/// `ok` may be left out, unless what is inside is an option or a result.
fn result(
    (ok, err): &(Option<ValueType>, Option<ValueType>),
    node: &Node,
    source: &str,
    wrong: impl Fn() -> Fault,
) -> Result<Val, Fault> {
    let (case, inside) = match node.as_result() {
        Ok(Ok(inside)) => (Ok(ok), inside),
        Ok(Err(inside)) => (Err(err), inside),
        Err(_) if ok.as_ref().is_some_and(flattens) => (Ok(ok), Some(node)),
        Err(_) => return Err(wrong()),
    };
    let value = match case {
        Ok(ty) => payload(ty.as_ref(), inside, source, wrong)
            .map(Ok)
            .map_err(|it| it.within("ok payload".to_owned())),
        Err(ty) => payload(ty.as_ref(), inside, source, wrong)
            .map(Err)
            .map_err(|it| it.within("error payload".to_owned())),
    };
    value.map(Val::Result)
}

fn flattens(ty: &ValueType) -> bool {
    !matches!(ty, ValueType::Option(_) | ValueType::Result(_))
}

/// What a case carries: something where its type says so, and nothing elsewhere.
fn payload(
    ty: Option<&ValueType>,
    node: Option<&Node>,
    source: &str,
    wrong: impl Fn() -> Fault,
) -> Result<Option<Box<Val>>, Fault> {
    match (ty, node) {
        (Some(ty), Some(node)) => value(ty, node, source).map(|it| Some(Box::new(it))),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(wrong()),
    }
}

/// A value as a line in WAVE.
pub(crate) fn line(val: &Val) -> Result<String, Failure> {
    match wasm_wave::to_string(&Written(val)) {
        Ok(text) => Ok(text + "\n"),
        Err(error) => {
            Err(Failure::output("the result has no form in WAVE".to_owned(), error.to_string()))
        }
    }
}

/// A value to be written.
#[derive(Clone, Copy)]
struct Written<'a>(&'a Val);

impl<'a> Written<'a> {
    fn cow<'b>(val: &'a Val) -> Cow<'b, Self>
    where
        'a: 'b,
    {
        Cow::Owned(Self(val))
    }

    /// wasm-wave asks for what the kind says, and for nothing else.
    fn wrong(self, asked: &str) -> ! {
        unreachable!("{:?} is no {asked}", self.0)
    }
}

impl fmt::Debug for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! unwrap_leaves {
    ($($name:ident $val:ident $rust:ty),*) => {
        $(fn $name(&self) -> $rust {
            match self.0 {
                Val::$val(value) => *value,
                _ => self.wrong(stringify!($val)),
            }
        })*
    };
}

impl WasmValue for Written<'_> {
    // Values are only written, and writing asks for no types.
    type Type = wasm_wave::value::Type;

    fn kind(&self) -> WasmTypeKind {
        match self.0 {
            Val::Bool(_) => WasmTypeKind::Bool,
            Val::S8(_) => WasmTypeKind::S8,
            Val::U8(_) => WasmTypeKind::U8,
            Val::S16(_) => WasmTypeKind::S16,
            Val::U16(_) => WasmTypeKind::U16,
            Val::S32(_) => WasmTypeKind::S32,
            Val::U32(_) => WasmTypeKind::U32,
            Val::S64(_) => WasmTypeKind::S64,
            Val::U64(_) => WasmTypeKind::U64,
            Val::Float32(_) => WasmTypeKind::F32,
            Val::Float64(_) => WasmTypeKind::F64,
            Val::Char(_) => WasmTypeKind::Char,
            Val::String(_) => WasmTypeKind::String,
            Val::List(_) => WasmTypeKind::List,
            Val::FixedLengthList(_) => WasmTypeKind::FixedLengthList,
            Val::Map(_) => WasmTypeKind::Map,
            Val::Record(_) => WasmTypeKind::Record,
            Val::Tuple(_) => WasmTypeKind::Tuple,
            Val::Variant(..) => WasmTypeKind::Variant,
            Val::Enum(_) => WasmTypeKind::Enum,
            Val::Option(_) => WasmTypeKind::Option,
            Val::Result(_) => WasmTypeKind::Result,
            Val::Flags(_) => WasmTypeKind::Flags,
            _ => WasmTypeKind::Unsupported,
        }
    }

    unwrap_leaves!(
        unwrap_bool Bool bool,
        unwrap_s8 S8 i8,
        unwrap_u8 U8 u8,
        unwrap_s16 S16 i16,
        unwrap_u16 U16 u16,
        unwrap_s32 S32 i32,
        unwrap_u32 U32 u32,
        unwrap_s64 S64 i64,
        unwrap_u64 U64 u64,
        unwrap_f32 Float32 f32,
        unwrap_f64 Float64 f64,
        unwrap_char Char char
    );

    fn unwrap_string(&self) -> Cow<'_, str> {
        match self.0 {
            Val::String(text) => text.into(),
            _ => self.wrong("string"),
        }
    }

    fn unwrap_list(&self) -> Box<dyn Iterator<Item = Cow<'_, Self>> + '_> {
        match self.0 {
            Val::List(items) | Val::FixedLengthList(items) => Box::new(items.iter().map(Self::cow)),
            _ => self.wrong("list"),
        }
    }

    fn unwrap_record(&self) -> Box<dyn Iterator<Item = (Cow<'_, str>, Cow<'_, Self>)> + '_> {
        match self.0 {
            Val::Record(fields) => {
                Box::new(fields.iter().map(|(name, val)| (name.into(), Self::cow(val))))
            }
            _ => self.wrong("record"),
        }
    }

    fn unwrap_tuple(&self) -> Box<dyn Iterator<Item = Cow<'_, Self>> + '_> {
        match self.0 {
            Val::Tuple(items) => Box::new(items.iter().map(Self::cow)),
            _ => self.wrong("tuple"),
        }
    }

    fn unwrap_variant(&self) -> (Cow<'_, str>, Option<Cow<'_, Self>>) {
        match self.0 {
            Val::Variant(case, payload) => (case.into(), payload.as_deref().map(Self::cow)),
            _ => self.wrong("variant"),
        }
    }

    fn unwrap_enum(&self) -> Cow<'_, str> {
        match self.0 {
            Val::Enum(case) => case.into(),
            _ => self.wrong("enum"),
        }
    }

    fn unwrap_option(&self) -> Option<Cow<'_, Self>> {
        match self.0 {
            Val::Option(payload) => payload.as_deref().map(Self::cow),
            _ => self.wrong("option"),
        }
    }

    fn unwrap_result(&self) -> Result<Option<Cow<'_, Self>>, Option<Cow<'_, Self>>> {
        match self.0 {
            Val::Result(Ok(payload)) => Ok(payload.as_deref().map(Self::cow)),
            Val::Result(Err(payload)) => Err(payload.as_deref().map(Self::cow)),
            _ => self.wrong("result"),
        }
    }

    fn unwrap_flags(&self) -> Box<dyn Iterator<Item = Cow<'_, str>> + '_> {
        match self.0 {
            Val::Flags(flags) => Box::new(flags.iter().map(Into::into)),
            _ => self.wrong("flags"),
        }
    }

    fn unwrap_map(&self) -> Box<dyn Iterator<Item = (Cow<'_, Self>, Cow<'_, Self>)> + '_> {
        match self.0 {
            Val::Map(entries) => {
                Box::new(entries.iter().map(|(key, value)| (Self::cow(key), Self::cow(value))))
            }
            _ => self.wrong("map"),
        }
    }
}
