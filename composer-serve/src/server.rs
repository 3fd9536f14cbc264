//! [`Server`]: its settings, and the loop that accepts connections.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use wasm_runtime_composer::wasi::http::HttpService;

use crate::connection;
use crate::io::Stream;
use crate::listener::Listener;
use crate::record::{self, Connected};
use crate::request::Site;
use crate::settings::Settings;

/// A web server for a composition, over HTTP/1.1 and HTTP/2.
///
/// HTTP/2 is spoken with clients that begin with it, and with TLS also by ALPN. Each setting has a default, which its
/// method tells. Sizes and times bound what one client can cause; the numbers at a time, what all of them can.
///
/// # Examples
///
/// ```no_run
/// # async fn example(composition: wasm_runtime_composer::Composition) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use tokio::net::TcpListener;
/// use wasm_runtime_composer_serve::Server;
///
/// let server = Server::new(composition.http()?)
///     .max_body_bytes(1024 * 1024)
///     .deadline(Duration::from_secs(5))
///     .health_path("/healthz");
/// let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// let serving = tokio::spawn(server.serve(listener, async { drop(stopped.await) }));
///
/// // Later:
/// let _ = stop.send(());
/// let served = serving.await?;
/// assert_eq!(served.cut, 0);                  // everybody has got the whole response
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a server serves only when `serve` is called"]
pub struct Server {
    service: HttpService,
    settings: Settings,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
}

/// What became of a server that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// How many connections were cut, as they were not done within the [grace](Server::grace).
    pub cut: usize,
}

/// How long to wait after an error of a listener: as a rule the process has as many files open as it may, and some of
/// them are closed soon.
const AFTER_ERROR: Duration = Duration::from_millis(100);

