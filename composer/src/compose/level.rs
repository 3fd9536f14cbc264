//! What is composed together, made ready for resolving and wiring.

use std::sync::Arc;

use super::descriptor::{ComposableDescriptor, Level, Part, PartContent};
use super::live::LiveComponent;
use super::settings::Settings;
use super::startable::AnyComponent;
use crate::error::PlanProblem;
use crate::layer::LayerMap;
use crate::plan::containment::Wish;
use crate::plan::filter::Filter;
use crate::plan::item::{Named, Surface};
use crate::plan::resolution::{ImportHint, LayerNumber};
use crate::plan::resolve::{Assembly, Content, Node};
use crate::run::CompositionLife;

/// What is known of a component, or why nothing is.
pub(crate) type Found = Result<Arc<Surface>, Vec<PlanProblem>>;

/// What fused groups are when their level is resolved.
#[derive(Clone, Copy)]
pub(crate) enum Groups {
    /// One component each.
    Closed,
    /// Levels: they are fused with what is around them.
    #[cfg(feature = "fuse")]
    Open,
}

/// What a component that has a store for itself imports and exports.
pub(crate) fn isolated(single: &dyn AnyComponent, path: &str) -> Found {
    single.surface(path)
}

/// Something else in the place of one component.
pub(crate) struct Substitution<'a> {
    pub(crate) path: &'a str,
    pub(crate) part: &'a Part,
    pub(crate) surface: Arc<Surface>,
    /// Its filters and those of the levels around it, each with the path that it is of.
    pub(crate) filters: &'a [(String, Vec<Filter>)],
    pub(crate) import_hints: &'a [ImportHint],
    pub(crate) containments: &'a [Wish],
    pub(crate) import_layers: Vec<(&'a str, LayerNumber)>,
}

impl Part {
    /// What it is fused of, if that is looked at.
    fn fused_of(&self, groups: Groups) -> Option<&Level> {
        match groups {
            Groups::Closed => None,
            #[cfg(feature = "fuse")]
            Groups::Open => self.fused.as_deref(),
        }
    }

    /// The level that it is, fused or not.
    #[cfg(feature = "fuse")]
    pub(crate) fn level(&self) -> Option<&Level> {
        match &self.content {
            PartContent::Single(_) => self.fused.as_deref(),
            PartContent::Group(level) => Some(level),
            PartContent::Composed(_) => None,
        }
    }
}

impl Substitution<'_> {
    fn filters(&self, path: &str) -> Option<&[Filter]> {
        let found = self.filters.iter().find(|(it, _)| it == path)?;
        Some(&found.1)
    }
}

/// Where a leaf of the resolution comes from, in the order in which the resolver meets them.
pub(crate) struct PlannedComponent {
    pub(crate) content: PlannedContent,
    pub(crate) settings: Settings,
}

pub(crate) enum PlannedContent {
    Single(Arc<dyn AnyComponent>),
    Composed(Box<LiveComponent>),
}

impl Level {
    /// Whether a hint of the component `path`, or of a level around it, holds for `import`.
    pub(super) fn hints_at(&self, path: &str, import: &Named) -> bool {
        let (id, inside) = match path.split_once('/') {
            Some((id, inside)) => (id, Some(inside)),
            None => (path, None),
        };
        self.descriptors.iter().filter(|descriptor| descriptor.id == id).any(|descriptor| {
            let mut hints = descriptor.rules.import_hints.iter();
            let hinted = hints.any(|hint| import.rank_for(&hint.import).is_some());
            let within = match (&descriptor.part.content, inside) {
                (PartContent::Group(level), Some(inside)) => level.hints_at(inside, import),
                _ => false,
            };
            hinted || within
        })
    }

    /// Collects the layers of everything, where ids begin with `prefix`.
    pub(super) fn layering(&self, prefix: &str, layering: &mut LayerMap) {
        layering.add_within(prefix.strip_suffix('/').unwrap_or_default(), &self.layers);
        for descriptor in &self.descriptors {
            let path = format!("{prefix}{}", descriptor.id);
            layering.add_imports(descriptor.rules.import_layers.iter().map(|(_, layer)| layer));
            if let PartContent::Group(level) = &descriptor.part.content {
                level.layering(&format!("{path}/"), layering);
            }
            layering.add_around(path, &descriptor.layers);
        }
    }

