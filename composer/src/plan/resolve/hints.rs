//! What descriptors say of single imports: hints, failures that are to be contained, and layers.

use std::collections::BTreeSet;

use super::{HOST, ImportHint, LayeredImport, Ready, Resolver, Source, best_offers};
use crate::error::PlanProblem;
use crate::plan::containment::{contain, split, target};
use crate::plan::item::{Item, find};
use crate::plan::name::nearest;

impl Resolver<'_> {
    pub(super) fn unused_hints(&mut self, node: &Ready<'_>) {
        if node.broken {
            return;
        }
        let mut seen = BTreeSet::new();
        for ImportHint { import, .. } in node.import_hints {
            if !seen.insert(import) {
                self.problems.push(PlanProblem::DuplicateHint {
                    component: Some(node.path.clone()),
                    name: import.clone(),
                });
            }
            if !node.open.iter().any(|(name, _)| name == import) {
                let nearest = nearest(import, node.open.iter().map(|(name, _)| &**name));
                self.problems.push(PlanProblem::HintNotImported {
                    component: node.path.clone(),
                    import: import.clone(),
                    nearest: nearest.map(str::to_owned),
                });
            }
        }
    }

    /// Finds what is contained of a node's imports, and the wishes that are for nothing.
    pub(super) fn contain(&mut self, node: &Ready<'_>) {
        for (name, needs) in &node.open {
            if !node.containments.iter().any(|wish| target(wish).0 == name) {
                continue;
            }
            for need in needs {
                let leaf = &mut self.leaves[need.leaf];
                let import = (need.import, &leaf.surface.imports[need.import]);
                let found = contain(&leaf.id, import, node.containments, &mut self.problems);
                // What is said inside a nested composer counts before what is said around it.
                leaf.contained.extend(found);
            }
        }
        let mut seen = BTreeSet::new();
        for wish in node.containments {
            let name = target(wish).0;
            // Of what is kept, no import is open any more.
            if !seen.insert(&wish.0) {
                self.problems.push(PlanProblem::ContainedTwice {
                    component: node.path.clone(),
                    name: wish.0.clone(),
                });
            } else if !node.broken
                && self.kept.is_none()
                && !node.open.iter().any(|(open, _)| open == name)
            {
                let nearest = nearest(name, node.open.iter().map(|(name, _)| &**name));
                self.problems.push(PlanProblem::ContainedNotImported {
                    component: node.path.clone(),
                    name: wish.0.clone(),
                    nearest: nearest.map(str::to_owned),
                });
            }
        }
    }

    /// Finds the imports that a node's layers are on, and the layers that are on nothing.
    pub(super) fn layer(&mut self, node: &Ready<'_>) {
        for &(name, layer) in &node.import_layers {
            let (import, function) = split(name);
            let needs = node.open.iter().find(|(open, _)| open == import).map(|(_, needs)| needs);
            let mut unknown = needs.is_none();
            for need in needs.into_iter().flatten() {
                let leaf = &mut self.leaves[need.leaf];
                let named = &leaf.surface.imports[need.import];
                if !has_function(&named.item, function) {
                    unknown = true;
                    break;
                }
                let (import, function) = (need.import, function.map(str::to_owned));
                // What is said inside a nested composer is met before what is said around it.
                leaf.layered.push(LayeredImport { import, function, layer });
            }
            // Of what is kept, no import is open any more.
            if unknown && !node.broken && self.kept.is_none() {
                let nearest = self.nearest_import(node, name);
                let (component, name) = (node.path.clone(), name.to_owned());
                self.problems.push(PlanProblem::LayeredNotImported { component, name, nearest });
            }
        }
    }

    /// What a node imports that is called almost `name`, a function of an interface where `name` is of one.
    fn nearest_import(&self, node: &Ready<'_>, name: &str) -> Option<String> {
        let mut names: Vec<String> = Vec::new();
        for (open, needs) in &node.open {
            let Some(need) = needs.first() else { continue };
            match &self.leaves[need.leaf].surface.imports[need.import].item {
                Item::Instance(items) if name.contains('#') => {
                    names.extend(items.iter().map(|it| format!("{open}#{}", it.name)));
                }
                _ => names.push(open.clone()),
            }
        }
        nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
    }

    pub(super) fn hinted(
        &mut self,
        nodes: &[Ready<'_>],
        importer: usize,
        hint: &ImportHint,
    ) -> Source {
        let (component, import) = (nodes[importer].path.clone(), hint.import.clone());
        let ImportHint { provider: target, export, .. } = hint;
        if target == HOST {
            return Source::Linker { hinted: true };
        }
        if target == nodes[importer].id {
            self.problems.push(PlanProblem::HintToSelf { component, import });
            return Source::Nobody;
        }
        let Some(provider) = nodes.iter().find(|node| node.id == target) else {
            let ids = nodes.iter().enumerate().filter(|(index, _)| *index != importer);
            let nearest = nearest(target, ids.map(|(_, node)| node.id)).map(str::to_owned);
            self.problems.push(PlanProblem::UnknownHintTarget {
                component: Some(component),
                name: import,
                target: target.to_owned(),
                nearest,
            });
            return Source::Nobody;
        };
        let export = export.as_ref().unwrap_or(&hint.import);
        let mut offers = best_offers(export, [provider]);
        let needs = nodes[importer].open.iter().find(|(name, _)| *name == hint.import);
        let interface = needs.and_then(|(_, needs)| self.interface(needs));
        if let (true, None, Some(interface)) = (offers.is_empty(), &hint.export, interface) {
            offers = best_offers(interface, [provider]);
        }
        match offers.first() {
            Some((_, offer)) => Source::Export(*offer),
            None => {
                if !provider.broken {
                    self.problems.push(PlanProblem::HintNotOffered {
                        component: Some(component),
                        hidden: provider.hides(export),
                        nearest: provider.nearest_export(export),
                        name: import,
                        export: hint.export.clone(),
                        target: provider.path.clone(),
                    });
                }
                Source::Nobody
            }
        }
    }
}

/// Whether an import is called through a layer: a function, or the one of that name of an interface.
fn has_function(item: &Item, function: Option<&str>) -> bool {
    match (item, function) {
        (Item::Instance(items), Some(function)) => {
            matches!(find(items, function), Some(Item::Func { .. }))
        }
        (Item::Instance(_) | Item::Func { .. }, None) => true,
        _ => false,
    }
}
