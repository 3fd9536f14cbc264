//! Types of a component, repeated in the companion and in the outer component.
//!
//! In the component model, an exported function may only refer to records, variants, enums, flags
//! and resources that have names. So the companion imports each of those for the functions that it
//! calls, with equal types of the outer component as arguments, and exports each again for the
//! functions that it exports.

use std::collections::HashMap;

use wasm_encoder::{
    Alias, Component, ComponentAliasSection, ComponentBuilder, ComponentDefinedTypeEncoder,
    ComponentExportKind, ComponentExportSection, ComponentFuncTypeEncoder, ComponentImportSection,
    ComponentInstanceSection, ComponentSectionId, ComponentTypeRef, ComponentTypeSection,
    ComponentValType, PrimitiveValType, RawSection, TypeBounds,
};
use wasmparser::component_types::{
    AliasableResourceId, ComponentAnyTypeId, ComponentDefinedType, ComponentDefinedTypeId,
    ComponentFuncTypeId, ComponentValType as Parsed, ResourceId,
};
use wasmparser::types::TypesRef;

use super::layout::children;
use super::outline::Counts;

/// The outer component, around a component and its companion. Every item gets a section of its own,
/// which keeps indices in the order of calls.
pub(super) struct Around {
    component: Component,
    counts: Counts,
}

