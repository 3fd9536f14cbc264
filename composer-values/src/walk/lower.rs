//! Lowering: values to core values and to memory.
//!
//! The type leads the walk. A value that does not have the type's shape is an error (`misfit`),
//! although the plan should have excluded it.

use std::slice::IterMut;

use wasmtime::component::__internal::{ComponentTypes, InterfaceType, LowerContext};
use wasmtime::component::Lower;
use wasmtime::{Result, ValRaw, bail, format_err};

use super::{flag_bytes, flat_count, known_flags, payload, size, variant_info};
use crate::abi::{lower_handle, lower_string};
use crate::primitives;
use crate::value::{StoreHandle, Stored, Value};

fn put(dst: &mut IterMut<'_, ValRaw>, value: ValRaw) -> Result<()> {
    let place = dst.next().ok_or_else(|| format_err!("too many core values"))?;
    *place = value;
    Ok(())
}

impl<H: StoreHandle> Value<H> {
    /// The error for a value whose shape is not that of its type, which the plan should have
    /// excluded.
    fn misfit<R>(&self, ty: InterfaceType) -> Result<R> {
        bail!("a value of another shape than its type {ty:?}")
    }

    /// Lowers the value to core values.
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
            (_, Self::Handle(handle)) => match (ty, handle.to_store()) {
                (InterfaceType::Own(_) | InterfaceType::Borrow(_), Some(Stored::Resource(it))) => {
                    put(dst, lower_handle(&it, cx, ty)?)
                }
                #[cfg(feature = "component-model-async")]
                (InterfaceType::Stream(_), Some(Stored::Stream(stream))) => {
                    put(dst, lower_handle(&stream, cx, ty)?)
                }
                #[cfg(feature = "component-model-async")]
                (InterfaceType::Future(_), Some(Stored::Future(future))) => {
                    put(dst, lower_handle(&future, cx, ty)?)
                }
                _ => self.misfit(ty),
            },
            _ => self.misfit(ty),
        }
    }

    /// Lowers several values to core values.
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

    /// Lowers a list of fixed length to core values.
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

    /// Lowers the value to memory at `offset`, which must be aligned and have room for the type.
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
                    (_, Self::Handle(handle)) => match (ty, handle.to_store()) {
                        (
                            InterfaceType::Own(_) | InterfaceType::Borrow(_),
                            Some(Stored::Resource(handle)),
                        ) => handle.linear_lower_to_memory(cx, ty, offset),
                        #[cfg(feature = "component-model-async")]
                        (InterfaceType::Stream(_), Some(Stored::Stream(stream))) => {
                            stream.linear_lower_to_memory(cx, ty, offset)
                        }
                        #[cfg(feature = "component-model-async")]
                        (InterfaceType::Future(_), Some(Stored::Future(future))) => {
                            future.linear_lower_to_memory(cx, ty, offset)
                        }
                        _ => self.misfit(ty),
                    },
                    _ => self.misfit(ty),
                }
            };
        }
        primitives!(store)
    }

    /// Lowers several values to memory, one after the other, each aligned.
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

    /// Lowers the elements of a list to memory at `offset`. There must be `len` of them.
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

    /// Lowers the elements of a list to memory that the guest allocates.
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

    /// Writes the lower `size` bytes of a number to memory.
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
