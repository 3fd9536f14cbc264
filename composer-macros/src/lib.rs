//! The procedural macros of `wasm-runtime-composer`. There are none yet.

#![forbid(unsafe_code)]
