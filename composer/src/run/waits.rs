//! Who waits for whom, where components import from each other in a cycle.
//!
//! A sync import holds its component's store until it is answered, and an async one leaves it to
//! others. So a call ends only when the store that it goes to is not held, or when the call that holds
//! it ends; and what runs for it ends only when the calls that it made have. A call that would close a
//! cycle of these is refused before it is queued. Where components do not import in a cycle, none
//! can come about, and nothing of this is kept.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use wasmtime::AsContextMut;
#[cfg(feature = "component-model-async")]
use wasmtime::component::GuestTaskId as Task;

use super::context::CallContext;
use crate::error::{CompositionError, WaitStep};
use crate::plan::item::Surface;
use crate::sync::lock;

#[cfg(not(feature = "component-model-async"))]
type Task = std::convert::Infallible;

/// The calls between the components of a composition that are not answered.
#[derive(Clone, Default)]
pub(crate) struct WaitGraph(Arc<Mutex<Graph>>);

/// A cycle can only close through stores that are held, of which there are as many as components run: each
/// holding call knows whom it waits for below it, store by store. So it makes no difference for a new call how
/// many others wait.
#[derive(Default)]
struct Graph {
    next: u64,
    calls: HashMap<WaitId, WaitNode>,
    /// By driver, the sync call that holds its store.
    held: HashMap<DriverId, WaitId>,
}

/// A call that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WaitId(u64);

/// A driver, which stays the same when it gets another store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct DriverId(u64);

impl DriverId {
    /// Another one than all before.
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

struct WaitNode {
    from: (DriverId, Arc<str>),
    /// The call that it was made in.
    parent: Option<WaitId>,
    target: Target,
    func: usize,
    holds: bool,
    /// The nearest call above it that holds its store.
    holder: Option<WaitId>,
    /// The calls made in it.
    children: HashSet<WaitId>,
    /// If it holds its store: the calls below it, at any depth, by the drivers that they go to.
    below: HashMap<DriverId, HashSet<WaitId>>,
}

/// A component that is called, for as long as its driver runs.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) driver_id: DriverId,
    pub(crate) id: Arc<str>,
    pub(crate) surface: Arc<Surface>,
}

/// A call in the graph, for as long as one of those who know of it has it: answered and given up
/// are both an end.
pub(crate) struct WaitGuard {
    waits: WaitGraph,
    id: WaitId,
}

/// A component that is about to make a call.
#[derive(Clone)]
pub(crate) struct PendingWait {
    waits: WaitGraph,
    driver: DriverId,
    component: Arc<str>,
    /// The call that it is made in, if it is known.
    parent: Option<WaitId>,
    /// Whether it holds the component's store until it is answered.
    holds: bool,
}

impl WaitGraph {
    fn lock(&self) -> MutexGuard<'_, Graph> {
        lock(&self.0)
    }
}

impl PendingWait {
    /// Notes the call of `func` of `target`: one guard for the caller, one for the callee.
    ///
    /// # Errors
    ///
    /// If it would close a cycle.
    pub(crate) fn enter(
        &self,
        target: &Target,
        func: usize,
    ) -> Result<(WaitGuard, WaitGuard), CompositionError> {
        let waits = &self.waits;
        let mut graph = waits.lock();
        let from = (self.driver, self.component.clone());
        let parent = self.parent.filter(|parent| graph.calls.contains_key(parent));
        let holder = parent.and_then(|parent| graph.holder_from(parent));
        let waiting = WaitNode {
            from,
            parent,
            target: target.clone(),
            func,
            holds: self.holds,
            holder,
            children: HashSet::new(),
            below: HashMap::new(),
        };
        if let Some(chain) = graph.cycle(&waiting) {
            let component = waiting.target.id.to_string();
            let function = waiting.target.surface.function_name(func);
            return Err(CompositionError::WaitCycle { component, function, chain });
        }
        let id = graph.add(waiting);
        drop(graph);
        Ok((WaitGuard { waits: waits.clone(), id }, WaitGuard { waits: waits.clone(), id }))
    }
}

impl Graph {
    /// The nearest call that holds its store, of a call and those above it.
    fn holder_from(&self, call: WaitId) -> Option<WaitId> {
        let waiting = self.calls.get(&call)?;
        if waiting.holds { Some(call) } else { waiting.holder }
    }

    /// The calls that hold their stores from `first` on upwards.
    fn holders(&self, first: Option<WaitId>) -> Vec<WaitId> {
        let above = |holder: &WaitId| self.calls.get(holder).and_then(|it| it.holder);
        std::iter::successors(first, above).collect()
    }

