//! [`WasiState`]: the data of a store with WASI.

use std::fmt;

use wasmtime::StoreLimits;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfigVariables;

/// The data of a store that [`Wasi`](super::Wasi) makes: WASI's state, and the application's data.
///
/// It implements `wasmtime_wasi::WasiView`, so that interfaces of other crates that build on WASI can
/// be added by [`Wasi::with_linker`](super::Wasi::with_linker).
pub struct WasiState<T = ()> {
    pub(super) ctx: WasiCtx,
    pub(super) table: ResourceTable,
    pub(super) config: WasiConfigVariables,
    pub(super) limits: StoreLimits,
    /// The application's data, made for this store by [`Wasi::with_data`](super::Wasi::with_data).
    pub data: T,
}

impl<T: Send> WasiView for WasiState<T> {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.ctx, table: &mut self.table }
    }
}

impl<T: fmt::Debug> fmt::Debug for WasiState<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiState").field("data", &self.data).finish_non_exhaustive()
    }
}
