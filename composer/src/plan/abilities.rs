//! What a component's code can ask of the engine, beside computing and calling its imports.
//!
//! Neither a component's type nor its imports tell this: a component may contain several components
//! that call each other asynchronously, or that use threads. So it is read from the compiled image,
//! in which the engine has a trampoline, a piece of code with a symbol, for each built-in function
//! of the component model that the code uses.

use object::read::elf::ElfFile64;
use object::{Object, ObjectSymbol};
use wasmtime::component::Component;

/// What a component's code can ask of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Abilities {
    /// A sync function may have to be suspended although no function of the host is async: the code
    /// calls async functions inside the component, or yields to other threads.
    pub(crate) suspends: bool,
    /// A call of an async function makes all other calls wait until it has returned: all functions
    /// are of one core instance, and lifted without `async`. `false` if unknown, as for components
    /// that are given compiled.
    pub(crate) keeps_out: bool,
}

/// The prefix of the symbols of the engine's trampolines for built-in functions.
const TRAMPOLINE: &str = "component-trampolines[";

impl Abilities {
    /// Reads the abilities off a compiled component.
    ///
    /// # Errors
    ///
    /// If the compiled image cannot be parsed.
    pub(crate) fn of(component: &Component) -> wasmtime::Result<Self> {
        if !component.engine().get_concurrency_support() {
            // The built-in functions that are looked for only exist with concurrency support.
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

/// The built-in function that the trampoline with the symbol `symbol` calls.
fn builtin(symbol: &str) -> Option<&str> {
    let (_, named) = symbol.strip_prefix(TRAMPOLINE)?.split_once("]-")?;
    named.split_once("-call-").map(|(_, builtin)| builtin)
}
