//! What a component is like at a time.

use crate::error::StopReason;

/// A component at a time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ComponentSnapshot {
    /// The component's id.
    pub id: String,
    /// Its instances: one, or as many as its descriptor says.
    pub instances: Vec<InstanceSnapshot>,
    /// How many calls wait for a fresh instance, as the [lifetime](crate::Lifetime) of all that there are is over.
    pub waiting: usize,
    /// How many instances that were replaced are still needed.
    pub retiring: usize,
}

/// An instance of a component at a time.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct InstanceSnapshot {
    /// Whether it takes calls.
    pub state: InstanceState,
    /// How many calls wait in its inbox.
    pub waiting: usize,
    /// For how many calls of Rust its inbox has room.
    pub capacity: usize,
    /// How many calls go on.
    pub running: usize,
    /// How many of its resources are held by others.
    pub live_handles: usize,
    /// How many streams and futures of its guests others may read.
    pub open_streams: usize,
    /// How often it was started again.
    pub restarts: u64,
    /// How often its [lifetime](crate::Lifetime) was over, and a fresh one took its place.
    pub renewals: u64,
}

/// Whether an instance takes calls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum InstanceState {
    /// It has no store yet.
    NotStarted,
    /// It takes calls.
    Running,
    /// Its store has ended, and it will get another one. Calls wait.
    #[non_exhaustive]
    Restarting {
        /// Why its store ended, or why the last attempt failed.
        reason: StopReason,
    },
    /// It takes calls no more.
    #[non_exhaustive]
    Ended {
        /// Why it ended.
        reason: StopReason,
    },
}

impl InstanceState {
    /// One word for it: `new`, `running`, `restarting` or `ended`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NotStarted => "new",
            Self::Running => "running",
            Self::Restarting { .. } => "restarting",
            Self::Ended { .. } => "ended",
        }
    }
}
