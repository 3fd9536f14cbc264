//! In place of `held_streams` and `streams`, where no stream can cross: without the codec, or without async components.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use wasm_runtime_composer_values::Stored;

use super::caller::CallerSide;
use super::held::HeldHandles;
use crate::error::HandleError;
use crate::value::{HandleFault, HandleType, StreamEnd};

#[derive(Clone, Default)]
pub(crate) struct HeldStreams;

/// There is none.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct StreamKey(Infallible);

pub(super) type StreamSource = Infallible;

impl StreamKey {
    /// Gives up the name.
    pub(super) fn retire(self) {
        match self.0 {}
    }
}

impl HeldStreams {
    pub(crate) fn close(&self) {}

    pub(super) fn take_all(
        &self,
        _: &HashSet<StreamKey>,
    ) -> Option<HashMap<StreamKey, StreamSource>> {
        Some(HashMap::new())
    }
}

pub(super) fn key_of(_: &Stored) -> Option<StreamKey> {
    None
}

pub(super) fn received(
    _: &Arc<CallerSide>,
    _: HandleType<'_>,
    source: StreamSource,
) -> Result<StreamEnd, HandleError> {
    match source {}
}

impl HeldHandles<'_> {
    pub(super) fn check_stream(&self, _: HandleType<'_>, _: &Stored) -> Result<(), HandleFault> {
        Err(HandleError::NotHeld.into())
    }

    pub(super) fn take_stream(
        &self,
        _: HandleType<'_>,
        _: &Stored,
    ) -> Result<StreamEnd, HandleFault> {
        Err(HandleError::NotHeld.into())
    }

    pub(super) fn give_stream(
        &self,
        _: HandleType<'_>,
        _: StreamEnd,
    ) -> Result<Stored, HandleFault> {
        Err(HandleError::NotHeld.into())
    }
}
