//! [`Wrpc`]: makes calls over wRPC.
//!
//! Each call opens a connection and sends the names and the arguments, then the streams among them
//! while it reads the result. A peer may refuse a call before it has read the arguments, so after a
//! failed write the peer's reason is read. Streams in the result outlive the call: a task reads them
//! on until the connection ends or all readers are gone.

use std::io;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use wasm_runtime_composer::provider::Value;
use wasm_runtime_composer::types::ValueType;

use super::flow::{LINGER, Room, Routes, is_idle, receive, send};
use super::frame::{FrameReader, FrameWriter, Pace};
use super::net::{Address, ClientTls, Reader, Writer};
use super::root::{Root, RootSpec, read_receipt, read_root};
use super::timing::{IDLE, NAME};
use super::told::RootError;
use crate::budget::{Account, Held};
use crate::client::{Caller, Calling, Request, Transport};
use crate::codec::Outflow;
use crate::error::RemoteError;
use crate::limits;
use crate::sync::lock;
use crate::types::carries_flows;

/// Makes calls over wRPC, to one address or to several that serve the same.
///
/// Each call has a connection of its own, as the protocol requires. Several addresses are used in
/// turn. If one cannot be reached, the next is tried; nothing has been sent at that point, so no
/// call is made twice. An address that could not be reached is tried last for one second.
///
/// The peer can be any that speaks wRPC. Peers are not authenticated and nothing is encrypted,
/// unless TLS is used (`with_tls`, feature `tls`): use it over networks that others can access.
/// Access to a Unix socket depends on the permissions of its file.
#[derive(Clone, Debug)]
pub struct Wrpc {
    addresses: Vec<Address>,
    call_bytes: usize,
    connect: Duration,
    idle: Duration,
    least_rate: usize,
    stream_bytes: usize,
    is_silent: bool,
    tls: ClientTls,
}

impl Wrpc {
    /// Makes calls to a TCP address, `host:port`.
    pub fn tcp(address: impl Into<String>) -> Self {
        Self::to(Address::Tcp(address.into()))
    }

    /// Makes calls to a Unix socket.
    #[cfg(unix)]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::to(Address::Unix(path.into()))
    }

    fn to(address: Address) -> Self {
        Self {
            addresses: vec![address],
            call_bytes: limits::CALL_BYTES,
            connect: Duration::from_secs(5),
            idle: IDLE,
            least_rate: limits::LEAST_RATE,
            stream_bytes: limits::STREAM_BYTES,
            is_silent: false,
            tls: ClientTls::default(),
        }
    }

    /// Adds a TCP address that serves the same.
    #[must_use]
    pub fn or_tcp(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(Address::Tcp(address.into()));
        self
    }

    /// Adds a Unix socket that serves the same.
    #[cfg(unix)]
    #[must_use]
    pub fn or_unix(mut self, path: impl Into<PathBuf>) -> Self {
        self.addresses.push(Address::Unix(path.into()));
        self
    }

    /// Sets the most bytes that the arguments of a call, its result, or an element of a stream may
    /// have; 16 MiB by default. In memory they may take about eight times as much.
    #[must_use]
    pub fn with_call_bytes(mut self, bytes: usize) -> Self {
        self.call_bytes = bytes;
        self
    }

    /// Sets the time for connecting to one address; 5 seconds by default.
    #[must_use]
    pub fn with_connect_limit(mut self, limit: Duration) -> Self {
        self.connect = limit;
        self
    }

    /// Sets for how long a peer may neither send nor take anything, while there is a stream, before
    /// it is given up; one minute by default. Peers of this library report once a second that they
    /// are alive; other peers may need more time.
    ///
    /// It is also the time for which an unread stream may hold up another one of the same call, see
    /// [`with_stream_bytes`](Self::with_stream_bytes).
    #[must_use]
    pub fn with_idle_limit(mut self, limit: Duration) -> Self {
        self.idle = limit;
        self
    }

    /// Sets how many bytes per second a peer must take of what is sent to it, and must send of an
    /// element that it has begun; 16 KiB by default. A peer that stays below this is given up once
    /// it has been waited for during the whole [idle limit](Self::with_idle_limit). A peer that has
    /// nothing to send is not slow.
    #[must_use]
    pub fn with_least_rate(mut self, bytes_per_second: usize) -> Self {
        self.least_rate = bytes_per_second;
        self
    }

    /// Sets how many bytes of the streams in a call's result may be held until they are read; 4 MiB
    /// by default.
    ///
    /// All streams of a call share one connection, one after the other. Elements that arrive before
    /// they are read are held, up to this limit. If an unread stream then holds up one that is
    /// being read, for as long as the [idle limit](Self::with_idle_limit), the unread one is given
    /// up: reading it later fails with
    /// [`CompositionError::Stream`](wasm_runtime_composer::CompositionError::Stream), and the
    /// others continue. Streams that are read at the same time need no more than the default.
    #[must_use]
    pub fn with_stream_bytes(mut self, bytes: usize) -> Self {
        self.stream_bytes = bytes;
        self
    }

    /// Encrypts TCP connections. At every address the server's certificate must have the name
    /// `server`. Unix sockets are not encrypted. The configuration says which authorities to trust,
    /// and may have a certificate with which this side identifies itself. Certificates are checked
    /// before any part of a call is sent; a server that fails the check is
    /// [`RemoteError::NobodyServes`].
    ///
    /// The handshake is part of the [connect limit](Self::with_connect_limit).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(
        mut self,
        config: Arc<crate::rustls::ClientConfig>,
        server: crate::rustls::pki_types::ServerName<'static>,
    ) -> Self {
        self.tls.0 = Some((config.into(), server));
        self
    }

    /// Treats the end of the connection as the success of a function without a result.
    ///
    /// wRPC has no other sign of success, but a server that is killed, or whose component traps,
    /// ends the connection too. Servers of this library send an explicit sign, which is required by
    /// default. Calls of such functions to other servers need this setting.
    #[must_use]
    pub fn with_silent_success(mut self) -> Self {
        self.is_silent = true;
        self
    }
}

