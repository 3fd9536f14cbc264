//! The only `unsafe` of the project: wasmtime's traits for parameter lists and result lists.
//!
//! Checked against wasmtime 48. [`Params`] and [`Results`] are private to this crate and are only
//! ever the whole parameter list or the whole result list of `LinkerInstance::func_wrap*` and
//! `TypedFunc`; they are never a field or an element of another type, and never swapped. So wasmtime
//! uses of them:
//!
//! - `typecheck`, before anything else: when a linker's function meets an import, and in `Func::typed`.
//! - `Lower`, as the storage of the core values that it hands over. Its size comes from
//!   `typecheck` (the types' own count), and `slice_to_storage` asserts that there are as many.
//! - `SIZE32` and `ALIGN32`, at three places: `lower_heap_args` (never reached: no list here has more
//!   than 16 core values), `lift_heap_result` and `StaticHostFn::lift_params`, which take that many
//!   bytes of memory for `linear_lift_from_memory`. Theirs is 0 bytes, whose address says where the
//!   list lies; the bounds and the alignment of the list are checked here.
//!
//! [`Element`] is private too, and is only ever the item of a `StreamReader` or a `FutureReader`.
//! wasmtime uses of it:
//!
//! - `typecheck`, where the reader meets the guest's type. It accepts every payload, as values of every
//!   type are taken and given.
//! - `SIZE32` and `ALIGN32`, where `lift` and `lower` of `futures_and_streams.rs` find the items of one
//!   operation in memory, and where the first of those left is. Theirs is 0 bytes, so all of these are
//!   the address that the guest gave; that there is memory for as many items as it said, `check_bounds` has
//!   found by the guest's own type when the operation began. Bounds and alignment are checked here again.
//! - `MAY_REQUIRE_REALLOC`, which says whether items may need memory of the guest when they are lowered. Where
//!   it is wrongly `false`, `LowerContext` panics.
//! - `linear_lift_from_memory`, once for each item in its order, and `linear_store_list_to_memory`, once
//!   for all. Nothing is ever lifted from or lowered to core values.

#[cfg(feature = "component-model-async")]
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

use wasmtime::component::__internal::wasmtime_environ::component::{
    MAX_FLAT_PARAMS, MAX_FLAT_RESULTS, TypeTuple,
};
use wasmtime::component::__internal::{
    CanonicalAbiInfo, ComponentTypes, InstanceType, InterfaceType, LiftContext, LowerContext,
};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Lower};
use wasmtime::{Result, ValRaw, bail, ensure};

use crate::value::{StoreHandle, Value};

/// Lowers a string into memory that the guest allocates, and returns its pointer and length.
pub(crate) fn lower_string<T>(text: &str, cx: &mut LowerContext<'_, T>) -> Result<[ValRaw; 2]> {
    let mut pair = MaybeUninit::new([ValRaw::u64(0); 2]);
    text.linear_lower_to_flat(cx, InterfaceType::String, &mut pair)?;
    // SAFETY: initialized above; other code could only have written to it since.
    Ok(unsafe { pair.assume_init() })
}

/// Adds a handle to the guest's table, and returns its index there.
pub(crate) fn lower_handle<T, V: Lower<Lower = ValRaw>>(
    handle: &V,
    cx: &mut LowerContext<'_, T>,
    ty: InterfaceType,
) -> Result<ValRaw> {
    let mut index = MaybeUninit::new(ValRaw::u64(0));
    handle.linear_lower_to_flat(cx, ty, &mut index)?;
    // SAFETY: as above.
    Ok(unsafe { index.assume_init() })
}

/// The types of a parameter list or result list.
fn list<'a>(types: &'a ComponentTypes, ty: &InterfaceType) -> Result<&'a TypeTuple> {
    match ty {
        InterfaceType::Tuple(i) => Ok(&types[*i]),
        _ => bail!("not a list of parameters or results"),
    }
}

/// The offset of `bytes` in the memory that they are a part of.
fn offset_of(cx: &LiftContext<'_>, bytes: &[u8]) -> Result<usize> {
    let memory = cx.memory();
    let offset = bytes.as_ptr().addr().checked_sub(memory.as_ptr().addr());
    match offset {
        Some(offset) if offset <= memory.len() => Ok(offset),
        _ => bail!("a list outside of memory"),
    }
}

