//! Handles as one component's store sees them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::AsContextMut;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use wasmtime::component::{FutureAny, StreamAny};
use wasmtime::component::{Resource as HostResource, ResourceAny};

use super::waits::Tasks;
use crate::error::HandleError;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use crate::error::StreamLost;
use crate::plan::item::{ResourceOrigin, Surface};
use crate::transfer::{
    Count, Home, Lent, Live, LiveHandles, Outgoing, Own, Proxies, Proxy, ResourceKind, Watched,
    new_epoch,
};
use crate::types::Resource;
use crate::value::{Faulty, Handle, HandleType, Handles};
use wasm_runtime_composer_values::Stored;

/// What has to be known about a component to take handles out of its store and to put them in.
#[derive(Clone)]
pub(crate) struct StoreSide {
    pub(crate) surface: Arc<Surface>,
    /// By the component's number of the resource; `None` where the host defines it.
    pub(crate) kinds: Arc<[Option<ResourceKind>]>,
    /// The foreign resources that the store holds handles to.
    pub(crate) proxies: Proxies,
    /// This component, as the home of the resources that it defines.
    pub(crate) home: Arc<dyn Home>,
    pub(crate) live: LiveHandles,
    /// Those of the component's own.
    pub(crate) own_live: Count,
    /// What keeps the component in use.
    pub(crate) uses: Count,
    /// The number of the component's store.
    pub(crate) epoch: Arc<AtomicU64>,
    pub(crate) id: Arc<str>,
    /// The calls that run in the store, where what they call has to know them.
    pub(crate) tasks: Option<Tasks>,
    /// Whether the component calls functions of others.
    pub(crate) calls_others: bool,
    /// How much stack the component's guests leave to what they call.
    pub(crate) stack: usize,
    /// The calls of other components that are not answered, given up or not, and the bytes that wait.
    pub(crate) outgoing: Outgoing,
    /// The async calls that may be cancelled while they are waited for.
    #[cfg(feature = "component-model-async")]
    pub(crate) subtasks: Arc<super::Subtasks>,
    /// Whose turn it is to begin, of calls by number.
    pub(crate) begun: Arc<Begun>,
    /// The store, as who looks for deadlocks sees it.
    #[cfg_attr(
        not(all(feature = "codec", feature = "component-model-async")),
        expect(dead_code, reason = "only streams and futures are of interest")
    )]
    pub(crate) watched: Arc<Watched>,
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) futures: super::Futures,
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) endings: Arc<super::Endings>,
}

/// Keeps calls of one store in order that begin one after the other.
pub(crate) struct Begun {
    #[cfg_attr(
        not(feature = "component-model-async"),
        expect(dead_code, reason = "only async calls are by number")
    )]
    turn: Arc<Semaphore>,
    /// The call that is about to begin.
    beginning: Mutex<Option<(u32, OwnedSemaphorePermit)>>,
}

impl Default for Begun {
    fn default() -> Self {
        Self { turn: Arc::new(Semaphore::new(1)), beginning: Mutex::new(None) }
    }
}

impl Begun {
    fn beginning(&self) -> MutexGuard<'_, Option<(u32, OwnedSemaphorePermit)>> {
        // Nothing runs under this lock that could leave it half-changed.
        self.beginning.lock().unwrap_or_else(PoisonError::into_inner)
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
        // Giving up a turn wakes who has the next one, which is not done under the lock.
        drop(before);
    }

    /// Notes that the call of a number has begun, or will not.
    pub(crate) fn has_begun(&self, number: u32) {
        let begun = self.beginning().take_if(|(beginning, _)| *beginning == number);
        drop(begun);
    }

    /// Notes that there is another store.
    fn renew(&self) {
        let begun = self.beginning().take();
        drop(begun);
    }
}

impl StoreSide {
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// Notes that the component gets a new store: its resources are lost, and what it held is given
    /// back.
    pub(crate) fn renew(&self) {
        self.epoch.store(new_epoch(), Ordering::Relaxed);
        self.begun.renew();
        self.proxies.clear();
        #[cfg(all(feature = "codec", feature = "component-model-async"))]
        self.futures.renew();
    }

