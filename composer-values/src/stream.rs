//! Streams and futures out of stores and into stores, with elements whose types are known only at
//! run time.
//!
//! A stream that leaves a store becomes a `Writes`, to which the guest's elements are given in
//! batches; a stream that enters a store is made from a `Reads`, which is asked for elements as the
//! guest reads. Each is implemented once for every kind of payload, as bytes move without being
//! copied one by one, and elements without a type are only counted.

use std::any::{Any, TypeId};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use wasmtime::component::{
    Destination, FutureAny, FutureConsumer, FutureProducer, FutureReader, ReadBuffer, Source,
    StreamAny, StreamConsumer, StreamProducer, StreamReader, StreamResult, VecBuffer, WriteBuffer,
};
use wasmtime::{AsContextMut, Result, StoreContextMut, bail};

use crate::abi::{Element, first_element};
use crate::value::{Elements, Payload, StoreHandle};

/// The bytes that are taken out of a store at a time. The last round of elements may exceed it.
const BATCH: usize = 64 * 1024;
/// The elements of arbitrary types that are taken before their size is measured.
const ROUND: usize = 32;

/// A guest's write in progress.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    /// How many elements it offers. A write of no elements asks whether some are wanted.
    pub offered: usize,
    /// Whether the guest has cancelled the write.
    pub cancelled: bool,
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// Up to so many elements are wanted.
    UpTo(usize),
    /// The write was cancelled in time.
    Nothing,
    /// The reader is gone.
    Never,
}

/// The destination of the elements that a guest writes.
pub trait Writes<T: 'static, H>: Send + Unpin + 'static {
    /// Waits for the outcome of a write. Elements that are wanted are then [`put`](Self::put).
    ///
    /// # Errors
    ///
    /// An error traps the guest.
    fn poll_wanted(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        write: Write,
    ) -> Poll<Result<Wanted>>;

    /// Takes elements, at most as many as are wanted. If the reader of a future is gone, the value
    /// is taken nevertheless, in order to drop the handles in it.
    ///
    /// # Errors
    ///
    /// An error traps the guest.
    fn put(&mut self, store: StoreContextMut<'_, T>, elements: Elements<H>) -> Result<()>;
}

/// The outcome of a read.
#[derive(Debug)]
pub enum Taken<H> {
    /// Elements; an empty batch if none were asked for and there are some.
    Elements(Elements<H>),
    /// Nothing, because the read was cancelled in time.
    Nothing,
    /// The end of the stream.
    End,
}

/// The source of the elements that a guest reads.
pub trait Reads<T: 'static, H>: Send + Unpin + 'static {
    /// What the guest's stream was made from; see [`recover_stream`].
    type Whole: 'static;

    /// Waits for up to `most` elements. With `cancelled`, the guest only takes elements that are
    /// already on their way.
    ///
    /// # Errors
    ///
    /// An error traps the guest.
    fn poll_elements(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        most: usize,
        cancelled: bool,
    ) -> Poll<Result<Taken<H>>>;

    /// What the source was made from, without the elements that were read.
    fn into_whole(self) -> Self::Whole;
}

/// Items of [`Payload::Plain`].
type Plain<H> = Element<H, false>;
/// Items of [`Payload::Other`].
type Other<H> = Element<H, true>;

/// A consumer or a producer of items `I`, which are elements of `H`.
struct Of<E, H, I> {
    end: E,
    types: PhantomData<fn() -> (H, I)>,
}

impl<E, H, I> Of<E, H, I> {
    fn new(end: E) -> Self {
        Self { end, types: PhantomData }
    }
}

/// How items of one kind leave a store and enter one.
trait Item<H>: Sized + 'static {
    /// Takes up to `most` items of what the guest offers.
    fn take<T: 'static>(
        source: Source<'_, Self>,
        store: StoreContextMut<'_, T>,
        most: usize,
    ) -> Result<Elements<H>>;
}

impl<H> Item<H> for () {
    fn take<T: 'static>(
        mut source: Source<'_, Self>,
        mut store: StoreContextMut<'_, T>,
        most: usize,
    ) -> Result<Elements<H>> {
        // Units take no memory, but counting them takes time.
        let mut units = UpTo { most: most.min(BATCH), taken: 0 };
        source.read(&mut store, &mut units)?;
        Ok(Elements::Units(units.taken))
    }
}

/// Counts units.
struct UpTo {
    most: usize,
    taken: usize,
}

impl ReadBuffer<()> for UpTo {
    fn extend<I: IntoIterator<Item = ()>>(&mut self, iter: I) {
        self.taken += iter.into_iter().count();
    }