impl From<Wrpc> for Transport {
    fn from(wrpc: Wrpc) -> Self {
        let targets = wrpc.addresses.iter().cloned().map(Target::new).collect();
        Self { caller: Arc::new(WrpcCaller { wrpc, targets, turn: AtomicUsize::new(0) }) }
    }
}

/// For how long an address that could not be reached is tried last.
const PENALTY: Duration = Duration::from_secs(1);

struct Target {
    address: Address,
    /// When the address was last found unreachable.
    failed: Mutex<Option<Instant>>,
}

impl Target {
    fn new(address: Address) -> Self {
        Self { address, failed: Mutex::new(None) }
    }

    fn has_failed(&self) -> bool {
        let failed = *lock(&self.failed);
        failed.is_some_and(|at| at.elapsed() < PENALTY)
    }

    fn set_failed(&self, failed: bool) {
        let failed = failed.then(Instant::now);
        *lock(&self.failed) = failed;
    }
}

struct WrpcCaller {
    wrpc: Wrpc,
    targets: Vec<Target>,
    /// The index of the address to try first for the next call.
    turn: AtomicUsize,
}

impl Caller for WrpcCaller {
    fn name(&self) -> &'static str {
        NAME
    }

    fn at(&self) -> String {
        let addresses: Vec<_> = self.wrpc.addresses.iter().map(Address::to_string).collect();
        addresses.join(" or ")
    }

    fn carries(&self, ty: &ValueType) -> bool {
        carries_flows(ty)
    }

    fn concurrency(&self) -> usize {
        // Each call needs an open file, of which a process usually may have 1024.
        256
    }

    fn call_bytes(&self) -> usize {
        self.wrpc.call_bytes
    }

    fn call<'a>(&'a self, request: &'a Request, outflows: Vec<Outflow>) -> Calling<'a> {
        Box::pin(async move {
            let (at, connection) = self.connect(request).await?;
            self.call_at(request, at, connection, outflows).await
        })
    }
}

