//! Where a component is called, whichever of its instances takes the call.
//!
//! Callers, imports and exports alike, hold a [`Dispatcher`] and never a driver, so a component can be replaced while
//! they hold it. Invariant: a call is sent, and a component replaced, under one lock. So each call sees either the
//! old instances or the new ones, and calls that are sent one after the other arrive in that order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, Weak};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::caller::{Caller, ComponentCaller, InPlaceCaller};
use super::deadline::Deadline;
use super::driver::{
    Call, DriverHandle, Expired, Hears, Leftover, MadeBy, RanInPlace, Roster, Ticket,
};
use super::status::ComponentSnapshot;
use super::waits::{DriverId, WaitGuard};
use crate::error::CompositionError;
use crate::pending::{Callees, Watched};
use crate::sync::{read, write};
use crate::value::handle::Owner;
use crate::value::{Value, is_of_store};

/// Where a component is called. What runs there can be replaced; a call sees either the old one or
/// the new one, and calls sent one after the other keep their order.
pub(crate) struct Dispatcher {
    id: Arc<str>,
    holders: RwLock<Holders>,
    tickets: AtomicU64,
}

struct Holders {
    /// The component's instances: one, or as many as its descriptor says. [`Dispatcher::new`] and
    /// [`Dispatcher::replace`] are never given none.
    current: Vec<Arc<DriverHandle>>,
    /// The instances before them that are still needed: calls run in them, or handles of their resources are held.
    former: Vec<Arc<DriverHandle>>,
    /// Where calls wait while the lifetime of every instance is over and no fresh one is there yet. No driver serves
    /// it. Only there where instances have a lifetime.
    waiting: Option<Arc<DriverHandle>>,
}

impl Holders {
    fn first(&self) -> &DriverHandle {
        &self.current[0]
    }

    fn all(&self) -> impl Iterator<Item = &Arc<DriverHandle>> {
        self.former.iter().chain(&self.current)
    }

    /// Where calls are that have not started.
    fn inboxes(&self) -> impl Iterator<Item = &Arc<DriverHandle>> {
        self.current.iter().chain(&self.waiting)
    }

    fn all_stopped(&self) -> bool {
        self.current.iter().all(|it| it.is_stopped())
    }

    /// Whether calls wait at `driver` for a fresh instance.
    fn is_waiting(&self, driver: &Arc<DriverHandle>) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| Arc::ptr_eq(waiting, driver))
    }

    /// Whether `driver` has an instance that may take more calls.
    fn is_available(driver: &DriverHandle) -> bool {
        !driver.is_stopped() && driver.has_left()
    }

    /// The one where a handle among the arguments lives, where there are several.
    fn home(&self, args: &[Value]) -> Option<&Arc<DriverHandle>> {
        if self.current.len() == 1 && self.former.is_empty() && self.waiting.is_none() {
            return None;
        }
        self.all().find(|driver| {
            let store_id = driver.store().get();
            driver.has_store(store_id) && args.iter().any(|arg| is_of_store(arg, store_id))
        })
    }

    /// The instance that takes a call: the one where a handle among the arguments lives, or else the instance with
    /// the least to do of those that run. Where the lifetime of all of them is over, it waits.
    fn takes(&self, args: &[Value]) -> &Arc<DriverHandle> {
        match (self.current.as_slice(), &self.waiting) {
            ([only], None) if self.former.is_empty() => only,
            (current, None) => self.home(args).unwrap_or_else(|| {
                let least = current.iter().min_by_key(|it| (it.is_stopped(), it.uses().get()));
                least.unwrap_or(&current[0])
            }),
            (current, Some(waiting)) => self.home(args).unwrap_or_else(|| {
                let available = current.iter().filter(|it| Self::is_available(it));
                let least = available.min_by_key(|it| it.uses().get());
                least.unwrap_or_else(|| if self.all_stopped() { &current[0] } else { waiting })
            }),
        }
    }

    /// The instance that takes a call which is sent at once, and counts it.
    fn claim(&self, args: &[Value]) -> &Arc<DriverHandle> {
        loop {
            let driver = self.takes(args);
            // Another sender may have been faster, and then the next instance takes it.
            if self.claims(driver, args) {
                return driver;
            }
        }
    }

    /// Counts a call that is sent to `driver`; `false` if it takes no more. Calls that bring handles of its resources it
    /// takes as long as it lives.
    fn claims(&self, driver: &Arc<DriverHandle>, args: &[Value]) -> bool {
        driver.claim()
            || driver.is_stopped()
            || self.home(args).is_some_and(|home| Arc::ptr_eq(home, driver))
    }

    /// Whether `driver`, which was to take a call some time ago, still can.
    fn can_take(&self, driver: &Arc<DriverHandle>, args: &[Value]) -> bool {
        match self.home(args) {
            Some(home) => Arc::ptr_eq(home, driver),
            None if self.is_waiting(driver) => {
                let mut current = self.current.iter();
                !current.any(|it| Self::is_available(it)) && !self.all_stopped()
            }
            None => {
                let is_it = self.current.iter().any(|it| Arc::ptr_eq(it, driver));
                is_it && (driver.has_left() || self.all_stopped())
            }
        }
    }
}

