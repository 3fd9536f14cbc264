//! Values in WAVE, with feature `wave`: the text encoding of the component model's values.
//!
//! A record is `{name: "ann", age: 7}`, a list `[1, 2]`, an option `some("x")` or `none`. Values
//! that contain handles, streams or futures cannot be written in WAVE.
//!
//! # Examples
//!
//! ```
//! use std::sync::Arc;
//!
//! use wasm_runtime_composer::types::ValueType;
//! use wasm_runtime_composer::wave;
//! use wasmtime::component::Val;
//!
//! # fn main() -> Result<(), wave::WaveError> {
//! let ty = ValueType::Option(Arc::new(ValueType::U32));
//! assert_eq!(wave::parse(&ty, "some(7)")?, Val::Option(Some(Box::new(Val::U32(7)))));
//! assert_eq!(wave::write(&Val::Option(None))?, "none");
//! let error = wave::parse(&ty, "some(x)").unwrap_err();
//! assert_eq!(error.to_string(), "option payload: expected `u32`, found `x`");
//! # Ok(())
//! # }
//! ```

mod written;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use wasm_wave::ast::{Node, NodeType};
use wasm_wave::untyped::UntypedValue;
use wasmtime::component::Val;

use crate::types::ValueType;
use written::WaveText;

/// A text that is not a value of a type, or a value that cannot be written in WAVE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaveError {
    /// Innermost step first.
    steps: Vec<String>,
    expected: String,
    found: String,
}

impl WaveError {
    /// Steps to the place of the problem, outermost first.
    pub fn path(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().rev().map(String::as_str)
    }

    /// The type at that place.
    pub fn expected(&self) -> &str {
        &self.expected
    }

    /// The text or value at that place.
    pub fn found(&self) -> &str {
        &self.found
    }

    fn within(mut self, step: String) -> Self {
        self.steps.push(step);
        self
    }
}

impl fmt::Display for WaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.path().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{step}")?;
        }
        let colon = if self.steps.is_empty() { "" } else { ": " };
        write!(f, "{colon}expected `{}`, found {}", self.expected, self.found)
    }
}

impl std::error::Error for WaveError {}

/// Parses a value of type `ty`.
///
/// # Errors
///
/// If `text` is not such a value, or if values of `ty` cannot be written in WAVE (see
/// [`unwritable`]).
pub fn parse(ty: &ValueType, text: &str) -> Result<Val, WaveError> {
    let wrong = |found: String| WaveError { steps: Vec::new(), expected: ty.to_string(), found };
    if let Some(part) = unwritable(ty) {
        return Err(wrong(format!("`{part}`, which has no form in WAVE")));
    }
    let parsed =
        UntypedValue::parse(text).map_err(|error| wrong(format!("`{}`, {error}", cut(text))))?;
    value(ty, parsed.node(), text)
}

/// Writes a value on one line.
///
/// # Errors
///
/// If it contains a handle, a stream, a future or an error context.
pub fn write(val: &Val) -> Result<String, WaveError> {
    wasm_wave::to_string(&WaveText(val)).map_err(|error| WaveError {
        steps: Vec::new(),
        expected: "a value that has a form in WAVE".to_owned(),
        found: error.to_string(),
    })
}

/// The first part of `ty` whose values cannot be written in WAVE: handles, streams, futures and
/// errors.
pub fn unwritable(ty: &ValueType) -> Option<&ValueType> {
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

/// The most characters of a wrong value that an error shows.
const SHOWN: usize = 60;

fn fault(ty: &ValueType, node: &Node, source: &str) -> WaveError {
    let text = source.get(node.span()).unwrap_or_default();
    WaveError { steps: Vec::new(), expected: ty.to_string(), found: format!("`{}`", cut(text)) }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}

/// The value of type `ty` that `node`, parsed from `source`, stands for.
fn value(ty: &ValueType, node: &Node, source: &str) -> Result<Val, WaveError> {
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
                return Err(WaveError { found, ..wrong() });
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
        // Unreachable: `unwritable` has excluded these types.
        _ => Err(wrong()),
    }
}

