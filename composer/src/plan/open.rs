//! Imports that nobody satisfies, of a plan that is looked at all the same.

use std::fmt;

use super::Plan;
use crate::error::{PlanProblem, listed, plain};

/// An import that no component and no linker satisfies; from
/// [`Composer::plan_with_open_imports`](crate::Composer::plan_with_open_imports).
///
/// What is needed is what [`PlanProblem::Unsatisfied`](crate::error::PlanProblem::Unsatisfied) tells where imports must
/// not be open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenImport {
    /// The import's name.
    pub import: String,
    /// What it is: `interface`, `function`, or another item of the component model.
    pub kind: &'static str,
    /// The components that import it.
    pub consumers: Vec<String>,
    /// The components whose linkers could define it: each of `consumers`, or the fused group that it is in.
    pub linkers: Vec<String>,
    /// If a linker defines part of the interface: the items that it lacks.
    pub items: Vec<String>,
    /// The components that export it but hide it with a filter.
    pub hidden_by: Vec<String>,
    /// The components that export an incompatible version, each with the export's name.
    pub other_versions: Vec<(String, String)>,
    /// The composers in which several components export it and no export hint chooses, each with the id of one of those
    /// components.
    pub undecided_in: Vec<(String, String)>,
    /// The components that export it but are not trusted.
    pub untrusted: Vec<String>,
}

impl OpenImport {
    /// `None` if the problem is another one.
    pub(crate) fn new(problem: PlanProblem) -> Option<Self> {
        match problem {
            PlanProblem::Unsatisfied {
                components: consumers,
                linkers,
                import,
                kind,
                items,
                hidden_by,
                other_versions,
                undecided_in,
                untrusted,
                source: None,
            } => Some(Self {
                import,
                kind,
                consumers,
                linkers,
                items,
                hidden_by,
                other_versions,
                undecided_in,
                untrusted,
            }),
            _ => None,
        }
    }
}

impl Plan {
    /// The same plan, where `open` is what nobody satisfies.
    pub(crate) fn with_open_imports(mut self, open: Vec<OpenImport>) -> Self {
        self.open = open;
        self
    }

    /// The imports that no component and no linker satisfies, in the order in which their components would start. They have no edge. A plan
    /// of [`Composer::plan`](crate::Composer::plan) and that of a composition have none.
    pub fn open_imports(&self) -> &[OpenImport] {
        &self.open
    }
}

/// Prints the import, who needs it, and on a line each who would satisfy it but for a rule.
impl fmt::Display for OpenImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { import, kind, consumers, items, .. } = self;
        write!(f, "{kind} {} for {}", plain(import), listed(consumers, ", "))?;
        if !items.is_empty() {
            write!(f, ": {}", listed(items, ", "))?;
        }
        for id in &self.hidden_by {
            write!(f, "\n  {} exports it, and a filter hides it", plain(id))?;
        }
        for (id, export) in &self.other_versions {
            let (id, export) = (plain(id), plain(export));
            write!(f, "\n  {id} exports {export}, which is not compatible")?;
        }
        for (path, _) in &self.undecided_in {
            let path = plain(path);
            write!(f, "\n  several components in {path} export it, and no export hint chooses")?;
        }
        for id in &self.untrusted {
            write!(f, "\n  {} exports it, is not trusted, and no hint names it", plain(id))?;
        }
        Ok(())
    }
}
