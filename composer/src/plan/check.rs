//! Compares types along the edges of the wiring, and finds where each resource lives.
//!
//! A component's resources are numbers of its own, so equality across components is found by
//! following the edges: walking providers first, each import of a resource is bound to the home
//! that its provider knows (`ResourceHome`), and resources inside function types are then compared
//! by their homes. Two imports that share a resource must agree on its home (`Fault::Torn`), and a
//! resource of the host cannot be shared, as each store has its own (`Fault::Host`).
//!
//! In a cycle of components no order has all providers first, so the walk is repeated until it
//! finds no more homes (`find_resources`).

use std::cell::OnceCell;
use std::collections::BTreeSet;

use super::item::{Item, ResourceOrigin, Surface};
use super::matching::{Fault, Resources, Side, Stuck, mismatches};
use super::resolution::{HOST, Leaf, Offer, ResourceHome, Source};
use super::written::TypeNames;
use crate::error::{HostResourceReason, PlanProblem};
use crate::types::{FunctionType, Resource};

/// Compares the types of every import that another component satisfies. `order` has providers
/// first, so that the homes of resources that a provider only passes on are known before its
/// consumers are checked.
pub(super) fn check_types(leaves: &mut [Leaf], order: &[usize], problems: &mut Vec<PlanProblem>) {
    for &consumer in order {
        let surface = leaves[consumer].surface.clone();
        let sources = leaves[consumer].sources.clone();
        let mut homes = leaves[consumer].resources.clone();
        for (named, source) in surface.imports.iter().zip(sources) {
            match source {
                Source::Export(offer) => {
                    let edge = CheckedEdge { leaves, consumer, import: &named.name, offer };
                    edge.check(&named.item, &mut homes, problems);
                }
                Source::Linker { .. } => named.item.each_resource(&mut |resource| {
                    let home = &mut homes[resource.index as usize];
                    if *home == ResourceHome::Unknown {
                        *home = ResourceHome::in_host(&surface.resources[resource.index as usize]);
                    }
                }),
                Source::Nobody => {}
            }
        }
        leaves[consumer].resources = homes;
    }
}

/// Finds the homes of resources that the components of a cycle pass on to each other. No order has
/// all providers first, so the walk is repeated until it finds nothing more.
pub(super) fn find_resources(leaves: &mut [Leaf], order: &[usize]) {
    let unknown = |leaves: &[Leaf]| {
        let homes = leaves.iter().flat_map(|leaf| &leaf.resources);
        homes.filter(|home| **home == ResourceHome::Unknown).count()
    };
    loop {
        let before = unknown(leaves);
        // The problems are discarded: `check_types` finds them again once all homes are known.
        check_types(leaves, order, &mut Vec::new());
        if unknown(leaves) >= before {
            return;
        }
    }
}

/// Resources that are passed around a cycle without any of its components defining them.
pub(super) fn homeless(leaves: &[Leaf]) -> impl Iterator<Item = PlanProblem> {
    leaves.iter().flat_map(|leaf| {
        let unknown = leaf.surface.resources.iter().zip(&leaf.resources).filter(|(def, home)| {
            def.origin == ResourceOrigin::Imported && **home == ResourceHome::Unknown
        });
        unknown.map(|(def, _)| PlanProblem::HomelessResource {
            component: leaf.id.to_string(),
            resource: def.name.to_string(),
        })
    })
}

/// Imports whose failures should be contained although the importer's own linker satisfies them.
/// Containment is for calls of other components.
pub(super) fn contained_of_host(leaves: &[Leaf]) -> impl Iterator<Item = PlanProblem> {
    leaves.iter().flat_map(|leaf| {
        let hosted = leaf.contained.iter().map(|contained| contained.import);
        let hosted = hosted.filter(|&it| matches!(leaf.sources[it], Source::Linker { .. }));
        hosted.collect::<BTreeSet<_>>().into_iter().map(|import| PlanProblem::ContainedOfHost {
            component: leaf.id.to_string(),
            import: leaf.surface.imports[import].name.clone(),
        })
    })
}

