//! Streams and futures outside of stores.
//!
//! What a guest writes stays in its store until it is wanted: a reader that waits says so, and then the
//! writer's store hands over as many as it has, up to that number and to the size of a batch. So nothing
//! is taken that nobody waits for, and a future that nobody reads stays unread.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures_util::Stream;

#[cfg(all(feature = "codec", feature = "component-model-async"))]
use super::Counted;
use super::lock;
use crate::error::{HandleError, StreamLost};
use crate::value::{Elements, Value};

/// The reading end of a stream or of a future, wherever it is. Dropping it tells the writer.
#[doc(hidden)]
#[expect(unnameable_types, reason = "a hidden type speaks of it")]
pub struct StreamEnd {
    source: Source,
    /// What was taken from the source and not read, with how many steps it has passed.
    rest: VecDeque<(Elements, usize)>,
    /// What becomes of the elements where they change sides: one step for each time.
    steps: Vec<Step>,
}

/// Turns handles in elements from those of one side into those of another. Nobody shares it; the lock
/// makes it so for the compiler too.
type Step = Mutex<Box<dyn FnMut(&mut Value) -> Result<(), HandleError> + Send>>;

/// Why elements cannot be read.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Broken {
    #[error(transparent)]
    Lost(#[from] StreamLost),
    #[error(transparent)]
    Handle(#[from] HandleError),
}

enum Source {
    /// A guest writes it.
    Pipe(ReadEnd),
    /// A caller in Rust gives it. Nobody shares it; the lock makes it so for the compiler too.
    Rust(Mutex<RustStream>),
}

type RustStream = Pin<Box<dyn Stream<Item = Elements> + Send>>;

impl StreamEnd {
    /// A stream of what `stream` gives.
    pub(crate) fn of_rust(stream: impl Stream<Item = Elements> + Send + 'static) -> Self {
        let source = Source::Rust(Mutex::new(Box::pin(stream)));
        Self { source, rest: VecDeque::new(), steps: Vec::new() }
    }

    /// Has every element pass through `step` from now on.
    pub(crate) fn through(
        &mut self,
        step: impl FnMut(&mut Value) -> Result<(), HandleError> + Send + 'static,
    ) {
        self.steps.push(Mutex::new(Box::new(step)));
    }

    /// Puts elements back that were read.
    pub(crate) fn unread(&mut self, elements: Elements) {
        if !elements.is_empty() {
            self.rest.push_front((elements, self.steps.len()));
        }
    }

    /// Waits for elements, up to `most` of them; `None` at the end.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Elements>, Broken>> {
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
            let taken = match &mut self.source {
                Source::Pipe(pipe) => ready!(pipe.poll_take(cx, most))?,
                Source::Rust(stream) => {
                    let stream = stream.get_mut().unwrap_or_else(PoisonError::into_inner);
                    ready!(stream.as_mut().poll_next(cx))
                }
            };
            match taken {
                Some(elements) => self.rest.push_back((elements, 0)),
                None => return Poll::Ready(Ok(None)),
            }
        }
    }

    /// Has elements take all steps but the first `passed`.
    fn pass(&mut self, passed: usize, elements: &mut Elements) -> Result<(), HandleError> {
        let Elements::Values(values) = elements else { return Ok(()) };
        for step in self.steps.iter_mut().skip(passed) {
            let step = step.get_mut().unwrap_or_else(PoisonError::into_inner);
            values.iter_mut().try_for_each(&mut *step)?;
        }
        Ok(())
    }
}

impl fmt::Debug for StreamEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamEnd(..)")
    }
}

#[derive(Default)]
struct Pipe {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was handed over and not taken.
    elements: Option<Elements>,
    /// How many more the reader waits for.
    wanted: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    reader_gone: bool,
    end: Option<Result<(), StreamLost>>,
}

/// The writing end of a pipe.
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) struct WriteEnd {
    pipe: Arc<Pipe>,
    /// What keeps the writer's component in use.
    _uses: Counted,
}

struct ReadEnd(Arc<Pipe>);

/// A pipe that `uses` counts as long as its writing end is there.
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub(crate) fn pipe(uses: Counted) -> (WriteEnd, StreamEnd) {
    let pipe = Arc::new(Pipe::default());
    let source = Source::Pipe(ReadEnd(pipe.clone()));
    let end = StreamEnd { source, rest: VecDeque::new(), steps: Vec::new() };
    (WriteEnd { pipe, _uses: uses }, end)
}

#[cfg(all(feature = "codec", feature = "component-model-async"))]
impl WriteEnd {
    /// Waits until elements are wanted, and says how many; `None` if they never will be.
    pub(crate) fn poll_wanted(&self, cx: &Context<'_>) -> Poll<Option<usize>> {
        let mut state = lock(&self.pipe.state);
        if state.reader_gone {
            return Poll::Ready(None);
        }
        if state.wanted > 0 && state.elements.is_none() {
            return Poll::Ready(Some(state.wanted));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Hands elements over.
    pub(crate) fn put(&self, elements: Elements) {
        let mut state = lock(&self.pipe.state);
        if state.reader_gone {
            // Elements are not dropped under the lock.
            drop(state);
            return;
        }
        state.elements = Some(elements);
        state.wanted = 0;
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// Says that nothing more will come: the writer has ended the stream, or it is lost.
    pub(crate) fn end(&self, end: Result<(), StreamLost>) {
        let mut state = lock(&self.pipe.state);
        state.end.get_or_insert(end);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }
}

impl ReadEnd {
    fn poll_take(
        &self,
        cx: &Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Elements>, StreamLost>> {
        let mut state = lock(&self.0.state);
        if let Some(elements) = state.elements.take() {
            return Poll::Ready(Ok(Some(elements)));
        }
        if let Some(end) = &state.end {
            return Poll::Ready(end.clone().map(|()| None));
        }
        state.wanted = most;
        state.reader = Some(cx.waker().clone());
        let writer = state.writer.take();
        drop(state);
        wake(writer);
        Poll::Pending
    }
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.reader_gone = true;
        let (elements, writer) = (state.elements.take(), state.writer.take());
        drop(state);
        drop(elements);
        wake(writer);
    }
}

fn wake(waiting: Option<Waker>) {
    if let Some(waiting) = waiting {
        waiting.wake();
    }
}
