//! Compiles components in parallel and shows the progress.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasm_runtime_composer::__private::plain;

use crate::component::Component;

/// Compiles the components that are not compiled yet. Errors are ignored here; composing reports
/// them.
pub(crate) fn compile(components: &[Component]) {
    let next = AtomicUsize::new(0);
    let progress = Progress::new(components.len());
    let worker = || {
        while let Some(component) = components.get(next.fetch_add(1, Ordering::Relaxed)) {
            progress.begin(&component.id);
            // All clones of a component share the compiled code. A plan of the component alone may
            // fail because its imports are open, which does not matter here.
            let _ = component.alone().plan();
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        // This thread is one of the workers.
        for _ in 1..threads.min(components.len()) {
            // If no thread can be spawned, compiling only takes longer.
            let _ = std::thread::Builder::new().spawn_scoped(scope, worker);
        }
        worker();
    });
    progress.end();
}

/// A line on the terminal, if standard error is one.
struct Progress {
    total: usize,
    /// How many components have been begun.
    begun: Mutex<usize>,
    visible: bool,
}

/// Moves to the start of the line and erases it.
const ERASE: &str = "\r\x1b[2K";

impl Progress {
    fn new(total: usize) -> Self {
        Self { total, begun: Mutex::new(0), visible: std::io::stderr().is_terminal() }
    }

    fn begin(&self, id: &str) {
        if !self.visible {
            return;
        }
        // Locked while writing, so that the number never decreases.
        let Ok(mut begun) = self.begun.lock() else { return };
        *begun += 1;
        show(&format!("{ERASE}compiling {begun} of {}: {}", self.total, plain(id)));
    }

    fn end(&self) {
        if self.visible {
            show(ERASE);
        }
    }
}

/// Writes to standard error. Failing to do so is not an error.
fn show(text: &str) {
    let mut stderr = std::io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
