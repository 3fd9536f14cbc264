//! Encoding: values to bytes. Streams and futures are not encoded here: a byte announces each, and
//! they are returned with their paths, for the transport to send.

use wasm_runtime_composer::provider::{Handle, Value};
use wasm_runtime_composer::types::ValueType;

use super::leb128::{put_i64, put_u32, put_u64};
use super::{Flow, Outflow, PENDING, flag_bytes, for_primitives};

/// Why values cannot be encoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum EncodeError {
    /// They need more bytes than a call may have.
    #[error("the values take more than {limit} bytes, which is the most that a call may carry")]
    #[non_exhaustive]
    TooLarge {
        /// The most bytes that a call may have.
        limit: usize,
    },

    /// A value does not have its type.
    #[error("expected a value of type `{expected}`, found another")]
    #[non_exhaustive]
    Type {
        /// The type at this place.
        expected: String,
    },
}

/// Appends values to a buffer, and collects the streams and futures among them.
#[derive(Debug)]
pub(crate) struct Encoder {
    out: Vec<u8>,
    outflows: Vec<Outflow>,
    path: Vec<u32>,
    limit: usize,
}

/// Encodes an element of a list of primitives.
trait Primitive: Sized {
    fn put(self, out: &mut Vec<u8>);

    fn put_each(list: Vec<Self>, out: &mut Vec<u8>) {
        list.into_iter().for_each(|value| value.put(out));
    }
}

impl Primitive for u8 {
    fn put(self, out: &mut Vec<u8>) {
        out.push(self);
    }

    fn put_each(list: Vec<Self>, out: &mut Vec<u8>) {
        out.extend_from_slice(&list);
    }
}

macro_rules! primitive {
    ($($rust:ty: |$value:ident, $out:ident| $put:expr;)*) => {
        $(impl Primitive for $rust {
            fn put(self, $out: &mut Vec<u8>) {
                let $value = self;
                $put
            }
        })*
    };
}

primitive! {
    bool: |value, out| out.push(value.into());
    i8: |value, out| out.push(value as u8);
    i16: |value, out| put_i64(out, value.into());
    u16: |value, out| put_u64(out, value.into());
    i32: |value, out| put_i64(out, value.into());
    u32: |value, out| put_u64(out, value.into());
    i64: |value, out| put_i64(out, value);
    u64: |value, out| put_u64(out, value);
    f32: |value, out| out.extend(if value.is_nan() { CANONICAL_NAN_32 } else { value.to_le_bytes() });
    f64: |value, out| out.extend(if value.is_nan() { CANONICAL_NAN_64 } else { value.to_le_bytes() });
    char: |value, out| out.extend(value.encode_utf8(&mut [0; 4]).bytes());
}

/// The only NaN that is encoded, in little-endian order.
const CANONICAL_NAN_32: [u8; 4] = 0x7fc0_0000_u32.to_le_bytes();
const CANONICAL_NAN_64: [u8; 8] = 0x7ff8_0000_0000_0000_u64.to_le_bytes();

