//! Decoding: values from bytes.
//!
//! The bytes come from peers and may be anything. The decoder never panics, never allocates more
//! than a small multiple of the input before it has seen the bytes, and counts the memory of the
//! values against a limit (`spend`) and against the account of the peer (`counted`).

use wasm_runtime_composer::provider::{Elements, Value};
use wasm_runtime_composer::types::ValueType;

use super::leb128::{Leb128Error, read_signed, read_u32, read_unsigned};
use super::{Flow, Inflow, PENDING, READY, flag_bytes, for_primitives};
use crate::budget::{Full, Held};

/// Why bytes cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum DecodeError {
    /// The bytes end too early; with more bytes they could be valid.
    #[error("the bytes end inside of a value")]
    Incomplete,

    /// The bytes are not values of the type, whatever follows.
    #[error("expected {expected} at byte {at}, found {found}")]
    #[non_exhaustive]
    Invalid {
        /// What was expected at this place.
        expected: String,
        /// What was found.
        found: String,
        /// The offset of the place, from the first byte of the values.
        at: usize,
    },

    /// The values would take too much memory.
    #[error("the values take more than {limit} bytes of memory, which is the most that they may")]
    #[non_exhaustive]
    TooLarge {
        /// The most bytes that they may take.
        limit: usize,
    },

    /// There is no room for the values at the moment.
    #[error("{0}")]
    Full(Full),
}

/// Decodes values from the front of some bytes.
///
/// For any input, it neither panics nor takes more memory than allowed.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    input: &'a [u8],
    at: usize,
    inflows: Vec<Inflow>,
    path: Vec<u32>,
    /// The memory that the values take so far, and the most that they may take.
    spent: usize,
    limit: usize,
    /// The memory that the allocator adds to each allocation.
    overhead: usize,
    counted: Option<Counted<'a>>,
}

/// The account that counts the memory of the values.
#[derive(Debug)]
struct Counted<'a> {
    held: &'a mut Held,
    /// Bytes that are held in addition.
    base: usize,
    /// How much of the memory has been counted so far.
    until: usize,
}

/// The memory is counted in steps of so many bytes.
const STEP: usize = 16 * 1024;

/// The approximate overhead of an allocation, in bytes.
const ALLOCATION: usize = 32;

/// Makes the value of a stream or future: from its elements if they are in the bytes, or from
/// nothing if they are still to come.
pub(crate) type MakeFlow<'f> = &'f mut dyn FnMut(&Inflow, Option<Elements>) -> Value;

/// Decodes an element of a list of primitives.
trait Primitive: Sized {
    fn take(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError>;

    fn take_each(decoder: &mut Decoder<'_>, count: usize) -> Result<Vec<Self>, DecodeError> {
        // Allocated at once: a vector that grows would reserve up to twice as much.
        let mut values = Vec::with_capacity(count);
        for _ in 0..count {
            values.push(Self::take(decoder)?);
        }
        Ok(values)
    }
}

impl Primitive for u8 {
    fn take(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.byte()
    }

    fn take_each(decoder: &mut Decoder<'_>, count: usize) -> Result<Vec<Self>, DecodeError> {
        Ok(decoder.bytes(count)?.to_vec())
    }
}

macro_rules! primitive {
    ($($rust:ty: |$decoder:ident| $take:expr;)*) => {
        $(impl Primitive for $rust {
            fn take($decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                $take
            }
        })*
    };
}

primitive! {
    bool: |it| match it.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(it.invalid("0 or 1 for a `bool`", other)),
    };
    i8: |it| Ok(it.byte()? as i8);
    i16: |it| Ok(it.signed(i16::BITS, "s16")? as i16);
    u16: |it| Ok(it.unsigned(u16::BITS, "u16")? as u16);
    i32: |it| Ok(it.signed(i32::BITS, "s32")? as i32);
    u32: |it| Ok(it.unsigned(u32::BITS, "u32")? as u32);
    i64: |it| it.signed(i64::BITS, "s64");
    u64: |it| it.unsigned(u64::BITS, "u64");
    f32: |it| {
        let value = f32::from_le_bytes(it.array()?);
        Ok(if value.is_nan() { f32::from_bits(0x7fc0_0000) } else { value })
    };
    f64: |it| {
        let value = f64::from_le_bytes(it.array()?);
        Ok(if value.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { value })
    };
    char: |it| it.char();
}

