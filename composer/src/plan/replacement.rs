//! Whether one component of a wiring can be replaced by another while all others stay.
//!
//! The new component is resolved as if it were added now, while the sources of all other
//! components' imports are kept. The consumers of the old component are then led to the exports of
//! the new one, and everything that the running composition relies on is compared: exports that
//! others import or that are public must exist with the same types, and resources that others hold
//! handles of must not move to another component.
//!
//! Surfaces are compared by numbers, so the new surface must have been numbered after the old one
//! (`Surface::numbered_as`).

use std::collections::HashSet;

use super::item::{Item, Successors, Surface};
use super::matching::{Fault, Resources, Stuck, mismatches};
use super::name::Name;
use super::resolution::{Leaf, Offer, Offered, PublicExport, Resolution, ResourceHome, Source};
use super::resolve::{Assembly, KeptWiring, match_names};
use super::written::TypeNames;
use crate::error::PlanProblem;
use crate::types::Resource;

/// Resolves `assembly`, in which only the component `leaf` differs from the assembly that `old` was
/// found for.
///
/// The surface of `leaf` must be numbered after the old one's. Its imports are resolved anew. The
/// imports of all other components keep their sources, and public exports stay public, so the new
/// component must export what is used of the old one, with the same types. Its additional exports
/// become public where no other component offers the name.
pub(crate) fn resolve_replacement(
    assembly: Assembly<'_>,
    old: &Resolution,
    leaf: usize,
) -> Resolution {
    let mut new = match_names(assembly, "", Some(KeptWiring { wiring: old, but: leaf }));
    let surface = new.leaves[leaf].surface.clone();
    let successors = Successors::among(&surface.exports);
    let swap = Swap { old: &old.leaves[leaf], leaf, successors };
    swap.redirect_imports(&mut new);
    swap.keep_exports(&mut new, &old.exports);
    new.finish();
    swap.compare_public(&mut new, &old.exports);
    swap.compare_resources(&mut new, &old.leaves);
    new
}

struct Swap<'a> {
    old: &'a Leaf,
    leaf: usize,
    /// The exports of the new component, by name.
    successors: Successors<'a>,
}

