//! wRPC when things go wrong: servers that are killed, frozen, slow or hostile, callers too.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use composer_tests::{Clock, chain, composer, limited, run, text, until};
use futures_util::future::{join_all, poll_immediate};
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use wasm_runtime_composer::layer::{CountLayer, DenyLayer};
use wasm_runtime_composer::provider::{
    Elements, Provided, ProvidedExport, Provider, ProviderFuture, Value, stream_value,
};
use wasm_runtime_composer::types::{FunctionType, ValueType};
use wasm_runtime_composer::{ComponentStream, Composition, CompositionError};
use wasm_runtime_composer_remote::{
    RemoteComponent, RemoteError, RemoteExports, Serve, ServeError, Wrpc, WrpcServer,
};

use crate::peers::{
    FRAGILE, PRODUCER, RUNS, compose, exports, free_port, remote, serve, serve_fragile,
    server_process, socket,
};

const LOOPBACK: &str = "127.0.0.1:0";

/// The call of `fragile` that waits until the clock's gated time has passed.
const WAITS: u32 = 3;

async fn plain(composition: &Composition, how: u32) -> Result<u32, CompositionError> {
    limited(composition.typed::<(u32,), u32>(Some(FRAGILE), "plain")?.call((how,))).await
}

async fn add(composition: &Composition, a: i32, b: i32) -> Result<i32, CompositionError> {
    limited(composition.typed::<(i32, i32), i32>(Some(PRODUCER), "add")?.call((a, b))).await
}

#[track_caller]
fn remote_error(error: &CompositionError) -> &RemoteError {
    RemoteError::of(error).unwrap_or_else(|| panic!("{}", chain(error)))
}

/// A remote component with a short deadline.
async fn impatient(guest: &str, wrpc: Wrpc) -> Composition {
    let remote = RemoteComponent::new(exports(guest), wrpc);
    compose(remote.with_deadline(Duration::from_secs(2))).await
}

#[test]
fn nobody_at_the_address_is_told_at_once() {
    run(async || {
        let composition = remote("producer", Wrpc::tcp(format!("127.0.0.1:{}", free_port()))).await;
        let error = add(&composition, 1, 2).await.unwrap_err();
        let error = remote_error(&error);
        assert!(matches!(error, RemoteError::NobodyServes { source: Some(_), .. }), "{error}");
        assert!(!error.may_have_run());
        let composition = remote("producer", Wrpc::unix(socket())).await;
        let error = add(&composition, 1, 2).await.unwrap_err();
        assert!(matches!(remote_error(&error), RemoteError::NobodyServes { .. }));
    });
}

#[test]
fn calls_of_peers_meet_the_layers_of_what_is_served() {
    run(async || {
        let mut composer = composer(&["producer"]);
        let counts = CountLayer::new();
        composer.with_layer(counts.clone());
        composer
            .with_layer(DenyLayer::functions(["composer:test/iproducer#greet"], "not from afar"));
        let composition = limited(composer.compose()).await.unwrap();
        let serving = limited(composition.serve(WrpcServer::tcp(LOOPBACK))).await.unwrap();
        let remote = remote("producer", Wrpc::tcp(&serving.addresses()[0])).await;
        assert_eq!(add(&remote, 1, 2).await.unwrap(), 3);
        let greet = remote.typed::<(&str,), String>(Some(PRODUCER), "greet").unwrap();
        let error = limited(greet.call(("you",))).await.unwrap_err();
        assert!(chain(&error).contains("not from afar"), "{}", chain(&error));
        let met: u64 = counts.edges().iter().map(|edge| edge.calls).sum();
        assert_eq!(met, 2);
    });
}

#[test]
fn server_killed_in_the_middle_of_a_call_and_started_again() {
    run(async || {
        let (mut server, address, mut said) = server_process(LOOPBACK);
        let composition = remote("fragile", Wrpc::tcp(&address)).await;
        let killing = async {
            while said.recv().await.as_deref() != Some(RUNS) {}
            server.kill();
        };
        let (result, ()) = futures_util::future::join(plain(&composition, WAITS), killing).await;
        let error = result.unwrap_err();
        let error = remote_error(&error);
        assert!(matches!(error, RemoteError::ConnectionLost { .. }), "{error}");
        assert!(error.may_have_run());
        let error = plain(&composition, 0).await.unwrap_err();
        assert!(matches!(remote_error(&error), RemoteError::NobodyServes { .. }));
        let _again = server_process(&address);
        assert_eq!(plain(&composition, 0).await.unwrap(), 7);
    });
}

