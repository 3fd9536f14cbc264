//! In place of `cancel`, without async components: no call is cancelled.

/// What both sides of a call know of its being cancelled: never anything.
pub(crate) enum Cancel {}
