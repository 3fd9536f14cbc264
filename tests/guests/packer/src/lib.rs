//! Packs bytes with a codec that another component provides.

wit_bindgen::generate!({ path: "../wit", world: "packer", generate_all });

use exports::composer::test::packing::Guest;
use numcodecs::abc::codec::{AnyArray, AnyArrayData, Codec, Error, codec_id};
use wasi::logging::logging::{Level, log};

struct Packer;
export!(Packer);

impl Guest for Packer {
    fn codec() -> String {
        codec_id()
    }

    fn pack(bytes: Vec<u8>) -> Result<Vec<u8>, String> {
        let before = bytes.len();
        let packed = convert(bytes, Codec::encode)?;
        let message = format!("{} packed {before} bytes into {}", codec_id(), packed.len());
        log(Level::Info, "packer", &message);
        Ok(packed)
    }

    fn unpack(packed: Vec<u8>) -> Result<Vec<u8>, String> {
        convert(packed, Codec::decode)
    }
}

/// Makes a codec, uses it, and drops it.
fn convert(
    bytes: Vec<u8>,
    convert: fn(&Codec, &AnyArray) -> Result<AnyArray, Error>,
) -> Result<Vec<u8>, String> {
    let codec = Codec::from_config(r#"{"level":7}"#).map_err(text)?;
    let length = bytes.len().try_into().expect("lengths are of 32 bits here");
    let array = AnyArray { data: AnyArrayData::U8(bytes), shape: vec![length] };
    match convert(&codec, &array).map_err(text)?.data {
        AnyArrayData::U8(bytes) => Ok(bytes),
        other => Err(format!("expected bytes of the codec, found {other:?}")),
    }
}

fn text(error: Error) -> String {
    [error.message].into_iter().chain(error.chain).collect::<Vec<_>>().join(": ")
}
