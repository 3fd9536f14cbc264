//! What bytes are instead of a component, where that is easily told.

/// How every WebAssembly binary begins.
const WASM: &[u8] = b"\0asm";
/// How the binary of a core module begins.
const CORE_MODULE: &[u8] = b"\0asm\x01\0\0\0";
/// The version of a component's binary.
const COMPONENT: &[u8] = b"\x0d\0\x01\0";

/// What bytes are instead of a component, where that is easily told.
pub(super) fn mistake(bytes: &[u8]) -> Option<String> {
    let found = |what: &str| Some(format!("expected a WebAssembly component, found {what}"));
    if bytes.starts_with(CORE_MODULE) {
        return found(&core_module(bytes));
    }
    if bytes.starts_with(WASM) {
        return match bytes.get(WASM.len()..CORE_MODULE.len()) {
            None => found("the first bytes of a WebAssembly binary; the file is cut off"),
            Some(COMPONENT) => None,
            Some(version) => found(&format!(
                "a WebAssembly binary of another version (`{version:02x?}`); build it with current tools"
            )),
        };
    }
    let binaries: [(&[u8], &str); 12] = [
        (
            b"\x7fELF",
            "an ELF file: a native program or library, or a component that is compiled already",
        ),
        (b"MZ", "a Windows program or library"),
        (b"\xcf\xfa\xed\xfe", "a macOS program or library"),
        (b"\xca\xfe\xba\xbe", "a macOS program or library"),
        (b"!<arch>\n", "a library archive (`.a`, `.rlib`)"),
        (b"PK\x03\x04", "a zip archive; unpack it"),
        (b"\x1f\x8b", "a gzip file; unpack it"),
        (b"\x28\xb5\x2f\xfd", "a zstd file; unpack it"),
        (b"\x89PNG", "a PNG image"),
        (b"\xff\xd8\xff", "a JPEG image"),
        (b"GIF8", "a GIF image"),
        (b"%PDF", "a PDF document"),
    ];
    if let Some((_, what)) = binaries.iter().find(|(start, _)| bytes.starts_with(start)) {
        return found(what);
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return found("a tar archive; unpack it");
    }
    match str::from_utf8(bytes) {
        Ok(text) => found(&no_component(text)?),
        Err(_) => found("bytes that are neither a WebAssembly binary nor text"),
    }
}

/// What a text is instead of a component in the text format.
fn no_component(text: &str) -> Option<String> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let begins =
        |with: &str| start.get(..with.len()).is_some_and(|it| it.eq_ignore_ascii_case(with));
    let is_path =
        [".wasm", ".wat"].iter().any(|end| text.ends_with(end)) && !text.contains(['(', '\n']);
    let what = if start.is_empty() {
        if text.is_empty() { "nothing: it is empty" } else { "white space alone" }
    } else if is_path {
        return Some(format!(
            "the text `{text}`; a file is given as a path, `Path::new({text:?})`"
        ));
    } else if start.starts_with("(module") {
        "a core module in the text format; `wasm-tools component new` makes a component of one"
    } else if start.starts_with(['(', ';']) {
        return None;
    } else if start.starts_with(['{', '[']) {
        "JSON"
    } else if begins("<!doctype html") || begins("<html") {
        "HTML: an error page of a download, perhaps"
    } else if start.starts_with('<') {
        "XML"
    } else if start.starts_with("version https://git-lfs") {
        "a pointer of Git LFS in its place; fetch the file with `git lfs pull`"
    } else if ["package ", "interface ", "world "].iter().any(|it| start.starts_with(it)) {
        "WIT: it describes interfaces, which a component implements"
    } else if start.starts_with("#!") {
        "a script"
    } else {
        let line: String = start.lines().next().unwrap_or_default().chars().take(40).collect();
        return Some(format!("text that is not in its text format: `{}`", line.trim_end()));
    };
    Some(what.to_owned())
}

/// How a core module becomes a component.
fn core_module(bytes: &[u8]) -> String {
    let imports = |name: &[u8]| bytes.windows(name.len()).any(|it| it == name);
    let how = match imports(b"wasi_snapshot_preview1") {
        true => {
            "it imports `wasi_snapshot_preview1`, so `wasm-tools component new module.wasm --adapt \
             wasi_snapshot_preview1.command.wasm -o component.wasm`, with the adapter of a release of \
             wasmtime (`.reactor.wasm` for a library), makes a component of it; or compile for the target \
             `wasm32-wasip2`"
        }
        false => {
            "`wasm-tools component new module.wasm -o component.wasm` makes a component of one that was \
             built for a WIT world"
        }
    };
    format!("a core module; {how}")
}
