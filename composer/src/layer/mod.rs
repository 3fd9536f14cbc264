//! Layers: code of yours between a component and its callers.
//!
//! A layer sees each [`Call`] on its way to the component that provides the function: its consumer
//! and provider, its arguments and, when it returns, its result. It can let the call pass, change
//! it, answer it, repeat it, or refuse it. Layers can be placed
//!
//! - around a component, for every call of what it exports:
//!   [`ComposableDescriptor::with_layer`](crate::ComposableDescriptor::with_layer),
//! - on one import of a component: [`ComposableDescriptor::with_import_layer`](crate::ComposableDescriptor::with_import_layer),
//! - around everything: [`Composer::with_layer`](crate::Composer::with_layer), for every call that goes to a
//!   component of the composition, from another one or from Rust.
//!
//! A call passes the layers of its import first, then those of the composition, then those of the
//! component that it goes to. Among several at one place, the one that was added first comes first.
//! Functions without layers are called at no extra cost.
//!
//! A layer is a [`tower_layer::Layer`] that makes a [`tower_service::Service`] of [`Call`]s from
//! [`Next`], so the layers of the crate `tower` can be used as they are: timeouts, limits, load
//! shedding. [`from_fn`] makes a layer from a function. Each `with_layer` makes one service, of which
//! every call gets a clone, so a limit is shared by all calls that pass the layer.
//!
//! The work of a layer is part of the call: it runs on the caller's task, it is dropped when the
//! caller drops the call, and a deadline that a caller in Rust has set includes it. The deadline in a
//! component's descriptor is for the component alone. While layers work on a call of a sync import,
//! the call holds the importing component's store. Calls can overtake others that wait in a layer.
//!
//! # Examples
//!
//! ```
//! # use wasm_runtime_composer::{
//! #     ComposableDescriptor, Composer, CompositionError, HostInterface,
//! # };
//! use wasm_runtime_composer::layer::{Call, Next, from_fn};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), CompositionError> {
//! # let store = HostInterface::root().func_wrap("get", |key: String| key.len() as u32);
//! let shout = from_fn(|mut call: Call, next: Next| async move {
//!     let (key,) = call.args::<(String,)>()?;
//!     if key.is_empty() {
//!         return call.answer(0u32);
//!     }
//!     call.set_args((key.to_uppercase(),))?;
//!     let returned = next.call(call).await?;
//!     println!("{key}: {} bytes", returned.result::<u32>()?);
//!     Ok(returned)
//! });
//!
//! let mut composer = Composer::new();
//! composer.add(ComposableDescriptor::new("store", store).with_layer(shout));
//! let composition = composer.compose().await?;
//! let get = composition.typed::<(&str,), u32>(None, "get")?;
//! assert_eq!(get.call(("abc",)).await?, 3);
//! # Ok(())
//! # }
//! ```

mod call;
mod counts;
mod deny;
mod intercept;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(feature = "record")]
mod record;
mod retry;
mod route;
mod service;
#[cfg(feature = "tracing")]
mod trace;

pub use crate::run::CallContext;
pub use call::{Call, Returned};
pub use counts::{CountLayer, EdgeCounts};
pub use deny::DenyLayer;
#[doc(hidden)]
pub use intercept::Intercept;
pub use intercept::Intercepted;
#[cfg(feature = "metrics")]
pub use metrics::MetricsLayer;
#[cfg(feature = "record")]
pub use record::{RecordLayer, RecordedCall, Recording, ReplayLayer};
pub use retry::RetryLayer;
pub use service::{BoxError, CallLayer, FromFn, FromFnLayer, LayerFuture, Next, from_fn};
#[cfg(feature = "tracing")]
pub use trace::TraceLayer;

pub(crate) use route::{LayerMap, NumberedLayer, Route};
pub(crate) use service::ErasedLayer;
