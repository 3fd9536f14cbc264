//! Programs that give something else than they have to.

use super::Way::{Alone, Fused, Isolated};
use super::{Known, VARIES};

const HELD: &str = "a sync call from another store is held back like an async one";
const ENGINE_HELD: &str = "the engine's entry for calls of the host holds back sync ones";
const IN_PLACE: &str = "a sync call in place has no stack to put aside for a call below it";
const UNTOLD: &str = "a callee in another store is not told that its call is cancelled";
const DEADLOCK: &str = "nobody notices that nothing can go on";
const DESTROYED_LATER: &str = "a destructor in another store runs after the drop has returned";
const NO_LENGTH: &str = "a read of no elements is not passed to the writer";
const WRITTEN_AGAIN: &str = "the engine lets a future that the host reads be written once";
const DROPPED: &str = "the writer of a future that nobody reads is told that it was taken";
#[cfg(debug_assertions)]
const ENGINE_YIELD: &str = "the engine asserts that a sync task has nobody to give way to";

const fn isolated(program: &'static str, gives: &'static str, why: &'static str) -> Known {
    Known { program, ways: &[Isolated], gives, why }
}

const fn fused(program: &'static str, gives: &'static str, why: &'static str) -> Known {
    Known { program, ways: &[Fused], gives, why }
}

/// Where the library runs it, isolated and fused.
const fn composed(program: &'static str, gives: &'static str, why: &'static str) -> Known {
    Known { program, ways: &[Isolated, Fused], gives, why }
}

const fn everywhere(program: &'static str, gives: &'static str, why: &'static str) -> Known {
    Known { program, ways: &[Isolated, Fused, Alone], gives, why }
}

