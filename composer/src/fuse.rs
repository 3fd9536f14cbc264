//! Fuses a composer's components into one component, by the same plan.

use std::sync::Arc;

use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId};

use crate::composable::{Part, PartContent, Startable};
use crate::composer::Composer;
use crate::error::{Cause, CompositionError, FuseError, PlanError, PlanProblem};
use crate::plan::resolve::{Offer, Offered, Resolution, Source, resolve};

impl Composer {
    /// Fuses the components into one and gives its binary.
    ///
    /// The wiring is the one that [`compose`](Self::compose) would make: hints, filters, versions and
    /// nested composers count as there. What no component satisfies stays an import of the fused
    /// component, whoever's linker defines it here. Its exports are the public ones.
    ///
    /// The binary runs anywhere: `ComposableComponent::new(composer.fuse()?, linker, store)` runs it as
    /// one component of another composition, in one store. Calls inside it cost some nanoseconds, and
    /// all types cross, those that the host defines and streams too; but one that traps ends all of
    /// them.
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
        let resolution = resolve(self.assembly("", None));
        // What cannot cross between stores can cross inside one.
        let matters = |problem: &PlanProblem| {
            !matches!(problem, PlanProblem::Uncarried { .. } | PlanProblem::HostResource { .. })
        };
        let problems: Vec<_> =
            resolution.problems.iter().filter(|it| matters(it)).cloned().collect();
        if !problems.is_empty() {
            return Err(PlanError::new(problems).into());
        }
        let mut singles = Vec::new();
        self.singles("", &mut singles)?;
        Ok(fuse(&resolution, &singles)?)
    }

    /// The components, in the order of the resolution's leaves.
    fn singles(
        &self,
        prefix: &str,
        singles: &mut Vec<Arc<dyn Startable>>,
    ) -> Result<(), FuseError> {
        for descriptor in &self.descriptors {
            let component = format!("{prefix}{}", descriptor.id);
            let Part { content, .. } = &descriptor.part;
            match content {
                PartContent::Single(single) => singles.push(single.clone()),
                PartContent::Group(composer) => {
                    composer.singles(&format!("{component}/"), singles)?;
                }
                PartContent::Composed(_) => return Err(FuseError::NoBinary { component }),
            }
        }
        Ok(())
    }
}

fn fuse(resolution: &Resolution, singles: &[Arc<dyn Startable>]) -> Result<Vec<u8>, FuseError> {
    let mut graph = CompositionGraph::new();
    let mut instances = Vec::with_capacity(singles.len());
    for (leaf, single) in resolution.leaves.iter().zip(singles) {
        let component = || leaf.id.to_string();
        let Some(binary) =
            single.binary().map_err(|source| FuseError::Load { component: component(), source })?
        else {
            return Err(FuseError::NoBinary { component: component() });
        };
        // A name of the package's own, as two components may be the same.
        let name = format!("composed:c{}", instances.len());
        let load = |error: wasmtime::Error| FuseError::Load {
            component: component(),
            source: Cause::new(error),
        };
        let package = Package::from_bytes(&name, None, binary, graph.types_mut())
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
    for export in &resolution.exports {
        // What is offered ambiguously is not offered.
        let Offered::By(offer) = export.offered else { continue };
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
