//! In place of `subtasks`, without async components: nobody cancels a call that it waits for.

use std::sync::Arc;

use wasmtime::component::Linker;

use super::cancel::Cancel;

#[derive(Default)]
pub(crate) struct Subtasks;

impl Subtasks {
    /// Makes the call that `ask` makes. Nothing cancels it.
    pub(crate) fn call<A>(&self, ask: impl FnOnce(Option<Arc<Cancel>>) -> A) -> A {
        ask(None)
    }

    #[expect(clippy::unnecessary_wraps, reason = "where there are such calls, it can fail")]
    pub(crate) fn define<T>(&self, _: &mut Linker<T>) -> wasmtime::Result<()> {
        Ok(())
    }
}
