//! [`Nats`]: makes calls over NATS.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_nats::connection::State;
use async_nats::{Client, RequestErrorKind};
use tokio::time::{Instant, sleep};
use wasm_runtime_composer::provider::Value;
use wasm_runtime_composer::types::ValueType;

use super::envelope::{CallId, REQUEST_HEAD, RequestHead, Status, at, parse_reply, type_hash};
use super::{NAME, PREFIX, problem_of, subject};
use crate::client::{Caller, Calling, Request, Transport};
use crate::codec::{Decoder, Outflow};
use crate::error::RemoteError;
use crate::limits;
use crate::types::carries_values;

/// Makes calls over NATS, with a client that is already connected. Authentication, encryption and
/// the brokers are the client's options.
///
/// A call goes to one of the servers that have subscribed. If there is none, the call fails at
/// once. If a server is killed during a call, that is only noticed at the deadline. A call that is
/// made while the client is not connected waits until it is.
///
/// Arguments and results can have as many bytes as the broker's `max_payload` (usually 1 MiB),
/// minus the 33 bytes of the envelope. Streams and futures are not carried.
#[derive(Clone, Debug)]
pub struct Nats {
    client: Client,
    prefix: String,
}

impl Nats {
    /// Makes calls with `client`.
    pub fn new(client: Client) -> Self {
        Self { client, prefix: PREFIX.to_owned() }
    }

    /// Sets the prefix of subjects, one part or several separated by dots; `wasm` by default.
    /// Servers must use the same. Composing fails if it has wildcards, white space or empty parts.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }
}

impl From<Nats> for Transport {
    fn from(Nats { client, prefix }: Nats) -> Self {
        // A random number, so that no two callers have the same.
        let caller = RandomState::new().build_hasher().finish();
        let calls = AtomicU64::new(0);
        Self { caller: Arc::new(NatsCaller { client, prefix, caller, calls }) }
    }
}

struct NatsCaller {
    client: Client,
    prefix: String,
    caller: u64,
    /// The number of calls made so far.
    calls: AtomicU64,
}

/// How often to check whether the client is connected again.
const RECONNECTED: Duration = Duration::from_millis(20);

impl Caller for NatsCaller {
    fn name(&self) -> &'static str {
        NAME
    }

    fn at(&self) -> String {
        format!("NATS, under `{}`", self.prefix)
    }

    fn problem(&self) -> Option<String> {
        problem_of("a prefix of subjects", &self.prefix)
    }

    fn carries(&self, ty: &ValueType) -> bool {
        carries_values(ty)
    }

    fn concurrency(&self) -> usize {
        limits::CALLS
    }

    fn call_bytes(&self) -> usize {
        self.client.max_payload().saturating_sub(REQUEST_HEAD)
    }

    fn call<'a>(&'a self, request: &'a Request, _: Vec<Outflow>) -> Calling<'a> {
        Box::pin(self.call_by_subject(request))
    }

    fn expired(&self, request: &Request) -> RemoteError {
        let (function, at) = (request.function.full_name(), request.at(&|| self.at()));
        let was_lost = request.mark.load(Ordering::Relaxed) != self.connection();
        if request.is_sent() && (was_lost || !self.is_connected()) {
            return RemoteError::ConnectionLost { function, at, source: None };
        }
        RemoteError::TimedOut { function, at, after: request.after, sent: request.is_sent() }
    }
}

impl NatsCaller {
    /// The number of the current connection, or of the last one.
    fn connection(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    fn is_connected(&self) -> bool {
        matches!(self.client.connection_state(), State::Connected)
    }

    fn next_id(&self) -> CallId {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        (u128::from(self.caller) << 64 | u128::from(number)).to_le_bytes()
    }

    async fn call_by_subject(&self, request: &Request) -> Result<Option<Value>, RemoteError> {
        let function = &*request.function;
        let subject = subject(&self.prefix, function.interface.as_deref(), &function.name);
        let place = format!("`{subject}`");
        // A message that is published without a connection would be queued in the client, so it
        // could not be said whether the call may have run.
        while !self.is_connected() {
            sleep(RECONNECTED).await;
        }
        let id = self.next_id();
        let left = request.deadline.saturating_duration_since(Instant::now());
        let type_hash = *function.type_hash.get_or_init(|| type_hash(&function.ty));
        let head = RequestHead { id, deadline: at(left), type_hash };
        let payload = head.request(&request.bytes);
        request.mark.store(self.connection(), Ordering::Relaxed);
        request.set_sent(&place);
        // The caller of this function applies the deadline.
        let message = async_nats::Request::new().payload(payload.into()).timeout(None);
        let reply = self.client.send_request(subject, message).await;
        let reply = reply.map_err(|error| self.failed(request, &place, &error))?;
        let (function, at) = (function.full_name(), place);
        let strange = |problem| {
            let (function, at) = (function.clone(), at.clone());
            RemoteError::Protocol { function, at, problem }
        };
        let (status, body) = parse_reply(&reply.payload, id).map_err(strange)?;
        match status {
            Status::Ended => self.result(request, body).map_err(strange),
            Status::Failed => {
                let message = limits::words(body);
                Err(RemoteError::PeerFailed { function, at, message })
            }
            Status::Refused => {
                let message = limits::words(body);
                Err(RemoteError::Refused { function, at, message })
            }
        }
    }

    fn result(&self, request: &Request, body: &[u8]) -> Result<Option<Value>, String> {
        let mut decoder = Decoder::new(body, limits::memory(self.client.max_payload()));
        let value = request.function.ty.result().map(|ty| decoder.plain(ty)).transpose();
        let value = value.map_err(|error| error.to_string())?;
        decoder.finish().map_err(|error| error.to_string())?;
        Ok(value)
    }

    fn failed(&self, request: &Request, at: &str, error: &async_nats::RequestError) -> RemoteError {
        let (function, at) = (request.function.full_name(), at.to_owned());
        match error.kind() {
            RequestErrorKind::NoResponders => {
                RemoteError::NobodyServes { function, at, source: None }
            }
            RequestErrorKind::MaxPayloadExceeded => RemoteError::TooLarge {
                function,
                at,
                size: Some(request.bytes.len()),
                limit: self.call_bytes(),
            },
            RequestErrorKind::TimedOut => self.expired(request),
            RequestErrorKind::InvalidSubject => {
                RemoteError::Refused { function, at, message: limits::message_of(error) }
            }
            RequestErrorKind::Other => RemoteError::ConnectionLost {
                function,
                at,
                source: Some(Arc::new(std::io::Error::other(limits::message_of(error)))),
            },
        }
    }
}
