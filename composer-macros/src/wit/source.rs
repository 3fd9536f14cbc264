//! Reads WIT: folders with `deps`, files, components, text in place.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use syn::LitStr;
use wit_parser::decoding::{self, DecodedWasm};
use wit_parser::{PackageId, PackageName, Remap, Resolve, UnresolvedPackageGroup, WorldId};

use super::Options;
use crate::names;
use crate::report::also;

/// The WIT of one macro.
pub(crate) struct Source {
    pub(crate) resolve: Resolve,
    /// The packages that were named, without those they depend on.
    pub(crate) packages: Vec<PackageId>,
    /// The worlds of components that were named.
    pub(crate) worlds: Vec<WorldId>,
    /// What was read, whose changes rebuild the crate.
    pub(crate) files: Vec<PathBuf>,
}

impl Source {
    pub(crate) fn read(options: &Options) -> syn::Result<Self> {
        let mut source =
            Self { resolve: empty(), packages: Vec::new(), worlds: Vec::new(), files: Vec::new() };
        let by_default = [LitStr::new("wit", options.place())];
        let mut paths = options.paths.as_slice();
        if paths.is_empty() && options.inline.is_none() {
            if !in_crate("wit").exists() {
                return Err(syn::Error::new(
                    options.place(),
                    "there is no WIT: give the `path` of a folder, a file or a component, or WIT as `inline`; without \
                     them it is the folder `wit` beside the crate's Cargo.toml, and there is none",
                ));
            }
            paths = &by_default;
        }
        let mut errors = None;
        for path in paths {
            if let Err(error) = source.read_path(path) {
                also(&mut errors, error);
            }
        }
        if let Some(Err(error)) = options.inline.as_ref().map(|text| source.read_text(text)) {
            also(&mut errors, error);
        }
        match errors {
            Some(errors) => Err(errors),
            None => Ok(source),
        }
    }

    fn read_path(&mut self, literal: &LitStr) -> syn::Result<()> {
        let path = in_crate(&literal.value());
        // For messages; a path that does not exist is told as it was put together.
        let path = path.canonicalize().unwrap_or(path);
        let cannot_read = |error: std::io::Error| {
            let path = path.display();
            error_at(
                literal,
                format!(
                    "cannot read `{path}`: {error}; a path is relative to the crate's Cargo.toml, and a world is an option: \
                     `{{ world: \"app\" }}`"
                ),
            )
        };
        let metadata = path.metadata().map_err(cannot_read)?;
        if metadata.is_file() {
            let bytes = std::fs::read(&path).map_err(cannot_read)?;
            if bytes.starts_with(b"\0asm") {
                return self.read_wasm(literal, &path, &bytes);
            }
        }
        let mut resolve = empty();
        let (package, sources) = match resolve.push_path(&path) {
            Ok(pushed) => pushed,
            Err(error) => {
                let text = resolve.render_error(&error);
                return self
                    .read_with_others(literal, &path)
                    .unwrap_or_else(|| Err(error_at(literal, text)));
            }
        };
        let merged = self.merge(literal, &path, resolve)?;
        self.packages.push(merged.packages[package.index()]);
        self.files.extend(sources.paths().map(Path::to_owned));
        Ok(())
    }

    /// Adds what was read by itself. A package may be in several sources, where it is the same.
    fn merge(&mut self, literal: &LitStr, path: &Path, resolve: Resolve) -> syn::Result<Remap> {
        self.resolve.merge(resolve).map_err(|error| {
            let path = path.display();
            let text = format!("`{path}` does not go together with what is before it: {error:#}");
            error_at(literal, text)
        })
    }

    /// Reads a folder without `deps`, or a file, which needs packages that were read before. `None` if it cannot be read
    /// so either.
    fn read_with_others(&mut self, literal: &LitStr, path: &Path) -> Option<syn::Result<()>> {
        let (group, files) = if path.is_dir() {
            // What it needs is there, so the mistake is another one.
            if path.join("deps").exists() {
                return None;
            }
            let entries = std::fs::read_dir(path).ok()?.flatten().map(|entry| entry.path());
            let files = entries.filter(|it| it.extension().is_some_and(|it| it == "wit")).collect();
            (UnresolvedPackageGroup::parse_dir(path).ok()?, files)
        } else {
            let text = std::fs::read_to_string(path).ok()?;
            (UnresolvedPackageGroup::parse(path, &text).ok()?, vec![path.to_owned()])
        };
        if self.packages.is_empty() && self.worlds.is_empty() {
            return None;
        }
        Some(self.push(literal, group).map(|()| self.files.extend(files)))
    }

    /// Adds packages that may use those that were read before.
    fn push(&mut self, literal: &LitStr, group: UnresolvedPackageGroup) -> syn::Result<()> {
        // To add one again is a panic of the parser.
        for package in [&group.main].into_iter().chain(&group.nested).map(|it| &it.name) {
            if self.resolve.package_names.contains_key(package) {
                let text = format!("package `{package}` was read before, from another source");
                return Err(error_at(literal, text));
            }
        }
        match self.resolve.push_group(group) {
            Ok(package) => {
                self.packages.push(package);
                Ok(())
            }
            Err(error) => Err(error_at(literal, self.resolve.render_error(&error.into()))),
        }
    }

    fn read_wasm(&mut self, literal: &LitStr, path: &Path, bytes: &[u8]) -> syn::Result<()> {
        let shown = path.display();
        let decoded = decoding::decode(bytes).map_err(|error| {
            error_at(
                literal,
                format!("`{shown}` is neither a component nor WIT in binary form: {error:#}"),
            )
        })?;
        let (resolve, world, package) = match decoded {
            DecodedWasm::WitPackage(resolve, package) => (resolve, None, Some(package)),
            DecodedWasm::Component(mut resolve, world) => {
                name_after(path, &mut resolve, world);
                (resolve, Some(world), None)
            }
        };
        let merged = self.merge(literal, path, resolve)?;
        self.packages.extend(package.map(|it| merged.packages[it.index()]));
        if let Some(world) = world {
            self.worlds.extend(merged.worlds.get(world.index()).copied().flatten());
        }
        self.files.push(path.to_owned());
        Ok(())
    }

    fn read_text(&mut self, text: &LitStr) -> syn::Result<()> {
        match UnresolvedPackageGroup::parse("inline", &text.value()) {
            Ok(group) => self.push(text, group),
            Err((sources, error)) => Err(error_at(text, error.render(&sources))),
        }
    }
}

fn empty() -> Resolve {
    Resolve { all_features: true, ..Resolve::default() }
}

/// A component's world is in a package that has the same name in all: it gets that of its file.
fn name_after(path: &Path, resolve: &mut Resolve, world: WorldId) {
    let Some(package) = resolve.worlds[world].package else { return };
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let words = stem.split(|c: char| !c.is_ascii_alphanumeric()).filter(|it| !it.is_empty());
    let name = words.collect::<Vec<_>>().join("-");
    if !names::is_kebab(&name) {
        return;
    }
    let before = resolve.packages[package].name.clone();
    let after = PackageName { name, ..before.clone() };
    resolve.package_names.shift_remove(&before);
    resolve.package_names.insert(after.clone(), package);
    resolve.packages[package].name = after;
}

/// A path relative to the crate's manifest.
fn in_crate(path: &str) -> PathBuf {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    root.join(path)
}

fn error_at(literal: &LitStr, text: impl Display) -> syn::Error {
    syn::Error::new(literal.span(), text)
}
