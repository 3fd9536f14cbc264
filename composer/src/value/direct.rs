//! Values that go into stores and come out of them without `Val`: what the codec does not know of them,
//! their handles and which functions it serves.

use wasm_runtime_composer_values::Shape;

use super::{Faulty, Handle, Handles, Value, each_handle};
use crate::error::HandleError;
use crate::plan::types::{FunctionType, ValueType};

/// Takes the handles in a value that came out of a store.
pub(crate) fn take_handles(
    ty: &ValueType,
    value: &mut Value,
    handles: &mut impl Handles,
) -> Result<(), Faulty> {
    each_handle(ty, value, &mut |ty, handle| {
        let Handle::Raw(raw) = std::mem::replace(handle, Handle::Held(None)) else {
            return Err(HandleError::NotHeld.into());
        };
        *handle = handles.take(ty, raw)?;
        Ok(())
    })
}

/// Gives the handles in a value that is to go into a store.
pub(crate) fn give_handles(
    ty: &ValueType,
    value: &mut Value,
    handles: &mut impl Handles,
) -> Result<(), Faulty> {
    each_handle(ty, value, &mut |ty, handle| {
        let given = std::mem::replace(handle, Handle::Held(None));
        *handle = Handle::Raw(handles.give(ty, given)?);
        Ok(())
    })
}

/// How values of the function cross without `Val`, if they do.
pub(crate) fn shape(ty: &FunctionType) -> Option<Shape> {
    let params = ty.params.iter().map(|(_, ty)| core_values(ty)).fold(0, usize::saturating_add);
    let results = ty.result.as_ref().map_or(0, core_values);
    Shape::new(ty.is_async, params, results)
}

/// How many core values a value of type `ty` flattens to.
fn core_values(ty: &ValueType) -> usize {
    let most = |types: &mut dyn Iterator<Item = Option<&ValueType>>| {
        1 + types.flatten().map(core_values).max().unwrap_or_default()
    };
    match ty {
        ValueType::String | ValueType::List(_) | ValueType::Map(_) => 2,
        ValueType::FixedLengthList(ty, len) => core_values(ty).saturating_mul(*len as usize),
        ValueType::Record(fields) => {
            fields.iter().map(|(_, ty)| core_values(ty)).fold(0, usize::saturating_add)
        }
        ValueType::Tuple(types) => types.iter().map(core_values).fold(0, usize::saturating_add),
        ValueType::Variant(cases) => most(&mut cases.iter().map(|(_, ty)| ty.as_ref())),
        ValueType::Option(ty) => 1 + core_values(ty),
        ValueType::Result(sides) => most(&mut [sides.0.as_ref(), sides.1.as_ref()].into_iter()),
        ValueType::Flags(names) => usize::from(!names.is_empty()),
        _ => 1,
    }
}
