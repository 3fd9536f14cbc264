//! The reading ends of streams and futures outside of stores.
//!
//! A [`StreamEnd`] is the same for streams that guests write and for those that Rust provides. When
//! it changes sides (from a store to a caller in Rust, through a layer, into another store), the
//! handles in its elements have to be exchanged, although the elements do not exist yet. So each
//! change of sides adds a step, which every element passes when it is read.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use std::sync::Arc;
use std::sync::Mutex;
use std::task::{Context, Poll, ready};

use futures_util::{Stream, StreamExt};

#[cfg(all(feature = "codec", feature = "component-model-async"))]
use super::pipe::ReadEnd;
use crate::error::{ArgumentError, CompositionError, HandleError, StreamLost};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
use crate::pending::Watched;
use crate::sync::unshared;
use wasm_runtime_composer_values::{Elements, Value};

/// The reading end of a stream or of a future, wherever it is. Dropping it tells the writer that no
/// more is read.
#[doc(hidden)]
#[expect(unnameable_types, reason = "a hidden type speaks of it")]
pub struct StreamEnd<H> {
    source: Origin<H>,
    /// Elements that were taken from the source and put back, each batch with the number of steps
    /// that it has passed.
    rest: VecDeque<(Elements<H>, usize)>,
    /// What elements pass when they are read: a step for each change of sides.
    steps: Vec<Step<H>>,
}

/// Exchanges the handles in an element when it changes sides. The lock is never contended; it makes
/// the closure `Sync`.
type Step<H> = Mutex<Box<dyn FnMut(&mut Value<H>) -> Result<(), HandleError> + Send>>;

/// Why elements cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum StreamBroken {
    #[error(transparent)]
    Lost(#[from] StreamLost),
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// A caller in Rust provided an element that is not of the stream's type.
    #[error(transparent)]
    Argument(#[from] ArgumentError),
}

impl From<StreamBroken> for CompositionError {
    fn from(broken: StreamBroken) -> Self {
        match broken {
            StreamBroken::Lost(lost) => lost.into(),
            StreamBroken::Handle(error) => error.into(),
            StreamBroken::Argument(error) => error.into(),
        }
    }
}

enum Origin<H> {
    /// A guest writes it.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    Pipe(ReadEnd<H>),
    /// Rust provides it. The lock is never contended; it makes the stream `Sync`.
    Rust(Mutex<RustStream<H>>),
}

impl<H> Origin<H> {
    /// Waits for elements, up to `most` of them if a guest writes them; `None` at the end.
    fn poll_take(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Elements<H>>, StreamBroken>> {
        match self {
            #[cfg(all(feature = "codec", feature = "component-model-async"))]
            Self::Pipe(pipe) => pipe.poll_take(cx, most).map_err(Into::into),
            Self::Rust(stream) => {
                #[cfg(not(all(feature = "codec", feature = "component-model-async")))]
                let _ = most;
                let stream = unshared(stream);
                stream.as_mut().poll_next(cx).map(Option::transpose)
            }
        }
    }

    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    fn is_pipe(&self) -> bool {
        matches!(self, Self::Pipe(_))
    }
}

type RustStream<H> = Pin<Box<dyn Stream<Item = Result<Elements<H>, StreamBroken>> + Send>>;

impl<H: 'static> StreamEnd<H> {
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) fn from_guest(pipe: ReadEnd<H>) -> Self {
        Self { source: Origin::Pipe(pipe), rest: VecDeque::new(), steps: Vec::new() }
    }

    /// The reading end of a stream in Rust.
    pub(crate) fn from_rust(stream: impl Stream<Item = Elements<H>> + Send + 'static) -> Self {
        Self::from_fallible(stream.map(Ok))
    }

    /// The reading end of a stream in Rust, which ends with its first error.
    pub(crate) fn from_fallible(
        stream: impl Stream<Item = Result<Elements<H>, StreamBroken>> + Send + 'static,
    ) -> Self {
        let source = Origin::Rust(Mutex::new(Box::pin(stream)));
        Self { source, rest: VecDeque::new(), steps: Vec::new() }
    }

    /// Makes every element pass `step` from now on.
    pub(crate) fn through(
        &mut self,
        step: impl FnMut(&mut Value<H>) -> Result<(), HandleError> + Send + 'static,
    ) {
        self.steps.push(Mutex::new(Box::new(step)));
    }

    /// Puts back elements that were read, to be read again first.
    pub(crate) fn unread(&mut self, elements: Elements<H>) {
        if !elements.is_empty() {
            self.rest.push_front((elements, self.steps.len()));
        }
    }

    /// Waits for up to `most` elements; `None` at the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Elements<H>>, StreamBroken>> {
        loop {
            if let Some((mut elements, passed)) = self.rest.pop_front() {
                let rest = elements.split_off(most);
                if !rest.is_empty() {
                    self.rest.push_front((rest, passed));
                }
                if !elements.is_empty() {
                    self.pass(passed, &mut elements)?;
                    return Poll::Ready(Ok(Some(elements)));
                }
            }
            let taken = ready!(self.source.poll_take(cx, most))?;
            match taken {
                Some(elements) => self.rest.push_back((elements, 0)),
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Waits until there are elements; `false` at the end. If a guest writes them, they are not
    /// taken from it yet.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) fn poll_readable(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<bool, StreamBroken>> {
        loop {
            if self.rest.iter().any(|(elements, _)| !elements.is_empty()) {
                return Poll::Ready(Ok(true));
            }
            match ready!(self.source.poll_take(cx, 0))? {
                Some(elements) if elements.is_empty() && self.source.is_pipe() => {
                    return Poll::Ready(Ok(true));
                }
                Some(elements) => self.rest.push_back((elements, 0)),
                None => return Poll::Ready(Ok(false)),
            }
        }
    }

    /// Notes the store that has this end, if a store has it.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) fn held_by(&self, store: Option<&Arc<Watched>>) {
        if let Origin::Pipe(pipe) = &self.source {
            pipe.held_by(store);
        }
    }

    /// Cancels a wait. Returns `false` if elements or the end are on their way; the reader is still
    /// woken then.
    #[cfg(all(feature = "codec", feature = "component-model-async"))]
    pub(crate) fn withdraw(&self) -> bool {
        match &self.source {
            Origin::Pipe(pipe) => pipe.withdraw(),
            Origin::Rust(_) => true,
        }
    }

    /// Makes elements pass all steps after the first `passed`.
    fn pass(&mut self, passed: usize, elements: &mut Elements<H>) -> Result<(), HandleError> {
        let Elements::Values(values) = elements else { return Ok(()) };
        for step in self.steps.iter_mut().skip(passed) {
            let step = unshared(step);
            values.iter_mut().try_for_each(&mut *step)?;
        }
        Ok(())
    }
}

impl<H> fmt::Debug for StreamEnd<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamEnd(..)")
    }
}
