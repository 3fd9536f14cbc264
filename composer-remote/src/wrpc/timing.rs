//! How long things may take, and what the transport is called.

use std::time::Duration;

/// How long a peer that has something to send may send nothing.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// How often a peer that waits hears that this one is alive.
pub(super) const ALIVE: Duration = Duration::from_secs(1);

/// For how long somebody who sends is not read from, when there is no room for what comes.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is looked whether there is room.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// What the transport is called in messages.
pub(super) const NAME: &str = "wRPC";
