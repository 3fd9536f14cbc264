//! Streams and futures as `Val`s, for dynamic calls.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, stream};
use wasm_runtime_composer_values::Stored;
use wasmtime::component::Val;

use super::held::HeldHandles;
use super::{Inner, check_kind};
use crate::composition::Composition;
use crate::error::TypeDifference;
use crate::error::{CompositionError, HandleError};
use crate::transfer::{Broken, Key, StreamEnd, StreamName};
use crate::typed::{
    ComponentFuture, ComponentStream, ComponentType, FromComponentValue, IntoComponentValue,
};
use crate::types::ValueType;
use crate::value::{Elements, Faulty, Handle, HandleType, Value, from_val};

/// How many elements of a stream of `Val`s go over at a time, at most.
const AT_A_TIME: usize = 256;

impl Composition {
    /// A stream to pass to one of this composition's functions as a `Val`: once, as an argument or
    /// inside of one. It gives what `stream` gives, which is polled by the component's task whenever the
    /// component reads.
    ///
    /// Elements are of the type that the stream has where it is passed, an empty tuple for a stream
    /// without a type. One that is not is an error, [`CompositionError::Argument`], with which whoever
    /// reads it traps. Handles in elements move when they are read.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Handle`], with [`HandleError::Closed`], if the composition was closed.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use wasm_runtime_composer::{Composition, CompositionError};
    /// use futures_util::{StreamExt, stream};
    /// use wasmtime::component::Val;
    ///
    /// # async fn example(composition: Composition) -> Result<(), CompositionError> {
    /// let texts = stream::iter(["a", "b"]).map(|text| Val::String(text.to_owned()));
    /// let texts = composition.stream_val(texts)?;
    /// let mut results = [Val::Bool(false)];
    /// composition.get_func(None, "upper")?.call(&[texts], &mut results).await?;
    /// let mut upper = composition.take_stream(&results[0])?;
    /// while let Some(text) = upper.next().await {
    ///     println!("{:?}", text?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream_val(
        &self,
        stream: impl Stream<Item = Val> + Send + 'static,
    ) -> Result<Val, CompositionError> {
        self.hold(Kind::Stream, Source::Vals(stream.boxed()))
    }

    /// A stream as [`stream_val`](Self::stream_val) makes one, of a Rust type: of bytes, say, or what a
    /// typed function has returned. It can be passed where its type fits.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Handle`], with [`HandleError::Closed`], if the composition was closed.
    pub fn typed_stream_val<T: IntoComponentValue + 'static>(
        &self,
        stream: ComponentStream<T>,
    ) -> Result<Val, CompositionError> {
        let check = <ComponentStream<T> as ComponentType>::check;
        self.hold(Kind::Stream, Source::Typed { end: stream.into_end(), check })
    }

    /// A future to pass to one of this composition's functions as a `Val`, like
    /// [`stream_val`](Self::stream_val).
    ///
    /// # Errors
    ///
    /// [`CompositionError::Handle`], with [`HandleError::Closed`], if the composition was closed.
    pub fn future_val(
        &self,
        future: impl Future<Output = Val> + Send + 'static,
    ) -> Result<Val, CompositionError> {
        self.hold(Kind::Future, Source::Vals(stream::once(future).boxed()))
    }

    fn hold(&self, kind: Kind, source: Source) -> Result<Val, CompositionError> {
        Ok(match self.shared.gate().streams.insert(kind, source)? {
            Stored::Stream(stream) => Val::Stream(stream),
            Stored::Future(future) => Val::Future(future),
            Stored::Resource(_) => return Err(HandleError::NotHeld.into()),
        })
    }

    /// Takes a stream out of a result, to read it. One that is neither taken nor passed on to another
    /// function ends with the composition, or with [`drop_handles`](Self::drop_handles).
    ///
    /// # Errors
    ///
    /// [`CompositionError::Handle`] if `val` is not a stream that a function of this composition has
    /// returned, or was taken or passed on before.
    pub fn take_stream(&self, val: &Val) -> Result<ValStream, CompositionError> {
        let Val::Stream(_) = val else { return Err(HandleError::NotHeld.into()) };
        let Returned { end, payload, func } = self.take_returned(val)?;
        Ok(ValStream { stream: ComponentStream::of(end), payload, func })
    }

    /// Takes a future out of a result, to wait for it, like [`take_stream`](Self::take_stream).
    ///
    /// # Errors
    ///
    /// [`CompositionError::Handle`] if `val` is not a future that a function of this composition has
    /// returned, or was taken or passed on before.
    pub fn take_future(&self, val: &Val) -> Result<ValFuture, CompositionError> {
        let Val::Future(_) = val else { return Err(HandleError::NotHeld.into()) };
        let Returned { end, payload, func } = self.take_returned(val)?;
        Ok(ValFuture { future: ComponentFuture::of(end), payload, func })
    }

    fn take_returned(&self, val: &Val) -> Result<Returned, HandleError> {
        let streams = &self.shared.gate().streams;
        let key = key_of_val(val).ok_or(HandleError::NotHeld)?;
        match streams.remove(&key)? {
            Source::Returned(returned) => {
                key.0.retire();
                Ok(returned)
            }
            // What Rust made is not Rust's to read.
            made => {
                streams.put_back(key, made);
                Err(HandleError::NotHeld)
            }
        }
    }
}

