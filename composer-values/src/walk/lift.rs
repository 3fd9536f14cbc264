//! Lifting: values from core values and from memory.
//!
//! Everything that comes from the guest is checked: bounds and alignment of pointers,
//! discriminants, characters and UTF-8. The memory that a list takes here is charged to the store's
//! hostcall fuel before it is allocated.

use std::slice::Iter;

use wasmtime::component::__internal::{ComponentTypes, InterfaceType, LiftContext};
#[cfg(feature = "component-model-async")]
use wasmtime::component::{FutureAny, StreamAny};
use wasmtime::component::{Lift, ResourceAny};
use wasmtime::{Result, ValRaw, bail, format_err};

use super::{flag_bytes, flat_count, known_flags, payload, size, variant_info};
use crate::primitives;
use crate::value::{StoreHandle, Stored, Value};

fn next<'a>(src: &mut Iter<'a, ValRaw>) -> Result<&'a ValRaw> {
    src.next().ok_or_else(|| format_err!("too few core values"))
}

/// A part of a value's memory, at an offset that the type's layout gives.
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

/// The pointer and the length of a list.
fn pointer_pair(bytes: &[u8]) -> Result<(usize, usize)> {
    Ok((number(bytes, 4)? as usize, number(part(bytes, 4, 4)?, 4)? as usize))
}

impl<H: StoreHandle> Value<H> {
    /// Lifts a value from core values.
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
                        Self::Handle(H::from_store(Stored::Resource(handle)))
                    }
                    #[cfg(feature = "component-model-async")]
                    InterfaceType::Stream(_) => {
                        let stream = StreamAny::linear_lift_from_flat(cx, ty, next(src)?)?;
                        Self::Handle(H::from_store(Stored::Stream(stream)))
                    }
                    #[cfg(feature = "component-model-async")]
                    InterfaceType::Future(_) => {
                        let future = FutureAny::linear_lift_from_flat(cx, ty, next(src)?)?;
                        Self::Handle(H::from_store(Stored::Future(future)))
                    }
                    _ => bail!("a type that does not cross"),
                }
            };
        }
        Ok(primitives!(lift))
    }

    /// Lifts several values from core values.
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

    /// Lifts a value from memory. `bytes` is its memory, which has the size of the type.
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
                        Self::Handle(H::from_store(Stored::Resource(handle)))
                    }
                    #[cfg(feature = "component-model-async")]
                    InterfaceType::Stream(_) => {
                        let stream = StreamAny::linear_lift_from_memory(cx, ty, bytes)?;
                        Self::Handle(H::from_store(Stored::Stream(stream)))
                    }
                    #[cfg(feature = "component-model-async")]
                    InterfaceType::Future(_) => {
                        let future = FutureAny::linear_lift_from_memory(cx, ty, bytes)?;
                        Self::Handle(H::from_store(Stored::Future(future)))
                    }
                    _ => bail!("a type that does not cross"),
                }
            };
        }
        Ok(primitives!(load))
    }

    /// Lifts several values from memory, in which they lie one after the other, each aligned.
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

    /// The memory of `len` elements at `at`, after checking its bounds and alignment.
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
}
