//! Puts another component in the place of one that runs.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::composable::{Part, PartContent, Startable};
use crate::composer::{Change, isolated};
use crate::composition::{Shared, Wired};
use crate::error::{CompositionError, PlanError, PlanProblem, StartError};
use crate::plan::Plan;
use crate::plan::containment::{split, target};
use crate::plan::name::nearest;
use crate::plan::replacement::resolve_replacement;
use crate::plan::resolve::ImportHint;
use crate::shutdown::Replaced;
use crate::wiring::{Starting, Wiring};

/// A component on its way into a composition that runs; made by
/// [`Composition::replace`](crate::Composition::replace). Awaiting it replaces the component.
#[must_use = "nothing is replaced before this is awaited"]
pub struct Replacement<'a> {
    shared: &'a Shared,
    id: String,
    part: Part,
    import_hints: Vec<ImportHint>,
    within: Option<Duration>,
}

impl<'a> Replacement<'a> {
    pub(crate) fn new(shared: &'a Shared, id: String, part: Part) -> Self {
        Self { shared, id, part, import_hints: Vec::new(), within: None }
    }

    /// Decides that the import `import` of the new component is satisfied by the component
    /// `provider`, or, for `host`, by its own linker. Other hints of the old component stay, and what
    /// it contains, where the new one has that import.
    pub fn with_import_hint(
        mut self,
        import: impl Into<String>,
        provider: impl Into<String>,
    ) -> Self {
        self.import_hints.push(ImportHint {
            import: import.into(),
            provider: provider.into(),
            export: None,
        });
        self
    }

    /// As [`with_import_hint`](Self::with_import_hint), of what `provider` exports under another name: see
    /// [`ComposableDescriptor::with_import_hint_as`](crate::ComposableDescriptor::with_import_hint_as).
    pub fn with_import_hint_as(
        mut self,
        import: impl Into<String>,
        provider: impl Into<String>,
        export: impl Into<String>,
    ) -> Self {
        self.import_hints.push(ImportHint {
            import: import.into(),
            provider: provider.into(),
            export: Some(export.into()),
        });
        self
    }

    /// Ends the old instance when this time has passed since the replacement, even if calls run in
    /// it or handles of its resources are held. Such calls get
    /// [`CompositionError::Unavailable`], and using such handles is an error from then on. Without it
    /// the old instance lives until it is not needed any more, or the composition ends.
    pub fn retiring_within(mut self, time: Duration) -> Self {
        self.within = Some(time);
        self
    }

