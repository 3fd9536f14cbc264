//! A component given on the command line.

use std::hash::{DefaultHasher, Hasher as _};

use wasm_runtime_composer::error::PlanProblem;
use wasm_runtime_composer::wasi::WasiState;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, CompositionError,
};

/// A component with the id that it was given.
#[derive(Clone)]
pub(crate) struct Component {
    pub(crate) id: String,
    pub(crate) component: ComposableComponent<WasiState>,
    /// What its file had in it.
    pub(crate) content: Content,
}

/// What a file has in it, to see whether it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content(u64);

impl Content {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        Self(hasher.finish())
    }
}

impl Component {
    pub(crate) fn describe(&self) -> ComposableDescriptor {
        ComposableDescriptor::new(&self.id, self.component.clone())
    }

    /// A composer with this component only.
    pub(crate) fn alone(&self) -> Composer {
        let mut composer = Composer::new();
        composer.add(self.describe());
        composer
    }

    /// The name of the component's export of an interface, in `version` or in another one.
    pub(crate) fn export_of(&self, interface: &str, version: &str) -> Option<String> {
        let name = format!("{interface}@{version}");
        let mut composer = self.alone();
        composer.with_export_hint(&name, &self.id);
        let Err(CompositionError::Plan(error)) = composer.plan() else { return Some(name) };
        for problem in error.problems() {
            match problem {
                PlanProblem::HintNotOffered { nearest, .. } => {
                    let other = nearest.as_ref()?;
                    return other.strip_prefix(interface)?.starts_with('@').then(|| other.clone());
                }
                PlanProblem::Load { .. } => return None,
                _ => {}
            }
        }
        Some(name)
    }

    /// Whether the component imports `import`, including functions and interfaces of the host.
    pub(crate) fn imports(&self, import: &str) -> Imports {
        let mut composer = Composer::new();
        composer.add(self.describe().with_import_hint(import, "host"));
        let Err(CompositionError::Plan(error)) = composer.plan() else { return Imports::Yes };
        let no = error.problems().iter().find_map(|problem| match problem {
            PlanProblem::HintNotImported { nearest, .. } => Some(Imports::No(nearest.clone())),
            PlanProblem::Load { .. } => Some(Imports::Unknown),
            _ => None,
        });
        no.unwrap_or(Imports::Yes)
    }
}

/// Whether a component has a certain import.
pub(crate) enum Imports {
    Yes,
    /// It does not. Perhaps this import was meant.
    No(Option<String>),
    /// The component cannot be loaded; composing reports that.
    Unknown,
}
