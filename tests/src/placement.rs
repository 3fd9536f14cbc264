//! The two placements: each component in a store of its own, or all fused into one component.
//!
//! [`run_placed`] runs a test in both. Components and compositions that are made by the functions
//! here, and by those of this package that use them, are then placed accordingly.

use std::collections::VecDeque;
use std::sync::Mutex;

use wasm_runtime_composer::{
    ComponentSource, ComposableComponent, ComposableDescriptor, Composer, Composition,
    CompositionError,
};
use wasmtime::Store;
use wasmtime::component::{Component, Linker};

use crate::{engine, guest, guest_file, limited, runtimes, with_linker};

/// Where the components of a composition are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Each in a store of its own.
    Isolated,
    /// All in one store, as one component under the id `fused`.
    Fused,
}

tokio::task_local! {
    static PLACEMENT: Placement;
}

/// The placement in which the test runs that asks: isolated, unless it is [`run_placed`].
pub fn placement() -> Placement {
    PLACEMENT.try_with(|placement| *placement).unwrap_or(Placement::Isolated)
}

/// Runs `test` in both placements, each on both flavours of tokio's runtime.
///
/// # Panics
///
/// If the test does, or if it hangs.
pub fn run_placed<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for placement in [Placement::Isolated, Placement::Fused] {
        for runtime in runtimes() {
            // Captured, and shown when the test fails.
            println!("{placement:?}");
            // `test` may compose before the first poll of its future.
            let test = async { test().await };
            runtime.block_on(limited(PLACEMENT.scope(placement, test)));
        }
    }
}

/// Composes components that need nothing of the host.
///
/// # Errors
///
/// As [`Composer::compose`].
pub async fn compose(composer: Composer) -> Result<Composition, CompositionError> {
    compose_with(composer, Linker::new(engine())).await
}

/// Composes components with what the host defines in `linker`. Isolated, they have linkers of their
/// own, which must define the same.
///
/// # Errors
///
/// As [`Composer::compose`].
pub async fn compose_with(
    composer: Composer,
    linker: Linker<()>,
) -> Result<Composition, CompositionError> {
    if placement() == Placement::Isolated {
        return composer.compose().await;
    }
    let fused = composer.fused(linker, || Store::new(engine(), ()));
    keep(fused.clone());
    let mut outer = Composer::new();
    outer.add(ComposableDescriptor::new("fused", fused));
    outer.compose().await
}

/// Keeps some of what was fused last, so that it is not compiled for each test and runtime.
fn keep(fused: ComposableComponent<()>) {
    static LAST: Mutex<VecDeque<ComposableComponent<()>>> = Mutex::new(VecDeque::new());
    let mut last = LAST.lock().expect("nothing here panics");
    last.push_back(fused);
    if last.len() > 32 {
        last.pop_front();
    }
}

/// One of the committed guests, as the placement needs it.
pub(crate) fn source(name: &str) -> ComponentSource {
    match placement() {
        Placement::Isolated => guest(name).into(),
        Placement::Fused => guest_file(name).into(),
    }
}

/// A component in the text format, to be placed either way.
#[derive(Clone, Debug)]
pub struct Fixture {
    wat: String,
    compiled: Component,
}

impl Fixture {
    /// Compiles `wat`.
    ///
    /// # Panics
    ///
    /// If that is no component.
    pub fn new(wat: impl Into<String>) -> Self {
        let wat = wat.into();
        match Component::new(engine(), &wat) {
            Ok(compiled) => Self { wat, compiled },
            Err(error) => panic!("a fixture is wrong: {error:#}\n{wat}"),
        }
    }

    /// The component, with what the host defines in `linker`.
    pub fn component(&self, linker: Linker<()>) -> ComposableComponent<()> {
        match placement() {
            Placement::Isolated => with_linker(&self.compiled, linker),
            Placement::Fused => with_linker(self.wat.as_str(), linker),
        }
    }

    /// The component, compiled.
    pub fn compiled(&self) -> &Component {
        &self.compiled
    }
}