impl Dispatcher {
    /// The place of `drivers`, of which there is at least one.
    pub(crate) fn new(id: Arc<str>, drivers: Vec<Arc<DriverHandle>>) -> Arc<Self> {
        Arc::new_cyclic(|dispatcher: &Weak<Self>| {
            drivers.iter().for_each(|driver| driver.set_roster(dispatcher.clone()));
            let waiting = waiting_for(&drivers);
            let holders = RwLock::new(Holders { current: drivers, former: Vec::new(), waiting });
            Self { id, holders, tickets: AtomicU64::new(0) }
        })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    fn holders(&self) -> RwLockReadGuard<'_, Holders> {
        read(&self.holders)
    }

    /// The name of an exported function, as `interface#function`.
    pub(crate) fn function_name(&self, func: usize) -> String {
        self.holders().first().function_name(func)
    }

    /// Whether its instances do not live as long as the composition.
    pub(crate) fn has_lifetime(&self) -> bool {
        self.holders().waiting.is_some()
    }

    /// How many calls wait in the inboxes.
    pub(crate) fn depth(&self) -> usize {
        self.holders().inboxes().map(|driver| driver.depth()).sum()
    }

    /// What its instances are doing at this time.
    pub(crate) fn snapshot(&self) -> ComponentSnapshot {
        let holders = self.holders();
        ComponentSnapshot {
            id: self.id.to_string(),
            instances: holders.current.iter().map(|driver| driver.snapshot()).collect(),
            waiting: holders.waiting.as_ref().map_or(0, |waiting| waiting.depth()),
            retiring: holders.former.len(),
        }
    }

    /// The error for a call through a composition that was closed.
    pub(crate) fn closed(&self, func: usize) -> CompositionError {
        self.holders().first().closed(func)
    }

    /// Gives the place to other drivers, as many, and with it the calls that have not started.
    /// Returns those that held it.
    pub(crate) fn replace(
        self: &Arc<Self>,
        successors: Vec<Arc<DriverHandle>>,
    ) -> Vec<Arc<DriverHandle>> {
        let dispatcher: Weak<Self> = Arc::downgrade(self);
        successors.iter().for_each(|driver| driver.set_roster(dispatcher.clone()));
        let mut holders = write(&self.holders);
        // No call is sent while this lock is held.
        let former = std::mem::replace(&mut holders.current, successors);
        let handed_over = former.iter().zip(&holders.current);
        let mut left: Vec<_> =
            handed_over.flat_map(|(former, successor)| former.hand_over(successor)).collect();
        holders.current.iter().for_each(|it| it.renew_allotment());
        // Another place to wait: the former one may be closed, and where there is a single instance it has the number of
        // that instance's driver.
        let waiting = waiting_for(&holders.current);
        if let (Some(former), Some(waiting)) = (&holders.waiting, &waiting) {
            left.extend(former.hand_over(waiting));
        }
        holders.waiting = waiting;
        for successor in &holders.current {
            holders.give_waiting(successor, &mut left);
        }
        holders.former.extend_from_slice(&former);
        drop(holders);
        drop(left);
        former
    }

