//! [`RemoteExports`]: the exports of a component on another machine, from WIT or from a component.
//!
//! WIT is converted to the same types that a composition uses, with the same limits on their
//! spelled-out size and depth, as the WIT may come from elsewhere. A type that cannot exist outside
//! of a store (a resource) is not an error here: it is kept, and reported if the transport is asked
//! to carry it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use wasm_runtime_composer::provider::ProvidedExport;
use wasm_runtime_composer::types::{FunctionType, ValueType};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{
    Function, Handle, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId, WorldId,
    WorldItem,
};

use crate::error::{TypesError, UncarriedFunction};

/// The exports of a component on another machine, with the types of their functions.
///
/// They come from WIT, or from a component file with the same exports, which is not executed.
///
/// # Examples
///
/// ```
/// use wasm_runtime_composer_remote::RemoteExports;
///
/// # fn main() -> Result<(), wasm_runtime_composer_remote::TypesError> {
/// let exports = RemoteExports::from_wit(
///     "package acme:kv@1.0.0;
///     interface store {
///         get: func(key: string) -> option<list<u8>>;
///         set: func(key: string, value: list<u8>);
///     }",
/// )?;
/// assert_eq!(exports.names().collect::<Vec<_>>(), ["acme:kv/store@1.0.0"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RemoteExports {
    exports: Vec<Export>,
}

#[derive(Clone, Debug)]
struct Export {
    name: String,
    is_interface: bool,
    functions: Vec<(String, Result<FunctionType, Strange>)>,
}

/// A type whose values cannot exist outside of a store.
#[derive(Clone, Debug)]
struct Strange {
    place: String,
    ty: String,
}

/// A function of some exports.
#[derive(Clone, Debug)]
pub(crate) struct RemoteFunction {
    /// The interface; `None` for a function of the world.
    pub(crate) interface: Option<String>,
    pub(crate) name: String,
    pub(crate) ty: Arc<FunctionType>,
    /// A hash of the type, computed at first use, as a type can be large.
    #[cfg(feature = "nats")]
    pub(crate) type_hash: std::sync::OnceLock<u64>,
}

impl RemoteFunction {
    /// The name as errors show it.
    pub(crate) fn full_name(&self) -> String {
        full_name(self.interface.as_deref(), &self.name)
    }
}

/// The full name of a function: `interface#function`, or its name in the world.
pub(crate) fn full_name(interface: Option<&str>, function: &str) -> String {
    match interface {
        Some(interface) => format!("{interface}#{function}"),
        None => function.to_owned(),
    }
}

impl RemoteExports {
    /// The exports of the world in a WIT text. Without a world, all of its interfaces.
    ///
    /// # Errors
    ///
    /// [`TypesError::Parse`] if the text is not valid WIT, [`TypesError::Select`] if there are
    /// several worlds, [`TypesError::Empty`] if there are no functions, [`TypesError::TooLarge`] if
    /// their types are larger than a composition accepts.
    pub fn from_wit(text: &str) -> Result<Self, TypesError> {
        Self::from_wit_of(text, None)
    }

    /// The exports of the world called `world` in a WIT text, or the functions of an interface of
    /// that name.
    ///
    /// # Errors
    ///
    /// As [`from_wit`](Self::from_wit), and [`TypesError::Select`] if there is neither a world nor
    /// an interface of that name.
    pub fn from_wit_in(text: &str, world: &str) -> Result<Self, TypesError> {
        Self::from_wit_of(text, Some(world))
    }

    fn from_wit_of(text: &str, world: Option<&str>) -> Result<Self, TypesError> {
        let what = "the WIT text";
        let mut resolve = Resolve::default();
        let package = resolve.push_str("text.wit", text);
        let package = package.map_err(|error| parse(what, resolve.render_error(&error)))?;
        select(&resolve, package, world, what)
    }

