//! The size of a component's types, with every use spelled out.
//!
//! Compiling takes time in proportion to it, and it can be exponentially larger than the binary. So
//! it is checked before compiling; each type is visited once.

use std::collections::HashMap;

use wasmparser::component_types::{
    ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId, ComponentEntityType,
    ComponentFuncTypeId, ComponentInstanceTypeId, ComponentValType as Parsed,
};
use wasmparser::types::TypesRef;

use super::layout::children;

/// The sizes of types, each found once.
pub(super) struct Size<'a> {
    types: TypesRef<'a>,
    values: HashMap<ComponentDefinedTypeId, usize>,
    funcs: HashMap<ComponentFuncTypeId, usize>,
    instances: HashMap<ComponentInstanceTypeId, usize>,
}

impl<'a> Size<'a> {
    /// How many types and names `items` consist of, with every use spelled out.
    pub(super) fn of(
        types: TypesRef<'a>,
        items: impl Iterator<Item = ComponentEntityType>,
    ) -> usize {
        let (values, funcs, instances) = (HashMap::new(), HashMap::new(), HashMap::new());
        let mut size = Self { types, values, funcs, instances };
        items.map(|item| size.item(item)).fold(0, usize::saturating_add)
    }

    fn item(&mut self, item: ComponentEntityType) -> usize {
        let inside = match item {
            ComponentEntityType::Func(id) => self.func(id),
            ComponentEntityType::Instance(id) => self.instance(id),
            ComponentEntityType::Type { created: ComponentAnyTypeId::Defined(id), .. } => {
                self.value(&Parsed::Type(id))
            }
            _ => 0,
        };
        inside.saturating_add(1)
    }

    fn func(&mut self, id: ComponentFuncTypeId) -> usize {
        if let Some(known) = self.funcs.get(&id) {
            return *known;
        }
        let types = self.types;
        let ty = &types[id];
        let values = ty.params.iter().map(|(_, ty)| ty).chain(&ty.result);
        let size = values.map(|ty| self.value(ty)).fold(0, usize::saturating_add);
        self.funcs.insert(id, size);
        size
    }

    fn instance(&mut self, id: ComponentInstanceTypeId) -> usize {
        if let Some(known) = self.instances.get(&id) {
            return *known;
        }
        let types = self.types;
        let items = types[id].exports.values();
        let size = items.map(|item| self.item(item.ty)).fold(0, usize::saturating_add);
        self.instances.insert(id, size);
        size
    }

    /// Recurses; validation bounds the depth of types.
    fn value(&mut self, ty: &Parsed) -> usize {
        let Parsed::Type(id) = ty else { return 1 };
        if let Some(known) = self.values.get(id) {
            return *known;
        }
        let types = self.types;
        let ty = &types[*id];
        let names = match ty {
            ComponentDefinedType::Enum(names) => names.len(),
            ComponentDefinedType::Flags(names) => names.len(),
            ComponentDefinedType::Variant(variant) => variant.cases.len(),
            _ => 0,
        };
        let inside = children(ty).into_iter().map(|child| self.value(&child));
        let size = inside.fold(names.saturating_add(1), usize::saturating_add);
        self.values.insert(*id, size);
        size
    }
}
