//! Streams and futures among the handles that cross.

use wasm_runtime_composer_values::Stored;
use wasmtime::AsContextMut;
use wasmtime::component::{FutureAny, StreamAny};

use super::crossing::Crossing;
pub(super) use super::future::Futures;
use crate::error::HandleError;
use crate::value::{HandleFault, HandleType, StreamEnd};

/// A reading end that was put into a store.
pub(super) enum GivenStream {
    Stream(StreamAny),
    Future(FutureAny),
}

impl GivenStream {
    /// Closes it. This fails only in a store that has trapped.
    pub(super) fn close(self, store: impl AsContextMut) -> wasmtime::Result<()> {
        match self {
            Self::Stream(mut stream) => stream.close(store),
            Self::Future(mut future) => future.close(store),
        }
    }
}

impl<S: AsContextMut> Crossing<'_, S> {
    /// Takes a reading end out of the store.
    pub(super) fn take_end(
        &mut self,
        ty: HandleType<'_>,
        stored: Stored,
    ) -> Result<StreamEnd, HandleFault> {
        match (ty, stored) {
            (HandleType::Stream(payload), Stored::Stream(stream)) => {
                self.take_stream(payload, stream)
            }
            (HandleType::Future(payload), Stored::Future(future)) => {
                self.take_future(payload, future)
            }
            _ => Err(HandleError::Internal.into()),
        }
    }

    /// Puts a reading end into the store.
    pub(super) fn give_end(
        &mut self,
        ty: HandleType<'_>,
        end: StreamEnd,
    ) -> Result<Stored, HandleFault> {
        match ty {
            HandleType::Stream(payload) => Ok(Stored::Stream(self.give_stream(payload, end)?)),
            HandleType::Future(payload) => Ok(Stored::Future(self.give_future(payload, end)?)),
            HandleType::Own(_) | HandleType::Borrow(_) => Err(HandleError::Internal.into()),
        }
    }
}
