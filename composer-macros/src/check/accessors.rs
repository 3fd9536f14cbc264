//! Checks exports that get accessors: their names must be free, and their types must be usable in
//! signatures.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident};
use syn::{Attribute, Error, FnArg, Ident, LitStr, Pat, Type};

use super::{Checker, key};
use crate::ast::{self, Export, Http};
use crate::model::{Client, Function, Interface, Service};
use crate::names;

/// The methods that a composition has besides its accessors.
const METHODS: &[&str] = &[
    "clone",
    "close",
    "deref",
    "drop_handles",
    "events",
    "exports",
    "future_val",
    "get_func",
    "http",
    "live_handles",
    "plan",
    "replace",
    "snapshot",
    "stream_val",
    "take_future",
    "take_stream",
    "typed",
    "typed_stream_val",
];

/// The associated function of the item form.
const COMPOSE: &str = "compose";

/// The suffix of the name of the parts' struct.
pub(crate) const PARTS: &str = "Parts";

/// Everything that gets an accessor.
#[derive(Default)]
pub(super) struct Exports {
    pub(super) functions: Vec<Function>,
    pub(super) interfaces: Vec<Interface>,
    pub(super) services: Vec<Service>,
    pub(super) clients: Vec<Client>,
}

impl Checker<'_> {
    pub(super) fn exports(&mut self, exports: Vec<Export>) -> Exports {
        let mut checked = Exports::default();
        let Exports { functions, interfaces, services, clients } = &mut checked;
        for export in exports {
            match export {
                Export::Function(function) => {
                    if self.accessor(&function.name, "function") {
                        functions.extend(self.function(*function, &[]));
                    }
                }
                Export::Interface(interface) => {
                    if self.accessor(&interface.name, "interface") {
                        let interface = self.interface(interface);
                        if self.is_distinct(&interface, interfaces) {
                            interfaces.push(interface);
                        }
                    }
                }
                Export::Client(client) => {
                    if self.accessor(&client.name, "interface") {
                        clients.extend(self.client(client, clients.len()));
                    }
                }
                Export::Named(function) => {
                    if self.accessor(&function.name, "function") {
                        functions.extend(self.named(function));
                    }
                }
                Export::World(world) => self.world(&world),
                Export::Http(Http { attrs, keyword, name }) => {
                    if self.accessor(&name, "service") {
                        let (cfgs, attrs) = conditions(attrs);
                        let (span, index) = (keyword.span(), services.len());
                        services.push(Service { cfgs, attrs, span, name, index });
                    }
                }
            }
        }
        checked
    }

    /// Whether `name` can become a method of the composition.
    fn accessor(&mut self, name: &Ident, kind: &'static str) -> bool {
        let key = key(name);
        let problem = if METHODS.contains(&key.as_str()) || self.is_item && key == COMPOSE {
            let way_out = way_out(kind, name);
            format!("`{name}` would shadow a method of the composition; {way_out}")
        } else if let Some(first) = self.methods.get(&key) {
            if *first == kind {
                let way_out = way_out(kind, name);
                format!("accessor `{name}` is declared twice; {way_out}")
            } else {
                format!(
                    "accessor `{name}` is declared twice, as {} and as {}; rename one",
                    with_article(first),
                    with_article(kind),
                )
            }
        } else {
            self.methods.insert(key, kind);
            return true;
        };
        self.report.loss(Error::new_spanned(name, problem));
        false
    }

    fn interface(&mut self, interface: ast::Interface) -> Interface {
        let ast::Interface { attrs, interface, name, functions, incomplete } = interface;
        if functions.is_empty() && !incomplete {
            let message = format!("`{name}` has no functions; declare one: `fn name();`");
            self.report.error(&name, message);
        }
        let full_name = interface.value();
        if !names::is_interface(&full_name) {
            let message = format!(
                "`{full_name}` is no name of an interface; expected \
                 `namespace:package/interface@1.0.0` or a name in kebab case"
            );
            self.report.error(&interface, message);
        }
        let (cfgs, attrs) = conditions(attrs);
        let mut methods = BTreeMap::new();
        let functions = functions
            .into_iter()
            .filter_map(|function| {
                if methods.insert(key(&function.name), ()).is_some() {
                    let name = &function.name;
                    let way_out = way_out("function", name);
                    let message = format!("accessor `{name}` is declared twice; {way_out}");
                    self.report.loss(Error::new_spanned(name, message));
                    return None;
                }
                self.function(function, &cfgs)
            })
            .collect();
        let suffix = names::camel(&name);
        Interface { cfgs, attrs, name, interface: full_name, suffix, functions }
    }

    /// Whether the name of the interface's handle type is free.
    fn is_distinct(&mut self, interface: &Interface, others: &[Interface]) -> bool {
        if self.is_item && interface.suffix == PARTS {
            let name = &interface.name;
            let message = format!(
                "accessor `{name}` would return the type `…{PARTS}`, which holds the components; \
                 rename it"
            );
            self.report.loss(Error::new_spanned(name, message));
            return false;
        }
        let Some(other) = others.iter().find(|other| other.suffix == interface.suffix) else {
            return true;
        };
        let (first, second, suffix) = (&other.name, &interface.name, &interface.suffix);
        let message = format!(
            "accessors `{first}` and `{second}` would both return the type `…{suffix}`; rename one"
        );
        self.report.loss(Error::new_spanned(second, message));
        false
    }

    fn function(&mut self, function: ast::Function, cfgs: &[Attribute]) -> Option<Function> {
        let ast::Function { attrs, is_async, name, generics, params, output, export } = function;
        let export = self.export(&name, export);
        if !generics.params.is_empty() {
            self.report.loss(Error::new_spanned(&generics, "an accessor has no generics"));
        }
        let params: Vec<_> =
            (0..).zip(params).filter_map(|(index, param)| self.param(index, param)).collect();
        let is_owned = output.as_ref().is_none_or(|output| self.is_owned(output));
        let types = params.iter().map(|(_, ty)| ty).chain(&output);
        let is_usable = types.fold(is_owned && generics.params.is_empty(), |is_usable, ty| {
            self.is_written_out(ty) && is_usable
        });
        let (own_cfgs, attrs) = conditions(attrs);
        let cfgs = cfgs.iter().cloned().chain(own_cfgs).collect();
        let index = self.count;
        self.count += 1;
        let function = Function { cfgs, attrs, name, index, is_async, params, output, export };
        is_usable.then_some(function)
    }

    fn export(&mut self, name: &Ident, export: Option<LitStr>) -> String {
        let Some(literal) = export else {
            let export = names::kebab(name);
            if !names::is_kebab(&export) {
                let message = format!(
                    "`{name}` gives no name in kebab case; write it in snake case, or add \
                     `= \"name-of-the-export\"` at the end"
                );
                self.report.error(name, message);
            }
            return export;
        };
        let export = literal.value();
        if !names::is_function(&export) {
            let message = format!(
                "`{export}` is no name of a function; expected a name in kebab case or, for a \
                 function of a resource, `[constructor]resource`, `[method]resource.name` or \
                 `[static]resource.name`"
            );
            self.report.error(&literal, message);
        }
        export
    }

    fn param(&mut self, index: usize, param: FnArg) -> Option<(Ident, Type)> {
        let typed = match param {
            FnArg::Receiver(receiver) => {
                let message = "an accessor declares no `self`; list the export's parameters alone";
                self.report.error(receiver, message);
                return None;
            }
            FnArg::Typed(typed) => typed,
        };
        if let Some(attr) = typed.attrs.first() {
            self.report.error(attr, "parameters of accessors take no attributes");
        }
        let name = match *typed.pat {
            Pat::Ident(pat)
                if pat.by_ref.is_none() && pat.mutability.is_none() && pat.subpat.is_none() =>
            {
                pat.ident
            }
            pat => {
                self.report.error(&pat, "a parameter of an accessor is a name, not a pattern");
                format_ident!("pattern_{index}", span = Span::mixed_site())
            }
        };
        Some((name, *typed.ty))
    }

    /// Whether the type is written in full. Accessors are not generic functions, so `impl`, `_` and
    /// lifetime parameters have no meaning in them.
    fn is_written_out(&mut self, ty: &Type) -> bool {
        let mut is_written_out = true;
        each_token(ty.to_token_stream(), &mut |token, before| {
            let TokenTree::Ident(word) = token else { return };
            let message = match (word.to_string().as_str(), is_lifetime(before)) {
                ("_" | "static", true) => return,
                (_, true) => "an accessor has no lifetime parameters; leave the lifetime out",
                ("impl", false) => "an accessor has no generics; write a type instead of `impl`",
                ("_", false) => {
                    "the types of an accessor are written out: they say what the component is \
                     expected to export"
                }
                (_, false) => return,
            };
            self.report.loss(Error::new(word.span(), message));
            is_written_out = false;
        });
        is_written_out
    }

    /// Whether the type borrows nothing: results come from another store, so they cannot.
    fn is_owned(&mut self, ty: &Type) -> bool {
        let mut borrowed: Option<Span> = None;
        each_token(ty.to_token_stream(), &mut |token, _| {
            if matches!(token, TokenTree::Punct(punct) if punct.as_char() == '&') {
                borrowed = borrowed.or_else(|| Some(token.span()));
            }
        });
        if let Some(span) = borrowed {
            let message = "an accessor returns owned values: `String` for `&str`, `Vec<T>` for \
                           `&[T]`";
            self.report.loss(Error::new(span, message));
        }
        borrowed.is_none()
    }
}