/// Imports with layers that their importer's own linker satisfies.
pub(super) fn layered_of_host(leaves: &[Leaf]) -> impl Iterator<Item = PlanProblem> {
    leaves.iter().flat_map(|leaf| {
        let hosted = leaf.layered.iter().map(|layered| layered.import);
        let hosted = hosted.filter(|&it| matches!(leaf.sources[it], Source::Linker { .. }));
        hosted.collect::<BTreeSet<_>>().into_iter().map(|import| PlanProblem::LayeredOfHost {
            component: leaf.id.to_string(),
            import: leaf.surface.imports[import].name.clone(),
        })
    })
}

struct CheckedEdge<'a> {
    leaves: &'a [Leaf],
    consumer: usize,
    import: &'a str,
    offer: Offer,
}

impl CheckedEdge<'_> {
    fn check(&self, needed: &Item, homes: &mut [ResourceHome], problems: &mut Vec<PlanProblem>) {
        let provider = &self.leaves[self.offer.leaf];
        let export = &provider.surface.exports[self.offer.export];
        let consumer = self.leaves[self.consumer].id.to_string();
        let provider_id = provider.id.to_string();
        let import = self.import.to_owned();
        let export_name = export.name.clone();
        let (needing, offering) = (&self.leaves[self.consumer].surface, &provider.surface);
        let (needed_names, offered_names) = (OnceCell::new(), OnceCell::new());
        let expected_names = || needed_names.get_or_init(|| TypeNames::of(needing.items()));
        let found_names = || offered_names.get_or_init(|| TypeNames::of(offering.items()));
        let mut resources = EdgeResources { leaves: self.leaves, needing, provider, homes };
        for mismatch in mismatches(needed, &export.item, &mut resources) {
            let path = mismatch.path();
            let (consumer, provider, import, export) =
                (consumer.clone(), provider_id.clone(), import.clone(), export_name.clone());
            problems.push(match mismatch.fault {
                Fault::Missing => {
                    PlanProblem::MissingItem { consumer, provider, import, export, path }
                }
                Fault::Different { expected, found } => PlanProblem::TypeMismatch {
                    consumer,
                    provider,
                    import,
                    export,
                    path,
                    difference: expected.difference(&found),
                    expected: expected.text(expected_names()),
                    found: found.text(found_names()),
                },
                Fault::Torn { resource, providers } => {
                    PlanProblem::TornResource { consumer, import, resource, providers }
                }
                Fault::Host { resource, why } => {
                    let reason = reason(&why, &consumer, &provider);
                    PlanProblem::HostResource { consumer, provider, import, path, resource, reason }
                }
            });
        }
        each_func(needed, &mut Vec::new(), &mut |path, ty| {
            if let Some(uncarried) = ty.uncarried() {
                let mut path = path.to_vec();
                path.push(uncarried.place);
                problems.push(PlanProblem::Uncarried {
                    consumer: consumer.clone(),
                    provider: provider_id.clone(),
                    import: import.clone(),
                    path,
                    found: uncarried.ty,
                });
            }
        });
        if let Item::Code(kind) = needed {
            problems.push(PlanProblem::CodeImport {
                consumer: consumer.clone(),
                provider: provider_id,
                import,
                kind,
            });
        }
    }
}

fn each_func(item: &Item, path: &mut Vec<String>, visit: &mut dyn FnMut(&[String], &FunctionType)) {
    match item {
        Item::Func { ty, .. } => visit(path, ty),
        Item::Instance(items) => {
            for named in items {
                path.push(format!("{} `{}`", named.item.kind(), named.name));
                each_func(&named.item, path, visit);
                path.pop();
            }
        }
        Item::Resource(_) | Item::Type(_) | Item::Code(_) => {}
    }
}

/// Binds and compares the resources on both sides of an edge.
struct EdgeResources<'a> {
    leaves: &'a [Leaf],
    /// The consumer's surface.
    needing: &'a Surface,
    provider: &'a Leaf,
    /// The homes of the consumer's resources, as far as they are known.
    homes: &'a mut [ResourceHome],
}

impl EdgeResources<'_> {
    fn owner(&self, home: &ResourceHome) -> String {
        match home {
            ResourceHome::Component { leaf, .. } => self.leaves[*leaf].id.to_string(),
            ResourceHome::Carried(_) | ResourceHome::Host | ResourceHome::Unknown => {
                HOST.to_owned()
            }
        }
    }
}

