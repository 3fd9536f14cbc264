//! Connections, over TCP or a Unix socket.

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

/// The direction of a connection in which the peer's bytes come.
pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// The other one.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// Where somebody takes calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Address {
    /// A host, or its number, and a port.
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

/// How connections over TCP are encrypted, if they are.
#[derive(Clone)]
pub(super) struct Tls<T>(pub(super) Option<T>);

impl<T> Default for Tls<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T> fmt::Debug for Tls<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A configuration has keys in it.
        write!(f, "Tls({})", if self.0.is_some() { "on" } else { "off" })
    }
}

/// What a caller needs for it: its configuration, and the name that the server's certificate must have.
#[cfg(feature = "tls")]
pub(super) type ClientTls =
    Tls<(tokio_rustls::TlsConnector, tokio_rustls::rustls::pki_types::ServerName<'static>)>;
#[cfg(not(feature = "tls"))]
pub(super) type ClientTls = Tls<std::convert::Infallible>;

/// What a server needs for it.
#[cfg(feature = "tls")]
pub(super) type ServerTls = Tls<tokio_rustls::TlsAcceptor>;
#[cfg(not(feature = "tls"))]
pub(super) type ServerTls = Tls<std::convert::Infallible>;

async fn secure_client(stream: TcpStream, tls: &ClientTls) -> io::Result<(Reader, Writer)> {
    // Each side waits for what the other one writes.
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
    // Each side waits for what the other one writes.
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
                    // Too many wait to be accepted; with TCP the system would try again itself.
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
                // Whoever has replaced it by now keeps what is there.
                let file = FileId::of(path).ok();
                Ok(Listener::Unix { listener, path: path.clone(), file })
            }
        }
    }
}

/// How many connections may wait to be accepted. The standard library's 128 are too few where each call is
/// a connection: a caller whose connection finds no room tries again after a second.
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
    // A server that is started again need not wait for its old connections to be forgotten. On Windows it
    // means something else.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Removes the socket that a killed server has left at `path`; an error if anything else is there.
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
        // A connection to any such file is refused too, which says nothing of a server.
        let what = match () {
            () if kind.is_file() => "a file",
            () if kind.is_dir() => "a folder",
            () if kind.is_symlink() => "a symbolic link",
            () => "a file of another kind",
        };
        return in_use(&format!("expected nothing or a socket that is left over, found {what}"));
    }
    match UnixStream::connect(path).await {
        // Nobody listens at it.
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
    // A server that has found the same in the meantime may have put its own there.
    if FileId::of(path)? != FileId::new(&metadata) {
        return in_use("another server has just put a socket there");
    }
    std::fs::remove_file(path)
}

/// Which file it is that lies at a path.
#[cfg(unix)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
    /// The number of a file that is removed may be given to the next one.
    modified: (i64, i64),
}

#[cfg(unix)]
impl FileId {
    fn new(metadata: &std::fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Self { device: metadata.dev(), inode: metadata.ino(), modified }
    }

    /// Whether it has the same place on the disk, whatever has been done to it.
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

/// A connection that was taken, and who is on the other side.
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

/// Takes connections. A Unix socket goes with it.
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix {
        listener: UnixListener,
        path: PathBuf,
        /// The socket's file.
        file: Option<FileId>,
    },
}

impl Listener {
    /// Where it listens, with the port that the system has chosen.
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
            // Another server's socket is another file, as this one's number is taken until it is closed.
            let _ = std::fs::remove_file(path);
        }
    }
}
