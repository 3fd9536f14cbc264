//! Futures going into a store and out of it.
//!
//! wasmtime lets a host that reads a guest's future do nothing but take its value: a writer is never
//! told that its reader is gone, and what it takes back it cannot write again. So reading begins when the
//! value is wanted, and a future whose reader goes is closed instead. Both need the store, and so a task in
//! its event loop.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};

use wasm_runtime_composer_values::{self as values, Elements, Reads, Taken, Wanted, Write, Writes};
use wasmtime::component::{Accessor, AccessorTask, FutureAny};
use wasmtime::{AsContextMut, StoreContextMut};

use super::crossing::{Crossing, Given};
use super::stream::{Ends, poll_elements};
use super::streams::GivenStream;
use crate::sync::lock;
use crate::types::ValueType;
use crate::value::handle::{Demand, StoreId, pipe};
use crate::value::{Handle, HandleFault, take_handles};
use crate::value::{StreamEnd, WriteEnd};

/// How many writes one store may leave behind that were closed while they waited: wasmtime frees what it
/// has of them with the store.
const LEFT_BEHIND: usize = 1024;

/// The futures of a component's store, whichever it is.
#[derive(Clone)]
pub(crate) struct Futures {
    table: Arc<Mutex<Arc<Table>>>,
    /// Whether something is due, in this store or a former one.
    any_due: Arc<AtomicBool>,
}

/// The futures of one store.
struct Table {
    futures: Mutex<Tables>,
    due: Arc<Due>,
    /// How many writes were left behind.
    left: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Tables {
    /// Those that came out and are not being read yet.
    unread: HashMap<u64, Unread>,
    /// Those that went in and that no guest has read.
    given: HashMap<u64, (FutureAny, Shared)>,
    next: u64,
    /// Whether the store's event loop has a task for them.
    attended: bool,
}

struct Unread {
    value: Arc<Kept>,
    errand: Waker,
}

/// The reading end of a future that is in the store.
type Shared = Arc<Mutex<Option<StreamEnd>>>;

impl Default for Futures {
    fn default() -> Self {
        let any_due = Arc::default();
        Self { table: Arc::new(Mutex::new(Table::new(&any_due))), any_due }
    }
}

impl Futures {
    fn table(&self) -> Arc<Table> {
        lock(&self.table).clone()
    }

    /// Begins with a new store.
    pub(super) fn renew(&self) {
        let former = std::mem::replace(&mut *lock(&self.table), Table::new(&self.any_due));
        drop(former);
    }

    /// Does what has to be done in the store since others run than those in it, if there is anything. The
    /// store's event loop does it too, but may not get round to it before a guest goes on.
    pub(super) fn attend(&self, store: impl AsContextMut) -> wasmtime::Result<()> {
        if self.any_due.load(Ordering::Acquire) {
            self.table().attend(store)?;
        }
        Ok(())
    }
}

impl Table {
    fn new(any_due: &Arc<AtomicBool>) -> Arc<Self> {
        let due = Due { any: any_due.clone(), state: Mutex::default() };
        Arc::new(Self { futures: Mutex::default(), due: Arc::new(due), left: Arc::default() })
    }

    /// Keeps a future until its value is wanted.
    fn keep(self: &Arc<Self>, value: Kept, mut store: impl AsContextMut) -> wasmtime::Result<()> {
        let mut futures = lock(&self.futures);
        let key = futures.key();
        let errand = Waker::from(Arc::new(Errand { due: self.due.clone(), key }));
        if let Some((pipe, _)) = &value.state().open {
            // The other end is not given out yet.
            let _ = pipe.poll_demand(&Context::from_waker(&errand));
        }
        futures.unread.insert(key, Unread { value: Arc::new(value), errand });
        if !std::mem::replace(&mut futures.attended, true) {
            drop(futures);
            store.as_context_mut().spawn(Attend(self.clone()))?;
        }
        Ok(())
    }

