//! How much stack there is for what runs on a caller's.

use std::ptr;

/// The stack that host code may need when it is called in place.
pub(super) const HOST_STACK: usize = 256 * 1024;

/// The stack that every thread of a runtime has; tokio's have twice as much.
const THREAD_STACK: usize = 1024 * 1024;

/// Whether a guest that takes up to `wasm` bytes of stack may run on a thread's own, wherever it is called: with the
/// host code that it calls it takes no more than every thread has.
pub(super) fn fits_on_a_thread(wasm: usize) -> bool {
    wasm + HOST_STACK <= THREAD_STACK
}

/// Whether a guest that takes up to `wasm` bytes of stack, and host code that it calls, have room on this
/// thread's. It is asked where no guest's own stack is in use.
pub(super) fn has_stack(wasm: usize) -> bool {
    // Where the platform cannot tell, a thread is taken to have enough.
    stacker::remaining_stack().is_none_or(|left| left >= wasm + HOST_STACK)
}

/// A place in a stack.
#[derive(Clone, Copy)]
pub(crate) struct Depth(usize);

impl Depth {
    pub(crate) fn here() -> Self {
        let here = 0_u8;
        Self(ptr::from_ref(&here).addr())
    }

    /// Whether this runs on the same stack and not much deeper, so that host code has most of its share left.
    pub(crate) fn is_near(self) -> bool {
        self.0.abs_diff(Self::here().0) <= HOST_STACK / 4
    }
}
