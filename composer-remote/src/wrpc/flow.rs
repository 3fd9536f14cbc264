//! Streams and futures: the elements of the paths that are not empty.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, SelectAll, Stream, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use wasm_runtime_composer::ValueType;
use wasm_runtime_composer::provider::{self, Elements, Value};

use super::ALIVE;
use super::frame::{FAILED, FrameError, FrameReader, FrameWriter};
use super::root::{RootError, told};
use crate::codec::{DecodeError, Decoder, Encoder, Flow, Inflow, Outflow};
use crate::limits;

/// How many chunks of up to 64 KiB wait for their reader.
const WAITING: usize = 4;

/// How many elements are read from a component at a time, and bytes of a stream of those.
const ELEMENTS: usize = 64;
const BYTES: usize = 64 * 1024;

/// From how many bytes on a chunk of elements is sent.
const CHUNK: usize = 64 * 1024;

/// Where the bytes of each stream and future go that is still to come.
pub(super) struct Routes {
    senders: HashMap<Vec<u32>, mpsc::Sender<Vec<u8>>>,
    /// How many bytes an element may take.
    limit: usize,
}

impl Routes {
    pub(super) fn new(limit: usize) -> Self {
        Self { senders: HashMap::new(), limit }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.senders.is_empty()
    }

    /// Waits until nobody reads anything of it any more.
    async fn abandoned(&self) {
        for sender in self.senders.values() {
            sender.closed().await;
        }
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
    let (sender, receiver) = mpsc::channel(WAITING);
    routes.senders.insert(inflow.path.clone(), sender);
    let reader = FlowReader {
        receiver,
        payload: inflow.payload.clone(),
        flow: inflow.flow,
        bytes: Vec::new(),
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
                Err(Lost) => Some((Err(provider::stream_lost(writer)), None)),
            }
        }
    }))
}

/// The elements have broken off, or are none.
struct Lost;

/// Reads elements out of the bytes of a stream or a future.
struct FlowReader {
    receiver: mpsc::Receiver<Vec<u8>>,
    payload: Option<ValueType>,
    flow: Flow,
    bytes: Vec<u8>,
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
        loop {
            match self.take() {
                Ok(Some(elements)) => return Ok(Some(elements)),
                Ok(None) => return Ok(None),
                Err(DecodeError::Incomplete) => self.fetch().await?,
                Err(_) => return Err(Lost),
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
        let elements = decoder.elements(self.payload.as_ref(), count)?;
        self.read += decoder.used();
        Ok(elements)
    }

    /// Waits for more bytes: for so many more, where an element is large, that it is not begun anew too
    /// often.
    async fn fetch(&mut self) -> Result<(), Lost> {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.tried = self.bytes.len();
        loop {
            let chunk = self.receiver.recv().await.ok_or(Lost)?;
            self.bytes.extend(chunk);
            if self.bytes.len() > self.limit {
                return Err(Lost);
            }
            let has_grown = self.bytes.len() >= self.tried + self.tried / 16;
            if has_grown || self.receiver.is_empty() {
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
            let Some(sender) = routes.senders.get(&head.path) else {
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
                let _ = sender.send(chunk).await;
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
