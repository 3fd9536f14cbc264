//! Streams going into a store and out of it.

use std::sync::Arc;
use std::task::{Context, Poll};

use wasm_runtime_composer_values::{
    self as values, Elements, Payload, Reads, Taken, Wanted, Write, Writes,
};
use wasmtime::component::StreamAny;
use wasmtime::{AsContextMut, StoreContextMut};

use super::crossing::{Crossing, Given};
use super::side::Border;
use super::streams::GivenStream;
use crate::error::StreamLost;
use crate::pending::Bytes;
use crate::types::ValueType;
use crate::value::handle::{Demand, StoreId, StreamBroken, pipe};
use crate::value::{Handle, HandleFault, Value, give_handles, take_handles};
use crate::value::{StreamEnd, WriteEnd};

/// What elements of a stream, or the value of a future, are to one store.
pub(super) struct Ends {
    border: Arc<Border>,
    ty: Option<Arc<ValueType>>,
    payload: Payload,
    has_handles: bool,
}

impl Ends {
    pub(super) fn new(border: &Arc<Border>, ty: Option<&ValueType>) -> Self {
        let payload = match ty {
            None => Payload::None,
            Some(ValueType::U8) => Payload::U8,
            Some(ty) if ty.needs_memory() => Payload::Other,
            Some(_) => Payload::Plain,
        };
        let has_handles = ty.is_some_and(ValueType::has_handles);
        Self { border: border.clone(), ty: ty.cloned().map(Arc::new), payload, has_handles }
    }

    pub(super) fn payload(&self) -> Payload {
        self.payload
    }

    /// How what a guest of the store `store_id` wrote has ended: by the guest, or with its store, which has
    /// another number by then.
    pub(super) fn over(&self, store_id: StoreId) -> Result<(), StreamLost> {
        (self.border.store_id() == store_id).then_some(()).ok_or_else(|| self.lost())
    }

    fn lost(&self) -> StreamLost {
        self.border.stream_lost()
    }

    /// Counts what a guest has written among what waits on behalf of its component.
    pub(super) fn bytes(&self, elements: &Elements<Handle>) -> wasmtime::Result<Bytes> {
        let bytes = match elements {
            Elements::Units(_) => 0,
            Elements::Bytes(bytes) => bytes.len(),
            Elements::Values(values) => {
                size_of_val(values.as_slice()) + values.iter().map(Value::weight).sum::<usize>()
            }
        };
        self.border.outgoing.hold(bytes).map_err(wasmtime::Error::new)
    }

    /// Gives what was read to the store.
    pub(super) fn given<T: 'static>(
        &self,
        store: StoreContextMut<'_, T>,
        read: Poll<Result<Taken<Handle>, StreamBroken>>,
    ) -> Poll<wasmtime::Result<Taken<Handle>>> {
        read.map(|taken| {
            let mut taken = taken.map_err(wasmtime::Error::new)?;
            if let Taken::Elements(elements) = &mut taken {
                self.each(store, elements, |ty, value, handles| give_handles(ty, value, handles))?;
            }
            Ok(taken)
        })
    }

    /// Does something with each element that holds handles.
    pub(super) fn each<S: AsContextMut>(
        &self,
        store: S,
        elements: &mut Elements<Handle>,
        mut what: impl FnMut(&ValueType, &mut Value, &mut Crossing<'_, S>) -> Result<(), HandleFault>,
    ) -> wasmtime::Result<()> {
        let (true, Some(ty), Elements::Values(values)) = (self.has_handles, &self.ty, elements)
        else {
            return Ok(());
        };
        let mut handles = Crossing::new(&self.border, store);
        for value in values {
            if let Err(fault) = what(ty, value, &mut handles) {
                handles.undo();
                return Err(fault.into());
            }
        }
        Ok(())
    }
}

/// Waits for elements for a guest; see [`Reads::poll_elements`].
pub(super) fn poll_elements(
    end: &mut StreamEnd,
    cx: &mut Context<'_>,
    most: usize,
    cancelled: bool,
) -> Poll<Result<Taken<Handle>, StreamBroken>> {
    let read = match most {
        0 => end.poll_readable(cx).map_ok(|readable| readable.then_some(Elements::Units(0))),
        _ => end.poll_read(cx, most),
    };
    match read {
        Poll::Pending if cancelled && end.withdraw() => Poll::Ready(Ok(Taken::Nothing)),
        read => read.map_ok(|read| read.map_or(Taken::End, Taken::Elements)),
    }
}

