//! [`ComponentStream`] and [`ComponentFuture`]: streams and futures between Rust and components.
//!
//! Both are readers (`StreamEnd`) with a Rust type for their elements. One that is made from a Rust
//! stream is polled by the component that reads it; one that a component returned takes elements
//! only while it is polled, several at a time, and keeps those that were not read.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::vec;

use futures_util::{Stream, StreamExt, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::check::shape;
use super::impls::{describe_side, side};
use super::{ComponentType, FromComponentValue, HostTypes, IntoComponentValue, Unexpected, unpack};
use crate::error::CompositionError;
use crate::error::TypeDifference;
use crate::types::ValueType;
use crate::value::StreamEnd;
use crate::value::{Elements, Handle, Value};

/// How many elements are requested at a time; for bytes, how many bytes.
const AT_A_TIME: usize = 256;
const BYTES_AT_A_TIME: usize = 64 * 1024;

/// The reading end of a component model `stream<T>`.
///
/// A stream that a component returned is a [`Stream`] of results. No element is taken from the
/// component before the stream is polled. It ends when its writer ends it; if the writer is lost
/// (its component trapped or was ended), the last item is the error [`CompositionError::Stream`].
/// Dropping the stream tells the writer. Passing it to a component, in an argument or within
/// another stream, moves it there.
///
/// A stream to pass to a component is made from a Rust [`Stream`] by [`new`](Self::new). The
/// component's task polls it whenever the component reads, or asks whether there is something to
/// read. `T` is `()` for a stream without an element type.
///
/// # Examples
///
/// ```no_run
/// # use wasm_runtime_composer::{Composition, CompositionError, ComponentStream};
/// use futures_util::StreamExt;
///
/// # async fn example(composition: Composition) -> Result<(), Box<dyn std::error::Error>> {
/// let lines = composition
///     .typed::<(ComponentStream<String>,), ComponentStream<String>>(None, "upper")?;
/// let texts = futures_util::stream::iter(["a".to_owned(), "b".to_owned()]);
/// let mut upper = lines.call((ComponentStream::new(texts),)).await?;
/// while let Some(line) = upper.next().await {
///     println!("{}", line?);
/// }
/// # Ok(())
/// # }
/// ```
pub struct ComponentStream<T> {
    end: StreamEnd,
    /// Elements that were taken from `end` and not yet read.
    taken: Taken,
    ended: bool,
    types: PhantomData<fn() -> T>,
}

/// A batch of elements, read one by one.
enum Taken {
    Units(usize),
    Bytes { bytes: Vec<u8>, read: usize },
    Values(vec::IntoIter<Value>),
}

impl Taken {
    const NONE: Self = Self::Units(0);

    fn new(elements: Elements) -> Self {
        match elements {
            Elements::Units(n) => Self::Units(n),
            Elements::Bytes(bytes) => Self::Bytes { bytes, read: 0 },
            Elements::Values(values) => Self::Values(values.into_iter()),
        }
    }

    fn next(&mut self) -> Option<Value> {
        match self {
            Self::Units(n) => {
                *n = n.checked_sub(1)?;
                Some(Value::Fields(Vec::new()))
            }
            Self::Bytes { bytes, read } => {
                let byte = *bytes.get(*read)?;
                *read += 1;
                Some(Value::U8(byte))
            }
            Self::Values(values) => values.next(),
        }
    }

    fn rest(self) -> Elements {
        match self {
            Self::Units(n) => Elements::Units(n),
            Self::Bytes { mut bytes, read } => Elements::Bytes(bytes.split_off(read)),
            Self::Values(values) => Elements::Values(values.collect()),
        }
    }
}

impl<T> ComponentStream<T> {
    pub(crate) fn from_end(end: StreamEnd) -> Self {
        Self { end, taken: Taken::NONE, ended: false, types: PhantomData }
    }

    /// The reading end, with the elements that were taken put back.
    pub(crate) fn into_end(mut self) -> StreamEnd {
        self.end.unread(self.taken.rest());
        self.end
    }

    /// Waits for the next element.
    pub(crate) fn poll_value(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Value, CompositionError>>> {
        loop {
            if let Some(value) = self.taken.next() {
                return Poll::Ready(Some(Ok(value)));
            }
            match ready!(self.poll_take(cx, AT_A_TIME)) {
                Ok(true) => {}
                Ok(false) => return Poll::Ready(None),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }

    /// Waits for up to `most` further elements; `false` at the end.
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<bool, CompositionError>> {
        if self.ended {
            return Poll::Ready(Ok(false));
        }
        let taken = ready!(self.end.poll_read(cx, most));
        self.ended = !matches!(taken, Ok(Some(_)));
        Poll::Ready(match taken {
            Ok(Some(elements)) => {
                self.taken = Taken::new(elements);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(broken) => Err(broken.into()),
        })
    }
}

impl<T: IntoComponentValue + Send + 'static> ComponentStream<T> {
    /// A stream of the elements that `stream` yields.
    pub fn new(stream: impl Stream<Item = T> + Send + 'static) -> Self {
        Self::from_end(StreamEnd::from_rust(stream.ready_chunks(AT_A_TIME).map(into_elements)))
    }
}

impl ComponentStream<u8> {
    /// A stream of the bytes that `reader` yields. It ends where `reader` ends or fails. The error
    /// of `reader` is lost, as streams of the component model have no errors.
    pub fn from_reader(reader: impl AsyncRead + Send + 'static) -> Self {
        let reader = Box::pin(reader);
        let bytes = stream::unfold(reader, |mut reader| async move {
            let mut buffer = vec![0; BYTES_AT_A_TIME];
            let mut read = ReadBuf::new(&mut buffer);
            let result = std::future::poll_fn(|cx| reader.as_mut().poll_read(cx, &mut read)).await;
            let len = read.filled().len();
            if result.is_err() || len == 0 {
                return None;
            }
            buffer.truncate(len);
            Some((Elements::Bytes(buffer), reader))
        });
        Self::from_end(StreamEnd::from_rust(bytes))
    }

    /// A writer, and the stream of the bytes that are written to it. Shutting the writer down, or
    /// dropping it, ends the stream. Up to 64 KiB are buffered; a write beyond that waits until the
    /// component has read. Writing fails once the stream has been dropped.
    pub fn pair() -> (impl AsyncWrite + Send + Unpin + use<>, Self) {
        let (writer, reader) = tokio::io::duplex(BYTES_AT_A_TIME);
        (writer, Self::from_reader(reader))
    }
}

impl<T: FromComponentValue> Stream for ComponentStream<T> {
    type Item = Result<T, CompositionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let value = ready!(self.poll_value(cx));
        let item = value.map(|value| T::from_value(value?).map_err(unexpected));
        Poll::Ready(item)
    }
}

impl AsyncRead for ComponentStream<u8> {
    /// Reads bytes. A lost writer is an error of kind [`io::ErrorKind::Other`] with the
    /// [`CompositionError`] inside.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while buf.remaining() > 0 {
            if let Taken::Bytes { bytes, read } = &mut self.taken
                && *read < bytes.len()
            {
                let len = buf.remaining().min(bytes.len() - *read);
                buf.put_slice(&bytes[*read..*read + len]);
                *read += len;
                break;
            }
            let most = buf.remaining().max(BYTES_AT_A_TIME);
            if !ready!(self.poll_take(cx, most)).map_err(io::Error::other)? {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: ComponentType + 'static> ComponentType for ComponentStream<T> {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        match ty {
            ValueType::Stream(payload) => side::<T>(payload.as_deref(), "element"),
            _ => shape::<Self, _>(ty),
        }
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        Ok(ValueType::Stream(describe_side::<T>(types)?.map(Into::into)))
    }
}

impl<T: ComponentType + 'static> IntoComponentValue for ComponentStream<T> {
    fn into_value(self) -> Value {
        Value::Handle(Handle::Stream(self.into_end()))
    }
}

impl<T: ComponentType + 'static> FromComponentValue for ComponentStream<T> {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        match value {
            Value::Handle(Handle::Stream(end)) => Ok(Self::from_end(end)),
            other => Err(Unexpected::new::<Self>(&other)),
        }
    }
}

