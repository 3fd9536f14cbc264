//! Checks what the block takes from WIT: exports without signatures, and interfaces that a type implements.
//!
//! All of it is looked at before anything else (`read_wit`), as the modules are made at once of everything that is
//! wanted. What is found is kept by the tokens that ask for it.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, Ident, LitStr, Type};

use super::accessors::conditions;
use super::{Checker, key};
use crate::ast::{self, Export};
use crate::model::{By, Client, Function, Implemented};
use crate::names;
use crate::report::also;
use crate::wit::{Scope, Selection, Signature, Source, Unit, Wanted};

/// What was made of WIT.
#[derive(Default)]
pub(super) struct Made {
    pub(super) modules: TokenStream,
    /// Whether there is WIT that could be read.
    is_read: bool,
    /// The types of clients, by the names of their accessors.
    clients: BTreeMap<String, TokenStream>,
    /// The functions that make interfaces, by the names of their components.
    hosts: BTreeMap<String, TokenStream>,
    /// The functions of worlds, by the names of their accessors.
    functions: BTreeMap<String, Signature>,
    /// Whether mistakes about WIT have been told.
    is_broken: bool,
}

/// What has no signature without WIT.
const NO_WIT: &str = "add `wit \"path\";` to the block to take it from WIT";

impl Checker<'_> {
    /// Reads the WIT of the block and makes its modules. Gives the exports back, with those of worlds among them.
    pub(super) fn read_wit(
        &mut self,
        wit: &[ast::Wit],
        krate: &TokenStream,
        components: &[ast::Component],
        exports: Vec<Export>,
    ) -> Vec<Export> {
        for again in wit.iter().skip(1) {
            let message =
                "there is WIT already; name all paths in one: `wit { path: [\"a\", \"b\"] };`";
            self.report.error_at(again.span, message);
        }
        let Some(first) = wit.first() else { return exports };
        let Some(options) = &first.options else {
            self.wit.is_broken = true;
            return exports;
        };
        let source = match Source::read(options) {
            Ok(source) => source,
            Err(error) => {
                self.wit.is_broken = true;
                self.report.loss(error);
                return exports;
            }
        };
        let mut errors = Vec::new();
        let mut scope = Scope::new(krate, &source, options, &mut errors);
        if !self.is_item {
            scope.within(quote!(__wit));
        }
        let mut find_world = |name: &LitStr| match scope.world(&source, name) {
            Ok(world) => Some(world),
            Err(error) => {
                errors.push(error);
                None
            }
        };
        let world = options.world.as_ref().and_then(&mut find_world);
        // Worlds become what they export.
        let mut all = Vec::new();
        for export in exports {
            match export {
                Export::World(ast::World { attrs, world: name }) => {
                    let Some(world) = find_world(&name) else { continue };
                    let (cfgs, others) = conditions(attrs);
                    for attr in others {
                        let message = "what a world exports has the WIT's documentation; only `cfg` stands here";
                        self.report.error(attr, message);
                    }
                    all.extend(scope.exports(world, &name, &cfgs));
                }
                other => all.push(other),
            }
        }
        // First everything that is wanted, as modules name each other.
        let mut clients = Vec::new();
        for export in &all {
            match export {
                Export::Client(client) => match self.wanted(&scope, &source, client) {
                    Ok((unit, wanted)) => {
                        let is_known = clients.iter().any(|(known, _)| *known == unit);
                        if is_known && scope.makes_modules() {
                            let message = "the interface is exported already, under another name";
                            errors.push(Error::new(client.interface.span(), message));
                        } else {
                            scope.want(unit, wanted);
                            clients.push((unit, key(&client.name)));
                        }
                    }
                    Err(error) => errors.push(error),
                },
                Export::Named(function) => {
                    let own =
                        function.world.as_ref().and_then(|name| scope.world(&source, name).ok());
                    let world = own.or(world);
                    match scope.root_function(world, &export_name(function), &function.name) {
                        Ok(found) => {
                            scope.want(found.unit, Wanted::default());
                            self.wit.functions.insert(key(&function.name), found);
                        }
                        Err(error) => errors.push(error),
                    }
                }
                Export::Function(_) | Export::Interface(_) | Export::Http(_) | Export::World(_) => {
                }
            }
        }
        let mut hosts = Vec::new();
        for component in components {
            let ast::Value::Implemented(it) = &component.value else { continue };
            let Some(id) = scope.interface(&it.interface.value()) else {
                errors.push(scope.unknown(&it.interface, "interface"));
                continue;
            };
            let unit = Unit::Interface(id);
            match scope.host_problem(unit) {
                Some(problem) => {
                    let message = format!("the interface cannot be implemented in Rust: {problem}");
                    errors.push(Error::new(it.interface.span(), message));
                }
                None => {
                    scope.want(unit, Wanted { client: None, host: true });
                    hosts.push((unit, key(&component.name)));
                }
            }
        }
        self.wit.is_read = true;
        for (unit, name) in clients {
            let module = scope.path(&[], unit);
            self.wit.clients.insert(name, quote!(#module::Client));
        }
        for (unit, name) in hosts {
            let module = scope.path(&[], unit);
            self.wit.hosts.insert(name, quote!(#module::host));
        }
        for signature in self.wit.functions.values_mut() {
            scope.complete(signature);
        }
        let items = scope.items(&source);
        self.wit.modules = match self.is_item {
            true => items,
            false => quote! {
                #[allow(unused_imports, dead_code, reason = "not every block names what is in it")]
                mod __wit { #items }
            },
        };
        for error in errors {
            self.report.loss(error);
        }
        all
    }

    /// What an export asks for.
    fn wanted(
        &self,
        scope: &Scope<'_>,
        source: &Source,
        client: &ast::Client,
    ) -> Result<(Unit, Wanted), Error> {
        let ast::Client { interface, only, world, .. } = client;
        let name = interface.value();
        let world = world.as_ref().and_then(|world| scope.world(source, world).ok());
        let id = scope
            .exported_interface(&name, world)
            .ok_or_else(|| scope.unknown(interface, "interface"))?;
        let unit = Unit::Interface(id);
        let at = |message: String| Error::new(interface.span(), message);
        let selection = match only {
            None => Selection::All,
            Some(_) if !scope.makes_modules() => {
                return Err(at(
                    "the client is that of `module`, with all functions of the interface; leave out the braces"
                        .to_owned(),
                ));
            }
            Some(only) => self.selection(scope, unit, interface, only)?,
        };
        if scope.client_functions(unit, &selection).is_empty() {
            return Err(at(format!("`{name}` has no functions to be called; it has types alone")));
        }
        if let Some(problem) = scope.client_problem(unit, &selection) {
            return Err(at(problem));
        }
        Ok((unit, Wanted { client: Some(selection), host: false }))
    }

    fn selection(
        &self,
        scope: &Scope<'_>,
        unit: Unit,
        interface: &LitStr,
        only: &[Ident],
    ) -> Result<Selection, Error> {
        let known = scope.selectable(unit);
        let mut names = BTreeSet::new();
        let mut errors = None;
        for ident in only {
            let name = names::kebab(ident);
            let found = known.iter().find(|it| it.to_lowercase() == name.trim_end_matches('-'));
            let problem = match found {
                Some(found) if names.insert(found.clone()) => continue,
                Some(_) => format!("`{ident}` stands here twice; keep one"),
                None => {
                    let known = known.iter().map(String::as_str);
                    let hint =
                        names::hint(&name, known, |it| it.replace('-', "_"), "there is none");
                    let interface = interface.value();
                    format!("`{interface}` has no function or resource `{ident}`: {hint}")
                }
            };
            also(&mut errors, Error::new_spanned(ident, problem));
        }
        errors.map_or(Ok(Selection::Only(names)), Err)
    }

    pub(super) fn client(&mut self, client: ast::Client, index: usize) -> Option<Client> {
        let ast::Client { attrs, interface, name, .. } = client;
        let Some(ty) = self.wit.clients.remove(&key(&name)) else {
            self.needs_wit(&name, || {
                format!("`{name}` has no functions: write `{{ fn name(); }}`, or {NO_WIT}")
            });
            return None;
        };
        let (cfgs, attrs) = conditions(attrs);
        Some(Client { cfgs, attrs, name, interface: interface.value(), ty, index })
    }

    pub(super) fn named(&mut self, function: ast::Named) -> Option<Function> {
        let ast::Named { attrs, name, .. } = function;
        let Some(signature) = self.wit.functions.remove(&key(&name)) else {
            self.needs_wit(&name, || format!("expected `(..)` after `{name}`, or {NO_WIT}"));
            return None;
        };
        let Signature { is_async, params, output, export, docs, .. } = signature;
        let (cfgs, mut attrs) = conditions(attrs);
        if !attrs.iter().any(|attr| attr.path().is_ident("doc")) {
            attrs.extend(docs);
        }
        let index = self.count;
        self.count += 1;
        Some(Function { cfgs, attrs, name, index, is_async, params, output, export })
    }

    /// A world that is left, as there is no WIT.
    pub(super) fn world(&mut self, world: &ast::World) {
        self.needs_wit(&world.world, || {
            "a world is of WIT: add `wit \"path\";` to the block".to_owned()
        });
    }

    pub(super) fn implemented(
        &mut self,
        name: &Ident,
        it: ast::Implemented,
    ) -> Option<Implemented> {
        let ast::Implemented { by, interface, .. } = it;
        let by = match self.is_item {
            true => syn::parse2::<Type>(by).map(|ty| By::Type(Box::new(ty))),
            false => syn::parse2(by).map(|value| By::Value(Box::new(value))),
        };
        let by = match by {
            Ok(by) => by,
            Err(error) => {
                self.report.loss(error);
                return None;
            }
        };
        let Some(host) = self.wit.hosts.remove(&key(name)) else {
            self.needs_wit(&interface, || {
                format!("expected functions in braces, `host \"..\" {{ fn .. }}`, or {NO_WIT}")
            });
            return None;
        };
        Some(Implemented { host, by })
    }

    /// Reports that there is no WIT. Other mistakes have been reported.
    fn needs_wit(&mut self, tokens: impl ToTokens, message: impl FnOnce() -> String) {
        if !self.wit.is_read && !self.wit.is_broken {
            self.report.loss(Error::new_spanned(tokens, message()));
        }
    }
}

/// The name of the export that an accessor is of.
fn export_name(function: &ast::Named) -> String {
    match &function.export {
        Some(export) => export.value(),
        // A word of Rust has an underscore behind it.
        None => names::kebab(&function.name).trim_end_matches('-').to_owned(),
    }
}
