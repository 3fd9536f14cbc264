//! What the codec of `composer-values` leaves to the library: the handles in values that are lifted
//! and lowered without `Val`, and which functions it serves.
//!
//! The codec treats a handle as an opaque raw handle of its store. After lifting, the raw handles
//! are exchanged for the library's own, and before lowering the other way round.

use wasm_runtime_composer_values::Shape;

use super::{Handle, HandleFault, Handles, Value, each_handle};
use crate::error::HandleError;
use crate::types::{FunctionType, ValueType};

/// Exchanges the raw handles of a value that has been lifted from a store.
pub(crate) fn take_handles(
    ty: &ValueType,
    value: &mut Value,
    handles: &mut impl Handles,
) -> Result<(), HandleFault> {
    each_handle(ty, value, &mut |ty, handle| {
        let Handle::Raw(raw) = std::mem::replace(handle, Handle::Gone) else {
            return Err(HandleError::Internal.into());
        };
        *handle = handles.take(ty, raw)?;
        Ok(())
    })
}

/// Exchanges the handles of a value that is to be lowered into a store.
pub(crate) fn give_handles(
    ty: &ValueType,
    value: &mut Value,
    handles: &mut impl Handles,
) -> Result<(), HandleFault> {
    each_handle(ty, value, &mut |ty, handle| {
        let given = std::mem::replace(handle, Handle::Gone);
        *handle = Handle::Raw(handles.give(ty, given)?);
        Ok(())
    })
}

/// How values of the function cross without `Val`; `None` if the codec does not serve its type.
pub(crate) fn shape(ty: &FunctionType) -> Option<Shape> {
    let results = ty.result.as_ref().map_or(0, ValueType::core_values);
    Shape::new(ty.is_async, ty.core_params(), results)
}
