//! The exports of a fused component, with the types that they have for its importers.
//!
//! In the component model, a type that is exported at the root becomes a new type for importers,
//! and functions exported beside it must refer to that new type. wac-graph exports both with the
//! types that they have inside. So its exports are removed and written again in order, each with
//! the types that have been exported before it.

use std::collections::HashMap;
use std::ops::Range;

use wasm_encoder::{
    Alias, Component, ComponentAliasSection, ComponentExportKind, ComponentExportSection,
    ComponentTypeRef, ComponentTypeSection, ComponentValType, PrimitiveValType, RawSection,
};
use wasmparser::{ComponentAlias, ComponentExternalKind, ComponentOuterAliasKind, Parser, Payload};

use super::Public;
use crate::error::{Cause, FuseError};
use crate::plan::item::Item;
use crate::plan::name::Name;
use crate::plan::resolution::{Leaf, Offer, Resolution, Source};
use crate::types::{FunctionType, ValueType};

/// A fused component with its exports written again.
pub(super) struct Renamed {
    pub(super) binary: Vec<u8>,
    /// The error for the first export whose type contains a type that is not exported.
    pub(super) unnamed: Option<FuseError>,
}

/// Writes the exports of an encoded component again. `None` if no public export has a type of its
/// own, which would change nothing.
pub(super) fn renamed(
    encoded: &[u8],
    resolution: &Resolution,
    public: &[Public<'_>],
) -> Result<Option<Renamed>, FuseError> {
    let item = |offer: &Offer| &resolution.leaves[offer.leaf].surface.exports[offer.export].item;
    if public.iter().all(|(_, offer)| matches!(item(offer), Item::Instance(_) | Item::Code(_))) {
        return Ok(None);
    }
    let mut tail = Tail::of(encoded).map_err(|error| FuseError::Encode {
        source: Cause::new(wasmtime::Error::msg(error.message().to_owned())),
    })?;
    let mut unnamed = None;
    for (export, offer) in public {
        let Err(ty) = tail.export(resolution, &export.name, *offer, item(offer)) else { continue };
        let leaf = &resolution.leaves[offer.leaf];
        unnamed.get_or_insert_with(|| FuseError::UnnamedType {
            export: export.name.clone(),
            component: leaf.id.to_string(),
            hidden: leaf.surface.exports.iter().any(|named| contains(&named.item, &ty)),
            ty,
        });
    }
    Ok(Some(Renamed { binary: tail.component.finish(), unnamed }))
}

/// Whether an item contains a type that is written as `text`.
fn contains(item: &Item, text: &str) -> bool {
    match item {
        Item::Type(ty) => ty.to_string() == text,
        Item::Resource(resource) => *resource.name == *text,
        Item::Instance(items) => items.iter().any(|named| contains(&named.item, text)),
        Item::Func { .. } | Item::Code(_) => false,
    }
}

/// An item by its kind and index.
#[derive(Clone, Copy)]
struct Placed {
    kind: ComponentExternalKind,
    index: u32,
}

/// A component whose exports are being written, after everything else.
struct Tail {
    component: Component,
    types: u32,
    instances: u32,
    /// The items that the encoded component exported, by name.
    inside: HashMap<String, Placed>,
    /// The items that are imported, by name.
    imported: Vec<(String, Placed)>,
    /// The exports written so far, by their offer (leaf and export).
    exported: HashMap<(usize, usize), Placed>,
}

impl Tail {
    /// Copies everything of an encoded component except its exports.
    fn of(encoded: &[u8]) -> Result<Self, wasmparser::Error> {
        let mut tail = Self {
            component: Component::new(),
            types: 0,
            instances: 0,
            inside: HashMap::new(),
            imported: Vec::new(),
            exported: HashMap::new(),
        };
        let mut depth = 0_usize;
        for payload in Parser::new(0).parse_all(encoded) {
            let payload = payload?;
            match &payload {
                Payload::End(_) => {
                    depth = depth.saturating_sub(1);
                    continue;
                }
                Payload::Version { .. } => continue,
                _ if depth > 0 => {
                    if let Payload::ModuleSection { .. } | Payload::ComponentSection { .. } =
                        payload
                    {
                        depth += 1;
                    }
                    continue;
                }
                Payload::ComponentExportSection(section) => {
                    for export in section.clone() {
                        let export = export?;
                        let placed = Placed { kind: export.kind, index: export.index };
                        tail.inside.insert(export.name.name.to_owned(), placed);
                    }
                    continue;
                }
                other => tail.count(other)?,
            }
            if let Some((id, range)) = payload.as_section() {
                tail.copy(id, encoded, range);
            }
            if let Payload::ModuleSection { .. } | Payload::ComponentSection { .. } = payload {
                depth += 1;
            }
        }
        Ok(tail)
    }

    fn copy(&mut self, id: u8, encoded: &[u8], range: Range<usize>) {
        if let Some(data) = encoded.get(range) {
            self.component.section(&RawSection { id, data });
        }
    }

    /// Counts the items that a section adds.
    fn count(&mut self, payload: &Payload<'_>) -> Result<(), wasmparser::Error> {
        match payload {
            Payload::ComponentTypeSection(section) => self.types += section.count(),
            Payload::ComponentInstanceSection(section) => self.instances += section.count(),
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import?;
                    let kind = import.ty.kind();
                    let index = self.add(kind);
                    self.imported.push((import.name.name.to_owned(), Placed { kind, index }));
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    match alias? {
                        ComponentAlias::InstanceExport { kind, .. } => _ = self.add(kind),
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. } => {
                            self.types += 1;
                        }
                        ComponentAlias::Outer { .. }
                        | ComponentAlias::CoreInstanceExport { .. } => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The index of the next item of a kind. Only those of types and instances are ever used.
    fn add(&mut self, kind: ComponentExternalKind) -> u32 {
        let next = match kind {
            ComponentExternalKind::Type => &mut self.types,
            ComponentExternalKind::Instance => &mut self.instances,
            _ => return 0,
        };
        *next += 1;
        *next - 1
    }

    /// Exports the item that the encoded component exported under this name.
    ///
    /// # Errors
    ///
    /// The type in it that is not exported. The item is exported unchanged then.
    fn export(
        &mut self,
        resolution: &Resolution,
        name: &str,
        offer: Offer,
        item: &Item,
    ) -> Result<(), String> {
        let Some(mut placed) = self.inside.get(name).copied() else { return Ok(()) };
        let (mut ascribed, mut unnamed) = (None, None);
        let mut names = Names { tail: self, resolution, leaf: &resolution.leaves[offer.leaf] };
        match item {
            Item::Type(ty) => match names.defined(ty) {
                Ok(index) => placed.index = index,
                Err(ty) => unnamed = Some(ty),
            },
            Item::Func { ty, .. } => match names.func(ty) {
                Ok(index) => ascribed = Some(ComponentTypeRef::Func(index)),
                Err(ty) => unnamed = Some(ty),
            },
            Item::Instance(_) | Item::Resource(_) | Item::Code(_) => {}
        }
        let mut section = ComponentExportSection::new();
        section.export(name, export_kind(placed.kind), placed.index, ascribed);
        self.component.section(&section);
        let index = self.add(placed.kind);
        self.exported.insert((offer.leaf, offer.export), Placed { kind: placed.kind, index });
        unnamed.map_or(Ok(()), Err)
    }

    fn define(&mut self, encode: impl FnOnce(&mut ComponentTypeSection)) -> u32 {
        let mut section = ComponentTypeSection::new();
        encode(&mut section);
        self.component.section(&section);
        self.add(ComponentExternalKind::Type)
    }

    /// The index of the item at the end of `path` inside another item.
    fn at(&mut self, mut placed: Placed, path: &[&str]) -> u32 {
        for (step, name) in path.iter().enumerate() {
            let kind = match step + 1 == path.len() {
                true => ComponentExternalKind::Type,
                false => ComponentExternalKind::Instance,
            };
            let mut section = ComponentAliasSection::new();
            let instance = placed.index;
            section.alias(Alias::InstanceExport { instance, kind: export_kind(kind), name });
            self.component.section(&section);
            placed = Placed { kind, index: self.add(kind) };
        }
        placed.index
    }
}

fn export_kind(kind: ComponentExternalKind) -> ComponentExportKind {
    match kind {
        ComponentExternalKind::Module => ComponentExportKind::Module,
        ComponentExternalKind::Func => ComponentExportKind::Func,
        ComponentExternalKind::Value => ComponentExportKind::Value,
        ComponentExternalKind::Type => ComponentExportKind::Type,
        ComponentExternalKind::Instance => ComponentExportKind::Instance,
        ComponentExternalKind::Component => ComponentExportKind::Component,
    }
}

/// The types of a component, as they are known outside of it.
struct Names<'a> {
    tail: &'a mut Tail,
    resolution: &'a Resolution,
    leaf: &'a Leaf,
}

impl Names<'_> {
    /// Finds a type that the component imports or has exported.
    fn find(&mut self, is_it: &dyn Fn(&Item) -> bool) -> Option<u32> {
        let place = self.resolution.leaves.iter().position(|leaf| leaf.id == self.leaf.id)?;
        let surface = &self.leaf.surface;
        let exports = surface
            .exports
            .iter()
            .enumerate()
            .map(|(export, named)| (self.tail.exported.get(&(place, export)).copied(), named));
        let imports = surface.imports.iter().zip(&self.leaf.sources).map(|(named, source)| {
            let placed = match source {
                Source::Export(Offer { leaf, export }) => {
                    self.tail.exported.get(&(*leaf, *export)).copied()
                }
                Source::Linker { .. } | Source::Nobody => self.imported(&named.name),
            };
            (placed, named)
        });
        let (placed, path) = exports.chain(imports).find_map(|(placed, named)| {
            let mut path = Vec::new();
            let found = path_to(&named.item, is_it, &mut path);
            found.then_some((placed?, path))
        })?;
        Some(self.tail.at(placed, &path))
    }

    /// Finds a type that any component has exported. Types without resources are equal by
    /// structure.
    fn find_anywhere(&mut self, is_it: &dyn Fn(&Item) -> bool) -> Option<u32> {
        let mut exported: Vec<_> = self.tail.exported.iter().collect();
        exported.sort_unstable_by_key(|(offer, _)| **offer);
        let (placed, path) = exported.into_iter().find_map(|((leaf, export), placed)| {
            let item = &self.resolution.leaves[*leaf].surface.exports[*export].item;
            let mut path = Vec::new();
            path_to(item, is_it, &mut path).then_some((*placed, path))
        })?;
        Some(self.tail.at(placed, &path))
    }

    /// The import that stands for `name` in this or a compatible version.
    fn imported(&self, name: &str) -> Option<Placed> {
        let wanted = Name::parse(name);
        let ranked = self
            .tail
            .imported
            .iter()
            .filter_map(|(name, placed)| Some((Name::parse(name).rank_for(&wanted)?, *placed)));
        ranked.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, placed)| placed)
    }

    fn func(&mut self, ty: &FunctionType) -> Result<u32, String> {
        let mut params = Vec::with_capacity(ty.params.len());
        for (name, ty) in &ty.params {
            params.push((&**name, self.value(ty)?));
        }
        let result = ty.result.as_ref().map(|ty| self.value(ty)).transpose()?;
        Ok(self.tail.define(|section| {
            let mut function = section.function();
            function.async_(ty.is_async).params(params).result(result);
        }))
    }

    fn value(&mut self, ty: &ValueType) -> Result<ComponentValType, String> {
        if let Some(primitive) = primitive(ty) {
            return Ok(ComponentValType::Primitive(primitive));
        }
        let index = match ty {
            ValueType::Record(_)
            | ValueType::Variant(_)
            | ValueType::Enum(_)
            | ValueType::Flags(_) => {
                let is_it = |item: &Item| matches!(item, Item::Type(found) if found == ty);
                let mut found = self.find(&is_it);
                if found.is_none() && !ty.has_resources() {
                    found = self.find_anywhere(&is_it);
                }
                found.ok_or_else(|| ty.to_string())?
            }
            _ => self.defined(ty)?,
        };
        Ok(ComponentValType::Type(index))
    }

    fn optional(&mut self, ty: Option<&ValueType>) -> Result<Option<ComponentValType>, String> {
        ty.map(|ty| self.value(ty)).transpose()
    }

    fn resource(&mut self, index: u32, name: &str) -> Result<u32, String> {
        let is_it = |item: &Item| matches!(item, Item::Resource(found) if found.index == index);
        self.find(&is_it).ok_or_else(|| name.to_owned())
    }

    /// Defines a type again, from types that have been exported or imported.
    fn defined(&mut self, ty: &ValueType) -> Result<u32, String> {
        if let Some(primitive) = primitive(ty) {
            return Ok(self.tail.define(|it| it.defined_type().primitive(primitive)));
        }
        Ok(match ty {
            ValueType::List(ty) => {
                let ty = self.value(ty)?;
                self.tail.define(|it| it.defined_type().list(ty))
            }
            ValueType::FixedLengthList(ty, length) => {
                let ty = self.value(ty)?;
                self.tail.define(|it| it.defined_type().fixed_length_list(ty, *length))
            }
            ValueType::Map(entry) => {
                let (key, value) = (self.value(&entry.0)?, self.value(&entry.1)?);
                self.tail.define(|it| it.defined_type().map(key, value))
            }
            ValueType::Record(fields) => {
                let fields = fields.iter().map(|(name, ty)| Ok((&**name, self.value(ty)?)));
                let fields = fields.collect::<Result<Vec<_>, String>>()?;
                self.tail.define(|it| it.defined_type().record(fields))
            }
            ValueType::Tuple(types) => {
                let types = types.iter().map(|ty| self.value(ty));
                let types = types.collect::<Result<Vec<_>, String>>()?;
                self.tail.define(|it| it.defined_type().tuple(types))
            }
            ValueType::Variant(cases) => {
                let cases =
                    cases.iter().map(|(name, ty)| Ok((&**name, self.optional(ty.as_ref())?)));
                let cases = cases.collect::<Result<Vec<_>, String>>()?;
                self.tail.define(|it| it.defined_type().variant(cases))
            }
            ValueType::Enum(names) => {
                self.tail.define(|it| it.defined_type().enum_type(names.iter().map(|it| &**it)))
            }
            ValueType::Flags(names) => {
                self.tail.define(|it| it.defined_type().flags(names.iter().map(|it| &**it)))
            }
            ValueType::Option(ty) => {
                let ty = self.value(ty)?;
                self.tail.define(|it| it.defined_type().option(ty))
            }
            ValueType::Result(sides) => {
                let (ok, err) =
                    (self.optional(sides.0.as_ref())?, self.optional(sides.1.as_ref())?);
                self.tail.define(|it| it.defined_type().result(ok, err))
            }
            ValueType::Own(resource) => {
                let index = self.resource(resource.index, &resource.name)?;
                self.tail.define(|it| it.defined_type().own(index))
            }
            ValueType::Borrow(resource) => {
                let index = self.resource(resource.index, &resource.name)?;
                self.tail.define(|it| it.defined_type().borrow(index))
            }
            ValueType::Stream(ty) => {
                let ty = self.optional(ty.as_deref())?;
                self.tail.define(|it| it.defined_type().stream(ty))
            }
            ValueType::Future(ty) => {
                let ty = self.optional(ty.as_deref())?;
                self.tail.define(|it| it.defined_type().future(ty))
            }
            other => return Err(other.to_string()),
        })
    }
}

