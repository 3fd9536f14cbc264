//! What must be known of a component's binary to put a companion beside it.
//!
//! The outer component repeats the sections that the component's imports need (`prefix`), so those
//! must not depend on anything else in the component; `imports_are_apart` says whether that is so.
//! The other facts are the built-in functions that the code uses, in the component and in
//! components inside it.

use wasm_encoder::{ComponentExportKind, RawSection};
use wasmparser::component_types::ComponentEntityType;
use wasmparser::types::{Types, TypesRef};
use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ComponentExternalKind,
    ComponentOuterAliasKind, ComponentType, ComponentTypeRef, Encoding, Parser, Payload, Validator,
    WasmFeatures,
};

/// A component, read once.
pub(super) struct Outline<'a> {
    types: Types,
    /// The sections with its imports, and with the types that these refer to.
    pub(super) prefix: Vec<RawSection<'a>>,
    /// How many items of each kind the prefix defines.
    pub(super) counts: Counts,
    pub(super) imports: Vec<Imported<'a>>,
    /// Whether the prefix refers only to itself.
    pub(super) imports_are_apart: bool,
    pub(super) exports: Vec<&'a str>,
    /// Whether it, or a component inside it, can learn that a call is given up (`task.cancel`).
    pub(super) hears_of_cancel: bool,
    /// Whether it, or a component inside of it, can give its calls of others up.
    pub(super) cancels: bool,
    /// Whether it, or a component inside of it, can hold calls back.
    pub(super) holds_back: bool,
    /// See [`Abilities::suspends`](crate::plan::abilities::Abilities::suspends).
    pub(super) suspends: bool,
    /// See [`Abilities::keeps_out`](crate::plan::abilities::Abilities::keeps_out).
    pub(super) keeps_out: bool,
}

/// How many items of each kind there are.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) types: u32,
    pub(super) funcs: u32,
    pub(super) instances: u32,
    pub(super) components: u32,
    modules: u32,
    values: u32,
}

/// An import, with the kind and index of the item that it introduces.
pub(super) struct Imported<'a> {
    pub(super) name: &'a str,
    pub(super) kind: ComponentExportKind,
    pub(super) index: u32,
}

impl Counts {
    /// Counts one more item and returns its index.
    fn add(&mut self, kind: ComponentExportKind) -> u32 {
        let count = match kind {
            ComponentExportKind::Type => &mut self.types,
            ComponentExportKind::Func => &mut self.funcs,
            ComponentExportKind::Instance => &mut self.instances,
            ComponentExportKind::Component => &mut self.components,
            ComponentExportKind::Module => &mut self.modules,
            ComponentExportKind::Value => &mut self.values,
        };
        *count += 1;
        *count - 1
    }
}

impl<'a> Outline<'a> {
    /// Reads a component; `None` if the binary is not a component.
    pub(super) fn read(binary: &'a [u8]) -> Option<Self> {
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        let types = validator.validate_all(binary).ok()?;
        let mut outline = Self {
            types,
            prefix: Vec::new(),
            counts: Counts::default(),
            imports: Vec::new(),
            imports_are_apart: true,
            exports: Vec::new(),
            hears_of_cancel: false,
            cancels: false,
            holds_back: false,
            suspends: false,
            keeps_out: true,
        };
        // Sections are only added to the prefix once an import follows them: later ones are not
        // needed for the imports.
        let mut pending = Pending::default();
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(binary) {
            let payload = payload.ok()?;
            match &payload {
                Payload::ComponentCanonicalSection(section) => {
                    for function in section.clone() {
                        outline.note(&function.ok()?, depth > 0);
                    }
                }
                // An async function of a component inside may be called by another component there.
                Payload::ComponentTypeSection(section) if depth > 0 => {
                    for ty in section.clone() {
                        let ty = ty.ok()?;
                        outline.suspends |= matches!(ty, ComponentType::Func(ty) if ty.async_);
                    }
                }
                Payload::ComponentAliasSection(section) if depth > 0 => {
                    for alias in section.clone() {
                        let is_outer = matches!(alias.ok()?, ComponentAlias::Outer { .. });
                        outline.suspends |= is_outer;
                    }
                }
                _ => {}
            }
            match &payload {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => return None,
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                _ if depth == 0 => outline.section(&payload, binary, &mut pending)?,
                _ => {}
            }
        }
        Some(outline)
    }

