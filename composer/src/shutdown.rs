//! Ends a composition's components: each that was replaced when nobody needs it any more, and all in
//! order when the composition closes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use crate::driver::DriverHandle;
use crate::link::Post;

/// How long a component may take to run destructors when its calls are not waited for any more.
/// One that takes longer is stuck in a call that holds its store.
const CUT_GRACE: Duration = Duration::from_millis(400);

/// How long the components of a composition may take to end one after the other, when the time is over. From then
/// on those that are left end at the same time.
const PATIENCE: Duration = Duration::from_millis(200);

/// A component whose driver runs.
pub(crate) struct Running {
    /// The index of its component in the wiring.
    pub(crate) leaf: usize,
    pub(crate) handle: Arc<DriverHandle>,
    pub(crate) task: JoinHandle<()>,
}

/// Drivers that took others' place.
pub(crate) struct Replaced {
    pub(crate) post: Arc<Post>,
    pub(crate) former: Vec<Arc<DriverHandle>>,
    /// How long the former may be needed; `None` for as long as they are.
    pub(crate) within: Option<Duration>,
    pub(crate) successors: Vec<Running>,
    /// The order of the components from now on, providers first.
    pub(crate) order: Vec<usize>,
}

/// Looks after `running` until the composition is to be closed, and gives what runs then, in the
/// order of starting.
pub(crate) async fn look_after(
    mut running: Vec<Running>,
    deadline: &mut Deadline,
    mut replaced: mpsc::UnboundedReceiver<Box<Replaced>>,
) -> Vec<Running> {
    let mut order: Vec<usize> = running.iter().map(|it| it.leaf).collect();
    let mut needed = FuturesUnordered::new();
    let mut ending = FuturesUnordered::new();
    loop {
        tokio::select! {
            biased;
            // An error means that the last handle is gone, which is a wish to close too.
            _ = deadline.wait_for(Option::is_some) => break,
            Some(now) = replaced.recv() => {
                running.extend(now.successors);
                order = now.order;
                for former in now.former {
                    needed.push(until_unneeded(now.post.clone(), former, now.within));
                }
            }
            Some((post, former)) = needed.next() => {
                let (ended, rest) =
                    running.into_iter().partition(|it| Arc::ptr_eq(&it.handle, &former));
                running = rest;
                ending.push(async move {
                    end_all(ended).await;
                    post.forget(&former);
                });
            }
            Some(()) = ending.next() => {}
        }
    }
    replaced.close();
    while let Ok(now) = replaced.try_recv() {
        running.extend(now.successors);
        order = now.order;
    }
    while ending.next().await.is_some() {}
    running.sort_by_key(|it| order.iter().position(|leaf| *leaf == it.leaf));
    running
}

/// Waits until no call runs in a driver that was replaced, and no handle of its resources is held.
async fn until_unneeded(
    post: Arc<Post>,
    former: Arc<DriverHandle>,
    within: Option<Duration>,
) -> (Arc<Post>, Arc<DriverHandle>) {
    let unneeded = former.uses().zero();
    match within {
        // When the time is over it does not matter what is left.
        Some(within) => drop(timeout(within, unneeded).await),
        None => unneeded.await,
    }
    (post, former)
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
/// destructors of the handles that it gives back, find their provider running. Past the deadline, that is so
/// for a short time only, which one that is stuck uses up for all: however many are, this takes no longer than
/// for one.
pub(crate) async fn end(running: Vec<Running>, mut deadline: Deadline) -> Vec<String> {
    let mut late = Vec::new();
    // All together are waited for in their order no longer than this when the deadline has passed.
    let mut patience = None;
    for Running { handle, mut task, .. } in running.into_iter().rev() {
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
        let until = *patience.get_or_insert_with(|| Instant::now() + PATIENCE);
        if timeout_at(until, &mut task).await.is_err() {
            late.push(cut_off(handle, task));
        }
    }
    join_all(late).await.into_iter().flatten().collect()
}

/// Gives a driver that was told not to wait some time to end, and then ends it; its id, if it did not come to its
/// end as it was asked to. What it waits for may be gone.
async fn cut_off(handle: Arc<DriverHandle>, mut task: JoinHandle<()>) -> Option<String> {
    if timeout(CUT_GRACE, &mut task).await.is_ok() {
        return (!handle.has_ended_as_asked()).then(|| handle.id().to_owned());
    }
    handle.set_stopped(handle.stop_reason());
    task.abort();
    // A guest that never yields cannot be aborted; nothing but its engine's epoch can.
    let _ = timeout(CUT_GRACE, task).await;
    handle.tell_ended();
    Some(handle.id().to_owned())
}

/// Waits until nobody is waited for any more in the order of consumers and providers.
pub(crate) async fn out_of_patience(mut deadline: Deadline) {
    passed(&mut deadline).await;
    sleep(PATIENCE).await;
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
