//! Values as bytes: the value encoding of wRPC, both ways.
//!
//! The encoding follows the Component Model's binary value definitions: integers larger than a byte
//! as LEB128, floats in little-endian order with a single NaN, strings and lists with their length
//! in front, records and tuples as their fields, variants as the index of the case and its payload,
//! flags as bits. A stream or a future is a byte that says that its elements come later, under a
//! path of numbers that leads to it: the index of the parameter, of the field, of the element.
//!
//! wRPC's own generator supports neither fixed-length lists nor maps. Here fixed-length lists are
//! encoded as their elements, like a tuple, and maps as lists of pairs.
//!
//! This room knows nothing of transports. The bytes that it reads may be anything: they are checked
//! against their type and against a limit on the memory of their values.

mod decode;
mod encode;
mod leb128;

#[cfg(test)]
mod tests;

use wasm_runtime_composer::provider::Value;
use wasm_runtime_composer::types::ValueType;

pub(crate) use decode::{DecodeError, Decoder};
pub(crate) use encode::{EncodeError, Encoder};
#[cfg(feature = "wrpc")]
pub(crate) use leb128::put_u32;

/// The byte for a stream or a future whose elements come later.
const PENDING: u8 = 0;
/// The byte for a stream or a future whose elements, or value, follow directly.
const READY: u8 = 1;

/// Whether a handle is that of a stream or of a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Elements, in chunks, up to an empty one.
    Stream,
    /// One value.
    Future,
}

/// A stream or a future to be sent.
#[derive(Debug)]
pub(crate) struct Outflow {
    /// Its path among the values.
    pub(crate) path: Vec<u32>,
    /// Whether it is a stream or a future.
    pub(crate) flow: Flow,
    /// The type of its elements, if it has one.
    pub(crate) payload: Option<ValueType>,
    /// The value with its handle.
    pub(crate) value: Value,
}

/// A stream or a future that was announced and whose elements are still to come.
#[derive(Debug)]
pub(crate) struct Inflow {
    /// Its path among the values.
    pub(crate) path: Vec<u32>,
    /// Whether it is a stream or a future.
    pub(crate) flow: Flow,
    /// The type of its elements, if it has one.
    pub(crate) payload: Option<ValueType>,
}

/// Expands a macro with the number types that are LEB128: `ValueType`, list of values, Rust type.
macro_rules! for_primitives {
    ($expand:ident) => {
        $expand! {
            Bool Bools bool,
            S8 S8s i8,
            U8 Bytes u8,
            S16 S16s i16,
            U16 U16s u16,
            S32 S32s i32,
            U32 U32s u32,
            S64 S64s i64,
            U64 U64s u64,
            F32 F32s f32,
            F64 F64s f64,
            Char Chars char
        }
    };
}
use for_primitives;

/// How many bytes the bits of so many flags need.
fn flag_bytes(flags: usize) -> usize {
    flags.div_ceil(8)
}

/// The payload type of a case: `None` if there is no such case, `Some(None)` if it has no payload.
fn payload(ty: &ValueType, case: u32) -> Option<Option<&ValueType>> {
    match (ty, case) {
        (ValueType::Variant(cases), _) => cases.get(case as usize).map(|(_, ty)| ty.as_ref()),
        (ValueType::Enum(names), _) => names.get(case as usize).map(|_| None),
        (ValueType::Option(_), 0) => Some(None),
        (ValueType::Option(ty), 1) => Some(Some(ty)),
        (ValueType::Result(sides), 0) => Some(sides.0.as_ref()),
        (ValueType::Result(sides), 1) => Some(sides.1.as_ref()),
        _ => None,
    }
}