    /// Forgets a driver that was replaced and has ended.
    pub(crate) fn forget(&self, former: &Arc<DriverHandle>) {
        let mut holders = write(&self.holders);
        holders.former.retain(|it| !Arc::ptr_eq(it, former));
    }

    /// Runs a call of a sync function in place, from its start to its end, if the component is idle and
    /// nothing that it calls can wait. Otherwise `args` stay as they are.
    pub(crate) fn run_in_place(
        &self,
        func: usize,
        args: &mut Vec<Value>,
        caller: InPlaceCaller,
    ) -> Option<Started> {
        let (driver, among_others) = {
            let holders = self.holders();
            if holders.waiting.is_some() {
                return None;
            }
            (holders.takes(args).clone(), holders.current.len() > 1)
        };
        // Other callers look for the instance with the fewest uses; this call is one of them.
        let _busy = among_others.then(|| driver.uses().enter());
        Some(match driver.run_in_place(func, args, caller)? {
            RanInPlace::Ended(answer) => Started::Done(driver.outcome_of(func, answer)),
            RanInPlace::Trapped(answer) => {
                Started::Pending(PendingCall { driver, func, answer, _waiting: None })
            }
        })
    }

    /// Calls an exported function, and waits for its answer until `deadline`.
    ///
    /// The call is in the inbox when this future was first polled, if the inbox has room or a
    /// component makes it; with `in_place` it may be further than that. Dropping it withdraws a call
    /// that has not started, and otherwise discards its result.
    pub(crate) async fn call(
        &self,
        func: usize,
        args: Vec<Value>,
        caller: Caller,
        deadline: Option<Deadline>,
        in_place: Option<InPlaceCaller>,
    ) -> Result<Option<Value>, CompositionError> {
        let ticket = Ticket(self.tickets.fetch_add(1, Ordering::Relaxed));
        let Some(Deadline { until, after }) = deadline else {
            return self.ask(func, args, caller, ticket, in_place).await?.wait().await;
        };
        // The timer is on the caller's side, as the driver's store may be held. It cannot interrupt
        // what the caller runs in place.
        let asked = Box::pin(self.ask(func, args, caller, ticket, None));
        let Ok(asked) = timeout_at(until, asked).await else {
            // It was still waiting for room. No driver has heard of it.
            return Err(self.timed_out(func, after));
        };
        let mut unanswered =
            Unanswered { dispatcher: self, ticket, until, within: after, over: false };
        let answer = timeout_at(until, asked?.wait()).await;
        unanswered.over = answer.is_ok();
        drop(unanswered);
        answer.unwrap_or_else(|_| Err(self.timed_out(func, after)))
    }

    fn timed_out(&self, func: usize, after: Duration) -> CompositionError {
        let function = Some(self.function_name(func));
        CompositionError::Timeout { component: self.id.to_string(), function, after }
    }

    /// Makes a call, which a caller in Rust does when there is room for it.
    async fn ask(
        &self,
        func: usize,
        args: Vec<Value>,
        caller: Caller,
        ticket: Ticket,
        in_place: Option<InPlaceCaller>,
    ) -> Result<PendingCall, CompositionError> {
        let context = match caller {
            Caller::Component(caller) => return self.hand_in(func, args, caller, ticket, in_place),
            Caller::Rust { context } => context,
        };
        let mut driver = self.holders().takes(&args).clone();
        let made_by = MadeBy { context, ..MadeBy::default() };
        let (call, answer) = driver.new_call(func, args, ticket, made_by);
        let begun = match in_place {
            Some(caller) => driver.begin(call, caller),
            None => Err(call),
        };
        if let Err(call) = begun {
            driver = self.send_with_room(call, driver).await?;
        }
        Ok(PendingCall { driver, func, answer, _waiting: None })
    }