fn primitive(ty: &ValueType) -> Option<PrimitiveValType> {
    Some(match ty {
        ValueType::Bool => PrimitiveValType::Bool,
        ValueType::S8 => PrimitiveValType::S8,
        ValueType::U8 => PrimitiveValType::U8,
        ValueType::S16 => PrimitiveValType::S16,
        ValueType::U16 => PrimitiveValType::U16,
        ValueType::S32 => PrimitiveValType::S32,
        ValueType::U32 => PrimitiveValType::U32,
        ValueType::S64 => PrimitiveValType::S64,
        ValueType::U64 => PrimitiveValType::U64,
        ValueType::F32 => PrimitiveValType::F32,
        ValueType::F64 => PrimitiveValType::F64,
        ValueType::Char => PrimitiveValType::Char,
        ValueType::String => PrimitiveValType::String,
        ValueType::ErrorContext => PrimitiveValType::ErrorContext,
        _ => return None,
    })
}

/// Appends to `path` the names that lead to an item. Returns whether it was found.
fn path_to<'a>(item: &'a Item, is_it: &dyn Fn(&Item) -> bool, path: &mut Vec<&'a str>) -> bool {
    if is_it(item) {
        return true;
    }
    let Item::Instance(items) = item else { return false };
    items.iter().any(|named| {
        path.push(&named.name);
        let found = path_to(&named.item, is_it, path);
        if !found {
            path.pop();
        }
        found
    })
}