/// What a guest writes.
struct WrittenStream {
    ends: Ends,
    pipe: Arc<WriteEnd>,
    /// The number of the guest's store.
    store_id: StoreId,
    state: Progress,
}

/// How far a stream is.
#[derive(PartialEq, Eq)]
enum Progress {
    /// Nothing was written yet. A stream that a host function made, of elements that cannot be taken, ends like this
    /// too, with an error of the store.
    Untouched,
    /// What was written is being taken.
    Taking,
    Between,
}

impl<T: 'static> Writes<T, Handle> for WrittenStream {
    fn poll_wanted(
        &mut self,
        cx: &mut Context<'_>,
        _: StoreContextMut<'_, T>,
        write: Write,
    ) -> Poll<wasmtime::Result<Wanted>> {
        self.state = Progress::Between;
        let wanted = match write.cancelled {
            true => match self.pipe.poll_gone(cx) {
                Poll::Ready(()) => Wanted::Never,
                Poll::Pending => Wanted::Nothing,
            },
            false => match self.pipe.poll_write(cx, write.offered) {
                Poll::Ready(Demand::UpTo(most)) => Wanted::UpTo(most),
                Poll::Ready(Demand::Gone) => Wanted::Never,
                Poll::Pending => return Poll::Pending,
            },
        };
        if matches!(wanted, Wanted::UpTo(_)) && write.offered > 0 {
            self.state = Progress::Taking;
        }
        Poll::Ready(Ok(wanted))
    }

    fn put(
        &mut self,
        store: StoreContextMut<'_, T>,
        mut elements: Elements<Handle>,
    ) -> wasmtime::Result<()> {
        self.ends
            .each(store, &mut elements, |ty, value, handles| take_handles(ty, value, handles))?;
        let bytes = self.ends.bytes(&elements)?;
        self.pipe.put(elements, bytes);
        self.state = Progress::Between;
        Ok(())
    }
}

impl Drop for WrittenStream {
    fn drop(&mut self) {
        let over = match self.state {
            // The store ends with it, but has not yet.
            Progress::Taking => Err(self.ends.lost()),
            _ => self.ends.over(self.store_id),
        };
        match over {
            Ok(()) if self.state == Progress::Untouched => {
                let pipe = self.pipe.clone();
                self.ends.border.endings.end(move |end| pipe.end(end));
            }
            over => self.pipe.end(over),
        }
    }
}

/// What a guest reads.
struct ReadStream {
    ends: Ends,
    end: StreamEnd,
}

impl<T: 'static> Reads<T, Handle> for ReadStream {
    type Whole = StreamEnd;

    fn poll_elements(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        most: usize,
        cancelled: bool,
    ) -> Poll<wasmtime::Result<Taken<Handle>>> {
        let taken = poll_elements(&mut self.end, cx, most, cancelled);
        self.ends.given(store, taken)
    }

    fn into_whole(self) -> StreamEnd {
        self.end
    }
}

impl<S: AsContextMut> Crossing<'_, S> {
    pub(super) fn take_stream(
        &mut self,
        payload: Option<&ValueType>,
        stream: StreamAny,
    ) -> Result<StreamEnd, HandleFault> {
        let ends = Ends::new(self.border, payload);
        let payload = ends.payload();
        let store = self.store.as_context_mut();
        // One that was only passed on goes on as it came.
        let recovered = values::recover_stream::<_, Handle, StreamEnd>(stream, payload, store);
        match recovered.map_err(HandleFault::Store)? {
            Ok(end) => {
                end.held_by(None);
                Ok(end)
            }
            Err(stream) => {
                let (write, read) = pipe(self.border.counts.stream(), &self.border.watched);
                let (pipe, store_id) = (Arc::new(write), self.border.store_id());
                let written = WrittenStream { ends, pipe, store_id, state: Progress::Untouched };
                let store = self.store.as_context_mut();
                values::pipe_stream(stream, payload, store, written).map_err(HandleFault::Store)?;
                Ok(StreamEnd::from_guest(read))
            }
        }
    }

    pub(super) fn give_stream(
        &mut self,
        payload: Option<&ValueType>,
        end: StreamEnd,
    ) -> Result<StreamAny, HandleFault> {
        let ends = Ends::new(self.border, payload);
        let payload = ends.payload();
        end.withdraw();
        end.held_by(Some(&self.border.watched));
        let store = self.store.as_context_mut();
        let stream = values::stream_to_store(payload, store, ReadStream { ends, end });
        let stream = stream.map_err(HandleFault::Store)?;
        self.given.push(Given::Stream(GivenStream::Stream(stream.clone())));
        Ok(stream)
    }
}
