//! What a running composition tells of itself: [`Composition::snapshot`] and [`Composition::events`].
//!
//! A [`Snapshot`] is the state at one moment: as text, as drawings, as JSON and as metrics. [`Events`] tell what happens
//! from now on: components that end, restart and are replaced.

// The state of a composition at one moment: text, drawings, JSON, metrics.
//
// Taking a snapshot reads counters and takes short locks; it never waits for a guest, so it also
// works for a composition that hangs. `json.rs` has JSON and the page that draws it, `metrics.rs`
// reports numbers to a metrics recorder.

#[cfg(feature = "json")]
mod json;
#[cfg(feature = "metrics")]
mod metrics;

use std::fmt;
use std::sync::Arc;

use crate::compose::Composition;
use crate::error::{plain, plain_lines};
use crate::layer::{CountLayer, EdgeCounts};
use crate::plan::Plan;
use crate::plan::draw::Notes;
pub use crate::run::{Change, ComponentSnapshot, Event, Events, InstanceSnapshot, InstanceState};

/// The state of a composition at one moment: its components, and how they are wired. Made by
/// [`Composition::snapshot`].
///
/// Prints as text; [`to_dot`](Self::to_dot) and [`to_mermaid`](Self::to_mermaid) draw it, and with
/// feature `json` there are `to_json` and `to_html`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Snapshot {
    /// The components that run separately, by their ids. A fused group is one of them; the
    /// components of a composition that was nested are in that composition's own snapshot.
    pub components: Vec<ComponentSnapshot>,
    /// The number of live handles, as in [`Composition::live_handles`].
    pub live_handles: usize,
    /// Whether the composition was closed.
    pub closed: bool,
    /// The wiring.
    pub plan: Arc<Plan>,
    /// The counts of calls, if the snapshot was given some: see [`with_counts`](Self::with_counts).
    pub calls: Vec<EdgeCounts>,
}

impl Composition {
    /// The state of the composition at this moment: the state of each component, how many calls
    /// wait and run, and how many handles are held. Neither a component nor a call is held up.
    ///
    /// # Examples
    ///
    /// ```
    /// # use wasm_runtime_composer::{ComposableDescriptor, Composer, CompositionError, HostInterface};
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), CompositionError> {
    /// # let clock = HostInterface::root().func_wrap("now", || 0u64);
    /// # let mut composer = Composer::new();
    /// # composer.add(ComposableDescriptor::new("clock", clock));
    /// # let composition = composer.compose().await?;
    /// let snapshot = composition.snapshot();
    /// assert_eq!(snapshot.components[0].id, "clock");
    /// assert_eq!(snapshot.components[0].instances[0].state.name(), "running");
    /// assert_eq!(snapshot.to_string(), "clock: running, 0 in progress, 0 waiting\n");
    /// # Ok(())
    /// # }
    /// ```
    pub fn snapshot(&self) -> Snapshot {
        let wired = self.shared.wired();
        let dispatchers = wired.leaves.iter().filter_map(|leaf| leaf.dispatcher.as_ref());
        Snapshot {
            components: dispatchers.map(|dispatcher| dispatcher.snapshot()).collect(),
            live_handles: self.live_handles(),
            closed: self.shared.is_shut(),
            plan: wired.plan.clone(),
            calls: Vec::new(),
        }
    }
}

impl Snapshot {
    /// Adds the counts of `counts`, a layer of the same composition, to this snapshot.
    #[must_use]
    pub fn with_counts(mut self, counts: &CountLayer) -> Self {
        self.calls = counts.edges();
        self
    }

    /// The plan in Graphviz's DOT language, with the components' states and counts of calls.
    pub fn to_dot(&self) -> String {
        self.plan.dot(self)
    }

    /// The plan as a Mermaid flowchart, with the components' states and counts of calls.
    pub fn to_mermaid(&self) -> String {
        self.plan.mermaid(self)
    }
}

impl Notes for Snapshot {
    fn component(&self, id: &str) -> Option<String> {
        self.components.iter().find(|component| component.id == id).map(ComponentSnapshot::summary)
    }

    fn edge(&self, consumer: Option<&str>, provider: &str, export: &str) -> Option<String> {
        // A fused group calls and is called as one component.
        let of_group = |id| self.plan.fused_into(id).unwrap_or(id);
        let (consumer, provider) = (consumer.map(of_group), of_group(provider));
        let edge = self.calls.iter().find(|edge| {
            let ends = (edge.consumer.as_deref(), &*edge.provider, &*edge.export);
            ends == (consumer, provider, export)
        })?;
        Some(match edge.failures {
            0 => format!("calls: {}", edge.calls),
            failures => format!("calls: {}, failed: {failures}", edge.calls),
        })
    }
}

impl ComponentSnapshot {
    /// The component's state in a few words.
    fn summary(&self) -> String {
        let mut states: Vec<(&str, usize)> = Vec::new();
        for state in self.instances.iter().map(|it| it.state.name()) {
            match states.iter_mut().find(|(name, _)| *name == state) {
                Some((_, count)) => *count += 1,
                None => states.push((state, 1)),
            }
        }
        let states = states.iter().map(|(name, count)| match self.instances.len() {
            1 => (*name).to_owned(),
            _ => format!("{count} {name}"),
        });
        let sum = |of: fn(&InstanceSnapshot) -> usize| self.instances.iter().map(of).sum::<usize>();
        let (running, waiting) = (sum(|it| it.running), self.waiting + sum(|it| it.waiting));
        let mut said = states.collect::<Vec<_>>();
        said.push(format!("{running} in progress"));
        said.push(format!("{waiting} waiting"));
        let (handles, streams) = (sum(|it| it.live_handles), sum(|it| it.open_streams));
        let restarts = sum(|it| it.restarts as usize);
        for (count, what) in [
            (handles, "handles held"),
            (streams, "streams open"),
            (restarts, "restarts"),
            (self.retiring, "retiring"),
        ] {
            if count > 0 {
                said.push(format!("{what}: {count}"));
            }
        }
        said.join(", ")
    }
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for component in &self.components {
            writeln!(f, "{}: {}", plain(&component.id), plain_lines(component.summary()))?;
        }
        for edge in &self.calls {
            let consumer = edge.consumer.as_deref().unwrap_or("Rust");
            let EdgeCounts { provider, export, calls, failures, .. } = edge;
            let (consumer, provider, export) = (plain(consumer), plain(provider), plain(export));
            writeln!(f, "{consumer} -> {provider}, {export}: calls: {calls}, failed: {failures}")?;
        }
        Ok(())
    }
}