    /// The exports of a world in a WIT file, or in a folder with a WIT package and its `deps`.
    /// `world` chooses among several worlds. If there is no world, these are the functions of the
    /// interface called `world`, or of all interfaces.
    ///
    /// # Errors
    ///
    /// [`TypesError::Read`] if the file cannot be read, otherwise as
    /// [`from_wit_in`](Self::from_wit_in).
    pub fn from_wit_path(path: impl AsRef<Path>, world: Option<&str>) -> Result<Self, TypesError> {
        let path = path.as_ref();
        let what = format!("`{}`", path.display());
        // So that a file which cannot be read is not reported as invalid WIT.
        fs::metadata(path).map_err(|source| TypesError::Read { path: path.to_owned(), source })?;
        let mut resolve = Resolve::default();
        let package = resolve.push_path(path).map(|(package, _)| package);
        let package = package.map_err(|error| parse(&what, resolve.render_error(&error)))?;
        select(&resolve, package, world, &what)
    }

    /// The exports of a component, given as bytes.
    ///
    /// # Errors
    ///
    /// [`TypesError::Parse`] if the bytes are not a component, [`TypesError::Empty`] if it exports
    /// no functions, [`TypesError::TooLarge`] if their types are larger than a composition accepts.
    pub fn from_component(bytes: &[u8]) -> Result<Self, TypesError> {
        component(bytes, "the component")
    }

    /// The exports of a component file.
    ///
    /// # Errors
    ///
    /// [`TypesError::Read`] if the file cannot be read, otherwise as
    /// [`from_component`](Self::from_component).
    pub fn from_component_path(path: impl AsRef<Path>) -> Result<Self, TypesError> {
        let path = path.as_ref();
        let bytes =
            fs::read(path).map_err(|source| TypesError::Read { path: path.to_owned(), source })?;
        component(&bytes, &format!("`{}`", path.display()))
    }

    /// Keeps only the exports `names`: functions of the world, and interfaces with their versions.
    ///
    /// # Errors
    ///
    /// [`TypesError::Select`] if there is no export of one of these names.
    pub fn only(mut self, names: &[&str]) -> Result<Self, TypesError> {
        let known: Vec<_> = self.names().map(str::to_owned).collect();
        if let Some(missing) = names.iter().find(|name| !known.iter().any(|known| known == *name)) {
            let (what, wanted) = ("the world".to_owned(), format!("export `{missing}`"));
            return Err(TypesError::Select { what, wanted, known });
        }
        self.exports.retain(|export| names.contains(&&*export.name));
        Ok(self)
    }

    /// The names of the exports: functions of the world, and interfaces with their versions.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.exports.iter().map(|export| &*export.name)
    }

    /// The exports in the form that a composition takes, with their functions in the same order;
    /// otherwise the functions that the transport cannot carry.
    pub(crate) fn provided(
        &self,
        transport: &'static str,
        carries: &dyn Fn(&ValueType) -> bool,
    ) -> Result<(Vec<ProvidedExport>, Vec<RemoteFunction>), Vec<UncarriedFunction>> {
        let (mut functions, mut uncarried) = (Vec::new(), Vec::new());
        let mut exports = Vec::new();
        for export in &self.exports {
            let interface = export.is_interface.then(|| export.name.clone());
            let mut funcs = Vec::new();
            for (name, ty) in &export.functions {
                let full = || full_name(interface.as_deref(), name);
                let ty = match ty {
                    Ok(ty) => ty,
                    Err(Strange { place, ty }) => {
                        let (place, ty) = (place.clone(), ty.clone());
                        uncarried.push(UncarriedFunction {
                            function: full(),
                            place,
                            ty,
                            transport,
                        });
                        continue;
                    }
                };
                if let Some((place, ty)) = uncarried_type(ty, carries) {
                    uncarried.push(UncarriedFunction { function: full(), place, ty, transport });
                    continue;
                }
                funcs.push((name.clone(), ty.clone()));
                let (interface, ty) = (interface.clone(), Arc::new(ty.clone()));
                functions.push(RemoteFunction {
                    interface,
                    name: name.clone(),
                    ty,
                    #[cfg(feature = "nats")]
                    type_hash: Default::default(),
                });
            }
            match interface {
                Some(name) => exports.push(ProvidedExport::Interface { name, funcs }),
                None => exports
                    .extend(funcs.into_iter().map(|(name, ty)| ProvidedExport::Func { name, ty })),
            }
        }
        if uncarried.is_empty() { Ok((exports, functions)) } else { Err(uncarried) }
    }
}

