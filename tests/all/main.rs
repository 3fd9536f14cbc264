//! The tests of `wasm-runtime-composer`, a module for each topic. What a test shows is its name.
//!
//! Without `codec`, only those are built that are about calls and values.

#![forbid(unsafe_code)]

#[cfg(feature = "codec")]
mod api;
#[cfg(feature = "codec")]
mod architecture;
#[cfg(feature = "codec")]
mod book;
#[cfg(feature = "codec")]
mod bounds;
mod calls;
mod carried;
#[cfg(feature = "codec")]
mod carried_wasi;
#[cfg(feature = "codec")]
mod cases;
#[cfg(feature = "codec")]
mod chains;
#[cfg(feature = "codec")]
mod close;
mod codec;
#[cfg(feature = "codec")]
mod compiling;
#[cfg(feature = "codec")]
mod conformance;
#[cfg(feature = "codec")]
mod containment;
#[cfg(feature = "codec")]
mod cycles;
#[cfg(feature = "codec")]
mod deadlocks;
#[cfg(feature = "codec")]
mod dynamic_streams;
#[cfg(feature = "codec")]
mod entries;
#[cfg(feature = "codec")]
mod errors;
#[cfg(feature = "codec")]
mod explain;
#[cfg(feature = "codec")]
mod faults;
#[cfg(feature = "codec")]
mod fuse;
#[cfg(feature = "codec")]
mod fused;
#[cfg(feature = "codec")]
mod hoarders;
mod host;
#[cfg(feature = "codec")]
mod http;
#[cfg(feature = "codec")]
mod http_outgoing;
#[cfg(feature = "codec")]
mod in_place;
#[cfg(feature = "codec")]
mod insight;
#[cfg(feature = "codec")]
mod instances;
#[cfg(feature = "codec")]
mod layers;
#[cfg(feature = "codec")]
mod leaks;
#[cfg(feature = "codec")]
mod lifetimes;
#[cfg(feature = "codec")]
mod limitations;
#[cfg(feature = "codec")]
mod limits;
#[cfg(feature = "codec")]
mod locks;
mod macros;
mod nesting;
#[cfg(feature = "codec")]
mod placement;
#[cfg(feature = "codec")]
mod planning;
mod provided;
#[cfg(feature = "codec")]
mod replace;
mod resources;
#[cfg(feature = "codec")]
mod restart;
#[cfg(feature = "codec")]
mod rules;
#[cfg(feature = "codec")]
mod runaway;
#[cfg(feature = "codec")]
mod stream_ends;
#[cfg(feature = "codec")]
mod stream_faults;
#[cfg(feature = "codec")]
mod stream_payloads;
#[cfg(feature = "codec")]
mod streams;
#[cfg(feature = "codec")]
mod trust;
mod typed;
#[cfg(feature = "codec")]
mod uploads;
mod values;
mod wasi;
mod wit;
