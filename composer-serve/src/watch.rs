//! What a connection is doing, and how long its client may take for it.
//!
//! hyper has no time limits for clients that do not read, and none that tell an idle connection from a slow head. So
//! what reads, writes and answers notes here what it sees, and the task of the connection ends it when it is due.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Waker;
use std::time::Duration;

use http::Version;
use tokio::time::Instant;

use crate::settings::Settings;
use crate::sync::lock;

/// How long what a client still sends is read and thrown away at the end of a connection, and how long it may take to
/// say farewell. If there were unread bytes when it is closed, the system would reset the connection, and the client
/// might never read the response that ended it.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// What is known of a connection.
#[derive(Debug)]
pub(crate) struct Watch {
    state: Mutex<State>,
    /// Whether a client must not take the end of the connection for the end of what it reads.
    unfinished: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// When the connection was made, while there was no request.
    new: Option<Instant>,
    /// Whether it is of HTTP/2, where bytes between requests need not be those of a head.
    multiplexed: bool,
    /// How many requests have no whole response.
    busy: usize,
    /// Since when nothing was sent, if there is no request.
    idle: Instant,
    /// When the first byte of a head has come.
    head: Option<Instant>,
    /// The requests whose client has yet to take what was written, and since when.
    untaken: BTreeMap<u64, Instant>,
    next: u64,
    /// When its end was begun.
    ending: Option<Instant>,
    /// The connection's task.
    waker: Option<Waker>,
}

impl State {
    /// Has the connection's task look again at when it is due. Requests of HTTP/2 have tasks of their own, of which hyper
    /// tells the connection's only if there is something to send.
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take().filter(|_| self.multiplexed) {
            waker.wake();
        }
    }
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// There was no request for too long.
    Idle,
    /// A head took too long.
    Head,
    /// What was written is not read.
    Untaken,
    /// Its end was begun, and the client has not taken part in it.
    Ended,
}

