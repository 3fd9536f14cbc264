//! Puts a stream of text into upper case.

wit_bindgen::generate!({ path: "../wit", world: "shouter" });

use exports::composer::test::shout::Guest;
use wit_bindgen::{StreamReader, StreamResult, spawn_local as spawn};

struct Shouter;
export!(Shouter);

impl Guest for Shouter {
    async fn apply(input: StreamReader<u8>) -> StreamReader<u8> {
        filter(input, |byte| byte.to_ascii_uppercase())
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
