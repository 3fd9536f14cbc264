//! Imported functions whose values pass through `Val`.

use std::sync::Arc;

use wasmtime::component::{LinkerInstance, Val};
use wasmtime::{AsContextMut, bail};

use super::func::ImportedFunc;
use crate::run::Crossing;
use crate::value::{Value, ValueError, from_val, into_val};

/// Defines the function `name`.
pub(super) fn define<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    import: Arc<ImportedFunc>,
) -> wasmtime::Result<()> {
    #[cfg(feature = "component-model-async")]
    if import.ty.is_async {
        return linker.func_new_concurrent(name, move |accessor, _, params, results| {
            let import = import.clone();
            Box::pin(async move {
                // Up to the first wait this runs while the guest makes the call, so that calls
                // are in the provider's inbox in the order in which they were made.
                let (args, around) = accessor.with(|mut store| {
                    let args = import.args(&mut store, params)?;
                    Ok::<_, wasmtime::Error>((args, import.around(store)))
                })?;
                let result = import.call(args, around).await?;
                accessor.with(|store| import.results(store, result, results))
            })
        });
    }
    linker.func_new_async(name, move |mut store, _, params, results| {
        let import = import.clone();
        Box::new(async move {
            let mut args = import.args(&mut store, params)?;
            let started = import.run_in_place(&mut args);
            let around = import.around(&mut store);
            let result = import.go_on(started, args, around).await?;
            import.results(&mut store, result, results)
        })
    })
}

impl ImportedFunc {
    /// Takes the arguments out of the importer's store.
    fn args(&self, store: impl AsContextMut, params: &[Val]) -> wasmtime::Result<Vec<Value>> {
        let mut handles = Crossing::new(&self.border, store);
        let args = self.ty.params.iter().zip(params);
        args.map(|((_, ty), val)| from_val(ty, val, &mut handles))
            .collect::<Result<_, _>>()
            .map_err(failed)
    }

    /// Puts the result into the importer's store.
    fn results(
        &self,
        mut store: impl AsContextMut,
        result: Option<Value>,
        results: &mut [Val],
    ) -> wasmtime::Result<()> {
        self.border.attend(&mut store)?;
        let mut handles = Crossing::new(&self.border, store);
        match (&self.ty.result, result, results) {
            (Some(ty), Some(value), [slot]) => match into_val(ty, value, &mut handles) {
                Ok(val) => *slot = val,
                Err(error) => {
                    handles.undo();
                    return Err(failed(error));
                }
            },
            (None, None, []) => {}
            _ => bail!("the provider's result does not fit the import's type"),
        }
        Ok(())
    }
}

/// Fails the guest's call: a value of its own making, or a handle that is gone.
fn failed(error: ValueError) -> wasmtime::Error {
    let path = error.path().join(", ");
    wasmtime::Error::new(error.fault).context(path)
}
