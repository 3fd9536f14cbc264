//! In place of `concurrent`, without async components: calls run one at a time, to their end.

use wasmtime::Store;
use wasmtime::component::{Func, Instance};

use crate::plan::companion::Companion;
use crate::types::FunctionType;

/// No call is a task.
pub(super) enum TaskId {}

/// What gives up calls: nothing does.
pub(super) struct Cancelling;

impl Cancelling {
    pub(super) fn new<T>(_: &mut Store<T>, _: &Instance, _: Option<&Companion>) -> Self {
        Self
    }
}

/// In what other ways a function can be called: in none.
#[derive(Default)]
pub(super) struct Ways {
    pub(super) at_once: Option<Func>,
}

impl Ways {
    pub(super) fn find<T>(
        _: &mut Store<T>,
        _: &Instance,
        _: (&[String], &FunctionType),
        _: &Companion,
    ) -> Self {
        Self::default()
    }
}