    /// What is to be resolved, with `change` in the place of the component that it is for, and what
    /// `find` gives for each other component, in their order.
    pub(crate) fn assembly<'a>(
        &'a self,
        prefix: &str,
        change: Option<&'a Substitution<'_>>,
        groups: Groups,
        find: &mut dyn FnMut(&'a dyn AnyComponent, &str) -> Found,
    ) -> Assembly<'a> {
        let nodes = self.descriptors.iter().map(|descriptor| {
            let path = format!("{prefix}{}", descriptor.id);
            if let Some(change) = change.filter(|change| change.path == path) {
                return Node {
                    id: &descriptor.id,
                    is_untrusted: descriptor.is_untrusted,
                    problems: descriptor.settings.problems(&path, &change.part.content),
                    content: Content::Leaf(change.surface.clone()),
                    filters: change.filters(&path).unwrap_or(&[]),
                    import_hints: change.import_hints,
                    containments: change.containments,
                    import_layers: change.import_layers.clone(),
                    bound: descriptor.bound.as_ref(),
                };
            }
            let problems = descriptor.settings.problems(&path, &descriptor.part.content);
            let content = match &descriptor.part.content {
                PartContent::Single(single) => match descriptor.part.fused_of(groups) {
                    Some(level) => {
                        Content::Group(level.assembly(&format!("{path}/"), change, groups, find))
                    }
                    None => match find(&**single, &path) {
                        Ok(surface) => Content::Leaf(surface),
                        Err(problems) => Content::Broken(problems),
                    },
                },
                PartContent::Group(level) => {
                    Content::Group(level.assembly(&format!("{path}/"), change, groups, find))
                }
                PartContent::Composed(nested) => Content::Leaf(nested.leaf.surface.clone()),
            };
            Node {
                id: &descriptor.id,
                is_untrusted: descriptor.is_untrusted,
                problems,
                content,
                filters: change
                    .and_then(|change| change.filters(&path))
                    .unwrap_or(&descriptor.part.filters),
                import_hints: &descriptor.rules.import_hints,
                containments: &descriptor.rules.containments,
                import_layers: descriptor.import_layers().collect(),
                bound: descriptor.bound.as_ref(),
            }
        });
        Assembly {
            nodes: nodes.collect(),
            export_hints: &self.export_hints,
            allow_cycles: self.allow_cycles,
        }
    }

    pub(super) fn leaf_parts(&self, outer: Settings, parts: &mut Vec<PlannedComponent>) {
        for descriptor in &self.descriptors {
            let settings = descriptor.settings.within(outer);
            let content = match &descriptor.part.content {
                PartContent::Single(single) => PlannedContent::Single(single.clone()),
                PartContent::Composed(nested) => {
                    PlannedContent::Composed(Box::new(nested.leaf.clone()))
                }
                PartContent::Group(level) => {
                    level.leaf_parts(settings, parts);
                    continue;
                }
            };
            parts.push(PlannedComponent { content, settings });
        }
    }

    /// The compositions inside, which live on in the one around them.
    pub(super) fn take_composed(&mut self, composed: &mut Vec<Arc<CompositionLife>>) {
        for descriptor in &mut self.descriptors {
            match &mut descriptor.part.content {
                PartContent::Single(_) => {}
                PartContent::Group(level) => level.take_composed(composed),
                PartContent::Composed(nested) => composed.extend(nested.lifetime.take()),
            }
        }
    }

    /// What was added as `path`: ids from the outermost level down, joined by `/`.
    pub(crate) fn descriptor(&mut self, path: &str) -> Option<&mut ComposableDescriptor> {
        let (id, inside) = match path.split_once('/') {
            Some((id, inside)) => (id, Some(inside)),
            None => (path, None),
        };
        let found = self.descriptors.iter_mut().find(|descriptor| descriptor.id == id)?;
        let Some(inside) = inside else { return Some(found) };
        match &mut found.part.content {
            PartContent::Group(level) => level.descriptor(inside),
            PartContent::Single(_) | PartContent::Composed(_) => None,
        }
    }
}
