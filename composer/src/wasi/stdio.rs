//! Standard streams: where a component's input comes from, and where its output goes.
//!
//! Output is handed over while the guest's write is in progress, not by a task in the background.
//! So the order of the output of several components is that of their writes, and nothing is lost
//! when a store ends.

use crate::sync::lock;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::pipe::MemoryInputPipe;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

/// What a component reads as standard input.
#[derive(Clone, Debug, Default)]
pub struct Input(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    Null,
    Inherited,
    Bytes(Bytes),
}

impl Input {
    /// Empty input: it ends at once.
    pub fn null() -> Self {
        Self(Source::Null)
    }

    /// Standard input of this process. If several components read it, each gets what the others
    /// have not read.
    pub fn inherit() -> Self {
        Self(Source::Inherited)
    }

    /// The given bytes. Each store reads them from the beginning.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Source::Bytes(bytes.into().into()))
    }

    pub(super) fn give(&self, builder: &mut WasiCtxBuilder) {
        match &self.0 {
            Source::Null => {}
            Source::Inherited => {
                builder.inherit_stdin();
            }
            Source::Bytes(bytes) => {
                builder.stdin(MemoryInputPipe::new(bytes.clone()));
            }
        }
    }
}

impl From<&str> for Input {
    fn from(text: &str) -> Self {
        Self::bytes(text)
    }
}

impl From<String> for Input {
    fn from(text: String) -> Self {
        Self::bytes(text)
    }
}

impl From<Vec<u8>> for Input {
    fn from(bytes: Vec<u8>) -> Self {
        Self::bytes(bytes)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("Null"),
            Self::Inherited => f.write_str("Inherited"),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
        }
    }
}

/// Where a component's output goes.
///
/// A [`Captured`] can be used as an output too.
#[derive(Clone, Debug, Default)]
pub struct Output(Sink);

#[derive(Clone, Default)]
enum Sink {
    #[default]
    Null,
    Inherited,
    To(Write),
}

type Write = Arc<dyn Fn(&[u8]) + Send + Sync>;

impl Output {
    /// Discards the output.
    pub fn null() -> Self {
        Self(Sink::Null)
    }

    /// The same stream of this process.
    pub fn inherit() -> Self {
        Self(Sink::Inherited)
    }

    /// Calls `write` with the output, in the pieces in which the guest writes it, at most 64 KiB
    /// each. The guest waits meanwhile, so it should not take long.
    pub fn to(write: impl Fn(&[u8]) + Send + Sync + 'static) -> Self {
        Self(Sink::To(Arc::new(write)))
    }

    pub(super) fn give_as_stdout(&self, builder: &mut WasiCtxBuilder) {
        match &self.0 {
            Sink::Null => {}
            Sink::Inherited => {
                builder.inherit_stdout();
            }
            Sink::To(write) => {
                builder.stdout(Written(write.clone()));
            }
        }
    }

    pub(super) fn give_as_stderr(&self, builder: &mut WasiCtxBuilder) {
        match &self.0 {
            Sink::Null => {}
            Sink::Inherited => {
                builder.inherit_stderr();
            }
            Sink::To(write) => {
                builder.stderr(Written(write.clone()));
            }
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Inherited => "Inherited",
            Self::To(_) => "To(..)",
        })
    }
}

impl From<&Captured> for Output {
    fn from(captured: &Captured) -> Self {
        let captured = captured.clone();
        Self::to(move |bytes| captured.write(bytes))
    }
}

impl From<Captured> for Output {
    fn from(captured: Captured) -> Self {
        Self::from(&captured)
    }
}

/// What components printed, kept up to a limit. Clones share it.
///
/// Output beyond the limit is discarded and counted, so a component that prints without end does
/// not fill the memory. Several components, all stores of one, and standard output and standard
/// error may print to the same `Captured`.
///
/// # Examples
///
/// ```
/// use wasm_runtime_composer::wasi::Captured;
/// use wasm_runtime_composer::Wasi;
///
/// # let engine = wasmtime::Engine::default();
/// let printed = Captured::new(64 * 1024);
/// let wasi = Wasi::new(&engine).stdout(&printed).stderr(&printed);
/// # let _ = wasi;
/// assert_eq!(printed.text(), "");
/// ```
#[derive(Clone)]
pub struct Captured {
    limit: usize,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    lost: u64,
}

impl Captured {
    /// Keeps at most `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: Arc::default() }
    }

    /// What was printed since the start, or since the last [`take`](Self::take).
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// What was printed, as text. Bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }

    /// Removes and returns what was printed, which makes room for more.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.lock().bytes)
    }

    /// How many bytes were discarded in total, because there was no room for them.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    fn write(&self, bytes: &[u8]) {
        let mut kept = self.lock();
        let (fits, lost) = bytes.split_at(bytes.len().min(self.limit - kept.bytes.len()));
        kept.bytes.extend_from_slice(fits);
        kept.lost += lost.len() as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nobody panics between two changes.
        lock(&self.kept)
    }
}

impl fmt::Debug for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        f.debug_struct("Captured")
            .field("bytes", &kept.bytes.len())
            .field("limit", &self.limit)
            .field("lost", &kept.lost)
            .finish()
    }
}

/// The most bytes that a guest may write at a time; the same as wasmtime allows for the streams of
/// the process.
const PIECE: usize = 64 * 1024;

/// A standard stream that passes bytes on as soon as the guest has written them.
#[derive(Clone)]
struct Written(Write);

impl IsTerminal for Written {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Written {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    // The default implementation would wrap the async stream, which passes bytes on later, in a
    // task.
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Written {
    async fn ready(&mut self) {}
}

impl OutputStream for Written {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if bytes.len() > PIECE {
            return Err(StreamError::trap("expected no more bytes than `check-write` allows"));
        }
        (self.0)(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PIECE)
    }
}

impl AsyncWrite for Written {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let piece = &bytes[..bytes.len().min(PIECE)];
        (self.0)(piece);
        Poll::Ready(Ok(piece.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
