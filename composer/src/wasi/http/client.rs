//! Requests that components send to the outside.

use std::fmt;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::{Instant, Sleep};
use tower_service::Service;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::body::{Body, to_error};
use crate::run::{Border, StoreInUse};

/// The client that is supplied: HTTP/1.1 without TLS, on hyper-util, with a pool of connections.
///
/// For TLS give [`Wasi::http`](crate::Wasi::http) a client of your own: hyper-util's with a connector such as that of
/// `hyper-rustls`, or anything else that is a [`Service`].
pub type Client = hyper_util::client::legacy::Client<HttpConnector, Body>;

/// A new [`Client`].
pub fn client() -> Client {
    hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http()
}

/// Where requests go out, with the type of the client forgotten.
type SendRequest = dyn Fn(http::Request<Body>) -> Sent + Send + Sync;
type Sent = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Error>> + Send>>;

/// Which requests a component may send.
type Allowed = dyn Fn(&http::Request<()>) -> bool + Send + Sync;

/// How a component's requests go out.
#[derive(Clone, Default)]
pub(crate) struct Outgoing {
    send: Option<Arc<SendRequest>>,
    allowed: Option<Arc<Allowed>>,
    /// The border of the store whose guest sends. Weak, as the store is a part of what its border knows.
    border: Weak<Border>,
}

impl Outgoing {
    pub(crate) fn set_client<S, B>(&mut self, client: S)
    where
        S: Service<http::Request<Body>, Response = http::Response<B>>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        S::Future: Send,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.send = Some(Arc::new(move |request| {
            let mut client = client.clone();
            Box::pin(async move {
                let failed = |error: S::Error| failure(error.into());
                poll_fn(|cx| client.poll_ready(cx)).await.map_err(failed)?;
                let response = client.call(request).await.map_err(failed)?;
                Ok(response.map(Body::new))
            })
        }));
    }

    pub(crate) fn set_allowed(
        &mut self,
        allowed: impl Fn(&http::Request<()>) -> bool + Send + Sync + 'static,
    ) {
        self.allowed = Some(Arc::new(allowed));
    }

    /// Notes which store it is whose guest sends.
    pub(crate) fn set_border(&mut self, border: &Arc<Border>) {
        self.border = Arc::downgrade(border);
    }

    /// The body of a request, which is cut off if the store ends before it has been written to its end.
    fn watched(&self, body: WasiBody) -> Result<Body, Error> {
        match self.border.upgrade() {
            Some(border) => Body::from_store(body, StoreInUse::new(&border))
                .map_err(|error| Error::InternalError(Some(error.to_string()))),
            None => Ok(Body::new(body)),
        }
    }

    /// Sends a request, if it may go out.
    fn send(&self, request: http::Request<Body>, options: RequestOptions) -> Sent {
        let Some(send) = self.send.clone() else {
            return Box::pin(async { Err(Error::HttpRequestDenied) });
        };
        let (head, body) = request.into_parts();
        let head = http::Request::from_parts(head, ());
        if self.allowed.as_ref().is_some_and(|allowed| !allowed(&head)) {
            return Box::pin(async { Err(Error::HttpRequestDenied) });
        }
        let answered = send(head.map(|()| body));
        Box::pin(async move {
            let RequestOptions { connect_timeout, first_byte_timeout, between_bytes_timeout } =
                options;
            // A client does not tell when it is connected, so that is a part of the wait for the first byte; by
            // itself it cannot be bounded.
            let most = match (connect_timeout, first_byte_timeout) {
                (Some(connect), Some(first)) => Some(connect.saturating_add(first)),
                (_, first) => first,
            };
            let response = match most {
                Some(most) => match tokio::time::timeout(most, answered).await {
                    Ok(response) => response?,
                    Err(_) => return Err(Error::ConnectionReadTimeout),
                },
                None => answered.await?,
            };
            Ok(match between_bytes_timeout {
                Some(pause) => response.map(|body| Body::new(Paced::new(body, pause))),
                None => response,
            })
        })
    }
}

/// What a guest is told of a client's failure.
fn failure(error: Box<dyn std::error::Error + Send + Sync>) -> Error {
    match error.downcast::<hyper_util::client::legacy::Error>() {
        Ok(error) if error.is_connect() => not_connected(&*error),
        Ok(error) => to_error(error),
        Err(error) => to_error(error),
    }
}

/// Why there is no connection, as far as its causes tell.
fn not_connected(error: &(dyn std::error::Error + 'static)) -> Error {
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(ErrorKind::ConnectionRefused) => return Error::ConnectionRefused,
            Some(ErrorKind::TimedOut) => return Error::ConnectionTimeout,
            _ => {}
        }
        // The supplied connector says so of names.
        if error.to_string() == "dns error" {
            return Error::DnsError { rcode: None, info_code: None };
        }
        cause = error.source();
    }
    Error::DestinationUnavailable
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut outgoing = f.debug_struct("Outgoing");
        outgoing.field("client", &self.send.is_some());
        outgoing.field("restricted", &self.allowed.is_some()).finish()
    }
}

impl WasiHttpHooks for Outgoing {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<
        dyn Future<
                Output = Result<
                    (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>),
                    Error,
                >,
            > + Send,
    > {
        let (head, body) = request.into_parts();
        let sent = self.watched(body).map(|body| {
            self.send(http::Request::from_parts(head, body), options.unwrap_or_default())
        });
        Box::new(async move {
            use http_body_util::BodyExt;

            let response = sent?.await?;
            // The client drives its connections itself.
            let driven = Box::new(async { Ok(()) });
            Ok((response.map(BodyExt::boxed_unsync), driven as Box<_>))
        })
    }
}

/// A body that fails when nothing of it comes for too long.
struct Paced {
    body: Body,
    pause: Duration,
    until: Pin<Box<Sleep>>,
    /// Whether the next piece is being waited for.
    waits: bool,
}

impl Paced {
    fn new(body: Body, pause: Duration) -> Self {
        Self { body, pause, until: Box::pin(tokio::time::sleep(pause)), waits: false }
    }
}

impl http_body::Body for Paced {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) {
            this.waits = false;
            return Poll::Ready(frame);
        }
        if !std::mem::replace(&mut this.waits, true) {
            this.until.as_mut().reset(Instant::now() + this.pause);
        }
        ready!(this.until.as_mut().poll(cx));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
