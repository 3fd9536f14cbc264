//! A file system with one file, in memory.

wit_bindgen::generate!({ path: "../wit", world: "virtual-files", generate_all });

use exports::wasi::filesystem::preopens;
use exports::wasi::filesystem::types::{
    self, Descriptor, DescriptorFlags, ErrorCode, Filesize, GuestDescriptor, OpenFlags, PathFlags,
};

const TEXT: &[u8] = b"from memory";

struct Files;
export!(Files);

enum Node {
    Directory,
    File,
}

impl types::Guest for Files {
    type Descriptor = Node;
}

impl preopens::Guest for Files {
    fn get_directories() -> Vec<(Descriptor, String)> {
        vec![(Descriptor::new(Node::Directory), "/".to_owned())]
    }
}

impl GuestDescriptor for Node {
    fn read(&self, length: Filesize, offset: Filesize) -> Result<(Vec<u8>, bool), ErrorCode> {
        let Self::File = self else { return Err(ErrorCode::IsDirectory) };
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(TEXT.len());
        let bytes = &TEXT[place(offset)..place(offset.saturating_add(length))];
        Ok((bytes.to_vec(), offset.saturating_add(length) >= TEXT.len() as u64))
    }

    fn open_at(
        &self,
        _: PathFlags,
        path: String,
        open: OpenFlags,
        flags: DescriptorFlags,
    ) -> Result<Descriptor, ErrorCode> {
        match self {
            Self::File => Err(ErrorCode::NotDirectory),
            Self::Directory if open.contains(OpenFlags::CREATE) => Err(ErrorCode::ReadOnly),
            Self::Directory if flags.contains(DescriptorFlags::WRITE) => Err(ErrorCode::ReadOnly),
            Self::Directory if path == "motd" => Ok(Descriptor::new(Self::File)),
            Self::Directory => Err(ErrorCode::NoEntry),
        }
    }
}