impl<'a> Decoder<'a> {
    /// A decoder of values that may take about `limit` bytes of memory.
    pub(crate) fn new(input: &'a [u8], limit: usize) -> Self {
        Self {
            input,
            at: 0,
            inflows: Vec::new(),
            path: Vec::new(),
            spent: 0,
            limit,
            overhead: 0,
            counted: None,
        }
    }

    /// Counts the values' memory in `held`, in addition to the `base` bytes that it counts already.
    pub(crate) fn counted(mut self, held: &'a mut Held, base: usize) -> Self {
        self.counted = Some(Counted { held, base, until: 0 });
        self
    }

    /// The approximate memory of the values so far.
    pub(crate) fn memory(&self) -> usize {
        self.spent + self.overhead
    }

    /// Decodes the value with the index `index` of a parameter list, or the result, which has the
    /// index 0. `flow` makes the value of each stream and future.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Incomplete`] if the bytes end too early, [`DecodeError::Invalid`] if they are
    /// not a value of type `ty`, [`DecodeError::TooLarge`] if the value would take more memory than
    /// allowed.
    pub(crate) fn value(
        &mut self,
        index: u32,
        ty: &ValueType,
        flow: MakeFlow<'_>,
    ) -> Result<Value, DecodeError> {
        self.at(index, ty, flow)
    }

    /// Decodes a value without streams and futures.
    ///
    /// # Errors
    ///
    /// As [`value`](Self::value); a stream or a future is [`DecodeError::Invalid`].
    pub(crate) fn plain(&mut self, ty: &ValueType) -> Result<Value, DecodeError> {
        // A placeholder, which is dropped: `inflows` tells that there was one.
        let value = self.take(ty, &mut |_, _| Value::Fields(Vec::new()))?;
        if !self.inflows.is_empty() {
            return Err(self.invalid("a value without streams and futures", "one with them"));
        }
        Ok(value)
    }

    /// How many bytes have been read.
    pub(crate) fn used(&self) -> usize {
        self.at
    }

    /// The streams and futures whose elements are still to come.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Invalid`] if bytes are left over.
    pub(crate) fn finish(self) -> Result<Vec<Inflow>, DecodeError> {
        match self.input.len() - self.at {
            0 => Ok(self.inflows),
            left => Err(self.invalid("the end of the values", format!("{left} more bytes"))),
        }
    }

    fn at(&mut self, index: u32, ty: &ValueType, flow: MakeFlow<'_>) -> Result<Value, DecodeError> {
        self.path.push(index);
        let value = self.take(ty, flow);
        self.path.pop();
        value
    }

    fn take(&mut self, ty: &ValueType, flow: MakeFlow<'_>) -> Result<Value, DecodeError> {
        macro_rules! take {
            ($($prim:ident $list:ident $rust:ident),*) => {
                match ty {
                    $(ValueType::$prim => Ok(Value::$prim($rust::take(self)?)),)*
                    ValueType::List(element) => {
                        let length = self.length()?;
                        match &**element {
                            $(ValueType::$prim => Ok(Value::$list(self.each(length)?)),)*
                            element => Ok(Value::List(self.values(element, length, flow)?)),
                        }
                    }
                    ValueType::FixedLengthList(element, length) => {
                        let length = *length as usize;
                        match &**element {
                            $(ValueType::$prim => Ok(Value::$list(self.each(length)?)),)*
                            element => Ok(Value::List(self.values(element, length, flow)?)),
                        }
                    }
                    _ => self.compound(ty, flow),
                }
            };
        }
        for_primitives!(take)
    }

