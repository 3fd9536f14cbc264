//! The conversion between [`Value`] and wasmtime's `Val`.
//!
//! A `Val` carries names and its handles belong to one store, so both directions need the type, and
//! someone who knows the handles (`Handles`): a store's border or a Rust caller's table. A mismatch
//! between value and type is an error with the path to it; `Val`s come from applications and may be
//! of any shape.

use std::fmt::Display;
use std::sync::Arc;

use wasm_runtime_composer_values::Stored;
use wasmtime::component::Val;

use super::{ERR, Handle, HandleType, NONE, OK, SOME, Value, primitives};
use crate::error::{ArgumentError, HandleError};
use crate::types::ValueType;

/// Moves handles out of a store or table, and into one.
pub(crate) trait Handles {
    /// Takes a handle out.
    fn take(&mut self, ty: HandleType<'_>, stored: Stored) -> Result<Handle, HandleFault>;

    /// Puts a handle in.
    fn give(&mut self, ty: HandleType<'_>, handle: Handle) -> Result<Stored, HandleFault>;
}

/// Why a value could not be converted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandleFault {
    #[error("expected `{expected}`, found {found}")]
    Type { expected: String, found: String },
    #[error(transparent)]
    Handle(#[from] HandleError),
    #[error("the store refused the handle")]
    Store(#[source] wasmtime::Error),
}

/// A value that could not be converted, and the place of the fault inside it.
#[derive(Debug)]
pub(crate) struct ValueError {
    /// Innermost step first.
    steps: Vec<String>,
    pub(crate) fault: HandleFault,
}

impl ValueError {
    fn within(mut self, step: impl Display) -> Self {
        self.steps.push(step.to_string());
        self
    }

    /// The place of the fault, outermost step first.
    pub(crate) fn path(&self) -> Vec<String> {
        self.steps.iter().rev().cloned().collect()
    }
}

impl ValueError {
    /// The error of the application's argument for `function`, in which this value is at `place`.
    pub(crate) fn in_argument(self, function: &str, place: String) -> ArgumentError {
        let function = function.to_owned();
        let mut path = vec![place];
        path.extend(self.path());
        path.reverse();
        match self.fault {
            HandleFault::Type { expected, found } => {
                ArgumentError::Type { function, path, expected, found }
            }
            HandleFault::Handle(source) => ArgumentError::Handle { function, path, source },
            HandleFault::Store(_) => {
                ArgumentError::Handle { function, path, source: HandleError::Internal }
            }
        }
    }
}

impl From<HandleFault> for ValueError {
    fn from(fault: HandleFault) -> Self {
        Self { steps: Vec::new(), fault }
    }
}

fn mismatch<T>(ty: &ValueType, found: impl Display) -> Result<T, ValueError> {
    Err(HandleFault::Type { expected: ty.to_string(), found: found.to_string() }.into())
}

/// Converts `val`, which must be of type `ty`.
pub(crate) fn from_val(
    ty: &ValueType,
    val: &Val,
    handles: &mut impl Handles,
) -> Result<Value, ValueError> {
    macro_rules! convert {
        ($($prim:ident $list:ident $rust:ident $val:ident),*) => {
            match (ty, val) {
                $((ValueType::$prim, Val::$val(v)) => Ok(Value::$prim(*v)),)*
                (ValueType::String, Val::String(v)) => Ok(Value::String(v.clone())),
                (ValueType::List(element), Val::List(items)) => {
                    list_from_val(element, items, handles)
                }
                (ValueType::FixedLengthList(element, n), Val::FixedLengthList(items)) => {
                    if items.len() != *n as usize {
                        return mismatch(ty, format_args!("a list of {} elements", items.len()));
                    }
                    list_from_val(element, items, handles)
                }
                (ValueType::Map(types), Val::Map(entries)) => {
                    let mut map = Vec::with_capacity(entries.len());
                    for (key, value) in entries {
                        let key = from_val(&types.0, key, handles)
                            .map_err(|it| it.within("map key"))?;
                        let value = from_val(&types.1, value, handles)
                            .map_err(|it| it.within("map value"))?;
                        map.push((key, value));
                    }
                    Ok(Value::Map(map))
                }
                (ValueType::Record(fields), Val::Record(values)) => {
                    if !fields.iter().map(|it| &*it.0).eq(values.iter().map(|it| it.0.as_str())) {
                        let names: Vec<_> = values.iter().map(|it| it.0.as_str()).collect();
                        return mismatch(ty, format_args!("a record of {}", names.join(", ")));
                    }
                    let mut out = Vec::with_capacity(fields.len());
                    for ((name, ty), (_, value)) in fields.iter().zip(values) {
                        let value = from_val(ty, value, handles)
                            .map_err(|it| it.within(format_args!("field `{name}`")))?;
                        out.push(value);
                    }
                    Ok(Value::Fields(out))
                }
                (ValueType::Tuple(types), Val::Tuple(values)) => {
                    if types.len() != values.len() {
                        return mismatch(ty, format_args!("a tuple of {}", values.len()));
                    }
                    let mut out = Vec::with_capacity(types.len());
                    for (i, (ty, value)) in types.iter().zip(values).enumerate() {
                        let value = from_val(ty, value, handles)
                            .map_err(|it| it.within(format_args!("tuple element {i}")))?;
                        out.push(value);
                    }
                    Ok(Value::Fields(out))
                }
                (ValueType::Variant(cases), Val::Variant(name, payload)) => {
                    let Some(case) = cases.iter().position(|(case, _)| **case == **name) else {
                        return mismatch(ty, format_args!("case `{name}`"));
                    };
                    let payload = payload_from_val(cases[case].1.as_ref(), payload, handles)
                        .map_err(|it| it.within(format_args!("case `{name}`")))?;
                    Ok(Value::Case(case as u32, payload))
                }
                (ValueType::Enum(cases), Val::Enum(name)) => {
                    match cases.iter().position(|case| **case == **name) {
                        Some(case) => Ok(Value::Case(case as u32, None)),
                        None => mismatch(ty, format_args!("case `{name}`")),
                    }
                }
                (ValueType::Option(_), Val::Option(None)) => Ok(Value::Case(NONE, None)),
                (ValueType::Option(ty), Val::Option(Some(value))) => {
                    let value = from_val(ty, value, handles)
                        .map_err(|it| it.within("option payload"))?;
                    Ok(Value::Case(SOME, Some(Box::new(value))))
                }
                (ValueType::Result(types), Val::Result(result)) => {
                    let (case, ty, payload, step) = match result {
                        Ok(payload) => (OK, &types.0, payload, "ok payload"),
                        Err(payload) => (ERR, &types.1, payload, "error payload"),
                    };
                    let payload = payload_from_val(ty.as_ref(), payload, handles)
                        .map_err(|it| it.within(step))?;
                    Ok(Value::Case(case, payload))
                }
                (ValueType::Flags(names), Val::Flags(set)) => {
                    let mut bits = 0;
                    for flag in set {
                        let index = names.iter().position(|name| **name == **flag);
                        match index.and_then(|i| 1_u32.checked_shl(i as u32)) {
                            Some(bit) => bits |= bit,
                            None => return mismatch(ty, format_args!("flag `{flag}`")),
                        }
                    }
                    Ok(Value::Flags(bits))
                }
                (ValueType::Own(resource), Val::Resource(handle)) => {
                    let stored = Stored::Resource(*handle);
                    Ok(Value::Handle(handles.take(HandleType::Own(resource), stored)?))
                }
                (ValueType::Borrow(resource), Val::Resource(handle)) => {
                    let stored = Stored::Resource(*handle);
                    Ok(Value::Handle(handles.take(HandleType::Borrow(resource), stored)?))
                }
                #[cfg(feature = "component-model-async")]
                (ValueType::Stream(payload), Val::Stream(stream)) => {
                    let ty = HandleType::Stream(payload.as_deref());
                    Ok(Value::Handle(handles.take(ty, Stored::Stream(stream.clone()))?))
                }
                #[cfg(feature = "component-model-async")]
                (ValueType::Future(payload), Val::Future(future)) => {
                    let ty = HandleType::Future(payload.as_deref());
                    Ok(Value::Handle(handles.take(ty, Stored::Future(future.clone()))?))
                }
                _ => mismatch(ty, kind(val)),
            }
        };
    }
    primitives!(convert)
}

fn list_from_val(
    element: &ValueType,
    items: &[Val],
    handles: &mut impl Handles,
) -> Result<Value, ValueError> {
    fn each<T>(
        items: &[Val],
        mut convert: impl FnMut(&Val) -> Result<T, ValueError>,
    ) -> Result<Vec<T>, ValueError> {
        let mut list = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            list.push(convert(item).map_err(|it| it.within(format_args!("list element {i}")))?);
        }
        Ok(list)
    }
    macro_rules! convert {
        ($($prim:ident $list:ident $rust:ident $val:ident),*) => {
            match element {
                $(ValueType::$prim => Ok(Value::$list(each(items, |item| match item {
                    Val::$val(v) => Ok(*v),
                    other => mismatch(element, kind(other)),
                })?)),)*
                _ => Ok(Value::List(each(items, |item| from_val(element, item, handles))?)),
            }
        };
    }
    primitives!(convert)
}

fn payload_from_val(
    ty: Option<&ValueType>,
    payload: &Option<Box<Val>>,
    handles: &mut impl Handles,
) -> Result<Option<Box<Value>>, ValueError> {
    match (ty, payload) {
        (Some(ty), Some(payload)) => Ok(Some(Box::new(from_val(ty, payload, handles)?))),
        (None, None) => Ok(None),
        (Some(ty), None) => mismatch(ty, "no payload"),
        (None, Some(payload)) => {
            let (expected, found) = ("no payload".to_owned(), kind(payload).to_owned());
            Err(HandleFault::Type { expected, found }.into())
        }
    }
}

/// Converts `value`, which must be of type `ty`.
pub(crate) fn into_val(
    ty: &ValueType,
    value: Value,
    handles: &mut impl Handles,
) -> Result<Val, ValueError> {
    macro_rules! convert {
        ($($prim:ident $list:ident $rust:ident $val:ident),*) => {
            match (ty, value) {
                $((ValueType::$prim, Value::$prim(v)) => Val::$val(v),)*
                (ValueType::String, Value::String(v)) => Val::String(v),
                (ValueType::List(element), list) => Val::List(list_into_val(element, list, handles)?),
                (ValueType::FixedLengthList(element, _), list) => {
                    Val::FixedLengthList(list_into_val(element, list, handles)?)
                }
                (ValueType::Map(types), Value::Map(entries)) => {
                    let mut map = Vec::with_capacity(entries.len());
                    for (key, value) in entries {
                        let key = into_val(&types.0, key, handles)?;
                        map.push((key, into_val(&types.1, value, handles)?));
                    }
                    Val::Map(map)
                }
                (ValueType::Record(fields), Value::Fields(values)) => {
                    let mut record = Vec::with_capacity(values.len());
                    for ((name, ty), value) in fields.iter().zip(values) {
                        record.push((name.to_string(), into_val(ty, value, handles)?));
                    }
                    Val::Record(record)
                }
                (ValueType::Tuple(types), Value::Fields(values)) => {
                    let mut tuple = Vec::with_capacity(values.len());
                    for (ty, value) in types.iter().zip(values) {
                        tuple.push(into_val(ty, value, handles)?);
                    }
                    Val::Tuple(tuple)
                }
                (ValueType::Variant(cases), Value::Case(case, payload)) => {
                    let Some((name, ty)) = cases.get(case as usize) else {
                        return mismatch(ty, format_args!("case {case}"));
                    };
                    Val::Variant(name.to_string(), payload_into_val(ty.as_ref(), payload, handles)?)
                }
                (ValueType::Enum(cases), Value::Case(case, _)) => match cases.get(case as usize) {
                    Some(name) => Val::Enum(name.to_string()),
                    None => return mismatch(ty, format_args!("case {case}")),
                },
                (ValueType::Option(ty), Value::Case(_, payload)) => {
                    Val::Option(payload_into_val(Some(ty), payload, handles)?)
                }
                (ValueType::Result(types), Value::Case(OK, payload)) => {
                    Val::Result(Ok(payload_into_val(types.0.as_ref(), payload, handles)?))
                }
                (ValueType::Result(types), Value::Case(_, payload)) => {
                    Val::Result(Err(payload_into_val(types.1.as_ref(), payload, handles)?))
                }
                (ValueType::Flags(names), Value::Flags(bits)) => {
                    Val::Flags(set_flags(names, bits))
                }
                (ValueType::Own(resource), Value::Handle(handle)) => {
                    stored(handles.give(HandleType::Own(resource), handle)?)
                }
                (ValueType::Borrow(resource), Value::Handle(handle)) => {
                    stored(handles.give(HandleType::Borrow(resource), handle)?)
                }
                (ValueType::Stream(payload), Value::Handle(handle)) => {
                    stored(handles.give(HandleType::Stream(payload.as_deref()), handle)?)
                }
                (ValueType::Future(payload), Value::Handle(handle)) => {
                    stored(handles.give(HandleType::Future(payload.as_deref()), handle)?)
                }
                (_, other) => return mismatch(ty, format_args!("{other:?}")),
            }
        };
    }
    Ok(primitives!(convert))
}

fn stored(stored: Stored) -> Val {
    match stored {
        Stored::Resource(handle) => Val::Resource(handle),
        #[cfg(feature = "component-model-async")]
        Stored::Stream(stream) => Val::Stream(stream),
        #[cfg(feature = "component-model-async")]
        Stored::Future(future) => Val::Future(future),
    }
}

fn list_into_val(
    element: &ValueType,
    list: Value,
    handles: &mut impl Handles,
) -> Result<Vec<Val>, ValueError> {
    macro_rules! convert {
        ($($prim:ident $list:ident $rust:ident $val:ident),*) => {
            match list {
                $(Value::$list(items) => Ok(items.into_iter().map(Val::$val).collect()),)*
                Value::List(items) => {
                    items.into_iter().map(|item| into_val(element, item, handles)).collect()
                }
                other => mismatch(element, format_args!("{other:?}")),
            }
        };
    }
    primitives!(convert)
}

fn payload_into_val(
    ty: Option<&ValueType>,
    payload: Option<Box<Value>>,
    handles: &mut impl Handles,
) -> Result<Option<Box<Val>>, ValueError> {
    match (ty, payload) {
        (Some(ty), Some(payload)) => Ok(Some(Box::new(into_val(ty, *payload, handles)?))),
        _ => Ok(None),
    }
}

fn set_flags(names: &[Arc<str>], bits: u32) -> Vec<String> {
    let is_set = |i: usize| 1_u32.checked_shl(i as u32).is_some_and(|bit| bits & bit != 0);
    let set = names.iter().enumerate().filter(|(i, _)| is_set(*i));
    set.map(|(_, name)| name.to_string()).collect()
}

/// The kind of a `Val`, in the component model's words.
fn kind(val: &Val) -> &'static str {
    match val {
        Val::Bool(_) => "a `bool`",
        Val::S8(_) => "an `s8`",
        Val::U8(_) => "a `u8`",
        Val::S16(_) => "an `s16`",
        Val::U16(_) => "a `u16`",
        Val::S32(_) => "an `s32`",
        Val::U32(_) => "a `u32`",
        Val::S64(_) => "an `s64`",
        Val::U64(_) => "a `u64`",
        Val::Float32(_) => "an `f32`",
        Val::Float64(_) => "an `f64`",
        Val::Char(_) => "a `char`",
        Val::String(_) => "a `string`",
        Val::List(_) => "a list",
        Val::Map(_) => "a map",
        Val::Record(_) => "a record",
        Val::Tuple(_) => "a tuple",
        Val::Variant(..) => "a variant",
        Val::Enum(_) => "an enum",
        Val::Option(_) => "an option",
        Val::Result(_) => "a result",
        Val::Flags(_) => "flags",
        Val::Resource(_) => "a resource handle",
        Val::Future(_) => "a future",
        Val::Stream(_) => "a stream",
        Val::ErrorContext(_) => "an error-context",
        Val::FixedLengthList(_) => "a list of fixed length",
    }
}
