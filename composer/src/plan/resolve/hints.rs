//! The rules that descriptors give for single imports: hints, containments and layers.
//!
//! A rule names an import, and means all open imports of its node with that name, a compatible
//! version of it, or that interface (for imports with names of their own). Where several rules of a
//! kind fit one import, `Fit` orders them. Every rule must mean something: a rule that fits no
//! import is a problem, so that a mistyped name is not ignored silently. During a replacement the
//! imports of kept components are no longer open, so there only the rules that the replaced
//! component would lose are reported.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Need, ReadyLevel, Resolver, best_offers};
use crate::error::{ImportRule, PlanProblem};
use crate::plan::containment::{Wish, contain, is_for, split, target};
use crate::plan::item::{Fit, Item, Named};
use crate::plan::name::{base, nearest};
use crate::plan::resolution::{HOST, ImportHint, LayeredImport, Leaf, Source};

impl Need {
    fn named<'a>(&self, leaves: &'a [Leaf]) -> &'a Named {
        &leaves[self.leaf].surface.imports[self.import]
    }
}

impl ReadyLevel<'_> {
    /// The open imports that a rule for `rule` fits, each by its place in `open` and with how well
    /// the rule fits.
    fn held_by(&self, leaves: &[Leaf], rule: &str) -> Vec<(usize, Fit)> {
        let places = self.open_by_base.get(base(rule)).map_or(&[][..], Vec::as_slice);
        let held = places.iter().filter_map(|place| {
            let ranks = self.open[*place].1.iter().map(|need| need.named(leaves).rank_for(rule));
            Some((*place, ranks.max().flatten()?))
        });
        held.collect()
    }

    /// The index of the hint for each open import that has one, by the import's place in `open`. A
    /// hint for the import's own name takes precedence over others, and one that ranks higher over
    /// one that ranks lower.
    pub(super) fn hints(&self, leaves: &[Leaf]) -> HashMap<usize, usize> {
        let mut best: HashMap<usize, (Fit, usize)> = HashMap::new();
        for (index, hint) in self.import_hints.iter().enumerate() {
            for (place, rank) in self.held_by(leaves, &hint.import) {
                if best.get(&place).is_none_or(|(known, _)| rank > *known) {
                    best.insert(place, (rank, index));
                }
            }
        }
        best.into_iter().map(|(place, (_, index))| (place, index)).collect()
    }

    /// The names of this node's open imports.
    fn open_names(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(|(name, _)| &**name)
    }
}