    async fn run(self) -> Result<(), CompositionError> {
        let Self { shared, id, part, import_hints, within } = self;
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let mut composer = shared.composer.lock().await;
        let wired = shared.wired();
        let problem = |problem| PlanError::new(vec![problem]);

        let ids = || wired.leaves.iter().zip(&wired.resolution.leaves);
        let Some(leaf) = wired.resolution.leaves.iter().position(|leaf| *leaf.id == *id) else {
            let reason = "it is a composer; replace a component inside, by its id with a `/`";
            let fused = "it is fused with others into one component; replace that one";
            let is_fused = wired.plan.fused_into(&id).is_some();
            return Err(match composer.descriptor(&id) {
                Some(_) => problem(PlanProblem::NotReplaceable { component: id, reason }),
                None if is_fused => {
                    problem(PlanProblem::NotReplaceable { component: id, reason: fused })
                }
                None => {
                    let ids = ids().filter(|(live, _)| live.post.is_some());
                    let nearest = nearest(&id, ids.map(|(_, leaf)| &*leaf.id)).map(str::to_owned);
                    problem(PlanProblem::NothingToReplace { component: id, nearest })
                }
            }
            .into());
        };
        let Some(post) = wired.leaves[leaf].post.clone() else {
            let reason = "it is a composition; replace a component of it, through a handle to it";
            return Err(problem(PlanProblem::NotReplaceable { component: id, reason }).into());
        };
        let PartContent::Single(single) = &part.content else {
            let reason = "a component can only be replaced by a single component";
            return Err(problem(PlanProblem::NotReplaceable { component: id, reason }).into());
        };
        let single = single.clone();
        compile(&runtime, single.clone()).await;
        let surface = single.surface(&id).map_err(PlanError::new)?;
        let surface = Arc::new(surface.numbered_as(&wired.leaves[leaf].surface));

        let imports = || surface.imports.iter().map(|named| &*named.name);
        let mut problems = Vec::new();
        for ImportHint { import, .. } in &import_hints {
            if !imports().any(|it| it == import) {
                problems.push(PlanProblem::HintNotImported {
                    component: id.clone(),
                    import: import.clone(),
                    nearest: nearest(import, imports()).map(str::to_owned),
                });
            }
        }
        let mut hints = import_hints;
        let (mut containments, mut import_layers) = (Vec::new(), Vec::new());
        if let Some(descriptor) = composer.descriptor(&id) {
            import_layers.clone_from(&descriptor.import_layers);
            import_layers.retain(|(name, _)| imports().any(|it| it == split(name).0));
            containments.clone_from(&descriptor.containments);
            containments.retain(|wish| imports().any(|it| it == target(wish).0));
            for hint in &descriptor.import_hints {
                let import = &hint.import;
                if imports().any(|it| it == import) && hints.iter().all(|it| it.import != *import) {
                    hints.push(hint.clone());
                }
            }
        }
        let change = Change {
            path: &id,
            part: &part,
            surface: surface.clone(),
            import_hints: &hints,
            containments: &containments,
            import_layers: import_layers.iter().map(|(name, it)| (&**name, it.number)).collect(),
        };
        let assembly = composer.assembly("", Some(&change), &mut isolated);
        let mut resolution = resolve_replacement(assembly, &wired.resolution, leaf);
        resolution.problems.append(&mut problems);
        let plan = Arc::new(Plan::new(&resolution));
        let (live, events) = (shared.own_live(), shared.events.clone());
        let leaves = wired.leaves.clone();
        let kept = (wired.waits.clone(), wired.deadlocks.clone(), wired.layering.clone());
        let mut wiring = Wiring::replacing(resolution, leaves, (leaf, single), live, events, kept);
        let ready = wiring.link()?;

        let mut starting = Starting::new(runtime);
        for ready in ready {
            if let Err(error) = starting.start(ready).await {
                starting.end().await;
                return Err(error.into());
            }
        }
        let successors = starting.take();

        // From here on nothing waits and nothing fails.
        let Wiring { resolution, leaves, waits, deadlocks, layering, .. } = wiring;
        let order = resolution.order.clone();
        let handles: Vec<_> = successors.iter().map(|it| it.handle.clone()).collect();
        let former = post.replace(handles.clone());
        shared.set_wired(Wired { plan, resolution, leaves, waits, deadlocks, layering });
        if let Some(descriptor) = composer.descriptor(&id) {
            descriptor.part = part;
            descriptor.import_hints = hints;
            descriptor.containments = containments;
            descriptor.import_layers = import_layers;
        }
        if let Some(first) = handles.first() {
            first.tell_replaced();
        }
        let replaced = Box::new(Replaced { post, former, within, successors, order });
        if let Err(closed) = shared.replaced.send(replaced) {
            // The composition was closed meanwhile, and looks after nobody any more.
            starting.adopt(closed.0.successors);
            starting.end().await;
            return Err(StartError::Closed { component: id }.into());
        }
        Ok(())
    }
}

/// Compiles the component off the async threads. What fails is found again when it is reflected.
async fn compile(runtime: &tokio::runtime::Handle, single: Arc<dyn Startable>) {
    if !single.has_surface() {
        let _ = runtime.spawn_blocking(move || drop(single.surface(""))).await;
    }
}

impl<'a> IntoFuture for Replacement<'a> {
    type Output = Result<(), CompositionError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for Replacement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replacement").field("id", &self.id).field("part", &self.part).finish()
    }
}
