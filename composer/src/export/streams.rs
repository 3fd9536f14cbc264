//! Streams and futures as `Val`s, for dynamic calls.
//!
//! A stream of `Val`s has no type until it is passed to a function, whose parameter gives it one:
//! elements are checked as they are read, and the first that does not fit ends the stream with an
//! error. A stream of a Rust type, or one that a function returned, has a type, which is compared
//! when it is passed.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use wasm_runtime_composer_values::Stored;
use wasmtime::component::Val;

use super::caller::CallerSide;
use super::held::{HeldHandles, to_val};
use super::held_streams::{
    HeldStreams, ReturnedStream, StreamKind, StreamSource, key_of, key_of_val,
};
use crate::error::{CompositionError, HandleError, TypeDifference};
use crate::typed::{
    ComponentFuture, ComponentStream, ComponentType, FromComponentValue, IntoComponentValue,
};
use crate::types::ValueType;
use crate::value::handle::StreamBroken;
use crate::value::{Elements, HandleFault, HandleType, StreamEnd, Value, from_val};

/// The most elements of a stream of `Val`s that are converted at a time.
const AT_A_TIME: usize = 256;

impl HeldStreams {
    /// Adds a stream or a future of the given `Val`s.
    pub(crate) fn hold_vals(
        &self,
        kind: StreamKind,
        vals: BoxStream<'static, Val>,
    ) -> Result<Val, HandleError> {
        self.hold(kind, StreamSource::Vals(vals))
    }

    /// Adds a stream of a Rust type.
    pub(crate) fn hold_typed<T: IntoComponentValue + 'static>(
        &self,
        stream: ComponentStream<T>,
    ) -> Result<Val, HandleError> {
        let check = <ComponentStream<T> as ComponentType>::check;
        self.hold(StreamKind::Stream, StreamSource::Typed { end: stream.into_end(), check })
    }

    fn hold(&self, kind: StreamKind, source: StreamSource) -> Result<Val, HandleError> {
        Ok(match self.insert(kind, source)? {
            Stored::Stream(stream) => Val::Stream(stream),
            Stored::Future(future) => Val::Future(future),
            Stored::Resource(_) => return Err(HandleError::Internal),
        })
    }

    /// Removes and returns a stream that a function has returned.
    pub(crate) fn take_stream(&self, val: &Val) -> Result<ValStream, HandleError> {
        let Val::Stream(_) = val else { return Err(no_stream("a stream", val)) };
        let ReturnedStream { end, payload, side } = self.take_returned(val)?;
        Ok(ValStream { stream: ComponentStream::from_end(end), payload, side })
    }

    /// Removes and returns a future that a function has returned.
    pub(crate) fn take_future(&self, val: &Val) -> Result<ValFuture, HandleError> {
        let Val::Future(_) = val else { return Err(no_stream("a future", val)) };
        let ReturnedStream { end, payload, side } = self.take_returned(val)?;
        Ok(ValFuture { future: ComponentFuture::from_end(end), payload, side })
    }

    fn take_returned(&self, val: &Val) -> Result<ReturnedStream, HandleError> {
        let key = key_of_val(val).ok_or(HandleError::Internal)?;
        match self.remove(&key)? {
            StreamSource::ReturnedStream(returned) => {
                key.0.retire();
                Ok(returned)
            }
            // Streams made in Rust can be passed to components, but not taken back.
            made => {
                self.put_back(key, made);
                Err(HandleError::MadeInRust)
            }
        }
    }
}

fn no_stream(expected: &'static str, found: &Val) -> HandleError {
    let found = match found {
        Val::Stream(_) => "a stream",
        Val::Future(_) => "a future",
        Val::Resource(_) => "a resource",
        _ => "a value that is no handle",
    };
    HandleError::NoStream { expected, found }
}

/// A stream that a component returned to a dynamic call, taken by [`Composition::take_stream`](crate::Composition::take_stream).
///
/// A [`Stream`] of results, whose elements are `Val`s, or empty tuples if the stream has no element
/// type. It behaves as [`ComponentStream`] does. Handles in elements belong to the composition's
/// callers, as those in results do.
pub struct ValStream {
    /// The type parameter is not used: elements are read as values.
    stream: ComponentStream<()>,
    payload: Option<ValueType>,
    side: Arc<CallerSide>,
}

