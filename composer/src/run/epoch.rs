//! [`EpochTicker`]: interrupts guests that compute without end.

use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{Engine, Store};

/// Raises an engine's epoch at a fixed period, from a thread of its own, until it is dropped.
///
/// A guest that computes holds the thread of the runtime that it runs on; nothing but its engine can
/// interrupt it. With `Config::epoch_interruption`, a ticker, and stores made by
/// [`yielding`](Self::yielding), guests give way at every tick: other tasks run, deadlines of sync
/// calls are kept, and [`ComposableDescriptor::with_run_limit`](crate::ComposableDescriptor::with_run_limit)
/// ends a component that computes for too long.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use wasm_runtime_composer::{ComposableComponent, EpochTicker};
/// use wasmtime::component::Linker;
/// use wasmtime::{Config, Engine, Store};
///
/// let mut config = Config::new();
/// config.epoch_interruption(true);
/// let engine = Engine::new(&config)?;
/// let ticker = EpochTicker::start(&engine, Duration::from_millis(10))?;
///
/// let linker: Linker<()> = Linker::new(&engine);
/// let component = ComposableComponent::new("(component)", linker, move || {
///     EpochTicker::yielding(Store::new(&engine, ()))
/// });
/// # let _ = (ticker, component);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct EpochTicker {
    /// Dropped to end the thread.
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl EpochTicker {
    /// Starts to raise the epoch of `engine` every `period`.
    ///
    /// # Errors
    ///
    /// If the system has no thread to give.
    pub fn start(engine: &Engine, period: Duration) -> std::io::Result<Self> {
        // The ticker alone does not keep the engine alive.
        let engine = engine.weak();
        let (stop, stopped) = mpsc::channel();
        let tick = move || {
            while stopped.recv_timeout(period) == Err(RecvTimeoutError::Timeout) {
                match engine.upgrade() {
                    Some(engine) => engine.increment_epoch(),
                    None => return,
                }
            }
        };
        let thread = std::thread::Builder::new().name("epoch-ticker".to_owned()).spawn(tick)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }

    /// Makes guests in `store` give way at every tick.
    pub fn yielding<T: 'static>(mut store: Store<T>) -> Store<T> {
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }
}

impl Drop for EpochTicker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread only counts; it does not panic.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for EpochTicker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EpochTicker(..)")
    }
}
