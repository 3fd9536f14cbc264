//! The handles among a function's parameters, which a companion must drop: borrowed ones before its
//! function returns, owned ones if the callee never took them.

use wasmparser::component_types::{
    AliasableResourceId, ComponentDefinedType, ComponentDefinedTypeId, ComponentFuncType,
    ComponentValType,
};
use wasmparser::types::TypesRef;

use super::layout::{Layout, align_to, flatten, has_borrows, has_handles};
use super::types::{Around, Types};

/// A parameter that is a handle.
pub(super) struct HandleParam {
    pub(super) kind: Kind,
    /// Its index among the core values, if parameters are passed as core values.
    pub(super) flat: u32,
    /// Its offset, if parameters are passed in memory.
    pub(super) offset: u32,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Own(AliasableResourceId),
    /// A borrowed handle. It must be dropped before the function returns.
    Borrow(AliasableResourceId),
    Stream(ComponentDefinedTypeId),
    Future(ComponentDefinedTypeId),
}

impl Kind {
    pub(super) fn is_borrow(self) -> bool {
        matches!(self, Self::Borrow(_))
    }

    /// The built-in function that drops such a handle.
    pub(super) fn drop(self, types: &mut Types<'_>, around: &mut Around) -> Option<u32> {
        Some(match self {
            Self::Own(id) | Self::Borrow(id) => {
                let resource = types.resource_beside(id)?;
                types.beside.resource_drop(resource)
            }
            Self::Stream(id) => {
                let ty = types.beside(id, around)?;
                types.beside.stream_drop_readable(ty)
            }
            Self::Future(id) => {
                let ty = types.beside(id, around)?;
                types.beside.future_drop_readable(ty)
            }
        })
    }
}

/// The handles among the parameters that are lent; `None` if some are lent inside of other values.
pub(super) fn borrowed_params(
    types: TypesRef<'_>,
    func: &ComponentFuncType,
) -> Option<Vec<HandleParam>> {
    params(types, func, has_borrows, Kind::is_borrow)
}

/// The handles among the parameters; `None` if there are handles inside of other values.
pub(super) fn handle_params(
    types: TypesRef<'_>,
    func: &ComponentFuncType,
) -> Option<Vec<HandleParam>> {
    params(types, func, has_handles, |_| true)
}

/// The parameters that are handles of the kinds that are looked for; `None` if there are such inside of other values.
fn params(
    types: TypesRef<'_>,
    func: &ComponentFuncType,
    are_inside: fn(TypesRef<'_>, &ComponentValType) -> bool,
    is_wanted: fn(Kind) -> bool,
) -> Option<Vec<HandleParam>> {
    let mut handles = Vec::new();
    let (mut flat, mut offset) = (0u32, 0u32);
    for (_, ty) in &func.params {
        let Layout { size, align } = Layout::of(types, ty)?;
        offset = align_to(offset, align)?;
        match kind(types, ty) {
            Some(kind) if is_wanted(kind) => handles.push(HandleParam { kind, flat, offset }),
            None if are_inside(types, ty) => return None,
            _ => {}
        }
        flat = flat.checked_add(flatten(types, [ty])?.len() as u32)?;
        offset = offset.checked_add(size)?;
    }
    Some(handles)
}

fn kind(types: TypesRef<'_>, ty: &ComponentValType) -> Option<Kind> {
    let ComponentValType::Type(id) = ty else { return None };
    match &types[*id] {
        ComponentDefinedType::Own(resource) => Some(Kind::Own(*resource)),
        ComponentDefinedType::Borrow(resource) => Some(Kind::Borrow(*resource)),
        ComponentDefinedType::Stream { .. } => Some(Kind::Stream(*id)),
        ComponentDefinedType::Future { .. } => Some(Kind::Future(*id)),
        _ => None,
    }
}