/// The first type in a function's type that is not carried, and the parameter or result that it is
/// in.
pub(crate) fn uncarried_type(
    ty: &FunctionType,
    carries: &dyn Fn(&ValueType) -> bool,
) -> Option<(String, String)> {
    let params = ty.params().map(|(name, ty)| (format!("parameter `{name}`"), ty));
    let result = ty.result().map(|ty| ("result".to_owned(), ty));
    params.chain(result).find_map(|(place, ty)| {
        find(ty, &|ty| !carries(ty)).map(|found| (place, found.to_string()))
    })
}

/// The first type, including `ty` itself, for which `pick` holds.
pub(crate) fn find<'t>(
    ty: &'t ValueType,
    pick: &dyn Fn(&ValueType) -> bool,
) -> Option<&'t ValueType> {
    if pick(ty) {
        return Some(ty);
    }
    let inside = |ty: &'t ValueType| find(ty, pick);
    match ty {
        ValueType::List(ty) | ValueType::FixedLengthList(ty, _) | ValueType::Option(ty) => {
            inside(ty)
        }
        ValueType::Map(types) => inside(&types.0).or_else(|| inside(&types.1)),
        ValueType::Record(fields) => fields.iter().find_map(|(_, ty)| inside(ty)),
        ValueType::Tuple(types) => types.iter().find_map(inside),
        ValueType::Variant(cases) => cases.iter().find_map(|(_, ty)| ty.as_ref().and_then(inside)),
        ValueType::Result(sides) => sides.0.iter().chain(&sides.1).find_map(inside),
        ValueType::Stream(Some(ty)) | ValueType::Future(Some(ty)) => inside(ty),
        _ => None,
    }
}

/// Whether values of a type contain no handles.
pub(crate) fn is_plain(ty: &ValueType) -> bool {
    find(ty, &|ty| !is_plain_itself(ty)).is_none()
}

fn is_plain_itself(ty: &ValueType) -> bool {
    !matches!(
        ty,
        ValueType::Own(_)
            | ValueType::Borrow(_)
            | ValueType::Stream(_)
            | ValueType::Future(_)
            | ValueType::ErrorContext
    )
}

/// Carries values without handles only: for transports without a connection for each call.
#[cfg(feature = "nats")]
pub(crate) fn carries_values(ty: &ValueType) -> bool {
    is_plain_itself(ty)
}

/// Carries values without handles, and streams and futures of those.
#[cfg(feature = "wrpc")]
pub(crate) fn carries_flows(ty: &ValueType) -> bool {
    match ty {
        ValueType::Stream(payload) | ValueType::Future(payload) => {
            payload.as_deref().is_none_or(is_plain)
        }
        ty => is_plain_itself(ty),
    }
}

fn component(bytes: &[u8], what: &str) -> Result<RemoteExports, TypesError> {
    match decode(bytes) {
        Ok(DecodedWasm::Component(resolve, world)) => of_world(&resolve, world, what),
        Ok(DecodedWasm::WitPackage(resolve, package)) => select(&resolve, package, None, what),
        Err(error) => Err(parse(what, format!("{error:#}"))),
    }
}

fn parse(what: &str, problem: String) -> TypesError {
    TypesError::Parse { what: what.to_owned(), problem }
}

