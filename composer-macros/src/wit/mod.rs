//! Rust from WIT: `wit!`, and what `compose!` makes of its statement `wit`.
//!
//! `options` are as they were written; `source` reads what they name; `scope` knows what of it is wanted, which module
//! each interface becomes and how modules name each other; `types`, `client` and `host` print.

mod client;
mod host;
mod options;
mod scope;
mod source;
mod types;

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::parse::{ParseStream, Parser};
use syn::{Attribute, Ident, LitStr, Type};
use wit_parser::{Function, WorldId, WorldItem};

pub(crate) use options::Options;
pub(crate) use scope::{Scope, Selection, Unit, Wanted};
pub(crate) use source::Source;

use crate::ast::{self, Export};
use crate::names;

/// `wit!`: takes the path of the runtime crate in braces, then the options.
pub(crate) fn wit(input: TokenStream) -> TokenStream {
    let parse = |input: ParseStream<'_>| {
        let content;
        syn::braced!(content in input);
        let krate: TokenStream = content.parse()?;
        let options = input.parse::<Options>()?;
        if let Some(module) = &options.module {
            return Err(syn::Error::new_spanned(
                module,
                "`module` is for `compose!`, which then uses the modules that `wit!` has made",
            ));
        }
        Ok((krate, options))
    };
    let made = parse
        .parse2(input)
        .and_then(|(krate, options)| Ok((Source::read(&options)?, krate, options)));
    let (source, krate, options) = match made {
        Ok(made) => made,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Vec::new();
    let mut scope = Scope::new(&krate, &source, &options, &mut errors);
    scope.choose(&source, &mut errors);
    let items = scope.items(&source);
    let errors = errors.iter().map(syn::Error::to_compile_error);
    quote!(#(#errors)* #items)
}

/// A function of a world, for an accessor.
pub(crate) struct Signature {
    pub(crate) unit: Unit,
    pub(crate) export: String,
    pub(crate) is_async: bool,
    pub(crate) params: Vec<(Ident, Type)>,
    pub(crate) output: Option<Type>,
    pub(crate) docs: Vec<Attribute>,
}

impl Scope<'_> {
    /// The function `name` that a world exports, or `world`, without its types: these are written when all modules are
    /// known.
    pub(crate) fn root_function(
        &self,
        world: Option<WorldId>,
        name: &str,
        at: &Ident,
    ) -> syn::Result<Signature> {
        let mut known = BTreeSet::new();
        let mut found: Vec<(Unit, &Function)> = Vec::new();
        for (id, _) in self.resolve.worlds.iter().filter(|(id, _)| world.is_none_or(|it| it == *id))
        {
            let unit = Unit::World(id);
            for function in self.client_functions(unit, &Selection::All) {
                match function.name == name {
                    true => found.push((unit, function)),
                    false => _ = known.insert(function.name.as_str()),
                }
            }
        }
        let error = |message: String| Err(syn::Error::new_spanned(at, message));
        let Some(first) = found.first() else {
            let known = known.iter().copied();
            let hint = names::hint(name, known, |it| it.replace('-', "_"), "there is none");
            return error(format!("no world of the WIT exports a function `{name}`: {hint}"));
        };
        let types = |(unit, function): &(Unit, &Function)| {
            let here = self.module(*unit);
            let types = function.params.iter().map(|it| &it.ty).chain(&function.result);
            let types: Vec<_> =
                types.map(|ty| self.ty(&here, ty, types::Style::RESULT).to_string()).collect();
            (client::is_async(function), types)
        };
        let (unit, function) = first;
        if let Some(other) = found.iter().find(|other| types(other) != types(first)) {
            let name_of = |unit: Unit| self.unit_name(unit);
            return error(format!(
                "`{name}` has one type in the world `{}` and another in `{}`: choose one, \
                 `wit {{ path: \"..\", world: \"..\" }}`",
                name_of(*unit),
                name_of(other.0)
            ));
        }
        let mut types = function.params.iter().map(|it| &it.ty).chain(&function.result);
        if let Some(what) = types.find_map(|ty| self.untyped(ty)) {
            return error(format!("`{name}` has {what}, for which there is no Rust type"));
        }
        Ok(Signature {
            unit: *unit,
            export: name.to_owned(),
            is_async: client::is_async(function),
            params: Vec::new(),
            output: None,
            docs: Vec::new(),
        })
    }

    /// What a world exports, as if each had been written: interfaces and functions under their own names. `name` is how
    /// the world was called, where mistakes are shown.
    pub(crate) fn exports(&self, world: WorldId, name: &LitStr, cfgs: &[Attribute]) -> Vec<Export> {
        let ident = |wit: &str| Ident::new(&names::snake_of_wit(wit), name.span());
        let exports = self.resolve.worlds[world].exports.values().filter_map(|item| match item {
            WorldItem::Interface { id, .. } => {
                let functions = self.client_functions(Unit::Interface(*id), &Selection::All);
                let full = self.interface_name(*id).filter(|_| !functions.is_empty())?;
                let own = self.resolve.interfaces[*id].name.as_deref().unwrap_or(&full);
                Some(Export::Client(ast::Client {
                    attrs: cfgs.to_vec(),
                    name: ident(own),
                    interface: LitStr::new(&full, name.span()),
                    only: None,
                    world: Some(name.clone()),
                }))
            }
            WorldItem::Function(function) => Some(Export::Named(ast::Named {
                attrs: cfgs.to_vec(),
                name: ident(&function.name),
                export: Some(LitStr::new(&function.name, name.span())),
                world: Some(name.clone()),
            })),
            WorldItem::Type { .. } => None,
        });
        exports.collect()
    }

    /// Writes the types of a function.
    pub(crate) fn complete(&self, signature: &mut Signature) {
        let functions = self.client_functions(signature.unit, &Selection::All);
        let Some(function) = functions.into_iter().find(|it| it.name == signature.export) else {
            return;
        };
        let params = function.params.iter().map(|param| {
            let ty = self.ty(&[], &param.ty, types::Style::PARAM);
            (names::ident_of_wit(&param.name), Type::Verbatim(ty))
        });
        signature.params = params.collect();
        signature.output = function
            .result
            .as_ref()
            .map(|ty| Type::Verbatim(self.ty(&[], ty, types::Style::RESULT)));
        let docs = types::docs(&function.docs);
        signature.docs = Attribute::parse_outer.parse2(docs).unwrap_or_default();
    }

    /// The names of functions and resources among which an export may choose.
    pub(crate) fn selectable(&self, unit: Unit) -> Vec<String> {
        let functions = self.client_functions(unit, &Selection::All).into_iter();
        let mut names: Vec<String> = functions
            .map(|function| match client::resource_of(function) {
                Some(resource) => self.resolve.types[resource].name.clone().unwrap_or_default(),
                None => function.name.clone(),
            })
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Wants what the options of `wit!` name: everything, unless they name a world or interfaces.
    fn choose(&mut self, source: &Source, errors: &mut Vec<syn::Error>) {
        let mut units = BTreeSet::new();
        for name in &self.options.interfaces {
            match self.interface(&name.value()) {
                Some(id) => {
                    units.insert(Unit::Interface(id));
                }
                None => errors.push(self.unknown(name, "interface")),
            }
        }
        let mut worlds = BTreeSet::new();
        if let Some(name) = &self.options.world {
            match self.world(source, name) {
                Ok(world) => {
                    worlds.insert(world);
                }
                Err(error) => errors.push(error),
            }
        } else if self.options.interfaces.is_empty() {
            worlds.extend(&source.worlds);
            for package in &source.packages {
                let package = &self.resolve.packages[*package];
                units.extend(package.interfaces.values().map(|it| Unit::Interface(*it)));
                worlds.extend(package.worlds.values());
            }
        }
        for world in worlds {
            let it = &self.resolve.worlds[world];
            units.insert(Unit::World(world));
            for item in it.imports.values().chain(it.exports.values()) {
                if let WorldItem::Interface { id, .. } = item {
                    units.insert(Unit::Interface(*id));
                }
            }
        }
        for unit in units {
            if self.is_mapped(unit) {
                continue;
            }
            let wanted =
                Wanted { client: Some(Selection::All), host: self.host_problem(unit).is_none() };
            self.want(unit, wanted);
            if let Some(problem) = self.client_problem(unit, &Selection::All) {
                let asked = self.options.world.as_ref().or_else(|| self.options.interfaces.first());
                let span = asked.map_or_else(|| self.options.place(), LitStr::span);
                errors.push(syn::Error::new(span, problem));
                self.units.entry(unit).or_default().client = None;
            }
        }
    }

    /// Why the unit cannot be called from Rust.
    pub(crate) fn client_problem(&self, unit: Unit, selection: &Selection) -> Option<String> {
        self.client_functions(unit, selection).into_iter().find_map(|function| {
            let mut types = function.params.iter().map(|it| &it.ty).chain(&function.result);
            let what = types.find_map(|ty| self.untyped(ty))?;
            let interface = match unit {
                Unit::Interface(id) => self.interface_name(id).map(|it| format!(" of `{it}`")),
                Unit::World(_) => None,
            };
            let (name, interface) = (&function.name, interface.unwrap_or_default());
            Some(format!("`{name}`{interface} has {what}, for which there is no Rust type"))
        })
    }

    /// The world of that name: `app`, or `acme:shop/app@1.0.0`.
    pub(crate) fn world(&self, source: &Source, name: &LitStr) -> syn::Result<WorldId> {
        let wanted = name.value();
        let mut known = Vec::new();
        for (id, world) in self.resolve.worlds.iter() {
            let full = world.package.map(|it| self.resolve.id_of_name(it, &world.name));
            let is_main = world.package.is_some_and(|it| source.packages.contains(&it));
            let is_it = full.as_ref() == Some(&wanted)
                || full.as_ref().and_then(|it| it.split('@').next()) == Some(&wanted)
                || is_main && world.name == wanted;
            if is_it {
                return Ok(id);
            }
            known.push(if is_main { world.name.clone() } else { full.unwrap_or_default() });
        }
        let known = known.iter().map(String::as_str);
        let hint = names::hint(&wanted, known, str::to_owned, "it has no worlds");
        Err(syn::Error::new(name.span(), format!("the WIT has no world `{wanted}`: {hint}")))
    }

    /// The modules of everything that is wanted, and what makes a change of the WIT rebuild the crate.
    pub(crate) fn items(&self, source: &Source) -> TokenStream {
        let files = source.files.iter().filter_map(|file| file.to_str());
        let watched =
            quote!(#(const _: &[::core::primitive::u8] = ::core::include_bytes!(#files);)*);
        if !self.makes_modules() {
            return watched;
        }
        let mut tree = Tree::default();
        for (unit, wanted) in &self.units {
            if self.is_mapped(*unit) {
                continue;
            }
            let client = wanted.client.as_ref();
            let client =
                client.filter(|selection| !self.client_functions(*unit, selection).is_empty());
            let mut items = self.definitions(*unit);
            items.extend(self.resources(*unit, client));
            items.extend(client.map(|selection| self.client(*unit, selection)));
            if wanted.host && !self.host_functions(*unit).is_empty() {
                items.extend(self.host(*unit));
            }
            if !items.is_empty() || matches!(unit, Unit::Interface(_)) {
                tree.insert(&self.module(*unit), self.unit_docs(*unit), items);
            }
        }
        let modules = tree.print();
        quote!(#watched #modules)
    }

    /// The full name of a unit.
    fn unit_name(&self, unit: Unit) -> String {
        match unit {
            Unit::Interface(id) => self.interface_name(id).unwrap_or_default(),
            Unit::World(id) => {
                let world = &self.resolve.worlds[id];
                let name = world.package.map(|it| self.resolve.id_of_name(it, &world.name));
                name.unwrap_or_else(|| world.name.clone())
            }
        }
    }

    /// The documentation of a module, and why it has no trait, if it was to have one.
    fn unit_docs(&self, unit: Unit) -> TokenStream {
        let docs = match unit {
            Unit::Interface(id) => &self.resolve.interfaces[id].docs,
            Unit::World(id) => &self.resolve.worlds[id].docs,
        };
        let name = format!(" `{}`.", self.unit_name(unit));
        let problem = self.host_problem(unit).map(|problem| {
            let sentence = format!(" It has no `Host`: {problem}.");
            quote!(#[doc = ""] #[doc = #sentence])
        });
        let text = types::docs(docs);
        let blank = (!text.is_empty()).then(|| quote!(#[doc = ""]));
        quote!(#[doc = #name] #blank #text #problem)
    }
}

/// Modules within modules.
#[derive(Default)]
struct Tree {
    children: BTreeMap<String, Self>,
    docs: TokenStream,
    items: TokenStream,
}

impl Tree {
    fn insert(&mut self, path: &[String], docs: TokenStream, items: TokenStream) {
        match path.split_first() {
            Some((first, rest)) => {
                self.children.entry(first.clone()).or_default().insert(rest, docs, items)
            }
            // What has the same name stands beside what is there.
            None => {
                self.docs.extend(docs);
                self.items.extend(items);
            }
        }
    }

    fn print(&self) -> TokenStream {
        let modules = self.children.iter().map(|(name, child)| {
            let module = child.module(name);
            quote! {
                #[allow(
                    dead_code, unused_imports, missing_docs, unreachable_pub, unnameable_types,
                    private_interfaces, clippy::all, rustdoc::all,
                    reason = "made of WIT: its names and docs are the WIT's, and not all of it is used"
                )]
                #module
            }
        });
        quote!(#(#modules)*)
    }

    fn module(&self, name: &str) -> TokenStream {
        let (name, docs, items) = (format_ident!("{name}"), &self.docs, &self.items);
        let docs = match docs.is_empty() {
            true => quote!(#[doc = " From WIT."]),
            false => docs.clone(),
        };
        let children = self.children.iter().map(|(name, child)| child.module(name));
        quote! {
            #docs
            pub mod #name {
                #items
                #(#children)*
            }
        }
    }
}
