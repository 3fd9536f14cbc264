//! Handles as one component's store sees them.

use std::sync::Arc;

use wasmtime::AsContextMut;
use wasmtime::component::{Resource as HostResource, ResourceAny};

use super::side::{Border, Carrying};
use super::streams::GivenStream;
use crate::error::HandleError;
use crate::types::Resource;
use crate::value::handle::{Lent, Live, Moved, Moving, Own, Proxy, ResourceKind};
use crate::value::{Handle, HandleFault, HandleType, Handles};
use wasm_runtime_composer_values::Stored;

/// Moves handles across the border of a store.
///
/// A resource that the component defines is itself there; every other is a proxy, whose
/// representation is its place in [`Border::proxies`].
pub(crate) struct Crossing<'a, S> {
    pub(crate) border: &'a Arc<Border>,
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
    #[cfg_attr(
        not(all(feature = "codec", feature = "component-model-async")),
        expect(dead_code, reason = "no stream can cross")
    )]
    Stream(GivenStream),
}

/// Handles lent to a component for one call. Give them back with [`Loans::end`] before the caller
/// hears that the call is over.
#[derive(Default)]
pub(crate) struct Loans(Vec<Loan>);

pub(super) enum Loan {
    /// The component's own resource; the handle keeps it from being released.
    Owner(#[expect(dead_code, reason = "its drop is what ends the loan")] Lent),
    /// A proxy, which has a place in the store's tables for the time of the call.
    Proxy(ResourceAny),
    /// A copy of a resource of the host's, which the store owns for the time of the call.
    Copy { handle: ResourceAny, resource: Resource },
}

impl<'a, S: AsContextMut> Crossing<'a, S> {
    pub(crate) fn new(border: &'a Arc<Border>, store: S) -> Self {
        Self { border, store, given: Vec::new(), over: None }
    }

    /// Whether what was taken may go out. If not it is to be dropped, which gives it back.
    pub(crate) fn may_go_out(&self) -> Result<(), HandleError> {
        self.over.clone().map_or(Ok(()), Err)
    }

    /// Ends with success: what was lent has to be given back after the call.
    pub(crate) fn into_loans(self) -> Loans {
        let loans = self.given.into_iter().filter_map(|given| match given {
            Given::Lent { loan } => Some(loan),
            Given::Own { .. } | Given::Stream(_) => None,
        });
        Loans(loans.collect())
    }

    /// Ends with failure: takes out again what was put in, and drops the handles.
    pub(crate) fn undo(mut self) {
        for given in std::mem::take(&mut self.given) {
            match given {
                Given::Own { handle, resource } => drop(self.take_own(&resource, handle)),
                Given::Lent { loan } => loan.end(self.border, &mut self.store),
                // Fails only in a store that has trapped.
                Given::Stream(stream) => drop(stream.close(&mut self.store)),
            }
        }
    }

    /// Makes a proxy's representation known to the store.
    fn proxy(&mut self, rep: u32) -> Result<ResourceAny, HandleFault> {
        HostResource::<Proxy>::new_own(rep)
            .try_into_resource_any(&mut self.store)
            .map_err(HandleFault::Store)
    }

    /// The representation behind a proxy's handle, which is taken out of the store's table.
    fn rep(&mut self, handle: ResourceAny) -> Result<u32, HandleFault> {
        let resource =
            handle.try_into_resource::<Proxy>(&mut self.store).map_err(HandleFault::Store)?;
        Ok(resource.rep())
    }
}

impl Loans {
    /// Takes back what was lent.
    pub(crate) fn end(self, border: &Border, mut store: impl AsContextMut) {
        for loan in self.0 {
            loan.end(border, &mut store);
        }
    }
}

impl Loan {
    fn end(self, border: &Border, mut store: impl AsContextMut) {
        match self {
            Self::Owner(_) => {}
            Self::Copy { handle, resource } => {
                border.overdue.end(|resource, copy| match border.carrier(resource) {
                    Some(Carrying { carrier, .. }) => {
                        carrier.drop_later(store.as_context_mut(), copy)
                    }
                    None => true,
                });
                if let Some(Carrying { carrier, .. }) = border.carrier(&resource)
                    && let Some(copy) = carrier.end_loan(store.as_context_mut(), handle)
                {
                    border.overdue.add(resource, copy);
                }
            }
            Self::Proxy(handle) => {
                // Fails only in a store that has trapped, and then the table ends with it.
                if let Ok(resource) = handle.try_into_resource::<Proxy>(store) {
                    drop(border.proxies.remove(resource.rep()));
                }
            }
        }
    }
}

impl<S: AsContextMut> Crossing<'_, S> {
    fn take_own(&mut self, resource: &Resource, handle: ResourceAny) -> Result<Own, HandleFault> {
        if let Some(Carrying { kind, carrier }) = self.border.carrier(resource) {
            let value = carrier.out(self.store.as_context_mut(), handle, self.border);
            let value = value.map_err(|error| stuck(resource, error))?;
            return Ok(self.moving(kind, value));
        }
        if self.border.is_home_of(resource) {
            let kind = self.border.kind(resource)?.clone();
            let (limit, held) = (
                self.store.as_context_mut().max_component_handles(),
                self.border.counts.resources.get(),
            );
            // The store's own limit would end it, for everybody. The rest is for what its guest holds.
            if held >= limit - limit / 8 {
                let component = self.border.id.to_string();
                self.over = Some(HandleError::TooManyOut { component, held, limit });
            }
            let live = self.border.counts.resource();
            let home = self.border.home.clone();
            return Ok(Own::new(handle, kind, home, self.border.store_id(), live));
        }
        let rep = self.rep(handle)?;
        Ok(self.border.proxies.remove(rep)?)
    }