    fn note(&mut self, function: &CanonicalFunction, inside: bool) {
        match function {
            CanonicalFunction::TaskCancel => self.hears_of_cancel = true,
            CanonicalFunction::SubtaskCancel { .. } => self.cancels = true,
            CanonicalFunction::BackpressureInc => self.holds_back = true,
            CanonicalFunction::Lift { options, .. } => {
                let is_async = options.iter().any(|it| matches!(it, CanonicalOption::Async));
                self.keeps_out &= !inside && !is_async;
            }
            CanonicalFunction::ThreadYield { .. }
            | CanonicalFunction::ThreadSuspend { .. }
            | CanonicalFunction::ThreadNewIndirect { .. }
            | CanonicalFunction::ThreadResumeLater
            | CanonicalFunction::ThreadSuspendThenResume { .. }
            | CanonicalFunction::ThreadYieldThenResume { .. }
            | CanonicalFunction::ThreadSuspendThenPromote { .. }
            | CanonicalFunction::ThreadYieldThenPromote { .. } => self.suspends = true,
            _ => {}
        }
    }

    fn section(
        &mut self,
        payload: &Payload<'a>,
        binary: &'a [u8],
        pending: &mut Pending<'a>,
    ) -> Option<()> {
        match payload {
            Payload::ComponentTypeSection(section) => {
                for ty in section.clone() {
                    pending.is_foreign |= matches!(ty.ok()?, ComponentType::Resource { .. });
                    pending.add(ComponentExportKind::Type);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section.clone() {
                    match alias.ok()? {
                        ComponentAlias::InstanceExport { kind, .. } => pending.add(kind_of(kind)),
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. } => {
                            pending.add(ComponentExportKind::Type);
                        }
                        // Other aliases refer to items outside the prefix.
                        _ => pending.is_foreign = true,
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                self.imports_are_apart &= !pending.is_foreign;
                for kind in std::mem::take(&mut pending.defined) {
                    self.counts.add(kind);
                }
                self.prefix.append(&mut pending.sections);
                for import in section.clone() {
                    let import = import.ok()?;
                    let kind = match import.ty {
                        ComponentTypeRef::Module(_) => ComponentExportKind::Module,
                        ComponentTypeRef::Func(_) => ComponentExportKind::Func,
                        ComponentTypeRef::Value(_) => ComponentExportKind::Value,
                        ComponentTypeRef::Type(_) => ComponentExportKind::Type,
                        ComponentTypeRef::Instance(_) => ComponentExportKind::Instance,
                        ComponentTypeRef::Component(_) => ComponentExportKind::Component,
                    };
                    let index = self.counts.add(kind);
                    self.imports.push(Imported { name: import.name.name, kind, index });
                }
                let (id, range) = payload.as_section()?;
                self.prefix.push(RawSection { id, data: binary.get(range)? });
                return Some(());
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export.ok()?;
                    self.exports.push(export.name.name);
                    // An export introduces an item of its own, which the outer component does not
                    // have.
                    pending.is_foreign = true;
                }
                return Some(());
            }
            Payload::ComponentInstanceSection(_) | Payload::CoreTypeSection(_) => {
                pending.is_foreign = true;
                return Some(());
            }
            _ => return Some(()),
        }
        let (id, range) = payload.as_section()?;
        pending.sections.push(RawSection { id, data: binary.get(range)? });
        Some(())
    }

    pub(super) fn types(&self) -> TypesRef<'_> {
        self.types.as_ref()
    }

    pub(super) fn import(&self, name: &str) -> Option<ComponentEntityType> {
        Some(self.types().component_item_for_import(name)?.ty)
    }

    pub(super) fn export(&self, name: &str) -> Option<ComponentEntityType> {
        Some(self.types().component_item_for_export(name)?.ty)
    }

    /// Whether it exports async functions, directly or in interfaces.
    pub(super) fn has_async_exports(&self) -> bool {
        let mut exports = self.exports.iter().filter_map(|name| self.export(name));
        exports.any(|ty| self.is_async(ty))
    }

    /// Recurses; validation bounds the depth, and the spelled-out size is checked before.
    fn is_async(&self, ty: ComponentEntityType) -> bool {
        let types = self.types();
        match ty {
            ComponentEntityType::Func(id) => types[id].async_,
            ComponentEntityType::Instance(id) => {
                types[id].exports.values().any(|item| self.is_async(item.ty))
            }
            _ => false,
        }
    }
}

/// Sections that are part of the prefix only if an import follows them.
#[derive(Default)]
struct Pending<'a> {
    sections: Vec<RawSection<'a>>,
    defined: Vec<ComponentExportKind>,
    /// Whether something in them refers to items outside the prefix.
    is_foreign: bool,
}

impl Pending<'_> {
    fn add(&mut self, kind: ComponentExportKind) {
        self.defined.push(kind);
    }
}

fn kind_of(kind: ComponentExternalKind) -> ComponentExportKind {
    match kind {
        ComponentExternalKind::Module => ComponentExportKind::Module,
        ComponentExternalKind::Func => ComponentExportKind::Func,
        ComponentExternalKind::Value => ComponentExportKind::Value,
        ComponentExternalKind::Type => ComponentExportKind::Type,
        ComponentExternalKind::Instance => ComponentExportKind::Instance,
        ComponentExternalKind::Component => ComponentExportKind::Component,
    }
}