    fn attend(&self, mut store: impl AsContextMut) -> wasmtime::Result<()> {
        for key in self.due.take() {
            let Some(unread) = lock(&self.futures).unread.remove(&key) else { continue };
            match unread.poll_demand() {
                Poll::Pending => drop(lock(&self.futures).unread.insert(key, unread)),
                Poll::Ready(Demand::Gone) => unread.value.close(&mut store)?,
                Poll::Ready(Demand::UpTo(_)) => unread.value.read(&mut store)?,
            }
        }
        Ok(())
    }
}

impl Unread {
    fn poll_demand(&self) -> Poll<Demand> {
        match &self.value.state().open {
            Some((pipe, _)) => pipe.poll_demand(&Context::from_waker(&self.errand)),
            None => Poll::Pending,
        }
    }
}

impl Tables {
    fn key(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// Which futures something has happened to.
struct Due {
    any: Arc<AtomicBool>,
    state: Mutex<DueState>,
}

#[derive(Default)]
struct DueState {
    keys: Vec<u64>,
    task: Option<Waker>,
}

impl Due {
    fn take(&self) -> Vec<u64> {
        let mut state = lock(&self.state);
        self.any.store(false, Ordering::Release);
        std::mem::take(&mut state.keys)
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        if !state.keys.is_empty() {
            return Poll::Ready(());
        }
        state.task = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Notes that something has happened to a future.
struct Errand {
    due: Arc<Due>,
    key: u64,
}

impl Wake for Errand {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = lock(&self.due.state);
        state.keys.push(self.key);
        self.due.any.store(true, Ordering::Release);
        let task = state.task.take();
        drop(state);
        if let Some(task) = task {
            task.wake();
        }
    }
}

/// The task in a store's event loop that does what is due, and ends the futures with the store.
struct Attend(Arc<Table>);

impl<T: 'static> AccessorTask<T> for Attend {
    async fn run(self, accessor: &Accessor<T>) -> wasmtime::Result<()> {
        loop {
            poll_fn(|cx| self.0.due.poll(cx)).await;
            accessor.with(|store| self.0.attend(store))?;
        }
    }
}

impl Drop for Attend {
    fn drop(&mut self) {
        let unread = std::mem::take(&mut lock(&self.0.futures).unread);
        drop(unread);
    }
}

/// A future that a guest has given, until its value is taken.
struct Kept {
    ends: Ends,
    /// The number of the guest's store.
    store_id: StoreId,
    /// Whether a host function made it: then wasmtime moves the value in one go, and that must not be stopped.
    by_host: bool,
    /// How many writes the store has left behind.
    left: Arc<AtomicUsize>,
    state: Mutex<KeptState>,
}

struct KeptState {
    open: Option<(Arc<WriteEnd>, FutureAny)>,
    /// How often wasmtime has asked for what becomes of the write at hand.
    polls: usize,
    /// Watches the reader while nothing is written.
    watch: Option<Waker>,
}

impl KeptState {
    /// Nothing is written any more.
    fn rest(&mut self) -> Option<Waker> {
        self.polls = 0;
        self.watch.take()
    }
}

impl Kept {
    fn state(&self) -> MutexGuard<'_, KeptState> {
        lock(&self.state)
    }

    /// Takes it from its reader.
    fn take(&self) -> Option<(Arc<WriteEnd>, FutureAny)> {
        let mut state = self.state();
        let (open, watch) = (state.open.take(), state.rest());
        drop(state);
        wake(watch);
        open
    }

    /// Tells the writer that it will not be read.
    fn close(&self, store: impl AsContextMut) -> wasmtime::Result<()> {
        match self.take() {
            Some((_, mut future)) => future.close(store),
            None => Ok(()),
        }
    }

    /// Begins to read.
    fn read(self: Arc<Self>, mut store: impl AsContextMut) -> wasmtime::Result<()> {
        let future = self.state().open.as_ref().map(|(_, future)| future.clone());
        let Some(future) = future else { return Ok(()) };
        let payload = self.ends.payload();
        values::pipe_future(future, payload, store.as_context_mut(), WrittenFuture(self.clone()))?;
        // It comes after a write that waits already.
        store.as_context_mut().spawn(ReaderWatch(self))?;
        Ok(())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some((pipe, _)) = self.take() {
            pipe.end(self.ends.over(self.store_id));
        }
    }
}

fn wake(waiting: Option<Waker>) {
    if let Some(waiting) = waiting {
        waiting.wake();
    }
}

/// What a guest writes to a future.
struct WrittenFuture(Arc<Kept>);

impl<T: 'static> Writes<T, Handle> for WrittenFuture {
    fn poll_wanted(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        write: Write,
    ) -> Poll<wasmtime::Result<Wanted>> {
        let value = &self.0;
        let mut state = value.state();
        let Some(pipe) = state.open.as_ref().map(|(pipe, _)| pipe.clone()) else {
            return Poll::Pending;
        };
        let first = state.polls == 0;
        state.polls += 1;
        drop(state);
        // This may wake a reader in Rust, which is not done under the lock.
        let demand = match write.cancelled {
            true => pipe.poll_gone(cx).map(|()| Demand::Gone),
            false => pipe.poll_write(cx, write.offered),
        };
        match demand {
            Poll::Ready(Demand::UpTo(most)) => return Poll::Ready(Ok(Wanted::UpTo(most))),
            Poll::Pending if write.cancelled => {
                let watch = value.state().rest();
                wake(watch);
                return Poll::Ready(Ok(Wanted::Nothing));
            }
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Demand::Gone) => {}
        }
        if value.by_host || value.left.load(Ordering::Relaxed) >= LEFT_BEHIND {
            return Poll::Ready(Ok(Wanted::Never));
        }
        if first {
            // The first to poll may be the guest's own write. Whatever it is told, wasmtime polls again from the event loop,
            // so what is to be done is done then.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        value.left.fetch_add(1, Ordering::Relaxed);
        // This write is not polled again: closing the future has answered the guest.
        match value.close(store) {
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    fn put(
        &mut self,
        store: StoreContextMut<'_, T>,
        mut elements: Elements<Handle>,
    ) -> wasmtime::Result<()> {
        let value = &self.0;
        value
            .ends
            .each(store, &mut elements, |ty, value, handles| take_handles(ty, value, handles))?;
        let bytes = value.ends.bytes(&elements)?;
        if let Some((pipe, _)) = value.take() {
            pipe.put(elements, bytes);
            pipe.end(Ok(()));
        }
        Ok(())
    }
}

/// The task in a store's event loop that closes a future whose reader waited for it and went before it was
/// written.
struct ReaderWatch(Arc<Kept>);

impl<T: 'static> AccessorTask<T> for ReaderWatch {
    async fn run(self, accessor: &Accessor<T>) -> wasmtime::Result<()> {
        let Self(value) = self;
        let gone = poll_fn(|cx| {
            let mut state = value.state();
            let Some((pipe, _)) = &state.open else { return Poll::Ready(false) };
            // While something is written, that is where it is seen.
            if state.polls == 0 && pipe.poll_gone(cx).is_ready() {
                return Poll::Ready(true);
            }
            state.watch = Some(cx.waker().clone());
            Poll::Pending
        });
        if gone.await && !value.by_host {
            accessor.with(|store| value.close(store))?;
        }
        Ok(())
    }
}

/// The value that a guest reads.
struct ReadFuture {
    ends: Ends,
    end: Shared,
    table: Arc<Table>,
    key: u64,
}

impl<T: 'static> Reads<T, Handle> for ReadFuture {
    type Whole = ();

