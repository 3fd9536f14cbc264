//! Moves the letters of a stream on, after another component has shouted it.

wit_bindgen::generate!({ path: "../wit", world: "cipherer" });

use composer::test::shout;
use exports::composer::test::cipher::Guest;
use wit_bindgen::{StreamReader, StreamResult, spawn_local as spawn};

struct Cipherer;
export!(Cipherer);

impl Guest for Cipherer {
    async fn apply(input: StreamReader<u8>) -> StreamReader<u8> {
        filter(shout::apply(input).await, rotate)
    }
}

fn rotate(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => (byte - b'a' + 13) % 26 + b'a',
        b'A'..=b'Z' => (byte - b'A' + 13) % 26 + b'A',
        _ => byte,
    }
}

/// Writes to the stream that is returned what `change` makes of the input.
fn filter(mut input: StreamReader<u8>, change: fn(u8) -> u8) -> StreamReader<u8> {
    let (mut writer, reader) = wit_stream::new();
    spawn(async move {
        let mut buffer = Vec::with_capacity(64 * 1024);
        loop {
            let (result, mut bytes) = input.read(buffer).await;
            bytes.iter_mut().for_each(|byte| *byte = change(*byte));
            let left = writer.write_all(bytes).await;
            if !left.is_empty() || !matches!(result, StreamResult::Complete(_)) {
                break;
            }
            buffer = left;
            buffer.reserve(64 * 1024);
        }
    });
    reader
}
