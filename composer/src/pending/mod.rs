//! What is outstanding on behalf of components: how much there is, how much there may be, and
//! whether it can still be answered.
//!
//! `count.rs` has gauges that can be waited for, which restarts, closing and replacing use to know
//! when a component is unused. `outgoing.rs` limits the calls and bytes that a guest can pile up in
//! the host. `deadlock.rs` finds stores that wait only for each other, which no store can notice by
//! itself.
//!
//! This room knows nothing of drivers; they report to it, and it wakes them.

mod count;
mod deadlock;
mod outgoing;

pub(crate) use count::{Gauge, GaugeGuard};
pub(crate) use deadlock::{Callees, CallsInProgress, Deadlocks, Links, Watched};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) use deadlock::{PipeEnds, WaitingAt};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) use outgoing::Bytes;
pub(crate) use outgoing::{OutgoingCalls, OutgoingPermit};