#[test]
fn frozen_server_is_a_timeout() {
    run(async || {
        let (server, address, _) = server_process(LOOPBACK);
        let composition = impatient("fragile", Wrpc::tcp(address)).await;
        server.freeze().await;
        let error = plain(&composition, 0).await.unwrap_err();
        let error = remote_error(&error);
        assert!(matches!(error, RemoteError::TimedOut { sent: true, .. }), "{error}");
        server.signal("-CONT");
        limited(async { while plain(&composition, 0).await.is_err() {} }).await;
    });
}

#[test]
fn closing_lets_running_calls_end_and_takes_no_more() {
    run(async || {
        let clock = Clock::default();
        let path = socket();
        let serving = serve_fragile(&clock, WrpcServer::unix(&path)).await;
        let composition = remote("fragile", Wrpc::unix(&path)).await;
        let running = plain(&composition, WAITS);
        let closing = async {
            until(|| !clock.log().is_empty()).await;
            let mut closing = std::pin::pin!(serving.close(Duration::from_secs(50)));
            assert!(poll_immediate(&mut closing).await.is_none());
            until(|| !path.exists()).await;
            clock.open();
            limited(closing).await;
        };
        let (result, ()) = futures_util::future::join(running, closing).await;
        assert_eq!(result.unwrap(), 7);
        let error = plain(&composition, 0).await.unwrap_err();
        assert!(matches!(remote_error(&error), RemoteError::NobodyServes { .. }));
    });
}

#[test]
fn closing_without_time_gives_running_calls_up() {
    run(async || {
        let clock = Clock::default();
        let serving = serve_fragile(&clock, WrpcServer::tcp(LOOPBACK)).await;
        let composition = remote("fragile", Wrpc::tcp(&serving.addresses()[0])).await;
        let closing = async {
            until(|| !clock.log().is_empty()).await;
            limited(serving.close(Duration::ZERO)).await;
        };
        let call = plain(&composition, WAITS);
        let (result, ()) = futures_util::future::join(call, closing).await;
        let error = result.unwrap_err();
        assert!(matches!(remote_error(&error), RemoteError::ConnectionLost { .. }));
        clock.open();
    });
}

/// Functions without a result: one that ends well, and one that traps.
const NOTES: &str = r#"(component
    (core module $m
        (func (export "note"))
        (func (export "trap") unreachable))
    (core instance $i (instantiate $m))
    (func (export "note") (canon lift (core func $i "note")))
    (func (export "trap") (canon lift (core func $i "trap"))))"#;

#[test]
fn trap_without_a_result_is_no_success() {
    run(async || {
        let path = socket();
        let server = WrpcServer::tcp(LOOPBACK).and_unix(&path);
        let serving = compose(text(NOTES)).await.serve(server).await.unwrap();
        let wit = "package a:b; world w { export note: func(); export trap: func(); }";
        let tcp = Wrpc::tcp(&serving.addresses()[0]);
        for wrpc in [tcp.clone(), tcp.with_silent_success(), Wrpc::unix(&path)] {
            let exports = RemoteExports::from_wit(wit).unwrap();
            let composition = compose(RemoteComponent::new(exports, wrpc)).await;
            let trap = composition.typed::<(), ()>(None, "trap").unwrap();
            let error = limited(trap.call(())).await.unwrap_err();
            let error = remote_error(&error);
            assert!(matches!(error, RemoteError::PeerFailed { .. }), "{error}");
        }
    });
}

#[test]
fn success_without_a_result_is_told() {
    run(async || {
        let serving = compose(text(NOTES)).await.serve(WrpcServer::tcp(LOOPBACK)).await.unwrap();
        let exports = RemoteExports::from_wit("package a:b; world w { export note: func(); }");
        let wrpc = Wrpc::tcp(&serving.addresses()[0]);
        let composition = compose(RemoteComponent::new(exports.unwrap(), wrpc)).await;
        let note = composition.typed::<(), ()>(None, "note").unwrap();
        for _ in 0..10 {
            limited(note.call(())).await.unwrap();
        }
    });
}