impl<T> fmt::Debug for ComponentStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ComponentStream(..)")
    }
}

/// The reading end of a component model `future<T>`.
///
/// A future that a component returned is a [`Future`]; if its writer is lost, the error is
/// [`CompositionError::Stream`]. The value stays in its component until the future is polled.
/// Dropping the future before that tells the writer. A future to pass to a component is made from a
/// Rust future by [`new`](Self::new); the component's task polls it when the component reads it.
/// `T` is `()` for a future without a type.
pub struct ComponentFuture<T> {
    end: StreamEnd,
    types: PhantomData<fn() -> T>,
}

impl<T: IntoComponentValue + Send + 'static> ComponentFuture<T> {
    /// A future with the value that `future` resolves to.
    pub fn new(future: impl Future<Output = T> + Send + 'static) -> Self {
        let value = stream::once(async { into_elements(vec![future.await]) });
        Self::from_end(StreamEnd::from_rust(value))
    }
}

impl<T> ComponentFuture<T> {
    pub(crate) fn from_end(end: StreamEnd) -> Self {
        Self { end, types: PhantomData }
    }

    pub(crate) fn into_end(self) -> StreamEnd {
        self.end
    }

    /// Waits for the value.
    pub(crate) fn poll_value(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Value, CompositionError>> {
        let value = ready!(self.end.poll_read(cx, 1))?;
        let value = value.and_then(|elements| Taken::new(elements).next());
        // A future has one value; polling it again is a mistake, as with any Rust future.
        let value = value.ok_or_else(|| Unexpected("the future has given its value".to_owned()));
        Poll::Ready(value.map_err(unexpected))
    }
}

impl<T: FromComponentValue> Future for ComponentFuture<T> {
    type Output = Result<T, CompositionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = ready!(self.poll_value(cx))?;
        Poll::Ready(T::from_value(value).map_err(unexpected))
    }
}

