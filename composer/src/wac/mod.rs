//! Compositions from [WAC] documents: [`Composer::from_wac`].
//!
//! Each `new` of a document becomes a component of the composition, with a store of its own. Its id is the name of the
//! variable that it is bound to first, or else the last part of its package's name, with a number behind it if that is
//! taken. The rest means what it means to `wac compose`:
//!
//! - An argument of `new` says whose export satisfies the import, and no other component of the document does.
//! - What `...` leaves open, and what the document imports, is left to what is added to the [`Composer`] beside the
//!   document, then to the component's own linker, then to the composition around.
//! - The composition exports what the document exports, under the names that it says. Of components that are added
//!   beside it, only what an [export hint](Composer::with_export_hint) names is public.
//!
//! What cannot have its meaning here is a [`DocumentError`], which says where in the document it is: an import that is
//! exported again, a part of an import that is given to a component, and imports of components, modules and values.
//!
//! [WAC]: https://github.com/bytecodealliance/wac

// From the text of a document to descriptors.
//
// `scan.rs` finds the packages that a document names, before anything else is known. `wac-parser` reads the document
// and checks it, with the types of those packages; it makes a graph of it, of which `graph.rs` makes what is said of
// each component: hints for its arguments, and a `Bound` for the rest. `mistake.rs` tells what `wac-parser` does not
// like. `packages.rs` is what the application gives.

mod graph;
mod mistake;
mod packages;
mod scan;

use std::panic::{AssertUnwindSafe, catch_unwind};

use indexmap::IndexMap;
use wac_graph::types::BorrowedPackageKey;
use wac_parser::Document;

pub use packages::Packages;
pub use scan::{PackageRef, packages};

pub use crate::error::{DocumentError, DocumentPosition};

use crate::compose::{ComposableDescriptor, Composer};
use crate::error::{CompositionError, panic_message};
use graph::{Instantiation, instantiations};
use scan::{Scanned, scan};

impl Composer {
    /// Reads a WAC document, whose packages are `packages`. See [the module](crate::wac) for what documents mean.
    ///
    /// The composer is one like all others: what the document leaves open can be added, and its components can be
    /// hinted, replaced and nested.
    ///
    /// # Errors
    ///
    /// [`CompositionError::Document`], with the first mistake in the document and its place. What is wrong beyond the
    /// document is said when planning or composing.
    ///
    /// # Examples
    ///
    /// ```
    /// use wasm_runtime_composer::wac::Packages;
    /// use wasm_runtime_composer::{ComposableComponent, Composer};
    /// # use wasm_runtime_composer::CompositionError;
    ///
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), CompositionError> {
    /// # let engine = wasmtime::Engine::default();
    /// # let one = r#"(component
    /// #     (core module $m (func (export "n") (result i32) i32.const 1))
    /// #     (core instance $i (instantiate $m))
    /// #     (func (export "n") (result s32) (canon lift (core func $i "n"))))"#;
    /// # let next = r#"(component
    /// #     (import "n" (func $n (result s32)))
    /// #     (core func $n (canon lower (func $n)))
    /// #     (core module $m
    /// #         (import "" "n" (func $n (result i32)))
    /// #         (func (export "n") (result i32) (i32.add (call $n) (i32.const 1))))
    /// #     (core instance $i (instantiate $m (with "" (instance (export "n" (func $n))))))
    /// #     (func (export "n") (result s32) (canon lift (core func $i "n"))))"#;
    /// let mut packages = Packages::new();
    /// packages.add("acme:one", ComposableComponent::with_engine(&engine, one));
    /// packages.add("acme:next", ComposableComponent::with_engine(&engine, next));
    ///
    /// let document = "
    ///     package acme:app;
    ///     let one = new acme:one {};
    ///     let two = new acme:next { n: one.n };
    ///     let three = new acme:next { n: two.n };
    ///     export three.n as three;
    /// ";
    /// let composition = Composer::from_wac(document, packages)?.compose().await?;
    /// let three = composition.typed::<(), i32>(None, "three")?;
    /// assert_eq!(three.call(()).await?, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_wac(source: &str, packages: Packages) -> Result<Self, CompositionError> {
        Ok(read(source, packages)?)
    }
}

fn read(source: &str, mut packages: Packages) -> Result<Composer, DocumentError> {
    let scanned = scan(source)?;
    let binaries = binaries(&scanned, &packages)?;
    // It is not to panic, whatever it is given, and yet there are texts with which it does.
    let found = catch_unwind(AssertUnwindSafe(|| resolved(source, &scanned, binaries)))
        .unwrap_or_else(|panic| Err(DocumentError::Parser { message: panic_message(panic) }))?;
    let mut composer = Composer::new();
    for Instantiation { id, at, package, hints, bound } in found {
        let part = packages.part(&package, &|| DocumentPosition::of(source, at), &bound)?;
        let mut descriptor = ComposableDescriptor::new(&id, part);
        for (import, provider, export) in hints {
            descriptor.rules.hint(import, provider, export);
        }
        descriptor.bound = Some(bound);
        composer.add(packages.configured(&id, &package, descriptor));
    }
    Ok(composer)
}

/// The binaries of the packages that the document names, each once.
fn binaries(
    scanned: &Scanned<'_>,
    packages: &Packages,
) -> Result<Vec<(usize, Vec<u8>)>, DocumentError> {
    let mut binaries = Vec::new();
    for (index, package) in scanned.packages.iter().enumerate() {
        if !scanned.packages[..index].iter().any(|it| it.is_same(package)) {
            binaries.push((index, packages.binary(package)?));
        }
    }
    Ok(binaries)
}

fn resolved(
    source: &str,
    scanned: &Scanned<'_>,
    binaries: Vec<(usize, Vec<u8>)>,
) -> Result<Vec<Instantiation>, DocumentError> {
    let document = Document::parse(source).map_err(|error| mistake::syntax(source, &error))?;
    let mut known = IndexMap::new();
    for (index, binary) in binaries {
        let package = &scanned.packages[index];
        let key = BorrowedPackageKey::from_name_and_version(package.name, package.version.as_ref());
        known.insert(key, binary);
    }
    let resolution =
        document.resolve(known).map_err(|error| mistake::meaning(source, &document, error))?;
    instantiations(source, &document, resolution.graph())
}