impl Around {
    /// Begins with sections that define as many items as `counts`.
    pub(super) fn new(prefix: &[RawSection<'_>], counts: Counts) -> Self {
        let mut component = Component::new();
        for section in prefix {
            component.section(section);
        }
        Self { component, counts }
    }

    fn ty(&mut self, define: impl FnOnce(ComponentDefinedTypeEncoder<'_>)) -> u32 {
        let mut section = ComponentTypeSection::new();
        define(section.defined_type());
        self.component.section(&section);
        self.counts.types += 1;
        self.counts.types - 1
    }

    /// Imports a function of the type that `write` writes; gives its index.
    pub(super) fn import_func(
        &mut self,
        name: &str,
        write: fn(&mut ComponentFuncTypeEncoder<'_>),
    ) -> u32 {
        let mut types = ComponentTypeSection::new();
        write(&mut types.function());
        self.component.section(&types);
        let mut imports = ComponentImportSection::new();
        imports.import(name, ComponentTypeRef::Func(self.counts.types));
        self.component.section(&imports);
        self.counts.types += 1;
        self.counts.funcs += 1;
        self.counts.funcs - 1
    }

    /// Aliases the item that `instance` exports as `name`; returns its index.
    pub(super) fn alias(&mut self, instance: u32, kind: ComponentExportKind, name: &str) -> u32 {
        let mut section = ComponentAliasSection::new();
        section.alias(Alias::InstanceExport { instance, kind, name });
        self.component.section(&section);
        let count = match kind {
            ComponentExportKind::Type => &mut self.counts.types,
            ComponentExportKind::Func => &mut self.counts.funcs,
            _ => &mut self.counts.instances,
        };
        *count += 1;
        *count - 1
    }

    /// Instantiates a component given as a binary; returns the instance's index.
    pub(super) fn instance<'a>(
        &mut self,
        binary: &[u8],
        args: impl IntoIterator<Item = (&'a str, ComponentExportKind, u32), IntoIter: ExactSizeIterator>,
    ) -> u32 {
        self.component
            .section(&RawSection { id: ComponentSectionId::Component.into(), data: binary });
        let mut section = ComponentInstanceSection::new();
        section.instantiate(self.counts.components, args);
        self.component.section(&section);
        self.counts.components += 1;
        self.counts.instances += 1;
        self.counts.instances - 1
    }

    /// An instance of the component that is written in `types`; gives its index.
    pub(super) fn beside(&mut self, types: Types<'_>) -> u32 {
        let args = types.args.iter().map(|(name, kind, index)| (&**name, *kind, *index));
        self.instance(&types.beside.finish(), args)
    }

    /// Exports an instance.
    pub(super) fn export(&mut self, name: &str, instance: u32) {
        let mut section = ComponentExportSection::new();
        section.export(name, ComponentExportKind::Instance, instance, None);
        self.component.section(&section);
        self.counts.instances += 1;
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.component.finish()
    }
}

/// Writes the type of a function that takes a number.
pub(super) fn takes_number(encoder: &mut ComponentFuncTypeEncoder<'_>) {
    let number = ComponentValType::Primitive(PrimitiveValType::U32);
    encoder.params([("number", number)]).result(None);
}

/// Writes the type of a function that gives a number.
pub(super) fn gives_number(encoder: &mut ComponentFuncTypeEncoder<'_>) {
    let number = ComponentValType::Primitive(PrimitiveValType::U32);
    encoder.params([("", number); 0]).result(Some(number));
}

/// The indices of a type: in what is around, and in the component beside for what it imports and exports.
#[derive(Clone, Copy)]
struct Indices {
    around: u32,
    imported: u32,
    exported: u32,
}

/// Writes types into the outer component and into the companion.
pub(super) struct Types<'a> {
    types: TypesRef<'a>,
    /// The companion.
    pub(super) beside: ComponentBuilder,
    /// What it imports, and what of the items around it gets for it.
    args: Vec<(String, ComponentExportKind, u32)>,
    known: HashMap<ComponentDefinedTypeId, Indices>,
    /// The resources that the outer component has aliased.
    named: &'a HashMap<ResourceId, u32>,
    resources: HashMap<ResourceId, Indices>,
    /// How many types the companion exports.
    exports: usize,
}

impl<'a> Types<'a> {
    pub(super) fn new(types: TypesRef<'a>, named: &'a HashMap<ResourceId, u32>) -> Self {
        Self {
            types,
            beside: ComponentBuilder::default(),
            args: Vec::new(),
            known: HashMap::new(),
            named,
            resources: HashMap::new(),
            exports: 0,
        }
    }

    /// Imports a type into the companion; returns its index there.
    fn import(&mut self, around: u32, bounds: TypeBounds) -> u32 {
        let name = format!("t{}", self.args.len());
        let imported = self.beside.import(&*name, ComponentTypeRef::Type(bounds));
        self.args.push((name, ComponentExportKind::Type, around));
        imported
    }

    /// Exports a type, under a name that nothing else has if none is given; gives its index.
    fn export(&mut self, ty: u32, name: Option<&str>) -> u32 {
        self.exports += 1;
        let other = format!("companion-type-{}", self.exports);
        self.beside.export(name.unwrap_or(&other), ComponentExportKind::Type, ty, None)
    }

    /// Exports a type under its name.
    pub(super) fn export_named(
        &mut self,
        name: &str,
        ty: ComponentAnyTypeId,
        around: &mut Around,
    ) -> Option<()> {
        let (Indices { exported, .. }, has_name) = match ty {
            ComponentAnyTypeId::Resource(id) => {
                let is_new = !self.resources.contains_key(&id.resource());
                (self.resource_as(id.resource(), Some(name))?, is_new)
            }
            ComponentAnyTypeId::Defined(id) => {
                let is_new = !self.known.contains_key(&id);
                let indices = self.defined_as(id, Some(name), around)?;
                (indices, is_new && is_nominal(&self.types[id]))
            }
            _ => return None,
        };
        if !has_name {
            self.export(exported, Some(name));
        }
        Some(())
    }

    /// Exports the function `around`, of the type `ty`, under a name.
    pub(super) fn export_func(
        &mut self,
        name: &str,
        ty: ComponentFuncTypeId,
        around: (u32, &mut Around),
    ) -> Option<()> {
        let (func, around) = around;
        let imported = self.imported_func(ty, around)?;
        let exported = self.exported_func(ty, around)?;
        let func = self.import_func(func, imported);
        let ty = Some(ComponentTypeRef::Func(exported));
        self.beside.export(name, ComponentExportKind::Func, func, ty);
        Some(())
    }

    /// Imports the function `around` of the type that `write` writes; gives its index.
    pub(super) fn import_written(
        &mut self,
        around: u32,
        write: fn(&mut ComponentFuncTypeEncoder<'_>),
    ) -> u32 {
        let (ty, mut encoder) = self.beside.type_function(None);
        write(&mut encoder);
        self.import_func(around, ty)
    }

    /// Imports the outer component's function `around`, of the type `ty`, into the companion;
    /// returns its index there.
    pub(super) fn import_func(&mut self, around: u32, ty: u32) -> u32 {
        let name = format!("f{}", self.args.len());
        let beside = self.beside.import(&*name, ComponentTypeRef::Func(ty));
        self.args.push((name, ComponentExportKind::Func, around));
        beside
    }

    fn resource(&mut self, id: ResourceId) -> Option<Indices> {
        self.resource_as(id, None)
    }

    /// A resource, which is exported under `name` if it is not known.
    fn resource_as(&mut self, id: ResourceId, name: Option<&str>) -> Option<Indices> {
        if let Some(known) = self.resources.get(&id) {
            return Some(*known);
        }
        let around = *self.named.get(&id)?;
        let imported = self.import(around, TypeBounds::SubResource);
        let exported = self.export(imported, name);
        let indices = Indices { around, imported, exported };
        self.resources.insert(id, indices);
        Some(indices)
    }

    /// The index of a resource in the companion.
    pub(super) fn resource_beside(&mut self, id: AliasableResourceId) -> Option<u32> {
        Some(self.resource(id.resource())?.imported)
    }

    /// The index of a type in the companion.
    pub(super) fn beside(
        &mut self,
        id: ComponentDefinedTypeId,
        around: &mut Around,
    ) -> Option<u32> {
        Some(self.defined(id, around)?.imported)
    }

    fn defined(&mut self, id: ComponentDefinedTypeId, around: &mut Around) -> Option<Indices> {
        self.defined_as(id, None, around)
    }

    /// A type, which is exported under `name` if it has to have one and is not known.
    fn defined_as(
        &mut self,
        id: ComponentDefinedTypeId,
        name: Option<&str>,
        around: &mut Around,
    ) -> Option<Indices> {
        if let Some(known) = self.known.get(&id) {
            return Some(*known);
        }
        let types = self.types;
        let ty = &types[id];
        for child in children(ty) {
            if let Parsed::Type(child) = child {
                self.defined(child, around)?;
            }
        }
        let resource = match ty {
            ComponentDefinedType::Own(id) | ComponentDefinedType::Borrow(id) => {
                Some(self.resource(id.resource())?)
            }
            _ => None,
        };
        let outside = around.ty(|encoder| self.encode(encoder, ty, resource, |it| it.around));
        let mut imported = self.define(ty, resource, |it| it.imported);
        let mut exported = self.define(ty, resource, |it| it.exported);
        if is_nominal(ty) {
            imported = self.import(outside, TypeBounds::Eq(imported));
            exported = self.export(exported, name);
        }
        let indices = Indices { around: outside, imported, exported };
        self.known.insert(id, indices);
        Some(indices)
    }

    /// Defines a type in the companion; returns its index there.
    fn define(
        &mut self,
        ty: &ComponentDefinedType,
        resource: Option<Indices>,
        index: impl Fn(&Indices) -> u32,
    ) -> u32 {
        // The encoder borrows the builder, while `encode` needs `self`.
        let mut beside = std::mem::take(&mut self.beside);
        let (defined, encoder) = beside.type_defined(None);
        self.encode(encoder, ty, resource, index);
        self.beside = beside;
        defined
    }

    /// Writes a type. The types inside must have been written before.
    fn encode(
        &self,
        encoder: ComponentDefinedTypeEncoder<'_>,
        ty: &ComponentDefinedType,
        resource: Option<Indices>,
        index: impl Fn(&Indices) -> u32,
    ) {
        let child = |ty: &Parsed| value(ty, |id| self.known.get(&id).map(&index));
        encode(encoder, ty, &child, resource.as_ref().map(&index));
    }

    /// A value type as the companion's exported functions refer to it.
    pub(super) fn exported_value(
        &mut self,
        ty: &Parsed,
        around: &mut Around,
    ) -> Option<ComponentValType> {
        self.value(ty, around, |it| it.exported)
    }

    fn value(
        &mut self,
        ty: &Parsed,
        around: &mut Around,
        index: impl Fn(&Indices) -> u32,
    ) -> Option<ComponentValType> {
        if let Parsed::Type(id) = ty {
            return Some(ComponentValType::Type(index(&self.defined(*id, around)?)));
        }
        Some(value(ty, |_| None))
    }

    /// The type of a function that the companion imports.
    pub(super) fn imported_func(
        &mut self,
        id: ComponentFuncTypeId,
        around: &mut Around,
    ) -> Option<u32> {
        self.func(id, around, |it| it.imported)
    }

    /// The type of a function that the companion exports.
    pub(super) fn exported_func(
        &mut self,
        id: ComponentFuncTypeId,
        around: &mut Around,
    ) -> Option<u32> {
        self.func(id, around, |it| it.exported)
    }

    fn func(
        &mut self,
        id: ComponentFuncTypeId,
        around: &mut Around,
        index: impl Fn(&Indices) -> u32,
    ) -> Option<u32> {
        let types = self.types;
        let ty = &types[id];
        let mut params = Vec::new();
        for (name, param) in &ty.params {
            params.push((name.as_str(), self.value(param, around, &index)?));
        }
        let result = match &ty.result {
            Some(result) => Some(self.value(result, around, &index)?),
            None => None,
        };
        let (func, mut encoder) = self.beside.type_function(None);
        encoder.async_(ty.async_).params(params).result(result);
        Some(func)
    }
}

/// Whether only a type that has a name can be spoken of.
fn is_nominal(ty: &ComponentDefinedType) -> bool {
    matches!(
        ty,
        ComponentDefinedType::Record(_)
            | ComponentDefinedType::Variant(_)
            | ComponentDefinedType::Enum(_)
            | ComponentDefinedType::Flags(_)
    )
}

fn value(
    ty: &Parsed,
    index: impl FnOnce(ComponentDefinedTypeId) -> Option<u32>,
) -> ComponentValType {
    match ty {
        Parsed::Primitive(ty) => ComponentValType::Primitive(primitive(*ty)),
        // The types inside have been written before.
        Parsed::Type(id) => ComponentValType::Type(index(*id).unwrap_or(u32::MAX)),
    }
}

fn encode(
    encoder: ComponentDefinedTypeEncoder<'_>,
    ty: &ComponentDefinedType,
    child: &dyn Fn(&Parsed) -> ComponentValType,
    resource: Option<u32>,
) {
    let optional = |ty: &Option<Parsed>| ty.as_ref().map(child);
    match ty {
        ComponentDefinedType::Primitive(ty) => encoder.primitive(primitive(*ty)),
        ComponentDefinedType::Record(record) => {
            encoder.record(record.fields.iter().map(|(name, ty)| (name.as_str(), child(ty))));
        }
        ComponentDefinedType::Variant(variant) => {
            let cases = variant.cases.iter();
            encoder.variant(cases.map(|(name, case)| (name.as_str(), optional(&case.ty))));
        }
        ComponentDefinedType::List { element, .. } => encoder.list(child(element)),
        ComponentDefinedType::Map { key, value, .. } => encoder.map(child(key), child(value)),
        ComponentDefinedType::FixedLengthList { element, length, .. } => {
            encoder.fixed_length_list(child(element), *length);
        }
        ComponentDefinedType::Tuple(tuple) => encoder.tuple(tuple.types.iter().map(child)),
        ComponentDefinedType::Flags(names) => encoder.flags(names.iter().map(|it| it.as_str())),
        ComponentDefinedType::Enum(names) => encoder.enum_type(names.iter().map(|it| it.as_str())),
        ComponentDefinedType::Option { ty, .. } => encoder.option(child(ty)),
        ComponentDefinedType::Result { ok, err, .. } => {
            encoder.result(optional(ok), optional(err));
        }
        // The handle's resource has been written before.
        ComponentDefinedType::Own(_) => encoder.own(resource.unwrap_or(u32::MAX)),
        ComponentDefinedType::Borrow(_) => encoder.borrow(resource.unwrap_or(u32::MAX)),
        ComponentDefinedType::Future { ty, .. } => encoder.future(optional(ty)),
        ComponentDefinedType::Stream { ty, .. } => encoder.stream(optional(ty)),
    }
}

fn primitive(ty: wasmparser::PrimitiveValType) -> PrimitiveValType {
    match ty {
        wasmparser::PrimitiveValType::Bool => PrimitiveValType::Bool,
        wasmparser::PrimitiveValType::S8 => PrimitiveValType::S8,
        wasmparser::PrimitiveValType::U8 => PrimitiveValType::U8,
        wasmparser::PrimitiveValType::S16 => PrimitiveValType::S16,
        wasmparser::PrimitiveValType::U16 => PrimitiveValType::U16,
        wasmparser::PrimitiveValType::S32 => PrimitiveValType::S32,
        wasmparser::PrimitiveValType::U32 => PrimitiveValType::U32,
        wasmparser::PrimitiveValType::S64 => PrimitiveValType::S64,
        wasmparser::PrimitiveValType::U64 => PrimitiveValType::U64,
        wasmparser::PrimitiveValType::F32 => PrimitiveValType::F32,
        wasmparser::PrimitiveValType::F64 => PrimitiveValType::F64,
        wasmparser::PrimitiveValType::Char => PrimitiveValType::Char,
        wasmparser::PrimitiveValType::String => PrimitiveValType::String,
        wasmparser::PrimitiveValType::ErrorContext => PrimitiveValType::ErrorContext,
    }
}
