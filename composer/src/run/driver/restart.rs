//! When a component that trapped is started again.

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// What happens to a component that trapped, or whose store was ended for another reason than the
/// composition's end.
///
/// A restarted component has a new store and a new instance; what the old one had in memory is
/// gone, and handles of its resources are errors. Calls that were in its inbox reach the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartPolicy {
    limit: u32,
    backoff: Duration,
    window: Option<Duration>,
}

impl RestartPolicy {
    /// The component stays ended. This is the default.
    pub const fn never() -> Self {
        Self { limit: 0, backoff: Duration::ZERO, window: None }
    }

    /// The component is started again, at most `limit` times.
    ///
    /// Before the first time it waits for `backoff`, then each time twice as long as the time
    /// before, up to a minute; a random part of up to half is taken off, so that components that
    /// ended together do not start together.
    pub const fn restart(limit: u32, backoff: Duration) -> Self {
        Self { limit, backoff, window: None }
    }

    /// Counts only restarts within the last `window`: a component that ran well for so long has all
    /// its restarts again.
    #[must_use]
    pub const fn within(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    pub(crate) fn is_never(&self) -> bool {
        self.limit == 0
    }
}

/// The longest wait before a restart.
const LONGEST_BACKOFF: Duration = Duration::from_secs(60);

/// The restarts of one component.
#[derive(Debug)]
pub(super) struct Restarts {
    policy: RestartPolicy,
    recent: VecDeque<Instant>,
}

impl Restarts {
    pub(super) fn new(policy: RestartPolicy) -> Self {
        Self { policy, recent: VecDeque::new() }
    }

    /// How long to wait before the next restart; `None` if there is none.
    pub(super) fn next(&mut self, now: Instant) -> Option<Duration> {
        if let Some(window) = self.policy.window {
            while self.recent.front().is_some_and(|at| now.duration_since(*at) > window) {
                self.recent.pop_front();
            }
        }
        let before = u32::try_from(self.recent.len()).unwrap_or(u32::MAX);
        if before >= self.policy.limit {
            return None;
        }
        self.recent.push_back(now);
        let factor = 1_u32.checked_shl(before).unwrap_or(u32::MAX);
        let longest = self.policy.backoff.saturating_mul(factor).min(LONGEST_BACKOFF);
        // A fresh hasher is as random as this needs.
        let random = RandomState::new().hash_one(before) % 1024;
        Some(longest - longest / 2 * random as u32 / 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_within_its_random_part_until_the_limit() {
        let second = Duration::from_secs(1);
        let mut restarts = Restarts::new(RestartPolicy::restart(4, second));
        for longest in [1, 2, 4, 8] {
            let delay = restarts.next(Instant::now()).unwrap();
            let longest = second * longest;
            assert!(longest / 2 <= delay && delay <= longest, "{delay:?} of {longest:?}");
        }
        assert_eq!(restarts.next(Instant::now()), None);
    }

    #[test]
    fn restarts_outside_of_the_window_do_not_count() {
        let policy = RestartPolicy::restart(1, Duration::ZERO).within(Duration::from_secs(10));
        let mut restarts = Restarts::new(policy);
        let start = Instant::now();
        assert!(restarts.next(start).is_some());
        assert!(restarts.next(start + Duration::from_secs(10)).is_none());
        assert!(restarts.next(start + Duration::from_secs(11)).is_some());
    }

    #[test]
    fn backoff_has_an_upper_bound() {
        let mut restarts = Restarts::new(RestartPolicy::restart(100, Duration::from_secs(30)));
        for _ in 0..100 {
            assert!(restarts.next(Instant::now()).unwrap() <= LONGEST_BACKOFF);
        }
    }
}