    /// What is said of a stream that has not ended, and gets no further.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) fn stream_lost(&self) -> StreamLost {
        StreamLost { component: self.id.to_string(), reason: None }
    }

    /// Polls the store's event loop; `fails` tells of what came of it whether the store ends with that.
    pub(crate) fn polled<R>(&self, poll: impl FnOnce() -> R, fails: impl FnOnce(&R) -> bool) -> R {
        #[cfg(all(feature = "codec", feature = "component-model-async"))]
        return self.endings.polled(poll, fails, || self.stream_lost());
        #[cfg(not(all(feature = "codec", feature = "component-model-async")))]
        {
            let _ = fails;
            poll()
        }
    }

    /// Does what became due in the store since it was last looked after.
    pub(super) fn attend(&self, store: impl AsContextMut) -> wasmtime::Result<()> {
        #[cfg(all(feature = "codec", feature = "component-model-async"))]
        self.futures.attend(store)?;
        #[cfg(not(all(feature = "codec", feature = "component-model-async")))]
        let _ = store;
        Ok(())
    }

    fn kind(&self, resource: &Resource) -> Result<&ResourceKind, Faulty> {
        let kind = self.kinds.get(resource.index as usize).and_then(Option::as_ref);
        kind.ok_or(Faulty::Handle(HandleError::NotHeld))
    }

    /// Whether the host defines the resource.
    pub(super) fn is_hosted(&self, resource: &Resource) -> bool {
        self.kind(resource).is_err()
    }

    fn is_home_of(&self, resource: &Resource) -> bool {
        let def = self.surface.resources.get(resource.index as usize);
        def.is_some_and(|def| def.origin == ResourceOrigin::Defined)
    }
}

/// Moves handles across the border of a store.
///
/// A resource that the component defines is itself there; every other is a proxy, whose
/// representation is its place in [`StoreSide::proxies`].
pub(crate) struct StoreHandles<'a, S> {
    pub(crate) side: &'a Arc<StoreSide>,
    pub(crate) store: S,
    /// What was put into the store, for the case that the rest cannot be.
    pub(super) given: Vec<Given>,
    /// Why what was taken must not go out.
    over: Option<HandleError>,
}

pub(super) enum Given {
    Own {
        handle: ResourceAny,
        resource: Resource,
    },
    Lent {
        loan: Loan,
    },
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    Stream(StreamAny),
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    Future(FutureAny),
}

/// Handles lent to a component for one call. Give them back with [`Loans::end`] before the caller
/// hears that the call is over.
#[derive(Default)]
pub(crate) struct Loans(Vec<Loan>);

pub(super) enum Loan {
    /// The component's own resource; the handle keeps it from being released.
    Home(#[expect(dead_code, reason = "its drop is what ends the loan")] Lent),
    /// A proxy, which has a place in the store's tables for the time of the call.
    Proxy(ResourceAny),
}

impl<'a, S: AsContextMut> StoreHandles<'a, S> {
    pub(crate) fn new(side: &'a Arc<StoreSide>, store: S) -> Self {
        Self { side, store, given: Vec::new(), over: None }
    }

    /// Whether what was taken may go out. If not it is to be dropped, which gives it back.
    pub(crate) fn may_go_out(&self) -> Result<(), HandleError> {
        self.over.clone().map_or(Ok(()), Err)
    }

    /// Ends with success: what was lent has to be given back after the call.
    pub(crate) fn into_loans(self) -> Loans {
        let loans = self.given.into_iter().filter_map(|given| match given {
            Given::Lent { loan } => Some(loan),
            Given::Own { .. } => None,
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            Given::Stream(_) | Given::Future(_) => None,
        });
        Loans(loans.collect())
    }

    /// Ends with failure: takes out again what was put in, and drops the handles.
    pub(crate) fn undo(mut self) {
        for given in std::mem::take(&mut self.given) {
            match given {
                Given::Own { handle, resource } => drop(self.take_own(&resource, handle)),
                Given::Lent { loan } => loan.end(self.side, &mut self.store),
                // Fails only in a store that has trapped.
                #[cfg(all(feature = "codec", feature = "component-model-async"))]
                Given::Stream(mut stream) => drop(stream.close(&mut self.store)),
                #[cfg(all(feature = "codec", feature = "component-model-async"))]
                Given::Future(mut future) => drop(future.close(&mut self.store)),
            }
        }
    }

    /// Makes a proxy's representation known to the store.
    fn proxy(&mut self, rep: u32) -> Result<ResourceAny, Faulty> {
        HostResource::<Proxy>::new_own(rep)
            .try_into_resource_any(&mut self.store)
            .map_err(Faulty::Store)
    }

