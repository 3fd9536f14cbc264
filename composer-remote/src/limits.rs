//! Default limits on what peers can cause. All of them are per call, per peer or per server, so
//! that a hostile peer can neither exhaust memory nor hold a place forever.

use std::time::Duration;

/// The most bytes of a call's arguments or of its result.
pub(crate) const CALL_BYTES: usize = 16 * 1024 * 1024;

/// How much more memory a call's values may take than bytes on the wire: an enum is one byte there
/// and a [`Value`](wasm_runtime_composer::provider::Value) here.
pub(crate) const MEMORY_FACTOR: usize = 8;

/// The most calls in progress at a time, on each side.
pub(crate) const CALLS: usize = 1024;

/// The time that a caller gives a call.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The time that a server gives a call, whatever its caller says.
pub(crate) const CALL_TIME: Duration = Duration::from_secs(300);

/// The most bytes that a server holds for all calls, in addition to the buffers of connections.
pub(crate) const HELD_BYTES: usize = 256 * 1024 * 1024;

/// The most bytes that a server holds for the calls of one peer.
pub(crate) const PEER_BYTES: usize = 128 * 1024 * 1024;

/// The most bytes of unread streams that are held for one connection.
pub(crate) const STREAM_BYTES: usize = 4 * 1024 * 1024;

/// The bytes of each call that are not counted. Together with the buffers of the connection they
/// are 256 KiB.
pub(crate) const FREE_BYTES: usize = 64 * 1024;

/// The bytes per second that a peer must at least send or take once it has begun to.
pub(crate) const LEAST_RATE: usize = 16 * 1024;

/// The most memory, in bytes, that the values of a call of so many bytes may take.
pub(crate) fn memory(bytes: usize) -> usize {
    bytes.saturating_mul(MEMORY_FACTOR).saturating_add(64 * 1024)
}

/// The longest message about a failure, in bytes.
pub(crate) const MESSAGE_BYTES: usize = 4096;

/// All levels of an error on one line, short enough to send.
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

/// Shortens a text to the longest message.
pub(crate) fn shorten(message: &mut String) {
    if message.len() > MESSAGE_BYTES {
        let mut end = MESSAGE_BYTES;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
    }
}

/// A message from a peer, whose bytes may be anything.
pub(crate) fn words(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(MESSAGE_BYTES)];
    let words = String::from_utf8_lossy(bytes);
    words.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
}
