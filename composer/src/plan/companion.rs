//! By which exports a component's companion calls it.
//!
//! The companion is written by the room `companion`, and called by `run`; what the two must agree
//! on is here. Some functions are called with a number, by which a call can be given up later.
//! Their canonical ABI must pass parameters and results in memory, so tuples are filled up with
//! bytes until they exceed the number of values that would be passed as core values
//! (`CanonicalABI.md`, flattening).

use std::collections::{HashMap, HashSet};

use crate::types::{FunctionType, ValueType};

/// The exported instances of a component that has a companion: the component itself, and the
/// companion's functions.
pub(crate) const COMPONENT: &str = "component";
pub(crate) const SYNC: &str = "sync";
pub(crate) const CANCEL: &str = "cancel";

/// The companion's import by which it tells the host that the call with some number has begun.
pub(crate) const BEGUN: &str = "companion-call-has-begun";

/// What the companion imports to learn the number of the imported call that has begun last.
pub(crate) const NUMBER: &str = "companion-number-of-call";
/// What the companion imports to cancel an imported call by its number.
pub(crate) const CANCEL_IMPORT: &str = "companion-cancel-call";

/// Whether an import of a component with a companion is the companion's own.
#[cfg(all(feature = "compile", feature = "component-model-async"))]
pub(crate) fn is_own_import(name: &str) -> bool {
    [BEGUN, NUMBER, CANCEL_IMPORT].contains(&name)
}

/// Which functions of a component its companion calls, and by which exports. Functions are named by the names
/// of the instances around them and their own.
#[derive(Debug, Default)]
pub(crate) struct Companion {
    pub(crate) sync: HashMap<Vec<String>, String>,
    pub(crate) cancel: HashMap<Vec<String>, String>,
    /// Whether the component can apply backpressure (`backpressure.inc`): its calls may have to
    /// wait although no other call runs.
    pub(crate) holds_back: bool,
    /// Whether a call can be given up without waiting for the guest (`subtask.cancel` of the async
    /// kind).
    pub(crate) cancels_in_passing: bool,
    /// The imported functions that it passes on, so that giving up a call of one waits for the callee. They are named
    /// by the instance around them, if there is one, and their own names.
    pub(crate) imports: HashSet<Vec<String>>,
}

impl Companion {
    /// The path to the export `path` of the component itself.
    pub(crate) fn path_of(path: &[String]) -> impl Iterator<Item = &str> {
        [COMPONENT].into_iter().chain(path.iter().map(|name| &**name))
    }

    /// The companion's export that calls a function of a sync type without waiting for other calls.
    pub(crate) fn at_once(&self, path: &[String]) -> Option<[&str; 2]> {
        Some([SYNC, self.sync.get(path)?])
    }

    /// The companion's export that calls a function of an async type under a number, by which the
    /// call can be given up.
    pub(crate) fn numbered(&self, path: &[String]) -> Option<[&str; 2]> {
        Some([CANCEL, self.cancel.get(path)?])
    }

    /// The companion's export that gives up the call with some number.
    pub(crate) fn cancel(&self) -> Option<[&str; 2]> {
        (!self.cancel.is_empty()).then_some([CANCEL, "cancel"])
    }
}

/// How many core values a lowered async function takes before its parameters are passed in memory.
pub(crate) const MOST_FLAT: usize = 4;
/// As many core values a lifted function takes as such, and returns.
pub(crate) const MOST_LIFTED: usize = 16;

/// How many bytes must be added to a parameter or result of so many core values, beside one other
/// core value, for it to be passed in memory.
pub(crate) fn filling(core_values: usize) -> usize {
    MOST_LIFTED.saturating_sub(core_values)
}

/// The type of the companion's function that calls a function of type `ty` under a number. It takes
/// the number, and the parameters in a tuple with filling; it returns the result in a tuple with
/// filling, or `none` if the call was given up.
pub(crate) fn numbered(ty: &FunctionType) -> FunctionType {
    let bytes = |number| std::iter::repeat_n(ValueType::U8, number);
    let mut params = vec![("number".into(), ValueType::U32)];
    if !ty.params.is_empty() {
        let each = ty.params.iter().map(|(_, ty)| ty.clone());
        params.push(("params".into(), ValueType::Tuple(each.collect())));
    }
    let filled = filled_params(ty);
    if filled > 0 {
        params.push(("filling".into(), ValueType::Tuple(bytes(filled).collect())));
    }
    let result = ty.result.iter().cloned().chain(bytes(filled_result(ty)));
    let result = ValueType::Option(ValueType::Tuple(result.collect()).into());
    FunctionType { is_async: true, params, result: Some(result) }
}

/// How many bytes of filling the parameters need.
pub(crate) fn filled_params(ty: &FunctionType) -> usize {
    let params = ty.core_params();
    if params > MOST_FLAT { filling(params) } else { 0 }
}

fn filled_result(ty: &FunctionType) -> usize {
    filling(ty.result.as_ref().map_or(0, ValueType::core_values))
}
