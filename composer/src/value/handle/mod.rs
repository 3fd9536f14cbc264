//! Resource handles outside the store that defines the resource.
//!
//! A resource never leaves its home, the store of the component that defines it. What travels is an
//! [`Own`] or a [`Lent`]: Rust values whose drop is the drop of the handle. Wherever one of them is
//! dropped (a withdrawn call, a store that ends, a closed composition), the resource goes back to
//! its home and its destructor runs there, once: no path has to remember to do it.
//!
//! A resource that the host defines has no home. It is taken out of one store and put into another, and on the way an
//! `Own` has it inside, as a Rust value (`moving.rs`): where that is dropped, the value is.
//!
//! `proxies.rs` is the table of the foreign resources that a guest holds, `held.rs` that of callers
//! in Rust, whose names come from `names.rs`. `pipe.rs` and `stream.rs` are streams and futures
//! between stores; `store_id.rs` tells the stores of a component apart that is restarted.

mod held;
mod moving;
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
pub(crate) use moving::{Moved, Moving};
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
use crate::plan::carried::CarriedResource;

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

/// The identity of a resource type while a composition runs. Of those that components define only clones are equal.
#[derive(Clone)]
pub(crate) enum ResourceKind {
    Defined(Arc<Defined>),
    /// The host's, as components carry it.
    Carried(Arc<CarriedResource>),
}

/// The names of a resource type in the component that defines it.
pub(crate) struct Defined {
    interface: Option<String>,
    name: Arc<str>,
}

impl ResourceKind {
    /// A resource type that is exported as `name`, by `interface` or at the root.
    pub(crate) fn new(interface: Option<&str>, name: &Arc<str>) -> Self {
        let interface = interface.map(str::to_owned);
        Self::Defined(Arc::new(Defined { interface, name: name.clone() }))
    }

    pub(crate) fn interface(&self) -> Option<&str> {
        match self {
            Self::Defined(defined) => defined.interface.as_deref(),
            Self::Carried(carried) => Some(&carried.interface),
        }
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Defined(defined) => &defined.name,
            Self::Carried(carried) => &carried.name,
        }
    }

    /// The resource of the host that it is, if it is one.
    pub(crate) fn carried(&self) -> Option<&Arc<CarriedResource>> {
        match self {
            Self::Defined(_) => None,
            Self::Carried(carried) => Some(carried),
        }
    }
}

impl PartialEq for ResourceKind {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Defined(a), Self::Defined(b)) => Arc::ptr_eq(a, b),
            (Self::Carried(a), Self::Carried(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Defined(_), Self::Carried(_)) | (Self::Carried(_), Self::Defined(_)) => false,
        }
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
        not(feature = "component-model-async"),
        expect(dead_code, reason = "nothing is read out of a store")
    )]
    pub(crate) streams: Gauge,
    /// Everything that needs the component to go on running: calls without an answer, resources and
    /// streams.
    pub(crate) uses: Gauge,
}

/// Counts one resource outside its home, or one of the host's on its way.
pub(crate) struct Live {
    _composition: GaugeGuard,
    /// The resource, and the use of its home.
    _home: Option<[GaugeGuard; 2]>,
}

/// Counts one stream or future that a guest writes.
#[cfg(any(feature = "http", all(feature = "codec", feature = "component-model-async")))]
pub(crate) struct OpenStream {
    _stream: GaugeGuard,
    _use: GaugeGuard,
}

impl Live {
    /// Counts a resource of the host's that is on its way.
    pub(crate) fn moving(composition: &LiveHandles) -> Self {
        Self { _composition: composition.enter(), _home: None }
    }
}

impl Counts {
    /// Counts a resource that leaves its home.
    pub(crate) fn resource(&self) -> Live {
        let home = Some([self.resources.enter(), self.uses.enter()]);
        Live { _composition: self.composition.enter(), _home: home }
    }

    /// Counts a stream that leaves the store of its writer.
    #[cfg(any(feature = "http", all(feature = "codec", feature = "component-model-async")))]
    pub(crate) fn stream(&self) -> OpenStream {
        OpenStream { _stream: self.streams.enter(), _use: self.uses.enter() }
    }
}

