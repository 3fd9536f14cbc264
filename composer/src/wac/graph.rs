//! From the graph of a document to what is said of each component.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wac_graph::types::ItemKind;
use wac_graph::{CompositionGraph, NodeId, NodeKind};
use wac_parser::{
    Document, ExportOptions, Expr, InstantiationArgument, NewExpr, PostfixExpr, PrimaryExpr,
    Statement,
};

use super::packages::Package;
use crate::error::{DocumentError, DocumentPosition};
use crate::plan::bound::{Bound, Part};
use crate::plan::resolution::HOST;

/// A `new` of a document.
pub(super) struct Instantiation {
    pub(super) id: String,
    /// The byte of the document where it stands. Its line is counted where that is told.
    pub(super) at: usize,
    pub(super) package: Package,
    /// For each import with an argument: its name, the id of the provider, and the provider's name for it if that is
    /// another.
    pub(super) hints: Vec<(String, String, Option<String>)>,
    pub(super) bound: Bound,
}

/// Where something of a document comes from: an instantiation or an import, and the names that lead from there to it.
struct Origin {
    node: NodeId,
    path: Vec<String>,
}

fn origin(graph: &CompositionGraph, mut node: NodeId) -> Origin {
    let mut path = Vec::new();
    while let Some((source, export)) = graph.get_alias_source(node) {
        path.push(export.to_owned());
        node = source;
    }
    path.reverse();
    Origin { node, path }
}

/// The instantiations of a document, in its order.
pub(super) fn instantiations(
    source: &str,
    document: &Document<'_>,
    graph: &CompositionGraph,
) -> Result<Vec<Instantiation>, DocumentError> {
    let reading = Reading { source, document, graph };
    reading.check_imports()?;
    // The graph has its nodes in the order in which they were evaluated.
    let is_instantiation = |id: &NodeId| matches!(graph[*id].kind(), NodeKind::Instantiation(_));
    let nodes: Vec<_> = graph.node_ids().filter(is_instantiation).collect();
    let news = news(document);
    let ids = ids(graph, &nodes, &news);
    let mut exports = reading.exports()?;
    let mut parts: BTreeMap<NodeId, Vec<Part>> = BTreeMap::new();
    let mut hints = Vec::new();
    for (node, new) in nodes.iter().zip(&news) {
        let (to, renamed) = reading.arguments(*node, new, &ids, &mut parts)?;
        hints.push((to, renamed));
    }
    for (node, (_, part)) in
        exports.iter().flat_map(|(node, all)| all.iter().map(move |it| (node, it)))
    {
        if part.0.len() != 1 {
            add(&mut parts, *node, part.clone());
        }
    }
    let found = nodes.iter().zip(&news).zip(hints).map(|((node, new), (hints, renamed))| {
        let exports = exports.remove(node).unwrap_or_default();
        Instantiation {
            id: ids.get(node).cloned().unwrap_or_default(),
            at: new.span.offset(),
            package: Package {
                name: new.package.name.to_owned(),
                version: new.package.version.clone(),
            },
            hints,
            bound: Bound {
                parts: parts.remove(node).unwrap_or_default(),
                exports: exports.into_iter().map(|(name, part)| (name, part.name())).collect(),
                renamed,
            },
        }
    });
    Ok(found.collect())
}

fn add(parts: &mut BTreeMap<NodeId, Vec<Part>>, node: NodeId, part: Part) {
    let parts = parts.entry(node).or_default();
    if !parts.contains(&part) {
        parts.push(part);
    }
}

/// The ids of the instantiations: names of variables, or else of packages.
fn ids(
    graph: &CompositionGraph,
    nodes: &[NodeId],
    news: &[&NewExpr<'_>],
) -> HashMap<NodeId, String> {
    let mut taken: BTreeSet<String> = BTreeSet::from([HOST.to_owned()]);
    // How often a name was asked for, so that each number is tried once.
    let mut asked: HashMap<&str, usize> = HashMap::new();
    let mut ids = HashMap::new();
    let named = nodes.iter().filter_map(|node| Some((*node, graph[*node].name()?)));
    // What has no variable takes no id from what has one.
    let unnamed = nodes.iter().zip(news).filter(|(node, _)| graph[**node].name().is_none());
    let unnamed = unnamed.map(|(node, new)| {
        let name = new.package.name;
        (*node, name.rsplit_once(':').map_or(name, |(_, name)| name))
    });
    for (node, name) in named.chain(unnamed) {
        let asked = asked.entry(name).or_default();
        let id = loop {
            *asked += 1;
            let id = match *asked {
                1 => name.to_owned(),
                number => format!("{name}-{number}"),
            };
            if taken.insert(id.clone()) {
                break id;
            }
        };
        ids.insert(node, id);
    }
    ids
}

/// Every `new` of a document in the order in which they are evaluated: arguments first.
fn news<'a>(document: &'a Document<'a>) -> Vec<&'a NewExpr<'a>> {
    fn visit<'a>(expr: &'a Expr<'a>, found: &mut Vec<&'a NewExpr<'a>>) {
        match &expr.primary {
            PrimaryExpr::New(new) => {
                for argument in &new.arguments {
                    if let InstantiationArgument::Named(named) = argument {
                        visit(&named.expr, found);
                    }
                }
                found.push(new);
            }
            PrimaryExpr::Nested(nested) => visit(&nested.inner, found),
            PrimaryExpr::Ident(_) => {}
        }
    }
    let mut found = Vec::new();
    for statement in &document.statements {
        match statement {
            Statement::Let(it) => visit(&it.expr, &mut found),
            Statement::Export(it) => visit(&it.expr, &mut found),
            Statement::Import(_) | Statement::Type(_) => {}
        }
    }
    found
}

