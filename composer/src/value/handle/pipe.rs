//! What a guest writes, on its way to who reads it.
//!
//! It stays in the writer's store until it is wanted: a reader that waits says how much it would take, and
//! then the writer's store hands over as many elements as it has, up to that number and to the size of a
//! batch. So nothing is taken that nobody waits for, and a future that nobody reads stays unread.

use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Waker};

use super::OpenStream;
use crate::error::StreamLost;
use crate::pending::{Bytes, PipeEnds, WaitingAt, Watched};
use crate::sync::lock;
use wasm_runtime_composer_values::Elements;

struct Pipe<H> {
    state: Mutex<PipeState<H>>,
}

struct PipeState<H> {
    /// What was handed over and not taken, and counts as that.
    elements: Option<(Elements<H>, Bytes)>,
    /// How many the reader waits for: with none, until there are some.
    wanted: Option<usize>,
    /// Whether the writer is about to hand some over.
    taking: bool,
    /// Whether a reader that waited until there are some is to hear that there are.
    offered: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    writing: Writing,
    reader_gone: bool,
    end: Option<Result<(), StreamLost>>,
    /// The stores that have the ends, where one has.
    stores: Stores,
}

/// Whether the writer waits for an answer to a write.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    No,
    /// Nobody has asked: what a guest writes to a future stays with it until it is wanted.
    Unknown,
    WaitGraph,
}

struct Stores {
    writer: Option<Arc<Watched>>,
    reader: Option<Arc<Watched>>,
}

impl<H: Send> PipeEnds for Pipe<H> {
    fn waiting(&self) -> Vec<WaitingAt> {
        let state = lock(&self.state);
        let Stores { writer, reader } = &state.stores;
        let at = |store: &Option<Arc<Watched>>, reads, other: Option<&Arc<Watched>>, certain| {
            store.clone().map(|store| WaitingAt { store, reads, other: other.cloned(), certain })
        };
        // Whoever is about to be told of it waits no more for the other.
        let is_over = state.end.is_some() || state.reader_gone;
        let is_moving = is_over || state.taking || state.offered || state.elements.is_some();
        let reader_waits = state.wanted.is_some() || is_moving && !state.reader_gone;
        let waits_for_reader = state.wanted.is_none() && !is_moving;
        let reads = at(reader, true, writer.as_ref().filter(|_| !is_moving), true);
        let certain = state.writing == Writing::WaitGraph;
        let writes = at(writer, false, reader.as_ref().filter(|_| waits_for_reader), certain);
        let reads = reads.filter(|_| reader_waits);
        let writes = writes.filter(|_| state.writing != Writing::No);
        reads.into_iter().chain(writes).collect()
    }
}

/// The writing end of a pipe.
pub(crate) struct WriteEnd<H> {
    pipe: Arc<Pipe<H>>,
    /// Counts it, and keeps the writer's component in use.
    _open: OpenStream,
}

/// The reading end of a pipe.
pub(crate) struct ReadEnd<H>(Arc<Pipe<H>>);

/// What the reader would have of the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// So many elements.
    UpTo(usize),
    /// Nothing any more: it is gone.
    Gone,
}

/// A pipe that `open` counts as long as its writing end, which `writer` has, is there.
pub(crate) fn pipe<H: Send + 'static>(
    open: OpenStream,
    writer: &Arc<Watched>,
) -> (WriteEnd<H>, ReadEnd<H>) {
    let state = PipeState {
        elements: None,
        wanted: None,
        taking: false,
        offered: false,
        reader: None,
        writer: None,
        writing: Writing::No,
        reader_gone: false,
        end: None,
        stores: Stores { writer: Some(writer.clone()), reader: None },
    };
    let pipe = Arc::new(Pipe { state: Mutex::new(state) });
    let both: Weak<Pipe<H>> = Arc::downgrade(&pipe);
    writer.watch(both);
    (WriteEnd { pipe: pipe.clone(), _open: open }, ReadEnd(pipe))
}

impl<H> WriteEnd<H> {
    /// Notes that nobody will ask the writer until something is wanted.
    pub(crate) fn stays_unread(&self) {
        lock(&self.pipe.state).writing = Writing::Unknown;
    }

