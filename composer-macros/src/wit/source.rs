//! Reads WIT: folders with `deps`, files, components, text in place.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use syn::LitStr;
use wit_parser::decoding::{self, DecodedWasm};
use wit_parser::{PackageId, PackageName, Resolve, UnresolvedPackageGroup, WorldId};

use super::Options;
use crate::names;

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
        let mut source = Self {
            resolve: Resolve { all_features: true, ..Resolve::default() },
            packages: Vec::new(),
            worlds: Vec::new(),
            files: Vec::new(),
        };
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
        let mut errors: Option<syn::Error> = None;
        let mut gather = |result: syn::Result<()>| {
            if let Err(error) = result {
                match &mut errors {
                    Some(errors) => errors.combine(error),
                    None => errors = Some(error),
                }
            }
        };
        for path in paths {
            gather(source.read_path(path));
        }
        if let Some(text) = &options.inline {
            gather(source.read_text(text));
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
        let (resolve, package, files) = match self.parse(&path) {
            Ok(parsed) => parsed,
            Err(text) => return Err(error_at(literal, text)),
        };
        let merged = self.resolve.merge(resolve).map_err(|error| {
            let shown = path.display();
            error_at(
                literal,
                format!("`{shown}` does not go together with what is before it: {error:#}"),
            )
        })?;
        self.packages.push(merged.packages[package.index()]);
        self.files.extend(files);
        Ok(())
    }

    /// Reads a folder or a file by itself, or with what was read before if it needs that. A package may be in several.
    fn parse(&self, path: &Path) -> Result<(Resolve, PackageId, Vec<PathBuf>), String> {
        let read = |mut resolve: Resolve| match resolve.push_path(path) {
            Ok((package, sources)) => {
                let files = sources.paths().map(Path::to_owned).collect();
                Ok((resolve, package, files))
            }
            Err(error) => Err(resolve.render_error(&error)),
        };
        let alone = read(Resolve { all_features: true, ..Resolve::default() });
        if alone.is_ok() || self.packages.is_empty() && self.worlds.is_empty() {
            return alone;
        }
        // Which packages it has is not known before, and to add one again is a panic of the parser.
        let with_others = AssertUnwindSafe(|| read(self.resolve.clone()));
        match catch_unwind(with_others) {
            Ok(Ok(parsed)) => Ok(parsed),
            Ok(Err(_)) | Err(_) => alone,
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
        let merged = self.resolve.merge(resolve).map_err(|error| {
            error_at(
                literal,
                format!("`{shown}` does not go together with what is before it: {error:#}"),
            )
        })?;
        self.packages.extend(package.map(|it| merged.packages[it.index()]));
        if let Some(world) = world {
            self.worlds.extend(merged.worlds.get(world.index()).copied().flatten());
        }
        self.files.push(path.to_owned());
        Ok(())
    }

    fn read_text(&mut self, text: &LitStr) -> syn::Result<()> {
        let group = match UnresolvedPackageGroup::parse("inline", &text.value()) {
            Ok(group) => group,
            Err((sources, error)) => return Err(error_at(text, error.render(&sources))),
        };
        let packages = [&group.main].into_iter().chain(&group.nested);
        for package in packages.map(|it| &it.name) {
            if self.resolve.package_names.contains_key(package) {
                let message = format!("package `{package}` is in what `path` names already");
                return Err(error_at(text, message));
            }
        }
        match self.resolve.push_group(group) {
            Ok(package) => {
                self.packages.push(package);
                Ok(())
            }
            Err(error) => Err(error_at(text, self.resolve.render_error(&error.into()))),
        }
    }
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