/// A stream that a component returned to a dynamic call, taken by [`Composition::take_stream`].
///
/// A [`Stream`] of results, whose elements are `Val`s; an empty tuple where the stream has no type. It
/// behaves as [`ComponentStream`] does. Handles in elements are the composition's callers', as those in
/// results.
pub struct ValStream {
    /// Its type says nothing: elements are read as values.
    stream: ComponentStream<()>,
    payload: Option<ValueType>,
    func: Arc<Inner>,
}

impl ValStream {
    /// The type of the elements, if they have one.
    pub fn payload(&self) -> Option<&ValueType> {
        self.payload.as_ref()
    }

    /// The same stream of a Rust type: `u8` for bytes, which then are not read one by one.
    ///
    /// # Errors
    ///
    /// The first difference between the types.
    pub fn typed<T: FromComponentValue + 'static>(
        self,
    ) -> Result<ComponentStream<T>, TypeDifference> {
        <ComponentStream<T> as ComponentType>::check(&stream_type(self.payload.as_ref()))?;
        let end = self.stream.into_end();
        Ok(ComponentStream::of(hand_out(&self.func, self.payload.as_ref(), end)))
    }
}

impl Stream for ValStream {
    type Item = Result<Val, CompositionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let value = ready!(self.stream.poll_value(cx));
        Poll::Ready(value.map(|value| to_val(&self.func, self.payload.as_ref(), value?)))
    }
}

impl fmt::Debug for ValStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ValStream({})", stream_type(self.payload.as_ref()))
    }
}

/// A future that a component returned to a dynamic call, taken by [`Composition::take_future`].
///
/// It resolves to a `Val`; an empty tuple where the future has no type. It behaves as
/// [`ComponentFuture`] does.
pub struct ValFuture {
    /// Its type says nothing: what it resolves to is read as a value.
    future: ComponentFuture<()>,
    payload: Option<ValueType>,
    func: Arc<Inner>,
}

impl ValFuture {
    /// The type of what it resolves to, if there is one.
    pub fn payload(&self) -> Option<&ValueType> {
        self.payload.as_ref()
    }

    /// The same future of a Rust type.
    ///
    /// # Errors
    ///
    /// The first difference between the types.
    pub fn typed<T: FromComponentValue + 'static>(
        self,
    ) -> Result<ComponentFuture<T>, TypeDifference> {
        <ComponentFuture<T> as ComponentType>::check(&future_type(self.payload.as_ref()))?;
        let end = self.future.into_end();
        Ok(ComponentFuture::of(hand_out(&self.func, self.payload.as_ref(), end)))
    }
}

