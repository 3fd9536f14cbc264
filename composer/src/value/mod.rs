//! Values between stores: compact, without names, with handles as the library's own.
//!
//! Names are not needed on the way, as the plan has compared them: a record is its fields in
//! order, a variant the number of its case. Lists of numbers are vectors of numbers, and bytes are
//! bytes. [`val`] is the one seam where such a value comes out of a store or goes into one.

mod val;

pub(crate) use val::{Faulty, Handles, ValueError, from_val, into_val};

use crate::transfer::{Lent, Own};

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
        pub(crate) enum Value {
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
        }
    };
}
primitives!(define);

/// The cases of `option`.
pub(crate) const NONE: u32 = 0;
pub(crate) const SOME: u32 = 1;
/// The cases of `result`.
pub(crate) const OK: u32 = 0;
pub(crate) const ERR: u32 = 1;
