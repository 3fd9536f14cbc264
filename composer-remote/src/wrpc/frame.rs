//! Frames: a path, a length, and bytes.
//!
//! A peer may send anything, at any speed. So names, paths and lengths are limited before anything
//! is allocated for them, and every wait for the peer counts against a [`Pace`]: a peer must move a
//! minimum of bytes within each idle limit. Only the time spent waiting counts, not the time that
//! this side takes.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout};

use crate::codec::put_u32;

/// The version of the protocol.
pub(crate) const PROTOCOL: u8 = 0;

/// The path of the frame that says that a call failed and may have run.
pub(crate) const FAILED: u32 = u32::MAX;

/// The path of the frame that says that a call was not run.
pub(crate) const REFUSED: u32 = u32::MAX - 1;

/// How deep streams may be nested in other values.
const MOST_STEPS: u32 = 128;

/// The longest name, in bytes.
const MOST_NAME: u32 = 1024;

/// The most bytes of a frame that are returned at a time.
const CHUNK: usize = 64 * 1024;

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the connection failed")]
    Io(#[from] io::Error),
    #[error("nothing came for {0:?}")]
    Idle(Duration),
    #[error("{0}")]
    Invalid(String),
}

/// The head of a frame: everything before its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) path: Vec<u32>,
    pub(crate) length: u32,
    /// Whether the frame only tells that its sender is alive.
    pub(crate) is_alive: bool,
}

/// How fast a peer must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// How long it may be waited for, in total, until `least` bytes have been moved.
    idle: Duration,
    least: usize,
}

impl Pace {
    /// At least `rate` bytes per second, checked whenever the peer has been waited for `idle`.
    pub(crate) fn new(idle: Duration, rate: usize) -> Self {
        let least = (rate as u128).saturating_mul(idle.as_millis()) / 1000;
        Self { idle, least: usize::try_from(least).unwrap_or(usize::MAX).max(1) }
    }

    /// At least one byte within each `idle`.
    pub(crate) fn any(idle: Duration) -> Self {
        Self { idle, least: 1 }
    }
}

/// A wait up to this long does not count as waiting.
const AT_ONCE: Duration = Duration::from_millis(5);

/// Measures whether a peer keeps its pace.
#[derive(Debug)]
struct Progress {
    pace: Pace,
    /// For how long it has been waited for since `least` bytes had last been moved.
    waited: Duration,
    moved: usize,
}

impl Progress {
    fn new(pace: Pace) -> Self {
        Self { pace, waited: Duration::ZERO, moved: 0 }
    }

    /// Waits for `future`; `None` if the time runs out.
    async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let start = Instant::now();
        let left = self.pace.idle.saturating_sub(self.waited);
        let output = timeout(left, future).await.ok();
        // Something that is ready at once is not a wait, however often it happens.
        self.waited += start.elapsed().saturating_sub(AT_ONCE);
        output
    }

    fn add(&mut self, bytes: usize) {
        self.moved = self.moved.saturating_add(bytes);
        if self.moved >= self.pace.least {
            *self = Self::new(self.pace);
        }
    }
}

/// Reads frames, and waits a limited time for each.
pub(crate) struct FrameReader<R> {
    reader: BufReader<R>,
    progress: Progress,
    /// How many bytes of the current frame have not been read.
    left: u32,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(reader: R, pace: Pace) -> Self {
        let reader = BufReader::with_capacity(CHUNK, reader);
        Self { reader, progress: Progress::new(pace), left: 0 }
    }

    /// Reads the names of the interface and the function, which come before the frames.
    pub(crate) async fn names(&mut self) -> Result<(String, String), FrameError> {
        match self.byte().await? {
            PROTOCOL => Ok((self.name().await?, self.name().await?)),
            other => Err(FrameError::Invalid(format!(
                "expected version {PROTOCOL} of the protocol, found {other}"
            ))),
        }
    }

    /// Reads the head of the next frame, skipping the rest of the current one. `None` if the peer
    /// has shut its direction down.
    pub(crate) async fn next(&mut self) -> Result<Option<Head>, FrameError> {
        while self.left > 0 {
            self.chunk().await?;
        }
        if self.fill().await?.is_empty() {
            return Ok(None);
        }
        let (steps, _) = self.number().await?;
        if steps > MOST_STEPS {
            let problem = format!("a frame's path has {steps} steps, the most is {MOST_STEPS}");
            return Err(FrameError::Invalid(problem));
        }
        let mut path = Vec::with_capacity(steps as usize);
        for _ in 0..steps {
            path.push(self.number().await?.0);
        }
        let (length, bytes) = self.number().await?;
        self.left = length;
        if length == 0 {
            self.set_pace(self.progress.pace);
        }
        let is_alive = path.is_empty() && length == 0 && bytes > 1;
        Ok(Some(Head { path, length, is_alive }))
    }

