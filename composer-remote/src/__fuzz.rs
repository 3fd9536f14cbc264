//! What the fuzz targets and benchmarks need; not part of the public interface.

pub use crate::codec::{DecodeError, Decoder, EncodeError, Encoder};
