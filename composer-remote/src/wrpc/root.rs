//! Arguments and results: the values of the empty path.

use wasm_runtime_composer::ValueType;
use wasm_runtime_composer::provider::Value;

use tokio::io::AsyncRead;

use super::flow::{Routes, make_flow};
use super::frame::{FAILED, FrameError, FrameReader, Head, REFUSED};
use crate::codec::{DecodeError, Decoder};
use crate::limits;

/// Why there are no values.
#[derive(Debug)]
pub(super) enum RootError {
    /// The connection failed, or the peer was silent for too long.
    Frame(FrameError),
    /// The peer shut its direction down before they were whole.
    Ended,
    /// They are no values of their types.
    Invalid(String),
    /// The peer says that the call failed.
    Failed(String),
    /// The peer says that it did not run the call.
    Refused(String),
}

impl From<FrameError> for RootError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Invalid(problem) => Self::Invalid(problem),
            // The connection broke off inside of a frame.
            FrameError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Self::Ended
            }
            error => Self::Frame(error),
        }
    }
}

/// Values and the places of the streams and futures among them.
pub(super) struct Root {
    pub(super) values: Vec<Value>,
    pub(super) routes: Routes,
}

/// How to read values.
pub(super) struct RootSpec<'a> {
    pub(super) types: Vec<&'a ValueType>,
    /// How many bytes they may take.
    pub(super) limit: usize,
    /// Who writes the streams among them, for whoever reads those.
    pub(super) writer: String,
}

impl RootSpec<'_> {
    /// The values that `bytes` are, without a byte more.
    fn decode(&self, bytes: &[u8]) -> Result<Root, DecodeError> {
        let mut routes = Routes::new(self.limit);
        let mut decoder = Decoder::new(bytes, limits::memory(self.limit));
        let mut values = Vec::with_capacity(self.types.len());
        for (index, ty) in (0..).zip(&self.types) {
            let mut flow = |inflow: &_, ready| make_flow(inflow, ready, &mut routes, &self.writer);
            values.push(decoder.value(index, ty, &mut flow)?);
        }
        decoder.finish()?;
        Ok(Root { values, routes })
    }
}

/// After how many frames it is no longer tried after each whether the values are whole: they come in one
/// as a rule, and who sends them byte by byte must not have them read from the start for each.
const EAGER: usize = 16;

/// Reads values until they are whole.
pub(super) async fn read_root<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    spec: &RootSpec<'_>,
) -> Result<Root, RootError> {
    let mut bytes = Vec::new();
    let (mut tries, mut tried) = (0, 0);
    loop {
        let Some(head) = frames.next().await? else {
            return match spec.decode(&bytes) {
                Ok(root) => Ok(root),
                Err(DecodeError::Incomplete) => Err(RootError::Ended),
                Err(error) => Err(RootError::Invalid(error.to_string())),
            };
        };
        if head.is_alive {
            continue;
        }
        if let Some(told) = told(frames, &head).await? {
            return Err(told);
        }
        if !head.path.is_empty() {
            let problem = format!("a frame for a value at {:?} before there is one", head.path);
            return Err(RootError::Invalid(problem));
        }
        append(frames, &mut bytes, spec.limit).await?;
        if tries > EAGER && bytes.len() < tried + tried / 2 {
            continue;
        }
        match spec.decode(&bytes) {
            Ok(root) => return Ok(root),
            Err(DecodeError::Incomplete) => (tries, tried) = (tries + 1, bytes.len()),
            Err(error) => return Err(RootError::Invalid(error.to_string())),
        }
    }
}

/// Waits for the sign that a function without a result has ended well. The end of the connection is one
/// too, if `is_silent`.
pub(super) async fn read_receipt<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    is_silent: bool,
) -> Result<(), RootError> {
    loop {
        let Some(head) = frames.next().await? else {
            return if is_silent { Ok(()) } else { Err(RootError::Ended) };
        };
        if head.is_alive {
            continue;
        }
        if let Some(told) = told(frames, &head).await? {
            return Err(told);
        }
        if head.path.is_empty() && head.length == 0 {
            return Ok(());
        }
        return Err(RootError::Invalid("a result where there is none".to_owned()));
    }
}

/// What a peer of this library tells in a frame of a path that no value has.
pub(super) async fn told<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    head: &Head,
) -> Result<Option<RootError>, FrameError> {
    let tell = match head.path[..] {
        [FAILED] => RootError::Failed,
        [REFUSED] => RootError::Refused,
        _ => return Ok(None),
    };
    let mut message = Vec::new();
    while message.len() < limits::MESSAGE_BYTES {
        let chunk = frames.chunk().await?;
        if chunk.is_empty() {
            break;
        }
        message.extend(chunk);
    }
    Ok(Some(tell(limits::words(&message))))
}

async fn append<R: AsyncRead + Unpin>(
    frames: &mut FrameReader<R>,
    bytes: &mut Vec<u8>,
    limit: usize,
) -> Result<(), RootError> {
    loop {
        let chunk = frames.chunk().await?;
        if chunk.is_empty() {
            return Ok(());
        }
        if bytes.len() + chunk.len() > limit {
            let problem = format!("the values take more than {limit} bytes");
            return Err(RootError::Invalid(problem));
        }
        bytes.extend_from_slice(&chunk);
    }
}
