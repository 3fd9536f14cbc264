//! Component types as plain data: the types of functions and values, which print as WIT.
//!
//! [`ExportFunc::ty`](crate::ExportFunc::ty) has the type of a function.

// Component types as plain data: what an import needs and an export offers, comparable across
// components and printable as WIT.
//
// wasmtime's own types are tied to one component, and two of them that mention a resource never
// compare equal. Here a resource is a number local to the component that was reflected; the plan
// finds out which component defines it. How types are printed is in `plan/written.rs`.

use std::any::{TypeId, type_name};
use std::fmt;
use std::sync::Arc;

/// The type of a component function.
///
/// Prints as WIT: `async func(name: string) -> result<u32, string>`. Types longer than a line of
/// text are abbreviated, `enum { a, b, c, .. 30 more }`, unless printed with `{:#}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionType {
    pub(crate) is_async: bool,
    pub(crate) params: Vec<(Arc<str>, ValueType)>,
    pub(crate) result: Option<ValueType>,
}

impl FunctionType {
    /// The type of a function with these parameters, in order and each with its name, and this
    /// result. A parameter with an empty name matches one of any name.
    pub fn new(
        is_async: bool,
        params: impl IntoIterator<Item = (String, ValueType)>,
        result: Option<ValueType>,
    ) -> Self {
        let params = params.into_iter().map(|(name, ty)| (name.into(), ty)).collect();
        Self { is_async, params, result }
    }

    /// Whether the function is an `async func`: its calls may overlap with other calls of the same
    /// instance.
    pub fn is_async(&self) -> bool {
        self.is_async
    }

    /// The parameters in order, each with its name.
    pub fn params(&self) -> impl ExactSizeIterator<Item = (&str, &ValueType)> {
        self.params.iter().map(|(name, ty)| (&**name, ty))
    }

    /// The type of the result, or `None` if the function returns nothing.
    pub fn result(&self) -> Option<&ValueType> {
        self.result.as_ref()
    }

    /// The first part of the type that cannot cross between stores, and the parameter or result
    /// that it is in.
    pub(crate) fn uncarried(&self) -> Option<Uncarried> {
        let params = self.params.iter().map(|(name, ty)| (format!("parameter `{name}`"), ty));
        let result = self.result.iter().map(|ty| ("result".to_owned(), ty));
        params.chain(result).find_map(|(place, ty)| {
            let found = ty.find(&mut |ty| match ty {
                ValueType::Stream(_) | ValueType::Future(_) => !CARRIES_STREAMS,
                ValueType::ErrorContext => true,
                _ => false,
            })?;
            Some(Uncarried { place, ty: found.to_string() })
        })
    }

    /// The first stream or future, and the parameter or result that it is in.
    pub(crate) fn find_stream(&self) -> Option<(String, String)> {
        let params = self.params.iter().map(|(name, ty)| (format!("parameter `{name}`"), ty));
        let result = self.result.iter().map(|ty| ("result".to_owned(), ty));
        params.chain(result).find_map(|(place, ty)| {
            let found =
                ty.find(&mut |ty| matches!(ty, ValueType::Stream(_) | ValueType::Future(_)))?;
            Some((place, found.to_string()))
        })
    }

    /// Whether values of parameters or result contain handles: of resources, streams or futures.
    pub(crate) fn has_handles(&self) -> bool {
        self.params.iter().map(|(_, ty)| ty).chain(&self.result).any(ValueType::has_handles)
    }

    /// How many core values the parameters flatten to.
    pub(crate) fn core_params(&self) -> usize {
        self.params.iter().map(|(_, ty)| ty.core_values()).fold(0, usize::saturating_add)
    }

    /// Whether parameters hold borrowed handles.
    #[cfg(feature = "fuse")]
    pub(crate) fn borrows(&self) -> bool {
        let mut params = self.params.iter();
        params.any(|(_, ty)| ty.find(&mut |ty| matches!(ty, ValueType::Borrow(_))).is_some())
    }

    /// Visits every resource that handles in parameters and result are of.
    pub(crate) fn each_resource(&self, visit: &mut dyn FnMut(&Resource)) {
        self.find_resource(&mut |it| {
            visit(it);
            false
        });
    }

    /// The first resource for which `pick` holds.
    pub(crate) fn find_resource(
        &self,
        pick: &mut dyn FnMut(&Resource) -> bool,
    ) -> Option<&Resource> {
        self.find_handle(&mut |ty| match ty {
            ValueType::Own(resource) | ValueType::Borrow(resource) => pick(resource),
            _ => false,
        })
    }