    fn compound(&mut self, ty: &ValueType, flow: MakeFlow<'_>) -> Result<Value, DecodeError> {
        match ty {
            ValueType::String => {
                let length = self.length()?;
                self.spend(length)?;
                let at = self.at;
                let text = std::str::from_utf8(self.bytes(length)?);
                text.map(|text| Value::String(text.to_owned())).map_err(|error| {
                    let at = at + error.valid_up_to();
                    DecodeError::Invalid {
                        expected: "UTF-8".into(),
                        found: "other bytes".into(),
                        at,
                    }
                })
            }
            ValueType::Map(types) => {
                let length = self.length()?;
                let mut entries = self.room::<(Value, Value)>(length)?;
                let counted = entries.capacity();
                for index in 0..length {
                    if index >= counted {
                        self.spend(size_of::<(Value, Value)>())?;
                    }
                    self.path.push(index as u32);
                    let entry = self
                        .at(0, &types.0, flow)
                        .and_then(|key| Ok((key, self.at(1, &types.1, flow)?)));
                    self.path.pop();
                    entries.push(entry?);
                }
                Ok(Value::Map(entries))
            }
            ValueType::Record(fields) => self.fields(fields.iter().map(|(_, ty)| ty), flow),
            ValueType::Tuple(types) => self.fields(types.iter(), flow),
            ValueType::Variant(_)
            | ValueType::Enum(_)
            | ValueType::Option(_)
            | ValueType::Result(_) => self.case(ty, flow),
            ValueType::Flags(names) => {
                let at = self.at;
                let mut bits = [0; 4];
                let bytes = self.bytes(flag_bytes(names.len()))?;
                bits.iter_mut().zip(bytes).for_each(|(bits, byte)| *bits = *byte);
                let bits = u32::from_le_bytes(bits);
                if u64::from(bits) >> names.len().min(32) != 0 {
                    let expected = format!("{} flags", names.len());
                    return Err(DecodeError::Invalid { expected, found: "more".into(), at });
                }
                Ok(Value::Flags(bits))
            }
            ValueType::Stream(payload) => self.flow(Flow::Stream, payload.as_deref(), flow),
            ValueType::Future(payload) => self.flow(Flow::Future, payload.as_deref(), flow),
            _ => Err(self.invalid("a value", format!("the type `{ty}`, which no bytes stand for"))),
        }
    }

