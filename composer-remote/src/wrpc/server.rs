//! [`WrpcServer`]: serves a composition's exports over wRPC.
//!
//! Each connection is one call and one task: it reads the names and the arguments, calls the
//! function while it reads the caller's streams, and sends the result and the streams in it. A
//! caller that is gone, or breaks the protocol, ends the task, which drops the call's future. A
//! connection is closed only after the caller's remaining bytes have been read, since closing
//! earlier would reset it and might lose the answer.

use std::io;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use wasm_runtime_composer::Composition;
use wasm_runtime_composer::provider::Value;

use super::flow::{LINGER, Room, receive, send, while_alive};
use super::frame::{FAILED, FrameError, FrameReader, FrameWriter, Pace, REFUSED};
use super::net::{Accepted, Address, Listener, Reader, ServerTls, Writer};
use super::root::{Root, RootSpec, read_root};
use super::timing::{IDLE, NAME};
use super::told::RootError;
use crate::budget::{Account, Held, Peers, Place};
use crate::codec::{Encoder, Outflow};
use crate::error::ServeError;
use crate::limits;
use crate::serve::{Served, Server, Serving, SharedTable, Start, Starting, Table, closing, cut};
use crate::types::carries_flows;

/// Takes calls over wRPC, at one address or at several.
///
/// Any client that speaks wRPC can call. Callers are not authenticated and nothing is encrypted,
/// unless TLS is used (`with_tls`, feature `tls`): every caller that can reach the address can call
/// what is served there.
///
/// What callers can cause is limited: the number of calls at a time, the bytes for each call, for
/// each caller and for all together, and the time for sending arguments, for running, and for
/// taking the result. With default settings a server holds less than 512 MiB: 256 MiB according to
/// [`with_held_bytes`](Self::with_held_bytes), and 256 KiB for each of 1024 connections. In
/// addition there is the memory of the components themselves, and of results that have not been
/// encoded yet.
///
/// A call whose caller has gone is given up within some seconds, as if its future had been dropped.
#[derive(Debug)]
pub struct WrpcServer {
    addresses: Vec<Address>,
    only: Option<Vec<String>>,
    settings: Settings,
    tls: ServerTls,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    calls: usize,
    call_bytes: usize,
    call_time: Duration,
    read: Duration,
    idle: Duration,
    least_rate: usize,
    peer_calls: usize,
    held_bytes: usize,
    peer_bytes: usize,
    stream_bytes: usize,
}

impl WrpcServer {
    /// Takes calls at a TCP address, `host:port`. With port 0 the system chooses a port, which is
    /// in [`Serving::addresses`].
    pub fn tcp(address: impl Into<String>) -> Self {
        Self::at(Address::Tcp(address.into()))
    }

