//! The format of requests and replies.
//!
//! A request, with numbers in little-endian order:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the version, 1 |
//! | 16 | the call's number, which comes back in the reply |
//! | 8 | when its caller gives up, in microseconds since 1970 |
//! | 8 | a hash of the function's type, as the caller has it: 64 bit FNV-1a of its WIT, without `async` |
//! | rest | the arguments, as wRPC encodes values |
//!
//! A reply:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the version, 1 |
//! | 16 | the call's number |
//! | 1 | the status: 0 ended well, 1 failed, 2 was not run |
//! | rest | the result, as wRPC encodes values; otherwise a message in UTF-8 |

use std::fmt::{self, Write as _};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wasm_runtime_composer::types::FunctionType;

const VERSION: u8 = 1;

/// Identifies a call for its caller.
pub(super) type CallId = [u8; 16];

/// The head of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RequestHead {
    pub(super) id: CallId,
    /// In microseconds since 1970.
    pub(super) deadline: u64,
    pub(super) type_hash: u64,
}

/// The length of a request's head, in bytes.
pub(super) const REQUEST_HEAD: usize = 1 + 16 + 8 + 8;

/// The length of a reply's head, in bytes.
pub(super) const REPLY_HEAD: usize = 1 + 16 + 1;

/// The outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ended,
    Failed,
    Refused,
}

impl RequestHead {
    /// The request with these encoded arguments.
    pub(super) fn request(&self, args: &[u8]) -> Vec<u8> {
        let mut request = Vec::with_capacity(REQUEST_HEAD + args.len());
        request.push(VERSION);
        request.extend(self.id);
        request.extend(self.deadline.to_le_bytes());
        request.extend(self.type_hash.to_le_bytes());
        request.extend_from_slice(args);
        request
    }

    /// Splits a request into its head and the encoded arguments.
    pub(super) fn parse(request: &[u8]) -> Result<(Self, &[u8]), String> {
        let (version, rest) = first(request, "a request")?;
        expect_version(version)?;
        let (id, rest) = first(rest, "a request")?;
        let (deadline, rest) = first(rest, "a request")?;
        let (type_hash, args) = first(rest, "a request")?;
        let deadline = u64::from_le_bytes(deadline);
        Ok((Self { id, deadline, type_hash: u64::from_le_bytes(type_hash) }, args))
    }
}

/// The reply with this body.
pub(super) fn reply(id: CallId, status: Status, body: &[u8]) -> Vec<u8> {
    let mut reply = Vec::with_capacity(REPLY_HEAD + body.len());
    reply.push(VERSION);
    reply.extend(id);
    reply.push(status as u8);
    reply.extend_from_slice(body);
    reply
}

/// The status and the body of a reply to the call `id`.
pub(super) fn parse_reply(reply: &[u8], id: CallId) -> Result<(Status, &[u8]), String> {
    let (version, rest) = first(reply, "a reply")?;
    expect_version(version)?;
    let (found, rest) = first(rest, "a reply")?;
    if found != id {
        return Err("it is the reply to another call".to_owned());
    }
    let ([status], body) = first(rest, "a reply")?;
    let status = match status {
        0 => Status::Ended,
        1 => Status::Failed,
        2 => Status::Refused,
        other => return Err(format!("expected a status of 0 to 2, found {other}")),
    };
    Ok((status, body))
}

fn first<'a, const N: usize>(bytes: &'a [u8], what: &str) -> Result<([u8; N], &'a [u8]), String> {
    match bytes.split_first_chunk() {
        Some((first, rest)) => Ok((*first, rest)),
        None => Err(format!("expected {what}, found fewer bytes than one has")),
    }
}

fn expect_version([version]: [u8; 1]) -> Result<(), String> {
    if version != VERSION {
        return Err(format!("expected version {VERSION} of the envelope, found {version}"));
    }
    Ok(())
}

/// The time in `left` from now, in microseconds since 1970.
pub(super) fn at(left: Duration) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.saturating_add(left).as_micros()).unwrap_or(u64::MAX)
}

/// The time until `deadline`; as an error, the time since it passed.
pub(super) fn left(deadline: u64) -> Result<Duration, Duration> {
    let now = at(Duration::ZERO);
    match deadline.checked_sub(now) {
        Some(left) => Ok(Duration::from_micros(left)),
        None => Err(Duration::from_micros(now - deadline)),
    }
}

/// A hash of a type that is the same on all machines.
pub(super) fn type_hash(ty: &FunctionType) -> u64 {
    let mut hash = Fnv { hash: 0xcbf2_9ce4_8422_2325, start: String::new() };
    // Hashing cannot fail.
    let _ = write!(hash, "{ty:#}");
    hash.finish()
}

/// Hashes a text as it is written, without storing it, as it can be large. A leading `async` is
/// left out: whether calls overlap is the provider's concern only.
struct Fnv {
    hash: u64,
    /// The beginning of the text, as long as it may be the `async` that is left out.
    start: String,
}

const ASYNC: &str = "async ";

impl Fnv {
    fn add(&mut self, text: &str) {
        self.hash = text
            .bytes()
            .fold(self.hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    }

    fn finish(mut self) -> u64 {
        if self.start.len() < ASYNC.len() {
            self.add(&self.start.clone());
        }
        self.hash
    }
}

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.start.len() >= ASYNC.len() {
            self.add(text);
            return Ok(());
        }
        self.start.push_str(text);
        if self.start.len() >= ASYNC.len() {
            let start = self.start.clone();
            self.add(start.strip_prefix(ASYNC).unwrap_or(&start));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: CallId = [7; 16];

    #[test]
    fn requests_come_back_as_they_went() {
        let head = RequestHead { id: ID, deadline: 5, type_hash: 6 };
        let request = head.request(b"args");
        assert_eq!(RequestHead::parse(&request), Ok((head, &b"args"[..])));
        for end in 0..REQUEST_HEAD {
            assert!(RequestHead::parse(&request[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn replies_come_back_as_they_went() {
        for status in [Status::Ended, Status::Failed, Status::Refused] {
            let reply = reply(ID, status, b"body");
            assert_eq!(parse_reply(&reply, ID), Ok((status, &b"body"[..])));
            assert!(parse_reply(&reply, [8; 16]).is_err());
            for end in 0..REPLY_HEAD {
                assert!(parse_reply(&reply[..end], ID).is_err(), "{end}");
            }
        }
        assert!(parse_reply(&[1; 20], ID).is_err());
        let mut strange = reply(ID, Status::Ended, &[]);
        strange[REPLY_HEAD - 1] = 3;
        assert!(parse_reply(&strange, ID).is_err());
    }

    #[test]
    fn async_is_no_part_of_the_hash() {
        let hash = |is_async| type_hash(&FunctionType::new(is_async, [], None));
        assert_eq!(hash(true), hash(false));
        // The 64-bit FNV-1a hash of `func()`, computed by another program.
        assert_eq!(hash(true), 0x1926_bfa0_a15a_6c3c);
    }
}
