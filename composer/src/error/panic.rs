//! Faults of the host: panics of the application's code, and bugs of this library.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::HostPanic;

/// The error for a host function's panic.
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> wasmtime::Error {
    wasmtime::Error::new(HostPanic { message: panic_message(panic) })
}

/// The message of a panic.
pub(crate) fn panic_message(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => match panic.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(_) => "a value that is no text".to_owned(),
        },
    }
}

/// Drops a value whose drop runs the application's code, such as the data of a store. A panic there
/// is contained: the store is ending already, and other components must not be affected.
pub(crate) fn discard<T>(it: T) {
    // The panic hook has reported it.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(it)));
}

/// The error for a broken invariant of this library, which no guest or application should be able
/// to cause.
pub(crate) fn bug(what: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!(
        "{what}; this is a bug of wasm-runtime-composer: please report it, with how it came about"
    ))
}
