//! The server as its clients meet it: over real sockets, with real components behind it.

#![forbid(unsafe_code)]

mod ending;
mod failures;
mod limits;
mod replacing;
mod requests;
mod site;
mod telling;
#[cfg(feature = "tls")]
mod tls;
