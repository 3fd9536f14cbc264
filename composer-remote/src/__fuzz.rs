//! Entry points for the fuzz targets; not part of the public interface.

use wasm_runtime_composer::provider::Value;
use wasm_runtime_composer::types::ValueType;

use crate::codec::{Decoder, Encoder};

/// Decodes a value of type `ty` from `bytes`, using at most about `memory` bytes, and returns it
/// with the number of bytes that were read.
///
/// # Errors
///
/// Why the bytes are not such a value.
pub fn decode(ty: &ValueType, bytes: &[u8], memory: usize) -> Result<(Value, usize), String> {
    let mut decoder = Decoder::new(bytes, memory);
    let value = decoder.plain(ty).map_err(|error| error.to_string())?;
    Ok((value, decoder.used()))
}

/// Encodes a value.
///
/// # Errors
///
/// Why the value cannot be encoded.
pub fn encode(ty: &ValueType, value: Value) -> Result<Vec<u8>, String> {
    let mut encoder = Encoder::new(usize::MAX);
    encoder.value(0, ty, value).map_err(|error| error.to_string())?;
    Ok(encoder.finish().0)
}

/// Reads a wRPC connection to its end: the names, arguments of these types, and the streams among
/// them.
#[cfg(feature = "wrpc")]
pub async fn connection(bytes: &[u8], types: &[ValueType], limit: usize) {
    crate::wrpc::read_all(bytes, types, limit).await;
}