/// The memory of a list.
fn part_of<'a>(cx: &LiftContext<'a>, list: &TypeTuple, offset: usize) -> Result<&'a [u8]> {
    if !offset.is_multiple_of(list.abi.align32 as usize) {
        bail!("return pointer not aligned");
    }
    let bytes = cx.memory().get(offset..);
    let Some(bytes) = bytes.and_then(|bytes| bytes.get(..list.abi.size32 as usize)) else {
        bail!("pointer out of bounds of memory");
    };
    Ok(bytes)
}

/// Lifts a list from memory.
fn load<H: StoreHandle>(
    cx: &mut LiftContext<'_>,
    list: &TypeTuple,
    offset: usize,
) -> Result<Vec<Value<H>>> {
    let bytes = part_of(cx, list, offset)?;
    Value::load_each(cx, list.types.len(), list.types.iter().copied(), bytes)
}

/// Lifts a list from core values, all of which it must use.
fn lift<H: StoreHandle>(
    cx: &mut LiftContext<'_>,
    list: &TypeTuple,
    src: &[ValRaw],
) -> Result<Vec<Value<H>>> {
    let mut src = src.iter();
    let values = Value::lift_each(cx, list.types.len(), list.types.iter().copied(), &mut src)?;
    ensure!(src.next().is_none(), "too many core values");
    Ok(values)
}

/// Lowers a list to core values.
fn lower<T, H: StoreHandle>(
    cx: &mut LowerContext<'_, T>,
    list: &TypeTuple,
    values: &[Value<H>],
    dst: &mut [ValRaw],
) -> Result<()> {
    let tys = list.types.iter().copied();
    Value::lower_each(cx, list.types.len(), tys, values, &mut dst.iter_mut())
}

/// A parameter list of `M` core values. With `M` = 1 it may also be a list with more core values
/// than can be passed, which is in memory, with the pointer to it as the only core value.
///
/// Parameters that go to the guest are dropped when they have been lowered, so that large ones do
/// not stay in memory until the call returns.
pub(crate) struct Params<H, const M: usize>(Mutex<Vec<Value<H>>>);

impl<H, const M: usize> Params<H, M> {
    pub(crate) fn new(values: Vec<Value<H>>) -> Self {
        Self(Mutex::new(values))
    }

    pub(crate) fn into_values(self) -> Vec<Value<H>> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Vec<Value<H>> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// SAFETY: `Lower` is an array of `ValRaw`. `typecheck` accepts exactly the lists with `M` core
// parameters: those that have `M` by their types, and, for `M` = 1, those behind a pointer. `ABI`
// is not that of the list: the head of this file says which code reads it.
unsafe impl<H: StoreHandle, const M: usize> ComponentType for Params<H, M> {
    type Lower = [ValRaw; M];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        match list(types.types, ty)?.abi.flat_count(MAX_FLAT_PARAMS) {
            Some(count) if count == M => Ok(()),
            None if M == 1 => Ok(()),
            found => bail!("expected {M} core parameters, found {found:?}"),
        }
    }
}

// SAFETY: the trait asks for no more than `ComponentType`.
unsafe impl<H: StoreHandle, const M: usize> ComponentNamedList for Params<H, M> {}

// SAFETY: `dst` is initialized before anything can fail. What is written elsewhere goes through
// `LowerContext`, which checks bounds.
unsafe impl<H: StoreHandle, const M: usize> Lower for Params<H, M> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; M]>,
    ) -> Result<()> {
        let dst = dst.write([ValRaw::u64(0); M]);
        let types: &ComponentTypes = cx.types;
        let list = list(types, &ty)?;
        let values = self.take();
        if list.abi.flat_count(MAX_FLAT_PARAMS).is_some() {
            return lower(cx, list, &values, dst);
        }
        let [pointer, ..] = dst.as_mut_slice() else { bail!("no place for a pointer") };
        let at = cx.realloc(0, 0, list.abi.align32, list.abi.size32 as usize)?;
        *pointer = ValRaw::i64(at as i64);
        Value::store_each(cx, list.types.len(), list.types.iter().copied(), &values, at)
    }

    fn linear_lower_to_memory<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: usize,
    ) -> Result<()> {
        bail!("parameters in memory are lowered with the pointer to them")
    }
}

