//! Matches imports to exports by their names, level by level.
//!
//! A composer is a level; composers nested in it, and fused groups, are levels inside. Levels are
//! resolved from the inside out: imports that no component of a level satisfies are open imports of
//! the level, and are matched on the level around it. Imports that are still open on the outermost
//! level are left to the importers' own linkers. Likewise a level's exports are visible around it,
//! as far as filters let them through.
//!
//! On a level an import is satisfied by the provider that a hint names, or else by the export that
//! ranks highest (`name.rs`): the exact name, then the highest compatible version. Two that rank
//! equally are a problem and never a silent choice; neither are components chosen that are not
//! trusted. `hints.rs` applies the rules of descriptors for imports.
//!
//! The result holds indices (`Leaf`, `Offer`, `Source`) instead of names, so that everything after
//! it needs no look-ups. It is complete even where there are problems: what cannot be resolved is
//! `Source::Nobody`, so that the rest can still be checked.

mod hints;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::bound::Bound;
use super::check::{check_types, contained_of_host, find_resources, homeless, layered_of_host};
use super::containment::Wish;
use super::filter::Filter;
use super::item::{Named, ResourceOrigin, Surface};
use super::name::{Name, Rank, base, names, nearest};
use super::order::order;
use super::resolution::{
    HOST, ImportHint, KnownOffers, LayerNumber, Leaf, Offer, Offered, PublicExport, Resolution,
    ResourceHome, Source,
};
use crate::error::{PlanProblem, is_plain};

/// What is to be composed on one level.
#[derive(Debug, Default)]
pub(crate) struct Assembly<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    /// The name of each export that has a hint, and the id of the component that provides it.
    pub(crate) export_hints: &'a [(String, String)],
    pub(crate) allow_cycles: bool,
}

#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) id: &'a str,
    /// Whether its exports satisfy imports of other components only where a hint says so.
    pub(crate) is_untrusted: bool,
    /// Problems that were found before resolution.
    pub(crate) problems: Vec<PlanProblem>,
    pub(crate) content: Content<'a>,
    pub(crate) filters: &'a [Filter],
    pub(crate) import_hints: &'a [ImportHint],
    pub(crate) containments: &'a [Wish],
    /// The layers on its imports: each with the name of an import or `import#function`, and the
    /// layer's number.
    pub(crate) import_layers: Vec<(&'a str, LayerNumber)>,
    /// What a document says of it, if it is of one.
    pub(crate) bound: Option<&'a Bound>,
}

#[derive(Debug)]
pub(crate) enum Content<'a> {
    Leaf(Arc<Surface>),
    Group(Assembly<'a>),
    /// A component that could not be loaded, with the reasons. Nothing else is reported about it.
    Broken(Vec<PlanProblem>),
}

/// Resolves `assembly` and everything nested in it. The ids of its components get the prefix
/// `prefix`.
pub(crate) fn resolve(assembly: Assembly<'_>, prefix: &str) -> Resolution {
    let mut resolution = match_names(assembly, prefix, None);
    resolution.finish();
    resolution
}

/// Matches the names of `assembly`. With `kept`, all leaves except `kept.but` keep the sources that
/// their imports have in `kept.wiring`.
pub(super) fn match_names(
    assembly: Assembly<'_>,
    prefix: &str,
    kept: Option<KeptWiring<'_>>,
) -> Resolution {
    let mut resolver = Resolver {
        kept,
        leaves: Vec::new(),
        problems: Vec::new(),
        is_broken: false,
        offers: Vec::new(),
        undecided: Vec::new(),
        cyclic: Vec::new(),
    };
    let level = resolver.level(assembly, prefix);
    let Resolver { leaves, problems, is_broken, offers, undecided, cyclic, .. } = resolver;
    let (order, exports, cycles) = (Vec::new(), level.exports, Vec::new());
    let mut offers_by_base: HashMap<String, Vec<usize>> = HashMap::new();
    for (index, known) in offers.iter().enumerate() {
        offers_by_base.entry(base(&known.name).to_owned()).or_default().push(index);
    }
    Resolution {
        leaves,
        order,
        exports,
        problems,
        is_broken,
        cycles,
        offers,
        offers_by_base,
        undecided,
        cyclic,
    }
}

