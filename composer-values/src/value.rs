//! [`Value`]: a component value in a compact form, without names, for any type.

use wasmtime::component::ResourceAny;
#[cfg(feature = "component-model-async")]
use wasmtime::component::{FutureAny, StreamAny};

/// Expands a macro with the primitive types whose lists are vectors: the variant of a value, the
/// variant of a list of such values, the Rust type, and `Val`'s variant.
#[doc(hidden)]
#[macro_export]
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

/// A handle in the form that its store knows.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the variants are the component model's types by their names")]
pub enum Stored {
    Resource(ResourceAny),
    #[cfg(feature = "component-model-async")]
    Stream(StreamAny),
    #[cfg(feature = "component-model-async")]
    Future(FutureAny),
}

/// A handle inside a [`Value`].
pub trait StoreHandle: Sized + Send + Sync + 'static {
    /// Makes the handle from the form that its store knows.
    fn from_store(stored: Stored) -> Self;

    /// The form that the store knows, if the handle has been exchanged for one of that store.
    fn to_store(&self) -> Option<Stored>;
}

macro_rules! define {
    ($($ty:ident $list:ident $rust:ident $val:ident),*) => {
        /// A component value, with handles of type `H`.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "the variants are the component model's types by their names")]
        pub enum Value<H> {
            $($ty($rust), $list(Vec<$rust>),)*
            String(String),
            /// A list of anything but primitives, of fixed length or not.
            List(Vec<Value<H>>),
            Map(Vec<(Value<H>, Value<H>)>),
            /// The fields of a record, or the elements of a tuple.
            Fields(Vec<Value<H>>),
            /// The case of a variant, an enum, an option or a result, with its payload.
            Case(u32, Option<Box<Value<H>>>),
            /// Bit `i` is the flag with index `i`.
            Flags(u32),
            Handle(H),
        }
    };
}
primitives!(define);

/// The case of `option` without a payload.
pub const NONE: u32 = 0;
/// The case of `option` with a payload.
pub const SOME: u32 = 1;
/// The case `ok` of `result`.
pub const OK: u32 = 0;
/// The case `err` of `result`.
pub const ERR: u32 = 1;

impl<H> Value<H> {
    /// The approximate number of bytes that the value occupies on the heap.
    pub fn weight(&self) -> usize {
        macro_rules! weigh {
            ($($ty:ident $list:ident $rust:ident $val:ident),*) => {
                match self {
                    $(Self::$ty(_) => 0,
                    Self::$list(items) => std::mem::size_of_val(items.as_slice()),)*
                    Self::String(text) => text.len(),
                    Self::List(values) | Self::Fields(values) => {
                        std::mem::size_of_val(values.as_slice())
                            + values.iter().map(Self::weight).sum::<usize>()
                    }
                    Self::Map(entries) => {
                        let each = |(key, value): &(Self, Self)| key.weight() + value.weight();
                        std::mem::size_of_val(entries.as_slice())
                            + entries.iter().map(each).sum::<usize>()
                    }
                    Self::Case(_, payload) => {
                        payload.as_ref().map_or(0, |payload| size_of::<Self>() + payload.weight())
                    }
                    Self::Flags(_) | Self::Handle(_) => 0,
                }
            };
        }
        primitives!(weigh)
    }
}

/// The kind of a stream's or future's elements. It decides how elements are carried, and must be
/// the same at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The stream has no element type.
    None,
    /// Bytes.
    U8,
    /// A type whose values need no memory beyond themselves: without strings, lists or maps.
    Plain,
    /// Any other type.
    Other,
}

/// Elements on their way from one store to another.
#[derive(Debug)]
pub enum Elements<H> {
    /// So many elements of a stream without an element type.
    Units(usize),
    /// Elements of a stream of bytes.
    Bytes(Vec<u8>),
    /// Elements of any other type.
    Values(Vec<Value<H>>),
}

impl<H> Elements<H> {
    /// The number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::Units(n) => *n,
            Self::Bytes(bytes) => bytes.len(),
            Self::Values(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements as values.
    pub fn into_values(self) -> Vec<Value<H>> {
        match self {
            Self::Units(n) => (0..n).map(|_| Value::Fields(Vec::new())).collect(),
            Self::Bytes(bytes) => bytes.into_iter().map(Value::U8).collect(),
            Self::Values(values) => values,
        }
    }

    /// The elements as bytes, if all of them are bytes.
    pub fn into_bytes(self) -> Option<Vec<u8>> {
        let byte = |value| match value {
            Value::U8(byte) => Some(byte),
            _ => None,
        };
        match self {
            Self::Units(_) => None,
            Self::Bytes(bytes) => Some(bytes),
            Self::Values(values) => values.into_iter().map(byte).collect(),
        }
    }

    /// Splits off all elements after the first `most`.
    #[must_use]
    pub fn split_off(&mut self, most: usize) -> Self {
        match self {
            Self::Units(n) => {
                let rest = n.saturating_sub(most);
                *n -= rest;
                Self::Units(rest)
            }
            Self::Bytes(bytes) => Self::Bytes(bytes.split_off(most.min(bytes.len()))),
            Self::Values(values) => Self::Values(values.split_off(most.min(values.len()))),
        }
    }
}
