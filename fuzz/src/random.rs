//! Types and values out of arbitrary bytes.

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use wasm_runtime_composer::types::ValueType;
use wasmtime::component::Val;

/// How many fields, cases or elements there are at most.
const WIDTH: usize = 4;

/// Types that can be keys of a map, and all others without an inside.
const KEYS: [ValueType; 11] = [
    ValueType::Bool,
    ValueType::S8,
    ValueType::U8,
    ValueType::S16,
    ValueType::U16,
    ValueType::S32,
    ValueType::U32,
    ValueType::S64,
    ValueType::U64,
    ValueType::Char,
    ValueType::String,
];

/// Bytes that only need to look random (splitmix64).
pub fn bytes(seed: u64, n: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)).to_le_bytes()
    };
    (0..n.div_ceil(8)).flat_map(|_| next()).collect()
}

/// A type that nests so deep at most.
pub fn ty(u: &mut Unstructured<'_>, depth: usize) -> Result<ValueType> {
    let inner = |u: &mut Unstructured<'_>| ty(u, depth - 1);
    Ok(match u.int_in_range(0..=if depth == 0 { 9 } else { 20 })? {
        0..=5 => key(u)?,
        6 => ValueType::F32,
        7 => ValueType::F64,
        8 => {
            // One of more than 256 cases is wider than a byte.
            let wide = once_in(u, 8)?;
            ValueType::Enum(names(if wide { 300 } else { u.int_in_range(1..=WIDTH)? }))
        }
        9 => ValueType::Flags(names(u.int_in_range(1..=32)?)),
        10 | 11 => ValueType::List(inner(u)?.into()),
        12 => ValueType::FixedLengthList(inner(u)?.into(), u.int_in_range(1..=WIDTH as u32)?),
        13 => ValueType::Map((key(u)?, inner(u)?).into()),
        14 | 15 => {
            let types = several(u, inner)?;
            let fields = names(types.len()).iter().cloned().zip(types).collect();
            ValueType::Record(fields)
        }
        16 => ValueType::Tuple(several(u, inner)?.into()),
        17 | 18 => {
            let types = several(u, |u| optional(u, inner))?;
            ValueType::Variant(names(types.len()).iter().cloned().zip(types).collect())
        }
        19 => ValueType::Option(inner(u)?.into()),
        _ => ValueType::Result((optional(u, inner)?, optional(u, inner)?).into()),
    })
}

fn key(u: &mut Unstructured<'_>) -> Result<ValueType> {
    u.choose(&KEYS).cloned()
}

fn several<T>(
    u: &mut Unstructured<'_>,
    mut one: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..u.int_in_range(1..=WIDTH)?).map(|_| one(u)).collect()
}

