//! What a component imports and exports, reflected into types that the plan can compare.

use std::sync::Arc;

use wasmtime::Engine;
use wasmtime::component::types::{self, ComponentItem, Type};
use wasmtime::component::{Component, ResourceType};

use super::types::{FunctionType, Resource, ValueType};

/// The imports and exports of one component.
#[derive(Debug)]
pub(crate) struct Surface {
    pub(crate) imports: Vec<Named>,
    pub(crate) exports: Vec<Named>,
    /// Every exported function; [`Item::Func`] of an export points into it.
    pub(crate) funcs: Vec<ExportedFunc>,
    /// Every resource that occurs; [`Resource::index`] points into it.
    pub(crate) resources: Vec<ResourceDef>,
}

/// An import or an export, or an item of one that is an instance.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) item: Item,
}

#[derive(Clone, Debug)]
pub(crate) enum Item {
    Func {
        ty: Arc<FunctionType>,
        /// Of an exported function: its place in [`Surface::funcs`].
        index: usize,
    },
    Instance(Vec<Named>),
    Resource(Resource),
    Type(ValueType),
    /// A core module or a component, which only the importer's own linker can supply.
    Code(&'static str),
}

impl Item {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Func { .. } => "function",
            Self::Instance(_) => "interface",
            Self::Resource(_) => "resource",
            Self::Type(_) => "type",
            Self::Code(kind) => kind,
        }
    }

    /// Whether nothing has to be supplied for this item: types alone, at any depth.
    pub(crate) fn is_types_alone(&self) -> bool {
        match self {
            Self::Type(_) => true,
            Self::Instance(items) => items.iter().all(|named| named.item.is_types_alone()),
            Self::Func { .. } | Self::Resource(_) | Self::Code(_) => false,
        }
    }

    /// Visits every resource that this item introduces.
    pub(crate) fn each_resource(&self, visit: &mut dyn FnMut(&Resource)) {
        match self {
            Self::Resource(resource) => visit(resource),
            Self::Instance(items) => {
                for named in items {
                    named.item.each_resource(visit);
                }
            }
            Self::Func { .. } | Self::Type(_) | Self::Code(_) => {}
        }
    }
}

/// The item called `name` among `items`.
pub(crate) fn find<'a>(items: &'a [Named], name: &str) -> Option<&'a Item> {
    items.iter().find(|named| named.name == name).map(|named| &named.item)
}

#[derive(Debug)]
pub(crate) struct ExportedFunc {
    /// Names of the instances around the function, then its own.
    pub(crate) path: Vec<String>,
    pub(crate) ty: Arc<FunctionType>,
}

impl ExportedFunc {
    /// `interface#function`, or the function's name if it is exported at the root.
    pub(crate) fn full_name(&self) -> String {
        self.path.join("#")
    }
}

#[derive(Clone, Debug)]
pub(crate) struct ResourceDef {
    pub(crate) name: Arc<str>,
    pub(crate) origin: ResourceOrigin,
}

/// Who defines a resource, seen from the component that mentions it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResourceOrigin {
    /// The component itself.
    Defined,
    /// Whoever satisfies the import that introduces it.
    Imported,
    /// The host, in the store of an instance that was running already.
    Host,
}

impl Surface {
    /// Reflects `component`. With `linked`, its imports are satisfied already and are left out:
    /// what it imports belongs to the host.
    pub(crate) fn reflect(component: &Component, linked: bool) -> Self {
        let engine = component.engine();
        let ty = component.component_type();
        let mut reflector = Reflector {
            engine,
            origin: if linked { ResourceOrigin::Host } else { ResourceOrigin::Imported },
            known: Vec::new(),
            resources: Vec::new(),
            path: Vec::new(),
            funcs: Vec::new(),
        };
        // Imports first: a resource that appears in them is not the component's own.
        let imports = ty.imports(engine).map(|(name, it)| reflector.named(name, it.ty)).collect();
        reflector.origin = ResourceOrigin::Defined;
        reflector.funcs.clear();
        let exports = ty.exports(engine).map(|(name, it)| reflector.named(name, it.ty)).collect();
        Self {
            imports: if linked { Vec::new() } else { imports },
            exports,
            funcs: reflector.funcs,
            resources: reflector.resources,
        }
    }
}

