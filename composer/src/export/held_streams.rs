//! The streams and futures that callers in Rust have as `Val`s.
//!
//! wasmtime has no such `Val` outside of a store, so each stands for a name of the library's own, which is looked up
//! here. Streams may be code of the application, so they are neither polled nor dropped under the lock.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use futures_util::stream::BoxStream;
use wasm_runtime_composer_values::Stored;
use wasmtime::component::Val;

use super::caller::{CallerSide, check_kind};
pub(super) use super::streams::received;
use crate::error::{HandleError, TypeDifference};
use crate::sync::lock;
use crate::types::ValueType;
use crate::value::handle::{Key, StreamName};
use crate::value::{Handle, HandleType, StreamEnd, Turn, turn_elements};

/// The streams and futures that a composition's callers in Rust have as `Val`s.
#[derive(Clone, Default)]
pub(crate) struct HeldStreams(Arc<Mutex<StreamTable>>);

#[derive(Default)]
pub(super) struct StreamTable {
    pub(super) sources: HashMap<StreamKey, StreamSource>,
    closed: bool,
}

/// A stream or a future as the caller knows it.
pub(crate) type StreamKey = Key<StreamName>;

impl StreamKey {
    /// Gives up the name.
    pub(super) fn retire(self) {
        self.0.retire();
    }
}

#[derive(Clone, Copy)]
pub(crate) enum StreamKind {
    Stream,
    Future,
}

/// Where the elements come from.
pub(crate) enum StreamSource {
    /// From Rust, as `Val`s of a type that is known where they go.
    Vals(BoxStream<'static, Val>),
    /// From Rust, of a type that is.
    Typed {
        end: StreamEnd,
        check: fn(&ValueType) -> Result<(), TypeDifference>,
    },
    ReturnedStream(ReturnedStream),
}

/// What a function has returned.
pub(crate) struct ReturnedStream {
    pub(super) end: StreamEnd,
    pub(super) payload: Option<ValueType>,
    pub(super) side: Arc<CallerSide>,
}

impl HeldStreams {
    /// No stream may be dropped under this lock: it can be one of Rust.
    pub(super) fn lock(&self) -> MutexGuard<'_, StreamTable> {
        lock(&self.0)
    }

    /// Drops every stream, and from now on those that still arrive.
    pub(crate) fn close(&self) {
        let sources = {
            let mut table = self.lock();
            table.closed = true;
            std::mem::take(&mut table.sources)
        };
        // Streams are not dropped under the lock.
        sources.into_keys().for_each(|Key(name)| name.retire());
    }

    pub(super) fn insert(
        &self,
        kind: StreamKind,
        source: StreamSource,
    ) -> Result<Stored, HandleError> {
        let mut table = self.lock();
        if table.closed {
            // Streams are not dropped under the lock.
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

    /// Takes out the streams of all these keys; none, and `None`, if one is not there any more.
    pub(super) fn take_all(
        &self,
        keys: &HashSet<StreamKey>,
    ) -> Option<HashMap<StreamKey, StreamSource>> {
        let mut table = self.lock();
        if !keys.iter().all(|key| table.sources.contains_key(key)) {
            return None;
        }
        Some(keys.iter().filter_map(|key| table.sources.remove_entry(key)).collect())
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

    /// Takes out the stream or the future that `val` is, if it is one that is here.
    pub(crate) fn take(&self, val: &Val) -> Option<impl Sized + use<>> {
        let key = key_of_val(val)?;
        let source = self.remove(&key).ok()?;
        key.0.retire();
        Some(source)
    }
}

pub(super) fn key_of_val(val: &Val) -> Option<StreamKey> {
    Some(Key(match val {
        Val::Stream(stream) => StreamName::Stream(stream.clone()),
        Val::Future(future) => StreamName::Future(future.clone()),
        _ => return None,
    }))
}

pub(super) fn key_of(stored: &Stored) -> Option<StreamKey> {
    Some(Key(match stored {
        Stored::Stream(stream) => StreamName::Stream(stream.clone()),
        Stored::Future(future) => StreamName::Future(future.clone()),
        Stored::Resource(_) => return None,
    }))
}

impl CallerSide {
    pub(super) fn with_elements(
        self: &Arc<Self>,
        payload: Option<&ValueType>,
        mut end: StreamEnd,
        pass: Turn<Self>,
    ) -> StreamEnd {
        turn_elements(payload, &mut end, self, pass);
        end
    }

    /// Lets a handle that one function has returned pass to another.
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
            _ => Err(HandleError::Internal),
        }
    }
}
