//! Passes on streams of the host, those of its files.

wit_bindgen::generate!({
    path: "../wit",
    world: "stream-adapter",
    features: ["streams"],
    generate_all,
});

use exports::composer::test::bytes::{Guest, InputStream, OutputStream};
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};

struct Adapter;
export!(Adapter);

impl Guest for Adapter {
    fn open(path: String) -> InputStream {
        let file = file(&path, OpenFlags::empty(), DescriptorFlags::READ);
        file.read_via_stream(0).expect("the file can be read")
    }

    fn sink(path: String) -> OutputStream {
        let file = file(&path, OpenFlags::CREATE | OpenFlags::TRUNCATE, DescriptorFlags::WRITE);
        file.write_via_stream(0).expect("the file can be written")
    }
}

fn file(path: &str, open: OpenFlags, flags: DescriptorFlags) -> Descriptor {
    let (directory, _) = get_directories().into_iter().next().expect("a directory");
    directory.open_at(PathFlags::empty(), path, open, flags).expect("the file can be opened")
}
