//! What goes wrong in the host: panics, and mistakes of this library.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::HostPanic;

/// The error that a host function's panic is.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> wasmtime::Error {
    wasmtime::Error::new(HostPanic { message: panic_message(panic) })
}

/// What a panic says.
pub(crate) fn panic_message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "a value that is no text".to_owned(),
        },
    }
}

/// Drops what runs code of the application's when it is dropped, the data of a store. A panic there ends what is
/// ending already, and is nobody else's.
pub(crate) fn discard<T>(it: T) {
    // The panic hook has told of it.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(it)));
}

/// The error that something is not as it has to be, whatever guests and the host do.
pub(crate) fn bug(what: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!(
        "{what}; this is a bug of wasm-runtime-composer: please report it, with how it came about"
    ))
}
