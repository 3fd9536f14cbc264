//! Imported functions whose values do not pass through `Val`.

use std::future::ready;
#[cfg(feature = "component-model-async")]
use std::pin::Pin;
use std::sync::Arc;

use wasm_runtime_composer_values::{self as values, Running};
#[cfg(feature = "component-model-async")]
use wasmtime::component::Accessor;
use wasmtime::component::LinkerInstance;
use wasmtime::{AsContextMut, StoreContextMut};

use super::func::ImportedFunc;
use crate::run::{Crossing, Started};
use crate::value::{Handle, Value, give_handles, shape, take_handles};

/// Defines the function `name`, if its values can cross so.
pub(super) fn define<T: Send + 'static>(
    linker: &mut LinkerInstance<'_, T>,
    name: &str,
    import: &Arc<ImportedFunc>,
) -> Option<wasmtime::Result<()>> {
    let shape = shape(&import.ty)?;
    let direct = Direct { has_handles: import.ty.has_handles(), import: import.clone() };
    #[cfg(feature = "component-model-async")]
    if import.ty.is_async {
        return Some(values::func_wrap_concurrent(linker, name, shape, direct));
    }
    Some(values::func_wrap_async(linker, name, shape, direct))
}

/// An imported function whose values do not pass through `Val`.
#[derive(Clone)]
struct Direct {
    import: Arc<ImportedFunc>,
    /// Whether parameters or result hold handles.
    has_handles: bool,
}

impl<T: Send + 'static> values::HostFunc<T, Handle> for Direct {
    fn call<'a, R>(&self, mut store: StoreContextMut<'a, T>, mut args: Vec<Value>) -> Running<'a, R>
    where
        R: From<Option<Value>> + Send + 'a,
    {
        if let Err(error) = self.take_args(&mut store, &mut args) {
            return Box::new(ready(Err(error)));
        }
        let mut started = self.import.run_in_place(&mut args);
        // The call is over: a future that is ready at once is all that wasmtime needs, and it costs no allocation of
        // the larger one below.
        if let Some(Started::Done(result)) = started.take_if(|it| matches!(it, Started::Done(_))) {
            let returned = result.map_err(wasmtime::Error::new).and_then(|mut result| {
                self.give_result(&mut store, &mut result)?;
                Ok(result.into())
            });
            return Box::new(ready(returned));
        }
        let direct = self.clone();
        Box::new(async move {
            let around = direct.import.around(&mut store);
            let mut result = direct.import.go_on(started, args, around).await?;
            direct.give_result(&mut store, &mut result)?;
            Ok(result.into())
        })
    }
}

#[cfg(feature = "component-model-async")]
impl<T: Send + 'static> values::ConcurrentHostFunc<T, Handle> for Direct {
    fn call<'a, R>(&self, accessor: &'a Accessor<T>, mut args: Vec<Value>) -> Pin<Running<'a, R>>
    where
        R: From<Option<Value>> + Send + 'a,
    {
        let direct = self.clone();
        Box::pin(async move {
            // As above, this runs while the guest makes the call.
            let around = match direct.needs_store() {
                true => accessor.with(|mut store| {
                    direct.take_args(&mut store, &mut args)?;
                    Ok::<_, wasmtime::Error>(direct.import.around(store))
                })?,
                false => Default::default(),
            };
            let mut result = direct.import.call(args, around).await?;
            if direct.has_handles {
                accessor.with(|store| direct.give_result(store, &mut result))?;
            }
            Ok(result.into())
        })
    }
}

impl Direct {
    /// Whether a call has to look into the importer's store, beside its values.
    #[cfg(feature = "component-model-async")]
    fn needs_store(&self) -> bool {
        self.has_handles || self.import.border.running_calls.is_some()
    }

    /// Takes the handles in the arguments out of the importer's store.
    fn take_args(&self, store: impl AsContextMut, args: &mut [Value]) -> wasmtime::Result<()> {
        if !self.has_handles {
            return Ok(());
        }
        let mut handles = Crossing::new(&self.import.border, store);
        for ((_, ty), arg) in self.import.ty.params.iter().zip(args) {
            take_handles(ty, arg, &mut handles)?;
        }
        Ok(())
    }

    /// Gives the handles in the result to the importer's store.
    fn give_result(
        &self,
        mut store: impl AsContextMut,
        result: &mut Option<Value>,
    ) -> wasmtime::Result<()> {
        self.import.border.attend(&mut store)?;
        if let (true, Some(ty), Some(value)) = (self.has_handles, &self.import.ty.result, result) {
            let mut handles = Crossing::new(&self.import.border, store);
            if let Err(fault) = give_handles(ty, value, &mut handles) {
                handles.undo();
                return Err(fault.into());
            }
        }
        Ok(())
    }
}
