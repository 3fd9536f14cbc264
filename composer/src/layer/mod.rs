//! Layers: code of yours between a component and its callers.
//!
//! A layer sees each [`Call`] on its way to the component that provides the function: who makes it, to whom it
//! goes, its arguments and, when it comes back, its result. It can let the call pass, change it, answer it, make
//! it again, or refuse it. Layers stand
//!
//! - around a component, for every call of what it exports:
//!   [`ComposableDescriptor::with_layer`](crate::ComposableDescriptor::with_layer),
//! - on one import of a component: [`ComposableDescriptor::with_import_layer`](crate::ComposableDescriptor::with_import_layer),
//! - around everything: [`Composer::with_layer`](crate::Composer::with_layer), for every call that goes to a
//!   component of the composition, from another one or from Rust.
//!
//! A call meets those of its import first, then those of the composition, then those of the component that it goes
//! to; of several at one place, the one that was added first. What no layer is on costs nothing.
//!
//! A layer is a [`tower_layer::Layer`] that makes a [`tower_service::Service`] of [`Call`]s out of [`Next`], so those
//! of the crate `tower` can be used as they are: timeouts, limits, load shedding. [`from_fn`] makes one of a function.
//! Each `with_layer` makes one service, of which every call gets a clone: a limit is for all calls that it is on.
//!
//! What a layer does is part of the call. It runs on the caller's task, a caller that goes away drops it, and the
//! deadline that a caller in Rust has set is for all of it. The deadline of a component's descriptor is only for the
//! component. A sync import holds its component's store while layers work on its call. Calls of which
//! some wait in a layer and others do not may overtake each other.
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
pub use counts::{CallCounts, Counting, EdgeCounts};
pub use deny::{Deny, Denying};
#[cfg(feature = "metrics")]
pub use metrics::{Measuring, Metrics};
#[cfg(feature = "record")]
pub use record::{RecordedCall, Recorder, Recording, Replay, Replaying, Writing};
pub use retry::{Retry, Retrying};
pub use service::{BoxError, FromFn, FromFnService, LayerFuture, Next, from_fn};
#[cfg(feature = "tracing")]
pub use trace::{Trace, Tracing};

pub(crate) use route::{LayerMap, NumberedLayer, Route};
pub(crate) use service::ErasedLayer;
