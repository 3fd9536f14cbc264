//! Gives a directory inside of the host's in place of it; the handle is the host's own.

wit_bindgen::generate!({ path: "../wit", world: "chroot-files", generate_all });

use exports::wasi::filesystem::preopens::{Descriptor, Guest};
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

struct Files;
export!(Files);

impl Guest for Files {
    fn get_directories() -> Vec<(Descriptor, String)> {
        let Some((directory, _)) = get_directories().into_iter().next() else {
            return Vec::new();
        };
        let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
        let inside = directory
            .open_at(PathFlags::empty(), "inside", OpenFlags::DIRECTORY, flags)
            .expect("the directory can be opened");
        vec![(inside, "/".to_owned())]
    }
}
