//! A web server for compositions of `wasm-runtime-composer`.
//!
//! A [`Server`] takes requests over HTTP/1.1 and HTTP/2, has the components of a composition answer them, and bounds all
//! that clients can cause: heads, bodies, requests and connections at a time, and how long each may take. Everything has a
//! default. Components are replaced while it runs, and no request is lost.
//!
//! # Examples
//!
//! ```no_run
//! use std::path::Path;
//! use std::time::Duration;
//! use tokio::net::TcpListener;
//! use wasm_runtime_composer::{ComposableDescriptor, Composer, RestartPolicy, Wasi};
//! use wasm_runtime_composer_serve::Server;
//! use wasmtime::Engine;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let wasi = Wasi::new(&Engine::default());
//! let mut composer = Composer::new();
//! for name in ["auth", "app"] {
//!     let component = wasi.component(Path::new(name).with_extension("wasm"));
//!     // One that traps is started again.
//!     let restart = RestartPolicy::restart(10, Duration::from_millis(10)).within(Duration::from_secs(60));
//!     composer.add(ComposableDescriptor::new(name, component).with_restart(restart));
//! }
//! composer.chain("wasi:http/handler@0.3.0", ["auth", "app"]);
//! let composition = composer.compose().await?;
//!
//! let server = Server::new(composition.http()?)
//!     .deadline(Duration::from_secs(5))
//!     .health_path("/healthz");
//! let listener = TcpListener::bind("127.0.0.1:8080").await?;
//! let stop = std::future::pending();                  // a signal, for instance
//! server.serve(listener, stop).await;
//! composition.close(Duration::from_secs(5)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What a client is told of a failure
//!
//! | status | when |
//! |---|---|
//! | 400 | the request has no valid host |
//! | 408 | the component waits for the request's body, and nothing of it comes |
//! | 413 | the request's body is larger than [`max_body_bytes`](Server::max_body_bytes) |
//! | 431 | the request's head is larger than [`max_head_bytes`](Server::max_head_bytes) |
//! | 501 | the method is `CONNECT` |
//! | 502 | the component has trapped, is not running, or has returned without a response |
//! | 503, with `retry-after` | more requests than [`max_concurrent_requests`](Server::max_concurrent_requests), or a component is at one of its limits |
//! | 504 | there is no response within the [`deadline`](Server::deadline) |
//!
//! If a component answers with an error code of wasi:http, the status is the one that fits the code: 403 for
//! `HTTP-request-denied`, 504 for timeouts, 502 for what went wrong with a connection of its own, and so on. The text
//! of such a response is a line that says what kind of failure it is, and nothing of what is inside; the reason is told
//! through `tracing`.
//!
//! A component that fails in the middle of a body breaks the response off: the connection is closed, or the stream
//! reset. A client never sees a cut response as a whole one, but with HTTP/1.0 on Unix sockets, which has no sign for that.
//!
//! # Features
//!
//! - `tracing`, on by default: the access log, with target `wasm_runtime_composer_serve::access` and level INFO, and the
//!   reasons of failures as warnings with target `wasm_runtime_composer_serve`.
//! - `metrics`: requests and connections through the crate `metrics`; see [`Server::serve`].
//! - `tls`: connections over TLS, by `Server::tls` with the application's configuration of rustls.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod body;
mod connection;
mod io;
mod listener;
mod record;
mod request;
mod server;
mod settings;
mod status;
mod sync;
mod watch;

pub use listener::Listener;
pub use server::{Served, Server};
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;

/// The README's programs compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
