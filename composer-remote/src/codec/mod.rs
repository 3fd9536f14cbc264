//! Values as bytes: the value encoding of wRPC, both ways.
//!
//! The encoding follows the Component Model's binary value definitions: integers beyond a byte as LEB128,
//! floats in little-endian order with one NaN, texts and lists with their length in front, records and
//! tuples as their fields, variants as the number of the case and its payload, flags as bits. A stream
//! or a future is a byte that says that its elements come later, under the path of numbers that leads to
//! it: the number of the parameter, of the field, of the element.
//!
//! wRPC's own generator knows neither fixed-length lists nor maps. Here the former are their elements, as
//! a tuple would be, and the latter lists of pairs.
//!
//! Nothing here knows of a transport. What is read may be anything: it is checked against its type and
//! against a bound on the memory that it may take.

mod decode;
mod encode;
mod leb128;

#[cfg(test)]
mod tests;

use wasm_runtime_composer::ValueType;
use wasm_runtime_composer::provider::Value;

pub(crate) use decode::{DecodeError, Decoder};
pub(crate) use encode::{EncodeError, Encoder};
#[cfg(feature = "wrpc")]
pub(crate) use leb128::put_u32;

/// The byte of a stream or a future whose elements come later.
const PENDING: u8 = 0;
/// The byte of one whose elements, or value, stand right behind it.
const READY: u8 = 1;

/// Whether a handle is that of a stream or of a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Elements, in chunks, up to an empty one.
    Stream,
    /// One value.
    Future,
}

/// A stream or a future on its way out.
#[derive(Debug)]
pub(crate) struct Outflow {
    /// Where it stands among the values.
    pub(crate) path: Vec<u32>,
    /// Which of both it is.
    pub(crate) flow: Flow,
    /// What it is of.
    pub(crate) payload: Option<ValueType>,
    /// The handle of it.
    pub(crate) value: Value,
}

/// A stream or a future that was announced, and whose elements are to come.
#[derive(Debug)]
pub(crate) struct Inflow {
    /// Where it stands among the values.
    pub(crate) path: Vec<u32>,
    /// Which of both it is.
    pub(crate) flow: Flow,
    /// What it is of.
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

/// How many bytes the bits of so many flags take.
fn flag_bytes(flags: usize) -> usize {
    flags.div_ceil(8)
}

/// The payload that a case has: `None` if there is no such case, `Some(None)` if it has none.
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
