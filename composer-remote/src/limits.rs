//! Bounds on what peers may cause.

use std::time::Duration;

/// How many bytes a call's arguments, or its result, may take.
pub(crate) const CALL_BYTES: usize = 16 * 1024 * 1024;

/// How often the bytes of a call its values may take in memory: an enum is one byte there and a
/// [`Value`](wasm_runtime_composer::provider::Value) here.
pub(crate) const MEMORY_FACTOR: usize = 8;

/// How many calls run at a time, on each side.
pub(crate) const CALLS: usize = 1024;

/// How long a call may take, as its caller sees it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// How long a call may run where it is served, whatever its caller says.
pub(crate) const CALL_TIME: Duration = Duration::from_secs(300);

/// How many bytes a server holds for all calls, beside what each connection takes.
pub(crate) const HELD_BYTES: usize = 256 * 1024 * 1024;

/// How many bytes a server holds for the calls of one peer.
pub(crate) const PEER_BYTES: usize = 128 * 1024 * 1024;

/// How many bytes of streams may wait at one connection for whoever reads them.
pub(crate) const STREAM_BYTES: usize = 4 * 1024 * 1024;

/// How many bytes of a call are not counted: with the buffers of its connection they are 256 KiB for each.
pub(crate) const FREE_BYTES: usize = 64 * 1024;

/// How many bytes a second a peer has to send, or to take, when it has begun to.
pub(crate) const LEAST_RATE: usize = 16 * 1024;

/// How many bytes of memory the values of a call of so many bytes may take.
pub(crate) fn memory(bytes: usize) -> usize {
    bytes.saturating_mul(MEMORY_FACTOR).saturating_add(64 * 1024)
}

/// How long a message about a failure may get, in bytes.
pub(crate) const MESSAGE_BYTES: usize = 4096;

/// The levels of an error in one line, short enough to be sent.
pub(crate) fn message_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if !message.is_empty() {
            message.push_str(": ");
        }
        message.push_str(error.to_string().lines().next().unwrap_or_default());
        next = error.source();
    }
    shorten(&mut message);
    message
}

/// Cuts a text off at the most that a message may have.
pub(crate) fn shorten(message: &mut String) {
    if message.len() > MESSAGE_BYTES {
        let mut end = MESSAGE_BYTES;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
    }
}

/// A peer's words, whatever their bytes are.
pub(crate) fn words(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(MESSAGE_BYTES)];
    let words = String::from_utf8_lossy(bytes);
    words.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}
