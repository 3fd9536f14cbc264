//! Values between stores: compact, without names, with handles as the library's own.
//!
//! Names are not needed on the way, as the plan has compared them: a record is its fields in
//! order, a variant the number of its case. Lists of numbers are vectors of numbers, and bytes are
//! bytes. [`val`] is the one seam where such a value comes out of a store or goes into one.

mod val;

pub(crate) use val::{Faulty, Handles, ValueError, from_val, into_val};

use crate::error::HandleError;
use crate::plan::types::{Resource, ValueType};
use crate::transfer::{Guard, Lent, Own};

/// Expands a macro with the primitive types whose lists are vectors of themselves: value type,
/// value, list of such values, Rust type and `Val`.
macro_rules! primitives {
    ($expand:ident) => {
        $expand! {
            Bool Bools bool Bool,
            S8 S8s i8 S8,
            U8 Bytes u8 U8,
            S16 S16s i16 S16,
            U16 U16s u16 U16,
            S32 S32s i32 S32,
            U32 U32s u32 U32,
            S64 S64s i64 S64,
            U64 U64s u64 U64,
            F32 F32s f32 Float32,
            F64 F64s f64 Float64,
            Char Chars char Char
        }
    };
}
pub(crate) use primitives;

macro_rules! define {
    ($($ty:ident $list:ident $rust:ident $val:ident),*) => {
        /// A component value on its way between stores.
        #[derive(Debug)]
        #[doc(hidden)]
        pub enum Value {
            $($ty($rust), $list(Vec<$rust>),)*
            String(String),
            /// A list, of fixed length or not, of anything but primitives.
            List(Vec<Value>),
            Map(Vec<(Value, Value)>),
            /// The fields of a record, or the elements of a tuple.
            Fields(Vec<Value>),
            /// The case of a variant, an enum, an option or a result, with its payload.
            Case(u32, Option<Box<Value>>),
            /// Bit `i` is the flag with index `i`.
            Flags(u32),
            Own(Own),
            Borrow(Lent),
            /// On the Rust caller's side: an owned handle in the caller's table, or, when it was to
            /// be lent and is there no more, nothing.
            Held(Option<Guard>),
        }
    };
}
primitives!(define);

impl Value {
    /// Visits every handle in a value of type `ty`, at any depth.
    pub(crate) fn each_handle(
        &mut self,
        ty: &ValueType,
        visit: &mut impl FnMut(&Resource, &mut Self) -> Result<(), HandleError>,
    ) -> Result<(), HandleError> {
        match (ty, self) {
            (ValueType::Own(resource) | ValueType::Borrow(resource), handle) => {
                visit(resource, handle)
            }
            (ValueType::List(ty) | ValueType::FixedLengthList(ty, _), Self::List(values)) => {
                values.iter_mut().try_for_each(|value| value.each_handle(ty, visit))
            }
            (ValueType::Map(types), Self::Map(entries)) => {
                entries.iter_mut().try_for_each(|(key, value)| {
                    key.each_handle(&types.0, visit)?;
                    value.each_handle(&types.1, visit)
                })
            }
            (ValueType::Record(fields), Self::Fields(values)) => fields
                .iter()
                .zip(values)
                .try_for_each(|((_, ty), value)| value.each_handle(ty, visit)),
            (ValueType::Tuple(types), Self::Fields(values)) => {
                types.iter().zip(values).try_for_each(|(ty, value)| value.each_handle(ty, visit))
            }
            (ty, Self::Case(case, Some(payload))) => {
                let payload_ty = match ty {
                    ValueType::Variant(cases) => {
                        cases.get(*case as usize).and_then(|(_, ty)| ty.as_ref())
                    }
                    ValueType::Option(ty) => Some(&**ty),
                    ValueType::Result(types) if *case == OK => types.0.as_ref(),
                    ValueType::Result(types) => types.1.as_ref(),
                    _ => None,
                };
                payload_ty.map_or(Ok(()), |ty| payload.each_handle(ty, visit))
            }
            _ => Ok(()),
        }
    }

    /// Whether a handle in this value, at any depth, is of a resource in the store `epoch`.
    pub(crate) fn is_of_store(&self, epoch: u64) -> bool {
        match self {
            Self::Own(own) => own.epoch() == epoch,
            Self::Borrow(lent) => lent.epoch() == epoch,
            Self::List(values) | Self::Fields(values) => {
                values.iter().any(|value| value.is_of_store(epoch))
            }
            Self::Map(entries) => entries
                .iter()
                .any(|(key, value)| key.is_of_store(epoch) || value.is_of_store(epoch)),
            Self::Case(_, payload) => payload.iter().any(|payload| payload.is_of_store(epoch)),
            _ => false,
        }
    }
}

/// The cases of `option`.
pub(crate) const NONE: u32 = 0;
pub(crate) const SOME: u32 = 1;
/// The cases of `result`.
pub(crate) const OK: u32 = 0;
pub(crate) const ERR: u32 = 1;
