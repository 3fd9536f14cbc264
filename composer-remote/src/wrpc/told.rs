//! Why a call has no values, and what the peer says about it.

use tokio::io::AsyncRead;

use super::frame::{FAILED, FrameError, FrameReader, Head, REFUSED};
use crate::budget::Full;
use crate::codec::DecodeError;
use crate::limits;

/// Why values cannot be read.
#[derive(Debug)]
pub(super) enum RootError {
    /// The connection failed, or the peer was silent for too long.
    Frame(FrameError),
    /// The peer shut its direction down before the values were complete.
    Ended,
    /// The bytes are not values of these types.
    Invalid(String),
    /// There is no room for the values at the moment.
    Full(Full),
    /// The peer says that the call failed.
    Failed(String),
    /// The peer says that it did not run the call.
    Refused(String),
}

impl From<DecodeError> for RootError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Incomplete => Self::Ended,
            DecodeError::Full(full) => Self::Full(full),
            error => Self::Invalid(error.to_string()),
        }
    }
}

impl From<FrameError> for RootError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Invalid(problem) => Self::Invalid(problem),
            // The connection ended inside a frame.
            FrameError::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Self::Ended
            }
            error => Self::Frame(error),
        }
    }
}

/// Reads the message in a frame with a path that no value can have, which peers of this library
/// send.
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
