//! Who waits for whom, where components import from each other in a circle.
//!
//! A sync import holds its component's store until it is answered, and an async one leaves it to
//! others. So a call ends only when the store that it goes to is not held, or when the call that holds
//! it ends; and what runs for it ends only when the calls that it made have. A call that would close a
//! circle of these is refused before it is queued. Where components do not import in a circle, none
//! can come about, and nothing of this is kept.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::AsContextMut;
#[cfg(feature = "component-model-async")]
use wasmtime::component::GuestTaskId as Task;

use crate::driver::DriverHandle;
use crate::error::{CompositionError, WaitStep};
use crate::layer::CallContext;

#[cfg(not(feature = "component-model-async"))]
type Task = std::convert::Infallible;

/// The calls between the components of a composition that are not answered.
#[derive(Clone, Default)]
pub(crate) struct Waits(Arc<Mutex<Graph>>);

#[derive(Default)]
struct Graph {
    next: u64,
    calls: HashMap<WaitId, Waiting>,
    /// By the number of the driver, the sync call that holds its store.
    held: HashMap<u64, WaitId>,
}

/// The number of a call that is waited for; no two have the same.
pub(crate) type WaitId = u64;

struct Waiting {
    from: (u64, Arc<str>),
    /// The call that it was made in.
    parent: Option<WaitId>,
    target: Arc<DriverHandle>,
    func: usize,
    holds: bool,
    /// The calls made in it.
    children: Vec<WaitId>,
}

/// A call in the graph, for as long as one of those who know of it has it: answered and given up
/// are both an end.
pub(crate) struct Wait {
    waits: Waits,
    id: WaitId,
}

/// A component that is about to make a call.
#[derive(Clone)]
pub(crate) struct Waiter {
    waits: Waits,
    /// The driver's number.
    driver: u64,
    component: Arc<str>,
    /// The call that it is made in, if it is known.
    parent: Option<WaitId>,
    /// Whether it holds the component's store until it is answered.
    holds: bool,
}

impl Waits {
    fn lock(&self) -> MutexGuard<'_, Graph> {
        // Nothing runs under this lock that could leave it half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiter {
    /// Notes the call of `func` of `target`, for the caller and for who answers.
    ///
    /// # Errors
    ///
    /// If it would close a circle.
    pub(crate) fn enter(
        &self,
        target: &Arc<DriverHandle>,
        func: usize,
    ) -> Result<(Wait, Wait), CompositionError> {
        let waits = &self.waits;
        let mut graph = waits.lock();
        let from = (self.driver, self.component.clone());
        let parent = self.parent.filter(|parent| graph.calls.contains_key(parent));
        let (target, holds) = (target.clone(), self.holds);
        let waiting = Waiting { from, parent, target, func, holds, children: Vec::new() };
        if let Some(chain) = graph.circle(&waiting) {
            let component = waiting.target.id().to_owned();
            let function = waiting.target.function_name(func);
            return Err(CompositionError::WaitCycle { component, function, chain });
        }
        let id = graph.next;
        graph.next += 1;
        if holds {
            graph.held.insert(self.driver, id);
        }
        if let Some(parent) = parent.and_then(|parent| graph.calls.get_mut(&parent)) {
            parent.children.push(id);
        }
        graph.calls.insert(id, waiting);
        drop(graph);
        Ok((Wait { waits: waits.clone(), id }, Wait { waits: waits.clone(), id }))
    }
}

impl Graph {
    /// The circle that `new` would close: who would wait for whom, beginning with it.
    fn circle(&self, new: &Waiting) -> Option<Vec<WaitStep>> {
        // Every call that `new` would wait for, each with the one that it was found from.
        let mut found_from: HashMap<WaitId, Option<WaitId>> = HashMap::new();
        let mut seen = HashSet::new();
        let mut open: Vec<(Option<WaitId>, &Waiting)> = vec![(None, new)];
        while let Some((id, call)) = open.pop() {
            let held_by = self.held.get(&call.target.number());
            for next in held_by.into_iter().chain(&call.children) {
                let Some(waiting) = self.calls.get(next).filter(|_| seen.insert(*next)) else {
                    continue;
                };
                found_from.insert(*next, id);
                // What made the new call ends only after it, as does all else in a store it holds.
                let waits_for_new =
                    Some(*next) == new.parent || new.holds && waiting.target.number() == new.from.0;
                if waits_for_new {
                    let mut chain = vec![];
                    let mut at = Some(*next);
                    while let Some(id) = at {
                        chain.extend(self.calls.get(&id).map(Waiting::step));
                        at = found_from.get(&id).copied().flatten();
                    }
                    chain.push(new.step());
                    chain.reverse();
                    return Some(chain);
                }
                open.push((Some(*next), waiting));
            }
        }
        None
    }
}

impl Waiting {
    fn step(&self) -> WaitStep {
        WaitStep {
            waiting: self.from.1.to_string(),
            component: self.target.id().to_owned(),
            function: self.target.function_name(self.func),
        }
    }
}

impl Wait {
    pub(crate) fn id(&self) -> WaitId {
        self.id
    }

    /// Notes that the call waits somewhere else now.
    pub(crate) fn moved_to(&self, target: &Arc<DriverHandle>) {
        let mut graph = self.waits.lock();
        let waiting = graph.calls.get_mut(&self.id);
        let former = waiting.map(|it| std::mem::replace(&mut it.target, target.clone()));
        drop(graph);
        drop(former);
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut graph = self.waits.lock();
        let Some(ended) = graph.calls.remove(&self.id) else { return };
        if ended.holds && graph.held.get(&ended.from.0) == Some(&self.id) {
            graph.held.remove(&ended.from.0);
        }
        if let Some(parent) = ended.parent.and_then(|parent| graph.calls.get_mut(&parent)) {
            parent.children.retain(|child| *child != self.id);
        }
        // The lock is gone before what the call held on to.
        drop(graph);
    }
}

/// The calls that one driver runs, by the task that each is in its store: those that somebody waits for,
/// where that is looked after, and those that something goes along with.
#[derive(Clone)]
pub(crate) struct Tasks {
    waits: Option<Waits>,
    /// The driver's number.
    driver: u64,
    running: Arc<Mutex<Vec<Running>>>,
}

struct Running {
    /// The number that the driver knows the call by.
    call: usize,
    /// The task that it is, if the engine has tasks and the call is in their loop.
    task: Option<Task>,
    wait: Option<WaitId>,
    context: CallContext,
}

impl Tasks {
    pub(crate) fn new(waits: Option<Waits>, driver: u64) -> Self {
        Self { waits, driver, running: Arc::default() }
    }

    /// Whether waiting can go in a circle.
    pub(crate) fn are_in_circles(&self) -> bool {
        self.waits.is_some()
    }

    fn running(&self) -> MutexGuard<'_, Vec<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
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
            self.running().push(Running { call, task, wait, context: context.clone() });
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
    ) -> (Option<Waiter>, CallContext) {
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
            Waiter { waits, driver, component, parent, holds }
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
