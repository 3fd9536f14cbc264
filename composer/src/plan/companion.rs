//! How the functions of a component are called through another one beside it.

use std::collections::{HashMap, HashSet};

use crate::types::{FunctionType, ValueType};

/// The exports of a component and of those beside it.
pub(crate) const COMPONENT: &str = "component";
pub(crate) const SYNC: &str = "sync";
pub(crate) const CANCEL: &str = "cancel";

/// What the companion imports, to tell that the call of a number has begun.
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
    /// Whether the component can hold back calls when no other runs.
    pub(crate) holds_back: bool,
    /// Whether giving a call up takes no longer than telling the guest.
    pub(crate) cancels_in_passing: bool,
    /// The imported functions that it passes on, so that giving up a call of one waits for the callee. They are named
    /// by the instance around them, if there is one, and their own names.
    pub(crate) imports: HashSet<Vec<String>>,
}

impl Companion {
    /// Where the export `path` of the component itself is.
    pub(crate) fn path_of(path: &[String]) -> impl Iterator<Item = &str> {
        [COMPONENT].into_iter().chain(path.iter().map(|name| &**name))
    }

    /// The export that calls a function of a sync type at once.
    pub(crate) fn at_once(&self, path: &[String]) -> Option<[&str; 2]> {
        Some([SYNC, self.sync.get(path)?])
    }

    /// The export that calls a function of an async type, and takes a number by which the call can be
    /// given up.
    pub(crate) fn numbered(&self, path: &[String]) -> Option<[&str; 2]> {
        Some([CANCEL, self.cancel.get(path)?])
    }

    /// The export that gives up the call of a number.
    pub(crate) fn cancel(&self) -> Option<[&str; 2]> {
        (!self.cancel.is_empty()).then_some([CANCEL, "cancel"])
    }
}

/// As many core values a lowered async function takes as such.
pub(crate) const MOST_FLAT: usize = 4;
/// As many core values a lifted function takes as such, and returns.
pub(crate) const MOST_LIFTED: usize = 16;

/// With how many bytes a parameter or a result of so many core values is passed in memory, beside another core
/// value.
pub(crate) fn filling(core_values: usize) -> usize {
    MOST_LIFTED.saturating_sub(core_values)
}

/// The type of what calls a function of type `ty` by a number: the number and the parameters in a tuple, with
/// what fills them up; the result in a tuple with what fills that up, or `none` if the call was given up.
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

/// How many bytes fill the parameters up.
pub(crate) fn filled_params(ty: &FunctionType) -> usize {
    let params = ty.core_params();
    if params > MOST_FLAT { filling(params) } else { 0 }
}

fn filled_result(ty: &FunctionType) -> usize {
    filling(ty.result.as_ref().map_or(0, ValueType::core_values))
}
