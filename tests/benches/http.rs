//! Requests a second, and how long each takes, of a service behind 0, 1, 2 and 4 middlewares: isolated, in one store by
//! the library, and the same bytes in one store driven by wasmtime-wasi-http alone.
//!
//! `cargo bench -p composer-tests --bench http` measures; under `cargo test` everything is done for a moment only. The
//! three are measured in turns, so that what the machine does meanwhile meets all of them. With `-- stream` 1 GiB goes
//! through a chain of four instead, and the memory that this takes is shown. With `-- served` clients ask over TCP: the
//! web server of isolated components, and a server of hyper around wasmtime-wasi-http alone. With a number it measures
//! chains with so many middlewares alone, and with `isolated`, `placed` or `alone` one way of the three, as a profiler
//! likes it.

#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::env;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use composer_tests::{engine, guest_file, memory_in_use};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::{Method, Request};
use http_body_util::{BodyExt, BodyStream, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1 as client;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use wasm_runtime_composer::wasi::http::{Body, HttpService};
use wasm_runtime_composer::{ComposableDescriptor, Composer, Composition, Wasi};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{AsContextMut, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::p3::{self};
use wasmtime_wasi_http::{
    Error, RequestOptions, WasiBody, WasiHttpCtx, WasiHttpCtxView, WasiHttpHooks, WasiHttpView,
};

const HANDLER: &str = "wasi:http/handler@0.3.0";

/// The data of a store without the library.
struct State {
    table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: NoNetwork,
}

struct NoNetwork;

type Done = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Done), Error>;

impl WasiHttpHooks for NoNetwork {
    fn send_request(
        &mut self,
        _: Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Done,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

type Answer = oneshot::Sender<http::Response<WasiBody>>;

/// How a component is asked that wasmtime-wasi-http drives.
type Requests = mpsc::UnboundedSender<(Request<WasiBody>, Answer)>;

/// A component in a store that wasmtime-wasi-http drives.
fn alone(bytes: Vec<u8>) -> Requests {
    let (requests, mut inbox) = mpsc::unbounded_channel::<(Request<WasiBody>, Answer)>();
    tokio::spawn(async move {
        let component = Component::new(engine(), bytes)?;
        let mut linker: Linker<State> = Linker::new(engine());
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        p3::add_to_linker(&mut linker)?;
        let (wasi, http) = (WasiCtx::builder().build(), WasiHttpCtx::new());
        let state = State { table: ResourceTable::new(), wasi, http, hooks: NoNetwork };
        let mut store = Store::new(engine(), state);
        let service = Service::instantiate_async(&mut store, &component, &linker).await?;
        let serving = async move |accessor: &wasmtime::component::Accessor<State>| {
            let (service, mut running) = (&service, FuturesUnordered::new());
            loop {
                tokio::select! {
                    request = inbox.recv() => {
                        let Some((request, answer)) = request else {
                            return Ok::<(), wasmtime::Error>(());
                        };
                        running.push(async move {
                            let (request, io) = accessor.with(|mut store| {
                                let hooks = &mut store.get().hooks;
                                let (request, io) = p3::Request::from_http(hooks, request);
                                let io: Pin<Done> = Box::pin(io);
                                (request, io)
                            });
                            let response = service.handle(accessor, request).await?;
                            let response = response.map_err(wasmtime::Error::new)?;
                            let response = accessor.with(|mut store| {
                                response.into_http(store.as_context_mut(), io)
                            })?;
                            let _ = answer.send(response);
                            Ok::<(), wasmtime::Error>(())
                        });
                    }
                    Some(ended) = running.next() => ended?,
                }
            }
        };
        store.run_concurrent(serving).await?
    });
    requests
}

async fn asked(requests: &Requests, request: Request<WasiBody>) -> http::Response<WasiBody> {
    let (answer, answered) = oneshot::channel();
    requests.send((request, answer)).expect("it runs");
    answered.await.expect("it is served")
}

/// Whom requests go to.
#[derive(Clone)]
enum Server {
    Composed(HttpService),
    Alone(Requests),
}

impl Server {
    /// Asks for so many bytes, and reads them.
    async fn ask(&self, length: usize) {
        let request = Request::get(format!("http://localhost/bytes/{length}"));
        let request = request.header("authorization", "me");
        let read = match self {
            Self::Composed(web) => {
                let request = request.body(Body::empty()).expect("it is valid");
                let response = web.handle(request).await.expect("it is served");
                response.into_body().collect().await.expect("it is whole").to_bytes()
            }
            Self::Alone(requests) => {
                let nothing = WasiBody::new(Full::default().map_err(|never| match never {}));
                let request = request.body(nothing).expect("it is valid");
                asked(requests, request)
                    .await
                    .into_body()
                    .collect()
                    .await
                    .expect("it is whole")
                    .to_bytes()
            }
        };
        assert_eq!(read.len(), length);
    }

    /// How long each of the requests of a while takes, with `callers` at once.
    async fn sample(&self, length: usize, callers: usize, sample: Duration) -> Vec<Duration> {
        let until = Instant::now() + sample;
        let calls = (0..callers).map(|_| async move {
            let mut times = Vec::new();
            loop {
                let start = Instant::now();
                self.ask(length).await;
                times.push(start.elapsed());
                if Instant::now() > until {
                    return times;
                }
            }
        });
        futures_util::future::join_all(calls).await.concat()
    }
}

fn chain(middlewares: usize) -> Vec<&'static str> {
    let names = ["http-header", "http-auth", "http-header", "http-auth"];
    names.into_iter().take(middlewares).chain(["http-app"]).collect()
}

fn composer(guests: &[&str], wasi: &Wasi) -> Composer {
    let ids: Vec<String> =
        guests.iter().enumerate().map(|(index, name)| format!("{name}-{index}")).collect();
    let mut composer = Composer::new();
    for (id, name) in ids.iter().zip(guests) {
        composer.add(ComposableDescriptor::new(id, wasi.component(&*guest_file(name))));
    }
    composer.chain(HANDLER, ids);
    composer
}

async fn served(composer: Composer) -> (Composition, Server) {
    let composition = composer.compose().await.expect("it composes");
    let web = composition.http().expect("it serves");
    (composition, Server::Composed(web))
}

/// The middle, and the one of a hundred that takes longest.
fn percentiles(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() * 99 / 100])
}

