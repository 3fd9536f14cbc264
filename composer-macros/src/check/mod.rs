//! Turns the block into a model. Mistakes are reported, and the parts with mistakes are left out.
//!
//! `mod.rs` checks components, hints, groups and settings, `chains.rs` chains, `accessors.rs` the
//! exports, `host.rs` interfaces in Rust, `wit.rs` what is read from WIT. A mistake does not end the check. Errors about unknown names are suppressed
//! where the name may belong to a component that could not be read (`nameless`).

mod accessors;
mod chains;
mod host;
#[cfg(feature = "wit")]
mod wit;
#[cfg(not(feature = "wit"))]
#[path = "wit_disabled.rs"]
mod wit;

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use quote::format_ident;
use syn::ext::IdentExt;
use syn::{Error, Ident, LitStr};

use crate::ast::{self, Block, Clause};
use crate::model::{
    Argument, ArgumentKind, By, Component, Contain, Filter, FilterKind, Form, Fused, Hint,
    Implemented, Layer, Model, Setting, Shared, Value,
};
use crate::names;
use crate::report::Report;

use accessors::Exports;
pub(crate) use accessors::PARTS;

/// The name that stands for a component's own linker, so no component can have it.
const HOST: &str = "host";

/// Checks the whole block, whatever mistakes it has.
pub(crate) fn check(block: Block, report: &mut Report) -> Model {
    let is_item = block.header.is_some();
    let is_absent = |it: &ast::Component| matches!(it.value, ast::Value::Absent);
    if let Some(first) = block.components.first() {
        if !is_item && !block.nameless && block.components.iter().all(is_absent) {
            report.instead(Error::new_spanned(&first.name, neither_form(first)));
            return Model::unknown(block.krate);
        }
    } else if !block.nameless && report.is_empty() {
        let (span, example) = match &block.header {
            Some(header) => (header.name.span(), "component name;"),
            None => (Span::call_site(), "component name = expression;"),
        };
        report.error_at(span, format!("nothing to compose; declare a component: `{example}`"));
        if !is_item {
            return Model::unknown(block.krate);
        }
    }
    let mut checker = Checker {
        report,
        is_item,
        ids: BTreeMap::new(),
        arguments: BTreeSet::new(),
        nameless: block.nameless || inside(&block.components).any(|group| group.nameless),
        within: None,
        shared: BTreeMap::new(),
        methods: BTreeMap::new(),
        count: 0,
        wit: wit::Made::default(),
    };
    checker.declare(&block.components);
    let exports = checker.read_wit(&block.wit, &block.krate, &block.components, block.exports);
    let components = checker.components(block.components, &block.chains);
    let arguments = if is_item { arguments(&components) } else { Vec::new() };
    let export_hints = checker.export_hints(&block.hints, &block.chains);
    let chains = checker.chains(&block.chains);
    let Exports { functions, interfaces, services, clients } = checker.exports(exports);
    let modules = std::mem::take(&mut checker.wit.modules);
    for again in block.allow_cycles.iter().skip(1) {
        report.error_at(*again, "cycles are allowed already; keep one of these");
    }
    let allow_cycles = !block.allow_cycles.is_empty();
    let form = match block.header {
        Some(header) => Form::Item(header),
        None => Form::Expression,
    };
    Model {
        krate: block.krate,
        form,
        components,
        arguments,
        allow_cycles,
        layers: block.layers,
        export_hints,
        chains,
        functions,
        interfaces,
        services,
        clients,
        modules,
    }
}

struct Checker<'r> {
    report: &'r mut Report,
    is_item: bool,
    /// The components by identifier.
    ids: BTreeMap<String, Declared>,
    /// The identifiers of the components that have been checked.
    arguments: BTreeSet<String>,
    /// Whether the name of some component is not known.
    nameless: bool,
    /// The group whose members are being checked.
    within: Option<Ident>,
    /// In the item form: the values that functions in Rust share, each with its type.
    shared: BTreeMap<String, String>,
    /// The accessors at the root, each with its kind.
    methods: BTreeMap<String, &'static str>,
    /// The number of functions so far.
    count: usize,
    /// What was made of WIT.
    wit: wit::Made,
}

