//! The border of a store: what values, handles, streams and futures become where they go in and come out.

mod crossing;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod endings;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod future;
mod side;
#[cfg(all(feature = "codec", feature = "component-model-async"))]
mod stream;

pub(crate) use crossing::{Crossing, Loans};
pub(crate) use side::Border;