/// Walks the types of one component.
struct Reflector<'a> {
    engine: &'a Engine,
    /// Whose the resources are that were not met before.
    origin: ResourceOrigin,
    /// The engine's identity of each of `resources`.
    known: Vec<ResourceType>,
    resources: Vec<ResourceDef>,
    path: Vec<String>,
    funcs: Vec<ExportedFunc>,
}

impl Reflector<'_> {
    fn named(&mut self, name: &str, item: ComponentItem) -> Named {
        Named { name: name.to_owned(), item: self.item(name, item) }
    }

    fn item(&mut self, name: &str, item: ComponentItem) -> Item {
        match item {
            ComponentItem::ComponentFunc(ty) => {
                let ty = Arc::new(self.func(&ty));
                let mut path = self.path.clone();
                path.push(name.to_owned());
                self.funcs.push(ExportedFunc { path, ty: ty.clone() });
                Item::Func { ty, index: self.funcs.len() - 1 }
            }
            ComponentItem::ComponentInstance(ty) => {
                self.path.push(name.to_owned());
                let items =
                    ty.exports(self.engine).map(|(name, it)| self.named(name, it.ty)).collect();
                self.path.pop();
                Item::Instance(items)
            }
            ComponentItem::Resource(ty) => Item::Resource(self.resource(ty, Some(name))),
            ComponentItem::Type(ty) => Item::Type(self.value(&ty)),
            ComponentItem::Module(_) => Item::Code("core module"),
            ComponentItem::Component(_) => Item::Code("component"),
            ComponentItem::CoreFunc(_) => Item::Code("core function"),
        }
    }

    fn func(&mut self, ty: &types::ComponentFunc) -> FunctionType {
        FunctionType {
            is_async: ty.async_(),
            params: ty.params().map(|(name, ty)| (name.into(), self.value(&ty))).collect(),
            // The component model has at most one result; the list is a remnant.
            result: ty.results().next().map(|ty| self.value(&ty)),
        }
    }

    /// The resource that `ty` stands for; `name` where an item gives it one.
    fn resource(&mut self, ty: ResourceType, name: Option<&str>) -> Resource {
        let index = self.known.iter().position(|known| *known == ty).unwrap_or_else(|| {
            self.known.push(ty);
            let name = name.unwrap_or("resource").into();
            self.resources.push(ResourceDef { name, origin: self.origin });
            self.known.len() - 1
        });
        Resource { name: self.resources[index].name.clone(), index: index as u32 }
    }

    fn value(&mut self, ty: &Type) -> ValueType {
        match ty {
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
            Type::List(ty) => ValueType::List(Arc::new(self.value(&ty.ty()))),
            Type::FixedLengthList(ty) => {
                ValueType::FixedLengthList(Arc::new(self.value(&ty.ty())), ty.len())
            }
            Type::Map(ty) => {
                ValueType::Map(Arc::new((self.value(&ty.key()), self.value(&ty.value()))))
            }
            Type::Record(ty) => ValueType::Record(
                ty.fields().map(|field| (field.name.into(), self.value(&field.ty))).collect(),
            ),
            Type::Tuple(ty) => ValueType::Tuple(ty.types().map(|ty| self.value(&ty)).collect()),
            Type::Variant(ty) => ValueType::Variant(
                ty.cases().map(|case| (case.name.into(), self.optional(case.ty))).collect(),
            ),
            Type::Enum(ty) => ValueType::Enum(ty.names().map(Into::into).collect()),
            Type::Option(ty) => ValueType::Option(Arc::new(self.value(&ty.ty()))),
            Type::Result(ty) => {
                ValueType::Result(Arc::new((self.optional(ty.ok()), self.optional(ty.err()))))
            }
            Type::Flags(ty) => ValueType::Flags(ty.names().map(Into::into).collect()),
            Type::Own(ty) => ValueType::Own(self.resource(*ty, None)),
            Type::Borrow(ty) => ValueType::Borrow(self.resource(*ty, None)),
            Type::Stream(ty) => ValueType::Stream(self.optional(ty.ty()).map(Arc::new)),
            Type::Future(ty) => ValueType::Future(self.optional(ty.ty()).map(Arc::new)),
            Type::ErrorContext => ValueType::ErrorContext,
        }
    }

    fn optional(&mut self, ty: Option<Type>) -> Option<ValueType> {
        ty.map(|ty| self.value(&ty))
    }
}
