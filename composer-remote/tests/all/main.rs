//! Components on other machines: here they are other compositions, and other processes, on loopback.

#![forbid(unsafe_code)]
#![cfg(feature = "wrpc")]

mod interop;
#[cfg(feature = "nats")]
mod nats;
mod peers;
mod suite;
#[cfg(feature = "tls")]
mod tls;
mod types;
mod wrpc;