impl Resolution {
    /// Sorts the leaves and compares types, once the source of every import is known.
    pub(super) fn finish(&mut self) {
        // Imports that no level satisfied need no step here: the importer's linker is the source
        // that leaves start with.
        let (order, cycles) = order(&self.leaves);
        for cycle in &cycles {
            let ids = || cycle.iter().map(|leaf| &self.leaves[*leaf].id);
            if !self.cyclic.iter().any(|prefix| ids().all(|id| id.starts_with(&**prefix))) {
                let components = ids().map(|id| id.to_string()).collect();
                self.problems.push(PlanProblem::Cycle { components });
            }
        }
        self.order = order;
        if !cycles.is_empty() {
            find_resources(&mut self.leaves, &self.order);
        }
        self.cycles = cycles;
        check_types(&mut self.leaves, &self.order, &mut self.problems);
        if self.problems.is_empty() {
            self.problems = homeless(&self.leaves).collect();
        }
        self.problems.extend(contained_of_host(&self.leaves));
        self.problems.extend(layered_of_host(&self.leaves));
    }
}

/// A wiring in which a single leaf is to be resolved anew.
#[derive(Clone, Copy)]
pub(super) struct KeptWiring<'a> {
    pub(super) wiring: &'a Resolution,
    /// The index of the leaf that is resolved anew.
    pub(super) but: usize,
}

struct Resolver<'a> {
    kept: Option<KeptWiring<'a>>,
    leaves: Vec<Leaf>,
    problems: Vec<PlanProblem>,
    is_broken: bool,
    offers: Vec<KnownOffers>,
    undecided: Vec<(String, String, String)>,
    cyclic: Vec<String>,
}

/// What a level, or a single component, looks like from the level around it.
struct NameLevel {
    /// The open imports: the name of each, and the imports of leaves that it stands for.
    open: Vec<(String, Vec<Need>)>,
    exports: Vec<PublicExport>,
}

/// An import: the index of its component, and its index among the component's imports.
#[derive(Clone, Copy)]
struct Need {
    leaf: usize,
    import: usize,
}

/// An export that no filter hides.
struct Shown {
    name: String,
    offer: Offer,
    is_untrusted: bool,
}

/// A node whose content has been resolved.
struct ReadyLevel<'a> {
    id: &'a str,
    path: String,
    open: Vec<(String, Vec<Need>)>,
    /// The indices into `open`, by the names without versions under which rules can mean an import.
    open_by_base: HashMap<String, Vec<usize>>,
    /// What others see; of a component of a document, what that exports.
    visible: Vec<Shown>,
    /// Of a component of a document: what the document's hints can name.
    within: Option<Vec<Shown>>,
    hidden: Vec<String>,
    bound: Option<&'a Bound>,
    import_hints: &'a [ImportHint],
    containments: &'a [Wish],
    import_layers: Vec<(&'a str, LayerNumber)>,
    broken: bool,
}