/// A resource outside its home; released when the last handle to it is dropped.
struct Entry {
    /// `None` once the resource has returned home, was put into another store or was released.
    thing: Option<(Thing, Live)>,
    kind: ResourceKind,
}

/// What a handle is of.
enum Thing {
    /// A resource in the store of its home.
    AtHome(AtHome),
    /// A resource of the host's, of no store.
    Moving {
        value: Moving,
        /// The component that it was taken from.
        from: Arc<str>,
    },
}

struct AtHome {
    /// The handle in the store of `home`, or the name of `object`.
    resource: ResourceAny,
    /// The number of that store. A restarted home has a new store, in which this handle means
    /// nothing.
    store_id: StoreId,
    home: Arc<dyn Owner>,
    /// The Rust value of the resource, if Rust implements it.
    object: Option<Object>,
}

impl Thing {
    fn component(&self) -> &Arc<str> {
        match self {
            Self::AtHome(it) => it.home.component(),
            Self::Moving { from, .. } => from,
        }
    }
}

impl Entry {
    fn at_home(
        resource: ResourceAny,
        kind: ResourceKind,
        home: Arc<dyn Owner>,
        store_id: StoreId,
        object: Option<Object>,
        live: Live,
    ) -> Self {
        let it = AtHome { resource, store_id, home, object };
        Self { thing: Some((Thing::AtHome(it), live)), kind }
    }

    fn thing(&self) -> Result<&Thing, HandleError> {
        self.thing.as_ref().map(|(thing, _)| thing).ok_or(HandleError::NotHeld)
    }

    fn store_id(&self) -> Option<StoreId> {
        match self.thing() {
            Ok(Thing::AtHome(it)) => Some(it.store_id),
            Ok(Thing::Moving { .. }) | Err(_) => None,
        }
    }

