//! Counts what goes by in a stream, which another component writes.

wit_bindgen::generate!({ path: "../wit", world: "tallier" });

use composer::test::cipher;
use exports::composer::test::tally::{Count, Guest};
use wit_bindgen::{FutureReader, StreamReader, StreamResult, spawn_local as spawn};

struct Tallier;
export!(Tallier);

impl Guest for Tallier {
    async fn apply(input: StreamReader<u8>) -> (StreamReader<u8>, FutureReader<Count>) {
        let mut input = cipher::apply(input).await;
        let (mut writer, reader) = wit_stream::new();
        let (counted, count) = wit_future::new(|| Count { bytes: 0, lines: 0 });
        spawn(async move {
            let mut count = Count { bytes: 0, lines: 0 };
            let mut buffer = Vec::with_capacity(64 * 1024);
            loop {
                let (result, bytes) = input.read(buffer).await;
                count.bytes += bytes.len() as u64;
                count.lines += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
                let left = writer.write_all(bytes).await;
                if !left.is_empty() || !matches!(result, StreamResult::Complete(_)) {
                    break;
                }
                buffer = left;
                buffer.reserve(64 * 1024);
            }
            drop(writer);
            let _ = counted.write(count).await;
        });
        (reader, count)
    }
}
