//! Composes WebAssembly components while the program runs.
//!
//! A [`Composer`] takes components that were compiled independently, matches their imports to each
//! other's exports and wires them into one [`Composition`]. Every component keeps a wasmtime
//! [`Store`](wasmtime::Store) of its own, which one task owns: calls between components are messages
//! to that task's inbox, and resources stay in the store that defines them, with proxies elsewhere.
//!
//! The [book] explains how this works and solves whole tasks; its [contract] says what can be relied on.
//!
//! # Types by topic
//!
//! What most programs need is at the root; the rest is in a module for each topic.
//!
//! - **Composing.** [`compose!`] declares components, hints, filters and typed accessors in Rust syntax. A
//!   [`Composer`] with [`ComposableDescriptor`]s is the same for components that are known only when the program runs.
//!   [`Composer::plan`] shows the wiring, or tells everything that is wrong with it, and
//!   [`Composer::explain`] says why an import is satisfied as it is: module [`plan`]. [`Composer::compose`] gives a
//!   [`Composition`]. Chapters: [Getting started][start], [Composition][composition].
//! - **What can be composed.** [`ComposableComponent`] for bytes and files, [`ComposableInstance`] for what runs already,
//!   [`HostInterface`] for Rust in the place of a component (module [`host`], [chapter][host]), a [`Composition`], and a
//!   [`Composer`]. [`ExportFilter`] restricts what others see of any of them. [`Composer::fused`] places several in one
//!   store ([chapter][placement]).
//! - **Calling.** [`Composition::typed`] gives a [`TypedFunc`] of Rust types: module [`typed`]; [`ComponentValue`] is
//!   derived for types of your own. [`Composition::get_func`] gives an [`ExportFunc`], which is called with wasmtime's
//!   `Val`s, and whose type is plain data: module [`types`]. Resources are [`OwnedResource`]s ([chapter][resources]),
//!   streams and futures [`ComponentStream`]s and [`ComponentFuture`]s ([chapter][streams]). The module [`wave`] reads
//!   and writes values as text.
//! - **Bounds.** [`ComposableDescriptor`] has deadlines, limits, lifetimes ([`Lifetime`]) and restarts
//!   ([`RestartPolicy`]), an [`EpochTicker`] interrupts guests that compute, and [`Containment`] makes a provider's failure a value. Chapters:
//!   [Limits][limits], [Uploaded components][uploads].
//! - **Errors.** [`CompositionError`] is the one error type that `?` needs; the others are in the module [`error`].
//!   [The index][errors] says what to do about each.
//! - **While it runs.** [`Composition::replace`] swaps one component ([`Replacement`], [chapter][hot-swap]).
//!   [`Composition::events`] and [`Composition::snapshot`] tell what goes on (module [`snapshot`], [chapter][insight]).
//!   The module [`layer`] puts code between a component and its callers ([chapter][layers]).
//! - **WAC.** [`Composer::from_wac`] reads a document of `wac` (module [`wac`], [chapter][documents]).
//! - **WASI.** [`Wasi`] gives components directories, environment, standard streams and network (module [`wasi`],
//!   [chapter][wasi]).
//!
//! Components on other machines are composed with the crate `wasm-runtime-composer-remote`.
//!
//! # Features
//!
//! | feature | default | what it turns on |
//! |---|---|---|
//! | `codec` | yes | values cross between stores without wasmtime's `Val`. Without it calls are slower, streams and futures do not cross, and no crate of the library has unsafe code |
//! | `compile` | yes | components may be given as bytes or files, and are compiled with Cranelift. Without it they are given as `wasmtime::component::Component` |
//! | `component-model-async` | yes | components with async functions; with `codec`, streams and futures |
//! | `macros` | yes | [`compose!`] and `#[derive(ComponentValue)]` |
//! | `wit` | no | `wit!`, and `wit` in `compose!`: Rust types, clients and host traits from WIT |
//! | `http` | no | `Wasi::http` and `Composition::http`: wasi:http, by wasmtime-wasi-http. Turns on `wasi` |
//! | `fuse` | no | [`Composer::fused`] and `Composer::fuse`: components in one store. Turns on `compile` |
//! | `json` | no | plans and snapshots as JSON, and a page that draws them |
//! | `metrics` | no | `layer::MetricsLayer` and `Snapshot::record_metrics`, by the crate `metrics` |
//! | `record` | no | `layer::RecordLayer` and `layer::ReplayLayer`: calls written to a file, and answered from it. Turns on `json` and `wave` |
//! | `tracing` | no | `layer::TraceLayer`: a span of the crate `tracing` for each call |
//! | `wac` | no | [`Composer::from_wac`] and the module [`wac`]: compositions from WAC documents, by wac-parser. Turns on `compile` |
//! | `wasi` | no | [`Wasi`], by wasmtime-wasi |
//! | `wave` | no | the module [`wave`]: values as text |
//!
//! Features only add: turning one on changes nothing for code that does not use it. The application chooses the other
//! features of wasmtime 48 by depending on it.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
//! use wasmtime::component::Val;
//! use wasmtime::Engine;
//!
//! const TWO: &str = r#"(component
//!     (core module $m (func (export "two") (result i32) i32.const 2))
//!     (core instance $i (instantiate $m))
//!     (func (export "two") (result s32) (canon lift (core func $i "two"))))"#;
//! const TWICE: &str = r#"(component
//!     (import "two" (func $two (result s32)))
//!     (core func $two (canon lower (func $two)))
//!     (core module $m
//!         (import "" "two" (func $two (result i32)))
//!         (func (export "four") (result i32) (i32.add (call $two) (call $two))))
//!     (core instance $i (instantiate $m (with "" (instance (export "two" (func $two))))))
//!     (func (export "four") (result s32) (canon lift (core func $i "four"))))"#;
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), wasm_runtime_composer::CompositionError> {
//! let component = |text| {
//!     let engine = Engine::default();
//!     ComposableComponent::with_engine(&engine, text)
//! };
//! let mut composer = Composer::new();
//! composer.add(ComposableDescriptor::new("two", component(TWO)));
//! composer.add(ComposableDescriptor::new("twice", component(TWICE)));
//! let composition = composer.compose().await?;
//!
//! let mut results = [Val::S32(0)];
//! composition.get_func(None, "four")?.call(&[], &mut results).await?;
//! assert_eq!(results, [Val::S32(4)]);
//! composition.close(Duration::from_secs(1)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Spec
//!
//! Names, types and handles follow the component model: `Explainer.md` ("Import and Export
//! Definitions"), `WIT.md`, `CanonicalABI.md` and `Concurrency.md` under `design/mvp` of
//! <https://github.com/WebAssembly/component-model>.
//!
//! [book]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/SUMMARY.md
//! [contract]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/reference/contract.md
//! [start]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/getting-started.md
//! [composition]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/concepts/composition.md
//! [host]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/concepts/host.md
//! [placement]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/concepts/placement.md
//! [resources]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/concepts/resources.md
//! [streams]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/concepts/streams.md
//! [limits]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/recipes/limits.md
//! [uploads]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/recipes/uploads.md
//! [errors]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/errors.md
//! [documents]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/recipes/documents.md
//! [hot-swap]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/recipes/hot-swap.md
//! [insight]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/recipes/insight.md
//! [layers]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/concepts/layers.md
//! [wasi]: https://github.com/wasm-runtime-composer/wasm-runtime-composer/blob/main/docs/src/concepts/wasi.md
#![cfg_attr(
    not(feature = "fuse"),
    doc = "[`Composer::fused`]: https://docs.rs/wasm-runtime-composer/latest/wasm_runtime_composer/struct.Composer.html#method.fused"
)]
#![cfg_attr(
    not(feature = "wac"),
    doc = "[`Composer::from_wac`]: https://docs.rs/wasm-runtime-composer/latest/wasm_runtime_composer/struct.Composer.html#method.from_wac"
)]
#![cfg_attr(
    not(feature = "wac"),
    doc = "[`wac`]: https://docs.rs/wasm-runtime-composer/latest/wasm_runtime_composer/wac/index.html"
)]
#![cfg_attr(
    not(feature = "wasi"),
    doc = "[`Wasi`]: https://docs.rs/wasm-runtime-composer/latest/wasm_runtime_composer/struct.Wasi.html"
)]
#![cfg_attr(
    not(feature = "wasi"),
    doc = "[`wasi`]: https://docs.rs/wasm-runtime-composer/latest/wasm_runtime_composer/wasi/index.html"
)]
#![cfg_attr(
    not(feature = "wave"),
    doc = "[`wave`]: https://docs.rs/wasm-runtime-composer/latest/wasm_runtime_composer/wave/index.html"
)]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "compile", feature = "component-model-async"))]
mod companion;
mod compose;
pub mod error;
mod export;
#[cfg(feature = "fuse")]
mod fuse;
pub mod host;
pub mod layer;
mod link;
mod pending;
pub mod plan;
mod run;
pub mod snapshot;
mod sync;
pub mod typed;
pub mod types;
mod value;
#[cfg(feature = "wac")]
pub mod wac;
#[cfg(feature = "wasi")]
pub mod wasi;
#[cfg(feature = "wave")]
pub mod wave;

#[cfg(feature = "macros")]
mod macros;

#[doc(hidden)]
pub mod __private;
#[doc(hidden)]
pub use host::provided as provider;

pub use compose::{
    ComponentSource, Composable, ComposableComponent, ComposableDescriptor, ComposableInstance,
    Composer, Composition, ExportFilter, Filtered, Replacement,
};
pub use error::CompositionError;
pub use export::{ExportFunc, TypedFunc};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub use export::{ValFuture, ValStream};
pub use host::HostInterface;
pub use plan::Containment;
pub use run::{EpochTicker, Lifetime, RestartPolicy};
pub use typed::{ComponentFuture, ComponentStream, ComponentValue, OwnedResource};
#[cfg(feature = "wasi")]
pub use wasi::Wasi;
#[cfg(feature = "macros")]
pub use wasm_runtime_composer_macros::ComponentValue;
