//! What waits on behalf of one component: its calls of others that are not answered, and the bytes of what it
//! has given out or is to be given.
//!
//! An async import does not hold its caller up, so nothing else bounds what a guest that awaits nothing piles
//! up in the host's memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::CompositionError;

/// Counts what waits on behalf of one component. Clones are the same.
#[derive(Clone)]
pub(crate) struct OutgoingCalls(Arc<Counters>);

struct Counters {
    component: Arc<str>,
    calls: AtomicUsize,
    bytes: AtomicUsize,
    most_calls: usize,
    most_bytes: usize,
}

/// How many calls a component may have waiting whose descriptor says nothing else.
const CALLS: usize = 16 * 1024;

/// How many bytes may wait on behalf of a component whose descriptor says nothing else.
const BYTES: usize = 64 << 20;

/// Which bound is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Calls,
    Bytes,
}

/// A call that waits, with the bytes of its arguments or of its result.
pub(crate) struct OutgoingPermit(OutgoingBytes);

/// Bytes that wait.
pub(crate) struct OutgoingBytes {
    outgoing: OutgoingCalls,
    bytes: usize,
}

impl OutgoingCalls {
    pub(crate) fn new(component: Arc<str>, calls: Option<usize>, bytes: Option<usize>) -> Self {
        Self(Arc::new(Counters {
            component,
            calls: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            most_calls: calls.unwrap_or(CALLS),
            most_bytes: bytes.unwrap_or(BYTES),
        }))
    }

    /// What tells the component from others that are there.
    pub(crate) fn number(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// How many calls wait.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Takes a place for a call with so many bytes.
    ///
    /// # Errors
    ///
    /// Which bound is met.
    pub(crate) fn take(&self, bytes: usize) -> Result<OutgoingPermit, CompositionError> {
        match self.try_take(bytes) {
            Ok(place) => Ok(place),
            Err(bound) => Err(self.met(bound, bytes)),
        }
    }

    fn try_take(&self, bytes: usize) -> Result<OutgoingPermit, Bound> {
        // The numbers order nothing else. A call that is beyond its bound is counted no more when the place is
        // dropped.
        let before = self.0.calls.fetch_add(1, Ordering::Relaxed);
        let mut place = OutgoingPermit(OutgoingBytes { outgoing: self.clone(), bytes: 0 });
        if before >= self.0.most_calls {
            return Err(Bound::Calls);
        }
        place.0.add(bytes)?;
        Ok(place)
    }

    /// Counts bytes that wait.
    ///
    /// # Errors
    ///
    /// If they are too many.
    #[cfg_attr(
        not(all(feature = "codec", feature = "component-model-async")),
        expect(dead_code, reason = "there are no streams then")
    )]
    pub(crate) fn hold(&self, bytes: usize) -> Result<Bytes, CompositionError> {
        let mut waiting = OutgoingBytes { outgoing: self.clone(), bytes: 0 };
        match waiting.add(bytes) {
            Ok(()) => Ok(Bytes(waiting)),
            Err(bound) => Err(self.met(bound, bytes)),
        }
    }

    fn met(&self, bound: Bound, bytes: usize) -> CompositionError {
        let component = self.0.component.to_string();
        match bound {
            Bound::Calls => CompositionError::Flood { component, limit: self.0.most_calls },
            Bound::Bytes => {
                let (waiting, limit) = (self.0.bytes.load(Ordering::Relaxed), self.0.most_bytes);
                CompositionError::FloodOfBytes { component, waiting, bytes, limit }
            }
        }
    }
}

/// Bytes of no call.
pub(crate) struct Bytes(#[expect(dead_code, reason = "its drop is what counts")] OutgoingBytes);

impl OutgoingBytes {
    fn add(&mut self, bytes: usize) -> Result<(), Bound> {
        if bytes == 0 {
            return Ok(());
        }
        let Counters { bytes: count, most_bytes, .. } = &*self.outgoing.0;
        let before = count.fetch_add(bytes, Ordering::Relaxed);
        // What is alone may be of any size: the store's hostcall fuel bounds it.
        if before > 0 && before.saturating_add(bytes) > *most_bytes {
            count.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Bound::Bytes);
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for OutgoingBytes {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.outgoing.0.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

impl OutgoingPermit {
    /// Another one of the same component, for a copy of the call, if there is one.
    pub(crate) fn another(&self) -> Option<Self> {
        self.0.outgoing.try_take(self.0.bytes).ok()
    }

    /// What counts it.
    pub(crate) fn outgoing(&self) -> &OutgoingCalls {
        &self.0.outgoing
    }

    /// Counts a result of so many bytes in the place of the arguments.
    ///
    /// # Errors
    ///
    /// If they are too many.
    pub(crate) fn returns(&mut self, bytes: usize) -> Result<(), CompositionError> {
        let OutgoingBytes { outgoing, bytes: counted } = &mut self.0;
        let before = std::mem::take(counted);
        if before > 0 {
            outgoing.0.bytes.fetch_sub(before, Ordering::Relaxed);
        }
        self.0.add(bytes).map_err(|bound| self.0.outgoing.met(bound, bytes))
    }
}

impl Drop for OutgoingPermit {
    fn drop(&mut self) {
        self.0.outgoing.0.calls.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounded() -> OutgoingCalls {
        OutgoingCalls::new("it".into(), Some(2), Some(10))
    }

    #[test]
    fn bounds_hold_and_what_is_dropped_counts_no_more() {
        let outgoing = bounded();
        let first = outgoing.take(6).unwrap();
        assert!(matches!(
            outgoing.take(5).err(),
            Some(CompositionError::FloodOfBytes { bytes: 5, limit: 10, .. })
        ));
        let second = outgoing.take(4).unwrap();
        assert!(matches!(outgoing.take(0).err(), Some(CompositionError::Flood { limit: 2, .. })));
        assert_eq!(outgoing.calls(), 2);
        drop(first);
        let third = outgoing.take(6).unwrap();
        drop((second, third));
        assert_eq!((outgoing.calls(), outgoing.0.bytes.load(Ordering::Relaxed)), (0, 0));
    }

    #[test]
    fn what_is_alone_may_be_of_any_size() {
        let outgoing = bounded();
        let mut alone = outgoing.take(1000).unwrap();
        assert!(outgoing.take(1).is_err());
        alone.returns(3).unwrap();
        let held = outgoing.hold(7).unwrap();
        assert!(alone.returns(4).is_err());
        drop((alone, held));
        assert_eq!((outgoing.calls(), outgoing.0.bytes.load(Ordering::Relaxed)), (0, 0));
    }
}
