//! What a component's code can ask of the engine, beside computing and calling what it imports.
//!
//! A component's type says nothing of it, and neither do its imports: what happens between the
//! components inside of one is its own affair. So it is read off what the component was compiled to. Each
//! built-in function that its code uses is there as a piece of code of the engine's, a trampoline, under a
//! name.

use object::read::elf::ElfFile64;
use object::{Object, ObjectSymbol};
use wasmtime::component::Component;

/// What a component's code can ask of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// A sync function may have to be suspended though nothing of the host's is async: it calls async
    /// functions inside of the component, or gives way to other threads.
    pub(crate) suspends: bool,
    /// A call of an async type keeps all others out of the component until it has returned: all functions are of one
    /// instance, and lifted without `async`. It is not known of what is given compiled.
    pub(crate) keeps_out: bool,
}

/// What the names of the engine's trampolines for built-in functions begin with.
const TRAMPOLINE: &str = "component-trampolines[";

impl Abilities {
    /// Reads the abilities off a compiled component.
    ///
    /// # Errors
    ///
    /// If what it was compiled to cannot be read.
    pub(crate) fn of(component: &Component) -> wasmtime::Result<Self> {
        if !component.engine().get_concurrency_support() {
            // Nothing of what is looked for can be in it.
            return Ok(Self::default());
        }
        let image = component.serialize()?;
        let image: ElfFile64<'_> = ElfFile64::parse(&*image).map_err(wasmtime::Error::new)?;
        let mut abilities = Self::default();
        for symbol in image.symbols() {
            if let Some(builtin) = symbol.name().ok().and_then(builtin) {
                abilities.note(builtin);
            }
        }
        Ok(abilities)
    }

    fn note(&mut self, builtin: &str) {
        self.suspends |= matches!(
            builtin,
            "component-sync-start-call" | "component-async-start-call" | "subtask-cancel"
        ) || builtin.starts_with("thread-");
    }
}

/// The built-in function of a trampoline that is called `symbol`.
fn builtin(symbol: &str) -> Option<&str> {
    let (_, named) = symbol.strip_prefix(TRAMPOLINE)?.split_once("]-")?;
    named.split_once("-call-").map(|(_, builtin)| builtin)
}
