//! HTTP: what components serve and send by wasi:http.
//!
//! [`Composition::http`](crate::Composition::http) makes a [`Service`](tower_service::Service) of a composition whose
//! components serve HTTP. [`Wasi::http`](crate::Wasi::http) lets components send requests, by a client that the
//! application gives; [`client`] is one.

// `carriers.rs` has how requests and responses move from store to store, `body.rs` what their bodies are on the way.
// `client.rs` is what wasmtime's implementation of wasi:http asks for requests that go out; `service.rs` how requests come in,
// with `codes.rs` for what a guest says instead of a response.

mod body;
mod carriers;
mod client;
mod codes;
mod service;

pub use body::Body;
pub(super) use carriers::add as add_carriers;
pub(super) use client::Outgoing;
pub use client::{Client, client};
pub use service::{HttpError, HttpService};
pub use wasmtime_wasi_http::Error;
