//! In place of `streams`, where no stream can cross: without the codec, or without async components.

use std::convert::Infallible;

use wasm_runtime_composer_values::Stored;
use wasmtime::AsContextMut;

use super::crossing::Crossing;
use crate::error::HandleError;
use crate::value::{HandleFault, HandleType, StreamEnd};

/// There is none.
pub(super) enum GivenStream {}

impl GivenStream {
    pub(super) fn close(self, _: impl AsContextMut) -> Result<(), Infallible> {
        match self {}
    }
}

#[derive(Clone, Default)]
pub(crate) struct Futures;

impl Futures {
    pub(super) fn renew(&self) {}

    #[expect(clippy::unnecessary_wraps, reason = "where there are futures, it can fail")]
    pub(super) fn attend(&self, _: impl AsContextMut) -> wasmtime::Result<()> {
        Ok(())
    }
}

impl<S: AsContextMut> Crossing<'_, S> {
    pub(super) fn take_end(&self, _: HandleType<'_>, _: Stored) -> Result<StreamEnd, HandleFault> {
        Err(HandleError::NotHeld.into())
    }

    pub(super) fn give_end(&self, _: HandleType<'_>, _: StreamEnd) -> Result<Stored, HandleFault> {
        Err(HandleError::NotHeld.into())
    }
}
