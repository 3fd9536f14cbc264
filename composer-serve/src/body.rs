//! Bodies on their way: [`Upload`] from a client, [`Download`] to it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, Sleep, sleep};
use wasm_runtime_composer::wasi::http::{Body, Error};

use crate::record::Record;
use crate::watch::{Busy, after};

/// Why the rest of a request's body is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    TooLarge,
    Stalled,
}

/// A request's body, as its component reads it: no longer than it may be, and not slower.
pub(crate) struct Upload {
    body: Incoming,
    most: u64,
    left: u64,
    pause: Duration,
    /// Runs while the component waits.
    until: Pin<Box<Sleep>>,
    waits: bool,
    tell: Option<oneshot::Sender<Unread>>,
}

impl Upload {
    /// Also returns who is told, before the component is, if the body is not read to its end.
    pub(crate) fn new(
        body: Incoming,
        most: u64,
        pause: Duration,
    ) -> (Self, oneshot::Receiver<Unread>) {
        let (tell, told) = oneshot::channel();
        let until = Box::pin(sleep(pause));
        (Self { body, most, left: most, pause, until, waits: false, tell: Some(tell) }, told)
    }

    fn fails(&mut self, why: Unread, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(tell) = self.tell.take() {
            // The response may be there already.
            let _ = tell.send(why);
        }
        Poll::Ready(Some(Err(error)))
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waits = false;
            let length = match &frame {
                Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
                _ => 0,
            };
            return match this.left.checked_sub(length) {
                Some(left) => {
                    this.left = left;
                    Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
                }
                None => {
                    let most = this.most;
                    this.fails(Unread::TooLarge, Error::HttpRequestBodySize(Some(most)))
                }
            };
        }
        if !std::mem::replace(&mut this.waits, true) {
            this.until.as_mut().reset(after(Instant::now(), this.pause));
        }
        ready!(this.until.as_mut().poll(cx));
        this.fails(Unread::Stalled, Error::ConnectionReadTimeout)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A response's body, as hyper takes it. The request has come to its end when this is dropped.
pub(crate) struct Download {
    body: Body,
    /// The length that the head has announced.
    announced: Option<u64>,
    record: Record,
    busy: Busy,
    /// Held for as long as the request counts.
    _place: Option<OwnedSemaphorePermit>,
    /// Whether the body ends with the connection.
    ends_with_connection: bool,
    failed: bool,
}

impl Download {
    pub(crate) fn new(
        body: Body,
        announced: Option<u64>,
        record: Record,
        busy: Busy,
        place: Option<OwnedSemaphorePermit>,
        ends_with_connection: bool,
    ) -> Self {
        // The head.
        busy.written();
        if ends_with_connection {
            busy.watch().set_unfinished(true);
        }
        let failed = false;
        Self { body, announced, record, busy, _place: place, ends_with_connection, failed }
    }

    /// Notes that hyper has all of it.
    fn finish(&mut self) {
        self.record.whole();
        if self.ends_with_connection {
            self.busy.watch().set_unfinished(false);
        }
    }
}

impl http_body::Body for Download {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        // hyper asks for more when there is room for it.
        this.busy.taken();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                this.record.add(frame.data_ref().map_or(0, |data| data.len() as u64));
                this.busy.written();
            }
            Some(Err(error)) => {
                this.failed = true;
                this.record.broken_off(error);
            }
            None => this.finish(),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        // hyper asks for no more when it has as much as was announced.
        let is_taken = self.body.is_end_stream() || self.announced == Some(self.record.bytes());
        if is_taken && !self.failed {
            self.finish();
        }
    }
}