/// A component that can be referred to.
struct Declared {
    id: String,
    /// The group that it is in.
    within: Option<Ident>,
}

/// The message for a block in which no component has a value and that has no struct.
fn neither_form(first: &ast::Component) -> String {
    let name = &first.name;
    let example = match first.group {
        Some(_) => format!("fused {name} in (linker, store)"),
        None => format!("component {name} = expression"),
    };
    format!(
        "`{name}` has no value; begin the block with `struct Name;` for a type that is composed of \
         `NameParts {{ .. }}`, or write `{example}`"
    )
}

/// The arguments of `compose`: in the order of the block, each once.
fn arguments(components: &[Component]) -> Vec<Argument> {
    let mut arguments: Vec<Argument> = Vec::new();
    for Component { name, value, group, .. } in components {
        match (value, group) {
            (Some(Value::Host(host)), _) => {
                for Shared { name, ty } in &host.shared {
                    let is_known = arguments.iter().any(|it| it.name == *name);
                    if let Some(ty) = ty.clone().filter(|_| !is_known) {
                        let kind = ArgumentKind::Shared(Box::new(ty));
                        arguments.push(Argument { name: name.clone(), kind });
                    }
                }
            }
            (Some(Value::Implemented(Implemented { by: By::Type(ty), .. })), _) => {
                let kind = ArgumentKind::Implementation(ty.clone());
                arguments.push(Argument { name: name.clone(), kind });
            }
            (Some(Value::Given(_) | Value::Implemented(_)), _) => {}
            (None, None) => {
                let kind = ArgumentKind::Component;
                arguments.push(Argument { name: name.clone(), kind });
            }
            (None, Some(group)) => {
                let kind = ArgumentKind::Place;
                arguments.push(Argument { name: name.clone(), kind });
                arguments.extend(self::arguments(&group.components));
            }
        }
    }
    arguments
}

/// The groups among `components`.
fn inside(components: &[ast::Component]) -> impl Iterator<Item = &ast::Group> {
    components.iter().filter_map(|component| component.group.as_ref())
}