impl Resolver<'_> {
    fn level(&mut self, assembly: Assembly<'_>, prefix: &str) -> NameLevel {
        if assembly.allow_cycles {
            self.cyclic.push(prefix.to_owned());
        }
        let mut nodes = Vec::new();
        let mut seen = BTreeSet::new();
        for node in assembly.nodes {
            let path = format!("{prefix}{}", node.id);
            if let Some(reason) = invalid_id(node.id) {
                self.problems.push(PlanProblem::InvalidId { id: path.clone(), reason });
            }
            if !seen.insert(node.id) {
                self.problems.push(PlanProblem::DuplicateId { id: path.clone() });
            }
            nodes.push(self.node(node, path));
        }
        // The nodes with visible exports of a name, in any version. Built once per level: a large
        // composition has many nodes, and only a few export a given name.
        let mut offering: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            let names: BTreeSet<_> = node.visible.iter().map(|it| base(&it.name)).collect();
            names.into_iter().for_each(|name| offering.entry(name).or_default().push(index));
        }
        let mut open: BTreeMap<String, Vec<Need>> = BTreeMap::new();
        for importer in 0..nodes.len() {
            // During a replacement, the imports of kept components are no longer open, so their
            // hints would look unused.
            match self.kept {
                None => self.unused_hints(&nodes[importer]),
                Some(_) => self.lost_rules(&nodes[importer]),
            }
            self.contain(&nodes[importer]);
            self.layer(&nodes[importer]);
            let hints = nodes[importer].hints(&self.leaves);
            for (place, (import, needs)) in nodes[importer].open.iter().enumerate() {
                let hint = hints.get(&place).map(|hint| &nodes[importer].import_hints[*hint]);
                let source = match hint {
                    Some(hint) => Some(self.hinted(&nodes, importer, (import, needs), hint)),
                    None => self.source(&nodes, &offering, importer, import, needs),
                };
                match source {
                    Some(source) => {
                        for need in needs {
                            self.leaves[need.leaf].sources[need.import] = source;
                        }
                    }
                    None => {
                        let name = nodes[importer].open_name(import).to_owned();
                        open.entry(name).or_default().extend(needs);
                    }
                }
            }
        }
        let exports = self.exports(&nodes, assembly.export_hints);
        NameLevel { open: open.into_iter().collect(), exports }
    }

    fn node<'a>(&mut self, node: Node<'a>, path: String) -> ReadyLevel<'a> {
        self.problems.extend(node.problems);
        let mut broken = false;
        let level = match node.content {
            Content::Leaf(surface) => {
                let parts = node.bound.map_or(&[][..], |bound| &bound.parts);
                self.leaf(&path, surface.with_parts(parts))
            }
            Content::Group(assembly) => self.level(assembly, &format!("{path}/")),
            Content::Broken(problems) => {
                broken = true;
                self.is_broken = true;
                self.problems.extend(problems);
                NameLevel { open: Vec::new(), exports: Vec::new() }
            }
        };
        if !broken {
            for pattern in node.filters.iter().flat_map(Filter::patterns) {
                if !level.exports.iter().any(|export| names(pattern, &export.name)) {
                    let nearest = nearest(pattern, level.exports.iter().map(|it| &*it.name));
                    self.problems.push(PlanProblem::UnknownFilterName {
                        component: path.clone(),
                        name: pattern.clone(),
                        nearest: nearest.map(str::to_owned),
                    });
                }
            }
        }
        let mut visible = Vec::new();
        let mut hidden = Vec::new();
        let part = |name: &str| node.bound.and_then(|bound| bound.part(name));
        let lets = |name: &str| node.filters.iter().all(|filter| filter.lets_through(name));
        // Filters are the application's code, and asked once of each export where there is no document.
        let all = node.bound.is_some()
            && level.exports.iter().all(|it| part(&it.name).is_some() || lets(&it.name));
        for export in level.exports {
            // A part is hidden with what it is a part of.
            let shown = match part(&export.name).map(|part| part.0.first()) {
                Some(None) => all,
                Some(Some(whole)) => lets(whole),
                None => lets(&export.name),
            };
            let offer = match export.offered {
                Offered::By(offer) => offer,
                // A composer does not offer an export that is ambiguous inside.
                Offered::Ambiguously(offers) => {
                    if let Some((id, _)) = offers.first().filter(|_| shown) {
                        let id = id.rsplit('/').next().unwrap_or(id).to_owned();
                        self.undecided.push((path.clone(), export.name, id));
                    }
                    continue;
                }
            };
            let is_untrusted = node.is_untrusted || export.is_untrusted;
            self.offers.push(KnownOffers {
                component: path.clone(),
                name: export.name.clone(),
                is_visible: shown,
                is_untrusted,
                is_bound: node.bound.is_some(),
            });
            if shown {
                visible.push(Shown { name: export.name, offer, is_untrusted });
            } else {
                hidden.push(export.name);
            }
        }
        let Node { id, import_hints, containments, import_layers, bound, .. } = node;
        let within = bound.map(|bound| {
            let public = self.bound_exports(&path, bound, (&visible, &hidden), broken);
            std::mem::replace(&mut visible, public)
        });
        let mut open_by_base: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, (_, needs)) in level.open.iter().enumerate() {
            let named = needs.iter().map(|it| &self.leaves[it.leaf].surface.imports[it.import]);
            for base in named.flat_map(Named::bases) {
                let places = open_by_base.entry(base.to_owned()).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        ReadyLevel {
            id,
            path,
            open: level.open,
            open_by_base,
            visible,
            within,
            hidden,
            bound,
            import_hints,
            containments,
            import_layers,
            broken,
        }
    }

    /// What a document exports of a component that shows the exports `shown` and hides others.
    fn bound_exports(
        &mut self,
        path: &str,
        bound: &Bound,
        (shown, hidden): (&[Shown], &[String]),
        broken: bool,
    ) -> Vec<Shown> {
        let mut public = Vec::new();
        for (name, own) in &bound.exports {
            let wanted = Name::parse(own);
            let ranked =
                shown.iter().filter_map(|it| Some((Name::parse(&it.name).rank_for(&wanted)?, it)));
            match ranked.max_by(|(a, _), (b, _)| a.cmp(b)) {
                Some((_, it)) => public.push(Shown {
                    name: name.clone(),
                    offer: it.offer,
                    is_untrusted: it.is_untrusted,
                }),
                // A replacement that lacks it is told of elsewhere.
                None if broken || self.kept.is_some() => {}
                None => self.problems.push(PlanProblem::HintNotOffered {
                    export: (name != own).then(|| own.clone()),
                    component: None,
                    name: name.clone(),
                    hidden: hidden.contains(own),
                    nearest: nearest(own, shown.iter().map(|it| &*it.name)).map(str::to_owned),
                    target: path.to_owned(),
                }),
            }
        }
        public
    }

    fn leaf(&mut self, path: &str, surface: Arc<Surface>) -> NameLevel {
        let leaf = self.leaves.len();
        let hosted = surface.inside.as_ref().map_or(&[][..], |inside| &inside.hosted);
        let source = |import: usize| match surface.needs_nobody(import) {
            true => Source::Nobody,
            false => Source::Linker { hinted: hosted.contains(&import) },
        };
        let homes = (0..).zip(&surface.resources).map(|(resource, def)| match def.origin {
            ResourceOrigin::Defined => ResourceHome::Component { leaf, resource },
            ResourceOrigin::Imported => ResourceHome::Unknown,
            ResourceOrigin::Host => ResourceHome::in_host(def),
        });
        let kept = self.kept.filter(|kept| kept.but != leaf);
        let kept = kept.and_then(|kept| kept.wiring.leaves.get(leaf));
        self.leaves.push(Leaf {
            id: path.into(),
            sources: match kept {
                Some(kept) => kept.sources.clone(),
                None => (0..surface.imports.len()).map(source).collect(),
            },
            resources: homes.collect(),
            contained: kept.map_or_else(Vec::new, |kept| kept.contained.clone()),
            layered: kept.map_or_else(Vec::new, |kept| kept.layered.clone()),
            surface: surface.clone(),
        });
        let is_open = |import: &usize| kept.is_none() && !hosted.contains(import);
        let open = surface.imports.iter().enumerate().filter(|(import, _)| is_open(import));
        let exports = surface.exports.iter().enumerate();
        NameLevel {
            open: open
                .map(|(import, named)| (named.name.clone(), vec![Need { leaf, import }]))
                .collect(),
            exports: exports
                .map(|(export, named)| PublicExport {
                    name: named.name.clone(),
                    is_untrusted: surface.untrusted.contains(&named.name),
                    offered: Offered::By(Offer { leaf, export }),
                })
                .collect(),
        }
    }

    /// The source of `import` on this level if no hint is for it. `offering` has the nodes that
    /// export each name, in any version. `None` if no component satisfies it here, which leaves it
    /// open for the level around.
    fn source(
        &mut self,
        nodes: &[ReadyLevel<'_>],
        offering: &HashMap<&str, Vec<usize>>,
        importer: usize,
        import: &str,
        needs: &[Need],
    ) -> Option<Source> {
        let node = &nodes[importer];
        // Types need no provider, so they are never ambiguous; a resource type of another import
        // has the source of that import.
        let is_with_others = |need: &Need| {
            let surface = &self.leaves[need.leaf].surface;
            surface.imports[need.import].item.is_types_alone()
                || surface.derived_from(need.import).is_some()
        };
        if needs.iter().all(is_with_others) {
            return Some(Source::Nobody);
        }
        let best = |name: &str| {
            let others = offering.get(base(name)).map_or(&[][..], Vec::as_slice);
            // What a document leaves open, none of its own components satisfies.
            let may = |other: &usize| {
                *other != importer && !(node.bound.is_some() && nodes[*other].bound.is_some())
            };
            let others = others.iter().filter(|index| may(index));
            // Components that are not trusted are chosen by hints only.
            best_offers(name, others.map(|index| &nodes[*index]), false, |it| !it.is_untrusted)
        };
        let mut best_of_name = best(node.open_name(import));
        if let (true, Some(interface)) = (best_of_name.is_empty(), self.interface(needs)) {
            best_of_name = best(interface);
        }
        let best = best_of_name;
        match best.as_slice() {
            [] => None,
            [(_, offer)] => Some(Source::Export(*offer)),
            // Two components with the same id have been reported as a problem already.
            [(first, offer), others @ ..] if others.iter().all(|(it, _)| it.path == first.path) => {
                Some(Source::Export(*offer))
            }
            [(_, offer), ..] => {
                self.problems.push(PlanProblem::AmbiguousImport {
                    component: node.path.clone(),
                    import: import.to_owned(),
                    export: self.export_name(*offer),
                    providers: best.iter().map(|(node, _)| node.path.clone()).collect(),
                });
                Some(Source::Nobody)
            }
        }
    }

    /// The interface that an import with a name of its own says it is.
    fn interface(&self, needs: &[Need]) -> Option<&str> {
        let need = needs.first()?;
        self.leaves[need.leaf].surface.imports[need.import].implements.as_deref()
    }

    fn export_name(&self, offer: Offer) -> String {
        self.leaves[offer.leaf].surface.exports[offer.export].name.clone()
    }

    fn exports(
        &mut self,
        nodes: &[ReadyLevel<'_>],
        hints: &[(String, String)],
    ) -> Vec<PublicExport> {
        let mut seen = BTreeSet::new();
        let mut hinted = HashMap::new();
        for (name, target) in hints {
            if !seen.insert(name) {
                self.problems
                    .push(PlanProblem::DuplicateHint { component: None, name: name.clone() });
                continue;
            }
            let Some(provider) = nodes.iter().find(|node| node.id == *target) else {
                self.problems.push(PlanProblem::UnknownHintTarget {
                    component: None,
                    name: name.clone(),
                    target: target.clone(),
                    nearest: nearest(target, nodes.iter().map(|it| it.id)).map(str::to_owned),
                });
                continue;
            };
            match provider.visible.iter().find(|it| it.name == *name) {
                Some(shown) => {
                    hinted.insert(name, shown);
                }
                None if provider.broken => {}
                None => self.problems.push(PlanProblem::HintNotOffered {
                    export: None,
                    component: None,
                    name: name.clone(),
                    hidden: provider.hides(name),
                    nearest: provider.nearest_export(name),
                    target: provider.path.clone(),
                }),
            }
        }
        let mut offers: BTreeMap<&String, Vec<(&ReadyLevel<'_>, &Shown)>> = BTreeMap::new();
        let mut trusted: HashMap<&str, Vec<Name<'_>>> = HashMap::new();
        // A document decides what is exported; of what is added beside it, hints do.
        let is_document = nodes.iter().any(|node| node.bound.is_some());
        for node in nodes {
            for shown in &node.visible {
                let is_hinted = |it: &&Shown| std::ptr::eq::<Shown>(*it, shown);
                if is_document
                    && node.bound.is_none()
                    && !hinted.get(&shown.name).is_some_and(is_hinted)
                {
                    continue;
                }
                offers.entry(&shown.name).or_default().push((node, shown));
                if !shown.is_untrusted {
                    trusted.entry(base(&shown.name)).or_default().push(Name::parse(&shown.name));
                }
            }
        }
        // An export of a component that is not trusted gives way to a trusted one of a compatible
        // version, and does not make its name ambiguous.
        let is_taken = |name: &str| {
            let wanted = Name::parse(name);
            let mut by = trusted.get(base(name)).into_iter().flatten();
            by.any(|it| it.rank_for(&wanted).is_some())
        };
        let public = offers.into_iter().filter_map(|(name, mut by)| {
            let hinted = hinted.get(name).copied();
            if hinted.is_none() && is_taken(name) {
                by.retain(|(_, shown)| !shown.is_untrusted);
            }
            let only = hinted.or(match by.as_slice() {
                [] => return None,
                [(_, shown)] => Some(shown),
                _ => None,
            });
            let (is_untrusted, offered) = match (only, by) {
                (Some(shown), _) => (shown.is_untrusted, Offered::By(shown.offer)),
                (None, several) => {
                    let offers =
                        several.iter().map(|(node, shown)| (node.path.clone(), shown.offer));
                    let is_untrusted = several.iter().any(|(_, shown)| shown.is_untrusted);
                    (is_untrusted, Offered::Ambiguously(offers.collect()))
                }
            };
            Some(PublicExport { name: name.clone(), is_untrusted, offered })
        });
        public.collect()
    }
}

impl ReadyLevel<'_> {
    /// The name under which an import is open on the level around, or looked for beside a document.
    fn open_name<'a>(&'a self, import: &'a str) -> &'a str {
        self.bound.map_or(import, |bound| bound.open_name(import))
    }

    /// What can be used of it, `within` the document that it is of.
    fn shown(&self, within: bool) -> &[Shown] {
        match &self.within {
            Some(shown) if within => shown,
            _ => &self.visible,
        }
    }

    fn hides(&self, name: &str) -> bool {
        let wanted = Name::parse(name);
        self.hidden.iter().any(|hidden| Name::parse(hidden).rank_for(&wanted).is_some())
    }

    /// The visible export with the name closest to `name`.
    fn nearest_export(&self, name: &str) -> Option<String> {
        nearest(name, self.shown(self.bound.is_some()).iter().map(|it| it.name.as_str()))
            .map(str::to_owned)
    }
}

/// The visible exports that `may` be used and rank highest for `import`, `within` a document or not; several if they
/// rank equally.
fn best_offers<'a, 'b: 'a>(
    import: &str,
    nodes: impl IntoIterator<Item = &'a ReadyLevel<'b>>,
    within: bool,
    may: impl Fn(&Shown) -> bool,
) -> Vec<(&'a ReadyLevel<'b>, Offer)> {
    let wanted = Name::parse(import);
    let mut best: Option<Rank> = None;
    let mut found = Vec::new();
    for node in nodes {
        let is_it = |it: &&Shown| base(&it.name) == wanted.base() && may(it);
        for shown in node.shown(within).iter().filter(is_it) {
            let Some(rank) = Name::parse(&shown.name).rank_for(&wanted) else {
                continue;
            };
            if best.as_ref().is_none_or(|best| rank > *best) {
                best = Some(rank.clone());
                found.clear();
            }
            if best.as_ref() == Some(&rank) {
                found.push((node, shown.offer));
            }
        }
    }
    found
}

fn invalid_id(id: &str) -> Option<&'static str> {
    if id == HOST {
        Some("`host` stands for the component's own linker")
    } else if id.is_empty() {
        Some("it is empty")
    } else if !is_plain(id) || id.contains(|c: char| c == '/' || c == '`' || c.is_whitespace()) {
        Some("it contains a `/`, a backtick, white space or a control character")
    } else {
        None
    }
}
