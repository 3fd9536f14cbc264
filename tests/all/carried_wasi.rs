//! What components pass to each other of their hosts' WASI: Contract 8.1 and 8.2.

use std::time::Duration;

use composer_tests::{engine, guest, limited, run, until};
use wasm_runtime_composer::error::PlanProblem;
use wasm_runtime_composer::wasi::Access;
use wasm_runtime_composer::{
    Composable, ComposableComponent, ComposableDescriptor, Composer, Composition, CompositionError,
    Wasi,
};

use crate::wasi::Folder;

const USER: Option<&str> = Some("composer:test/bytes-user");
const FILE_TEXT: Option<&str> = Some("composer:test/file-text");

fn wasi() -> Wasi {
    Wasi::new(engine())
}

fn with_folder(folder: &Folder, access: Access) -> Wasi {
    wasi().preopen_dir(folder, "/", access).unwrap()
}

/// `adapter` has the folder, and `user` has nothing.
async fn adapter_and_user(folder: &Folder, access: Access) -> Composition {
    let adapter = with_folder(folder, access).component(guest("stream-adapter"));
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("adapter", adapter));
    composer.add(ComposableDescriptor::new("user", wasi().component(guest("stream-user"))));
    limited(composer.compose()).await.unwrap()
}

async fn close(composition: Composition) {
    until(|| composition.live_handles() == 0).await;
    limited(composition.close(Duration::from_secs(10))).await.unwrap();
}

#[test]
fn streams_of_the_host_are_read_and_written_in_another_store() {
    run(async || {
        let folder = Folder::new("moved-streams").with("in.txt", "read elsewhere");
        let composition = adapter_and_user(&folder, Access::ReadWrite).await;
        let plan = composition.plan().to_string();
        let edge = "imports composer:test/bytes from adapter, carrying input-stream, output-stream";
        assert!(plan.contains(edge), "{plan}");

        let read = composition.typed::<(&str,), Vec<u8>>(USER, "read-all").unwrap();
        assert_eq!(limited(read.call(("in.txt",))).await.unwrap(), b"read elsewhere");
        // What is derived from it belongs to the new store.
        let poll = composition.typed::<(&str,), bool>(USER, "poll-it").unwrap();
        assert!(limited(poll.call(("in.txt",))).await.unwrap());

        let bytes: Vec<u8> = (0..300_000_u32).map(|it| (it % 251) as u8).collect();
        let write = composition.typed::<(&str, &[u8]), ()>(USER, "write-all").unwrap();
        limited(write.call(("out.bin", &bytes[..]))).await.unwrap();
        assert!(std::fs::read(folder.as_ref().join("out.bin")).unwrap() == bytes);
        close(composition).await;
    });
}

#[test]
fn directory_that_is_read_only_stays_that_wherever_it_goes() {
    run(async || {
        let folder = Folder::new("moved-rights").with("in.txt", "text");
        let composition = adapter_and_user(&folder, Access::ReadOnly).await;
        let write = composition.typed::<(&str, &[u8]), ()>(USER, "write-all").unwrap();
        limited(write.call(("out.bin", b"no"))).await.unwrap_err();
        assert!(!folder.as_ref().join("out.bin").exists());
    });
}

/// A file system that shows the folder `inside` of the host's, in front of a reader.
fn jail(folder: &Folder, reader: impl Composable) -> Composer {
    let jail = with_folder(folder, Access::ReadOnly).component(guest("chroot-files"));
    let mut composer = Composer::new();
    composer.add(ComposableDescriptor::new("jail", jail));
    composer.add(ComposableDescriptor::new("reader", reader));
    composer
}

#[test]
fn file_system_of_a_component_hands_out_the_hosts_directories() {
    run(async || {
        let folder = Folder::new("jail").with("secret.txt", "secret");
        std::fs::create_dir(folder.as_ref().join("inside")).unwrap();
        std::fs::write(folder.as_ref().join("inside/a.txt"), "shown").unwrap();
        let composer = jail(&folder, wasi().component(guest("file-reader")));
        let composition = limited(composer.compose()).await.unwrap();
        let read = composition.typed::<(&str,), Result<String, String>>(FILE_TEXT, "read").unwrap();
        let shown = limited(read.call(("a.txt",))).await.unwrap();
        assert_eq!(shown.as_deref(), Ok("shown"));
        for outside in ["../secret.txt", "/secret.txt", "secret.txt"] {
            limited(read.call((outside,))).await.unwrap().unwrap_err();
        }
        close(composition).await;
    });
}

#[test]
fn what_only_one_side_carries_is_told_by_name() {
    let folder = Folder::new("jail-refused");
    let Err(CompositionError::Plan(error)) =
        jail(&folder, ComposableComponent::with_engine(engine(), guest("file-reader"))).plan()
    else {
        panic!("it fits")
    };
    let refused = error.problems().iter().find(|it| matches!(it, PlanProblem::HostResource { .. }));
    let text = refused.unwrap().to_string();
    assert!(text.contains("passes handles of resource `descriptor`"), "{text}");
    assert!(text.contains("`reader` does not carry it"), "{text}");
}