impl Future for ValFuture {
    type Output = Result<Val, CompositionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let value = ready!(self.future.poll_value(cx))?;
        Poll::Ready(to_val(&self.func, self.payload.as_ref(), value))
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

/// An element of a stream that `func` has returned, for its caller.
fn to_val(
    func: &Arc<Inner>,
    payload: Option<&ValueType>,
    value: Value,
) -> Result<Val, CompositionError> {
    match payload {
        Some(ty) => func.result(ty, value),
        None => Ok(Val::Tuple(Vec::new())),
    }
}

/// Has the handles in a stream that `func` has returned become those of Rust types.
fn hand_out(func: &Arc<Inner>, payload: Option<&ValueType>, end: StreamEnd) -> StreamEnd {
    func.with_elements(payload, end, Inner::pass_out)
}

/// The streams and futures that a composition's callers in Rust have as `Val`s.
#[derive(Clone, Default)]
pub(crate) struct HeldStreams(Arc<Mutex<Table>>);

#[derive(Default)]
pub(super) struct Table {
    pub(super) sources: HashMap<StreamKey, Source>,
    closed: bool,
}

/// A stream or a future as the caller knows it.
pub(super) type StreamKey = Key<StreamName>;

#[derive(Clone, Copy)]
enum Kind {
    Stream,
    Future,
}

/// Where the elements come from.
pub(super) enum Source {
    /// From Rust, as `Val`s of a type that is known where they go.
    Vals(BoxStream<'static, Val>),
    /// From Rust, of a type that is.
    Typed {
        end: StreamEnd,
        check: fn(&ValueType) -> Result<(), TypeDifference>,
    },
    Returned(Returned),
}

/// What a function has returned.
pub(super) struct Returned {
    end: StreamEnd,
    payload: Option<ValueType>,
    func: Arc<Inner>,
}

impl HeldStreams {
    /// No stream may be dropped under this lock: it can be one of Rust.
    pub(super) fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing runs under this lock that could leave it half-changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn insert(&self, kind: Kind, source: Source) -> Result<Stored, HandleError> {
        let mut table = self.lock();
        if table.closed {
            // Streams are not dropped under the lock.
            drop(table);
            return Err(HandleError::Closed);
        }
        let name = match kind {
            Kind::Stream => StreamName::stream(),
            Kind::Future => StreamName::future(),
        }?;
        table.sources.insert(Key(name.clone()), source);
        Ok(match name {
            StreamName::Stream(stream) => Stored::Stream(stream),
            StreamName::Future(future) => Stored::Future(future),
        })
    }

    fn put_back(&self, key: StreamKey, source: Source) {
        let mut table = self.lock();
        if !table.closed {
            table.sources.insert(key, source);
        }
    }

