//! Streams and futures going into a store and out of it.

use std::sync::Arc;
use std::task::{Context, Poll};

use wasm_runtime_composer_values::{self as values, Elements, Payload, Reads, Writes};
use wasmtime::component::{FutureAny, StreamAny};
use wasmtime::{AsContextMut, StoreContextMut};

use super::store::{Given, StoreHandles, StoreSide};
use crate::error::StreamLost;
use crate::plan::types::ValueType;
use crate::transfer::{StreamEnd, WriteEnd, pipe};
use crate::value::{Faulty, Handle, Value, give_handles, take_handles};

/// What elements of a stream are to one store.
struct Ends {
    side: Arc<StoreSide>,
    payload: Option<Arc<ValueType>>,
    has_handles: bool,
}

impl Ends {
    fn new(side: &Arc<StoreSide>, payload: Option<&ValueType>) -> Self {
        let payload = payload.cloned().map(Arc::new);
        let has_handles = payload.as_ref().is_some_and(|ty| ty.has_handles());
        Self { side: side.clone(), payload, has_handles }
    }

    /// Does something with each element that holds handles.
    fn each<S: AsContextMut>(
        &self,
        store: S,
        elements: &mut Elements<Handle>,
        mut what: impl FnMut(&ValueType, &mut Value, &mut StoreHandles<'_, S>) -> Result<(), Faulty>,
    ) -> wasmtime::Result<()> {
        let (true, Some(ty), Elements::Values(values)) =
            (self.has_handles, &self.payload, elements)
        else {
            return Ok(());
        };
        let mut handles = StoreHandles::new(&self.side, store);
        for value in values {
            if let Err(fault) = what(ty, value, &mut handles) {
                handles.undo();
                return Err(fault.into());
            }
        }
        Ok(())
    }
}

fn payload_of(payload: Option<&ValueType>) -> Payload {
    match payload {
        None => Payload::None,
        Some(ValueType::U8) => Payload::U8,
        Some(_) => Payload::Other,
    }
}

/// What a guest writes.
struct Written {
    ends: Ends,
    pipe: WriteEnd,
    /// The number of the guest's store.
    epoch: u64,
}

impl<T: 'static> Writes<T, Handle> for Written {
    fn poll_wanted(&mut self, cx: &mut Context<'_>) -> Poll<Option<usize>> {
        self.pipe.poll_wanted(cx)
    }

    fn put(
        &mut self,
        store: StoreContextMut<'_, T>,
        mut elements: Elements<Handle>,
    ) -> wasmtime::Result<()> {
        self.ends
            .each(store, &mut elements, |ty, value, handles| take_handles(ty, value, handles))?;
        self.pipe.put(elements);
        Ok(())
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        // The guest has dropped its end, or else its store has ended, which has another number by then.
        let is_over = self.ends.side.epoch() == self.epoch;
        let component = || self.ends.side.id.to_string();
        self.pipe.end(is_over.then_some(()).ok_or_else(|| StreamLost { component: component() }));
    }
}

/// What a guest reads.
struct Read {
    ends: Ends,
    end: StreamEnd,
}

impl<T: 'static> Reads<T, Handle> for Read {
    type Whole = StreamEnd;

    fn poll_elements(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        most: usize,
    ) -> Poll<wasmtime::Result<Option<Elements<Handle>>>> {
        let Poll::Ready(read) = self.end.poll_read(cx, most) else { return Poll::Pending };
        Poll::Ready(match read {
            Ok(None) => Ok(None),
            Ok(Some(mut elements)) => {
                let given = self.ends.each(store, &mut elements, |ty, value, handles| {
                    give_handles(ty, value, handles)
                });
                given.map(|()| Some(elements))
            }
            Err(broken) => Err(wasmtime::Error::new(broken)),
        })
    }

    fn into_whole(self) -> StreamEnd {
        self.end
    }
}

impl<S: AsContextMut> StoreHandles<'_, S> {
    fn written(&self, payload: Option<&ValueType>) -> (Written, StreamEnd) {
        let (write, end) = pipe(self.side.uses.enter());
        let ends = Ends::new(self.side, payload);
        (Written { ends, pipe: write, epoch: self.side.epoch() }, end)
    }

    pub(super) fn take_stream(
        &mut self,
        payload: Option<&ValueType>,
        stream: StreamAny,
    ) -> Result<StreamEnd, Faulty> {
        let kind = payload_of(payload);
        let store = self.store.as_context_mut();
        // One that was only passed on goes on as it came.
        let recovered = values::recover_stream::<_, Handle, StreamEnd>(stream, kind, store);
        match recovered.map_err(Faulty::Store)? {
            Ok(end) => Ok(end),
            Err(stream) => {
                let (written, end) = self.written(payload);
                let piped = values::pipe_stream(stream, kind, self.store.as_context_mut(), written);
                piped.map_err(Faulty::Store)?;
                Ok(end)
            }
        }
    }

    pub(super) fn take_future(
        &mut self,
        payload: Option<&ValueType>,
        future: FutureAny,
    ) -> Result<StreamEnd, Faulty> {
        let (written, end) = self.written(payload);
        let store = self.store.as_context_mut();
        values::pipe_future(future, payload_of(payload), store, written).map_err(Faulty::Store)?;
        Ok(end)
    }

    pub(super) fn give_stream(
        &mut self,
        payload: Option<&ValueType>,
        end: StreamEnd,
    ) -> Result<StreamAny, Faulty> {
        let read = Read { ends: Ends::new(self.side, payload), end };
        let store = self.store.as_context_mut();
        let stream = values::stream_to_store(payload_of(payload), store, read);
        let stream = stream.map_err(Faulty::Store)?;
        self.given.push(Given::Stream(stream.clone()));
        Ok(stream)
    }

    pub(super) fn give_future(
        &mut self,
        payload: Option<&ValueType>,
        end: StreamEnd,
    ) -> Result<FutureAny, Faulty> {
        let read = Read { ends: Ends::new(self.side, payload), end };
        let store = self.store.as_context_mut();
        let future = values::future_to_store(payload_of(payload), store, read);
        let future = future.map_err(Faulty::Store)?;
        self.given.push(Given::Future(future.clone()));
        Ok(future)
    }
}
