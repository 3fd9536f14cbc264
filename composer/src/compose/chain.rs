//! Components one behind the other, each of which passes calls of one interface on to the next.
//!
//! A chain is import hints, and an export hint for its first component. It may be declared before its components are
//! added, so a level remembers its chains; what is wrong with the hints is said of the chain.

use super::descriptor::{Chain, ComposableDescriptor, Level, PartContent};
use crate::error::{ChainProblem, PlanProblem};
use crate::plan::name::{is_compatible, nearest};

impl Level {
    /// Declares that each of the components `ids` imports `interface` from the next one.
    pub(super) fn chain(&mut self, interface: String, ids: Vec<String>) {
        let chain = Chain { interface, ids };
        for descriptor in &mut self.descriptors {
            chain.hint(descriptor);
        }
        if let Some(first) = chain.ids.first() {
            self.export_hints.push((chain.interface.clone(), first.clone()));
        }
        self.chains.push(chain);
    }

    /// Adds a component, with the hints of the chains that it is in.
    pub(super) fn add(&mut self, mut descriptor: ComposableDescriptor) {
        for chain in &self.chains {
            chain.hint(&mut descriptor);
        }
        self.descriptors.push(descriptor);
    }

    /// Says of the chains of this level, and of those inside, what is wrong with their hints, and adds what else is wrong
    /// with them. Ids begin with `prefix`.
    pub(crate) fn check_chains(&self, prefix: &str, problems: &mut Vec<PlanProblem>) {
        for descriptor in &self.descriptors {
            if let PartContent::Group(level) = &descriptor.part.content {
                level.check_chains(&format!("{prefix}{}/", descriptor.id), problems);
            }
        }
        for chain in &self.chains {
            let found = std::mem::take(problems);
            problems.extend(found.into_iter().filter_map(|it| chain.said_of(it, prefix)));
            problems.extend(self.missing(chain, prefix));
        }
    }

    /// That a chain has no components, or some that were not added or are in it twice.
    fn missing(&self, chain: &Chain, prefix: &str) -> Vec<PlanProblem> {
        if chain.ids.is_empty() {
            return vec![PlanProblem::EmptyChain { interface: chain.interface.clone() }];
        }
        let ids = || self.descriptors.iter().map(|it| &*it.id);
        let problems = chain.ids.iter().enumerate().filter_map(|(index, id)| {
            let problem = if chain.ids[..index].contains(id) {
                ChainProblem::Repeated
            } else if ids().all(|it| it != id) {
                ChainProblem::Unknown { nearest: nearest(id, ids()).map(str::to_owned) }
            } else {
                return None;
            };
            Some(chain.problem(format!("{prefix}{id}"), problem))
        });
        problems.collect()
    }
}

impl Chain {
    /// Adds the hint by which a component calls the next one, if it is in the chain and has one.
    fn hint(&self, descriptor: &mut ComposableDescriptor) {
        if let Some(next) = self.next(&descriptor.id) {
            descriptor.rules.hint(self.interface.clone(), next.clone(), None);
        }
    }

    /// The component that `id` calls. One that is in the chain twice, which is a problem, counts where it is last, so
    /// that no cycle is told as well.
    fn next(&self, id: &str) -> Option<&String> {
        let last = self.ids.iter().rposition(|it| it == id)?;
        self.ids.get(last + 1)
    }

    fn problem(&self, component: String, problem: ChainProblem) -> PlanProblem {
        PlanProblem::Chain { interface: self.interface.clone(), component, problem }
    }

    /// Whether one of the chain's hints is for the import `name` of `consumer`, or for the public export if there is
    /// none, and names `target`, if that is given. A hint holds for compatible versions too.
    fn hints(&self, consumer: Option<&str>, name: &str, target: Option<&str>) -> bool {
        let called = match consumer {
            Some(consumer) => self.next(consumer),
            None => self.ids.first(),
        };
        is_compatible(&self.interface, name)
            && called.is_some_and(|id| target.is_none_or(|it| it == id))
    }

    /// The problem as one of the chain, if it is one of its hints. That a component was not added is said by
    /// [`Level::missing`].
    fn said_of(&self, problem: PlanProblem, prefix: &str) -> Option<PlanProblem> {
        let id = |path: &str| path.strip_prefix(prefix).unwrap_or(path).to_owned();
        let consumer = |path: &Option<String>| path.as_deref().map(id);
        match problem {
            PlanProblem::UnknownHintTarget { component, name, target, .. }
                if self.hints(consumer(&component).as_deref(), &name, Some(&target)) =>
            {
                None
            }
            PlanProblem::HintNotImported { component, import, nearest }
                if self.hints(Some(&id(&component)), &import, None) =>
            {
                Some(self.problem(component, ChainProblem::DoesNotImport { nearest }))
            }
            PlanProblem::HintNotOffered { component, name, target, hidden, nearest, .. }
                if self.hints(consumer(&component).as_deref(), &name, Some(&id(&target))) =>
            {
                Some(self.problem(target, ChainProblem::DoesNotExport { hidden, nearest }))
            }
            other => Some(other),
        }
    }
}
