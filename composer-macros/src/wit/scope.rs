//! What of the WIT becomes Rust: a module for each interface and world that is asked for, and for each that their
//! types are of.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{LitStr, Path};
use wit_parser::{
    Function, Handle, InterfaceId, PackageId, Resolve, Type, TypeDefKind, TypeId, TypeOwner,
    WorldId, WorldItem, WorldKey,
};

use super::{Options, Source};
use crate::names;

/// An interface or a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    Interface(InterfaceId),
    World(WorldId),
}

/// What is made of a unit beside its types.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    /// A client, of all functions or of those with the names given.
    pub(crate) client: Option<Selection>,
    /// The trait of a host.
    pub(crate) host: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Selection {
    All,
    /// Names as WIT has them: of functions, or of resources with everything in them.
    Only(BTreeSet<String>),
}

impl Selection {
    fn has(&self, function: &Function) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => {
                let resource =
                    function.name.split_once(']').and_then(|(_, it)| it.split('.').next());
                names.contains(&function.name) || resource.is_some_and(|it| names.contains(it))
            }
        }
    }
}

/// The modules to be made, and where each type is.
pub(crate) struct Scope<'a> {
    pub(crate) krate: &'a TokenStream,
    pub(crate) resolve: &'a Resolve,
    pub(crate) options: &'a Options,
    /// Every unit that something is made of.
    pub(crate) units: BTreeMap<Unit, Wanted>,
    /// The names of interfaces that have one in a world alone, and the world.
    inline: HashMap<InterfaceId, Inline>,
    /// The units that exist in Rust already.
    with_units: BTreeMap<Unit, Path>,
    with_types: HashMap<TypeId, Path>,
    /// The module that the others are in, where they are made or exist.
    root: Option<TokenStream>,
}

