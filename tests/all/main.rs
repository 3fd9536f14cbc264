//! The tests of `wasm-runtime-composer`, a module for each topic. What a test shows is its name.

#![forbid(unsafe_code)]

mod api;
mod architecture;
mod book;
mod bounds;
mod calls;
mod carried;
mod carried_wasi;
mod cases;
mod chains;
mod close;
mod codec;
mod compiling;
#[cfg(feature = "codec")]
mod conformance;
mod containment;
mod cycles;
#[cfg(feature = "codec")]
mod deadlocks;
mod documents;
#[cfg(feature = "codec")]
mod dynamic_streams;
mod entries;
mod errors;
mod explain;
mod faults;
mod fuse;
mod fused;
#[cfg(feature = "codec")]
mod hoarders;
mod host;
mod http;
mod http_outgoing;
mod in_place;
mod insight;
mod instances;
mod layers;
mod leaks;
mod lifetimes;
mod limitations;
mod limits;
mod locks;
mod macros;
mod nesting;
mod placement;
mod planning;
mod provided;
mod replace;
mod resources;
mod restart;
mod rules;
mod runaway;
#[cfg(feature = "codec")]
mod stream_ends;
#[cfg(feature = "codec")]
mod stream_faults;
#[cfg(feature = "codec")]
mod stream_payloads;
#[cfg(feature = "codec")]
mod streams;
mod trust;
mod typed;
#[cfg(feature = "codec")]
mod uploads;
mod values;
mod wasi;
mod wit;
