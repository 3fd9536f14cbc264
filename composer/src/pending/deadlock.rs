//! Finds stores that can never go on, because they wait only for each other.
//!
//! Inside a single store wasmtime notices when its event loop cannot make progress. With several
//! stores, one that has nothing to do may still be woken by another, so what has to be found is a
//! group of stores in which each waits only for others of the group: for answers, or for the other
//! ends of streams and futures.
//!
//! A store counts as part of such a group only if
//! - its driver has nothing to do, and has not been woken since it found that;
//! - only other components can wake it: it calls no functions of its linker, which may wait for
//!   anything, and no deadline or layer is on the way to the functions that it calls;
//! - no further call can enter it and bring about what the calls in progress wait for: either a
//!   call holds its instance until it returns (`keeps_out`), or the application has said that no
//!   calls are made while others wait (`no_further_calls`), and no store has anything to do.
//!
//! Stores are examined one after the other without stopping them. That the result was true at a
//! single moment is checked afterwards, by counters that change whenever a store is polled or woken
//! (`turns`).

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::task::{Wake, Waker};

use super::OutgoingCalls;
use crate::error::Deadlock;
use crate::sync::lock;

/// The stores of a composition.
#[derive(Clone, Default)]
pub(crate) struct Deadlocks(Arc<Stores>);

#[derive(Default)]
struct Stores {
    stores: Mutex<Vec<Weak<Watched>>>,
    pipes: Mutex<Vec<Weak<dyn PipeEnds>>>,
    /// Whether the application makes no further calls while calls are in progress.
    no_further_calls: bool,
    /// Whether this composition has stores whose deadlock could be recognized; if not, the search is
    /// skipped.
    is_looked_at: AtomicBool,
}

/// A store as the search for deadlocks sees it. It is also the waker of its driver, so that it
/// knows when the driver is woken.
pub(crate) struct Watched {
    id: Arc<str>,
    /// Whether its driver has found nothing to do and waits.
    idle: AtomicBool,
    /// Whether it has been woken since its driver was last polled.
    woken: AtomicBool,
    /// How many tasks outside of the driver use the store, or are about to.
    in_use: AtomicUsize,
    driver: Mutex<Option<Waker>>,
    /// Counts how often it was polled or woken.
    turns: AtomicU64,
    /// How many calls were in progress when its driver last found nothing to do.
    calls: AtomicUsize,
    /// How many of those calls callers in Rust wait for.
    from_rust: AtomicUsize,
    /// The composition's stores, to which it belongs.
    group: OnceLock<Deadlocks>,
    /// Not set if more than other components can wake it.
    links: OnceLock<Links>,
    found: Mutex<Option<Deadlock>>,
}

/// What a store can wait for.
pub(crate) struct Links {
    /// Counts its calls of other components.
    pub(crate) outgoing: OutgoingCalls,
    pub(crate) providers: Vec<Weak<dyn Callees>>,
    /// Whether a call that waits makes all other calls wait too.
    pub(crate) keeps_out: bool,
}

/// The calls of a store whose callers wait for them.
pub(crate) struct CallsInProgress {
    pub(crate) awaited: usize,
    pub(crate) from_rust: usize,
}

/// The components that calls of a component can reach.
pub(crate) trait Callees: Send + Sync {
    fn watched(&self) -> Vec<Arc<Watched>>;
}

/// Both ends of a pipe between stores.
pub(crate) trait PipeEnds: Send + Sync {
    /// The stores that wait at one of the ends.
    fn waiting(&self) -> Vec<WaitingAt>;
}

/// A store that waits at one end of a pipe.
#[derive(Clone)]
pub(crate) struct WaitingAt {
    pub(crate) store: Arc<Watched>,
    /// Whether it has the reading end.
    pub(crate) reads: bool,
    /// Whether it certainly waits; `false` if it may not be waiting, although it has the end.
    pub(crate) certain: bool,
    /// The store that it waits for: the one with the other end, unless the other end is not in a
    /// store or has just answered.
    pub(crate) other: Option<Arc<Watched>>,
}

impl Deadlocks {
    pub(crate) fn new(no_further_calls: bool) -> Self {
        let is_looked_at = AtomicBool::new(no_further_calls);
        Self(Arc::new(Stores { no_further_calls, is_looked_at, ..Stores::default() }))
    }

    /// Adds a store of the composition.
    pub(crate) fn add(&self, store: &Arc<Watched>) {
        // Fails only if it is set already: a store belongs to one composition.
        let _ = store.group.set(self.clone());
        let mut stores = lock(&self.0.stores);
        stores.retain(|it| it.strong_count() > 0);
        stores.push(Arc::downgrade(store));
    }
}

