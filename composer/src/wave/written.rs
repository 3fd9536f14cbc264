//! wasmtime's `Val`s as wasm-wave reads them, in order to write them as text.

use std::borrow::Cow;
use std::fmt;

use wasm_wave::wasm::{WasmTypeKind, WasmValue};
use wasmtime::component::Val;

/// A value to write.
#[derive(Clone, Copy)]
pub(super) struct WaveText<'a>(pub(super) &'a Val);

impl<'a> WaveText<'a> {
    fn cow<'b>(val: &'a Val) -> Cow<'b, Self>
    where
        'a: 'b,
    {
        Cow::Owned(Self(val))
    }

    /// wasm-wave calls only the methods that match the value's kind.
    fn wrong(self, asked: &str) -> ! {
        unreachable!("{:?} is no {asked}", self.0)
    }
}

impl fmt::Debug for WaveText<'_> {
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

impl WasmValue for WaveText<'_> {
    // Writing never asks for types.
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