    fn remaining_capacity(&self) -> usize {
        self.most.saturating_sub(self.taken)
    }

    fn move_from(&mut self, input: &mut dyn WriteBuffer<()>, count: usize) {
        input.skip(count);
        self.taken += count;
    }
}

impl<H> Item<H> for u8 {
    fn take<T: 'static>(
        source: Source<'_, Self>,
        store: StoreContextMut<'_, T>,
        most: usize,
    ) -> Result<Elements<H>> {
        let mut source = source.as_direct(store);
        let bytes = source.remaining();
        let bytes = bytes[..bytes.len().min(BATCH).min(most)].to_vec();
        source.mark_read(bytes.len());
        Ok(Elements::Bytes(bytes))
    }
}

impl<H: StoreHandle, const REALLOC: bool> Item<H> for Element<H, REALLOC> {
    fn take<T: 'static>(
        mut source: Source<'_, Self>,
        mut store: StoreContextMut<'_, T>,
        most: usize,
    ) -> Result<Elements<H>> {
        let mut values = Vec::new();
        let mut weight = 0;
        let mut left = source.remaining(&mut store).min(most);
        first_element();
        while left > 0 && weight < BATCH {
            let mut round: Vec<Self> = Vec::with_capacity(left.min(ROUND));
            source.read(&mut store, &mut round)?;
            if round.is_empty() {
                bail!("a stream that has elements gave none");
            }
            left -= round.len().min(left);
            weight += round.iter().map(|it| size_of::<Self>() + it.0.weight()).sum::<usize>();
            Extend::extend(&mut values, round.into_iter().map(|element| element.0));
        }
        Ok(Elements::Values(values))
    }
}

impl<T: 'static, H: 'static, I: Item<H>, E: Writes<T, H>> StreamConsumer<T> for Of<E, H, I> {
    type Item = I;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, T>,
        source: Source<'_, I>,
        finish: bool,
    ) -> Poll<Result<StreamResult>> {
        let end = &mut self.end;
        let write = Write { offered: source.remaining(&mut store), cancelled: finish };
        let wanted = ready!(end.poll_wanted(cx, store.as_context_mut(), write))?;
        Poll::Ready(Ok(match wanted {
            Wanted::Nothing => StreamResult::Cancelled,
            Wanted::Never => StreamResult::Dropped,
            Wanted::UpTo(most) => {
                if write.offered > 0 {
                    let elements = I::take(source, store.as_context_mut(), most)?;
                    end.put(store, elements)?;
                }
                StreamResult::Completed
            }
        }))
    }
}

impl<T: 'static, H: 'static, I: Item<H>, E: Writes<T, H>> FutureConsumer<T> for Of<E, H, I> {
    type Item = I;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, T>,
        source: Source<'_, I>,
        finish: bool,
    ) -> Poll<Result<()>> {
        let end = &mut self.end;
        let write = Write { offered: 1, cancelled: finish };
        match ready!(end.poll_wanted(cx, store.as_context_mut(), write))? {
            Wanted::Nothing => {}
            // In wasmtime, a consumer of a future can only take its value.
            Wanted::UpTo(_) | Wanted::Never => {
                let value = I::take(source, store.as_context_mut(), 1)?;
                end.put(store, value)?;
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Takes a stream out of its store. The elements that a guest writes go to `end`, which is dropped
/// after the last.
///
/// # Errors
///
/// If it is not a stream of this payload.
pub fn pipe_stream<T: 'static, H: StoreHandle>(
    stream: StreamAny,
    payload: Payload,
    store: StoreContextMut<'_, T>,
    end: impl Writes<T, H>,
) -> Result<()> {
    match payload {
        Payload::None => {
            stream.try_into_stream_reader::<()>()?.pipe(store, Of::<_, H, ()>::new(end))
        }
        Payload::U8 => stream.try_into_stream_reader::<u8>()?.pipe(store, Of::<_, H, u8>::new(end)),
        Payload::Plain => {
            let reader = stream.try_into_stream_reader::<Plain<H>>()?;
            reader.pipe(store, Of::<_, H, Plain<H>>::new(end))
        }
        Payload::Other => {
            let reader = stream.try_into_stream_reader::<Other<H>>()?;
            reader.pipe(store, Of::<_, H, Other<H>>::new(end))
        }
    }
}

/// Takes a future out of its store, like [`pipe_stream`]: `end` gets only the value.
///
/// # Errors
///
/// If it is not a future of this payload.
pub fn pipe_future<T: 'static, H: StoreHandle>(
    future: FutureAny,
    payload: Payload,
    store: StoreContextMut<'_, T>,
    end: impl Writes<T, H>,
) -> Result<()> {
    match payload {
        Payload::None => {
            future.try_into_future_reader::<()>()?.pipe(store, Of::<_, H, ()>::new(end))
        }
        Payload::U8 | Payload::Plain => {
            let reader = future.try_into_future_reader::<Plain<H>>()?;
            reader.pipe(store, Of::<_, H, Plain<H>>::new(end))
        }
        Payload::Other => {
            let reader = future.try_into_future_reader::<Other<H>>()?;
            reader.pipe(store, Of::<_, H, Other<H>>::new(end))
        }
    }
}

/// A producer in the form in which wasmtime keeps it.
type Kept<E, H, I> = Pin<Box<Of<E, H, I>>>;

/// Returns what `end` was made from, if `ty` asks for that type.
fn whole<T: 'static, H, E: Reads<T, H>, I>(
    me: Kept<E, H, I>,
    ty: TypeId,
) -> Result<Box<dyn Any>, Kept<E, H, I>> {
    if ty != TypeId::of::<E::Whole>() {
        return Err(me);
    }
    Ok(Box::new(Pin::into_inner(me).end.into_whole()))
}

