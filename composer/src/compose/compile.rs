//! From the bytes of a component to one that is compiled: read, checked for what it is, and given a companion.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::mistake::mistake;
use super::startable::Loaded;
#[cfg(feature = "component-model-async")]
use crate::companion::{Accompanied, Known, look};
use crate::error::panic_message;
#[cfg(feature = "component-model-async")]
use crate::plan::abilities::Abilities;
use crate::plan::item::Surface;

/// Compiles a binary, or text, with a companion where one makes a difference. `cooperates` says whether cancelling
/// is to mean the same as inside of one store.
pub(crate) fn compile(engine: &Engine, bytes: &[u8], cooperates: bool) -> wasmtime::Result<Loaded> {
    without_panic(|| compile_binary(engine, &binary(bytes)?, cooperates))
}

/// Does what the compiler has a part in. It is not to panic, whatever it is given; if it does, that is an error of
/// what it was given.
fn without_panic<T>(work: impl FnOnce() -> wasmtime::Result<T>) -> wasmtime::Result<T> {
    // What it leaves half done is of this component alone.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic_message(panic);
        Err(wasmtime::Error::msg(format!("the compiler panicked: {message}")))
    })
}

fn compile_binary(engine: &Engine, binary: &[u8], cooperates: bool) -> wasmtime::Result<Loaded> {
    #[cfg(not(feature = "component-model-async"))]
    let _ = cooperates;
    #[cfg(feature = "component-model-async")]
    let abilities = match look(engine, binary, cooperates)? {
        Some(Known { accompanied: Some(accompanied), abilities }) => {
            if let Some(loaded) = with_companion(engine, accompanied, abilities) {
                return Ok(loaded);
            }
            Some(abilities)
        }
        known => known.map(|known| known.abilities),
    };
    #[cfg(not(feature = "component-model-async"))]
    let abilities = None;
    let component = Component::new(engine, binary)?;
    let surface = match abilities {
        Some(abilities) => Surface::with_abilities(&component, abilities)?,
        None => Surface::reflect(&component, false)?,
    };
    Ok(Loaded::new(component, surface))
}

/// What a binary, or text, imports and exports.
#[cfg(feature = "fuse")]
pub(crate) fn reflect(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Surface> {
    without_panic(|| Surface::reflect(&Component::new(engine, binary(bytes)?)?, false))
}

/// The binary form of a component.
fn binary(bytes: &[u8]) -> wasmtime::Result<Cow<'_, [u8]>> {
    if let Some(mistake) = mistake(bytes) {
        return Err(wasmtime::Error::msg(mistake));
    }
    wat::parse_bytes(bytes).map_err(wasmtime::Error::new)
}

/// Compiles a component with its companion. Without a result the engine refuses the two; then the component is compiled
/// alone, and its own error tells what is wrong.
#[cfg(feature = "component-model-async")]
fn with_companion(
    engine: &Engine,
    Accompanied { binary, companion }: Accompanied,
    abilities: Abilities,
) -> Option<Loaded> {
    let component = Component::new(engine, binary).ok()?;
    let surface = Surface::accompanied(&component, companion, abilities).ok()?;
    Some(Loaded::new(component, surface))
}

pub(super) fn read(path: &Path) -> wasmtime::Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        wasmtime::Error::new(error).context(format!("failed to read `{}`", path.display()))
    })
}
