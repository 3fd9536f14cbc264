//! Prints what is logged to standard error, a line each.

wit_bindgen::generate!({ path: "../wit", world: "logger", generate_all });

use exports::wasi::logging::logging::{Guest, Level};

struct Logger;
export!(Logger);

impl Guest for Logger {
    fn log(level: Level, context: String, message: String) {
        let level = match level {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Critical => "critical",
        };
        eprintln!("{level} {context}: {message}");
    }
}
