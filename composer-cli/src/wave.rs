//! Component values in WAVE, the text encoding of the component model's values: read by the type of
//! a function, and written.

use wasm_runtime_composer::types::{FunctionType, ValueType};
use wasm_runtime_composer::wave;
use wasm_wave::ast::Node;
use wasm_wave::untyped::UntypedValue;
use wasmtime::component::Val;

use crate::failure::Failure;

/// Arguments that do not fit a function.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Mismatch {
    #[error("`{function}` takes {expected} parameters, found {found}")]
    Count { function: String, expected: usize, found: usize },

    #[error("{} of `{function}`: expected `{expected}`, found {found}", .path.join(", "))]
    Type { function: String, path: Vec<String>, expected: String, found: String },

    #[error("{place} of `{function}`: `{found}` has no form in WAVE, so it cannot be called here")]
    Unwritable { function: String, place: String, found: String },
}

impl Mismatch {
    pub(crate) fn unwritable(function: &str, place: &str, found: &ValueType) -> Self {
        Self::Unwritable {
            function: function.to_owned(),
            place: place.to_owned(),
            found: found.to_string(),
        }
    }
}

/// Parses the arguments of `function`. Missing options at the end are `none`, as in WAVE.
pub(crate) fn arguments(
    function: &str,
    ty: &FunctionType,
    given: Option<&UntypedValue<'_>>,
) -> Result<Vec<Val>, Mismatch> {
    for (name, ty) in ty.params() {
        if let Some(found) = wave::unwritable(ty) {
            return Err(Mismatch::unwritable(function, &format!("parameter `{name}`"), found));
        }
    }
    let source = given.map_or("", UntypedValue::source);
    let nodes: Vec<&Node> = match given.map(|it| it.node().as_tuple()) {
        Some(Ok(nodes)) => nodes.collect(),
        Some(Err(_)) | None => Vec::new(),
    };
    let count = || Mismatch::Count {
        function: function.to_owned(),
        expected: ty.params().len(),
        found: nodes.len(),
    };
    if nodes.len() > ty.params().len() {
        return Err(count());
    }
    let params = ty.params().enumerate().map(|(index, (name, ty))| match (nodes.get(index), ty) {
        (Some(node), _) => {
            let text = source.get(node.span()).unwrap_or_default();
            wave::parse(ty, text).map_err(|error| {
                let mut path = vec![format!("parameter `{name}`")];
                path.extend(error.path().map(str::to_owned));
                let (expected, found) = (error.expected().to_owned(), error.found().to_owned());
                Mismatch::Type { function: function.to_owned(), path, expected, found }
            })
        }
        (None, ValueType::Option(_)) => Ok(Val::Option(None)),
        (None, _) => Err(count()),
    });
    params.collect()
}

/// A value in WAVE, on one line.
pub(crate) fn line(val: &Val) -> Result<String, Failure> {
    match wave::write(val) {
        Ok(text) => Ok(text + "\n"),
        Err(error) => {
            Err(Failure::output("the result has no form in WAVE".to_owned(), error.to_string()))
        }
    }
}
