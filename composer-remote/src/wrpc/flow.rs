//! Streams and futures: the elements of the paths that are not empty.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::stream::{self, SelectAll, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wasm_runtime_composer::ValueType;
use wasm_runtime_composer::provider::{self, Elements, Value};

use super::frame::{FAILED, FrameError, FrameReader, FrameWriter};
use super::timing::{ALIVE, LOOK, PATIENCE};
use super::told::{RootError, told};
use crate::budget::{Account, Full, Held};
use crate::codec::{DecodeError, Decoder, Encoder, Flow, Inflow, Outflow};
use crate::limits;

/// How many bytes of a stream wait for their reader, as long as that holds up no other one.
const AHEAD: usize = 256 * 1024;

/// How many elements are read from a component at a time, and bytes of a stream of those.
const ELEMENTS: usize = 64;
const BYTES: usize = 64 * 1024;

/// From how many bytes on a chunk of elements is sent.
const CHUNK: usize = 64 * 1024;

/// How much of the streams of a connection may wait for whoever reads them.
#[derive(Clone)]
pub(super) struct Room {
    /// What counts it.
    pub(super) account: Arc<Account>,
    /// For how long a stream that is not read may hold up another one that is.
    pub(super) idle: Duration,
}

/// Where the bytes of each stream and future go that is still to come.
///
/// The protocol has them all come one after the other, and nobody knows in which order they are read. So
/// those that are not asked for yet wait, up to a number of bytes; after that the connection is not read
/// from, and if that keeps somebody from what he reads, the streams that nobody reads are given up.
pub(super) struct Routes {
    pipes: HashMap<Vec<u32>, Arc<Pipe>>,
    /// How many bytes an element may take.
    limit: usize,
    room: Room,
    /// Tells that a reader has done something.
    changed: Arc<watch::Sender<()>>,
}

impl Routes {
    pub(super) fn new(limit: usize, room: Room) -> Self {
        Self { pipes: HashMap::new(), limit, room, changed: Arc::new(watch::Sender::new(())) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pipes.is_empty()
    }

    /// Waits until nobody reads anything of it any more.
    async fn abandoned(&self) {
        let mut changed = self.changed.subscribe();
        while !self.pipes.values().all(|pipe| pipe.lock().is_abandoned) {
            // This side holds a sender.
            let _ = changed.changed().await;
        }
    }

    /// Room for so many bytes on their way into `pipe`, as soon as there is; `None` if nobody reads them.
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
                // All who read have something to read.
                since = Instant::now();
                if pipe.lock().ahead >= AHEAD {
                    // This side holds a sender.
                    let _ = changed.changed().await;
                    continue;
                }
            }
            let full = match Held::of(account, bytes) {
                Ok(held) => return Some(held),
                Err(full) => full,
            };
            // One chunk of each connection always gets on.
            if let Some(held) = Held::spare(account) {
                return Some(held);
            }
            if since.elapsed() >= *idle {
                self.give_up(pipe, full);
                since = Instant::now();
                continue;
            }
            // Nobody tells when the accounts above have room.
            let _ = timeout(LOOK, changed.changed()).await;
        }
    }

    /// Gives up the streams that hold up others, or otherwise `pipe`, for which there is no room.
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

/// What is on its way from a connection to whoever reads one of its streams.
struct Pipe {
    state: Mutex<PipeState>,
    filled: Notify,
    changed: Arc<watch::Sender<()>>,
}

#[derive(Default)]
struct PipeState {
    chunks: VecDeque<Chunk>,
    /// How many bytes they are.
    ahead: usize,
    /// That nothing more comes, with the reason if there is one beside the end of its writer.
    end: Option<Lost>,
    /// Whether its reader waits for more.
    is_waiting: bool,
    /// Whether it has no reader any more.
    is_abandoned: bool,
}

struct Chunk {
    bytes: Vec<u8>,
    held: Held,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, PipeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Whether nobody reads what comes.
    fn is_over(&self) -> bool {
        let state = self.lock();
        state.is_abandoned || state.end.is_some()
    }

    /// Whether something waits that its reader does not take.
    fn is_unread(&self) -> bool {
        !self.lock().chunks.is_empty()
    }

    /// The next bytes, or why there are none, and whether there are more; without any their reader waits.
    fn take(&self) -> (Option<Chunk>, Option<Lost>, bool) {
        let mut state = self.lock();
        let chunk = state.chunks.pop_front();
        state.ahead -= chunk.as_ref().map_or(0, |chunk| chunk.bytes.len());
        let lost = state.end.clone().filter(|_| chunk.is_none());
        state.is_waiting = chunk.is_none() && lost.is_none();
        (chunk, lost, !state.chunks.is_empty())
    }

    /// Nothing more comes; what is given up for a reason is not read to its end either.
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

/// The end of a [`Pipe`] that is read.
struct PipeReader(Arc<Pipe>);

impl PipeReader {
    /// The next bytes, and whether there are more already.
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

/// The value of a stream or a future that was read, with its elements if they came along.
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

/// The elements have broken off, or are none; why, if it is not that their writer has ended.
#[derive(Clone)]
struct Lost(Option<String>);

/// Reads elements out of the bytes of a stream or a future.
struct FlowReader {
    pipe: PipeReader,
    payload: Option<ValueType>,
    flow: Flow,
    bytes: Vec<u8>,
    /// What counts the bytes, for each chunk of them with its length.
    held: VecDeque<(usize, Held)>,
    /// What counts the elements that were read last, until more are asked for.
    values: Held,
    /// How many of the bytes were read.
    read: usize,
    /// How many elements of the chunk are to come.
    left: usize,
    /// How many bytes there were when they were found to be too few.
    tried: usize,
    limit: usize,
}

impl FlowReader {
    async fn next(&mut self) -> Result<Option<Elements>, Lost> {
        // Less is never too much.
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

    /// Takes elements out of the bytes that are there; `None` at the end.
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

    /// Forgets the bytes that were read.
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

    /// Waits for more bytes: for so many more, where an element is large, that it is not begun anew too
    /// often.
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

/// Hands on the elements that come, until the peer has shut its direction down, or nobody reads them.
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
                // Whoever has stopped reading wants no more of it, but others may.
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

/// Why elements are no longer sent.
pub(super) enum SendError {
    /// The peer does not take them any more.
    Gone,
    /// The component that writes them is gone; the peer has been told.
    Lost,
}

impl From<io::Error> for SendError {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

/// Sends the elements of streams and futures as they come, to the end of all.
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

/// Waits for `future`, and tells the peer meanwhile that this side is alive: which fails when the peer
/// is gone.
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
        // The encoder takes no other value for a stream or a future.
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

/// Elements as frames, none of them much larger than a chunk if it is of several.
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

/// How long who ends a call waits for its peer to have read what it was sent.
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// Whether a failure is that of a peer which sent nothing for too long.
pub(super) fn is_idle(error: &FrameError) -> bool {
    matches!(error, FrameError::Idle(_))
}