impl<'a> Scope<'a> {
    /// Nothing is wanted yet. Names after `with` that the WIT does not have are errors.
    pub(crate) fn new(
        krate: &'a TokenStream,
        source: &'a Source,
        options: &'a Options,
        errors: &mut Vec<syn::Error>,
    ) -> Self {
        let mut scope = Self {
            krate,
            resolve: &source.resolve,
            options,
            units: BTreeMap::new(),
            inline: inline_interfaces(&source.resolve),
            with_units: BTreeMap::new(),
            with_types: HashMap::new(),
            root: options.module.as_ref().map(|path| quote!(#path)),
        };
        for (name, path) in &options.with {
            match scope.find_with(&name.value()) {
                Some(With::Unit(unit)) => {
                    scope.with_units.insert(unit, path.clone());
                }
                Some(With::Type(ty)) => {
                    scope.with_types.insert(ty, path.clone());
                }
                Some(With::Package(units)) => {
                    for unit in units {
                        let module: Vec<_> = scope
                            .module(unit)
                            .iter()
                            .skip(2)
                            .map(|it| format_ident!("{it}"))
                            .collect();
                        let path = syn::parse_quote!(#path::#(#module)::*);
                        scope.with_units.insert(unit, path);
                    }
                }
                None => errors.push(scope.unknown(name, "interface or type")),
            }
        }
        scope
    }

    /// Wraps all modules in one called `name`.
    pub(crate) fn within(&mut self, name: TokenStream) {
        self.root.get_or_insert(name);
    }

    /// Whether the modules are made here, and do not exist elsewhere.
    pub(crate) fn makes_modules(&self) -> bool {
        self.options.module.is_none()
    }

    fn find_with(&self, name: &str) -> Option<With> {
        if let Some(interface) = self.interface(name) {
            return Some(With::Unit(Unit::Interface(interface)));
        }
        let units: Vec<_> = self.units_of_package(name).collect();
        if !units.is_empty() {
            return Some(With::Package(units));
        }
        // As wit-bindgen has it: `acme:kv/types.entry`.
        let name = match name.split_once('@') {
            None => match name.rsplit_once('.') {
                Some((interface, ty)) => format!("{interface}/{ty}"),
                None => name.to_owned(),
            },
            Some((path, rest)) => match rest.rsplit_once('.') {
                Some((version, ty)) if !ty.starts_with(|c: char| c.is_ascii_digit()) => {
                    format!("{path}@{version}/{ty}")
                }
                _ => name.to_owned(),
            },
        };
        let name = name.as_str();
        // A type of a versioned interface: `acme:kv/types/entry@1.0.0`, or `acme:kv/types@1.0.0/entry`.
        let (path, version) = match name.split_once('@') {
            Some((path, rest)) => match rest.split_once('/') {
                Some((version, ty)) => (format!("{path}/{ty}"), Some(version)),
                None => (path.to_owned(), Some(rest)),
            },
            None => (name.to_owned(), None),
        };
        let (interface, ty) = path.rsplit_once('/')?;
        let interface = match version {
            Some(version) => self.interface(&format!("{interface}@{version}")),
            None => self.interface(interface),
        }?;
        self.resolve.interfaces[interface].types.get(ty).copied().map(With::Type)
    }

    /// The interfaces of the package `acme:kv`, or `acme:kv@1.0.0`.
    fn units_of_package(&self, name: &str) -> impl Iterator<Item = Unit> {
        let is_it = move |package: &wit_parser::PackageName| {
            name == package.to_string() || name == format!("{}:{}", package.namespace, package.name)
        };
        let packages = self.resolve.packages.iter().filter(move |(_, it)| is_it(&it.name));
        packages.flat_map(|(_, it)| it.interfaces.values().map(|id| Unit::Interface(*id)))
    }

    /// The interface of that name. Without a version it is the highest there is.
    pub(crate) fn interface(&self, name: &str) -> Option<InterfaceId> {
        let mut found: Option<(Option<_>, InterfaceId)> = None;
        for (id, interface) in self.resolve.interfaces.iter() {
            let Some(full) = self.interface_name(id) else { continue };
            if self.inline.get(&id).is_some_and(|it| it.is_second) {
                continue;
            }
            if full == name {
                return Some(id);
            }
            let package = interface.package.map(|it| &self.resolve.packages[it].name);
            let version = package.and_then(|it| it.version.as_ref());
            let is_it = full.split('@').next() == Some(name) && !name.contains('@');
            if is_it && found.as_ref().is_none_or(|(highest, _)| *highest < version) {
                found = Some((version, id));
            }
        }
        found.map(|(_, id)| id)
    }

    /// The same for a client: of two that a world itself has, it is the one that is exported. Where the world is known,
    /// the interface is the one of that world.
    pub(crate) fn exported_interface(
        &self,
        name: &str,
        world: Option<WorldId>,
    ) -> Option<InterfaceId> {
        let exports = world.iter().flat_map(|world| &self.resolve.worlds[*world].exports);
        let mut own = exports.filter_map(|(key, item)| match (key, item) {
            (WorldKey::Name(own), WorldItem::Interface { id, .. }) if own == name => Some(*id),
            _ => None,
        });
        let second = || {
            let second = self.inline.iter().filter(|(_, it)| it.is_second && it.name == name);
            second.map(|(id, _)| *id).min()
        };
        own.next().or_else(second).or_else(|| self.interface(name))
    }

    /// The name under which components import and export the interface.
    pub(crate) fn interface_name(&self, id: InterfaceId) -> Option<String> {
        match self.inline.get(&id) {
            Some(inline) => Some(inline.name.clone()),
            None => self.resolve.id_of(id),
        }
    }

    /// The error that the WIT has no such interface, with the nearest.
    pub(crate) fn unknown(&self, name: &LitStr, what: &str) -> syn::Error {
        let known: BTreeSet<String> =
            self.resolve.interfaces.iter().filter_map(|(id, _)| self.interface_name(id)).collect();
        let wrong = name.value();
        let bare = |it: &'_ str| it.split('@').next().unwrap_or(it).to_owned();
        let nearest = names::nearest(&wrong, known.iter().map(String::as_str))
            .map(str::to_owned)
            .or_else(|| {
                let wrong = bare(&wrong);
                let bares: Vec<(String, &String)> = known.iter().map(|it| (bare(it), it)).collect();
                let nearest =
                    names::nearest(&wrong, bares.iter().map(|(it, _)| it.as_str()))?.to_owned();
                bares.into_iter().find(|(it, _)| *it == nearest).map(|(_, full)| full.clone())
            });
        let hint = match nearest {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None => {
                let known = known.iter().map(String::as_str);
                names::hint(&wrong, known, str::to_owned, "it has no interfaces")
            }
        };
        syn::Error::new(name.span(), format!("the WIT has no {what} `{wrong}`: {hint}"))
    }

    /// Asks for more of a unit, and for the types of every unit that its own are made of.
    pub(crate) fn want(&mut self, unit: Unit, wanted: Wanted) {
        let entry = self.units.entry(unit).or_default();
        entry.host |= wanted.host;
        if wanted.client.is_some() {
            entry.client = wanted.client;
        }
        let mut reached = Reached { resolve: self.resolve, types: BTreeSet::new() };
        for (_, ty) in self.types(unit) {
            reached.add(ty);
        }
        for (function, _) in self.functions(unit) {
            function
                .params
                .iter()
                .map(|it| &it.ty)
                .chain(&function.result)
                .for_each(|ty| reached.add_type(ty));
        }
        for ty in reached.types {
            if let Some(owner) = self.owner(ty)
                && owner != unit
                && !self.units.contains_key(&owner)
            {
                self.want(owner, Wanted::default());
            }
        }
    }

    pub(crate) fn owner(&self, ty: TypeId) -> Option<Unit> {
        match self.resolve.types[ty].owner {
            TypeOwner::World(world) => Some(Unit::World(world)),
            TypeOwner::Interface(interface) => Some(Unit::Interface(interface)),
            TypeOwner::None => None,
        }
    }

    /// The types of a unit, by their names.
    pub(crate) fn types(&self, unit: Unit) -> Vec<(&'a str, TypeId)> {
        match unit {
            Unit::Interface(id) => self.resolve.interfaces[id]
                .types
                .iter()
                .map(|(name, ty)| (name.as_str(), *ty))
                .collect(),
            Unit::World(id) => {
                let world = &self.resolve.worlds[id];
                let mut seen = BTreeSet::new();
                let types = world.imports.iter().chain(&world.exports).filter_map(|(key, item)| {
                    match (key, item) {
                        (WorldKey::Name(name), WorldItem::Type { id, .. }) => {
                            Some((name.as_str(), *id))
                        }
                        _ => None,
                    }
                });
                types.filter(|(name, _)| seen.insert(*name)).collect()
            }
        }
    }

    /// The functions of a unit; of a world those at the root, each with whether it is exported, and so a client's.
    pub(crate) fn functions(&self, unit: Unit) -> Vec<(&'a Function, Side)> {
        match unit {
            Unit::Interface(id) => {
                self.resolve.interfaces[id].functions.values().map(|it| (it, Side::Both)).collect()
            }
            Unit::World(id) => {
                let world = &self.resolve.worlds[id];
                let of = |item: &'a WorldItem| match item {
                    WorldItem::Function(function) => Some(function),
                    _ => None,
                };
                let imports = world.imports.values().filter_map(of).map(|it| (it, Side::Host));
                let exports = world.exports.values().filter_map(of).map(|it| (it, Side::Client));
                imports.chain(exports).collect()
            }
        }
    }

    /// The functions of a unit's client.
    pub(crate) fn client_functions(&self, unit: Unit, selection: &Selection) -> Vec<&'a Function> {
        let functions = self.functions(unit).into_iter();
        functions
            .filter(|(it, side)| *side != Side::Host && selection.has(it))
            .map(|(it, _)| it)
            .collect()
    }

    /// The functions of a unit's host.
    pub(crate) fn host_functions(&self, unit: Unit) -> Vec<&'a Function> {
        self.functions(unit)
            .into_iter()
            .filter(|(_, side)| *side != Side::Client)
            .map(|(it, _)| it)
            .collect()
    }

