//! Composes WebAssembly components while the program runs.
//!
//! See [`Composer`].

#![forbid(unsafe_code)]

mod composable;
mod composer;
mod composition;
mod driver;
mod error;
mod export;
mod link;
mod plan;
mod shutdown;
mod transfer;
mod value;

pub use composable::{
    ComponentSource, Composable, ComposableComponent, ComposableDescriptor, ComposableInstance,
    ExportFilter, Filtered,
};
pub use composer::Composer;
pub use composition::Composition;
pub use error::{
    ArgumentError, Cause, CompositionError, HandleError, HostPanic, LookupError, PlanError,
    PlanProblem, StartError, StopReason,
};
pub use export::ExportFunc;
pub use plan::types::{FunctionType, Resource, ValueType};
pub use plan::{Export, ExportFunction, Plan, PlanEdge};
