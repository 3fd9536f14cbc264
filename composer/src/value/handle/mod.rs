//! Resource handles outside the store that defines the resource.
//!
//! A resource never leaves its home, the store of the component that defines it. What travels is an
//! [`Own`] or a [`Lent`]: Rust values whose drop is the drop of the handle. Wherever one of them is
//! dropped (a withdrawn call, a store that ends, a closed composition), the resource goes back to
//! its home and its destructor runs there, once: no path has to remember to do it.
//!
//! `proxies.rs` is the table of the foreign resources that a guest holds, `held.rs` that of callers
//! in Rust, whose names come from `names.rs`. `pipe.rs` and `stream.rs` are streams and futures
//! between stores; `store_id.rs` tells the stores of a component apart that is restarted.

mod held;
mod names;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod pipe;
mod proxies;
mod store_id;
mod stream;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use tokio::sync::oneshot;
use wasmtime::component::ResourceAny;

pub(crate) use held::{CallerTable, HandleGuard, Key};
use names::ResourceName;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) use names::StreamName;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) use pipe::{Demand, WriteEnd, pipe};
pub(crate) use proxies::{DEFAULT_LIMIT, Proxies, Proxy};
pub(crate) use store_id::{CurrentStore, StoreId};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) use stream::StreamBroken;
pub(crate) use stream::StreamEnd;

use crate::error::HandleError;
use crate::pending::{Gauge, GaugeGuard};

/// The home of a resource: the driver of the component that defines it.
pub(crate) trait Owner: Send + Sync {
    /// Sends a resource back, to run its destructor in order with the calls made before. A resource
    /// that was lost with its store is ignored.
    fn release(&self, released: Released);

    /// Whether the store with this number exists and belongs to this home.
    fn has_store(&self, store_id: StoreId) -> bool;

    /// The component's id.
    fn component(&self) -> &Arc<str>;
}

/// A resource on its way to its destructor.
pub(crate) struct Released {
    pub(crate) resource: ResourceAny,
    /// The number of the store in which the resource lives.
    pub(crate) store_id: StoreId,
    /// Counts the resource as live until this message is dropped, whether the destructor ran or the
    /// store had ended before.
    pub(crate) live: Live,
    /// Sent to, or dropped, when the resource is gone.
    pub(crate) done: Option<oneshot::Sender<()>>,
    /// The Rust value of the resource, if Rust implements it.
    pub(crate) object: Option<Object>,
    /// The number of the component whose guest dropped the handle; 0 if none did.
    pub(crate) dropped_by: usize,
}

/// A resource that Rust implements.
pub(crate) struct Object {
    value: ObjectValue,
    /// Released together with the resource.
    _name: ResourceName,
}

/// The Rust value of such a resource.
pub(crate) type ObjectValue = Arc<dyn Any + Send + Sync>;

/// The identity of a resource type while a composition runs. Only clones are equal.
#[derive(Clone)]
pub(crate) struct ResourceKind(Arc<Defined>);

/// The names of a resource type in the component that defines it.
struct Defined {
    interface: Option<String>,
    name: Arc<str>,
}

impl ResourceKind {
    /// A resource type that is exported as `name`, by `interface` or at the root.
    pub(crate) fn new(interface: Option<&str>, name: &Arc<str>) -> Self {
        let interface = interface.map(str::to_owned);
        Self(Arc::new(Defined { interface, name: name.clone() }))
    }

    pub(crate) fn interface(&self) -> Option<&str> {
        self.0.interface.as_deref()
    }

    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }
}

impl PartialEq for ResourceKind {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// The number of resources that are held outside their homes.
pub(crate) type LiveHandles = Gauge;

/// The gauges of a running component.
#[derive(Clone)]
pub(crate) struct Counts {
    /// Resources of the whole composition that are held outside their homes.
    pub(crate) composition: LiveHandles,
    /// Those of them that live in this component.
    pub(crate) resources: Gauge,
    /// The streams and futures that its guests write.
    #[cfg_attr(
        not(all(feature = "codec", feature = "component-model-async")),
        expect(dead_code, reason = "no stream leaves a store")
    )]
    pub(crate) streams: Gauge,
    /// Everything that needs the component to go on running: calls without an answer, resources and
    /// streams.
    pub(crate) uses: Gauge,
}

/// Counts one resource outside its home.
pub(crate) struct Live {
    _composition: GaugeGuard,
    _resource: GaugeGuard,
    _use: GaugeGuard,
}

/// Counts one stream or future that a guest writes.
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) struct OpenStream {
    _stream: GaugeGuard,
    _use: GaugeGuard,
}

impl Counts {
    /// Counts a resource that leaves its home.
    pub(crate) fn resource(&self) -> Live {
        Live {
            _composition: self.composition.enter(),
            _resource: self.resources.enter(),
            _use: self.uses.enter(),
        }
    }

    /// Counts a stream that leaves the store of its writer.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) fn stream(&self) -> OpenStream {
        OpenStream { _stream: self.streams.enter(), _use: self.uses.enter() }
    }
}

/// A resource outside its home; released when the last handle to it is dropped.
struct Entry {
    /// The handle in the store of `home`. `None` once the resource has returned home or was
    /// released.
    resource: Option<(ResourceAny, Live)>,
    /// The number of that store. A restarted home has a new store, in which this handle means
    /// nothing.
    store_id: StoreId,
    kind: ResourceKind,
    home: Arc<dyn Owner>,
    /// The Rust value of the resource, if Rust implements it.
    object: Option<Object>,
}

