//! What a resolution is: the components of all levels, and where each of their imports comes from, as indices.
//!
//! It is complete even where there are problems: what cannot be resolved is [`Source::Nobody`], so that the rest can
//! still be checked. `resolve/` makes it, and everything after that reads it.

use std::collections::HashMap;
use std::sync::Arc;

use super::carried::CarriedResource;
use super::containment::Contained;
use super::item::{ResourceDef, Surface};
use super::name::{Name, base};
use crate::error::PlanProblem;

/// The target of a hint that stands for the component's own linker.
pub(crate) const HOST: &str = "host";

/// The user's choice of a provider for an import and for its compatible versions.
#[derive(Clone, Debug)]
pub(crate) struct ImportHint {
    pub(crate) import: String,
    /// The id of the component that provides it, or [`HOST`].
    pub(crate) provider: String,
    /// The name of the provider's export, if it differs from the import's.
    pub(crate) export: Option<String>,
}

/// A component somewhere in the tree of levels, and how its imports are satisfied.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// The ids from the outermost level to this one, joined by `/`.
    pub(crate) id: Arc<str>,
    pub(crate) surface: Arc<Surface>,
    /// The source of each import, by the import's index.
    pub(crate) sources: Vec<Source>,
    /// The home of each resource, by the resource's index.
    pub(crate) resources: Vec<ResourceHome>,
    /// The imported functions whose providers' failures are contained.
    pub(crate) contained: Vec<Contained>,
    /// The layers on its imports, in the order in which calls meet them.
    pub(crate) layered: Vec<LayeredImport>,
}

/// A layer on an import.
#[derive(Clone, Debug)]
pub(crate) struct LayeredImport {
    /// The index of the import.
    pub(crate) import: usize,
    /// The function's name, if the layer is on a single function of an interface.
    pub(crate) function: Option<String>,
    pub(crate) layer: LayerNumber,
}

/// Identifies a layer. The plan does not know what the layer does.
pub(crate) type LayerNumber = u64;

/// What satisfies an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Another component's export.
    Export(Offer),
    /// The importer's own linker, because a hint says so or because no component can.
    Linker { hinted: bool },
    /// No source: the import holds only types, or is a resource type of another import, or has a
    /// problem that has been reported.
    Nobody,
}

/// An export: the index of its component, and its index among the component's exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offer {
    pub(crate) leaf: usize,
    pub(crate) export: usize,
}

/// Where a resource is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ResourceHome {
    /// In the component with the index `leaf`, as its resource number `resource`.
    Component { leaf: usize, resource: u32 },
    /// In the host, and what a handle is of moves from store to store.
    Carried(Arc<CarriedResource>),
    /// In the host: each store has its own, so handles of it cannot cross.
    Host,
    /// Unknown, because of a problem that has been reported.
    Unknown,
}

impl ResourceHome {
    /// The home of a resource that the host defines.
    pub(crate) fn in_host(def: &ResourceDef) -> Self {
        def.carried.clone().map_or(Self::Host, Self::Carried)
    }
}

/// The result of resolution, with the problems that were found.
#[derive(Debug)]
pub(crate) struct Resolution {
    pub(crate) leaves: Vec<Leaf>,
    /// Indices of the leaves, every provider before its consumers where there is no cycle.
    pub(crate) order: Vec<usize>,
    pub(crate) exports: Vec<PublicExport>,
    pub(crate) problems: Vec<PlanProblem>,
    /// Whether some component could not be loaded. Imports that then have no provider are not worth
    /// reporting, as that component might have satisfied them.
    pub(crate) is_broken: bool,
    /// The cycles of components that import from each other, allowed or not, each as indices of
    /// leaves.
    pub(crate) cycles: Vec<Vec<usize>>,
    /// Every export of a component or of a nested composer, visible or not.
    pub(super) offers: Vec<KnownOffers>,
    /// The indices of `offers` by the names without versions.
    pub(super) offers_by_base: HashMap<String, Vec<usize>>,
    /// Exports that a nested composer does not offer because several components inside export them:
    /// the composer's path, the export's name, and the id of one of those components.
    pub(super) undecided: Vec<(String, String, String)>,
    /// The prefixes of ids of components that may import from each other in a cycle.
    pub(super) cyclic: Vec<String>,
}

/// An export of a component or of a composer, offered to others or not.
#[derive(Debug)]
pub(super) struct KnownOffers {
    /// The path of the component or composer that exports it.
    pub(super) component: String,
    pub(super) name: String,
    /// Whether no filter hides it.
    pub(super) is_visible: bool,
    pub(super) is_untrusted: bool,
    /// Whether a document says who gets it.
    pub(super) is_bound: bool,
}

