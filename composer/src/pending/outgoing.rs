//! Limits on what is outstanding on behalf of one component: its calls of others without an answer,
//! and the bytes of arguments, results and stream elements that wait to be taken.
//!
//! An async import does not block its caller, so without limits a guest that never awaits its calls
//! could fill the host's memory. A call beyond a limit fails for the caller
//! (`CompositionError::Flood`); other components are not affected.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::CompositionError;

/// Counts what is outstanding on behalf of one component. Clones share the counts.
#[derive(Clone)]
pub(crate) struct OutgoingCalls(Arc<Counters>);

struct Counters {
    component: Arc<str>,
    calls: AtomicUsize,
    bytes: AtomicUsize,
    most_calls: usize,
    most_bytes: usize,
}

/// The most outstanding calls of a component whose descriptor does not say otherwise.
const CALLS: usize = 16 * 1024;

/// The most outstanding bytes of a component whose descriptor does not say otherwise.
const BYTES: usize = 64 << 20;

/// The limit that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Calls,
    Bytes,
}

/// Counts an outstanding call, with the bytes of its arguments or of its result.
pub(crate) struct OutgoingPermit(OutgoingBytes);

/// Counts outstanding bytes.
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

    /// Identifies the component among those that exist at the moment.
    pub(crate) fn number(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// How many calls are outstanding.
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// Counts a call with so many bytes.
    ///
    /// # Errors
    ///
    /// If a limit is met.
    pub(crate) fn take(&self, bytes: usize) -> Result<OutgoingPermit, CompositionError> {
        match self.try_take(bytes) {
            Ok(place) => Ok(place),
            Err(bound) => Err(self.met(bound, bytes)),
        }
    }

    fn try_take(&self, bytes: usize) -> Result<OutgoingPermit, Bound> {
        // Relaxed, as no other memory depends on the counts. If the call is beyond a limit,
        // dropping the permit uncounts it.
        let before = self.0.calls.fetch_add(1, Ordering::Relaxed);
        let mut place = OutgoingPermit(OutgoingBytes { outgoing: self.clone(), bytes: 0 });
        if before >= self.0.most_calls {
            return Err(Bound::Calls);
        }
        place.0.add(bytes)?;
        Ok(place)
    }

    /// Counts bytes that belong to no call.
    ///
    /// # Errors
    ///
    /// If there are too many.
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

/// Outstanding bytes that belong to no call.
pub(crate) struct Bytes(#[expect(dead_code, reason = "its drop is what counts")] OutgoingBytes);

impl OutgoingBytes {
    fn add(&mut self, bytes: usize) -> Result<(), Bound> {
        if bytes == 0 {
            return Ok(());
        }
        let Counters { bytes: count, most_bytes, .. } = &*self.outgoing.0;
        let before = count.fetch_add(bytes, Ordering::Relaxed);
        // A single call or element may be of any size: the store's hostcall fuel already bounds it,
        // and a limit smaller than one value would make the value unusable.
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
    /// A permit of the same component for a copy of the call, unless a limit is met.
    pub(crate) fn another(&self) -> Option<Self> {
        self.0.outgoing.try_take(self.0.bytes).ok()
    }

    /// The counts that this permit is part of.
    pub(crate) fn outgoing(&self) -> &OutgoingCalls {
        &self.0.outgoing
    }

    /// Replaces the bytes of the arguments by those of the result.
    ///
    /// # Errors
    ///
    /// If there are too many.
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