impl Entry {
    fn release(&mut self, done: Option<oneshot::Sender<()>>, dropped_by: usize) {
        if let Some((resource, live)) = self.resource.take() {
            let (store_id, object) = (self.store_id, self.object.take());
            self.home.release(Released { resource, store_id, live, done, object, dropped_by });
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.release(None, 0);
    }
}

/// An owned handle. There is one per resource. [`Lent`]s of the same resource keep it alive until
/// the calls that they were lent for have ended.
#[doc(hidden)]
#[expect(unnameable_types, reason = "a hidden type speaks of it")]
pub struct Own(Arc<Entry>);

/// A handle lent for one call.
#[doc(hidden)]
#[expect(unnameable_types, reason = "a hidden type speaks of it")]
pub struct Lent(Arc<Entry>);

impl Own {
    pub(crate) fn new(
        resource: ResourceAny,
        kind: ResourceKind,
        home: Arc<dyn Owner>,
        store_id: StoreId,
        live: Live,
    ) -> Self {
        let resource = Some((resource, live));
        Self(Arc::new(Entry { resource, store_id, kind, home, object: None }))
    }

    /// A handle of a resource that Rust implements.
    pub(crate) fn from_object(
        value: ObjectValue,
        kind: ResourceKind,
        home: Arc<dyn Owner>,
        store_id: StoreId,
        live: Live,
    ) -> Result<Self, HandleError> {
        let name = ResourceName::new()?;
        let resource = Some((name.get(), live));
        let object = Some(Object { value, _name: name });
        Ok(Self(Arc::new(Entry { resource, store_id, kind, home, object })))
    }

    /// Returns the Rust value of a resource that Rust implements to its home.
    pub(crate) fn into_object(
        self,
        kind: &ResourceKind,
        store_id: StoreId,
    ) -> Result<ObjectValue, HandleError> {
        self.0.check(kind, store_id)?;
        let mut entry = Arc::try_unwrap(self.0).map_err(|_| HandleError::Lent)?;
        let object = entry.object.take().ok_or(HandleError::NotHeld)?;
        entry.resource = None;
        Ok(object.value)
    }

    pub(crate) fn lend(&self) -> Lent {
        Lent(self.0.clone())
    }

    /// The id of the component that the resource lives in.
    pub(crate) fn component(&self) -> &Arc<str> {
        self.0.home.component()
    }

    pub(crate) fn kind(&self) -> &ResourceKind {
        &self.0.kind
    }

    /// The number of the store in which the resource lives.
    pub(crate) fn store_id(&self) -> StoreId {
        self.0.store_id
    }

    pub(crate) fn is_lent(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The resource's handle in its home's store, which is also the name that callers in Rust use.
    pub(crate) fn resource(&self) -> Option<ResourceAny> {
        self.0.resource.as_ref().map(|(resource, _)| *resource)
    }

    /// Moves the resource back into its home.
    pub(crate) fn go_home(
        self,
        kind: &ResourceKind,
        store_id: StoreId,
    ) -> Result<ResourceAny, HandleError> {
        self.0.check(kind, store_id)?;
        let mut entry = Arc::try_unwrap(self.0).map_err(|_| HandleError::Lent)?;
        entry.resource.take().map(|(resource, _)| resource).ok_or(HandleError::NotHeld)
    }

    /// Releases the resource because the guest of the component `dropped_by` dropped it, or for no
    /// particular component with 0. The receiver resolves when the destructor has run. Fails if the
    /// resource is lent.
    pub(crate) fn release(self, dropped_by: usize) -> Result<oneshot::Receiver<()>, Self> {
        let mut entry = Arc::try_unwrap(self.0).map_err(Self)?;
        let (done, released) = oneshot::channel();
        entry.release(Some(done), dropped_by);
        Ok(released)
    }
}

impl Lent {
    pub(crate) fn kind(&self) -> &ResourceKind {
        &self.0.kind
    }

    /// The number of the store in which the resource lives.
    pub(crate) fn store_id(&self) -> StoreId {
        self.0.store_id
    }

    /// The Rust value of the resource, if Rust implements it.
    pub(crate) fn object(
        &self,
        kind: &ResourceKind,
        store_id: StoreId,
    ) -> Result<ObjectValue, HandleError> {
        self.0.check(kind, store_id)?;
        let object = self.0.object.as_ref().map(|object| object.value.clone());
        object.ok_or(HandleError::NotHeld)
    }

    /// The resource's handle in its home's store.
    pub(crate) fn at_home(
        &self,
        kind: &ResourceKind,
        store_id: StoreId,
    ) -> Result<ResourceAny, HandleError> {
        self.0.check(kind, store_id)?;
        self.0.resource.as_ref().map(|(resource, _)| *resource).ok_or(HandleError::NotHeld)
    }
}

impl Entry {
    fn check(&self, kind: &ResourceKind, store_id: StoreId) -> Result<(), HandleError> {
        if self.kind == *kind {
            if self.store_id == store_id {
                return Ok(());
            }
            let component = self.home.component().to_string();
            let resource = kind.name().to_owned();
            return Err(match self.home.has_store(self.store_id) {
                true => HandleError::OtherInstance { component, resource },
                false => HandleError::Lost { component, resource },
            });
        }
        Err(HandleError::OtherResource {
            expected: kind.name().to_owned(),
            found: self.kind.name().to_owned(),
        })
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "own {}", self.0.kind.name())
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "borrow {}", self.0.kind.name())
    }
}
