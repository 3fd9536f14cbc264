//! A connection's bytes, which tell the [`Watch`] that they come and go.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use crate::listener::Listener;
use crate::watch::{LINGER, Watch};

/// A connection of a listener, with TLS or without.
pub(crate) enum Stream<I> {
    Plain(I),
    #[cfg(feature = "tls")]
    Secure(Box<tokio_rustls::server::TlsStream<I>>),
}

impl<I> Stream<I> {
    pub(crate) fn is_secure(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Secure(_) => true,
        }
    }

    fn bare(&self) -> &I {
        match self {
            Self::Plain(io) => io,
            #[cfg(feature = "tls")]
            Self::Secure(io) => io.get_ref().0,
        }
    }
}

/// Calls a method of whichever stream it is.
macro_rules! each {
    ($stream:expr, $io:ident => $call:expr) => {
        match $stream {
            Stream::Plain($io) => $call,
            #[cfg(feature = "tls")]
            Stream::Secure($io) => $call,
        }
    };
}

/// What hyper reads and writes.
pub(crate) struct Wire<L: Listener> {
    stream: Stream<L::Io>,
    watch: Arc<Watch>,
    closing: Closing,
}

enum Closing {
    /// It may still be written to.
    Open,
    /// Nothing more is written, and what comes is thrown away.
    Lingering(Pin<Box<Sleep>>),
    Closed,
}

impl<L: Listener> Wire<L> {
    pub(crate) fn new(stream: Stream<L::Io>, watch: Arc<Watch>) -> Self {
        Self { stream, watch, closing: Closing::Open }
    }
}

impl<L: Listener> AsyncRead for Wire<L> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(each!(&mut self.stream, io => Pin::new(io).poll_read(cx, buf)))?;
        if buf.filled().len() > before {
            self.watch.has_read();
        }
        Poll::Ready(Ok(()))
    }
}

impl<L: Listener> AsyncWrite for Wire<L> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(each!(&mut self.stream, io => Pin::new(io).poll_write(cx, buf)))?;
        self.watch.has_written();
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written =
            ready!(each!(&mut self.stream, io => Pin::new(io).poll_write_vectored(cx, bufs)))?;
        self.watch.has_written();
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        each!(&self.stream, io => io.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(&mut self.stream, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            match &mut this.closing {
                Closing::Open => {
                    this.watch.ends();
                    ready!(each!(&mut this.stream, io => Pin::new(io).poll_shutdown(cx)))?;
                    this.closing = Closing::Lingering(Box::pin(sleep(LINGER)));
                }
                Closing::Lingering(enough) => {
                    if enough.as_mut().poll(cx).is_pending() {
                        let mut scratch = [0; 4096];
                        let mut buf = ReadBuf::new(&mut scratch);
                        let read = ready!(
                            each!(&mut this.stream, io => Pin::new(io).poll_read(cx, &mut buf))
                        );
                        if read.is_ok() && !buf.filled().is_empty() {
                            continue;
                        }
                    }
                    this.closing = Closing::Closed;
                }
                Closing::Closed => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<L: Listener> Drop for Wire<L> {
    fn drop(&mut self) {
        if self.watch.is_unfinished() {
            L::reset(self.stream.bare());
        }
    }
}
