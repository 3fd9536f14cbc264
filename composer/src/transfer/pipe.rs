//! What a guest writes, on its way to who reads it.
//!
//! It stays in the writer's store until it is wanted: a reader that waits says how much it would take, and
//! then the writer's store hands over as many elements as it has, up to that number and to the size of a
//! batch. So nothing is taken that nobody waits for, and a future that nobody reads stays unread.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::{Counted, StreamEnd, lock};
use crate::error::StreamLost;
use crate::value::Elements;

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
pub(crate) struct WriteEnd {
    pipe: Arc<Pipe>,
    /// What keeps the writer's component in use.
    _uses: Counted,
}

/// The reading end of a pipe.
pub(super) struct ReadEnd(Arc<Pipe>);

/// A pipe that `uses` counts as long as its writing end is there.
pub(crate) fn pipe(uses: Counted) -> (WriteEnd, StreamEnd) {
    let pipe = Arc::new(Pipe::default());
    let end = StreamEnd::of_guest(ReadEnd(pipe.clone()));
    (WriteEnd { pipe, _uses: uses }, end)
}

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
    /// Waits for elements, up to `most` of them; `None` at the end.
    pub(super) fn poll_take(
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
