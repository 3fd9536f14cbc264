//! The configuration of a component's WASI, and the state of a store that is made from it.
//!
//! A store is made again for every restart and instance, so settings are kept as plain data, and
//! the context is built from them each time.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wasmtime::StoreLimits;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_config::WasiConfigVariables;
#[cfg(feature = "http")]
use wasmtime_wasi_http::WasiHttpCtx;

#[cfg(feature = "http")]
use super::state::HttpState;
use super::state::WasiState;
use super::stdio::{Input, Output};
use crate::error::{Cause, WasiError};

/// What a component may do in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// List and read.
    ReadOnly,
    /// List, read, write, create and remove.
    ReadWrite,
}

/// The settings of a [`Wasi`](super::Wasi) that do not depend on the user's data.
#[derive(Clone, Debug, Default)]
pub(super) struct WasiSettings {
    /// In the order in which they were set. They are few, so a list is searched.
    env: Vec<(String, String)>,
    pub(super) args: Vec<String>,
    directories: Vec<Directory>,
    pub(super) config: BTreeMap<String, String>,
    pub(super) stdin: Input,
    pub(super) stdout: Output,
    pub(super) stderr: Output,
    pub(super) network: Network,
    pub(super) limits: StoreLimits,
    #[cfg(feature = "http")]
    pub(super) outgoing: super::http::Outgoing,
}

#[derive(Clone, Debug)]
struct Directory {
    host: PathBuf,
    guest: String,
    access: Access,
}

/// The addresses that a component may use.
#[derive(Clone, Default)]
pub(super) enum Network {
    #[default]
    None,
    Some(Arc<dyn Fn(SocketAddr) -> bool + Send + Sync>),
    All,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Some(_) => "Some(..)",
            Self::All => "All",
        })
    }
}

impl WasiSettings {
    pub(super) fn set_env(&mut self, name: String, value: String) {
        match self.env.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.env.push((name, value)),
        }
    }

    /// Adds a directory, after checking that it can be opened now.
    pub(super) fn add_directory(
        &mut self,
        host: &Path,
        guest: String,
        access: Access,
    ) -> Result<(), WasiError> {
        let failed = |error| WasiError::Directory {
            host: host.to_owned(),
            guest: guest.clone(),
            source: Cause::new(error),
        };
        let absolute =
            std::path::absolute(host).map_err(|error| failed(wasmtime::Error::new(error)))?;
        let directory = Directory { host: absolute, guest: guest.clone(), access };
        directory.open(&mut WasiCtx::builder()).map_err(failed)?;
        match self.directories.iter_mut().find(|known| known.guest == guest) {
            Some(known) => *known = directory,
            None => self.directories.push(directory),
        }
        Ok(())
    }

    /// The state of a new store, with the user's data.
    pub(super) fn state<T>(&self, data: T) -> wasmtime::Result<WasiState<T>> {
        Ok(WasiState {
            ctx: self.context()?,
            table: ResourceTable::new(),
            config: self.variables(),
            limits: self.limits.clone(),
            #[cfg(feature = "http")]
            http: HttpState { ctx: WasiHttpCtx::new(), outgoing: self.outgoing.clone() },
            data,
        })
    }

    fn variables(&self) -> WasiConfigVariables {
        self.config.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    fn context(&self) -> wasmtime::Result<WasiCtx> {
        let mut builder = WasiCtx::builder();
        builder.envs(&self.env).args(&self.args);
        for directory in &self.directories {
            directory.open(&mut builder).map_err(|error| {
                wasmtime::Error::new(WasiError::Directory {
                    host: directory.host.clone(),
                    guest: directory.guest.clone(),
                    source: Cause::new(error),
                })
            })?;
        }
        self.stdin.give(&mut builder);
        self.stdout.give_as_stdout(&mut builder);
        self.stderr.give_as_stderr(&mut builder);
        self.network.give(&mut builder);
        Ok(builder.build())
    }
}

impl Directory {
    fn open(&self, builder: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
        let access = match self.access {
            Access::ReadOnly => FsPerms::ReadOnly,
            Access::ReadWrite => FsPerms::ReadWrite,
        };
        builder.preopened_dir(&self.host, &self.guest, access)?;
        Ok(())
    }
}

impl Network {
    fn give(&self, builder: &mut WasiCtxBuilder) {
        match self {
            // wasmtime denies what is not allowed.
            Self::None => {}
            Self::Some(allowed) => {
                let allowed = allowed.clone();
                let check = move |address, usage| is_chosen(address, usage) || allowed(address);
                builder.allow_tcp(true).allow_udp(true).socket_addr_check(move |address, usage| {
                    let allowed = check(address, usage);
                    Box::pin(async move { allowed })
                });
            }
            Self::All => {
                builder
                    .allow_tcp(true)
                    .allow_udp(true)
                    .inherit_network()
                    .allow_ip_name_lookup(true);
            }
        }
    }
}

/// Whether a socket is bound to an address that the system chooses, as happens implicitly before it
/// connects or sends. What it does afterwards is checked separately.
fn is_chosen(address: SocketAddr, usage: SocketAddrUse) -> bool {
    matches!(usage, SocketAddrUse::TcpBind | SocketAddrUse::UdpBind)
        && address.ip().is_unspecified()
        && address.port() == 0
}
