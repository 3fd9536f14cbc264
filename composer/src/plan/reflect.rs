//! Reflects what a component imports and exports into a [`Surface`].
//!
//! Reflecting spells out every use of a type, and a small component can nest its types so that
//! there are exponentially many uses. `MOST_SPELLED_OUT` bounds the work.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, OnceLock};

use wasmtime::component::types::{self, ComponentExtern, ComponentItem, Type};
use wasmtime::component::{Component, ResourceType};
use wasmtime::{Engine, ensure};

use super::abilities::Abilities;
#[cfg(all(feature = "compile", feature = "component-model-async"))]
use super::companion::{COMPONENT, Companion, is_own_import};
use super::item::{ExportedFunc, Item, Named, ResourceDef, ResourceOrigin, Surface};
use crate::types::{FunctionType, Resource, ValueType};

impl Surface {
    /// Reflects `component`. With `linked`, its imports are satisfied already and are left out: the
    /// resources that it imports belong to the host.
    ///
    /// # Errors
    ///
    /// If its types are too large when every use of one is spelled out, or if its compiled image
    /// cannot be read.
    pub(crate) fn reflect(component: &Component, linked: bool) -> wasmtime::Result<Self> {
        let surface = Self::of(component, linked, None)?;
        Ok(Self { abilities: Abilities::of(component)?, ..surface })
    }

    /// Reflects a component whose abilities are known.
    ///
    /// # Errors
    ///
    /// If its types are too large when every use of one is spelled out.
    #[cfg(feature = "compile")]
    pub(crate) fn with_abilities(
        component: &Component,
        abilities: Abilities,
    ) -> wasmtime::Result<Self> {
        let surface = Self::of(component, false, None)?;
        Ok(Self { abilities, ..surface })
    }

    /// Reflects a component that was compiled with a companion.
    ///
    /// # Errors
    ///
    /// As [`reflect`](Self::reflect).
    #[cfg(all(feature = "compile", feature = "component-model-async"))]
    pub(crate) fn accompanied(
        component: &Component,
        companion: Companion,
        abilities: Abilities,
    ) -> wasmtime::Result<Self> {
        let mut surface = Self::of(component, false, Some(COMPONENT))?;
        surface.imports.retain(|import| !is_own_import(&import.name));
        Ok(Self { abilities, companion: Some(Arc::new(companion)), ..surface })
    }

    /// Reflects the imports of `component`, and its exports or, with `inside`, the exports of its
    /// exported instance of that name.
    fn of(component: &Component, linked: bool, inside: Option<&str>) -> wasmtime::Result<Self> {
        let engine = component.engine();
        let ty = component.component_type();
        let mut reflector = Reflector {
            engine,
            origin: if linked { ResourceOrigin::Host } else { ResourceOrigin::Imported },
            known: Vec::new(),
            resources: Vec::new(),
            path: Vec::new(),
            funcs: Vec::new(),
            names: HashSet::new(),
            spelled_out: 0,
        };
        // Imports come first: a resource that appears among them is not defined by the component.
        let imports = ty.imports(engine).map(|(name, it)| reflector.named(name, it));
        let imports = imports.collect::<wasmtime::Result<_>>()?;
        reflector.origin = ResourceOrigin::Defined;
        reflector.funcs.clear();
        let inside = inside.and_then(|name| ty.get_export(engine, name)).map(|it| it.ty);
        let mut named = |(name, it)| reflector.named(name, it);
        let exports = match inside {
            Some(ComponentItem::ComponentInstance(ty)) => {
                ty.exports(engine).map(&mut named).collect::<wasmtime::Result<_>>()?
            }
            _ => ty.exports(engine).map(&mut named).collect::<wasmtime::Result<_>>()?,
        };
        Ok(Self {
            imports: if linked { Vec::new() } else { imports },
            exports,
            funcs: reflector.funcs,
            resources: reflector.resources,
            parts: Vec::new(),
            inside: None,
            lacks_types: false,
            untrusted: BTreeSet::new(),
            introducers: OnceLock::new(),
            abilities: Abilities::default(),
            companion: None,
        })
    }
}

/// Walks the types of one component.
struct Reflector<'a> {
    engine: &'a Engine,
    /// The origin of resources that are met for the first time.
    origin: ResourceOrigin,
    /// The engine's identity of each of `resources`.
    known: Vec<ResourceType>,
    resources: Vec<ResourceDef>,
    path: Vec<String>,
    funcs: Vec<ExportedFunc>,
    /// Interned names of enums and flags: types with equal names share one list.
    names: HashSet<Arc<[Arc<str>]>>,
    /// How many types and names have been visited. A type is visited at each of its uses, so a
    /// small component can have very many.
    spelled_out: usize,
}

/// The upper limit of `Reflector::spelled_out`. Components written by people have some ten
/// thousand.
const MOST_SPELLED_OUT: usize = 1 << 22;

/// Fails if more than [`MOST_SPELLED_OUT`] types and names have been visited.
pub(crate) fn ensure_small(spelled_out: usize) -> wasmtime::Result<()> {
    ensure!(
        spelled_out <= MOST_SPELLED_OUT,
        "its types are too large: with every use spelled out, they are more than {MOST_SPELLED_OUT}"
    );
    Ok(())
}