fn optional<T>(
    u: &mut Unstructured<'_>,
    one: impl FnOnce(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Option<T>> {
    if once_in(u, 3)? { Ok(None) } else { one(u).map(Some) }
}

fn names(n: usize) -> Arc<[Arc<str>]> {
    (0..n).map(|i| format!("n{i}").into()).collect()
}

/// A value that is most often of the type `ty`. `handle` is what stands for resources.
pub fn val(u: &mut Unstructured<'_>, ty: &ValueType, handle: &Val) -> Result<Val> {
    if once_in(u, 40)? {
        return any(u, 3, handle);
    }
    let inner = |u: &mut Unstructured<'_>, ty: &ValueType| val(u, ty, handle);
    let payload = |u: &mut Unstructured<'_>, ty: &Option<ValueType>| match ty {
        // One in many has what it should not have.
        Some(ty) if !once_in(u, 40)? => Ok(Some(Box::new(val(u, ty, handle)?))),
        None if once_in(u, 40)? => Ok(Some(Box::new(any(u, 1, handle)?))),
        _ => Ok(None),
    };
    Ok(match ty {
        ValueType::Bool => Val::Bool(u.arbitrary()?),
        ValueType::S8 => Val::S8(u.arbitrary()?),
        ValueType::U8 => Val::U8(u.arbitrary()?),
        ValueType::S16 => Val::S16(u.arbitrary()?),
        ValueType::U16 => Val::U16(u.arbitrary()?),
        ValueType::S32 => Val::S32(u.arbitrary()?),
        ValueType::U32 => Val::U32(u.arbitrary()?),
        ValueType::S64 => Val::S64(u.arbitrary()?),
        ValueType::U64 => Val::U64(u.arbitrary()?),
        ValueType::F32 => Val::Float32(u.arbitrary()?),
        ValueType::F64 => Val::Float64(u.arbitrary()?),
        ValueType::Char => Val::Char(u.arbitrary()?),
        ValueType::String => Val::String(u.arbitrary()?),
        ValueType::List(element) => Val::List(elements(u, |u| inner(u, element))?),
        ValueType::FixedLengthList(element, n) => {
            let n = if once_in(u, 40)? { u.int_in_range(0..=9)? } else { *n };
            Val::FixedLengthList((0..n).map(|_| inner(u, element)).collect::<Result<_>>()?)
        }
        ValueType::Map(types) => {
            Val::Map(elements(u, |u| Ok((inner(u, &types.0)?, inner(u, &types.1)?)))?)
        }
        ValueType::Record(fields) => {
            let mut values = Vec::new();
            for (name, ty) in fields.iter() {
                values.push((spelled(u, name)?, inner(u, ty)?));
            }
            spoil(u, &mut values)?;
            Val::Record(values)
        }
        ValueType::Tuple(types) => {
            let mut values = types.iter().map(|ty| inner(u, ty)).collect::<Result<_>>()?;
            spoil(u, &mut values)?;
            Val::Tuple(values)
        }
        ValueType::Variant(cases) => {
            let (name, ty) = u.choose(cases)?;
            Val::Variant(spelled(u, name)?, payload(u, ty)?)
        }
        ValueType::Enum(cases) => {
            let name = u.choose(cases)?;
            Val::Enum(spelled(u, name)?)
        }
        ValueType::Option(ty) => match once_in(u, 4)? {
            true => Val::Option(None),
            false => Val::Option(Some(Box::new(inner(u, ty)?))),
        },
        ValueType::Result(types) => match u.arbitrary()? {
            true => Val::Result(Ok(payload(u, &types.0)?)),
            false => Val::Result(Err(payload(u, &types.1)?)),
        },
        ValueType::Flags(names) => Val::Flags(elements(u, |u| {
            let name = u.choose(names)?;
            spelled(u, name)
        })?),
        ValueType::Own(_) | ValueType::Borrow(_) => handle.clone(),
        _ => any(u, 1, handle)?,
    })
}

/// A value of any type.
fn any(u: &mut Unstructured<'_>, depth: usize, handle: &Val) -> Result<Val> {
    if depth > 0 && once_in(u, 2)? {
        let inner = |u: &mut Unstructured<'_>| any(u, depth - 1, handle);
        return Ok(match u.int_in_range(0..=8)? {
            // The elements of a list need not be alike.
            0 => Val::List(elements(u, inner)?),
            1 => Val::FixedLengthList(elements(u, inner)?),
            2 => Val::Map(elements(u, |u| Ok((inner(u)?, inner(u)?)))?),
            3 => Val::Record(elements(u, |u| Ok((u.arbitrary()?, inner(u)?)))?),
            4 => Val::Tuple(elements(u, inner)?),
            5 => Val::Variant(u.arbitrary()?, optional(u, inner)?.map(Box::new)),
            6 => Val::Option(optional(u, inner)?.map(Box::new)),
            7 => Val::Result(Ok(optional(u, inner)?.map(Box::new))),
            _ => Val::Result(Err(optional(u, inner)?.map(Box::new))),
        });
    }
    match u.int_in_range(0..=3)? {
        0 => Ok(handle.clone()),
        1 => Ok(Val::Enum(u.arbitrary()?)),
        2 => Ok(Val::Flags(elements(u, |u| u.arbitrary())?)),
        _ => {
            let ty = ty(u, 0)?;
            val(u, &ty, handle)
        }
    }
}

fn elements<T>(
    u: &mut Unstructured<'_>,
    mut one: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut elements = Vec::new();
    while elements.len() < 64 && u.int_in_range(0..=3)? > 0 {
        elements.push(one(u)?);
    }
    Ok(elements)
}

/// Whether something rare happens. It does not when the bytes have come to their end.
pub fn once_in(u: &mut Unstructured<'_>, n: u8) -> Result<bool> {
    Ok(u.int_in_range(1..=n)? == n)
}

/// The name, or in one of many cases another one.
fn spelled(u: &mut Unstructured<'_>, name: &str) -> Result<String> {
    if once_in(u, 60)? { u.arbitrary() } else { Ok(name.to_owned()) }
}

/// In one of many cases leaves out an element, or puts one twice.
fn spoil<T: Clone>(u: &mut Unstructured<'_>, elements: &mut Vec<T>) -> Result<()> {
    if !elements.is_empty() && once_in(u, 40)? {
        let at = u.choose_index(elements.len())?;
        match u.arbitrary()? {
            true => drop(elements.remove(at)),
            false => elements.push(elements[at].clone()),
        }
    }
    Ok(())
}
