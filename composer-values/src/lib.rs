//! Component values whose types are known only when the program runs.
//!
//! wasmtime has two ways to move values: Rust types known when the program is compiled, which are
//! fast, and [`Val`](wasmtime::component::Val), which is for any type and costs 32 bytes and a
//! branch for each byte of a list. A [`Value`] is for any type too, and compact: bytes are a
//! `Vec<u8>`, records have no names. With the feature `codec` such values are lifted and lowered
//! directly, through the traits that wasmtime's own derives implement.
//!
//! A part of `wasm-runtime-composer`, which is the interface to use; this crate may change in any
//! release.
//!
//! # Safety
//!
//! All `unsafe` of the project is in `abi.rs`, with its arguments; without the feature `codec`
//! there is none. Values are not checked for names: code that connects two functions must have
//! compared their types. A value of a wrong shape is an error.

#![cfg_attr(not(feature = "codec"), forbid(unsafe_code))]
#![deny(unsafe_op_in_unsafe_fn)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod value;

#[cfg(feature = "codec")]
#[expect(unsafe_code, reason = "wasmtime's traits for values are unsafe to implement")]
mod abi;
#[cfg(feature = "codec")]
mod func;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod stream;
#[cfg(feature = "codec")]
mod walk;

#[cfg(feature = "codec")]
pub use func::{Called, HostFunc, Running, Shape, call, call_async, func_wrap_async};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub use func::{ConcurrentHostFunc, func_wrap_concurrent, start_call_concurrent};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub use stream::{
    Reads, Taken, Wanted, Write, Writes, future_to_store, origin_of_future, pipe_future,
    pipe_stream, recover_stream, stream_to_store,
};
pub use value::{ERR, Elements, NONE, OK, Payload, SOME, StoreHandle, Stored, Value};
