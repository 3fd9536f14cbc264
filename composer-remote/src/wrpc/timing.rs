//! Times of the protocol, and the transport's name.

use std::time::Duration;

/// How long a peer that has something to send may send nothing.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// How often a waiting peer is told that this side is alive.
pub(super) const ALIVE: Duration = Duration::from_secs(1);

/// How long a call waits for room before it is refused.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How often a wait for room checks whether there is some.
pub(super) const LOOK: Duration = Duration::from_millis(20);

/// The transport's name in messages.
pub(super) const NAME: &str = "wRPC";
