//! What the application gives for the packages of a document.

use std::fmt;

use semver::Version;

use super::scan::Named;
use crate::compose::{
    ComponentSource, Composable, ComposableDescriptor, Part, PartContent, sealed,
};
use crate::error::{Cause, DocumentError, DocumentPosition};
use crate::plan::bound::Bound;

type Configure = Box<dyn FnMut(&str, &str, ComposableDescriptor) -> ComposableDescriptor + Send>;

/// What the packages of a WAC document are, for [`Composer::from_wac`](crate::Composer::from_wac).
///
/// A package's name is `namespace:package` or, for one version alone, `namespace:package@1.2.3`. A document that names
/// a version gets the package of that version, or else the one without a version; one that names none gets the one
/// without. [`packages`](super::packages) tells which ones a document needs.
///
/// # Examples
///
/// ```
/// # use std::path::Path;
/// # use std::time::Duration;
/// # use wasm_runtime_composer::ComposableComponent;
/// # use wasm_runtime_composer::wac::Packages;
/// # let engine = wasmtime::Engine::default();
/// let mut packages = Packages::new();
/// let store = ComposableComponent::with_engine(&engine, Path::new("store.wasm"));
/// packages
///     .add("acme:store", store)
///     .configure(|_id, _package, descriptor| descriptor.with_deadline(Duration::from_secs(1)));
/// ```
#[derive(Default)]
pub struct Packages {
    given: Vec<Given>,
    configure: Option<Configure>,
}

struct Given {
    /// As it was given.
    text: String,
    /// The component's types, if they do not come from itself.
    types: Option<ComponentSource>,
    content: Content,
}

/// What is instantiated.
enum Content {
    TypesAlone,
    Part(Box<Part>),
    /// It was a composition or an instance that runs, and a component of the document is that now.
    Taken,
}

impl Given {
    fn name(&self) -> (&str, Option<&str>) {
        match self.text.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (&self.text, None),
        }
    }

    fn is_name(&self) -> bool {
        let (name, version) = self.name();
        let is_word = |word: &str| {
            let mut chars = word.chars();
            chars.next().is_some_and(|first| first.is_ascii_alphabetic())
                && chars.all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        name.contains(':')
            && name.split(':').all(is_word)
            && version.is_none_or(|version| Version::parse(version).is_ok())
    }
}

impl Packages {
    /// No packages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the package `name`, in the place of one that was given under this name before.
    ///
    /// Each `new` of the package is a component like `composable`, which is compiled once. Its types are read from its
    /// bytes: a component that is compiled already, a composition, a composer and an interface in Rust are given with
    /// [`add_with_types`](Self::add_with_types).
    pub fn add(&mut self, name: impl Into<String>, composable: impl Composable) -> &mut Self {
        let part = sealed::IntoPart::into_part(composable);
        self.give(Given { text: name.into(), types: None, content: Content::Part(Box::new(part)) })
    }

    /// Gives the package `name`, which has the imports and exports of the component `types`: something else in its
    /// place, such as a [`HostInterface`](crate::HostInterface) in a test, or the component itself, compiled.
    ///
    /// Whether it has them indeed is found when planning.
    pub fn add_with_types(
        &mut self,
        name: impl Into<String>,
        types: impl Into<ComponentSource>,
        composable: impl Composable,
    ) -> &mut Self {
        let (types, part) = (Some(types.into()), sealed::IntoPart::into_part(composable));
        self.give(Given { text: name.into(), types, content: Content::Part(Box::new(part)) })
    }

    /// Gives the package `name` of which the document needs types alone, for `targets`, `import` and `use`: a component,
    /// or WIT in the binary format, as `wasm-tools component wit --wasm` encodes it.
    pub fn add_types(
        &mut self,
        name: impl Into<String>,
        types: impl Into<ComponentSource>,
    ) -> &mut Self {
        let types = Some(types.into());
        self.give(Given { text: name.into(), types, content: Content::TypesAlone })
    }

    /// Says what a document cannot say: `configure` gets the descriptor of each component with the component's id and the
    /// name of its package, as the document has it, and returns it with limits, layers and so on.
    pub fn configure(
        &mut self,
        configure: impl FnMut(&str, &str, ComposableDescriptor) -> ComposableDescriptor + Send + 'static,
    ) -> &mut Self {
        self.configure = Some(Box::new(configure));
        self
    }

