//! Values between stores: compact, without names, with handles as the library's own.
//!
//! Names are not needed on the way, as the plan has compared them: a record is its fields in order,
//! a variant the number of its case. Lists of numbers are vectors of numbers, and bytes are bytes.
//! With the feature `codec` values are lifted from and lowered into stores directly (`direct`);
//! [`val`] converts from and to wasmtime's `Val`, for callers in Rust and for functions that the
//! codec does not serve.
//!
//! `handle/` has what stands for handles outside of stores. A handle in a [`Value`] is at first as
//! its store has it (`Handle::Raw`), and is replaced by the library's own where it crosses a
//! border; a walk over the type ([`each_handle`]) finds all handles.
//!
//! Invariant: dropping a value anywhere releases the handles inside, so no path has to remember to.

#[cfg(feature = "codec")]
mod direct;
pub(crate) mod handle;
mod val;

#[cfg(feature = "codec")]
pub(crate) use direct::{give_handles, shape, take_handles};
pub(crate) use val::{HandleFault, Handles, ValueError, from_val, into_val};

use std::sync::Arc;

use crate::error::HandleError;
use crate::types::{Resource, ValueType};
use handle::{HandleGuard, Lent, Moving, ObjectValue, Own, StoreId};
pub(crate) use wasm_runtime_composer_values::{ERR, NONE, OK, SOME, primitives};
use wasm_runtime_composer_values::{StoreHandle, Stored};

/// A component value on its way between stores.
#[doc(hidden)]
pub type Value = wasm_runtime_composer_values::Value<Handle>;

/// The reading end of a stream or future of such values.
pub(crate) type StreamEnd = handle::StreamEnd<Handle>;

/// The writing end of a stream or future of such values.
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) type WriteEnd = handle::WriteEnd<Handle>;

/// A handle in a [`Value`].
#[doc(hidden)]
#[derive(Debug)]
pub enum Handle {
    /// As a store has it: a value has just been lifted, or is about to be lowered.
    Raw(Stored),
    Own(Own),
    Lent(Lent),
    /// The reading end of a stream or of a future.
    Stream(StreamEnd),
    /// A resource that Rust implements, in the store that owns it.
    Object(ObjectValue),
    /// A resource of the host's, which Rust has made or taken out of a handle.
    Brought(Moving),
    /// On the Rust caller's side: an owned handle in the caller's table.
    Held(HandleGuard),
    /// The handle was taken out of the value, or was to be lent and is not there any more.
    Gone,
}

impl StoreHandle for Handle {
    fn from_store(stored: Stored) -> Self {
        Self::Raw(stored)
    }

    fn to_store(&self) -> Option<Stored> {
        match self {
            Self::Raw(stored) => Some(stored.clone()),
            Self::Own(_)
            | Self::Lent(_)
            | Self::Stream(_)
            | Self::Object(_)
            | Self::Brought(_)
            | Self::Held(_)
            | Self::Gone => None,
        }
    }
}

