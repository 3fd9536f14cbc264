//! One application in three processes: a front, whose component adds by calling a remote one, and two
//! workers, which serve the same component over wRPC. One command starts all three. In the middle of some
//! thousand calls a worker is killed: calls that were on their way to it are lost, and known to be; all
//! others are answered, by the worker that is left.
//!
//! Run with `cargo run --example distributed`.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
use wasm_runtime_composer_remote::{
    RemoteComponent, RemoteError, RemoteExports, Serve, Wrpc, WrpcServer,
};
use wasmtime::Engine;

/// What a worker is started with.
const WORKER: &str = "worker";
/// What a worker says before its address.
const READY: &str = "serving at ";

const CALLS: i32 = 5_000;
const CALLERS: i32 = 50;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1).as_deref() {
        Some(WORKER) => worker().await,
        _ => front().await,
    }
}

fn file(guest: &str) -> std::path::PathBuf {
    let guests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/components");
    guests.join(guest).with_extension("wasm")
}

fn component(guest: &str) -> ComposableComponent<()> {
    let engine = Engine::default();
    ComposableComponent::with_engine(&engine, file(guest))
}

/// Serves the component that adds, until its standard input ends: with the front.
async fn worker() -> Result<(), Box<dyn Error>> {
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("producer", component("producer")));
    let serving = composer.compose().await?.serve(WrpcServer::tcp("127.0.0.1:0")).await?;
    println!("{READY}{}", serving.addresses()[0]);
    tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop)).await?;
    serving.close(Duration::from_secs(5)).await;
    Ok(())
}

/// A worker's process, and where it serves.
struct Worker {
    process: Child,
    address: String,
}

impl Worker {
    fn start() -> Result<Self, Box<dyn Error>> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg(WORKER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().ok_or("the worker says nothing")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim_end().strip_prefix(READY).ok_or("the worker does not serve")?;
        let address = address.to_owned();
        Ok(Self { process, address })
    }
}

async fn front() -> Result<(), Box<dyn Error>> {
    let (mut first, mut second) = (Worker::start()?, Worker::start()?);
    println!("workers at {} and {}", first.address, second.address);

    // The consumer is here, and what it imports is there.
    let exports = RemoteExports::from_component_path(file("producer"))?;
    let wrpc = Wrpc::tcp(&first.address).or_tcp(&second.address);
    let producer = RemoteComponent::new(exports, wrpc).with_deadline(Duration::from_secs(5));
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("producer", producer));
    composer.add(ComposableDescriptor::new("consumer", component("consumer")));
    let composition = composer.compose().await?;
    let values = composition.typed::<(), String>(Some("composer:test/iconsumer"), "run-values")?;
    println!("the consumer says: {}", values.call(()).await?);

    let add = composition.typed::<(i32, i32), i32>(None, "add")?;
    let done = std::sync::Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        let (add, done) = (add.clone(), done.clone());
        callers.spawn(async move {
            let mut lost = 0;
            for n in (caller..CALLS).step_by(CALLERS as usize) {
                match add.call((n, 1)).await {
                    Ok(sum) => assert_eq!(sum, n + 1),
                    Err(error) => match RemoteError::of(&error) {
                        // It was on its way to the worker that was killed.
                        Some(RemoteError::ConnectionLost { .. }) => lost += 1,
                        _ => return Err(error),
                    },
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok(lost)
        });
    }
    while done.load(Ordering::Relaxed) < CALLS as usize / 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    first.process.kill()?;
    first.process.wait()?;
    println!("a worker was killed after {} calls", done.load(Ordering::Relaxed));

    let mut lost = 0;
    while let Some(caller) = callers.join_next().await {
        lost += caller??;
    }
    println!("{} of {CALLS} calls were answered, {lost} were on their way", CALLS - lost);
    assert!(lost <= CALLERS, "no caller loses more than the one call that it was making");

    composition.close(Duration::from_secs(1)).await?;
    // The end of its input ends the worker that is left.
    drop(second.process.stdin.take());
    second.process.wait()?;
    Ok(())
}
