//! Fuses a composer's components into one component, by the same plan.

mod cache;
mod group;

use std::panic::{AssertUnwindSafe, catch_unwind};

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};
use wasmtime::Store;
use wasmtime::component::Linker;

pub(crate) use group::Group;

use crate::composable::{ComposableComponent, Startable};
use crate::composer::{Composer, Found, isolated};
use crate::driver::panicked;
use crate::error::{Cause, CompositionError, FuseError, PlanError, PlanProblem};
use crate::plan::resolve::{Offer, Offered, PublicExport, Resolution, Source, resolve};

impl Composer {
    /// Places the components together: fused into one, in one store, as one component of another
    /// composition. The rest of that stays isolated.
    ///
    /// The wiring inside is the one that the composer would have as a nested one: hints, filters,
    /// versions and levels count as there, and what is left open inside is for the components around,
    /// then for `linker`. A hint to `host` means `linker` too. Where components inside leave compatible
    /// versions of one interface open, the highest is imported for all of them. The linkers and stores that the
    /// components were given with are not used; a store is one of `store`'s, for `linker`'s engine.
    ///
    /// Calls inside cost some nanoseconds, and all types cross, those that the host defines too; but
    /// one component that traps ends all of them. To those around, they are one component: its id is
    /// the one in errors and events, and what its descriptor says (deadline, restart, instances,
    /// inbox) is for the whole. What a descriptor inside says of one component alone is an error when
    /// planning, as they share a store. [`Plan`](crate::Plan) shows the wiring inside.
    ///
    /// Components must be given as bytes or as files, and cannot import from each other in a circle. What
    /// the types of a public function come from must be public too: no filter inside may hide it.
    /// They are fused, and compiled, when the composition around is planned or composed, off the async
    /// threads; and once: clones of what this returns share it, and so does what was fused of the same
    /// binaries by the same wiring for the same engine, as long as one of them is kept. A clone that
    /// is kept makes composing again cheap.
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
    /// #     let engine = engine.clone();
    /// #     ComposableComponent::new(text, Linker::new(&engine), move || Store::new(&engine, ()))
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
        ComposableComponent::of_group(Group::new(self), linker, move || Ok(store()))
    }

    /// Fuses the components into one and gives its binary.
    ///
    /// The wiring is the one that [`compose`](Self::compose) would make: hints, filters, versions and
    /// nested composers count as there. What no component satisfies stays an import of the fused
    /// component, whoever's linker defines it here. Its exports are the public ones.
    ///
    /// The binary runs anywhere. To run it as one component of another composition,
    /// [`fused`](Self::fused) is the shorter way. Calls inside it cost some nanoseconds, and all types
    /// cross, those that the host defines and streams too; but one that traps ends all of them.
    ///
    /// Components must be given as bytes or as files. Settings of descriptors do not count. Fusing
    /// takes as long as compiling and blocks this thread meanwhile.
    ///
    /// # Errors
    ///
    /// - [`CompositionError::Plan`], with everything that keeps the components from being wired.
    /// - [`CompositionError::Fuse`] if a component is there compiled or running only, or cannot be
    ///   fused with others.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wasm_runtime_composer::{ComposableComponent, ComposableDescriptor, Composer};
    /// # use wasmtime::component::Linker;
    /// # use wasmtime::{Engine, Store};
    /// # let engine = Engine::default();
    /// # let component = |bytes: Vec<u8>| {
    /// #     let engine = engine.clone();
    /// #     ComposableComponent::new(bytes, Linker::new(&engine), move || Store::new(&engine, ()))
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
        let resolution = self.resolve_together("", &mut |single, path| {
            singles.push(single);
            isolated(single, path)
        });
        let resolution = resolution.map_err(PlanError::new)?;
        if let Some(component) = self.compositions("").pop() {
            return Err(FuseError::NoBinary { component }.into());
        }
        let leaves = resolution.leaves.iter().zip(singles);
        let binaries = leaves.map(|(leaf, single)| binary(single, &leaf.id));
        let binaries = binaries.collect::<Result<Vec<_>, _>>()?;
        Ok(fuse(&resolution, &binaries)?)
    }

    /// Finds the wiring of components that share a store, with `find` giving each.
    fn resolve_together<'a>(
        &'a self,
        prefix: &str,
        find: &mut dyn FnMut(&'a dyn Startable, &str) -> Found<'a>,
    ) -> Result<Resolution, Vec<PlanProblem>> {
        let mut find = |single: &'a dyn Startable, path: &str| match single.group() {
            // Fused with others, they are no group of their own.
            Some(composer) => Found::Composer(composer),
            None => find(single, path),
        };
        let mut resolution = resolve(self.assembly(prefix, None, &mut find), prefix);
        // What cannot cross between stores can cross inside one.
        resolution.problems.retain(|problem| {
            !matches!(problem, PlanProblem::Uncarried { .. } | PlanProblem::HostResource { .. })
        });
        if resolution.problems.is_empty() { Ok(resolution) } else { Err(resolution.problems) }
    }
}

