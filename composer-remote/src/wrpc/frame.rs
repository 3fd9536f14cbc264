//! Frames: a path, a length, bytes.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::time::{Instant, timeout};

use crate::codec::put_u32;

/// The version of the protocol.
pub(crate) const PROTOCOL: u8 = 0;

/// The path of the frame that tells that a call failed, and may have run.
pub(crate) const FAILED: u32 = u32::MAX;

/// The path of the frame that tells that a call was not run.
pub(crate) const REFUSED: u32 = u32::MAX - 1;

/// How deep values may be nested in each other, as far as streams are in them.
const MOST_STEPS: u32 = 128;

/// How long a name may be, in bytes.
const MOST_NAME: u32 = 1024;

/// How many bytes are handed on at a time.
const CHUNK: usize = 64 * 1024;

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the connection failed")]
    Io(#[from] io::Error),
    #[error("nothing came for {0:?}")]
    Idle(Duration),
    #[error("{0}")]
    Invalid(String),
}

/// What stands in front of a frame's bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) path: Vec<u32>,
    pub(crate) length: u32,
    /// Whether it tells no more than that its sender is alive.
    pub(crate) is_alive: bool,
}

/// How fast a peer has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// For how long it may be waited for, all in all, until so many bytes have come or gone.
    idle: Duration,
    least: usize,
}

impl Pace {
    /// `rate` bytes a second, looked at whenever it has been waited for `idle`.
    pub(crate) fn new(idle: Duration, rate: usize) -> Self {
        let least = (rate as u128).saturating_mul(idle.as_millis()) / 1000;
        Self { idle, least: usize::try_from(least).unwrap_or(usize::MAX).max(1) }
    }

    /// Any byte within each `idle`.
    pub(crate) fn any(idle: Duration) -> Self {
        Self { idle, least: 1 }
    }
}

/// How long something may take that is ready.
const AT_ONCE: Duration = Duration::from_millis(5);

/// How a peer keeps up.
#[derive(Debug)]
struct Progress {
    pace: Pace,
    /// For how long it has been waited for, since so many bytes had come or gone.
    waited: Duration,
    moved: usize,
}

impl Progress {
    fn new(pace: Pace) -> Self {
        Self { pace, waited: Duration::ZERO, moved: 0 }
    }

    /// Waits for `future`, as long as there is time.
    async fn wait<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let start = Instant::now();
        let left = self.pace.idle.saturating_sub(self.waited);
        let output = timeout(left, future).await.ok();
        // What is ready at once is no waiting, however often it is asked for.
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
    /// What is left of the frame that was begun.
    left: u32,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    pub(crate) fn new(reader: R, pace: Pace) -> Self {
        let reader = BufReader::with_capacity(CHUNK, reader);
        Self { reader, progress: Progress::new(pace), left: 0 }
    }

    /// The names of interface and function in front of the frames.
    pub(crate) async fn names(&mut self) -> Result<(String, String), FrameError> {
        match self.byte().await? {
            PROTOCOL => Ok((self.name().await?, self.name().await?)),
            other => Err(FrameError::Invalid(format!(
                "expected version {PROTOCOL} of the protocol, found {other}"
            ))),
        }
    }

    /// The next frame's head; `None` where the peer has shut its direction down. What is left of the
    /// frame before it is skipped.
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

    /// Some of the frame's bytes; none at its end.
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
            // Who has sent a frame may be silent for as long as who has sent nothing.
            self.set_pace(self.progress.pace);
        }
        Ok(chunk)
    }

    /// Reads and forgets until the peer has shut its direction down.
    pub(crate) async fn drain(&mut self) -> Result<(), FrameError> {
        loop {
            let read = self.fill().await?.len();
            if read == 0 {
                return Ok(());
            }
            self.reader.consume(read);
        }
    }

    /// Changes how fast the peer has to be, from now on.
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

    /// A number, and how many bytes it took.
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

/// Writes frames, and waits a limited time until each is taken.
pub(crate) struct FrameWriter<W> {
    writer: W,
    progress: Progress,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub(crate) fn new(writer: W, pace: Pace) -> Self {
        Self { writer, progress: Progress::new(pace) }
    }

    /// The head of a call: what it calls, and its arguments.
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

    /// A frame.
    pub(crate) async fn frame(&mut self, path: &[u32], bytes: &[u8]) -> io::Result<()> {
        self.after(Vec::new(), path, bytes).await
    }

    /// The frame that says no more than that this side is alive.
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
        // One packet for what is small, no copy for what is not.
        if bytes.len() <= CHUNK {
            head.extend_from_slice(bytes);
            self.all(&head).await?;
        } else {
            self.all(&head).await?;
            self.all(bytes).await?;
        }
        self.flush().await
    }

    /// What is encrypted may not be on its way yet.
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
