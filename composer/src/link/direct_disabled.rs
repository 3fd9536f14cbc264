//! In place of `direct`, without the codec: all values pass through `Val`.

use std::sync::Arc;

use wasmtime::component::LinkerInstance;

use super::func::ImportedFunc;

pub(super) fn define<T>(
    _: &mut LinkerInstance<'_, T>,
    _: &str,
    _: &Arc<ImportedFunc>,
) -> Option<wasmtime::Result<()>> {
    None
}