fn binary(single: &dyn Startable, path: &str) -> Result<Vec<u8>, FuseError> {
    match single.binary() {
        Ok(Some(binary)) => Ok(binary),
        Ok(None) => Err(FuseError::NoBinary { component: path.to_owned() }),
        Err(source) => Err(FuseError::Load { component: path.to_owned(), source }),
    }
}

/// Fuses components, whose binaries are in the order of the leaves.
fn fuse(resolution: &Resolution, binaries: &[Vec<u8>]) -> Result<Vec<u8>, FuseError> {
    if let Some(cycle) = resolution.cycles.first() {
        let ids = cycle.iter().map(|leaf| resolution.leaves[*leaf].id.to_string());
        return Err(FuseError::Cycle { components: ids.collect() });
    }
    // wac-graph takes for granted that components are of kinds that it knows.
    catch_unwind(AssertUnwindSafe(|| connect_all(resolution, binaries)))
        .unwrap_or_else(|panic| Err(FuseError::Encode { source: Cause::new(panicked(panic)) }))
}

fn connect_all(resolution: &Resolution, binaries: &[Vec<u8>]) -> Result<Vec<u8>, FuseError> {
    let mut graph = CompositionGraph::new();
    let mut instances = Vec::with_capacity(binaries.len());
    for (leaf, binary) in resolution.leaves.iter().zip(binaries) {
        let load = |error: wasmtime::Error| FuseError::Load {
            component: leaf.id.to_string(),
            source: Cause::new(error),
        };
        // A name of the package's own, as two components may be the same.
        let name = format!("composed:c{}", instances.len());
        let package = Package::from_bytes(&name, None, binary.as_slice(), graph.types_mut())
            .map_err(|error| load(wasmtime::Error::msg(format!("{error:#}"))))?;
        let package =
            graph.register_package(package).map_err(|error| load(wasmtime::Error::new(error)))?;
        instances.push(graph.instantiate(package));
    }
    let alias = |graph: &mut CompositionGraph, offer: Offer| {
        let export = &resolution.leaves[offer.leaf].surface.exports[offer.export].name;
        graph.alias_instance_export(instances[offer.leaf], export).map_err(wasmtime::Error::new)
    };
    for (leaf, instance) in resolution.leaves.iter().zip(&instances) {
        for (named, source) in leaf.surface.imports.iter().zip(&leaf.sources) {
            let Source::Export(offer) = source else { continue };
            connect(&mut graph, &alias, *offer, (*instance, &named.name)).map_err(|source| {
                FuseError::Connect {
                    consumer: leaf.id.to_string(),
                    import: named.name.clone(),
                    provider: resolution.leaves[offer.leaf].id.to_string(),
                    source: Cause::new(source),
                }
            })?;
        }
    }
    for (export, offer) in public(resolution) {
        let exported = alias(&mut graph, offer)
            .and_then(|node| graph.export(node, &export.name).map_err(wasmtime::Error::new));
        exported.map_err(|source| FuseError::Export {
            export: export.name.clone(),
            component: resolution.leaves[offer.leaf].id.to_string(),
            source: Cause::new(source),
        })?;
    }
    graph
        .encode(EncodeOptions::default())
        .map_err(|error| FuseError::Encode { source: Cause::new(wasmtime::Error::new(error)) })
}

/// The public exports, each after those that the types in it come from: providers before consumers, and
/// of one component as it has them.
fn public(resolution: &Resolution) -> Vec<(&PublicExport, Offer)> {
    let mut public = Vec::new();
    for export in &resolution.exports {
        // What is offered ambiguously is not offered.
        let Offered::By(offer) = export.offered else { continue };
        public.push((export, offer));
    }
    public.sort_by_key(|(_, offer)| {
        let place = resolution.order.iter().position(|leaf| *leaf == offer.leaf);
        (place, offer.export)
    });
    public
}

/// Satisfies an import of an instance with what another one offers.
fn connect(
    graph: &mut CompositionGraph,
    alias: &impl Fn(&mut CompositionGraph, Offer) -> wasmtime::Result<NodeId>,
    offer: Offer,
    (instance, import): (NodeId, &str),
) -> wasmtime::Result<()> {
    let export = alias(graph, offer)?;
    graph.set_instantiation_argument(instance, import, export).map_err(wasmtime::Error::new)
}
