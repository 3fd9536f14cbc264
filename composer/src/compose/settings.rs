//! How components run, as their descriptors say it.

use std::time::Duration;

use crate::run::{Bounds, Lifetime, RestartPolicy, shorter};

/// How long starting may take, and a destructor, where nothing is said.
const UNSAID: Duration = Duration::from_secs(60);

/// How components run. What a descriptor of a nested composer leaves open inside, the descriptors
/// around it decide.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    pub(crate) deadline: Option<Duration>,
    pub(crate) inbox_capacity: Option<usize>,
    pub(crate) handle_limit: Option<usize>,
    pub(crate) calls_in_flight: Option<usize>,
    pub(crate) bytes_in_flight: Option<usize>,
    pub(crate) instances: Option<usize>,
    pub(crate) restart: Option<RestartPolicy>,
    pub(crate) lifetime: Option<Lifetime>,
    pub(crate) run_limit: Option<u32>,
    pub(crate) start_deadline: Option<Duration>,
    pub(crate) grace: Option<Duration>,
}

impl Settings {
    /// These settings, completed by those of a descriptor around.
    pub(crate) fn within(self, outer: Self) -> Self {
        Self {
            // A call from anywhere may take no longer than each of them says.
            deadline: shorter(self.deadline, outer.deadline),
            inbox_capacity: self.inbox_capacity.or(outer.inbox_capacity),
            handle_limit: self.handle_limit.or(outer.handle_limit),
            calls_in_flight: self.calls_in_flight.or(outer.calls_in_flight),
            bytes_in_flight: self.bytes_in_flight.or(outer.bytes_in_flight),
            instances: self.instances.or(outer.instances),
            restart: self.restart.or(outer.restart),
            lifetime: self.lifetime.or(outer.lifetime),
            run_limit: self.run_limit.or(outer.run_limit),
            start_deadline: self.start_deadline.or(outer.start_deadline),
            grace: self.grace.or(outer.grace),
        }
    }

    /// How many instances run. That there is none is a problem of the plan.
    pub(crate) fn instances(&self) -> usize {
        // Where instances end by their calls, one takes calls while the next is made.
        let unsaid = if self.lifetime.is_some_and(|it| it.is_by_calls()) { 2 } else { 1 };
        self.instances.unwrap_or(unsaid).max(1)
    }

    /// What bounds the component's code.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds {
            run_limit: self.run_limit,
            start: self.start_deadline.unwrap_or(UNSAID),
            destructor: self.deadline.unwrap_or(UNSAID),
            grace: self.grace.or(self.deadline),
        }
    }
}

/// How a driver runs its component.
#[derive(Clone, Copy)]
pub(crate) struct RunSettings {
    pub(crate) policy: RestartPolicy,
    pub(crate) bounds: Bounds,
}
