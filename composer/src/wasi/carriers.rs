//! What components with WASI can pass to each other of the host's.
//!
//! What is an index into its store's table (a `pollable`) is not here: it means nothing elsewhere.

use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2;

use super::state::WasiState;
use crate::run::CarrierSet;

const FILES: &str = "wasi:filesystem/types@0.2.0";
const STREAMS: &str = "wasi:io/streams@0.2.0";
const TCP: &str = "wasi:sockets/tcp@0.2.0";
const UDP: &str = "wasi:sockets/udp@0.2.0";

/// Adds what WASI defines: streams, open files and directories, sockets.
pub(super) fn add<T: Send + 'static>(carriers: &mut CarrierSet<WasiState<T>>) {
    fn table<T>(state: &mut WasiState<T>) -> &mut ResourceTable {
        &mut state.table
    }
    carriers.by_table::<p2::DynInputStream>((STREAMS, "input-stream"), table, None);
    carriers.by_table::<p2::DynOutputStream>((STREAMS, "output-stream"), table, None);
    carriers.by_table((FILES, "descriptor"), table, Some(Descriptor::clone));
    carriers.by_table::<p2::ReaddirIterator>((FILES, "directory-entry-stream"), table, None);
    carriers.by_table::<p2::TcpSocket>((TCP, "tcp-socket"), table, None);
    carriers.by_table::<p2::UdpSocket>((UDP, "udp-socket"), table, None);
    {
        use p2::bindings::sockets::udp::{IncomingDatagramStream, OutgoingDatagramStream};
        let (incoming, outgoing) = ("incoming-datagram-stream", "outgoing-datagram-stream");
        carriers.by_table::<IncomingDatagramStream>((UDP, incoming), table, None);
        carriers.by_table::<OutgoingDatagramStream>((UDP, outgoing), table, None);
    }
    #[cfg(feature = "http")]
    super::http::add_carriers(carriers);
    #[cfg(feature = "component-model-async")]
    {
        use wasmtime_wasi::sockets::{TcpSocket, UdpSocket};
        let (files, sockets) = ("wasi:filesystem/types@0.3.0", "wasi:sockets/types@0.3.0");
        carriers.by_table((files, "descriptor"), table, Some(Descriptor::clone));
        carriers.by_table::<TcpSocket>((sockets, "tcp-socket"), table, None);
        carriers.by_table::<UdpSocket>((sockets, "udp-socket"), table, None);
    }
}