    fn add(&mut self, waiting: WaitNode) -> WaitId {
        let id = WaitId(self.next);
        self.next += 1;
        if waiting.holds {
            self.held.insert(waiting.from.0, id);
        }
        if let Some(parent) = waiting.parent.and_then(|parent| self.calls.get_mut(&parent)) {
            parent.children.insert(id);
        }
        self.note(&self.holders(waiting.holder), waiting.target.driver_id, id);
        self.calls.insert(id, waiting);
        id
    }

    /// Notes below each of `holders` that a call goes to `target`.
    fn note(&mut self, holders: &[WaitId], target: DriverId, call: WaitId) {
        for holder in holders {
            if let Some(holder) = self.calls.get_mut(holder) {
                holder.below.entry(target).or_default().insert(call);
            }
        }
    }

    /// Forgets below each of `holders` that a call goes to `target`.
    fn forget(&mut self, holders: &[WaitId], target: DriverId, call: WaitId) {
        for holder in holders {
            if let Some(holder) = self.calls.get_mut(holder)
                && let Entry::Occupied(mut calls) = holder.below.entry(target)
            {
                calls.get_mut().remove(&call);
                if calls.get().is_empty() {
                    calls.remove();
                }
            }
        }
    }

    /// Takes a call out. The calls that were made in it have no parent then.
    fn remove(&mut self, id: WaitId) -> Option<WaitNode> {
        let ended = self.calls.remove(&id)?;
        if ended.holds && self.held.get(&ended.from.0) == Some(&id) {
            self.held.remove(&ended.from.0);
        }
        if let Some(parent) = ended.parent.and_then(|parent| self.calls.get_mut(&parent)) {
            parent.children.remove(&id);
        }
        let holders = self.holders(ended.holder);
        self.forget(&holders, ended.target.driver_id, id);
        for child in &ended.children {
            if let Some(child) = self.calls.get_mut(child) {
                child.parent = None;
            }
        }
        // Where no call above holds a store, none of them has an entry for the calls below. So each is looked at once for every
        // holding call above it, of which there is one for a component at most.
        let mut below: Vec<WaitId> = match ended.holds || !holders.is_empty() {
            true => ended.children.iter().copied().collect(),
            false => Vec::new(),
        };
        while let Some(call) = below.pop() {
            let Some(waiting) = self.calls.get_mut(&call) else { continue };
            waiting.holder.take_if(|holder| *holder == id || holders.contains(holder));
            below.extend(&waiting.children);
            let target = waiting.target.driver_id;
            self.forget(&holders, target, call);
        }
        Some(ended)
    }

    /// Notes that a call goes to another driver now; gives the one that it went to.
    fn moved(&mut self, id: WaitId, target: &Target) -> Option<Target> {
        let waiting = self.calls.get_mut(&id)?;
        let former = std::mem::replace(&mut waiting.target, target.clone());
        let holders = self.holders(self.calls.get(&id)?.holder);
        self.forget(&holders, former.driver_id, id);
        self.note(&holders, target.driver_id, id);
        Some(former)
    }

    /// The cycle that `new` would close: who would wait for whom, beginning with it.
    fn cycle(&self, new: &WaitNode) -> Option<Vec<WaitStep>> {
        // The calls that the new one is made in end only after it.
        let above = self.holders(new.holder);
        // Every call that holds a store that `new` would wait for, and how it was found.
        let mut found: HashMap<WaitId, Option<Through>> = HashMap::new();
        let mut open: Vec<(Option<Through>, DriverId)> = vec![(None, new.target.driver_id)];
        while let Some((through, target)) = open.pop() {
            let Some(holder) = self.held.get(&target).copied() else { continue };
            let Some(waiting) = self.calls.get(&holder) else { continue };
            let Entry::Vacant(unseen) = found.entry(holder) else { continue };
            unseen.insert(through);
            let last = if above.contains(&holder) {
                new.parent
            } else if new.holds && waiting.target.driver_id == new.from.0 {
                Some(holder)
            } else if new.holds {
                // All that goes to a store that the new call holds ends after it.
                waiting.below.get(&new.from.0).and_then(|calls| calls.iter().next().copied())
            } else {
                None
            };
            if let Some(call) = last {
                return Some(self.chain(new, Through { call, holder }, &found));
            }
            open.push((Some(Through { call: holder, holder }), waiting.target.driver_id));
            open.extend(waiting.below.iter().map(|(target, calls)| {
                let call = calls.iter().next().copied();
                (call.map(|call| Through { call, holder }), *target)
            }));
        }
        None
    }

