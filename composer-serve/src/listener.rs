//! [`Listener`]: where connections come from.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream};

/// Where connections come from: a [`TcpListener`], a [`UnixListener`], or one of your own, for instance one that limits
/// the connections of each address.
pub trait Listener: Send + 'static {
    /// A connection.
    type Io: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Waits for a connection. The address is for the log.
    ///
    /// After an error the server waits for a moment, and accepts again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future must lose no connection.
    fn accept(&mut self)
    -> impl Future<Output = io::Result<(Self::Io, Option<SocketAddr>)>> + Send;

    /// Sees to it that a client does not take the end of this connection, which is about to be dropped, for the end of
    /// what it reads. Does nothing by itself.
    fn reset(io: &Self::Io) {
        let _ = io;
    }
}

impl Listener for TcpListener {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        let (stream, peer) = Self::accept(self).await?;
        // Small responses would wait for the acknowledgement of what was sent before.
        let _ = stream.set_nodelay(true);
        Ok((stream, Some(peer)))
    }

    fn reset(io: &TcpStream) {
        let _ = io.set_zero_linger();
    }
}

#[cfg(unix)]
impl Listener for UnixListener {
    type Io = UnixStream;

    async fn accept(&mut self) -> io::Result<(UnixStream, Option<SocketAddr>)> {
        let (stream, _) = Self::accept(self).await?;
        Ok((stream, None))
    }
}