struct Reading<'a> {
    source: &'a str,
    document: &'a Document<'a>,
    graph: &'a CompositionGraph,
}

type Exports = HashMap<NodeId, Vec<(String, Part)>>;

/// The hints for arguments, and the imports that are open under other names.
type Arguments = (Vec<(String, String, Option<String>)>, Vec<(String, String)>);

impl Reading<'_> {
    fn position(&self, offset: usize) -> DocumentPosition {
        DocumentPosition::of(self.source, offset)
    }

    /// Refuses imports of what no component of a composition can provide.
    fn check_imports(&self) -> Result<(), DocumentError> {
        for node in self.graph.node_ids() {
            let NodeKind::Import(name) = self.graph[node].kind() else { continue };
            let kind = match self.graph[node].item_kind() {
                ItemKind::Component(_) => "component",
                ItemKind::Module(_) => "core module",
                ItemKind::Value(_) => "value",
                ItemKind::Func(_) | ItemKind::Instance(_) | ItemKind::Type(_) => continue,
            };
            return Err(DocumentError::Unsupported {
                at: self.import_position(name),
                what: format!(
                    "the import `{name}` is a {kind}, and a composition imports functions and interfaces alone"
                ),
                instead: "instantiate a package instead",
            });
        }
        Ok(())
    }

    fn import_position(&self, name: &str) -> DocumentPosition {
        let imports = self.document.statements.iter().filter_map(|statement| match statement {
            Statement::Import(it) => Some(it),
            _ => None,
        });
        let own = |node: NodeId| self.graph[node].name().map(str::to_owned);
        let node =
            self.graph.node_ids().find(|node| self.graph.get_import_name(*node) == Some(name));
        let id = node.and_then(own);
        let mut spans = imports.filter_map(|it| {
            let is_it = it.name.as_ref().is_some_and(|written| written.as_str() == name)
                || id.as_deref() == Some(it.id.string);
            is_it.then(|| it.id.span.offset())
        });
        self.position(spans.next().unwrap_or_default())
    }

    /// What is exported of each instantiation, with its public names.
    fn exports(&self) -> Result<Exports, DocumentError> {
        let mut exports = Exports::new();
        for name in self.export_names() {
            let Some(node) = self.graph.get_export(&name) else { continue };
            let Origin { node, path } = origin(self.graph, node);
            match self.graph[node].kind() {
                NodeKind::Instantiation(_) => {
                    exports.entry(node).or_default().push((name, Part(path)));
                }
                NodeKind::Import(import) => {
                    return Err(DocumentError::Unsupported {
                        at: self.export_position(&name),
                        what: format!(
                            "the import `{import}` is exported again, with no component between that could be called"
                        ),
                        instead: "leave the export out, and choose the provider's export with an export hint",
                    });
                }
                // Types alone: nobody can call them.
                NodeKind::Definition | NodeKind::Alias => {}
            }
        }
        Ok(exports)
    }

    /// The names under which the document may export something. The graph can be asked for a name, not for all.
    fn export_names(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for id in self.graph.node_ids() {
            let node = &self.graph[id];
            names.extend(node.export_name().map(str::to_owned));
            names.extend(self.graph.get_import_name(id).map(str::to_owned));
            names.extend(self.graph.get_alias_source(id).map(|(_, name)| name.to_owned()));
            if let ItemKind::Instance(interface) = node.item_kind() {
                names.extend(self.graph.types()[interface].id.clone());
            }
        }
        let renamed = self.document.statements.iter().filter_map(|statement| match statement {
            Statement::Export(it) => match &it.options {
                ExportOptions::Rename(name) => Some(name.as_str().to_owned()),
                ExportOptions::None | ExportOptions::Spread(_) => None,
            },
            _ => None,
        });
        names.extend(renamed);
        names
    }

    /// The statement that exports something as `name`.
    fn export_position(&self, name: &str) -> DocumentPosition {
        let exports: Vec<_> = self
            .document
            .statements
            .iter()
            .filter_map(|statement| match statement {
                Statement::Export(it) => Some(it),
                _ => None,
            })
            .collect();
        let renamed = exports.iter().find(
            |it| matches!(&it.options, ExportOptions::Rename(written) if written.as_str() == name),
        );
        let called = |it: &&&wac_parser::ExportStatement<'_>| {
            let last = match (it.expr.postfix.last(), &it.expr.primary) {
                (Some(PostfixExpr::Access(access)), _) => access.id.string,
                (Some(PostfixExpr::NamedAccess(access)), _) => access.string.value,
                (None, PrimaryExpr::Ident(id)) => id.string,
                (None, _) => return false,
            };
            matches!(it.options, ExportOptions::None)
                && (last == name || last_word(name) == last || self.is_import(last, name))
        };
        let spread =
            |it: &&&wac_parser::ExportStatement<'_>| matches!(it.options, ExportOptions::Spread(_));
        let found = renamed
            .or_else(|| exports.iter().find(called))
            .or_else(|| exports.iter().find(spread))
            .or_else(|| exports.first());
        self.position(found.map_or(0, |it| it.expr.span.offset()))
    }

    /// Whether the document calls its import `import` by the name `id`.
    fn is_import(&self, id: &str, import: &str) -> bool {
        self.graph.node_ids().any(|node| {
            self.graph[node].name() == Some(id) && self.graph.get_import_name(node) == Some(import)
        })
    }

    /// What the arguments of an instantiation mean.
    fn arguments(
        &self,
        node: NodeId,
        new: &NewExpr<'_>,
        ids: &HashMap<NodeId, String>,
        parts: &mut BTreeMap<NodeId, Vec<Part>>,
    ) -> Result<Arguments, DocumentError> {
        let (mut hints, mut renamed) = (Vec::new(), Vec::new());
        for (import, argument) in self.graph.get_instantiation_arguments(node) {
            // Types need nobody; resources come with the interfaces that they are of.
            if let ItemKind::Type(_) = self.graph[argument].item_kind() {
                continue;
            }
            let Origin { node: from, path } = origin(self.graph, argument);
            match self.graph[from].kind() {
                NodeKind::Import(name) if path.is_empty() => {
                    if name != import {
                        renamed.push((import.to_owned(), name.clone()));
                    }
                }
                NodeKind::Import(name) => {
                    return Err(DocumentError::Unsupported {
                        at: self.argument_position(new, import),
                        what: format!(
                            "`{}` of the import `{name}` is the argument for `{import}`, and a composition is given \
                             imports as a whole",
                            path.join("`, `")
                        ),
                        instead: "import what the component imports, and give it that, or leave it open with `...`",
                    });
                }
                _ => {
                    let part = Part(path);
                    let export = part.name();
                    if part.0.len() != 1 {
                        add(parts, from, part);
                    }
                    let provider = ids.get(&from).cloned().unwrap_or_default();
                    let export = (export != import).then_some(export);
                    hints.push((import.to_owned(), provider, export));
                }
            }
        }
        // The graph has the edges of a node in no order that means something.
        hints.sort();
        renamed.sort();
        Ok((hints, renamed))
    }

    /// The argument for an import, or the `new` if that has none which is written out.
    fn argument_position(&self, new: &NewExpr<'_>, import: &str) -> DocumentPosition {
        let word = last_word(import);
        let argument = new.arguments.iter().find_map(|argument| match argument {
            InstantiationArgument::Named(named) => {
                let name = named.name.as_str();
                (name == import || name == word).then(|| named.name.span())
            }
            InstantiationArgument::Inferred(id) => {
                (id.string == import || id.string == word).then_some(id.span)
            }
            InstantiationArgument::Spread(_) | InstantiationArgument::Fill(_) => None,
        });
        let spread = new.arguments.iter().find_map(|argument| match argument {
            InstantiationArgument::Spread(id) => Some(id.span),
            _ => None,
        });
        self.position(argument.or(spread).unwrap_or(new.span).offset())
    }
}

/// The last word of an interface's name: `store` of `acme:kv/store@1.0.0`.
fn last_word(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    name.rsplit_once('/').map_or(name, |(_, word)| word)
}