    /// The first resource of a borrowed handle for which `pick` holds.
    pub(crate) fn find_borrowed(
        &self,
        pick: &mut dyn FnMut(&Resource) -> bool,
    ) -> Option<&Resource> {
        self.find_handle(&mut |ty| matches!(ty, ValueType::Borrow(resource) if pick(resource)))
    }

    /// The resource of the first handle for which `pick` holds.
    fn find_handle(&self, pick: &mut dyn FnMut(&ValueType) -> bool) -> Option<&Resource> {
        let mut types = self.params.iter().map(|(_, ty)| ty).chain(&self.result);
        match types.find_map(|ty| ty.find(pick))? {
            ValueType::Own(resource) | ValueType::Borrow(resource) => Some(resource),
            _ => None,
        }
    }

    /// The same type with every resource renumbered.
    pub(crate) fn renumber(&self, number: &mut dyn FnMut(&Resource) -> u32) -> Self {
        self.map_resources(&mut |it| Resource { index: number(it), ..it.clone() })
    }

    /// The same type with other resources.
    pub(crate) fn map_resources(&self, map: &mut dyn FnMut(&Resource) -> Resource) -> Self {
        let params = self.params.iter().map(|(name, ty)| (name.clone(), ty.map_resources(map)));
        Self {
            is_async: self.is_async,
            params: params.collect(),
            result: self.result.as_ref().map(|ty| ty.map_resources(map)),
        }
    }
}

/// Whether this build can carry streams and futures between stores.
const CARRIES_STREAMS: bool = cfg!(all(feature = "codec", feature = "component-model-async"));

/// A part of a function's type that cannot cross between stores.
pub(crate) struct Uncarried {
    pub(crate) place: String,
    pub(crate) ty: String,
}

/// The type of a component value.
///
/// Prints as WIT. Records, variants, enums and flags have no names of their own in the component
/// model and print with their content. Types longer than a line of text are abbreviated, unless
/// printed with `{:#}`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the variants are the component model's types by their names")]
pub enum ValueType {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    List(Arc<Self>),
    /// A list whose length is part of its type.
    FixedLengthList(Arc<Self>, u32),
    /// The key type and the value type.
    Map(Arc<(Self, Self)>),
    /// The names of the fields with their types.
    Record(Arc<[(Arc<str>, Self)]>),
    Tuple(Arc<[Self]>),
    /// The names of the cases, each with its payload's type if it has one.
    Variant(Arc<[(Arc<str>, Option<Self>)]>),
    Enum(Arc<[Arc<str>]>),
    Option(Arc<Self>),
    /// The payload types of `ok` and `err`.
    Result(Arc<(Option<Self>, Option<Self>)>),
    Flags(Arc<[Arc<str>]>),
    Own(Resource),
    Borrow(Resource),
    Stream(Option<Arc<Self>>),
    Future(Option<Arc<Self>>),
    ErrorContext,
}

/// A resource type as one component knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    pub(crate) name: Arc<str>,
    /// Index into the resources of the component that was reflected.
    pub(crate) index: u32,
    /// What it is for callers in Rust, if the host defines it.
    pub(crate) form: Option<Arc<Form>>,
}

/// The Rust type that a resource of the host's has on its way between stores.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Form {
    id: TypeId,
    name: &'static str,
}

