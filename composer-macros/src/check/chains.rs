//! Checks chains. A chain is hints, so a name that has another hint has two.

use std::collections::BTreeMap;

use syn::Ident;

use super::{Checker, key};
use crate::ast;
use crate::model::Chain;
use crate::names;

impl Checker<'_> {
    /// The chains of a level.
    pub(super) fn chains(&mut self, chains: &[ast::Chain]) -> Vec<Chain> {
        let mut checked: Vec<Chain> = Vec::new();
        for ast::Chain { interface: literal, links } in chains {
            let interface = self.name("interface", literal, names::is_interface);
            if checked.iter().any(|it| it.interface == interface) {
                let message = format!("interface `{interface}` has two chains; keep one");
                self.report.error(literal, message);
            }
            let ids = self.links(links);
            // Without ids the compiler could not tell of which type they are.
            if !ids.is_empty() {
                checked.push(Chain { interface, ids });
            }
        }
        checked
    }

    /// The ids of a chain's components.
    fn links(&mut self, links: &[Ident]) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for name in links {
            let Some(id) = self.reference(name, None) else { continue };
            if ids.contains(&id) {
                let message = format!(
                    "`{name}` is in this chain already; leave it out, or declare the component a \
                     second time, under another name"
                );
                self.report.error(name, message);
            }
            ids.push(id);
        }
        ids
    }
}

/// From where chains say that imports of `component` come, each by the import's name.
pub(super) fn of_imports(chains: &[ast::Chain], component: &Ident) -> BTreeMap<String, String> {
    let next = |chain: &ast::Chain| {
        let followed = chain.links.windows(2).find(|pair| key(&pair[0]) == key(component))?;
        Some((chain.interface.value(), by_chain(&followed[1])))
    };
    chains.iter().filter_map(next).collect()
}

/// From where chains say that public exports come, each by the export's name.
pub(super) fn of_exports(chains: &[ast::Chain]) -> BTreeMap<String, String> {
    let first = |chain: &ast::Chain| {
        let first = chain.links.first()?;
        Some((chain.interface.value(), by_chain(first)))
    };
    chains.iter().filter_map(first).collect()
}

fn by_chain(name: &Ident) -> String {
    format!("from `{name}`, as the chain says,")
}