impl Watch {
    pub(crate) fn new(opened: Instant) -> Arc<Self> {
        let state = State {
            new: Some(opened),
            multiplexed: false,
            busy: 0,
            idle: opened,
            head: None,
            untaken: BTreeMap::new(),
            next: 0,
            ending: None,
            waker: None,
        };
        Arc::new(Self { state: Mutex::new(state), unfinished: AtomicBool::new(false) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics while it is locked, and plain data has no half state.
        lock(&self.state)
    }

    /// Notes that bytes have come.
    pub(crate) fn has_read(&self) {
        let mut state = self.state();
        if state.busy == 0 && state.head.is_none() {
            state.head = Some(Instant::now());
        }
    }

    /// Notes that bytes have gone.
    pub(crate) fn has_written(&self) {
        let mut state = self.state();
        if state.busy == 0 {
            state.idle = Instant::now();
        }
    }

    /// Notes that a head is there.
    pub(crate) fn begin(self: &Arc<Self>, version: Version) -> Busy {
        let mut state = self.state();
        state.new = None;
        state.head = None;
        state.multiplexed |= version == Version::HTTP_2;
        state.busy += 1;
        state.next += 1;
        Busy { number: state.next, watch: self.clone() }
    }

    /// Notes that the connection is asked to end.
    pub(crate) fn ends(&self) {
        self.state().ending.get_or_insert_with(Instant::now);
    }

    /// Notes whether there is a body that has not come to its end, and that has no other end than the connection's.
    pub(crate) fn set_unfinished(&self, unfinished: bool) {
        self.unfinished.store(unfinished, Ordering::Relaxed);
    }

    pub(crate) fn is_unfinished(&self) -> bool {
        self.unfinished.load(Ordering::Relaxed)
    }

    /// Has the connection's task woken when it may be due earlier than it was.
    pub(crate) fn wakes(&self, waker: &Waker) {
        let mut state = self.state();
        if !state.waker.as_ref().is_some_and(|it| it.will_wake(waker)) {
            state.waker = Some(waker.clone());
        }
    }

    /// When the connection has to end, if nothing happens until then.
    pub(crate) fn due(&self, settings: &Settings) -> Option<(Instant, Due)> {
        let state = self.state();
        if state.busy > 0 {
            let oldest = state.untaken.values().min()?;
            return Some((after(*oldest, settings.body_time), Due::Untaken));
        }
        if let Some(ending) = state.ending {
            return Some((after(ending.max(state.idle), LINGER), Due::Ended));
        }
        Some(match (state.new, state.head) {
            (Some(opened), _) => (after(opened, settings.head_time), Due::Head),
            (None, Some(begun)) if !state.multiplexed => {
                (after(begun, settings.head_time), Due::Head)
            }
            (None, _) => (after(state.idle, settings.idle_time), Due::Idle),
        })
    }
}

/// Stands for a time that the clock cannot tell: `Duration::MAX` is how one says that there is no limit.
const UNLIMITED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// When `time` has passed since `start`.
pub(crate) fn after(start: Instant, time: Duration) -> Instant {
    start.checked_add(time).unwrap_or_else(|| start + UNLIMITED)
}

/// A request without a whole response. Dropping it notes that it has one, or will not get one.
#[derive(Debug)]
pub(crate) struct Busy {
    number: u64,
    watch: Arc<Watch>,
}

impl Busy {
    /// Notes that something was written that the client has yet to take.
    pub(crate) fn written(&self) {
        let mut state = self.watch.state();
        if state.untaken.is_empty() {
            state.wake();
        }
        state.untaken.insert(self.number, Instant::now());
    }

    /// Notes that the client has taken what was written.
    pub(crate) fn taken(&self) {
        self.watch.state().untaken.remove(&self.number);
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut state = self.watch.state();
        state.untaken.remove(&self.number);
        state.busy -= 1;
        state.idle = Instant::now();
        if state.busy == 0 {
            state.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Wake;

    use super::*;

    const SETTINGS: fn() -> Settings = Settings::default;

    #[test]
    fn new_connection_has_the_time_of_a_head() {
        let opened = Instant::now();
        let watch = Watch::new(opened);
        assert_eq!(watch.due(&SETTINGS()), Some((opened + SETTINGS().head_time, Due::Head)));
        watch.has_read();
        assert_eq!(watch.due(&SETTINGS()), Some((opened + SETTINGS().head_time, Due::Head)));
    }

    #[test]
    fn busy_connection_is_due_only_for_its_client() {
        let watch = Watch::new(Instant::now());
        let (one, two) = (watch.begin(Version::HTTP_2), watch.begin(Version::HTTP_2));
        assert_eq!(watch.due(&SETTINGS()), None);
        one.written();
        let first = watch.due(&SETTINGS());
        assert!(matches!(first, Some((_, Due::Untaken))), "{first:?}");
        two.written();
        assert_eq!(watch.due(&SETTINGS()), first);
        two.taken();
        one.taken();
        assert_eq!(watch.due(&SETTINGS()), None);
        one.written();
        drop(one);
        assert_eq!(watch.due(&SETTINGS()), None);
        drop(two);
        assert!(matches!(watch.due(&SETTINGS()), Some((_, Due::Idle))));
    }

    #[test]
    fn byte_between_requests_begins_a_head_unless_it_can_be_something_else() {
        let watch = Watch::new(Instant::now());
        drop(watch.begin(Version::HTTP_11));
        assert!(matches!(watch.due(&SETTINGS()), Some((_, Due::Idle))));
        watch.has_read();
        assert!(matches!(watch.due(&SETTINGS()), Some((_, Due::Head))));
        let watch = Watch::new(Instant::now());
        drop(watch.begin(Version::HTTP_2));
        watch.has_read();
        assert!(matches!(watch.due(&SETTINGS()), Some((_, Due::Idle))));
    }

    #[test]
    fn connection_is_woken_when_a_stream_makes_it_due() {
        struct Woken(AtomicBool);
        impl Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let is_woken = || woken.0.swap(false, Ordering::Relaxed);
        let watch = Watch::new(Instant::now());
        let (one, two) = (watch.begin(Version::HTTP_2), watch.begin(Version::HTTP_2));
        watch.wakes(&woken.clone().into());
        one.written();
        assert!(is_woken());
        watch.wakes(&woken.clone().into());
        // It is due no earlier.
        two.written();
        drop(one);
        assert!(!is_woken());
        drop(two);
        assert!(is_woken());
    }

    #[test]
    fn times_may_have_no_end() {
        let limit = Duration::MAX;
        let settings =
            Settings { head_time: limit, body_time: limit, idle_time: limit, ..SETTINGS() };
        let watch = Watch::new(Instant::now());
        assert!(watch.due(&settings).is_some());
        let busy = watch.begin(Version::HTTP_11);
        busy.written();
        assert!(watch.due(&settings).is_some());
        drop(busy);
        assert!(watch.due(&settings).is_some());
    }

    #[test]
    fn what_ends_has_a_moment() {
        let watch = Watch::new(Instant::now());
        let busy = watch.begin(Version::HTTP_2);
        watch.ends();
        assert_eq!(watch.due(&SETTINGS()), None);
        drop(busy);
        let Some((at, Due::Ended)) = watch.due(&SETTINGS()) else { panic!("it is ending") };
        assert!(at <= Instant::now() + LINGER && LINGER < Duration::from_secs(5));
    }
}