/// The exports of a world, or of interfaces, in a package.
fn select(
    resolve: &Resolve,
    package: PackageId,
    wanted: Option<&str>,
    what: &str,
) -> Result<RemoteExports, TypesError> {
    let found = &resolve.packages[package];
    if found.worlds.is_empty() && wanted.is_none() {
        return of_interfaces(resolve, found.interfaces.values().copied(), what);
    }
    if let Some(wanted) = wanted
        && let Some(interface) = interface(resolve, package, wanted)
    {
        return of_interfaces(resolve, [interface], what);
    }
    match resolve.select_world(&[package], wanted) {
        Ok(world) => of_world(resolve, world, what),
        Err(_) => {
            let wanted = match wanted {
                Some(name) => format!("world or interface `{name}`"),
                None => "single world".to_owned(),
            };
            let known = found.worlds.keys().chain(found.interfaces.keys()).cloned().collect();
            Err(TypesError::Select { what: what.to_owned(), wanted, known })
        }
    }
}

/// The interface with a name, given alone or with the package.
fn interface(resolve: &Resolve, package: PackageId, name: &str) -> Option<InterfaceId> {
    let mut interfaces = resolve.packages[package].interfaces.iter();
    interfaces
        .find(|(short, id)| *short == name || resolve.id_of(**id).as_deref() == Some(name))
        .map(|(_, id)| *id)
}

fn of_interfaces(
    resolve: &Resolve,
    interfaces: impl IntoIterator<Item = InterfaceId>,
    what: &str,
) -> Result<RemoteExports, TypesError> {
    let mut types = Types::new(resolve, what);
    let mut exports = Vec::new();
    for id in interfaces {
        if let Some(name) = resolve.id_of(id) {
            exports.extend(types.interface(name, id)?);
        }
    }
    non_empty(exports, what)
}

fn of_world(resolve: &Resolve, world: WorldId, what: &str) -> Result<RemoteExports, TypesError> {
    let mut types = Types::new(resolve, what);
    let mut exports = Vec::new();
    for (key, item) in &resolve.worlds[world].exports {
        match item {
            WorldItem::Interface { id, .. } => {
                exports.extend(types.interface(resolve.name_world_key(key), *id)?);
            }
            WorldItem::Function(function) => {
                let functions = vec![(function.name.clone(), types.function(function)?)];
                exports.push(Export {
                    name: function.name.clone(),
                    is_interface: false,
                    functions,
                });
            }
            WorldItem::Type { .. } => {}
        }
    }
    non_empty(exports, what)
}

fn non_empty(exports: Vec<Export>, what: &str) -> Result<RemoteExports, TypesError> {
    if exports.is_empty() {
        return Err(TypesError::Empty { what: what.to_owned() });
    }
    Ok(RemoteExports { exports })
}

/// The most types and names of all functions together, with every use spelled out; the same as a
/// composition accepts of a component. Types written by people have some thousands.
const MOST_SPELLED_OUT: usize = 1 << 22;

/// The deepest nesting of types; the same as for components.
const MOST_LEVELS: usize = 100;

/// Each so many bytes of a name count as one more name.
const NAME_BYTES: usize = 64;

/// Why a WIT type cannot be the type of a value here.
#[derive(Clone)]
enum TypeProblem {
    /// The name of a type in it whose values cannot exist outside of a store.
    Strange(String),
    /// It is too large or too deep.
    TooLarge(&'static str),
}

/// A type that has been converted, kept because even a small text can use it very often.
#[derive(Clone)]
struct Met {
    ty: ValueType,
    /// Its size in types and names, spelled out.
    spelled_out: usize,
    /// Its depth in levels of types.
    levels: usize,
}

/// Converts types from WIT.
struct Types<'a> {
    resolve: &'a Resolve,
    what: &'a str,
    met: HashMap<TypeId, Result<Met, TypeProblem>>,
    /// The number of types and names so far.
    spelled_out: usize,
}

impl<'a> Types<'a> {
    fn new(resolve: &'a Resolve, what: &'a str) -> Self {
        Self { resolve, what, met: HashMap::new(), spelled_out: 0 }
    }