async fn rates(rounds: usize, sample: Duration, only: Option<usize>, way: Option<String>) {
    let wasi = Wasi::new(engine());
    println!("requests a second (p50, p99): isolated, one store, wasmtime-wasi-http alone\n");
    let chains = [0, 1, 2, 4].into_iter().filter(|it| only.is_none_or(|only| only == *it));
    for middlewares in chains {
        let guests = chain(middlewares);
        let (_isolated, isolated) = served(composer(&guests, &wasi)).await;
        let mut placed = Composer::new();
        placed.add(ComposableDescriptor::new("placed", wasi.fused(composer(&guests, &wasi))));
        let (_placed, placed) = served(placed).await;
        let bytes = match middlewares {
            0 => std::fs::read(guest_file("http-app")).expect("it is there"),
            _ => composer(&guests, &wasi).fuse().expect("it fuses"),
        };
        let alone = Server::Alone(alone(bytes));
        for (length, callers) in [(5, 1), (5, 100), (65_536, 1), (65_536, 100)] {
            let mut times = [Vec::new(), Vec::new(), Vec::new()];
            let mut took = [Duration::ZERO; 3];
            for _ in 0..rounds {
                let servers = [("isolated", &isolated), ("placed", &placed), ("alone", &alone)];
                let chosen = |name: &str| way.as_deref().is_none_or(|way| way == name);
                for (index, (name, server)) in servers.into_iter().enumerate() {
                    if !chosen(name) {
                        continue;
                    }
                    let start = Instant::now();
                    times[index].extend(server.sample(length, callers, sample).await);
                    took[index] += start.elapsed();
                }
            }
            let rates: Vec<f64> = times
                .iter()
                .zip(took)
                .map(|(times, took)| times.len() as f64 / took.as_secs_f64())
                .collect();
            print!("{middlewares} middlewares, {length} bytes, {callers} at once:");
            for (rate, times) in rates.iter().zip(times) {
                if times.is_empty() {
                    continue;
                }
                let (p50, p99) = percentiles(times);
                print!("  {rate:.0}/s ({p50:.1?}, {p99:.1?})");
            }
            match way {
                Some(_) => println!(),
                None => println!("  isolated/alone {:.2}", rates[0] / rates[2]),
            }
        }
    }
}

/// Serves over HTTP/1.1, with hyper's own settings, what wasmtime-wasi-http drives.
async fn serve_alone(listener: TcpListener, requests: Requests) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("it is connected");
        let requests = requests.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let requests = requests.clone();
            async move {
                let request = request.map(|body| WasiBody::new(body.map_err(Error::from)));
                Ok::<_, Infallible>(asked(&requests, request).await)
            }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

/// What a client asks for, again and again over one connection.
struct Asked {
    method: Method,
    path: &'static str,
    sends: usize,
    gets: usize,
}

