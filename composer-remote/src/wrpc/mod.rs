//! wRPC over TCP and Unix sockets: a connection for each call.
//!
//! A connection begins with the version of the protocol and the names of the interface and the
//! function. Frames follow in both directions: a path of numbers, a length, and bytes. The frames
//! of the empty path are the arguments, or the result; those of other paths are the elements of
//! streams and futures among them. A side with nothing more to send shuts its direction down.
//!
//! wRPC cannot express that a call failed: a lost server, a trap and an unknown function look like
//! a result that ends early, and for a function without a result like success. So servers of this
//! library send additional frames, which other peers ignore or treat as an error:
//!
//! - A frame with one of the paths in [`frame`] that no value can have tells why a call failed or
//!   was refused.
//! - An empty frame with the empty path tells that a function without a result has succeeded.
//! - The same with its length encoded in two bytes tells that the sender is alive.

mod client;
mod flow;
pub(crate) mod frame;
mod net;
mod root;
mod server;
mod timing;
mod told;

pub use client::Wrpc;
pub use server::WrpcServer;

use wasm_runtime_composer::provider;
use wasm_runtime_composer::types::ValueType;

use crate::budget::{Account, Held};

/// Reads what a caller sends, as a server does, including every stream; for the fuzz targets.
pub(crate) async fn read_all(bytes: &[u8], types: &[ValueType], limit: usize) {
    let mut frames = frame::FrameReader::new(bytes, frame::Pace::any(timing::IDLE));
    if frames.names().await.is_err() {
        return;
    }
    let (types, writer) = (types.iter().collect(), String::new());
    let room = flow::Room { account: Account::unlimited(), idle: timing::IDLE };
    let mut held = Held::new(&room.account, 0);
    let spec = root::RootSpec { types, limit, writer, room };
    let Ok(root) = root::read_root(&mut frames, &spec, &mut held).await else { return };
    // Errors do not matter here; the reading must only end.
    let reading = futures_util::future::join_all(root.values.into_iter().filter_map(|value| {
        let elements = provider::elements(value, 64)?;
        Some(futures_util::StreamExt::for_each(elements, |_| std::future::ready(())))
    }));
    futures_util::future::join(flow::receive(&mut frames, root.routes), reading).await.0.ok();
}
