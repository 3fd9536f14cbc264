//! [`Value`].

use wasmtime::component::ResourceAny;

/// Expands a macro with the primitive types whose lists are vectors of themselves: value, list of such
/// values, Rust type and `Val`.
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

/// A handle of a resource inside a [`Value`].
pub trait StoreHandle: Sized + Send + Sync + 'static {
    /// Takes in a handle as it comes out of a store.
    fn from_store(resource: ResourceAny) -> Self;

    /// The handle that goes into a store, if there is one by now.
    fn to_store(&self) -> Option<ResourceAny>;
}

macro_rules! define {
    ($($ty:ident $list:ident $rust:ident $val:ident),*) => {
        /// A component value, with handles of type `H`.
        #[derive(Clone, Debug, PartialEq)]
        #[expect(missing_docs, reason = "the variants are the component model's types by their names")]
        pub enum Value<H> {
            $($ty($rust), $list(Vec<$rust>),)*
            String(String),
            /// A list, of fixed length or not, of anything but primitives.
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