    /// Reads some bytes of the current frame; empty at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Vec<u8>, FrameError> {
        if self.left == 0 {
            return Ok(Vec::new());
        }
        let most = self.left as usize;
        let filled = self.fill().await?;
        let chunk = filled[..filled.len().min(most)].to_vec();
        if chunk.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        self.reader.consume(chunk.len());
        self.left -= chunk.len() as u32;
        if self.left == 0 {
            // After a whole frame the peer has the full idle time again.
            self.set_pace(self.progress.pace);
        }
        Ok(chunk)
    }

    /// Reads and discards everything until the peer has shut its direction down.
    pub(crate) async fn drain(&mut self) -> Result<(), FrameError> {
        loop {
            let read = self.fill().await?.len();
            if read == 0 {
                return Ok(());
            }
            self.reader.consume(read);
        }
    }

    /// Sets how fast the peer must be from now on.
    pub(crate) fn set_pace(&mut self, pace: Pace) {
        self.progress = Progress::new(pace);
    }

    async fn fill(&mut self) -> Result<&[u8], FrameError> {
        if self.reader.buffer().is_empty() {
            let filled = self.progress.wait(self.reader.fill_buf()).await;
            let filled = filled.ok_or(FrameError::Idle(self.progress.pace.idle))??.len();
            self.progress.add(filled);
        }
        Ok(self.reader.buffer())
    }

    async fn byte(&mut self) -> Result<u8, FrameError> {
        let byte = self.fill().await?.first().copied();
        let byte = byte.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        self.reader.consume(1);
        Ok(byte)
    }

    /// Reads a number. Also returns how many bytes it had.
    async fn number(&mut self) -> Result<(u32, u32), FrameError> {
        let (mut number, mut bytes) = (0_u64, 0);
        loop {
            let byte = self.byte().await?;
            number |= u64::from(byte & 0x7f) << (7 * bytes);
            bytes += 1;
            match u32::try_from(number) {
                Ok(number) if byte & 0x80 == 0 => return Ok((number, bytes)),
                Ok(_) if bytes < 5 => {}
                _ => return Err(FrameError::Invalid("a number of more than 32 bits".to_owned())),
            }
        }
    }

    async fn name(&mut self) -> Result<String, FrameError> {
        let (length, _) = self.number().await?;
        if length > MOST_NAME {
            let problem = format!("a name of {length} bytes, the most is {MOST_NAME}");
            return Err(FrameError::Invalid(problem));
        }
        let mut name = Vec::with_capacity(length as usize);
        while name.len() < length as usize {
            name.push(self.byte().await?);
        }
        let name = String::from_utf8(name);
        name.map_err(|_| FrameError::Invalid("a name that is not UTF-8".to_owned()))
    }
}

/// Writes frames, and waits a limited time until the peer takes each.
pub(crate) struct FrameWriter<W> {
    writer: W,
    progress: Progress,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub(crate) fn new(writer: W, pace: Pace) -> Self {
        Self { writer, progress: Progress::new(pace) }
    }

    /// Writes the beginning of a call: the names and the arguments.
    pub(crate) async fn call(
        &mut self,
        interface: &str,
        function: &str,
        args: &[u8],
    ) -> io::Result<()> {
        let mut head = vec![PROTOCOL];
        for name in [interface, function] {
            put_u32(&mut head, name.len() as u32);
            head.extend_from_slice(name.as_bytes());
        }
        self.after(head, &[], args).await
    }

    /// Writes a frame.
    pub(crate) async fn frame(&mut self, path: &[u32], bytes: &[u8]) -> io::Result<()> {
        self.after(Vec::new(), path, bytes).await
    }

    /// Writes the frame that tells that this side is alive.
    pub(crate) async fn alive(&mut self) -> io::Result<()> {
        self.all(&[0, 0x80, 0]).await?;
        self.flush().await
    }

    pub(crate) async fn shutdown(&mut self) -> io::Result<()> {
        let shut = self.progress.wait(self.writer.shutdown()).await;
        shut.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn after(&mut self, mut head: Vec<u8>, path: &[u32], bytes: &[u8]) -> io::Result<()> {
        let length = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        put_u32(&mut head, path.len() as u32);
        path.iter().for_each(|step| put_u32(&mut head, *step));
        put_u32(&mut head, length);
        // Small frames are sent in one packet; large ones are not copied.
        if bytes.len() <= CHUNK {
            head.extend_from_slice(bytes);
            self.all(&head).await?;
        } else {
            self.all(&head).await?;
            self.all(bytes).await?;
        }
        self.flush().await
    }

    /// With TLS, bytes that were written may still be in a buffer.
    async fn flush(&mut self) -> io::Result<()> {
        let flushed = self.progress.wait(self.writer.flush()).await;
        flushed.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()))
    }

    async fn all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.progress.wait(self.writer.write(bytes)).await {
                Some(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Some(written) => {
                    let written = written?;
                    self.progress.add(written);
                    bytes = &bytes[written..];
                }
                None => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        Ok(())
    }
}
