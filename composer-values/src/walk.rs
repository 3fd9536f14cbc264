//! The canonical ABI of values, by walking their types. No `unsafe` here.
//!
//! What wasmtime does for `Val` is the model, in what is accepted and in what is refused: bounds,
//! alignment and discriminants are checked, and what a guest makes the host allocate is counted
//! against the store's hostcall fuel, for the memory that it takes here.

use std::slice::{Iter, IterMut};

use wasmtime::component::__internal::wasmtime_environ::component::VariantInfo;
use wasmtime::component::__internal::{ComponentTypes, InterfaceType, LiftContext, LowerContext};
use wasmtime::component::{Lift, Lower, ResourceAny};
use wasmtime::{Result, ValRaw, bail, format_err};

use crate::abi::{lower_handle, lower_string};
use crate::primitives;
use crate::value::{StoreHandle, Value};

/// The type of a case's payload.
fn payload(types: &ComponentTypes, ty: InterfaceType, case: u32) -> Result<Option<InterfaceType>> {
    let index = case as usize;
    let (found, len) = match ty {
        InterfaceType::Variant(i) => {
            let cases = &types[i].cases;
            (cases.get_index(index).map(|(_, payload)| *payload), cases.len())
        }
        InterfaceType::Enum(i) => {
            let len = types[i].names.len();
            ((index < len).then_some(None), len)
        }
        InterfaceType::Option(i) => ([None, Some(types[i].ty)].get(index).copied(), 2),
        InterfaceType::Result(i) => ([types[i].ok, types[i].err].get(index).copied(), 2),
        _ => bail!("not a variant"),
    };
    found.ok_or_else(|| format_err!("discriminant {case} out of range [0..{len})"))
}

fn variant_info(types: &ComponentTypes, ty: InterfaceType) -> Result<&VariantInfo> {
    Ok(match ty {
        InterfaceType::Variant(i) => &types[i].info,
        InterfaceType::Enum(i) => &types[i].info,
        InterfaceType::Option(i) => &types[i].info,
        InterfaceType::Result(i) => &types[i].info,
        _ => bail!("not a variant"),
    })
}

fn flat_count(types: &ComponentTypes, ty: &InterfaceType) -> Result<usize> {
    let count = types.canonical_abi(ty).flat_count(usize::MAX);
    count.ok_or_else(|| format_err!("a type that is not flat"))
}

fn size(types: &ComponentTypes, ty: &InterfaceType) -> usize {
    types.canonical_abi(ty).size32 as usize
}

fn next<'a>(src: &mut Iter<'a, ValRaw>) -> Result<&'a ValRaw> {
    src.next().ok_or_else(|| format_err!("too few core values"))
}

fn put(dst: &mut IterMut<'_, ValRaw>, value: ValRaw) -> Result<()> {
    let place = dst.next().ok_or_else(|| format_err!("too many core values"))?;
    *place = value;
    Ok(())
}

/// A part of the memory that a type's layout gives.
fn part(bytes: &[u8], offset: usize, size: usize) -> Result<&[u8]> {
    let part = bytes.get(offset..).and_then(|bytes| bytes.get(..size));
    part.ok_or_else(|| format_err!("a part outside of its value"))
}

/// A number in little-endian order.
fn number(bytes: &[u8], size: usize) -> Result<u32> {
    let mut number = [0; 4];
    number[..size].copy_from_slice(part(bytes, 0, size)?);
    Ok(u32::from_le_bytes(number))
}

/// Pointer and length of a list.
fn pointer_pair(bytes: &[u8]) -> Result<(usize, usize)> {
    Ok((number(bytes, 4)? as usize, number(part(bytes, 4, 4)?, 4)? as usize))
}

/// How many bytes flags take in memory.
fn flag_bytes(count: usize) -> Result<usize> {
    match count {
        0 => Ok(0),
        1..=8 => Ok(1),
        9..=16 => Ok(2),
        17..=32 => Ok(4),
        _ => bail!("more than 32 flags"),
    }
}

