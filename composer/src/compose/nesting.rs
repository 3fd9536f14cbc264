//! A composition as one component of another one.

use std::sync::Arc;

use super::composition::Composition;
use super::descriptor::{Nested, Part, PartContent, sealed};
use super::live::LiveComponent;
use super::settings::Settings;
use crate::plan::item::{ExportedFunc, Item, Named, ResourceDef, ResourceOrigin, Surface};
use crate::plan::resolution::Offered;
use crate::run::Endpoint;
use crate::types::Resource;
use crate::value::handle::ResourceKind;

impl sealed::IntoPart for Composition {
    fn into_part(self) -> Part {
        let leaf = self.as_leaf();
        let lifetime = Some(self.shared.lifetime.clone());
        PartContent::Composed(Nested { lifetime, leaf }).into()
    }
}

impl Composition {
    /// This composition as one component: what it offers, with its resources numbered anew.
    fn as_leaf(&self) -> LiveComponent {
        let surface = Surface::default();
        let mut merge =
            Merge { surface, endpoints: Vec::new(), kinds: Vec::new(), path: Vec::new() };
        let wired = self.shared.wired();
        for export in &wired.resolution.exports {
            // What is offered ambiguously is not offered.
            let Offered::By(offer) = export.offered else {
                continue;
            };
            let leaf = &wired.leaves[offer.leaf];
            merge.surface.lacks_types |= leaf.surface.lacks_types;
            let mut named = leaf.surface.exports[offer.export].clone();
            named.name.clone_from(&export.name);
            if export.is_untrusted {
                merge.surface.untrusted.insert(export.name.clone());
            }
            let id = &wired.resolution.leaves[offer.leaf].id;
            let named = merge.item(&named, (id, leaf));
            merge.surface.exports.push(named);
        }
        let Merge { surface, endpoints, kinds, .. } = merge;
        let (surface, endpoints) = (Arc::new(surface), endpoints.into());
        let settings = Settings::default();
        let (kinds, layers) = (kinds.into(), Arc::default());
        LiveComponent { surface, endpoints, kinds, dispatcher: None, settings, layers }
    }
}

/// Collects the exports of several components into one surface.
struct Merge {
    surface: Surface,
    endpoints: Vec<Endpoint>,
    kinds: Vec<Option<ResourceKind>>,
    path: Vec<String>,
}

impl Merge {
    fn item(&mut self, named: &Named, (id, leaf): (&Arc<str>, &LiveComponent)) -> Named {
        self.path.push(named.name.clone());
        let item = match &named.item {
            Item::Func { ty, index } => {
                let ty = Arc::new(ty.renumber(&mut |it| self.resource(it, leaf)));
                let path = self.path.clone();
                self.surface.funcs.push(ExportedFunc { path, ty: ty.clone() });
                self.endpoints.push(leaf.endpoint(id, *index));
                Item::Func { ty, index: self.endpoints.len() - 1 }
            }
            Item::Instance(items) => {
                Item::Instance(items.iter().map(|named| self.item(named, (id, leaf))).collect())
            }
            Item::Resource(resource) => {
                let index = self.resource(resource, leaf);
                Item::Resource(Resource::new(resource.name.clone(), index))
            }
            Item::Type(ty) => Item::Type(ty.renumber(&mut |it| self.resource(it, leaf))),
            Item::Code(kind) => Item::Code(kind),
        };
        self.path.pop();
        Named { name: named.name.clone(), implements: None, item }
    }

    /// The number that a leaf's resource has in the merged surface.
    fn resource(&mut self, resource: &Resource, leaf: &LiveComponent) -> u32 {
        let kind = leaf.kinds[resource.index as usize].clone();
        // A resource that one component lends and another does not is the same resource, but who borrows it has to know.
        let lends = |kind: &Option<ResourceKind>| {
            kind.as_ref().and_then(ResourceKind::carried).map(|carried| carried.lends)
        };
        let is_it = |known: &Option<ResourceKind>| {
            kind.is_some() && *known == kind && lends(known) == lends(&kind)
        };
        let known = self.kinds.iter().position(is_it);
        let index = known.unwrap_or_else(|| {
            let carried = kind.as_ref().and_then(ResourceKind::carried).cloned();
            let origin = match (&kind, &carried) {
                (Some(_), None) => ResourceOrigin::Defined,
                (None, _) | (_, Some(_)) => ResourceOrigin::Host,
            };
            let def =
                ResourceDef { origin, carried, ..ResourceDef::defined(resource.name.clone()) };
            self.surface.resources.push(def);
            self.kinds.push(kind);
            self.kinds.len() - 1
        });
        index as u32
    }
}
