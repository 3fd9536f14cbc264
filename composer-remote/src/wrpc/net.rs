//! Connections and listeners, over TCP, with or without TLS, or a Unix socket.
//!
//! A Unix socket is a file that outlives a killed server. A new server removes it only if it is a
//! socket to which no connection can be made, and a closing server only if the file is still its
//! own, so that two servers cannot remove each other's sockets.

use std::fmt;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

use crate::budget::Peer;

/// The direction of a connection in which the peer sends.
pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// The direction of a connection in which this side sends.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// An address at which a server takes calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A host name or an IP address, and a port.
    Tcp(String),
    #[cfg(unix)]
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "`{address}`"),
            #[cfg(unix)]
            Self::Unix(path) => write!(f, "`{}`", path.display()),
        }
    }
}

/// How TCP connections are encrypted, if they are.
#[derive(Clone)]
pub(super) struct Tls<T>(pub(super) Option<T>);

impl<T> Default for Tls<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> fmt::Debug for Tls<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The configuration contains keys, so it is not printed.
        write!(f, "Tls({})", if self.0.is_some() { "on" } else { "off" })
    }
}

/// What a client needs for TLS: its configuration, and the name that the server's certificate must
/// have.
#[cfg(feature = "tls")]
pub(super) type ClientTls =
    Tls<(tokio_rustls::TlsConnector, tokio_rustls::rustls::pki_types::ServerName<'static>)>;
#[cfg(not(feature = "tls"))]
pub(super) type ClientTls = Tls<std::convert::Infallible>;

/// What a server needs for TLS.
#[cfg(feature = "tls")]
pub(super) type ServerTls = Tls<tokio_rustls::TlsAcceptor>;
#[cfg(not(feature = "tls"))]
pub(super) type ServerTls = Tls<std::convert::Infallible>;

async fn secure_client(stream: TcpStream, tls: &ClientTls) -> io::Result<(Reader, Writer)> {
    // Each side waits for the other's writes, so they must not be delayed.
    stream.set_nodelay(true)?;
    #[cfg(feature = "tls")]
    if let Some((connector, name)) = &tls.0 {
        return Ok(halves(connector.connect(name.clone(), stream).await?));
    }
    #[cfg(not(feature = "tls"))]
    if let Some(never) = &tls.0 {
        match *never {}
    }
    Ok(tcp(stream))
}

async fn secure_server(stream: TcpStream, tls: &ServerTls) -> io::Result<(Reader, Writer)> {
    // Each side waits for the other's writes, so they must not be delayed.
    stream.set_nodelay(true)?;
    #[cfg(feature = "tls")]
    if let Some(acceptor) = &tls.0 {
        return Ok(halves(acceptor.accept(stream).await?));
    }
    #[cfg(not(feature = "tls"))]
    if let Some(never) = &tls.0 {
        match *never {}
    }
    Ok(tcp(stream))
}

#[cfg(feature = "tls")]
fn halves(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> (Reader, Writer) {
    let (reader, writer) = tokio::io::split(stream);
    (Box::new(reader), Box::new(writer))
}

impl Address {
    pub(super) async fn connect(&self, tls: &ClientTls) -> io::Result<(Reader, Writer)> {
        match self {
            Self::Tcp(address) => secure_client(TcpStream::connect(address).await?, tls).await,
            #[cfg(unix)]
            Self::Unix(path) => loop {
                match UnixStream::connect(path).await {
                    Ok(stream) => return Ok(unix(stream)),
                    // The backlog is full. For TCP the system would try again by itself.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    }
                    Err(error) => return Err(error),
                }
            },
        }
    }

    pub(super) async fn listen(&self) -> io::Result<Listener> {
        match self {
            Self::Tcp(address) => Ok(Listener::Tcp(listen_tcp(address).await?)),
            #[cfg(unix)]
            Self::Unix(path) => {
                let listener = match UnixListener::bind(path) {
                    Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                        remove_dead(path).await?;
                        UnixListener::bind(path)?
                    }
                    bound => bound?,
                };
                // If another server has replaced the socket by now, its file is not this one's.
                let file = FileId::of(path).ok();
                Ok(Listener::Unix { listener, path: path.clone(), file })
            }
        }
    }
}

/// How many connections may wait to be accepted. The standard library's 128 are too few where each
/// call is a connection: a TCP client that finds no room tries again only after a second.
const BACKLOG: u32 = 4096;

async fn listen_tcp(address: &str) -> io::Result<TcpListener> {
    let mut failure = None;
    for address in lookup_host(address).await? {
        match listen_at(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| io::Error::other("there is no such host")))
}

fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Allows a restarted server to listen at once, while the system still remembers its old
    // connections. On Windows the option means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Removes the socket that a killed server has left at `path`. Fails if there is anything else.
#[cfg(unix)]
async fn remove_dead(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;

    let in_use = |what: &str| {
        let problem = format!("{what}; move it away, or choose another path");
        Err(io::Error::new(io::ErrorKind::AddrInUse, problem))
    };
    let metadata = std::fs::symlink_metadata(path)?;
    let kind = metadata.file_type();
    if !kind.is_socket() {
        // Connecting to any file that is not a socket fails in the same way, so the kind of the
        // file is checked first.
        let what = match () {
            () if kind.is_file() => "a file",
            () if kind.is_dir() => "a folder",
            () if kind.is_symlink() => "a symbolic link",
            () => "a file of another kind",
        };
        return in_use(&format!("expected nothing or a socket that is left over, found {what}"));
    }
    match UnixStream::connect(path).await {
        // No server listens at it.
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
            return in_use(&format!(
                "expected nothing or a socket that is left over, found one of which that is not \
                 known ({error})"
            ));
        }
        Ok(_) | Err(_) => {
            let problem = "a server takes calls at this socket; close it, or choose another path";
            return Err(io::Error::new(io::ErrorKind::AddrInUse, problem));
        }
    }
    // Another server that came to the same conclusion may have put its own socket there.
    if FileId::of(path)? != FileId::new(&metadata) {
        return in_use("another server has just put a socket there");
    }
    std::fs::remove_file(path)
}