/// How many elements a producer is asked for when the reader does not say how many it takes.
const ANY_NUMBER: usize = 1024;

macro_rules! produce {
    ($item:ty, $H:ident, ($($bound:tt)*), ($($const:tt)*), |$destination:ident, $store:ident, $elements:ident| $put:block) => {
        impl<T: 'static, $H: $($bound)*, E: Reads<T, $H>, $($const)*> StreamProducer<T>
            for Of<E, $H, $item>
        {
            type Item = $item;
            type Buffer = VecBuffer<$item>;

            fn poll_produce<'a>(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut $store: StoreContextMut<'a, T>,
                #[allow(unused_mut, reason = "bytes are put in place")]
                mut $destination: Destination<'a, $item, Self::Buffer>,
                finish: bool,
            ) -> Poll<Result<StreamResult>> {
                let most = $destination.remaining(&mut $store).unwrap_or(ANY_NUMBER);
                let taken = self.end.poll_elements(cx, $store.as_context_mut(), most, finish);
                Poll::Ready(Ok(match ready!(taken)? {
                    Taken::End => StreamResult::Dropped,
                    Taken::Nothing => StreamResult::Cancelled,
                    // A read of no elements asks whether there are some.
                    Taken::Elements(_) if most == 0 => StreamResult::Completed,
                    Taken::Elements($elements) => $put,
                }))
            }

            fn try_into(
                me: Pin<Box<Self>>,
                ty: TypeId,
            ) -> Result<Box<dyn Any>, Pin<Box<Self>>> {
                whole(me, ty)
            }
        }
    };
}

produce!((), H, ('static), (), |destination, store, elements| {
    destination.set_buffer(vec![(); elements.len()].into());
    StreamResult::Completed
});

produce!(u8, H, ('static), (), |destination, store, elements| {
    let Some(bytes) = elements.into_bytes() else { bail_mixed()? };
    let mut direct = destination.as_direct(store, bytes.len());
    // At most as many bytes were asked for as there is room.
    let Some(room) = direct.remaining().get_mut(..bytes.len()) else { bail_mixed()? };
    room.copy_from_slice(&bytes);
    direct.mark_written(bytes.len());
    StreamResult::Completed
});

produce!(Element<H, REALLOC>, H, (StoreHandle), (const REALLOC: bool), |destination, store, elements| {
    let values = elements.into_values();
    destination.set_buffer(values.into_iter().map(Element).collect::<Vec<_>>().into());
    StreamResult::Completed
});

fn bail_mixed<R>() -> Result<R> {
    bail!("elements of another kind than the stream's")
}

/// Makes a stream in a store, with elements from `end`, which is dropped when the guest stops
/// reading.
///
/// # Errors
///
/// If the store has no room for it, or its engine does not support concurrency.
pub fn stream_to_store<T: 'static, H: StoreHandle>(
    payload: Payload,
    mut store: StoreContextMut<'_, T>,
    end: impl Reads<T, H>,
) -> Result<StreamAny> {
    match payload {
        Payload::None => {
            let reader = StreamReader::new(&mut store, Of::<_, H, ()>::new(end))?;
            reader.try_into_stream_any(store)
        }
        Payload::U8 => {
            let reader = StreamReader::new(&mut store, Of::<_, H, u8>::new(end))?;
            reader.try_into_stream_any(store)
        }
        Payload::Plain => {
            let reader = StreamReader::new(&mut store, Of::<_, H, Plain<H>>::new(end))?;
            reader.try_into_stream_any(store)
        }
        Payload::Other => {
            let reader = StreamReader::new(&mut store, Of::<_, H, Other<H>>::new(end))?;
            reader.try_into_stream_any(store)
        }
    }
}