    fn give(&mut self, given: Given) -> &mut Self {
        self.given.retain(|it| it.text != given.text);
        self.given.push(given);
        self
    }

    /// What was given for a package that a document names.
    fn find(&mut self, package: &Package) -> Option<&mut Given> {
        let index = self.index(package)?;
        self.given.get_mut(index)
    }

    fn index(&self, package: &Package) -> Option<usize> {
        let position = |version: Option<&Version>| {
            self.given.iter().position(|given| {
                let (name, own) = given.name();
                name == package.name && own.and_then(|it| it.parse().ok()).as_ref() == version
            })
        };
        position(package.version.as_ref()).or_else(|| position(None))
    }

    /// The binary of a package, for its types.
    pub(super) fn binary(&self, named: &Named<'_>) -> Result<Vec<u8>, DocumentError> {
        if let Some(wrong) = self.given.iter().find(|given| !given.is_name()) {
            return Err(DocumentError::PackageName { name: wrong.text.clone() });
        }
        let package = Package { name: named.name.to_owned(), version: named.version.clone() };
        let at = named.at;
        let Some(given) = self.index(&package).and_then(|index| self.given.get(index)) else {
            let given = self.given.iter().map(|it| it.text.clone()).collect();
            return Err(DocumentError::UnknownPackage { at, package: package.to_string(), given });
        };
        let failed = |source| DocumentError::Package { at, package: package.to_string(), source };
        let binary = match (&given.types, &given.content) {
            (Some(types), _) => types.binary().map_err(Cause::new),
            (None, Content::Part(part)) => match &part.content {
                PartContent::Single(single) => single.binary(),
                PartContent::Group(_) | PartContent::Composed(_) => Ok(None),
            },
            (None, Content::TypesAlone | Content::Taken) => Ok(None),
        };
        let package = || package.to_string();
        binary.map_err(failed)?.ok_or_else(|| DocumentError::NoTypes { at, package: package() })
    }

    /// What an instantiation of a package is.
    pub(super) fn part(
        &mut self,
        package: &Package,
        at: &dyn Fn() -> DocumentPosition,
        bound: &Bound,
    ) -> Result<Instance, DocumentError> {
        let text = || package.to_string();
        let Some(given) = self.find(package) else {
            return Err(DocumentError::UnknownPackage {
                at: at(),
                package: text(),
                given: Vec::new(),
            });
        };
        let part = match &given.content {
            Content::TypesAlone => {
                return Err(DocumentError::TypesAlone { at: at(), package: text() });
            }
            Content::Taken => return Err(DocumentError::Taken { at: at(), package: text() }),
            Content::Part(part) => part,
        };
        if matches!(part.content, PartContent::Group(_)) && !bound.parts.is_empty() {
            return Err(DocumentError::Unsupported {
                at: at(),
                what: format!(
                    "the document takes a part of an export of `{package}`, or all of its exports as one, which is a \
                     composer"
                ),
                instead: "compose it first, or take a whole export",
            });
        }
        if let Some(another) = part.another() {
            return Ok(Instance(another));
        }
        match std::mem::replace(&mut given.content, Content::Taken) {
            Content::Part(part) => Ok(Instance(*part)),
            content => {
                given.content = content;
                Err(DocumentError::TypesAlone { at: at(), package: text() })
            }
        }
    }

    pub(super) fn configured(
        &mut self,
        id: &str,
        package: &Package,
        descriptor: ComposableDescriptor,
    ) -> ComposableDescriptor {
        match &mut self.configure {
            Some(configure) => configure(id, &package.to_string(), descriptor),
            None => descriptor,
        }
    }
}

/// A package as a document names it.
#[derive(Clone, Debug)]
pub(super) struct Package {
    pub(super) name: String,
    pub(super) version: Option<Version>,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.version.iter().try_for_each(|version| write!(f, "@{version}"))
    }
}

impl fmt::Debug for Packages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.given.iter().map(|given| &given.text)).finish()
    }
}

/// What becomes a component of the composition.
pub(super) struct Instance(Part);

impl sealed::IntoPart for Instance {
    fn into_part(self) -> Part {
        self.0
    }
}