impl ValStream {
    /// The type of the elements, if they have one.
    pub fn payload(&self) -> Option<&ValueType> {
        self.payload.as_ref()
    }

    /// This stream with a Rust type for its elements. `u8` for bytes avoids reading them one by
    /// one.
    ///
    /// # Errors
    ///
    /// The first difference between the types.
    pub fn typed<T: FromComponentValue + 'static>(
        self,
    ) -> Result<ComponentStream<T>, TypeDifference> {
        <ComponentStream<T> as ComponentType>::check(&stream_type(self.payload.as_ref()))?;
        let end = self.stream.into_end();
        Ok(ComponentStream::from_end(hand_out(&self.side, self.payload.as_ref(), end)))
    }
}

impl Stream for ValStream {
    type Item = Result<Val, CompositionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let value = ready!(self.stream.poll_value(cx));
        Poll::Ready(value.map(|value| element(&self.side, self.payload.as_ref(), value?)))
    }
}

impl fmt::Debug for ValStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValStream({})", stream_type(self.payload.as_ref()))
    }
}

/// A future that a component returned to a dynamic call, taken by [`Composition::take_future`](crate::Composition::take_future).
///
/// It resolves to a `Val`, or to an empty tuple if the future has no type. It behaves as
/// [`ComponentFuture`] does.
pub struct ValFuture {
    /// The type parameter is not used: the result is read as a value.
    future: ComponentFuture<()>,
    payload: Option<ValueType>,
    side: Arc<CallerSide>,
}

impl ValFuture {
    /// The type of the value that it resolves to, if it has one.
    pub fn payload(&self) -> Option<&ValueType> {
        self.payload.as_ref()
    }

    /// This future with a Rust type for its value.
    ///
    /// # Errors
    ///
    /// The first difference between the types.
    pub fn typed<T: FromComponentValue + 'static>(
        self,
    ) -> Result<ComponentFuture<T>, TypeDifference> {
        <ComponentFuture<T> as ComponentType>::check(&future_type(self.payload.as_ref()))?;
        let end = self.future.into_end();
        Ok(ComponentFuture::from_end(hand_out(&self.side, self.payload.as_ref(), end)))
    }
}

impl Future for ValFuture {
    type Output = Result<Val, CompositionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = ready!(self.future.poll_value(cx))?;
        Poll::Ready(element(&self.side, self.payload.as_ref(), value))
    }
}

impl fmt::Debug for ValFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValFuture({})", future_type(self.payload.as_ref()))
    }
}

fn stream_type(payload: Option<&ValueType>) -> ValueType {
    ValueType::Stream(payload.cloned().map(Arc::new))
}

fn future_type(payload: Option<&ValueType>) -> ValueType {
    ValueType::Future(payload.cloned().map(Arc::new))
}

/// Converts an element of a stream that a function has returned, for its caller.
fn element(
    side: &Arc<CallerSide>,
    payload: Option<&ValueType>,
    value: Value,
) -> Result<Val, CompositionError> {
    match payload {
        Some(ty) => to_val(side, ty, value),
        None => Ok(Val::Tuple(Vec::new())),
    }
}

/// Makes the handles in a stream that a function has returned those of Rust types.
fn hand_out(side: &Arc<CallerSide>, payload: Option<&ValueType>, end: StreamEnd) -> StreamEnd {
    side.with_elements(payload, end, CallerSide::pass_out)
}

