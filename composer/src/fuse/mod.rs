//! Fuses a composer's components into one component, by the same plan.
//!
//! The wiring is that of `plan`, so a group behaves as it would when composed, except that the
//! components share a store: calls between them are calls between instances of one component, and
//! all types can cross. wac-graph encodes the fused component; around it, `exports.rs` corrects the
//! types of exports and `used.rs` finds type imports that the engine does not list.
//!
//! `group.rs` is a group inside another composition, fused and compiled when that is planned;
//! `cache.rs` shares the result between groups of the same components. Encoders fail for reasons
//! that are hard to explain, so on failure `Fusing::named` repeats the fusion with fewer components
//! or exports to find the one to name in the error.

mod cache;
mod exports;
mod group;
mod used;

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeError, EncodeOptions, NodeId};
use wasmparser::{Validator, WasmFeatures};
use wasmtime::Store;
use wasmtime::component::Linker;
use wasmtime::error::Context as _;

pub(crate) use group::Group;

use exports::{Renamed, renamed};
use used::{Used, used};

use crate::compose::{AnyComponent, ComposableComponent, Composer, Found, Groups, Level, isolated};
use crate::error::{
    Cause, CompositionError, FuseError, HostPanic, PlanError, PlanProblem, panicked,
};
use crate::plan::item::{Item, find};
use crate::plan::resolution::{Offer, Offered, PublicExport, Resolution, Source};
use crate::plan::resolve::resolve;