#[test]
fn socket_that_a_killed_server_left_is_replaced_and_that_of_a_running_one_is_not() {
    run(async || {
        let path = socket();
        // Closing a listener leaves its file, as being killed does.
        drop(tokio::net::UnixListener::bind(&path).unwrap());
        let _serving = serve("producer", WrpcServer::unix(&path)).await;
        let composition = remote("producer", Wrpc::unix(&path)).await;
        assert_eq!(add(&composition, 1, 2).await.unwrap(), 3);
        let error = composition.serve(WrpcServer::unix(&path)).await.unwrap_err();
        assert!(error.to_string().contains("calls cannot be taken at"), "{error}");
        assert!(chain(&error).contains("a server takes calls at this socket"), "{}", chain(&error));
        assert_eq!(add(&composition, 1, 2).await.unwrap(), 3);
    });
}

#[test]
fn what_is_no_socket_is_left_alone() {
    run(async || {
        let composition = compose(text(NOTES)).await;
        let (file, folder, link) = (socket(), socket(), socket());
        std::fs::write(&file, "precious").unwrap();
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for (path, what) in [(&file, "a file"), (&folder, "a folder"), (&link, "a symbolic link")] {
            let error = composition.serve(WrpcServer::unix(path)).await.unwrap_err();
            assert!(matches!(error, ServeError::Listen { .. }), "{error}");
            let said = chain(&error);
            assert!(said.contains(&format!("found {what}; move it away, or choose")), "{said}");
        }
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "precious");
        std::fs::remove_file(&link).unwrap();
        std::fs::remove_dir(&folder).unwrap();
        std::fs::remove_file(&file).unwrap();
    });
}

#[test]
fn server_that_closes_leaves_the_socket_of_the_next_one() {
    run(async || {
        let path = socket();
        let first = serve("producer", WrpcServer::unix(&path)).await;
        // As an upgrade does: the old server goes on with the calls that it has.
        std::fs::remove_file(&path).unwrap();
        let second = serve("producer", WrpcServer::unix(&path)).await;
        limited(first.close(Duration::from_secs(10))).await;
        let composition = remote("producer", Wrpc::unix(&path)).await;
        assert_eq!(add(&composition, 1, 2).await.unwrap(), 3);
        limited(second.close(Duration::from_secs(10))).await;
        assert!(!path.exists());
        // What was put in its place is nobody's to remove.
        let third = serve("producer", WrpcServer::unix(&path)).await;
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        limited(third.close(Duration::from_secs(10))).await;
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        std::fs::remove_file(&path).unwrap();
    });
}

#[test]
fn two_servers_share_the_load_and_one_takes_over() {
    run(async || {
        let first = serve("producer", WrpcServer::tcp(LOOPBACK)).await;
        let second = serve("producer-b", WrpcServer::tcp(LOOPBACK)).await;
        let wrpc = Wrpc::tcp(&first.addresses()[0]).or_tcp(&second.addresses()[0]);
        let only = exports("producer").only(&[PRODUCER]).unwrap();
        let composition = compose(RemoteComponent::new(only, wrpc)).await;
        let greet = composition.typed::<(String,), String>(Some(PRODUCER), "greet").unwrap();
        let greetings = join_all((0..100).map(|_| greet.call(("x".to_owned(),))));
        let greetings: Vec<_> = limited(greetings).await.into_iter().map(Result::unwrap).collect();
        let of_first = greetings.iter().filter(|it| **it == greetings[0]).count();
        assert_eq!(of_first, 50);
        limited(first.close(Duration::from_secs(10))).await;
        let greetings = join_all((0..100).map(|_| greet.call(("x".to_owned(),))));
        let greetings: Vec<_> = limited(greetings).await.into_iter().map(Result::unwrap).collect();
        assert!(greetings.iter().all(|it| *it == greetings[0]));
    });
}

