//! What components run on: an engine, where compiled code is kept, and WASI, as the command line configures them.

use std::time::Duration;

use wasm_runtime_composer::{CompositionError, EpochTicker, Wasi};
use wasmtime::{Cache, CacheConfig, Config, Engine, PoolingAllocationConfig};

use crate::args::{Authority, Caching, Directory, HostArgs};
use crate::failure::Failure;

/// The interval at which guests yield, if calls have a deadline.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// A configuration with all types of the component model that the library supports, which keeps compiled code.
pub(crate) fn config(caching: &Caching) -> Result<Config, Failure> {
    let mut config = Config::new();
    config.wasm_component_model_map(true);
    config.wasm_component_model_fixed_length_lists(true);
    config.cache(cache(caching)?);
    Ok(config)
}

/// Where compiled code is kept, if it is.
fn cache(caching: &Caching) -> Result<Option<Cache>, Failure> {
    if caching.no_cache {
        return Ok(None);
    }
    let Some(folder) = &caching.cache else {
        // Without a folder of the user that can be written, as in many a container, everything works but takes longer.
        return Ok(Cache::new(CacheConfig::new()).ok());
    };
    let cache = std::path::absolute(folder).map_err(wasmtime::Error::from).and_then(|folder| {
        let mut config = CacheConfig::new();
        config.with_directory(folder);
        Cache::new(config)
    });
    let failed = |error| {
        let message = format!("cannot keep compiled code in `{}`", folder.display());
        Failure::input(message, error)
    };
    cache.map(Some).map_err(failed)
}

pub(crate) fn engine(config: &Config) -> Result<Engine, Failure> {
    Engine::new(config).map_err(|error| Failure::compose(error.to_string()))
}

/// An engine for components that are started again and again. Their memories come out of a pool, which is quicker than
/// asking the system for each; it takes no memory but address space.
pub(crate) fn serving_engine(mut config: Config) -> Result<Engine, Failure> {
    config.epoch_interruption(true);
    let mut pool = PoolingAllocationConfig::new();
    // Interpreters that were compiled to components have large tables and many globals.
    pool.table_elements(200_000).max_core_instance_size(8 << 20);
    // A call that waits has a stack, in each of the components that a request has come through. The server takes 1024
    // requests at a time.
    pool.total_stacks(16 * 1024);
    let mut pooling = config.clone();
    pooling.allocation_strategy(pool);
    // Where the address space is limited there is no room for a pool.
    Engine::new(&pooling).or_else(|_| engine(&config))
}

pub(crate) fn ticker(engine: &Engine) -> Result<EpochTicker, Failure> {
    EpochTicker::start(engine, TICK).map_err(|error| {
        Failure::input("cannot start a thread that interrupts guests".to_owned(), error)
    })
}

/// Whether a component may send a request there.
pub(crate) fn is_allowed(uri: &http::Uri, allowed: &[Authority]) -> bool {
    let port = match (uri.port_u16(), uri.scheme_str()) {
        (Some(port), _) => port,
        (None, Some("https")) => 443,
        (None, _) => 80,
    };
    let Some(host) = uri.host() else { return false };
    allowed.iter().any(|it| it.port == port && it.host.eq_ignore_ascii_case(host))
}

/// WASI as the command line configures it.
pub(crate) fn wasi(engine: &Engine, host: &HostArgs) -> Result<Wasi, Failure> {
    let mut wasi = Wasi::new(engine).inherit_stdio();
    for (name, value) in &host.env {
        wasi = wasi.env(name, value);
    }
    for Directory { host, guest, access } in &host.dirs {
        wasi = wasi.preopen_dir(host, guest, *access).map_err(CompositionError::from)?;
    }
    if host.network {
        wasi = wasi.allow_network();
    }
    Ok(wasi)
}