impl Wake for Watched {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        self.turns.fetch_add(1, Ordering::SeqCst);
        let driver = lock(&self.driver).clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

impl Watched {
    pub(crate) fn new(id: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            id,
            idle: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            in_use: AtomicUsize::new(0),
            driver: Mutex::new(None),
            turns: AtomicU64::new(0),
            calls: AtomicUsize::new(0),
            from_rust: AtomicUsize::new(0),
            group: OnceLock::new(),
            links: OnceLock::new(),
            found: Mutex::new(None),
        })
    }

    /// Sets what the store can wait for, once. Not called for a store that can wait for anything.
    pub(crate) fn link(&self, links: Links) {
        if let (true, Some(group)) = (links.keeps_out, self.group.get()) {
            group.0.is_looked_at.store(true, Ordering::Relaxed);
        }
        // Fails only if it is set already: a store is linked once.
        let _ = self.links.set(links);
    }

    /// Notes that the store is used outside of its driver, until the returned guard is dropped.
    pub(crate) fn in_use(&self) -> InUse<'_> {
        self.turns.fetch_add(1, Ordering::SeqCst);
        self.in_use.fetch_add(1, Ordering::SeqCst);
        InUse(self)
    }

    /// Notes that the driver is polled with `waker`. Returns the deadlock if the search of another
    /// store has found one that includes this store.
    pub(crate) fn polled(&self, waker: &Waker) -> Option<Deadlock> {
        self.idle.store(false, Ordering::SeqCst);
        let mut driver = lock(&self.driver);
        if !driver.as_ref().is_some_and(|it| it.will_wake(waker)) {
            *driver = Some(waker.clone());
        }
        drop(driver);
        self.turns.fetch_add(1, Ordering::SeqCst);
        self.woken.store(false, Ordering::SeqCst);
        lock(&self.found).take()
    }

    /// Notes that the driver has nothing to do at the moment. Returns the deadlock if the store is
    /// in one.
    pub(crate) fn idle(
        self: &Arc<Self>,
        calls: impl FnOnce() -> CallsInProgress,
    ) -> Option<Deadlock> {
        let group = self.group.get()?;
        if !group.0.is_looked_at.load(Ordering::Relaxed) {
            return None;
        }
        let CallsInProgress { awaited, from_rust } = calls();
        self.calls.store(awaited, Ordering::SeqCst);
        self.from_rust.store(from_rust, Ordering::SeqCst);
        self.idle.store(true, Ordering::SeqCst);
        if self.is_awake() { None } else { group.find(self) }
    }

    /// Watches a pipe that the store writes to.
    #[cfg_attr(
        not(all(feature = "codec", feature = "component-model-async")),
        expect(dead_code, reason = "there are no pipes then")
    )]
    pub(crate) fn watch(&self, pipe: Weak<dyn PipeEnds>) {
        if let Some(group) = self.group.get() {
            group.watch(pipe);
        }
    }

    /// Notes that the store has ended.
    pub(crate) fn ended(&self) {
        self.idle.store(false, Ordering::SeqCst);
        *lock(&self.found) = None;
        let driver = lock(&self.driver).take();
        drop(driver);
    }

    fn is_awake(&self) -> bool {
        !self.idle.load(Ordering::SeqCst)
            || self.woken.load(Ordering::SeqCst)
            || self.in_use.load(Ordering::SeqCst) > 0
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn outgoing(&self) -> usize {
        self.links.get().map_or(0, |links| links.outgoing.calls())
    }

    fn providers(&self) -> impl Iterator<Item = Arc<Self>> {
        let posts = self.links.get().into_iter().flat_map(|links| &links.providers);
        posts.filter_map(Weak::upgrade).flat_map(|post| post.watched())
    }
}

/// See [`Watched::in_use`].
pub(crate) struct InUse<'a>(&'a Watched);

