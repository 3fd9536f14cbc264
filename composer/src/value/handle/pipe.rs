//! A stream or future that a guest writes, between the writer's store and its reader.
//!
//! Elements stay in the writer's store until they are wanted: a waiting reader says how many
//! elements it takes, and the writer's store then hands over as many as it has, up to that number
//! and to the size of a batch. So no element is taken out of a guest before there is a reader for
//! it, and a future that is never read stays unread in the guest.
//!
//! The two ends share one state under a lock, with one waker for each side. It also answers, for
//! the detection of deadlocks (`pending/deadlock.rs`), which of the two stores waits for the other.

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
    /// Elements that were handed over and not yet read, counted in the writer's outstanding bytes.
    elements: Option<(Elements<H>, Bytes)>,
    /// How many elements the reader waits for. 0 means that it waits until there are some, without
    /// taking them.
    wanted: Option<usize>,
    /// Whether the writer has been told of a demand and is about to hand elements over.
    taking: bool,
    /// Whether a reader that waits for some to be there (`wanted` of 0) has to be told that there
    /// are.
    offered: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    writing: Writing,
    reader_gone: bool,
    end: Option<Result<(), StreamLost>>,
    /// The stores that have the two ends, as far as stores have them.
    stores: Stores,
}

/// Whether the writing guest waits for its write to be answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    No,
    /// Unknown: a value that a guest writes to a future stays in the guest, unseen, until it is
    /// wanted.
    Unknown,
    Waits,
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
        // A side that is about to be woken does not wait for the other one any more.
        let is_over = state.end.is_some() || state.reader_gone;
        let is_moving = is_over || state.taking || state.offered || state.elements.is_some();
        let reader_waits = state.wanted.is_some() || is_moving && !state.reader_gone;
        let waits_for_reader = state.wanted.is_none() && !is_moving;
        let reads = at(reader, true, writer.as_ref().filter(|_| !is_moving), true);
        let certain = state.writing == Writing::Waits;
        let writes = at(writer, false, reader.as_ref().filter(|_| waits_for_reader), certain);
        let reads = reads.filter(|_| reader_waits);
        let writes = writes.filter(|_| state.writing != Writing::No);
        reads.into_iter().chain(writes).collect()
    }
}

/// The writing end of a pipe.
pub(crate) struct WriteEnd<H> {
    pipe: Arc<Pipe<H>>,
    /// Counts the stream, and keeps the writer's component in use.
    _open: OpenStream,
}

/// The reading end of a pipe.
pub(crate) struct ReadEnd<H>(Arc<Pipe<H>>);

/// What the reader wants from the writer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Demand {
    /// Up to so many elements; 0 if it only wants to know that there are some.
    UpTo(usize),
    /// Nothing more: the reader is gone.
    Gone,
}

/// A pipe whose writing end is in the store `writer`. `open` counts it for as long as the writing
/// end exists.
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
    /// Notes that nothing is known of the writer until an element is wanted: the value of a future
    /// is not asked for before.
    pub(crate) fn stays_unread(&self) {
        lock(&self.pipe.state).writing = Writing::Unknown;
    }

    /// Waits until a write of `offered` elements can be answered. If the result is a demand and
    /// elements are offered, the caller must [`put`](Self::put) them next.
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
                // An empty write and an empty read wait for each other. The writer's completes
                // first, as the component model has it.
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
        state.writing = Writing::Waits;
        state.writer = Some(cx.waker().clone());
        drop(state);
        wake(reader);
        Poll::Pending
    }

    /// Waits until the reader wants elements or is gone, while no write is in progress.
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

    /// Waits until the reader is gone, while no write is in progress.
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
            // Elements must not be dropped under the lock: handles in them may run the
            // application's code.
            drop(state);
            return;
        }
        state.elements = Some((elements, bytes));
        let reader = state.reader.take();
        drop(state);
        wake(reader);
    }

    /// Ends the stream: the writer has ended it, or was lost.
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
    /// Waits for up to `most` elements; with 0, until there are some. `None` at the end.
    pub(super) fn poll_take(
        &self,
        cx: &Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Elements<H>>, StreamLost>> {
        // The reader may be in Rust, whose wakers run the application's code. They are cloned,
        // dropped and woken only outside the lock.
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

    /// Notes the store that has the reading end, if a store has it.
    pub(super) fn held_by(&self, store: Option<&Arc<Watched>>) {
        lock(&self.0.state).stores.reader = store.cloned();
    }

    /// Cancels a wait. Returns `false` if elements or the end are on their way; the reader is still
    /// woken then.
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
        // Woken under the lock, so that a writer which finds the reader gone is not woken again
        // later. The writer's waker is a store's, and runs no code of the application.
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
