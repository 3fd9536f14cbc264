//! Programs that give something else than they have to.

#[cfg(debug_assertions)]
use super::Way::Fused;
use super::Way::{Alone, Isolated};
use super::{Known, VARIES};

const ENGINE_HELD: &str = "the engine's entry for calls of the host holds back sync ones";
const UNTOLD: &str = "who cancels a call into another store hears at once that it is cancelled, before the callee has \
    heard of it, and whatever comes of it";
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
    isolated("backpressure/cancelled-while-another-is-inside", VARIES, UNTOLD),
    isolated("cancel/dropped-while-cancelled", VARIES, UNTOLD),
    isolated("cancel/told/callback-waits/returns/cancel", VARIES, UNTOLD),
    isolated("cancel/told/callback-yields/ends/cancel", VARIES, UNTOLD),
    isolated("cancel/told/callback-yields/returns/cancel", VARIES, UNTOLD),
    isolated("cancel/told/callback-finishes-later/returns/cancel", VARIES, UNTOLD),
    isolated("cancel/told/stackful-waits/returns/cancel", VARIES, UNTOLD),
    isolated("cancel/told/stackful-yields/returns/cancel", VARIES, UNTOLD),
    isolated("cancel/told/stackful-polls/ends/cancel", VARIES, UNTOLD),
    isolated("cancel/told/stackful-polls/returns/cancel", VARIES, UNTOLD),
    isolated("cancel/told/stackful-listens-later/ends/cancel", VARIES, UNTOLD),
    isolated("cancel/told/stackful-listens-later/returns/cancel", VARIES, UNTOLD),
    isolated("cancel/told/callback-waits/returns/cancel-later", VARIES, UNTOLD),
    isolated("cancel/told/callback-yields/ends/cancel-later", VARIES, UNTOLD),
    isolated("cancel/told/callback-yields/returns/cancel-later", VARIES, UNTOLD),
    isolated("cancel/told/callback-finishes-later/returns/cancel-later", VARIES, UNTOLD),
    isolated("cancel/told/stackful-waits/returns/cancel-later", VARIES, UNTOLD),
    isolated("cancel/told/stackful-yields/returns/cancel-later", VARIES, UNTOLD),
    isolated("cancel/told/stackful-polls/ends/cancel-later", VARIES, UNTOLD),
    isolated("cancel/told/stackful-polls/returns/cancel-later", VARIES, UNTOLD),
    isolated("cancel/told/stackful-listens-later/ends/cancel-later", VARIES, UNTOLD),
    isolated("cancel/told/stackful-listens-later/returns/cancel-later", VARIES, UNTOLD),
    isolated("cancel/not-listening/Sync", "140", UNTOLD),
    isolated("cancel/behind-a-sync-call/Sync", "140", UNTOLD),
    isolated("cancel/not-listening/Callback", "140", UNTOLD),
    isolated("cancel/behind-a-sync-call/Callback", "140", UNTOLD),
    isolated("cancel/not-listening/Stackful", "140", UNTOLD),
    isolated("cancel/behind-a-sync-call/Stackful", "140", UNTOLD),
    isolated("cancel/returned-before/Sync", VARIES, UNTOLD),
    isolated("cancel/returned-before/Callback", VARIES, UNTOLD),
    isolated("cancel/returned-before/Stackful", VARIES, UNTOLD),
    isolated("cancel/sync-lifted", "400", UNTOLD),
    isolated("cancel/left-and-taken-up", VARIES, UNTOLD),
    isolated("cancel/silent-afterwards", VARIES, UNTOLD),
    isolated("deadlock/never-ends-when-cancelled", "4", UNTOLD),
    isolated("destructors/that-traps", "1", APART),
    alone("host/sync-function-lets-one-go-on/Sync", "hangs", ENGINE_HELD),
    alone("host/sync-function-lets-one-go-on/Callback", "hangs", ENGINE_HELD),
    alone("host/let-in-by-a-sync-function/Sync", "1, hangs", ENGINE_HELD),
    alone("host/let-in-by-a-sync-function/Callback", "1, hangs", ENGINE_HELD),
    alone("host/let-in-by-a-sync-function/Stackful", "1, hangs", ENGINE_HELD),
    #[cfg(debug_assertions)]
    everywhere("yields/sync-typed-lets-others-run", "assertion failed: matches!(reason, SuspendReason", ENGINE_YIELD),
    isolated("yields/told-once", VARIES, UNTOLD),
    isolated("yields/told-at-the-next-yield", VARIES, UNTOLD),
    isolated("yields/told-at-the-next-poll", VARIES, UNTOLD),
    isolated("yields/told-at-the-next-wait", VARIES, UNTOLD),
];
