//! The border of a store: what values, handles, streams and futures become where they go in and come out.

mod carrier;
mod crossing;
mod endings;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod future;
#[cfg(feature = "http")]
mod in_use;
mod side;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod stream;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod streams;
#[cfg(not(all(feature = "codec", feature = "component-model-async")))]
#[path = "streams_disabled.rs"]
mod streams;

pub(crate) use carrier::{CarrierSet, Carriers, OverdueLoans};
pub(crate) use crossing::{Crossing, Loans};
#[cfg(feature = "http")]
pub(crate) use in_use::StoreInUse;
pub(crate) use side::Border;