    fn release(&mut self, done: Option<oneshot::Sender<()>>, dropped_by: usize) {
        match self.thing.take() {
            Some((Thing::AtHome(it), live)) => {
                let AtHome { resource, store_id, home, object } = it;
                home.release(Released { resource, store_id, live, done, object, dropped_by });
            }
            Some((moving @ Thing::Moving { .. }, live)) => {
                drop(moving);
                // Those who wait for the count to be zero are woken after this.
                drop(live);
                if let Some(done) = done {
                    // It fails if the one who dropped the handle does not wait.
                    let _ = done.send(());
                }
            }
            None => {}
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
        Self(Arc::new(Entry::at_home(resource, kind, home, store_id, None, live)))
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
        let (resource, object) = (name.get(), Some(Object { value, _name: name }));
        Ok(Self(Arc::new(Entry::at_home(resource, kind, home, store_id, object, live))))
    }

    /// A handle of a resource of the host's that was taken out of the store of the component `from`.
    pub(crate) fn moving(value: Moving, kind: ResourceKind, from: Arc<str>, live: Live) -> Self {
        let thing = Thing::Moving { value, from };
        Self(Arc::new(Entry { thing: Some((thing, live)), kind }))
    }

    /// Returns the Rust value of a resource that Rust implements to its home.
    pub(crate) fn into_object(
        self,
        kind: &ResourceKind,
        store_id: StoreId,
    ) -> Result<ObjectValue, HandleError> {
        self.0.check(kind, store_id)?;
        match self.into_thing()? {
            Thing::AtHome(AtHome { object: Some(object), .. }) => Ok(object.value),
            Thing::AtHome(_) | Thing::Moving { .. } => Err(HandleError::Internal),
        }
    }

    /// The value of a resource of the host's, to be put into a store or given to Rust.
    pub(crate) fn into_moved(self, kind: &ResourceKind) -> Result<Moved, HandleError> {
        self.0.check_kind(kind)?;
        match self.into_thing()? {
            Thing::Moving { value, .. } => value.into_value(),
            Thing::AtHome(_) => Err(HandleError::Internal),
        }
    }

    fn into_thing(self) -> Result<Thing, HandleError> {
        let mut entry = Arc::try_unwrap(self.0).map_err(|_| HandleError::Lent)?;
        entry.thing.take().map(|(thing, _)| thing).ok_or(HandleError::NotHeld)
    }

    pub(crate) fn lend(&self) -> Lent {
        Lent(self.0.clone())
    }

    /// The id of the component that the resource lives in, or was taken from.
    pub(crate) fn component(&self) -> Result<&Arc<str>, HandleError> {
        self.0.thing().map(Thing::component)
    }

    pub(crate) fn kind(&self) -> &ResourceKind {
        &self.0.kind
    }

    /// The number of the store in which the resource lives.
    pub(crate) fn store_id(&self) -> Option<StoreId> {
        self.0.store_id()
    }

    pub(crate) fn is_lent(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// The name that the resource has in its home, if it has one.
    pub(crate) fn name_at_home(&self) -> Option<ResourceAny> {
        match self.0.thing() {
            Ok(Thing::AtHome(it)) => Some(it.resource),
            _ => None,
        }
    }

    /// The name that callers in Rust use: the resource's handle in its home's store, if it has a home there.
    pub(crate) fn name(&self) -> Result<ResourceAny, HandleError> {
        match self.0.thing()? {
            Thing::AtHome(it) => Ok(it.resource),
            Thing::Moving { value, .. } => value.name(),
        }
    }

    /// Moves the resource back into its home.
    pub(crate) fn go_home(
        self,
        kind: &ResourceKind,
        store_id: StoreId,
    ) -> Result<ResourceAny, HandleError> {
        self.0.check(kind, store_id)?;
        match self.into_thing()? {
            Thing::AtHome(it) => Ok(it.resource),
            Thing::Moving { .. } => Err(HandleError::Internal),
        }
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
    pub(crate) fn store_id(&self) -> Option<StoreId> {
        self.0.store_id()
    }

    /// The Rust value of the resource, if Rust implements it.
    pub(crate) fn object(
        &self,
        kind: &ResourceKind,
        store_id: StoreId,
    ) -> Result<ObjectValue, HandleError> {
        let object = self.0.check(kind, store_id)?.object.as_ref();
        object.map(|object| object.value.clone()).ok_or(HandleError::Internal)
    }

    /// The resource's handle in its home's store.
    pub(crate) fn at_home(
        &self,
        kind: &ResourceKind,
        store_id: StoreId,
    ) -> Result<ResourceAny, HandleError> {
        self.0.check(kind, store_id).map(|it| it.resource)
    }

    /// Looks at a resource of the host's that is lent.
    pub(crate) fn with_moving<R>(
        &self,
        kind: &ResourceKind,
        look: impl FnOnce(&(dyn Any + Send)) -> R,
    ) -> Result<R, HandleError> {
        self.0.check_kind(kind)?;
        match self.0.thing()? {
            Thing::Moving { value, .. } => value.with(look).ok_or(HandleError::NotHeld),
            Thing::AtHome(_) => Err(HandleError::Internal),
        }
    }
}

impl Entry {
    fn check_kind(&self, kind: &ResourceKind) -> Result<(), HandleError> {
        if self.kind == *kind {
            return Ok(());
        }
        let (expected, found) = (kind.name().to_owned(), self.kind.name().to_owned());
        Err(HandleError::OtherResource { expected, found })
    }

    fn check(&self, kind: &ResourceKind, store_id: StoreId) -> Result<&AtHome, HandleError> {
        self.check_kind(kind)?;
        let Thing::AtHome(it) = self.thing()? else { return Err(HandleError::Internal) };
        if it.store_id == store_id {
            return Ok(it);
        }
        let component = it.home.component().to_string();
        let resource = kind.name().to_owned();
        Err(match it.home.has_store(it.store_id) {
            true => HandleError::OtherInstance { component, resource },
            false => HandleError::Lost { component, resource },
        })
    }
}

impl fmt::Debug for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "own {}", self.kind().name())
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "borrow {}", self.kind().name())
    }
}
