//! By when a call is to be over.

use std::time::Duration;

use tokio::time::Instant;

/// When a call is to be over.
#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    /// One point in time for all who wait for the call: each that counted anew would be late for the one before it.
    pub(crate) until: Instant,
    /// The time that was given, for who is told of it.
    pub(crate) after: Duration,
}

impl Deadline {
    /// A deadline for a call that begins now. There is none if the time is longer than the clock has.
    pub(crate) fn after(after: Duration) -> Option<Self> {
        Instant::now().checked_add(after).map(|until| Self { until, after })
    }
}

/// The shorter one of two deadlines, where there are any.
pub(crate) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}