impl Resolution {
    /// Whether components may import from each other in a cycle.
    pub(crate) fn allows_cycles(&self) -> bool {
        !self.cyclic.is_empty()
    }

    /// The components that would satisfy `import` of `importer` if no filter hid their export.
    pub(crate) fn hiding(&self, importer: &str, import: &str) -> Vec<String> {
        let wanted = Name::parse(import);
        let hiding = self
            .others(importer, import)
            .filter(|it| !it.is_visible && Name::parse(&it.name).rank_for(&wanted).is_some());
        hiding.map(|it| it.component.clone()).collect()
    }

    /// The components that would satisfy `import` of `importer` if they were trusted.
    pub(crate) fn untrusted(&self, importer: &str, import: &str) -> Vec<String> {
        let wanted = Name::parse(import);
        let untrusted = self.others(importer, import).filter(|it| {
            it.is_visible
                && it.is_untrusted
                && !it.is_bound
                && is_beside(&it.component, importer)
                && Name::parse(&it.name).rank_for(&wanted).is_some()
        });
        untrusted.map(|it| it.component.clone()).collect()
    }

    /// The components that export `import` in an incompatible version, each with the export's name.
    pub(crate) fn other_versions(&self, importer: &str, import: &str) -> Vec<(String, String)> {
        let wanted = Name::parse(import);
        let other = self.others(importer, import).filter(|it| {
            let name = Name::parse(&it.name);
            it.is_visible && name.is_of(&wanted) && name.rank_for(&wanted).is_none()
        });
        other.map(|it| (it.component.clone(), it.name.clone())).collect()
    }

    /// The composers that would satisfy `import` of `importer` if an export hint chose among the
    /// components inside, each with the id of one of those.
    pub(crate) fn undecided_in(&self, importer: &str, import: &str) -> Vec<(String, String)> {
        let wanted = Name::parse(import);
        let undecided = self.undecided.iter().filter(|(path, name, _)| {
            !is_around(path, importer) && Name::parse(name).rank_for(&wanted).is_some()
        });
        undecided.map(|(path, _, id)| (path.clone(), id.clone())).collect()
    }

    /// Every export of a component or of a nested composer, visible or not.
    pub(super) fn offers(&self) -> impl Iterator<Item = &KnownOffers> {
        self.offers.iter()
    }

    /// The names of `component`'s exports, each with whether others can see it.
    pub(crate) fn offers_of(&self, component: &str) -> impl Iterator<Item = (&str, bool)> {
        let its = self.offers.iter().filter(move |it| it.component == component);
        its.map(|it| (&*it.name, it.is_visible))
    }

    /// Whether `component` has a visible export of the exact name `export`.
    pub(super) fn shows(&self, component: &str, export: &str) -> bool {
        self.offered(export)
            .any(|it| it.is_visible && it.component == component && it.name == export)
    }

    /// All offers whose names equal `name` but for the version.
    fn offered(&self, name: &str) -> impl Iterator<Item = &KnownOffers> {
        let indices = self.offers_by_base.get(base(name)).into_iter().flatten();
        indices.map(|index| &self.offers[*index])
    }

    fn others(&self, importer: &str, import: &str) -> impl Iterator<Item = &KnownOffers> {
        self.offered(import).filter(move |it| !is_around(&it.component, importer))
    }
}

/// Whether `path` is the importer itself, or a composition that contains it.
fn is_around(path: &str, importer: &str) -> bool {
    importer.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether the component `inner` is nested in `outer`.
pub(super) fn is_inside(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
}

/// Whether `component` is on the level of `importer` or on one around it. Only such components can
/// satisfy its imports: components nested in others are visible only through those.
pub(super) fn is_beside(component: &str, importer: &str) -> bool {
    match component.rsplit_once('/') {
        Some((level, _)) => is_inside(importer, level),
        None => true,
    }
}

/// A name that a composition offers.
#[derive(Clone, Debug)]
pub(crate) struct PublicExport {
    pub(crate) name: String,
    /// Whether a component that is not trusted offers it.
    pub(crate) is_untrusted: bool,
    pub(crate) offered: Offered,
}

#[derive(Clone, Debug)]
pub(crate) enum Offered {
    By(Offer),
    /// Several components offer it and no hint chooses: their ids on this level, each with its
    /// offer.
    Ambiguously(Vec<(String, Offer)>),
}
