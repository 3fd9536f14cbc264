//! Values that go into stores and come out of them without `Val`: what the codec does not know of them,
//! their handles and which functions it serves.

use wasm_runtime_composer_values::Shape;

use super::{Handle, HandleFault, Handles, Value, each_handle};
use crate::error::HandleError;
use crate::types::{FunctionType, ValueType};

/// Takes the handles in a value that came out of a store.
pub(crate) fn take_handles(
    ty: &ValueType,
    value: &mut Value,
    handles: &mut impl Handles,
) -> Result<(), HandleFault> {
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
) -> Result<(), HandleFault> {
    each_handle(ty, value, &mut |ty, handle| {
        let given = std::mem::replace(handle, Handle::Held(None));
        *handle = Handle::Raw(handles.give(ty, given)?);
        Ok(())
    })
}

/// How values of the function cross without `Val`, if they do.
pub(crate) fn shape(ty: &FunctionType) -> Option<Shape> {
    let results = ty.result.as_ref().map_or(0, ValueType::core_values);
    Shape::new(ty.is_async, ty.core_params(), results)
}
