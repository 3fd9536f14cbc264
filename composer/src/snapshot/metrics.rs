//! Snapshots as metrics.

use metrics::{counter, gauge};

use super::Snapshot;
use crate::run::{InstanceSnapshot, InstanceState};

impl Snapshot {
    /// Reports the state of the components to the recorder of the crate [`metrics`], with feature
    /// `metrics`. Call it as often as the numbers should be updated, for instance before each
    /// scrape.
    ///
    /// | name | kind | labels |
    /// |---|---|---|
    /// | `composer_inbox_depth` | gauge: calls that wait | `component` |
    /// | `composer_calls_running` | gauge | `component` |
    /// | `composer_live_handles` | gauge: resources of the component that others hold | `component` |
    /// | `composer_instances_running` | gauge: instances that take calls | `component` |
    /// | `composer_restarts_total` | counter | `component` |
    ///
    /// Calls are counted and timed by the layer [`Metrics`](crate::layer::MetricsLayer).
    pub fn record_metrics(&self) {
        for component in &self.components {
            let sum = |of: fn(&InstanceSnapshot) -> usize| {
                component.instances.iter().map(of).sum::<usize>() as f64
            };
            let label = || [("component", component.id.clone())];
            gauge!("composer_inbox_depth", &label())
                .set(component.waiting as f64 + sum(|it| it.waiting));
            gauge!("composer_calls_running", &label()).set(sum(|it| it.running));
            gauge!("composer_live_handles", &label()).set(sum(|it| it.live_handles));
            let runs =
                |it: &InstanceSnapshot| usize::from(matches!(it.state, InstanceState::Running));
            gauge!("composer_instances_running", &label()).set(sum(runs));
            let restarts = component.instances.iter().map(|it| it.restarts).sum();
            counter!("composer_restarts_total", &label()).absolute(restarts);
        }
    }
}
