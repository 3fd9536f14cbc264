//! What clients can cause, and what becomes of those who try.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use composer_tests::{limited, run};
use http_body_util::{BodyExt, Channel};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wasm_runtime_composer::wasi::http::Body;
use wasm_runtime_composer_serve::{Listener, Server};

use crate::site::{Answer, Client, Site, chain, get, request, rest};

/// Short enough to wait for, and long for everything that is not to wait.
const SHORT: Duration = Duration::from_millis(100);

/// Long enough for what is to be done in it, on any machine.
const ENOUGH: Duration = Duration::from_secs(1);

async fn site(set: impl FnOnce(Server) -> Server) -> (wasm_runtime_composer::Composition, Site) {
    let composition = chain(&["http-app"]).await;
    let site = Site::of(&composition, set).await;
    (composition, site)
}

#[test]
fn head_that_does_not_come_ends_the_connection() {
    run(async || {
        let (_composition, site) = site(|server| server.head_timeout(ENOUGH)).await;
        // Nothing, the beginning of a head, of a preface, and a preface alone.
        for begun in
            ["", "GET / HTTP/1.1\r\nhost: lo", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
        {
            let mut stream = site.connect().await;
            limited(stream.write_all(begun.as_bytes())).await.unwrap();
            let (told, _) = rest(&mut stream).await;
            // Of HTTP/2 the server says its settings.
            assert!(!told.contains("HTTP"), "{begun}: {told}");
        }
        // One after another request.
        let mut stream = site.connect().await;
        let begun = "GET /status/200 HTTP/1.1\r\nhost: localhost\r\n\r\n";
        limited(stream.write_all(begun.as_bytes())).await.unwrap();
        let mut first = [0; 12];
        limited(stream.read_exact(&mut first)).await.unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        limited(stream.write_all(b"GET /")).await.unwrap();
        rest(&mut stream).await;
        site.end().await;
    });
}

#[test]
fn head_that_comes_byte_by_byte_ends_the_connection_while_others_are_served() {
    run(async || {
        let (_composition, site) = site(|server| server.head_timeout(ENOUGH)).await;
        let stream = site.connect().await;
        let (mut reader, mut writer) = stream.into_split();
        let slow = tokio::spawn(async move {
            let _ = writer.write_all(b"GET / HTTP/1.1\r\n").await;
            // Until the server has had enough.
            while writer.write_all(b"a: b\r\n").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        site.client().await.get("/status/200").await.is(200, "");
        let mut told = Vec::new();
        let _ = limited(reader.read_to_end(&mut told)).await;
        assert!(told.is_empty(), "{}", String::from_utf8_lossy(&told));
        drop(reader);
        limited(slow).await.unwrap();
        site.end().await;
    });
}

#[test]
fn body_that_does_not_come_is_an_answer() {
    run(async || {
        let (_composition, site) = site(|server| server.body_timeout(SHORT)).await;
        let asked = "POST /drain HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nsome";
        let (told, _) = site.told(asked).await;
        assert!(told.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{told}");
        assert!(told.ends_with("the body of the request did not come in time\n"), "{told}");
        // A stream of HTTP/2 leaves the others alone.
        let mut client = site.client2().await;
        let (_sender, body) = Channel::<Bytes, io::Error>::new(1);
        let answer = client.send(request("POST", "/drain", Body::new(body))).await.unwrap();
        assert_eq!(answer.status, 408);
        client.get("/status/200").await.is(200, "");
        site.end().await;
    });
}

/// Asks until the server has room.
async fn admitted(client: &mut Client) -> Answer {
    limited(async {
        loop {
            let answer = client.get("/status/200").await;
            if answer.status != 503 {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[test]
fn client_that_does_not_read_loses_its_connection() {
    run(async || {
        let set = |server: Server| server.body_timeout(SHORT).max_concurrent_requests(1);
        let (_composition, site) = site(set).await;
        for http2 in [false, true] {
            let mut hoarder = match http2 {
                true => site.client2().await,
                false => site.client().await,
            };
            // More than all buffers have room for.
            let response = hoarder.begin(get("/endless")).await.unwrap();
            let mut client = site.client().await;
            admitted(&mut client).await.is(200, "");
            // It is no end.
            limited(response.into_body().collect()).await.unwrap_err();
        }
        site.end().await;
    });
}

#[test]
fn idle_connection_ends() {
    run(async || {
        let (_composition, site) = site(|server| server.idle_timeout(ENOUGH)).await;
        let (told, ended) = site.told("GET /status/200 HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
        assert!(told.starts_with("HTTP/1.1 200 OK\r\n") && ended, "{told}");
        let mut client = site.client2().await;
        client.get("/status/200").await.is(200, "");
        limited(async {
            while client.begin(get("/status/200")).await.is_ok() {
                tokio::time::sleep(ENOUGH * 2).await;
            }
        })
        .await;
        site.end().await;
    });
}

#[test]
fn connection_in_use_is_not_idle() {
    run(async || {
        let set = |server: Server| {
            server.idle_timeout(Duration::ZERO).body_timeout(Duration::from_secs(50))
        };
        let (_composition, site) = site(set).await;
        for mut client in [site.client().await, site.client2().await] {
            let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
            let response = client.begin(request("POST", "/echo", Body::new(body))).await.unwrap();
            let mut body = response.into_body();
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                limited(sender.send_data(Bytes::from_static(b"ping"))).await.unwrap();
                let frame = limited(body.frame()).await.unwrap().unwrap();
                assert_eq!(frame.into_data().unwrap(), "ping");
            }
            drop(sender);
            assert_eq!(limited(body.collect()).await.unwrap().to_bytes(), "");
        }
        site.end().await;
    });
}

#[test]
fn too_many_requests_are_told_so_at_once_until_there_is_room() {
    run(async || {
        let set = |server: Server| server.max_concurrent_requests(2).deadline(None);
        let (composition, site) = site(set).await;
        let waiting = [site.client().await, site.client2().await].map(|mut client| {
            tokio::spawn(async move {
                // The one that asks below may have had its place.
                while client.send(get("/wait")).await.is_ok_and(|it| it.status == 503) {}
            })
        });
        let mut client = site.client().await;
        // The two are on their way.
        let refused = limited(async {
            loop {
                let answer = client.get("/status/200").await;
                if answer.status == 503 {
                    return answer;
                }
                tokio::task::yield_now().await;
            }
        })
        .await;
        refused.is(503, "the service is busy; try again later\n");
        assert_eq!(refused.headers["retry-after"], "1");
        for _ in 0..50 {
            assert_eq!(client.get("/status/200").await.status, 503);
        }
        for client in waiting {
            // It goes away.
            client.abort();
        }
        admitted(&mut client).await.is(200, "");
        site.end().await;
        drop(composition);
    });
}

#[test]
fn connections_beyond_the_most_wait_for_others_to_end() {
    run(async || {
        let (_composition, site) = site(|server| server.max_connections(1)).await;
        let mut first = site.client().await;
        first.get("/status/200").await.is(200, "");
        let mut second = site.client().await;
        let answered = tokio::spawn(async move { second.get("/status/201").await });
        for _ in 0..20 {
            first.get("/status/200").await.is(200, "");
        }
        assert!(!answered.is_finished());
        drop(first);
        limited(answered).await.unwrap().is(201, "");
        site.end().await;
    });
}

#[test]
fn head_that_is_too_large_is_refused() {
    run(async || {
        // Less than hyper's least buffer, and more.
        for most in [1000, 20_000] {
            let (_composition, site) = site(|server| server.max_head_bytes(most)).await;
            for length in [most, most * 100] {
                let long = "x".repeat(length);
                for asked in [
                    format!("GET /status/200 HTTP/1.1\r\nhost: a\r\nlong: {long}\r\n\r\n"),
                    format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"),
                ] {
                    let asked = asked.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
                    let mut stream = site.connect().await;
                    // It may end before it has read all.
                    let _ = limited(stream.write_all(asked.as_bytes())).await;
                    let (told, _) = rest(&mut stream).await;
                    let line = told.lines().next().unwrap_or_default();
                    assert!(["HTTP/1.1 431", "HTTP/1.1 414"].contains(&&line[..12]), "{told}");
                }
            }
            let mut client = site.client2().await;
            let mut asked = get("/status/200");
            asked.headers_mut().insert("long", "x".repeat(most).parse().unwrap());
            assert_eq!(client.send(asked).await.unwrap().status, 431);
            let mut asked = get("/status/200");
            asked.headers_mut().insert("long", "x".repeat(most / 2).parse().unwrap());
            client.send(asked).await.unwrap().is(200, "");
            site.end().await;
        }
    });
}

#[test]
fn body_that_is_too_large_is_refused() {
    run(async || {
        let (_composition, site) = site(|server| server.max_body_bytes(1000)).await;
        for mut client in [site.client2().await, site.client().await] {
            client.send(request("POST", "/drain", "x".repeat(1000))).await.unwrap().is(200, "1000");
            let answer = client.send(request("POST", "/drain", "x".repeat(1001))).await.unwrap();
            answer.is(413, "the body of the request is too large\n");
        }
        // Without a length that is known before.
        for mut client in [site.client2().await, site.client().await] {
            let (mut sender, body) = Channel::<Bytes, io::Error>::new(1);
            let sending = tokio::spawn(async move {
                let piece = Bytes::from_static(&[b'x'; 100]);
                // Until nobody reads any more.
                while sender.send_data(piece.clone()).await.is_ok() {}
            });
            let answer = client.send(request("POST", "/drain", Body::new(body))).await.unwrap();
            answer.is(413, "the body of the request is too large\n");
            drop(client);
            limited(sending).await.unwrap();
        }
        site.end().await;
    });
}

/// The response is read although the client goes on sending.
#[test]
fn answer_before_the_end_of_an_upload_is_not_lost() {
    run(async || {
        let (_composition, site) = site(|server| server.max_body_bytes(1000)).await;
        for _ in 0..20 {
            let mut stream = site.connect().await;
            let asked =
                "POST /drain HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2000000\r\n\r\n";
            limited(stream.write_all(asked.as_bytes())).await.unwrap();
            let _ = limited(stream.write_all(&vec![b'x'; 2_000_000])).await;
            let (told, _) = rest(&mut stream).await;
            assert!(told.starts_with("HTTP/1.1 413"), "{told}");
        }
        site.end().await;
    });
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Opens streams, and resets each at once.
fn resets(streams: u32) -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    // GET, http, and `/` by their numbers, and an authority.
    let head = [&[0x82, 0x86, 0x84, 0x41, 1][..], b"a"].concat();
    for stream in (0..streams).map(|n| 2 * n + 1) {
        // With the end of the head and of the stream.
        bytes.extend(frame(1, 5, stream, &head));
        bytes.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    bytes
}

#[test]
fn streams_that_are_reset_at_once_end_the_connection() {
    run(async || {
        let (_composition, site) = site(|server| server).await;
        let mut stream = site.connect().await;
        // The server may close it before all is sent.
        let _ = limited(stream.write_all(&resets(2000))).await;
        let mut told = Vec::new();
        let _ = limited(stream.read_to_end(&mut told)).await;
        // It says that this is too much (ENHANCE_YOUR_CALM), unless its last words were lost with the connection.
        let mut frames = &told[..];
        while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = frames {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            let Some(payload) = rest.get(..length) else { break };
            if *kind == 7 {
                assert_eq!(payload[4..8], 11_u32.to_be_bytes());
            }
            frames = &rest[length..];
        }
        site.client2().await.get("/status/200").await.is(200, "");
        site.end().await;
    });
}

/// Fails as a listener does that has no files left.
struct Failing(TcpListener, u32);

impl Listener for Failing {
    type Io = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, Option<SocketAddr>)> {
        match self.1.checked_sub(1) {
            Some(left) => {
                self.1 = left;
                Err(io::Error::other("too many open files"))
            }
            None => Listener::accept(&mut self.0).await,
        }
    }
}

#[test]
fn listener_that_fails_for_a_while_does_not_end_the_server() {
    run(async || {
        let composition = chain(&["http-app"]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let site = Site::at(address, Failing(listener, 3), &composition, |server| server);
        site.client().await.get("/status/200").await.is(200, "");
        site.end().await;
    });
}