    /// The steps from `new` to `last`.
    fn chain(
        &self,
        new: &WaitNode,
        last: Through,
        found: &HashMap<WaitId, Option<Through>>,
    ) -> Vec<WaitStep> {
        let mut chain = Vec::new();
        let mut next = Some(last);
        while let Some(Through { call, holder }) = next {
            // Up to the call that holds the store, and from there to what waits for the store.
            let mut at = Some(call);
            while let Some((id, waiting)) = at.and_then(|id| Some((id, self.calls.get(&id)?))) {
                chain.push(waiting.step());
                at = waiting.parent.filter(|_| id != holder);
            }
            next = found.get(&holder).copied().flatten();
        }
        chain.push(new.step());
        chain.reverse();
        chain
    }
}

/// A call that waits for the store that another one holds, and the holding call that is that or above it.
#[derive(Clone, Copy)]
struct Through {
    call: WaitId,
    holder: WaitId,
}

impl WaitNode {
    fn step(&self) -> WaitStep {
        WaitStep {
            waiting: self.from.1.to_string(),
            component: self.target.id.to_string(),
            function: self.target.surface.function_name(self.func),
        }
    }
}

impl WaitGuard {
    pub(crate) fn id(&self) -> WaitId {
        self.id
    }

    /// Notes that the call waits somewhere else now.
    pub(crate) fn moved_to(&self, target: &Target) {
        let mut graph = self.waits.lock();
        let former = graph.moved(self.id, target);
        drop(graph);
        drop(former);
    }
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        let mut graph = self.waits.lock();
        let ended = graph.remove(self.id);
        // The lock is gone before what the call held on to.
        drop(graph);
        drop(ended);
    }
}

/// The calls that one driver runs, by the task that each is in its store: those that somebody waits for,
/// where that is looked after, and those that something goes along with.
#[derive(Clone)]
pub(crate) struct RunningCalls {
    waits: Option<WaitGraph>,
    driver: DriverId,
    running: Arc<Mutex<Vec<RunningCall>>>,
}

struct RunningCall {
    /// The number that the driver knows the call by.
    call: usize,
    /// The task that it is, if the engine has tasks and the call is in their loop.
    task: Option<Task>,
    wait: Option<WaitId>,
    context: CallContext,
}

impl RunningCalls {
    pub(crate) fn new(waits: Option<WaitGraph>, driver: DriverId) -> Self {
        Self { waits, driver, running: Arc::default() }
    }

    /// Whether waiting can go in a cycle.
    pub(crate) fn are_in_cycles(&self) -> bool {
        self.waits.is_some()
    }

    fn running(&self) -> MutexGuard<'_, Vec<RunningCall>> {
        lock(&self.running)
    }

    /// Notes that a call runs.
    pub(crate) fn enter(
        &self,
        call: usize,
        task: Option<Task>,
        wait: Option<WaitId>,
        context: &CallContext,
    ) {
        if wait.is_some() || !context.is_empty() {
            self.running().push(RunningCall { call, task, wait, context: context.clone() });
        }
    }

    pub(crate) fn leave(&self, call: usize) {
        let mut running = self.running();
        let ended = running.iter().position(|running| running.call == call);
        let ended = ended.map(|index| running.swap_remove(index));
        // The lock is gone before what went along with the call.
        drop(running);
        drop(ended);
    }

    /// Notes that the store has ended.
    pub(crate) fn clear(&self) {
        let ended = std::mem::take(&mut *self.running());
        drop(ended);
    }

    /// Who waits for a call that the guest of `component` makes just now, where that is looked after, and what goes
    /// along with it. `holds` says whether it holds the store.
    pub(crate) fn caller(
        &self,
        component: &Arc<str>,
        holds: bool,
        store: impl AsContextMut,
    ) -> (Option<PendingWait>, CallContext) {
        let (parent, context) = {
            let running = self.running();
            // What runs without the loop runs alone.
            let task = (!running.is_empty()).then(|| current_task(store)).flatten();
            let found =
                running.iter().find(|it| task.is_none() || it.task.is_none() || it.task == task);
            found.map_or_else(Default::default, |it| (it.wait, it.context.clone()))
        };
        let waiter = self.waits.clone().map(|waits| {
            let (driver, component) = (self.driver, component.clone());
            PendingWait { waits, driver, component, parent, holds }
        });
        (waiter, context)
    }
}

