//! [`RemoteExports`]: the exports of a component on another machine, from WIT or from a component.
//!
//! WIT is converted to the same types that a composition uses, with the same limits on their
//! spelled-out size and depth, as the WIT may come from elsewhere. A type that cannot exist outside
//! of a store (a resource) is not an error here: it is kept, and reported if the transport is asked
//! to carry it.

mod spelled;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use wasm_runtime_composer::provider::ProvidedExport;
use wasm_runtime_composer::types::{FunctionType, ValueType};
use wit_parser::decoding::{DecodedWasm, decode};
use wit_parser::{InterfaceId, PackageId, Resolve, WorldId, WorldItem};

use self::spelled::{Export, Strange, Types};
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
