//! A WAC document on the command line, and the files of its packages.

use std::path::{Path, PathBuf};

use wasm_runtime_composer::wac::{self, PackageRef, Packages};
use wasm_runtime_composer::{ComposableDescriptor, Composer, CompositionError};

use crate::args::{Given, Wiring};
use crate::component::Component;
use crate::failure::Failure;

/// A document that was read, with the packages that it names.
pub(crate) struct Document {
    path: PathBuf,
    source: String,
    /// Each under its name in the document, version included.
    packages: Vec<Component>,
}

/// Whether a file on the command line is a document.
pub(crate) fn is_document(given: &Given) -> bool {
    given.path.extension().is_some_and(|extension| extension == "wac")
}

impl Document {
    /// Reads the document among the components, if there is one. `read` reads a component.
    pub(crate) fn of(
        wiring: &Wiring,
        read: &dyn Fn(&Given) -> Result<Component, Failure>,
    ) -> Result<Option<Self>, Failure> {
        let mut documents = wiring.components.iter().filter(|given| is_document(given));
        let Some(Given { path, .. }) = documents.next() else {
            return match wiring.deps.first() {
                Some(dep) => Err(Failure::usage(format!(
                    "`--dep {dep}` gives a package, and there is no document (`.wac`) that names one"
                ))),
                None => Ok(None),
            };
        };
        if let Some(other) = documents.next() {
            return Err(Failure::usage(format!(
                "there are two documents, `{}` and `{}`; expected one, and components beside it",
                path.display(),
                other.path.display()
            )));
        }
        let source = std::fs::read_to_string(path)
            .map_err(|error| Failure::input(format!("cannot read `{}`", path.display()), error))?;
        let named = wac::packages(&source).map_err(|error| wrong(path, error))?;
        let packages = named.iter().map(|package| {
            let file = file_of(package, wiring)
                .ok_or_else(|| missing(path, package, &wiring.deps_folder))?;
            read(&Given { id: name_of(package), path: file })
        });
        let packages = Failure::collect(packages)?;
        Ok(Some(Self { path: path.clone(), source, packages }))
    }

    /// The components of its packages, each once.
    pub(crate) fn packages(&self) -> &[Component] {
        &self.packages
    }

    /// The composer of the document. `settle` says how a component runs that is of a package.
    pub(crate) fn composer(
        &self,
        settle: impl Fn(&Component, ComposableDescriptor) -> ComposableDescriptor + Send + 'static,
    ) -> Result<Composer, Failure> {
        let mut packages = Packages::new();
        for package in &self.packages {
            packages.add(&package.id, package.component.clone());
        }
        let known = self.packages.clone();
        packages.configure(move |_, package, descriptor| {
            match known.iter().find(|it| it.id == package) {
                Some(component) => settle(component, descriptor),
                None => descriptor,
            }
        });
        Composer::from_wac(&self.source, packages).map_err(|error| wrong(&self.path, error))
    }
}

fn wrong(path: &Path, error: CompositionError) -> Failure {
    Failure::input(format!("`{}` cannot be composed", path.display()), error)
}

/// The package's name as `Packages` has it.
fn name_of(package: &PackageRef) -> String {
    match &package.version {
        Some(version) => format!("{}@{version}", package.name),
        None => package.name.clone(),
    }
}

/// Where the files of a package may be, in the order in which they are looked for: as `wac` does.
fn files_of(package: &PackageRef, folder: &Path) -> [PathBuf; 2] {
    let mut base = folder.to_owned();
    base.extend(package.name.split(':'));
    if let Some(version) = &package.version {
        base.push(version);
    }
    ["wasm", "wat"].map(|extension| {
        let mut path = base.clone().into_os_string();
        path.push(format!(".{extension}"));
        path.into()
    })
}

/// The file of a package: the one that an option names, or the one in the folder.
fn file_of(package: &PackageRef, wiring: &Wiring) -> Option<PathBuf> {
    let name = name_of(package);
    let named = |wanted: &str| wiring.deps.iter().find(|dep| dep.package == wanted);
    if let Some(dep) = named(&name).or_else(|| named(&package.name)) {
        return Some(dep.path.clone());
    }
    files_of(package, &wiring.deps_folder).into_iter().find(|file| file.is_file())
}

fn missing(path: &Path, package: &PackageRef, folder: &Path) -> Failure {
    let [binary, text] = files_of(package, folder);
    let name = name_of(package);
    Failure::compose(format!(
        "`{}`, {}: there is no file for the package `{name}`: neither `{}` nor `{}`",
        path.display(),
        package.position,
        binary.display(),
        text.display()
    ))
    .with_help(format!("give it with `--dep {}=FILE`", name))
}
