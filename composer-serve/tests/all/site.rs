//! A composition that is served, and clients for it.

use std::net::SocketAddr;
use std::time::Duration;

use composer_tests::{engine, guest, limited};
use futures_util::future::Either;
use http::{HeaderMap, Request, StatusCode, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wasm_runtime_composer::wasi::http::Body;
use wasm_runtime_composer::{ComposableDescriptor, Composer, Composition, RestartPolicy, Wasi};
use wasm_runtime_composer_serve::{Listener, Served, Server};

pub(crate) const HANDLER: &str = "wasi:http/handler@0.3.0";

pub(crate) fn wasi() -> Wasi {
    Wasi::new(engine())
}

/// Guests that are started again when they trap, each of which calls the next.
pub(crate) async fn chain(guests: &[&str]) -> Composition {
    let mut composer = Composer::new();
    let restart = RestartPolicy::restart(u32::MAX, Duration::ZERO);
    for name in guests {
        let component = wasi().component(guest(name));
        composer.add(ComposableDescriptor::new(*name, component).with_restart(restart));
    }
    if guests.len() > 1 {
        composer.chain(HANDLER, guests.iter().copied());
    }
    limited(composer.compose()).await.unwrap()
}

/// A server that serves.
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<Served>,
}

impl Site {
    /// Serves at a port of loopback, with the settings that `set` gives.
    pub(crate) async fn of(composition: &Composition, set: impl FnOnce(Server) -> Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self::at(address, listener, composition, set)
    }

    pub(crate) fn at<L: Listener + 'static>(
        address: SocketAddr,
        listener: L,
        composition: &Composition,
        set: impl FnOnce(Server) -> Server,
    ) -> Self {
        let server = set(Server::new(composition.http().unwrap()));
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(server.serve(listener, async { drop(stopped.await) }));
        Self { address, stop, serving }
    }

    /// Asks the server to end.
    pub(crate) fn stop(self) -> JoinHandle<Served> {
        let _ = self.stop.send(());
        self.serving
    }

    /// Drops the server.
    pub(crate) fn cancel(self) {
        self.serving.abort();
    }

    /// Ends the server, whose clients have gone or can be sent away.
    pub(crate) async fn end(self) {
        assert_eq!(limited(self.stop()).await.unwrap().cut, 0);
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        limited(TcpStream::connect(self.address)).await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::http1(self.connect().await).await
    }

    pub(crate) async fn client2(&self) -> Client {
        Client::http2(self.connect().await).await
    }

    /// All that the server says to some bytes, and whether it then closes the connection rather than to cut it.
    pub(crate) async fn told(&self, bytes: &str) -> (String, bool) {
        let mut stream = self.connect().await;
        limited(stream.write_all(bytes.as_bytes())).await.unwrap();
        rest(&mut stream).await
    }
}

/// All that comes, and whether it has an end.
pub(crate) async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> (String, bool) {
    let mut told = Vec::new();
    let ended = limited(stream.read_to_end(&mut told)).await.is_ok();
    (String::from_utf8_lossy(&told).into_owned(), ended)
}

/// A connection of a client that does as it should.
pub(crate) struct Client(Either<http1::SendRequest<Body>, http2::SendRequest<Body>>);

impl Client {
    pub(crate) async fn http1(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let (sender, connection) = limited(http1::handshake(TokioIo::new(io))).await.unwrap();
        tokio::spawn(connection);
        Self(Either::Left(sender))
    }

    pub(crate) async fn http2(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Self {
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(io));
        let (sender, connection) = limited(handshake).await.unwrap();
        tokio::spawn(connection);
        Self(Either::Right(sender))
    }

    /// A response whose body is still to come.
    pub(crate) async fn begin(
        &mut self,
        request: Request<Body>,
    ) -> hyper::Result<http::Response<Incoming>> {
        match &mut self.0 {
            Either::Left(sender) => {
                limited(sender.ready()).await?;
                limited(sender.send_request(request)).await
            }
            Either::Right(sender) => {
                limited(sender.ready()).await?;
                limited(sender.send_request(request)).await
            }
        }
    }

    pub(crate) async fn send(&mut self, request: Request<Body>) -> hyper::Result<Answer> {
        let response = self.begin(request).await?;
        let (head, body) = response.into_parts();
        let body = limited(body.collect()).await?;
        let trailers = body.trailers().cloned();
        let body = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        Ok(Answer {
            status: head.status,
            version: head.version,
            headers: head.headers,
            body,
            trailers,
        })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(get(path)).await.unwrap()
    }

    /// Another one on the same connection of HTTP/2.
    pub(crate) fn another(&self) -> Self {
        match &self.0 {
            Either::Left(_) => panic!("a connection of HTTP/1 has one request at a time"),
            Either::Right(sender) => Self(Either::Right(sender.clone())),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Answer {
    pub(crate) fn is(&self, status: u16, body: &str) {
        assert_eq!((self.status.as_u16(), &*self.body), (status, body));
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    request("GET", path, Body::empty())
}

pub(crate) fn request(method: &str, path: &str, body: impl Into<Body>) -> Request<Body> {
    let uri = format!("http://localhost{path}");
    let request = Request::builder().method(method).uri(uri).header("host", "localhost");
    request.body(body.into()).unwrap()
}