/// Each with what it gives today.
#[rustfmt::skip]
pub(super) const KNOWN: &[Known] = &[
    isolated("backpressure/sync-typed-enters/Sync", "hangs", HELD),
    isolated("backpressure/held-back/Sync", "hangs", HELD),
    isolated("backpressure/in-order/Sync", "hangs", HELD),
    isolated("backpressure/held-back-by-a-task/Sync", "hangs", HELD),
    isolated("backpressure/relayed/Sync", VARIES, HELD),
    isolated("backpressure/sync-typed-passes/Sync", "hangs", HELD),
    isolated("backpressure/held-back/Callback", "hangs", HELD),
    isolated("backpressure/in-order/Callback", "hangs", HELD),
    isolated("backpressure/held-back-by-a-task/Callback", "hangs", HELD),
    isolated("backpressure/relayed/Callback", VARIES, HELD),
    isolated("backpressure/sync-typed-passes/Callback", "hangs", HELD),
    isolated("backpressure/held-back/Stackful", "hangs", HELD),
    isolated("backpressure/in-order/Stackful", "hangs", HELD),
    isolated("backpressure/held-back-by-a-task/Stackful", "hangs", HELD),
    isolated("backpressure/relayed/Stackful", VARIES, HELD),
    isolated("backpressure/sync-typed-passes/Stackful", "hangs", HELD),
    isolated("backpressure/cancelled-while-another-is-inside", VARIES, HELD),
    isolated("backpressure/counted", "hangs", HELD),
    isolated("backpressure/seen-from-a-third", "hangs", HELD),
    isolated("backpressure/held-by-core-code", "hangs", HELD),
    isolated("backpressure/told-when-it-starts", "hangs", HELD),
    fused("calls/started-by-a-sync-function/Sync", "called `Option::unwrap()` on a `None` value", IN_PLACE),
    fused("calls/started-by-a-sync-function/Callback", "called `Option::unwrap()` on a `None` value", IN_PLACE),
    fused("calls/started-by-a-sync-function/Stackful", "called `Option::unwrap()` on a `None` value", IN_PLACE),
    fused("calls/started-below-a-sync-function", "called `Option::unwrap()` on a `None` value", IN_PLACE),
    fused("calls/left-by-a-sync-function", "called `Option::unwrap()` on a `None` value", IN_PLACE),
    isolated("cancel/told/callback-waits/ends/cancel", "400", UNTOLD),
    isolated("cancel/told/callback-waits/returns/cancel", "400", UNTOLD),
    isolated("cancel/told/callback-yields/ends/cancel", "400", UNTOLD),
    isolated("cancel/told/callback-yields/returns/cancel", "400", UNTOLD),
    isolated("cancel/told/callback-finishes-later/ends/cancel", "400", UNTOLD),
    isolated("cancel/told/callback-finishes-later/returns/cancel", "400", UNTOLD),
    isolated("cancel/told/stackful-waits/ends/cancel", "400", UNTOLD),
    isolated("cancel/told/stackful-waits/returns/cancel", "400", UNTOLD),
    isolated("cancel/told/stackful-yields/ends/cancel", "400", UNTOLD),
    isolated("cancel/told/stackful-yields/returns/cancel", "400", UNTOLD),
    isolated("cancel/told/stackful-polls/ends/cancel", "400", UNTOLD),
    isolated("cancel/told/stackful-polls/returns/cancel", "400", UNTOLD),
    isolated("cancel/told/stackful-listens-later/ends/cancel", "400", UNTOLD),
    isolated("cancel/told/stackful-listens-later/returns/cancel", "400", UNTOLD),
    isolated("cancel/told/callback-waits/ends/cancel-later", "400", UNTOLD),
    isolated("cancel/told/callback-waits/returns/cancel-later", "400", UNTOLD),
    isolated("cancel/told/callback-yields/ends/cancel-later", "400", UNTOLD),
    isolated("cancel/told/callback-yields/returns/cancel-later", "400", UNTOLD),
    isolated("cancel/told/callback-finishes-later/ends/cancel-later", "400", UNTOLD),
    isolated("cancel/told/callback-finishes-later/returns/cancel-later", "400", UNTOLD),
    isolated("cancel/told/stackful-waits/ends/cancel-later", "400", UNTOLD),
    isolated("cancel/told/stackful-waits/returns/cancel-later", "400", UNTOLD),
    isolated("cancel/told/stackful-yields/ends/cancel-later", "400", UNTOLD),
    isolated("cancel/told/stackful-yields/returns/cancel-later", "400", UNTOLD),
    isolated("cancel/told/stackful-polls/ends/cancel-later", "400", UNTOLD),
    isolated("cancel/told/stackful-polls/returns/cancel-later", "400", UNTOLD),
    isolated("cancel/told/stackful-listens-later/ends/cancel-later", "400", UNTOLD),
    isolated("cancel/told/stackful-listens-later/returns/cancel-later", "400", UNTOLD),
    isolated("cancel/not-listening/Sync", "140", UNTOLD),
    isolated("cancel/behind-a-sync-call/Sync", "140", UNTOLD),
    isolated("cancel/not-listening/Callback", "140", UNTOLD),
    isolated("cancel/behind-a-sync-call/Callback", "140", UNTOLD),
    isolated("cancel/not-listening/Stackful", "140", UNTOLD),
    isolated("cancel/behind-a-sync-call/Stackful", "140", UNTOLD),
    isolated("cancel/returned-before/Sync", VARIES, UNTOLD),
    isolated("cancel/returned-before/Callback", VARIES, UNTOLD),
    isolated("cancel/returned-before/Stackful", VARIES, UNTOLD),
    isolated("cancel/passed-on/Callback", "4000", UNTOLD),
    isolated("cancel/passed-on/Stackful", "4000", UNTOLD),
    isolated("cancel/sync-lifted", "hangs", UNTOLD),
    isolated("cancel/argument-is-dropped", "hangs", UNTOLD),
    isolated("cancel/argument-before-the-start", "hangs", HELD),
    isolated("cancel/many-times", "320", UNTOLD),
    isolated("cancel/left-and-taken-up", "1 4 0", UNTOLD),
    isolated("cancel/silent-afterwards", VARIES, UNTOLD),
    composed("deadlock/never-written/Sync/Sync", "hangs", DEADLOCK),
    composed("deadlock/never-written/Sync/Async", "hangs", DEADLOCK),
    composed("deadlock/in-a-row/Sync", "hangs", DEADLOCK),
    composed("deadlock/never-written/Callback/Sync", "hangs", DEADLOCK),
    composed("deadlock/never-written/Callback/Async", "hangs", DEADLOCK),
    composed("deadlock/in-a-row/Callback", "hangs", DEADLOCK),
    composed("deadlock/never-written/Stackful/Sync", "hangs", DEADLOCK),
    composed("deadlock/never-written/Stackful/Async", "hangs", DEADLOCK),
    composed("deadlock/in-a-row/Stackful", "hangs", DEADLOCK),
    composed("deadlock/empty-set", "hangs", DEADLOCK),
    composed("deadlock/each-other", "hangs", DEADLOCK),
    composed("deadlock/never-read", "hangs", DEADLOCK),
    composed("deadlock/never-let-in", "hangs", DEADLOCK),
    composed("deadlock/its-own-way", "hangs", DEADLOCK),
    isolated("deadlock/never-ends-when-cancelled", "4", UNTOLD),
    fused("deadlock/never-ends-when-cancelled", "hangs", DEADLOCK),
    composed("deadlock/read-for-the-writer", "hangs", DEADLOCK),
    composed("deadlock/two-calls", "hangs", DEADLOCK),
    composed("deadlock/after-a-good-call", "7, hangs", DEADLOCK),
    isolated("destructors/dropped-in/Sync", VARIES, DESTROYED_LATER),
    isolated("destructors/passed-in/Sync", VARIES, DESTROYED_LATER),
    isolated("destructors/lent/Sync", "70", DESTROYED_LATER),
    isolated("destructors/dropped-in/Callback", VARIES, DESTROYED_LATER),
    isolated("destructors/passed-in/Callback", VARIES, DESTROYED_LATER),
    isolated("destructors/lent/Callback", "70", DESTROYED_LATER),
    isolated("destructors/dropped-in/Stackful", VARIES, DESTROYED_LATER),
    isolated("destructors/passed-in/Stackful", VARIES, DESTROYED_LATER),
    isolated("destructors/lent/Stackful", "70", DESTROYED_LATER),
    isolated("destructors/dropped", "0", DESTROYED_LATER),
    isolated("destructors/by-turns", VARIES, DESTROYED_LATER),
    isolated("destructors/in-order", "0", DESTROYED_LATER),
    isolated("destructors/that-traps", "1", DESTROYED_LATER),
    isolated("destructors/in-a-stream", VARIES, DESTROYED_LATER),
    isolated("destructors/never-read", "10", DESTROYED_LATER),
    everywhere("host/sync-function-lets-one-go-on/Sync", "hangs", ENGINE_HELD),
    everywhere("host/sync-function-lets-one-go-on/Callback", "hangs", ENGINE_HELD),
    everywhere("host/let-in-by-a-sync-function/Sync", "1, hangs", ENGINE_HELD),
    everywhere("host/let-in-by-a-sync-function/Callback", "1, hangs", ENGINE_HELD),
    everywhere("host/let-in-by-a-sync-function/Stackful", "1, hangs", ENGINE_HELD),
    isolated("reentrance/sync-call-of-a-waiting-caller/Sync", "hangs", HELD),
    isolated("reentrance/sync-call-of-a-waiting-caller/Callback", "hangs", HELD),
    isolated("reentrance/circle-that-waits-for-itself", "hangs", DEADLOCK),
    isolated("streams/ready-to-read", "wasm `unreachable` instruction executed", NO_LENGTH),
    isolated("streams/ready-at-the-end", "wasm `unreachable` instruction executed", NO_LENGTH),
    isolated("streams/future-write-cancelled", "cannot write to future after previous write succeeded or readable end dropped", WRITTEN_AGAIN),
    isolated("streams/future-dropped-before", "70", DROPPED),
    isolated("streams/future-dropped-after", "70", DROPPED),
    #[cfg(debug_assertions)]
    everywhere("yields/sync-typed-lets-others-run", "assertion failed: matches!(reason, SuspendReason", ENGINE_YIELD),
    isolated("yields/told-once", VARIES, UNTOLD),
    isolated("yields/told-at-the-next-yield", VARIES, UNTOLD),
    isolated("yields/told-at-the-next-poll", VARIES, UNTOLD),
    isolated("yields/told-at-the-next-wait", VARIES, UNTOLD),
];