    /// A handle of a resource of the host's that has left the store.
    fn moving(&self, kind: &ResourceKind, value: Moved) -> Own {
        let live = Live::moving(&self.border.counts.composition);
        Own::moving(Moving::new(value), kind.clone(), self.border.id.clone(), live)
    }

    fn take_borrow(
        &mut self,
        resource: &Resource,
        handle: ResourceAny,
    ) -> Result<Lent, HandleFault> {
        if let Some(Carrying { kind, carrier }) = self.border.carrier(resource) {
            let copy = carrier.lend(self.store.as_context_mut(), handle);
            let copy = copy.map_err(|error| stuck(resource, error))?;
            return Ok(self.moving(kind, copy).lend());
        }
        // A component's imports cannot speak of resources that it defines itself, so what it
        // lends is a proxy.
        let rep = self.rep(handle)?;
        Ok(self.border.proxies.lend(rep)?)
    }

    fn give_own(&mut self, resource: &Resource, own: Own) -> Result<ResourceAny, HandleFault> {
        let handle = if let Some(Carrying { kind, carrier }) = self.border.carrier(resource) {
            let value = own.into_moved(kind)?;
            let given = carrier.back(self.store.as_context_mut(), value, self.border);
            given.map_err(HandleFault::Store)?
        } else if self.border.is_home_of(resource) {
            own.go_home(self.border.kind(resource)?, self.border.store_id())?
        } else {
            let rep = self.border.proxies.insert(own)?;
            self.proxy(rep)?
        };
        self.given.push(Given::Own { handle, resource: resource.clone() });
        Ok(handle)
    }

    fn give_borrow(&mut self, resource: &Resource, lent: Lent) -> Result<ResourceAny, HandleFault> {
        let (handle, loan) = if let Some(Carrying { kind, carrier }) = self.border.carrier(resource)
        {
            let copy = lent.with_moving(kind, |value| carrier.copy(value))?;
            let copy = copy.ok_or(HandleError::NotHeld)?;
            let given = carrier.back(self.store.as_context_mut(), copy, self.border);
            let handle = given.map_err(HandleFault::Store)?;
            (handle, Loan::Copy { handle, resource: resource.clone() })
        } else if self.border.is_home_of(resource) {
            (lent.at_home(self.border.kind(resource)?, self.border.store_id())?, Loan::Owner(lent))
        } else {
            // To lend a proxy, the store must own it for as long as the call lasts.
            let rep = self.border.proxies.insert_lent(lent)?;
            let handle = self.proxy(rep)?;
            (handle, Loan::Proxy(handle))
        };
        self.given.push(Given::Lent { loan });
        Ok(handle)
    }
}

/// Fails what would have moved a resource of the host's: it is in use, as a stream of its body is, or its carrier has
/// something against it.
fn stuck(resource: &Resource, error: wasmtime::Error) -> HandleFault {
    HandleFault::Store(error.context(format!("`{}` cannot leave the store", resource.name())))
}

impl<S: AsContextMut> Handles for Crossing<'_, S> {
    fn take(&mut self, ty: HandleType<'_>, stored: Stored) -> Result<Handle, HandleFault> {
        match (ty, stored) {
            (HandleType::Own(resource), Stored::Resource(handle)) => {
                Ok(Handle::Own(self.take_own(resource, handle)?))
            }
            (HandleType::Borrow(resource), Stored::Resource(handle)) => {
                Ok(Handle::Lent(self.take_borrow(resource, handle)?))
            }
            (ty, stored) => Ok(Handle::Stream(self.take_end(ty, stored)?)),
        }
    }

    fn give(&mut self, ty: HandleType<'_>, handle: Handle) -> Result<Stored, HandleFault> {
        match (ty, handle) {
            (HandleType::Own(resource), Handle::Own(own)) => {
                Ok(Stored::Resource(self.give_own(resource, own)?))
            }
            (HandleType::Borrow(resource), Handle::Lent(lent)) => {
                Ok(Stored::Resource(self.give_borrow(resource, lent)?))
            }
            (ty, Handle::Stream(end)) => self.give_end(ty, end),
            _ => Err(HandleError::NotHeld.into()),
        }
    }
}