// SAFETY: nothing here is unsafe; everything is checked.
unsafe impl<H: StoreHandle, const M: usize> Lift for Params<H, M> {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &[ValRaw; M],
    ) -> Result<Self> {
        let types: &ComponentTypes = cx.types;
        Ok(Self::new(lift(cx, list(types, &ty)?, src)?))
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let types: &ComponentTypes = cx.types;
        let offset = offset_of(cx, bytes)?;
        Ok(Self::new(load(cx, list(types, &ty)?, offset)?))
    }
}

/// A result list, which has one value or none, of `N` core values. With `N` = 1 the value may also
/// be in memory.
pub(crate) struct Results<H, const N: usize>(pub(crate) Option<Value<H>>);

impl<H, const N: usize> From<Option<Value<H>>> for Results<H, N> {
    fn from(value: Option<Value<H>>) -> Self {
        Self(value)
    }
}

/// The type of the result, if the list has one.
fn result_of(list: &TypeTuple) -> Result<Option<InterfaceType>> {
    match *list.types {
        [] => Ok(None),
        [ty] => Ok(Some(ty)),
        _ => bail!("more than one result"),
    }
}

/// Lifts a result from memory.
fn load_result<H: StoreHandle>(
    cx: &mut LiftContext<'_>,
    list: &TypeTuple,
    offset: usize,
) -> Result<Option<Value<H>>> {
    let bytes = part_of(cx, list, offset)?;
    let Some(ty) = result_of(list)? else { return Ok(None) };
    cx.consume_fuel(size_of::<Value<H>>())?;
    Value::load(cx, ty, bytes).map(Some)
}

/// Lifts a result from core values, all of which it must use.
fn lift_result<H: StoreHandle>(
    cx: &mut LiftContext<'_>,
    list: &TypeTuple,
    src: &[ValRaw],
) -> Result<Option<Value<H>>> {
    let mut src = src.iter();
    let value = match result_of(list)? {
        Some(ty) => {
            cx.consume_fuel(size_of::<Value<H>>())?;
            Some(Value::lift(cx, ty, &mut src)?)
        }
        None => None,
    };
    ensure!(src.next().is_none(), "too many core values");
    Ok(value)
}

// SAFETY: `Lower` is an array of `ValRaw`. A sync function has no core result only if its result
// list has no core value, and then `typecheck` accepts only `N` = 0. Otherwise it has one, the
// value or a pointer, and `N` = 1 is accepted for both. An async function passes to `task.return`
// as many arguments as the types have, up to 16, or else a pointer. `N` > 1 is accepted for the
// number of core values only: the results of sync functions with such an `N` come by
// `linear_lift_from_memory`. With `N` = 1 for several arguments, `lift` finds too few and fails.
unsafe impl<H: StoreHandle, const N: usize> ComponentType for Results<H, N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(ty: &InterfaceType, types: &InstanceType<'_>) -> Result<()> {
        match list(types.types, ty)?.abi.flat_count(MAX_FLAT_PARAMS) {
            Some(count) if count == N => Ok(()),
            Some(0) => bail!("expected {N} core results, found none"),
            _ if N == 1 => Ok(()),
            found => bail!("expected {N} core results, found {found:?}"),
        }
    }
}

// SAFETY: the trait asks for no more than `ComponentType`.
unsafe impl<H: StoreHandle, const N: usize> ComponentNamedList for Results<H, N> {}

// SAFETY: as for `Params`.
unsafe impl<H: StoreHandle, const N: usize> Lower for Results<H, N> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<[ValRaw; N]>,
    ) -> Result<()> {
        let dst = dst.write([ValRaw::u64(0); N]);
        let types: &ComponentTypes = cx.types;
        let list = list(types, &ty)?;
        ensure!(list.abi.flat_count(MAX_FLAT_RESULTS) == Some(N), "results that are not flat");
        lower(cx, list, self.0.as_slice(), dst)
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        let types: &ComponentTypes = cx.types;
        let list = list(types, &ty)?;
        let tys = list.types.iter().copied();
        Value::store_each(cx, list.types.len(), tys, self.0.as_slice(), offset)
    }
}