    /// Makes a component's call of an exported function. It is in the inbox after this; with `in_place` it
    /// may be further than that.
    pub(crate) fn begin(
        &self,
        func: usize,
        args: Vec<Value>,
        caller: ComponentCaller,
        in_place: Option<InPlaceCaller>,
    ) -> Result<PendingCall, CompositionError> {
        let ticket = Ticket(self.tickets.fetch_add(1, Ordering::Relaxed));
        self.hand_in(func, args, caller, ticket, in_place)
    }

    fn hand_in(
        &self,
        func: usize,
        args: Vec<Value>,
        caller: ComponentCaller,
        ticket: Ticket,
        in_place: Option<InPlaceCaller>,
    ) -> Result<PendingCall, CompositionError> {
        let ComponentCaller { waiter, place, context, .. } = caller;
        let holders = self.holders();
        let driver = holders.claim(&args).clone();
        if !driver.is_started() && !holders.is_waiting(&driver) {
            return Err(driver.unavailable(func, false));
        }
        // Instances that have a lifetime run nothing in place.
        let in_place = in_place.filter(|_| holders.waiting.is_none());
        let (waiting, wait) = match waiter {
            Some(waiter) => {
                let (mine, theirs) = waiter.enter(&driver.target(), func)?;
                (Some(mine), Some(theirs))
            }
            None => (None, None),
        };
        let made_by = MadeBy { wait, place: Some(place), context, cancel: caller.cancel };
        let (call, answer) = driver.new_call(func, args, ticket, made_by);
        match in_place {
            None => {
                let left = driver.send(with_room(call, &driver));
                drop(holders);
                drop(left);
            }
            Some(caller) => {
                // Guests do not run under this lock.
                drop(holders);
                if let Err(call) = driver.begin(call, caller) {
                    self.send(call, &driver);
                }
            }
        }
        Ok(PendingCall { driver, func, answer, _waiting: waiting })
    }

    /// Puts a component's call into the inbox of `driver`, or of the driver that has taken its place meanwhile.
    fn send(&self, mut call: Call, driver: &Arc<DriverHandle>) {
        let holders = self.holders();
        let left = if holders.can_take(driver, &call.args) {
            driver.send(with_room(call, driver))
        } else {
            let successor = holders.takes(&call.args);
            successor.take_over(&mut call.reply);
            successor.send(with_room(call, successor))
        };
        drop(holders);
        drop(left);
    }

    /// Waits for room in the inbox of `driver`, or of the driver that takes its place meanwhile, and puts a call
    /// from Rust into it.
    async fn send_with_room(
        &self,
        mut call: Call,
        mut driver: Arc<DriverHandle>,
    ) -> Result<Arc<DriverHandle>, CompositionError> {
        loop {
            let room = driver.room();
            // Unconstrained: a task that has used up its budget of tokio joins the queue now, too.
            let permit = tokio::task::unconstrained(room.clone().acquire_owned()).await;
            let holders = self.holders();
            if !holders.can_take(&driver, &call.args) || !holders.claims(&driver, &call.args) {
                let former = std::mem::replace(&mut driver, holders.takes(&call.args).clone());
                driver.take_over(&mut call.reply);
                drop(holders);
                drop(former);
                continue;
            }
            match permit {
                Ok(permit) => {
                    call.room = Some(permit);
                    let left = driver.send(call);
                    drop(holders);
                    drop(left);
                    return Ok(driver);
                }
                Err(_) if Arc::ptr_eq(&room, &driver.room()) => {
                    return Err(driver.unavailable(call.func, false));
                }
                Err(_) => {}
            }
        }
    }
}