    /// Takes calls at a Unix socket. A socket that was left by a killed server is replaced. If
    /// there is any other file at the path, or a socket that a server listens at, serving fails
    /// with [`ServeError::Listen`]. The socket is removed when the server closes, unless another
    /// one is there by then.
    #[cfg(unix)]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::at(Address::Unix(path.into()))
    }

    fn at(address: Address) -> Self {
        let settings = Settings {
            calls: limits::CALLS,
            call_bytes: limits::CALL_BYTES,
            call_time: limits::CALL_TIME,
            read: Duration::from_secs(10),
            idle: IDLE,
            least_rate: limits::LEAST_RATE,
            peer_calls: usize::MAX,
            held_bytes: limits::HELD_BYTES,
            peer_bytes: limits::PEER_BYTES,
            stream_bytes: limits::STREAM_BYTES,
        };
        Self { addresses: vec![address], only: None, settings, tls: ServerTls::default() }
    }

    /// Takes calls at another TCP address as well.
    #[must_use]
    pub fn and_tcp(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(Address::Tcp(address.into()));
        self
    }

    /// Takes calls at a Unix socket as well.
    #[cfg(unix)]
    #[must_use]
    pub fn and_unix(mut self, path: impl Into<PathBuf>) -> Self {
        self.addresses.push(Address::Unix(path.into()));
        self
    }

    /// Accepts TCP connections with TLS only. Unix sockets are not encrypted. To authenticate
    /// callers, give the configuration a verifier of client certificates: callers without a
    /// certificate that it accepts cannot call anything.
    ///
    /// The handshake is part of the [read limit](Self::with_read_limit), and needs up to 64 KiB
    /// more for each connection.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, config: Arc<crate::rustls::ServerConfig>) -> Self {
        self.tls.0 = Some(config.into());
        self
    }

    /// Serves only the exports `names`: functions of the world, and interfaces with their versions.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.only = Some(names.iter().map(|&name| name.to_owned()).collect());
        self
    }

    /// Sets how many connections there may be at a time, at least 1; 1024 by default. Each
    /// connection is a call. Further connections wait to be accepted.
    #[must_use]
    pub fn with_concurrency(mut self, calls: usize) -> Self {
        self.settings.calls = calls.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how many connections one caller may have at a time, at least 1; by default as many as
    /// there may be in total. Further connections are refused. A caller is an IP address (for
    /// version 6 its first 64 bits), or the user at the other end of a Unix socket.
    #[must_use]
    pub fn with_peer_concurrency(mut self, calls: usize) -> Self {
        self.settings.peer_calls = calls.max(1);
        self
    }

    /// Sets how many bytes of memory the server holds for calls; 256 MiB by default. These are
    /// arguments that have arrived in part, the values of arguments while their calls run, results
    /// that callers have not taken yet, and elements of streams that have not been read. The first
    /// 64 KiB of each call are not counted.
    ///
    /// A call that would need more is refused after a second, a result that would need more is
    /// reported as failed, and streams are not read further.
    #[must_use]
    pub fn with_held_bytes(mut self, bytes: usize) -> Self {
        self.settings.held_bytes = bytes;
        self
    }

    /// Sets how many of [those bytes](Self::with_held_bytes) may be held for [one
    /// caller](Self::with_peer_concurrency); 128 MiB by default.
    #[must_use]
    pub fn with_peer_bytes(mut self, bytes: usize) -> Self {
        self.settings.peer_bytes = bytes;
        self
    }

    /// Sets how many bytes of the streams in a call's arguments may be held until they are read; 4
    /// MiB by default.
    ///
    /// All streams of a call share one connection, one after the other. Elements that arrive before
    /// they are read are held, up to this limit. If an unread stream then holds up one that is
    /// being read, for as long as the [idle limit](Self::with_idle_limit), the unread one is given
    /// up: a component that reads it later traps, and the others continue.
    #[must_use]
    pub fn with_stream_bytes(mut self, bytes: usize) -> Self {
        self.settings.stream_bytes = bytes;
        self
    }

    /// Sets how many bytes per second a caller must take of what is sent to it, and must send of an
    /// element that it has begun; 16 KiB by default. A caller that stays below this is given up
    /// once it has been waited for during the whole [idle limit](Self::with_idle_limit). A caller
    /// that has nothing to send is not slow.
    #[must_use]
    pub fn with_least_rate(mut self, bytes_per_second: usize) -> Self {
        self.settings.least_rate = bytes_per_second;
        self
    }

    /// Sets the most bytes that the arguments of a call, its result, or an element of a stream may
    /// have; 16 MiB by default. In memory they may take about eight times as much.
    #[must_use]
    pub fn with_call_bytes(mut self, bytes: usize) -> Self {
        self.settings.call_bytes = bytes;
        self
    }

    /// Sets how long a caller may take to send its arguments, without the elements of streams; 10
    /// seconds by default.
    #[must_use]
    pub fn with_read_limit(mut self, limit: Duration) -> Self {
        self.settings.read = limit;
        self
    }

    /// Sets how long a call may run before it is given up, whatever its caller's deadline is; 5
    /// minutes by default.
    #[must_use]
    pub fn with_call_limit(mut self, limit: Duration) -> Self {
        self.settings.call_time = limit;
        self
    }

    /// Sets for how long a caller may neither send nor take anything, while there is a stream or a
    /// result to take, before it is given up; one minute by default. Frames that only tell that the
    /// caller is alive count as sending.
    #[must_use]
    pub fn with_idle_limit(mut self, limit: Duration) -> Self {
        self.settings.idle = limit;
        self
    }

    async fn start(self, composition: &Composition) -> Result<Serving, ServeError> {
        let table = Table::new(composition, self.only.as_deref(), NAME, &carries_flows)?;
        let mut listeners = Vec::new();
        for address in &self.addresses {
            let at = address.to_string();
            let listener = address.listen().await;
            listeners.push(listener.map_err(|source| ServeError::Listen { at, source })?);
        }
        let addresses: Result<_, _> = listeners.iter().map(Listener::address).collect();
        let addresses = addresses.map_err(|source| {
            let at = "an address".to_owned();
            ServeError::Listen { at, source }
        })?;
        let (table, settings, tls) = (Arc::new(table), self.settings, self.tls);
        Ok(Serving::start(composition, addresses, |closing| {
            accept(listeners, table, settings, tls, closing)
        }))
    }
}

impl Start for WrpcServer {
    fn start(self: Box<Self>, composition: &Composition) -> Starting<'_> {
        Box::pin((*self).start(composition))
    }
}