    /// Converts an interface. `None` if it has only types, as it then needs no provider.
    fn interface(&mut self, name: String, id: InterfaceId) -> Result<Option<Export>, TypesError> {
        let functions = &self.resolve.interfaces[id].functions;
        let functions = functions
            .values()
            .map(|function| Ok((function.name.clone(), self.function(function)?)))
            .collect::<Result<Vec<_>, TypesError>>()?;
        Ok((!functions.is_empty()).then_some(Export { name, is_interface: true, functions }))
    }

    fn function(
        &mut self,
        function: &Function,
    ) -> Result<Result<FunctionType, Strange>, TypesError> {
        let mut params = Vec::new();
        for param in &function.params {
            match self.value(&param.ty, || format!("parameter `{}`", param.name))? {
                Ok(ty) => params.push((param.name.clone(), ty)),
                Err(strange) => return Ok(Err(strange)),
            }
        }
        let result = match &function.result {
            None => None,
            Some(ty) => match self.value(ty, || "result".to_owned())? {
                Ok(ty) => Some(ty),
                Err(strange) => return Ok(Err(strange)),
            },
        };
        Ok(Ok(FunctionType::new(function.kind.is_async(), params, result)))
    }

    /// Converts the type of a parameter or a result.
    fn value(
        &mut self,
        ty: &Type,
        place: impl FnOnce() -> String,
    ) -> Result<Result<ValueType, Strange>, TypesError> {
        let problem = match self.met(ty, 0) {
            Ok(met) => {
                self.spelled_out = self.spelled_out.saturating_add(met.spelled_out);
                if self.spelled_out <= MOST_SPELLED_OUT {
                    return Ok(Ok(met.ty));
                }
                LARGE
            }
            Err(TypeProblem::Strange(ty)) => return Ok(Err(Strange { place: place(), ty })),
            Err(TypeProblem::TooLarge(problem)) => problem,
        };
        Err(TypesError::TooLarge { what: self.what.to_owned(), problem: problem.to_owned() })
    }

    /// Converts a type that is inside `above` others.
    fn met(&mut self, ty: &Type, above: usize) -> Result<Met, TypeProblem> {
        let ty = match ty {
            Type::Bool => ValueType::Bool,
            Type::U8 => ValueType::U8,
            Type::U16 => ValueType::U16,
            Type::U32 => ValueType::U32,
            Type::U64 => ValueType::U64,
            Type::S8 => ValueType::S8,
            Type::S16 => ValueType::S16,
            Type::S32 => ValueType::S32,
            Type::S64 => ValueType::S64,
            Type::F32 => ValueType::F32,
            Type::F64 => ValueType::F64,
            Type::Char => ValueType::Char,
            Type::String => ValueType::String,
            Type::ErrorContext => ValueType::ErrorContext,
            Type::Id(id) => return self.known(*id, above),
        };
        Ok(Met { ty, spelled_out: 1, levels: 1 })
    }

    fn known(&mut self, id: TypeId, above: usize) -> Result<Met, TypeProblem> {
        if let Some(met) = self.met.get(&id) {
            let is_too_deep = |met: &Met| above.saturating_add(met.levels) > MOST_LEVELS;
            return match met {
                Ok(met) if is_too_deep(met) => Err(TypeProblem::TooLarge(DEEP)),
                met => met.clone(),
            };
        }
        // Aliases count as levels too, so that long chains of them are not followed.
        if above >= MOST_LEVELS {
            return Err(TypeProblem::TooLarge(DEEP));
        }
        let mut inside = Inside { types: self, above: above + 1, spelled_out: 1, levels: 0 };
        let ty = inside.defined(id);
        let Inside { spelled_out, levels, .. } = inside;
        let met = match ty {
            Ok(_) if spelled_out > MOST_SPELLED_OUT => Err(TypeProblem::TooLarge(LARGE)),
            ty => ty.map(|ty| Met { ty, spelled_out, levels: levels + 1 }),
        };
        self.met.insert(id, met.clone());
        met
    }
}

const LARGE: &str = "with every use spelled out, they are more than 4194304";
const DEEP: &str = "some are nested in more than 100 levels";