/// A suggestion for giving an accessor a free name.
fn way_out(kind: &str, name: &Ident) -> String {
    match kind {
        "function" => {
            let export = names::kebab(name);
            format!("give it another name and add `= \"{export}\"` at the end")
        }
        _ => "give it another name behind `as`".to_owned(),
    }
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with('i') { "an" } else { "a" };
    format!("{article} {kind}")
}

/// Separates the `cfg` attributes, which every item that is generated for an accessor needs, from
/// the others.
pub(super) fn conditions(attrs: Vec<Attribute>) -> (Vec<Attribute>, Vec<Attribute>) {
    attrs.into_iter().partition(|attr| attr.path().is_ident("cfg"))
}

/// Calls `see` with every token, at any depth, and with the token before it.
fn each_token(tokens: TokenStream, see: &mut dyn FnMut(&TokenTree, Option<&TokenTree>)) {
    let mut before: Option<TokenTree> = None;
    for token in tokens {
        see(&token, before.as_ref());
        if let TokenTree::Group(group) = &token {
            each_token(group.stream(), see);
        }
        before = Some(token);
    }
}

fn is_lifetime(before: Option<&TokenTree>) -> bool {
    matches!(before, Some(TokenTree::Punct(punct)) if punct.as_char() == '\'')
}
