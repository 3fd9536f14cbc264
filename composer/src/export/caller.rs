//! What the callers of a composition share, and how handles change between them and the stores.
//!
//! `Gate` closes the composition for callers. `CallerSide` belongs to one function: it exchanges
//! the handles in its arguments and results, and gives streams a step that does so for each element
//! when it is read.

#[cfg(all(feature = "codec", feature = "component-model-async"))]
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use std::sync::{Mutex, MutexGuard};

#[cfg(all(feature = "codec", feature = "component-model-async"))]
use futures_util::stream::{self, BoxStream};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use wasm_runtime_composer_values::Stored;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use wasmtime::component::Val;

use crate::error::HandleError;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use crate::error::TypeDifference;
use crate::run::Dispatcher;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use crate::sync::lock;
use crate::types::{Resource, ValueType};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use crate::value::StreamEnd;
use crate::value::handle::{CallerTable, HandleGuard, ResourceKind};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use crate::value::handle::{Key, StreamName};
use crate::value::{Handle, HandleType, each_handle};

/// What all callers of a composition share: whether it takes calls, and the tables of their
/// handles.
#[derive(Clone, Default)]
pub(crate) struct Gate {
    shut: Arc<AtomicBool>,
    pub(crate) held: CallerTable,
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) streams: HeldStreams,
}

impl Gate {
    pub(crate) fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    pub(crate) fn shut(&self) {
        self.shut.store(true, Ordering::Release);
        self.held.close();
        #[cfg(all(feature = "codec", feature = "component-model-async"))]
        self.streams.close();
    }
}

/// The caller's side of one function, which exchanges the handles in its values.
pub(super) struct CallerSide {
    /// The identity of each resource in the function's type.
    pub(super) kinds: Arc<[Option<ResourceKind>]>,
    pub(super) gate: Gate,
    /// Where the function is called; needed for its name.
    pub(super) dispatcher: Arc<Dispatcher>,
    pub(super) func: usize,
}

impl CallerSide {
    /// The function's name, as `interface#function`.
    pub(super) fn function(&self) -> String {
        self.dispatcher.function_name(self.func)
    }

    /// Moves a handle from the caller's table into an argument, or checks one that is lent.
    pub(super) fn pass_in(
        self: &Arc<Self>,
        ty: HandleType<'_>,
        handle: &mut Handle,
    ) -> Result<(), HandleError> {
        let resource = match ty {
            HandleType::Own(resource) | HandleType::Borrow(resource) => resource,
            HandleType::Stream(payload) | HandleType::Future(payload) => {
                return self.pass_elements(payload, handle, Self::pass_in);
            }
        };
        match handle {
            Handle::Held(guard) => {
                let guard = guard.take().ok_or(HandleError::NotHeld)?;
                let own = guard.take()?;
                check_kind(&self.kinds, resource, own.kind())?;
                *handle = Handle::Own(own);
                Ok(())
            }
            Handle::Lent(lent) => check_kind(&self.kinds, resource, lent.kind()),
            Handle::Raw(_) | Handle::Own(_) | Handle::Stream(_) | Handle::Object(_) => {
                Err(HandleError::NotHeld)
            }
        }
    }

    /// Moves a handle of a result into the caller's table. It is dropped with the value that
    /// represents it.
    pub(super) fn pass_out(
        self: &Arc<Self>,
        ty: HandleType<'_>,
        handle: &mut Handle,
    ) -> Result<(), HandleError> {
        if let HandleType::Stream(payload) | HandleType::Future(payload) = ty {
            return self.pass_elements(payload, handle, Self::pass_out);
        }
        match std::mem::replace(handle, Handle::Held(None)) {
            Handle::Own(own) => {
                *handle = Handle::Held(Some(HandleGuard::new(&self.gate.held, own)?));
                Ok(())
            }
            _ => Err(HandleError::NotHeld),
        }
    }