impl Resources for EdgeResources<'_> {
    fn may_lack_types(&self) -> bool {
        self.provider.surface.lacks_types
    }

    fn bind(&mut self, expected: &Resource, found: &Resource) -> Result<(), Fault> {
        let found = self.provider.resources[found.index as usize].clone();
        let bound =
            std::mem::replace(&mut self.homes[expected.index as usize], ResourceHome::Unknown);
        let resource = expected.name.to_string();
        let home = match (bound, found) {
            (ResourceHome::Unknown, ResourceHome::Host) => {
                // The importer has it from nobody else, so it is the provider's alone.
                let why = Stuck::NotCarried { importer: false, provider: true };
                return Err(Fault::Host { resource, why });
            }
            (ResourceHome::Unknown, ResourceHome::Carried(_)) => {
                // The importer knows it by this import alone: its own carrier, if it has one, says what it is.
                match &self.needing.resources[expected.index as usize].carried {
                    Some(mine) => ResourceHome::Carried(mine.clone()),
                    None => {
                        let why = Stuck::NotCarried { importer: true, provider: false };
                        return Err(Fault::Host { resource, why });
                    }
                }
            }
            (ResourceHome::Unknown, home) | (home, ResourceHome::Unknown) => home,
            // Both sides have the host's resource of this name. Only handles that cross would be a
            // problem, and perhaps none does.
            (
                bound @ (ResourceHome::Host | ResourceHome::Carried(_)),
                ResourceHome::Host | ResourceHome::Carried(_),
            ) => bound,
            (bound, found) if bound == found => bound,
            (bound, found) => {
                // The resource stays unknown, so that further uses of it are not reported as well.
                let providers = [self.owner(&bound), self.owner(&found)];
                return Err(Fault::Torn { resource, providers });
            }
        };
        self.homes[expected.index as usize] = home;
        Ok(())
    }

    fn same(&self, expected: &Resource, found: &Resource, lent: bool) -> Result<(), Fault> {
        let mine = &self.homes[expected.index as usize];
        let theirs = &self.provider.resources[found.index as usize];
        let different = || {
            let text = |resource: &Resource, home| {
                Side::Text(format!("resource {} of {}", resource.name, self.owner(home)))
            };
            Err(Fault::Different { expected: text(expected, mine), found: text(found, theirs) })
        };
        let why = match (mine, theirs) {
            (ResourceHome::Unknown, _) | (_, ResourceHome::Unknown) => return Ok(()),
            (ResourceHome::Carried(mine), ResourceHome::Carried(theirs)) => {
                if !mine.is_of(theirs) {
                    return different();
                }
                if mine.form != theirs.form {
                    let (expected, found) = (mine.form.name(), theirs.form.name());
                    Stuck::Forms { expected, found }
                } else if lent && !(mine.lends && theirs.lends) {
                    Stuck::NotLent { importer: !mine.lends, provider: !theirs.lends }
                } else {
                    return Ok(());
                }
            }
            (ResourceHome::Host | ResourceHome::Carried(_), _)
            | (_, ResourceHome::Host | ResourceHome::Carried(_)) => Stuck::NotCarried {
                importer: *mine == ResourceHome::Host,
                provider: *theirs == ResourceHome::Host,
            },
            _ if mine == theirs => return Ok(()),
            _ => return different(),
        };
        Err(Fault::Host { resource: expected.name.to_string(), why })
    }
}

/// Why handles of a resource of the host cannot cross, with the components by their ids.
fn reason(why: &Stuck, consumer: &str, provider: &str) -> HostResourceReason {
    let who = |importer: bool, of_provider: bool| {
        let those = [(importer, consumer), (of_provider, provider)];
        those.into_iter().filter(|(it, _)| *it).map(|(_, id)| id.to_owned()).collect()
    };
    match *why {
        Stuck::NotCarried { importer, provider } => {
            HostResourceReason::NotCarried { by: who(importer, provider) }
        }
        Stuck::NotLent { importer, provider } => {
            HostResourceReason::NotLent { by: who(importer, provider) }
        }
        Stuck::Forms { expected, found } => {
            HostResourceReason::Forms { consumer: expected.to_owned(), provider: found.to_owned() }
        }
    }
}