impl Resolver<'_> {
    pub(super) fn unused_hints(&mut self, node: &ReadyLevel<'_>) {
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
            if node.held_by(&self.leaves, import).is_empty() {
                let nearest = nearest(import, node.open_names());
                self.problems.push(PlanProblem::HintNotImported {
                    component: node.path.clone(),
                    import: import.clone(),
                    nearest: nearest.map(str::to_owned),
                });
            }
        }
    }

    /// Finds the imported functions of a node whose failures are to be contained, and reports
    /// wishes that fit no import.
    pub(super) fn contain(&mut self, node: &ReadyLevel<'_>) {
        let mut wishes: BTreeMap<usize, Vec<(Fit, &Wish)>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for wish in node.containments {
            let (name, function) = target(wish);
            if !seen.insert(&wish.0) {
                self.problems.push(PlanProblem::ContainedTwice {
                    component: node.path.clone(),
                    name: wish.0.clone(),
                });
                continue;
            }
            let held = node.held_by(&self.leaves, name);
            let mut known = false;
            for (place, rank) in &held {
                known |= self.items(node, *place).any(|item| is_for(item, function));
                wishes.entry(*place).or_default().push((rank.clone(), wish));
            }
            // During a replacement the imports of kept components are not open, so a wish that fits
            // none of the open ones may still be in use.
            if !known && !node.broken && self.kept.is_none() {
                let nearest = match function.filter(|_| !held.is_empty()) {
                    Some(_) => self.nearest_import(node, &wish.0),
                    None => nearest(name, node.open_names()).map(str::to_owned),
                };
                self.problems.push(PlanProblem::ContainedNotImported {
                    component: node.path.clone(),
                    name: wish.0.clone(),
                    nearest,
                });
            }
        }
        for (place, mut wishes) in wishes {
            wishes.sort_by(|(a, _), (b, _)| b.cmp(a));
            let wishes: Vec<_> = wishes.into_iter().map(|(_, wish)| wish).collect();
            for need in &node.open[place].1 {
                let leaf = &mut self.leaves[need.leaf];
                let import = (need.import, &leaf.surface.imports[need.import]);
                let is_its = |wish: &&Wish| import.1.rank_for(target(wish).0).is_some();
                let wishes: Vec<_> = wishes.iter().copied().filter(is_its).collect();
                let found = contain(&leaf.id, import, &wishes, &mut self.problems);
                // Levels are resolved from the inside out, and the first match counts: wishes
                // inside a nested composer take precedence over those around it.
                leaf.contained.extend(found);
            }
        }
    }

    /// Puts a node's layers on the imports that they fit, and reports layers that fit none. All
    /// layers that fit an import are put on it.
    pub(super) fn layer(&mut self, node: &ReadyLevel<'_>) {
        for &(name, layer) in &node.import_layers {
            let (import, function) = split(name);
            let mut known = false;
            for (place, _) in node.held_by(&self.leaves, import) {
                for need in &node.open[place].1 {
                    let named = need.named(&self.leaves);
                    if named.rank_for(import).is_none() || !is_for(&named.item, function) {
                        continue;
                    }
                    let leaf = &mut self.leaves[need.leaf];
                    known = true;
                    let (import, function) = (need.import, function.map(str::to_owned));
                    // Levels are resolved from the inside out: calls meet the layers inside a
                    // nested composer before those around it.
                    leaf.layered.push(LayeredImport { import, function, layer });
                }
            }
            // During a replacement the imports of kept components are not open, so a layer that
            // fits none of the open ones may still be in use.
            if !known && !node.broken && self.kept.is_none() {
                let nearest = self.nearest_import(node, name);
                let (component, name) = (node.path.clone(), name.to_owned());
                self.problems.push(PlanProblem::LayeredNotImported { component, name, nearest });
            }
        }
    }

    /// Reports the rules of a node that replacing one of its components would silently drop: the
    /// new component imports an incompatible version that the rule does not fit, and no other rule
    /// of the kind does.
    pub(super) fn lost_rules(&mut self, node: &ReadyLevel<'_>) {
        let Some(kept) = self.kept.filter(|_| !node.broken) else { return };
        let Some(old) = kept.wiring.leaves.get(kept.but) else { return };
        let hints = node.import_hints.iter().map(|hint| (&*hint.import, &*hint.import));
        let wishes = node.containments.iter().map(|wish| (&*wish.0, target(wish).0));
        let layers = node.import_layers.iter().map(|(name, _)| (*name, split(name).0));
        let kinds: [(ImportRule, Vec<(&str, &str)>); 3] = [
            (ImportRule::Hint, hints.collect()),
            (ImportRule::Containment, wishes.collect()),
            (ImportRule::Layer, layers.collect()),
        ];
        let mut lost = Vec::new();
        for (rule, names) in &kinds {
            let held: HashSet<usize> = names
                .iter()
                .flat_map(|(_, import)| node.held_by(&self.leaves, import))
                .map(|(place, _)| place)
                .collect();
            for (name, import) in names {
                // A rule around a composer may be for another of the components inside.
                let is_its_own = *old.id == node.path
                    || old.surface.imports.iter().any(|it| it.rank_for(import).is_some());
                if !is_its_own || !node.held_by(&self.leaves, import).is_empty() {
                    continue;
                }
                let places = node.open_by_base.get(base(import)).into_iter().flatten();
                lost.extend(places.filter(|place| !held.contains(place)).map(|place| {
                    PlanProblem::ReplacementLosesRule {
                        component: old.id.to_string(),
                        rule: *rule,
                        name: (*name).to_owned(),
                        import: node.open[*place].0.clone(),
                    }
                }));
            }
        }
        self.problems.extend(lost);
    }

    /// The items imported at one place of a node's open imports.
    fn items<'a>(
        &'a self,
        node: &'a ReadyLevel<'_>,
        place: usize,
    ) -> impl Iterator<Item = &'a Item> {
        let needs = node.open[place].1.iter();
        needs.map(|need| &need.named(&self.leaves).item)
    }

    /// The import of a node with the name closest to `name`; if `name` has a `#`, the closest
    /// function of an imported interface.
    fn nearest_import(&self, node: &ReadyLevel<'_>, name: &str) -> Option<String> {
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

    /// The source of an import that `hint` is for.
    pub(super) fn hinted(
        &mut self,
        nodes: &[ReadyLevel<'_>],
        importer: usize,
        (import, needs): (&str, &[Need]),
        hint: &ImportHint,
    ) -> Source {
        let (component, import) = (nodes[importer].path.clone(), import.to_owned());
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
        let export = export.as_ref().unwrap_or(&import);
        // A document's hints see more of its components than others do.
        let within = nodes[importer].bound.is_some();
        let mut offers = best_offers(export, [provider], within, |_| true);
        let interface = self.interface(needs);
        if let (true, None, Some(interface)) = (offers.is_empty(), &hint.export, interface) {
            offers = best_offers(interface, [provider], within, |_| true);
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
