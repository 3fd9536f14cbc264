//! Stores that run: the task that drives each, who calls it and what goes along with a call, what crosses the border of
//! a store, and how all of it ends.

mod border;
mod caller;
#[cfg_attr(not(feature = "component-model-async"), path = "cancel_disabled.rs")]
mod cancel;
mod context;
mod deadline;
mod dispatcher;
mod driver;
mod endpoint;
mod epoch;
mod events;
mod shutdown;
mod status;
#[cfg_attr(not(feature = "component-model-async"), path = "subtasks_disabled.rs")]
mod subtasks;
mod waits;

#[cfg(feature = "http")]
pub(crate) use border::StoreInUse;
pub(crate) use border::{Border, CarrierSet, Carriers, Crossing, OverdueLoans};
pub(crate) use caller::{Caller, ComponentCaller, InPlaceCaller};
pub(crate) use cancel::Cancel;
pub use context::CallContext;
pub(crate) use deadline::{Deadline, shorter};
pub(crate) use dispatcher::{Dispatcher, Started};
pub(crate) use driver::{
    Bounds, DEFAULT_CAPACITY, Depth, Driver, DriverHandle, ProvidedDriver, Renew, Renewed,
    never_in_place, with_guests,
};
pub use driver::{Lifetime, Provider, ProviderError, ProviderFuture, RestartPolicy};
pub(crate) use endpoint::{Called, Detour, Endpoint};
pub use epoch::EpochTicker;
pub(crate) use events::EventSender;
pub use events::{Change, Event, Events};
pub(crate) use shutdown::{CompositionLife, Replaced, Running, end_all};
pub use status::{ComponentSnapshot, InstanceSnapshot, InstanceState};
pub(crate) use waits::{PendingWait, RunningCalls, WaitGraph};