    fn fields<'t>(
        &mut self,
        types: impl ExactSizeIterator<Item = &'t ValueType>,
        flow: MakeFlow<'_>,
    ) -> Result<Value, DecodeError> {
        self.spend(types.len() * size_of::<Value>())?;
        let mut fields = Vec::with_capacity(types.len());
        for (index, ty) in (0..).zip(types) {
            fields.push(self.at(index, ty, flow)?);
        }
        Ok(Value::Fields(fields))
    }

    fn case(&mut self, ty: &ValueType, flow: MakeFlow<'_>) -> Result<Value, DecodeError> {
        let at = self.at;
        let case = match ty {
            ValueType::Variant(_) | ValueType::Enum(_) => self.length()? as u32,
            _ => self.byte()?.into(),
        };
        let Some(payload) = super::payload(ty, case) else {
            let (expected, found) = (format!("a case of `{ty}`"), format!("number {case}"));
            return Err(DecodeError::Invalid { expected, found, at });
        };
        let payload = match payload {
            Some(ty) => {
                self.spend(size_of::<Value>())?;
                Some(Box::new(self.take(ty, flow)?))
            }
            None => None,
        };
        Ok(Value::Case(case, payload))
    }

    fn flow(
        &mut self,
        kind: Flow,
        payload: Option<&ValueType>,
        flow: MakeFlow<'_>,
    ) -> Result<Value, DecodeError> {
        // A stream or a future needs a channel, and a place in a task.
        self.spend(FLOW_MEMORY)?;
        let inflow = Inflow { path: self.path.clone(), flow: kind, payload: payload.cloned() };
        match self.byte()? {
            PENDING => {
                let value = flow(&inflow, None);
                self.inflows.push(inflow);
                Ok(value)
            }
            READY => {
                let count = if kind == Flow::Future { 1 } else { self.length()? };
                let elements = self.elements(payload, count)?;
                Ok(flow(&inflow, Some(elements)))
            }
            other => Err(self.invalid("0 or 1 for a stream or a future", other)),
        }
    }

    /// Decodes elements of a stream.
    pub(crate) fn elements(
        &mut self,
        payload: Option<&ValueType>,
        count: usize,
    ) -> Result<Elements, DecodeError> {
        match payload {
            None => Ok(Elements::Units(count)),
            Some(ValueType::U8) => {
                self.spend(count)?;
                Ok(Elements::Bytes(self.bytes(count)?.to_vec()))
            }
            Some(ty) => {
                let mut none = |_: &Inflow, _: Option<Elements>| Value::Fields(Vec::new());
                Ok(Elements::Values(self.values(ty, count, &mut none)?))
            }
        }
    }

    fn values(
        &mut self,
        ty: &ValueType,
        count: usize,
        flow: MakeFlow<'_>,
    ) -> Result<Vec<Value>, DecodeError> {
        let mut values = self.room::<Value>(count)?;
        let counted = values.capacity();
        for index in 0..count {
            if index >= counted {
                self.spend(size_of::<Value>())?;
            }
            values.push(self.at(index as u32, ty, flow)?);
        }
        Ok(values)
    }

    /// Allocates room for `count` values. `count` is only the peer's claim, so no more is allocated
    /// than there are bytes left; beyond that, values can only be ones that take no bytes.
    fn room<T>(&mut self, count: usize) -> Result<Vec<T>, DecodeError> {
        let count = count.min(self.input.len() - self.at);
        self.spend(count.saturating_mul(size_of::<T>()))?;
        Ok(Vec::with_capacity(count))
    }

    fn each<T: Primitive>(&mut self, count: usize) -> Result<Vec<T>, DecodeError> {
        // Each value takes at least one byte.
        if count > self.input.len() - self.at {
            return Err(DecodeError::Incomplete);
        }
        self.spend(count.saturating_mul(size_of::<T>()))?;
        T::take_each(self, count)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        self.array().map(|[byte]| byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let bytes = self.input.get(self.at..).and_then(|rest| rest.first_chunk());
        let bytes = *bytes.ok_or(DecodeError::Incomplete)?;
        self.at += N;
        Ok(bytes)
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let bytes = self.input.get(self.at..).and_then(|rest| rest.get(..count));
        let bytes = bytes.ok_or(DecodeError::Incomplete)?;
        self.at += count;
        Ok(bytes)
    }

    /// Decodes a length or the index of a case.
    pub(crate) fn length(&mut self) -> Result<usize, DecodeError> {
        let read = read_u32(&self.input[self.at..]);
        self.number(read, "u32").map(|length| length as usize)
    }

    fn signed(&mut self, bits: u32, ty: &str) -> Result<i64, DecodeError> {
        let read = read_signed(&self.input[self.at..], bits);
        self.number(read, ty)
    }

    fn unsigned(&mut self, bits: u32, ty: &str) -> Result<u64, DecodeError> {
        let read = read_unsigned(&self.input[self.at..], bits);
        self.number(read, ty)
    }

    fn number<T>(
        &mut self,
        read: Result<(T, usize), Leb128Error>,
        ty: &str,
    ) -> Result<T, DecodeError> {
        match read {
            Ok((number, used)) => {
                self.at += used;
                Ok(number)
            }
            Err(Leb128Error::Incomplete) => Err(DecodeError::Incomplete),
            Err(Leb128Error::TooLarge) => {
                Err(self.invalid(&format!("a number of type `{ty}`"), "a larger one"))
            }
        }
    }

    fn char(&mut self) -> Result<char, DecodeError> {
        let first = *self.input.get(self.at).ok_or(DecodeError::Incomplete)?;
        let length = match first {
            0..0x80 => 1,
            0xc2..0xe0 => 2,
            0xe0..0xf0 => 3,
            0xf0..0xf5 => 4,
            other => return Err(self.invalid("a `char` in UTF-8", other)),
        };
        let at = self.at;
        let text = std::str::from_utf8(self.bytes(length)?).ok();
        text.and_then(|text| text.chars().next()).ok_or_else(|| {
            let (expected, found) = ("a `char` in UTF-8".into(), "other bytes".into());
            DecodeError::Invalid { expected, found, at }
        })
    }

    /// Counts the memory of a value.
    fn spend(&mut self, bytes: usize) -> Result<(), DecodeError> {
        let spent = self.spent.saturating_add(bytes);
        if spent > self.limit {
            return Err(DecodeError::TooLarge { limit: self.limit });
        }
        self.spent = spent;
        self.overhead += ALLOCATION;
        let memory = self.memory();
        if let Some(Counted { held, base, until }) = &mut self.counted
            && memory > *until
        {
            let next = memory.next_multiple_of(STEP);
            held.set(base.saturating_add(next)).map_err(DecodeError::Full)?;
            *until = next;
        }
        Ok(())
    }

    fn invalid(&self, expected: &str, found: impl ToString) -> DecodeError {
        let (expected, found) = (expected.to_owned(), found.to_string());
        DecodeError::Invalid { expected, found, at: self.at }
    }
}

/// The approximate memory of a stream or a future, in bytes.
const FLOW_MEMORY: usize = 4096;
