//! What the fuzz targets need; not part of the public interface.

use wasm_runtime_composer::ValueType;
use wasm_runtime_composer::provider::Value;

use crate::codec::{Decoder, Encoder};

/// The value of type `ty` that `bytes` are, which may take `memory` bytes, and how many bytes it was.
///
/// # Errors
///
/// Why they are none.
pub fn decode(ty: &ValueType, bytes: &[u8], memory: usize) -> Result<(Value, usize), String> {
    let mut decoder = Decoder::new(bytes, memory);
    let value = decoder.plain(ty).map_err(|error| error.to_string())?;
    Ok((value, decoder.used()))
}

/// The bytes of a value.
///
/// # Errors
///
/// Why there are none.
pub fn encode(ty: &ValueType, value: Value) -> Result<Vec<u8>, String> {
    let mut encoder = Encoder::new(usize::MAX);
    encoder.value(0, ty, value).map_err(|error| error.to_string())?;
    Ok(encoder.finish().0)
}

/// Reads a connection of wRPC to its end: names, arguments of these types, and the streams among them.
#[cfg(feature = "wrpc")]
pub async fn connection(bytes: &[u8], types: &[ValueType], limit: usize) {
    crate::wrpc::read_all(bytes, types, limit).await;
}