impl HeldHandles<'_> {
    /// Checks whether a stream can be passed where `ty` stands.
    pub(super) fn check_stream(
        &self,
        ty: HandleType<'_>,
        stored: &Stored,
    ) -> Result<(), HandleFault> {
        let (ty, payload) = match (ty, stored) {
            (HandleType::Stream(payload), Stored::Stream(_)) => (stream_type(payload), payload),
            (HandleType::Future(payload), Stored::Future(_)) => (future_type(payload), payload),
            _ => return Err(HandleError::NotHeld.into()),
        };
        let key = key_of(stored).ok_or(HandleError::NotHeld)?;
        let of = match self.side.gate.streams.lock().sources.get(&key) {
            None => return Err(HandleError::NotHeld.into()),
            Some(StreamSource::Vals(_)) => return Ok(()),
            Some(StreamSource::Typed { check, .. }) => Of::Rust(*check),
            Some(StreamSource::ReturnedStream(returned)) => Of::Payload(returned.payload.clone()),
        };
        // The check of a Rust type may be the application's code, so it runs outside the lock.
        let found = match of {
            Of::Rust(check) => match check(&ty) {
                Ok(()) => return Ok(()),
                Err(difference) => format!("a stream of Rust's `{}`", difference.rust()),
            },
            Of::Payload(found) => {
                // Resources are numbers of their own component here. Whether they are the same is
                // checked for each handle that arrives.
                let anonymous = |ty: &ValueType| ty.renumber(&mut |_| 0);
                if found.as_ref().map(anonymous) == payload.map(anonymous) {
                    return Ok(());
                }
                match stored {
                    Stored::Future(_) => future_type(found.as_ref()),
                    _ => stream_type(found.as_ref()),
                }
                .to_string()
            }
        };
        Err(HandleFault::Type { expected: ty.to_string(), found })
    }

    /// Takes a stream that is to be passed where `ty` stands.
    pub(super) fn take_stream(
        &self,
        ty: HandleType<'_>,
        stored: &Stored,
    ) -> Result<StreamEnd, HandleFault> {
        let key = key_of(stored).ok_or(HandleError::NotHeld)?;
        let source = self.side.gate.streams.remove(&key)?;
        key.0.retire();
        Ok(received(self.side, ty, source)?)
    }

    /// Adds a stream that was returned to the caller's table.
    pub(super) fn give_stream(
        &self,
        ty: HandleType<'_>,
        end: StreamEnd,
    ) -> Result<Stored, HandleFault> {
        let (kind, payload) = match ty {
            HandleType::Stream(payload) => (StreamKind::Stream, payload),
            HandleType::Future(payload) => (StreamKind::Future, payload),
            HandleType::Own(_) | HandleType::Borrow(_) => return Err(HandleError::Internal.into()),
        };
        let returned = ReturnedStream { end, payload: payload.cloned(), side: self.side.clone() };
        Ok(self.side.gate.streams.insert(kind, StreamSource::ReturnedStream(returned))?)
    }
}

/// How the type of a stream's elements is known.
enum Of {
    Rust(fn(&ValueType) -> Result<(), TypeDifference>),
    Payload(Option<ValueType>),
}

/// A stream that was passed to a function where `ty` stands.
pub(super) fn received(
    side: &Arc<CallerSide>,
    ty: HandleType<'_>,
    source: StreamSource,
) -> Result<StreamEnd, HandleError> {
    let (HandleType::Stream(payload) | HandleType::Future(payload)) = ty else {
        return Err(HandleError::Internal);
    };
    Ok(match source {
        StreamSource::Vals(vals) => of_vals(side, payload, vals),
        StreamSource::Typed { end, .. } => side.with_elements(payload, end, CallerSide::pass_in),
        StreamSource::ReturnedStream(ReturnedStream { end, .. }) => {
            side.with_elements(payload, end, CallerSide::pass_on)
        }
    })
}

/// A stream for a function, made from `Val`s.
fn of_vals(
    side: &Arc<CallerSide>,
    payload: Option<&ValueType>,
    vals: BoxStream<'static, Val>,
) -> StreamEnd {
    let (side, payload) = (side.clone(), payload.cloned());
    let mut taken = 0;
    StreamEnd::from_fallible(vals.ready_chunks(AT_A_TIME).map(move |vals| {
        let elements = elements_of(&side, payload.as_ref(), taken, &vals);
        taken += vals.len();
        elements
    }))
}

/// Converts a batch of elements, of which the first has the index `first` in the stream.
fn elements_of(
    side: &Arc<CallerSide>,
    payload: Option<&ValueType>,
    first: usize,
    vals: &[Val],
) -> Result<Elements, StreamBroken> {
    let unit = ValueType::Tuple([].into());
    let mut handles = HeldHandles::new(side);
    let mut values = Vec::with_capacity(vals.len());
    for (index, val) in (first..).zip(vals) {
        let value = from_val(payload.unwrap_or(&unit), val, &mut handles);
        values
            .push(value.map_err(|error| {
                error.in_argument(&side.function(), format!("element {index}"))
            })?);
    }
    Ok(match payload {
        None => Elements::Units(values.len()),
        Some(ValueType::U8) => Elements::Bytes(
            values
                .into_iter()
                .filter_map(|value| if let Value::U8(byte) = value { Some(byte) } else { None })
                .collect(),
        ),
        Some(_) => Elements::Values(values),
    })
}