/// What a handle refers to, by its place in a type.
#[derive(Clone, Copy)]
pub(crate) enum HandleType<'a> {
    Own(&'a Resource),
    Borrow(&'a Resource),
    /// With the type of the stream's elements.
    Stream(Option<&'a ValueType>),
    Future(Option<&'a ValueType>),
}

/// What turns a handle of one side into one of another: of a component into one of its caller, for instance.
pub(crate) type Turn<S> = fn(&Arc<S>, HandleType<'_>, &mut Handle) -> Result<(), HandleError>;

/// Has the handles in the elements of a stream turn, when they come.
pub(crate) fn turn_elements<S: Send + Sync + 'static>(
    payload: Option<&ValueType>,
    end: &mut StreamEnd,
    side: &Arc<S>,
    turn: Turn<S>,
) {
    if let Some(payload) = payload.filter(|payload| payload.has_handles()).cloned() {
        let side = side.clone();
        end.through(move |value| {
            each_handle(&payload, value, &mut |ty, handle| turn(&side, ty, handle))
        });
    }
}

/// Visits every handle in a value of type `ty`, at any depth.
pub(crate) fn each_handle<E: From<HandleError>>(
    ty: &ValueType,
    value: &mut Value,
    visit: &mut impl FnMut(HandleType<'_>, &mut Handle) -> Result<(), E>,
) -> Result<(), E> {
    match (ty, value) {
        (ty, Value::Handle(handle)) => visit(
            match ty {
                ValueType::Own(resource) => HandleType::Own(resource),
                ValueType::Borrow(resource) => HandleType::Borrow(resource),
                ValueType::Stream(payload) => HandleType::Stream(payload.as_deref()),
                ValueType::Future(payload) => HandleType::Future(payload.as_deref()),
                _ => return Err(HandleError::Internal.into()),
            },
            handle,
        ),
        (
            ValueType::Own(_) | ValueType::Borrow(_) | ValueType::Stream(_) | ValueType::Future(_),
            _,
        ) => Err(HandleError::Internal.into()),
        (ValueType::List(ty) | ValueType::FixedLengthList(ty, _), Value::List(values)) => {
            values.iter_mut().try_for_each(|value| each_handle(ty, value, visit))
        }
        (ValueType::Map(types), Value::Map(entries)) => {
            entries.iter_mut().try_for_each(|(key, value)| {
                each_handle(&types.0, key, visit)?;
                each_handle(&types.1, value, visit)
            })
        }
        (ValueType::Record(fields), Value::Fields(values)) => {
            fields.iter().zip(values).try_for_each(|((_, ty), value)| each_handle(ty, value, visit))
        }
        (ValueType::Tuple(types), Value::Fields(values)) => {
            types.iter().zip(values).try_for_each(|(ty, value)| each_handle(ty, value, visit))
        }
        (ty, Value::Case(case, Some(payload))) => {
            let payload_ty = match ty {
                ValueType::Variant(cases) => {
                    cases.get(*case as usize).and_then(|(_, ty)| ty.as_ref())
                }
                ValueType::Option(ty) => Some(&**ty),
                ValueType::Result(types) if *case == OK => types.0.as_ref(),
                ValueType::Result(types) => types.1.as_ref(),
                _ => None,
            };
            payload_ty.map_or(Ok(()), |ty| each_handle(ty, payload, visit))
        }
        _ => Ok(()),
    }
}

/// Whether `value` contains a handle, at any depth, of a resource in the store `store_id`.
pub(crate) fn is_of_store(value: &Value, store_id: StoreId) -> bool {
    match value {
        Value::Handle(Handle::Own(own)) => own.store_id() == Some(store_id),
        Value::Handle(Handle::Lent(lent)) => lent.store_id() == Some(store_id),
        Value::List(values) | Value::Fields(values) => {
            values.iter().any(|value| is_of_store(value, store_id))
        }
        Value::Map(entries) => entries
            .iter()
            .any(|(key, value)| is_of_store(key, store_id) || is_of_store(value, store_id)),
        Value::Case(_, payload) => payload.iter().any(|payload| is_of_store(payload, store_id)),
        _ => false,
    }
}

/// Elements of a stream on their way between stores.
#[doc(hidden)]
pub type Elements = wasm_runtime_composer_values::Elements<Handle>;

/// Whether `value` contains no handle.
pub(crate) fn is_plain(value: &Value) -> bool {
    match value {
        Value::Handle(_) => false,
        Value::List(values) | Value::Fields(values) => values.iter().all(is_plain),
        Value::Map(entries) => entries.iter().all(|(key, value)| is_plain(key) && is_plain(value)),
        Value::Case(_, payload) => payload.iter().all(|payload| is_plain(payload)),
        _ => true,
    }
}

/// A copy of `value`, if it contains no handle; handles cannot be copied.
pub(crate) fn copy_plain(value: &Value) -> Option<Value> {
    let each = |values: &[Value]| values.iter().map(copy_plain).collect::<Option<Vec<_>>>();
    macro_rules! copy {
        ($($ty:ident $list:ident $rust:ident $val:ident),*) => {
            Some(match value {
                $(Value::$ty(it) => Value::$ty(*it),
                Value::$list(items) => Value::$list(items.clone()),)*
                Value::String(text) => Value::String(text.clone()),
                Value::List(values) => Value::List(each(values)?),
                Value::Fields(values) => Value::Fields(each(values)?),
                Value::Map(entries) => {
                    let each = |(key, value): &(Value, Value)| {
                        Some((copy_plain(key)?, copy_plain(value)?))
                    };
                    Value::Map(entries.iter().map(each).collect::<Option<_>>()?)
                }
                Value::Case(case, payload) => {
                    let payload = payload.as_deref().map(|payload| copy_plain(payload).map(Box::new));
                    Value::Case(*case, match payload {
                        Some(payload) => Some(payload?),
                        None => None,
                    })
                }
                Value::Flags(bits) => Value::Flags(*bits),
                Value::Handle(_) => return None,
            })
        };
    }
    primitives!(copy)
}
