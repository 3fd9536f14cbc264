//! A component given on the command line.

use wasm_runtime_composer::error::PlanProblem;
use wasm_runtime_composer::wasi::WasiState;
use wasm_runtime_composer::{
    ComposableComponent, ComposableDescriptor, Composer, CompositionError,
};

/// A component with the id that it was given.
pub(crate) struct Component {
    pub(crate) id: String,
    pub(crate) component: ComposableComponent<WasiState>,
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
