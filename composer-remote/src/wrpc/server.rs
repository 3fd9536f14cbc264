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

use super::flow::{LINGER, receive, send, while_alive};
use super::frame::{FAILED, FrameError, FrameReader, FrameWriter, REFUSED};
use super::net::{Address, Listener, Reader, Writer};
use super::root::{Root, RootError, RootSpec, read_root};
use super::{IDLE, NAME};
use crate::codec::{Encoder, Outflow};
use crate::error::ServeError;
use crate::limits;
use crate::serve::{AnyServer, Served, Server, Serving, SharedTable, Table, closing, cut};
use crate::types::carries_flows;

/// Takes calls over wRPC, at one address or at several.
///
/// Callers can be any that speak wRPC. They are not asked who they are, and nothing is encrypted: whoever
/// can reach the address can call what is served there.
///
/// What callers can cause is bounded: so many calls at a time, so many bytes for each, so much time to
/// send them, so much time to run. A call whose caller has gone is given up within some seconds, as if
/// its future had been dropped.
#[derive(Debug)]
pub struct WrpcServer {
    addresses: Vec<Address>,
    only: Option<Vec<String>>,
    settings: Settings,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    calls: usize,
    call_bytes: usize,
    call_time: Duration,
    read: Duration,
    idle: Duration,
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
        };
        Self { addresses: vec![address], only: None, settings }
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

    /// Sets for how long a caller may neither send nor take anything, while there is a stream, before it
    /// is given up; a minute if nothing is said.
    #[must_use]
    pub fn with_idle_limit(mut self, limit: Duration) -> Self {
        self.settings.idle = limit;
        self
    }

    pub(crate) async fn start(self, composition: &Composition) -> Result<Serving, ServeError> {
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
        let (table, settings) = (Arc::new(table), self.settings);
        Ok(Serving::start(composition, addresses, |closing| {
            accept(listeners, table, settings, closing)
        }))
    }
}

impl From<WrpcServer> for Server {
    fn from(server: WrpcServer) -> Self {
        Self(AnyServer::Wrpc(server))
    }
}

/// How long to wait when the system has no connection to give, although there is one.
const NO_MORE_FILES: Duration = Duration::from_millis(50);

/// Takes connections until it is told to stop, and runs each as a task.
async fn accept(
    listeners: Vec<Listener>,
    table: SharedTable,
    settings: Settings,
    mut close: watch::Receiver<Option<Instant>>,
) {
    let turns = Arc::new(Semaphore::new(settings.calls));
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
                Ok((reader, writer)) => {
                    let call = Call { table: table.clone(), settings };
                    calls.spawn(async move {
                        call.run(reader, writer).await;
                        drop(turn);
                    });
                }
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

/// The next connection of any listener.
async fn next(listeners: &[Listener]) -> io::Result<(Reader, Writer)> {
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
}

/// A connection, which is one call.
struct Call {
    table: SharedTable,
    settings: Settings,
}

impl Call {
    async fn run(self, reader: Reader, writer: Writer) {
        let idle = self.settings.idle;
        let mut frames = FrameReader::new(reader, self.settings.read);
        let mut out = FrameWriter::new(writer, idle);
        let answered = match timeout(self.settings.read, self.arguments(&mut frames)).await {
            Ok(Ok((served, root))) => self.answer(&served, root, &mut frames, &mut out).await,
            Ok(Err(told)) => Err(told),
            Err(_) => Err(Some(Told::refused(format!(
                "the arguments did not come within {:?}",
                self.settings.read
            )))),
        };
        match answered {
            Ok(()) => {}
            Err(Some(Told { path, mut message })) => {
                limits::shorten(&mut message);
                // The caller may have gone.
                let _ = out.frame(&[path], message.as_bytes()).await;
            }
            // There is nobody to tell.
            Err(None) => return,
        }
        let _ = out.shutdown().await;
        // A connection that is closed before all was read is reset, and what was written may get lost.
        frames.set_idle(LINGER);
        let _ = timeout(LINGER, frames.drain()).await;
    }

    /// Reads what is called, and the arguments.
    async fn arguments(
        &self,
        frames: &mut FrameReader<Reader>,
    ) -> Result<(Served, Root), Option<Told>> {
        let unreadable = |error: FrameError| match error {
            FrameError::Invalid(problem) => Some(Told::refused(problem)),
            _ => None,
        };
        let (interface, function) = frames.names().await.map_err(unreadable)?;
        let Some(served) = self.table.get(&interface, &function) else {
            return Err(Some(Told::refused(self.table.missing(&interface, &function))));
        };
        let spec = RootSpec {
            types: served.ty().params().map(|(_, ty)| ty).collect(),
            limit: self.settings.call_bytes,
            writer: format!("the caller of `{}`", served.name),
        };
        let root = read_root(frames, &spec).await;
        let root = root.map_err(|error| match error {
            RootError::Invalid(problem) => Some(Told::refused(format!(
                "the arguments of `{}` cannot be read: {problem}",
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
    ) -> Result<(), Option<Told>> {
        let Root { values, routes } = root;
        frames.set_idle(if routes.is_empty() { FOREVER } else { self.settings.idle });
        let mut answering = std::pin::pin!(self.run_and_send(served, values, out));
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
    ) -> Result<(), Option<Told>> {
        let Settings { call_bytes, call_time, .. } = self.settings;
        let called = while_alive(out, served.call(args, call_time)).await;
        // An error means that the caller has gone.
        let value = called.map_err(|_| None)?.map_err(|message| Some(Told::failed(message)))?;
        let (bytes, outflows) = self.encode(served, value).map_err(Some)?;
        out.frame(&[], &bytes).await.map_err(|_| None)?;
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
        Ok(encoder.finish())
    }
}

/// Stands for no limit.
const FOREVER: Duration = Duration::from_secs(30 * 24 * 60 * 60);
