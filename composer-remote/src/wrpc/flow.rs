//! Streams and futures: the frames whose path is not empty.
//!
//! All streams of a call share one connection, on which elements arrive in the order in which the
//! peer sends them, while the readers may read in any order. So elements of streams that are not
//! being read are buffered in pipes, up to a limit; after that the connection is not read from. If
//! that keeps another reader waiting for longer than the idle limit, the unread streams are given
//! up, as otherwise both sides would wait forever.
//!
//! `receive` distributes frames to the pipes (`Routes`), a `FlowReader` decodes the elements of one
//! stream, and `send` writes the streams in the other direction.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::stream::{self, SelectAll, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wasm_runtime_composer::provider::{self, Elements, Value};
use wasm_runtime_composer::types::ValueType;

use super::frame::{FAILED, FrameError, FrameReader, FrameWriter};
use super::timing::{ALIVE, LOOK, PATIENCE};
use super::told::{RootError, told};
use crate::budget::{Account, Full, Held};
use crate::codec::{DecodeError, Decoder, Encoder, Flow, Inflow, Outflow};
use crate::limits;
use crate::sync::lock;

/// How many bytes of a stream are buffered, as long as no other stream is held up.
const AHEAD: usize = 256 * 1024;

/// How many elements are taken from a component at a time, and how many bytes of a byte stream.
const ELEMENTS: usize = 64;
const BYTES: usize = 64 * 1024;

/// A chunk of elements is sent once it has so many bytes.
const CHUNK: usize = 64 * 1024;

/// The limits for buffered streams of a connection.
#[derive(Clone)]
pub(super) struct Room {
    /// The account that counts the bytes.
    pub(super) account: Arc<Account>,
    /// For how long an unread stream may hold up one that is being read.
    pub(super) idle: Duration,
}

/// The pipe of each stream and future that is still to arrive, by its path.
pub(super) struct Routes {
    pipes: HashMap<Vec<u32>, Arc<Pipe>>,
    /// The most bytes of an element.
    limit: usize,
    room: Room,
    /// Notifies that a reader has taken something or is gone.
    changed: Arc<watch::Sender<()>>,
}

impl Routes {
    pub(super) fn new(limit: usize, room: Room) -> Self {
        Self { pipes: HashMap::new(), limit, room, changed: Arc::new(watch::Sender::new(())) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pipes.is_empty()
    }

    /// Waits until all readers are gone.
    async fn abandoned(&self) {
        let mut changed = self.changed.subscribe();
        while !self.pipes.values().all(|pipe| pipe.lock().is_abandoned) {
            // Cannot fail: this side holds a sender.
            let _ = changed.changed().await;
        }
    }

    /// Waits for room for so many bytes in `pipe`. `None` if the pipe has no reader any more.
    async fn room(&self, pipe: &Arc<Pipe>, bytes: usize) -> Option<Held> {
        let Room { account, idle } = &self.room;
        let mut changed = self.changed.subscribe();
        let mut since = Instant::now();
        loop {
            changed.borrow_and_update();
            if pipe.is_over() {
                return None;
            }
            let holds_up = self.pipes.values().any(|pipe| pipe.lock().is_waiting);
            if !holds_up {
                // No reader is waiting, so nothing is held up.
                since = Instant::now();
                if pipe.lock().ahead >= AHEAD {
                    // Cannot fail: this side holds a sender.
                    let _ = changed.changed().await;
                    continue;
                }
            }
            let full = match Held::of(account, bytes) {
                Ok(held) => return Some(held),
                Err(full) => full,
            };
            // One chunk of each account is always allowed, so that there is progress.
            if let Some(held) = Held::spare(account) {
                return Some(held);
            }
            if since.elapsed() >= *idle {
                self.give_up(pipe, full);
                since = Instant::now();
                continue;
            }
            // There is no notification for room in the parent accounts, so they are polled.
            let _ = timeout(LOOK, changed.changed()).await;
        }
    }

    /// Gives up the streams that hold up others. If there are none, gives up `pipe`, for which
    /// there is no room.
    fn give_up(&self, pipe: &Arc<Pipe>, full: Full) {
        let idle = self.room.idle;
        let mut unread = self.pipes.values().filter(|pipe| pipe.is_unread()).peekable();
        if unread.peek().is_none() {
            return pipe.end(Some(format!("there was no room for it within {idle:?}: {full}")));
        }
        for pipe in unread {
            pipe.end(Some(format!(
                "nobody read it while another stream of the same call was waited for, for {idle:?}, and \
                 {full}; read the streams of a call at the same time"
            )));
        }
    }
}

impl Drop for Routes {
    fn drop(&mut self) {
        for pipe in self.pipes.values() {
            pipe.end(None);
        }
    }
}

/// Carries the bytes of one stream from the connection to the reader.
struct Pipe {
    state: Mutex<PipeState>,
    filled: Notify,
    changed: Arc<watch::Sender<()>>,
}

#[derive(Default)]
struct PipeState {
    chunks: VecDeque<Chunk>,
    /// The total length of the chunks.
    ahead: usize,
    /// Set when no more bytes will come, with the reason if the stream was given up.
    end: Option<Lost>,
    /// Whether the reader is waiting for more bytes.
    is_waiting: bool,
    /// Whether the reader is gone.
    is_abandoned: bool,
}

struct Chunk {
    bytes: Vec<u8>,
    held: Held,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, PipeState> {
        lock(&self.state)
    }

