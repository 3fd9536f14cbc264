//! wRPC over TCP and Unix sockets: a connection for each call.
//!
//! A connection begins with the version of the protocol and the names of interface and function. After
//! that it is frames, both ways: a path of numbers, a length, bytes. The frames of the empty path are the
//! arguments, or the result; those of other paths the elements of streams and futures among them. Who has
//! nothing more to say shuts its direction down.
//!
//! wRPC has no way to say that a call failed: a lost server, a trap and an unknown function look like a
//! result that ends early, and for a function without a result like success. So servers here say more,
//! in frames that other peers take for nothing or for an error:
//!
//! - A frame of one of the paths in [`frame`] that no value has tells why a call failed, or was refused.
//! - An empty frame of the empty path says that a function without a result has ended well.
//! - The same with a length of two bytes says that the sender is alive.

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

use wasm_runtime_composer::ValueType;
use wasm_runtime_composer::provider;

use crate::budget::{Account, Held};

/// Reads what a caller sends, as a server does, and every stream in it.
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
    // Whether it is an error is of no interest; it ends.
    let reading = futures_util::future::join_all(root.values.into_iter().filter_map(|value| {
        let elements = provider::elements(value, 64)?;
        Some(futures_util::StreamExt::for_each(elements, |_| std::future::ready(())))
    }));
    futures_util::future::join(flow::receive(&mut frames, root.routes), reading).await.0.ok();
}