impl Asked {
    /// How many of them a server answers meanwhile, to so many clients.
    async fn sample(&self, address: SocketAddr, clients: usize, sample: Duration) -> f64 {
        let (start, until) = (Instant::now(), Instant::now() + sample);
        let clients = (0..clients).map(|_| async move {
            let stream = TcpStream::connect(address).await.expect("somebody listens");
            stream.set_nodelay(true).expect("it is connected");
            let (mut sender, connection) =
                client::handshake(TokioIo::new(stream)).await.expect("it speaks HTTP");
            tokio::spawn(connection);
            let sent = Bytes::from(vec![0x61; self.sends]);
            for count in 1.. {
                let request = Request::builder().method(&self.method).uri(self.path);
                let request = request.header("host", "localhost").header("authorization", "me");
                let request = request.body(Full::new(sent.clone())).expect("it is valid");
                // Some of the request before may have to be sent yet.
                sender.ready().await.expect("the connection is kept");
                let response = sender.send_request(request).await.expect("it is answered");
                let read = response.into_body().collect().await.expect("it is whole").to_bytes();
                assert_eq!(read.len(), self.gets);
                if Instant::now() > until {
                    return count;
                }
            }
            0
        });
        let counts = futures_util::future::join_all(clients).await;
        f64::from(counts.into_iter().sum::<i32>()) / start.elapsed().as_secs_f64()
    }
}

/// Measures over TCP.
async fn servers(rounds: usize, sample: Duration) {
    let wasi = Wasi::new(engine());
    println!("requests a second over TCP: the web server, hyper and wasmtime-wasi-http alone\n");
    let hello = Asked { method: Method::GET, path: "/bytes/5", sends: 0, gets: 5 };
    let echo = Asked { method: Method::POST, path: "/echo", sends: 65_536, gets: 65_536 };
    for (name, middlewares, asked) in
        [("hello", 0, &hello), ("echo of 64 KiB", 0, &echo), ("hello behind one", 1, &hello)]
    {
        let guests = chain(middlewares);
        let (_composition, composed) = served(composer(&guests, &wasi)).await;
        let Server::Composed(web) = composed else { unreachable!("it is composed") };
        let bytes = match middlewares {
            0 => std::fs::read(guest_file("http-app")).expect("it is there"),
            _ => composer(&guests, &wasi).fuse().expect("it fuses"),
        };
        let listener = async || TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        let (ours, plain) = (listener().await, listener().await);
        let addresses = [&ours, &plain].map(|it| it.local_addr().expect("it is bound"));
        let server = wasm_runtime_composer_serve::Server::new(web);
        tokio::spawn(server.serve(ours, std::future::pending()));
        tokio::spawn(serve_alone(plain, alone(bytes)));
        for clients in [1, 50] {
            let mut rates = [0.0, 0.0];
            for _ in 0..rounds {
                for (rate, address) in rates.iter_mut().zip(addresses) {
                    *rate += asked.sample(address, clients, sample).await / rounds as f64;
                }
            }
            let [ours, plain] = rates;
            println!(
                "{name}, {clients} at once:  {ours:.0}/s  {plain:.0}/s  ratio {:.2}",
                ours / plain
            );
        }
    }
}

/// Has bytes go through a chain of four, and shows what memory that takes.
async fn stream(length: usize) {
    let wasi = Wasi::new(engine());
    let (_composition, server) = served(composer(&chain(3), &wasi)).await;
    let Server::Composed(web) = server else { unreachable!("it is composed") };
    let (before, mut most, mut read) = (memory_in_use().unwrap_or_default(), 0, 0);
    let request = Request::get(format!("http://localhost/bytes/{length}"));
    let request = request.header("authorization", "me").body(Body::empty()).expect("it is valid");
    let start = Instant::now();
    let response = web.handle(request).await.expect("it is served");
    let mut body = BodyStream::new(response.into_body());
    while let Some(frame) = body.next().await {
        read += frame.expect("it is whole").data_ref().map_or(0, Bytes::len);
        most = most.max(memory_in_use().unwrap_or_default());
    }
    assert_eq!(read, length);
    let more = most.saturating_sub(before) as f64 / f64::from(1 << 20);
    println!("{read} bytes through four in {:.1?}, with {more:.1} MiB more", start.elapsed());
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    let is_bench = env::args().any(|arg| arg == "--bench");
    let streams = env::args().any(|arg| arg == "stream");
    let over_tcp = env::args().any(|arg| arg == "served");
    let only = env::args().find_map(|arg| arg.parse().ok());
    let way = env::args().find(|arg| ["isolated", "placed", "alone"].contains(&&**arg));
    let task = async move {
        match (is_bench, streams) {
            (true, true) => stream(1 << 30).await,
            (true, false) if over_tcp => servers(5, Duration::from_millis(500)).await,
            (true, false) => rates(5, Duration::from_millis(300), only, way).await,
            (false, _) => {
                rates(1, Duration::from_millis(1), None, None).await;
                servers(1, Duration::from_millis(1)).await;
                stream(1 << 20).await;
            }
        }
    };
    runtime.block_on(async { tokio::spawn(task).await.expect("no measurement panics") });
}
