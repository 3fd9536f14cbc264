//! The border of a store: what values, handles, streams and futures become where they go in and come out.
//!
//! | in a guest's hand | outside of every store | back in a store |
//! |---|---|---|
//! | an own handle of its own resource | an `Own`, which names its home | the resource itself at home, a proxy elsewhere |
//! | a borrow | a `Lent`, which ends with the call | a borrow of the same |
//! | a resource that the host defines | a value without a store, taken out by a `Carrier` | a new entry of that store's table |
//! | the readable end of a stream or future | a `StreamEnd`, which elements go through | a new end, whose writer is the host |
//!
//! [`Crossing`] does this for one value at a time, with the store at hand. What has to be known of the component stands in
//! `side`, which lives as long as anything that came out of the store: a future that was taken keeps its side, and the side
//! keeps the futures that have yet to be written. So these files need each other.

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
#[cfg_attr(
    not(all(feature = "codec", feature = "component-model-async")),
    path = "streams_disabled.rs"
)]
mod streams;

pub(crate) use carrier::{CarrierSet, Carriers, OverdueLoans};
pub(crate) use crossing::{Crossing, Loans};
#[cfg(feature = "http")]
pub(crate) use in_use::StoreInUse;
pub(crate) use side::Border;
