//! Connections, over TCP or a Unix socket.

use std::fmt;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::PathBuf;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

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

impl Address {
    pub(super) async fn connect(&self) -> io::Result<(Reader, Writer)> {
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                tcp(stream)
            }
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
                    // A server that was killed has left its socket, at which nobody listens.
                    Err(error)
                        if error.kind() == io::ErrorKind::AddrInUse && is_left(path).await =>
                    {
                        std::fs::remove_file(path)?;
                        UnixListener::bind(path)?
                    }
                    bound => bound?,
                };
                Ok(Listener::Unix(listener, path.clone()))
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

#[cfg(unix)]
async fn is_left(path: &std::path::Path) -> bool {
    let connected = UnixStream::connect(path).await;
    connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn tcp(stream: TcpStream) -> io::Result<(Reader, Writer)> {
    // Each side waits for what the other one writes.
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    Ok((Box::new(reader), Box::new(writer)))
}

#[cfg(unix)]
fn unix(stream: UnixStream) -> (Reader, Writer) {
    let (reader, writer) = stream.into_split();
    (Box::new(reader), Box::new(writer))
}

/// Takes connections. A Unix socket goes with it.
pub(super) enum Listener {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Where it listens, with the port that the system has chosen.
    pub(super) fn address(&self) -> io::Result<String> {
        match self {
            Self::Tcp(listener) => Ok(listener.local_addr()?.to_string()),
            #[cfg(unix)]
            Self::Unix(_, path) => Ok(path.display().to_string()),
        }
    }

    pub(super) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Reader, Writer)>> {
        match self {
            Self::Tcp(listener) => listener.poll_accept(cx).map(|accepted| tcp(accepted?.0)),
            #[cfg(unix)]
            Self::Unix(listener, _) => {
                listener.poll_accept(cx).map(|accepted| Ok(unix(accepted?.0)))
            }
        }
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            // Somebody may have removed it.
            let _ = std::fs::remove_file(path);
        }
    }
}