/// The task that was called from outside, of the stack of tasks that runs.
#[cfg(feature = "component-model-async")]
fn current_task(mut store: impl AsContextMut) -> Option<Task> {
    store.as_context_mut().async_call_stack().ok().and_then(Iterator::last)
}

#[cfg(not(feature = "component-model-async"))]
fn current_task(_: impl AsContextMut) -> Option<Task> {
    None
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    fn target(number: u64) -> Target {
        Target { driver_id: DriverId(number), id: "it".into(), surface: Arc::default() }
    }

    impl Graph {
        fn make(
            &self,
            from: &Target,
            parent: Option<WaitId>,
            target: &Target,
            holds: bool,
        ) -> WaitNode {
            WaitNode {
                from: (from.driver_id, "it".into()),
                parent,
                target: target.clone(),
                func: 0,
                holds,
                holder: parent.and_then(|parent| self.holder_from(parent)),
                children: HashSet::new(),
                below: HashMap::new(),
            }
        }

        /// Whether `new` would close a cycle, found out call by call.
        fn has_cycle(&self, new: &WaitNode) -> bool {
            let mut seen = HashSet::new();
            let mut open: Vec<WaitId> =
                self.held.get(&new.target.driver_id).copied().into_iter().collect();
            while let Some(id) = open.pop() {
                let Some(call) = self.calls.get(&id).filter(|_| seen.insert(id)) else { continue };
                if Some(id) == new.parent || new.holds && call.target.driver_id == new.from.0 {
                    return true;
                }
                open.extend(self.held.get(&call.target.driver_id));
                open.extend(&call.children);
            }
            false
        }
    }

    #[test]
    fn cycles_are_found_as_if_each_call_were_looked_at() {
        let mut seed = 1_u64;
        let mut random = move |below: usize| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        let mut cycles = 0;
        for _ in 0..300 {
            let drivers: Vec<_> = (0..4).map(target).collect();
            let mut graph = Graph::default();
            let mut live: Vec<WaitId> = Vec::new();
            for _ in 0..60 {
                match random(10) {
                    0 if !live.is_empty() => {
                        let id = live.swap_remove(random(live.len()));
                        assert!(graph.remove(id).is_some());
                    }
                    1 if !live.is_empty() => {
                        let id = live[random(live.len())];
                        assert!(graph.moved(id, &drivers[random(4)]).is_some());
                    }
                    _ => {
                        let parent = match random(3) {
                            0 => None,
                            _ => live.get(random(live.len().max(1))).copied(),
                        };
                        // A call is made by where its parent runs.
                        let from = match parent.and_then(|parent| graph.calls.get(&parent)) {
                            Some(parent) => parent.target.clone(),
                            None => drivers[random(4)].clone(),
                        };
                        let new = graph.make(&from, parent, &drivers[random(4)], random(2) == 0);
                        let cycle = graph.cycle(&new);
                        assert_eq!(cycle.is_some(), graph.has_cycle(&new));
                        match cycle {
                            // From the new call to the last one, and each was found once.
                            Some(chain) => {
                                assert!((2..=graph.calls.len() + 1).contains(&chain.len()));
                                cycles += 1;
                            }
                            None => live.push(graph.add(new)),
                        }
                    }
                }
            }
            for id in live {
                assert!(graph.remove(id).is_some());
            }
            assert!(graph.calls.is_empty() && graph.held.is_empty());
        }
        assert!(cycles > 100, "{cycles}");
    }

    #[test]
    fn call_does_not_look_at_those_that_wait_already() {
        // As many steps for each would take minutes.
        const CALLS: usize = 30_000;
        let (ended, ends) = mpsc::channel();
        thread::spawn(move || {
            let [a, b, c, x] = [0, 1, 2, 3].map(target);
            let mut graph = Graph::default();
            // `a` is held by a call of `b`, in which many of `c` are made.
            let holding = graph.add(graph.make(&a, None, &b, true));
            let mut below: Vec<_> =
                (0..CALLS).map(|_| graph.add(graph.make(&b, Some(holding), &c, false))).collect();
            for _ in 0..CALLS {
                let new = graph.make(&x, None, &a, false);
                assert!(graph.cycle(&new).is_none());
                below.push(graph.add(new));
            }
            for call in below {
                assert!(graph.remove(call).is_some());
            }
            // It is waited for, unless it takes too long.
            let _ = ended.send(());
        });
        ends.recv_timeout(Duration::from_secs(60)).expect("it failed, or takes too long");
    }
}