impl Composer {
    /// Places the components together: they are fused into one component with one store, which is a
    /// component of another composition. The other components of that composition stay isolated.
    ///
    /// The wiring inside is the one that the composer would have as a nested composer: hints,
    /// filters, versions and levels apply in the same way. Imports that remain open inside are
    /// satisfied by the components around, or else by `linker`; a hint to `host` means `linker`
    /// too. If components inside leave compatible versions of one interface open, the highest is
    /// imported for all of them. The linkers and stores that the components were given with are not
    /// used; stores are made by `store`, for the engine of `linker`.
    ///
    /// Calls inside cost some nanoseconds, and all types can cross, including those that the host
    /// defines. But if one component traps, all of them end. For the components around, the group
    /// is one component: errors and events have its id, and its descriptor's settings (deadline,
    /// restart, instances, inbox) apply to the whole. Settings of a single component inside are an
    /// error when planning, as the components share a store. [`Plan`](crate::plan::Plan) shows the wiring
    /// inside.
    ///
    /// Components must be given as bytes or as files, and cannot import from each other in a cycle.
    /// The types that a public function uses must be public too: no filter inside may hide the
    /// export that they come from. Fusing and compiling happen when the composition around is
    /// planned or composed, outside the async threads, and only once: clones of the returned
    /// component share the result, and so do other groups of the same binaries with the same wiring
    /// and engine, as long as one of them exists. Keeping a clone makes composing again cheap.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wasm_runtime_composer::{
    /// #     ComposableComponent, ComposableDescriptor, Composer, CompositionError,
    /// # };
    /// # use wasmtime::component::Linker;
    /// # use wasmtime::{Engine, Store};
    /// # const TWO: &str = r#"(component
    /// #     (core module $m (func (export "n") (result i32) i32.const 2))
    /// #     (core instance $i (instantiate $m))
    /// #     (func (export "two") (result s32) (canon lift (core func $i "n"))))"#;
    /// # const TWICE: &str = r#"(component
    /// #     (import "two" (func $two (result s32)))
    /// #     (core func $two (canon lower (func $two)))
    /// #     (core module $m (import "" "two" (func $two (result i32)))
    /// #         (func (export "four") (result i32) (i32.add (call $two) (call $two))))
    /// #     (core instance $i (instantiate $m (with "" (instance (export "two" (func $two))))))
    /// #     (func (export "four") (result s32) (canon lift (core func $i "four"))))"#;
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), CompositionError> {
    /// # let engine = Engine::default();
    /// # let component = |text: &str| {
    /// #     ComposableComponent::with_engine(&engine, text)
    /// # };
    /// let mut group = Composer::new();
    /// group.add(ComposableDescriptor::new("two", component(TWO)));
    /// group.add(ComposableDescriptor::new("twice", component(TWICE)));
    ///
    /// let linker = Linker::new(&engine);
    /// let store = move || Store::new(&engine, ());
    /// let mut composer = Composer::new();
    /// composer.add(ComposableDescriptor::new("four", group.fused(linker, store)));
    /// let composition = composer.compose().await?;
    ///
    /// assert_eq!(composition.plan().components(), ["four/two", "four/twice"]);
    /// assert_eq!(composition.typed::<(), i32>(None, "four")?.call(()).await?, 4);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fused<T: Send + 'static>(
        self,
        linker: Linker<T>,
        store: impl Fn() -> Store<T> + Send + Sync + 'static,
    ) -> ComposableComponent<T> {
        ComposableComponent::from_origin(Group::new(self), linker, move || Ok(store()))
    }

    /// Fuses the components into one and returns its binary.
    ///
    /// The wiring is the one that [`compose`](Self::compose) would make: hints, filters, versions
    /// and nested composers apply in the same way. An import that no component satisfies becomes an
    /// import of the fused component, even if a linker here defines it. The exports of the fused
    /// component are the public ones.
    ///
    /// The binary runs in any runtime. To run it as one component of another composition,
    /// [`fused`](Self::fused) is shorter. Calls inside it cost some nanoseconds, and all types can
    /// cross, including streams and those that the host defines. But if one component traps, all of
    /// them end.
    ///
    /// Components must be given as bytes or as files. Settings of descriptors are ignored. Fusing
    /// takes about as long as compiling and blocks this thread meanwhile.
    ///
    /// # Errors
    ///
    /// - [`CompositionError::Plan`], with every problem of the wiring.
    /// - [`CompositionError::Fuse`] if a component is available only compiled or running, or cannot
    ///   be fused with others. It names the component, and the export and the type if those are the
    ///   reason.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
    /// # use wasmtime::Engine;
    /// # let engine = Engine::default();
    /// # let component = |bytes: Vec<u8>| {
    /// #     ComposableComponent::with_engine(&engine, bytes)
    /// # };
    /// # let two = || component(br#"(component
    /// #     (core module $m (func (export "n") (result i32) i32.const 2))
    /// #     (core instance $i (instantiate $m))
    /// #     (func (export "two") (result s32) (canon lift (core func $i "n"))))"#.to_vec());
    /// let mut composer = Composer::new();
    /// composer.add(ComposableDescriptor::new("two", two()));
    /// let fused: Vec<u8> = composer.fuse()?;
    ///
    /// let mut outer = Composer::new();
    /// outer.add(ComposableDescriptor::new("fused", component(fused)));
    /// assert_eq!(outer.plan()?.exports()[0].name, "two");
    /// # Ok::<_, wasm_runtime_composer::CompositionError>(())
    /// ```
    pub fn fuse(&self) -> Result<Vec<u8>, CompositionError> {
        let mut singles = Vec::new();
        let resolution = self.level.resolve_together("", &mut |single, path| {
            singles.push(single);
            isolated(single, path)
        });
        let resolution = resolution.map_err(PlanError::new)?;
        if let Some(component) = self.level.compositions("").pop() {
            return Err(FuseError::NoBinary { component }.into());
        }
        let leaves = resolution.leaves.iter().zip(singles);
        let binaries = leaves.map(|(leaf, single)| binary(single, &leaf.id));
        let binaries = binaries.collect::<Result<Vec<_>, _>>()?;
        Ok(fuse(&resolution, &binaries)?)
    }
}

impl Level {
    /// Resolves components that share a store; `find` returns the surface of each.
    fn resolve_together<'a>(
        &'a self,
        prefix: &str,
        find: &mut dyn FnMut(&'a dyn AnyComponent, &str) -> Found,
    ) -> Result<Resolution, Vec<PlanProblem>> {
        let mut resolution = resolve(self.assembly(prefix, None, Groups::Open, find), prefix);
        self.check_chains(prefix, &mut resolution.problems);
        // Types that cannot cross between stores can cross inside one.
        resolution.problems.retain(|problem| {
            !matches!(problem, PlanProblem::Uncarried { .. } | PlanProblem::HostResource { .. })
        });
        if resolution.problems.is_empty() { Ok(resolution) } else { Err(resolution.problems) }
    }
}