/// Aborts its task with the test.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hands each connection at an address of its own, with its number, to `with`.
async fn server<F>(with: impl Fn(usize, TcpStream) -> F + Send + 'static) -> (Task, String)
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind(LOOPBACK).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(with(number, stream));
        }
    });
    (Task(task), address)
}

#[test]
fn call_that_was_sent_is_made_again_only_if_it_is_idempotent() {
    run(async || {
        let serving = serve("producer", WrpcServer::tcp(LOOPBACK)).await;
        let real = serving.addresses()[0].clone();
        // Every second connection is lost after the call has come.
        let (_task, address) = server(move |number, mut stream| {
            let real = real.clone();
            async move {
                if number % 2 == 0 {
                    let mut call = Vec::new();
                    stream.read_to_end(&mut call).await?;
                    return Ok(());
                }
                let mut real = TcpStream::connect(real).await?;
                tokio::io::copy_bidirectional(&mut stream, &mut real).await?;
                Ok(())
            }
        })
        .await;
        let once = remote("producer", Wrpc::tcp(&address)).await;
        let error = add(&once, 1, 2).await.unwrap_err();
        let error = remote_error(&error);
        assert!(matches!(error, RemoteError::ConnectionLost { .. }), "{error}");
        assert_eq!(add(&once, 1, 2).await.unwrap(), 3);
        let again = RemoteComponent::new(exports("producer"), Wrpc::tcp(&address));
        let again = compose(again.with_idempotent(PRODUCER)).await;
        assert_eq!(add(&again, 1, 2).await.unwrap(), 3);
        // What nobody said of it is made once.
        let error = limited(again.typed::<(), String>(None, "internal-debug").unwrap().call(()))
            .await
            .unwrap_err();
        assert!(matches!(remote_error(&error), RemoteError::ConnectionLost { .. }));
    });
}

#[test]
fn slow_network_takes_longer_and_loses_nothing() {
    run(async || {
        let serving = serve("producer", WrpcServer::tcp(LOOPBACK)).await;
        let real = serving.addresses()[0].clone();
        // A few bytes at a time, with everybody else in between.
        async fn drip<R, W>(mut from: R, mut to: W) -> io::Result<()>
        where
            R: tokio::io::AsyncRead + Unpin,
            W: tokio::io::AsyncWrite + Unpin,
        {
            let mut bytes = [0; 7];
            loop {
                let read = from.read(&mut bytes).await?;
                if read == 0 {
                    return to.shutdown().await;
                }
                to.write_all(&bytes[..read]).await?;
                tokio::task::yield_now().await;
            }
        }
        let (_task, address) = server(move |_, mut stream| {
            let real = real.clone();
            async move {
                let mut real = TcpStream::connect(real).await?;
                let ((from, to), (back, forth)) = (stream.split(), real.split());
                futures_util::future::try_join(drip(from, forth), drip(back, to)).await?;
                Ok(())
            }
        })
        .await;
        let composition = remote("producer", Wrpc::tcp(address)).await;
        let reverse = composition.typed::<(Vec<u8>,), Vec<u8>>(Some(PRODUCER), "reverse").unwrap();
        let bytes: Vec<u8> = (0..=255).cycle().take(20_000).collect();
        let mut reversed = limited(reverse.call((bytes.clone(),))).await.unwrap();
        reversed.reverse();
        assert_eq!(reversed, bytes);
    });
}

/// A call of `add` as it goes over the wire, up to its arguments.
fn head_of_add() -> Vec<u8> {
    let mut head = vec![0, PRODUCER.len() as u8];
    head.extend(PRODUCER.as_bytes());
    head.extend([3]);
    head.extend(b"add");
    head
}