/// A type whose parts are being converted.
struct Inside<'t, 'a> {
    types: &'t mut Types<'a>,
    /// How many types are around its parts.
    above: usize,
    spelled_out: usize,
    levels: usize,
}

impl Inside<'_, '_> {
    fn one(&mut self, ty: &Type) -> Result<ValueType, TypeProblem> {
        let met = self.types.met(ty, self.above)?;
        self.spelled_out = self.spelled_out.saturating_add(met.spelled_out);
        self.levels = self.levels.max(met.levels);
        Ok(met.ty)
    }

    fn shared(&mut self, ty: &Type) -> Result<Arc<ValueType>, TypeProblem> {
        self.one(ty).map(Arc::new)
    }

    fn optional(&mut self, ty: &Option<Type>) -> Result<Option<ValueType>, TypeProblem> {
        ty.as_ref().map(|ty| self.one(ty)).transpose()
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        self.spelled_out = self.spelled_out.saturating_add(1 + name.len() / NAME_BYTES);
        Arc::from(name)
    }

    fn defined(&mut self, id: TypeId) -> Result<ValueType, TypeProblem> {
        let resolve = self.types.resolve;
        let resource = |id: TypeId| {
            let name = resolve.types[id].name.clone();
            name.unwrap_or_else(|| "resource".to_owned())
        };
        Ok(match &resolve.types[id].kind {
            TypeDefKind::Type(ty) => self.one(ty)?,
            TypeDefKind::Record(record) => {
                let fields = record.fields.iter();
                let fields: Result<Arc<[_]>, TypeProblem> = fields
                    .map(|field| Ok((self.name(&field.name), self.one(&field.ty)?)))
                    .collect();
                ValueType::Record(fields?)
            }
            TypeDefKind::Tuple(tuple) => {
                let types: Result<Arc<[_]>, TypeProblem> =
                    tuple.types.iter().map(|ty| self.one(ty)).collect();
                ValueType::Tuple(types?)
            }
            TypeDefKind::Variant(variant) => {
                let cases = variant.cases.iter();
                let cases: Result<Arc<[_]>, TypeProblem> = cases
                    .map(|case| Ok((self.name(&case.name), self.optional(&case.ty)?)))
                    .collect();
                ValueType::Variant(cases?)
            }
            TypeDefKind::Enum(cases) => {
                ValueType::Enum(cases.cases.iter().map(|case| self.name(&case.name)).collect())
            }
            TypeDefKind::Flags(flags) => {
                ValueType::Flags(flags.flags.iter().map(|flag| self.name(&flag.name)).collect())
            }
            TypeDefKind::Option(ty) => ValueType::Option(self.shared(ty)?),
            TypeDefKind::Result(sides) => {
                let sides = (self.optional(&sides.ok)?, self.optional(&sides.err)?);
                ValueType::Result(Arc::new(sides))
            }
            TypeDefKind::List(ty) => ValueType::List(self.shared(ty)?),
            TypeDefKind::FixedLengthList(ty, length) => {
                ValueType::FixedLengthList(self.shared(ty)?, *length)
            }
            TypeDefKind::Map(key, value) => {
                ValueType::Map(Arc::new((self.one(key)?, self.one(value)?)))
            }
            TypeDefKind::Stream(payload) => {
                ValueType::Stream(self.optional(payload)?.map(Arc::new))
            }
            TypeDefKind::Future(payload) => {
                ValueType::Future(self.optional(payload)?.map(Arc::new))
            }
            TypeDefKind::Handle(Handle::Own(id)) => {
                return Err(TypeProblem::Strange(resource(*id)));
            }
            TypeDefKind::Handle(Handle::Borrow(id)) => {
                return Err(TypeProblem::Strange(format!("borrow<{}>", resource(*id))));
            }
            kind @ (TypeDefKind::Resource | TypeDefKind::Unknown) => {
                return Err(TypeProblem::Strange(kind.as_str().to_owned()));
            }
        })
    }
}