impl From<WrpcServer> for Server {
    fn from(server: WrpcServer) -> Self {
        Self::new(server)
    }
}

/// How long to wait if accepting fails, usually because the process has too many open files.
const NO_MORE_FILES: Duration = Duration::from_millis(50);

/// Accepts connections until it is told to stop, and runs each as a task.
async fn accept(
    listeners: Vec<Listener>,
    table: SharedTable,
    settings: Settings,
    tls: ServerTls,
    mut close: watch::Receiver<Option<Instant>>,
) {
    let turns = Arc::new(Semaphore::new(settings.calls));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let held = Account::new("the server", "with_held_bytes", settings.held_bytes, None);
    let peers = Peers::new(settings.peer_calls, settings.peer_bytes, held);
    let mut calls = JoinSet::new();
    loop {
        let accepted = async {
            let turn = turns.clone().acquire_owned().await;
            (turn, next(&listeners).await)
        };
        tokio::select! {
            biased;
            () = closing(&mut close) => break,
            Some(_) = calls.join_next() => {}
            (turn, accepted) = accepted => match accepted {
                Ok(accepted) => match peers.enter(accepted.peer) {
                    Some(place) => {
                        let (table, tls) = (table.clone(), tls.clone());
                        let call = Call { table, settings, tls, place };
                        calls.spawn(async move {
                            call.run(accepted).await;
                            drop(turn);
                        });
                    }
                    // Callers beyond that limit only see that the connection is closed.
                    None => if let Ok(refusal) = refusals.clone().try_acquire_owned() {
                        let (most, tls) = (peers.calls(), tls.clone());
                        calls.spawn(async move {
                            let _ = timeout(settings.read, refuse(accepted, most, &tls)).await;
                            drop(refusal);
                        });
                    },
                },
                Err(_) => sleep(NO_MORE_FILES).await,
            },
        }
    }
    drop(listeners);
    tokio::select! {
        biased;
        () = async { while calls.join_next().await.is_some() {} } => {}
        () = cut(close) => calls.shutdown().await,
    }
}

/// How many callers at a time are told that they have too many connections.
const REFUSALS: usize = 64;

/// Tells a caller that it has as many connections as it may.
async fn refuse(accepted: Accepted, most: usize, tls: &ServerTls) {
    let Ok((reader, writer)) = accepted.open(tls).await else { return };
    let mut out = FrameWriter::new(writer, Pace::any(LINGER));
    let message =
        format!("its caller has {most} calls here already, which is the most that it may");
    Told::refused(message).send(&mut out).await;
    drain(FrameReader::new(reader, Pace::any(LINGER))).await;
}

/// Reads what still arrives: closing a connection with unread bytes resets it, and what was written
/// may get lost.
async fn drain(mut frames: FrameReader<Reader>) {
    let _ = timeout(LINGER, frames.drain()).await;
}