impl Reflector<'_> {
    fn spell_out(&mut self, number: usize) -> wasmtime::Result<()> {
        self.spelled_out += number;
        ensure_small(self.spelled_out)
    }

    fn named(&mut self, name: &str, it: ComponentExtern<'_>) -> wasmtime::Result<Named> {
        let implements = it.implements.map(str::to_owned);
        Ok(Named { name: name.to_owned(), implements, item: self.item(name, it.ty)? })
    }

    fn item(&mut self, name: &str, item: ComponentItem) -> wasmtime::Result<Item> {
        self.spell_out(1)?;
        Ok(match item {
            ComponentItem::ComponentFunc(ty) => {
                let ty = Arc::new(self.func(&ty)?);
                let mut path = self.path.clone();
                path.push(name.to_owned());
                self.funcs.push(ExportedFunc { path, ty: ty.clone() });
                Item::Func { ty, index: self.funcs.len() - 1 }
            }
            ComponentItem::ComponentInstance(ty) => {
                self.path.push(name.to_owned());
                let items = ty.exports(self.engine).map(|(name, it)| self.named(name, it));
                let items = items.collect::<wasmtime::Result<_>>()?;
                self.path.pop();
                Item::Instance(items)
            }
            ComponentItem::Resource(ty) => Item::Resource(self.resource(ty, Some(name))),
            ComponentItem::Type(ty) => Item::Type(self.value(&ty)?),
            ComponentItem::Module(_) => Item::Code("core module"),
            ComponentItem::Component(_) => Item::Code("component"),
            ComponentItem::CoreFunc(_) => Item::Code("core function"),
        })
    }

    fn func(&mut self, ty: &types::ComponentFunc) -> wasmtime::Result<FunctionType> {
        let params = ty.params().map(|(name, ty)| Ok((name.into(), self.value(&ty)?)));
        Ok(FunctionType {
            is_async: ty.async_(),
            params: params.collect::<wasmtime::Result<_>>()?,
            // The component model has at most one result; the list is a remnant.
            result: ty.results().next().map(|ty| self.value(&ty)).transpose()?,
        })
    }

    /// The resource that `ty` stands for. `name` is given where an item names it.
    fn resource(&mut self, ty: ResourceType, name: Option<&str>) -> Resource {
        let index = self.known.iter().position(|known| *known == ty).unwrap_or_else(|| {
            self.known.push(ty);
            let name = name.unwrap_or("resource").into();
            let interface = self.path.last().filter(|_| self.origin != ResourceOrigin::Defined);
            let interface = interface.map(|it| it.as_str().into());
            let origin = self.origin;
            self.resources.push(ResourceDef { name, origin, interface, carried: None });
            self.known.len() - 1
        });
        Resource::new(self.resources[index].name.clone(), index as u32)
    }

    /// The names of an enum or of flags.
    fn names<'a>(
        &mut self,
        names: impl ExactSizeIterator<Item = &'a str>,
    ) -> wasmtime::Result<Arc<[Arc<str>]>> {
        self.spell_out(names.len())?;
        let names: Arc<[Arc<str>]> = names.map(Into::into).collect();
        if let Some(known) = self.names.get(&names) {
            return Ok(known.clone());
        }
        self.names.insert(names.clone());
        Ok(names)
    }

    fn shared(&mut self, ty: &Type) -> wasmtime::Result<Arc<ValueType>> {
        self.value(ty).map(Arc::new)
    }

    fn value(&mut self, ty: &Type) -> wasmtime::Result<ValueType> {
        self.spell_out(1)?;
        Ok(match ty {
            Type::Bool => ValueType::Bool,
            Type::S8 => ValueType::S8,
            Type::U8 => ValueType::U8,
            Type::S16 => ValueType::S16,
            Type::U16 => ValueType::U16,
            Type::S32 => ValueType::S32,
            Type::U32 => ValueType::U32,
            Type::S64 => ValueType::S64,
            Type::U64 => ValueType::U64,
            Type::Float32 => ValueType::F32,
            Type::Float64 => ValueType::F64,
            Type::Char => ValueType::Char,
            Type::String => ValueType::String,
            Type::List(ty) => ValueType::List(self.shared(&ty.ty())?),
            Type::FixedLengthList(ty) => {
                ValueType::FixedLengthList(self.shared(&ty.ty())?, ty.len())
            }
            Type::Map(ty) => {
                ValueType::Map(Arc::new((self.value(&ty.key())?, self.value(&ty.value())?)))
            }
            Type::Record(ty) => {
                let fields = ty.fields().map(|it| Ok((it.name.into(), self.value(&it.ty)?)));
                ValueType::Record(fields.collect::<wasmtime::Result<_>>()?)
            }
            Type::Tuple(ty) => {
                let types = ty.types().map(|ty| self.value(&ty));
                ValueType::Tuple(types.collect::<wasmtime::Result<_>>()?)
            }
            Type::Variant(ty) => {
                self.spell_out(ty.cases().len())?;
                let cases = ty.cases().map(|it| Ok((it.name.into(), self.optional(it.ty)?)));
                ValueType::Variant(cases.collect::<wasmtime::Result<_>>()?)
            }
            Type::Enum(ty) => ValueType::Enum(self.names(ty.names())?),
            Type::Option(ty) => ValueType::Option(self.shared(&ty.ty())?),
            Type::Result(ty) => {
                ValueType::Result(Arc::new((self.optional(ty.ok())?, self.optional(ty.err())?)))
            }
            Type::Flags(ty) => ValueType::Flags(self.names(ty.names())?),
            Type::Own(ty) => ValueType::Own(self.resource(*ty, None)),
            Type::Borrow(ty) => ValueType::Borrow(self.resource(*ty, None)),
            Type::Stream(ty) => ValueType::Stream(self.optional(ty.ty())?.map(Arc::new)),
            Type::Future(ty) => ValueType::Future(self.optional(ty.ty())?.map(Arc::new)),
            Type::ErrorContext => ValueType::ErrorContext,
        })
    }

    fn optional(&mut self, ty: Option<Type>) -> wasmtime::Result<Option<ValueType>> {
        ty.map(|ty| self.value(&ty)).transpose()
    }
}
