//! What keeps components from being linked, as problems.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::error::{Cause, PlanProblem};
use crate::link::Lacking;
use crate::plan::item::OpenInside;
use crate::plan::resolution::{Resolution, Source};

/// Something that keeps a component from being linked.
pub(super) enum Fault {
    /// Its linker lacks an import.
    Lacking {
        /// The index of the component.
        leaf: usize,
        /// The index of its import.
        import: usize,
        lacking: Lacking,
        /// Whether all is known that the linker lacks.
        is_all: bool,
    },
    Other(PlanProblem),
}

impl Fault {
    /// Whether an import has no provider, and all would be well if it had one.
    pub(super) fn is_open(&self) -> bool {
        match self {
            // Where not all is known, an import that is not told of may be lacking, too.
            Self::Lacking { lacking, is_all, .. } => *is_all && lacking.wrong.is_none(),
            Self::Other(_) => false,
        }
    }

    /// What is told of it.
    pub(super) fn problems(self, resolution: &Resolution) -> Vec<PlanProblem> {
        let (leaf, index, lacking) = match self {
            Self::Lacking { leaf, import, lacking, .. } => (leaf, import, lacking),
            Self::Other(problem) => return vec![problem],
        };
        let its = &resolution.leaves[leaf];
        if its.sources[index] != (Source::Linker { hinted: true }) {
            return missing(resolution, leaf, index, lacking);
        }
        let named = &its.surface.imports[index];
        let (component, import, kind) = (its.id.to_string(), named.name.clone(), named.item.kind());
        let Lacking { items, wrong: source } = lacking;
        let source = source.as_ref().map(wrong);
        vec![PlanProblem::NotInLinker { component, import, kind, items, source }]
    }
}

/// The problem that an import has no provider; for a fused component, one for each component inside that has it.
pub(super) fn missing(
    resolution: &Resolution,
    leaf: usize,
    index: usize,
    lacking: Lacking,
) -> Vec<PlanProblem> {
    let leaf = &resolution.leaves[leaf];
    let named = &leaf.surface.imports[index];
    let (component, import, kind) = (leaf.id.to_string(), named.name.clone(), named.item.kind());
    let Lacking { items, wrong: source } = lacking;
    let source = source.as_ref().map(wrong);
    let hidden_by = resolution.hiding(&component, &import);
    let other_versions = resolution.other_versions(&component, &import);
    let undecided_in = resolution.undecided_in(&component, &import);
    let untrusted = resolution.untrusted(&component, &import);
    let linkers = vec![component.clone()];
    let components = vec![component];
    let problem = PlanProblem::Unsatisfied {
        components,
        linkers,
        import,
        kind,
        items,
        hidden_by,
        other_versions,
        undecided_in,
        untrusted,
        source,
    };
    match &leaf.surface.inside {
        None => vec![problem],
        Some(inside) => inside_of(&problem, inside.open.iter().filter(|it| it.import == index)),
    }
}

/// The problems, where an import without a provider is one problem for all its importers.
pub(super) fn together(problems: Vec<PlanProblem>) -> Vec<PlanProblem> {
    let mut together: Vec<PlanProblem> = Vec::with_capacity(problems.len());
    let mut by_import: HashMap<(String, Vec<String>), usize> = HashMap::new();
    for mut problem in problems {
        // Only imports that nobody has are put together. A definition of a linker that does not fit is told for each
        // importer.
        if let PlanProblem::Unsatisfied { import, items, source: None, .. } = &problem {
            match by_import.entry((import.clone(), items.clone())) {
                Entry::Occupied(known) => {
                    if let Some(known) = together.get_mut(*known.get()) {
                        join(known, &mut problem);
                        continue;
                    }
                }
                Entry::Vacant(new) => _ = new.insert(together.len()),
            }
        }
        together.push(problem);
    }
    together
}

/// Adds the importers of one missing import to those of another.
fn join(known: &mut PlanProblem, other: &mut PlanProblem) {
    let (
        PlanProblem::Unsatisfied {
            components,
            linkers,
            hidden_by,
            other_versions,
            undecided_in,
            untrusted,
            ..
        },
        PlanProblem::Unsatisfied {
            components: more_components,
            linkers: more_linkers,
            hidden_by: more_hidden_by,
            other_versions: more_versions,
            undecided_in: more_undecided,
            untrusted: more_untrusted,
            ..
        },
    ) = (known, other)
    else {
        return;
    };
    fn add<T: PartialEq>(to: &mut Vec<T>, more: &mut Vec<T>) {
        for it in more.drain(..) {
            if !to.contains(&it) {
                to.push(it);
            }
        }
    }
    add(components, more_components);
    add(linkers, more_linkers);
    add(hidden_by, more_hidden_by);
    add(other_versions, more_versions);
    add(undecided_in, more_undecided);
    add(untrusted, more_untrusted);
}

/// What is wrong with what a linker defines, in the engine's words.
fn wrong(error: &wasmtime::Error) -> Cause {
    let levels: Vec<_> = error.chain().map(ToString::to_string).collect();
    Cause::new(wasmtime::Error::msg(levels.join(": ")))
}

/// The problem of an import without a provider, for each component inside of a fused one that has it open.
fn inside_of<'a>(
    problem: &PlanProblem,
    open: impl Iterator<Item = &'a OpenInside>,
) -> Vec<PlanProblem> {
    let within = |it: &OpenInside| {
        let mut problem = problem.clone();
        if let PlanProblem::Unsatisfied {
            components,
            import,
            hidden_by,
            other_versions,
            undecided_in,
            untrusted,
            linkers,
            ..
        } = &mut problem
        {
            let linker = linkers.first().cloned().unwrap_or_default();
            let path = |id: &String| format!("{linker}/{id}");
            *components = vec![path(&it.component)];
            import.clone_from(&it.name);
            hidden_by.extend(it.hidden_by.iter().map(path));
            other_versions.extend(it.other_versions.iter().map(|(id, it)| (path(id), it.clone())));
            untrusted.extend(it.untrusted.iter().map(path));
            undecided_in.extend(it.undecided_in.iter().map(|(id, it)| (path(id), it.clone())));
        }
        problem
    };
    open.map(within).collect()
}