    /// Adds a step to a stream that exchanges the handles in its elements when they are read.
    fn pass_elements(
        self: &Arc<Self>,
        payload: Option<&ValueType>,
        handle: &mut Handle,
        pass: fn(&Arc<Self>, HandleType<'_>, &mut Handle) -> Result<(), HandleError>,
    ) -> Result<(), HandleError> {
        let Handle::Stream(end) = handle else { return Err(HandleError::NotHeld) };
        if let Some(payload) = payload.filter(|payload| payload.has_handles()).cloned() {
            let this = self.clone();
            end.through(move |value| {
                each_handle(&payload, value, &mut |ty, handle| pass(&this, ty, handle))
            });
        }
        Ok(())
    }

    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(super) fn with_elements(
        self: &Arc<Self>,
        payload: Option<&ValueType>,
        end: StreamEnd,
        pass: fn(&Arc<Self>, HandleType<'_>, &mut Handle) -> Result<(), HandleError>,
    ) -> StreamEnd {
        let mut handle = Handle::Stream(end);
        // Cannot fail: the handle is a stream.
        let _ = self.pass_elements(payload, &mut handle, pass);
        match handle {
            Handle::Stream(end) => end,
            _ => StreamEnd::from_rust(stream::empty()),
        }
    }

    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    /// Checks a handle that one function has returned and another one is to be given.
    pub(super) fn pass_on(
        self: &Arc<Self>,
        ty: HandleType<'_>,
        handle: &mut Handle,
    ) -> Result<(), HandleError> {
        match (ty, handle) {
            (HandleType::Own(resource), Handle::Own(own)) => {
                check_kind(&self.kinds, resource, own.kind())
            }
            (HandleType::Stream(payload) | HandleType::Future(payload), handle) => {
                self.pass_elements(payload, handle, Self::pass_on)
            }
            _ => Err(HandleError::NotHeld),
        }
    }
}

/// Compares the identity of a handle's resource with the one at its place in the function's type.
pub(super) fn check_kind(
    kinds: &[Option<ResourceKind>],
    resource: &Resource,
    found: &ResourceKind,
) -> Result<(), HandleError> {
    if kinds.get(resource.index as usize).and_then(Option::as_ref) == Some(found) {
        return Ok(());
    }
    if resource.name() == found.name() {
        // The same resource type in another composition has another identity.
        return Err(HandleError::NotHeld);
    }
    let (expected, found) = (resource.name().to_owned(), found.name().to_owned());
    Err(HandleError::OtherResource { expected, found })
}

#[cfg(all(feature = "codec", feature = "component-model-async"))]
/// The streams and futures that callers in Rust have as `Val`s.
#[derive(Clone, Default)]
pub(crate) struct HeldStreams(Arc<Mutex<StreamTable>>);

#[cfg(all(feature = "codec", feature = "component-model-async"))]
#[derive(Default)]
pub(super) struct StreamTable {
    pub(super) sources: HashMap<StreamKey, StreamSource>,
    closed: bool,
}

#[cfg(all(feature = "codec", feature = "component-model-async"))]
/// The name of a stream or of a future, as a key.
pub(crate) type StreamKey = Key<StreamName>;

#[cfg(all(feature = "codec", feature = "component-model-async"))]
#[derive(Clone, Copy)]
pub(crate) enum StreamKind {
    Stream,
    Future,
}

#[cfg(all(feature = "codec", feature = "component-model-async"))]
/// Where the elements of a stream come from.
pub(crate) enum StreamSource {
    /// From Rust, as `Val`s. Their type is the one of the place where the stream is passed.
    Vals(BoxStream<'static, Val>),
    /// From Rust, as a Rust type.
    Typed {
        end: StreamEnd,
        check: fn(&ValueType) -> Result<(), TypeDifference>,
    },
    ReturnedStream(ReturnedStream),
}

#[cfg(all(feature = "codec", feature = "component-model-async"))]
/// A stream or future that a function has returned.
pub(crate) struct ReturnedStream {
    pub(super) end: StreamEnd,
    pub(super) payload: Option<ValueType>,
    pub(super) side: Arc<CallerSide>,
}

#[cfg(all(feature = "codec", feature = "component-model-async"))]
impl HeldStreams {
    /// Locks the table. No stream may be dropped while it is locked: dropping one from Rust runs
    /// the application's code.
    pub(super) fn lock(&self) -> MutexGuard<'_, StreamTable> {
        lock(&self.0)
    }

    /// Drops every stream, and from now on those that are still added.
    pub(crate) fn close(&self) {
        let sources = {
            let mut table = self.lock();
            table.closed = true;
            std::mem::take(&mut table.sources)
        };
        // The streams are dropped outside the lock.
        sources.into_keys().for_each(|Key(name)| name.retire());
    }

    pub(super) fn insert(
        &self,
        kind: StreamKind,
        source: StreamSource,
    ) -> Result<Stored, HandleError> {
        let mut table = self.lock();
        if table.closed {
            // The stream is dropped outside the lock.
            drop(table);
            return Err(HandleError::Closed);
        }
        let name = match kind {
            StreamKind::Stream => StreamName::stream(),
            StreamKind::Future => StreamName::future(),
        }?;
        table.sources.insert(Key(name.clone()), source);
        Ok(match name {
            StreamName::Stream(stream) => Stored::Stream(stream),
            StreamName::Future(future) => Stored::Future(future),
        })
    }

    pub(super) fn put_back(&self, key: StreamKey, source: StreamSource) {
        let mut table = self.lock();
        if !table.closed {
            table.sources.insert(key, source);
        }
    }

    pub(super) fn remove(&self, key: &StreamKey) -> Result<StreamSource, HandleError> {
        self.lock().sources.remove(key).ok_or(HandleError::NotHeld)
    }

    /// Removes and returns the stream or future that `val` names, if it is in the table.
    pub(crate) fn take(&self, val: &Val) -> Option<impl Sized + use<>> {
        let key = key_of_val(val)?;
        let source = self.remove(&key).ok()?;
        key.0.retire();
        Some(source)
    }
}

#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(super) fn key_of_val(val: &Val) -> Option<StreamKey> {
    Some(Key(match val {
        Val::Stream(stream) => StreamName::Stream(stream.clone()),
        Val::Future(future) => StreamName::Future(future.clone()),
        _ => return None,
    }))
}

#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(super) fn key_of(stored: &Stored) -> Option<StreamKey> {
    Some(Key(match stored {
        Stored::Stream(stream) => StreamName::Stream(stream.clone()),
        Stored::Future(future) => StreamName::Future(future.clone()),
        Stored::Resource(_) => return None,
    }))
}