#[test]
fn hostile_callers_get_errors_and_others_their_results() {
    run(async || {
        let server = WrpcServer::tcp(LOOPBACK).with_read_limit(Duration::from_secs(2));
        let serving = serve("producer", server.with_call_bytes(1000).with_concurrency(8)).await;
        let address = serving.addresses()[0].clone();
        let with_args = |args: &[u8]| [head_of_add(), args.to_vec()].concat();
        let cases: Vec<(Vec<u8>, &str)> = vec![
            (vec![], ""),
            (vec![7], "expected version 0 of the protocol, found 7"),
            (vec![0, 0xff, 0xff, 0xff, 0xff, 0x0f], "a name of 4294967295 bytes"),
            (vec![0, 1, 0xff, 1, b'x'], "a name that is not UTF-8"),
            (vec![0, 0, 1, b'x'], "`x` is not served here"[..5].as_ref()),
            (with_args(&[0, 0xff, 0xff, 0xff, 0xff, 0x7f]), "a number of more than 32 bits"),
            (with_args(&[0xff, 0xff, 0xff, 0xff, 0x0f]), "a frame's path has 4294967295 steps"),
            (with_args(&[1, 0, 0]), "before there is one"),
            (with_args(&[0, 1, 1]), "end too early"),
            (with_args(&[0, 3, 1, 2, 3]), "1 more bytes"),
            (with_args(&[0, 5, 0xff, 0xff, 0xff, 0xff, 0x4f]), "a number of type `s32`"),
            (with_args(&[&[0, 0x80, 0x10][..], &[0x80; 2048]].concat()), "more than 1000 bytes"),
        ];
        for (bytes, expected) in cases {
            let mut stream = TcpStream::connect(&address).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            limited(stream.read_to_end(&mut answer)).await.unwrap();
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.contains(expected), "{expected} in {answer}");
        }
        // Those who send nothing at all hold no place for long.
        let silent: Vec<_> = limited(join_all((0..20).map(|_| TcpStream::connect(&address)))).await;
        let composition = remote("producer", Wrpc::tcp(&address)).await;
        assert_eq!(add(&composition, 1, 2).await.unwrap(), 3);
        drop(silent);
        // More than the server takes.
        let reverse = composition.typed::<(Vec<u8>,), Vec<u8>>(Some(PRODUCER), "reverse").unwrap();
        let error = limited(reverse.call((vec![0; 100_000],))).await.unwrap_err();
        let error = remote_error(&error);
        assert!(error.to_string().contains("take more than 1000 bytes"), "{error}");
        assert!(!error.may_have_run());
        // More than the caller may send.
        let composition = remote("producer", Wrpc::tcp(&address).with_call_bytes(10)).await;
        let reverse = composition.typed::<(Vec<u8>,), Vec<u8>>(Some(PRODUCER), "reverse").unwrap();
        let error = limited(reverse.call((vec![0; 11],))).await.unwrap_err();
        assert!(matches!(remote_error(&error), RemoteError::TooLarge { limit: 10, .. }));
    });
}

