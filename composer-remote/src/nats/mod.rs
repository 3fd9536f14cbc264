//! NATS: requests and replies through a broker that runs already.
//!
//! A function has a subject: a prefix, its interface and its name, with `_` for the dots in them, and `_`
//! for the interface of a function of the world: `wasm.acme:kv/store@1_0_0.get`. Servers subscribe to it
//! in a queue group, so each call goes to one of them. What is sent is described in [`envelope`].

mod client;
mod envelope;
mod server;

pub use client::Nats;
pub use server::NatsServer;

/// What the transport is called in messages.
const NAME: &str = "NATS";

/// The prefix of subjects.
const PREFIX: &str = "wasm";

/// The subject of a function. Names of the component model have no `_`, so no two have the same.
fn subject(prefix: &str, interface: Option<&str>, function: &str) -> String {
    let interface = interface.map_or_else(|| "_".to_owned(), token);
    format!("{prefix}.{interface}.{}", token(function))
}

/// A name as one part of a subject.
fn token(name: &str) -> String {
    name.replace('.', "_")
}
