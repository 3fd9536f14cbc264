//! Where components are compiled while they are composed: how many threads that takes, and what becomes of
//! it when nobody waits any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::available_parallelism;

use composer_tests::{engine, limited, with_linker};
use futures_util::future::poll_immediate;
use tokio::runtime::Builder;
use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
use wasmtime::Store;
use wasmtime::component::{Component, Linker};

/// A composer of `parts`.
fn composer(parts: &[ComposableComponent<()>]) -> Composer {
    let mut composer = Composer::new();
    for (index, part) in parts.iter().enumerate() {
        composer.add(ComposableDescriptor::new(format!("part{index}"), part.clone()));
    }
    composer
}

fn processors() -> usize {
    available_parallelism().unwrap().get()
}

/// How many threads it takes to compose, beside the one that this is called on.
fn threads(given: &[ComposableComponent<()>]) -> usize {
    let started = Arc::new(AtomicUsize::new(0));
    let count = started.clone();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_start(move || _ = count.fetch_add(1, Ordering::Relaxed))
        .build()
        .unwrap();
    runtime.block_on(limited(composer(given).compose())).unwrap();
    started.load(Ordering::Relaxed)
}

#[test]
fn compiling_takes_no_more_threads_than_run_at_once_and_what_is_compiled_takes_one() {
    let linker = || Linker::new(engine());
    let given: Vec<_> = (0..10 * processors())
        .map(|_| ComposableComponent::new("(component)", linker(), || Store::new(engine(), ())))
        .collect();
    let took = threads(&given);
    assert!((1..=processors()).contains(&took), "{took}");
    // Planning takes one always.
    assert_eq!(threads(&given), 1);

    // What is compiled and was never looked at is looked at by as many.
    let compiled = Component::new(engine(), "(component)").unwrap();
    let given: Vec<_> = std::iter::repeat_with(|| with_linker(compiled.clone(), linker()))
        .take(10 * processors())
        .collect();
    let took = threads(&given);
    assert!((1..=processors()).contains(&took), "{took}");
}

/// Files that are read until somebody has written to them show how far it got.
#[cfg(unix)]
#[test]
fn what_nobody_waits_for_is_not_compiled() {
    use std::fs::{self, File};
    use std::path::PathBuf;
    use std::process::Command;
    use std::sync::mpsc;
    use std::time::Duration;

    let folder = std::env::temp_dir().join(format!("composer-compiling-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let pipes: Vec<PathBuf> = (0..processors()).map(|it| folder.join(it.to_string())).collect();
    assert!(Command::new("mkfifo").args(&pipes).status().unwrap().success());
    let last = folder.join("last.wat");
    let part = |path: &PathBuf| {
        let linker = Linker::<()>::new(engine());
        ComposableComponent::new(path.clone(), linker, || Store::new(engine(), ()))
    };
    let parts: Vec<_> = pipes.iter().chain([&last]).map(part).collect();

    // Not on this thread, which sees to the time.
    let (done, ended) = mpsc::channel();
    let (before, rest) = (composer(&parts), composer(&parts[pipes.len()..]));
    std::thread::spawn({
        let last = last.clone();
        move || {
            let runtime = || Builder::new_current_thread().enable_all().build().unwrap();
            let first = runtime();
            let mut composing = Box::pin(before.compose());
            assert!(first.block_on(poll_immediate(&mut composing)).is_none());
            // Each thread has a file that it cannot end reading, and then nobody waits.
            let open = |pipe| File::options().write(true).open(pipe).unwrap();
            let files: Vec<_> = pipes.iter().map(open).collect();
            drop(composing);
            drop(files);
            // It waits for its threads.
            drop(first);
            // What had been looked for before would be missing from now on.
            fs::write(last, "(component)").unwrap();
            done.send(runtime().block_on(rest.compose()).map(drop)).unwrap();
        }
    });
    ended.recv_timeout(Duration::from_secs(60)).expect("this hangs").unwrap();
    fs::remove_dir_all(&folder).unwrap();
}