impl<T: ComponentType + 'static> ComponentType for ComponentFuture<T> {
    fn check(ty: &ValueType) -> Result<(), TypeDifference> {
        match ty {
            ValueType::Future(payload) => side::<T>(payload.as_deref(), "value"),
            _ => shape::<Self, _>(ty),
        }
    }

    fn describe(types: &HostTypes) -> Result<ValueType, Unexpected> {
        Ok(ValueType::Future(describe_side::<T>(types)?.map(Into::into)))
    }
}

impl<T: ComponentType + 'static> IntoComponentValue for ComponentFuture<T> {
    fn into_value(self) -> Value {
        Value::Handle(Handle::Stream(self.into_end()))
    }
}

impl<T: ComponentType + 'static> FromComponentValue for ComponentFuture<T> {
    fn from_value(value: Value) -> Result<Self, Unexpected> {
        match value {
            Value::Handle(Handle::Stream(end)) => Ok(Self::from_end(end)),
            other => Err(Unexpected::new::<Self>(&other)),
        }
    }
}

impl<T> fmt::Debug for ComponentFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ComponentFuture(..)")
    }
}

fn into_elements<T: IntoComponentValue + 'static>(items: Vec<T>) -> Elements {
    if T::IS_UNIT {
        return Elements::Units(items.len());
    }
    match T::list_into_value(items) {
        Value::Bytes(bytes) => Elements::Bytes(bytes),
        list => match unpack(list) {
            Ok(values) => Elements::Values(values),
            Err(other) => Elements::Values(vec![other]),
        },
    }
}

fn unexpected(Unexpected(problem): Unexpected) -> CompositionError {
    CompositionError::Conversion { function: "a stream".to_owned(), problem }
}