impl Swap<'_> {
    /// The visible export of the new component that takes the place of the old export `name`.
    fn successor(&self, new: &Resolution, name: &str) -> Option<usize> {
        let leaf = &new.leaves[self.leaf];
        let export = self.successors.of(name)?;
        new.shows(&leaf.id, &leaf.surface.exports[export].name).then_some(export)
    }

    /// What the old component calls an export, which may be public under another name.
    fn own_name(&self, offer: Offer) -> &str {
        &self.old.surface.exports[offer.export].name
    }

    fn lacks(&self, export: &str, consumer: Option<&str>) -> PlanProblem {
        PlanProblem::ReplacementLacks {
            component: self.old.id.to_string(),
            export: export.to_owned(),
            consumer: consumer.map(str::to_owned),
            hidden: self.successors.of(export).is_some(),
        }
    }

    /// Leads the imports that the old component satisfied to the new component's exports.
    fn redirect_imports(&self, new: &mut Resolution) {
        for consumer in 0..new.leaves.len() {
            if consumer == self.leaf {
                continue;
            }
            for import in 0..new.leaves[consumer].sources.len() {
                let Source::Export(offer) = new.leaves[consumer].sources[import] else { continue };
                if offer.leaf != self.leaf {
                    continue;
                }
                let import_name = &new.leaves[consumer].surface.imports[import].name;
                let was = &self.old.surface.exports[offer.export].name;
                // An import that a hint leads to an export with another name keeps following that
                // name.
                let name = match Name::parse(import_name).is_of(&Name::parse(was)) {
                    true => import_name.clone(),
                    false => was.clone(),
                };
                new.leaves[consumer].sources[import] = match self.successor(new, &name) {
                    Some(export) => Source::Export(Offer { leaf: self.leaf, export }),
                    None => {
                        let problem = self.lacks(&name, Some(&new.leaves[consumer].id));
                        new.problems.push(problem);
                        Source::Nobody
                    }
                };
            }
        }
    }

    /// Keeps public exports public, under their names.
    fn keep_exports(&self, new: &mut Resolution, old: &[PublicExport]) {
        let lacking = |it: &PlanProblem| match it {
            PlanProblem::ReplacementLacks { export, .. } => Some(export.clone()),
            _ => None,
        };
        let told: HashSet<String> = new.problems.iter().filter_map(lacking).collect();
        for was in old {
            let Offered::By(mut offer) = was.offered else { continue };
            if offer.leaf == self.leaf {
                match self.successor(new, self.own_name(offer)) {
                    Some(export) => offer.export = export,
                    None => {
                        // If a consumer lacks the export too, that has been reported.
                        let name = self.own_name(offer);
                        if !told.contains(name) {
                            let problem = self.lacks(name, None);
                            new.problems.push(problem);
                        }
                        continue;
                    }
                }
            }
            let (name, is_untrusted) = (was.name.clone(), was.is_untrusted);
            let kept = PublicExport { name, is_untrusted, offered: Offered::By(offer) };
            match new.exports.binary_search_by(|it| it.name.cmp(&kept.name)) {
                Ok(at) => new.exports[at] = kept,
                Err(at) => new.exports.insert(at, kept),
            }
        }
    }

    /// Compares the types of the old component's public exports with those of their successors.
    fn compare_public(&self, new: &mut Resolution, old: &[PublicExport]) {
        let mut problems = Vec::new();
        for was in old {
            let Offered::By(offer) = was.offered else { continue };
            if offer.leaf != self.leaf {
                continue;
            }
            let Some(export) = self.successor(new, self.own_name(offer)) else { continue };
            let leaf = &new.leaves[self.leaf];
            let (expected, found) = (self.item(&self.old.surface, offer.export), export);
            let found = self.item(&leaf.surface, found);
            let mut resources = BeforeAndAfter { old: self.old, new: leaf };
            for mismatch in mismatches(expected, found, &mut resources) {
                let path = mismatch.path();
                let (component, export) = (self.old.id.to_string(), was.name.clone());
                problems.push(match mismatch.fault {
                    Fault::Missing => PlanProblem::ReplacementLacksItem { component, export, path },
                    Fault::Different { expected, found } => PlanProblem::ReplacementDiffers {
                        component,
                        export,
                        path,
                        difference: expected.difference(&found),
                        expected: expected.text(&TypeNames::of(self.old.surface.items())),
                        found: found.text(&TypeNames::of(leaf.surface.items())),
                    },
                    Fault::Host { resource, .. } => {
                        PlanProblem::ReplacementCarries { component, resource }
                    }
                    Fault::Torn { resource, .. } => {
                        let consumer = None;
                        PlanProblem::ReplacementMoves { component, resource, consumer }
                    }
                });
            }
        }
        new.problems.append(&mut problems);
    }

    fn item<'b>(&self, surface: &'b Surface, export: usize) -> &'b Item {
        &surface.exports[export].item
    }

    /// Checks that the resources which other components hold handles of stay the same.
    fn compare_resources(&self, new: &mut Resolution, old: &[Leaf]) {
        let mut problems = Vec::new();
        for (index, (was, is)) in old.iter().zip(&new.leaves).enumerate() {
            if index == self.leaf {
                continue;
            }
            for ((def, was), is) in
                is.surface.resources.iter().zip(&was.resources).zip(&is.resources)
            {
                // The reason why a home is unknown has been reported.
                if was != is && *is != ResourceHome::Unknown {
                    problems.push(PlanProblem::ReplacementMoves {
                        component: self.old.id.to_string(),
                        resource: def.name.to_string(),
                        consumer: Some(old[index].id.to_string()),
                    });
                }
            }
        }
        new.problems.append(&mut problems);
    }
}

/// Compares the resources of a component with those of its replacement, which have the same
/// numbers.
struct BeforeAndAfter<'a> {
    old: &'a Leaf,
    new: &'a Leaf,
}

impl Resources for BeforeAndAfter<'_> {
    fn may_lack_types(&self) -> bool {
        self.new.surface.lacks_types
    }

    fn bind(&mut self, expected: &Resource, found: &Resource) -> Result<(), Fault> {
        self.same(expected, found, false)
    }

    fn same(&self, expected: &Resource, found: &Resource, _: bool) -> Result<(), Fault> {
        let was = &self.old.resources[expected.index as usize];
        let is = &self.new.resources[found.index as usize];
        if was == is || *is == ResourceHome::Unknown {
            return Ok(());
        }
        let resource = expected.name().to_owned();
        let in_host =
            |home: &ResourceHome| matches!(home, ResourceHome::Host | ResourceHome::Carried(_));
        if in_host(was) && in_host(is) {
            let why = Stuck::NotCarried { importer: false, provider: true };
            return Err(Fault::Host { resource, why });
        }
        // Whose it is does not matter here: it is another one.
        Err(Fault::Torn { resource, providers: Default::default() })
    }
}