impl WrpcCaller {
    /// Connects to the first address that can be reached.
    async fn connect(&self, request: &Request) -> Result<(String, (Reader, Writer)), RemoteError> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = self.targets.len();
        let in_turn = (0..count).map(|index| &self.targets[(turn + index) % count]);
        let (last, first): (Vec<_>, Vec<_>) = in_turn.partition(|target| target.has_failed());
        let mut failure = None;
        for target in first.into_iter().chain(last) {
            let error =
                match timeout(self.wrpc.connect, target.address.connect(&self.wrpc.tls)).await {
                    Ok(Ok(connection)) => {
                        target.set_failed(false);
                        return Ok((target.address.to_string(), connection));
                    }
                    Ok(Err(error)) => error,
                    Err(_) => io::ErrorKind::TimedOut.into(),
                };
            target.set_failed(true);
            failure = Some(Arc::new(error));
        }
        let function = request.function.full_name();
        Err(RemoteError::NobodyServes { function, at: self.at(), source: failure })
    }

    async fn call_at(
        &self,
        request: &Request,
        at: String,
        (reader, writer): (Reader, Writer),
        outflows: Vec<Outflow>,
    ) -> Result<Option<Value>, RemoteError> {
        let Wrpc { idle, call_bytes, least_rate, stream_bytes, .. } = self.wrpc;
        let pace = Pace::new(idle, least_rate);
        let failed = |error| failed(request, &at, error);
        request.set_sent(&at);
        // While waiting for the result, the call's deadline applies instead.
        let mut frames = FrameReader::new(reader, Pace::any(idle.max(request.after)));
        let mut out = FrameWriter::new(writer, pace);
        let function = &request.function;
        let interface = function.interface.as_deref().unwrap_or_default();
        let mut sent = out.call(interface, &function.name, &request.bytes).await;
        if sent.is_ok() && outflows.is_empty() {
            sent = out.shutdown().await;
        }
        if let Err(error) = sent {
            return Err(failed(not_taken(&mut frames, error).await));
        }
        let sending = (!outflows.is_empty()).then(|| {
            Sending(tokio::spawn(async move {
                // Errors are seen by the readers on both sides.
                let sent = send(&mut out, outflows, call_bytes).await;
                if sent.is_ok() {
                    let _ = out.shutdown().await;
                }
            }))
        });
        let account = Account::new("the connection", "with_stream_bytes", stream_bytes, None);
        // The result's size is limited already, so its bytes need no account.
        let mut held = Held::new(&Account::unlimited(), 0);
        let room = Room { account, idle };
        let Some(ty) = function.ty.result() else {
            read_receipt(&mut frames, self.wrpc.is_silent).await.map_err(failed)?;
            // The peer may go on reading the streams in the arguments after the call has returned.
            go_on(frames, Routes::new(0, room), sending, pace);
            return Ok(None);
        };
        let writer = format!("{} at {at}", function.full_name());
        let spec = RootSpec { types: vec![ty], limit: call_bytes, writer, room };
        let Root { mut values, routes } =
            read_root(&mut frames, &spec, &mut held).await.map_err(failed)?;
        go_on(frames, routes, sending, pace);
        Ok(values.pop())
    }
}

/// Continues the streams of a call after its result, as long as they are read or written.
fn go_on(mut frames: FrameReader<Reader>, routes: Routes, sending: Option<Sending>, pace: Pace) {
    if routes.is_empty() && sending.is_none() {
        return;
    }
    frames.set_pace(pace);
    tokio::spawn(async move {
        // Errors are seen by the readers of the streams.
        if !routes.is_empty() {
            let _ = receive(&mut frames, routes).await;
        }
        if let Some(mut sending) = sending {
            // If this side stopped reading, the peer's next write would reset the connection.
            let _ = (&mut sending.0).await;
            let _ = timeout(LINGER, frames.drain()).await;
        }
    });
}

/// The task that sends the streams in the arguments. It is aborted if the call is given up.
struct Sending(JoinHandle<()>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The error for arguments that could not be sent. A peer that refuses a call may have said so
/// before reading them.
async fn not_taken(frames: &mut FrameReader<Reader>, error: io::Error) -> RootError {
    frames.set_pace(Pace::any(LINGER));
    match read_receipt(frames, false).await {
        Err(told @ (RootError::Failed(_) | RootError::Refused(_))) => told,
        _ => RootError::Frame(error.into()),
    }
}

fn failed(request: &Request, at: &str, error: RootError) -> RemoteError {
    let (function, at) = (request.function.full_name(), at.to_owned());
    match error {
        RootError::Frame(error) if is_idle(&error) => {
            RemoteError::TimedOut { function, at, after: request.after, sent: true }
        }
        RootError::Frame(super::frame::FrameError::Io(error)) => {
            RemoteError::ConnectionLost { function, at, source: Some(Arc::new(error)) }
        }
        RootError::Frame(error) => {
            RemoteError::Protocol { function, at, problem: error.to_string() }
        }
        RootError::Ended => RemoteError::ConnectionLost { function, at, source: None },
        RootError::Invalid(problem) => RemoteError::Protocol { function, at, problem },
        RootError::Full(full) => RemoteError::Protocol { function, at, problem: full.to_string() },
        RootError::Failed(message) => RemoteError::PeerFailed { function, at, message },
        RootError::Refused(message) => RemoteError::Refused { function, at, message },
    }
}