impl Encoder {
    /// An encoder of values that may need up to `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { out: Vec::new(), outflows: Vec::new(), path: Vec::new(), limit }
    }

    /// Appends the value with the index `index` of a parameter list, or the result, which has the
    /// index 0.
    ///
    /// # Errors
    ///
    /// [`EncodeError::TooLarge`] beyond the limit, [`EncodeError::Type`] if `value` does not have
    /// the type `ty`.
    pub(crate) fn value(
        &mut self,
        index: u32,
        ty: &ValueType,
        value: Value,
    ) -> Result<(), EncodeError> {
        self.at(index, ty, value)
    }

    /// Appends an element of a stream or the value of a future, which has no path of its own.
    pub(crate) fn element(&mut self, ty: &ValueType, value: Value) -> Result<(), EncodeError> {
        self.put(ty, value)
    }

    /// Appends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends the number of elements that follow.
    pub(crate) fn count(&mut self, count: u32) {
        put_u32(&mut self.out, count);
    }

    /// The bytes, and the streams and futures whose elements are to be sent.
    pub(crate) fn finish(self) -> (Vec<u8>, Vec<Outflow>) {
        (self.out, self.outflows)
    }

    /// Appends a value with the index `index` inside another one.
    fn at(&mut self, index: u32, ty: &ValueType, value: Value) -> Result<(), EncodeError> {
        self.path.push(index);
        let put = self.put(ty, value);
        self.path.pop();
        put
    }

    fn put(&mut self, ty: &ValueType, value: Value) -> Result<(), EncodeError> {
        macro_rules! put {
            ($($prim:ident $list:ident $rust:ident),*) => {
                match (ty, value) {
                    $((ValueType::$prim, Value::$prim(value)) => value.put(&mut self.out),)*
                    $((ValueType::List(_), Value::$list(list)) => {
                        self.length(ty, list.len())?;
                        self.put_each(list)?;
                    })*
                    $((ValueType::FixedLengthList(..), Value::$list(list)) => self.put_each(list)?,)*
                    (_, value) => self.put_compound(ty, value)?,
                }
            };
        }
        for_primitives!(put);
        self.check()
    }

    fn put_compound(&mut self, ty: &ValueType, value: Value) -> Result<(), EncodeError> {
        match (ty, value) {
            (ValueType::String, Value::String(text)) => {
                self.length(ty, text.len())?;
                self.reserve(text.len())?;
                self.out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            (ValueType::List(element), Value::List(values)) => {
                self.length(ty, values.len())?;
                self.put_values(values.into_iter().map(|value| (&**element, value)))
            }
            (ValueType::FixedLengthList(element, _), Value::List(values)) => {
                self.put_values(values.into_iter().map(|value| (&**element, value)))
            }
            (ValueType::Map(types), Value::Map(entries)) => {
                self.length(ty, entries.len())?;
                for (index, (key, value)) in (0..).zip(entries) {
                    self.path.push(index);
                    let put = self.at(0, &types.0, key).and_then(|()| self.at(1, &types.1, value));
                    self.path.pop();
                    put?;
                }
                Ok(())
            }
            (ValueType::Record(fields), Value::Fields(values)) if fields.len() == values.len() => {
                self.put_values(fields.iter().map(|(_, ty)| ty).zip(values))
            }
            (ValueType::Tuple(types), Value::Fields(values)) if types.len() == values.len() => {
                self.put_values(types.iter().zip(values))
            }
            (_, Value::Case(case, payload)) => self.put_case(ty, case, payload),
            (ValueType::Flags(names), Value::Flags(bits)) => {
                // There are at most 32 flags.
                self.out.extend(bits.to_le_bytes().iter().take(flag_bytes(names.len())));
                Ok(())
            }
            (ValueType::Stream(payload), value @ Value::Handle(Handle::Stream(_))) => {
                self.put_flow(Flow::Stream, payload.as_deref(), value);
                Ok(())
            }
            (ValueType::Future(payload), value @ Value::Handle(Handle::Stream(_))) => {
                self.put_flow(Flow::Future, payload.as_deref(), value);
                Ok(())
            }
            _ => Err(other(ty)),
        }
    }

    fn put_each<T: Primitive>(&mut self, list: Vec<T>) -> Result<(), EncodeError> {
        self.reserve(list.len())?;
        T::put_each(list, &mut self.out);
        Ok(())
    }

    fn put_values<'a>(
        &mut self,
        values: impl Iterator<Item = (&'a ValueType, Value)>,
    ) -> Result<(), EncodeError> {
        for (index, (ty, value)) in (0..).zip(values) {
            self.at(index, ty, value)?;
        }
        Ok(())
    }

    /// A payload has the path of its variant, option or result.
    fn put_case(
        &mut self,
        ty: &ValueType,
        case: u32,
        payload: Option<Box<Value>>,
    ) -> Result<(), EncodeError> {
        match ty {
            ValueType::Variant(_) | ValueType::Enum(_) => put_u32(&mut self.out, case),
            _ => self.out.push(case as u8),
        }
        match (super::payload(ty, case).ok_or_else(|| other(ty))?, payload) {
            (Some(ty), Some(value)) => self.put(ty, *value),
            (None, None) => Ok(()),
            _ => Err(other(ty)),
        }
    }

    fn put_flow(&mut self, flow: Flow, payload: Option<&ValueType>, value: Value) {
        self.out.push(PENDING);
        let payload = payload.cloned();
        self.outflows.push(Outflow { path: self.path.clone(), flow, payload, value });
    }

    fn length(&mut self, ty: &ValueType, length: usize) -> Result<(), EncodeError> {
        let length = u32::try_from(length).map_err(|_| other(ty))?;
        put_u32(&mut self.out, length);
        Ok(())
    }

    /// Reserves room for at least so many bytes.
    fn reserve(&mut self, bytes: usize) -> Result<(), EncodeError> {
        if self.out.len().saturating_add(bytes) > self.limit {
            return Err(EncodeError::TooLarge { limit: self.limit });
        }
        self.out.reserve(bytes);
        Ok(())
    }

    fn check(&mut self) -> Result<(), EncodeError> {
        self.reserve(0)
    }
}

fn other(ty: &ValueType) -> EncodeError {
    EncodeError::Type { expected: ty.to_string() }
}
