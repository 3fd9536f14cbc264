//! The canonical ABI (`CanonicalABI.md`) for values, by walking their types. Without `unsafe`.
//!
//! It accepts and refuses what wasmtime does for `Val`: bounds, alignment and discriminants are
//! checked, and memory that a guest makes the host allocate is counted against the store's hostcall
//! fuel, by the size that it has here. `lift.rs` reads values, `lower.rs` writes them.

mod lift;
mod lower;

use wasmtime::component::__internal::wasmtime_environ::component::VariantInfo;
use wasmtime::component::__internal::{ComponentTypes, InterfaceType};
use wasmtime::{Result, bail, format_err};

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

/// How many bytes flags occupy in memory.
fn flag_bytes(count: usize) -> Result<usize> {
    match count {
        0 => Ok(0),
        1..=8 => Ok(1),
        9..=16 => Ok(2),
        17..=32 => Ok(4),
        _ => bail!("more than 32 flags"),
    }
}

/// The bits of the flags that exist; a guest may have set others, which the canonical ABI ignores.
fn known_flags(bits: u32, count: usize) -> u32 {
    match count {
        0 => 0,
        1..=31 => bits & ((1 << count) - 1),
        _ => bits,
    }
}