fn binary(single: &dyn AnyComponent, path: &str) -> Result<Vec<u8>, FuseError> {
    match single.binary() {
        Ok(Some(binary)) => Ok(binary),
        Ok(None) => Err(FuseError::NoBinary { component: path.to_owned() }),
        Err(source) => Err(FuseError::Load { component: path.to_owned(), source }),
    }
}

/// Fuses components. The binaries are in the order of the leaves.
fn fuse(resolution: &Resolution, binaries: &[Vec<u8>]) -> Result<Vec<u8>, FuseError> {
    if let Some(cycle) = resolution.cycles.first() {
        let ids = cycle.iter().map(|leaf| resolution.leaves[*leaf].id.to_string());
        return Err(FuseError::Cycle { components: ids.collect() });
    }
    let public = public(resolution);
    let fusing = Fusing { resolution, binaries };
    let error = match fusing.fused(resolution.order.len(), &public) {
        Ok(binary) => return Ok(binary),
        Err(error) => error,
    };
    Err(fusing.named(error, &public))
}

/// A fusion: the wiring and the binaries.
struct Fusing<'a> {
    resolution: &'a Resolution,
    binaries: &'a [Vec<u8>],
}

/// A public export, and the component's export that it is.
type Public<'a> = (&'a PublicExport, Offer);

