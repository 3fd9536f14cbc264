//! How callers run a store in place, whatever the store's data is.

use super::inbox::Inbox;
use super::message::{Answer, Call, Hears, Message};
use crate::value::Value;

/// What a caller sees of a store that is idle.
pub(crate) trait InPlace: Send + Sync {
    /// Runs a call to its end, if the store is at rest, no message waits for it, and nothing that the
    /// guest calls can wait. Otherwise `args` stay as they are.
    fn run_to_end(
        &self,
        inbox: &Inbox<Message>,
        func: usize,
        args: &mut Vec<Value>,
    ) -> Option<RanInPlace>;

    /// Runs a call up to its first wait, from where on the driver runs it, if the store is at rest and
    /// no message waits for it.
    #[expect(clippy::result_large_err, reason = "the caller has the call on its stack anyhow")]
    fn begin(&self, inbox: &Inbox<Message>, call: Call) -> Result<(), Call>;

    /// Whether nothing that the guest calls can wait.
    fn cannot_wait(&self) -> bool;
}

/// What a call came to that ran in place.
pub(crate) enum RanInPlace {
    Ended(Answer),
    /// The guest trapped. The driver answers, when others can know it too.
    Trapped(Hears),
}
