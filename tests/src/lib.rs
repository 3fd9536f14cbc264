//! Tests of `wasm-runtime-composer` through its public interface.