/// What a stream was made from, if [`stream_to_store`] made it and it is not being read.
///
/// # Errors
///
/// Returns the stream if it is another one.
pub fn recover_stream<T: 'static, H: StoreHandle, W: 'static>(
    stream: StreamAny,
    payload: Payload,
    mut store: StoreContextMut<'_, T>,
) -> Result<Result<W, StreamAny>> {
    macro_rules! recover {
        ($item:ty) => {
            match stream.try_into_stream_reader::<$item>()?.try_into::<W>(&mut store) {
                Ok(whole) => Ok(Ok(whole)),
                Err(reader) => Ok(Err(reader.try_into_stream_any(store)?)),
            }
        };
    }
    match payload {
        Payload::None => recover!(()),
        Payload::U8 => recover!(u8),
        Payload::Plain => recover!(Plain<H>),
        Payload::Other => recover!(Other<H>),
    }
}

impl<E, H, I> Of<E, H, I> {
    /// Waits for the element of a future; `None` if the read was cancelled in time.
    fn poll_value<T: 'static>(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        finish: bool,
    ) -> Poll<Result<Option<Elements<H>>>>
    where
        E: Reads<T, H>,
    {
        Poll::Ready(match ready!(self.end.poll_elements(cx, store, 1, finish))? {
            Taken::Nothing => Ok(None),
            Taken::Elements(elements) => Ok(Some(elements)),
            Taken::End => Err(wasmtime::Error::msg("a future that has no value, or has given it")),
        })
    }
}

impl<T: 'static, H: StoreHandle, E: Reads<T, H>, const REALLOC: bool> FutureProducer<T>
    for Of<E, H, Element<H, REALLOC>>
{
    type Item = Element<H, REALLOC>;

    fn poll_produce(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        finish: bool,
    ) -> Poll<Result<Option<Self::Item>>> {
        let Some(elements) = ready!(self.poll_value(cx, store, finish))? else {
            return Poll::Ready(Ok(None));
        };
        let mut values = elements.into_values().into_iter();
        Poll::Ready(match (values.next(), values.next()) {
            (Some(value), None) => Ok(Some(Element(value))),
            _ => bail_mixed(),
        })
    }
}

impl<T: 'static, H: StoreHandle, E: Reads<T, H>> FutureProducer<T> for Of<E, H, ()> {
    type Item = ();

    fn poll_produce(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        finish: bool,
    ) -> Poll<Result<Option<()>>> {
        self.poll_value(cx, store, finish).map_ok(|value| value.map(|_| ()))
    }
}

/// Makes a future in a store, with the one element that `end` provides.
///
/// # Errors
///
/// If the store has no room for it, or its engine does not support concurrency.
pub fn future_to_store<T: 'static, H: StoreHandle>(
    payload: Payload,
    mut store: StoreContextMut<'_, T>,
    end: impl Reads<T, H>,
) -> Result<FutureAny> {
    match payload {
        Payload::None => {
            let reader = FutureReader::new(&mut store, Of::<_, H, ()>::new(end))?;
            reader.try_into_future_any(store)
        }
        Payload::U8 | Payload::Plain => {
            let reader = FutureReader::new(&mut store, Of::<_, H, Plain<H>>::new(end))?;
            reader.try_into_future_any(store)
        }
        Payload::Other => {
            let reader = FutureReader::new(&mut store, Of::<_, H, Other<H>>::new(end))?;
            reader.try_into_future_any(store)
        }
    }
}

/// Converts a guest's future into the form in which [`future_to_store`] returns one, and tells
/// whether a host made it.
///
/// # Errors
///
/// If it is not a future of this payload.
pub fn origin_of_future<T: 'static, H: StoreHandle>(
    future: FutureAny,
    payload: Payload,
    store: StoreContextMut<'_, T>,
) -> Result<(FutureAny, bool)> {
    let given = future.clone();
    let future = match payload {
        Payload::None => future.try_into_future_reader::<()>()?.try_into_future_any(store)?,
        Payload::U8 | Payload::Plain => {
            future.try_into_future_reader::<Plain<H>>()?.try_into_future_any(store)?
        }
        Payload::Other => {
            future.try_into_future_reader::<Other<H>>()?.try_into_future_any(store)?
        }
    };
    // A future made by the host has changed its type here, from the guest's to that of its items.
    let by_host = future != given;
    Ok((future, by_host))
}