    fn push(&self, chunk: Chunk) {
        let mut state = self.lock();
        if state.end.is_none() && !state.is_abandoned {
            state.ahead += chunk.bytes.len();
            state.chunks.push_back(chunk);
            state.is_waiting = false;
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Whether further bytes are useless: the reader is gone or the stream has ended.
    fn is_over(&self) -> bool {
        let state = self.lock();
        state.is_abandoned || state.end.is_some()
    }

    /// Whether there are bytes that the reader has not taken.
    fn is_unread(&self) -> bool {
        !self.lock().chunks.is_empty()
    }

    /// Takes the next chunk, or returns the end if there is none, and whether there are more
    /// chunks. If there is nothing, notes that the reader waits.
    fn take(&self) -> (Option<Chunk>, Option<Lost>, bool) {
        let mut state = self.lock();
        let chunk = state.chunks.pop_front();
        state.ahead -= chunk.as_ref().map_or(0, |chunk| chunk.bytes.len());
        let lost = state.end.clone().filter(|_| chunk.is_none());
        state.is_waiting = chunk.is_none() && lost.is_none();
        (chunk, lost, !state.chunks.is_empty())
    }

    /// Ends the stream. If there is a reason, the buffered bytes are dropped as well.
    fn end(&self, reason: Option<String>) {
        let mut state = self.lock();
        if state.end.is_none() {
            if reason.is_some() {
                state.chunks.clear();
                state.ahead = 0;
            }
            state.end = Some(Lost(reason));
            state.is_waiting = false;
        }
        drop(state);
        self.filled.notify_one();
    }
}

/// The reading end of a [`Pipe`].
struct PipeReader(Arc<Pipe>);

impl PipeReader {
    /// Waits for the next chunk. Also returns whether there are more chunks already.
    async fn next(&self) -> Result<(Chunk, bool), Lost> {
        loop {
            let (chunk, lost, has_more) = self.0.take();
            self.0.changed.send_replace(());
            match (chunk, lost) {
                (Some(chunk), _) => return Ok((chunk, has_more)),
                (None, Some(lost)) => return Err(lost),
                (None, None) => self.0.filled.notified().await,
            }
        }
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        (state.is_abandoned, state.is_waiting) = (true, false);
        state.chunks.clear();
        drop(state);
        self.0.changed.send_replace(());
    }
}

/// The value of a stream or a future that was announced, with its elements if they came along with
/// it.
pub(super) fn make_flow(
    inflow: &Inflow,
    ready: Option<Elements>,
    routes: &mut Routes,
    writer: &str,
) -> Value {
    if let Some(elements) = ready {
        return provider::stream_value(stream::iter([elements]));
    }
    let pipe = Arc::new(Pipe {
        state: Mutex::default(),
        filled: Notify::new(),
        changed: routes.changed.clone(),
    });
    routes.pipes.insert(inflow.path.clone(), pipe.clone());
    let mut values = Held::new(&routes.room.account, 0);
    values.move_up();
    let reader = FlowReader {
        pipe: PipeReader(pipe),
        payload: inflow.payload.clone(),
        flow: inflow.flow,
        bytes: Vec::new(),
        held: VecDeque::new(),
        values,
        read: 0,
        left: 0,
        tried: 0,
        limit: routes.limit,
    };
    let writer = writer.to_owned();
    provider::lossy_stream_value(stream::unfold(Some(reader), move |reader| {
        let writer = writer.clone();
        async move {
            let mut reader = reader?;
            match reader.next().await {
                Ok(Some(elements)) => Some((Ok(elements), Some(reader))),
                Ok(None) => None,
                Err(Lost(reason)) => Some((Err(provider::stream_lost(writer, reason)), None)),
            }
        }
    }))
}

/// The stream ended early or is invalid; with the reason, unless its writer has simply gone.
#[derive(Clone)]
struct Lost(Option<String>);

/// Decodes the elements of a stream or a future.
struct FlowReader {
    pipe: PipeReader,
    payload: Option<ValueType>,
    flow: Flow,
    bytes: Vec<u8>,
    /// What counts the bytes: for each chunk its length and its part of the account.
    held: VecDeque<(usize, Held)>,
    /// Counts the elements that were returned last, until more are requested.
    values: Held,
    /// How many of the bytes have been decoded.
    read: usize,
    /// How many elements of the current chunk are still to come.
    left: usize,
    /// How many bytes were found to be too few for the next element.
    tried: usize,
    limit: usize,
}

impl FlowReader {
    async fn next(&mut self) -> Result<Option<Elements>, Lost> {
        // Cannot fail: reducing the count always succeeds.
        let _ = self.values.set(0);
        let mut is_full = false;
        loop {
            match self.take() {
                Ok(Some(elements)) => return Ok(Some(elements)),
                Ok(None) => return Ok(None),
                Err(DecodeError::Incomplete) => self.fetch().await?,
                Err(DecodeError::Full(_)) if !is_full => {
                    is_full = true;
                    sleep(PATIENCE).await;
                }
                Err(error) => return Err(Lost(Some(error.to_string()))),
            }
        }
    }

    /// Decodes elements from the bytes that have arrived; `None` at the end.
    fn take(&mut self) -> Result<Option<Elements>, DecodeError> {
        if self.flow == Flow::Future {
            return self.elements(1).map(Some);
        }
        if self.left == 0 {
            let mut decoder = Decoder::new(&self.bytes[self.read..], limits::memory(self.limit));
            self.left = decoder.length()?;
            self.read += decoder.used();
            if self.left == 0 {
                return Ok(None);
            }
        }
        let there = self.bytes.len() - self.read;
        let most = match &self.payload {
            None => self.left,
            Some(ValueType::U8) if there == 0 => return Err(DecodeError::Incomplete),
            Some(ValueType::U8) => self.left.min(there),
            Some(_) => 1,
        };
        let elements = self.elements(most)?;
        self.left -= most;
        Ok(Some(elements))
    }

    fn elements(&mut self, count: usize) -> Result<Elements, DecodeError> {
        let mut decoder = Decoder::new(&self.bytes[self.read..], limits::memory(self.limit));
        decoder = decoder.counted(&mut self.values, 0);
        let elements = decoder.elements(self.payload.as_ref(), count)?;
        self.read += decoder.used();
        if self.read == self.bytes.len() {
            self.forget();
        }
        Ok(elements)
    }

    /// Removes the bytes that have been decoded.
    fn forget(&mut self) {
        self.bytes.drain(..self.read);
        self.read = 0;
        let mut counted: usize = self.held.iter().map(|(bytes, _)| bytes).sum();
        while let Some((bytes, _)) = self.held.front()
            && counted - bytes >= self.bytes.len()
        {
            counted -= bytes;
            self.held.pop_front();
        }
    }

    /// Waits for more bytes. For a large element it waits until there are considerably more, as
    /// decoding starts again from the element's beginning.
    async fn fetch(&mut self) -> Result<(), Lost> {
        self.forget();
        self.tried = self.bytes.len();
        if self.tried > self.limit {
            let limit = self.limit;
            let problem =
                format!("an element takes more than {limit} bytes; raise `with_call_bytes`");
            return Err(Lost(Some(problem)));
        }
        loop {
            let (Chunk { bytes, mut held }, has_more) = self.pipe.next().await?;
            held.move_up();
            self.held.push_back((bytes.len(), held));
            self.bytes.extend(bytes);
            let has_grown = self.bytes.len() >= self.tried + self.tried / 16;
            if has_grown || !has_more {
                return Ok(());
            }
        }
    }
}

/// Passes on the elements that arrive, until the peer has shut its direction down or all readers
/// are gone.
pub(super) async fn receive<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    routes: Routes,
) -> Result<(), RootError> {
    let receiving = async {
        loop {
            let Some(head) = frames.next().await? else { return Ok(()) };
            if head.path.is_empty() && head.length == 0 {
                continue;
            }
            if let Some(told) = told(frames, &head).await? {
                return Err(told);
            }
            let Some(pipe) = routes.pipes.get(&head.path) else {
                let problem =
                    format!("a frame for a value at {:?}, where there is none", head.path);
                return Err(RootError::Invalid(problem));
            };
            loop {
                let chunk = frames.chunk().await?;
                if chunk.is_empty() {
                    break;
                }
                // A reader that has stopped reading does not affect the others.
                if let Some(held) = routes.room(pipe, chunk.len()).await {
                    pipe.push(Chunk { bytes: chunk, held });
                }
            }
        }
    };
    if routes.is_empty() {
        return receiving.await;
    }
    tokio::select! {
        received = receiving => received,
        () = routes.abandoned() => Ok(()),
    }
}

/// A frame of elements.
struct Piece {
    path: Vec<u32>,
    bytes: Vec<u8>,
}

type Pieces = Pin<Box<dyn Stream<Item = Result<Piece, String>> + Send>>;

/// Why no more elements are sent.
pub(super) enum SendError {
    /// The peer does not take them any more.
    Gone,
    /// The component that writes the elements is lost. The peer has been told.
    Lost,
}

impl From<io::Error> for SendError {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Sends the elements of all streams and futures as they become available, to the end of all.
pub(super) async fn send<W: AsyncWrite + Unpin>(
    frames: &mut FrameWriter<W>,
    outflows: Vec<Outflow>,
    limit: usize,
) -> Result<(), SendError> {
    let mut pieces: SelectAll<Pieces> =
        outflows.into_iter().map(|outflow| pieces(outflow, limit)).collect();
    loop {
        match while_alive(frames, pieces.next()).await? {
            Some(Ok(piece)) => frames.frame(&piece.path, &piece.bytes).await?,
            Some(Err(message)) => {
                frames.frame(&[FAILED], message.as_bytes()).await?;
                return Err(SendError::Lost);
            }
            None => return Ok(()),
        }
    }
}

/// Waits for `future`, and meanwhile tells the peer regularly that this side is alive. Fails if the
/// peer is gone.
pub(super) async fn while_alive<W: AsyncWrite + Unpin, T>(
    frames: &mut FrameWriter<W>,
    future: impl Future<Output = T>,
) -> io::Result<T> {
    let mut future = std::pin::pin!(future);
    let mut next = Instant::now() + ALIVE;
    loop {
        tokio::select! {
            biased;
            value = &mut future => return Ok(value),
            () = sleep_until(next) => frames.alive().await?,
        }
        next = Instant::now() + ALIVE;
    }
}

/// The frames of a stream or a future.
fn pieces(outflow: Outflow, limit: usize) -> Pieces {
    let Outflow { path, flow, payload, value } = outflow;
    let most = if payload == Some(ValueType::U8) { BYTES } else { ELEMENTS };
    let Some(elements) = provider::elements(value, most) else {
        // Unreachable: the encoder accepts no other values for streams and futures.
        return Box::pin(stream::empty());
    };
    let end = (flow == Flow::Stream).then(|| Ok(Piece { path: path.clone(), bytes: vec![0] }));
    let pieces = elements.flat_map(move |elements| {
        let pieces = match elements {
            Ok(elements) => encode(&path, flow, payload.as_ref(), elements, limit),
            Err(error) => vec![Err(limits::message_of(&error))],
        };
        stream::iter(pieces)
    });
    Box::pin(pieces.chain(stream::iter(end)))
}

/// Encodes elements as frames. A frame with several elements is not much larger than a chunk.
fn encode(
    path: &[u32],
    flow: Flow,
    payload: Option<&ValueType>,
    elements: Elements,
    limit: usize,
) -> Vec<Result<Piece, String>> {
    let piece = |encoder: Encoder| Ok(Piece { path: path.to_vec(), bytes: encoder.finish().0 });
    let counted = |count: usize| {
        let mut encoder = Encoder::new(limit);
        if flow == Flow::Stream {
            encoder.count(count as u32);
        }
        encoder
    };
    match elements {
        Elements::Units(count) => vec![piece(counted(count))],
        Elements::Bytes(bytes) => {
            let mut encoder = counted(bytes.len());
            encoder.raw(&bytes);
            vec![piece(encoder)]
        }
        Elements::Values(values) => {
            let (mut pieces, mut count, mut body) = (Vec::new(), 0, Vec::new());
            for value in values {
                let mut encoder = Encoder::new(limit);
                let put = payload.map_or(Ok(()), |ty| encoder.element(ty, value));
                if let Err(error) = put {
                    pieces.push(Err(error.to_string()));
                    return pieces;
                }
                body.extend(encoder.finish().0);
                count += 1;
                if body.len() >= CHUNK {
                    let mut encoder = counted(std::mem::take(&mut count));
                    encoder.raw(&std::mem::take(&mut body));
                    pieces.push(piece(encoder));
                }
            }
            if count > 0 {
                let mut encoder = counted(count);
                encoder.raw(&body);
                pieces.push(piece(encoder));
            }
            pieces
        }
    }
}

/// How long the side that ends a call waits for the peer to read what it was sent.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// Whether an error means that the peer sent nothing for too long.
pub(super) fn is_idle(error: &FrameError) -> bool {
    matches!(error, FrameError::Idle(_))
}
