//! Reads and writes streams of the host that it has from another component.

wit_bindgen::generate!({ path: "../wit", world: "stream-user", generate_all });

use composer::test::bytes::{open, sink};
use exports::composer::test::bytes_user::Guest;
use wasi::io::streams::StreamError;

struct User;
export!(User);

impl Guest for User {
    fn read_all(path: String) -> Vec<u8> {
        let stream = open(&path);
        let mut bytes = Vec::new();
        loop {
            match stream.blocking_read(64 * 1024) {
                Ok(read) => bytes.extend(read),
                Err(StreamError::Closed) => return bytes,
                Err(StreamError::LastOperationFailed(error)) => {
                    panic!("{}", error.to_debug_string())
                }
            }
        }
    }

    fn write_all(path: String, bytes: Vec<u8>) {
        let stream = sink(&path);
        for chunk in bytes.chunks(4096) {
            stream.blocking_write_and_flush(chunk).expect("the stream can be written");
        }
    }

    fn poll_it(path: String) -> bool {
        let stream = open(&path);
        let readable = stream.subscribe();
        readable.block();
        readable.ready()
    }
}
