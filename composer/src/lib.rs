//! Composes WebAssembly components while the program runs.
//!
//! A [`Composer`] takes components that were compiled independently, matches their imports to each
//! other's exports and wires them into one [`Composition`]. Every component keeps a wasmtime
//! [`Store`](wasmtime::Store) of its own, which one task owns: calls between components are messages
//! to that task's inbox, and resources stay in the store that defines them, with proxies elsewhere.
//!
//! - [`compose!`] declares components, hints, filters and typed accessors in Rust syntax; a
//!   [`Composer`] is the same for components that are known only when the program runs.
//! - [`ComposableComponent`], [`ComposableInstance`], [`Composition`] and [`Composer`] are what can
//!   be composed; [`ExportFilter`] restricts what others see of one.
//! - With the feature `fuse`, `Composer::fused` places components together: they are fused into one, in
//!   one store, and the rest stays isolated.
//! - [`Composer::plan`] shows the wiring, or reports all problems with it.
//! - [`Composition::typed`] gives a [`TypedFunc`] of Rust types, [`Composition::get_func`] an
//!   [`ExportFunc`], which is called with wasmtime's `Val`s.
//! - [`ComponentStream`] and [`ComponentFuture`] are streams and futures between Rust and components.
//! - A [`ComposableDescriptor`] says what a component may do: deadline, inbox, restart, run limit.
//! - With the feature `wasi`, `Wasi` gives components WASI: directories, environment, standard streams.
//! - [`CompositionError`] is the one error type that `?` needs.
//!
//! # Examples
//!
//! ```
//! use std::time::Duration;
//! use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
//! use wasmtime::component::{Linker, Val};
//! use wasmtime::{Engine, Store};
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
//!     ComposableComponent::new(text, Linker::new(&engine), move || Store::new(&engine, ()))
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

#![forbid(unsafe_code)]

#[cfg(all(feature = "compile", feature = "component-model-async"))]
mod companion;
mod compose;
mod error;
mod export;
#[cfg(feature = "fuse")]
mod fuse;
mod host;
pub mod layer;
mod link;
mod pending;
mod plan;
mod run;
mod snapshot;
mod sync;
mod typed;
mod types;
mod value;
#[cfg(feature = "wasi")]
mod wasi;
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
#[cfg(feature = "wasi")]
pub use error::WasiError;
pub use error::{
    ArgumentError, Cause, CompositionError, Deadlock, FuseError, GraceOver, HandleError,
    HostInterfaceError, HostPanic, ImportRule, LookupError, PlanError, PlanProblem, RunLimit,
    StartError, StopReason, StreamLost, TypeDifference, TypedError, TypedProblem, WaitStep,
};
pub use export::{ExportFunc, TypedFunc};
#[cfg(all(feature = "codec", feature = "component-model-async"))]
pub use export::{ValFuture, ValStream};
pub use host::{HostBorrow, HostFunc, HostInterface, HostOwn, HostParams, HostReturn};
pub use plan::containment::Containment;
pub use plan::explain::Explanation;
pub use plan::{Export, ExportFunction, Plan, PlanEdge};
pub use run::{
    Change, ComponentSnapshot, EpochTicker, Event, Events, InstanceSnapshot, InstanceState,
    RestartPolicy,
};
pub use snapshot::Snapshot;
pub use typed::{
    ComponentFuture, ComponentStream, ComponentType, ComponentValue, FromComponentValue,
    IntoComponentValue, OwnedResource, Params, ToComponentValue,
};
pub use types::{FunctionType, Resource, ValueType};
#[cfg(feature = "wasi")]
pub use wasi::{Access, Captured, Input, Output, Wasi, WasiState};
#[cfg(feature = "macros")]
pub use wasm_runtime_composer_macros::ComponentValue;

/// What an [`Explanation`] is made of.
pub mod explain {
    pub use crate::plan::explain::{Candidate, Outcome, Reason, Verdict};
}

/// The README's programs compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The programs in the chapters of the book compile and run.
#[cfg(all(doctest, feature = "macros", feature = "component-model-async", feature = "codec"))]
mod book {
    #[doc = include_str!("../../docs/src/getting-started.md")]
    struct GettingStarted;

    #[doc = include_str!("../../docs/src/concepts/composition.md")]
    struct Composition;

    #[doc = include_str!("../../docs/src/concepts/stores.md")]
    struct Stores;

    #[cfg(feature = "fuse")]
    #[doc = include_str!("../../docs/src/concepts/placement.md")]
    struct Placement;

    #[doc = include_str!("../../docs/src/concepts/resources.md")]
    struct Resources;

    #[doc = include_str!("../../docs/src/concepts/streams.md")]
    struct Streams;

    #[doc = include_str!("../../docs/src/concepts/host.md")]
    struct Host;

    #[doc = include_str!("../../docs/src/concepts/layers.md")]
    struct Layers;

    #[cfg(feature = "wasi")]
    #[doc = include_str!("../../docs/src/concepts/wasi.md")]
    struct Wasi;

    #[doc = include_str!("../../docs/src/recipes/plugins.md")]
    struct Plugins;

    #[doc = include_str!("../../docs/src/recipes/uploads.md")]
    struct Uploads;

    #[doc = include_str!("../../docs/src/recipes/hot-swap.md")]
    struct HotSwap;

    #[doc = include_str!("../../docs/src/recipes/limits.md")]
    struct Limits;

    #[doc = include_str!("../../docs/src/recipes/testing.md")]
    struct Testing;

    #[doc = include_str!("../../docs/src/recipes/insight.md")]
    struct Insight;

    #[doc = include_str!("../../docs/src/errors.md")]
    struct Errors;
}