    /// The representation behind a proxy's handle, which is taken out of the store's table.
    fn rep(&mut self, handle: ResourceAny) -> Result<u32, Faulty> {
        let resource = handle.try_into_resource::<Proxy>(&mut self.store).map_err(Faulty::Store)?;
        Ok(resource.rep())
    }
}

impl Loans {
    /// Takes back what was lent.
    pub(crate) fn end(self, side: &StoreSide, mut store: impl AsContextMut) {
        for loan in self.0 {
            loan.end(side, &mut store);
        }
    }
}

impl Loan {
    fn end(self, side: &StoreSide, store: impl AsContextMut) {
        match self {
            Self::Home(_) => {}
            Self::Proxy(handle) => {
                // Fails only in a store that has trapped, and then the table ends with it.
                if let Ok(resource) = handle.try_into_resource::<Proxy>(store) {
                    drop(side.proxies.remove(resource.rep()));
                }
            }
        }
    }
}

impl<S: AsContextMut> StoreHandles<'_, S> {
    fn take_own(&mut self, resource: &Resource, handle: ResourceAny) -> Result<Own, Faulty> {
        if self.side.is_home_of(resource) {
            let kind = self.side.kind(resource)?.clone();
            let (limit, held) =
                (self.store.as_context_mut().max_component_handles(), self.side.own_live.get());
            // The store's own limit would end it, for everybody. The rest is for what its guest holds.
            if held >= limit - limit / 8 {
                let component = self.side.id.to_string();
                self.over = Some(HandleError::TooManyOut { component, held, limit });
            }
            let live = Live::new(&self.side.live, &self.side.own_live, &self.side.uses);
            let home = self.side.home.clone();
            return Ok(Own::new(handle, kind, home, self.side.epoch(), live));
        }
        let rep = self.rep(handle)?;
        Ok(self.side.proxies.remove(rep)?)
    }

    fn take_borrow(&mut self, handle: ResourceAny) -> Result<Lent, Faulty> {
        // A component's imports cannot speak of resources that it defines itself, so what it
        // lends is a proxy.
        let rep = self.rep(handle)?;
        Ok(self.side.proxies.lend(rep)?)
    }

    fn give_own(&mut self, resource: &Resource, own: Own) -> Result<ResourceAny, Faulty> {
        let handle = if self.side.is_home_of(resource) {
            own.go_home(self.side.kind(resource)?, self.side.epoch())?
        } else {
            let rep = self.side.proxies.insert(own)?;
            self.proxy(rep)?
        };
        self.given.push(Given::Own { handle, resource: resource.clone() });
        Ok(handle)
    }

    fn give_borrow(&mut self, resource: &Resource, lent: Lent) -> Result<ResourceAny, Faulty> {
        let (handle, loan) = if self.side.is_home_of(resource) {
            (lent.at_home(self.side.kind(resource)?, self.side.epoch())?, Loan::Home(lent))
        } else {
            // To lend a proxy, the store must own it for as long as the call lasts.
            let rep = self.side.proxies.insert_lent(lent)?;
            let handle = self.proxy(rep)?;
            (handle, Loan::Proxy(handle))
        };
        self.given.push(Given::Lent { loan });
        Ok(handle)
    }
}

impl<S: AsContextMut> Handles for StoreHandles<'_, S> {
    fn take(&mut self, ty: HandleType<'_>, stored: Stored) -> Result<Handle, Faulty> {
        match (ty, stored) {
            (HandleType::Own(resource), Stored::Resource(handle)) => {
                Ok(Handle::Own(self.take_own(resource, handle)?))
            }
            (HandleType::Borrow(_), Stored::Resource(handle)) => {
                Ok(Handle::Lent(self.take_borrow(handle)?))
            }
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            (HandleType::Stream(payload), Stored::Stream(stream)) => {
                Ok(Handle::Stream(self.take_stream(payload, stream)?))
            }
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            (HandleType::Future(payload), Stored::Future(future)) => {
                Ok(Handle::Stream(self.take_future(payload, future)?))
            }
            _ => Err(HandleError::NotHeld.into()),
        }
    }

    fn give(&mut self, ty: HandleType<'_>, handle: Handle) -> Result<Stored, Faulty> {
        match (ty, handle) {
            (HandleType::Own(resource), Handle::Own(own)) => {
                Ok(Stored::Resource(self.give_own(resource, own)?))
            }
            (HandleType::Borrow(resource), Handle::Lent(lent)) => {
                Ok(Stored::Resource(self.give_borrow(resource, lent)?))
            }
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            (HandleType::Stream(payload), Handle::Stream(end)) => {
                Ok(Stored::Stream(self.give_stream(payload, end)?))
            }
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            (HandleType::Future(payload), Handle::Stream(end)) => {
                Ok(Stored::Future(self.give_future(payload, end)?))
            }
            _ => Err(HandleError::NotHeld.into()),
        }
    }
}
