//! Stores that have to go on running, as something is read out of them: bodies of HTTP messages.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::side::Border;
use crate::error::StreamLost;
use crate::value::handle::{OpenStream, StoreId};

/// What is read out of a store, which has to go on running for it.
pub(crate) struct StoreInUse {
    border: Arc<Border>,
    store_id: StoreId,
    _open: OpenStream,
}

impl StoreInUse {
    /// Notes that something is read out of the store.
    pub(crate) fn new(border: &Arc<Border>) -> Self {
        let (store_id, open) = (border.store_id(), border.counts.stream());
        Self { border: border.clone(), store_id, _open: open }
    }

    /// Resolves when it is known whether what just ended was brought to its end by the store, or ended with it.
    pub(crate) fn ended(&self) -> oneshot::Receiver<Result<(), StreamLost>> {
        let (tell, told) = oneshot::channel();
        self.border.endings.end(move |end| {
            // Who asked may have gone.
            let _ = tell.send(end);
        });
        told
    }

    /// What is said of what ends with the store.
    pub(crate) fn lost_with_it(&self) -> StreamLost {
        self.border.stream_lost()
    }

    /// Whether the store is lost. What has [ended](Self::ended) with a store has to ask this too, as the store may have
    /// been lost before.
    pub(crate) fn lost(&self) -> Option<StreamLost> {
        // `failed` is read first: a store that is made anew has its new number before `failed` is reset, so no failure is
        // missed.
        let failed = self.border.endings.has_failed();
        (failed || self.border.store_id() != self.store_id).then(|| self.lost_with_it())
    }
}
