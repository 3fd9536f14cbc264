//! Reads files of the first directory that it has.

wit_bindgen::generate!({ path: "../wit", world: "file-reader", generate_all });

use exports::composer::test::file_text::Guest;
use wasi::filesystem::preopens::get_directories;
use wasi::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

struct Reader;
export!(Reader);

impl Guest for Reader {
    fn read(path: String) -> Result<String, String> {
        let Some((directory, _)) = get_directories().into_iter().next() else {
            return Err("no directory".to_owned());
        };
        let name = |error| format!("{error:?}");
        let file = directory
            .open_at(PathFlags::empty(), &path, OpenFlags::empty(), DescriptorFlags::READ)
            .map_err(name)?;
        let (bytes, _) = file.read(4096, 0).map_err(name)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
