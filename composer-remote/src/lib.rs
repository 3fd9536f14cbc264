//! Components on other machines, in a composition of `wasm-runtime-composer`.
//!
//! A [`RemoteComponent`] is composed like any other: its types come from WIT or from a component
//! file, so composing checks them; its functions run on whichever machine serves them.
//! [`Serve::serve`] offers the public exports of a composition to other machines. Two transports
//! carry the calls:
//!
//! - wRPC over TCP and Unix sockets (feature `wrpc`): [`Wrpc`] calls, [`WrpcServer`] serves. Any
//!   wRPC peer can be on the other side. With the feature `tls`, TCP is encrypted and both sides
//!   are authenticated.
//! - NATS (feature `nats`): `Nats` calls, `NatsServer` serves, through an existing broker, which
//!   finds the servers and shares the load among them.
//!
//! Every call has a deadline and is made once; only functions that are declared
//! [idempotent](RemoteComponent::with_idempotent) are repeated. Failures are [`RemoteError`]s,
//! which [`RemoteError::of`] finds in the error that the composition returns.
//!
//! # Examples
//!
//! ```
//! # #[cfg(all(feature = "wrpc", unix))] mod example {
//! use std::time::Duration;
//! use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
//! use wasm_runtime_composer_remote::{
//!     RemoteComponent, RemoteExports, Serve, ServeError, Wrpc, WrpcServer,
//! };
//! use wasmtime::Engine;
//!
//! const ADDER: &str = r#"(component
//!     (core module $m (func (export "add") (param i32 i32) (result i32)
//!         (i32.add (local.get 0) (local.get 1))))
//!     (core instance $i (instantiate $m))
//!     (func (export "add") (param "a" s32) (param "b" s32) (result s32)
//!         (canon lift (core func $i "add"))))"#;
//! const WIT: &str = "package acme:adder; world adder { export add: func(a: s32, b: s32) -> s32; }";
//!
//! # #[tokio::main]
//! # pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // On one machine:
//! let engine = Engine::default();
//! let adder =
//!     ComposableComponent::with_engine(&engine, ADDER);
//! let mut composer = Composer::new();
//! composer.add(ComposableDescriptor::new("adder", adder));
//! let serving = composer.compose().await?.serve(WrpcServer::tcp("127.0.0.1:0")).await?;
//! let address = serving.addresses()[0].clone();
//!
//! // On another one:
//! let exports = RemoteExports::from_wit(WIT)?;
//! let adder = RemoteComponent::new(exports, Wrpc::tcp(address))
//!     .with_deadline(Duration::from_secs(5));
//! let mut composer = Composer::new();
//! composer.add(ComposableDescriptor::new("adder", adder));
//! let composition = composer.compose().await?;
//! let add = composition.typed::<(i32, i32), i32>(None, "add")?;
//! assert_eq!(add.call((1, 2)).await?, 3);
//!
//! composition.close(Duration::from_secs(1)).await?;
//! serving.close(Duration::from_secs(1)).await;
//! # Ok(())
//! # }
//! # }
//! # #[cfg(all(feature = "wrpc", unix))]
//! # fn main() -> Result<(), Box<dyn std::error::Error>> { example::main() }
//! # #[cfg(not(all(feature = "wrpc", unix)))]
//! # fn main() {}
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(all(feature = "wrpc", feature = "nats")),
    allow(dead_code, unused_imports, reason = "what the other transport needs is left over")
)]

mod budget;
mod client;
mod codec;
mod component;
mod error;
mod limits;
#[cfg(feature = "nats")]
mod nats;
mod serve;
mod sync;
mod types;
#[cfg(feature = "wrpc")]
mod wrpc;

#[doc(hidden)]
pub mod __fuzz;

#[cfg(feature = "nats")]
pub use async_nats;
pub use client::Transport;
pub use component::RemoteComponent;
pub use error::{RemoteError, ServeError, TypesError};
#[cfg(feature = "nats")]
pub use nats::{Nats, NatsServer};
pub use serve::{Serve, Server, Serving};
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
pub use types::RemoteExports;
#[cfg(feature = "wrpc")]
pub use wrpc::{Wrpc, WrpcServer};

/// The README's programs compile.
#[cfg(all(doctest, feature = "wrpc", feature = "nats"))]
#[doc = include_str!("../README.md")]
struct Readme;
