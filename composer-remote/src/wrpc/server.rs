//! [`WrpcServer`]: a composition's exports over wRPC.

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
/// Callers can be any that speak wRPC. They are not asked who they are, and nothing is encrypted, unless
/// there is TLS (`with_tls`, feature `tls`): whoever can reach the address can call what is served there.
///
/// What callers can cause is bounded: so many calls at a time, so many bytes for each, for each caller and
/// for all together, so much time to send them, so much time to run, so much time to take the result. With
/// everything at its default and at its maximum a server holds less than 512 MiB: 256 MiB as
/// [`with_held_bytes`](Self::with_held_bytes) says, and 256 KiB for each of 1024 connections. What the
/// components themselves take, and results that they have made and that are not bytes yet, comes to that.
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
    /// Takes calls at a TCP address, as `host:port`; with port 0 at one that the system chooses, which
    /// [`Serving::addresses`] tells.
    pub fn tcp(address: impl Into<String>) -> Self {
        Self::at(Address::Tcp(address.into()))
    }

    /// Takes calls at a Unix socket. One that a server left which was killed is replaced; anything else that
    /// lies at the path, and a socket at which somebody listens, is [`ServeError::Listen`]. The socket is
    /// removed when the server closes, unless another one is there by then.
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

    /// Takes calls at another TCP address too.
    #[must_use]
    pub fn and_tcp(mut self, address: impl Into<String>) -> Self {
        self.addresses.push(Address::Tcp(address.into()));
        self
    }

    /// Takes calls at a Unix socket too.
    #[cfg(unix)]
    #[must_use]
    pub fn and_unix(mut self, path: impl Into<PathBuf>) -> Self {
        self.addresses.push(Address::Unix(path.into()));
        self
    }

    /// Takes calls over TCP with TLS alone. Unix sockets stay as they are. To have callers say who they are,
    /// give the configuration a verifier of their certificates: whoever has none that it trusts can call
    /// nothing.
    ///
    /// The handshake is part of the [read limit](Self::with_read_limit), and takes up to 64 KiB more for each
    /// connection.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, config: Arc<crate::rustls::ServerConfig>) -> Self {
        self.tls.0 = Some(config.into());
        self
    }

    /// Serves none but the exports `names`: functions of the world, and interfaces with their version.
    #[must_use]
    pub fn only(mut self, names: &[&str]) -> Self {
        self.only = Some(names.iter().map(|&name| name.to_owned()).collect());
        self
    }

    /// Sets how many connections there may be at a time, at least 1; 1024 if nothing is said. Each is a
    /// call. Further ones wait to be accepted.
    #[must_use]
    pub fn with_concurrency(mut self, calls: usize) -> Self {
        self.settings.calls = calls.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how many connections one caller may have at a time, at least 1; as many as there may be if
    /// nothing is said. Further ones are refused. A caller is an address, for version 6 the first 64 bits of
    /// it, or the user at the other end of a Unix socket.
    #[must_use]
    pub fn with_peer_concurrency(mut self, calls: usize) -> Self {
        self.settings.peer_calls = calls.max(1);
        self
    }

    /// Sets how many bytes the server holds for calls, in memory; 256 MiB if nothing is said. They are
    /// arguments that have come in part, the values that they are while their call runs, results that
    /// their callers have not taken yet, and elements of streams that nobody has read yet. The first 64 KiB
    /// of each call do not count.
    ///
    /// A call that would take more is refused after a second, a result that would is told as failed, and of
    /// streams no more is read.
    #[must_use]
    pub fn with_held_bytes(mut self, bytes: usize) -> Self {
        self.settings.held_bytes = bytes;
        self
    }

    /// Sets how many of [those bytes](Self::with_held_bytes) may be for
    /// [one caller](Self::with_peer_concurrency); 128 MiB if nothing is said.
    #[must_use]
    pub fn with_peer_bytes(mut self, bytes: usize) -> Self {
        self.settings.peer_bytes = bytes;
        self
    }

    /// Sets how many bytes of the streams in a call's arguments may wait for whoever reads them; 4 MiB if
    /// nothing is said.
    ///
    /// All streams of a call come over one connection, one after the other. Those that are read later than
    /// they come wait, up to this. If a stream that is not read then holds up one that is, for as long as
    /// the [idle limit](Self::with_idle_limit), it is given up: the component that reads it later traps,
    /// and the others go on.
    #[must_use]
    pub fn with_stream_bytes(mut self, bytes: usize) -> Self {
        self.settings.stream_bytes = bytes;
        self
    }

    /// Sets how many bytes a second a caller has to take of what is sent to it, and to send of an element
    /// that it has begun; 16 KiB if nothing is said. It is given up when it has been waited for through the
    /// [idle limit](Self::with_idle_limit) and this is not reached. A caller that has nothing to send is
    /// not slow.
    #[must_use]
    pub fn with_least_rate(mut self, bytes_per_second: usize) -> Self {
        self.settings.least_rate = bytes_per_second;
        self
    }

    /// Sets how many bytes the arguments of a call, its result, or an element of a stream may take; 16 MiB
    /// if nothing is said. In memory they may take about eight times that.
    #[must_use]
    pub fn with_call_bytes(mut self, bytes: usize) -> Self {
        self.settings.call_bytes = bytes;
        self
    }

    /// Sets how long a caller may take to send its arguments, without the elements of streams; 10 seconds
    /// if nothing is said.
    #[must_use]
    pub fn with_read_limit(mut self, limit: Duration) -> Self {
        self.settings.read = limit;
        self
    }

    /// Sets how long a call may run before it is given up, whatever its caller waits; 5 minutes if
    /// nothing is said.
    #[must_use]
    pub fn with_call_limit(mut self, limit: Duration) -> Self {
        self.settings.call_time = limit;
        self
    }

    /// Sets for how long a caller may neither send nor take anything, while there is a stream or a result
    /// to take, before it is given up; a minute if nothing is said. Whole frames that say no more than that
    /// a caller is alive count as sending.
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

/// How long to wait when the system has no connection to give, although there is one.
const NO_MORE_FILES: Duration = Duration::from_millis(50);

/// Takes connections until it is told to stop, and runs each as a task.
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
                    // Who is not told finds the connection closed.
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

/// How many callers that have as many connections as they may are told so at a time.
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

/// Reads what still comes: a connection that is closed before all was read is reset, and what was written
/// may get lost.
async fn drain(mut frames: FrameReader<Reader>) {
    let _ = timeout(LINGER, frames.drain()).await;
}

/// The next connection of any listener.
async fn next(listeners: &[Listener]) -> io::Result<Accepted> {
    std::future::poll_fn(|cx| {
        let mut ready = listeners.iter().map(|listener| listener.poll_accept(cx));
        ready.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// What there is to say to a caller instead of a result.
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

    /// Says it, and that this is all.
    async fn send(mut self, out: &mut FrameWriter<Writer>) {
        limits::shorten(&mut self.message);
        // The caller may have gone.
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
        // Who cannot agree on how to talk is told by the handshake.
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
            // There is nobody to tell.
            Err(None) => return,
        }
        drain(frames).await;
    }

    /// Reads what is called, and the arguments.
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

    /// Runs the call and sends its result, while the caller's streams come in.
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
                // The caller has sent all that it has to send.
                Ok(()) => {}
                // It has gone, or does not keep to the protocol: what it called is given up.
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
        // An error means that the caller has gone.
        let value = called.map_err(|_| None)?.map_err(|message| Some(Told::failed(message)))?;
        let (bytes, outflows) = self.encode(served, value).map_err(Some)?;
        held.set(bytes.len()).map_err(|full| {
            let name = &served.name;
            Some(Told::failed(format!("there is no room for the result of `{name}`: {full}")))
        })?;
        out.frame(&[], &bytes).await.map_err(|_| None)?;
        drop(bytes);
        // Less is never too much.
        let _ = held.set(0);
        send(out, outflows, call_bytes).await.map_err(|_| None)
    }

    /// A result as bytes; none are the sign that a function without one has ended well.
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