/// The identity of the file at a path.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
    /// Inode numbers are reused, so the time is compared too.
    modified: (i64, i64),
}

#[cfg(unix)]
impl FileId {
    fn new(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Self { device: metadata.dev(), inode: metadata.ino(), modified }
    }

    /// Whether it is the same file, even if it was modified.
    fn is_at(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    fn of(path: &Path) -> io::Result<Self> {
        std::fs::symlink_metadata(path).map(|metadata| Self::new(&metadata))
    }
}

fn tcp(stream: TcpStream) -> (Reader, Writer) {
    let (reader, writer) = stream.into_split();
    (Box::new(reader), Box::new(writer))
}

#[cfg(unix)]
fn unix(stream: UnixStream) -> (Reader, Writer) {
    let (reader, writer) = stream.into_split();
    (Box::new(reader), Box::new(writer))
}

/// A connection that was accepted, and the identity of the peer.
pub(super) struct Accepted {
    stream: Stream,
    pub(super) peer: Peer,
}

enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Accepted {
    pub(super) async fn open(self, tls: &ServerTls) -> io::Result<(Reader, Writer)> {
        match self.stream {
            Stream::Tcp(stream) => secure_server(stream, tls).await,
            #[cfg(unix)]
            Stream::Unix(stream) => Ok(unix(stream)),
        }
    }
}

/// Accepts connections. A Unix socket's file is removed when this is dropped.
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        listener: UnixListener,
        path: PathBuf,
        /// The identity of the socket's file.
        file: Option<FileId>,
    },
}

impl Listener {
    /// The address, with the port that the system has chosen.
    pub(super) fn address(&self) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => Ok(listener.local_addr()?.to_string()),
            #[cfg(unix)]
            Self::Unix { path, .. } => Ok(path.display().to_string()),
        }
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(listener) => {
                let accepted = std::task::ready!(listener.poll_accept(cx));
                let accepted = accepted.map(|(stream, from)| Accepted {
                    stream: Stream::Tcp(stream),
                    peer: Peer::of(from.ip()),
                });
                Poll::Ready(accepted)
            }
            #[cfg(unix)]
            Self::Unix { listener, .. } => {
                let accepted = std::task::ready!(listener.poll_accept(cx));
                let accepted = accepted.map(|(stream, _)| {
                    let user = stream.peer_cred().ok();
                    let peer = user.map_or(Peer::Unknown, |user| Peer::User(user.uid()));
                    Accepted { stream: Stream::Unix(stream), peer }
                });
                Poll::Ready(accepted)
            }
        }
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix { path, file, .. } = self
            && let Some(file) = file
            && FileId::of(path).is_ok_and(|found| found.is_at(file))
        {
            // Another server's socket has another inode: this one's cannot be reused before it is
            // closed.
            let _ = std::fs::remove_file(path);
        }
    }
}