// SAFETY: as for `Params`.
unsafe impl<H: StoreHandle, const N: usize> Lift for Results<H, N> {
    fn linear_lift_from_flat(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        src: &[ValRaw; N],
    ) -> Result<Self> {
        let types: &ComponentTypes = cx.types;
        let list = list(types, &ty)?;
        let most = if cx.options().async_ { MAX_FLAT_PARAMS } else { MAX_FLAT_RESULTS };
        let value = match (list.abi.flat_count(most), src.as_slice()) {
            (Some(_), src) => lift_result(cx, list, src)?,
            (None, [pointer, ..]) => load_result(cx, list, pointer.get_u32() as usize)?,
            (None, []) => bail!("no pointer to the result"),
        };
        Ok(Self(value))
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let types: &ComponentTypes = cx.types;
        let offset = offset_of(cx, bytes)?;
        Ok(Self(load_result(cx, list(types, &ty)?, offset)?))
    }
}

#[cfg(feature = "component-model-async")]
thread_local! {
    /// The index of the item that is lifted next in the current operation.
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

/// Begins an operation: the next item to be lifted is its first.
#[cfg(feature = "component-model-async")]
pub(crate) fn first_element() {
    NEXT.set(0);
}

/// An item of a stream, or the value of a future, of any payload type. Without `REALLOC`, of a type
/// whose values need no memory beyond themselves.
#[cfg(feature = "component-model-async")]
pub(crate) struct Element<H, const REALLOC: bool>(pub(crate) Value<H>);

// SAFETY: `Lower` is an array of `ValRaw` without elements, of which nothing is read. For the rest
// see the head of this file.
#[cfg(feature = "component-model-async")]
unsafe impl<H: StoreHandle, const REALLOC: bool> ComponentType for Element<H, REALLOC> {
    type Lower = [ValRaw; 0];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;
    const MAY_REQUIRE_REALLOC: bool = REALLOC;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

// SAFETY: `dst` has nothing to initialize. What is written elsewhere goes through `LowerContext`, which
// checks bounds.
#[cfg(feature = "component-model-async")]
unsafe impl<H: StoreHandle, const REALLOC: bool> Lower for Element<H, REALLOC> {
    fn linear_lower_to_flat<T>(
        &self,
        _: &mut LowerContext<'_, T>,
        _: InterfaceType,
        _: &mut MaybeUninit<[ValRaw; 0]>,
    ) -> Result<()> {
        bail!("items of a stream are not lowered to core values")
    }

    fn linear_lower_to_memory<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
    ) -> Result<()> {
        self.0.store(cx, ty, offset)
    }

    fn linear_store_list_to_memory<T>(
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        offset: usize,
        items: &[Self],
    ) -> Result<()> {
        let types: &ComponentTypes = cx.types;
        let abi = types.canonical_abi(&ty);
        if !offset.is_multiple_of(abi.align32 as usize) {
            bail!("read pointer not aligned");
        }
        let size = abi.size32 as usize;
        items.iter().enumerate().try_for_each(|(n, it)| it.0.store(cx, ty, offset + n * size))
    }
}

// SAFETY: nothing here is unsafe; everything is checked.
#[cfg(feature = "component-model-async")]
unsafe impl<H: StoreHandle, const REALLOC: bool> Lift for Element<H, REALLOC> {
    fn linear_lift_from_flat(
        _: &mut LiftContext<'_>,
        _: InterfaceType,
        _: &[ValRaw; 0],
    ) -> Result<Self> {
        bail!("items of a stream are not lifted from core values")
    }

    fn linear_lift_from_memory(
        cx: &mut LiftContext<'_>,
        ty: InterfaceType,
        bytes: &[u8],
    ) -> Result<Self> {
        let types: &ComponentTypes = cx.types;
        let abi = types.canonical_abi(&ty);
        let first = offset_of(cx, bytes)?;
        if !first.is_multiple_of(abi.align32 as usize) {
            bail!("write pointer not aligned");
        }
        let size = abi.size32 as usize;
        let item = NEXT.replace(NEXT.get() + 1).checked_mul(size);
        let bytes = item.and_then(|item| cx.memory().get(first..)?.get(item..)?.get(..size));
        let Some(bytes) = bytes else { bail!("write pointer out of bounds of memory") };
        Ok(Self(Value::load(cx, ty, bytes)?))
    }
}