impl Form {
    pub(crate) fn of<V: 'static>() -> Self {
        Self { id: TypeId::of::<V>(), name: type_name::<V>() }
    }

    /// The name of the type.
    pub(crate) fn name(self) -> &'static str {
        self.name
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Resource {
    pub(crate) fn new(name: Arc<str>, index: u32) -> Self {
        Self { name, index, form: None }
    }

    /// The name under which the component imports or exports it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl ValueType {
    /// The types directly inside, in the order of their declaration.
    pub(super) fn children(&self) -> Vec<&Self> {
        match self {
            Self::List(ty) | Self::FixedLengthList(ty, _) | Self::Option(ty) => vec![ty],
            Self::Map(entry) => vec![&entry.0, &entry.1],
            Self::Record(fields) => fields.iter().map(|(_, ty)| ty).collect(),
            Self::Tuple(types) => types.iter().collect(),
            Self::Variant(cases) => cases.iter().filter_map(|(_, ty)| ty.as_ref()).collect(),
            Self::Result(sides) => sides.0.iter().chain(&sides.1).collect(),
            Self::Stream(ty) | Self::Future(ty) => ty.iter().map(|ty| &**ty).collect(),
            Self::Bool
            | Self::S8
            | Self::U8
            | Self::S16
            | Self::U16
            | Self::S32
            | Self::U32
            | Self::S64
            | Self::U64
            | Self::F32
            | Self::F64
            | Self::Char
            | Self::String
            | Self::Enum(_)
            | Self::Flags(_)
            | Self::Own(_)
            | Self::Borrow(_)
            | Self::ErrorContext => Vec::new(),
        }
    }

    /// Whether values of this type contain handles: of resources, streams or futures.
    pub(crate) fn has_handles(&self) -> bool {
        let found = self.find(&mut |ty| {
            matches!(ty, Self::Own(_) | Self::Borrow(_) | Self::Stream(_) | Self::Future(_))
        });
        found.is_some()
    }

    /// Whether values of this type need memory beyond their flattened core values.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) fn needs_memory(&self) -> bool {
        self.find(&mut |ty| matches!(ty, Self::String | Self::List(_) | Self::Map(_))).is_some()
    }

    /// Whether this type contains handles of resources.
    #[cfg(feature = "fuse")]
    pub(crate) fn has_resources(&self) -> bool {
        self.find(&mut |ty| matches!(ty, Self::Own(_) | Self::Borrow(_))).is_some()
    }

    /// The first type, this one included, for which `pick` holds.
    fn find(&self, pick: &mut dyn FnMut(&Self) -> bool) -> Option<&Self> {
        if pick(self) {
            return Some(self);
        }
        self.children().into_iter().find_map(|ty| ty.find(pick))
    }

    /// How many core values a value of this type flattens to.
    pub(crate) fn core_values(&self) -> usize {
        let sum = |types: &mut dyn Iterator<Item = &Self>| {
            types.map(Self::core_values).fold(0, usize::saturating_add)
        };
        let most = |types: &mut dyn Iterator<Item = Option<&Self>>| {
            1 + types.flatten().map(Self::core_values).max().unwrap_or_default()
        };
        match self {
            Self::String | Self::List(_) | Self::Map(_) => 2,
            Self::FixedLengthList(ty, len) => ty.core_values().saturating_mul(*len as usize),
            Self::Record(fields) => sum(&mut fields.iter().map(|(_, ty)| ty)),
            Self::Tuple(types) => sum(&mut types.iter()),
            Self::Variant(cases) => most(&mut cases.iter().map(|(_, ty)| ty.as_ref())),
            Self::Option(ty) => 1 + ty.core_values(),
            Self::Result(sides) => most(&mut [sides.0.as_ref(), sides.1.as_ref()].into_iter()),
            Self::Flags(names) => usize::from(!names.is_empty()),
            _ => 1,
        }
    }

    pub(crate) fn renumber(&self, number: &mut dyn FnMut(&Resource) -> u32) -> Self {
        self.map_resources(&mut |it| Resource { index: number(it), ..it.clone() })
    }

    /// The same type with other resources.
    fn map_resources(&self, map: &mut dyn FnMut(&Resource) -> Resource) -> Self {
        match self {
            Self::Own(resource) => return Self::Own(map(resource)),
            Self::Borrow(resource) => return Self::Borrow(map(resource)),
            _ => {}
        }
        let mut one = |ty: &Arc<Self>| Arc::new(ty.map_resources(map));
        match self {
            Self::List(ty) => Self::List(one(ty)),
            Self::FixedLengthList(ty, n) => Self::FixedLengthList(one(ty), *n),
            Self::Option(ty) => Self::Option(one(ty)),
            Self::Stream(ty) => Self::Stream(ty.as_ref().map(one)),
            Self::Future(ty) => Self::Future(ty.as_ref().map(one)),
            Self::Map(entry) => {
                Self::Map(Arc::new((entry.0.map_resources(map), entry.1.map_resources(map))))
            }
            Self::Record(fields) => Self::Record(
                fields.iter().map(|(name, ty)| (name.clone(), ty.map_resources(map))).collect(),
            ),
            Self::Tuple(types) => {
                Self::Tuple(types.iter().map(|ty| ty.map_resources(map)).collect())
            }
            Self::Variant(cases) => Self::Variant(
                cases
                    .iter()
                    .map(|(name, ty)| (name.clone(), ty.as_ref().map(|ty| ty.map_resources(map))))
                    .collect(),
            ),
            Self::Result(sides) => {
                let mut side = |ty: &Option<Self>| ty.as_ref().map(|ty| ty.map_resources(map));
                Self::Result(Arc::new((side(&sides.0), side(&sides.1))))
            }
            other => other.clone(),
        }
    }
}
