//! [`WasiState`]: the data of a store with WASI.

use std::fmt;

use wasmtime::StoreLimits;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfigVariables;
#[cfg(feature = "http")]
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

#[cfg(feature = "http")]
use super::http::Outgoing;

/// The data of a store that [`Wasi`](super::Wasi) makes: WASI's state, and the application's data.
///
/// It implements `wasmtime_wasi::WasiView`, so that interfaces of other crates that build on WASI can
/// be added by [`Wasi::with_linker`](super::Wasi::with_linker).
pub struct WasiState<T = ()> {
    pub(super) ctx: WasiCtx,
    pub(super) table: ResourceTable,
    pub(super) config: WasiConfigVariables,
    pub(super) limits: StoreLimits,
    #[cfg(feature = "http")]
    pub(super) http: HttpState,
    /// The application's data, made for this store by [`Wasi::with_data`](super::Wasi::with_data).
    pub data: T,
}

impl<T: Send> WasiView for WasiState<T> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

/// The state of wasi:http.
#[cfg(feature = "http")]
pub(super) struct HttpState {
    pub(super) ctx: WasiHttpCtx,
    pub(super) outgoing: Outgoing,
}

#[cfg(feature = "http")]
impl<T: Send> WasiHttpView for WasiState<T> {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        let HttpState { ctx, outgoing } = &mut self.http;
        WasiHttpCtxView { ctx, table: &mut self.table, hooks: outgoing }
    }
}

impl<T> WasiState<T> {
    /// WASI's context and table, and the application's data, for interfaces of other crates that need both at once.
    pub fn parts(&mut self) -> (WasiCtxView<'_>, &mut T) {
        (WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }, &mut self.data)
    }
}

impl<T: fmt::Debug> fmt::Debug for WasiState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiState").field("data", &self.data).finish_non_exhaustive()
    }
}
