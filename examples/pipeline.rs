//! Streams a file through three components: `tally` imports `cipher`, which imports `shout`. Each has a
//! store of its own, nothing waits for the end of the file, and no more of it is in memory than a
//! few pieces of 64 KiB.
//!
//! Run with `cargo run --release --example pipeline -- FILE`. Without a file, a text of 256 MiB is made up.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::Instant;

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt};
use wasm_runtime_composer::{
    ComponentFuture, ComponentStream, ComponentValue, ComposableComponent, compose,
};
use wasmtime::Engine;

#[derive(ComponentValue)]
struct Count {
    bytes: u64,
    lines: u64,
}

const MIB: u64 = 1 << 20;
const MADE_UP: u64 = 256 * MIB;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = Engine::default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/guests/components");
    let plugin = |name: &str| {
        let file = folder.join(name).with_extension("wasm");
        ComposableComponent::with_engine(&engine, file)
    };
    let composition = compose! {
        component tally = plugin("tallier");
        component cipher = plugin("cipherer");
        component shout = plugin("shouter");

        export interface "composer:test/tally" as tally {
            async fn apply(input: ComponentStream<u8>) -> (ComponentStream<u8>, ComponentFuture<Count>);
        }
    }
    .await?;

    let input: Pin<Box<dyn AsyncRead + Send>> = match std::env::args().nth(1) {
        Some(file) => Box::pin(File::open(file).await?),
        None => Box::pin(io::Cursor::new(TEXT.repeat(4096)).chain(made_up())),
    };
    let start = Instant::now();
    let (mut output, count) =
        composition.tally().apply(ComponentStream::from_reader(input)).await?;

    let mut buffer = vec![0; 64 * 1024];
    let (mut bytes, mut shown) = (0_u64, 0);
    loop {
        let read = output.read(&mut buffer).await?;
        if bytes == 0 {
            println!("{}", String::from_utf8_lossy(&buffer[..read.min(TEXT.len())]).trim_end());
        }
        if read == 0 {
            break;
        }
        bytes += read as u64;
        if bytes / (64 * MIB) > shown {
            shown = bytes / (64 * MIB);
            println!("{:5} MiB, {}", bytes / MIB, resident());
        }
    }
    let Count { bytes: counted, lines } = count.await?;
    assert_eq!(counted, bytes);
    let rate = bytes as f64 / MIB as f64 / start.elapsed().as_secs_f64();
    println!("{bytes} bytes in {lines} lines, {rate:.0} MiB a second");
    Ok(())
}

const TEXT: &str = "The quick brown fox jumps over the lazy dog.\n";

/// The rest of a long text, which is never in memory as a whole.
fn made_up() -> impl AsyncRead {
    let left = MADE_UP - (TEXT.len() as u64) * 4096;
    tokio::io::repeat(b'\n').take(left)
}

/// How much memory the program takes, where the system tells it.
fn resident() -> String {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|it| it.split(' ').nth(1)?.parse::<u64>().ok());
    pages.map_or_else(String::new, |pages| format!("{} MiB in memory", pages * 4096 / MIB))
}
