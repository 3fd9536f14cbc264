//! Stores that can never go on.
//!
//! Inside of one store wasmtime notices when its event loop can make no further progress. With several, a store
//! that has nothing to do may be woken by another, so what has to be found is a number of stores of which each
//! waits for others among them alone: for answers, or for the other ends of streams and futures.
//!
//! A store counts as one of them only if
//! - its driver has nothing to do, and was not woken since it looked;
//! - only other components can wake it: it calls no functions of its linker, which may wait for anything, and
//!   on none of the ways to what it calls is there a deadline or a layer;
//! - no other call can get into it, which may bring about what the calls in progress wait for: a call holds its
//!   instance until it returns, or nobody is to call any more and no store has anything to do.

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
    /// Whether no further call comes while calls are in progress.
    no_further_calls: bool,
    /// Whether there may be stores that can never go on, as far as anybody could tell.
    is_looked_at: AtomicBool,
}

/// A store, as who looks for deadlocks sees it. It is the waker of its driver, too.
pub(crate) struct Watched {
    id: Arc<str>,
    /// Whether its driver has looked at everything and waits.
    idle: AtomicBool,
    /// Whether it was woken since its driver was last polled.
    woken: AtomicBool,
    /// How many run it, or are about to, that its driver does not see.
    in_use: AtomicUsize,
    driver: Mutex<Option<Waker>>,
    /// Counts whenever it was polled or woken.
    turns: AtomicU64,
    /// How many calls were in progress when its driver was last polled.
    calls: AtomicUsize,
    /// How many of them callers in Rust wait for.
    from_rust: AtomicUsize,
    /// The stores that it is one of.
    group: OnceLock<Deadlocks>,
    /// Nothing where it can be woken by more than other components.
    links: OnceLock<Links>,
    found: Mutex<Option<Deadlock>>,
}

/// What a store waits for.
pub(crate) struct Links {
    /// Counts its calls of others.
    pub(crate) outgoing: OutgoingCalls,
    pub(crate) providers: Vec<Weak<dyn Callees>>,
    /// Whether a call that waits keeps all others out.
    pub(crate) keeps_out: bool,
}

/// The calls of a store that somebody waits for.
pub(crate) struct CallsInProgress {
    pub(crate) awaited: usize,
    pub(crate) from_rust: usize,
}

/// Whom calls of a component may reach.
pub(crate) trait Callees: Send + Sync {
    fn watched(&self) -> Vec<Arc<Watched>>;
}

/// Both ends of a pipe between stores.
pub(crate) trait PipeEnds: Send + Sync {
    /// Who waits at the pipe.
    fn waiting(&self) -> Vec<WaitingAt>;
}

/// A store that waits at one end of a pipe.
#[derive(Clone)]
pub(crate) struct WaitingAt {
    pub(crate) store: Arc<Watched>,
    /// Whether it is the end that is read.
    pub(crate) reads: bool,
    /// Whether it waits for sure, and does not only have an end where it may.
    pub(crate) certain: bool,
    /// Who has the other end, if it is a store, and it has not just answered.
    pub(crate) other: Option<Arc<Watched>>,
}

impl Deadlocks {
    pub(crate) fn new(no_further_calls: bool) -> Self {
        let is_looked_at = AtomicBool::new(no_further_calls);
        Self(Arc::new(Stores { no_further_calls, is_looked_at, ..Stores::default() }))
    }

    /// Adds a store of the composition.
    pub(crate) fn add(&self, store: &Arc<Watched>) {
        // It is of one composition.
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

    /// Says what the store waits for, once; of one that may wait for anything it is not said.
    pub(crate) fn link(&self, links: Links) {
        if let (true, Some(group)) = (links.keeps_out, self.group.get()) {
            group.0.is_looked_at.store(true, Ordering::Relaxed);
        }
        // It is linked once.
        let _ = self.links.set(links);
    }

    /// Notes that something goes on in the store that its driver does not see, until what is returned is dropped.
    pub(crate) fn in_use(&self) -> InUse<'_> {
        self.turns.fetch_add(1, Ordering::SeqCst);
        self.in_use.fetch_add(1, Ordering::SeqCst);
        InUse(self)
    }

    /// Notes that the driver is polled, by `waker`; the deadlock if another store has found one that this is in.
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

    /// Notes that the driver has nothing to do now; the deadlock if the store is in one.
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
        // One that ends meanwhile ends here, with what is in it, and not under the lock.
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
        // What was looked at one after the other was so all at the same time if nobody did anything meanwhile.
        let mut after = stores.iter().zip(before);
        let is_so = after.all(|((_, it), before)| turns(it) == before);
        if is_so { stuck } else { Vec::new() }
    }
}

type Waiting = (Vec<WaitingAt>, Arc<Watched>);

/// Those of `stores` with calls, if none has anything to do and nobody else may wake them.
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

/// Those of `stores` that wait for each other alone, of those that no other call can get into.
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
                // Of those with calls, one has to have these.
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

    /// Looks for a deadlock that `store` is in, and tells the others in it.
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
