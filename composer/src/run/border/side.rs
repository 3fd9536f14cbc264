//! What is known of a component where values and handles cross the border of its store.

use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::AsContextMut;

use super::carrier::{Carrier, Carriers, OverdueLoans};
use super::endings::Endings;
use super::streams::Futures;
use crate::error::{HandleError, StreamLost};
use crate::pending::{OutgoingCalls, Watched};
use crate::plan::item::{ResourceOrigin, Surface};
use crate::run::subtasks::Subtasks;
use crate::run::waits::RunningCalls;
use crate::sync::lock;
use crate::types::Resource;
use crate::value::HandleFault;
use crate::value::handle::{Counts, CurrentStore, Owner, Proxies, ResourceKind, StoreId};

/// What has to be known about a component to take handles out of its store and to put them in.
#[derive(Clone)]
pub(crate) struct Border {
    pub(crate) surface: Arc<Surface>,
    /// By the component's number of the resource; `None` where the host defines it and it is not carried.
    pub(crate) kinds: Arc<[Option<ResourceKind>]>,
    /// How resources that the host defines move; set by who knows the type of the store's data.
    pub(crate) carriers: Carriers,
    pub(crate) overdue: OverdueLoans,
    /// The foreign resources that the store holds handles to.
    pub(crate) proxies: Proxies,
    /// This component, as the home of the resources that it defines.
    pub(crate) home: Arc<dyn Owner>,
    pub(crate) counts: Counts,
    /// The number of the component's store.
    pub(crate) store: CurrentStore,
    pub(crate) id: Arc<str>,
    /// The calls that run in the store, where what they call has to know them.
    pub(crate) running_calls: Option<RunningCalls>,
    /// Whether the component calls functions of others.
    pub(crate) calls_others: bool,
    /// How much stack the component's guests leave to what they call.
    pub(crate) stack: usize,
    /// The calls of other components that are not answered, given up or not, and the bytes that wait.
    pub(crate) outgoing: OutgoingCalls,
    /// The async calls that may be cancelled while they are waited for.
    pub(crate) subtasks: Arc<Subtasks>,
    /// Whose turn it is to begin, of calls by number.
    pub(crate) start_order: Arc<StartOrder>,
    /// The store, as the search for deadlocks sees it.
    #[cfg_attr(
        not(all(feature = "codec", feature = "component-model-async")),
        expect(dead_code, reason = "only streams and futures are of interest")
    )]
    pub(crate) watched: Arc<Watched>,
    pub(crate) futures: Futures,
    pub(crate) endings: Arc<Endings>,
}

/// A resource that the host defines, and how it moves.
pub(super) struct Carrying<'a, T: 'static> {
    pub(super) kind: &'a ResourceKind,
    pub(super) carrier: &'a dyn Carrier<T>,
}

/// Keeps calls of one store in order that begin one after the other.
pub(crate) struct StartOrder {
    #[cfg_attr(
        not(feature = "component-model-async"),
        expect(dead_code, reason = "only async calls are by number")
    )]
    turn: Arc<Semaphore>,
    /// The call that is about to begin.
    beginning: Mutex<Option<(u32, OwnedSemaphorePermit)>>,
}

impl Default for StartOrder {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), beginning: Mutex::new(None) }
    }
}

impl StartOrder {
    fn beginning(&self) -> MutexGuard<'_, Option<(u32, OwnedSemaphorePermit)>> {
        lock(&self.beginning)
    }

    /// Waits until the calls before have begun.
    #[cfg(feature = "component-model-async")]
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        tokio::task::unconstrained(self.turn.clone().acquire_owned()).await.ok()
    }

    /// Notes that the call of a number is about to begin.
    #[cfg(feature = "component-model-async")]
    pub(crate) fn begins(&self, number: u32, turn: Option<OwnedSemaphorePermit>) {
        let beginning = turn.map(|turn| (number, turn));
        let before = std::mem::replace(&mut *self.beginning(), beginning);
        // Giving up a turn wakes the next call, which must not happen under the lock.
        drop(before);
    }

    /// Notes that the call of a number has begun, or will not.
    pub(crate) fn has_begun(&self, number: u32) {
        let start_order = self.beginning().take_if(|(beginning, _)| *beginning == number);
        drop(start_order);
    }

    /// Notes that there is another store.
    fn renew(&self) {
        let start_order = self.beginning().take();
        drop(start_order);
    }
}

impl Border {
    pub(crate) fn store_id(&self) -> StoreId {
        self.store.get()
    }

    /// Notes that the component gets a new store: its resources are lost, and what it held is given
    /// back.
    pub(crate) fn renew(&self) {
        self.store.renew();
        self.endings.renew();
        self.start_order.renew();
        self.proxies.clear();
        self.overdue.clear();
        self.futures.renew();
    }

    /// What is said of a stream that has not ended, and gets no further.
    pub(crate) fn stream_lost(&self) -> StreamLost {
        StreamLost { component: self.id.to_string(), reason: None }
    }

    /// Notes that the store is about to be dropped, as it failed.
    pub(crate) fn fails(&self) {
        self.endings.fail();
    }

    /// Polls the store's event loop; `fails` tells of what came of it whether the store ends with that.
    pub(crate) fn polled<R>(&self, poll: impl FnOnce() -> R, fails: impl FnOnce(&R) -> bool) -> R {
        self.endings.polled(poll, fails, || self.stream_lost())
    }

    /// Does what became due in the store since it was last looked after.
    pub(crate) fn attend(&self, store: impl AsContextMut) -> wasmtime::Result<()> {
        self.futures.attend(store)
    }

    pub(super) fn kind(&self, resource: &Resource) -> Result<&ResourceKind, HandleFault> {
        let kind = self.kinds.get(resource.index as usize).and_then(Option::as_ref);
        kind.ok_or(HandleFault::Handle(HandleError::Internal))
    }

    /// Whether the host defines the resource.
    pub(crate) fn is_hosted(&self, resource: &Resource) -> bool {
        self.kind(resource).map_or(true, |kind| kind.carried().is_some())
    }

    /// How a resource that the host defines leaves the store and enters it, if it is one.
    pub(super) fn carrier<T: 'static>(&self, resource: &Resource) -> Option<Carrying<'_, T>> {
        let kind = self.kind(resource).ok().filter(|kind| kind.carried().is_some())?;
        Some(Carrying { kind, carrier: self.carriers.get(resource.index)? })
    }

    pub(super) fn is_home_of(&self, resource: &Resource) -> bool {
        let def = self.surface.resources.get(resource.index as usize);
        def.is_some_and(|def| def.origin == ResourceOrigin::Defined)
    }
}
