//! Ends a composition's components in order.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::driver::DriverHandle;
use crate::error::StopReason;

/// How long a component may take to run destructors when its calls are not waited for any more.
/// One that takes longer is stuck in a call that holds its store.
const CUT_GRACE: Duration = Duration::from_millis(500);

/// A component whose driver runs.
pub(crate) struct Running {
    pub(crate) handle: Arc<DriverHandle>,
    pub(crate) task: JoinHandle<()>,
}

/// When a composition has to be closed: not yet, or at the latest then.
pub(crate) type Deadline = watch::Receiver<Option<Instant>>;

/// Ends `running` now, without waiting for calls.
pub(crate) async fn end_all(running: Vec<Running>) {
    let (_now, deadline) = watch::channel(Some(Instant::now()));
    end(running, deadline).await;
}

/// Ends `running`, which is ordered as it was started, and gives the ids of those whose calls were
/// cut off.
///
/// Consumers end before their providers: what a consumer calls while it finishes, and the
/// destructors of the handles that it gives back, find their provider running.
pub(crate) async fn end(running: Vec<Running>, mut deadline: Deadline) -> Vec<String> {
    let mut cut_off = Vec::new();
    for Running { handle, mut task } in running.into_iter().rev() {
        handle.stop();
        let ended = tokio::select! {
            // A driver that has nothing to wait for is not cut off, however short the time.
            biased;
            _ = &mut task => true,
            () = passed(&mut deadline) => false,
        };
        if ended {
            continue;
        }
        handle.cut();
        if timeout(CUT_GRACE, &mut task).await.is_err() {
            handle.set_stopped(StopReason::Closed);
            task.abort();
            // A guest that never yields cannot be aborted; nothing but its engine's epoch can.
            let _ = timeout(CUT_GRACE, task).await;
            cut_off.push(handle.id().to_owned());
        }
    }
    cut_off
}

/// Waits until the deadline has passed, wherever it is moved meanwhile.
async fn passed(deadline: &mut Deadline) {
    loop {
        let at = *deadline.borrow_and_update();
        tokio::select! {
            () = until(at) => return,
            changed = deadline.changed() => if changed.is_err() { return },
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