fn list(
    element: &ValueType,
    node: &Node,
    source: &str,
    wrong: impl Fn() -> WaveError,
) -> Result<Vec<Val>, WaveError> {
    let items = node.as_list().map_err(|_| wrong())?.enumerate().map(|(index, node)| {
        value(element, node, source).map_err(|it| it.within(format!("list element {index}")))
    });
    items.collect()
}

/// If several entries have the same key, the last value counts, at the place of the first.
fn map(
    (key, of): &(ValueType, ValueType),
    node: &Node,
    source: &str,
    wrong: impl Fn() -> WaveError,
) -> Result<Val, WaveError> {
    let mut entries: Vec<(Val, Val)> = Vec::new();
    let mut places = HashMap::new();
    for (key_node, node) in node.as_map().map_err(|_| wrong())? {
        let key = map_key(key, key_node, source).map_err(|it| it.within("map key".to_owned()))?;
        let of = value(of, node, source).map_err(|it| it.within("map value".to_owned()))?;
        let written = wasm_wave::to_string(&WaveText(&key)).map_err(|_| wrong())?;
        let place = *places.entry(written).or_insert(entries.len());
        match entries.get_mut(place) {
            Some(entry) => entry.1 = of,
            None => entries.push((key, of)),
        }
    }
    Ok(Val::Map(entries))
}

/// As keys, `true` and `false` are parsed as labels.
fn map_key(ty: &ValueType, node: &Node, source: &str) -> Result<Val, WaveError> {
    match (ty, node.ty(), source.get(node.span())) {
        (ValueType::Bool, NodeType::Label, Some("true")) => Ok(Val::Bool(true)),
        (ValueType::Bool, NodeType::Label, Some("false")) => Ok(Val::Bool(false)),
        _ => value(ty, node, source),
    }
}

/// Fields in the order of the type. Missing options are `none`.
fn record(
    fields: &[(Arc<str>, ValueType)],
    node: &Node,
    source: &str,
    wrong: impl Fn() -> WaveError,
) -> Result<Val, WaveError> {
    let given: Vec<_> = node.as_record(source).map_err(|_| wrong())?.collect();
    if let Some((name, _)) = given.iter().find(|(name, _)| !fields.iter().any(|it| *it.0 == **name))
    {
        return Err(WaveError { found: format!("the unknown field `{name}`"), ..wrong() });
    }
    let values = fields.iter().map(|(name, ty)| {
        let node = given.iter().find(|(given, _)| **given == **name).map(|(_, node)| *node);
        let value = match (node, ty) {
            (Some(node), ty) => {
                value(ty, node, source).map_err(|it| it.within(format!("field `{name}`")))?
            }
            (None, ValueType::Option(_)) => Val::Option(None),
            (None, _) => {
                return Err(WaveError { found: format!("no field `{name}`"), ..wrong() });
            }
        };
        Ok((name.to_string(), value))
    });
    values.collect::<Result<_, _>>().map(Val::Record)
}

/// `some` may be omitted, unless its payload is an option or a result.
fn option(
    some: &ValueType,
    node: &Node,
    source: &str,
    wrong: impl Fn() -> WaveError,
) -> Result<Val, WaveError> {
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

/// `ok` may be omitted, unless its payload is an option or a result.
fn result(
    (ok, err): &(Option<ValueType>, Option<ValueType>),
    node: &Node,
    source: &str,
    wrong: impl Fn() -> WaveError,
) -> Result<Val, WaveError> {
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

/// The payload of a case: required if the case's type has one, and refused otherwise.
fn payload(
    ty: Option<&ValueType>,
    node: Option<&Node>,
    source: &str,
    wrong: impl Fn() -> WaveError,
) -> Result<Option<Box<Val>>, WaveError> {
    match (ty, node) {
        (Some(ty), Some(node)) => value(ty, node, source).map(|it| Some(Box::new(it))),
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(wrong()),
    }
}