    fn remove(&self, key: &StreamKey) -> Result<Source, HandleError> {
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

fn key_of_val(val: &Val) -> Option<StreamKey> {
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

impl HeldHandles<'_> {
    /// Whether a stream can go where `ty` stands.
    pub(super) fn check_stream(&self, ty: HandleType<'_>, stored: &Stored) -> Result<(), Faulty> {
        let (ty, payload) = match (ty, stored) {
            (HandleType::Stream(payload), Stored::Stream(_)) => (stream_type(payload), payload),
            (HandleType::Future(payload), Stored::Future(_)) => (future_type(payload), payload),
            _ => return Err(HandleError::NotHeld.into()),
        };
        let key = key_of(stored).ok_or(HandleError::NotHeld)?;
        let of = match self.func.gate.streams.lock().sources.get(&key) {
            None => return Err(HandleError::NotHeld.into()),
            Some(Source::Vals(_)) => return Ok(()),
            Some(Source::Typed { check, .. }) => Of::Rust(*check),
            Some(Source::Returned(returned)) => Of::Payload(returned.payload.clone()),
        };
        // A Rust type looks at types with code of its own, which does not run under the lock.
        let found = match of {
            Of::Rust(check) => match check(&ty) {
                Ok(()) => return Ok(()),
                Err(difference) => format!("a stream of Rust's `{}`", difference.rust()),
            },
            Of::Payload(found) => {
                // Which resources they are is seen when they come.
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
        Err(Faulty::Type { expected: ty.to_string(), found })
    }

    /// Takes a stream that can go where `ty` stands.
    pub(super) fn take_stream(
        &self,
        ty: HandleType<'_>,
        stored: &Stored,
    ) -> Result<StreamEnd, Faulty> {
        let key = key_of(stored).ok_or(HandleError::NotHeld)?;
        let source = self.func.gate.streams.remove(&key)?;
        key.0.retire();
        Ok(received(self.func, ty, source)?)
    }

    /// Has a stream that was returned held by the caller.
    pub(super) fn give_stream(&self, ty: HandleType<'_>, end: StreamEnd) -> Result<Stored, Faulty> {
        let (kind, payload) = match ty {
            HandleType::Stream(payload) => (Kind::Stream, payload),
            HandleType::Future(payload) => (Kind::Future, payload),
            HandleType::Own(_) | HandleType::Borrow(_) => return Err(HandleError::NotHeld.into()),
        };
        let returned = Returned { end, payload: payload.cloned(), func: self.func.clone() };
        Ok(self.func.gate.streams.insert(kind, Source::Returned(returned))?)
    }
}

/// What the elements of a stream are told by.
enum Of {
    Rust(fn(&ValueType) -> Result<(), TypeDifference>),
    Payload(Option<ValueType>),
}

/// A stream that `func` is given where `ty` stands.
pub(super) fn received(
    func: &Arc<Inner>,
    ty: HandleType<'_>,
    source: Source,
) -> Result<StreamEnd, HandleError> {
    let (HandleType::Stream(payload) | HandleType::Future(payload)) = ty else {
        return Err(HandleError::NotHeld);
    };
    Ok(match source {
        Source::Vals(vals) => of_vals(func, payload, vals),
        Source::Typed { end, .. } => func.with_elements(payload, end, Inner::pass_in),
        Source::Returned(Returned { end, .. }) => func.with_elements(payload, end, Inner::pass_on),
    })
}

impl Inner {
    fn with_elements(
        self: &Arc<Self>,
        payload: Option<&ValueType>,
        end: StreamEnd,
        pass: fn(&Arc<Self>, HandleType<'_>, &mut Handle) -> Result<(), HandleError>,
    ) -> StreamEnd {
        let mut handle = Handle::Stream(end);
        // It is a stream.
        let _ = self.pass_elements(payload, &mut handle, pass);
        match handle {
            Handle::Stream(end) => end,
            _ => StreamEnd::of_rust(stream::empty()),
        }
    }

    /// Lets a handle that one function has returned pass to another.
    fn pass_on(
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

/// A stream for `func` of what `vals` gives.
fn of_vals(
    func: &Arc<Inner>,
    payload: Option<&ValueType>,
    vals: BoxStream<'static, Val>,
) -> StreamEnd {
    let (func, payload) = (func.clone(), payload.cloned());
    let mut taken = 0;
    StreamEnd::of_fallible(vals.ready_chunks(AT_A_TIME).map(move |vals| {
        let elements = elements_of(&func, payload.as_ref(), taken, &vals);
        taken += vals.len();
        elements
    }))
}

/// Elements of a stream, of which the first has the number `first`.
fn elements_of(
    func: &Arc<Inner>,
    payload: Option<&ValueType>,
    first: usize,
    vals: &[Val],
) -> Result<Elements, Broken> {
    let unit = ValueType::Tuple([].into());
    let mut handles = HeldHandles::new(func);
    let mut values = Vec::with_capacity(vals.len());
    for (index, val) in (first..).zip(vals) {
        let value = from_val(payload.unwrap_or(&unit), val, &mut handles);
        values
            .push(value.map_err(|error| {
                error.in_argument(&func.function(), format!("element {index}"))
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