#[test]
fn hostile_servers_are_errors() {
    run(async || {
        let answers: [(&'static [u8], &str); 8] = [
            (&[], "was lost before"),
            (&[0, 1], "was lost before"),
            (&[0, 6, 1, 1, 1, 1, 1, 1], "5 more bytes"),
            (&[0, 5, 0xff, 0xff, 0xff, 0xff, 0x4f], "a number of type `s32`"),
            (&[1, 0, 1, 1], "a frame for a value at [0] before there is one"),
            (&[0xff, 0xff, 0xff, 0xff, 0x0f], "a frame's path has 4294967295 steps"),
            (&[1, 0xff, 0xff, 0xff, 0xff, 0x0f, 2, 0xff, 0x07], "failed at"),
            (&[0, 0xff, 0xff, 0xff, 0xff, 0x0f, 1], "was lost before"),
        ];
        for (answer, expected) in answers {
            let (_task, address) = server(move |_, mut stream| async move {
                let mut call = Vec::new();
                stream.read_to_end(&mut call).await?;
                stream.write_all(answer).await
            })
            .await;
            let composition = remote("producer", Wrpc::tcp(address)).await;
            let error = add(&composition, 1, 2).await.unwrap_err();
            let error = remote_error(&error).to_string();
            assert!(error.contains(expected), "{expected} in {error}");
        }
        // Bytes without an end.
        let (_task, address) = server(|_, mut stream| async move {
            let alive = [0, 0x80, 0].repeat(1000);
            loop {
                stream.write_all(&alive).await?;
            }
        })
        .await;
        let composition = impatient("producer", Wrpc::tcp(address)).await;
        let error = add(&composition, 1, 2).await.unwrap_err();
        assert!(matches!(remote_error(&error), RemoteError::TimedOut { .. }));
    });
}

#[test]
fn calls_beyond_the_callers_cap_wait_their_turn() {
    run(async || {
        let clock = Clock::default();
        let serving = serve_fragile(&clock, WrpcServer::tcp(LOOPBACK)).await;
        let real = serving.addresses()[0].clone();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = connections.clone();
        let (_task, address) = server(move |_, mut stream| {
            let real = real.clone();
            counted.fetch_add(1, Ordering::SeqCst);
            async move {
                let mut real = TcpStream::connect(real).await?;
                tokio::io::copy_bidirectional(&mut stream, &mut real).await?;
                Ok(())
            }
        })
        .await;
        let remote = RemoteComponent::new(exports("fragile"), Wrpc::tcp(address));
        let composition = compose(remote.with_concurrency(1)).await;
        let letting_go = async {
            until(|| !clock.log().is_empty()).await;
            // As many as there would be without a cap do not come.
            let more = until(|| connections.load(Ordering::SeqCst) > 1);
            assert!(tokio::time::timeout(Duration::from_millis(200), more).await.is_err());
            clock.open();
        };
        let others = join_all((0..10).map(|_| plain(&composition, 0)));
        let (first, others, ()) =
            futures_util::future::join3(plain(&composition, WAITS), others, letting_go).await;
        assert_eq!(first.unwrap(), 7);
        assert!(others.into_iter().all(|result| result.unwrap() == 7));
        assert_eq!(connections.load(Ordering::SeqCst), 11);
    });
}

/// A function in Rust: it never ends, or gives a stream that does not.
struct Endless {
    running: Arc<AtomicUsize>,
    streams: bool,
}

struct Running(Arc<AtomicUsize>);

impl Running {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Provider for Endless {
    fn call(&self, _: usize, _: Vec<Value>) -> ProviderFuture {
        let running = Running::new(&self.running);
        if self.streams {
            let elements =
                stream::iter([Elements::Bytes(b"abc".to_vec())]).chain(stream::once(async move {
                    let _running = running;
                    std::future::pending().await
                }));
            return Box::pin(async { Ok(Some(stream_value(elements))) });
        }
        Box::pin(async move {
            let _running = running;
            std::future::pending().await
        })
    }
}

const ENDLESS: &str = "package test:endless; world w { export f: func() -> stream<u8>; }";

fn endless(running: &Arc<AtomicUsize>, streams: bool) -> Provided {
    let result = ValueType::Stream(Some(Arc::new(ValueType::U8)));
    let ty = FunctionType::new(true, [], Some(result));
    let export = ProvidedExport::Func { name: "f".to_owned(), ty };
    Provided::new(vec![export], Endless { running: running.clone(), streams })
}

#[test]
fn caller_that_goes_away_is_noticed() {
    run(async || {
        let running = Arc::new(AtomicUsize::new(0));
        for is_tcp in [true, false] {
            let path = socket();
            let server = WrpcServer::tcp(LOOPBACK).and_unix(&path);
            let serving = compose(endless(&running, false)).await.serve(server).await.unwrap();
            let wrpc = if is_tcp { Wrpc::tcp(&serving.addresses()[0]) } else { Wrpc::unix(&path) };
            let exports = RemoteExports::from_wit(ENDLESS).unwrap();
            let composition = compose(RemoteComponent::new(exports, wrpc)).await;
            let f = composition.typed::<(), ComponentStream<u8>>(None, "f").unwrap();
            let mut call: Pin<Box<dyn Future<Output = _>>> = Box::pin(f.call(()));
            limited(async {
                while running.load(Ordering::SeqCst) == 0 {
                    assert!(poll_immediate(&mut call).await.is_none());
                    tokio::task::yield_now().await;
                }
            })
            .await;
            drop(call);
            until(|| running.load(Ordering::SeqCst) == 0).await;
        }
    });
}

#[test]
fn stream_that_is_lost_is_an_error_and_one_that_is_dropped_ends_its_writer() {
    run(async || {
        let running = Arc::new(AtomicUsize::new(0));
        let server = WrpcServer::tcp(LOOPBACK);
        let serving = compose(endless(&running, true)).await.serve(server).await.unwrap();
        let exports = RemoteExports::from_wit(ENDLESS).unwrap();
        let remote = RemoteComponent::new(exports, Wrpc::tcp(&serving.addresses()[0]));
        let composition = compose(remote).await;
        let f = composition.typed::<(), ComponentStream<u8>>(None, "f").unwrap();
        let mut read = [0; 3];
        let mut dropped = limited(f.call(())).await.unwrap();
        limited(dropped.read_exact(&mut read)).await.unwrap();
        assert_eq!(&read, b"abc");
        drop(dropped);
        until(|| running.load(Ordering::SeqCst) == 0).await;
        let mut lost = limited(f.call(())).await.unwrap();
        limited(lost.read_exact(&mut read)).await.unwrap();
        drop(serving);
        let error = limited(lost.next()).await.unwrap().unwrap_err();
        assert!(matches!(error, CompositionError::Stream(_)), "{}", chain(&error));
        assert!(limited(lost.next()).await.is_none());
    });
}

/// A call of `reverse` with the first `sent` of `length` bytes.
fn call_of_reverse(length: u32, sent: usize) -> Vec<u8> {
    let number = |number: u32| {
        (0..4).map(move |step| {
            ((number >> (7 * step)) & 0x7f) as u8 | if step < 3 { 0x80 } else { 0 }
        })
    };
    let mut call = vec![0, PRODUCER.len() as u8];
    call.extend(PRODUCER.as_bytes());
    call.extend([7]);
    call.extend(b"reverse");
    call.push(0);
    call.extend(number(length + 4));
    call.extend(number(length));
    call.resize(call.len() + sent, 7);
    call
}

#[test]
fn bytes_that_are_held_for_half_sent_calls_are_bounded() {
    run(async || {
        for of_peer in [true, false] {
            let server = WrpcServer::tcp(LOOPBACK).with_read_limit(Duration::from_secs(20));
            let server = match of_peer {
                true => server.with_peer_bytes(1 << 20),
                false => server.with_held_bytes(1 << 20),
            };
            let serving = serve("producer", server).await;
            let address = serving.addresses()[0].clone();
            let mut calls = stream::FuturesUnordered::new();
            for _ in 0..8 {
                let mut stream = TcpStream::connect(&address).await.unwrap();
                calls.push(async move {
                    stream.write_all(&call_of_reverse(600_000, 500_000)).await.unwrap();
                    let mut answer = Vec::new();
                    stream.read_to_end(&mut answer).await.unwrap();
                    String::from_utf8_lossy(&answer).into_owned()
                });
            }
            for _ in 0..6 {
                let answer = limited(calls.next()).await.unwrap();
                assert!(answer.contains("would hold more than 1048576 bytes"), "{answer}");
            }
            // What is small gets on, while others are there.
            let composition = remote("producer", Wrpc::tcp(&address)).await;
            assert_eq!(add(&composition, 1, 2).await.unwrap(), 3);
            drop(calls);
            // What they took is there again.
            let reverse =
                composition.typed::<(Vec<u8>,), Vec<u8>>(Some(PRODUCER), "reverse").unwrap();
            limited(async { while reverse.call((vec![1; 300_000],)).await.is_err() {} }).await;
        }
    });
}

#[test]
fn caller_that_takes_its_result_too_slowly_loses_its_place() {
    run(async || {
        let server = WrpcServer::tcp(LOOPBACK)
            .with_concurrency(1)
            .with_idle_limit(Duration::from_millis(300))
            .with_least_rate(64 << 20);
        let serving = serve("producer", server).await;
        let address = serving.addresses()[0].clone();
        let mut slow = TcpStream::connect(&address).await.unwrap();
        let length = 15 << 20;
        limited(slow.write_all(&call_of_reverse(length, length as usize))).await.unwrap();
        // It takes some bytes, always before the time is over, but never as many as it has to.
        let taken = async {
            let mut bytes = vec![0; 1 << 16];
            let mut taken = 0;
            loop {
                match slow.read(&mut bytes).await {
                    Ok(read) if read > 0 => taken += read,
                    _ => return taken,
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        assert!(limited(taken).await < length as usize);
        let composition = remote("producer", Wrpc::tcp(&address)).await;
        assert_eq!(add(&composition, 1, 2).await.unwrap(), 3);
    });
}

#[test]
fn caller_has_no_more_places_than_it_may() {
    run(async || {
        let clock = Clock::default();
        let server = WrpcServer::tcp(LOOPBACK).with_peer_concurrency(1);
        let serving = serve_fragile(&clock, server).await;
        let composition = remote("fragile", Wrpc::tcp(&serving.addresses()[0])).await;
        let refused = async {
            until(|| !clock.log().is_empty()).await;
            let error = plain(&composition, 0).await.unwrap_err();
            clock.open();
            error
        };
        let (first, error) = futures_util::future::join(plain(&composition, WAITS), refused).await;
        assert_eq!(first.unwrap(), 7);
        let error = remote_error(&error);
        assert!(matches!(error, RemoteError::Refused { .. }), "{error}");
        assert!(error.to_string().contains("its caller has 1 calls here already"), "{error}");
    });
}

/// A function in Rust that gives two streams of so many bytes.
struct Two(usize);

impl Provider for Two {
    fn call(&self, _: usize, _: Vec<Value>) -> ProviderFuture {
        let chunks = self.0 / 1024;
        let stream = move |byte: u8| {
            let chunks = (0..chunks).map(move |_| Elements::Bytes(vec![byte; 1024]));
            stream_value(stream::iter(chunks))
        };
        let both = Value::Fields(vec![stream(1), stream(2)]);
        Box::pin(async { Ok(Some(both)) })
    }
}

const TWO: &str =
    "package test:two; world w { export f: async func() -> tuple<stream<u8>, stream<u8>>; }";

/// The two streams, over wRPC with some settings.
async fn two_streams(
    bytes: usize,
    with: impl FnOnce(Wrpc) -> Wrpc,
) -> (impl Sized, ComponentStream<u8>, ComponentStream<u8>) {
    let of_bytes = || ValueType::Stream(Some(Arc::new(ValueType::U8)));
    let result = ValueType::Tuple([of_bytes(), of_bytes()].into());
    let ty = FunctionType::new(true, [], Some(result));
    let export = ProvidedExport::Func { name: "f".to_owned(), ty };
    let served = compose(Provided::new(vec![export], Two(bytes))).await;
    let serving = served.serve(WrpcServer::tcp(LOOPBACK)).await.unwrap();
    let wrpc = with(Wrpc::tcp(&serving.addresses()[0]));
    let remote = RemoteComponent::new(RemoteExports::from_wit(TWO).unwrap(), wrpc);
    let composition = compose(remote).await;
    let f = composition.typed::<(), (ComponentStream<u8>, ComponentStream<u8>)>(None, "f").unwrap();
    let (first, second) = limited(f.call(())).await.unwrap();
    ((serving, composition), first, second)
}

#[test]
fn streams_of_a_call_are_read_in_any_order() {
    run(async || {
        let bytes = 2 << 20;
        let (_app, mut first, mut second) = two_streams(bytes, |wrpc| wrpc).await;
        let mut read = Vec::new();
        limited(second.read_to_end(&mut read)).await.unwrap();
        assert_eq!(read, vec![2; bytes]);
        read.clear();
        limited(first.read_to_end(&mut read)).await.unwrap();
        assert_eq!(read, vec![1; bytes]);
    });
}

#[test]
fn stream_that_holds_up_another_one_is_given_up_and_that_one_goes_on() {
    run(async || {
        let bytes = 4 << 20;
        let with = |wrpc: Wrpc| {
            wrpc.with_stream_bytes(100_000).with_idle_limit(Duration::from_millis(200))
        };
        let (_app, mut first, mut second) = two_streams(bytes, with).await;
        let mut read = Vec::new();
        limited(second.read_to_end(&mut read)).await.unwrap();
        assert_eq!(read, vec![2; bytes]);
        let error = limited(first.next()).await.unwrap().unwrap_err();
        assert!(matches!(error, CompositionError::Stream(_)), "{}", chain(&error));
        let said = chain(&error);
        for part in ["nobody read it while another stream", "raise `with_stream_bytes`"] {
            assert!(said.contains(part), "{part} in {said}");
        }
    });
}
