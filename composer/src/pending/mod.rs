//! What is outstanding on behalf of a component: how much there is of it, how much there may be, and whether it can
//! still come.

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