impl Fusing<'_> {
    /// Fuses the first `count` components of the order, in which providers come first, with
    /// `public` as the exports.
    fn fused(&self, count: usize, public: &[Public<'_>]) -> Result<Vec<u8>, FuseError> {
        // wac-graph panics for kinds of items that it does not know.
        let encoded = catch_unwind(AssertUnwindSafe(|| self.connect_all(count, public)))
            .unwrap_or_else(|panic| Err(FuseError::Encode { source: beyond(&panicked(panic)) }))?;
        let Err(error) = validate(&encoded) else { return Ok(encoded) };
        // A type that is exported at the root is a different type for importers than inside, which
        // wac-graph does not consider.
        let Some(Renamed { binary, unnamed }) = renamed(&encoded, self.resolution, public)? else {
            return Err(FuseError::Encode { source: error });
        };
        match (validate(&binary), unnamed) {
            (Ok(()), _) => Ok(binary),
            (Err(_), Some(unnamed)) => Err(unnamed),
            (Err(error), None) => Err(FuseError::Encode { source: error }),
        }
    }

    /// Finds the component or the export that causes `error`, by fusing fewer of them, and returns
    /// an error that names it.
    fn named(&self, error: FuseError, public: &[Public<'_>]) -> FuseError {
        let FuseError::Encode { source } = &error else { return error };
        let all = self.resolution.order.len();
        if self.fused(all, &[]).is_ok() {
            let exported = |count: &usize| self.fused(all, &public[..*count]).is_ok();
            let count = first_failure(public.len(), exported);
            let Some((export, offer)) = count.checked_sub(1).and_then(|last| public.get(last))
            else {
                return error;
            };
            return match self.fused(all, &public[..count]) {
                Err(FuseError::Encode { source }) => FuseError::Export {
                    export: export.name.clone(),
                    component: self.id(offer.leaf),
                    source,
                },
                Err(error) => error,
                Ok(_) => error,
            };
        }
        let count = first_failure(all, |count| self.fused(*count, &[]).is_ok());
        let last = count.checked_sub(1).and_then(|last| self.resolution.order.get(last));
        let Some(&leaf) = last else { return error };
        let source = match self.fused(count, &[]) {
            Err(FuseError::Encode { source }) => source,
            Err(error) => return error,
            Ok(_) => source.clone(),
        };
        FuseError::Component { component: self.id(leaf), import: self.borrowing(leaf), source }
    }

    /// An open function import of a component that borrows a resource. wac-graph can only encode
    /// those in interfaces.
    fn borrowing(&self, leaf: usize) -> Option<String> {
        let leaf = &self.resolution.leaves[leaf];
        let mut open = leaf.surface.imports.iter().zip(&leaf.sources);
        let borrowing = open.find(|(named, source)| match (&named.item, source) {
            (Item::Func { ty, .. }, Source::Linker { .. }) => ty.borrows(),
            _ => false,
        });
        borrowing.map(|(named, _)| named.name.clone())
    }

    fn id(&self, leaf: usize) -> String {
        self.resolution.leaves[leaf].id.to_string()
    }

    fn connect_all(&self, count: usize, public: &[Public<'_>]) -> Result<Vec<u8>, FuseError> {
        let mut graph = FusionGraph {
            resolution: self.resolution,
            graph: CompositionGraph::new(),
            instances: HashMap::new(),
            used: HashMap::new(),
        };
        // In the order of the leaves, which determines the order of the fused component's imports.
        let present: BTreeSet<usize> = self.resolution.order.iter().take(count).copied().collect();
        for &leaf in &present {
            graph.add(leaf, &self.binaries[leaf])?;
        }
        for &leaf in &present {
            graph.connect(leaf)?;
        }
        for (export, offer) in public {
            graph.export(&export.name, *offer)?;
        }
        graph.encode()
    }
}

/// The error for input that an encoder panics about.
fn beyond(panic: &wasmtime::Error) -> Cause {
    let message = panic.downcast_ref::<HostPanic>().map_or("", |panic| &panic.message);
    Cause::new(wasmtime::Error::msg(format!(
        "its types are used in a way that wac-graph cannot encode ({message})"
    )))
}

/// The smallest count up to `all` for which `works` is false, provided that it is false for all
/// counts above as well.
fn first_failure(all: usize, works: impl Fn(&usize) -> bool) -> usize {
    let counts: Vec<usize> = (0..=all).collect();
    counts.partition_point(works)
}

fn validate(binary: &[u8]) -> Result<(), Cause> {
    match Validator::new_with_features(WasmFeatures::all()).validate_all(binary) {
        Ok(_) => Ok(()),
        // The offset in the binary is left out: the binary is not one that the user has.
        Err(error) => Err(Cause::new(wasmtime::Error::msg(error.message().to_owned()))),
    }
}

/// The components in wac-graph's graph.
struct FusionGraph<'a> {
    resolution: &'a Resolution,
    graph: CompositionGraph,
    /// By the index of the leaf.
    instances: HashMap<usize, NodeId>,
    /// By the index of the leaf: its imports that are types of its other imports.
    used: HashMap<usize, Vec<Used>>,
}

impl FusionGraph<'_> {
    fn add(&mut self, leaf: usize, binary: &[u8]) -> Result<(), FuseError> {
        let load = |error: wasmtime::Error| FuseError::Load {
            component: self.resolution.leaves[leaf].id.to_string(),
            source: Cause::new(error),
        };
        // A unique name, as two components may have the same binary.
        let name = format!("composed:c{leaf}");
        let package = Package::from_bytes(&name, None, binary, self.graph.types_mut())
            .map_err(|error| load(wasmtime::Error::msg(format!("{error:#}"))))?;
        let package = self
            .graph
            .register_package(package)
            .map_err(|error| load(wasmtime::Error::new(error)))?;
        self.instances.insert(leaf, self.graph.instantiate(package));
        let used = used(binary).map_err(|error| load(wasmtime::Error::new(error)))?;
        self.used.insert(leaf, used);
        Ok(())
    }

    /// Connects the imports of a component with the exports of others.
    fn connect(&mut self, leaf: usize) -> Result<(), FuseError> {
        let surface = &self.resolution.leaves[leaf].surface;
        for (import, named) in surface.imports.iter().enumerate() {
            if let Some((provider, node)) = self.source(leaf, import) {
                self.satisfy(leaf, &named.name, provider, node)?;
            }
        }
        for Used { name, interface, export } in self.used.remove(&leaf).unwrap_or_default() {
            let Some(import) = surface.imports.iter().position(|it| it.name == interface) else {
                continue;
            };
            // Types without resources are equal by structure, so they need not come from the same
            // instance.
            let Item::Instance(items) = &surface.imports[import].item else { continue };
            let Some(Item::Type(ty)) = find(items, &export) else { continue };
            if !ty.has_resources() {
                continue;
            }
            let Some((provider, node)) = self.source(leaf, import) else { continue };
            let node = node.and_then(|node| {
                let used = self.graph.alias_instance_export(node, &export);
                used.map_err(wasmtime::Error::new)
            });
            self.satisfy(leaf, &name, provider, node)?;
        }
        Ok(())
    }

    fn satisfy(
        &mut self,
        leaf: usize,
        import: &str,
        provider: usize,
        node: wasmtime::Result<NodeId>,
    ) -> Result<(), FuseError> {
        let connected = node.and_then(|node| {
            let instance = self.instances.get(&leaf).copied();
            let instance = instance.context("the component is not there")?;
            self.graph
                .set_instantiation_argument(instance, import, node)
                .map_err(wasmtime::Error::new)
        });
        connected.map_err(|source| FuseError::Connect {
            consumer: self.resolution.leaves[leaf].id.to_string(),
            import: import.to_owned(),
            provider: self.resolution.leaves[provider].id.to_string(),
            source: Cause::new(source),
        })
    }

    /// The component that satisfies an import, and the node that does; `None` if it stays an
    /// import.
    fn source(&mut self, leaf: usize, import: usize) -> Option<(usize, wasmtime::Result<NodeId>)> {
        let consumer = &self.resolution.leaves[leaf];
        match consumer.sources[import] {
            Source::Export(offer) => Some((offer.leaf, self.alias(offer))),
            Source::Linker { .. } => None,
            Source::Nobody => {
                // A resource type of another import comes from the provider of that import.
                let derived = consumer.surface.derived_from(import)?;
                let (provider, node) = self.source(leaf, derived.import)?;
                let steps = |node: NodeId| {
                    derived.path.iter().try_fold(node, |node, name| {
                        let step = self.graph.alias_instance_export(node, name);
                        step.map_err(wasmtime::Error::new)
                    })
                };
                Some((provider, node.and_then(steps)))
            }
        }
    }

    fn alias(&mut self, offer: Offer) -> wasmtime::Result<NodeId> {
        let path = self.resolution.leaves[offer.leaf].surface.path_of(offer.export);
        let instance = self.instances.get(&offer.leaf);
        let instance = instance.copied().context("the component is not there")?;
        path.iter().try_fold(instance, |node, name| {
            self.graph.alias_instance_export(node, name).map_err(wasmtime::Error::new)
        })
    }

    fn export(&mut self, name: &str, offer: Offer) -> Result<(), FuseError> {
        let exported = self
            .alias(offer)
            .and_then(|node| self.graph.export(node, name).map_err(wasmtime::Error::new));
        exported.map_err(|source| FuseError::Export {
            export: name.to_owned(),
            component: self.resolution.leaves[offer.leaf].id.to_string(),
            source: Cause::new(source),
        })
    }

    fn encode(&self) -> Result<Vec<u8>, FuseError> {
        // Validation is a step of its own, which can find out what to name in the error.
        let options = EncodeOptions { validate: false, ..EncodeOptions::default() };
        let id = |node: NodeId| {
            let leaf = self.instances.iter().find(|(_, instance)| **instance == node);
            leaf.map_or_else(String::new, |(leaf, _)| self.resolution.leaves[*leaf].id.to_string())
        };
        self.graph.encode(options).map_err(|error| match error {
            EncodeError::ImportTypeMergeConflict { import, first, second, source } => {
                let source = wasmtime::Error::msg(format!("{source:#}"));
                let (first, second) = (id(first), id(second));
                FuseError::Imports { import, first, second, source: Cause::new(source) }
            }
            error => FuseError::Encode { source: Cause::new(wasmtime::Error::new(error)) },
        })
    }
}

/// The public exports in an order in which every export comes after those that its types come from:
/// providers before consumers, and the exports of a component in its own order.
fn public(resolution: &Resolution) -> Vec<Public<'_>> {
    let mut public = Vec::new();
    for export in &resolution.exports {
        // Ambiguous exports are not offered.
        let Offered::By(offer) = export.offered else { continue };
        public.push((export, offer));
    }
    public.sort_by_key(|(_, offer)| {
        let place = resolution.order.iter().position(|leaf| *leaf == offer.leaf);
        (place, offer.export)
    });
    public
}
