//! Streams and futures as `Val`s, for dynamic calls of a composition.

use futures_util::{Stream, StreamExt, stream};
use wasmtime::component::Val;

use super::composition::Composition;
use crate::error::CompositionError;
use crate::export::{StreamKind, ValFuture, ValStream};
use crate::typed::{ComponentStream, IntoComponentValue};

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
    /// [`CompositionError::Handle`], with [`HandleError::Closed`](crate::error::HandleError::Closed), if the composition was closed.
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
        Ok(self.shared.gate().streams.hold_vals(StreamKind::Stream, stream.boxed())?)
    }

    /// A stream as [`stream_val`](Self::stream_val) makes one, of a Rust type: of bytes, say, or what a
    /// typed function has returned. It can be passed where its type fits.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Handle`], with [`HandleError::Closed`](crate::error::HandleError::Closed), if the composition was closed.
    pub fn typed_stream_val<T: IntoComponentValue + 'static>(
        &self,
        stream: ComponentStream<T>,
    ) -> Result<Val, CompositionError> {
        Ok(self.shared.gate().streams.hold_typed(stream)?)
    }

    /// A future to pass to one of this composition's functions as a `Val`, like
    /// [`stream_val`](Self::stream_val).
    ///
    /// # Errors
    ///
    /// [`CompositionError::Handle`], with [`HandleError::Closed`](crate::error::HandleError::Closed), if the composition was closed.
    pub fn future_val(
        &self,
        future: impl Future<Output = Val> + Send + 'static,
    ) -> Result<Val, CompositionError> {
        Ok(self
            .shared
            .gate()
            .streams
            .hold_vals(StreamKind::Future, stream::once(future).boxed())?)
    }

    /// Takes a stream out of a result, to read it. One that is neither taken nor passed on to another
    /// function ends with the composition, or with [`drop_handles`](Self::drop_handles).
    ///
    /// # Errors
    ///
    /// [`CompositionError::Handle`] if `val` is not a stream that a function of this composition has
    /// returned, or was taken or passed on before.
    pub fn take_stream(&self, val: &Val) -> Result<ValStream, CompositionError> {
        Ok(self.shared.gate().streams.take_stream(val)?)
    }

    /// Takes a future out of a result, to wait for it, like [`take_stream`](Self::take_stream).
    ///
    /// # Errors
    ///
    /// [`CompositionError::Handle`] if `val` is not a future that a function of this composition has
    /// returned, or was taken or passed on before.
    pub fn take_future(&self, val: &Val) -> Result<ValFuture, CompositionError> {
        Ok(self.shared.gate().streams.take_future(val)?)
    }
}