/// The flags that there are, of bits that may have more.
fn known_flags(bits: u32, count: usize) -> u32 {
    match count {
        0 => 0,
        1..=31 => bits & ((1 << count) - 1),
        _ => bits,
    }
}

impl<H: StoreHandle> Value<H> {
    /// Takes a value out of core values.
    pub(crate) fn lift(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &mut Iter<'_, ValRaw>,
    ) -> Result<Self> {
        let types: &ComponentTypes = cx.types;
        macro_rules! lift {
            ($($prim:ident $list:ident $rust:ident $ty:ident),*) => {
                match ty {
                    $(InterfaceType::$ty => {
                        Self::$prim($rust::linear_lift_from_flat(cx, ty, next(src)?)?)
                    })*
                    InterfaceType::String => {
                        let pair = [*next(src)?, *next(src)?];
                        Self::String(String::linear_lift_from_flat(cx, ty, &pair)?)
                    }
                    InterfaceType::List(i) => match types[i].element {
                        $(InterfaceType::$ty => {
                            let pair = [*next(src)?, *next(src)?];
                            Self::$list(Vec::<$rust>::linear_lift_from_flat(cx, ty, &pair)?)
                        })*
                        element => {
                            let (at, len) = (next(src)?.get_u32(), next(src)?.get_u32());
                            Self::load_list(cx, element, at as usize, len as usize)?
                        }
                    },
                    InterfaceType::Map(i) => {
                        let (at, len) = (next(src)?.get_u32(), next(src)?.get_u32());
                        Self::load_map(cx, InterfaceType::Map(i), at as usize, len as usize)?
                    }
                    InterfaceType::FixedLengthList(i) => {
                        let (element, len) = (types[i].element, types[i].size as usize);
                        match element {
                            $(InterfaceType::$ty => {
                                cx.consume_fuel_array(len, size_of::<$rust>())?;
                                let mut list = Vec::with_capacity(len);
                                for _ in 0..len {
                                    list.push($rust::linear_lift_from_flat(cx, element, next(src)?)?);
                                }
                                Self::$list(list)
                            })*
                            _ => {
                                let elements = std::iter::repeat_n(element, len);
                                Self::List(Self::lift_each(cx, len, elements, src)?)
                            }
                        }
                    }
                    InterfaceType::Record(i) => {
                        let fields = &types[i].fields;
                        let tys = fields.iter().map(|field| field.ty);
                        Self::Fields(Self::lift_each(cx, fields.len(), tys, src)?)
                    }
                    InterfaceType::Tuple(i) => {
                        let tys = &types[i].types;
                        Self::Fields(Self::lift_each(cx, tys.len(), tys.iter().copied(), src)?)
                    }
                    InterfaceType::Variant(_)
                    | InterfaceType::Enum(_)
                    | InterfaceType::Option(_)
                    | InterfaceType::Result(_) => {
                        let case = next(src)?.get_u32();
                        let mut used = 1;
                        let value = match payload(types, ty, case)? {
                            None => None,
                            Some(ty) => {
                                cx.consume_fuel(size_of::<Self>())?;
                                used += flat_count(types, &ty)?;
                                Some(Box::new(Self::lift(cx, ty, src)?))
                            }
                        };
                        for _ in used..flat_count(types, &ty)? {
                            next(src)?;
                        }
                        Self::Case(case, value)
                    }
                    InterfaceType::Flags(i) => {
                        let count = types[i].names.len();
                        Self::Flags(match flag_bytes(count)? {
                            0 => 0,
                            _ => known_flags(next(src)?.get_u32(), count),
                        })
                    }
                    InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                        let handle = ResourceAny::linear_lift_from_flat(cx, ty, next(src)?)?;
                        Self::Handle(H::from_store(handle))
                    }
                    InterfaceType::Future(_)
                    | InterfaceType::Stream(_)
                    | InterfaceType::ErrorContext(_) => bail!("a type that does not cross"),
                }
            };
        }
        Ok(primitives!(lift))
    }

    /// Takes several values out of core values.
    pub(crate) fn lift_each(
        cx: &mut LiftContext<'_>,
        count: usize,
        tys: impl Iterator<Item = InterfaceType>,
        src: &mut Iter<'_, ValRaw>,
    ) -> Result<Vec<Self>> {
        cx.consume_fuel_array(count, size_of::<Self>())?;
        let mut values = Vec::with_capacity(count);
        for ty in tys {
            values.push(Self::lift(cx, ty, src)?);
        }
        Ok(values)
    }

    /// Takes a value out of memory; `bytes` is where it lies, of its type's size.
    pub(crate) fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> Result<Self> {
        let types: &ComponentTypes = cx.types;
        macro_rules! load {
            ($($prim:ident $list:ident $rust:ident $ty:ident),*) => {
                match ty {
                    $(InterfaceType::$ty => {
                        Self::$prim($rust::linear_lift_from_memory(cx, ty, bytes)?)
                    })*
                    InterfaceType::String => {
                        Self::String(String::linear_lift_from_memory(cx, ty, bytes)?)
                    }
                    InterfaceType::List(i) => match types[i].element {
                        $(InterfaceType::$ty => {
                            Self::$list(Vec::<$rust>::linear_lift_from_memory(cx, ty, bytes)?)
                        })*
                        element => {
                            let (at, len) = pointer_pair(bytes)?;
                            Self::load_list(cx, element, at, len)?
                        }
                    },
                    InterfaceType::Map(_) => {
                        let (at, len) = pointer_pair(bytes)?;
                        Self::load_map(cx, ty, at, len)?
                    }
                    InterfaceType::FixedLengthList(i) => {
                        let (element, len) = (types[i].element, types[i].size as usize);
                        let size = size(types, &element);
                        match element {
                            $(InterfaceType::$ty => {
                                cx.consume_fuel_array(len, size_of::<$rust>())?;
                                let mut list = Vec::with_capacity(len);
                                for n in 0..len {
                                    let bytes = part(bytes, n * size, size)?;
                                    list.push($rust::linear_lift_from_memory(cx, element, bytes)?);
                                }
                                Self::$list(list)
                            })*
                            _ => {
                                let elements = std::iter::repeat_n(element, len);
                                Self::List(Self::load_each(cx, len, elements, bytes)?)
                            }
                        }
                    }
                    InterfaceType::Record(i) => {
                        let fields = &types[i].fields;
                        let tys = fields.iter().map(|field| field.ty);
                        Self::Fields(Self::load_each(cx, fields.len(), tys, bytes)?)
                    }
                    InterfaceType::Tuple(i) => {
                        let tys = &types[i].types;
                        Self::Fields(Self::load_each(cx, tys.len(), tys.iter().copied(), bytes)?)
                    }
                    InterfaceType::Variant(_)
                    | InterfaceType::Enum(_)
                    | InterfaceType::Option(_)
                    | InterfaceType::Result(_) => {
                        let info = variant_info(types, ty)?;
                        let case = number(bytes, u32::from(info.size) as usize)?;
                        let value = match payload(types, ty, case)? {
                            None => None,
                            Some(ty) => {
                                cx.consume_fuel(size_of::<Self>())?;
                                let at = info.payload_offset32 as usize;
                                let bytes = part(bytes, at, size(types, &ty))?;
                                Some(Box::new(Self::load(cx, ty, bytes)?))
                            }
                        };
                        Self::Case(case, value)
                    }
                    InterfaceType::Flags(i) => {
                        let count = types[i].names.len();
                        Self::Flags(known_flags(number(bytes, flag_bytes(count)?)?, count))
                    }
                    InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
                        let handle = ResourceAny::linear_lift_from_memory(cx, ty, bytes)?;
                        Self::Handle(H::from_store(handle))
                    }
                    InterfaceType::Future(_)
                    | InterfaceType::Stream(_)
                    | InterfaceType::ErrorContext(_) => bail!("a type that does not cross"),
                }
            };
        }
        Ok(primitives!(load))
    }

    /// Takes several values out of memory, which lie in it one after the other, each aligned.
    pub(crate) fn load_each(
        cx: &mut LiftContext<'_>,
        count: usize,
        tys: impl Iterator<Item = InterfaceType>,
        bytes: &[u8],
    ) -> Result<Vec<Self>> {
        cx.consume_fuel_array(count, size_of::<Self>())?;
        let types: &ComponentTypes = cx.types;
        let mut values = Vec::with_capacity(count);
        let mut offset = 0;
        for ty in tys {
            let abi = types.canonical_abi(&ty);
            let at = abi.next_field32(&mut offset) as usize;
            values.push(Self::load(cx, ty, part(bytes, at, abi.size32 as usize)?)?);
        }
        Ok(values)
    }

    /// The memory of `len` elements at `at`, when it is all there and aligned.
    fn elements<'a>(
        cx: &mut LiftContext<'a>,
        what: &str,
        (at, len): (usize, usize),
        (size, align): (usize, u32),
        each: usize,
    ) -> Result<&'a [u8]> {
        let memory = cx.memory();
        let bytes = len.checked_mul(size).and_then(|size| memory.get(at..)?.get(..size));
        let Some(bytes) = bytes else {
            bail!("{what} pointer/length out of bounds of memory");
        };
        cx.consume_fuel_array(len, each)?;
        if !at.is_multiple_of(align as usize) {
            bail!("{what} pointer is not aligned");
        }
        Ok(bytes)
    }

    fn load_list(
        cx: &mut LiftContext<'_>,
        element: InterfaceType,
        at: usize,
        len: usize,
    ) -> Result<Self> {
        let types: &ComponentTypes = cx.types;
        let abi = types.canonical_abi(&element);
        let size = abi.size32 as usize;
        let layout = (size, abi.align32);
        let bytes = Self::elements(cx, "list", (at, len), layout, size_of::<Self>())?;
        let mut list = Vec::with_capacity(len);
        for n in 0..len {
            list.push(Self::load(cx, element, part(bytes, n * size, size)?)?);
        }
        Ok(Self::List(list))
    }

    fn load_map(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        at: usize,
        len: usize,
    ) -> Result<Self> {
        let types: &ComponentTypes = cx.types;
        let InterfaceType::Map(i) = ty else { bail!("not a map") };
        let map = &types[i];
        let entry = map.entry_abi.size32 as usize;
        let layout = (entry, map.entry_abi.align32);
        let bytes = Self::elements(cx, "map", (at, len), layout, size_of::<(Self, Self)>())?;
        let mut entries = Vec::with_capacity(len);
        for n in 0..len {
            let bytes = part(bytes, n * entry, entry)?;
            let key = Self::load(cx, map.key, part(bytes, 0, size(types, &map.key))?)?;
            let at = map.value_offset32 as usize;
            let value = Self::load(cx, map.value, part(bytes, at, size(types, &map.value))?)?;
            entries.push((key, value));
        }
        Ok(Self::Map(entries))
    }

    /// The error for a value of another shape than its type. The plan lets none come here.
    fn misfit<R>(&self, ty: InterfaceType) -> Result<R> {
        bail!("a value of another shape than its type {ty:?}")
    }

    /// Puts the value into core values.
    pub(crate) fn lower<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut IterMut<'_, ValRaw>,
    ) -> Result<()> {
        let types: &ComponentTypes = cx.types;
        match (ty, self) {
            (InterfaceType::Bool, Self::Bool(v)) => put(dst, ValRaw::u32(u32::from(*v))),
            (InterfaceType::S8, Self::S8(v)) => put(dst, ValRaw::i32(i32::from(*v))),
            (InterfaceType::U8, Self::U8(v)) => put(dst, ValRaw::u32(u32::from(*v))),
            (InterfaceType::S16, Self::S16(v)) => put(dst, ValRaw::i32(i32::from(*v))),
            (InterfaceType::U16, Self::U16(v)) => put(dst, ValRaw::u32(u32::from(*v))),
            (InterfaceType::S32, Self::S32(v)) => put(dst, ValRaw::i32(*v)),
            (InterfaceType::U32, Self::U32(v)) => put(dst, ValRaw::u32(*v)),
            (InterfaceType::S64, Self::S64(v)) => put(dst, ValRaw::i64(*v)),
            (InterfaceType::U64, Self::U64(v)) => put(dst, ValRaw::u64(*v)),
            (InterfaceType::Float32, Self::F32(v)) => put(dst, ValRaw::f32(v.to_bits())),
            (InterfaceType::Float64, Self::F64(v)) => put(dst, ValRaw::f64(v.to_bits())),
            (InterfaceType::Char, Self::Char(v)) => put(dst, ValRaw::u32(u32::from(*v))),
            (InterfaceType::String, Self::String(v)) => {
                let [at, len] = lower_string(v, cx)?;
                put(dst, at)?;
                put(dst, len)
            }
            (InterfaceType::List(i), _) => {
                let (at, len) = self.store_list(cx, types[i].element)?;
                put(dst, ValRaw::i64(at as i64))?;
                put(dst, ValRaw::i64(len as i64))
            }
            (InterfaceType::Map(_), Self::Map(entries)) => {
                let (at, len) = Self::store_map(cx, ty, entries)?;
                put(dst, ValRaw::i64(at as i64))?;
                put(dst, ValRaw::i64(len as i64))
            }
            (InterfaceType::FixedLengthList(i), _) => {
                let (element, len) = (types[i].element, types[i].size as usize);
                self.lower_elements(cx, element, len, dst)
            }
            (InterfaceType::Record(i), Self::Fields(values)) => {
                let fields = &types[i].fields;
                let tys = fields.iter().map(|field| field.ty);
                Self::lower_each(cx, fields.len(), tys, values, dst)
            }
            (InterfaceType::Tuple(i), Self::Fields(values)) => {
                let tys = &types[i].types;
                Self::lower_each(cx, tys.len(), tys.iter().copied(), values, dst)
            }
            (
                InterfaceType::Variant(_)
                | InterfaceType::Enum(_)
                | InterfaceType::Option(_)
                | InterfaceType::Result(_),
                Self::Case(case, value),
            ) => {
                put(dst, ValRaw::u32(*case))?;
                let mut used = 1;
                match (payload(types, ty, *case)?, value) {
                    (None, None) => {}
                    (Some(ty), Some(value)) => {
                        used += flat_count(types, &ty)?;
                        value.lower(cx, ty, dst)?;
                    }
                    _ => return self.misfit(ty),
                }
                for _ in used..flat_count(types, &ty)? {
                    put(dst, ValRaw::u64(0))?;
                }
                Ok(())
            }
            (InterfaceType::Flags(i), Self::Flags(bits)) => {
                let count = types[i].names.len();
                match flag_bytes(count)? {
                    0 => Ok(()),
                    _ => put(dst, ValRaw::u32(known_flags(*bits, count))),
                }
            }
            (InterfaceType::Own(_) | InterfaceType::Borrow(_), Self::Handle(handle)) => {
                let Some(handle) = handle.to_store() else { return self.misfit(ty) };
                let handle = lower_handle(handle, cx, ty)?;
                put(dst, handle)
            }
            _ => self.misfit(ty),
        }
    }

    /// Puts several values into core values.
    pub(crate) fn lower_each<T>(
        cx: &mut LowerContext<'_, T>,
        count: usize,
        tys: impl Iterator<Item = InterfaceType>,
        values: &[Self],
        dst: &mut IterMut<'_, ValRaw>,
    ) -> Result<()> {
        if count != values.len() {
            bail!("expected {count} values, found {}", values.len());
        }
        tys.zip(values).try_for_each(|(ty, value)| value.lower(cx, ty, dst))
    }

    /// Puts a list of fixed length into core values.
    fn lower_elements<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        element: InterfaceType,
        len: usize,
        dst: &mut IterMut<'_, ValRaw>,
    ) -> Result<()> {
        macro_rules! lower {
            ($($prim:ident $list:ident $rust:ident $ty:ident),*) => {
                match (element, self) {
                    $((InterfaceType::$ty, Self::$list(items)) if items.len() == len => items
                        .iter()
                        .try_for_each(|item| Self::$prim(*item).lower(cx, element, dst)),)*
                    (_, Self::List(items)) if items.len() == len => {
                        items.iter().try_for_each(|item| item.lower(cx, element, dst))
                    }
                    _ => self.misfit(element),
                }
            };
        }
        primitives!(lower)
    }

    /// Puts the value into memory at `offset`, which is aligned and has room for the type.
    pub(crate) fn store<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        let types: &ComponentTypes = cx.types;
        macro_rules! store {
            ($($prim:ident $list:ident $rust:ident $ty:ident),*) => {
                match (ty, self) {
                    $((InterfaceType::$ty, Self::$prim(v)) => {
                        v.linear_lower_to_memory(cx, ty, offset)
                    })*
                    (InterfaceType::String, Self::String(v)) => {
                        v.linear_lower_to_memory(cx, ty, offset)
                    }
                    (InterfaceType::List(i), _) => {
                        let pair = self.store_list(cx, types[i].element)?;
                        Self::store_pair(cx, offset, pair)
                    }
                    (InterfaceType::Map(_), Self::Map(entries)) => {
                        let pair = Self::store_map(cx, ty, entries)?;
                        Self::store_pair(cx, offset, pair)
                    }
                    (InterfaceType::FixedLengthList(i), _) => {
                        let (element, len) = (types[i].element, types[i].size as usize);
                        self.store_elements(cx, element, Some(len), offset)
                    }
                    (InterfaceType::Record(i), Self::Fields(values)) => {
                        let fields = &types[i].fields;
                        let tys = fields.iter().map(|field| field.ty);
                        Self::store_each(cx, fields.len(), tys, values, offset)
                    }
                    (InterfaceType::Tuple(i), Self::Fields(values)) => {
                        let tys = &types[i].types;
                        Self::store_each(cx, tys.len(), tys.iter().copied(), values, offset)
                    }
                    (
                        InterfaceType::Variant(_)
                        | InterfaceType::Enum(_)
                        | InterfaceType::Option(_)
                        | InterfaceType::Result(_),
                        Self::Case(case, value),
                    ) => {
                        let payload = payload(types, ty, *case)?;
                        let info = variant_info(types, ty)?;
                        Self::store_number(cx, offset, *case, u32::from(info.size) as usize);
                        match (payload, value) {
                            (None, None) => Ok(()),
                            (Some(ty), Some(value)) => {
                                value.store(cx, ty, offset + info.payload_offset32 as usize)
                            }
                            _ => self.misfit(ty),
                        }
                    }
                    (InterfaceType::Flags(i), Self::Flags(bits)) => {
                        let count = types[i].names.len();
                        let bits = known_flags(*bits, count);
                        Self::store_number(cx, offset, bits, flag_bytes(count)?);
                        Ok(())
                    }
                    (InterfaceType::Own(_) | InterfaceType::Borrow(_), Self::Handle(handle)) => {
                        match handle.to_store() {
                            Some(handle) => handle.linear_lower_to_memory(cx, ty, offset),
                            None => self.misfit(ty),
                        }
                    }
                    _ => self.misfit(ty),
                }
            };
        }
        primitives!(store)
    }

    /// Puts several values into memory, one after the other, each aligned.
    pub(crate) fn store_each<T>(
        cx: &mut LowerContext<'_, T>,
        count: usize,
        tys: impl Iterator<Item = InterfaceType>,
        values: &[Self],
        mut offset: usize,
    ) -> Result<()> {
        if count != values.len() {
            bail!("expected {count} values, found {}", values.len());
        }
        let types: &ComponentTypes = cx.types;
        for (ty, value) in tys.zip(values) {
            let at = types.canonical_abi(&ty).next_field32_size(&mut offset);
            value.store(cx, ty, at)?;
        }
        Ok(())
    }

    /// Puts the elements of a list into memory at `offset`; `len` is what their number must be.
    fn store_elements<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        element: InterfaceType,
        len: Option<usize>,
        offset: usize,
    ) -> Result<()> {
        let fits = |found: usize| len.is_none_or(|len| len == found);
        macro_rules! store {
            ($($prim:ident $list:ident $rust:ident $ty:ident),*) => {
                match (element, self) {
                    $((InterfaceType::$ty, Self::$list(items)) if fits(items.len()) => {
                        $rust::linear_store_list_to_memory(cx, element, offset, items)
                    })*
                    (_, Self::List(items)) if fits(items.len()) => {
                        let size = size(cx.types, &element);
                        items.iter().enumerate().try_for_each(|(n, item)| {
                            item.store(cx, element, offset + n * size)
                        })
                    }
                    _ => self.misfit(element),
                }
            };
        }
        primitives!(store)
    }

    /// Puts the elements of a list into memory that the guest allocates.
    fn store_list<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        element: InterfaceType,
    ) -> Result<(usize, usize)> {
        macro_rules! len {
            ($($prim:ident $list:ident $rust:ident $ty:ident),*) => {
                match self {
                    $(Self::$list(items) => items.len(),)*
                    Self::List(items) => items.len(),
                    _ => return self.misfit(element),
                }
            };
        }
        let len = primitives!(len);
        let types: &ComponentTypes = cx.types;
        let abi = types.canonical_abi(&element);
        let bytes = len.checked_mul(abi.size32 as usize);
        let bytes = bytes.ok_or_else(|| format_err!("size overflow copying a list"))?;
        let at = cx.realloc(0, 0, abi.align32, bytes)?;
        self.store_elements(cx, element, None, at)?;
        Ok((at, len))
    }

    fn store_map<T>(
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        entries: &[(Self, Self)],
    ) -> Result<(usize, usize)> {
        let types: &ComponentTypes = cx.types;
        let InterfaceType::Map(i) = ty else { bail!("not a map") };
        let map = &types[i];
        let entry = map.entry_abi.size32 as usize;
        let bytes = entries.len().checked_mul(entry);
        let bytes = bytes.ok_or_else(|| format_err!("size overflow copying a map"))?;
        let at = cx.realloc(0, 0, map.entry_abi.align32, bytes)?;
        for (n, (key, value)) in entries.iter().enumerate() {
            key.store(cx, map.key, at + n * entry)?;
            value.store(cx, map.value, at + n * entry + map.value_offset32 as usize)?;
        }
        Ok((at, entries.len()))
    }

    fn store_pair<T>(
        cx: &mut LowerContext<'_, T>,
        offset: usize,
        (at, len): (usize, usize),
    ) -> Result<()> {
        *cx.get(offset) = u32::try_from(at)?.to_le_bytes();
        *cx.get(offset + 4) = u32::try_from(len)?.to_le_bytes();
        Ok(())
    }

    /// Puts the lower `size` bytes of a number into memory.
    fn store_number<T>(cx: &mut LowerContext<'_, T>, offset: usize, number: u32, size: usize) {
        let [a, b, c, d] = number.to_le_bytes();
        match size {
            0 => {}
            1 => *cx.get(offset) = [a],
            2 => *cx.get(offset) = [a, b],
            _ => *cx.get(offset) = [a, b, c, d],
        }
    }
}