impl Drop for InUse<'_> {
    fn drop(&mut self) {
        self.0.in_use.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Stores {
    /// The stores with calls that cannot end, each with what it waits for.
    fn stuck(&self) -> Vec<(Arc<Watched>, Vec<WaitingAt>)> {
        let stores: Vec<_> = lock(&self.stores).iter().filter_map(Weak::upgrade).collect();
        let turns = |it: &Arc<Watched>| it.turns.load(Ordering::SeqCst);
        let before: Vec<_> = stores.iter().map(turns).collect();
        let pipes: Vec<_> = {
            let mut pipes = lock(&self.pipes);
            pipes.retain(|pipe| pipe.strong_count() > 0);
            pipes.iter().filter_map(Weak::upgrade).collect()
        };
        // A pipe whose other owners have dropped it in the meantime is dropped below, with its
        // elements, and not under the lock.
        let waiting: Vec<_> = pipes.iter().flat_map(|pipe| pipe.waiting()).collect();
        drop(pipes);
        let of = |store: &Arc<Watched>| -> Vec<WaitingAt> {
            waiting.iter().filter(|at| Arc::ptr_eq(&at.store, store)).cloned().collect()
        };
        let stores: Vec<_> = stores.into_iter().map(|it| (of(&it), it)).collect();
        let all = if self.no_further_calls { at_rest(&stores) } else { None };
        let stuck = all.unwrap_or_else(|| {
            among(&stores, |it| it.links.get().is_some_and(|links| links.keeps_out))
        });
        // If no store was polled or woken during the search, everything that was examined one after
        // the other was true at the same moment.
        let mut after = stores.iter().zip(before);
        let is_so = after.all(|((_, it), before)| turns(it) == before);
        if is_so { stuck } else { Vec::new() }
    }
}

type Waiting = (Vec<WaitingAt>, Arc<Watched>);

/// The stores with calls in progress, if no store has anything to do and only these stores could
/// wake each other. `None` otherwise.
fn at_rest(stores: &[Waiting]) -> Option<Vec<(Arc<Watched>, Vec<WaitingAt>)>> {
    let is_watched = |it: &Arc<Watched>| it.links.get().is_some();
    let is_shut = |(ends, it): &&Waiting| {
        is_watched(it) && ends.iter().all(|at| at.other.as_ref().is_some_and(is_watched))
    };
    let waiting = || stores.iter().filter(|(_, it)| it.calls() > 0);
    let rests = stores.iter().all(|(_, it)| !it.is_awake())
        && waiting().any(|(_, it)| it.from_rust.load(Ordering::SeqCst) > 0)
        && waiting().all(|it| is_shut(&it));
    rests.then(|| waiting().map(|(ends, it)| (it.clone(), ends.clone())).collect())
}

/// The stores that wait only for each other, among those that no further call can enter (`is_shut`):
/// begins with all candidates, and removes those that others could still wake until none is left to
/// remove.
fn among(
    stores: &[Waiting],
    is_shut: impl Fn(&Watched) -> bool,
) -> Vec<(Arc<Watched>, Vec<WaitingAt>)> {
    let mut stuck: Vec<&Waiting> = stores
        .iter()
        .filter(|(_, it)| {
            it.links.get().is_some() && !it.is_awake() && it.calls() > 0 && is_shut(it)
        })
        .collect();
    loop {
        let among: HashSet<_> = stuck.iter().map(|(_, it)| Arc::as_ptr(it)).collect();
        let before = stuck.len();
        stuck.retain(|(ends, it)| {
            let is_among = |it: &Arc<Watched>| among.contains(&Arc::as_ptr(it));
            let ends = ends.iter().all(|at| at.other.as_ref().is_some_and(is_among));
            let mut providers = it.providers().filter(|it| it.is_awake() || it.calls() > 0);
            let answers = match it.outgoing() {
                0 => true,
                // The outgoing calls are in progress in some of the providers that have calls.
                _ => providers
                    .next()
                    .is_some_and(|first| is_among(&first) && providers.all(|it| is_among(&it))),
            };
            ends && answers
        });
        if stuck.len() == before {
            return stuck.into_iter().map(|(ends, it)| (it.clone(), ends.clone())).collect();
        }
    }
}

impl Deadlocks {
    /// Watches a pipe between two stores.
    fn watch(&self, pipe: Weak<dyn PipeEnds>) {
        let mut pipes = lock(&self.0.pipes);
        if pipes.len() == pipes.capacity() {
            pipes.retain(|pipe| pipe.strong_count() > 0);
        }
        pipes.push(pipe);
    }

    /// Searches for a deadlock that includes `store`, and wakes the other stores in it to tell them.
    fn find(&self, store: &Arc<Watched>) -> Option<Deadlock> {
        let stuck = self.0.stuck();
        if stuck.is_empty() {
            return None;
        }
        let among: HashSet<_> = stuck.iter().map(|(it, _)| Arc::as_ptr(it)).collect();
        let mut waits = Vec::new();
        for (it, ends) in &stuck {
            let providers = it.providers().filter(|it| among.contains(&Arc::as_ptr(it)));
            let before = waits.len();
            if it.outgoing() > 0 {
                waits.extend(
                    providers
                        .map(|other| format!("`{}` waits for an answer of `{}`", it.id, other.id)),
                );
            }
            for WaitingAt { reads, other, .. } in ends.iter().filter(|at| at.certain) {
                let what = if *reads { "write" } else { "read" };
                let other = other.as_ref().map_or("", |it| &it.id);
                waits.push(format!("`{}` waits for `{other}` to {what} a stream or future", it.id));
            }
            if waits.len() == before {
                waits.push(format!("`{}` waits for something that happens in it alone", it.id));
            }
        }
        waits.sort();
        waits.dedup();
        let deadlock = Deadlock::new(waits);
        for (other, _) in stuck.iter().filter(|(it, _)| !Arc::ptr_eq(it, store)) {
            *lock(&other.found) = Some(deadlock.clone());
            other.wake_by_ref();
        }
        stuck.iter().any(|(it, _)| Arc::ptr_eq(it, store)).then_some(deadlock)
    }
}

impl fmt::Debug for Deadlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Deadlocks(..)")
    }
}