    /// Whether the unit exists in Rust already.
    pub(crate) fn is_mapped(&self, unit: Unit) -> bool {
        self.with_units.contains_key(&unit)
    }

    pub(crate) fn is_mapped_type(&self, ty: TypeId) -> bool {
        self.with_types.contains_key(&ty)
    }

    /// The modules that lead to a unit: namespace, package, and its name.
    pub(crate) fn module(&self, unit: Unit) -> Vec<String> {
        let (package, names) = match unit {
            Unit::World(id) => {
                let world = &self.resolve.worlds[id];
                (world.package, vec![world.name.clone()])
            }
            Unit::Interface(id) => match self.inline.get(&id) {
                Some(Inline { world, name, is_second }) => {
                    let world = &self.resolve.worlds[*world];
                    let mut names = vec![world.name.clone()];
                    names.extend(is_second.then(|| "exports".to_owned()));
                    names.push(name.clone());
                    (world.package, names)
                }
                None => {
                    let interface = &self.resolve.interfaces[id];
                    (interface.package, interface.name.iter().cloned().collect())
                }
            },
        };
        let package = package.map(|it| self.package(it)).unwrap_or_default();
        package.into_iter().chain(names.iter().map(|it| names::snake_of_wit(it))).collect()
    }

    /// Several versions of a package are told apart by their versions.
    fn package(&self, id: PackageId) -> Vec<String> {
        let name = &self.resolve.packages[id].name;
        let is_other = |other: &wit_parser::PackageName| {
            other.namespace == name.namespace
                && other.name == name.name
                && other.version != name.version
        };
        let several = self.resolve.packages.iter().any(|(_, it)| is_other(&it.name));
        let mut module = names::snake_of_wit(&name.name);
        if let Some(version) = name.version.as_ref().filter(|_| several) {
            module = module.trim_end_matches('_').to_owned();
            module.extend(
                version
                    .to_string()
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }),
            );
        }
        vec![names::snake_of_wit(&name.namespace), module]
    }

    /// The path of a module from within the module `here`; from the place of the macro, if that is empty.
    pub(crate) fn path(&self, here: &[String], unit: Unit) -> TokenStream {
        if let Some(path) = self.with_units.get(&unit) {
            return quote!(#path);
        }
        let there = self.module(unit);
        let idents =
            |names: &[String]| -> Vec<_> { names.iter().map(|it| format_ident!("{it}")).collect() };
        if here.is_empty() || !self.makes_modules() {
            let (root, there) = (self.root.iter(), idents(&there));
            return quote!(#(#root::)* #(#there)::*);
        }
        let common = here.iter().zip(&there).take_while(|(a, b)| a == b).count();
        let up = (common..here.len()).map(|_| quote!(super));
        let down = idents(&there[common..]).into_iter().map(|it| quote!(#it));
        let steps: Vec<_> = up.chain(down).collect();
        match steps.is_empty() {
            true => quote!(self),
            false => quote!(#(#steps)::*),
        }
    }

    /// The path of a type that has a name.
    pub(crate) fn type_path(&self, here: &[String], ty: TypeId) -> TokenStream {
        if let Some(path) = self.with_types.get(&ty) {
            return quote!(#path);
        }
        let name = self.type_ident(ty);
        match self.owner(ty) {
            Some(unit) => {
                let module = self.path(here, unit);
                quote!(#module::#name)
            }
            None => quote!(#name),
        }
    }

    pub(crate) fn type_ident(&self, ty: TypeId) -> proc_macro2::Ident {
        let name = self.resolve.types[ty].name.as_deref().unwrap_or_default();
        type_ident(name)
    }

    /// The type that a name stands for, after all `use`s.
    pub(crate) fn target(&self, mut ty: TypeId) -> TypeId {
        while let TypeDefKind::Type(Type::Id(next)) = self.resolve.types[ty].kind {
            if self.with_types.contains_key(&ty) {
                break;
            }
            ty = next;
        }
        ty
    }
}

/// The name of a type in Rust. What is made of an interface beside its types has its names first.
pub(crate) fn type_ident(name: &str) -> proc_macro2::Ident {
    let mut camel = names::camel_of_wit(name);
    if ["Client", "Host", "Self"].contains(&camel.as_str()) {
        camel.push('_');
    }
    proc_macro2::Ident::new(&camel, Span::call_site())
}

enum With {
    /// A whole package, of which each interface is a module.
    Package(Vec<Unit>),
    Unit(Unit),
    Type(TypeId),
}

/// Who has a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Both,
    Client,
    Host,
}

/// An interface that is written in a world.
struct Inline {
    world: WorldId,
    name: String,
    /// Whether the world exports it, and imports another of that name.
    is_second: bool,
}

fn inline_interfaces(resolve: &Resolve) -> HashMap<InterfaceId, Inline> {
    let mut inline: HashMap<InterfaceId, Inline> = HashMap::new();
    for (world, it) in resolve.worlds.iter() {
        let imports = it.imports.iter().map(|item| (item, false));
        let exports = it.exports.iter().map(|item| (item, true));
        for ((key, item), is_export) in imports.chain(exports) {
            if let (WorldKey::Name(name), WorldItem::Interface { id, .. }) = (key, item)
                && resolve.interfaces[*id].name.is_none()
            {
                let is_second = is_export && it.imports.contains_key(key);
                let name = name.clone();
                inline.entry(*id).or_insert(Inline { world, name, is_second });
            }
        }
    }
    inline
}

/// The types that a type is made of.
struct Reached<'a> {
    resolve: &'a Resolve,
    types: BTreeSet<TypeId>,
}

impl Reached<'_> {
    fn add_type(&mut self, ty: &Type) {
        if let Type::Id(id) = ty {
            self.add(*id);
        }
    }

    fn add(&mut self, id: TypeId) {
        if !self.types.insert(id) {
            return;
        }
        for part in parts(self.resolve, id) {
            self.add_type(&part);
        }
        if let TypeDefKind::Handle(Handle::Own(resource) | Handle::Borrow(resource)) =
            self.resolve.types[id].kind
        {
            self.add(resource);
        }
    }
}

/// The types that a type has in it, without resources.
pub(crate) fn parts(resolve: &Resolve, id: TypeId) -> Vec<Type> {
    match &resolve.types[id].kind {
        TypeDefKind::Record(record) => record.fields.iter().map(|it| it.ty).collect(),
        TypeDefKind::Tuple(tuple) => tuple.types.clone(),
        TypeDefKind::Variant(variant) => variant.cases.iter().filter_map(|it| it.ty).collect(),
        TypeDefKind::Option(ty)
        | TypeDefKind::List(ty)
        | TypeDefKind::FixedLengthList(ty, _)
        | TypeDefKind::Type(ty) => vec![*ty],
        TypeDefKind::Map(key, value) => vec![*key, *value],
        TypeDefKind::Result(result) => result.ok.into_iter().chain(result.err).collect(),
        TypeDefKind::Future(ty) | TypeDefKind::Stream(ty) => ty.iter().copied().collect(),
        TypeDefKind::Resource
        | TypeDefKind::Handle(_)
        | TypeDefKind::Flags(_)
        | TypeDefKind::Enum(_)
        | TypeDefKind::Unknown => Vec::new(),
    }
}
