//! Programs that give something else than they have to.

use super::Known;
#[cfg(debug_assertions)]
use super::Way::Fused;
use super::Way::{Alone, Isolated};

const ENGINE_HELD: &str = "the engine's entry for calls of the host holds back sync ones";
const APART: &str = "a destructor that traps ends its own component alone";
#[cfg(debug_assertions)]
const ENGINE_YIELD: &str = "the engine asserts that a sync task has nobody to give way to";

const fn isolated(program: &'static str, gives: &'static str, why: &'static str) -> Known {
    Known { program, ways: &[Isolated], gives, why }
}

/// In wasmtime by itself.
const fn alone(program: &'static str, gives: &'static str, why: &'static str) -> Known {
    Known { program, ways: &[Alone], gives, why }
}

#[cfg(debug_assertions)]
const fn everywhere(program: &'static str, gives: &'static str, why: &'static str) -> Known {
    Known { program, ways: &[Isolated, Fused, Alone], gives, why }
}

/// Each with what it gives today.
#[rustfmt::skip]
pub(super) const KNOWN: &[Known] = &[
    isolated("destructors/that-traps", "1", APART),
    alone("host/sync-function-lets-one-go-on/Sync", "hangs", ENGINE_HELD),
    alone("host/sync-function-lets-one-go-on/Callback", "hangs", ENGINE_HELD),
    alone("host/let-in-by-a-sync-function/Sync", "1, hangs", ENGINE_HELD),
    alone("host/let-in-by-a-sync-function/Callback", "1, hangs", ENGINE_HELD),
    alone("host/let-in-by-a-sync-function/Stackful", "1, hangs", ENGINE_HELD),
    #[cfg(debug_assertions)]
    everywhere("yields/sync-typed-lets-others-run", "assertion failed: matches!(reason, SuspendReason", ENGINE_YIELD),
];