impl Checker<'_> {
    /// Declares all components before hints are checked, as a hint may name a later component.
    fn declare(&mut self, components: &[ast::Component]) {
        for ast::Component { name, group, .. } in components {
            self.declare_one(name);
            if let Some(group) = group {
                self.within = Some(name.clone());
                self.declare(&group.components);
                self.within = None;
            }
        }
    }

    fn declare_one(&mut self, name: &Ident) {
        let id = names::kebab(name);
        if id == HOST {
            let message =
                format!("`{HOST}` means a component's own linker; give the component another name");
            self.report.error(name, message);
        } else if !names::is_kebab(&id) {
            let message = format!("`{name}` gives no name in kebab case; write it in snake case");
            self.report.error(name, message);
        }
        let declared = Declared { id, within: self.within.clone() };
        if self.ids.insert(key(name), declared).is_some() {
            let message = format!("component `{name}` is declared twice; give one another name");
            self.report.error(name, message);
        }
    }

    /// Checks the components of a level, which `chains` are of.
    fn components(
        &mut self,
        components: Vec<ast::Component>,
        chains: &[ast::Chain],
    ) -> Vec<Component> {
        let mut checked: Vec<Component> = Vec::new();
        for component in components {
            let mut component = self.component(component, chains);
            if !self.arguments.insert(key(&component.name)) {
                // A placeholder name: `compose` still has as many arguments as there are
                // components.
                component.name = format_ident!("__{}_{}", component.name, self.arguments.len());
            }
            checked.push(component);
        }
        checked
    }

    fn group(&mut self, name: &Ident, group: ast::Group) -> Fused {
        let ast::Group { components, hints, chains, nameless } = group;
        if components.is_empty() && !nameless {
            let example =
                if self.is_item { "component name;" } else { "component name = expression;" };
            let message =
                format!("`{name}` fuses nothing; declare a component inside: `{example}`");
            self.report.error(name, message);
        }
        for component in &components {
            self.settings_of_one(name, &component.clauses);
            let in_rust = match &component.value {
                ast::Value::Host(host) => Some(host.span),
                ast::Value::Implemented(it) => Some(it.span),
                _ => None,
            };
            if let Some(span) = in_rust {
                let message =
                    format!("what Rust implements cannot be fused; declare it outside of `{name}`");
                self.report.error_at(span, message);
            }
        }
        self.within = Some(name.clone());
        let components = self.components(components, &chains);
        let export_hints = self.export_hints(&hints, &chains);
        let chains = self.chains(&chains);
        self.within = None;
        Fused { components, export_hints, chains }
    }

    /// Reports settings that cannot apply to a single component of the fused group `group`.
    fn settings_of_one(&mut self, group: &Ident, clauses: &[Clause]) {
        for clause in clauses {
            match clause {
                Clause::Setting(Setting { name, .. }) => {
                    let message = format!(
                        "`{name}` cannot be said of one component that shares a store with others; \
                         say it of `{group}`, beside its components"
                    );
                    self.report.error(name, message);
                }
                Clause::Contain(ast::Contain { import, .. }) => {
                    let message = format!(
                        "one component that shares a store with others cannot contain failures; \
                         leave it out of `{group}`"
                    );
                    self.report.error(import, message);
                }
                Clause::Layer(ast::Layer { value, on: None }) => {
                    let message = format!(
                        "one component that shares a store with others cannot have a layer; say it of \
                         `{group}`, beside its components"
                    );
                    self.report.error(value, message);
                }
                Clause::Layer(ast::Layer { on: Some(import), .. }) => {
                    let message = format!(
                        "an import of one component that shares a store with others cannot have a \
                         layer; leave it out of `{group}`, or say it of an import of `{group}`"
                    );
                    self.report.error(import, message);
                }
                Clause::Import(_) | Clause::Filter(_) | Clause::Untrusted(_) => {}
            }
        }
    }

    fn component(&mut self, component: ast::Component, chains: &[ast::Chain]) -> Component {
        let ast::Component { name, value, clauses, group } = component;
        let id = names::kebab(&name);
        let value = self.value(&name, value, group.is_some());
        let group = group.map(|group| self.group(&name, group));
        let mut import_hints = Vec::new();
        let mut filters = Vec::new();
        let mut contained = Vec::new();
        let mut layers = Vec::new();
        let mut settings = Vec::new();
        let mut is_untrusted = false;
        for clause in clauses {
            match clause {
                Clause::Import(hint) => import_hints.push(hint),
                Clause::Filter(filter) => filters.push(filter),
                Clause::Contain(contain) => contained.push(contain),
                Clause::Layer(layer) => layers.push(self.layer(layer)),
                Clause::Untrusted(span) if is_untrusted => {
                    self.report.error_at(span, "`untrusted` stands here twice; keep one");
                }
                Clause::Untrusted(_) => is_untrusted = true,
                Clause::Setting(setting) => settings.push(setting),
            }
        }
        let import_hints = self.import_hints(&name, &import_hints, chains);
        let filter = self.filter(&filters);
        let contained = self.contained(&contained);
        self.unique_settings(&settings);
        Component {
            name,
            id,
            value,
            group,
            import_hints,
            filter,
            contained,
            layers,
            is_untrusted,
            settings,
        }
    }

    fn layer(&mut self, layer: ast::Layer) -> Layer {
        let ast::Layer { value, on } = layer;
        let on = on.map(|import| self.import_or_function(&import));
        Layer { value, on }
    }

    /// The name of an import, or `import#function`.
    fn import_or_function(&mut self, literal: &LitStr) -> String {
        let name = literal.value();
        let (import, _) = name.split_once('#').unwrap_or((&name, ""));
        self.name("import", &LitStr::new(import, literal.span()), names::is_import);
        name
    }

    fn value(&mut self, name: &Ident, value: ast::Value, is_group: bool) -> Option<Value> {
        match value {
            ast::Value::Host(host) => Some(Value::Host(self.host(host))),
            ast::Value::Implemented(it) => self.implemented(name, it).map(Value::Implemented),
            ast::Value::Given(value) if self.is_item => {
                let word = if is_group { "in" } else { "=" };
                let message = format!(
                    "`{name}` is an argument of `compose` in a block that declares a struct; \
                     remove `{word}` and the expression"
                );
                self.report.error(value, message);
                None
            }
            ast::Value::Given(value) => Some(Value::Given(*value)),
            ast::Value::Absent if !self.is_item && is_group => {
                let message = format!(
                    "`{name}` needs a linker and a constructor of stores; write \
                     `fused {name} in (linker, store)`"
                );
                self.report.loss(Error::new_spanned(name, message));
                None
            }
            ast::Value::Absent if !self.is_item => {
                let message = format!(
                    "component `{name}` has no value; write `component {name} = expression`, or \
                     begin the block with `struct Name;`"
                );
                self.report.loss(Error::new_spanned(name, message));
                None
            }
            ast::Value::Absent | ast::Value::Broken => None,
        }
    }

    fn import_hints(
        &mut self,
        component: &Ident,
        hints: &[ast::Hint],
        chains: &[ast::Chain],
    ) -> Vec<Hint> {
        let mut seen = chains::of_imports(chains, component);
        let mut checked = Vec::new();
        for hint in hints {
            self.unique_hint("import", hint, &mut seen);
            let name = self.name("import", &hint.name, names::is_import);
            let export =
                hint.export.as_ref().map(|export| self.name("export", export, names::is_interface));
            let target = if hint.from == HOST {
                if let Some(export) = &hint.export {
                    let message = "a linker has no other name for an import; leave out this one and \
                                   `as`";
                    self.report.error(export, message);
                }
                HOST.to_owned()
            } else if key(&hint.from) == key(component) {
                let message = "a component never satisfies its own import; name another one, \
                               or `host`";
                self.report.error(&hint.from, message);
                continue;
            } else if let Some(id) = self.reference(&hint.from, Some(component)) {
                id
            } else {
                continue;
            };
            checked.push(Hint { name, export, target });
        }
        checked
    }

    fn export_hints(&mut self, hints: &[ast::Hint], chains: &[ast::Chain]) -> Vec<Hint> {
        let mut seen = chains::of_exports(chains);
        let mut checked = Vec::new();
        for hint in hints {
            self.unique_hint("export", hint, &mut seen);
            let name = self.name("export", &hint.name, names::is_interface);
            if let Some(target) = self.reference(&hint.from, None) {
                checked.push(Hint { name, export: None, target });
            }
        }
        checked
    }

    /// `seen` has, for each name that has a hint, from where that says it comes.
    fn unique_hint(&mut self, kind: &str, hint: &ast::Hint, seen: &mut BTreeMap<String, String>) {
        let name = hint.name.value();
        if let Some(first) = seen.get(&name) {
            let second = &hint.from;
            let message =
                format!("{kind} `{name}` has two hints: {first} and from `{second}`; keep one");
            self.report.error(&hint.name, message);
        } else {
            seen.insert(name, format!("from `{}`", hint.from));
        }
    }

    /// The id of the component that `name` refers to. `importer` is the component whose hint it is.
    fn reference(&mut self, name: &Ident, importer: Option<&Ident>) -> Option<String> {
        if let Some(declared) = self.ids.get(&key(name)) {
            let message = match (&declared.within, &self.within) {
                (there, here) if there == here => return Some(declared.id.clone()),
                (Some(group), _) => {
                    format!("`{name}` is fused into `{group}`; from outside, name `{group}`")
                }
                (None, Some(group)) => format!(
                    "`{name}` is not in `{group}`; say from where `{group}` imports it, beside its \
                     components"
                ),
                (None, None) => return Some(declared.id.clone()),
            };
            self.report.error(name, message);
            return None;
        }
        if !self.nameless {
            let message = self.unknown_component(name, importer);
            self.report.error(name, message);
        }
        None
    }

    fn unknown_component(&self, name: &Ident, importer: Option<&Ident>) -> String {
        let importer = importer.map(key);
        let here = self.ids.iter().filter(|(_, declared)| declared.within == self.within);
        let others = here.filter(|(name, _)| Some(*name) != importer.as_ref());
        let mut known: Vec<&str> = others.map(|(name, _)| name.as_str()).collect();
        let nearest = names::nearest(&key(name), known.iter().copied());
        if importer.is_some() {
            known.push(HOST);
        }
        let expected = match known.as_slice() {
            [] => return format!("unknown component `{name}`; no component is declared"),
            [one] => format!("expected `{one}`"),
            more => format!("expected one of `{}`", more.join("`, `")),
        };
        match nearest {
            Some(nearest) if known.len() > 1 => {
                format!("unknown component `{name}`; did you mean `{nearest}`? {expected}")
            }
            _ => format!("unknown component `{name}`; {expected}"),
        }
    }

    fn filter(&mut self, filters: &[ast::Filter]) -> Option<Filter> {
        let (first, rest) = filters.split_first()?;
        for second in rest {
            let message = if second.kind == first.kind {
                let keyword = keyword(first.kind);
                format!("`{keyword}` stands here twice; list all names behind the first")
            } else {
                "a component has either `expose` or `hide`; keep one".to_owned()
            };
            self.report.error_at(second.span, message);
        }
        let mut names: Vec<String> = Vec::new();
        for literal in &first.names {
            let name = self.name("export", literal, names::is_interface);
            if names.contains(&name) {
                self.report.error(literal, format!("`{name}` is listed twice"));
            }
            names.push(name);
        }
        Some(Filter { kind: first.kind, names })
    }

    fn contained(&mut self, contained: &[ast::Contain]) -> Vec<Contain> {
        let mut checked: Vec<Contain> = Vec::new();
        for ast::Contain { import, case } in contained {
            let import_name = self.import_or_function(import);
            if checked.iter().any(|it| it.import == import_name) {
                let message = format!("`{import_name}` is contained twice; keep one");
                self.report.error(import, message);
            }
            let case = case.as_ref().map(|case| {
                let name = case.value();
                if !names::is_kebab(&name) {
                    let message = format!("`{name}` is no name of a case; write it in kebab case");
                    self.report.error(case, message);
                }
                name
            });
            checked.push(Contain { import: import_name, case });
        }
        checked
    }

    fn unique_settings(&mut self, settings: &[Setting]) {
        for (index, Setting { name, .. }) in settings.iter().enumerate() {
            if settings[..index].iter().any(|first| first.name == *name) {
                self.report.error(name, format!("`{name}` stands here twice; keep one"));
            }
        }
    }

    /// The value of `literal`, after checking that it can be the name of an import or export.
    fn name(&mut self, kind: &str, literal: &LitStr, is_name: fn(&str) -> bool) -> String {
        let name = literal.value();
        if !is_name(&name) {
            let message = format!(
                "`{name}` is no name of an {kind}; expected a name in kebab case or \
                 `namespace:package/interface@1.0.0`"
            );
            self.report.error(literal, message);
        }
        name
    }
}

/// What two identifiers are compared by: the name without `r#`.
fn key(name: &Ident) -> String {
    name.unraw().to_string()
}

fn keyword(kind: FilterKind) -> &'static str {
    match kind {
        FilterKind::Expose => "expose",
        FilterKind::Hide => "hide",
    }
}