impl Holders {
    /// Sends calls that wait to `driver`, as many as it may take.
    fn give_waiting(&self, driver: &Arc<DriverHandle>, left: &mut Vec<Leftover>) {
        let Some(waiting) = &self.waiting else { return };
        while Self::is_available(driver)
            && let Some(mut call) = waiting.take_waiting(left)
        {
            // No call is sent meanwhile, so it is available still.
            driver.claim();
            driver.take_over(&mut call.reply);
            left.extend(call.room.take().map(Leftover::from));
            left.push(driver.send(with_room(call, driver)));
        }
    }
}

impl Roster for Dispatcher {
    fn while_none_is_sent(&self, act: &mut dyn FnMut()) {
        let _holders = write(&self.holders);
        act();
    }

    fn readmit(&self, driver: DriverId) {
        let mut left = Vec::new();
        let holders = write(&self.holders);
        if let Some(driver) = holders.current.iter().find(|it| it.driver_id() == driver) {
            driver.renew_allotment();
            holders.give_waiting(driver, &mut left);
        }
        drop(holders);
        drop(left);
    }

    fn one_ended(&self) {
        let mut left = Vec::new();
        let holders = write(&self.holders);
        if let (Some(waiting), [first, ..]) = (&holders.waiting, holders.current.as_slice())
            && holders.all_stopped()
        {
            waiting.end_as(first, &mut left);
        }
        drop(holders);
        drop(left);
    }
}

impl Callees for Dispatcher {
    fn watched(&self) -> Vec<Arc<Watched>> {
        self.holders().all().map(|driver| driver.watched().clone()).collect()
    }
}

/// A call with a deadline. Who waits for it may see the deadline pass before the call does, as layers do, and drop it.
struct Unanswered<'a> {
    dispatcher: &'a Dispatcher,
    ticket: Ticket,
    until: Instant,
    /// The time that it was given, on its way included: a call that has waited is not to blame for that.
    within: Duration,
    over: bool,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if !self.over && self.until <= Instant::now() {
            let expired = Expired { ticket: self.ticket, within: self.within };
            // The driver that has the call knows whether it holds the store.
            self.dispatcher.holders().all().for_each(|driver| driver.expire(expired));
        }
    }
}

/// A call that was started.
pub(crate) enum Started {
    /// It has come to its end.
    Done(Result<Option<Value>, CompositionError>),
    /// Its answer is to come.
    Pending(PendingCall),
}

impl Started {
    /// Waits for what the call comes to.
    pub(crate) async fn wait(self) -> Result<Option<Value>, CompositionError> {
        match self {
            Self::Done(result) => result,
            Self::Pending(call) => call.wait().await,
        }
    }
}

/// A call that has been made, and whose answer is to come. Dropping it withdraws a call that has not started, and
/// otherwise discards its result.
pub(crate) struct PendingCall {
    driver: Arc<DriverHandle>,
    func: usize,
    answer: Hears,
    /// In the wait graph until the answer is there, or the call is given up.
    _waiting: Option<WaitGuard>,
}

impl PendingCall {
    pub(crate) async fn wait(mut self) -> Result<Option<Value>, CompositionError> {
        let answer = (&mut self.answer).await;
        self.driver.outcome(self.func, answer)
    }
}

/// Where calls of a component wait for a fresh instance, if its instances have a lifetime.
fn waiting_for(drivers: &[Arc<DriverHandle>]) -> Option<Arc<DriverHandle>> {
    drivers.first()?.for_those_that_wait(drivers.len() == 1)
}

/// A component's call, with the room that it takes if there is any: it always gets in.
fn with_room(mut call: Call, driver: &DriverHandle) -> Call {
    call.room = driver.room().try_acquire_owned().ok();
    call
}
