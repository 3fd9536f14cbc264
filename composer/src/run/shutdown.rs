//! Ends a composition's components: each that was replaced when it is not needed any more, and all in
//! order when the composition closes.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{join, join_all};
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::dispatcher::Dispatcher;
use super::driver::DriverHandle;
use crate::error::CompositionError;
use crate::value::handle::LiveHandles;

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
    pub(crate) dispatcher: Arc<Dispatcher>,
    pub(crate) former: Vec<Arc<DriverHandle>>,
    /// How long the former may be needed; `None` for as long as they are.
    pub(crate) within: Option<Duration>,
    pub(crate) successors: Vec<Running>,
    /// The order of the components from now on, providers first.
    pub(crate) order: Vec<usize>,
}

/// The life of a composition: what it counts, and how it ends.
pub(crate) struct CompositionLife {
    own_live: LiveHandles,
    /// This composition's count, and those of the compositions nested in it.
    live: Vec<LiveHandles>,
    /// Dropping it is a wish to close at once.
    closing: watch::Sender<Option<Instant>>,
    /// The components that were cut off, once everything has ended.
    closed: watch::Receiver<Option<Vec<String>>>,
}

/// Stands for a time that the clock cannot tell.
const UNLIMITED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl CompositionLife {
    /// Looks after `running` from now on, on a task of its own, and after the compositions in it. `live` counts the
    /// resources of `running` that are held outside; `shut` keeps callers out when the composition is to end.
    pub(crate) fn begin(
        own_live: LiveHandles,
        nested: Vec<Arc<Self>>,
        running: Vec<Running>,
        replaced: mpsc::UnboundedReceiver<Box<Replaced>>,
        shut: impl FnOnce() + Send + 'static,
    ) -> Arc<Self> {
        let (closing, deadline) = watch::channel(None);
        let (done, closed) = watch::channel(None);
        let live = nested.iter().flat_map(|it| &it.live);
        let live = [&own_live].into_iter().chain(live).cloned().collect();
        let shut = OnDrop(Some(shut));
        tokio::spawn(supervise(running, nested, deadline, replaced, shut, done));
        Arc::new(Self { own_live, live, closing, closed })
    }

    /// The count of the composition's own components.
    pub(crate) fn own_live(&self) -> &LiveHandles {
        &self.own_live
    }

    /// How many resources are held outside of their components, in compositions inside too.
    pub(crate) fn live_handles(&self) -> usize {
        self.live.iter().map(LiveHandles::get).sum()
    }

    /// Ends the composition; see [`Composition::close`](crate::Composition::close).
    pub(crate) async fn close(&self, within: Duration) -> Result<(), CompositionError> {
        let now = Instant::now();
        let deadline = now.checked_add(within).unwrap_or_else(|| now + UNLIMITED);
        self.closing.send_if_modified(|current| {
            let sooner = current.is_none_or(|current| deadline < current);
            if sooner {
                *current = Some(deadline);
            }
            sooner
        });
        let mut closed = self.closed.clone();
        let cut_off = match closed.wait_for(Option::is_some).await {
            Ok(cut_off) => cut_off.clone().unwrap_or_default(),
            // The task that ends the components is gone with its runtime, and so are they.
            Err(_) => Vec::new(),
        };
        match cut_off.into_iter().next() {
            Some(component) => {
                Err(CompositionError::Timeout { component, function: None, after: within })
            }
            None => Ok(()),
        }
    }
}

/// Calls its function when it is dropped: also with a task that goes with its runtime.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(last) = self.0.take() {
            last();
        }
    }
}

/// Waits for the wish to close and ends everything.
async fn supervise(
    running: Vec<Running>,
    nested: Vec<Arc<CompositionLife>>,
    mut deadline: CloseBy,
    replaced: mpsc::UnboundedReceiver<Box<Replaced>>,
    shut: OnDrop<impl FnOnce()>,
    done: watch::Sender<Option<Vec<String>>>,
) {
    let running = look_after(running, &mut deadline, replaced).await;
    drop(shut);
    let mut ending = pin!(end(running, deadline.clone()));
    // What is nested is called by those around it, so these end first, as long as there is time.
    let cut_off = tokio::select! {
        biased;
        cut_off = &mut ending => Some(cut_off),
        () = out_of_patience(deadline.clone()) => None,
    };
    let nested = close_nested(nested, *deadline.borrow());
    let cut_off = match cut_off {
        Some(cut_off) => [cut_off, nested.await].concat(),
        None => <[_; 2]>::from(join(ending, nested).await).concat(),
    };
    // It fails if no caller waits for the end.
    let _ = done.send(Some(cut_off));
}

/// Closes the compositions in `nested` that nobody else holds, all at the same time, and gives the ids of the components
/// that were cut off.
async fn close_nested(mut nested: Vec<Arc<CompositionLife>>, at: Option<Instant>) -> Vec<String> {
    let mut cut_off = Vec::new();
    loop {
        let (last, others) =
            nested.into_iter().partition::<Vec<_>, _>(|it| Arc::strong_count(it) == 1);
        nested = others;
        if last.is_empty() {
            return cut_off;
        }
        let left = at.map(|at| at.saturating_duration_since(Instant::now())).unwrap_or_default();
        // Closing runs on a task of its own, so nested compositions do not deepen this one.
        let closed = join_all(last.iter().map(|lifetime| lifetime.close(left))).await;
        cut_off.extend(closed.into_iter().filter_map(|closed| match closed {
            Err(CompositionError::Timeout { component, .. }) => Some(component),
            _ => None,
        }));
        // One of those that are left may have been nested in one of these, too.
    }
}

/// Looks after `running` until the composition is to be closed, and gives what runs then, in the
/// order of starting.
async fn look_after(
    mut running: Vec<Running>,
    deadline: &mut CloseBy,
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
                    needed.push(until_unneeded(now.dispatcher.clone(), former, now.within));
                }
            }
            Some((dispatcher, former)) = needed.next() => {
                let (ended, rest) =
                    running.into_iter().partition(|it| Arc::ptr_eq(&it.handle, &former));
                running = rest;
                ending.push(async move {
                    end_all(ended).await;
                    dispatcher.forget(&former);
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
    dispatcher: Arc<Dispatcher>,
    former: Arc<DriverHandle>,
    within: Option<Duration>,
) -> (Arc<Dispatcher>, Arc<DriverHandle>) {
    let unneeded = former.uses().zero();
    match within {
        // When the time is over it does not matter what is left.
        Some(within) => drop(timeout(within, unneeded).await),
        None => unneeded.await,
    }
    (dispatcher, former)
}

/// When a composition has to be closed: not yet, or at the latest then.
type CloseBy = watch::Receiver<Option<Instant>>;

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
async fn end(running: Vec<Running>, mut deadline: CloseBy) -> Vec<String> {
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
    handle.send_ended();
    Some(handle.id().to_owned())
}

/// Waits until the components are not ended one after the other any more.
async fn out_of_patience(mut deadline: CloseBy) {
    passed(&mut deadline).await;
    sleep(PATIENCE).await;
}

/// Waits until the deadline has passed, wherever it is moved meanwhile.
async fn passed(deadline: &mut CloseBy) {
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