impl Server {
    /// A server with all defaults.
    pub fn new(service: HttpService) -> Self {
        Self {
            service,
            settings: Settings::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Sets how long the head of a request may be: its first line and its headers. 32 KiB by default. More is answered
    /// with 431, and of HTTP/1 as well if there are more than 100 headers.
    pub fn max_head_bytes(mut self, bytes: usize) -> Self {
        self.settings.head_bytes = bytes;
        self
    }

    /// Sets how long the body of a request may be. 16 MiB by default. More is answered with 413, if the response has
    /// not begun; the component gets an error when it reads on. Bodies stream, so this holds no memory here: it is for
    /// components that gather what they read.
    pub fn max_body_bytes(mut self, bytes: u64) -> Self {
        self.settings.body_bytes = bytes;
        self
    }

    /// Sets how many requests there may be at a time, until the whole response is sent. 1024 by default, as many
    /// calls as a component's inbox has room for. Further ones are answered at once with 503 and `retry-after`, and do
    /// not wait. The health path is not counted.
    pub fn max_concurrent_requests(mut self, requests: usize) -> Self {
        self.settings.requests = requests.min(Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how many connections there may be at a time, at least 1. 1000 by default: a process may have 1024 files
    /// open, where nobody has said anything else. Further ones wait with the system.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.settings.connections = connections.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// Sets how many requests a connection of HTTP/2 may have at a time. 100 by default, the least that its
    /// specification recommends.
    pub fn max_concurrent_streams(mut self, streams: u32) -> Self {
        self.settings.streams = streams;
        self
    }

    /// Sets how long a head may take from its first byte, and the first one from when the connection is made, with the
    /// handshake of TLS. 10 seconds by default. Past it the connection is closed.
    pub fn head_timeout(mut self, time: Duration) -> Self {
        self.settings.head_time = time;
        self
    }

    /// Sets how long a body may rest. 30 seconds by default. A request whose component waits for more of its body, and
    /// gets nothing for so long, is answered with 408; a connection whose client takes nothing of a response is closed.
    /// A component that takes its time is not concerned.
    pub fn body_timeout(mut self, time: Duration) -> Self {
        self.settings.body_time = time;
        self
    }

    /// Sets how long a connection is kept without a request. 75 seconds by default.
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.settings.idle_time = time;
        self
    }

    /// Sets how long a request may take until its response begins. 30 seconds by default; `None` for no end. Past it the
    /// answer is 504. It is the [deadline of the calls](HttpService::with_deadline), so for components of wasi:http 0.2
    /// it is for all of the response.
    ///
    /// A guest that computes without end holds up the others of its instance, and is only given up if its engine
    /// interrupts it: see [`EpochTicker`](wasm_runtime_composer::EpochTicker), and
    /// [`with_run_limit`](wasm_runtime_composer::ComposableDescriptor::with_run_limit), which ends it.
    pub fn deadline(mut self, deadline: impl Into<Option<Duration>>) -> Self {
        self.settings.deadline = deadline.into();
        self
    }

    /// Sets how long requests in flight have when the server ends. 25 seconds by default, a little less than what
    /// supervisors give before they kill. Past it their connections are cut.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.settings.grace = grace;
        self
    }

    /// Answers `GET` and `HEAD` of a path by itself: 200 while it serves, 503 while it ends. For those who watch whether
    /// the server is there; no component is asked. There is none by default.
    ///
    /// # Panics
    ///
    /// If the path does not begin with `/`.
    pub fn health_path(mut self, path: impl Into<String>) -> Self {
        let path = path.into();
        assert!(path.starts_with('/'), "expected a path that begins with `/`, found `{path}`");
        self.settings.health = Some(path.into());
        self
    }

    /// Has all connections speak TLS, with the application's configuration. If that names no protocols for ALPN, `h2`
    /// and `http/1.1` are offered.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, config: Arc<crate::rustls::ServerConfig>) -> Self {
        let config = match config.alpn_protocols.is_empty() {
            true => {
                let mut config = crate::rustls::ServerConfig::clone(&config);
                config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
                Arc::new(config)
            }
            false => config,
        };
        self.tls = Some(config.into());
        self
    }

    /// Serves until `shutdown` is done, and then ends gracefully: no connection is accepted any more, those without a
    /// request are closed, and the others when their requests are done. What is not done within the
    /// [grace](Self::grace) is cut. It needs a tokio runtime with a timer and I/O.
    ///
    /// The composition goes on; close it afterwards. Its components can be replaced meanwhile. To serve at several
    /// addresses clone the server; each has the limits for itself.
    ///
    /// # Metrics
    ///
    /// With feature `metrics`:
    ///
    /// | name | kind | labels |
    /// |---|---|---|
    /// | `composer_http_requests_total` | counter | `method`, `status` (empty if there was no response), `outcome` |
    /// | `composer_http_request_duration_seconds` | histogram, bodies included | `method` |
    /// | `composer_http_requests_in_flight` | gauge | |
    /// | `composer_http_connections` | gauge | |
    ///
    /// `outcome` is `whole`; `broken off` if the component failed in the middle of the body; or `abandoned` if the client
    /// went away before the end, or was cut. Methods that HTTP does not know are `other`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future cuts all connections.
    pub async fn serve<L: Listener>(
        self,
        listener: L,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Served {
        record::describe();
        let (end, ending) = watch::channel(false);
        let places = Arc::new(Semaphore::new(self.settings.connections));
        let site = Arc::new(Site::new(self.service, self.settings));
        let front = Front {
            site: site.clone(),
            #[cfg(feature = "tls")]
            tls: self.tls,
            ending,
        };
        let mut connections = JoinSet::new();
        tokio::select! {
            biased;
            () = shutdown => {}
            never = accept(listener, &front, places, &mut connections) => match never {},
        }
        site.ending.store(true, Ordering::Relaxed);
        let _ = end.send(true);
        let all = async {
            while let Some(ended) = connections.join_next().await {
                note(ended);
            }
        };
        let _ = timeout(site.settings.grace, all).await;
        let cut = connections.len();
        connections.shutdown().await;
        Served { cut }
    }
}

/// What a new connection needs.
#[derive(Clone)]
struct Front {
    site: Arc<Site>,
    #[cfg(feature = "tls")]
    tls: Option<tokio_rustls::TlsAcceptor>,
    ending: watch::Receiver<bool>,
}

impl Front {
    async fn take<L: Listener>(
        self,
        io: L::Io,
        peer: Option<SocketAddr>,
        _place: OwnedSemaphorePermit,
    ) {
        let _counted = Connected::new();
        let opened = Instant::now();
        let Some(stream) = self.secured(io).await else { return };
        connection::serve::<L>(stream, opened, peer, self.site, self.ending).await;
    }

    #[cfg(feature = "tls")]
    async fn secured<I>(&self, io: I) -> Option<Stream<I>>
    where
        I: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let Some(tls) = &self.tls else { return Some(Stream::Plain(io)) };
        let mut ending = self.ending.clone();
        let shaken = timeout(self.site.settings.head_time, tls.accept(io));
        tokio::select! {
            shaken = shaken => match shaken {
                Ok(Ok(stream)) => Some(Stream::Secure(Box::new(stream))),
                Ok(Err(error)) => {
                    record::connection("a handshake of TLS has failed", Some(&error));
                    None
                }
                Err(_) => {
                    record::connection("a handshake of TLS took too long", None);
                    None
                }
            },
            _ = ending.wait_for(|ending| *ending) => None,
        }
    }

    #[cfg(not(feature = "tls"))]
    async fn secured<I>(&self, io: I) -> Option<Stream<I>> {
        Some(Stream::Plain(io))
    }
}

async fn accept<L: Listener>(
    mut listener: L,
    front: &Front,
    places: Arc<Semaphore>,
    connections: &mut JoinSet<()>,
) -> std::convert::Infallible {
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            // Nobody closes it.
            return std::future::pending().await;
        };
        let accepted = listener.accept().await;
        while let Some(ended) = connections.try_join_next() {
            note(ended);
        }
        match accepted {
            Ok((io, peer)) => {
                connections.spawn(front.clone().take::<L>(io, peer, place));
            }
            // The client was gone again.
            Err(error) if error.kind() == ErrorKind::ConnectionAborted => {}
            Err(error) => {
                record::trouble("no connection can be accepted", &error);
                sleep(AFTER_ERROR).await;
            }
        }
    }
}

/// Tells of a connection whose task panicked; the others go on.
fn note(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        record::trouble("the task of a connection has ended wrongly", &error);
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A configuration of TLS has keys in it.
        let mut server = f.debug_struct("Server");
        server.field("service", &self.service).field("settings", &self.settings);
        server.finish_non_exhaustive()
    }
}