    fn poll_elements(
        &mut self,
        cx: &mut Context<'_>,
        store: StoreContextMut<'_, T>,
        most: usize,
        cancelled: bool,
    ) -> Poll<wasmtime::Result<Taken<Handle>>> {
        // It may be a future of Rust, which is not polled under the lock.
        let Some(mut end) = lock(&self.end).take() else { return Poll::Ready(Ok(Taken::End)) };
        let taken = poll_elements(&mut end, cx, most, cancelled);
        *lock(&self.end) = Some(end);
        self.ends.given(store, taken)
    }

    fn into_whole(self) {}
}

impl Drop for ReadFuture {
    fn drop(&mut self) {
        let given = lock(&self.table.futures).given.remove(&self.key);
        drop(given);
    }
}

impl<S: AsContextMut> Crossing<'_, S> {
    pub(super) fn take_future(
        &mut self,
        payload: Option<&ValueType>,
        future: FutureAny,
    ) -> Result<StreamEnd, HandleFault> {
        let ends = Ends::new(self.border, payload);
        let store = self.store.as_context_mut();
        let (future, by_host) =
            values::origin_of_future::<_, Handle>(future, ends.payload(), store)
                .map_err(HandleFault::Store)?;
        let table = self.border.futures.table();
        // One that was only passed on goes on as it came.
        if by_host && let Some(end) = table.recover(&future) {
            let mut future = future;
            future.close(&mut self.store).map_err(HandleFault::Store)?;
            end.held_by(None);
            return Ok(end);
        }
        let (write, read) = pipe(self.border.counts.stream(), &self.border.watched);
        write.stays_unread();
        let state = KeptState { open: Some((Arc::new(write), future)), polls: 0, watch: None };
        let store_id = self.border.store_id();
        let value =
            Kept { ends, store_id, by_host, left: table.left.clone(), state: Mutex::new(state) };
        table.keep(value, &mut self.store).map_err(HandleFault::Store)?;
        Ok(StreamEnd::from_guest(read))
    }

    pub(super) fn give_future(
        &mut self,
        payload: Option<&ValueType>,
        end: StreamEnd,
    ) -> Result<FutureAny, HandleFault> {
        let ends = Ends::new(self.border, payload);
        let payload = ends.payload();
        let table = self.border.futures.table();
        let key = lock(&table.futures).key();
        end.withdraw();
        end.held_by(Some(&self.border.watched));
        let end = Arc::new(Mutex::new(Some(end)));
        let read = ReadFuture { ends, end: end.clone(), table: table.clone(), key };
        let store = self.store.as_context_mut();
        let future = values::future_to_store(payload, store, read).map_err(HandleFault::Store)?;
        lock(&table.futures).given.insert(key, (future.clone(), end));
        self.given.push(Given::Stream(GivenStream::Future(future.clone())));
        Ok(future)
    }
}

impl Table {
    /// What a future in the store was made of.
    fn recover(&self, future: &FutureAny) -> Option<StreamEnd> {
        let futures = lock(&self.futures);
        let (_, end) = futures.given.values().find(|(given, _)| given == future)?;
        let end = end.clone();
        drop(futures);
        lock(&end).take()
    }
}