/// Waits for the next connection of any listener.
async fn next(listeners: &[Listener]) -> io::Result<Accepted> {
    std::future::poll_fn(|cx| {
        let mut ready = listeners.iter().map(|listener| listener.poll_accept(cx));
        ready.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// A message for a caller instead of a result.
struct Told {
    path: u32,
    message: String,
}

impl Told {
    fn refused(message: impl Into<String>) -> Self {
        Self { path: REFUSED, message: message.into() }
    }

    fn failed(message: impl Into<String>) -> Self {
        Self { path: FAILED, message: message.into() }
    }

    /// Sends the message and shuts the direction down.
    async fn send(mut self, out: &mut FrameWriter<Writer>) {
        limits::shorten(&mut self.message);
        // Fails if the caller is gone.
        let _ = out.frame(&[self.path], self.message.as_bytes()).await;
        let _ = out.shutdown().await;
    }
}

/// A connection, which is one call.
struct Call {
    table: SharedTable,
    settings: Settings,
    tls: ServerTls,
    place: Place,
}

impl Call {
    async fn run(self, accepted: Accepted) {
        let Settings { idle, read, least_rate, .. } = self.settings;
        // If the handshake fails, TLS itself has told the caller.
        let opened = timeout(read, accepted.open(&self.tls)).await;
        let Ok(Ok((reader, writer))) = opened else { return };
        let mut frames = FrameReader::new(reader, Pace::any(read));
        let mut out = FrameWriter::new(writer, Pace::new(idle, least_rate));
        let mut held = Held::new(&self.place.account, limits::FREE_BYTES);
        let answered = match timeout(read, self.arguments(&mut frames, &mut held)).await {
            Ok(Ok((served, root))) => {
                self.answer(&served, root, &mut frames, &mut out, &mut held).await
            }
            Ok(Err(told)) => Err(told),
            Err(_) => {
                Err(Some(Told::refused(format!("the arguments did not come within {read:?}"))))
            }
        };
        drop(held);
        match answered {
            Ok(()) => {
                let _ = out.shutdown().await;
            }
            Err(Some(told)) => told.send(&mut out).await,
            // The caller is gone.
            Err(None) => return,
        }
        drain(frames).await;
    }

    /// Reads the names and the arguments.
    async fn arguments(
        &self,
        frames: &mut FrameReader<Reader>,
        held: &mut Held,
    ) -> Result<(Served, Root), Option<Told>> {
        let unreadable = |error: FrameError| match error {
            FrameError::Invalid(problem) => Some(Told::refused(problem)),
            _ => None,
        };
        let (interface, function) = frames.names().await.map_err(unreadable)?;
        let Some(served) = self.table.get(&interface, &function) else {
            return Err(Some(Told::refused(self.table.missing(&interface, &function))));
        };
        let Settings { stream_bytes, idle, .. } = self.settings;
        let above = Some(self.place.account.clone());
        let account = Account::new("the connection", "with_stream_bytes", stream_bytes, above);
        let spec = RootSpec {
            types: served.ty().params().map(|(_, ty)| ty).collect(),
            limit: self.settings.call_bytes,
            writer: format!("the caller of `{}`", served.name),
            room: Room { account, idle },
        };
        let root = read_root(frames, &spec, held).await;
        let root = root.map_err(|error| match error {
            RootError::Invalid(problem) => Some(Told::refused(format!(
                "the arguments of `{}` cannot be read: {problem}",
                served.name
            ))),
            RootError::Full(full) => Some(Told::refused(format!(
                "there is no room for the arguments of `{}`: {full}",
                served.name
            ))),
            RootError::Ended => {
                let problem = format!("the arguments of `{}` end too early", served.name);
                Some(Told::refused(problem))
            }
            RootError::Frame(_) | RootError::Failed(_) | RootError::Refused(_) => None,
        })?;
        Ok((served.clone(), root))
    }

    /// Runs the call and sends its result, while it receives the caller's streams.
    async fn answer(
        &self,
        served: &Served,
        root: Root,
        frames: &mut FrameReader<Reader>,
        out: &mut FrameWriter<Writer>,
        held: &mut Held,
    ) -> Result<(), Option<Told>> {
        let Root { values, routes } = root;
        let Settings { idle, least_rate, .. } = self.settings;
        frames.set_pace(match routes.is_empty() {
            true => Pace::any(FOREVER),
            false => Pace::new(idle, least_rate),
        });
        let mut answering = std::pin::pin!(self.run_and_send(served, values, out, held));
        tokio::select! {
            biased;
            answered = &mut answering => return answered,
            received = receive(frames, routes) => match received {
                // The caller has sent everything.
                Ok(()) => {}
                // The caller is gone or has broken the protocol, so the call is given up.
                Err(_) => return Err(None),
            },
        }
        answering.await
    }

    async fn run_and_send(
        &self,
        served: &Served,
        args: Vec<Value>,
        out: &mut FrameWriter<Writer>,
        held: &mut Held,
    ) -> Result<(), Option<Told>> {
        let Settings { call_bytes, call_time, .. } = self.settings;
        let called = while_alive(out, served.call(args, call_time)).await;
        // An error means that the caller is gone.
        let value = called.map_err(|_| None)?.map_err(|message| Some(Told::failed(message)))?;
        let (bytes, outflows) = self.encode(served, value).map_err(Some)?;
        held.set(bytes.len()).map_err(|full| {
            let name = &served.name;
            Some(Told::failed(format!("there is no room for the result of `{name}`: {full}")))
        })?;
        out.frame(&[], &bytes).await.map_err(|_| None)?;
        drop(bytes);
        // Cannot fail: reducing the count always succeeds.
        let _ = held.set(0);
        send(out, outflows, call_bytes).await.map_err(|_| None)
    }

    /// Encodes a result. Empty bytes are the sign that a function without a result has succeeded.
    fn encode(
        &self,
        served: &Served,
        value: Option<Value>,
    ) -> Result<(Vec<u8>, Vec<Outflow>), Told> {
        let mut encoder = Encoder::new(self.settings.call_bytes);
        if let (Some(ty), Some(value)) = (served.ty().result(), value) {
            encoder.value(0, ty, value).map_err(|error| {
                Told::failed(format!("the result of `{}` cannot be sent: {error}", served.name))
            })?;
        }
        let (mut bytes, outflows) = encoder.finish();
        bytes.shrink_to_fit();
        Ok((bytes, outflows))
    }
}

/// Stands for no limit.
const FOREVER: Duration = Duration::from_secs(30 * 24 * 60 * 60);