    /// Waits until a write of `offered` elements has an answer. If it offers some, and some are wanted, the
    /// next thing to do is to [`put`](Self::put) them.
    pub(crate) fn poll_write(&self, cx: &Context<'_>, offered: usize) -> Poll<Demand> {
        let mut state = lock(&self.pipe.state);
        state.writing = Writing::No;
        if state.reader_gone {
            return Poll::Ready(Demand::Gone);
        }
        let mut reader = None;
        if state.elements.is_none()
            && let Some(most) = state.wanted
        {
            if offered == 0 {
                // Of two that wait for each other, the writer goes on.
                return Poll::Ready(Demand::UpTo(most));
            }
            state.wanted = None;
            if most > 0 {
                state.taking = true;
                return Poll::Ready(Demand::UpTo(most));
            }
            state.offered = true;
            reader = state.reader.take();
        }
        state.writing = Writing::WaitGraph;
        state.writer = Some(cx.waker().clone());
        drop(state);
        wake(reader);
        Poll::Pending
    }

    /// Waits until the reader wants something, or goes, while nothing is written.
    pub(crate) fn poll_demand(&self, cx: &Context<'_>) -> Poll<Demand> {
        let mut state = lock(&self.pipe.state);
        if state.reader_gone {
            return Poll::Ready(Demand::Gone);
        }
        if let Some(most) = state.wanted {
            return Poll::Ready(Demand::UpTo(most));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Waits until the reader goes, while nothing is written.
    pub(crate) fn poll_gone(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = lock(&self.pipe.state);
        state.writing = Writing::No;
        if state.reader_gone {
            return Poll::Ready(());
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Hands elements over.
    pub(crate) fn put(&self, elements: Elements<H>, bytes: Bytes) {
        let mut state = lock(&self.pipe.state);
        state.taking = false;
        if state.reader_gone {
            // Elements are not dropped under the lock.
            drop(state);
            return;
        }
        state.elements = Some((elements, bytes));
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// Says that nothing more will come: the writer has ended the stream, or it is lost.
    pub(crate) fn end(&self, end: Result<(), StreamLost>) {
        let mut state = lock(&self.pipe.state);
        state.taking = false;
        state.end.get_or_insert(end);
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }
}

impl<H> ReadEnd<H> {
    /// Waits for elements, up to `most` of them, or with none until there are some; `None` at the end.
    pub(super) fn poll_take(
        &self,
        cx: &Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Elements<H>>, StreamLost>> {
        // Whoever reads may be Rust, whose wakers do what they like: none of them is used under the lock.
        let waker = cx.waker().clone();
        let mut state = lock(&self.0.state);
        if let Some((elements, _)) = state.elements.take() {
            return Poll::Ready(Ok(Some(elements)));
        }
        if let Some(end) = &state.end {
            return Poll::Ready(end.clone().map(|()| None));
        }
        if std::mem::take(&mut state.offered) && most == 0 {
            return Poll::Ready(Ok(Some(Elements::Units(0))));
        }
        let former = state.reader.replace(waker);
        let mut writer = None;
        if !state.taking {
            state.wanted = Some(most);
            writer = state.writer.take();
        }
        drop(state);
        drop(former);
        wake(writer);
        Poll::Pending
    }

    /// Notes which store has this end, if one has.
    pub(super) fn held_by(&self, store: Option<&Arc<Watched>>) {
        lock(&self.0.state).stores.reader = store.cloned();
    }

    /// Waits for nothing any more. `false` if something is on its way: then the reader is still woken.
    pub(super) fn withdraw(&self) -> bool {
        let mut state = lock(&self.0.state);
        if state.taking || state.offered || state.elements.is_some() || state.end.is_some() {
            return false;
        }
        state.wanted = None;
        true
    }
}

impl<H> Drop for ReadEnd<H> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.reader_gone = true;
        let elements = state.elements.take();
        // Under the lock, so that who finds the reader gone is not woken for it later. The writer is a guest,
        // whose store it wakes.
        wake(state.writer.take());
        drop(state);
        drop(elements);
    }
}

fn wake(waiting: Option<Waker>) {
    if let Some(waiting) = waiting {
        waiting.wake();
    }
}
